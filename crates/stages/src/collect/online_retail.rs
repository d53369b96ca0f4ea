//! Invoice lines as in the UCI "Online Retail" data set.
//!
//! An invoice is one event and its rows are its lines. Invoices that begin with C are refunds, other
//! negative quantities are corrections of stock, a row without a customer is anonymous, a price of 0
//! is kept (and flagged when lines are prepared); negative prices are refused.

use rustc_hash::FxHashMap;
use shopwise_model::money::parse_micros;
use shopwise_model::{Event, EventKind};
use shopwise_store::source::RawBatch;

use super::sink::Sink;
use super::{Importer, Opening};
use crate::error::Result;

const DATE: &[&str] = &["InvoiceDate"];

pub(super) fn date_column(opening: &Opening<'_>) -> Option<usize> {
    opening.header.find(DATE)
}

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    Ok(Box::new(OnlineRetail {
        invoice: header.need(&["InvoiceNo", "Invoice"])?,
        stock_code: header.need(&["StockCode"])?,
        description: header.find(&["Description"]),
        quantity: header.need(&["Quantity"])?,
        date: header.need(DATE)?,
        price: header.need(&["UnitPrice", "Price"])?,
        customer: header.need(&["CustomerID", "Customer ID"])?,
        country: header.find(&["Country"]),
        lines: FxHashMap::default(),
    }))
}

struct OnlineRetail {
    invoice: usize,
    stock_code: usize,
    description: Option<usize>,
    quantity: usize,
    date: usize,
    price: usize,
    customer: usize,
    country: Option<usize>,
    /// How many lines each event of this file has had, by its content.
    lines: FxHashMap<Vec<u8>, i64>,
}

impl Importer for OnlineRetail {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        let (source, currency) = (sink.source(), sink.currency());
        for row in 0..batch.rows() {
            sink.read_row();
            self.row(batch, row, sink, &source, &currency);
        }
        Ok(())
    }
}

impl OnlineRetail {
    fn row(
        &mut self,
        batch: &RawBatch,
        row: usize,
        sink: &mut Sink<'_>,
        source: &str,
        currency: &str,
    ) -> Option<()> {
        let line = batch.line(row);
        let text = |column: usize| text_of(batch, row, column);
        let Some(quantity) = text(self.quantity).parse::<i64>().ok() else {
            sink.refuse(line, "Quantity", batch.field(row, self.quantity), "not a whole number");
            return None;
        };
        let Some(price) = parse_micros(text(self.price).as_bytes()) else {
            sink.refuse(line, "UnitPrice", batch.field(row, self.price), "not a price");
            return None;
        };
        if price < 0 {
            sink.refuse(line, "UnitPrice", batch.field(row, self.price), "price must be ≥ 0");
            return None;
        }
        let Some(amount) = price.checked_mul(quantity.checked_abs()?) else {
            sink.refuse(line, "Quantity", batch.field(row, self.quantity), "amount too large");
            return None;
        };
        let invoice = text(self.invoice);
        let product = text(self.stock_code);
        if invoice.is_empty() || product.is_empty() {
            let field = if invoice.is_empty() { "InvoiceNo" } else { "StockCode" };
            sink.refuse(line, field, b"", "must not be empty");
            return None;
        }
        let occurred_at = sink.moment(line, "InvoiceDate", batch.field(row, self.date))?;
        let kind = kind_of(invoice, quantity);
        let customer = text(self.customer);
        let customer = (!customer.is_empty()).then(|| sink.pseudonym(customer));
        let title = self.description.map(text).filter(|title| !title.is_empty());
        if kind == EventKind::OrderCompleted {
            sink.product(product, title);
        }
        let content = [kind.name().as_bytes(), b"\x1f", invoice.as_bytes()].concat();
        let country = self.country.map(text);
        let count = self.lines.entry(content.clone()).or_insert(0);
        let mut event = Event::new(source, kind, occurred_at);
        event.line = *count;
        *count += 1;
        event.customer = customer.as_deref();
        event.product = Some(product);
        event.quantity = if kind == EventKind::StockCorrected { quantity } else { quantity.abs() };
        event.unit_price = price;
        event.amount = amount;
        event.currency = Some(currency);
        event.order = Some(invoice);
        event.country = country.filter(|country| !country.is_empty());
        sink.push(&event, &content);
        Some(())
    }
}

fn kind_of(invoice: &str, quantity: i64) -> EventKind {
    if invoice.starts_with(['C', 'c']) {
        EventKind::OrderRefunded
    } else if quantity < 0 {
        EventKind::StockCorrected
    } else {
        EventKind::OrderCompleted
    }
}

/// Returns a field as trimmed text; the reader has refused rows that are not UTF-8.
fn text_of(batch: &RawBatch, row: usize, column: usize) -> &str {
    std::str::from_utf8(batch.field(row, column)).unwrap_or_default().trim()
}
