//! Campaigns: who pays for being shown, how much, and when.

use shopwise_model::Campaign;
use shopwise_store::source::RawBatch;

use super::sink::Sink;
use super::values::{field, money};
use super::{Importer, Opening};
use crate::error::Result;

const STARTS: &[&str] = &["starts_at", "start", "start_date", "start_time"];
const ENDS: &[&str] = &["ends_at", "end", "end_date", "end_time"];

pub(super) fn date_column(opening: &Opening<'_>) -> Option<usize> {
    opening.header.find(STARTS)
}

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    Ok(Box::new(Campaigns {
        id: header.need(&["id", "campaign_id", "campaign"])?,
        name: header.find(&["name", "campaign_name"]),
        product: header.find(&["product", "product_id", "sku"]),
        category: header.find(&["category"]),
        creative: header.find(&["creative", "creative_id"]),
        bid_per_click: header.need(&["bid_per_click", "bid", "cost_per_click", "cpc"])?,
        budget: header.need(&["budget", "total_budget", "budget_total"])?,
        budget_day: header.find(&["budget_day", "daily_budget", "budget_daily"]),
        starts_at: header.need(STARTS)?,
        ends_at: header.need(ENDS)?,
        segments: header.find(&["segments", "segment"]),
    }))
}

struct Campaigns {
    id: usize,
    name: Option<usize>,
    product: Option<usize>,
    category: Option<usize>,
    creative: Option<usize>,
    bid_per_click: usize,
    budget: usize,
    budget_day: Option<usize>,
    starts_at: usize,
    ends_at: usize,
    segments: Option<usize>,
}

impl Importer for Campaigns {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        for row in 0..batch.rows() {
            sink.read_row();
            if let Some(campaign) = self.campaign(batch, row, sink) {
                sink.catalogue.campaign(campaign);
            }
        }
        Ok(())
    }
}

impl Campaigns {
    fn campaign(&self, batch: &RawBatch, row: usize, sink: &mut Sink<'_>) -> Option<Campaign> {
        let line = batch.line(row);
        let text = |column: Option<usize>| field(batch, row, column);
        let owned = |column: Option<usize>| text(column).map(str::to_owned);
        let Some(id) = text(Some(self.id)) else {
            sink.refuse(line, "id", b"", "must not be empty");
            return None;
        };
        let mut amount = |name: &str, column: usize| match money(text(Some(column)).unwrap_or("")) {
            Ok(amount) => Some(amount),
            Err(reason) => {
                sink.refuse(line, name, batch.field(row, column), reason);
                None
            }
        };
        let bid_per_click = amount("bid_per_click", self.bid_per_click)?;
        let budget = amount("budget", self.budget)?;
        let budget_day = match self.budget_day.filter(|column| text(Some(*column)).is_some()) {
            None => None,
            Some(column) => Some(amount("budget_day", column)?),
        };
        let starts_at = sink.moment(line, "starts_at", batch.field(row, self.starts_at))?;
        let ends_at = sink.moment(line, "ends_at", batch.field(row, self.ends_at))?;
        if ends_at <= starts_at {
            let reason = "must be after `starts_at`";
            sink.refuse(line, "ends_at", batch.field(row, self.ends_at), reason);
            return None;
        }
        let segments = text(self.segments).unwrap_or_default().split('|').map(str::trim);
        Some(Campaign {
            id: id.to_owned(),
            name: text(self.name).unwrap_or(id).to_owned(),
            product: owned(self.product),
            category: owned(self.category),
            creative: text(self.creative).unwrap_or(id).to_owned(),
            bid_per_click,
            budget,
            budget_day,
            starts_at,
            ends_at,
            segments: segments.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        })
    }
}
