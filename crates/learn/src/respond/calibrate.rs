//! Makes probabilities mean what they say, from held-out predictions and what came about.
//!
//! *Isotonic* regression finds the non-decreasing map with the least squared error (pool adjacent
//! violators; Ayer et al. 1955, Zadrozny & Elkan 2002): it can follow any shape but wants thousands
//! of rows, and where all or none responded it answers 1 or 0. *Platt* scaling (Platt 1999, with
//! the safeguards of Lin, Lin & Weng 2007) fits `σ(slope × logit(p) + shift)`: two numbers, enough
//! when the predictions are merely too bold, too timid or too high. Neither changes the order of
//! predictions (isotonic may tie some; a negative Platt slope says that the model ranks the wrong
//! way round). They must not be fitted on the rows the model learned from.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::respond::logistic::{logistic, logit};

/// Probabilities are kept this far from 0 and 1 before their logit is taken.
const EDGE: f64 = 1e-12;

/// The most Newton steps for the two numbers of Platt scaling; ten are usual.
const PLATT_STEPS_MAX: usize = 100;

/// The size of the gradient per row at which Platt scaling has converged.
const PLATT_TOLERANCE: f64 = 1e-12;

/// Which correction to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// Leave probabilities as they are.
    None,
    /// A non-decreasing map.
    Isotonic,
    /// A line on the logit scale.
    Platt,
}

/// A fitted correction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibrator {
    /// Leaves probabilities as they are.
    None,
    /// Interpolates between knots, and continues the first and last one outside.
    Isotonic {
        /// Predicted probabilities, ascending.
        predicted: Vec<f64>,
        /// What each becomes, non-decreasing.
        calibrated: Vec<f64>,
    },
    /// `σ(slope × logit(p) + shift)`.
    Platt {
        /// Below 1 for predictions that are too bold.
        slope: f64,
        /// Below 0 for predictions that are too high.
        shift: f64,
    },
}

impl Calibration {
    /// Fits the correction to predicted probabilities and what came about.
    ///
    /// # Errors
    /// [`Error::Length`] when the two differ in length, [`Error::TooLittle`] when there is no row,
    /// [`Error::Parameter`] for a probability outside 0 to 1.
    pub fn fit(self, predicted: &[f64], labels: &[bool]) -> Result<Calibrator> {
        if labels.len() != predicted.len() {
            let (expected, got) = (predicted.len(), labels.len());
            return Err(Error::Length { what: "labels", expected, got });
        }
        if let Some(wrong) = predicted.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(Error::parameter("predicted", "between 0 and 1", wrong));
        }
        if predicted.is_empty() {
            return Err(Error::TooLittle("there is no row to calibrate on".to_owned()));
        }
        match self {
            Self::None => Ok(Calibrator::None),
            Self::Isotonic => Ok(fit_isotonic(predicted, labels)),
            Self::Platt => fit_platt(predicted, labels),
        }
    }
}

impl Calibrator {
    /// Returns the corrected probability.
    #[must_use]
    pub fn calibrate(&self, probability: f64) -> f64 {
        match self {
            Self::None => probability,
            Self::Isotonic { predicted, calibrated } => {
                interpolate(predicted, calibrated, probability)
            }
            Self::Platt { slope, shift } => logistic(slope * safe_logit(probability) + shift),
        }
    }

    /// Corrects every probability in place.
    pub fn calibrate_all(&self, probabilities: &mut [f64]) {
        probabilities
            .iter_mut()
            .for_each(|probability| *probability = self.calibrate(*probability));
    }
}

fn safe_logit(probability: f64) -> f64 {
    logit(probability.clamp(EDGE, 1.0 - EDGE))
}

/// Neighbouring predictions that share one calibrated value.
#[derive(Debug, Clone, Copy)]
struct Pool {
    lowest: f64,
    highest: f64,
    positives: f64,
    rows: f64,
}

impl Pool {
    fn rate(&self) -> f64 {
        self.positives / self.rows
    }

    fn joined(&self, next: &Self) -> Self {
        Self {
            lowest: self.lowest,
            highest: next.highest,
            positives: self.positives + next.positives,
            rows: self.rows + next.rows,
        }
    }
}

