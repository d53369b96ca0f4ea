//! A copy of the inbox as it is at one moment, while others write to it.

use std::path::Path;

use super::{PLAN, transaction};
use crate::database::Database;
use crate::{Error, Result};

/// How far the copy goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copied {
    /// The number of the last entry.
    pub(crate) last: i64,
    /// Entries through this one are in the lake.
    pub(crate) forgotten: i64,
}

/// Copies the inbox at a URL into the new SQLite file `to`. The keys are not loaded, and nobody who
/// writes waits.
///
/// # Errors
/// When there is no inbox, or one of the two cannot be used.
pub(crate) fn copy(from: &str, to: &Path) -> Result<Copied> {
    if from.strip_prefix("sqlite://").is_some_and(|file| !Path::new(file).is_file()) {
        return Err(Error::Settings(format!("there is no inbox `{from}`")));
    }
    let database = Database::open(from, &PLAN)?;
    database.copy(to)?;
    drop(database);
    let copy = Database::open(&format!("sqlite://{}?mode=rw", to.display()), &PLAN)?;
    let sequence = copy.block(async {
        let mut connection = copy.connect().await?;
        let sequence = transaction::peek(&mut connection).await?;
        sqlx::Connection::close(connection).await?;
        Result::Ok(sequence)
    })?;
    copy.close();
    Ok(Copied { last: sequence.first - 1, forgotten: sequence.forgotten })
}

/// Puts the inbox of an SQLite file into a database without one.
///
/// # Errors
/// When one of them cannot be used, or an inbox is there already.
pub(crate) fn move_in(file: &Path, url: &str) -> Result<()> {
    Database::move_in(file, url, &PLAN)
}
