//! Where importers put what they read: events with their keys, products, refusals; and the writing.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use jiff::tz::TimeZone;
use rustc_hash::FxHashSet;
use serde_json::{Map, Value};
use shopwise_model::frame::Frame;
use shopwise_model::money::is_currency;
use shopwise_model::tables::EVENTS;
use shopwise_model::time::{DAY, DateFormat, parse};
use shopwise_model::{Event, Events};
use shopwise_store::ledger::{CustomerTraits, Identifier, Violated};
use shopwise_store::source::BadRow;

use super::ImportOptions;
use super::catalogue::{Catalogue, Written};
use super::identity::{Edge, Evidence, Node};
use super::keys::{Identity, Keys, Place};
use super::lines::Step;
use super::plan::Violations;
use super::pseudonyms::{Pseudonyms, Who};
use super::refused::Refused;
use super::sightings::{Names, Seen, Sightings};
use super::writer::Writer;
use crate::error::{Error, Result};
use crate::report::StageReport;
use crate::shop::Shop;

/// Identifiers of people that wait in memory before they are written.
const IDENTIFIERS_BUFFERED: usize = 100_000;

/// Takes what one import brings and writes it.
pub(crate) struct Sink<'a> {
    shop: &'a Shop,
    source: String,
    currency: String,
    zone: TimeZone,
    now: i64,
    format: DateFormat,
    /// The last date as it was written, and its moment: the rows of an order share it.
    last_date: (Vec<u8>, i64),
    events: Events,
    writer: Option<Writer>,
    keys: Keys,
    pseudonyms: Pseudonyms<'a>,
    identifiers: Vec<Identifier>,
    traits: Vec<CustomerTraits>,
    described: u64,
    /// Customers whose names wait, each once.
    names: Vec<CustomerTraits>,
    named: FxHashSet<Rc<str>>,
    sightings: Sightings,
    /// What is said about products, campaigns and currencies.
    pub(crate) catalogue: Catalogue,
    refused: Refused<'a>,
    /// In what events differ from the plan, by source, while that is counted.
    violations: BTreeMap<String, Violations>,
    checks: bool,
    /// Lines up to this one of the file were refused before.
    refused_through: u64,
    lines: u64,
    written: u64,
    duplicates: u64,
    catalogued: Written,
}

impl<'a> Sink<'a> {
    /// Opens a sink that knows which events of the source the lake holds.
    pub(crate) fn open(
        shop: &'a Shop,
        source: &str,
        options: &ImportOptions,
        now: i64,
    ) -> Result<Self> {
        let mut sink = Self::open_new(shop, source, options, now)?;
        sink.keys = known_keys(shop, source)?;
        sink.checks = true;
        Ok(sink)
    }

    /// Opens a sink for events that are known to be new.
    pub(crate) fn open_new(
        shop: &'a Shop,
        source: &str,
        options: &ImportOptions,
        now: i64,
    ) -> Result<Self> {
        let zone_name = options.time_zone.as_ref().unwrap_or(&shop.settings.time_zone);
        let zone = TimeZone::get(zone_name)
            .map_err(|_| Error::Wrong(format!("`{zone_name}` is no IANA time zone")))?;
        let currency = options.currency.as_ref().unwrap_or(&shop.settings.currency);
        if !is_currency(currency) {
            return Err(Error::Wrong(format!(
                "currency must be three capital letters (ISO 4217), got `{currency}`"
            )));
        }
        Ok(Self {
            shop,
            source: source.to_owned(),
            currency: currency.clone(),
            zone,
            now,
            format: DateFormat::YearFirst,
            last_date: (Vec::new(), 0),
            events: Events::default(),
            writer: None,
            keys: Keys::new(source),
            pseudonyms: Pseudonyms::new(&shop.vault),
            identifiers: Vec::new(),
            traits: Vec::new(),
            described: 0,
            names: Vec::new(),
            named: FxHashSet::default(),
            sightings: Sightings::default(),
            catalogue: Catalogue::default(),
            refused: Refused::new(&shop.lake, now),
            violations: BTreeMap::new(),
            checks: false,
            refused_through: 0,
            lines: 0,
            written: 0,
            duplicates: 0,
            catalogued: Written::default(),
        })
    }

    pub(crate) fn begin_file(&mut self, file: &Path, format: DateFormat) -> Result<()> {
        self.refused.begin_file(&file.display().to_string());
        self.format = format;
        self.refused_through = 0;
        self.last_date.0.clear();
        if self.keys.begin_file() {
            return Ok(());
        }
        Err(Error::Wrong("more than 65,000 files at once\nhint: import them in parts".to_owned()))
    }

    /// Says that lines of the file up to this one were refused by an earlier import.
    pub(crate) fn refused_through(&mut self, line: u64) {
        self.refused_through = line;
    }

    /// Says that what comes now is received at this moment.
    pub(crate) fn receive_at(&mut self, now: i64) {
        self.now = now;
    }

    /// Turns to events that another source has sent, received at this moment.
    pub(crate) fn turn_to(&mut self, source: &str, received_at: i64) {
        if self.source != source {
            source.clone_into(&mut self.source);
            self.keys = Keys::new(source);
        }
        self.refused.begin_file(source);
        self.now = received_at;
    }

