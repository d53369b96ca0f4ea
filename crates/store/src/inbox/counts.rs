//! What was counted, in the transactions that made it so.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row as _};

use super::{Inbox, Verdict};
use crate::Result;

/// The events of a source, or of all, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Arrived.
    pub received: i64,
    /// Stored, conflicts among them.
    pub stored: i64,
    /// Stored before.
    pub duplicate: i64,
    /// Kept aside, and still there.
    pub quarantined: i64,
    /// Counted only.
    pub refused: i64,
    /// Stored beside the same message with another payload.
    pub conflicts: i64,
}

/// What the inbox counted since it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By source.
    pub sources: BTreeMap<String, Tally>,
    /// Refused events by source and reason.
    pub refusals: BTreeMap<(String, String), i64>,
    /// Rows that were found damaged.
    pub damaged: i64,
    /// Events that wait for the lake.
    pub pending: i64,
    /// When the oldest delivery that waits for the lake came, UTC microseconds.
    pub pending_since: Option<i64>,
    /// The number of the last entry.
    pub last: i64,
    /// Entries through this one are in the lake.
    pub forgotten: i64,
}

impl Tally {
    /// Tells whether received = stored + duplicate + quarantined + refused.
    pub fn closes(&self) -> bool {
        let parts = [self.stored, self.duplicate, self.quarantined, self.refused];
        let sum = parts.into_iter().map(i128::from).sum::<i128>();
        parts.iter().all(|part| *part >= 0) && sum == i128::from(self.received)
    }

    /// Counts an arrival.
    pub(super) fn count(&mut self, verdict: Verdict) {
        self.received += 1;
        match verdict {
            Verdict::Stored => self.stored += 1,
            Verdict::Conflict => {
                self.stored += 1;
                self.conflicts += 1;
            }
            Verdict::Duplicate => self.duplicate += 1,
            Verdict::Quarantined => self.quarantined += 1,
            Verdict::Refused => self.refused += 1,
        }
    }

    fn read(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            received: row.try_get("received")?,
            stored: row.try_get("stored")?,
            duplicate: row.try_get("duplicate")?,
            quarantined: row.try_get("quarantined")?,
            refused: row.try_get("refused")?,
            conflicts: row.try_get("conflicts")?,
        })
    }
}

impl Counts {
    /// Returns the sum of the sources.
    pub fn total(&self) -> Tally {
        self.sources.values().fold(Tally::default(), |sum, tally| Tally {
            received: sum.received.saturating_add(tally.received),
            stored: sum.stored.saturating_add(tally.stored),
            duplicate: sum.duplicate.saturating_add(tally.duplicate),
            quarantined: sum.quarantined.saturating_add(tally.quarantined),
            refused: sum.refused.saturating_add(tally.refused),
            conflicts: sum.conflicts.saturating_add(tally.conflicts),
        })
    }

    /// Tells whether the equation closes for each source; if not, the counts are damaged.
    pub fn closes(&self) -> bool {
        self.sources.values().all(Tally::closes)
    }
}

impl Inbox {
    /// Returns the counts.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn counts(&self) -> Result<Counts> {
        self.query(async |pool| {
            let mut counts = Counts::default();
            let sql = "SELECT * FROM inbox_counts";
            for row in sqlx::query(sql).fetch_all(pool).await? {
                counts.sources.insert(row.try_get("source")?, Tally::read(&row)?);
            }
            let sql = "SELECT source, reason, refused FROM inbox_refusals";
            for row in sqlx::query(sql).fetch_all(pool).await? {
                let key = (row.try_get(0)?, row.try_get(1)?);
                counts.refusals.insert(key, row.try_get(2)?);
            }
            read_rest(pool, &mut counts).await?;
            Ok(counts)
        })
    }

    /// Runs a query on a connection for reading.
    pub(super) fn query<T>(&self, work: impl AsyncFnOnce(&AnyPool) -> Result<T>) -> Result<T> {
        self.database.block(work(&self.database.pool)).map_err(|error| self.judge(error))
    }
}

async fn read_rest(pool: &AnyPool, counts: &mut Counts) -> Result<()> {
    let sql = "SELECT value, forgotten FROM inbox_sequence WHERE id = 1";
    let row = sqlx::query(sql).fetch_one(pool).await?;
    (counts.last, counts.forgotten) = (row.try_get(0)?, row.try_get(1)?);
    let sql = "SELECT COUNT(*) FROM inbox_damage";
    counts.damaged = sqlx::query(sql).fetch_one(pool).await?.try_get(0)?;
    let sql = "SELECT CAST(COALESCE(SUM(events), 0) AS BIGINT), COUNT(*),
               COALESCE(MIN(received_at), 0) FROM inbox_entries WHERE seq > $1 AND events > 0";
    let row = sqlx::query(sql).bind(counts.forgotten).fetch_one(pool).await?;
    counts.pending = row.try_get(0)?;
    let some = row.try_get::<i64, _>(1)? > 0;
    counts.pending_since = if some { Some(row.try_get(2)?) } else { None };
    Ok(())
}

/// Adds what happened in a transaction to the counts of the sources.
pub(super) async fn add(
    connection: &mut AnyConnection,
    tallies: &BTreeMap<&str, Tally>,
) -> Result<()> {
    for (source, tally) in tallies {
        sqlx::query(
            "INSERT INTO inbox_counts
             (source, received, stored, duplicate, quarantined, refused, conflicts)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (source) DO UPDATE SET
             received = inbox_counts.received + excluded.received,
             stored = inbox_counts.stored + excluded.stored,
             duplicate = inbox_counts.duplicate + excluded.duplicate,
             quarantined = inbox_counts.quarantined + excluded.quarantined,
             refused = inbox_counts.refused + excluded.refused,
             conflicts = inbox_counts.conflicts + excluded.conflicts",
        )
        .bind((*source).to_owned())
        .bind(tally.received)
        .bind(tally.stored)
        .bind(tally.duplicate)
        .bind(tally.quarantined)
        .bind(tally.refused)
        .bind(tally.conflicts)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Adds refused events by source and reason.
pub(super) async fn add_refusals(
    connection: &mut AnyConnection,
    refusals: &BTreeMap<(&str, &str), i64>,
) -> Result<()> {
    for ((source, reason), refused) in refusals {
        sqlx::query(
            "INSERT INTO inbox_refusals (source, reason, refused) VALUES ($1, $2, $3)
             ON CONFLICT (source, reason) DO UPDATE
             SET refused = inbox_refusals.refused + excluded.refused",
        )
        .bind((*source).to_owned())
        .bind(text(reason))
        .bind(*refused)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Returns the text without the character 0, which PostgreSQL keeps in no text.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
