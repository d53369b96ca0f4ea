//! Feedback: outcomes meet the decisions that led to them.
//!
//! A visit is one decision: what it showed, what was clicked, and what was ordered in the same
//! session or later on account of a click. For each policy, and for each policy within each
//! segment: rates and revenue a visit with intervals over customers, and the lift over the policy
//! `random`. Policies that never acted are judged from the logs of those that did, by inverse
//! propensities. The exposures with their outcomes are what the next run learns from.

mod elsewhere;

use rustc_hash::FxHashMap;
use serde_json::json;
use shopwise_learn::evaluate::bootstrap::{Bootstrap, Interval, Ratio};
use shopwise_model::frame::{Column, Frame, Texts};
use shopwise_model::tables::{EXPOSURES, FEEDBACK};

use crate::error::Result;
use crate::report::StageReport;
use crate::stage::Work;

/// The stage's name.
pub const NAME: &str = "feedback";

/// The policy that others are compared with.
const RANDOM: &str = "random";

/// Fewer visits than this of a policy within a segment say nothing.
const VISITS_MIN: usize = 100;

/// Resamples of each interval.
const RESAMPLES: usize = 500;

/// What is measured: the name, what is counted, and what it is divided by (empty: visits).
const METRICS: [(&str, &str, &str); 5] = [
    ("ad_click_rate", "ads_clicked", "ads_shown"),
    ("recommendation_click_rate", "recommendations_clicked", "recommendations_shown"),
    ("conversion_rate", "ordered", ""),
    ("revenue_per_visit", "revenue", ""),
    ("ad_spend_per_visit", "spend", ""),
];

/// One row of the table.
#[derive(Debug)]
struct Measured {
    policy: String,
    segment: String,
    metric: &'static str,
    method: &'static str,
    visits: usize,
    estimate: Interval,
    lift: Option<Interval>,
}

/// Measures what each policy brought and writes `feedback`.
///
/// # Errors
/// Store errors.
pub fn run(work: &Work<'_>) -> Result<StageReport> {
    let shop = work.shop;
    let Some(version) = shop.lake.version(&EXPOSURES)? else {
        return Ok(StageReport::skipped(NAME, "nothing is prepared yet; run `prepare`"));
    };
    let visits = shop.lake.query(include_str!("visits.sql"))?;
    if visits.rows() == 0 {
        let why = "nothing was shown by a decision; events `recommendation_shown` and `ad_shown` \
                   with a decision bring it";
        return Ok(StageReport::skipped(NAME, why));
    }
    (work.progress)(visits.rows() as u64);
    let bootstrap =
        Bootstrap { resamples: RESAMPLES, seed: shop.settings.seed, ..Bootstrap::default() };
    let mut rows = observed(&visits, &bootstrap)?;
    let adverts = shop.lake.query(include_str!("adverts.sql"))?;
    rows.extend(elsewhere::judge(&adverts, &bootstrap)?);
    let mut report = StageReport::new(NAME);
    report.inputs.insert(EXPOSURES.name, version);
    report.rows_read = (visits.rows() + adverts.rows()) as u64;
    report.parameter("resamples", RESAMPLES);
    report.metric("visits", visits.rows());
    for row in rows.iter().filter(|row| row.segment.is_empty()) {
        let name = format!("{}.{}.{}", row.policy, row.metric, row.method);
        report.metric(&name, json!({ "estimate": row.estimate, "lift": row.lift }));
    }
    let table = frame(&rows);
    shop.lake.replace(&FEEDBACK, &table)?;
    report.rows_written = table.rows() as u64;
    Ok(report)
}

/// The visits of one policy, in all or within one segment.
#[derive(Debug, Default)]
struct Group {
    rows: Vec<usize>,
}

