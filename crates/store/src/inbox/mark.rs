//! The number of the last entry once more, beside an SQLite file.
//!
//! A log that ends in the middle of its last transaction looks as it did before that was written:
//! SQLite drops it without a word, acknowledged or not. The number is written here when the
//! transaction is durable, so that a database that knows less has lost something. It need not be
//! durable itself: after a power cut it may be too small, which hides a loss but makes up none.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::checksum::checksum;

/// Bytes of the file: the number and its checksum.
const LENGTH: usize = 16;

/// The file, opened; `None` where there is none or it cannot be used.
#[derive(Debug, Default)]
pub(super) struct Mark {
    file: Option<File>,
}

impl Mark {
    /// Opens the file beside a database, made if missing, and reads it.
    pub(super) fn open(database: &Path) -> (Self, Option<i64>) {
        let mut name = database.as_os_str().to_owned();
        name.push("-last");
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(PathBuf::from(name));
        let Ok(file) = opened else { return (Self::default(), None) };
        let mut bytes = [0; LENGTH];
        let read = file.read_exact_at(&mut bytes, 0);
        let [number, crc] = halves(bytes);
        let is_whole = read.is_ok() && crc == checksum(&[number], &[], &[]);
        (Self { file: Some(file) }, is_whole.then_some(number))
    }

    /// Writes the number of the last entry.
    pub(super) fn set(&self, number: i64) {
        let Some(file) = &self.file else { return };
        let crc = checksum(&[number], &[], &[]);
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes[8..].copy_from_slice(&crc.to_le_bytes());
        // Without it a loss may go unnoticed; what was acknowledged is on disk all the same.
        drop(file.write_all_at(&bytes, 0));
    }
}

fn halves(bytes: [u8; LENGTH]) -> [i64; 2] {
    let (halves, _) = bytes.as_chunks::<8>();
    [i64::from_le_bytes(halves[0]), i64::from_le_bytes(halves[1])]
}
