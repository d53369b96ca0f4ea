//! SQLite's log, looked at before SQLite does.
//!
//! After a crash SQLite takes the log up to the first frame whose checksum is wrong, and drops the
//! rest without a word: right for a write that a power cut tore, wrong for a byte that flipped in
//! what was acknowledged. What tells them apart is a commit behind the wrong frame: SQLite begins
//! to write a transaction when the one before is on disk, so only the last one can be torn.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Bytes of the file's header.
///
/// Source: <https://www.sqlite.org/fileformat2.html#walformat>, as all of this file.
const HEADER: usize = 32;

/// Bytes of a frame's header.
const FRAME_HEADER: usize = 24;

/// How often a log that was begun anew while it was read is read again.
const TRIES_MAX: usize = 3;

/// Looks at the log of an SQLite file. If commits stand behind a wrong frame, keeps a copy of the
/// log beside it and says what is wrong.
///
/// # Errors
/// When the log cannot be read or the copy not be written.
pub(super) fn check(database: &Path) -> Result<Option<String>> {
    let beside = |ending: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let (log, copy) = (beside("-wal"), beside("-wal.damaged"));
    let mut bytes = read(&log)?;
    let mut found = dropped(&bytes);
    for _ in 0..TRIES_MAX {
        if found.is_none() {
            return Ok(None);
        }
        // Another process may have begun the log anew while it was read.
        let again = read(&log)?;
        if again.get(..HEADER) == bytes.get(..HEADER) {
            break;
        }
        found = dropped(&again);
        bytes = again;
    }
    let Some((frame, commits)) = found else { return Ok(None) };
    std::fs::write(&copy, &bytes).map_err(Error::io(&copy))?;
    Ok(Some(format!(
        "frame {frame} of the log is wrong: up to {commits} transactions are lost behind it (if 1, \
         a power cut may have torn it before it was acknowledged); a copy is `{}`",
        copy.display()
    )))
}

fn read(log: &Path) -> Result<Vec<u8>> {
    match std::fs::read(log) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        result => result.map_err(Error::io(log)),
    }
}

/// Returns the first wrong frame, from 0, if commits stand in or behind it, and how many.
fn dropped(log: &[u8]) -> Option<(usize, usize)> {
    let header = log.get(..HEADER)?;
    let big_endian = number(header, 0)? & 1 == 1;
    let page = number(header, 8)? as usize;
    let salts = &header[16..24];
    let mut sums = checksum([0, 0], &header[..24], big_endian);
    let frames = log[HEADER..].chunks_exact(FRAME_HEADER.checked_add(page)?);
    if sums != [number(header, 24)?, number(header, 28)?] {
        // Not even the size of a frame is known.
        return Some((0, frames.len()));
    }
    let (mut wrong, mut commits) = (None, 0);
    for (place, frame) in frames.enumerate() {
        // Another salt is what an earlier use of the log left behind.
        let ours = &frame[8..16] == salts;
        if wrong.is_none() {
            sums = checksum(sums, &frame[..8], big_endian);
            sums = checksum(sums, &frame[FRAME_HEADER..], big_endian);
            if !ours || sums != [number(frame, 16)?, number(frame, 20)?] {
                wrong = Some(place);
            }
        }
        if wrong.is_some() && ours && number(frame, 4)? != 0 {
            commits += 1;
        }
    }
    wrong.filter(|_| commits > 0).map(|frame| (frame, commits))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Continues the log's checksum over pairs of numbers.
fn checksum(sums: [u32; 2], bytes: &[u8], big_endian: bool) -> [u32; 2] {
    let read = if big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    let (numbers, _) = bytes.as_chunks::<4>();
    let (pairs, _) = numbers.as_chunks::<2>();
    pairs.iter().fold(sums, |[first, second], pair| {
        let first = first.wrapping_add(read(pair[0])).wrapping_add(second);
        [first, second.wrapping_add(read(pair[1])).wrapping_add(first)]
    })
}
