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

/// Copies the inbox in the SQLite file `from` into the new file `to`. The keys are not loaded, and
/// nobody who writes waits.
///
/// # Errors
/// When there is no inbox, or one of the files cannot be used.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<Copied> {
    if !from.is_file() {
        return Err(Error::Settings(format!("there is no inbox `{}`", from.display())));
    }
    let database = Database::open(&format!("sqlite://{}", from.display()), &PLAN)?;
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
