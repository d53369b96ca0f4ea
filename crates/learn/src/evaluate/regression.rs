//! How far predicted numbers are from what came about.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The usual three measures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RegressionReport {
    /// The number of rows.
    pub rows: usize,
    /// `1 − Σ (y − ŷ)² / Σ (y − ȳ)²`: 1 is perfect, 0 no better than the mean. When the target does
    /// not vary: 1 for perfect predictions, else 0, as in scikit-learn.
    pub r2: f64,
    /// The square root of the mean squared error, in the unit of the target.
    pub rmse: f64,
    /// The mean absolute error, in the unit of the target.
    pub mae: f64,
}

impl RegressionReport {
    /// Measures predictions against the target.
    ///
    /// # Errors
    /// [`Error::Length`] when the two differ in length, [`Error::TooLittle`] when there is no row,
    /// [`Error::NotFinite`] for a value that is not a number.
    pub fn measure(predicted: &[f64], target: &[f64]) -> Result<Self> {
        if predicted.len() != target.len() {
            let (expected, got) = (target.len(), predicted.len());
            return Err(Error::Length { what: "predictions", expected, got });
        }
        if target.is_empty() {
            return Err(Error::TooLittle("there is no row to evaluate".to_owned()));
        }
        super::check_finite("a prediction", predicted)?;
        super::check_finite("a target", target)?;
        let rows = target.len() as f64;
        let mean = target.iter().sum::<f64>() / rows;
        let total: f64 = target.iter().map(|y| (y - mean).powi(2)).sum();
        let errors = || predicted.iter().zip(target).map(|(predicted, target)| target - predicted);
        let left: f64 = errors().map(|error| error.powi(2)).sum();
        let absolute: f64 = errors().map(f64::abs).sum();
        let r2 = match (left > 0.0, total > 0.0) {
            (_, true) => 1.0 - left / total,
            (true, false) => 0.0,
            (false, false) => 1.0,
        };
        Ok(Self { rows: target.len(), r2, rmse: (left / rows).sqrt(), mae: absolute / rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_rows_by_hand() {
        // Errors 0, 1, −1 around a mean of 2: 2 of a total of 2.
        let report = RegressionReport::measure(&[1.0, 1.0, 4.0], &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(report.r2, 0.0);
        assert!((report.rmse - (2.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert!((report.mae - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_target_that_does_not_vary_has_a_defined_answer() {
        assert_eq!(RegressionReport::measure(&[2.0, 2.0], &[2.0, 2.0]).unwrap().r2, 1.0);
        assert_eq!(RegressionReport::measure(&[2.0, 3.0], &[2.0, 2.0]).unwrap().r2, 0.0);
    }

    #[test]
    fn malformed_input_is_refused() {
        assert!(RegressionReport::measure(&[], &[]).is_err());
        assert!(RegressionReport::measure(&[1.0], &[]).is_err());
        assert!(RegressionReport::measure(&[f64::NAN], &[1.0]).is_err());
    }
}
