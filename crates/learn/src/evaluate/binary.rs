//! How good are predicted probabilities of something that came about or did not?
//!
//! Order (AUC), sharpness (log loss, normalised entropy), decisions at a threshold, and whether the
//! probabilities mean what they say (calibration ratio, expected calibration error, curve). The
//! probabilities are first clipped to 1e-7 … 1 − 1e-7, so that predictions of a linear model count
//! as probabilities and a single wrong certainty does not make a log loss infinite. What cannot be
//! computed (an AUC when only one outcome occurs) is `None`.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::evaluate::regression::RegressionReport;

/// How far probabilities are kept from 0 and 1.
pub const CLIP: f64 = 1e-7;

/// The equal-width bins of the expected calibration error.
pub const CALIBRATION_BINS: usize = 15;

/// The normal quantile of a two-sided interval of 95 %.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// The normal quantile of a two-sided interval of 99 %.
pub const Z_99: f64 = 2.575_829_303_548_900_4;

/// All measures of one set of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BinaryReport {
    /// The number of rows.
    pub rows: usize,
    /// How many came about.
    pub positives: usize,
    /// The chance that a positive is ranked above a negative, ties counting half.
    pub auc: Option<f64>,
    /// The mean of `−log` of the probability given to what came about.
    pub log_loss: f64,
    /// The log loss divided by that of always predicting the mean of these labels; below 1 is
    /// better.
    pub normalized_entropy: Option<f64>,
    /// The share of rows on the right side of 0.5.
    pub accuracy: f64,
    /// Of the rows at 0.5 or above, the share that came about; 0 when there are none.
    pub precision: f64,
    /// Of what came about, the share at 0.5 or above; 0 when nothing came about.
    pub recall: f64,
    /// The harmonic mean of precision and recall; 0 when both are.
    pub f1: f64,
    /// `Σ p / Σ y`: above 1 is too high.
    pub calibration_ratio: Option<f64>,
    /// Over 15 equal-width bins of p, the mean over rows of the bin's `|mean p − mean y|`.
    pub expected_calibration_error: f64,
    /// `1 − Σ (y − p)² / Σ (y − ȳ)²`, of the predictions before clipping.
    pub r2: f64,
}

impl BinaryReport {
    /// Measures predictions against what came about.
    ///
    /// # Errors
    /// [`Error::Length`] when the two differ in length, [`Error::TooLittle`] when there is no row,
    /// [`Error::NotFinite`] for a prediction that is not a number.
    pub fn measure(predicted: &[f64], labels: &[bool]) -> Result<Self> {
        check(predicted, labels)?;
        let target: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label))).collect();
        let r2 = RegressionReport::measure(predicted, &target)?.r2;
        let clipped: Vec<f64> = predicted.iter().map(|p| clip(*p)).collect();
        let rows = labels.len();
        let positives = labels.iter().filter(|label| **label).count();
        let log_loss = log_loss(&clipped, labels)?;
        let base = entropy(positives as f64 / rows as f64);
        let decisions = Decisions::at(&clipped, labels, 0.5);
        let ratio = clipped.iter().sum::<f64>() / positives as f64;
        Ok(Self {
            rows,
            positives,
            auc: auc(&clipped, labels)?,
            log_loss,
            normalized_entropy: (base > 0.0).then(|| log_loss / base),
            accuracy: decisions.accuracy(),
            precision: decisions.precision(),
            recall: decisions.recall(),
            f1: decisions.f1(),
            calibration_ratio: (positives > 0).then_some(ratio),
            expected_calibration_error: expected_calibration_error(&clipped, labels)?,
            r2,
        })
    }
}

fn clip(probability: f64) -> f64 {
    probability.clamp(CLIP, 1.0 - CLIP)
}

/// Returns the entropy of a coin that shows heads with the given probability, in nats.
fn entropy(probability: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    term(probability) + term(1.0 - probability)
}

fn check(predicted: &[f64], labels: &[bool]) -> Result<()> {
    if predicted.len() != labels.len() {
        let (expected, got) = (labels.len(), predicted.len());
        return Err(Error::Length { what: "predictions", expected, got });
    }
    if labels.is_empty() {
        return Err(Error::TooLittle("there is no row to evaluate".to_owned()));
    }
    super::check_finite("a prediction", predicted)
}

/// Returns the area under the receiver operating characteristic: the share of (positive, negative)
/// pairs in which the positive has the higher score, ties counting half; `None` without such a
/// pair. By ranks (Mann & Whitney 1947), in `O(n log n)`.
///
/// # Errors
/// As [`BinaryReport::measure`].
pub fn auc(scores: &[f64], labels: &[bool]) -> Result<Option<f64>> {
    check(scores, labels)?;
    // Adding zero makes −0 equal to 0.
    let mut rows: Vec<(f64, bool)> =
        scores.iter().zip(labels).map(|(score, label)| (score + 0.0, *label)).collect();
    rows.par_sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
    // Twice the number of pairs won: whole numbers, so the sum is exact.
    let (mut won_twice, mut negatives_below, mut positives) = (0u128, 0u128, 0u128);
    for tied in rows.chunk_by(|left, right| left.0 == right.0) {
        let higher = tied.iter().filter(|(_, label)| *label).count() as u128;
        let lower = tied.len() as u128 - higher;
        won_twice += higher * (2 * negatives_below + lower);
        negatives_below += lower;
        positives += higher;
    }
    let pairs = positives * negatives_below;
    Ok((pairs > 0).then(|| won_twice as f64 / (2.0 * pairs as f64)))
}

