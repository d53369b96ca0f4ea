//! The big tables: Delta tables in a folder, written as frames, read by SQL through DataFusion.
//!
//! Everything goes through this seam, so that another object store or a cluster can stand behind
//! it: no stage opens a file of the lake. Calls block; the engine's own threads do the work.

mod changes;
mod convert;
mod damaged;
mod disk;
mod files;
mod opened;
mod pin;
mod rows;
mod slices;
mod table_file;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::{DeltaTable, DeltaTableBuilder, TableProperty};
use futures::StreamExt;
use shopwise_model::Frame;
use shopwise_model::tables::{TABLES, Table};
use tokio::runtime::Runtime;

use crate::error::{Error, Result};
use opened::Opened;

pub use changes::{Commit, Standing};
pub use files::{read_table_file, write_table_file};
pub use rows::ParquetRows;
pub use table_file::TableFile;
pub use write::Append;

/// The lake of one shop.
#[derive(Debug)]
pub struct Lake {
    folder: PathBuf,
    memory_bytes: usize,
    runtime: Arc<Runtime>,
    opened: Opened,
}

/// How often the log of a table is summed up, in commits: so many entries has to read, at most,
/// whoever opens it, and summing up costs as much as some.
const CHECKPOINT_COMMITS: &str = "20";
/// How long entries of a log that was summed up, and files that no version needs any more, are
/// kept: for who reads a version that was the newest when he began. A server makes 1,800 of each an
/// hour, and looks through all with each commit.
const KEPT: &str = "interval 3 hours";

/// Which version of a table a query reads; tables that are not named are read at their newest.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// The table.
    pub table: &'static str,
    /// Its version.
    pub version: u64,
}

impl Lake {
    /// Opens the lake in `folder`, which is made if it is missing. Queries use at most
    /// `memory_bytes` and spill to disk beyond that.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be made.
    pub fn open(folder: &Path, memory_bytes: usize) -> Result<Self> {
        disk::register();
        disk::make_folder(folder).map_err(Error::io(folder))?;
        let folder = folder.canonicalize().map_err(Error::io(folder))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(Error::io(&folder))?;
        Ok(Self { folder, memory_bytes, runtime: Arc::new(runtime), opened: Opened::default() })
    }

    /// Returns the newest version of `table`, or `None` when it was never written.
    ///
    /// # Errors
    /// [`Error::Lake`] when the table's log cannot be read.
    pub fn version(&self, table: &Table) -> Result<Option<u64>> {
        if !self.exists(table.name) {
            return Ok(None);
        }
        self.runtime.block_on(async {
            let opened = self.newest(table.name).await?;
            Ok(opened.version())
        })
    }

    /// Returns the version that an application gave to the last of its transactions on `table`, as
    /// [`Append::commit`] wrote it. It is durable.
    ///
    /// # Errors
    /// [`Error::Lake`] when the table's log cannot be read, or when the disk did not take a commit
    /// of this process that can be seen.
    pub fn transaction(&self, table: &Table, application: &str) -> Result<Option<i64>> {
        if disk::has_failed() {
            let what = "the disk has failed while the lake was written";
            return Err(Error::Lake(format!("{what}\nhint: check the disk, then start again")));
        }
        if !self.exists(table.name) {
            return Ok(None);
        }
        let found = self.runtime.block_on(async {
            let opened = self.newest(table.name).await?;
            let log = opened.log_store();
            Result::Ok(opened.snapshot()?.transaction_version(log.as_ref(), application).await?)
        })?;
        // Who wrote it may have been killed between giving it its name and making that durable.
        let log = self.folder.join(table.name).join("_delta_log");
        disk::sync_folder(&log).map_err(Error::io(log))?;
        Ok(found)
    }

    /// Runs `sql` over the newest tables and returns all rows.
    ///
    /// # Errors
    /// [`Error::Lake`] when the query is wrong or fails.
    pub fn query(&self, sql: &str) -> Result<Frame> {
        self.query_at(sql, &[])
    }

