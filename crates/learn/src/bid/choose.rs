//! Which of several options to show: the one of highest expected value, or sometimes any of them.
//!
//! The strategy is ε-greedy (Sutton & Barto, *Reinforcement Learning*, section 2.4): with
//! probability `1 − ε` the best option, with probability `ε` one drawn evenly from all of them, the
//! best included. So every option has a known probability of being shown, `ε / n`, plus `1 − ε` for
//! the best: what is learned from the log can be judged without bias. The caller brings the random
//! number and the eligible options; here nothing is filtered, not even an expected value below 0.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An eligible option. Values share one unit, such as millionths of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Offer {
    /// What being shown is worth.
    pub value_view: f64,
    /// What a click is worth.
    pub value_click: f64,
    /// What a conversion after a click is worth.
    pub value_conversion: f64,
    /// The chance of a click when shown, 0 to 1.
    pub p_click: f64,
    /// The chance of a conversion when clicked, 0 to 1.
    pub p_conversion: f64,
}

impl Offer {
    /// Returns what showing it is worth on average: the sum of [`Self::explain`], in the unit of
    /// the values.
    #[must_use]
    pub fn expected_value(&self) -> f64 {
        self.explain().iter().map(|(_, amount)| amount).sum()
    }

    /// Returns what views, clicks and conversions each add to the expected value:
    /// `v_view + p_click · v_click + p_click · p_conversion · v_conversion`.
    #[must_use]
    pub fn explain(&self) -> [(&'static str, f64); 3] {
        [
            ("view", self.value_view),
            ("click", self.p_click * self.value_click),
            ("conversion", self.p_click * self.p_conversion * self.value_conversion),
        ]
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [("p_click", self.p_click), ("p_conversion", self.p_conversion)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::parameter(name, "between 0 and 1", value));
            }
        }
        for (name, value) in [
            ("value_view", self.value_view),
            ("value_click", self.value_click),
            ("value_conversion", self.value_conversion),
        ] {
            if !value.is_finite() {
                return Err(Error::parameter(name, "finite", value));
            }
        }
        Ok(())
    }
}

/// What was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The place among the offers.
    pub index: usize,
    /// The probability with which this option was chosen, above 0 to 1.
    pub propensity: f64,
    /// Whether the decision was one that explores; it may have drawn the best option all the same.
    pub is_exploration: bool,
    /// The expected value of the option.
    pub expected_value: f64,
}

/// Chooses among the offers; `None` when there are none. `exploration` is ε, 0 to 1; `draw` is a
/// random number, uniform on 0 … 1 without 1. Of equal offers the first is the best.
///
/// # Errors
/// [`Error::Parameter`] for a probability, value, `exploration` or `draw` out of range.
pub fn choose(offers: &[Offer], exploration: f64, draw: f64) -> Result<Option<Choice>> {
    if !(0.0..1.0).contains(&draw) {
        return Err(Error::parameter("draw", "from 0 to below 1", draw));
    }
    let Some(best) = best(offers, exploration)? else { return Ok(None) };
    let is_exploration = draw < exploration;
    let index = if is_exploration {
        // Given that it is below ε, draw / ε is uniform again.
        ((draw / exploration * offers.len() as f64) as usize).min(offers.len() - 1)
    } else {
        best
    };
    Ok(Some(Choice {
        index,
        propensity: propensity(index, best, offers.len(), exploration),
        is_exploration,
        expected_value: offers[index].expected_value(),
    }))
}

/// Returns the probability with which [`choose`] takes each offer; they add up to 1.
///
/// # Errors
/// [`Error::Parameter`] for a probability, value or `exploration` out of range.
pub fn propensities(offers: &[Offer], exploration: f64) -> Result<Vec<f64>> {
    let Some(best) = best(offers, exploration)? else { return Ok(Vec::new()) };
    let count = offers.len();
    Ok((0..count).map(|index| propensity(index, best, count, exploration)).collect())
}

fn propensity(index: usize, best: usize, count: usize, exploration: f64) -> f64 {
    let even = exploration / count as f64;
    if index == best { 1.0 - exploration + even } else { even }
}

