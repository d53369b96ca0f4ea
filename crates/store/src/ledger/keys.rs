//! The keys with which programs speak to the server.
//!
//! A write key stands in every page of the shop: it is no secret, and lets its holder write and
//! nothing else. So that a key can be changed without a gap, a source may have two of a kind at
//! once.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::Ledger;
use crate::checksum::checksum;
use crate::{Error, Result};

/// The columns of a key.
const SELECT: &str = "SELECT key, source, scope, origins, created_at, revoked_at, crc FROM keys";

/// How many keys of one scope a source has at once: the old and the new while they are changed.
const LIVE_MAX: i64 = 2;

/// A key as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Key {
    /// The key itself.
    pub key: String,
    /// The source that its events carry.
    pub source: String,
    /// What it allows: `write` or `read`.
    pub scope: String,
    /// The web origins that may use it; any when there are none.
    pub origins: Vec<String>,
    /// When it was made, UTC microseconds.
    pub created_at: i64,
    /// When it was revoked, UTC microseconds.
    pub revoked_at: Option<i64>,
    /// Whether its row is not as it was written: it allows nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_damaged: bool,
}

impl Key {
    fn checksum(&self) -> Result<i64> {
        let numbers = [self.created_at, self.revoked_at.unwrap_or(0)];
        let origins = serde_json::to_string(&self.origins)?;
        Ok(checksum(&numbers, &[&self.key, &self.source, &self.scope, &origins], &[]))
    }
}

impl Ledger {
    /// Adds a key.
    ///
    /// # Errors
    /// [`Error::Settings`] when the source has two live keys of this scope already, and when the
    /// database refuses.
    pub fn add_key(&self, key: &Key) -> Result<()> {
        self.block(async {
            let origins = serde_json::to_string(&key.origins)?;
            let inserted = sqlx::query(
                "INSERT INTO keys (key, source, scope, origins, created_at, crc)
                 SELECT $1, $2, $3, $4, $5, $6
                 WHERE (SELECT count(*) FROM keys
                        WHERE source = $2 AND scope = $3 AND revoked_at IS NULL) < $7",
            )
            .bind(&key.key)
            .bind(&key.source)
            .bind(&key.scope)
            .bind(origins)
            .bind(key.created_at)
            .bind(key.checksum()?)
            .bind(LIVE_MAX)
            .execute(&self.pool)
            .await?;
            if inserted.rows_affected() == 1 {
                return Ok(());
            }
            Err(Error::Settings(format!(
                "source `{}` has {LIVE_MAX} {} keys already\nhint: revoke one: \
                 `shopwise keys revoke KEY`",
                key.source, key.scope
            )))
        })
    }

    /// Returns all keys, revoked and damaged ones too, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn keys(&self) -> Result<Vec<Key>> {
        let sql = format!("{SELECT} ORDER BY created_at, key");
        let rows = self.block(sqlx::query(AssertSqlSafe(sql)).fetch_all(&self.pool))?;
        Ok(rows.iter().map(read).collect())
    }

    /// Revokes a key; one that is damaged goes altogether, for nothing of it can be relied upon.
    /// Returns whether there was such a live key.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn revoke_key(&self, key: &str, now: i64) -> Result<bool> {
        self.block(async {
            let sql = format!("{SELECT} WHERE key = $1 AND revoked_at IS NULL");
            let query = sqlx::query(AssertSqlSafe(sql)).bind(key);
            let Some(row) = query.fetch_optional(&self.pool).await? else { return Ok(false) };
            let found = read(&row);
            if found.is_damaged {
                let query = sqlx::query("DELETE FROM keys WHERE key = $1").bind(key);
                return Ok(query.execute(&self.pool).await?.rows_affected() == 1);
            }
            let revoked = Key { revoked_at: Some(now), ..found };
            let query = sqlx::query(
                "UPDATE keys SET revoked_at = $1, crc = $2
                 WHERE key = $3 AND revoked_at IS NULL",
            );
            let query = query.bind(now).bind(revoked.checksum()?).bind(key);
            Ok(query.execute(&self.pool).await?.rows_affected() == 1)
        })
    }
}

/// Reads a row. Of one that is damaged nothing but its key need be right, and that may be wrong.
fn read(row: &AnyRow) -> Key {
    let text = |column: &str| row.try_get::<String, _>(column);
    let whole = || -> Result<(Key, i64)> {
        let key = Key {
            key: text("key")?,
            source: text("source")?,
            scope: text("scope")?,
            origins: serde_json::from_str(&text("origins")?)?,
            created_at: row.try_get("created_at")?,
            revoked_at: row.try_get("revoked_at")?,
            is_damaged: false,
        };
        let sum = key.checksum()?;
        // Rows of before there were sums have none.
        Ok((key, row.try_get::<Option<i64>, _>("crc")?.unwrap_or(sum)))
    };
    match whole() {
        Ok((key, crc)) => {
            let is_damaged = key.checksum().ok() != Some(crc);
            Key { is_damaged, ..key }
        }
        Err(_) => Key {
            key: text("key").unwrap_or_default(),
            source: "?".to_owned(),
            scope: "?".to_owned(),
            origins: Vec::new(),
            created_at: 0,
            revoked_at: None,
            is_damaged: true,
        },
    }
}
