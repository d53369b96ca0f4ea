//! Invoice lines as in the UCI "Online Retail" data set.
//!
//! An invoice is one event and its rows are its lines. Invoices that begin with C are refunds,
//! other negative quantities are corrections of stock, a row without a customer is anonymous, a
//! price of 0 is kept (and flagged when lines are prepared); negative prices are refused.

use shopwise_model::money::parse_micros;
use shopwise_model::{Event, EventKind};
use shopwise_store::source::RawBatch;

use super::catalogue::Mention;
use super::keys::Identity;
use super::pseudonyms::Who;
use super::sink::Sink;
use super::values::field;
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
        content: Vec::new(),
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
    /// What makes the invoice of the row at hand.
    content: Vec<u8>,
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
        let text = |column: usize| field(batch, row, Some(column)).unwrap_or_default();
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
        let amount = quantity.checked_abs().and_then(|pieces| price.checked_mul(pieces));
        let Some(amount) = amount else {
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
        let customer = field(batch, row, Some(self.customer));
        let customer = customer.map(|customer| sink.pseudonym(Who::Customer, customer));
        if kind == EventKind::OrderCompleted {
            let title = field(batch, row, self.description);
            sink.catalogue.mention(product, &Mention { title, ..Mention::default() });
        }
        self.content.clear();
        for part in [kind.name().as_bytes(), b"\x1f", invoice.as_bytes()] {
            self.content.extend_from_slice(part);
        }
        let mut event = Event::new(source, kind, occurred_at);
        event.customer = customer.as_deref();
        event.product = Some(product);
        event.quantity = if kind == EventKind::StockCorrected { quantity } else { quantity.abs() };
        event.unit_price = price;
        event.amount = amount;
        event.currency = Some(currency);
        event.order = Some(invoice);
        event.country = field(batch, row, self.country);
        sink.push(&event, Identity::NextLine(&self.content));
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
