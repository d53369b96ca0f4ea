//! Keys on disk: sorted, written once, looked up by one read of 4 KB.
//!
//! The file has no name and goes with the process; it repeats what the rows of keys say. A page
//! holds 255 keys and a checksum. In memory are two bytes a key: a filter, which answers for nearly
//! every key that is not there, and the first message of each page.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::ops::Range;
use std::path::Path;

use super::filter::Filter;
use super::tables::Tables;
use super::{Known, message};
use crate::checksum::checksum;

/// Bytes of a key.
const KEY: usize = size_of::<u128>();

/// Bytes of a page.
const PAGE: usize = 4_096;

/// Keys of a page; the place of one more takes the checksum.
const KEYS: usize = PAGE / KEY - 1;

/// A file of keys.
#[derive(Debug)]
pub(super) struct Run {
    file: File,
    count: usize,
    filter: Filter,
    /// The message of the first key of each page.
    firsts: Vec<u64>,
    /// One bit a key: taken out since. Empty until one is.
    gone: Vec<u64>,
    gone_count: usize,
}

impl Run {
    /// Writes keys into a new file in `folder`, which has no name there.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub(super) fn write(folder: &Path, tables: &Tables) -> io::Result<Self> {
        let count = tables.len();
        let mut file = BufWriter::with_capacity(64 * PAGE, tempfile::tempfile_in(folder)?);
        let mut filter = Filter::new(count);
        let mut firsts = Vec::with_capacity(count.div_ceil(KEYS));
        let mut page = Vec::with_capacity(PAGE);
        for key in tables.sorted().flatten() {
            filter.insert(message(key));
            if page.is_empty() {
                firsts.push(message(key));
            }
            page.extend_from_slice(&key.to_be_bytes());
            if page.len() == KEYS * KEY {
                end(&mut page, firsts.len() - 1);
                file.write_all(&page)?;
                page.clear();
            }
        }
        if !page.is_empty() {
            end(&mut page, firsts.len() - 1);
            file.write_all(&page)?;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self { file, count, filter, firsts, gone: Vec::new(), gone_count: 0 })
    }

    /// Tells what is known of a key.
    ///
    /// # Errors
    /// When a page cannot be read or is damaged.
    pub(super) fn look(&self, key: u128) -> io::Result<Known> {
        let mut known = Known::Nothing;
        if !self.may_hold(key) {
            return Ok(known);
        }
        for page in self.pages(message(key)) {
            let keys = self.read(page)?;
            let first = keys.partition_point(|other| message(*other) < message(key));
            let same = keys[first..].iter().take_while(|other| message(**other) == message(key));
            for (other, place) in same.zip(page * KEYS + first..) {
                match (self.is_gone(place), *other == key) {
                    (true, _) => {}
                    (false, true) => return Ok(Known::Key),
                    (false, false) => known = Known::Message,
                }
            }
        }
        Ok(known)
    }

    /// Takes keys out, given in ascending order; returns how many of them were there.
    ///
    /// # Errors
    /// When a page cannot be read or is damaged.
    pub(super) fn remove_all(&mut self, keys: &[u128]) -> io::Result<usize> {
        let before = self.gone_count;
        let mut held: Option<(usize, Vec<u128>)> = None;
        for key in keys.iter().copied().filter(|key| self.filter.may_hold(message(*key))) {
            for page in self.pages(message(key)) {
                let others = match held.take() {
                    Some((number, others)) if number == page => others,
                    _ => self.read(page)?,
                };
                if let Ok(place) = others.binary_search(&key) {
                    if self.gone.is_empty() {
                        self.gone = vec![0; self.count.div_ceil(64)];
                    }
                    let place = page * KEYS + place;
                    self.gone_count += usize::from(!self.is_gone(place));
                    self.gone[place / 64] |= 1 << (place % 64);
                }
                held = Some((page, others));
            }
        }
        Ok(self.gone_count - before)
    }

    /// Returns false only when no key of that message is there.
    pub(super) fn may_hold(&self, key: u128) -> bool {
        self.filter.may_hold(message(key))
    }

    /// Returns how many keys there are.
    pub(super) fn len(&self) -> usize {
        self.count - self.gone_count
    }

    /// Returns the bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.filter.bytes() + size_of_val(&self.firsts[..]) + size_of_val(&self.gone[..])
    }

    /// Returns the pages that may hold keys of a message: the first of them may stand in the page
    /// before the one that begins with it.
    fn pages(&self, message: u64) -> Range<usize> {
        let begin = self.firsts.partition_point(|first| *first < message).saturating_sub(1);
        begin..self.firsts.partition_point(|first| *first <= message)
    }

    fn is_gone(&self, place: usize) -> bool {
        self.gone.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    fn read(&self, page: usize) -> io::Result<Vec<u128>> {
        let mut bytes = [0; PAGE];
        read_at(&self.file, &mut bytes, (page * PAGE) as u64)?;
        let (keys, sum) = bytes.split_at(KEYS * KEY);
        if sum[..8] != checksum(&[page as i64], &[], keys).to_be_bytes() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a page of keys is damaged"));
        }
        let count = (self.count - page * KEYS).min(KEYS);
        let keys = keys.as_chunks::<KEY>().0[..count].iter();
        Ok(keys.map(|key| u128::from_be_bytes(*key)).collect())
    }
}

/// Fills a page up and ends it by its checksum.
fn end(page: &mut Vec<u8>, number: usize) {
    page.resize(KEYS * KEY, 0);
    let sum = checksum(&[number as i64], &[], page);
    page.extend_from_slice(&sum.to_be_bytes());
    page.resize(PAGE, 0);
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
        count if count == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// Changes one bit of each page.
    pub(crate) fn damage(run: &Run) {
        for page in 0..run.firsts.len() {
            let mut byte = [0];
            read_at(&run.file, &mut byte, (page * PAGE) as u64).unwrap();
            let changed = [byte[0] ^ 1];
            std::os::unix::fs::FileExt::write_all_at(&run.file, &changed, (page * PAGE) as u64)
                .unwrap();
        }
    }
}
