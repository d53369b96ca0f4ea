//! Collecting: files become events.
//!
//! An importer reads rows of text and hands events to a [`sink::Sink`], which gives each its key,
//! drops what the lake already holds, and keeps refused rows with their place. All events of one
//! import become visible in one commit; stopped half-way, nothing of it is there.

mod columns;
mod csv_map;
mod dates;
mod movielens;
mod online_retail;
pub(crate) mod sink;

use std::path::{Path, PathBuf};

use shopwise_model::tables::{EVENTS, REFUSED};
use shopwise_model::time::DateFormat;
use shopwise_store::source::{self, OpenOptions, RawBatch, Separator};

use crate::error::{Error, Result};
use crate::report::StageReport;
use crate::shop::Shop;

use columns::Header;
use sink::Sink;

/// What the caller of an import may choose.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The name of the source; the importer's own name when it is not given.
    pub source: Option<String>,
    /// How dates are written; detected from all rows when it is not given.
    pub date_format: Option<DateFormat>,
    /// The time zone of naive times; the shop's when it is not given.
    pub time_zone: Option<String>,
    /// The currency of a file that names none; the shop's when it is not given.
    pub currency: Option<String>,
    /// `column=field` pairs of the `csv` importer.
    pub map: Vec<(String, String)>,
    /// Names of the columns of a file without a header.
    pub columns: Option<Vec<String>>,
}

/// Turns rows of one file into events.
pub(crate) trait Importer {
    /// Hands the events of a batch to the sink.
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()>;
}

/// What an importer is made from: the file's header and the options.
pub(crate) struct Opening<'a> {
    pub(crate) header: Header,
    pub(crate) options: &'a ImportOptions,
}

/// One importer.
pub struct Entry {
    /// The name, as in `--format NAME`.
    pub name: &'static str,
    /// What it reads, in a sentence.
    pub about: &'static str,
    /// The column that holds the date, if the header names it: used to detect the date format.
    date_column: fn(&Opening<'_>) -> Option<usize>,
    open: fn(&Opening<'_>) -> Result<Box<dyn Importer>>,
    /// Names of the columns when the file may come without a header.
    columns: &'static [&'static str],
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Every importer; the command line and the documentation list them from here.
pub const IMPORTERS: &[Entry] = &[
    Entry {
        name: "online-retail",
        about: "invoice lines as in the UCI data set: InvoiceNo, StockCode, Description, Quantity, \
                InvoiceDate, UnitPrice, CustomerID, Country, in any order",
        date_column: online_retail::date_column,
        open: online_retail::open,
        columns: &[],
    },
    Entry {
        name: "movielens",
        about: "ratings: u.data, ratings.dat, ratings.csv or RecBole .inter (user, item, rating, time)",
        date_column: |_| None,
        open: movielens::open,
        columns: movielens::COLUMNS,
    },
    Entry {
        name: "csv",
        about: "any delimited file with --map column=field for each column that matters",
        date_column: csv_map::date_column,
        open: csv_map::open,
        columns: &[],
    },
];

/// Imports files of one format into the shop's events.
///
/// # Errors
/// [`Error::Wrong`] for an unknown format, a missing column or ambiguous dates; store errors when a
/// file cannot be read or the lake cannot be written. Nothing is visible then.
pub fn import(
    shop: &Shop,
    format: &str,
    files: &[PathBuf],
    options: &ImportOptions,
    now: i64,
    progress: &dyn Fn(u64),
) -> Result<StageReport> {
    let entry = IMPORTERS.iter().find(|entry| entry.name == format).ok_or_else(|| {
        let names: Vec<&str> = IMPORTERS.iter().map(|entry| entry.name).collect();
        Error::Wrong(format!("unknown format `{format}`, there are: {}", names.join(", ")))
    })?;
    let source = options.source.clone().unwrap_or_else(|| entry.name.to_owned());
    let mut sink = Sink::open(shop, &source, options, now)?;
    for file in files {
        import_file(entry, file, options, &mut sink, progress)?;
    }
    let report = sink.finish()?;
    Ok(report)
}

fn import_file(
    entry: &Entry,
    file: &Path,
    options: &ImportOptions,
    sink: &mut Sink<'_>,
    progress: &dyn Fn(u64),
) -> Result<()> {
    let open = open_options(entry, file, options);
    let mut rows = source::open(file, &open)?;
    let opening = Opening { header: Header::new(rows.header()), options };
    let format = match (options.date_format, (entry.date_column)(&opening)) {
        (Some(format), _) => Some(format),
        (None, Some(column)) => Some(dates::detect(file, &open, column, sink.zone())?),
        (None, None) => None,
    };
    sink.begin_file(file, format.unwrap_or(DateFormat::YearFirst));
    let mut importer = (entry.open)(&opening)?;
    while let Some(batch) = rows.next_batch()? {
        sink.refuse_bad(&batch.bad);
        importer.rows(&batch, sink)?;
        sink.flush()?;
        progress(sink.rows_read());
    }
    Ok(())
}

/// Files of ratings come without a header in two of their four spellings, told apart by their names.
fn open_options(entry: &Entry, file: &Path, options: &ImportOptions) -> OpenOptions {
    let name =
        file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let headless = entry.name == "movielens" && (name.contains("u.data") || name.contains(".dat"));
    let columns = options.columns.clone().or_else(|| {
        headless.then(|| entry.columns.iter().map(|name| (*name).to_owned()).collect())
    });
    let mut open = OpenOptions { columns, ..OpenOptions::default() };
    if entry.name == "movielens" && name.contains(".dat") && !name.contains("u.data") {
        open.separator = Some(Separator::DoubleColon);
    }
    open
}

/// The tables that importing writes.
pub const WRITES: [&shopwise_model::tables::Table; 2] = [&EVENTS, &REFUSED];

#[cfg(test)]
mod tests;
