//! One transaction at a time: under the row lock of the sequence, with the keys up to date.
//!
//! Whoever writes first takes new numbers from the one row of `inbox_sequence`, which makes all
//! other writers, of this process or another, wait until the end. Numbers are therefore given in
//! the order of the commits and without a gap, and who finds that numbers were given to others
//! reads what they wrote before judging anything.

use std::path::Path;
use std::sync::atomic::Ordering;

use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Connection as _, Row as _, Transaction};

use super::keys::Keys;
use super::{Inbox, damage, panicked};
use crate::checksum::checksum;
use crate::database::Database;
use crate::{Error, Result};

/// The only connection that writes, and what it knows of the database.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` before the first use and after a failure.
    pub connection: Option<AnyConnection>,
    /// Every key of a committed transaction up to `known` and not expired.
    pub keys: Keys,
    /// The last number whose keys are in `keys`.
    pub known: i64,
    /// Keys of earlier days are not in `keys`.
    pub expired_day: i64,
    /// Numbers whose keys were found damaged, and how, not noted yet.
    pub damaged: Vec<(i64, &'static str)>,
}

/// The row of `inbox_sequence`, once it is locked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    /// The first number of this transaction.
    pub first: i64,
    /// Entries through this one are in the lake.
    pub forgotten: i64,
    /// Keys of earlier days are forgotten.
    pub expired_day: i64,
    /// Rows of keys of earlier days are gone.
    pub swept_day: i64,
    /// What the row says is its checksum. It leaves out the number, which the rows prove.
    pub crc: i64,
}

/// A transaction under way.
#[derive(Debug)]
pub(super) struct Open<'t> {
    pub connection: &'t mut AnyConnection,
    /// Up to date with the database.
    pub keys: &'t Keys,
    pub sequence: Sequence,
    /// The keys to remember when the transaction is committed.
    pub new_keys: Vec<u128>,
}

impl Writer {
    /// Makes a writer whose keys go into `folder` where memory does not hold them.
    pub(super) fn new(folder: &Path) -> Self {
        let keys = Keys::new(folder);
        Self { connection: None, keys, known: 0, expired_day: 0, damaged: Vec::new() }
    }
}

