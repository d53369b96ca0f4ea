//! Dated rates: what one unit of another currency is worth in the shop's.

use shopwise_model::money::is_currency;
use shopwise_store::source::RawBatch;

use super::sink::Sink;
use super::values::{field, number};
use super::{Importer, Opening};
use crate::error::Result;

const DATE: &[&str] = &["date", "day"];

pub(super) fn date_column(opening: &Opening<'_>) -> Option<usize> {
    opening.header.find(DATE)
}

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    Ok(Box::new(Rates {
        date: header.need(DATE)?,
        currency: header.need(&["currency", "currency_code"])?,
        rate: header.need(&["rate", "exchange_rate"])?,
    }))
}

struct Rates {
    date: usize,
    currency: usize,
    rate: usize,
}

impl Importer for Rates {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        for row in 0..batch.rows() {
            sink.read_row();
            self.row(batch, row, sink);
        }
        Ok(())
    }
}

impl Rates {
    fn row(&self, batch: &RawBatch, row: usize, sink: &mut Sink<'_>) -> Option<()> {
        let line = batch.line(row);
        let text = |column| field(batch, row, Some(column)).unwrap_or_default();
        let day = sink.day(line, "date", batch.field(row, self.date))?;
        let currency = text(self.currency);
        if !is_currency(currency) {
            let reason = "must be three capital letters (ISO 4217)";
            sink.refuse(line, "currency", currency.as_bytes(), reason);
            return None;
        }
        let rate = number(text(self.rate)).ok().filter(|rate| *rate > 0.0);
        let Some(rate) = rate else {
            sink.refuse(line, "rate", batch.field(row, self.rate), "must be a number above 0");
            return None;
        };
        sink.catalogue.rate(currency, day, rate);
        Some(())
    }
}
