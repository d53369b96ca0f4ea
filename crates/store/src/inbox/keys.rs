//! Which keys were seen: exactly, in memory, 20 to 23 bytes a key.
//!
//! The leading bits of a key choose one of many small tables; within it the next bits choose a
//! slot, and a taken slot sends the key to the next one (Knuth, *The Art of Computer Programming*
//! 3, §6.4, algorithm L). As each table grows by itself and by an eighth, memory never doubles at
//! once. Keys are hashes already: they are not hashed again. Two keys of the same message differ
//! in their second half only, so they stand in one run of slots and one look finds both.

/// How many leading bits choose the table: at 100 million keys a table is 2 MB, so that growing
/// one takes a millisecond.
const TABLE_BITS: u32 = 10;

/// The share of slots that may be taken, as a fraction: beyond 4/5 a look for an absent key passes
/// more than 13 slots (Knuth, §6.4, equation 22).
const FULL: (usize, usize) = (4, 5);

/// The slots of the smallest table.
const SLOTS_MIN: usize = 8;

/// An exact set of 16-byte keys.
#[derive(Debug)]
pub(crate) struct Keys {
    tables: Vec<Table>,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Neither the key nor another of its message.
    Nothing,
    /// Another key with the same first half.
    Message,
    /// The key itself.
    Key,
}

#[derive(Debug, Default)]
struct Table {
    /// 0 is an empty slot.
    slots: Vec<u128>,
    taken: usize,
}

/// Returns a key as the set keeps it. As 0 marks an empty slot, the key of zeros is kept as 1.
pub(crate) fn key(bytes: [u8; 16]) -> u128 {
    u128::from_be_bytes(bytes).max(1)
}

/// Returns the half of a key that names the message.
pub(crate) fn message(key: u128) -> u64 {
    (key >> 64) as u64
}

impl Keys {
    /// Makes an empty set.
    pub(crate) fn new() -> Self {
        Self { tables: (0..1 << TABLE_BITS).map(|_| Table::default()).collect() }
    }

    /// Tells what is known of a key.
    pub(crate) fn look(&self, key: u128) -> Known {
        self.tables[table_of(key)].look(key)
    }

    /// Adds a key. Returns false when it was there.
    pub(crate) fn insert(&mut self, key: u128) -> bool {
        self.tables[table_of(key)].insert(key)
    }

    /// Takes a key out. Returns false when it was not there.
    pub(crate) fn remove(&mut self, key: u128) -> bool {
        self.tables[table_of(key)].remove(key)
    }

    /// Adds many keys, table by table: what is worked on stays in the processor's cache.
    pub(crate) fn insert_all(&mut self, keys: &mut [u128]) {
        keys.sort_unstable_by_key(|key| table_of(*key));
        for key in keys {
            self.insert(*key);
        }
    }

    /// Gives memory back after many keys were taken out.
    pub(crate) fn shrink(&mut self) {
        for table in &mut self.tables {
            // Half empty only: otherwise the day's new keys would let it grow again at once.
            if table.taken * 2 < table.slots.len() {
                table.resize((table.taken * FULL.1 / FULL.0 * 9 / 8).max(SLOTS_MIN));
            }
        }
    }

