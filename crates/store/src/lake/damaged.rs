//! Parquet files that nobody can trust: how they are opened, and what happens when reading one
//! breaks the library that reads it.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::errors::ParquetError;

/// Opens a Parquet file.
///
/// The second description of its columns, which Arrow adds in its own format, is left aside: what
/// Parquet says of them is enough, and some damage to it stops the library with a panic.
pub(super) fn open(file: File) -> Result<ParquetRecordBatchReaderBuilder<File>, ParquetError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    guarded(|| ParquetRecordBatchReaderBuilder::try_new_with_options(file, options))
}

/// Runs a step of reading; a panic of the library is an error of the file.
pub(super) fn guarded<T>(
    step: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, ParquetError> {
    // What the step had in hand is not used again: its caller gives the file up.
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| {
        Err(ParquetError::General("what it says of itself cannot be".to_owned()))
    })
}
