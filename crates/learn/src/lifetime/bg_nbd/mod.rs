//! When will they buy again? Purchases of people who may leave without saying so.
//!
//! BG/NBD: while somebody is a customer he buys at a rate λ of his own, and after each repeat
//! purchase he leaves with a probability p of his own; over all buyers λ follows a gamma
//! distribution (shape r, rate α) and p a beta distribution (a, b). P. Fader, B. Hardie and K. Lee,
//! *"Counting Your Customers" the Easy Way*, Marketing Science 24 (2005); the first purchase does
//! not end a relation there.
//!
//! It is for shops without contracts. It knows no seasons, and forecasts a falling number of
//! purchases for any fixed set of buyers.

mod likelihood;
mod prospect;

pub use prospect::Prospect;

use self::likelihood::Sample;
use super::history::History;
use super::newton::{self, Maximum};
use super::outlook::Estimate;
use crate::error::{Error, Result};

/// The usual unit of time: weeks.
pub const DAYS_PER_UNIT: f64 = 7.0;

/// A fitted BG/NBD model.
#[derive(Debug, Clone, PartialEq)]
pub struct BgNbd {
    /// The shape of the distribution of purchase rates.
    pub r: f64,
    /// Its rate, in units of time.
    pub alpha: f64,
    /// The first parameter of the distribution of the probability to leave.
    pub a: f64,
    /// The second.
    pub b: f64,
    /// How many days a unit of time has.
    pub days_per_unit: f64,
    /// The logarithm of the likelihood of all histories, in units of time.
    pub log_likelihood: f64,
    /// How many steps the fit took.
    pub iterations: usize,
    covariance: Option<[[f64; 4]; 4]>,
}

impl BgNbd {
    /// Returns the likeliest model of these histories; a unit of time has `days_per_unit` days (see
    /// [`DAYS_PER_UNIT`]), which scales α alone.
    ///
    /// # Errors
    /// [`Error::TooLittle`] without any repeat purchase, [`Error::Parameter`] for an impossible
    /// history or unit, and [`Error::NoSolution`] when no parameters are likeliest.
    pub fn fit(histories: &[History], days_per_unit: f64) -> Result<Self> {
        if !(days_per_unit > 0.0 && days_per_unit.is_finite()) {
            return Err(Error::parameter("days-per-unit", "a number > 0", days_per_unit));
        }
        histories.iter().try_for_each(History::check)?;
        let sample = Sample::new(histories, days_per_unit);
        let (repeats, time) = sample.repeats_and_time();
        if repeats == 0.0 {
            let message = "buying again takes at least one buyer who did".to_owned();
            return Err(Error::TooLittle(message));
        }
        // Rates that differ much between buyers, whose mean is what is seen; one in four leaves.
        let start = [0.5, 0.5 * time / repeats, 1.0, 3.0];
        let found = newton::maximise("BG/NBD", start, |parameters| sample.likelihood(parameters))?;
        let Maximum { parameters: [r, alpha, a, b], value, covariance, iterations } = found;
        Ok(Self { r, alpha, a, b, days_per_unit, log_likelihood: value, iterations, covariance })
    }

    /// Returns the model of given parameters, in weeks, as from a publication: without intervals.
    ///
    /// # Errors
    /// [`Error::Parameter`] when one is not a number above 0.
    pub fn of_parameters([r, alpha, a, b]: [f64; 4]) -> Result<Self> {
        for (name, value) in [("r", r), ("alpha", alpha), ("a", a), ("b", b)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::parameter(name, "a number > 0", value));
            }
        }
        let (log_likelihood, iterations) = (f64::NAN, 0);
        let (days_per_unit, covariance) = (DAYS_PER_UNIT, None);
        Ok(Self { r, alpha, a, b, days_per_unit, log_likelihood, iterations, covariance })
    }

    /// Returns r, α, a and b.
    #[must_use]
    pub fn parameters(&self) -> [f64; 4] {
        [self.r, self.alpha, self.a, self.b]
    }

    /// Returns r, α, a and b with intervals of 95 %: the logarithms are taken as normal, with the
    /// inverse of the likelihood's second derivatives (the observed information) as covariance.
    #[must_use]
    pub fn estimates(&self) -> [(&'static str, Estimate); 4] {
        let one = |place: usize, value| {
            let variance = self.covariance.map(|covariance| covariance[place][place]);
            Estimate::of_logarithm(value, variance)
        };
        [
            ("r", one(0, self.r)),
            ("alpha", one(1, self.alpha)),
            ("a", one(2, self.a)),
            ("b", one(3, self.b)),
        ]
    }

    /// Returns the covariance of the logarithms of r, α, a and b; nothing when the likelihood is
    /// flat, or the parameters were given.
    #[must_use]
    pub fn covariance(&self) -> Option<[[f64; 4]; 4]> {
        self.covariance
    }

    /// Returns the same model with other parameters.
    pub(super) fn with(&self, [r, alpha, a, b]: [f64; 4]) -> Self {
        Self { r, alpha, a, b, ..self.clone() }
    }
}

/// Returns histories ready for the likelihood, for tests of its derivatives.
#[cfg(test)]
pub(in crate::lifetime) fn sample(histories: &[History]) -> Sample {
    Sample::new(histories, DAYS_PER_UNIT)
}
