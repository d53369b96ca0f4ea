//! The watch: says once when a source falls silent, and once when it is heard again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use shopwise_stages::collect::silence;
use shopwise_store::Inbox;

use super::thread;
use crate::commands::now;

/// How often the sources are looked at: several times in each slot of ten minutes.
const LOOK: Duration = Duration::from_secs(60);

/// Watches on a thread of its own until told to stop.
pub(super) fn start(
    inbox: &Arc<Inbox>,
    time_zone: &str,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<()>> {
    let (inbox, stop) = (Arc::clone(inbox), Arc::clone(stop));
    let time_zone = time_zone.to_owned();
    thread("watch", move || {
        let mut known = BTreeSet::new();
        while !stop.load(Ordering::Acquire) {
            if let Err(error) = look(&inbox, &time_zone, &mut known) {
                tracing::warn!(%error, "whether a source has fallen silent is not known");
            }
            let until = Instant::now() + LOOK;
            while Instant::now() < until && !stop.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    })
}

/// Says what has changed since the last look.
fn look(inbox: &Inbox, time_zone: &str, known: &mut BTreeSet<String>) -> Result<()> {
    let silent = silence::silent(inbox, time_zone, now())?;
    for one in silent.iter().filter(|one| !known.contains(&one.source)) {
        let (source, minutes) = (&one.source, one.minutes);
        let (received, expected) = (one.received, one.expected);
        tracing::warn!(source, minutes, received, expected, "a source has fallen silent");
    }
    for source in known.iter().filter(|source| silent.iter().all(|one| one.source != **source)) {
        tracing::warn!(source, "a source that was silent is heard again");
    }
    *known = silent.into_iter().map(|one| one.source).collect();
    Ok(())
}
