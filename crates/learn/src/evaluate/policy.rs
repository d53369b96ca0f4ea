//! What would another policy have earned, judged from the log of this one?
//!
//! Every logged decision has the probability with which it was made (its propensity) and the
//! probability with which the other policy would have made it. With `w = target / propensity` and
//! reward `r`:
//!
//! - IPS: `mean(w r)` (Horvitz & Thompson 1952), without bias, widest interval;
//! - SNIPS: `Σ w r / Σ w` (Swaminathan & Joachims 2015), a little bias, narrower;
//! - DR: `mean(q(x, π) + w (r − q(x, a)))` (Dudík, Langford & Li 2011), with expected rewards `q`
//!   that the caller predicted by a model that did not see the row;
//! - effective sample size `(Σ w)² / Σ w²`: how many rows of the other policy the log is worth.
//!
//! Intervals are bootstrap percentiles over rows, or over the clusters (customers) they belong to.
//! None of this helps where the other policy does what this one never did: look at the largest
//! weight.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::evaluate::bootstrap::{Bootstrap, Clusters, Interval};

/// Logged decisions, one value of each per row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Log<'a> {
    /// What was earned.
    pub reward: &'a [f64],
    /// With which probability the decision was made, above 0 to 1.
    pub propensity: &'a [f64],
    /// With which probability the other policy would have made it, 0 to 1.
    pub target: &'a [f64],
    /// Expected rewards for the doubly robust estimate.
    pub expected: Option<Expected<'a>>,
    /// Which cluster (customer) each row belongs to; without it every row is its own.
    pub cluster: Option<&'a [u64]>,
}

/// Rewards that a model expects, one value of each per row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected<'a> {
    /// Of the decision that was made: `q(x, a)`.
    pub logged: &'a [f64],
    /// Of the other policy, averaged over its choices: `q(x, π)`.
    pub target: &'a [f64],
}

/// What the other policy is worth per decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PolicyValue {
    /// The number of rows.
    pub rows: usize,
    /// The mean reward of the policy that made the log.
    pub logged: Interval,
    /// Inverse propensity score.
    pub ips: Interval,
    /// Self-normalised inverse propensity score; `None` when the other policy does nothing that was
    /// logged.
    pub snips: Option<Interval>,
    /// Doubly robust; `None` without expected rewards.
    pub dr: Option<Interval>,
    /// How many rows of the other policy the log is worth.
    pub effective_sample_size: f64,
    /// The largest weight of a row.
    pub max_weight: f64,
}

/// Estimates the value of the other policy, with intervals by resampling.
///
/// # Errors
/// [`Error::Length`] when columns differ in length, [`Error::TooLittle`] without rows,
/// [`Error::NotFinite`] for a reward that is not a number, [`Error::NoSolution`] naming the row of
/// a propensity or target probability out of range.
pub fn evaluate(log: &Log<'_>, bootstrap: &Bootstrap) -> Result<PolicyValue> {
    check(log)?;
    let weights: Vec<f64> =
        log.target.iter().zip(log.propensity).map(|(target, logged)| target / logged).collect();
    let rows = log.reward.iter().zip(&weights).enumerate().map(|(row, (reward, weight))| {
        let robust = log.expected.map_or(0.0, |expected| {
            expected.target[row] + weight * (reward - expected.logged[row])
        });
        [1.0, *reward, weight * reward, *weight, robust]
    });
    let sums = match log.cluster {
        None => rows.collect(),
        Some(cluster) => {
            let mut clusters = Clusters::default();
            cluster.iter().zip(rows).for_each(|(id, row)| clusters.add(*id, row));
            clusters.sums
        }
    };
    let statistics = |[count, reward, weighted, weight, robust]: [f64; 5]| {
        [reward / count, weighted / count, weighted / weight, robust / count]
    };
    let [logged, ips, snips, dr] = bootstrap.intervals(&sums, statistics)?;
    let no_rows = || Error::TooLittle("there is no row to evaluate".to_owned());
    let total: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    Ok(PolicyValue {
        rows: weights.len(),
        logged: logged.ok_or_else(no_rows)?,
        ips: ips.ok_or_else(no_rows)?,
        snips,
        dr: log.expected.and(dr),
        effective_sample_size: if squares > 0.0 { total * total / squares } else { 0.0 },
        max_weight: weights.iter().copied().fold(0.0, f64::max),
    })
}

fn check(log: &Log<'_>) -> Result<()> {
    let expected = log.reward.len();
    let mut columns = vec![("propensities", log.propensity), ("target probabilities", log.target)];
    if let Some(expected) = log.expected {
        columns.push(("expected rewards", expected.logged));
        columns.push(("expected rewards of the target", expected.target));
    }
    for (what, values) in columns {
        if values.len() != expected {
            return Err(Error::Length { what, expected, got: values.len() });
        }
    }
    if let Some(cluster) = log.cluster.filter(|cluster| cluster.len() != expected) {
        return Err(Error::Length { what: "clusters", expected, got: cluster.len() });
    }
    super::check_finite("a reward", log.reward)?;
    if let Some(expected) = log.expected {
        super::check_finite("an expected reward", expected.logged)?;
        super::check_finite("an expected reward", expected.target)?;
    }
    check_probabilities("propensity", "above 0 to 1", log.propensity, |p| p > 0.0)?;
    check_probabilities("target probability", "from 0 to 1", log.target, |p| p >= 0.0)
}

