//! The follower: takes what is durable into the live state, so that whoever decides knows what
//! customers did a moment ago, and who they are.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use shopwise_model::Frame;
use shopwise_stages::collect::identity::{Edge, Identities};
use shopwise_stages::{Shop, collect};
use shopwise_store::Inbox;
use tokio::sync::Notify;

use super::{Followed, Known, restore, thread};
use crate::commands::now;

/// How often the inbox is read when nothing rings: other processes' events come so.
const LOOK: Duration = Duration::from_millis(50);

/// Bytes of events taken in at a time.
const STEP_BYTES: usize = 4 << 20;

/// What stands behind an entry of the inbox.
pub(crate) enum Next {
    /// Nothing yet.
    Nothing,
    /// Entries that are in the lake and were forgotten before anybody looked.
    Unseen,
    /// The next entries, through the one of this number.
    Rows {
        /// Their event lines.
        rows: Frame,
        /// Which identifiers they show together.
        edges: Vec<Edge>,
        /// The number.
        last: i64,
    },
}

/// Keeps the state up to date on a thread of its own.
pub(super) fn start(
    live: &Followed,
    bell: Arc<Notify>,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<()>> {
    let (live, stop) = (live.clone(), Arc::clone(stop));
    let waits = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    thread("follower", move || {
        while !stop.load(Ordering::Acquire) {
            match tell(&live).and_then(|()| follow(&live)) {
                Ok(true) => {}
                // Whether it rang or not: the inbox is looked at.
                Ok(false) => waits.block_on(async {
                    drop(tokio::time::timeout(LOOK, bell.notified()).await);
                }),
                Err(error) => {
                    tracing::error!(error = %format!("{error:#}"), "the live state is behind");
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
        }
    })
}

/// Tells the state who everybody is when it does not know, or the graph was read again: another
/// process changed it.
pub(super) fn tell(live: &Followed) -> Result<()> {
    let told = live.known.read().ok().context("the live state is lost")?.told;
    let graph = lock(&live.graph)?;
    if told == Some(graph.readings()) {
        return Ok(());
    }
    let (reading, persons) = (graph.readings(), graph.persons().collect::<Vec<_>>());
    drop(graph);
    let mut known = live.known.write().ok().context("the live state is lost")?;
    known.assign(persons);
    known.told = Some(reading);
    Ok(())
}

fn lock(graph: &Mutex<Identities>) -> Result<MutexGuard<'_, Identities>> {
    graph.lock().ok().context("the identity graph is lost")
}

/// Takes the next entries in; returns whether there were any.
pub(super) fn follow(live: &Followed) -> Result<bool> {
    let Followed { shop, inbox, known, graph } = live;
    let followed = known.read().ok().context("the live state is lost")?.followed;
    match next(shop, inbox, followed, i64::MAX)? {
        Next::Nothing => return Ok(false),
        Next::Rows { rows, edges, last } => {
            // Before the state is held: whoever writes the graph may take a while.
            let assigned = lock(graph)?.learn(&edges).assigned;
            // A holder of the lock that panicked would leave half a state: better none.
            let mut known = known.write().ok().context("the live state is lost")?;
            // Unless all was replayed meanwhile.
            if known.followed == followed {
                known.take(&rows, last)?;
            }
            known.assign(assigned);
        }
        Next::Unseen => {
            tracing::warn!(after = followed, "events moved on unseen: replaying all of them");
            Known::replace(known, restore::rebuild(shop, inbox)?)?;
        }
    }
    Ok(true)
}

/// Reads the entries behind one, up to another.
pub(crate) fn next(shop: &Shop, inbox: &Inbox, after: i64, through: i64) -> Result<Next> {
    let mut entries = inbox.read(after, STEP_BYTES)?;
    if entries.first().is_some_and(|first| first.seq() != after + 1) {
        return Ok(Next::Unseen);
    }
    entries.retain(|entry| entry.seq() <= through);
    let Some(last) = entries.last() else { return Ok(Next::Nothing) };
    let last = last.seq();
    let mut lines = collect::Lines::open(shop, now())?;
    for entry in &entries {
        lines.take(entry);
    }
    let edges = lines.take_edges();
    Ok(Next::Rows { rows: lines.take_frame(), edges, last })
}