    /// Runs `sql` over tables at the given versions and returns all rows.
    ///
    /// # Errors
    /// [`Error::Lake`] when the query is wrong or fails.
    pub fn query_at(&self, sql: &str, versions: &[At]) -> Result<Frame> {
        self.runtime.block_on(async {
            let context = self.context(sql, versions).await?;
            let data = context.sql(sql).await?;
            let schema = Arc::clone(data.schema().inner());
            let batches = data.collect().await?;
            convert::frame_from_batches(&schema, &batches)
        })
    }

    /// Runs `sql` and hands the rows to `each` in pieces, in the query's order, until it fails; of
    /// no rows one piece, which tells the columns.
    ///
    /// # Errors
    /// [`Error::Lake`] when the query is wrong or fails, and whatever `each` returns.
    pub fn stream<E: From<Error>>(
        &self,
        sql: &str,
        mut each: impl FnMut(Frame) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.stream_at(sql, &[], &mut each)
    }

    /// As [`Lake::stream`], over tables at the given versions.
    ///
    /// # Errors
    /// As [`Lake::stream`].
    pub fn stream_at<E: From<Error>>(
        &self,
        sql: &str,
        versions: &[At],
        each: impl FnMut(Frame) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let context = self.runtime.block_on(self.context(sql, versions))?;
        self.stream_from(&context, sql, each)
    }

