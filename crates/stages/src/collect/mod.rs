//! Collecting: files become events, products, campaigns and rates.
//!
//! An importer reads rows of text and hands what they say to a `Sink`, which gives each
//! event its key, drops what the lake already holds, and keeps refused rows with their place. All
//! events of one import become visible in one commit; stopped half-way, nothing of it is there.

mod campaigns;
mod catalogue;
mod columns;
mod csv_map;
mod dates;
mod drain;
mod entities;
mod films;
mod follow;
pub mod gorse;
pub mod identity;
mod input;
mod interactions;
mod keys;
mod kinds;
mod lines;
mod movielens;
mod online_retail;
mod personalize;
pub mod plan;
mod products;
mod pseudonyms;
mod rates;
mod recbole;
mod refused;
mod segment;
mod sightings;
pub mod silence;
pub(crate) mod sink;
mod values;
mod vocabulary;
pub mod wire;
mod writer;

use std::path::{Path, PathBuf};

use shopwise_model::EventKind;
use shopwise_model::tables::{EVENTS, REFUSED};
use shopwise_model::time::DateFormat;
use shopwise_store::source::{OpenOptions, RawBatch};

use crate::error::{Error, Result};
use crate::report::StageReport;
use crate::shop::Shop;

pub use drain::{APPLICATION, COMMIT_BYTES, Drained, Range, STAY, drain, held, write};
pub use follow::{Ways, follow};
pub use kinds::kind_of_feedback;
pub use lines::{Lines, Step};

use columns::Header;
use identity::Identities;
use input::{Input, Reads};
use sink::Sink;

/// The stage's name.
pub const NAME: &str = "collect";

