//! The keys with which programs speak to the server.
//!
//! A write key stands in every page of the shop: it is no secret, and lets its holder write and
//! nothing else. So that a key can be changed without a gap, a source may have two of a kind at
//! once.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::Ledger;
use crate::{Error, Result};

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
                "INSERT INTO keys (key, source, scope, origins, created_at)
                 SELECT $1, $2, $3, $4, $5
                 WHERE (SELECT count(*) FROM keys
                        WHERE source = $2 AND scope = $3 AND revoked_at IS NULL) < $6",
            )
            .bind(&key.key)
            .bind(&key.source)
            .bind(&key.scope)
            .bind(origins)
            .bind(key.created_at)
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

    /// Returns all keys, revoked ones too, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn keys(&self) -> Result<Vec<Key>> {
        const SQL: &str = "SELECT key, source, scope, origins, created_at, revoked_at
                           FROM keys ORDER BY created_at, key";
        self.block(sqlx::query(SQL).fetch_all(&self.pool))?.iter().map(read).collect()
    }

    /// Revokes a key. Returns whether there was such a live key.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn revoke_key(&self, key: &str, now: i64) -> Result<bool> {
        let query =
            sqlx::query("UPDATE keys SET revoked_at = $1 WHERE key = $2 AND revoked_at IS NULL")
                .bind(now)
                .bind(key);
        Ok(self.block(query.execute(&self.pool))?.rows_affected() == 1)
    }
}

fn read(row: &AnyRow) -> Result<Key> {
    Ok(Key {
        key: row.try_get("key")?,
        source: row.try_get("source")?,
        scope: row.try_get("scope")?,
        origins: serde_json::from_str(row.try_get("origins")?)?,
        created_at: row.try_get("created_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}
