//! Keys in memory: 20 to 23 bytes a key.
//!
//! The leading bits of a key choose one of many small tables; within it the next bits choose a
//! slot, and a taken slot sends the key to the next one (Knuth, *The Art of Computer Programming*
//! 3, §6.4, algorithm L). As each table grows by itself and by an eighth, memory never doubles at
//! once. Keys are hashes already: they are not hashed again. Two keys of the same message differ
//! in their second half only, so they stand in one run of slots and one look finds both.

use super::{Known, message};

/// How many leading bits choose the table: at 100 million keys a table is 2 MB, so that growing
/// one takes a millisecond.
const TABLE_BITS: u32 = 10;

/// The share of slots that may be taken, as a fraction: beyond 4/5 a look for an absent key passes
/// more than 13 slots (Knuth, §6.4, equation 22).
const FULL: (usize, usize) = (4, 5);

/// The slots of the smallest table.
const SLOTS_MIN: usize = 8;

/// An exact set of 16-byte keys, in memory.
#[derive(Debug)]
pub(super) struct Tables {
    tables: Vec<Table>,
    taken: usize,
}

#[derive(Debug, Default)]
struct Table {
    /// 0 is an empty slot.
    slots: Vec<u128>,
    taken: usize,
}

impl Tables {
    /// Makes an empty set.
    pub(super) fn new() -> Self {
        Self { tables: (0..1 << TABLE_BITS).map(|_| Table::default()).collect(), taken: 0 }
    }

    /// Tells what is known of a key.
    pub(super) fn look(&self, key: u128) -> Known {
        self.tables[table_of(key)].look(key)
    }

    /// Adds a key. Returns false when it was there.
    pub(super) fn insert(&mut self, key: u128) -> bool {
        let is_new = self.tables[table_of(key)].insert(key);
        self.taken += usize::from(is_new);
        is_new
    }

    /// Takes a key out. Returns false when it was not there.
    pub(super) fn remove(&mut self, key: u128) -> bool {
        let was_there = self.tables[table_of(key)].remove(key);
        self.taken -= usize::from(was_there);
        was_there
    }

    /// Adds many keys, table by table: what is worked on stays in the processor's cache.
    pub(super) fn insert_all(&mut self, keys: &mut [u128]) {
        keys.sort_unstable_by_key(|key| table_of(*key));
        for key in keys {
            self.insert(*key);
        }
    }

    /// Gives memory back after many keys were taken out.
    pub(super) fn shrink(&mut self) {
        for table in &mut self.tables {
            // Half empty only: otherwise the day's new keys would let it grow again at once.
            if table.taken * 2 < table.slots.len() {
                table.resize((table.taken * FULL.1 / FULL.0 * 9 / 8).max(SLOTS_MIN));
            }
        }
    }

    /// Returns how many keys there are.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Returns the bytes of memory the slots take.
    pub(super) fn bytes(&self) -> usize {
        self.tables.iter().map(|table| table.slots.capacity() * size_of::<u128>()).sum()
    }

    /// Returns all keys in ascending order, a table's at a time.
    pub(super) fn sorted(&self) -> impl Iterator<Item = Vec<u128>> {
        self.tables.iter().map(|table| {
            let mut keys: Vec<_> = table.slots.iter().copied().filter(|key| *key != 0).collect();
            keys.sort_unstable();
            keys
        })
    }
}

impl Table {
    fn look(&self, key: u128) -> Known {
        let mut known = Known::Nothing;
        if self.slots.is_empty() {
            return known;
        }
        let mut slot = self.home(key);
        while self.slots[slot] != 0 {
            if self.slots[slot] == key {
                return Known::Key;
            }
            if message(self.slots[slot]) == message(key) {
                known = Known::Message;
            }
            slot = self.after(slot);
        }
        known
    }

    fn insert(&mut self, key: u128) -> bool {
        if (self.taken + 1) * FULL.1 > self.slots.len() * FULL.0 {
            self.resize((self.slots.len() + self.slots.len() / 8).max(SLOTS_MIN));
        }
        let mut slot = self.home(key);
        while self.slots[slot] != 0 {
            if self.slots[slot] == key {
                return false;
            }
            slot = self.after(slot);
        }
        self.slots[slot] = key;
        self.taken += 1;
        true
    }

    fn remove(&mut self, key: u128) -> bool {
        if self.slots.is_empty() {
            return false;
        }
        let mut hole = self.home(key);
        while self.slots[hole] != key {
            if self.slots[hole] == 0 {
                return false;
            }
            hole = self.after(hole);
        }
        // What stands behind the hole and could stand in it moves up (Knuth, §6.4, algorithm R).
        let mut slot = self.after(hole);
        while self.slots[slot] != 0 {
            let home = self.home(self.slots[slot]);
            if self.distance(home, slot) >= self.distance(hole, slot) {
                self.slots[hole] = self.slots[slot];
                hole = slot;
            }
            slot = self.after(slot);
        }
        self.slots[hole] = 0;
        self.taken -= 1;
        true
    }

    fn resize(&mut self, slots: usize) {
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        self.taken = 0;
        for key in old.into_iter().filter(|key| *key != 0) {
            self.insert(key);
        }
    }

    /// Returns the slot where a key belongs: its bits behind the table's, as a fraction of the
    /// slots, so that any number of slots will do.
    fn home(&self, key: u128) -> usize {
        let fraction = message(key) << TABLE_BITS;
        ((u128::from(fraction) * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, slot: usize) -> usize {
        if slot + 1 == self.slots.len() { 0 } else { slot + 1 }
    }

    /// Returns the steps from one slot forward to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.slots.len() - from }
    }
}

fn table_of(key: u128) -> usize {
    (message(key) >> (u64::BITS - TABLE_BITS)) as usize
}
