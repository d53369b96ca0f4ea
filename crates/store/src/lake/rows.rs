//! Parquet files read row by row as text: what importers get from text files.
//!
//! One piece of a row group is in memory at a time. Numbers and times are written so that importers
//! read the same value: no exponents, times with their offset when they have one.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use datafusion::arrow::array::{Array as _, ArrayRef, AsArray};
use datafusion::arrow::compute::{can_cast_types, cast};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::damaged;
use crate::error::{Error, Result};
use crate::source::{BadRow, LINE_BYTES_MAX, RawBatch};

/// Rows decoded at a time: long texts of so many rows still fit into memory.
const ROWS: usize = 8 * 1024;

/// A Parquet file, being read as rows of text.
pub struct ParquetRows {
    file: String,
    header: Vec<String>,
    reader: ParquetRecordBatchReader,
    columns: Vec<ArrayRef>,
    /// Rows of `columns`, and how many of them have been handed out.
    rows: usize,
    at: usize,
    line: u64,
}

impl std::fmt::Debug for ParquetRows {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ParquetRows").field("file", &self.file).finish_non_exhaustive()
    }
}

impl ParquetRows {
    /// Opens the file and reads its columns; those that cannot be written as text are left out.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be opened, [`Error::Input`] when it is not Parquet.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(Error::io(path))?;
        let builder = damaged::open(file).map_err(|error| broken(&name, 0, &error))?;
        let (mut header, mut kept) = (Vec::new(), Vec::new());
        for (at, field) in builder.schema().fields().iter().enumerate() {
            if is_text_or_number(field.data_type()) {
                header.push(field.name().clone());
                kept.push(at);
            }
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), kept);
        let builder = builder.with_projection(mask).with_batch_size(ROWS);
        let reader =
            damaged::guarded(|| builder.build()).map_err(|error| broken(&name, 0, &error))?;
        Ok(Self { file: name, header, reader, columns: Vec::new(), rows: 0, at: 0, line: 0 })
    }

    /// Returns the names of the columns.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Returns the next rows, numbered from 1, or `None` at the end.
    ///
    /// # Errors
    /// [`Error::Input`] when the file is damaged.
    pub fn next_batch(&mut self) -> Result<Option<RawBatch>> {
        let mut batch = RawBatch::new(self.header.len());
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        while !batch.is_full() {
            if self.at == self.rows && !self.decode()? {
                break;
            }
            bytes.clear();
            ends.clear();
            for column in &self.columns {
                write(column, self.at, &mut bytes);
                ends.push(bytes.len());
            }
            self.at += 1;
            self.line += 1;
            if bytes.len() > LINE_BYTES_MAX {
                let reason = format!("a row longer than {LINE_BYTES_MAX} bytes");
                batch.bad.push(BadRow::new(self.line, "", &bytes, reason));
                continue;
            }
            batch.push(self.line, &bytes, &ends, &self.header);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Decodes the next piece; false at the end.
    fn decode(&mut self) -> Result<bool> {
        loop {
            let next = damaged::guarded(|| Ok(self.reader.next().transpose()?));
            let next = next.map_err(|error| broken(&self.file, self.line, &error))?;
            let Some(batch) = next else { return Ok(false) };
            self.columns = as_text(&batch)?;
            (self.rows, self.at) = (batch.num_rows(), 0);
            if self.rows > 0 {
                return Ok(true);
            }
        }
    }
}

fn broken(file: &str, line: u64, error: &dyn std::fmt::Display) -> Error {
    let hint = "hint: the file is no Parquet, was cut off or is damaged: write it again";
    let message = format!("not a readable Parquet file: {error}\n{hint}");
    Error::Input { file: file.to_owned(), line, message }
}

fn is_text_or_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Binary | DataType::BinaryView | DataType::FixedSizeBinary(_) => true,
        DataType::Dictionary(_, value) => is_text_or_number(value),
        other => !other.is_nested() && can_cast_types(other, &DataType::Utf8),
    }
}

/// Returns the columns as texts, numbers with a fraction and bytes.
fn as_text(batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    let text = |column: &ArrayRef| -> Result<ArrayRef> {
        let wanted = match column.data_type() {
            DataType::Float16 => DataType::Float32,
            DataType::Float32 | DataType::Float64 => return Ok(ArrayRef::clone(column)),
            DataType::Binary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                DataType::Binary
            }
            _ => DataType::Utf8,
        };
        Ok(cast(column, &wanted)?)
    };
    batch.columns().iter().map(text).collect()
}