/// Sightings of identifiers that an import takes into the identity graph together.
const SIGHTINGS_TOGETHER: usize = 50_000;

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
    /// What names of events mean, where they mean something else than usual; the empty name is
    /// that of rows without one.
    pub kinds: Vec<(String, EventKind)>,
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
    reads: Reads,
    /// The column that holds the date, if the header names it: used to detect the date format.
    date_column: fn(&Opening<'_>) -> Option<usize>,
    open: fn(&Opening<'_>) -> Result<Box<dyn Importer>>,
    /// How a file is to be opened, where its name tells more than its text.
    options: fn(&Path) -> Result<OpenOptions>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}

const ANY_TABLE: Entry = Entry {
    name: "",
    about: "",
    reads: Reads::Table,
    date_column: |_| None,
    open: csv_map::open,
    options: |_| Ok(OpenOptions::default()),
};

/// Every importer; the command line and the documentation list them from here. Those of tables read
/// separated text, JSON lines and Parquet.
pub const IMPORTERS: &[Entry] = &[
    Entry {
        name: "online-retail",
        about: "invoice lines as in the UCI data set: InvoiceNo, StockCode, Description, Quantity, \
                InvoiceDate, UnitPrice, CustomerID, Country, in any order",
        date_column: online_retail::date_column,
        open: online_retail::open,
        ..ANY_TABLE
    },
    Entry {
        name: "movielens",
        about: "ratings (user, item, rating, time): u.data, ratings.dat, ratings.csv, .inter; \
                films (item, title, genres): u.item, movies.dat, movies.csv, .item",
        open: movielens::open,
        options: films::options,
        ..ANY_TABLE
    },
    Entry {
        name: "segment",
        about: "JSON lines of Segment calls: track, identify, page, screen, group, alias; or of \
                batches of them",
        reads: Reads::Lines,
        open: segment::open,
        ..ANY_TABLE
    },
    Entry {
        name: "products",
        about: "the catalogue: id, title, category, brand, price, cost, stock, seller, hidden, \
                available_from, available_until (first moment after the end), any other column as \
                an attribute; a column that a file lacks stays as it was",
        date_column: products::date_column,
        open: products::open,
        ..ANY_TABLE
    },
    Entry {
        name: "campaigns",
        about: "campaigns: id, name, product, category, creative, bid_per_click, budget, \
                budget_day, starts_at, ends_at (first moment after the end), segments joined by |",
        date_column: campaigns::date_column,
        open: campaigns::open,
        ..ANY_TABLE
    },
    Entry {
        name: "rates",
        about: "dated rates: date, currency, rate (one unit of it in the shop's currency)",
        date_column: rates::date_column,
        open: rates::open,
        ..ANY_TABLE
    },
    Entry {
        name: "gorse",
        about: "gorse's users, items and feedback: JSON lines as its server exports them, or the \
                binary file of `gorse-cli dump`",
        reads: Reads::LinesOrDump,
        open: gorse::open,
        ..ANY_TABLE
    },
    Entry {
        name: "personalize",
        about: "the data sets of Amazon Personalize: interactions (USER_ID, ITEM_ID, TIMESTAMP, \
                EVENT_TYPE, EVENT_VALUE), items (ITEM_ID, …), users (USER_ID, …)",
        open: personalize::open,
        ..ANY_TABLE
    },
    Entry {
        name: "recbole",
        about: "RecBole's atomic files: .inter, .item, .user, with columns named name:type",
        open: recbole::open,
        options: recbole::options,
        ..ANY_TABLE
    },
    Entry {
        name: "csv",
        about: "any table of events; columns named like our fields map by themselves, others with \
                --map column=field",
        date_column: csv_map::date_column,
        open: csv_map::open,
        ..ANY_TABLE
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
    let entry = importer(format)?;
    let source = options.source.clone().unwrap_or_else(|| entry.name.to_owned());
    let mut sink = Sink::open(shop, &source, options, now)?;
    let mut graph = None;
    for file in files {
        import_file(entry, file, options, &mut sink, &mut |sink, is_last| {
            progress(sink.rows_read());
            if is_last || sink.sightings() >= SIGHTINGS_TOGETHER {
                observe(shop, &mut graph, &sink.take_edges(), now)?;
            }
            Ok(())
        })?;
    }
    let report = sink.finish(None)?;
    Ok(report)
}

/// Takes facts into the identity graph, which is read when there are the first.
fn observe(
    shop: &Shop,
    graph: &mut Option<Identities>,
    edges: &[identity::Edge],
    now: i64,
) -> Result<()> {
    if edges.is_empty() {
        return Ok(());
    }
    let graph = match graph {
        Some(graph) => graph,
        None => graph.insert(Identities::open(&shop.ledger)?),
    };
    graph.observe(&shop.ledger, edges, now)?;
    Ok(())
}

/// Returns the importer of a format.
fn importer(format: &str) -> Result<&'static Entry> {
    IMPORTERS.iter().find(|entry| entry.name == format).ok_or_else(|| {
        let names: Vec<&str> = IMPORTERS.iter().map(|entry| entry.name).collect();
        Error::Wrong(format!("unknown format `{format}`, there are: {}", names.join(", ")))
    })
}

fn import_file(
    entry: &Entry,
    file: &Path,
    options: &ImportOptions,
    sink: &mut Sink<'_>,
    after: &mut dyn FnMut(&mut Sink<'_>, bool) -> Result<()>,
) -> Result<()> {
    let mut open = (entry.options)(file)?;
    if options.columns.is_some() {
        open.columns.clone_from(&options.columns);
    }
    let mut rows = Input::open(file, entry.reads, &open)?;
    let opening = Opening { header: Header::new(rows.header()), options };
    // Missing columns are told before the dates are looked at.
    let mut importer = (entry.open)(&opening)?;
    let format = match (options.date_format, (entry.date_column)(&opening)) {
        (Some(format), _) => Some(format),
        (None, Some(column)) => {
            let again = Input::open(file, entry.reads, &open)?;
            Some(dates::detect(file, again, column, sink.zone())?)
        }
        (None, None) => None,
    };
    sink.begin_file(file, format.unwrap_or(DateFormat::YearFirst))?;
    while let Some(mut batch) = rows.next_batch()? {
        take_batch(entry, &mut *importer, &mut batch, sink)?;
        after(sink, false)?;
    }
    after(sink, true)
}

/// Hands a batch to the importer, and what it makes of it to the writing.
fn take_batch(
    entry: &Entry,
    importer: &mut dyn Importer,
    batch: &mut RawBatch,
    sink: &mut Sink<'_>,
) -> Result<()> {
    if entry.reads != Reads::Table {
        // A line that nobody could read may say who somebody is.
        for bad in &mut batch.bad {
            bad.value = segment::masked(&bad.value);
        }
    }
    sink.refuse_bad(&batch.bad);
    importer.rows(batch, sink)?;
    sink.flush()
}

/// The tables that importing writes.
pub const WRITES: [&shopwise_model::tables::Table; 2] = [&EVENTS, &REFUSED];

#[cfg(test)]
mod tests;
