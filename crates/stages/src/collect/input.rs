//! One file as batches of rows, however it is written: separated text, JSON lines or Parquet.

use std::path::Path;

use shopwise_store::lake::ParquetRows;
use shopwise_store::source::{self, Encoding, Lines, Objects, OpenOptions, RawBatch, Source};

use super::gorse::Dump;
use crate::error::Result;

/// How an importer wants the rows of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Fields under the names of columns.
    Table,
    /// Whole lines.
    Lines,
    /// Whole lines, or the records of a binary file as such.
    LinesOrDump,
}

/// An open file.
#[derive(Debug)]
pub(crate) enum Input {
    Text(Box<Source>),
    Objects(Box<Objects>),
    Parquet(Box<ParquetRows>),
    Lines(Box<Lines>),
    Dump(Box<Dump>),
}

impl Input {
    /// Opens a file; its name says how it is written.
    pub(crate) fn open(path: &Path, reads: Reads, options: &OpenOptions) -> Result<Self> {
        if reads == Reads::LinesOrDump
            && let Some(blocks) = source::open_blocks(path)?
        {
            return Ok(Self::Dump(Box::new(Dump::new(blocks))));
        }
        Ok(match (reads, Writing::of(path)) {
            (Reads::Lines | Reads::LinesOrDump, _) => {
                Self::Lines(Box::new(source::open_lines(path)?))
            }
            (Reads::Table, Writing::Parquet) => Self::Parquet(Box::new(ParquetRows::open(path)?)),
            (Reads::Table, Writing::Objects) => {
                Self::Objects(Box::new(source::open_objects(path)?))
            }
            (Reads::Table, Writing::Text) => Self::Text(Box::new(source::open(path, options)?)),
        })
    }

    /// Returns the names of the columns; whole lines have none.
    pub(crate) fn header(&self) -> &[String] {
        match self {
            Self::Text(source) => source.header(),
            Self::Objects(objects) => objects.header(),
            Self::Parquet(rows) => rows.header(),
            Self::Lines(_) | Self::Dump(_) => &[],
        }
    }

    /// Returns the next rows, `None` at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<RawBatch>> {
        Ok(match self {
            Self::Text(source) => source.next_batch()?,
            Self::Objects(objects) => objects.next_batch()?,
            Self::Parquet(rows) => rows.next_batch()?,
            Self::Lines(lines) => lines.next_batch()?,
            Self::Dump(dump) => dump.next_batch()?,
        })
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Text,
    Objects,
    Parquet,
}

impl Writing {
    fn of(path: &Path) -> Self {
        let name = file_name(path);
        let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
        if name.ends_with(".parquet") {
            Self::Parquet
        } else if [".jsonl", ".ndjson", ".json"].iter().any(|end| plain.ends_with(end)) {
            Self::Objects
        } else {
            Self::Text
        }
    }
}

/// Returns the name of a file in lower case.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Returns how a text file writes letters above ASCII: UTF-8 when all of it is that.
pub(crate) fn encoding(path: &Path, options: &OpenOptions) -> Result<Encoding> {
    let mut rows = source::open(path, options)?;
    while let Some(batch) = rows.next_batch()? {
        if batch.bad.iter().any(|bad| bad.reason == source::NOT_UTF8) {
            return Ok(Encoding::Latin1);
        }
    }
    Ok(Encoding::Utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_how_a_file_is_written() {
        for (name, writing) in [
            ("sales.csv", Writing::Text),
            ("sales.tsv.gz", Writing::Text),
            ("Sales.Parquet", Writing::Parquet),
            ("products.jsonl.zst", Writing::Objects),
            ("parquet", Writing::Text),
        ] {
            assert_eq!(Writing::of(Path::new(name)), writing, "{name}");
        }
    }
}