/// Returns the mean of `−log` of the probability given to what came about, in nats, of
/// probabilities clipped to 1e-7 … 1 − 1e-7.
///
/// # Errors
/// As [`BinaryReport::measure`].
pub fn log_loss(probabilities: &[f64], labels: &[bool]) -> Result<f64> {
    check(probabilities, labels)?;
    let loss = |(probability, label): (&f64, &bool)| {
        let probability = clip(*probability);
        if *label { -probability.ln() } else { -(-probability).ln_1p() }
    };
    Ok(probabilities.iter().zip(labels).map(loss).sum::<f64>() / labels.len() as f64)
}

/// Returns the mean over rows of `|mean p − mean y|` of the row's bin, of 15 bins of equal width.
///
/// # Errors
/// As [`BinaryReport::measure`].
pub fn expected_calibration_error(probabilities: &[f64], labels: &[bool]) -> Result<f64> {
    check(probabilities, labels)?;
    let mut gaps = [0.0; CALIBRATION_BINS];
    for (probability, label) in probabilities.iter().zip(labels) {
        let bin = (probability * CALIBRATION_BINS as f64).max(0.0) as usize;
        gaps[bin.min(CALIBRATION_BINS - 1)] += probability - f64::from(u8::from(*label));
    }
    // A bin's rows times the distance of its means is the distance of its sums.
    Ok(gaps.iter().map(|gap| gap.abs()).sum::<f64>() / labels.len() as f64)
}

/// How decisions at a threshold turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Decisions {
    /// Said yes, came about.
    pub true_positives: usize,
    /// Said yes, did not.
    pub false_positives: usize,
    /// Said no, did not.
    pub true_negatives: usize,
    /// Said no, came about.
    pub false_negatives: usize,
}

impl Decisions {
    /// Counts the decisions "yes from `threshold` up"; the longer input is cut to the shorter.
    #[must_use]
    pub fn at(probabilities: &[f64], labels: &[bool], threshold: f64) -> Self {
        let mut counts = Self::default();
        for (probability, label) in probabilities.iter().zip(labels) {
            let count = match (*probability >= threshold, *label) {
                (true, true) => &mut counts.true_positives,
                (true, false) => &mut counts.false_positives,
                (false, false) => &mut counts.true_negatives,
                (false, true) => &mut counts.false_negatives,
            };
            *count += 1;
        }
        counts
    }

    /// Returns the share of right decisions; 0 when there is none.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        share(right, right + self.false_positives + self.false_negatives)
    }

    /// Returns the share of yeses that came about; 0 when there is none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Returns the share of what came about that got a yes; 0 when nothing came about.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Returns the harmonic mean of precision and recall; 0 when both are.
    #[must_use]
    pub fn f1(&self) -> f64 {
        let errors = self.false_positives + self.false_negatives;
        share(2 * self.true_positives, 2 * self.true_positives + errors)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// One bin of a calibration curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// The number of rows.
    pub rows: usize,
    /// The mean prediction.
    pub predicted: f64,
    /// The share that came about.
    pub observed: f64,
    /// The Wilson interval of the true rate.
    pub low: f64,
    /// The upper end of that interval.
    pub high: f64,
}

/// Returns the calibration curve: rows in order of their prediction, cut into `bins` bins of nearly
/// equal size; equal predictions stay together, so there may be fewer bins. `z` is the normal
/// quantile of the intervals, [`Z_95`] or [`Z_99`].
///
/// # Errors
/// As [`BinaryReport::measure`]; [`Error::Parameter`] for no bins.
pub fn calibration_curve(
    probabilities: &[f64],
    labels: &[bool],
    bins: usize,
    z: f64,
) -> Result<Vec<CalibrationBin>> {
    check(probabilities, labels)?;
    if bins == 0 {
        return Err(Error::parameter("bins", "≥ 1", bins));
    }
    let mut rows: Vec<(f64, bool)> =
        probabilities.iter().zip(labels).map(|(p, label)| (*p + 0.0, *label)).collect();
    rows.par_sort_unstable_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    let mut curve = Vec::with_capacity(bins);
    let mut start = 0;
    for bin in 1..=bins {
        let mut end = (rows.len() * bin / bins).max(start);
        if end > 0 {
            let last = rows[end - 1].0;
            end += rows[end..].partition_point(|row| row.0 == last);
        }
        if end > start {
            curve.push(CalibrationBin::of(&rows[start..end], z));
        }
        start = end;
    }
    Ok(curve)
}

impl CalibrationBin {
    fn of(rows: &[(f64, bool)], z: f64) -> Self {
        let count = rows.len() as f64;
        let positives = rows.iter().filter(|row| row.1).count();
        let (low, high) = wilson_interval(positives, rows.len(), z);
        Self {
            rows: rows.len(),
            predicted: rows.iter().map(|row| row.0).sum::<f64>() / count,
            observed: positives as f64 / count,
            low,
            high,
        }
    }
}

/// Returns the interval of a rate from its successes among trials (Wilson 1927): the rates `p` with
/// `|p̂ − p| ≤ z √(p (1 − p) / n)`; 0 to 1 without trials.
#[must_use]
pub fn wilson_interval(successes: usize, trials: usize, z: f64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let n = trials as f64;
    let rate = successes as f64 / n;
    let square = z * z;
    let middle = (rate + square / (2.0 * n)) / (1.0 + square / n);
    let spread = rate * (1.0 - rate) / n + square / (4.0 * n * n);
    let half = z * spread.sqrt() / (1.0 + square / n);
    // At rates of 0 and 1 an end is the rate itself, but for rounding.
    ((middle - half).max(0.0).min(rate), (middle + half).min(1.0).max(rate))
}

#[cfg(test)]
mod tests;