/// Appends a value as text; a missing one and NaN are empty.
fn write(column: &ArrayRef, row: usize, bytes: &mut Vec<u8>) {
    if column.is_null(row) {
        return;
    }
    let written = match column.data_type() {
        DataType::Float32 => {
            let value = column.as_primitive::<Float32Type>().value(row);
            if value.is_nan() { Ok(()) } else { write!(bytes, "{value}") }
        }
        DataType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            if value.is_nan() { Ok(()) } else { write!(bytes, "{value}") }
        }
        DataType::Binary => {
            let value = column.as_binary::<i32>().value(row);
            bytes.extend_from_slice(crate::vault::hexadecimal(value).as_bytes());
            Ok(())
        }
        _ => {
            bytes.extend_from_slice(column.as_string::<i32>().value(row).as_bytes());
            Ok(())
        }
    };
    debug_assert!(written.is_ok(), "a vector takes all bytes");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
        Int32Array, ListArray, StringArray, TimestampMillisecondArray,
    };
    use datafusion::arrow::datatypes::Int32Type;
    use datafusion::parquet::arrow::ArrowWriter;

    use super::*;

    fn written(columns: Vec<(&str, ArrayRef)>) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.parquet");
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer =
            ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        (folder, path)
    }

    #[test]
    fn values_are_written_as_importers_read_them() {
        let moment = 1_291_191_960_250;
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("text", Arc::new(StringArray::from(vec![Some("a, \"b\" 价"), None]))),
            ("small", Arc::new(Float32Array::from(vec![2.55, f32::NAN]))),
            ("real", Arc::new(Float64Array::from(vec![17_850.0, 1e-7]))),
            ("whole", Arc::new(Int32Array::from(vec![Some(-5), None]))),
            ("list", Arc::new(list)),
            ("truth", Arc::new(BooleanArray::from(vec![true, false]))),
            ("day", Arc::new(Date32Array::from(vec![19_783, -1]))),
            ("naive", Arc::new(TimestampMillisecondArray::from(vec![moment, 0]))),
            (
                "utc",
                Arc::new(TimestampMillisecondArray::from(vec![moment, 0]).with_timezone("UTC")),
            ),
            (
                "price",
                Arc::new(
                    Decimal128Array::from(vec![1_106_206, -5])
                        .with_precision_and_scale(10, 2)
                        .unwrap(),
                ),
            ),
            ("coded", Arc::new(["x", "y"].into_iter().collect::<DictionaryArray<Int32Type>>())),
        ];
        let (_folder, path) = written(columns);
        let mut rows = ParquetRows::open(&path).unwrap();
        let names =
            ["text", "small", "real", "whole", "truth", "day", "naive", "utc", "price", "coded"];
        assert_eq!(rows.header(), names, "a list is left out");
        let batch = rows.next_batch().unwrap().unwrap();
        let row = |row: usize| -> Vec<&str> {
            (0..batch.columns()).map(|column| batch.text(row, column)).collect()
        };
        let first = [
            "a, \"b\" 价",
            "2.55",
            "17850",
            "-5",
            "true",
            "2024-03-01",
            "2010-12-01T08:26:00.250",
            "2010-12-01T08:26:00.250Z",
            "11062.06",
            "x",
        ];
        assert_eq!(row(0), first);
        let second = [
            "",
            "",
            "0.0000001",
            "",
            "false",
            "1969-12-31",
            "1970-01-01T00:00:00",
            "1970-01-01T00:00:00Z",
            "-0.05",
            "y",
        ];
        assert_eq!(row(1), second);
        assert_eq!((batch.lines(), batch.bad.len()), (&[1, 2][..], 0));
        assert!(rows.next_batch().unwrap().is_none());
    }

    #[test]
    fn a_file_without_rows_has_its_columns() {
        let empty: ArrayRef = Arc::new(StringArray::from(Vec::<&str>::new()));
        let (_folder, path) = written(vec![("id", empty)]);
        let mut rows = ParquetRows::open(&path).unwrap();
        assert_eq!(rows.header(), ["id"]);
        assert!(rows.next_batch().unwrap().is_none());
    }
}
