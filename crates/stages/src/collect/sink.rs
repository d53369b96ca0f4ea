//! Where importers put events: keys, duplicates, refusals, products, and the writing.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;
use rustc_hash::{FxHashMap, FxHashSet};
use shopwise_model::frame::{Column, Frame, Texts};
use shopwise_model::tables::{EVENTS, REFUSED};
use shopwise_model::time::DateFormat;
use shopwise_model::{Event, Events, Product};
use shopwise_store::lake::Append;
use shopwise_store::source::BadRow;
use shopwise_store::vault::event_id;

use super::ImportOptions;
use crate::error::{Error, Result};
use crate::report::StageReport;
use crate::shop::Shop;

/// Characters of a refused value that are kept.
const VALUE_CHARACTERS: usize = 200;

/// A refused row before it is written.
struct Refused {
    file: String,
    line: i64,
    field: String,
    value: String,
    reason: String,
}

/// Takes the events of one import and writes them.
pub(crate) struct Sink<'a> {
    shop: &'a Shop,
    source: String,
    currency: String,
    zone: TimeZone,
    now: i64,
    file: String,
    format: DateFormat,
    events: Events,
    append: Append,
    /// Keys of this source that the lake holds or that this import brought.
    keys: FxHashSet<(u128, i64)>,
    pseudonyms: FxHashMap<String, String>,
    products: BTreeMap<String, Product>,
    refused: Vec<Refused>,
    lines: u64,
    duplicates: u64,
}

impl<'a> Sink<'a> {
    pub(crate) fn open(
        shop: &'a Shop,
        source: &str,
        options: &ImportOptions,
        now: i64,
    ) -> Result<Self> {
        let zone_name = options.time_zone.as_ref().unwrap_or(&shop.settings.time_zone);
        let zone = TimeZone::get(zone_name)
            .map_err(|_| Error::Wrong(format!("`{zone_name}` is no IANA time zone")))?;
        Ok(Self {
            shop,
            source: source.to_owned(),
            currency: options.currency.clone().unwrap_or_else(|| shop.settings.currency.clone()),
            zone,
            now,
            file: String::new(),
            format: DateFormat::YearFirst,
            events: Events::default(),
            append: shop.lake.append(&EVENTS)?,
            keys: known_keys(shop, source)?,
            pseudonyms: FxHashMap::default(),
            products: BTreeMap::new(),
            refused: Vec::new(),
            lines: 0,
            duplicates: 0,
        })
    }

