//! Entries of the inbox as event lines, with all else that they say: a step on the way into the
//! lake. Whoever follows the inbox makes it, and whoever moves the inbox writes it.

use shopwise_model::Product;
use shopwise_model::frame::Frame;
use shopwise_model::time::SECOND;
use shopwise_store::inbox::Entry;
use shopwise_store::ledger::{Identifier, Violated};

use super::identity::Edge;
use super::refused;
use super::sink::Sink;
use super::{ImportOptions, segment, wire};
use crate::error::Result;
use crate::shop::Shop;

/// For how long it is remembered what was said, in microseconds: somebody may take a product out of
/// the catalogue, and events bring it back.
const REMEMBERED: i64 = 600 * SECOND;

/// What consecutive entries of the inbox say.
#[derive(Default)]
pub struct Step {
    /// The numbers of the first and the last entry.
    pub entries: Option<[i64; 2]>,
    /// Entries that were damaged, and say nothing.
    pub damaged: usize,
    /// When the newest entry came, UTC microseconds; `i64::MIN` if all were damaged.
    pub received_at: i64,
    /// Bytes of their events, as they were sent.
    pub bytes: usize,
    /// Their event lines, in the order of the entries.
    pub rows: Frame,
    /// Which identifiers they show together.
    pub edges: Vec<Edge>,
    /// In what events differ from the tracking plan.
    pub(super) violations: Vec<Violated>,
    pub(super) identifiers: Vec<Identifier>,
    pub(super) mentions: Vec<Product>,
    pub(super) refused: Vec<refused::Row>,
}

impl std::fmt::Debug for Step {
    /// Shows which entries it is of, and nothing of what people wrote.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Step").field("entries", &self.entries).finish_non_exhaustive()
    }
}

/// Turns entries of the inbox into event lines.
pub struct Lines<'a> {
    sink: Sink<'a>,
    currency: String,
    step: Step,
    /// Since when it is remembered what was said before, UTC microseconds, while it is.
    remembers_since: Option<i64>,
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
    pub fn open(shop: &'a Shop) -> Result<Self> {
        let mut sink = Sink::open_new(shop, "", &ImportOptions::default(), 0)?;
        sink.checks(true);
        let currency = sink.currency();
        Ok(Self { sink, currency, step: empty(), remembers_since: None })
    }

    /// Returns the same for who goes on and on: what events say about a product is passed over
    /// where it was said within the last ten minutes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_for_long(shop: &'a Shop) -> Result<Self> {
        Ok(Self { remembers_since: Some(i64::MIN), ..Self::open(shop)? })
    }

    /// Says whether events are held against the tracking plan from now on; at first they are.
    pub(super) fn checks(&mut self, checks: bool) {
        self.sink.checks(checks);
    }

    /// Takes the events of an entry; a damaged one has none.
    pub fn take(&mut self, entry: &Entry) {
        let first = self.step.entries.map_or(entry.seq(), |[first, _]| first);
        self.step.entries = Some([first, entry.seq()]);
        let Entry::Whole { source, received_at, events, conflicts, .. } = entry else {
            self.step.damaged += 1;
            return;
        };
        self.step.received_at = self.step.received_at.max(*received_at);
        self.step.bytes += events.iter().map(Vec::len).sum::<usize>();
        self.sink.turn_to(source, *received_at);
        let defaults = segment::Defaults { source, currency: &self.currency };
        for (at, event) in events.iter().enumerate() {
            // A second event of one identifier is an event of its own: what it says tells it apart.
            let is_second = conflicts.binary_search(&at).is_ok();
            let said = if is_second { wire::fingerprint(event) } else { None };
            segment::take_event(at as u64 + 1, event, said, &defaults, &mut self.sink);
        }
    }

    /// Returns what the entries taken so far say, which leaves.
    pub fn step(&mut self) -> Step {
        let mut step = std::mem::replace(&mut self.step, empty());
        self.sink.unload(&mut step);
        if let Some(since) = &mut self.remembers_since
            && step.received_at.saturating_sub(*since) >= REMEMBERED
        {
            *since = step.received_at;
            self.sink.remembers();
        }
        step
    }
}

fn empty() -> Step {
    Step { received_at: i64::MIN, ..Step::default() }
}
