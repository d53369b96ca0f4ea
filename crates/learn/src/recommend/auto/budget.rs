//! How many seconds are left, and what the next step will take.

use std::collections::BTreeMap;

use super::super::Clock;

/// A step is expected to take at least and at most so many times what its formula says.
const RATIO_BOUNDS: [f64; 2] = [0.02, 50.0];

/// Seconds that may be used. With a clock they pass as it says; without one, every step takes what
/// its formula says, so that what is done depends on the data alone.
#[derive(Debug)]
pub struct Budget<'a> {
    seconds: f64,
    clock: Option<Clock<'a>>,
    begun: f64,
    /// What was used, where there is no clock.
    charged: f64,
    /// For each kind of step how long it took in relation to its formula.
    ratios: BTreeMap<&'static str, f64>,
}

impl<'a> Budget<'a> {
    /// Starts now.
    #[must_use]
    pub fn new(seconds: f64, clock: Option<Clock<'a>>) -> Self {
        let begun = clock.map_or(0.0, |clock| (clock.0)());
        Self { seconds, clock, begun, charged: 0.0, ratios: BTreeMap::new() }
    }

    /// Returns the seconds used so far.
    #[must_use]
    pub fn used(&self) -> f64 {
        self.clock.map_or(self.charged, |clock| (clock.0)() - self.begun)
    }

    /// Returns the seconds left, 0 and more.
    #[must_use]
    pub fn left(&self) -> f64 {
        (self.seconds - self.used()).max(0.0)
    }

    /// Returns the seconds that a step is expected to take: by its formula, and by what such steps
    /// took in relation to theirs; where there was none, by what all steps did.
    pub(super) fn expected(&self, step: &str, formula: f64) -> f64 {
        let all = self.ratios.values();
        let usual = (all.map(|ratio| ratio.ln()).sum::<f64>() / self.ratios.len() as f64).exp();
        let usual = if usual.is_finite() { usual } else { 1.0 };
        formula * self.ratios.get(step).copied().unwrap_or(usual)
    }

    /// Does a step, and returns what it gives and the seconds it took.
    pub(super) fn spend<T>(
        &mut self,
        step: &'static str,
        formula: f64,
        work: impl FnOnce() -> T,
    ) -> (T, f64) {
        let before = self.used();
        let done = work();
        let Some(clock) = self.clock else {
            self.charged += formula;
            return (done, formula);
        };
        let seconds = ((clock.0)() - self.begun - before).max(0.0);
        if formula > 0.0 {
            let [least, most] = RATIO_BOUNDS;
            let ratio = (seconds / formula).clamp(least, most);
            // The last step says as much as all before it: sizes differ least from it.
            let known = self.ratios.entry(step).or_insert(ratio);
            *known = (*known * ratio).sqrt();
        }
        (done, seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn steps_are_expected_to_take_what_such_steps_took() {
        let now = AtomicU64::new(100);
        let tell = || now.load(Ordering::Relaxed) as f64;
        let mut budget = Budget::new(60.0, Some(Clock(&tell)));
        assert_eq!(budget.expected("als", 2.0), 2.0);
        let (_, seconds) = budget.spend("als", 2.0, || now.fetch_add(8, Ordering::Relaxed));
        assert_eq!((seconds, budget.used(), budget.left()), (8.0, 8.0, 52.0));
        assert_eq!(budget.expected("als", 3.0), 12.0);
        assert_eq!(budget.expected("bpr", 1.0), 4.0, "as all steps did");
    }

    #[test]
    fn without_a_clock_steps_take_what_the_formula_says() {
        let mut budget = Budget::new(10.0, None);
        budget.spend("als", 4.0, || ());
        assert_eq!((budget.left(), budget.expected("als", 1.0)), (6.0, 1.0));
        budget.spend("als", 40.0, || ());
        assert_eq!(budget.left(), 0.0);
    }
}
