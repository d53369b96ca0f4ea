//! From the inbox to the lake: what was acknowledged becomes event lines.
//!
//! Each step reads what the lake does not hold yet, writes it in one commit that names the last
//! entry, reads the commit back, and only then lets the inbox forget. Stopped anywhere, the next
//! step begins where the lake says: nothing is lost and nothing is there twice.

use std::sync::{Mutex, MutexGuard};

use shopwise_model::Events;
use shopwise_model::frame::Frame;
use shopwise_model::tables::EVENTS;
use shopwise_model::time::SECOND;
use shopwise_store::Inbox;
use shopwise_store::inbox::Entry;
use shopwise_store::ledger::Progress;

use super::ImportOptions;
use super::identity::{Edge, Identities};
use super::sink::Sink;
use super::{segment, wire};
use crate::error::{Error, Result};
use crate::shop::Shop;

/// How the commits of the inbox are called in the lake's log.
pub const APPLICATION: &str = "inbox";

/// Bytes that one step takes: some hundred thousand events.
const STEP_BYTES: usize = 64 << 20;

/// How old entries are before they move: other processes that serve the shop read them from the
/// inbox, many times a second.
pub const STAY: i64 = SECOND;

/// What a step brought.
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

/// Moves what the inbox received before a moment into the lake, and what it says about who is who
/// into the identity graph. The caller holds the lease of who does so.
///
/// # Errors
/// Store errors; the step can then be taken again.
pub fn drain(
    shop: &Shop,
    inbox: &Inbox,
    graph: &Mutex<Identities>,
    before: i64,
    now: i64,
) -> Result<Drained> {
    let held = shop.lake.transaction(&EVENTS, APPLICATION)?.unwrap_or(0);
    let mut entries = inbox.read(held, STEP_BYTES)?;
    let is_old = |entry: &&Entry| match entry {
        Entry::Whole { received_at, .. } => *received_at < before,
        Entry::Damaged { .. } => true,
    };
    let old = entries.iter().take_while(is_old).count();
    entries.truncate(old);
    let Some(last) = entries.last().map(Entry::seq) else {
        inbox.forget(held)?;
        return Ok(Drained { through: held, ..Drained::default() });
    };
    let mut lines = Lines::open(shop, now)?;
    let is_damaged = |entry: &&Entry| matches!(entry, Entry::Damaged { .. });
    let damaged = entries.iter().filter(is_damaged).count();
    let counted = shop.ledger.counted_through(APPLICATION)?;
    for entry in &entries {
        // A step that is taken again counts nothing twice.
        lines.sink.checks(entry.seq() > counted);
        lines.take(entry);
    }
    // Before the commit: taken in again after a failure, facts that are known change nothing.
    let edges = lines.take_edges();
    if !edges.is_empty() {
        lock(graph)?.observe(&shop.ledger, &edges, now)?;
    }
    let progress = Progress { name: APPLICATION, from: counted, through: last };
    shop.ledger.add_violations(&lines.sink.take_violations(), Some(progress))?;
    let report = lines.sink.finish(Some((APPLICATION, last)))?;
    let through = shop.lake.transaction(&EVENTS, APPLICATION)?;
    if through != Some(last) {
        return Err(Error::Wrong(format!(
            "the lake says that it holds the inbox up to {through:?}, not {last}"
        )));
    }
    inbox.forget(last)?;
    Ok(Drained { entries: entries.len(), lines: report.rows_written, damaged, through: last })
}

fn lock(graph: &Mutex<Identities>) -> Result<MutexGuard<'_, Identities>> {
    let lost = |_| Error::Wrong("the identity graph was left half changed".to_owned());
    graph.lock().map_err(lost)
}

/// Turns entries of the inbox into event lines.
pub struct Lines<'a> {
    sink: Sink<'a>,
    currency: String,
}

impl std::fmt::Debug for Lines<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lines").finish_non_exhaustive()
    }
}

impl<'a> Lines<'a> {
    /// Returns what turns the events of this shop.
    ///
    /// # Errors
    /// When the settings name no time zone or currency.
    pub fn open(shop: &'a Shop, now: i64) -> Result<Self> {
        let sink = Sink::open_new(shop, "", &ImportOptions::default(), now)?;
        let currency = sink.currency();
        Ok(Self { sink, currency })
    }

    /// Takes the events of an entry; a damaged one has none.
    pub fn take(&mut self, entry: &Entry) {
        let Entry::Whole { source, received_at, events, conflicts, .. } = entry else { return };
        self.sink.turn_to(source, *received_at);
        let defaults = segment::Defaults { source, currency: &self.currency };
        for (at, event) in events.iter().enumerate() {
            // A second event of one identifier is an event of its own: what it says tells it apart.
            let is_second = conflicts.binary_search(&at).is_ok();
            let said = if is_second { wire::fingerprint(event) } else { None };
            segment::take_event(at as u64 + 1, event, said, &defaults, &mut self.sink);
        }
    }

    /// Returns which identifiers the entries taken so far show together, facts that leave.
    pub fn take_edges(&mut self) -> Vec<Edge> {
        self.sink.take_edges()
    }

    /// Returns the event lines of the entries taken so far, which leave, in the order in which they
    /// happened.
    pub fn take_frame(&mut self) -> Frame {
        let events: Events = self.sink.take_events();
        events.into_frame()
    }
}
