//! Reading files of separated text, of JSON objects and of lines, as batches of raw fields with
//! their line numbers.
//!
//! Streaming, in bounded memory, plain or compressed by gzip or zstd. A row that cannot be read is
//! data, not an error: it comes in [`RawBatch::bad`]. What a field means is not known here, and
//! Parquet files are read by the lake.

mod batch;
mod blocks;
mod bytes;
mod lines;
mod objects;
mod records;
mod tail;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use batch::{BATCH_BYTES, BATCH_ROWS, BadRow, LINE_BYTES_MAX, NOT_UTF8, RawBatch};
pub use blocks::{Block, Blocks, open_blocks};
pub use bytes::digest;
pub use lines::{Lines, open_lines};
pub use objects::{Objects, open_objects};
pub use tail::{Grown, Mark, Tail};

use crate::Result;
use bytes::ByteStream;
use lines::Found;
use records::{Record, Records};

/// What stands between two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// One byte: comma, tab, semicolon, bar.
    Byte(u8),
    /// `::`, as MovieLens has it; without quotes.
    DoubleColon,
}

/// How bytes above 127 are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8; what is none makes a bad row.
    #[default]
    Utf8,
    /// ISO 8859-1, in which every byte is a character.
    Latin1,
}

/// How a file is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// What stands between two fields; `None` finds it in the first line.
    pub separator: Option<Separator>,
    /// The columns of a file without a header; `None` takes the first record.
    pub columns: Option<Vec<String>>,
    /// How bytes above 127 are read.
    pub encoding: Encoding,
    /// Whether `"` quotes fields (with a separator of one byte).
    pub quotes: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { separator: None, columns: None, encoding: Encoding::Utf8, quotes: true }
    }
}

/// A file of records, being read.
#[derive(Debug)]
pub struct Source {
    records: Records,
    record: Record,
    header: Vec<String>,
    encoding: Encoding,
}

/// Opens a file of separated text and reads its header.
///
/// # Errors
/// When the file cannot be read, is empty, is no text, or its header is broken.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Source> {
    let stream = ByteStream::open(path)?;
    let separator = options.separator.unwrap_or_else(|| detect(stream.first_line()));
    let empty = stream.refusal("the file has no header: it holds only empty lines");
    let records = Records::new(stream, separator, options);
    let record = Record::default();
    let mut source = Source { records, record, header: Vec::new(), encoding: options.encoding };
    match &options.columns {
        Some(columns) => source.header.clone_from(columns),
        None => source.read_header(empty)?,
    }
    Ok(source)
}

impl Source {
    /// Returns the names of the columns.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Returns the next rows, `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_batch(&mut self) -> Result<Option<RawBatch>> {
        let mut batch = RawBatch::new(self.header.len());
        while !batch.is_full() {
            match self.next_record()? {
                Found::Line(line) => {
                    batch.push(line, self.record.bytes(), self.record.ends(), &self.header);
                }
                Found::Bad(bad) => batch.bad.push(bad),
                Found::End => break,
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn next_record(&mut self) -> Result<Found> {
        let found = self.records.next(&mut self.record)?;
        if self.encoding == Encoding::Latin1 {
            self.record.latin1_to_utf8();
        }
        Ok(found)
    }

    fn read_header(&mut self, mut refusal: crate::Error) -> Result<()> {
        match self.next_record()? {
            Found::Line(_) => {}
            Found::End => return Err(refusal),
            Found::Bad(bad) => {
                if let crate::Error::Input { line, message, .. } = &mut refusal {
                    *line = bad.line;
                    *message = format!("the header cannot be read: {}", bad.reason);
                }
                return Err(refusal);
            }
        }
        let mut start = 0;
        for end in self.record.ends() {
            let name = String::from_utf8_lossy(&self.record.bytes()[start..*end]);
            self.header.push(name.trim().to_owned());
            start = *end;
        }
        Ok(())
    }
}

/// Returns the separator that cuts the line into most fields; a comma if none does.
fn detect(line: &[u8]) -> Separator {
    let mut quoted = false;
    let mut bare = Vec::with_capacity(line.len());
    for byte in line {
        quoted ^= *byte == b'"';
        if !quoted {
            bare.push(*byte);
        }
    }
    let doubled = bare.windows(2).filter(|pair| *pair == b"::").count();
    let mut best = (doubled, Separator::DoubleColon);
    for candidate in [b'|', b';', b'\t', b','] {
        let count = bare.iter().filter(|byte| **byte == candidate).count();
        if count >= best.0 {
            best = (count, Separator::Byte(candidate));
        }
    }
    best.1
}
