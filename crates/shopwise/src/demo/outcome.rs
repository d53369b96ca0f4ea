//! What each policy brought, with intervals over customers.

use anyhow::{Context, Result};
use serde::Serialize;
use shopwise_learn::evaluate::bootstrap::{Bootstrap, Difference, Interval, Ratio};
use shopwise_model::decision::VisitOutcome;
use shopwise_model::money::units_from_micros;

/// What one policy brought.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) visits: usize,
    /// Clicks on things shown.
    pub(crate) click_rate: f64,
    /// Visits that led to an order.
    pub(crate) conversion_rate: f64,
    /// In units of the currency.
    pub(crate) revenue_per_visit: f64,
    /// The interval of the revenue per visit.
    pub(crate) interval: [f64; 2],
    /// What campaigns paid per visit, in units of the currency.
    pub(crate) ad_spend_per_visit: f64,
}

/// The policies beside each other, and what learning brought.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) policies: Vec<Measured>,
    /// Revenue per visit of the learned policy minus that of each other, by its name.
    pub(crate) lift: Vec<(&'static str, Difference)>,
}

/// Outcomes as columns.
struct Columns {
    customer: Vec<u64>,
    revenue: Vec<f64>,
    ones: Vec<f64>,
}

impl Columns {
    fn of(outcomes: &[VisitOutcome]) -> Self {
        Self {
            customer: outcomes.iter().map(|outcome| u64::from(outcome.customer)).collect(),
            revenue: outcomes.iter().map(|outcome| units_from_micros(outcome.revenue)).collect(),
            ones: vec![1.0; outcomes.len()],
        }
    }

    fn per_visit(&self) -> Ratio<'_> {
        Ratio { cluster: &self.customer, numerator: &self.revenue, denominator: &self.ones }
    }
}

/// Compares policies that acted in copies of one world; the last one is the learned one.
pub(crate) fn compare(
    brought: &[(&'static str, Vec<VisitOutcome>)],
    seed: u64,
) -> Result<Comparison> {
    let bootstrap = Bootstrap { seed, ..Bootstrap::default() };
    let columns: Vec<Columns> = brought.iter().map(|(_, rows)| Columns::of(rows)).collect();
    let mut policies = Vec::new();
    for ((name, outcomes), columns) in brought.iter().zip(&columns) {
        policies.push(measured(name, outcomes, bootstrap.ratio(&columns.per_visit())?));
    }
    let (learned, others) = columns.split_last().context("there is no policy to compare")?;
    let mut lift = Vec::new();
    for ((name, _), other) in brought.iter().zip(others) {
        lift.push((*name, bootstrap.ratio_difference(&learned.per_visit(), &other.per_visit())?));
    }
    Ok(Comparison { policies, lift })
}

fn measured(name: &'static str, outcomes: &[VisitOutcome], revenue: Interval) -> Measured {
    let sum = |of: fn(&VisitOutcome) -> f64| outcomes.iter().map(of).sum::<f64>();
    let visits = outcomes.len() as f64;
    Measured {
        name,
        visits: outcomes.len(),
        click_rate: sum(|row| f64::from(row.clicked)) / sum(|row| f64::from(row.shown)).max(1.0),
        conversion_rate: sum(|row| f64::from(u8::from(row.converted))) / visits,
        revenue_per_visit: revenue.estimate,
        interval: [revenue.low, revenue.high],
        ad_spend_per_visit: sum(|row| units_from_micros(row.ad_spend)) / visits,
    }
}