fn fit_isotonic(predicted: &[f64], labels: &[bool]) -> Calibrator {
    let mut order: Vec<usize> = (0..predicted.len()).collect();
    order.sort_unstable_by(|left, right| predicted[*left].total_cmp(&predicted[*right]));
    let mut pools: Vec<Pool> = Vec::new();
    let mut rows = order.into_iter().peekable();
    while let Some(row) = rows.next() {
        let level = predicted[row];
        let mut pool = Pool {
            lowest: level,
            highest: level,
            positives: f64::from(u8::from(labels[row])),
            rows: 1.0,
        };
        while let Some(equal) = rows.next_if(|row| predicted[*row] == level) {
            pool.positives += f64::from(u8::from(labels[equal]));
            pool.rows += 1.0;
        }
        while let Some(last) = pools.pop_if(|last| last.rate() >= pool.rate()) {
            pool = last.joined(&pool);
        }
        pools.push(pool);
    }
    let mut knots: Vec<(f64, f64)> = Vec::with_capacity(2 * pools.len());
    for pool in &pools {
        knots.push((pool.lowest, pool.rate()));
        if pool.highest > pool.lowest {
            knots.push((pool.highest, pool.rate()));
        }
    }
    let (predicted, calibrated) = knots.into_iter().unzip();
    Calibrator::Isotonic { predicted, calibrated }
}

/// Returns the height at `place` of the line through the knots, flat before the first and behind
/// the last.
fn interpolate(places: &[f64], heights: &[f64], place: f64) -> f64 {
    let next = places.partition_point(|other| *other < place);
    match (next.checked_sub(1), places.get(next)) {
        (_, Some(exact)) if *exact == place => heights[next],
        (None, _) => heights[0],
        (Some(before), None) => heights[before],
        (Some(before), Some(after)) => {
            let share = (place - places[before]) / (after - places[before]);
            heights[before] + share * (heights[next] - heights[before])
        }
    }
}

/// The loss of Platt scaling at (slope, shift), with its first and second derivatives.
#[derive(Debug, Clone, Copy, Default)]
struct Platt {
    loss: f64,
    gradient: [f64; 2],
    /// The entries (slope, slope), (slope, shift), (shift, shift).
    hessian: [f64; 3],
}

/// Fits by Newton's method. The targets are not 1 and 0 but Platt's `(n₁ + 1) / (n₁ + 2)` and
/// `1 / (n₀ + 2)`, so that a perfect separation still has a finite solution.
fn fit_platt(predicted: &[f64], labels: &[bool]) -> Result<Calibrator> {
    let positives = labels.iter().filter(|label| **label).count() as f64;
    let negatives = labels.len() as f64 - positives;
    let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
    let logits: Vec<f64> = predicted.iter().map(|probability| safe_logit(*probability)).collect();
    let targets: Vec<f64> = labels.iter().map(|label| if *label { high } else { low }).collect();
    let mut line = [0.0, ((positives + 1.0) / (negatives + 1.0)).ln()];
    let mut state = platt_at(line, &logits, &targets);
    for _ in 0..PLATT_STEPS_MAX {
        let size = state.gradient[0].abs().max(state.gradient[1].abs());
        if size <= PLATT_TOLERANCE * logits.len() as f64 {
            break;
        }
        let [square, mixed, last] = state.hessian;
        // A small ridge keeps the step finite when all predictions are equal.
        let (square, last) = (square + 1e-12 * (1.0 + square), last + 1e-12 * (1.0 + last));
        let determinant = square * last - mixed * mixed;
        let [first, second] = state.gradient;
        let step = [
            (mixed * second - last * first) / determinant,
            (mixed * first - square * second) / determinant,
        ];
        let Some((next, at)) = platt_search(line, step, &state, &logits, &targets) else { break };
        (line, state) = (next, at);
    }
    if line.iter().any(|value| !value.is_finite()) {
        return Err(Error::NoSolution("Platt scaling did not converge".to_owned()));
    }
    Ok(Calibrator::Platt { slope: line[0], shift: line[1] })
}

/// Returns the first point along `step`, halved as often as needed, where the loss has fallen.
fn platt_search(
    line: [f64; 2],
    step: [f64; 2],
    state: &Platt,
    logits: &[f64],
    targets: &[f64],
) -> Option<([f64; 2], Platt)> {
    let mut length = 1.0;
    while length > 1e-10 {
        let next = [line[0] + length * step[0], line[1] + length * step[1]];
        let at = platt_at(next, logits, targets);
        if at.loss < state.loss {
            return Some((next, at));
        }
        length *= 0.5;
    }
    None
}

