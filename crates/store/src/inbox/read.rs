//! Reading entries in order, and forgetting those that the lake has.
//!
//! Entries are numbered without a gap. A gap, a wrong checksum or a page that the database cannot
//! read is therefore a damaged entry: it is noted, said in its place, and stops nothing else.

use futures::TryStreamExt as _;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row as _};

use super::transaction::{self, Sequence};
use super::{Inbox, body, damage};
use crate::checksum::checksum;
use crate::{Error, Result};

/// Entries of one reading: bounds what a damaged number can ask for.
const ENTRIES_MAX: usize = 10_000;

/// Entries deleted in one transaction: more would make a delivery wait for it.
const FORGET_MAX: i64 = 200;

/// One delivery's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// As it was accepted.
    Whole {
        /// Its number.
        seq: i64,
        /// Who sent it.
        source: String,
        /// When it came, UTC microseconds.
        received_at: i64,
        /// The events that were stored, in order; none if all were duplicates.
        events: Vec<Vec<u8>>,
        /// The places of those that came under the identifier of another event.
        conflicts: Vec<usize>,
    },
    /// Not readable any more, or gone.
    Damaged {
        /// Its number.
        seq: i64,
        /// What is wrong.
        problem: String,
    },
}

/// What was read so far.
struct Reading {
    entries: Vec<Entry>,
    /// The number of the last one.
    last: i64,
    bytes: usize,
    /// What a damaged row holds, for the note.
    remains: Vec<(i64, Vec<u8>)>,
}

impl Entry {
    /// Returns its number.
    pub fn seq(&self) -> i64 {
        match self {
            Self::Whole { seq, .. } | Self::Damaged { seq, .. } => *seq,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Whole { events, .. } => events.iter().map(Vec::len).sum(),
            Self::Damaged { .. } => 0,
        }
    }
}

impl Inbox {
    /// Reads the entries behind number `after` in order, until their events have `bytes_max` bytes:
    /// at least one, if there is one. What was forgotten is passed over.
    ///
    /// # Errors
    /// When the database refuses; not for damaged entries, which are noted and returned as such.
    pub fn read(&self, after: i64, bytes_max: usize) -> Result<Vec<Entry>> {
        let reading = self.query(async |pool| {
            let sequence = transaction::peek(&mut *pool.acquire().await?).await?;
            let (value, after) = (sequence.first - 1, after.max(sequence.forgotten));
            let mut reading =
                Reading { entries: Vec::new(), last: after, bytes: 0, remains: Vec::new() };
            match reading.stream(pool, value, bytes_max).await {
                Err(error) if is_corrupt(&error) => {
                    reading.one_by_one(pool, value, bytes_max).await?;
                }
                result => result?,
            }
            // What is missing may have been forgotten meanwhile: the row says so by now.
            let sequence = transaction::peek(&mut *pool.acquire().await?).await?;
            reading.entries.retain(|entry| entry.seq() > sequence.forgotten);
            Ok(reading)
        })?;
        self.note(&reading)?;
        Ok(reading.entries)
    }

    /// Notes the damage that a reading found.
    fn note(&self, reading: &Reading) -> Result<()> {
        let damaged = reading.entries.iter().filter_map(|entry| match entry {
            Entry::Damaged { seq, problem } => Some((*seq, problem)),
            Entry::Whole { .. } => None,
        });
        let damaged: Vec<_> = damaged.collect();
        if damaged.is_empty() {
            return Ok(());
        }
        self.write(0, async |open| {
            for (seq, problem) in damaged {
                let remains = reading.remains.iter().find(|(number, _)| *number == seq);
                let body = remains.map(|(_, body)| body.as_slice()).unwrap_or_default();
                damage::note(open.connection, "entries", seq, problem, body).await?;
            }
            Ok(())
        })
    }

    /// Forgets the entries up to and with number `through`, when the lake has been read back to
    /// hold them. Returns how many went.
    ///
    /// # Errors
    /// When the database refuses; and when no such number was ever given, which tells that the
    /// inbox lost what it held.
    pub fn forget(&self, through: i64) -> Result<u64> {
        let mut gone = 0;
        loop {
            let step = self.write(0, async |open| {
                let last = open.sequence.first - 1;
                if through > last {
                    return Err(Error::Settings(format!(
                        "the inbox cannot forget through `{through}`: it has numbers up to {last}"
                    )));
                }
                let to = through.min(open.sequence.forgotten.saturating_add(FORGET_MAX));
                if to <= open.sequence.forgotten {
                    return Ok(None);
                }
                let sequence = Sequence { forgotten: to, ..open.sequence };
                transaction::set(open.connection, sequence).await?;
                Ok(Some(delete(open.connection, open.sequence.forgotten, to).await?))
            })?;
            match step {
                Some(rows) => gone += rows,
                None => return Ok(gone),
            }
        }
    }
}

