//! The follower: takes what is durable into the live state, so that whoever decides knows what
//! customers did a moment ago, and who they are.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use shopwise_stages::Shop;
use shopwise_stages::collect::identity::Identities;
use shopwise_stages::collect::{Lines, Step};
use shopwise_store::Inbox;
use tokio::sync::Notify;

use super::{Followed, Known, restore, thread};

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
    /// What the next entries say, and the number of the last one.
    Step(Box<Step>, i64),
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
        let mut lines = None;
        while !stop.load(Ordering::Acquire) {
            match tell(&live).and_then(|()| follow(&live, &mut lines)) {
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

/// Takes the next entries in; returns whether there were any. `lines` is kept from one time to the
/// next.
pub(super) fn follow<'a>(live: &'a Followed, lines: &mut Option<Lines<'a>>) -> Result<bool> {
    let Followed { shop, inbox, known, graph, ahead } = live;
    let followed = known.read().ok().context("the live state is lost")?.followed;
    let lines = match lines {
        Some(lines) => lines,
        None => lines.insert(Lines::open_for_long(shop)?),
    };
    match step(inbox, lines, followed, i64::MAX)? {
        Next::Nothing => {
            ahead.push(None, followed)?;
            return Ok(false);
        }
        Next::Step(step, last) => {
            // Before the state is held: whoever writes the graph may take a while.
            let assigned = lock(graph)?.learn(&step.edges).assigned;
            // A holder of the lock that panicked would leave half a state: better none.
            let mut known = known.write().ok().context("the live state is lost")?;
            // Unless all was replayed meanwhile.
            if known.followed == followed {
                known.take(&step.rows, last)?;
            }
            known.assign(assigned);
            drop(known);
            ahead.push(Some(*step), last)?;
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
    step(inbox, &mut Lines::open(shop)?, after, through)
}

fn step(inbox: &Inbox, lines: &mut Lines<'_>, after: i64, through: i64) -> Result<Next> {
    let mut entries = inbox.read(after, STEP_BYTES)?;
    if entries.first().is_some_and(|first| first.seq() != after + 1) {
        return Ok(Next::Unseen);
    }
    entries.retain(|entry| entry.seq() <= through);
    let Some(last) = entries.last() else { return Ok(Next::Nothing) };
    entries.iter().for_each(|entry| lines.take(entry));
    Ok(Next::Step(Box::new(lines.step()), last.seq()))
}
