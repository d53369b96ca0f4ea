//! The files of one version of a table: they stay for three hours, whatever is written meanwhile.

use shopwise_model::tables::Table;

use super::Lake;
use crate::{Error, Result};

/// Digits of a version in the name of a file of the log.
const DIGITS: usize = 20;

/// One version of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// The table.
    pub(crate) name: &'static str,
    /// Its version.
    pub(crate) version: u64,
    /// The last transaction of the application that was asked for.
    pub(crate) held: Option<i64>,
    /// The files of its log and of its rows, within the lake's folder.
    pub(crate) files: Vec<String>,
}

impl Lake {
    /// Returns the newest version of a table; if an application is given, the newest one that holds
    /// none of its transactions beyond a number. `None` when the table was never written.
    ///
    /// # Errors
    /// [`Error::Lake`] when the table's log cannot be read, or there is no such version.
    pub(crate) fn pin(
        &self,
        table: &'static Table,
        most: Option<(&str, i64)>,
    ) -> Result<Option<Pinned>> {
        if !self.exists(table.name) {
            return Ok(None);
        }
        self.runtime.block_on(async {
            let mut opened = self.newest(table.name).await?;
            let mut held = None;
            if let Some((application, most)) = most {
                loop {
                    let log = opened.log_store();
                    let snapshot = opened.snapshot()?;
                    held = snapshot.transaction_version(log.as_ref(), application).await?;
                    if held.is_none_or(|held| held <= most) {
                        break;
                    }
                    let before = opened.version().and_then(|version| version.checked_sub(1));
                    let Some(before) = before else {
                        let problem = format!("no version ends at or before entry {most}");
                        return Err(Error::Lake(format!("`{}`: {problem}", table.name)));
                    };
                    opened = self.load(table.name, Some(before)).await?;
                }
            }
            let version = opened.version().unwrap_or(0);
            let mut files = self.log_files(table.name, version)?;
            let rows = opened.snapshot()?.log_data();
            files.extend(rows.iter().map(|file| format!("{}/{}", table.name, file.path())));
            Ok(Some(Pinned { name: table.name, version, held, files }))
        })
    }

    /// Returns the files of a table's log up to and with a version. The pointer to its newest
    /// summary is left out, since it may be newer.
    fn log_files(&self, table: &str, version: u64) -> Result<Vec<String>> {
        let folder = self.folder.join(table).join("_delta_log");
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(Error::io(&folder))? {
            let entry = entry.map_err(Error::io(&folder))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let number = name.get(..DIGITS).and_then(|digits| digits.parse::<u64>().ok());
            if number.is_some_and(|number| number <= version) && !name.ends_with(".tmp") {
                files.push(format!("{table}/_delta_log/{name}"));
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}
