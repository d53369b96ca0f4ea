//! Writing a Parquet file piece by piece, in bounded memory.

use std::fs::File;
use std::path::{Path, PathBuf};

use datafusion::parquet::arrow::ArrowWriter;
use shopwise_model::Frame;

use super::convert;
use crate::error::{Error, Result};

/// A Parquet file that is being written; the first piece decides its columns.
#[derive(Debug)]
pub struct TableFile {
    path: PathBuf,
    writer: Option<ArrowWriter<File>>,
}

impl TableFile {
    /// Begins a file, which is made with the first piece.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), writer: None }
    }

    /// Adds rows with the columns of the first piece.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be made, [`Error::Lake`] when it cannot be written.
    pub fn write(&mut self, rows: &Frame) -> Result<()> {
        let batch = convert::batch_of_frame(rows)?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = File::create(&self.path).map_err(Error::io(&self.path))?;
                let made = ArrowWriter::try_new(file, batch.schema(), None).map_err(refused)?;
                none.insert(made)
            }
        };
        writer.write(&batch).map_err(refused)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`Error::Lake`] when it cannot be written.
    pub fn close(self) -> Result<()> {
        if let Some(writer) = self.writer {
            writer.close().map_err(refused)?;
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "given to map_err")]
fn refused(error: datafusion::parquet::errors::ParquetError) -> Error {
    Error::Lake(error.to_string())
}
