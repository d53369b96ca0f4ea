//! Past sessions, and for each item those that hold it: what a neighbourhood is searched in.
//!
//! Sessions only ever come at the end, the newest last, so one more costs as much as it is long.

use crate::error::Result;
use crate::recommend::arrays::{Reader, Writer, wrong};
use crate::recommend::saved;

/// Items kept of a session, the youngest: it bounds what one neighbour costs. Far more than anybody
/// looks at in a visit; a customer who had more is known by his last thousand.
pub const ITEMS_MAX: usize = 1000;

/// Where an item stands in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The session, by age: 0 is the oldest.
    pub(super) session: u32,
    /// Its place there, from 0, the oldest.
    pub(super) at: u32,
}

/// Sessions from the oldest to the newest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Index {
    /// The most sessions an item leads to.
    pub(super) limit: usize,
    /// Whose each session is: a row of the training data, or whatever was named later.
    rows: Vec<u32>,
    /// Where each session ends in `items`.
    ends: Vec<usize>,
    /// The items of the sessions, each once, oldest first.
    items: Vec<u32>,
    /// For each item how many sessions hold it, those that are no longer among the newest included.
    counts: Vec<u32>,
    /// For each item its places, the newest last. Grows to twice the limit before the older half is
    /// dropped, so that one more costs the same however long the list.
    places: Vec<Vec<Place>>,
}

impl Index {
    /// Returns an index without sessions, whose items lead to the `limit` newest with them.
    pub(super) fn new(n_items: usize, limit: usize) -> Self {
        Self {
            limit,
            rows: Vec::new(),
            ends: Vec::new(),
            items: Vec::new(),
            counts: vec![0; n_items],
            places: vec![Vec::new(); n_items],
        }
    }

    /// Adds a session of distinct items, oldest first, newer than all so far. Items that are not
    /// known are passed over; a session without others is none.
    pub(super) fn add(&mut self, row: u32, items: &[u32]) {
        let known = |item: &u32| (*item as usize) < self.counts.len();
        let items: Vec<u32> = items.iter().copied().filter(known).collect();
        if items.is_empty() {
            return;
        }
        let session = self.rows.len() as u32;
        let first = items.len().saturating_sub(ITEMS_MAX);
        for (at, item) in items[first..].iter().enumerate() {
            self.counts[*item as usize] += 1;
            let places = &mut self.places[*item as usize];
            if places.len() >= self.limit.saturating_mul(2) {
                places.drain(..places.len() - self.limit);
            }
            places.push(Place { session, at: at as u32 });
        }
        self.rows.push(row);
        self.items.extend_from_slice(&items[first..]);
        self.ends.push(self.items.len());
    }

    /// Makes room for items below `n_items`; never forgets one.
    pub(super) fn grow(&mut self, n_items: usize) {
        if n_items > self.counts.len() {
            self.counts.resize(n_items, 0);
            self.places.resize(n_items, Vec::new());
        }
    }

    pub(super) fn n_items(&self) -> usize {
        self.counts.len()
    }

    pub(super) fn n_sessions(&self) -> usize {
        self.rows.len()
    }

    /// Returns whose a session is.
    pub(super) fn row_of(&self, session: u32) -> u32 {
        self.rows[session as usize]
    }

    /// Returns the items of a session, oldest first.
    pub(super) fn items(&self, session: u32) -> &[u32] {
        let session = session as usize;
        let start = session.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[start..self.ends[session]]
    }

    /// Returns where `item` stands in the newest sessions that hold it, the newest first.
    pub(super) fn newest(&self, item: u32) -> impl Iterator<Item = Place> {
        self.places[item as usize].iter().rev().take(self.limit).copied()
    }

    /// Returns the oldest session among [`Index::newest`] of `item`, 0 without any.
    pub(super) fn since(&self, item: u32) -> u32 {
        let places = &self.places[item as usize];
        let first = places.len().saturating_sub(self.limit);
        places.get(first).map_or(0, |place| place.session)
    }

    /// Returns `ln(1 + N / n)`, `n` of the `N` sessions holding the item: more than 0 even for what
    /// is in all of them.
    pub(super) fn rarity(&self, item: u32) -> f64 {
        let n = self.counts[item as usize].max(1);
        (self.n_sessions() as f64 / f64::from(n)).ln_1p()
    }

    /// Returns the bytes it takes, without what allocation adds.
    pub(super) fn bytes(&self) -> usize {
        let places: usize = self.places.iter().map(Vec::capacity).sum();
        let words = self.rows.capacity() + self.items.capacity() + self.counts.capacity();
        places * size_of::<Place>()
            + self.places.capacity() * size_of::<Vec<Place>>()
            + words * size_of::<u32>()
            + self.ends.capacity() * size_of::<usize>()
    }

    pub(super) fn save(&self, into: &mut Writer) {
        let ends: Vec<u64> = self.ends.iter().map(|end| *end as u64).collect();
        into.u32s("rows", &self.rows);
        into.u64s("ends", &ends);
        into.u32s("items", &self.items);
        into.u32s("counts", &self.counts);
        into.u64s("sessions", &[self.limit as u64]);
    }

    /// Reads sessions and finds the places anew.
    pub(super) fn load(from: &Reader<'_>) -> Result<Self> {
        let counts = from.u32s("counts")?;
        let limit = saved::whole(from, "sessions")?;
        let items = from.u32s("items")?;
        let rows = from.u32s("rows")?;
        let ends = from.u64s("ends")?;
        if limit == 0 || rows.len() != ends.len() {
            return Err(wrong("sessions do not fit together"));
        }
        let mut index = Self::new(counts.len(), limit);
        let mut start = 0;
        for (row, end) in rows.into_iter().zip(ends) {
            let end = usize::try_from(end).unwrap_or(usize::MAX);
            let Some(session) = items.get(start..end).filter(|session| !session.is_empty()) else {
                return Err(wrong("sessions point beyond their items"));
            };
            index.add(row, session);
            start = end;
        }
        if index.items != items || index.counts != counts {
            return Err(wrong("items of sessions are not those that are counted"));
        }
        Ok(index)
    }
}
