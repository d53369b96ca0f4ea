//! The drainer: moves durable events into the lake, one process a shop at a time, and what the
//! lists of its own process left to chance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use shopwise_model::tables::EVENTS;
use shopwise_stages::collect::{self, Drained, Range};
use shopwise_store::ledger::Lease;

use super::ahead::Found;
use super::decided::Decided;
use super::{Followed, thread};
use crate::commands::now;
use crate::holder;

/// The lease of who moves events into the lake.
const LEASE: &str = "drain";
/// A holder that has not renewed for so long, in microseconds, is gone.
const LEASE_TIME: i64 = 10_000_000;
/// The pause between two steps: a commit costs some ten milliseconds and a file.
const PAUSE: Duration = Duration::from_secs(2);
/// Commits after which the small files are joined.
const COMMITS_JOINED: u32 = 64;
/// How often keys are forgotten that are older than anything may be sent again.
const EXPIRE: Duration = Duration::from_secs(3600);
/// Days in which an event that comes again is known.
const KEY_DAYS: i64 = 30;

/// Moves events, and what lists left to chance, on a thread of its own until told to stop; what is
/// acknowledged then is moved before it ends.
pub(super) fn start(
    live: &Followed,
    decided: &Arc<Decided>,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<()>> {
    let (live, decided, stop) = (live.clone(), Arc::clone(decided), Arc::clone(stop));
    thread("drainer", move || {
        let mut drainer = Drainer { lease: None, commits: 0, expired: None, ended: None };
        loop {
            let last = stop.load(Ordering::Acquire);
            // First, so that what was shown finds in the lake what was decided. Each process has
            // lists of its own, whoever holds the lease.
            if let Err(error) = decided.drain(&live.shop.lake) {
                tracing::error!(error = %format!("{error:#}"), "decisions wait for the lake");
            }
            let before = if last { i64::MAX } else { now() - collect::STAY };
            if let Err(error) = drainer.step(&live, before) {
                tracing::error!(error = %format!("{error:#}"), "events wait for the lake");
            }
            if let Err(error) = notice(&live) {
                tracing::error!(error = %format!("{error:#}"), "who is who may be out of date");
            }
            if last && (drainer.lease.is_some() || drainer.waited()) {
                break;
            }
            let until = Instant::now() + PAUSE;
            while Instant::now() < until && (last || !stop.load(Ordering::Acquire)) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        if let Some(lease) = drainer.lease
            && let Err(error) = live.shop.ledger.release_lease(&lease)
        {
            tracing::warn!(%error, "the lease of the drainer ends by itself");
        }
    })
}

/// Notices what people decided about who is who, by whatever program.
fn notice(live: &Followed) -> Result<()> {
    let mut graph = live.graph.lock().ok().context("the identity graph is lost")?;
    graph.notice(&live.shop.ledger)?;
    Ok(())
}

struct Drainer {
    lease: Option<Lease>,
    commits: u32,
    expired: Option<Instant>,
    /// When the server was told to stop, if it was.
    ended: Option<Instant>,
}

impl Drainer {
    fn step(&mut self, live: &Followed, before: i64) -> Result<()> {
        let (shop, inbox) = (&live.shop, &live.inbox);
        if !self.holds(live)? {
            return Ok(());
        }
        // Until nothing waits: a round is bounded, what came in since the last one is not.
        loop {
            let drained = round(live, before)?;
            if drained.damaged > 0 {
                tracing::error!(entries = drained.damaged, "damaged entries were left out");
            }
            if drained.entries == 0 {
                break;
            }
            tracing::debug!(entries = drained.entries, lines = drained.lines, "moved to the lake");
            self.commits += 1;
            if !self.holds(live)? {
                return Ok(());
            }
        }
        if self.commits >= COMMITS_JOINED {
            shop.lake.compact(&EVENTS)?;
            self.commits = 0;
        }
        if self.expired.is_none_or(|at| at.elapsed() >= EXPIRE) {
            inbox.expire(now().div_euclid(shopwise_model::time::DAY) - KEY_DAYS)?;
            self.expired = Some(Instant::now());
        }
        Ok(())
    }

    /// Returns whether a lease that somebody else held when the server was told to stop has had
    /// time to run out: whoever still holds it then is alive and moves the events himself.
    fn waited(&mut self) -> bool {
        let ended = *self.ended.get_or_insert_with(Instant::now);
        ended.elapsed() > Duration::from_micros(LEASE_TIME.unsigned_abs())
    }

    /// Takes or renews the lease; returns whether it is ours.
    fn holds(&mut self, live: &Followed) -> Result<bool> {
        let shop = &live.shop;
        if let Some(lease) = &self.lease {
            if shop.ledger.renew_lease(lease, now(), LEASE_TIME)? {
                return Ok(true);
            }
            self.lease = None;
        }
        match holder::take(shop, LEASE, "serve", LEASE_TIME) {
            Ok(lease) => self.lease = Some(lease),
            Err(shopwise_store::Error::Busy { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        live.ahead.want(self.lease.is_some())?;
        Ok(self.lease.is_some())
    }
}

/// Moves what waits, up to some bytes: what the follower has made of it, where he has.
pub(super) fn round(live: &Followed, before: i64) -> Result<Drained> {
    let Followed { shop, inbox, graph, ahead, .. } = live;
    let held = collect::held(shop)?;
    let range = Range { before, ..Range::ALL };
    // What a round counted that was stopped before its commit is read again, and not counted again.
    let is_counted = shop.ledger.counted_through(collect::APPLICATION)? > held;
    let is_last = before == i64::MAX;
    let drained = match ahead.take(held, range)? {
        Found::Steps(steps) if !is_counted => collect::write(shop, inbox, graph, steps, now())?,
        Found::Nothing if !is_counted && !is_last => {
            // A round may have been stopped between its commit and this.
            inbox.forget(held)?;
            Drained { through: held, ..Drained::default() }
        }
        Found::Gap(through) if !is_counted => {
            collect::drain(shop, inbox, graph, Range { through, ..range }, now())?
        }
        Found::Steps(_) | Found::Nothing | Found::Gap(_) => {
            collect::drain(shop, inbox, graph, range, now())?
        }
    };
    Ok(drained)
}
