//! What a table gained since a version: for who has read it and goes on from there.

use datafusion::execution::options::ParquetReadOptions;
use deltalake::DeltaTableBuilder;
use deltalake::kernel::Action;
use deltalake::logstore::{LogStore, get_actions};
use shopwise_model::Frame;
use shopwise_model::tables::Table;

use super::{Lake, convert};
use crate::error::{Error, Result};

/// A version of a table, and the checksum of what its commit says: another table that has come to
/// the same place has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The version.
    pub version: u64,
    /// The checksum.
    pub mark: u32,
}

/// What one commit did to the rows of a table; joining small files is nothing to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The version that the commit made.
    pub standing: Standing,
    /// What the application called the commit, if it is one of its own.
    pub transaction: Option<i64>,
    /// The files whose rows are new.
    pub added: Vec<String>,
    /// Whether rows were taken out.
    pub has_removed: bool,
}

impl Lake {
    /// Returns the newest version of a table, and what `application` called the last of its
    /// transactions by then; `None` when the table was never written.
    ///
    /// # Errors
    /// [`Error::Lake`] when the table's log cannot be read.
    pub fn standing(
        &self,
        table: &Table,
        application: &str,
    ) -> Result<Option<(Standing, Option<i64>)>> {
        if !self.exists(table.name) {
            return Ok(None);
        }
        self.runtime.block_on(async {
            let opened = self.newest(table.name).await?;
            let log = opened.log_store();
            let version = opened.version().unwrap_or(0);
            let held = opened.snapshot()?.transaction_version(log.as_ref(), application).await?;
            let entry = log.read_commit_entry(version).await?;
            let entry = entry.ok_or_else(|| Error::Lake("the last commit is gone".to_owned()))?;
            Ok(Some((Standing { version, mark: crc32fast::hash(&entry) }, held)))
        })
    }

    /// Returns the commits to a table after a version that was its newest once, or all of them when
    /// it was never written then; `None` when that cannot be told any more, because the log of that
    /// time is gone or is that of another table.
    ///
    /// # Errors
    /// [`Error::Lake`] when the table's log cannot be read.
    pub fn commits_since(
        &self,
        table: &Table,
        application: &str,
        since: Option<Standing>,
    ) -> Result<Option<Vec<Commit>>> {
        if !self.exists(table.name) {
            return Ok(since.is_none().then(Vec::new));
        }
        let log = DeltaTableBuilder::from_url(self.address(table.name)?)?.build()?.log_store();
        self.runtime.block_on(async {
            if let Some(since) = since {
                let known = log.read_commit_entry(since.version).await?;
                if known.is_none_or(|entry| crc32fast::hash(&entry) != since.mark) {
                    return Ok(None);
                }
            }
            let mut commits = Vec::new();
            let mut version = since.map_or(0, |since| since.version + 1);
            while let Some(entry) = log.read_commit_entry(version).await? {
                let standing = Standing { version, mark: crc32fast::hash(&entry) };
                commits.push(commit(standing, get_actions(version, &entry)?, application));
                version += 1;
            }
            // A table without a first commit has lost it.
            Ok((since.is_some() || !commits.is_empty()).then_some(commits))
        })
    }

    /// Runs `sql` over the rows of some files of a table, as a [`Commit`] names them, in place of
    /// the whole table, and hands the rows to `each` in pieces.
    ///
    /// # Errors
    /// [`Error::Lake`] when a file is gone or the query fails, and whatever `each` returns.
    pub fn stream_added<E: From<Error>>(
        &self,
        table: &Table,
        files: &[String],
        sql: &str,
        each: impl FnMut(Frame) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let context = self.session()?;
        let folder = self.folder.join(table.name);
        let mut paths = Vec::with_capacity(files.len());
        for file in files {
            let path = folder.join(file);
            if !path.is_file() {
                let gone = format!("`{}` is gone", path.display());
                return Err(Error::Lake(gone).into());
            }
            // As an address: a name may hold what stands for many files.
            let address = url::Url::from_file_path(&path);
            paths.push(address.map_or_else(|()| file.clone(), String::from));
        }
        let schema = convert::arrow_schema(table);
        let options = ParquetReadOptions::new().schema(&schema);
        let read = async {
            let rows = context.read_parquet(paths, options).await?.into_view();
            context.register_table(table.name, rows)?;
            Result::Ok(())
        };
        self.runtime.block_on(read)?;
        self.stream_from(&context, sql, each)
    }
}

fn commit(standing: Standing, actions: Vec<Action>, application: &str) -> Commit {
    let (transaction, added) = (None, Vec::new());
    let mut commit = Commit { standing, transaction, added, has_removed: false };
    for action in actions {
        match action {
            Action::Add(add) if add.data_change => commit.added.push(add.path),
            Action::Remove(remove) => commit.has_removed |= remove.data_change,
            Action::Txn(transaction) if transaction.app_id == application => {
                commit.transaction = Some(transaction.version);
            }
            _ => {}
        }
    }
    commit
}
