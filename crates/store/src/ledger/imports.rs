//! Which files were imported, which table versions hold, and small settings.

use sqlx::Row as _;

use super::Ledger;
use crate::Result;

/// A file that was imported.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Import {
    /// The file's name.
    pub file: String,
    /// The SHA-256 of its bytes.
    pub digest: String,
    /// The source that its events carry.
    pub source: String,
    /// The importer's name.
    pub format: String,
    /// Rows read.
    pub rows: i64,
    /// The version of the events after it.
    pub version: i64,
    /// When, UTC microseconds.
    pub imported_at: i64,
}

impl Ledger {
    /// Notes that a file was imported.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn add_import(&self, import: &Import) -> Result<()> {
        self.block(async {
            let id = self.next_number("import").await?;
            sqlx::query(
                "INSERT INTO imports
                 (id, file, digest, source, format, rows_read, version, imported_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(id)
            .bind(&import.file)
            .bind(&import.digest)
            .bind(&import.source)
            .bind(&import.format)
            .bind(import.rows)
            .bind(import.version)
            .bind(import.imported_at)
            .execute(&self.pool)
            .await?;
            Ok(())
        })
    }

    /// Returns the imports, oldest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn imports(&self) -> Result<Vec<Import>> {
        const SQL: &str = "SELECT file, digest, source, format, rows_read, version, imported_at
                           FROM imports ORDER BY id";
        let rows = self.block(sqlx::query(SQL).fetch_all(&self.pool))?;
        let mut imports = Vec::with_capacity(rows.len());
        for row in rows {
            imports.push(Import {
                file: row.try_get("file")?,
                digest: row.try_get("digest")?,
                source: row.try_get("source")?,
                format: row.try_get("format")?,
                rows: row.try_get("rows_read")?,
                version: row.try_get("version")?,
                imported_at: row.try_get("imported_at")?,
            });
        }
        Ok(imports)
    }

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
