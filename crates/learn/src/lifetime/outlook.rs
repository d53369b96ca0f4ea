//! What is to be expected of all buyers together.

use rayon::prelude::*;
use rustc_hash::FxHashMap;

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
        let doubt = Doubt::new(purchases, amounts, histories, &kinds, &of_kinds, &each, horizon);
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
    /// The kind of each buyer, by its place among the histories.
    of_rows: Vec<u32>,
}

impl Kinds {
    fn new(histories: &[History]) -> Self {
        let mut places: FxHashMap<u128, u32> = FxHashMap::default();
        let mut found = Vec::new();
        let mut of_rows: Vec<u32> = Vec::with_capacity(histories.len());
        for history in histories {
            let place = *places.entry(history.key()).or_insert(found.len() as u32);
            if place as usize == found.len() {
                found.push((history.key(), place, *history));
            }
            of_rows.push(place);
        }
        // Those of one age and as many purchases stand together.
        found.sort_unstable_by_key(|(key, ..)| *key);
        let mut kinds = vec![0; found.len()];
        for (kind, (_, place, _)) in found.iter().enumerate() {
            kinds[*place as usize] = kind as u32;
        }
        of_rows.iter_mut().for_each(|place| *place = kinds[*place as usize]);
        Self { histories: found.into_iter().map(|(.., history)| history).collect(), of_rows }
    }

    /// Returns what `of` says of each kind, in order.
    fn map<T: Send>(&self, of: impl Fn(&[History]) -> Vec<T> + Sync + Send) -> Vec<T> {
        self.histories.par_chunks(BLOCK).flat_map_iter(of).collect()
    }
}

/// The variances of the sums that come from not knowing the parameters. `prospects` is one for each
/// kind, `each` the expected amount of each buyer.
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
        prospects: &[Prospect],
        each: &[f64],
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
        let sums = |expected: &mut dyn Iterator<Item = f64>| {
            let pairs = expected.zip(&weights);
            pairs.fold((0.0, 0.0), |sums, (expected, weight)| {
                (sums.0 + expected * weight.0, sums.1 + expected * weight.1)
            })
        };
        let (mut of_count, mut of_value) = ([0.0; 4], [0.0; 4]);
        let here = sums(&mut prospects.iter().map(|one| one.expected));
        for place in 0..4 {
            let mut parameters = purchases.parameters();
            parameters[place] *= STEP.exp();
            let model = purchases.with(parameters);
            let expected = kinds.map(|histories| model.expected(histories, horizon));
            let moved = sums(&mut expected.into_iter());
            of_count[place] = (moved.0 - here.0) / STEP;
            of_value[place] = (moved.1 - here.1) / STEP;
        }
        let mut of_amount = [0.0; 3];
        for (place, slope) in of_amount.iter_mut().enumerate() {
            let mut parameters = [amounts.p, amounts.q, amounts.v];
            parameters[place] *= STEP.exp();
            let model = amounts.with(parameters);
            let rows = histories.iter().zip(&kinds.of_rows).zip(each);
            *slope = rows
                .map(|((history, kind), amount)| {
                    let expected = prospects[*kind as usize].expected;
                    expected * (model.expected(history) - amount) / STEP
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
