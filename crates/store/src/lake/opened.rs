//! Tables as they were read last.
//!
//! To read a table is to read its log since the last checkpoint, some milliseconds an entry. Who
//! has read it before reads what came since: a server that moves events every few seconds would
//! otherwise do little else.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use deltalake::DeltaTable;
use rustc_hash::FxHashMap;

use super::Lake;
use crate::error::Result;

/// What tells an entry of a log from another of its name, which it has when a table was deleted and
/// made anew, or the entry damaged: inode, and when it was written in seconds and nanoseconds.
type Mark = (u64, i64, i64);

/// Each table with the mark of the last entry that it knows.
#[derive(Debug, Default)]
pub(super) struct Opened(Mutex<FxHashMap<String, (DeltaTable, Mark)>>);

impl Opened {
    fn all(&self) -> MutexGuard<'_, FxHashMap<String, (DeltaTable, Mark)>> {
        // A table is put in whole or not at all.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lake {
    /// Returns the newest version of a table.
    pub(super) async fn newest(&self, name: &str) -> Result<DeltaTable> {
        let known = self.opened.all().get(name).cloned();
        let known = known.filter(|(table, mark)| self.mark(name, table) == Some(*mark));
        let table = match updated(known).await {
            Some(table) => table,
            None => self.load(name, None).await?,
        };
        match self.mark(name, &table) {
            Some(mark) => self.opened.all().insert(name.to_owned(), (table.clone(), mark)),
            None => self.opened.all().remove(name),
        };
        Ok(table)
    }

    fn mark(&self, name: &str, table: &DeltaTable) -> Option<Mark> {
        let path: PathBuf = self.folder.join(name).join("_delta_log");
        let entry = path.join(format!("{:020}.json", table.version()?)).metadata().ok()?;
        Some((entry.ino(), entry.mtime(), entry.mtime_nsec()))
    }
}

/// Takes in what a table gained; `None` when it cannot, and reading all of it says why.
async fn updated(known: Option<(DeltaTable, Mark)>) -> Option<DeltaTable> {
    let (mut table, _) = known?;
    table.update_state().await.ok()?;
    Some(table)
}
