//! Any table of events: its columns are named like our fields, or by `--map column=field`.
//!
//! Rows of one order (the same order, kind, customer and moment) are the lines of one event; any
//! other row is an event of its own. Where the file names its events (`event_id`, `message_id`),
//! rows of one name that follow each other are its lines.

use std::hash::Hasher as _;

use rustc_hash::{FxHashMap, FxHasher};
use shopwise_model::frame::NULL_INT;
use shopwise_model::money::is_currency;
use shopwise_model::tables::EVENTS;
use shopwise_model::{Event, EventKind};
use shopwise_store::source::RawBatch;

use super::catalogue::Mention;
use super::identity::{Evidence, names_nobody};
use super::keys::Identity;
use super::kinds::Kinds;
use super::pseudonyms::Who;
use super::sink::Sink;
use super::values::{Reason, field, money, number, propensity, whole};
use super::vocabulary::{kind_of, moves_pieces};
use super::{Importer, Opening};
use crate::error::{Error, Result};

macro_rules! fields {
    ($($variant:ident $name:literal [$($alias:literal)*])*) => {
        /// A field that a column can hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Field { $($variant),* }

        /// Every field with its name and the other names under which columns hold it.
        const FIELDS: &[(Field, &[&str])] = &[$((Field::$variant, &[$name, $($alias),*])),*];
    };
}

fields! {
    EventId "event_id" []
    MessageId "message_id" []
    Line "line" []
    Kind "kind" ["event_type" "event" "event_name"]
    Customer "customer" ["customer_id" "user_id" "user" "visitorid"]
    Email "email" ["email_address"]
    Phone "phone" ["telephone" "mobile"]
    Loyalty "loyalty" ["loyalty_number" "loyalty_id"]
    Anonymous "anonymous" ["anonymous_id"]
    Session "session" ["session_id" "user_session"]
    Product "product" ["product_id" "item_id" "item" "sku"]
    Title "title" ["product_name" "product_title"]
    Category "category" ["category_code" "category_name"]
    Brand "brand" []
    Quantity "quantity" ["qty"]
    UnitPrice "unit_price" ["price"]
    Amount "amount" ["revenue" "total"]
    Currency "currency" []
    Order "order" ["order_id" "transaction_id" "transactionid" "invoice"]
    Rating "rating" []
    Query "query" []
    Placement "placement" []
    Position "position" []
    Campaign "campaign" ["campaign_id"]
    Creative "creative" ["creative_id"]
    Decision "decision" ["decision_id"]
    Propensity "propensity" []
    Experiment "experiment" []
    Variant "variant" []
    Channel "channel" []
    Device "device" []
    Store "store" []
    Country "country" []
    OccurredAt "occurred_at" ["timestamp" "event_time" "datetime" "date" "time"]
    Extra "extra" []
}

/// The columns that say who it was, the most authoritative first: an event is the first one's, and
/// what else a row names is the same person.
const PEOPLE: [(Field, Who); 5] = [
    (Field::Customer, Who::Customer),
    (Field::Loyalty, Who::Loyalty),
    (Field::Email, Who::Email),
    (Field::Phone, Who::Phone),
    (Field::Anonymous, Who::Anonymous),
];

type Columns = [Option<usize>; FIELDS.len()];

pub(super) fn date_column(opening: &Opening<'_>) -> Option<usize> {
    columns(opening).ok()?[Field::OccurredAt as usize]
}

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let columns = columns(opening)?;
    let names = opening.header.names();
    let missing = |what: &str, hint: &str| {
        let there = names.join(", ");
        Err(Error::Wrong(format!("no column is {what}; the file has: {there}\nhint: {hint}")))
    };
    let has = |field: Field| columns[field as usize].is_some();
    if !has(Field::OccurredAt) {
        return missing("mapped to `occurred_at`", "--map COLUMN=occurred_at");
    }
    let is_about = |field: &Field| has(*field);
    if !PEOPLE.iter().any(|(field, _)| is_about(field))
        && ![Field::Product, Field::Order].iter().any(is_about)
    {
        let hint = "--map COLUMN=customer, or product, or order";
        return missing("mapped to `customer`, `product` or `order`", hint);
    }
    let is_ours = EVENTS.fields.iter().all(|field| names.iter().any(|name| name == field.name));
    let default_kind = match has(Field::Rating) && !has(Field::UnitPrice) && !has(Field::Amount) {
        true => EventKind::ProductReviewed,
        false => EventKind::OrderCompleted,
    };
    let (content, run) = (Vec::new(), Run::default());
    let kinds = Kinds::new(opening.options);
    Ok(Box::new(CsvMap { columns, is_ours, default_kind, kinds, content, run }))
}