/// Deletes the entries behind `after` up to `to`. Those on pages that cannot be read stay, noted.
async fn delete(connection: &mut AnyConnection, after: i64, to: i64) -> Result<u64> {
    let sql = "DELETE FROM inbox_entries WHERE seq > $1 AND seq <= $2";
    let done = sqlx::query(sql).bind(after).bind(to).execute(&mut *connection).await;
    match done.map_err(Error::from) {
        Err(error) if is_corrupt(&error) => {}
        done => return Ok(done?.rows_affected()),
    }
    let mut gone = 0;
    for seq in after + 1..=to {
        let one = sqlx::query(sql).bind(seq - 1).bind(seq).execute(&mut *connection).await;
        match one.map_err(Error::from) {
            Ok(done) => gone += done.rows_affected(),
            Err(error) if is_corrupt(&error) => {
                damage::note(connection, "entries", seq, &error.to_string(), &[]).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(gone)
}

impl Reading {
    fn is_full(&self, bytes_max: usize) -> bool {
        self.entries.len() >= ENTRIES_MAX || (self.bytes >= bytes_max && !self.entries.is_empty())
    }

    async fn stream(&mut self, pool: &AnyPool, value: i64, bytes_max: usize) -> Result<()> {
        let sql = "SELECT seq, source, received_at, events, crc, body FROM inbox_entries
                   WHERE seq > $1 AND seq <= $2 ORDER BY seq";
        let mut rows = sqlx::query(sql).bind(self.last).bind(value).fetch(pool);
        while let Some(row) = rows.try_next().await? {
            let Ok(seq) = row.try_get::<i64, _>(0) else { continue };
            match read(&row) {
                Some(entry) => {
                    self.missing(seq - 1, "it is missing");
                    self.add(entry);
                }
                // A number that is not the next one may itself be what is wrong.
                None if seq == self.last + 1 => self.damaged(seq, &row),
                None => {}
            }
            if self.is_full(bytes_max) {
                return Ok(());
            }
        }
        self.missing(value, "it is missing");
        Ok(())
    }

    /// Looks for each number by itself: a page that cannot be read hides only what stands on it.
    async fn one_by_one(&mut self, pool: &AnyPool, value: i64, bytes_max: usize) -> Result<()> {
        let sql = "SELECT seq, source, received_at, events, crc, body FROM inbox_entries
                   WHERE seq = $1";
        while self.last < value && !self.is_full(bytes_max) {
            let seq = self.last + 1;
            match sqlx::query(sql).bind(seq).fetch_optional(pool).await.map_err(Error::from) {
                Ok(Some(row)) => match read(&row) {
                    Some(entry) if entry.seq() == seq => self.add(entry),
                    _ => self.damaged(seq, &row),
                },
                Ok(None) => self.missing(seq, "it is missing"),
                Err(error) if is_corrupt(&error) => self.missing(seq, &error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn add(&mut self, entry: Entry) {
        if entry.seq() > self.last {
            self.last = entry.seq();
            self.bytes += entry.bytes();
            self.entries.push(entry);
        }
    }

    /// Says of each number up to `through` that it cannot be read.
    fn missing(&mut self, through: i64, problem: &str) {
        while self.last < through && self.entries.len() < ENTRIES_MAX {
            self.add(Entry::Damaged { seq: self.last + 1, problem: problem.to_owned() });
        }
    }

    fn damaged(&mut self, seq: i64, row: &AnyRow) {
        let body: Vec<u8> = row.try_get(5).unwrap_or_default();
        self.remains.push((seq, body));
        self.add(Entry::Damaged { seq, problem: "its checksum is wrong".to_owned() });
    }
}

/// Reads a row, or returns `None` when it is damaged.
fn read(row: &AnyRow) -> Option<Entry> {
    let (seq, source): (i64, &str) = (row.try_get(0).ok()?, row.try_get(1).ok()?);
    let (received_at, number): (i64, i64) = (row.try_get(2).ok()?, row.try_get(3).ok()?);
    let (crc, body): (i64, &[u8]) = (row.try_get(4).ok()?, row.try_get(5).ok()?);
    if crc != checksum(&[seq, received_at, number], &[source], body) {
        return None;
    }
    let found = body::unpack(body).filter(|found| found.events.len() as i64 == number)?;
    let body::Unpacked { events, conflicts } = found;
    Some(Entry::Whole { seq, source: source.to_owned(), received_at, events, conflicts })
}

/// Tells whether an error says that a page of the database, not the database, is damaged: SQLite's
/// `SQLITE_CORRUPT`, PostgreSQL's `data_corrupted` and `index_corrupted`.
fn is_corrupt(error: &Error) -> bool {
    let Error::Ledger(error) = error else { return false };
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            let sqlite = code.len() < 5 && code.parse::<i64>().is_ok_and(|code| code & 0xff == 11);
            sqlite || code == "XX001" || code == "XX002"
        }
        // A value that is no number or no text where one was written.
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
        _ => false,
    }
}
