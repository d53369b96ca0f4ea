//! How likely is a click, and an order after a click? Fitted, calibrated, measured and compared.
//!
//! Rows stand in time order. The oldest 64 % fit the model, the next 16 % choose the strength of
//! its penalty and fit its calibration, the newest 20 % are the window on which it is measured
//! beside the serving model and the baselines: the mean rate, and linear regression as textbooks
//! have it. Then the model is fitted on all rows with the chosen strength.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shopwise_learn::evaluate::binary::{BinaryReport, Z_95, calibration_curve, log_loss};
use shopwise_learn::respond::{Calibration, Calibrator, Entry, Model, Table, Training};
use shopwise_model::frame::Texts;

use crate::error::Result;

/// The share of the rows in the newest window.
const WINDOW_SHARE: f64 = 0.2;
/// The share of the rows before the window that choose and calibrate.
const VALIDATION_SHARE: f64 = 0.2;
/// Penalties tried: C of logistic regression.
const STRENGTHS: [f64; 4] = [0.001, 0.01, 0.1, 1.0];
/// Outcomes in the validation part from which a free curve is fitted; two numbers below that.
const ISOTONIC_OUTCOMES_MIN: usize = 2000;
/// Bins of the calibration curve.
const BINS: usize = 10;

/// Something that gives the probability of an outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predictor {
    /// The mean rate for everybody: what serves until a model is better.
    Rate(f64),
    /// A fitted model and its calibration.
    Fitted {
        /// The model.
        model: Box<Model>,
        /// What makes its probabilities mean what they say.
        calibrator: Calibrator,
    },
}

impl Predictor {
    /// Returns the probability for every row.
    ///
    /// # Errors
    /// When the table lacks a column that the model was fitted on.
    pub fn predict(&self, table: &Table<'_>) -> Result<Vec<f64>> {
        match self {
            Self::Rate(rate) => Ok(vec![*rate; table.rows()]),
            Self::Fitted { model, calibrator } => {
                let mut probabilities = model.predict(table)?;
                for probability in &mut probabilities {
                    *probability = calibrator.calibrate(probability.clamp(0.0, 1.0));
                }
                Ok(probabilities)
            }
        }
    }
}

/// The parts of the rows, by where they end.
#[derive(Debug, Clone, Copy)]
struct Parts {
    fit: usize,
    validation: usize,
    all: usize,
}

impl Parts {
    fn of(rows: usize) -> Self {
        let validation = rows - (rows as f64 * WINDOW_SHARE).round() as usize;
        let fit = validation - (validation as f64 * VALIDATION_SHARE).round() as usize;
        Self { fit, validation, all: rows }
    }
}

