//! Advertising: how likely a click is, how likely an order after it, and which advert is worth
//! most.
//!
//! Two response models are learned from the exposures and published: `click` from the adverts
//! shown, `conversion` from everything that was clicked, for what follows a click is the same
//! question wherever it was clicked. [`Strategy`] asks them what showing each campaign is worth;
//! [`Desk`] knows who may be shown and keeps the budgets.

mod cases;
mod desk;
mod response;
mod strategy;

use serde::Serialize;
use serde_json::{Value, json};
use shopwise_learn::respond::Table;
use shopwise_model::frame::{Frame, Texts};
use shopwise_model::money::units_from_micros;
use shopwise_model::tables::{EXPOSURE_FEATURES, EXPOSURES};

use crate::error::Result;
use crate::publish::{self, Contender, Contest, Publication, Verdict};
use crate::report::StageReport;
use crate::stage::Work;

use response::{Trial, try_logistic};
use strategy::Conversion;

pub use cases::CATEGORIES;
pub use desk::{Desk, Shown};
pub use response::Predictor;
pub use strategy::Strategy;

/// The stage's name.
pub const NAME: &str = "advertise";

/// The names of the models.
const CLICK: &str = "click";
const CONVERSION: &str = "conversion";
/// The file of a model, and how it is laid out.
const FILE: &str = "model.json";
const FORMAT: u32 = 1;

/// Fewer exposures than this tell nothing about clicks.
const EXPOSURES_MIN: usize = 1000;
/// The newest exposures that are learned from: enough for a few hundred coefficients, and in
/// memory.
const EXPOSURES_MAX: usize = 1_000_000;
/// Outcomes below which the mean rate is all that can be said.
const OUTCOMES_MIN: usize = 50;

/// Learns from the exposures and publishes what is better.
///
/// # Errors
/// Store errors, and what the learning refuses.
pub fn run(work: &Work<'_>) -> Result<StageReport> {
    let shop = work.shop;
    let Some(version) = shop.lake.version(&EXPOSURES)? else {
        return Ok(StageReport::skipped(NAME, "nothing is prepared yet; run `prepare`"));
    };
    let shown = shop.lake.query(&sql(include_str!("clicks.sql")))?;
    if shown.rows() < EXPOSURES_MIN {
        let why = format!(
            "{} adverts were shown, {EXPOSURES_MIN} are needed; events `ad_shown` and `ad_clicked` \
             bring them",
            shown.rows()
        );
        return Ok(StageReport::skipped(NAME, why));
    }
    let mut report = StageReport::new(NAME);
    report.inputs.insert(EXPOSURES.name, version);
    report.rows_read = shown.rows() as u64;
    (work.progress)(report.rows_read);
    let inputs = json!({ EXPOSURES.name: version });
    clicks(work, &shown, &inputs, &mut report)?;
    drop(shown);
    let clicked = shop.lake.query(&sql(include_str!("conversions.sql")))?;
    report.rows_read += clicked.rows() as u64;
    conversions(work, &clicked, &inputs, &mut report)?;
    Ok(report)
}

fn sql(text: &str) -> String {
    text.replace("{features}", &EXPOSURE_FEATURES.join(", "))
        .replace("{limit}", &EXPOSURES_MAX.to_string())
}

/// What was shown or clicked, with its outcome.
struct Outcomes<'a> {
    table: &'a Table<'a>,
    labels: &'a [bool],
    customers: &'a Texts,
}

impl Outcomes<'_> {
    /// Tries a model where there are enough outcomes.
    fn attempt(&self, serving: Option<&Predictor>) -> Result<Option<Trial>> {
        let came = self.labels.iter().filter(|label| **label).count();
        if came < OUTCOMES_MIN {
            return Ok(None);
        }
        try_logistic(self.table, self.labels, self.customers, serving)
    }

    fn rate(&self) -> f64 {
        let came = self.labels.iter().filter(|label| **label).count();
        came as f64 / self.labels.len().max(1) as f64
    }
}

fn clicks(work: &Work<'_>, shown: &Frame, inputs: &Value, report: &mut StageReport) -> Result<()> {
    let serving: Option<Predictor> = strategy::open(work.shop, CLICK)?;
    let cases = cases::of(shown)?;
    let outcomes = Outcomes {
        table: &cases.table()?,
        labels: shown.bool("clicked")?,
        customers: shown.text("customer")?,
    };
    let trial = outcomes.attempt(serving.as_ref())?;
    let rate = Predictor::Rate(outcomes.rate());
    settle(work, CLICK, trial, rate, serving.is_some(), inputs, report, |predictor| predictor)
}

