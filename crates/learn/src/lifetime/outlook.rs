//! What is to be expected of all buyers together.

use rayon::prelude::*;

use super::bg_nbd::{BgNbd, Prospect};
use super::gamma_gamma::GammaGamma;
use super::history::History;
use crate::error::{Error, Result};

/// The normal deviate that 97.5 % of all are below: intervals reach so many standard errors.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// By how much the logarithm of a parameter is moved to see what depends on it.
const STEP: f64 = 1e-4;

/// Kinds of histories that one task asks about.
const BLOCK: usize = 512;

/// A number with an interval of 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its interval; nothing where it is not known.
    pub interval: Option<(f64, f64)>,
}

impl Estimate {
    /// Returns the estimate of a positive number whose logarithm has this variance.
    pub(super) fn of_logarithm(value: f64, variance: Option<f64>) -> Self {
        let interval = variance.map(|variance| {
            let reach = (Z_95 * variance.sqrt()).exp();
            (value / reach, value * reach)
        });
        Self { value, interval }
    }

    fn of_sum(value: f64, variance: Option<f64>) -> Self {
        let reach = variance.map(|variance| Z_95 * variance.sqrt());
        Self { value, interval: reach.map(|reach| ((value - reach).max(0.0), value + reach)) }
    }
}

/// What a horizon will bring.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// One for each history.
    pub prospects: Vec<Prospect>,
    /// The expected amount of a purchase, one for each history.
    pub amounts: Vec<f64>,
    /// How many purchases all make together.
    pub purchases: Estimate,
    /// For how much in all.
    pub value: Estimate,
}

impl Outlook {
    /// Returns what is to be expected within `horizon` days.
    ///
    /// The intervals of the sums hold chance (the variance of what each buyer does) and doubt about
    /// the parameters (the delta method with their covariance from the second derivatives of the
    /// likelihoods). They do not hold that the world may change, or differ from the models.
    ///
    /// # Errors
    /// [`Error::Parameter`] for an impossible history or a horizon that is not a number from 0.
    pub fn new(
        purchases: &BgNbd,
        amounts: &GammaGamma,
        histories: &[History],
        horizon: f64,
    ) -> Result<Self> {
        if !(horizon >= 0.0 && horizon.is_finite()) {
            return Err(Error::parameter("horizon", "a number of days ≥ 0", horizon));
        }
        histories.iter().try_for_each(History::check)?;
        let kinds = Kinds::new(histories);
        let of_kinds = kinds.map(|histories| purchases.prospects(histories, horizon));
        let prospects: Vec<Prospect> =
            kinds.of_rows.iter().map(|kind| of_kinds[*kind as usize]).collect();
        let each: Vec<f64> = histories.iter().map(|history| amounts.expected(history)).collect();
        let (mut count, mut total) = (0.0, 0.0);
        let (mut count_varies, mut total_varies) = (0.0, Some(0.0));
        for ((prospect, amount), history) in prospects.iter().zip(&each).zip(histories) {
            let Prospect { expected, variance, .. } = *prospect;
            count += expected;
            total += expected * amount;
            count_varies += variance;
            let more = amounts.variance(history, expected, variance);
            total_varies = total_varies.zip(more).map(|(sum, more)| sum + more);
        }
        let doubt = Doubt::new(purchases, amounts, histories, &kinds, &each, &prospects, horizon);
        let add = |left: Option<f64>, right: Option<f64>| left.zip(right).map(|(x, y)| x + y);
        Ok(Self {
            purchases: Estimate::of_sum(count, add(Some(count_varies), doubt.purchases)),
            value: Estimate::of_sum(total, add(total_varies, doubt.value)),
            prospects,
            amounts: each,
        })
    }
}

/// Histories that differ in more than their amounts: far fewer than there are buyers.
struct Kinds {
    histories: Vec<History>,
    /// The kind of each buyer.
    of_rows: Vec<u32>,
}

impl Kinds {
    fn new(histories: &[History]) -> Self {
        let mut order: Vec<(u128, u32)> = histories.iter().map(History::key).zip(0..).collect();
        order.sort_unstable();
        let mut kinds = Self { histories: Vec::new(), of_rows: vec![0; histories.len()] };
        let same = |left: &(u128, u32), right: &(u128, u32)| left.0 == right.0;
        for (kind, equal) in order.chunk_by(same).enumerate() {
            kinds.histories.push(histories[equal[0].1 as usize]);
            for (_, row) in equal {
                kinds.of_rows[*row as usize] = kind as u32;
            }
        }
        kinds
    }

    /// Returns what `of` says of each kind, in order.
    fn map<T: Send>(&self, of: impl Fn(&[History]) -> Vec<T> + Sync + Send) -> Vec<T> {
        self.histories.par_chunks(BLOCK).flat_map_iter(of).collect()
    }
}

/// The variances of the sums that come from not knowing the parameters.
struct Doubt {
    purchases: Option<f64>,
    value: Option<f64>,
}

impl Doubt {
    fn new(
        purchases: &BgNbd,
        amounts: &GammaGamma,
        histories: &[History],
        kinds: &Kinds,
        each: &[f64],
        prospects: &[Prospect],
        horizon: f64,
    ) -> Self {
        let nothing = Self { purchases: None, value: None };
        let Some(covariance) = purchases.covariance() else { return nothing };
        // How many of each kind there are, and what their purchases bring.
        let mut weights = vec![(0.0, 0.0); kinds.histories.len()];
        for (kind, amount) in kinds.of_rows.iter().zip(each) {
            let weight = &mut weights[*kind as usize];
            *weight = (weight.0 + 1.0, weight.1 + amount);
        }
        let sums = |model: &BgNbd| {
            let expected = kinds.map(|histories| model.expected(histories, horizon));
            let pairs = expected.iter().zip(&weights);
            pairs.fold((0.0, 0.0), |sums, (expected, weight)| {
                (sums.0 + expected * weight.0, sums.1 + expected * weight.1)
            })
        };
        let (mut of_count, mut of_value) = ([0.0; 4], [0.0; 4]);
        let here = sums(purchases);
        for place in 0..4 {
            let mut parameters = purchases.parameters();
            parameters[place] *= STEP.exp();
            let moved = sums(&purchases.with(parameters));
            of_count[place] = (moved.0 - here.0) / STEP;
            of_value[place] = (moved.1 - here.1) / STEP;
        }
        let mut of_amount = [0.0; 3];
        for (place, slope) in of_amount.iter_mut().enumerate() {
            let mut parameters = [amounts.p, amounts.q, amounts.v];
            parameters[place] *= STEP.exp();
            let model = amounts.with(parameters);
            let pairs = histories.iter().zip(prospects).zip(each);
            *slope = pairs
                .map(|((history, one), amount)| {
                    one.expected * (model.expected(history) - amount) / STEP
                })
                .sum();
        }
        let count = quadratic(&covariance, &of_count);
        let value = amounts
            .covariance()
            .map(|spread| quadratic(&covariance, &of_value) + quadratic(&spread, &of_amount));
        Self { purchases: Some(count), value }
    }
}

fn quadratic<const N: usize>(matrix: &[[f64; N]; N], vector: &[f64; N]) -> f64 {
    let rows = matrix.iter().zip(vector);
    rows.map(|(row, left)| {
        row.iter().zip(vector).map(|(value, right)| left * value * right).sum::<f64>()
    })
    .sum()
}
