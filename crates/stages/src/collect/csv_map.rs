//! Any delimited file, its columns named by `--map column=field`.

use rustc_hash::FxHashMap;
use shopwise_model::money::parse_micros;
use shopwise_model::{Event, EventKind};
use shopwise_store::source::RawBatch;

use super::sink::Sink;
use super::{Importer, Opening};
use crate::error::{Error, Result};

/// The fields that a column can be mapped to.
const FIELDS: &[&str] = &[
    "kind",
    "customer",
    "session",
    "product",
    "title",
    "quantity",
    "unit_price",
    "currency",
    "order",
    "rating",
    "query",
    "channel",
    "device",
    "store",
    "country",
    "occurred_at",
];

pub(super) fn date_column(opening: &Opening<'_>) -> Option<usize> {
    let (column, _) = opening.options.map.iter().find(|(_, field)| field == "occurred_at")?;
    opening.header.find(&[column])
}

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let mut columns = [None; FIELDS.len()];
    for (column, field) in &opening.options.map {
        let at = FIELDS.iter().position(|known| known == field).ok_or_else(|| {
            Error::Wrong(format!(
                "unknown field `{field}` in --map, there are: {}",
                FIELDS.join(", ")
            ))
        })?;
        columns[at] = Some(opening.header.need(&[column])?);
    }
    let mapped = CsvMap { columns, repeats: FxHashMap::default() };
    if mapped.column("occurred_at").is_none() {
        return Err(Error::Wrong(
            "no column is mapped to `occurred_at`\nhint: --map COLUMN=occurred_at".to_owned(),
        ));
    }
    Ok(Box::new(mapped))
}

struct CsvMap {
    /// The column of each of [`FIELDS`].
    columns: [Option<usize>; FIELDS.len()],
    /// How often each row stood in the file: equal rows stay.
    repeats: FxHashMap<Vec<u8>, i64>,
}

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
    fn column(&self, field: &str) -> Option<usize> {
        let at = FIELDS.iter().position(|known| *known == field)?;
        self.columns[at]
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
        let text = |field: &str| {
            let bytes = batch.field(row, self.column(field)?);
            let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
            (!text.is_empty()).then_some(text)
        };
        let date = batch.field(row, self.column("occurred_at")?);
        let occurred_at = sink.moment(line, "occurred_at", date)?;
        let kind = text("kind").map_or(EventKind::OrderCompleted, EventKind::from_name);
        let mut event = Event::new(source, kind, occurred_at);
        for (field, target) in
            [("quantity", &mut event.quantity), ("unit_price", &mut event.unit_price)]
        {
            let Some(value) = text(field) else { continue };
            let parsed = if field == "quantity" {
                value.parse().ok()
            } else {
                parse_micros(value.as_bytes())
            };
            let Some(parsed) = parsed.filter(|parsed| *parsed >= 0) else {
                sink.refuse(line, field, value.as_bytes(), "not a number ≥ 0");
                return None;
            };
            *target = parsed;
        }
        if let Some(stars) = text("rating") {
            let Some(stars) = stars.parse().ok().filter(|stars: &f64| stars.is_finite()) else {
                sink.refuse(line, "rating", stars.as_bytes(), "not a number");
                return None;
            };
            event.rating = stars;
        }
        if self.column("quantity").is_none() && kind == EventKind::OrderCompleted {
            event.quantity = 1;
        }
        event.amount = event.unit_price.checked_mul(event.quantity.max(0)).unwrap_or(0);
        if let Some(product) = text("product") {
            sink.product(product, text("title"));
        }
        let content = self.content(batch, row);
        let customer = text("customer").map(|customer| sink.pseudonym(customer));
        event.customer = customer.as_deref();
        (event.session, event.product) = (text("session"), text("product"));
        (event.order, event.query) = (text("order"), text("query"));
        (event.channel, event.device) = (text("channel"), text("device"));
        (event.store, event.country) = (text("store"), text("country"));
        event.currency = text("currency").or(Some(currency));
        let repeat = self.repeats.entry(content.clone()).or_insert(0);
        event.line = *repeat;
        *repeat += 1;
        sink.push(&event, &content);
        Some(())
    }

    /// Returns the mapped fields of a row, joined: what makes it the row it is.
    fn content(&self, batch: &RawBatch, row: usize) -> Vec<u8> {
        let mut content = Vec::new();
        for column in self.columns.iter().flatten() {
            content.extend_from_slice(batch.field(row, *column));
            content.push(0x1f);
        }
        content
    }
}
