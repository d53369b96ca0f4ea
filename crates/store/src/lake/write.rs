//! Writing to the lake: streamed appends with one commit, and replacement of derived tables.

use std::sync::Arc;

use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use deltalake::DeltaTable;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, Transaction};
use deltalake::operations::write::SchemaMode;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use shopwise_model::Frame;
use shopwise_model::tables::Table;
use tokio::runtime::Runtime;

use super::convert;
use crate::error::{Error, Result};

/// Rows that are encoded in memory before a file is written: bounds memory, and keeps files near
/// 100 MB for events.
const ROWS_BUFFERED: usize = 2_000_000;

/// How often what is too old is deleted from the log of a table that grows, in commits.
const CLEANED_COMMITS: u64 = 64;

/// Rows of a group: what is written at once, and held until then.
pub(super) const ROWS: usize = 262_144;
/// The same where a server joins files beside its work: some 50 MB.
pub(super) const ROWS_JOINED: usize = 65_536;

pub(super) fn properties(rows: usize) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(1).map_err(|error| Error::Lake(error.to_string()))?;
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(rows))
        .build())
}

/// Rows on their way into a table. Dropped without a commit they were never there; the files that
/// were already written are then swept by compaction.
pub struct Append {
    table: DeltaTable,
    schema: &'static Table,
    writer: RecordBatchWriter,
    adds: Vec<Add>,
    buffered: usize,
    rows: usize,
    replaces: bool,
    runtime: Arc<Runtime>,
}

impl std::fmt::Debug for Append {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Append").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Append {
    pub(super) fn begin(
        table: DeltaTable,
        schema: &'static Table,
        runtime: Arc<Runtime>,
        replaces: bool,
    ) -> Result<Self> {
        let writer =
            RecordBatchWriter::for_table(&table)?.with_writer_properties(properties(ROWS)?);
        Ok(Self {
            table,
            schema,
            writer,
            adds: Vec::new(),
            buffered: 0,
            rows: 0,
            replaces,
            runtime,
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// [`Error::Lake`] when a column is missing or a file cannot be written.
    pub fn write(&mut self, rows: &Frame) -> Result<()> {
        if rows.rows() == 0 {
            return Ok(());
        }
        let batch = convert::batch_of_table(self.schema, rows)?;
        self.buffered += batch.num_rows();
        self.rows += batch.num_rows();
        let runtime = Arc::clone(&self.runtime);
        runtime.block_on(self.writer.write(batch))?;
        if self.buffered >= ROWS_BUFFERED { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let runtime = Arc::clone(&self.runtime);
        self.adds.extend(runtime.block_on(self.writer.flush())?);
        self.buffered = 0;
        Ok(())
    }

    /// Returns the number of rows added so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Makes all rows visible at once, in place of the former ones if they replace them, and
    /// returns the table's new version; without anything to change nothing is committed.
    /// `transaction` names this write, (application, its own version), and is kept even when there
    /// are no rows.
    ///
    /// # Errors
    /// [`Error::Lake`] when the log cannot be written; the table then stays as it was.
    pub fn commit(mut self, transaction: Option<(&str, i64)>) -> Result<Option<u64>> {
        self.flush()?;
        let mut actions: Vec<Action> =
            std::mem::take(&mut self.adds).into_iter().map(Action::Add).collect();
        if self.replaces {
            let former = self.table.snapshot()?.log_data();
            actions.extend(former.iter().map(|file| Action::Remove(file.remove_action(true))));
        }
        if actions.is_empty() && transaction.is_none() {
            return Ok(self.table.version());
        }
        // After each commit the library would look through the whole log for what is too old.
        let is_cleaned = self.table.version().is_some_and(|version| version % CLEANED_COMMITS == 0);
        let mut properties =
            CommitProperties::default().with_cleanup_expired_logs(Some(is_cleaned));
        if let Some((application, version)) = transaction {
            let transaction = Transaction::new(application, version);
            properties = properties.with_application_transaction(transaction);
        }
        let mode = if self.replaces { SaveMode::Overwrite } else { SaveMode::Append };
        let operation = DeltaOperation::Write { mode, partition_by: None, predicate: None };
        let runtime = Arc::clone(&self.runtime);
        runtime.block_on(async {
            let snapshot = self.table.snapshot()?;
            let finished = CommitBuilder::from(properties)
                .with_actions(actions)
                .build(Some(snapshot), self.table.log_store(), operation)
                .await?;
            Ok(Some(finished.version()))
        })
    }
}

/// Replaces all rows of `table`, its schema included, in one commit.
pub(super) async fn replace(table: DeltaTable, schema: &Table, rows: &Frame) -> Result<u64> {
    let batch = convert::batch_of_table(schema, rows)?;
    let written = table
        .write(vec![batch])
        .with_save_mode(SaveMode::Overwrite)
        .with_schema_mode(SchemaMode::Overwrite)
        .with_writer_properties(properties(ROWS)?)
        .await?;
    Ok(written.version().unwrap_or(0))
}