    /// Says whether events are held against the tracking plan from now on.
    pub(crate) fn checks(&mut self, checks: bool) {
        self.checks = checks;
    }

    /// Returns how many event lines were new so far.
    pub(crate) fn taken(&self) -> u64 {
        self.written + self.events.len() as u64
    }

    /// Holds a call whose event is new against the tracking plan.
    pub(crate) fn check(&mut self, call: &Map<String, Value>) {
        if !self.checks {
            return;
        }
        let found = self.shop.plan.check(call);
        if found.is_empty() {
            return;
        }
        match self.violations.get_mut(&self.source) {
            Some(violations) => violations.count(found),
            None => self.violations.entry(self.source.clone()).or_default().count(found),
        }
    }

    /// Returns in what events have differed from the plan, for the ledger; the counts begin anew.
    pub(crate) fn take_violations(&mut self) -> Vec<Violated> {
        let mut all = Vec::new();
        for (source, violations) in std::mem::take(&mut self.violations) {
            all.extend(violations.rows().map(|([event, property, reason], found)| Violated {
                source: source.clone(),
                event: event.to_owned(),
                property: property.to_owned(),
                reason: reason.to_owned(),
                found: found.cast_signed(),
                last_at: self.now,
            }));
        }
        all
    }

    /// Puts what was taken so far into a step, to be written by another sink; it leaves. Events of
    /// the next step are known to be others.
    pub(crate) fn unload(&mut self, step: &mut Step) {
        step.rows = std::mem::take(&mut self.events).into_frame();
        step.edges = self.sightings.take();
        step.violations = self.take_violations();
        step.identifiers = std::mem::take(&mut self.identifiers);
        step.mentions = self.catalogue.take_mentions();
        step.refused = self.refused.take();
        self.pseudonyms.forget_some();
        self.keys = Keys::new(&self.source);
    }

    /// Takes what another sink has put into a step, but for its sightings and violations.
    pub(crate) fn load(&mut self, step: Step) -> Result<()> {
        self.identifiers.extend(step.identifiers);
        step.mentions.iter().for_each(|product| self.catalogue.mention_of(product));
        self.refused.give(step.refused);
        self.write(step.rows)
    }

    /// Lets what another sink wrote a moment ago not be written again and again.
    pub(crate) fn remembers(&mut self) {
        self.catalogue.remembers();
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

    /// Returns the pseudonym of an identifier.
    pub(crate) fn pseudonym(&mut self, who: Who, identifier: &str) -> Rc<str> {
        self.pseudonyms.of(who, identifier)
    }

    /// Keeps an identifier of the person behind a pseudonym: never in the lake.
    pub(crate) fn identifier(&mut self, pseudonym: &str, kind: Who, value: &str) {
        let value = self.shop.vault.normal(kind.name(), value).into_owned();
        let (pseudonym, kind) = (pseudonym.to_owned(), kind.name().to_owned());
        self.identifiers.push(Identifier { pseudonym, kind, value });
    }

    /// Takes what the shop says of a customer: never in the lake.
    pub(crate) fn describe(&mut self, traits: CustomerTraits) {
        self.traits.push(traits);
        self.described += 1;
    }

    /// Keeps the shop's own name of a customer, unless something is said of him already.
    pub(crate) fn name(&mut self, customer: &Rc<str>, name: &str) {
        if !self.named.insert(Rc::clone(customer)) {
            return;
        }
        self.names.push(CustomerTraits {
            customer: customer.to_string(),
            name: name.to_owned(),
            labels: Value::Null,
            comment: String::new(),
        });
    }

    /// Writes what is said of customers.
    fn write_traits(&mut self) -> Result<()> {
        let (traits, names) = (std::mem::take(&mut self.traits), std::mem::take(&mut self.names));
        self.named.clear();
        self.shop.ledger.upsert_traits(&traits, self.now)?;
        Ok(self.shop.ledger.add_traits(&names, self.now)?)
    }

    /// Returns what collects the identifiers of one event.
    pub(crate) fn names(&self) -> Names<'a> {
        Names::new(&self.shop.vault)
    }

    /// Notes that an event of the file at hand showed the first of some identifiers together with
    /// each of the others. `reference` names it within its source.
    pub(crate) fn see(&mut self, nodes: &[Node], evidence: Evidence, reference: &str, at: i64) {
        let seen = Seen { evidence, source: &self.source, reference, at };
        self.sightings.see(nodes, &seen);
    }

    /// Returns how many sightings of identifiers wait.
    pub(crate) fn sightings(&self) -> usize {
        self.sightings.len()
    }

    /// Returns which identifiers were seen together, facts that leave.
    pub(crate) fn take_edges(&mut self) -> Vec<Edge> {
        self.sightings.take()
    }