/// Returns the first offer of highest expected value.
fn best(offers: &[Offer], exploration: f64) -> Result<Option<usize>> {
    if !(0.0..=1.0).contains(&exploration) {
        return Err(Error::parameter("exploration", "between 0 and 1", exploration));
    }
    let mut best: Option<(usize, f64)> = None;
    for (index, offer) in offers.iter().enumerate() {
        offer.check()?;
        let value = offer.expected_value();
        if best.is_none_or(|(_, highest)| value > highest) {
            best = Some((index, value));
        }
    }
    Ok(best.map(|(index, _)| index))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn per_click(value_click: f64, p_click: f64) -> Offer {
        Offer { value_click, p_click, ..Offer::default() }
    }

    #[test]
    fn the_expected_value_by_hand() {
        let offer = Offer {
            value_view: 1.0,
            value_click: 100.0,
            value_conversion: 2000.0,
            p_click: 0.02,
            p_conversion: 0.05,
        };
        // 1 + .02 × 100 + .02 × .05 × 2000.
        assert!((offer.expected_value() - 5.0).abs() < 1e-12);
        assert_eq!(offer.explain()[1], ("click", 2.0));
    }

    #[test]
    fn the_best_is_chosen_and_the_rest_explored() {
        let offers = [per_click(100.0, 0.01), per_click(50.0, 0.04), per_click(10.0, 0.1)];
        let choice = choose(&offers, 0.3, 0.9).unwrap().unwrap();
        assert_eq!((choice.index, choice.is_exploration), (1, false));
        assert!((choice.propensity - 0.8).abs() < 1e-15);
        let choice = choose(&offers, 0.3, 0.29).unwrap().unwrap();
        assert_eq!((choice.index, choice.is_exploration), (2, true));
        assert!((choice.propensity - 0.1).abs() < 1e-15);
    }

    #[test]
    fn of_equal_offers_the_first_wins() {
        let offers = [per_click(1.0, 0.5), per_click(5.0, 0.1), per_click(1.0, 0.5)];
        assert_eq!(choose(&offers, 0.0, 0.0).unwrap().unwrap().index, 0);
    }

    #[test]
    fn without_offers_there_is_no_choice() {
        assert_eq!(choose(&[], 0.1, 0.5).unwrap(), None);
        assert_eq!(propensities(&[], 0.1).unwrap(), Vec::<f64>::new());
    }

    #[test]
    fn malformed_input_is_refused() {
        let offer = per_click(1.0, 1.5);
        assert_eq!(
            choose(&[offer], 0.1, 0.5).unwrap_err().to_string(),
            "parameter `p_click` must be between 0 and 1, got `1.5`"
        );
        assert!(choose(&[per_click(f64::NAN, 0.5)], 0.1, 0.5).is_err());
        assert!(choose(&[], 1.1, 0.5).is_err());
        assert!(choose(&[], 0.1, 1.0).is_err());
    }

    proptest! {
        #[test]
        fn options_are_chosen_as_often_as_they_say(
            values in prop::collection::vec(0.0..1.0f64, 1..6),
            exploration in 0.0..=1.0f64,
        ) {
            let offers: Vec<Offer> = values.iter().map(|value| per_click(*value, 0.5)).collect();
            let expected = propensities(&offers, exploration).unwrap();
            prop_assert!((expected.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            // An even grid of draws meets every choice in proportion to its propensity.
            let draws = 10_000;
            let mut counts = vec![0u32; offers.len()];
            for draw in 0..draws {
                let draw = (f64::from(draw) + 0.5) / f64::from(draws);
                let choice = choose(&offers, exploration, draw).unwrap().unwrap();
                prop_assert_eq!(choice.propensity, expected[choice.index]);
                counts[choice.index] += 1;
            }
            for (count, expected) in counts.iter().zip(expected) {
                prop_assert!((f64::from(*count) / f64::from(draws) - expected).abs() < 3e-4);
            }
        }
    }
}