impl Inbox {
    /// Runs one durable transaction that takes `numbers` numbers.
    ///
    /// # Errors
    /// [`Error::Full`] or [`Error::Unavailable`] when it may succeed later; [`Error::Broken`] when
    /// nothing more is written until the inbox is opened again. Whatever failed left nothing.
    pub(super) fn write<T>(
        &self,
        numbers: i64,
        work: impl AsyncFnOnce(&mut Open<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut writer = self.writer.lock().map_err(|_| panicked())?;
        self.write_with(&mut writer, numbers, work)
    }

    /// Does what [`Inbox::write`] does, for who holds the writer already.
    pub(super) fn write_with<T>(
        &self,
        writer: &mut Writer,
        numbers: i64,
        work: impl AsyncFnOnce(&mut Open<'_>) -> Result<T>,
    ) -> Result<T> {
        if self.is_broken() {
            return Err(Error::Broken("an earlier write failed on the disk".to_owned()));
        }
        let result = self.database.block(async {
            let mut connection = match writer.connection.take() {
                Some(connection) => connection,
                None => self.database.connect().await?,
            };
            let done = self.transact(&mut connection, writer, numbers, work).await;
            // After a failure nobody knows in which state the connection is.
            if done.is_ok() {
                writer.connection = Some(connection);
            }
            done
        });
        result.map_err(|error| self.judge(error))
    }

    async fn transact<T>(
        &self,
        connection: &mut AnyConnection,
        writer: &mut Writer,
        numbers: i64,
        work: impl AsyncFnOnce(&mut Open<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut transaction = begin(&self.database, connection).await?;
        let sequence = lock(&mut transaction, numbers).await?;
        writer.catch_up(&mut transaction, sequence).await?;
        for (seq, problem) in &writer.damaged {
            damage::note(&mut transaction, "keys", *seq, problem, &[]).await?;
        }
        let keys = &writer.keys;
        let mut open = Open { connection: &mut transaction, keys, sequence, new_keys: Vec::new() };
        let result = work(&mut open).await?;
        let mut new_keys = open.new_keys;
        transaction.commit().await?;
        writer.damaged.clear();
        writer.keys.insert_all(&mut new_keys);
        writer.known = sequence.first + numbers - 1;
        if numbers > 0 {
            self.mark.set(writer.known);
        }
        Ok(result)
    }

    /// Says what a failure means for the server, and breaks the inbox when the disk failed.
    pub(super) fn judge(&self, error: Error) -> Error {
        let error = meaning(error);
        if matches!(error, Error::Broken(_)) {
            self.broken.store(true, Ordering::Release);
        }
        error
    }
}

impl Sequence {
    /// Returns the checksum that the row should have.
    pub(super) fn checksum(&self) -> i64 {
        checksum(&[self.forgotten, self.expired_day, self.swept_day], &[], &[])
    }
}

/// Starts a transaction that will write.
pub(super) async fn begin<'c>(
    database: &Database,
    connection: &'c mut AnyConnection,
) -> Result<Transaction<'c, Any>> {
    // Who begins by reading in SQLite may find that he cannot write any more.
    Ok(match database.is_sqlite() {
        true => connection.begin_with("BEGIN IMMEDIATE").await?,
        false => connection.begin().await?,
    })
}

/// Takes numbers and with them the row lock.
pub(super) async fn lock(connection: &mut AnyConnection, numbers: i64) -> Result<Sequence> {
    let row = sqlx::query(
        "UPDATE inbox_sequence SET value = value + $1 WHERE id = 1
         RETURNING value, forgotten, expired_day, swept_day, crc",
    )
    .bind(numbers)
    .fetch_one(connection)
    .await?;
    sequence(&row, numbers)
}

/// Reads the row of the sequence without locking it.
pub(super) async fn peek(connection: &mut AnyConnection) -> Result<Sequence> {
    let sql = "SELECT value, forgotten, expired_day, swept_day, crc
               FROM inbox_sequence WHERE id = 1";
    sequence(&sqlx::query(sql).fetch_one(connection).await?, 0)
}

fn sequence(row: &AnyRow, numbers: i64) -> Result<Sequence> {
    let value: i64 = row.try_get(0)?;
    let first = value.checked_sub(numbers).and_then(|last| last.checked_add(1));
    Ok(Sequence {
        first: first.ok_or_else(|| Error::Broken(format!("its number is `{value}`")))?,
        forgotten: row.try_get(1)?,
        expired_day: row.try_get(2)?,
        swept_day: row.try_get(3)?,
        crc: row.try_get(4)?,
    })
}

/// Writes the row of the sequence but for its number.
pub(super) async fn set(connection: &mut AnyConnection, sequence: Sequence) -> Result<()> {
    sqlx::query(
        "UPDATE inbox_sequence SET forgotten = $1, expired_day = $2, swept_day = $3, crc = $4
         WHERE id = 1",
    )
    .bind(sequence.forgotten)
    .bind(sequence.expired_day)
    .bind(sequence.swept_day)
    .bind(sequence.checksum())
    .execute(connection)
    .await?;
    Ok(())
}

/// Turns what the driver said into what the caller can do about it.
fn meaning(error: Error) -> Error {
    let error = match error {
        Error::Ledger(error) => error,
        other => return other,
    };
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    let text = error.to_string();
    match (code.parse::<i64>().ok().filter(|_| code.len() < 5), code.as_ref()) {
        // SQLite: `SQLITE_FULL`, and `SQLITE_IOERR_SHMSIZE`, its name where the memory-mapped index
        // of the log finds no space (<https://www.sqlite.org/rescode.html>).
        (Some(13 | 4874), _) => Error::Full(text),
        // `SQLITE_BUSY` and `SQLITE_LOCKED`, `SQLITE_NOMEM`, with their extensions.
        (Some(code), _) if matches!(code & 0xff, 5..=7) => Error::Unavailable(text),
        // `SQLITE_IOERR`: among them a failed fsync, which must not be tried again.
        (Some(code), _) if code & 0xff == 10 => Error::Broken(text),
        // PostgreSQL: disk full; then connections, resources, locks, shutting down or starting.
        (_, "53100") => Error::Full(text),
        (_, code) if temporary_state(code) => Error::Unavailable(text),
        _ => match error {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Error::Unavailable(text),
            other => Error::Inbox(other),
        },
    }
}

/// Tells whether an SQLSTATE says: try again (PostgreSQL's manual, appendix A).
fn temporary_state(code: &str) -> bool {
    code.len() == 5
        && (["08", "53", "40"].iter().any(|class| code.starts_with(class))
            || ["55P03", "57P01", "57P02", "57P03", "57P05", "25P03"].contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_states_of_postgresql_are_temporary() {
        assert!(["08006", "53300", "40P01", "55P03"].into_iter().all(temporary_state));
        assert!(["23505", "42P01", "", "5"].into_iter().all(|code| !temporary_state(code)));
    }
}
