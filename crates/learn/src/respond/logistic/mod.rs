//! Logistic regression: how likely is it, from a table of numbers and categories?
//!
//! Minimises `C Σ sᵢ log(1 + exp(−yᵢ (w·xᵢ + b))) + ½ ‖w‖²` (L2 penalty, free intercept) over
//! standardised numbers and full one-hot categories: scikit-learn's `LogisticRegression` behind
//! `StandardScaler` and `OneHotEncoder`. The optimum is unique and is reached to rounding, not to a
//! loose tolerance. Meant for tables that fit into memory; it sees no products of columns unless
//! they are given as columns.

mod blocks;
mod newton;
mod objective;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::respond::encoding::Encoding;
use crate::respond::score::{Explanation, Score};
use crate::respond::table::{Table, Value};
use newton::Stop;
use objective::Objective;

/// What can be set before fitting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// `C`: how much the data count against the penalty; default 1, above 0.
    pub strength: f64,
    /// The Newton decrement at which to stop, in units of the summed loss's square root; default
    /// 1e-8.
    pub tolerance: f64,
    /// The most Newton steps; default 100, at least 1.
    pub iterations_max: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { strength: 1.0, tolerance: 1e-8, iterations_max: 100 }
    }
}

/// A fitted logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    score: Score,
    iterations: usize,
}

impl Parameters {
    /// Fits the model to one label per row and, if given, one weight per row.
    ///
    /// # Errors
    /// [`Error::Length`] when labels or weights do not match the table, [`Error::TooLittle`] when
    /// the labels are all equal, [`Error::Parameter`] for a value out of range,
    /// [`Error::NoSolution`] when the iteration does not converge.
    pub fn fit(
        &self,
        table: &Table<'_>,
        labels: &[bool],
        weights: Option<&[f64]>,
    ) -> Result<Logistic> {
        self.check()?;
        let share = check_rows(table, labels, weights)?;
        let encoding = Encoding::learn(table)?;
        let design = encoding.apply(table)?;
        let objective =
            Objective { design: &design, labels, weights, penalty: self.strength.recip() };
        let mut start = vec![0.0; design.layout()];
        start[design.intercept()] = (share / (1.0 - share)).ln();
        let stop = Stop { tolerance: self.tolerance, iterations_max: self.iterations_max };
        let (layout, iterations) = newton::minimise(&objective, start, stop)?;
        Ok(Logistic { score: Score::of_layout(encoding, &design, &layout), iterations })
    }

    fn check(&self) -> Result<()> {
        let is_positive = |value: f64| value > 0.0 && value.is_finite();
        if !is_positive(self.strength) {
            return Err(Error::parameter("strength", "above 0", self.strength));
        }
        if !is_positive(self.tolerance) {
            return Err(Error::parameter("tolerance", "above 0", self.tolerance));
        }
        if self.iterations_max == 0 {
            return Err(Error::parameter("iterations", "≥ 1", self.iterations_max));
        }
        Ok(())
    }
}

/// Checks labels and weights against the table; returns the weighted share of true labels.
fn check_rows(table: &Table<'_>, labels: &[bool], weights: Option<&[f64]>) -> Result<f64> {
    if labels.len() != table.rows() {
        return Err(Error::Length { what: "labels", expected: table.rows(), got: labels.len() });
    }
    if let Some(weights) = weights {
        crate::respond::check_weights(weights, table.rows())?;
    }
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let (mut positive, mut total) = (0.0, 0.0);
    for (row, label) in labels.iter().enumerate() {
        total += weight(row);
        positive += if *label { weight(row) } else { 0.0 };
    }
    if positive == 0.0 || positive == total {
        return Err(Error::TooLittle(
            "the labels must hold both outcomes, with a weight above 0".to_owned(),
        ));
    }
    Ok(positive / total)
}

impl Logistic {
    /// Returns the probability of a true label for every row, between 0 and 1.
    ///
    /// # Errors
    /// [`Error::TooLittle`] when the table lacks a column, [`Error::Parameter`] when one changed
    /// between number and category.
    pub fn predict_probability(&self, table: &Table<'_>) -> Result<Vec<f64>> {
        let mut scores = self.score.of_table(table)?;
        scores.iter_mut().for_each(|score| *score = logistic(*score));
        Ok(scores)
    }

    /// Returns why a row, given as (name, value) pairs, has its probability: the parts add up to
    /// its logit.
    ///
    /// # Errors
    /// As [`Self::predict_probability`].
    pub fn explain(&self, row: &[(&str, Value<'_>)]) -> Result<Explanation> {
        self.score.explain(row, logistic)
    }

    /// Returns the coefficients: of numbers per standard deviation, of categories per level.
    #[must_use]
    pub fn score(&self) -> &Score {
        &self.score
    }

    /// Returns how many Newton steps were taken.
    #[must_use]
    pub fn iterations(&self) -> usize {
        self.iterations
    }
}

/// Returns `1 / (1 + exp(−logit))`.
#[inline]
#[must_use]
pub fn logistic(logit: f64) -> f64 {
    if logit >= 0.0 {
        1.0 / (1.0 + (-logit).exp())
    } else {
        let odds = logit.exp();
        odds / (1.0 + odds)
    }
}

/// Returns `log(p / (1 − p))`, the inverse of [`logistic`].
#[inline]
#[must_use]
pub fn logit(probability: f64) -> f64 {
    probability.ln() - (-probability).ln_1p()
}
