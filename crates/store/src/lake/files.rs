//! Table files outside the lake: Parquet files for the laboratory and for export.

use std::fs::File;
use std::path::Path;

use datafusion::parquet::arrow::ArrowWriter;
use shopwise_model::Frame;

use super::{convert, damaged};
use crate::error::{Error, Result};

/// Reads a Parquet file whole.
///
/// # Errors
/// [`Error::Io`] when the file cannot be opened, [`Error::Input`] when it is not Parquet,
/// [`Error::Lake`] when a column has a type that is not read.
pub fn read_table_file(path: &Path) -> Result<Frame> {
    let wrong = |error: &dyn std::fmt::Display| Error::Input {
        file: path.display().to_string(),
        line: 0,
        message: format!("not a readable Parquet file: {error}"),
    };
    let file = File::open(path).map_err(Error::io(path))?;
    let builder = damaged::open(file).map_err(|error| wrong(&error))?;
    let schema = std::sync::Arc::clone(builder.schema());
    let batches = damaged::guarded(|| {
        let reader = builder.with_batch_size(65_536).build()?;
        Ok(reader.collect::<std::result::Result<Vec<_>, _>>()?)
    });
    let batches = batches.map_err(|error| wrong(&error))?;
    convert::frame_from_batches(&schema, &batches)
}

/// Writes a frame as a Parquet file.
///
/// # Errors
/// [`Error::Io`] when the file cannot be made, [`Error::Lake`] when it cannot be written.
pub fn write_table_file(path: &Path, frame: &Frame) -> Result<()> {
    let batch = convert::batch_of_frame(frame)?;
    let file = File::create(path).map_err(Error::io(path))?;
    let refused = |error: datafusion::parquet::errors::ParquetError| Error::Lake(error.to_string());
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).map_err(refused)?;
    writer.write(&batch).map_err(refused)?;
    writer.close().map_err(refused)?;
    Ok(())
}
