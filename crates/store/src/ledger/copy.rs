//! A copy of the ledger as it is at one moment, while others write to it.

use std::path::Path;

use super::{Ledger, PLAN};
use crate::Result;
use crate::database::Database;

impl Ledger {
    /// Copies the ledger into the new SQLite file `to`. `last` is the last entry of the inbox that
    /// is copied with it.
    ///
    /// # Errors
    /// When the ledger cannot be read, or the copy cannot be written.
    pub(crate) fn copy(&self, to: &Path, last: i64) -> Result<()> {
        self.database.copy(to)?;
        let copy = Database::open(&format!("sqlite://{}?mode=rw", to.display()), &PLAN)?;
        // Nobody works on the copy, and what it lacks of the inbox was not counted.
        let last =
            sqlx::query("UPDATE plan_progress SET through = $1 WHERE through > $1").bind(last);
        copy.block(async {
            sqlx::query("DELETE FROM leases").execute(&copy.pool).await?;
            last.execute(&copy.pool).await
        })?;
        copy.close();
        Ok(())
    }

    /// Puts the ledger of an SQLite file into a database without one.
    ///
    /// # Errors
    /// When one of them cannot be used, or a ledger is there already.
    pub(crate) fn move_in(file: &Path, url: &str) -> Result<()> {
        Database::move_in(file, url, &PLAN)
    }
}