/// Returns the column of each field. With `--map` only what is mapped counts.
fn columns(opening: &Opening<'_>) -> Result<Columns> {
    let mut columns = [None; FIELDS.len()];
    if opening.options.map.is_empty() {
        for (field, names) in FIELDS {
            columns[*field as usize] = opening.header.find(names);
        }
        let is_named = [Field::EventId, Field::MessageId].map(|of| columns[of as usize].is_some());
        if is_named == [false, false] {
            // Without a name of the event, `line` may be anything.
            columns[Field::Line as usize] = None;
        }
        return Ok(columns);
    }
    for (column, field) in &opening.options.map {
        let known = FIELDS.iter().find(|(_, names)| names[0] == field);
        let (at, _) = known.ok_or_else(|| {
            let names: Vec<&str> = FIELDS.iter().map(|(_, names)| names[0]).collect();
            let names = names.join(", ");
            Error::Wrong(format!("unknown field `{field}` in --map, there are: {names}"))
        })?;
        columns[*at as usize] = Some(opening.header.need(&[column])?);
    }
    Ok(columns)
}

struct CsvMap {
    columns: Columns,
    /// The file is shaped as the table `events`: money is in millionths, as there.
    is_ours: bool,
    default_kind: EventKind,
    kinds: Kinds,
    /// What makes the event of the row at hand.
    content: Vec<u8>,
    run: Run,
}

/// The rows that follow each other under one name.
#[derive(Default)]
struct Run {
    name: Vec<u8>,
    rows: FxHashMap<u64, i64>,
}

/// Which field is wrong, its value, and why.
type Refusal<'b> = (&'static str, &'b str, Reason);

impl Importer for CsvMap {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        let (source, currency) = (sink.source(), sink.currency());
        for row in 0..batch.rows() {
            sink.read_row();
            self.row(batch, row, sink, &source, &currency);
        }
        Ok(())
    }
}

impl CsvMap {
    fn text<'b>(&self, batch: &'b RawBatch, row: usize, of: Field) -> Option<&'b str> {
        field(batch, row, self.columns[of as usize])
    }

    fn row(
        &mut self,
        batch: &RawBatch,
        row: usize,
        sink: &mut Sink<'_>,
        source: &str,
        currency: &str,
    ) -> Option<()> {
        let line = batch.line(row);
        let text = |of: Field| self.text(batch, row, of);
        let date = text(Field::OccurredAt).unwrap_or_default();
        let occurred_at = sink.moment(line, "occurred_at", date.as_bytes())?;
        let name = text(Field::Kind);
        let said = self.kinds.said(name.unwrap_or_default());
        let kind = said.unwrap_or_else(|| name.map_or(self.default_kind, kind_of));
        let mut event = Event::new(source, kind, occurred_at);
        if let Err((field, value, reason)) = self.read(batch, row, &mut event) {
            sink.refuse(line, field, value.as_bytes(), reason);
            return None;
        }
        event.currency = event.currency.or(Some(currency));
        let unknown = name.filter(|_| kind == EventKind::Other).filter(|name| *name != "other");
        let extra = match extra(text(Field::Extra), unknown) {
            Ok(extra) => extra,
            Err(reason) => {
                let value = text(Field::Extra).unwrap_or_default();
                sink.refuse(line, "extra", value.as_bytes(), reason);
                return None;
            }
        };
        event.extra = extra.as_deref();
        let people = PEOPLE.map(|(field, who)| (who, text(field)));
        let first = people.iter().find_map(|(who, name)| {
            let name = name.filter(|name| *who == Who::Customer || !names_nobody(name))?;
            Some((*who, name))
        });
        let customer = first.map(|(_, name)| name);
        let pseudonym = first.map(|(who, name)| sink.pseudonym(who, name));
        event.customer = pseudonym.as_deref();
        if let Some(product) = event.product {
            let (title, category) = (text(Field::Title), text(Field::Category));
            let mention = Mention { title, category, brand: text(Field::Brand) };
            sink.catalogue.mention(product, &mention);
        }
        let given = text(Field::EventId).or(event.message_id);
        let number = text(Field::Line).map(whole).transpose();
        let Ok(number) = number else {
            let value = text(Field::Line).unwrap_or_default();
            sink.refuse(line, "line", value.as_bytes(), "must be a whole number ≥ 0");
            return None;
        };
        let identity = self.identity(batch, row, &event, customer, given.zip(Some(number)));
        sink.push(&event, identity);
        if people.iter().filter(|(_, name)| name.is_some()).count() > 1 {
            let mut names = sink.names();
            for (who, name) in people {
                if let Some(name) = name {
                    names.written(who, name);
                }
            }
            let reference = format!("line {line}");
            sink.see(&names.nodes, Evidence::Import, &reference, occurred_at);
        }
        Some(())
    }

    /// Reads the fields that need no help.
    fn read<'b>(
        &self,
        batch: &'b RawBatch,
        row: usize,
        event: &mut Event<'b>,
    ) -> std::result::Result<(), Refusal<'b>> {
        let text = |of: Field| self.text(batch, row, of);
        let parsed = |of: Field, parse: fn(&str) -> std::result::Result<i64, Reason>| {
            let wrong = |text| move |reason| (FIELDS[of as usize].1[0], text, reason);
            text(of).map_or(Ok(NULL_INT), |text| parse(text).map_err(wrong(text)))
        };
        let micros = if self.is_ours { whole } else { money };
        let signed = |text: &str| text.parse().map_err(|_| "not a whole number");
        let is_stock = event.kind == EventKind::StockCorrected;
        event.quantity = parsed(Field::Quantity, if is_stock { signed } else { whole })?;
        event.unit_price = parsed(Field::UnitPrice, micros)?;
        event.amount = parsed(Field::Amount, micros)?;
        event.position = parsed(Field::Position, whole)?;
        let real = |of: Field, parse: fn(&str) -> std::result::Result<f64, Reason>| {
            let wrong = |text| move |reason| (FIELDS[of as usize].1[0], text, reason);
            text(of).map_or(Ok(f64::NAN), |text| parse(text).map_err(wrong(text)))
        };
        event.rating = real(Field::Rating, number)?;
        event.propensity = real(Field::Propensity, propensity)?;
        event.currency = text(Field::Currency);
        if let Some(wrong) = event.currency.filter(|code| !is_currency(code)) {
            return Err(("currency", wrong, "must be three capital letters (ISO 4217)"));
        }
        event.message_id = text(Field::MessageId);
        (event.session, event.product) = (text(Field::Session), text(Field::Product));
        (event.order, event.query) = (text(Field::Order), text(Field::Query));
        (event.placement, event.campaign) = (text(Field::Placement), text(Field::Campaign));
        (event.creative, event.decision) = (text(Field::Creative), text(Field::Decision));
        (event.experiment, event.variant) = (text(Field::Experiment), text(Field::Variant));
        (event.channel, event.device) = (text(Field::Channel), text(Field::Device));
        (event.store, event.country) = (text(Field::Store), text(Field::Country));
        complete(event).map_err(|reason| ("amount", "", reason))
    }

    /// Returns what makes the row's event. `given` is the name that the file gives it, and the
    /// line.
    fn identity(
        &mut self,
        batch: &RawBatch,
        row: usize,
        event: &Event<'_>,
        customer: Option<&str>,
        given: Option<(&str, Option<i64>)>,
    ) -> Identity<'_> {
        self.content.clear();
        let moment = event.occurred_at.to_le_bytes();
        if let (Some(order), None) = (event.order, given) {
            for part in [event.kind.name(), order, customer.unwrap_or_default()] {
                self.content.extend_from_slice(part.as_bytes());
                self.content.push(0x1f);
            }
            self.content.extend_from_slice(&moment);
            return Identity::NextLine(&self.content);
        }
        for column in self.columns.iter().flatten() {
            self.content.extend_from_slice(batch.field(row, *column));
            self.content.push(0x1f);
        }
        let Some((name, line)) = given else { return Identity::Row(&self.content) };
        let line = line.unwrap_or_else(|| self.run.line(name, &self.content));
        self.content.clear();
        self.content.extend_from_slice(name.as_bytes());
        Identity::Given(&self.content, line)
    }
}

