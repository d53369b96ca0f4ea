//! The live state: what customers did a moment ago, and who they are, known to whoever decides.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use shopwise_model::Frame;
use shopwise_model::tables::EVENTS;
use shopwise_stages::collect::identity::{Edge, Identities, Pseudonym};
use shopwise_stages::prepare::fold::Replay;
use shopwise_stages::{Shop, collect, prepare};
use shopwise_store::Inbox;
use tokio::sync::Notify;

use super::{Followed, thread};
use crate::commands::now;

/// How often the inbox is read when nothing rings: other processes' events come so.
const LOOK: Duration = Duration::from_millis(50);

/// Bytes of events taken in at a time.
const STEP_BYTES: usize = 4 << 20;

/// Replays the lake and what waits in the inbox, and returns the state and the last entry in it.
pub(super) fn restore(
    shop: &Shop,
    inbox: &Inbox,
    graph: &Mutex<Identities>,
) -> Result<(Replay, i64)> {
    let mut held = shop.lake.transaction(&EVENTS, collect::APPLICATION)?;
    loop {
        let state = prepare::state(shop, &|_| {})?;
        // Another process may have moved events into the lake meanwhile: then it is not clear
        // which of them were replayed.
        let after = shop.lake.transaction(&EVENTS, collect::APPLICATION)?;
        if after == held {
            let mut state = state;
            let mut followed = held.unwrap_or(0);
            let mut take = |news: &News| -> Result<()> {
                let assigned = lock(graph)?.learn(&news.edges).assigned;
                take_in(&mut state, &news.events, &assigned)
            };
            while follow(shop, inbox, &mut followed, &mut take)? {}
            return Ok((state, followed));
        }
        held = after;
    }
}

/// What entries of the inbox bring.
struct News {
    events: Frame,
    /// Which identifiers they show together.
    edges: Vec<Edge>,
}

/// Keeps the state up to date on a thread of its own.
pub(super) fn start(
    live: &Followed,
    mut followed: i64,
    bell: Arc<Notify>,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<()>> {
    let (live, stop) = (live.clone(), Arc::clone(stop));
    let waits = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut readings = lock(&live.graph)?.readings();
    thread("follower", move || {
        while !stop.load(Ordering::Acquire) {
            let taken = follow(&live.shop, &live.inbox, &mut followed, &mut |news| {
                // Before the state is held: whoever writes the graph may take a while.
                let assigned = lock(&live.graph)?.learn(&news.edges).assigned;
                // A holder of the lock that panicked would leave half a state: better none.
                let mut state = live.state.write().ok().context("the live state is lost")?;
                take_in(&mut state, &news.events, &assigned)
            });
            let told = taken.and_then(|taken| {
                tell_again(&live, &mut readings)?;
                Ok(taken)
            });
            match told {
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

/// Takes events into the state, and then who belongs to whom by what they say.
fn take_in(state: &mut Replay, events: &Frame, assigned: &[(Pseudonym, Pseudonym)]) -> Result<()> {
    state.extend(events)?;
    state.settle();
    for (pseudonym, person) in assigned {
        state.assign(&pseudonym.to_string(), &person.to_string());
    }
    Ok(())
}

/// Tells the state who everybody is when the graph was read again: another process changed it.
fn tell_again(live: &Followed, readings: &mut u64) -> Result<()> {
    let graph = lock(&live.graph)?;
    if graph.readings() == *readings {
        return Ok(());
    }
    *readings = graph.readings();
    let persons: Vec<_> = graph.persons().collect();
    drop(graph);
    let mut state = live.state.write().ok().context("the live state is lost")?;
    for (pseudonym, person) in persons {
        state.assign(&pseudonym.to_string(), &person.to_string());
    }
    Ok(())
}

fn lock(graph: &Mutex<Identities>) -> Result<MutexGuard<'_, Identities>> {
    graph.lock().ok().context("the identity graph is lost")
}

/// Takes the next entries in; returns whether there were any.
fn follow(
    shop: &Shop,
    inbox: &Inbox,
    followed: &mut i64,
    take: &mut dyn FnMut(&News) -> Result<()>,
) -> Result<bool> {
    let entries = inbox.read(*followed, STEP_BYTES)?;
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(false) };
    if first.seq() != *followed + 1 {
        bail!("entries {} to {} went by unseen", *followed + 1, first.seq() - 1);
    }
    let last = last.seq();
    let mut lines = collect::Lines::open(shop, now())?;
    for entry in &entries {
        lines.take(entry);
    }
    let edges = lines.take_edges();
    take(&News { events: lines.take_frame(), edges })?;
    *followed = last;
    Ok(true)
}