fn observed(visits: &Frame, bootstrap: &Bootstrap) -> Result<Vec<Measured>> {
    let (policies, segments) = (visits.text("policy")?, visits.text("segment")?);
    // The empty segment stands for all customers.
    let mut groups: std::collections::BTreeMap<(&str, &str), Group> = Default::default();
    for (row, (policy, segment)) in policies.iter().zip(segments.iter()).enumerate() {
        let (policy, segment) = (policy.unwrap_or(""), segment.unwrap_or(""));
        groups.entry((policy, "")).or_default().rows.push(row);
        groups.entry((policy, segment)).or_default().rows.push(row);
    }
    groups.retain(|_, group| group.rows.len() >= VISITS_MIN);
    let customers: Vec<u64> =
        visits.text("customer")?.codes().iter().map(|code| u64::from(*code)).collect();
    let mut measured = Vec::new();
    for ((policy, segment), group) in &groups {
        for (metric, top, bottom) in METRICS {
            let own = Rows::of(visits, &customers, group, top, bottom)?;
            if own.denominator.iter().sum::<f64>() == 0.0 {
                continue;
            }
            let lift = match groups.get(&(RANDOM, segment)) {
                Some(random) if *policy != RANDOM => {
                    let random = Rows::of(visits, &customers, random, top, bottom)?;
                    let nothing = random.denominator.iter().sum::<f64>() == 0.0;
                    let compare = || bootstrap.ratio_difference(&own.ratio(), &random.ratio());
                    if nothing { None } else { Some(compare()?.difference) }
                }
                _ => None,
            };
            measured.push(Measured {
                policy: (*policy).to_owned(),
                segment: (*segment).to_owned(),
                metric,
                method: "observed",
                visits: group.rows.len(),
                estimate: bootstrap.ratio(&own.ratio())?,
                lift,
            });
        }
    }
    Ok(measured)
}

/// What is counted and divided by, of the visits of a group.
struct Rows {
    cluster: Vec<u64>,
    numerator: Vec<f64>,
    denominator: Vec<f64>,
}

impl Rows {
    /// Adds the visits of a customer up: the bootstrap draws whole customers.
    fn of(
        visits: &Frame,
        customers: &[u64],
        group: &Group,
        top: &str,
        bottom: &str,
    ) -> Result<Self> {
        let top = visits.float(top)?;
        let bottom = if bottom.is_empty() { None } else { Some(visits.float(bottom)?) };
        let mut places: FxHashMap<u64, usize> = FxHashMap::default();
        let mut rows = Self { cluster: vec![], numerator: vec![], denominator: vec![] };
        for row in &group.rows {
            let place = *places.entry(customers[*row]).or_insert(rows.cluster.len());
            if place == rows.cluster.len() {
                rows.cluster.push(customers[*row]);
                rows.numerator.push(0.0);
                rows.denominator.push(0.0);
            }
            rows.numerator[place] += top[*row];
            rows.denominator[place] += bottom.map_or(1.0, |values| values[*row]);
        }
        Ok(rows)
    }

    fn ratio(&self) -> Ratio<'_> {
        Ratio { cluster: &self.cluster, numerator: &self.numerator, denominator: &self.denominator }
    }
}

fn frame(rows: &[Measured]) -> Frame {
    let text = |of: fn(&Measured) -> &str| Column::Text(rows.iter().map(of).collect::<Texts>());
    let estimate = |of: fn(&Interval) -> f64| {
        Column::Float(rows.iter().map(|row| of(&row.estimate)).collect())
    };
    let lift = |of: fn(&Interval) -> f64| {
        Column::Float(rows.iter().map(|row| row.lift.as_ref().map_or(f64::NAN, of)).collect())
    };
    Frame::default()
        .with("policy", text(|row| &row.policy))
        .with("segment", text(|row| &row.segment))
        .with("metric", text(|row| row.metric))
        .with("method", text(|row| row.method))
        .with("visits", Column::Int(rows.iter().map(|row| row.visits as i64).collect()))
        .with("estimate", estimate(|interval| interval.estimate))
        .with("low", estimate(|interval| interval.low))
        .with("high", estimate(|interval| interval.high))
        .with("lift", lift(|interval| interval.estimate))
        .with("lift_low", lift(|interval| interval.low))
        .with("lift_high", lift(|interval| interval.high))
}

#[cfg(test)]
mod tests;
