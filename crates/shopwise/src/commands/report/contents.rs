//! Everything that the page shows, gathered from the stores.

use anyhow::Result;
use jiff::tz::TimeZone;
use serde_json::Value;
use shopwise_model::frame::Frame;
use shopwise_model::{Campaign, Settings};
use shopwise_stages::Shop;
use shopwise_store::ledger::{Model, Run, Violated};

use super::Language;
use super::cells::Cells;
use super::period::Days;
use super::words::{Words, say};

/// Runs that are looked through for the newest one of each stage.
const RUNS: u32 = 500;

/// The length of the windows that the headline compares.
pub(super) const WINDOW_DAYS: i64 = 28;

/// Everything that the page shows.
pub(super) struct Contents {
    pub(super) settings: Settings,
    pub(super) language: Language,
    pub(super) written_at: i64,
    pub(super) days: Days,
    pub(super) totals: Frame,
    pub(super) buyers: Frame,
    pub(super) funnel: Frame,
    pub(super) segments: Frame,
    pub(super) rfm: Frame,
    pub(super) value_groups: Frame,
    pub(super) life_cycle: Frame,
    pub(super) churn: Frame,
    pub(super) tags: Frame,
    pub(super) products: Frame,
    pub(super) assortment: Frame,
    pub(super) examples: Frame,
    pub(super) lists: Frame,
    pub(super) shown: Frame,
    pub(super) campaigns: Vec<Campaign>,
    pub(super) feedback: Frame,
    pub(super) policies: Frame,
    pub(super) kinds: Frame,
    pub(super) refused: Frame,
    pub(super) doubtful: Frame,
    pub(super) violations: Vec<Violated>,
    pub(super) runs: Vec<Run>,
    pub(super) models: Vec<Model>,
}

impl Contents {
    /// Asks the stores.
    pub(super) fn gather(shop: &Shop, language: Language, now: i64) -> Result<Self> {
        let query = |sql: &str| shop.lake.query(sql);
        let totals = query(include_str!("sql/totals.sql"))?;
        let zone = TimeZone::get(&shop.settings.time_zone).unwrap_or(TimeZone::UTC);
        let (first, last) = (Cells(&totals).int("first_at", 0), Cells(&totals).int("last_at", 0));
        let quarters = query(include_str!("sql/quarters.sql"))?;
        let days = Days::of(&quarters, zone, first, last);
        Ok(Self {
            settings: shop.settings.clone(),
            language,
            written_at: now,
            buyers: query(&buyers(&days))?,
            days,
            totals,
            funnel: query(include_str!("sql/funnel.sql"))?,
            segments: query("SELECT * FROM segments ORDER BY revenue DESC, segment")?,
            rfm: query(include_str!("sql/rfm.sql"))?,
            value_groups: query(include_str!("sql/value_groups.sql"))?,
            life_cycle: query(include_str!("sql/life_cycle.sql"))?,
            churn: query(include_str!("sql/churn.sql"))?,
            tags: query(include_str!("sql/tags.sql"))?,
            products: query(include_str!("sql/products.sql"))?,
            assortment: query(include_str!("sql/assortment.sql"))?,
            examples: query(include_str!("sql/examples.sql"))?,
            lists: query(include_str!("sql/lists.sql"))?,
            shown: query(include_str!("sql/campaigns.sql"))?,
            campaigns: shop.ledger.campaigns()?,
            feedback: query("SELECT * FROM feedback")?,
            policies: query(include_str!("sql/policies.sql"))?,
            kinds: query(include_str!("sql/kinds.sql"))?,
            refused: query(include_str!("sql/refused.sql"))?,
            doubtful: query(include_str!("sql/doubtful.sql"))?,
            violations: shop.ledger.violations()?,
            runs: shop.ledger.runs(RUNS, now)?,
            models: shop.ledger.models()?,
        })
    }

    /// Returns the newest run of a stage that did its work.
    pub(super) fn done(&self, stage: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.stage == stage && run.status == "done")
    }

    /// Returns why the newest run of a stage had nothing to do, if it had nothing.
    pub(super) fn skipped(&self, stage: &str) -> Option<&str> {
        let newest = self.runs.iter().find(|run| run.stage == stage)?;
        newest.metrics["skipped"].as_str()
    }

    /// Returns a figure that the newest run of a stage measured.
    pub(super) fn metric(&self, stage: &str, name: &str) -> &Value {
        self.done(stage).map_or(&Value::Null, |run| &run.metrics["metrics"][name])
    }

    /// Returns a parameter that the newest run of a stage used.
    pub(super) fn parameter(&self, stage: &str, name: &str) -> &Value {
        self.done(stage).map_or(&Value::Null, |run| &run.metrics["parameters"][name])
    }

    /// Returns the first and the last day with an event as words: `from … to …`.
    pub(super) fn range_words(&self) -> Words {
        let [first, last] = [self.days.days.first(), self.days.days.last()]
            .map(|day| Words::data(&day.map(|(date, _)| date.to_string()).unwrap_or_default()));
        say("From {first} to {last}", "{first} 至 {last}", &[("first", first), ("last", last)])
    }

    /// Returns the first and the last day with an event as `2010-12-01 – 2011-12-09`.
    pub(super) fn span(&self) -> String {
        match (self.days.days.first(), self.days.days.last()) {
            (Some((first, _)), Some((last, _))) => format!("{first} – {last}"),
            _ => String::new(),
        }
    }
}

/// Returns the question for the customers of the two newest windows.
fn buyers(days: &Days) -> String {
    include_str!("sql/buyers.sql")
        .replace("{from}", &days.begin_of(WINDOW_DAYS, WINDOW_DAYS).to_string())
        .replace("{middle}", &days.begin_of(WINDOW_DAYS, 0).to_string())
        .replace("{to}", &days.begin_of(0, 0).to_string())
}
