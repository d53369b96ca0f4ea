//! The live state: what customers did a moment ago, known to whoever decides.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use shopwise_model::tables::EVENTS;
use shopwise_stages::prepare::fold::Replay;
use shopwise_stages::{Shop, collect, prepare};
use shopwise_store::Inbox;
use tokio::sync::Notify;

use super::thread;
use crate::commands::now;

/// How often the inbox is read when nothing rings: other processes' events come so.
const LOOK: Duration = Duration::from_millis(50);

/// Bytes of events taken in at a time.
const STEP_BYTES: usize = 4 << 20;

/// Replays the lake and what waits in the inbox, and returns the state and the last entry in it.
pub(super) fn restore(shop: &Shop, inbox: &Inbox) -> Result<(Replay, i64)> {
    let mut held = shop.lake.transaction(&EVENTS, collect::APPLICATION)?;
    loop {
        let state = prepare::state(shop, &|_| {})?;
        // Another process may have moved events into the lake meanwhile: then it is not clear
        // which of them were replayed.
        let after = shop.lake.transaction(&EVENTS, collect::APPLICATION)?;
        if after == held {
            let mut state = state;
            let mut followed = held.unwrap_or(0);
            while follow(shop, inbox, &mut followed, |events| Ok(state.extend(events)?))? {}
            state.settle();
            return Ok((state, followed));
        }
        held = after;
    }
}

/// Keeps the state up to date on a thread of its own.
pub(super) fn start(
    shop: &Arc<Shop>,
    inbox: &Arc<Inbox>,
    state: &Arc<RwLock<Replay>>,
    mut followed: i64,
    bell: Arc<Notify>,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<()>> {
    let (shop, inbox, state, stop) =
        (Arc::clone(shop), Arc::clone(inbox), Arc::clone(state), Arc::clone(stop));
    let waits = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    thread("follower", move || {
        while !stop.load(Ordering::Acquire) {
            let taken = follow(&shop, &inbox, &mut followed, |events| {
                // A holder of the lock that panicked would leave half a state: better none.
                let mut state = state.write().ok().context("the live state is lost")?;
                state.extend(events)?;
                state.settle();
                Ok(())
            });
            match taken {
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

/// Takes the next entries in; returns whether there were any.
fn follow(
    shop: &Shop,
    inbox: &Inbox,
    followed: &mut i64,
    mut take: impl FnMut(&shopwise_model::Frame) -> Result<()>,
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
    take(&lines.take_frame())?;
    *followed = last;
    Ok(true)
}