impl Run {
    /// Returns the line of a row under a name: equal rows are one, others that follow each other
    /// are lines.
    fn line(&mut self, name: &str, content: &[u8]) -> i64 {
        let mut hasher = FxHasher::default();
        hasher.write(content);
        let row = hasher.finish();
        if self.name != name.as_bytes() {
            self.name.clear();
            self.name.extend_from_slice(name.as_bytes());
            self.rows.clear();
        }
        let next = self.rows.len() as i64;
        *self.rows.entry(row).or_insert(next)
    }
}

/// Fills in what follows from the other numbers of a line.
pub(super) fn complete(event: &mut Event<'_>) -> std::result::Result<(), Reason> {
    let bears_pieces = event.product.is_some() || event.unit_price != NULL_INT;
    if event.quantity == NULL_INT && moves_pieces(event.kind) && bears_pieces {
        event.quantity = 1;
    }
    if event.quantity == NULL_INT {
        return Ok(());
    }
    if event.amount == NULL_INT && event.unit_price != NULL_INT {
        let pieces = event.quantity.checked_abs().ok_or("amount too large")?;
        event.amount = event.unit_price.checked_mul(pieces).ok_or("amount too large")?;
    } else if event.unit_price == NULL_INT && event.amount != NULL_INT && event.quantity > 0 {
        event.unit_price = event.amount / event.quantity;
    }
    Ok(())
}

/// Returns the JSON object of what has no column, with the name of an event of unknown kind.
fn extra(text: Option<&str>, name: Option<&str>) -> std::result::Result<Option<String>, Reason> {
    let mut object = match text {
        None => serde_json::Map::new(),
        Some(text) => serde_json::from_str(text).map_err(|_| "not a JSON object")?,
    };
    if let Some(name) = name {
        object.entry("event").or_insert_with(|| name.into());
    }
    Ok((!object.is_empty()).then(|| serde_json::Value::Object(object).to_string()))
}
