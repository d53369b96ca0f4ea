//! What one pseudonym did: sums over all of it, and entries as far back as somebody looks.

/// How many kinds of entries there are.
pub(super) const KINDS: usize = 6;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    View,
    Cart,
    Order,
    Refund,
    Search,
    Other,
}

/// A line of an event as it is taken in; the amount in millionths of the shop's currency.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) kind: Kind,
    pub(super) is_new_event: bool,
    pub(super) at: i64,
    pub(super) product: u32,
    pub(super) quantity: i64,
    pub(super) amount: i64,
}

/// A line that is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The moment, the kind and whether an event begins, so that entries are small: there are as
    /// many as events in the longest window.
    stamp: i64,
    pub(super) amount: i64,
    pub(super) product: u32,
    pub(super) quantity: u32,
}

impl Entry {
    fn new(line: &Line) -> Self {
        let about = (line.kind as i64) << 1 | i64::from(line.is_new_event);
        // Moments beyond the year 9000 are not told apart.
        let at = line.at.clamp(-(1 << 58), 1 << 58);
        Self {
            stamp: at << 4 | about,
            amount: line.amount,
            product: line.product,
            quantity: u32::try_from(line.quantity.max(0)).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn at(self) -> i64 {
        self.stamp >> 4
    }

    pub(super) fn kind(self) -> usize {
        (self.stamp >> 1 & 7) as usize
    }

    pub(super) fn is_new_event(self) -> bool {
        self.stamp & 1 == 1
    }
}

/// Sums over everything; amounts in millionths, moments in UTC microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    /// By kind.
    pub(super) events: [u32; KINDS],
    pub(super) pieces: i64,
    pub(super) spent: i64,
    pub(super) refunded: i64,
    pub(super) first_seen: i64,
    /// Refunds are booked by the shop and do not count.
    pub(super) last_seen: i64,
    pub(super) first_order: i64,
    pub(super) last_order: i64,
}

impl Totals {
    pub(super) fn all_events(&self) -> i64 {
        self.events.iter().map(|events| i64::from(*events)).sum()
    }

    fn orders(&self) -> u32 {
        self.events[Kind::Order as usize]
    }

    /// Returns whether anything happened that shows that somebody came.
    pub(super) fn was_seen(&self) -> bool {
        self.all_events() > i64::from(self.events[Kind::Refund as usize])
    }

    fn add(&mut self, line: &Line) {
        if line.is_new_event {
            let before = *self;
            let (is_first, was_seen) = (before.all_events() == 0, before.was_seen());
            self.first_seen = if is_first { line.at } else { before.first_seen.min(line.at) };
            if line.kind != Kind::Refund {
                self.last_seen = if was_seen { before.last_seen.max(line.at) } else { line.at };
            }
            if line.kind == Kind::Order {
                let is_first = before.orders() == 0;
                self.first_order = if is_first { line.at } else { before.first_order.min(line.at) };
                self.last_order = if is_first { line.at } else { before.last_order.max(line.at) };
            }
            self.events[line.kind as usize] = self.events[line.kind as usize].saturating_add(1);
        }
        match line.kind {
            Kind::Order => {
                self.pieces = self.pieces.saturating_add(line.quantity.max(0));
                self.spent = self.spent.saturating_add(line.amount);
            }
            Kind::Refund => self.refunded = self.refunded.saturating_add(line.amount),
            Kind::View | Kind::Cart | Kind::Search | Kind::Other => {}
        }
    }

    /// Takes in what another pseudonym of the same person did.
    pub(super) fn join(&mut self, other: &Self) {
        if other.all_events() == 0 {
            return;
        }
        if self.all_events() == 0 {
            *self = *other;
            return;
        }
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = match (self.was_seen(), other.was_seen()) {
            (true, true) => self.last_seen.max(other.last_seen),
            (true, false) => self.last_seen,
            (false, _) => other.last_seen,
        };
        match (self.orders(), other.orders()) {
            (_, 0) => {}
            (0, _) => {
                (self.first_order, self.last_order) = (other.first_order, other.last_order);
            }
            _ => {
                self.first_order = self.first_order.min(other.first_order);
                self.last_order = self.last_order.max(other.last_order);
            }
        }
        for (own, other) in self.events.iter_mut().zip(other.events) {
            *own = own.saturating_add(other);
        }
        self.pieces = self.pieces.saturating_add(other.pieces);
        self.spent = self.spent.saturating_add(other.spent);
        self.refunded = self.refunded.saturating_add(other.refunded);
    }

    pub(super) fn has_ordered(&self) -> bool {
        self.orders() > 0
    }
}

/// What one pseudonym did.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    pub(super) totals: Totals,
    /// In the order of their moments, the lines of an event behind each other.
    pub(super) entries: Vec<Entry>,
}

impl Past {
    /// Takes a line in; it is kept if it happened after `kept_from`.
    pub(super) fn add(&mut self, line: &Line, kept_from: Option<i64>) {
        self.totals.add(line);
        if kept_from.is_some_and(|from| line.at > from) {
            let entry = Entry::new(line);
            let place = match self.entries.last() {
                Some(last) if last.at() > entry.at() => {
                    self.entries.partition_point(|own| own.at() <= entry.at())
                }
                _ => self.entries.len(),
            };
            self.entries.insert(place, entry);
        }
    }

    /// Forgets entries up to a moment.
    pub(super) fn forget(&mut self, until: i64) {
        if self.entries.first().is_some_and(|first| first.at() <= until) {
            let gone = self.entries.partition_point(|own| own.at() <= until);
            self.entries.drain(..gone);
            if self.entries.len() < self.entries.capacity() / 4 {
                self.entries.shrink_to_fit();
            }
        }
    }
}
