//! Which numbers stand in this file: Parquet, CSV or TSV into a frame, and a frame into Parquet.
//!
//! The kind of a column of a text file is found from all its values: integers, else numbers, else
//! text. Empty is missing, and so is `NaN` among numbers. No dates are recognised in text files.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Result, bail};
use shopwise_model::frame::{Column, Frame, NULL_INT, Texts};
use shopwise_store::source::{self, OpenOptions, Separator};

use super::UsageError;

/// Reads a table; `columns` names those of a text file without a header.
///
/// # Errors
/// When the file cannot be read, with its name, and its line where one is to blame.
pub(crate) fn read(path: &Path, columns: Option<&[String]>) -> Result<Frame> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let lower = name.to_lowercase();
    if lower.ends_with(".parquet") {
        if columns.is_some() {
            bail!(UsageError::new(format!(
                "`--columns` is for files without a header, and `{}` names its columns itself",
                path.display()
            )));
        }
        return Ok(shopwise_store::lake::read_table_file(path)?);
    }
    let bare = lower.strip_suffix(".gz").or_else(|| lower.strip_suffix(".zst")).unwrap_or(&lower);
    let delimiter = match bare.rsplit('.').next() {
        Some("csv") => b',',
        Some("tsv") => b'\t',
        _ => bail!(UsageError::new(format!(
            "the name of a table must end in .parquet, .csv or .tsv (the last two also .gz or \
             .zst), got `{}`",
            path.display()
        ))),
    };
    read_text(path, delimiter, columns)
}

/// Writes a table; the name must end in `.parquet`.
///
/// # Errors
/// When the name ends otherwise or the file cannot be written.
pub(crate) fn write(path: &Path, frame: &Frame) -> Result<()> {
    check_output(path)?;
    shopwise_store::lake::write_table_file(path, frame)?;
    Ok(())
}

/// Checks the name of a table to be written, so that nothing is computed in vain.
///
/// # Errors
/// [`UsageError`] when the name does not end in `.parquet`.
pub(crate) fn check_output(path: &Path) -> Result<()> {
    if path.extension().is_some_and(|extension| extension == "parquet") {
        return Ok(());
    }
    bail!(UsageError::new(format!("output must end in .parquet, got `{}`", path.display())))
}

/// Reads separated text whose first line, or `columns`, names the columns.
fn read_text(path: &Path, delimiter: u8, columns: Option<&[String]>) -> Result<Frame> {
    let options = OpenOptions {
        separator: Some(Separator::Byte(delimiter)),
        columns: columns.map(<[String]>::to_vec),
        ..OpenOptions::default()
    };
    let mut file = source::open(path, &options)?;
    let names = file.header().to_vec();
    check_names(&names, path)?;
    let mut columns: Vec<RawColumn> = names.iter().map(|_| RawColumn::default()).collect();
    while let Some(batch) = file.next_batch()? {
        if let Some(bad) = batch.bad.first() {
            let field = if bad.field.is_empty() {
                String::new()
            } else {
                format!(", column `{}`", bad.field)
            };
            bail!("{} (file `{}`, line {}{field})", bad.reason, path.display(), bad.line);
        }
        for row in 0..batch.rows() {
            for (at, column) in columns.iter_mut().enumerate() {
                column.push(batch.field(row, at));
            }
        }
    }
    let mut frame = Frame::default();
    for (name, column) in names.iter().zip(columns) {
        frame = frame.with(name, column.into_column());
    }
    Ok(frame)
}

fn check_names(names: &[String], path: &Path) -> Result<()> {
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        None => Ok(()),
        Some((_, name)) => {
            bail!("there are two columns `{name}` (file `{}`, line 1)", path.display())
        }
    }
}

/// The values of one column as they stand in the file, one after the other.
#[derive(Debug, Default)]
struct RawColumn {
    bytes: Vec<u8>,
    /// Where each value ends in `bytes`.
    ends: Vec<usize>,
}

impl RawColumn {
    fn push(&mut self, field: &[u8]) {
        self.bytes.extend_from_slice(field);
        self.ends.push(self.bytes.len());
    }

    fn values(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes[start..*end].trim_ascii())
    }

    /// Returns the column of the narrowest kind that holds all values.
    fn into_column(self) -> Column {
        if let Some(numbers) = self.values().map(integer).collect() {
            let column: Vec<i64> = numbers;
            // A column without any value could be of every kind: numbers fit most uses.
            if column.iter().any(|value| *value != NULL_INT) {
                return Column::Int(column);
            }
        }
        if let Some(numbers) = self.values().map(number).collect() {
            return Column::Float(numbers);
        }
        let mut texts = Texts::default();
        for value in self.values() {
            let text = std::str::from_utf8(value).expect("rows were checked when they were read");
            texts.push(Some(text).filter(|text| !text.is_empty()));
        }
        Column::Text(texts)
    }
}

fn is_missing(value: &[u8]) -> bool {
    value.is_empty() || value.eq_ignore_ascii_case(b"nan")
}

fn integer(value: &[u8]) -> Option<i64> {
    if is_missing(value) {
        return Some(NULL_INT);
    }
    let number = std::str::from_utf8(value).ok()?.parse().ok()?;
    (number != NULL_INT).then_some(number)
}

fn number(value: &[u8]) -> Option<f64> {
    if is_missing(value) {
        return Some(f64::NAN);
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Returns a column of numbers, `NaN` where missing.
///
/// # Errors
/// When there is no such column or it holds something else.
pub(crate) fn numbers<'a>(frame: &'a Frame, name: &str) -> Result<Cow<'a, [f64]>> {
    match frame.column(name)? {
        Column::Float(values) => Ok(Cow::Borrowed(values)),
        Column::Int(values) => {
            let number = |value: &i64| if *value == NULL_INT { f64::NAN } else { *value as f64 };
            Ok(Cow::Owned(values.iter().map(number).collect()))
        }
        Column::Bool(values) => {
            Ok(Cow::Owned(values.iter().map(|value| f64::from(u8::from(*value))).collect()))
        }
        other => bail!("column `{name}` holds {}, not numbers", other.kind().name()),
    }
}