    pub(crate) fn begin_file(&mut self, file: &Path, format: DateFormat) {
        self.file = file.display().to_string();
        self.format = format;
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub(crate) fn rows_read(&self) -> u64 {
        self.lines
    }

    /// Returns the name of the source, for events.
    pub(crate) fn source(&self) -> String {
        self.source.clone()
    }

    /// Returns the currency of rows that name none.
    pub(crate) fn currency(&self) -> String {
        self.currency.clone()
    }

    /// Counts one row of the file as read.
    pub(crate) fn read_row(&mut self) {
        self.lines += 1;
    }

    /// Returns the pseudonym of a customer's identifier in this source.
    pub(crate) fn pseudonym(&mut self, identifier: &str) -> String {
        if let Some(known) = self.pseudonyms.get(identifier) {
            return known.clone();
        }
        let made = self.shop.vault.pseudonym("customer", identifier);
        self.pseudonyms.insert(identifier.to_owned(), made.clone());
        made
    }

    /// Returns the moment that a field names, refusing the row when it names none.
    pub(crate) fn moment(&mut self, line: u64, field: &str, bytes: &[u8]) -> Option<i64> {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let moment = shopwise_model::time::parse(text, self.format, &self.zone);
        if moment.is_none() {
            self.refuse(line, field, bytes, "not a date in the file's format");
        }
        moment
    }

    /// Keeps a refused row with its place.
    pub(crate) fn refuse(&mut self, line: u64, field: &str, value: &[u8], reason: &str) {
        let value = String::from_utf8_lossy(value).chars().take(VALUE_CHARACTERS).collect();
        self.refused.push(Refused {
            file: self.file.clone(),
            line: i64::try_from(line).unwrap_or(i64::MAX),
            field: field.to_owned(),
            value,
            reason: reason.to_owned(),
        });
    }

    /// Keeps the rows that could not even be split into fields.
    pub(crate) fn refuse_bad(&mut self, bad: &[BadRow]) {
        for row in bad {
            self.lines += 1;
            self.refuse(row.line, &row.field, row.value.as_bytes(), &row.reason);
        }
    }

    /// Takes an event whose identity is `content`, unique within the source and told apart from equal
    /// ones by `line`. An event that is already there is counted and dropped.
    pub(crate) fn push(&mut self, event: &Event<'_>, content: &[u8]) {
        let id = event_id(&self.source, content, 0);
        if !self.keys.insert((u128::from_be_bytes(id), event.line)) {
            self.duplicates += 1;
            return;
        }
        self.events.push(&Event { event_id: id, received_at: self.now, ..*event });
    }

    /// Remembers what a row says about a product; a later title wins.
    pub(crate) fn product(&mut self, id: &str, title: Option<&str>) {
        match (self.products.get_mut(id), title) {
            (Some(known), Some(title)) if known.title != title => known.title = title.to_owned(),
            (Some(_), _) => {}
            (None, title) => {
                let title = title.unwrap_or(id).to_owned();
                let product = Product { id: id.to_owned(), title, ..Product::default() };
                self.products.insert(id.to_owned(), product);
            }
        }
    }

    /// Writes the events taken so far; they become visible with [`Sink::finish`].
    pub(crate) fn flush(&mut self) -> Result<()> {
        let events = std::mem::take(&mut self.events);
        Ok(self.append.write(&events.into_frame())?)
    }

    /// Commits everything and returns the counts.
    pub(crate) fn finish(mut self) -> Result<StageReport> {
        self.flush()?;
        let mut report = StageReport::new("collect");
        report.rows_read = self.lines;
        report.rows_written = self.append.rows() as u64;
        for refused in &self.refused {
            *report.refused.entry(refused.reason.clone()).or_default() += 1;
        }
        report.metric("duplicates", self.duplicates);
        report.metric("products", self.products.len());
        report.metric("customers", self.pseudonyms.len());
        let refused = refused_frame(&self.refused, self.now);
        let products: Vec<Product> = self.products.into_values().collect();
        self.shop.ledger.upsert_products(&products, self.now)?;
        self.append.commit(None)?;
        let mut append = self.shop.lake.append(&REFUSED)?;
        append.write(&refused)?;
        append.commit(None)?;
        Ok(report)
    }
}

/// Returns the keys of this source that the lake holds.
fn known_keys(shop: &Shop, source: &str) -> Result<FxHashSet<(u128, i64)>> {
    let mut keys = FxHashSet::default();
    let sql = format!(
        "SELECT event_id, line FROM events WHERE source = '{}'",
        source.replace('\'', "''")
    );
    shop.lake.stream(&sql, |part| -> Result<()> {
        let ids = part.id("event_id")?;
        keys.extend(
            ids.iter().zip(part.int("line")?).map(|(id, line)| (u128::from_be_bytes(*id), *line)),
        );
        Ok(())
    })?;
    Ok(keys)
}

fn refused_frame(refused: &[Refused], now: i64) -> Frame {
    let text = |of: fn(&Refused) -> &str| Column::Text(refused.iter().map(of).collect::<Texts>());
    Frame::default()
        .with("file", text(|row| &row.file))
        .with("line", Column::Int(refused.iter().map(|row| row.line).collect()))
        .with("field", text(|row| &row.field))
        .with("value", text(|row| &row.value))
        .with("reason", text(|row| &row.reason))
        .with("refused_at", Column::Time(vec![now; refused.len()]))
}