    /// Returns the moment that a field names, refusing the row when it names none.
    pub(crate) fn moment(&mut self, line: u64, field: &str, bytes: &[u8]) -> Option<i64> {
        if self.last_date.0 == bytes && !bytes.is_empty() {
            return Some(self.last_date.1);
        }
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let moment = parse(text, self.format, &self.zone);
        match moment {
            None => self.refuse(line, field, bytes, "not a date in the file's format"),
            Some(moment) => {
                self.last_date.0.clear();
                self.last_date.0.extend_from_slice(bytes);
                self.last_date.1 = moment;
            }
        }
        moment
    }

    /// Returns the day that a field names, counted from 1970-01-01, refusing the row when it names
    /// none.
    pub(crate) fn day(&mut self, line: u64, field: &str, bytes: &[u8]) -> Option<i32> {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let moment = parse(text, self.format, &TimeZone::UTC);
        if moment.is_none() {
            self.refuse(line, field, bytes, "not a date in the file's format");
        }
        i32::try_from(moment?.div_euclid(DAY)).ok()
    }

    /// Keeps a refused row with its place.
    pub(crate) fn refuse(&mut self, line: u64, field: &str, value: &[u8], reason: &str) {
        if line > self.refused_through {
            self.refused.add(line, field, value, reason);
        }
    }

    /// Keeps the rows that could not even be split into fields.
    pub(crate) fn refuse_bad(&mut self, bad: &[BadRow]) {
        for row in bad {
            self.lines += 1;
            self.refuse(row.line, &row.field, row.value.as_bytes(), &row.reason);
        }
    }

    /// Takes an event line, and returns where it belongs. One that is already there is counted and
    /// dropped.
    pub(crate) fn push(&mut self, event: &Event<'_>, identity: Identity<'_>) -> Place {
        let place = self.keys.place(identity);
        if place.is_new {
            let Place { event_id, line, .. } = place;
            self.events.push(&Event { event_id, line, received_at: self.now, ..*event });
        } else {
            self.duplicates += 1;
        }
        place
    }

    /// Writes the events taken so far; they become visible with [`Sink::finish`].
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.refused.flush()?;
        if self.identifiers.len() >= IDENTIFIERS_BUFFERED {
            self.shop.ledger.keep_identifiers(&std::mem::take(&mut self.identifiers), self.now)?;
        }
        if self.traits.len() + self.names.len() >= IDENTIFIERS_BUFFERED {
            self.write_traits()?;
        }
        if self.events.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.events).into_frame();
        self.write(rows)
    }

    fn write(&mut self, rows: Frame) -> Result<()> {
        if rows.rows() == 0 {
            return Ok(());
        }
        self.written += rows.rows() as u64;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(Writer::begin(&self.shop.lake)?),
        };
        writer.write(rows)
    }

    /// Commits what is left and returns the counts. `transaction` names the commit of the events:
    /// (application, its own version).
    pub(crate) fn finish(mut self, transaction: Option<(&str, i64)>) -> Result<StageReport> {
        self.commit(transaction)?;
        Ok(self.report())
    }

    /// Commits everything that was taken since the last time.
    pub(crate) fn commit(&mut self, transaction: Option<(&str, i64)>) -> Result<()> {
        self.flush()?;
        // Before the commit: behind it nobody would read these events again. Written twice they
        // are as written once.
        self.shop.ledger.keep_identifiers(&std::mem::take(&mut self.identifiers), self.now)?;
        self.write_traits()?;
        let written = std::mem::take(&mut self.catalogue).write(&self.shop.ledger, self.now)?;
        self.catalogued.add(&written);
        match (self.writer.take(), transaction) {
            (Some(writer), _) => writer.commit(transaction)?,
            // The lake must know how far it is even when nothing became a row.
            (None, Some(_)) => drop(self.shop.lake.append(&EVENTS)?.commit(transaction)?),
            (None, None) => {}
        }
        self.shop.ledger.add_violations(&self.take_violations(), None)?;
        self.refused.commit()
    }

    /// Returns the counts of all commits.
    pub(crate) fn report(&self) -> StageReport {
        let mut report = StageReport::new(super::NAME);
        let written = &self.catalogued;
        report.rows_read = self.lines;
        report.rows_written =
            self.written + (written.products + written.campaigns + written.rates) as u64;
        report.rows_written += self.described;
        report.metric("duplicates", self.duplicates + written.repeated);
        report.metric("products", written.products.max(written.mentioned));
        for (name, count) in [
            ("campaigns", written.campaigns),
            ("rates", written.rates),
            ("described", self.described as usize),
        ] {
            if count > 0 {
                report.metric(name, count);
            }
        }
        report.metric("customers", self.pseudonyms.count());
        report.refused = self.refused.counts().clone();
        report
    }
}

/// Returns the keys of this source that the lake holds.
fn known_keys(shop: &Shop, source: &str) -> Result<Keys> {
    let mut keys = Keys::new(source);
    let source = source.replace('\'', "''");
    let sql = format!("SELECT event_id, line FROM events WHERE source = '{source}'");
    shop.lake.stream(&sql, |part| -> Result<()> {
        for (id, line) in part.id("event_id")?.iter().zip(part.int("line")?) {
            keys.know(id, *line);
        }
        Ok(())
    })?;
    Ok(keys)
}
