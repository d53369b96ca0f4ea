//! Interest that fades: weights that halve every [`HALF_LIFE_DAYS`].

use shopwise_model::frame::NULL_CODE;
use shopwise_model::time::DAY;

use super::coded::{Coded, coded};
use crate::error::Result;

/// Days after which a view counts half: half a season, so that last month's taste still shows.
pub const HALF_LIFE_DAYS: f64 = 45.0;

/// Days after which an exposure counts half as a repetition: fatigue passes within a week or two.
pub const FATIGUE_HALF_LIFE_DAYS: f64 = 5.0;

/// Returns how much of a weight of the moment `from` is left at `to`.
#[must_use]
pub fn left(from: i64, to: i64, half_life_days: f64) -> f64 {
    let days = (to - from).max(0) as f64 / DAY as f64;
    (-days / half_life_days).exp2()
}

/// Fading weights over a few keys: categories, brands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Interest {
    at: i64,
    total: f64,
    weights: Vec<(u32, f64)>,
}

impl Interest {
    /// Adds weight to a key at a moment.
    pub(super) fn add(&mut self, key: u32, weight: f64, at: i64) {
        let left = left(self.at, at, HALF_LIFE_DAYS);
        self.at = at;
        self.total = self.total * left + weight;
        let mut known = false;
        for (own, value) in &mut self.weights {
            *value *= left;
            if *own == key {
                *value += weight;
                known = true;
            }
        }
        if !known {
            self.weights.push((key, weight));
        }
    }

    /// Takes in another's interest.
    pub(super) fn join(&mut self, other: &Self) {
        let at = self.at.max(other.at);
        let (ours, theirs) = [self.at, other.at].map(|from| left(from, at, HALF_LIFE_DAYS)).into();
        self.at = at;
        self.total = self.total * ours + other.total * theirs;
        self.weights.iter_mut().for_each(|(_, value)| *value *= ours);
        for (key, value) in &other.weights {
            match self.weights.iter_mut().find(|(own, _)| own == key) {
                Some((_, own)) => *own += value * theirs,
                None => self.weights.push((*key, value * theirs)),
            }
        }
    }

    /// Returns each key with its weight at a moment, in the order in which they came first.
    pub fn keys(&self, at: i64) -> impl Iterator<Item = (u32, f64)> {
        let left = left(self.at, at, HALF_LIFE_DAYS);
        self.weights.iter().map(move |(key, weight)| (*key, weight * left))
    }

    /// Returns (weight of the key, weight of all keys) at a moment.
    #[must_use]
    pub fn of(&self, key: u32, at: i64) -> (f64, f64) {
        let left = left(self.at, at, HALF_LIFE_DAYS);
        let own = self.weights.iter().find(|(own, _)| *own == key).map_or(0.0, |found| found.1);
        (own * left, self.total * left)
    }
}

coded!(Interest { at, total, weights });

impl Interest {
    /// Gives the keys new codes: the one at `codes[key]`. A key without one is forgotten, which
    /// leaves the sum as it is: its customer has to be read again.
    pub(super) fn recode(&mut self, codes: &[u32]) {
        for (key, _) in &mut self.weights {
            *key = codes.get(*key as usize).copied().unwrap_or(NULL_CODE);
        }
        self.weights.retain(|(key, _)| *key != NULL_CODE);
    }
}

/// A fading mean.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Level {
    at: i64,
    sum: f64,
    weight: f64,
}

coded!(Level { at, sum, weight });

impl Level {
    /// Takes one value in.
    pub(super) fn add(&mut self, value: f64, weight: f64, at: i64) {
        let left = left(self.at, at, HALF_LIFE_DAYS);
        *self =
            Self { at, sum: self.sum * left + value * weight, weight: self.weight * left + weight };
    }

    /// Takes in another's mean.
    pub(super) fn join(&mut self, other: &Self) {
        let at = self.at.max(other.at);
        let (ours, theirs) = [self.at, other.at].map(|from| left(from, at, HALF_LIFE_DAYS)).into();
        self.at = at;
        self.sum = self.sum * ours + other.sum * theirs;
        self.weight = self.weight * ours + other.weight * theirs;
    }

    /// Returns the mean, or NaN when nothing was taken in.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_halves_in_a_half_life() {
        let later = (HALF_LIFE_DAYS * DAY as f64) as i64;
        let mut interest = Interest::default();
        interest.add(3, 2.0, 0);
        interest.add(5, 1.0, later);
        assert_eq!(interest.of(3, later), (1.0, 2.0));
        assert_eq!(interest.of(7, later), (0.0, 2.0));
        assert_eq!(interest.of(5, 2 * later), (0.5, 1.0));
    }

    #[test]
    fn the_mean_leans_to_the_newest() {
        let later = (HALF_LIFE_DAYS * DAY as f64) as i64;
        let mut level = Level::default();
        assert!(level.mean().is_nan());
        level.add(1.0, 1.0, 0);
        level.add(4.0, 1.0, later);
        assert_eq!(level.mean(), 3.0);
    }
}
