//! Which event lines are known: those that the lake holds and those that this import brought.
//!
//! A line is remembered by 80 bits of its key. That two different lines among n share these bits
//! has a probability below n² / 2⁸¹ (birthday bound): for 30 million lines 4·10⁻¹⁰. A line takes 13
//! bytes of a table that is between 44 % and 88 % full, so 30 million take at most 0.9 GB.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHashMap;
use shopwise_store::vault::event_id;

/// Parts of the table that grow one after the other, so that growing needs little room of its own.
const SHARDS: usize = 64;

/// What makes an event line the one it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Identity<'a> {
    /// Rows of the same content are the lines of one event, in the order of the file.
    NextLine(&'a [u8]),
    /// Each row is an event of its own; equal rows of one file are told apart by their number.
    Row(&'a [u8]),
    /// The file names the event, and this is the line of it.
    Given(&'a [u8], i64),
    /// As above, where another event has this name already: a hash of what it says tells it apart.
    Second(&'a [u8], u64),
    /// One more line of an event that has been placed.
    LineOf([u8; 16], i64),
}

/// Where an event line belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) event_id: [u8; 16],
    pub(crate) line: i64,
    /// False when the line is known: from the lake, from another file, or named twice.
    pub(crate) is_new: bool,
}

/// The known lines of one source.
#[derive(Debug)]
pub(crate) struct Keys {
    source: String,
    table: Seen,
    /// The last content: the lines of an order follow each other.
    last: Last,
}

/// The content of the last line, its event and its number there.
#[derive(Debug, Default)]
struct Last {
    content: Vec<u8>,
    event_id: [u8; 16],
    number: u32,
}

#[derive(Debug)]
struct Seen {
    /// For each line the number of the file that last had it; 0 is the lake.
    shards: Vec<FxHashMap<Key, u16>>,
    /// The last number given to a content that stands in this file more than once, by its first
    /// key.
    repeats: FxHashMap<Key, u32>,
    file: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key([u16; 5]);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, _] = self.0.map(u64::from);
        state.write_u64(a << 48 | b << 32 | c << 16 | d);
    }
}

impl Key {
    fn of(id: &[u8; 16], line: i64) -> Self {
        // An odd factor: lines of one event get keys far apart.
        const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        let mixed = u128::from_be_bytes(*id).wrapping_add((line as u128).wrapping_mul(SPREAD));
        Self(std::array::from_fn(|part| (mixed >> (112 - 16 * part)) as u16))
    }

    fn shard(self) -> usize {
        usize::from(self.0[4]) % SHARDS
    }
}

/// When a line was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Never,
    Earlier,
    InThisFile,
}

impl Keys {
    pub(crate) fn new(source: &str) -> Self {
        let shards = vec![FxHashMap::default(); SHARDS];
        let table = Seen { shards, repeats: FxHashMap::default(), file: 0 };
        Self { source: source.to_owned(), table, last: Last::default() }
    }

    /// Begins the next file: the count of equal rows starts anew. Returns whether files can still
    /// be told apart.
    pub(crate) fn begin_file(&mut self) -> bool {
        self.table.repeats.clear();
        self.last = Last::default();
        self.table.file = self.table.file.saturating_add(1);
        self.table.file < u16::MAX
    }

    /// Remembers a line that the lake holds.
    pub(crate) fn know(&mut self, id: &[u8; 16], line: i64) {
        let key = Key::of(id, line);
        self.table.shards[key.shard()].insert(key, 0);
    }

    /// Returns where a line belongs, and remembers it.
    pub(crate) fn place(&mut self, identity: Identity<'_>) -> Place {
        match identity {
            Identity::NextLine(content) => self.next_line(content),
            Identity::Row(content) => self.next_row(content),
            Identity::Given(name, line) => {
                self.place(Identity::LineOf(event_id(&self.source, name, 0), line))
            }
            Identity::Second(name, said) => {
                self.place(Identity::LineOf(event_id(&self.source, name, said), 0))
            }
            Identity::LineOf(event_id, line) => {
                let is_new = self.table.see(Key::of(&event_id, line)) == When::Never;
                Place { event_id, line, is_new }
            }
        }
    }

