//! Which keys were seen: exactly, the newest in memory, the rest on disk with two bytes each in
//! memory.
//!
//! When so many are new that they take some memory, a thread sorts them into a file of their own
//! ([`run`]); nobody waits for it. All of it repeats what the rows of keys in the database say: it
//! goes with the process and is read anew at the next start, or when a page of it proves damaged.

mod filter;
mod run;
mod tables;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use run::Run;
use tables::Tables;

/// Keys that stay in memory in any case: 21 MB. Few in tests, so that all of them use the disk.
const LEAST: usize = if cfg!(test) { 64 } else { 1 << 20 };

/// The share of all keys that stays in memory: as a run holds at least that much, there are some
/// dozens of runs at most, each of which is asked for every new key.
const SHARE: usize = 16;

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    /// Neither the key nor another of its message.
    Nothing,
    /// Another key with the same first half.
    Message,
    /// The key itself.
    Key,
}

/// An exact set of 16-byte keys.
#[derive(Debug)]
pub(crate) struct Keys {
    folder: PathBuf,
    recent: Tables,
    settling: Option<Settling>,
    runs: Vec<Run>,
    /// Keys that stay in memory in any case.
    least: usize,
    spoiled: AtomicBool,
}

/// Keys on their way to the disk.
#[derive(Debug)]
struct Settling {
    tables: Arc<Tables>,
    thread: JoinHandle<io::Result<Run>>,
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
    /// Makes an empty set, whose files go into `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        Self::with_least(folder, LEAST)
    }

    fn with_least(folder: &Path, least: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            recent: Tables::new(),
            settling: None,
            runs: Vec::new(),
            least,
            spoiled: AtomicBool::new(false),
        }
    }

    /// Returns an empty set in the place of this one.
    pub(crate) fn emptied(&self) -> Self {
        Self::with_least(&self.folder, self.least)
    }

    /// Tells what is known of a key.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged; the set [is spoiled](Keys::is_spoiled) then.
    pub(crate) fn look(&self, key: u128) -> io::Result<Known> {
        let mut known = self.recent.look(key);
        if let Some(settling) = &self.settling {
            known = known.max(settling.tables.look(key));
        }
        for run in &self.runs {
            if known == Known::Key {
                break;
            }
            known = known.max(self.checked(run.look(key))?);
        }
        Ok(known)
    }

    /// Tells whether a file of the set was found to be damaged: it must be filled anew.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.spoiled.load(Ordering::Relaxed)
    }

    /// Adds keys, none of which is there; their order changes.
    pub(crate) fn insert_all(&mut self, keys: &mut [u128]) {
        self.recent.insert_all(keys);
        self.make_room();
    }

    /// Takes keys out, where they are there; their order changes.
    ///
    /// # Errors
    /// As [`Keys::look`].
    pub(crate) fn remove_all(&mut self, keys: &mut Vec<u128>) -> io::Result<()> {
        self.settle();
        keys.retain(|key| !self.recent.remove(*key));
        keys.sort_unstable();
        for number in 0..self.runs.len() {
            let removed = self.runs[number].remove_all(keys);
            self.checked(removed)?;
        }
        self.runs.retain(|run| run.len() > 0);
        Ok(())
    }

    /// Gives memory back after many keys were taken out.
    pub(crate) fn shrink(&mut self) {
        self.recent.shrink();
    }

    /// Returns how many keys there are.
    pub(crate) fn len(&self) -> usize {
        let settling = self.settling.as_ref().map_or(0, |settling| settling.tables.len());
        self.recent.len() + settling + self.runs.iter().map(Run::len).sum::<usize>()
    }

    /// Returns the bytes of memory they take.
    pub(crate) fn bytes(&self) -> usize {
        let settling = self.settling.as_ref().map_or(0, |settling| settling.tables.bytes());
        self.recent.bytes() + settling + self.runs.iter().map(Run::bytes).sum::<usize>()
    }

    fn checked<T>(&self, read: io::Result<T>) -> io::Result<T> {
        if read.is_err() {
            self.spoiled.store(true, Ordering::Relaxed);
        }
        read
    }

    /// Sends what is in memory to the disk when it is much.
    fn make_room(&mut self) {
        let is_much = self.recent.len() >= self.least.max(self.len() / SHARE);
        if is_much || self.settling.as_ref().is_some_and(|other| other.thread.is_finished()) {
            self.settle();
        }
        // What could not be written is back in memory and has raised the bar.
        if self.recent.len() < self.least.max(self.len() / SHARE) {
            return;
        }
        let tables = Arc::new(std::mem::replace(&mut self.recent, Tables::new()));
        let (folder, same) = (self.folder.clone(), Arc::clone(&tables));
        let builder = std::thread::Builder::new().name("keys".to_owned());
        match builder.spawn(move || Run::write(&folder, &same)) {
            Ok(thread) => self.settling = Some(Settling { tables, thread }),
            Err(_) => self.take_back(&tables),
        }
    }

    /// Waits for the keys that are on their way to the disk.
    fn settle(&mut self) {
        let Some(Settling { tables, thread }) = self.settling.take() else { return };
        match thread.join() {
            Ok(Ok(run)) => self.runs.push(run),
            // A full disk, say: they stay in memory, and the next try comes when they are twice as
            // many.
            _ => self.take_back(&tables),
        }
    }

    fn take_back(&mut self, tables: &Tables) {
        for mut keys in tables.sorted() {
            self.recent.insert_all(&mut keys);
        }
        self.least = 2 * self.recent.len();
    }
}

/// How tests of the inbox spoil what is on disk.
#[cfg(test)]
pub(crate) mod testing {
    use super::Keys;

    /// Changes one bit of each page; returns how many files there are.
    pub(crate) fn damage(keys: &mut Keys) -> usize {
        keys.settle();
        keys.runs.iter().for_each(super::run::testing::damage);
        keys.runs.len()
    }
}

#[cfg(test)]
mod tests;