/// A model that was fitted, and how it and its rivals did on the newest window.
#[derive(Debug)]
pub(super) struct Trial {
    /// Fitted on everything.
    pub(super) predictor: Predictor,
    pub(super) parameters: Value,
    pub(super) metrics: Value,
    pub(super) baseline: Value,
    /// Mean log-likelihood of each customer in the window.
    pub(super) scores: Vec<f64>,
    pub(super) baselines: Vec<(&'static str, Vec<f64>)>,
    pub(super) serving: Option<Vec<f64>>,
}

/// Fits and measures; `None` when a part of the rows has no outcome or nothing else.
pub(super) fn try_logistic(
    table: &Table<'_>,
    labels: &[bool],
    customers: &Texts,
    serving: Option<&Predictor>,
) -> Result<Option<Trial>> {
    let parts = Parts::of(labels.len());
    let (window, window_labels) =
        (table.slice(parts.validation..parts.all), &labels[parts.validation..]);
    for part in [&labels[..parts.fit], &labels[parts.fit..parts.validation], window_labels] {
        if !part.contains(&true) || !part.contains(&false) {
            return Ok(None);
        }
    }
    let (strength, fitted, calibrator) = choose(table, labels, parts)?;
    let candidate = Predictor::Fitted { model: Box::new(fitted), calibrator };
    let predicted = candidate.predict(&window)?;
    let rate = rate(&labels[..parts.validation]);
    let linear =
        fit("linear", &table.slice(0..parts.validation), &labels[..parts.validation], &[])?;
    let linear: Vec<f64> = linear.predict(&window)?.iter().map(|p| p.clamp(0.0, 1.0)).collect();
    let constant = vec![rate; window_labels.len()];
    let owners = &customers.codes()[parts.validation..];
    let score = |predicted: &[f64]| customer_scores(owners, predicted, window_labels);
    let served = serving.map(|serving| serving.predict(&window)).transpose()?;
    let (predictor, calibration) = refit(table, labels, &candidate, strength, parts)?;
    Ok(Some(Trial {
        predictor,
        parameters: json!({
            "model": "logistic", "strength": strength, "calibration": calibration,
            "rows": { "fit": parts.fit, "validation": parts.validation - parts.fit,
                      "window": parts.all - parts.validation },
        }),
        metrics: measured(&predicted, window_labels)?,
        baseline: json!({
            "rate": measured(&constant, window_labels)?,
            "linear": measured(&linear, window_labels)?,
        }),
        scores: score(&predicted),
        baselines: vec![("rate", score(&constant)), ("linear", score(&linear))],
        serving: served.map(|served| score(&served)),
    }))
}

/// Returns the strength with the least log loss on the validation part, the model fitted with it,
/// and the calibration.
fn choose(table: &Table<'_>, labels: &[bool], parts: Parts) -> Result<(f64, Model, Calibrator)> {
    let (rows, known) = (table.slice(0..parts.fit), &labels[..parts.fit]);
    let validation = table.slice(parts.fit..parts.validation);
    let outcomes = &labels[parts.fit..parts.validation];
    let mut best: Option<(f64, f64, Model, Vec<f64>)> = None;
    for strength in STRENGTHS {
        let model = fit("logistic", &rows, known, &[("strength", strength)])?;
        let predicted = model.predict(&validation)?;
        let loss = log_loss(&predicted, outcomes)?;
        if best.as_ref().is_none_or(|best| loss < best.0) {
            best = Some((loss, strength, model, predicted));
        }
    }
    let (_, strength, model, predicted) = best.expect("there are strengths to try");
    let calibrator = calibration(outcomes).fit(&predicted, outcomes)?;
    Ok((strength, model, calibrator))
}

fn calibration(outcomes: &[bool]) -> Calibration {
    let positives = outcomes.iter().filter(|outcome| **outcome).count();
    if positives >= ISOTONIC_OUTCOMES_MIN { Calibration::Isotonic } else { Calibration::Platt }
}

/// Fits on everything with the chosen strength. The calibration is fitted on rows that the
/// candidate did not learn from: those it was chosen and measured by.
fn refit(
    table: &Table<'_>,
    labels: &[bool],
    candidate: &Predictor,
    strength: f64,
    parts: Parts,
) -> Result<(Predictor, Calibration)> {
    let unseen = &labels[parts.fit..];
    let kind = calibration(unseen);
    let calibrator = match candidate {
        Predictor::Rate(_) => Calibrator::None,
        Predictor::Fitted { model, .. } => {
            kind.fit(&model.predict(&table.slice(parts.fit..parts.all))?, unseen)?
        }
    };
    let model = fit("logistic", table, labels, &[("strength", strength)])?;
    Ok((Predictor::Fitted { model: Box::new(model), calibrator }, kind))
}

fn fit(name: &str, table: &Table<'_>, labels: &[bool], settings: &[(&str, f64)]) -> Result<Model> {
    let entry = Entry::find(name)?;
    let labels: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label))).collect();
    let training = Training { table, labels: &labels, weights: None };
    Ok(entry.fit(&training, &entry.settings(settings)?)?)
}

fn rate(labels: &[bool]) -> f64 {
    labels.iter().filter(|label| **label).count() as f64 / labels.len().max(1) as f64
}

fn measured(predicted: &[f64], labels: &[bool]) -> Result<Value> {
    let mut metrics = json!(BinaryReport::measure(predicted, labels)?);
    metrics["curve"] = json!(calibration_curve(predicted, labels, BINS, Z_95)?);
    Ok(metrics)
}

/// Returns the mean log-likelihood of each customer's rows, in the order of first appearance.
fn customer_scores(owners: &[u32], predicted: &[f64], labels: &[bool]) -> Vec<f64> {
    let mut places: FxHashMap<u32, usize> = FxHashMap::default();
    let mut sums: Vec<(f64, f64)> = Vec::new();
    for ((owner, predicted), label) in owners.iter().zip(predicted).zip(labels) {
        let place = *places.entry(*owner).or_insert(sums.len());
        if place == sums.len() {
            sums.push((0.0, 0.0));
        }
        let likelihood = if *label { *predicted } else { 1.0 - predicted };
        sums[place].0 += likelihood.max(1e-15).ln();
        sums[place].1 += 1.0;
    }
    sums.iter().map(|(sum, rows)| sum / rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_scored_by_the_mean_of_his_rows() {
        let scores = customer_scores(&[5, 2, 5], &[0.5, 0.25, 0.5], &[true, false, false]);
        assert_eq!(scores, [0.5_f64.ln(), 0.75_f64.ln()]);
    }

    #[test]
    fn the_window_is_the_newest_fifth() {
        let parts = Parts::of(100);
        assert_eq!((parts.fit, parts.validation, parts.all), (64, 80, 100));
        let parts = Parts::of(0);
        assert_eq!((parts.fit, parts.validation, parts.all), (0, 0, 0));
    }
}
