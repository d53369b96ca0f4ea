//! How good predictions of a label are, by the names the laboratory prints.
//!
//! For labels of 0 and 1 the predictions are read as probabilities, cut to 10⁻⁷ … 1 − 10⁻⁷.

use anyhow::Result;
use serde_json::{Map, Value, json};

/// How near to 0 and 1 a probability is taken, so that its logarithm is finite.
const EDGE: f64 = 1e-7;
/// Bins of equal width for the calibration error.
const BINS: usize = 15;

/// Returns the measures of predictions, `None` among them where one is not defined.
///
/// `r2` is 1 − squared error / variance. For labels of 0 and 1 also: `auc`, ties counting half;
/// `log_loss`; `normalized_entropy`, the log loss over that of always saying the mean label;
/// `accuracy`, `precision`, `recall` and `f1` at 0.5; `calibration_ratio`, Σ predicted / Σ label;
/// `expected_calibration_error` over 15 bins of equal width, weighted by their rows.
pub(super) fn measure(labels: &[f64], predicted: &[f64]) -> Result<Value> {
    let mut metrics = Map::new();
    if labels.iter().all(|label| *label == 0.0 || *label == 1.0) {
        let probabilities: Vec<f64> =
            predicted.iter().map(|value| value.clamp(EDGE, 1.0 - EDGE)).collect();
        binary(labels, &probabilities, &mut metrics);
    }
    metrics.insert("r2".to_owned(), json!(r_squared(labels, predicted)));
    Ok(Value::Object(metrics))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Returns `numerator / denominator` where that is a number.
fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator != 0.0).then(|| numerator / denominator)
}

fn r_squared(labels: &[f64], predicted: &[f64]) -> Option<f64> {
    let mean = mean(labels);
    let total: f64 = labels.iter().map(|label| (label - mean).powi(2)).sum();
    let error: f64 =
        labels.iter().zip(predicted).map(|(label, guess)| (label - guess).powi(2)).sum();
    ratio(error, total).map(|share| 1.0 - share)
}

fn binary(labels: &[f64], predicted: &[f64], metrics: &mut Map<String, Value>) {
    let share = mean(labels);
    let loss = log_loss(labels, predicted);
    let base = log_loss(labels, &vec![share.clamp(EDGE, 1.0 - EDGE); labels.len()]);
    let (mut right, mut said, mut both) = (0.0, 0.0, 0.0);
    for (label, guess) in labels.iter().zip(predicted) {
        let guess = f64::from(u8::from(*guess >= 0.5));
        right += f64::from(u8::from(guess == *label));
        said += guess;
        both += guess * label;
    }
    let positive: f64 = labels.iter().sum();
    let one_class = positive == 0.0 || positive == labels.len() as f64;
    let entries = [
        ("auc", auc(labels, predicted)),
        ("log_loss", Some(loss)),
        ("normalized_entropy", if one_class { None } else { ratio(loss, base) }),
        ("accuracy", Some(right / labels.len() as f64)),
        ("precision", Some(ratio(both, said).unwrap_or(0.0))),
        ("recall", ratio(both, positive)),
        ("f1", ratio(2.0 * both, said + positive)),
        ("calibration_ratio", ratio(predicted.iter().sum(), positive)),
        ("expected_calibration_error", Some(calibration_error(labels, predicted))),
    ];
    metrics.extend(entries.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
}

fn log_loss(labels: &[f64], predicted: &[f64]) -> f64 {
    let one = |(label, guess): (&f64, &f64)| {
        if *label > 0.5 { -guess.ln() } else { -(-guess).ln_1p() }
    };
    labels.iter().zip(predicted).map(one).sum::<f64>() / labels.len() as f64
}

/// Returns the share of pairs of a positive and a negative row that are in the right order.
fn auc(labels: &[f64], predicted: &[f64]) -> Option<f64> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|left, right| predicted[*left].total_cmp(&predicted[*right]));
    let (mut below, mut pairs) = (0.0, 0.0);
    for tied in order.chunk_by(|left, right| predicted[*left] == predicted[*right]) {
        let positive: f64 = tied.iter().map(|row| labels[*row]).sum();
        let negative = tied.len() as f64 - positive;
        pairs += positive * (below + negative / 2.0);
        below += negative;
    }
    ratio(pairs, below * labels.iter().sum::<f64>())
}

fn calibration_error(labels: &[f64], predicted: &[f64]) -> f64 {
    let mut gaps = [0.0; BINS];
    for (label, guess) in labels.iter().zip(predicted) {
        gaps[((guess * BINS as f64) as usize).min(BINS - 1)] += guess - label;
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / labels.len() as f64
}
