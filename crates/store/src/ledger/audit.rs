//! Who changed what, and when: written beside each change, only added to, and chained.
//!
//! Each entry's hash covers what it says and the hash of the entry before it, and a counter knows
//! how many there are. An entry that was changed, put in or taken out without the rest being made
//! anew is found by [`Ledger::verify_audit`]; whoever makes everything anew is not, unless the last
//! hash was written down elsewhere.

use futures::TryStreamExt as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::Ledger;
use crate::Result;

/// The counter of entries.
const COUNTER: &str = "audit";

/// Who changes something, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// Who: `api` with the administrator's token, `command line`.
    pub who: &'a str,
    /// The moment, UTC microseconds.
    pub at: i64,
}

/// An entry of the audit trail.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Entry {
    /// The number, from 1 without gaps.
    pub number: i64,
    /// The moment, UTC microseconds.
    pub at: i64,
    /// Who changed it.
    pub who: String,
    /// What kind of thing was changed: `rules`.
    pub kind: String,
    /// Which of them.
    pub id: String,
    /// What it was; none where it is new.
    pub before: Option<Value>,
    /// What it is; none where it is gone.
    pub after: Option<Value>,
    /// The hash of this entry and of all before it.
    pub hash: String,
}

/// What verifying found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// How many entries there are.
    pub entries: i64,
    /// The first entry that is not as it was written, or is missing.
    pub broken_at: Option<i64>,
    /// The last hash: written down elsewhere, it vouches for everything before it.
    pub hash: String,
}

/// Writes down a change of `(kind, id)` from `before` to `after`, JSON texts, in the transaction
/// that makes it.
pub(super) async fn append(
    transaction: &mut AnyConnection,
    change: &Change<'_>,
    (kind, id): (&str, &str),
    (before, after): (Option<&str>, Option<&str>),
) -> Result<()> {
    // The counter's row is held to the end of the transaction: entries come one after the other.
    let row = sqlx::query(
        "INSERT INTO counters (name, value) VALUES ($1, 1)
         ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
    )
    .bind(COUNTER)
    .fetch_one(&mut *transaction)
    .await?;
    let number: i64 = row.try_get(0)?;
    let last = sqlx::query("SELECT hash FROM audit WHERE number = $1").bind(number - 1);
    let last = last.fetch_optional(&mut *transaction).await?;
    let last: String = last.map_or(Ok(String::new()), |row| row.try_get("hash"))?;
    let hash = hash(&last, (number, change.at), [change.who, kind, id], [before, after]);
    sqlx::query(
        "INSERT INTO audit (number, at, who, kind, id, before_json, after_json, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(number)
    .bind(change.at)
    .bind(change.who)
    .bind(kind)
    .bind(id)
    .bind(before)
    .bind(after)
    .bind(hash)
    .execute(transaction)
    .await?;
    Ok(())
}

impl Ledger {
    /// Returns up to `n` entries from a number on, or the newest ones; of one kind where one is
    /// named. In the order of their numbers.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn audit(&self, from: Option<i64>, n: i64, kind: Option<&str>) -> Result<Vec<Entry>> {
        let sql = match from {
            Some(_) => {
                "SELECT * FROM audit WHERE number >= $1 AND ($2 = '' OR kind = $2)
                 ORDER BY number LIMIT $3"
            }
            None => {
                "SELECT * FROM audit WHERE number >= $1 AND ($2 = '' OR kind = $2)
                 ORDER BY number DESC LIMIT $3"
            }
        };
        let query = sqlx::query(sql).bind(from.unwrap_or(0)).bind(kind.unwrap_or("")).bind(n);
        let rows = self.block(query.fetch_all(&self.pool))?;
        let mut entries = rows.iter().map(entry).collect::<Result<Vec<_>>>()?;
        entries.sort_unstable_by_key(|entry| entry.number);
        Ok(entries)
    }

    /// Computes every hash of the audit trail anew.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn verify_audit(&self) -> Result<Verified> {
        let entries = self.changes(COUNTER)?;
        self.block(async {
            let (mut number, mut last) = (0, String::new());
            let sql = "SELECT * FROM audit WHERE number <= $1 ORDER BY number";
            let mut rows = sqlx::query(sql).bind(entries).fetch(&self.pool);
            while let Some(row) = rows.try_next().await? {
                number += 1;
                let (own, at): (i64, i64) = (row.try_get("number")?, row.try_get("at")?);
                let texts = [row.try_get("who")?, row.try_get("kind")?, row.try_get("id")?];
                let values = [row.try_get("before_json")?, row.try_get("after_json")?];
                let expected = hash(&last, (own, at), texts, values);
                if own != number || expected != row.try_get::<&str, _>("hash")? {
                    return Ok(Verified { entries, broken_at: Some(number), hash: last });
                }
                last = expected;
            }
            let broken_at = (number < entries).then_some(number + 1);
            Ok(Verified { entries, broken_at, hash: last })
        })
    }
}

/// Returns the hash of an entry behind that of the one before, each text with its length.
fn hash(
    last: &str,
    (number, at): (i64, i64),
    texts: [&str; 3],
    values: [Option<&str>; 2],
) -> String {
    let mut hasher = Sha256::new();
    hasher.update(number.to_le_bytes());
    hasher.update(at.to_le_bytes());
    let texts = [last].into_iter().chain(texts).map(Some).chain(values);
    for text in texts {
        hasher.update([u8::from(text.is_some())]);
        let text = text.unwrap_or_default();
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn entry(row: &AnyRow) -> Result<Entry> {
    let value = |column: &str| -> Result<Option<Value>> {
        let text: Option<String> = row.try_get(column)?;
        Ok(text.as_deref().map(serde_json::from_str).transpose()?)
    };
    Ok(Entry {
        number: row.try_get("number")?,
        at: row.try_get("at")?,
        who: row.try_get("who")?,
        kind: row.try_get("kind")?,
        id: row.try_get("id")?,
        before: value("before_json")?,
        after: value("after_json")?,
        hash: row.try_get("hash")?,
    })
}
