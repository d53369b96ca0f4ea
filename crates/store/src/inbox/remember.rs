//! The keys on disk: one row a transaction, read at the start and when another process wrote.
//!
//! A row holds all keys of its transaction one after the other, so that remembering is an append;
//! a tree of single keys would write a page for each. Expiry is told by a day in the row of the
//! sequence. Rows of days that expired stay until the next expiry: meanwhile every process finds
//! in them which keys to take out of its memory.

use futures::TryStreamExt as _;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection as _, Row as _};

use super::keys;
use super::transaction::{self, Sequence, Writer};
use super::{Inbox, panicked, slots};
use crate::checksum::checksum;
use crate::{Error, Result};

/// Keys put into memory at once when many are read.
const BATCH: usize = 1 << 20;

/// Bytes of a key.
const KEY: usize = 16;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Returns the UTC day of a time in microseconds.
pub(super) fn day(time: i64) -> i64 {
    time.div_euclid(DAY)
}

/// Writes the row of a transaction's keys.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    seq: i64,
    day: i64,
    keys: &[u128],
) -> Result<()> {
    let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_be_bytes()).collect();
    sqlx::query("INSERT INTO inbox_keys (seq, day, crc, keys) VALUES ($1, $2, $3, $4)")
        .bind(seq)
        .bind(day)
        .bind(checksum(&[seq, day], &[], &bytes))
        .bind(bytes)
        .execute(connection)
        .await?;
    Ok(())
}

impl Writer {
    /// Brings the keys up to what the database holds.
    pub(super) async fn catch_up(
        &mut self,
        connection: &mut AnyConnection,
        sequence: Sequence,
    ) -> Result<()> {
        if sequence.crc != sequence.checksum() {
            return Err(Error::Broken("the row of its sequence is damaged".to_owned()));
        }
        let last = sequence.first - 1;
        if last < self.known {
            let known = self.known;
            return Err(Error::Broken(format!("its numbers fell back from `{known}` to `{last}`")));
        }
        let mut damaged = std::mem::take(&mut self.damaged);
        if self.keys.is_spoiled() {
            damaged.push((last, "a file of keys was damaged: all were read anew"));
            (self.keys, self.known) = (self.keys.emptied(), 0);
        }
        if sequence.swept_day > self.expired_day {
            // Rows that say what to take out are gone already: begin anew.
            (self.keys, self.known) = (self.keys.emptied(), 0);
        } else if sequence.expired_day > self.expired_day {
            // First what goes, then what comes: a key may have come again since.
            let days = [self.expired_day, sequence.expired_day];
            let rows = RowsOf { first: 0, last, days };
            let keys = &mut self.keys;
            let remove = |batch: &mut Vec<u128>| keys.remove_all(batch).map_err(unreadable);
            rows.each(connection, &mut damaged, remove).await?;
            self.keys.shrink();
        }
        self.expired_day = sequence.expired_day;
        if last > self.known {
            let days = [sequence.expired_day, i64::MAX];
            let rows = RowsOf { first: self.known + 1, last, days };
            let insert = |batch: &mut Vec<u128>| {
                self.keys.insert_all(batch);
                Ok(())
            };
            rows.each(connection, &mut damaged, insert).await?;
        }
        self.damaged = damaged;
        self.known = last;
        Ok(())
    }
}

/// The rows of keys with these numbers (both included) and days (the second excluded).
struct RowsOf {
    first: i64,
    last: i64,
    days: [i64; 2],
}

impl RowsOf {
    async fn each(
        self,
        connection: &mut AnyConnection,
        damaged: &mut Vec<(i64, &'static str)>,
        mut work: impl FnMut(&mut Vec<u128>) -> Result<()>,
    ) -> Result<()> {
        // The unary plus keeps SQLite from the index of days where the numbers say more.
        let sql = match self.first {
            0 => {
                "SELECT seq, day, crc, keys FROM inbox_keys
                  WHERE day >= $1 AND day < $2 AND seq >= $3 AND seq <= $4"
            }
            _ => {
                "SELECT seq, day, crc, keys FROM inbox_keys
                  WHERE +day >= $1 AND +day < $2 AND seq >= $3 AND seq <= $4 ORDER BY seq"
            }
        };
        let [from, to] = self.days;
        let query = sqlx::query(sql).bind(from).bind(to).bind(self.first).bind(self.last);
        let mut rows = query.fetch(connection);
        let mut batch = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let (seq, whole) = read(&row, &mut batch)?;
            if !whole {
                damaged.push((seq, "the checksum of its keys is wrong"));
            }
            if batch.len() >= BATCH {
                work(&mut batch)?;
                batch.clear();
            }
        }
        work(&mut batch)
    }
}

/// Adds the keys of a row to the batch; returns its number and whether its checksum is right. A
/// damaged row gives its keys all the same: most of them are right, and a wrong one hits nothing.
fn read(row: &AnyRow, batch: &mut Vec<u128>) -> Result<(i64, bool)> {
    let (seq, day): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let bytes: &[u8] = row.try_get(3)?;
    let (chunks, rest) = bytes.as_chunks::<KEY>();
    batch.extend(chunks.iter().map(|chunk| keys::key(*chunk)));
    let checksum = checksum(&[seq, day], &[], bytes);
    Ok((seq, rest.is_empty() && row.try_get::<i64, _>(2)? == checksum))
}

/// Says that the keys on disk cannot be read: the next transaction reads all of them anew.
#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
pub(super) fn unreadable(error: std::io::Error) -> Error {
    Error::Unavailable(format!("its keys on disk: {error}"))
}

impl Inbox {
    /// Brings the keys up to date without holding up other processes: much may be to read.
    pub(super) fn refresh(&self) -> Result<()> {
        let mut writer = self.writer.lock().map_err(|_| panicked())?;
        let result: Result<()> = self.database.block(async {
            let mut connection = self.database.connect().await?;
            let mut snapshot = match self.database.is_sqlite() {
                true => connection.begin().await?,
                false => connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?,
            };
            let sequence = transaction::peek(&mut snapshot).await?;
            writer.catch_up(&mut snapshot, sequence).await?;
            snapshot.rollback().await?;
            Ok(connection.close().await?)
        });
        result.map_err(|error| self.judge(error))
    }

    /// Forgets the keys of days before `before_day` (days since 1970-01-01, UTC): what came then
    /// and comes again is stored again. Call it once a day with the day [`super::KEY_DAYS`] ago,
    /// in every process that shares the inbox. Returns how many keys this process forgot.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn expire(&self, before_day: i64) -> Result<u64> {
        let before = self.write(0, async |open| {
            slots::sweep(open.connection, before_day.saturating_add(super::KEY_DAYS)).await?;
            // Those that expired the last time: the other processes had a day to see it.
            let sweep = open.sequence.expired_day;
            if before_day <= sweep {
                return Ok(open.keys.len());
            }
            let delete = sqlx::query("DELETE FROM inbox_keys WHERE day < $1").bind(sweep);
            delete.execute(&mut *open.connection).await?;
            let sequence = Sequence { swept_day: sweep, expired_day: before_day, ..open.sequence };
            transaction::set(open.connection, sequence).await?;
            Ok(open.keys.len())
        })?;
        // This one sees now what it wrote, so that the next delivery need not wait for it.
        self.refresh()?;
        Ok(before.saturating_sub(self.keys()?.0) as u64)
    }
}