    /// Returns how many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.tables.iter().map(|table| table.taken).sum()
    }

    /// Returns the bytes of memory the slots take.
    pub(crate) fn bytes(&self) -> usize {
        self.tables.iter().map(|table| table.slots.capacity() * size_of::<u128>()).sum()
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;
    use rustc_hash::FxHashSet;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Operation {
        Insert(u128),
        Remove(u128),
        Shrink,
    }

    /// Keys that crowd: few tables, few places within, few messages; and some anywhere.
    fn crowded() -> impl Strategy<Value = u128> {
        let near = (0..2_u128, 0..4_u128, 0..40_u128, 0..3_u128).prop_map(
            |(table, place, message, payload)| {
                table << 118 | place << 116 | message << 64 | payload
            },
        );
        let edge = (0..4_u128, 0..3_u128)
            .prop_map(|(message, payload)| ((1 << 118) - 1 - (message << 64)) | payload);
        prop_oneof![8 => near, 2 => edge, 1 => any::<u128>()]
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            12 => crowded().prop_map(Operation::Insert),
            8 => crowded().prop_map(Operation::Remove),
            1 => Just(Operation::Shrink),
        ]
    }

    fn expected(model: &FxHashSet<u128>, key: u128) -> Known {
        let same = model.iter().any(|other| message(*other) == message(key));
        match (model.contains(&key), same) {
            (true, _) => Known::Key,
            (false, true) => Known::Message,
            (false, false) => Known::Nothing,
        }
    }

    proptest! {
        #[test]
        fn they_behave_like_a_plain_set(
            operations in prop::collection::vec(operation(), 1..400),
            asked in prop::collection::vec(crowded(), 40),
        ) {
            let (mut keys, mut model) = (Keys::new(), FxHashSet::default());
            for operation in operations {
                match operation {
                    Operation::Insert(bits) => {
                        let key = key(bits.to_be_bytes());
                        prop_assert_eq!(keys.insert(key), model.insert(key));
                    }
                    Operation::Remove(bits) => {
                        let key = key(bits.to_be_bytes());
                        prop_assert_eq!(keys.remove(key), model.remove(&key));
                    }
                    Operation::Shrink => keys.shrink(),
                }
                prop_assert_eq!(keys.len(), model.len());
            }
            let asked = asked.into_iter().map(|bits| key(bits.to_be_bytes()));
            for key in model.iter().copied().chain(asked) {
                prop_assert_eq!(keys.look(key), expected(&model, key));
            }
        }
    }

    /// Key number `number` of an endless row of random ones (Steele and others 2014, SplitMix64).
    fn random(number: u64) -> u128 {
        let mix = |mut bits: u64| {
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bits ^ (bits >> 31)
        };
        let high = mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        u128::from(high) << 64 | u128::from(mix(high))
    }

    #[test]
    fn memory_grows_with_the_keys_and_is_given_back() {
        let mut keys = Keys::new();
        for number in 1..=400_000 {
            assert!(keys.insert(random(number)));
        }
        let per_key = keys.bytes() as f64 / keys.len() as f64;
        assert!((20.0..23.5).contains(&per_key), "{per_key}");
        for number in 1..=300_000 {
            assert!(keys.remove(random(number)));
        }
        keys.shrink();
        assert!(keys.bytes() < 100_000 * 24, "{}", keys.bytes());
        assert!((300_001..=400_000).all(|number| keys.look(random(number)) == Known::Key));
        assert!((1..=300_000).all(|number| keys.look(random(number)) == Known::Nothing));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "only the environment asks for slow tests")]
    fn a_hundred_million_keys_fit_and_are_found() {
        let Some(count) = std::env::var("RUN_SLOW").ok().map(|_| 100_000_000_u64) else { return };
        let mut keys = Keys::new();
        let nanoseconds =
            |since: Instant, count: u64| since.elapsed().as_nanos() / u128::from(count);
        let start = Instant::now();
        for batch in 0..count / 1_000_000 {
            let numbers = batch * 1_000_000 + 1..=(batch + 1) * 1_000_000;
            keys.insert_all(&mut numbers.map(random).collect::<Vec<_>>());
        }
        println!("in batches: {} ns a key", nanoseconds(start, count));
        println!("{:.2} bytes a key", keys.bytes() as f64 / keys.len() as f64);
        let start = Instant::now();
        let found = (1..=10_000_000).filter(|n| keys.look(random(n * 9)) == Known::Key).count();
        println!("present: {} ns a look", nanoseconds(start, 10_000_000));
        assert_eq!(found, 10_000_000);
        let start = Instant::now();
        let absent = count + 1..=count + 10_000_000;
        assert!(absent.clone().all(|number| keys.look(random(number)) == Known::Nothing));
        println!("absent: {} ns a look", nanoseconds(start, 10_000_000));
        let start = Instant::now();
        assert!(absent.clone().all(|number| keys.insert(random(number))));
        println!("one by one: {} ns a key", nanoseconds(start, 10_000_000));
        let start = Instant::now();
        let mut absent = absent;
        assert!(absent.all(|number| keys.remove(random(number))));
        println!("taken out: {} ns a key", nanoseconds(start, 10_000_000));
    }
}