fn conversions(
    work: &Work<'_>,
    clicked: &Frame,
    inputs: &Value,
    report: &mut StageReport,
) -> Result<()> {
    let serving: Option<Conversion> = strategy::open(work.shop, CONVERSION)?;
    let cases = cases::of(clicked)?;
    let outcomes = Outcomes {
        table: &cases.table()?,
        labels: clicked.bool("converted")?,
        customers: clicked.text("customer")?,
    };
    let prices_per_order = prices_per_order(clicked)?;
    report.metric("prices_per_order", prices_per_order);
    let trial = outcomes.attempt(serving.as_ref().map(|serving| &serving.predictor))?;
    let rate = Predictor::Rate(outcomes.rate());
    settle(work, CONVERSION, trial, rate, serving.is_some(), inputs, report, |predictor| {
        Conversion { predictor, prices_per_order }
    })
}

/// Returns the value of the orders that followed clicks, in prices of what was clicked; 1 where
/// nothing was bought.
fn prices_per_order(clicked: &Frame) -> Result<f64> {
    let (values, prices) = (clicked.int("value")?, clicked.float("product_price")?);
    let converted = clicked.bool("converted")?;
    let bought = (0..clicked.rows()).filter(|row| converted[*row]);
    let (value, price) = bought.fold((0.0, 0.0), |(value, price), row| {
        (value + units_from_micros(values[row]), price + prices[row].exp())
    });
    Ok(if price > 0.0 && value > 0.0 { value / price } else { 1.0 })
}

/// Puts the trial on the shelf if there is one, and lets it serve if it deserves to; where nothing
/// serves yet and no model is better, the mean rate serves.
#[expect(clippy::too_many_arguments, reason = "one step of two models, which share everything")]
fn settle<T: Serialize>(
    work: &Work<'_>,
    name: &str,
    trial: Option<Trial>,
    rate: Predictor,
    is_serving: bool,
    inputs: &Value,
    report: &mut StageReport,
    wrap: impl Fn(Predictor) -> T,
) -> Result<()> {
    let mut served = is_serving;
    if let Some(trial) = trial {
        let verdict = judged(&trial, name, work.shop.settings.seed)?;
        served |= verdict.publish;
        report.metric(
            name,
            json!({ "metrics": trial.metrics, "baseline": trial.baseline,
            "verdict": verdict, "parameters": trial.parameters }),
        );
        let bytes = serde_json::to_vec(&wrap(trial.predictor)).unwrap_or_default();
        put(
            work,
            name,
            &bytes,
            &verdict,
            report,
            Described {
                parameters: trial.parameters,
                metrics: trial.metrics,
                baseline: trial.baseline,
                inputs: inputs.clone(),
            },
        )?;
    }
    if !served {
        let bytes = serde_json::to_vec(&wrap(rate)).unwrap_or_default();
        put(
            work,
            name,
            &bytes,
            &Verdict::baseline(),
            report,
            Described {
                parameters: json!({ "model": "rate" }),
                metrics: json!({}),
                baseline: json!({}),
                inputs: inputs.clone(),
            },
        )?;
    }
    Ok(())
}

fn judged(trial: &Trial, name: &str, seed: u64) -> Result<Verdict> {
    let baselines: Vec<Contender<'_>> =
        trial.baselines.iter().map(|(name, scores)| Contender { name, scores }).collect();
    let serving = trial.serving.as_ref().map(|scores| Contender { name: "serving", scores });
    let candidate = Contender { name, scores: &trial.scores };
    publish::judge(&Contest { candidate, serving, baselines: &baselines, seed })
}

/// What stands in a model's manifest.
struct Described {
    parameters: Value,
    metrics: Value,
    baseline: Value,
    inputs: Value,
}

fn put(
    work: &Work<'_>,
    name: &str,
    bytes: &[u8],
    verdict: &Verdict,
    report: &mut StageReport,
    about: Described,
) -> Result<()> {
    let publication = Publication {
        name,
        files: &[(FILE, bytes)],
        parameters: about.parameters,
        metrics: about.metrics,
        baseline: about.baseline,
        inputs: about.inputs,
        format: FORMAT,
    };
    let version = publish::store(work, &publication, verdict)?;
    report.models.push(publication.report(version, verdict));
    Ok(())
}