    fn stream_from<E: From<Error>>(
        &self,
        context: &SessionContext,
        sql: &str,
        mut each: impl FnMut(Frame) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut failed = None;
        self.stream_while(context, sql, &mut |part| match each(part) {
            Ok(()) => true,
            Err(error) => {
                failed = Some(error);
                false
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Hands rows over until `each` returns false. Not generic: the engine's futures are then
    /// compiled once, in this crate.
    fn stream_while(
        &self,
        context: &SessionContext,
        sql: &str,
        each: &mut dyn FnMut(Frame) -> bool,
    ) -> Result<()> {
        let mut batches = self
            .runtime
            .block_on(async { Result::Ok(context.sql(sql).await?.execute_stream().await?) })?;
        let (schema, mut is_first) = (batches.schema(), true);
        // `each` runs outside of the runtime, so that it may use the lake itself.
        while let Some(batch) = self.runtime.block_on(batches.next()) {
            if !each(convert::frame_from_batches(&schema, &[batch?])?) {
                return Ok(());
            }
            is_first = false;
        }
        if is_first {
            each(convert::frame_from_batches(&schema, &[])?);
        }
        Ok(())
    }

    /// Begins adding rows to `table`; nothing is visible before [`Append::commit`].
    ///
    /// # Errors
    /// [`Error::Lake`] when the table cannot be made or read.
    pub fn append(&self, table: &'static Table) -> Result<Append> {
        let opened = self.runtime.block_on(self.load_or_create(table))?;
        Append::begin(opened, table, Arc::clone(&self.runtime), false)
    }

    /// Begins replacing all rows of a derived table by rows that come in pieces; nothing changes
    /// before [`Append::commit`].
    ///
    /// # Errors
    /// [`Error::Lake`] when the table cannot be made or read.
    pub fn rebuild(&self, table: &'static Table) -> Result<Append> {
        let opened = self.runtime.block_on(async {
            let opened = self.load_or_create(table).await?;
            if convert::has_columns(&opened, table)? {
                return Ok(opened);
            }
            // Columns changed with the program: the table is emptied under its new ones first.
            write::replace(opened, table, &table.empty()).await?;
            self.newest(table.name).await
        })?;
        Append::begin(opened, table, Arc::clone(&self.runtime), true)
    }

    /// Replaces all rows of a derived table, in one step, and returns the new version.
    ///
    /// # Errors
    /// [`Error::Lake`] when writing fails; the table then stays as it was.
    pub fn replace(&self, table: &'static Table, rows: &Frame) -> Result<u64> {
        self.runtime.block_on(async {
            let opened = self.load_or_create(table).await?;
            write::replace(opened, table, rows).await
        })
    }

    /// Joins small files of `table` into large ones and deletes files that no version of the last
    /// three hours needs.
    ///
    /// # Errors
    /// [`Error::Lake`] when the table cannot be read or written.
    pub fn compact(&self, table: &Table) -> Result<()> {
        if !self.exists(table.name) {
            return Ok(());
        }
        self.runtime.block_on(async {
            let opened = self.newest(table.name).await?;
            // One after the other, in small groups of rows: memory stays where it is.
            let optimize = opened.optimize().with_max_concurrent_tasks(1);
            let (opened, _) =
                optimize.with_writer_properties(write::properties(write::ROWS_JOINED)?).await?;
            opened.vacuum().await?;
            Ok(())
        })
    }

    /// Tells whether a table was ever written: its log has an entry. A power cut while a table is
    /// made may leave the folder of its log alone.
    fn exists(&self, name: &str) -> bool {
        let log = std::fs::read_dir(self.folder.join(name).join("_delta_log"));
        log.is_ok_and(|mut log| log.any(|entry| entry.is_ok_and(|entry| disk::is_entry(&entry))))
    }

    fn address(&self, name: &str) -> Result<url::Url> {
        let path = self.folder.join(name);
        url::Url::from_directory_path(&path)
            .map_err(|()| Error::Lake(format!("`{}` is no absolute path", path.display())))
    }

    async fn load(&self, name: &str, version: Option<u64>) -> Result<DeltaTable> {
        let mut builder = DeltaTableBuilder::from_url(self.address(name)?)?;
        if let Some(version) = version {
            builder = builder.with_version(version);
        }
        Ok(builder.load().await?)
    }

    async fn load_or_create(&self, table: &Table) -> Result<DeltaTable> {
        if self.exists(table.name) {
            return self.newest(table.name).await;
        }
        let path = self.folder.join(table.name);
        disk::make_folder(&path).map_err(Error::io(&path))?;
        let created = DeltaTable::try_from_url(self.address(table.name)?)
            .await?
            .create()
            .with_table_name(table.name)
            .with_columns(convert::delta_fields(table)?)
            .with_configuration_property(
                TableProperty::CheckpointInterval,
                Some(CHECKPOINT_COMMITS),
            )
            .with_configuration_property(TableProperty::LogRetentionDuration, Some(KEPT))
            .with_configuration_property(TableProperty::DeletedFileRetentionDuration, Some(KEPT))
            .await?;
        Ok(created)
    }

    /// Returns a session that knows no table.
    fn session(&self) -> Result<SessionContext> {
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(self.memory_bytes)))
            .build_arc()?;
        disk::register_for(&environment);
        let config = SessionConfig::new()
            .with_batch_size(65_536)
            .set_bool("datafusion.sql_parser.enable_ident_normalization", false)
            .set_bool("datafusion.execution.parquet.pushdown_filters", true);
        Ok(SessionContext::new_with_config_rt(config, environment))
    }

    /// Returns a session that knows the tables which `sql` names. A table that was never written is
    /// there without rows, as is one that lacks columns: an earlier version of the program wrote
    /// it, and the next run of its stage rebuilds it.
    async fn context(&self, sql: &str, versions: &[At]) -> Result<SessionContext> {
        let context = self.session()?;
        for table in TABLES.iter().filter(|table| sql.contains(table.name)) {
            if self.exists(table.name) {
                let version =
                    versions.iter().find(|at| at.table == table.name).map(|at| at.version);
                let opened = match version {
                    None => self.newest(table.name).await?,
                    Some(_) => self.load(table.name, version).await?,
                };
                let provider = opened.table_provider().await?;
                let schema = provider.schema();
                if table.fields.iter().all(|field| schema.index_of(field.name).is_ok()) {
                    opened.update_datafusion_session(&context.state())?;
                    context.register_table(table.name, provider)?;
                    continue;
                }
            }
            context.register_table(table.name, convert::empty_table(table)?)?;
        }
        Ok(context)
    }
}

#[cfg(test)]
mod tests;
