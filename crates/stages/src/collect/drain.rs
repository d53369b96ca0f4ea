//! From the inbox to the lake: what was acknowledged becomes event lines.
//!
//! Each round takes what the lake does not hold yet, writes it in one commit that names the last
//! entry, reads the commit back, and only then lets the inbox forget. Stopped anywhere, the next
//! round begins where the lake says: nothing is lost and nothing is there twice.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use shopwise_model::tables::EVENTS;
use shopwise_model::time::SECOND;
use shopwise_store::Inbox;
use shopwise_store::inbox::Entry;
use shopwise_store::ledger::{Progress, Violated};

use super::identity::Identities;
use super::lines::{Lines, Step};
use super::sink::Sink;
use crate::error::{Error, Result};
use crate::shop::Shop;

/// How the commits of the inbox are called in the lake's log.
pub const APPLICATION: &str = "inbox";

/// Bytes of events that one commit takes: some hundred thousand events.
pub const COMMIT_BYTES: usize = 64 << 20;

/// How old entries are before they move: other processes that serve the shop read them from the
/// inbox, many times a second.
pub const STAY: i64 = SECOND;

/// How far ahead of the clock entries are known to be from before it was set back, in microseconds.
const CLOCK_BACK: i64 = 60 * SECOND;

/// What a round brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Entries of the inbox.
    pub entries: usize,
    /// Event lines written.
    pub lines: u64,
    /// Entries that were damaged, and left out.
    pub damaged: usize,
    /// The last entry that the lake holds.
    pub through: i64,
}

/// Which entries may move.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Those received before this moment, UTC microseconds.
    pub before: i64,
    /// Those with numbers up to this one.
    pub through: i64,
}

impl Range {
    /// All entries.
    pub const ALL: Self = Self { before: i64::MAX, through: i64::MAX };

    /// Tells whether the entry of this number and this moment may. One from the future does: the
    /// clock has been set back, and what came before that would wait for as long.
    #[must_use]
    pub fn may_move(&self, number: i64, received_at: i64) -> bool {
        let is_old = received_at < self.before;
        let is_ahead = received_at > self.before.saturating_add(CLOCK_BACK);
        number <= self.through && (is_old || is_ahead)
    }
}

/// Moves entries of the inbox into the lake, and what they say about who is who into the identity
/// graph. The caller holds the lease of who does so.
///
/// # Errors
/// Store errors; the round can then be taken again.
pub fn drain(
    shop: &Shop,
    inbox: &Inbox,
    graph: &Mutex<Identities>,
    range: Range,
    now: i64,
) -> Result<Drained> {
    let held = held(shop)?;
    let mut entries = inbox.read(held, COMMIT_BYTES)?;
    let may_move = |entry: &&Entry| match entry {
        Entry::Whole { seq, received_at, .. } => range.may_move(*seq, *received_at),
        Entry::Damaged { seq, .. } => range.may_move(*seq, i64::MIN),
    };
    let moving = entries.iter().take_while(may_move).count();
    entries.truncate(moving);
    if entries.is_empty() {
        inbox.forget(held)?;
        return Ok(Drained { through: held, ..Drained::default() });
    }
    let counted = shop.ledger.counted_through(APPLICATION)?;
    let mut lines = Lines::open(shop)?;
    for entry in &entries {
        // A round that is taken again counts nothing twice.
        lines.checks(entry.seq() > counted);
        lines.take(entry);
    }
    write(shop, inbox, graph, vec![lines.step()], now)
}

/// Returns the last entry that the lake holds.
///
/// # Errors
/// Store errors.
pub fn held(shop: &Shop) -> Result<i64> {
    Ok(shop.lake.transaction(&EVENTS, APPLICATION)?.unwrap_or(0))
}

/// Writes steps that follow what the lake holds and each other, as [`drain`] does: events in them
/// that a former round has counted already must not differ from the plan again.
///
/// # Errors
/// Store errors; the round can then be taken again by [`drain`].
pub fn write(
    shop: &Shop,
    inbox: &Inbox,
    graph: &Mutex<Identities>,
    steps: Vec<Step>,
    now: i64,
) -> Result<Drained> {
    let Some([_, last]) = steps.last().and_then(|step| step.entries) else {
        return Ok(Drained { through: held(shop)?, ..Drained::default() });
    };
    let mut drained = Drained { through: last, ..Drained::default() };
    let mut sink = Sink::open_new(shop, "", &super::ImportOptions::default(), now)?;
    let mut edges = Vec::new();
    let mut violations = BTreeMap::<_, Violated>::new();
    for mut step in steps {
        if let Some([first, last]) = step.entries {
            drained.entries += usize::try_from(last - first + 1).unwrap_or(0);
        }
        drained.damaged += step.damaged;
        edges.append(&mut step.edges);
        for one in std::mem::take(&mut step.violations) {
            let key = [&one.source, &one.event, &one.property, &one.reason].map(String::clone);
            match violations.get_mut(&key) {
                None => drop(violations.insert(key, one)),
                Some(known) => {
                    known.found += one.found;
                    known.last_at = known.last_at.max(one.last_at);
                }
            }
        }
        drained.lines += step.rows.rows() as u64;
        sink.load(step)?;
    }
    // Before the commit: taken in again after a failure, facts that are known change nothing.
    if !edges.is_empty() {
        lock(graph)?.hear(&shop.ledger, edges, now)?;
    }
    let from = shop.ledger.counted_through(APPLICATION)?;
    let progress = Progress { name: APPLICATION, from, through: last.max(from) };
    let violations: Vec<Violated> = violations.into_values().collect();
    shop.ledger.add_violations(&violations, Some(progress))?;
    sink.commit(Some((APPLICATION, last)))?;
    let through = shop.lake.transaction(&EVENTS, APPLICATION)?;
    if through != Some(last) {
        return Err(Error::Wrong(format!(
            "the lake says that it holds the inbox up to {through:?}, not {last}"
        )));
    }
    inbox.forget(last)?;
    Ok(drained)
}

fn lock(graph: &Mutex<Identities>) -> Result<MutexGuard<'_, Identities>> {
    let lost = |_| Error::Wrong("the identity graph was left half changed".to_owned());
    graph.lock().map_err(lost)
}
