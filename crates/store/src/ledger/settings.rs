//! Which table versions hold, and small settings.

use sqlx::Row as _;

use super::Ledger;
use crate::Result;

impl Ledger {
    /// Returns the version of a table that holds, if it was ever written.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn table_version(&self, name: &str) -> Result<Option<i64>> {
        let query = sqlx::query("SELECT version FROM table_versions WHERE name = $1").bind(name);
        let row = self.block(query.fetch_optional(&self.pool))?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Sets the version of a table that holds.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn set_table_version(&self, name: &str, version: i64, now: i64) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO table_versions (name, version, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET version = excluded.version,
             updated_at = excluded.updated_at",
        )
        .bind(name)
        .bind(version)
        .bind(now);
        self.block(query.execute(&self.pool))?;
        Ok(())
    }

    /// Returns a small setting.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn setting(&self, name: &str) -> Result<Option<String>> {
        let query = sqlx::query("SELECT value FROM settings WHERE name = $1").bind(name);
        let row = self.block(query.fetch_optional(&self.pool))?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Sets a small setting.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        let query = sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value);
        self.block(query.execute(&self.pool))?;
        Ok(())
    }
}