/// Checks that probabilities are allowed and at most 1, give or take rounding.
fn check_probabilities(
    what: &str,
    allowed: &str,
    values: &[f64],
    is_allowed: impl Fn(f64) -> bool,
) -> Result<()> {
    match values.iter().position(|value| !(is_allowed(*value) && *value <= 1.0 + 1e-9)) {
        None => Ok(()),
        Some(row) => Err(Error::NoSolution(format!(
            "{what} must be {allowed}, got `{}` (row {row})",
            values[row]
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Log<'static> = Log {
        reward: &[1.0, 0.0, 1.0, 0.0],
        propensity: &[0.5, 0.5, 0.25, 0.5],
        target: &[0.5, 0.0, 0.5, 0.25],
        expected: None,
        cluster: None,
    };

    #[test]
    fn four_rows_by_hand() {
        // Weights 1, 0, 2, 0.5: Σ w r = 3, Σ w = 3.5, Σ w² = 5.25.
        let value = evaluate(&LOG, &Bootstrap::default()).unwrap();
        assert_eq!(value.logged.estimate, 0.5);
        assert_eq!(value.ips.estimate, 0.75);
        assert!((value.snips.unwrap().estimate - 3.0 / 3.5).abs() < 1e-15);
        assert!((value.effective_sample_size - 12.25 / 5.25).abs() < 1e-12);
        assert_eq!((value.max_weight, value.dr, value.rows), (2.0, None, 4));
    }

    #[test]
    fn perfect_expectations_leave_nothing_to_the_weights() {
        let expected = Expected { logged: LOG.reward, target: &[0.25, 0.5, 0.75, 0.5] };
        let value = evaluate(&Log { expected: Some(expected), ..LOG }, &Bootstrap::default());
        assert_eq!(value.unwrap().dr.unwrap().estimate, 0.5);
    }

    #[test]
    fn a_policy_judged_by_its_own_log_earns_what_it_earned() {
        let own = Log { target: LOG.propensity, ..LOG };
        let value = evaluate(&own, &Bootstrap::default()).unwrap();
        assert_eq!(value.ips, value.logged);
        assert_eq!(value.snips, Some(value.logged));
        assert_eq!((value.effective_sample_size, value.max_weight), (4.0, 1.0));
    }

    #[test]
    fn a_policy_that_does_nothing_logged_has_no_self_normalised_value() {
        let value = evaluate(&Log { target: &[0.0; 4], ..LOG }, &Bootstrap::default()).unwrap();
        assert_eq!((value.ips.estimate, value.snips), (0.0, None));
        assert_eq!((value.effective_sample_size, value.max_weight), (0.0, 0.0));
    }

    #[test]
    fn one_customer_has_no_spread() {
        let value =
            evaluate(&Log { cluster: Some(&[3; 4]), ..LOG }, &Bootstrap::default()).unwrap();
        assert_eq!((value.ips.low, value.ips.high), (0.75, 0.75));
    }

    #[test]
    fn the_estimates_recover_a_known_policy() {
        // Three choices with rewards .1, .3, .6; the log chose 1/2, 1/4, 1/4, the target .1, .2,
        // .7.
        let (share, rate, target) = ([2, 1, 1], [1, 3, 6], [0.1, 0.2, 0.7]);
        let (mut reward, mut propensity, mut probability) = (vec![], vec![], vec![]);
        for (choice, share) in share.into_iter().enumerate() {
            for row in 0..share * 1000 {
                reward.push(f64::from(u8::from(row % 10 < rate[choice])));
                propensity.push(f64::from(share) / 4.0);
                probability.push(target[choice]);
            }
        }
        let log = Log { reward: &reward, propensity: &propensity, target: &probability, ..LOG };
        let value = evaluate(&log, &Bootstrap::default()).unwrap();
        assert!((value.ips.estimate - 0.49).abs() < 1e-12);
        assert!((value.snips.unwrap().estimate - 0.49).abs() < 1e-12);
        assert!(value.ips.low < 0.49 && value.ips.high > 0.49);
    }

    #[test]
    fn impossible_probabilities_are_refused_by_row() {
        let error = |log: Log<'_>| evaluate(&log, &Bootstrap::default()).unwrap_err().to_string();
        assert_eq!(
            error(Log { propensity: &[0.5, 0.5, 0.0, 0.5], ..LOG }),
            "propensity must be above 0 to 1, got `0` (row 2)"
        );
        assert_eq!(
            error(Log { target: &[0.5, -0.1, 0.0, 0.5], ..LOG }),
            "target probability must be from 0 to 1, got `-0.1` (row 1)"
        );
        assert_eq!(
            error(Log { propensity: &[f64::NAN; 4], ..LOG }),
            "propensity must be above 0 to 1, got `NaN` (row 0)"
        );
        let short = Log { target: &[1.0], ..LOG };
        assert_eq!(error(short), "target probabilities: expected 4 values, got 1");
        let empty =
            Log { reward: &[], propensity: &[], target: &[], expected: None, cluster: None };
        assert!(evaluate(&empty, &Bootstrap::default()).is_err());
    }
}
