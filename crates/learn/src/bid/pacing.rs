//! Should this option wait, so that its budget lasts?
//!
//! A budget that enters every contest is often gone by noon, on whoever came first. Here an option
//! takes part only while the share of its budget that is spent does not run ahead of the share of
//! the traffic that has passed (the throttling of Agarwal et al., *Budget Pacing for Targeted
//! Online Advertisements at LinkedIn*, KDD 2014, without its random pass-through: the plan alone
//! decides, so the same history gives the same decision). Where little of the traffic is suitable
//! the option is never ahead and never waits. It does not change bids, and it does not limit
//! spending: that is the budget's part.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How traffic is spread over a period (a day, a flight): cumulative shares at the ends of equal
/// slices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrafficShape {
    cumulative: Vec<f64>,
}

impl TrafficShape {
    /// Returns the shape of traffic that is the same at all times.
    #[must_use]
    pub fn even() -> Self {
        Self { cumulative: vec![1.0] }
    }

    /// Learns the shape from how much traffic each of several equal slices of the period had, such
    /// as the 24 hours of past days.
    ///
    /// # Errors
    /// [`Error::TooLittle`] when there was none at all.
    pub fn from_counts(counts: &[u64]) -> Result<Self> {
        let total: f64 = counts.iter().map(|count| *count as f64).sum();
        if total == 0.0 {
            return Err(Error::TooLittle("there is no traffic to learn its shape from".to_owned()));
        }
        let mut passed = 0.0;
        let cumulative = counts.iter().map(|count| {
            passed += *count as f64;
            passed / total
        });
        Ok(Self { cumulative: cumulative.collect() })
    }

    /// Returns the share of the period's traffic that has passed after a share of its time, both 0
    /// to 1, even within a slice.
    #[must_use]
    pub fn passed(&self, elapsed: f64) -> f64 {
        let slices = self.cumulative.len();
        let place = elapsed.clamp(0.0, 1.0) * slices as f64;
        let slice = (place as usize).min(slices - 1);
        let before = if slice == 0 { 0.0 } else { self.cumulative[slice - 1] };
        before + (place - slice as f64) * (self.cumulative[slice] - before)
    }
}

/// How closely the plan is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pacing {
    /// How far ahead of time money may be spent, as a share of the period's time; default 1/48
    /// (half an hour of a day), 0 to 1. It lets the first decisions through, and the last of the
    /// money be spent before the period ends.
    pub head_start: f64,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { head_start: 1.0 / 48.0 }
    }
}

impl Pacing {
    /// Returns the share of the budget that may be spent by now, 0 to 1.
    #[must_use]
    pub fn planned(&self, elapsed: f64, shape: &TrafficShape) -> f64 {
        shape.passed(elapsed + self.head_start)
    }

    /// Returns whether an option may take part, given the share of its budget that is spent or
    /// reserved and the share of the period's time that has passed. With nothing left it may not.
    #[must_use]
    pub fn admits(&self, spent: f64, elapsed: f64, shape: &TrafficShape) -> bool {
        spent < self.planned(elapsed, shape)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Plays a period of `requests` requests of which the budget pays `affordable`; returns when
    /// each payment was made.
    fn play(
        requests: usize,
        affordable: usize,
        times: impl Fn(usize) -> f64,
        shape: &TrafficShape,
    ) -> Vec<f64> {
        let mut paid = Vec::new();
        for request in 0..requests {
            let spent = paid.len() as f64 / affordable as f64;
            if Pacing::default().admits(spent, times(request), shape) {
                paid.push(times(request));
            }
        }
        paid
    }

    #[test]
    fn shares_by_hand() {
        let shape = TrafficShape::from_counts(&[1, 3, 0, 4]).unwrap();
        let shares = [0.0, 0.125, 0.25, 0.5, 0.75, 0.875, 1.0, 2.0];
        let passed: Vec<f64> = shares.iter().map(|elapsed| shape.passed(*elapsed)).collect();
        assert_eq!(passed, vec![0.0, 0.0625, 0.125, 0.5, 0.5, 0.75, 1.0, 1.0]);
        assert_eq!(TrafficShape::even().passed(0.3), 0.3);
        assert!(TrafficShape::from_counts(&[0, 0]).is_err());
        assert!(TrafficShape::from_counts(&[]).is_err());
    }

    #[test]
    fn a_budget_for_half_the_traffic_lasts_to_the_end_and_is_spent() {
        let paid = play(1000, 500, |request| request as f64 / 1000.0, &TrafficShape::even());
        assert_eq!(paid.len(), 500);
        assert!(paid[499] > 0.97, "{}", paid[499]);
        // Without pacing the first half of the period would take it all.
        let early = paid.iter().filter(|time| **time < 0.5).count();
        assert!((250..=262).contains(&early), "{early}");
    }

    #[test]
    fn a_budget_for_all_the_traffic_never_waits() {
        let paid = play(1000, 2000, |request| request as f64 / 1000.0, &TrafficShape::even());
        assert_eq!(paid.len(), 1000);
    }

    #[test]
    fn money_follows_the_traffic() {
        // A quarter of the traffic in the first half of the period.
        let shape = TrafficShape::from_counts(&[1, 3]).unwrap();
        let time = |request: usize| {
            let share = request as f64 / 1000.0;
            if share < 0.25 { share * 2.0 } else { 0.5 + (share - 0.25) / 1.5 }
        };
        let paid = play(1000, 400, time, &shape);
        assert_eq!(paid.len(), 400);
        let early = paid.iter().filter(|time| **time < 0.5).count();
        assert!((100..=115).contains(&early), "{early}");
    }

    #[test]
    fn what_is_spent_or_unknown_waits() {
        let shape = TrafficShape::even();
        assert!(!Pacing::default().admits(1.0, 1.0, &shape));
        assert!(!Pacing::default().admits(f64::NAN, 0.5, &shape));
        assert!(Pacing::default().admits(0.0, 0.0, &shape));
    }

    proptest! {
        #[test]
        fn the_plan_never_falls(
            counts in prop::collection::vec(0u64..50, 1..30),
            first in 0.0..1.0f64,
            second in 0.0..1.0f64,
        ) {
            prop_assume!(counts.iter().any(|count| *count > 0));
            let shape = TrafficShape::from_counts(&counts).unwrap();
            let pacing = Pacing::default();
            let [early, late] = [first.min(second), first.max(second)];
            prop_assert!(pacing.planned(early, &shape) <= pacing.planned(late, &shape) + 1e-12);
            prop_assert_eq!(pacing.planned(1.0, &shape), 1.0);
        }
    }
}