fn platt_at([slope, shift]: [f64; 2], logits: &[f64], targets: &[f64]) -> Platt {
    let mut state = Platt::default();
    for (logit, target) in logits.iter().zip(targets) {
        let score = slope * logit + shift;
        let tail = (-score.abs()).exp().ln_1p();
        state.loss += tail + score.max(0.0) - target * score;
        let probability = logistic(score);
        let miss = probability - target;
        let curvature = probability * logistic(-score);
        state.gradient[0] += miss * logit;
        state.gradient[1] += miss;
        state.hessian[0] += curvature * logit * logit;
        state.hessian[1] += curvature * logit;
        state.hessian[2] += curvature;
    }
    state
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least-squares non-decreasing fit by the max–min formula:
    /// `ŷᵢ = max over j ≤ i of min over k ≥ i of mean(yⱼ … yₖ)`.
    fn isotonic_by_force(values: &[f64]) -> Vec<f64> {
        let mean =
            |from: usize, to: usize| values[from..=to].iter().sum::<f64>() / (to - from + 1) as f64;
        (0..values.len())
            .map(|at| {
                let least = |from: usize| {
                    (at..values.len()).map(|to| mean(from, to)).fold(f64::INFINITY, f64::min)
                };
                (0..=at).map(least).fold(f64::NEG_INFINITY, f64::max)
            })
            .collect()
    }

    #[test]
    fn pools_by_hand() {
        // Outcomes 0 1 0 1 at .1 .2 .3 .4: the middle two are pooled to 1/2.
        let fitted =
            Calibration::Isotonic.fit(&[0.1, 0.2, 0.3, 0.4], &[false, true, false, true]).unwrap();
        let expected = Calibrator::Isotonic {
            predicted: vec![0.1, 0.2, 0.3, 0.4],
            calibrated: vec![0.0, 0.5, 0.5, 1.0],
        };
        assert_eq!(fitted, expected);
        assert_eq!(fitted.calibrate(0.0), 0.0);
        assert_eq!(fitted.calibrate(0.25), 0.5);
        assert!((fitted.calibrate(0.15) - 0.25).abs() < 1e-12);
        assert_eq!(fitted.calibrate(0.9), 1.0);
    }

    #[test]
    fn equal_predictions_share_their_mean() {
        let fitted = Calibration::Isotonic.fit(&[0.5, 0.5, 0.5, 0.5], &[true, false, false, false]);
        assert_eq!(fitted.unwrap().calibrate(0.5), 0.25);
    }

    #[test]
    fn platt_scaling_undoes_a_known_distortion() {
        // Of 1000 rows at each of two levels, 100 and 600 respond; the predictions say .2 and .9.
        let mut predicted = vec![0.2; 1000];
        predicted.extend(vec![0.9; 1000]);
        let labels: Vec<bool> =
            (0..2000).map(|row| if row < 1000 { row < 100 } else { row < 1600 }).collect();
        let fitted = Calibration::Platt.fit(&predicted, &labels).unwrap();
        // Two levels and two numbers: each level meets the mean of its Platt targets.
        let (high, low) = (701.0 / 702.0, 1.0 / 1302.0);
        let mean = |positives: f64| (positives * high + (1000.0 - positives) * low) / 1000.0;
        assert!((fitted.calibrate(0.2) - mean(100.0)).abs() < 1e-9);
        assert!((fitted.calibrate(0.9) - mean(600.0)).abs() < 1e-9);
    }

    #[test]
    fn platt_scaling_survives_separable_and_constant_predictions() {
        let fitted = Calibration::Platt.fit(&[0.0, 1.0], &[false, true]).unwrap();
        assert!(fitted.calibrate(0.0) < 0.5 && fitted.calibrate(1.0) > 0.5);
        let fitted = Calibration::Platt.fit(&[0.3; 4], &[true, false, true, false]).unwrap();
        assert!((fitted.calibrate(0.3) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn malformed_input_is_refused() {
        assert!(Calibration::Platt.fit(&[0.5], &[]).is_err());
        assert!(Calibration::Isotonic.fit(&[], &[]).is_err());
        assert!(Calibration::None.fit(&[1.5], &[true]).is_err());
        assert!(Calibration::Isotonic.fit(&[f64::NAN], &[true]).is_err());
    }

    proptest! {
        #[test]
        fn pooling_finds_the_least_squares_fit(
            labels in prop::collection::vec(any::<bool>(), 1..12),
        ) {
            let predicted: Vec<f64> = (0..labels.len()).map(|at| at as f64 / 16.0).collect();
            let fitted = Calibration::Isotonic.fit(&predicted, &labels).unwrap();
            let values: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label))).collect();
            for (place, expected) in predicted.iter().zip(isotonic_by_force(&values)) {
                prop_assert!((fitted.calibrate(*place) - expected).abs() < 1e-12);
            }
        }
    }
}