    fn next_line(&mut self, content: &[u8]) -> Place {
        let is_same = self.last.content == content && !content.is_empty();
        if !is_same {
            self.leave_last();
            self.last.content.extend_from_slice(content);
            self.last.event_id = event_id(&self.source, content, 0);
        }
        let event_id = self.last.event_id;
        let line = |number| Key::of(&event_id, i64::from(number));
        let after = is_same.then_some(self.last.number);
        let (number, when) = self.table.count(line(0), after, line);
        self.last.number = number;
        Place { event_id, line: i64::from(number), is_new: when == When::Never }
    }

    /// Remembers how many lines the last event has had, for when it comes again.
    fn leave_last(&mut self) {
        let Last { content, event_id, number } = &mut self.last;
        if *number > 0 {
            self.table.repeats.insert(Key::of(event_id, 0), *number);
        }
        content.clear();
        *number = 0;
    }

    fn next_row(&mut self, content: &[u8]) -> Place {
        let mut id = event_id(&self.source, content, 0);
        let first = Key::of(&id, 0);
        let (number, when) = self.table.count(first, None, |number| {
            id = event_id(&self.source, content, u64::from(number));
            Key::of(&id, 0)
        });
        if number > 0 {
            self.table.repeats.insert(first, number);
        }
        Place { event_id: id, line: 0, is_new: when == When::Never }
    }
}

impl Seen {
    /// Returns the first number whose key this file has not had. `after` is the last one given out,
    /// where it is known.
    fn count(
        &mut self,
        first: Key,
        after: Option<u32>,
        mut key: impl FnMut(u32) -> Key,
    ) -> (u32, When) {
        let mut number = match after {
            Some(number) => number,
            None => match self.see(first) {
                When::InThisFile => self.repeats.get(&first).copied().unwrap_or(0),
                when => return (0, when),
            },
        };
        loop {
            number += 1;
            let when = self.see(key(number));
            if when != When::InThisFile {
                return (number, when);
            }
        }
    }

    fn see(&mut self, key: Key) -> When {
        match self.shards[key.shard()].insert(key, self.file) {
            None => When::Never,
            Some(file) if file == self.file => When::InThisFile,
            Some(_) => When::Earlier,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(keys: &mut Keys, rows: &[&str]) -> Vec<Place> {
        assert!(keys.begin_file());
        rows.iter().map(|row| keys.place(Identity::Row(row.as_bytes()))).collect()
    }

    #[test]
    fn equal_rows_stay_within_a_file_and_a_second_time_changes_nothing() {
        let mut keys = Keys::new("shop");
        let first = places(&mut keys, &["a", "b", "a", "a"]);
        assert!(first.iter().all(|place| place.is_new && place.line == 0));
        assert_eq!(first[0].event_id, event_id("shop", b"a", 0));
        assert_eq!(first[3].event_id, event_id("shop", b"a", 2));
        let again = places(&mut keys, &["a", "a", "b", "a", "a"]);
        let new: Vec<bool> = again.iter().map(|place| place.is_new).collect();
        assert_eq!(new, [false, false, false, false, true]);
    }

    #[test]
    fn the_lines_of_an_event_are_numbered_in_the_order_of_the_file() {
        let mut keys = Keys::new("shop");
        keys.know(&event_id("shop", b"order 1", 0), 0);
        keys.begin_file();
        let mut place = |order: &str| keys.place(Identity::NextLine(order.as_bytes()));
        let lines = ["order 1", "order 2", "order 1", "order 1"].map(&mut place);
        assert_eq!(lines.map(|place| place.line), [0, 0, 1, 2]);
        assert_eq!(lines.map(|place| place.is_new), [false, true, true, true]);
        assert_eq!(lines[3].event_id, event_id("shop", b"order 1", 0));
    }

    #[test]
    fn a_named_event_is_taken_once() {
        let mut keys = Keys::new("shop");
        keys.begin_file();
        let mut new = |line| keys.place(Identity::Given(b"message", line)).is_new;
        assert_eq!([new(0), new(1), new(0)], [true, true, false]);
    }

    #[test]
    fn a_second_event_of_one_name_is_an_event_of_its_own() {
        let mut keys = Keys::new("shop");
        keys.begin_file();
        let first = keys.place(Identity::Given(b"message", 0));
        let second = keys.place(Identity::Second(b"message", 7));
        assert!(first.is_new && second.is_new && first.event_id != second.event_id);
        assert!(!keys.place(Identity::Second(b"message", 7)).is_new);
    }

    #[test]
    fn a_line_takes_twelve_bytes_and_one_of_the_table() {
        assert_eq!(size_of::<(Key, u16)>(), 12);
    }
}
