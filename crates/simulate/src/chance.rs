//! Chance without a stream: each draw is a hash of what it is for.
//!
//! A [`Chance`] is a place in a tree of hashes. Naming a branch ([`Chance::of`]) gives another
//! place; the number at a place never depends on what else was drawn. The hash is the finalizer of
//! splitmix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014): for
//! one place it maps different branches to different places.

use std::f64::consts::TAU;

/// What a draw is for: the first branch below a world, a customer or a visit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Product,
    Category,
    Customer,
    Campaign,
    Calibration,
    Visits,
    Comes,
    Start,
    Click,
    Convert,
    Dwell,
    Cart,
    Delay,
    Browse,
    Search,
    Basket,
    Quantity,
    Return,
    Review,
}

/// A place in the tree of hashes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Returns the root for this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(0x5368_6f70).of(seed)
    }

    /// Returns the branch of this number.
    #[inline]
    pub(crate) fn of(self, number: u64) -> Self {
        let step = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0.wrapping_add(step);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(bits ^ (bits >> 31))
    }

    /// Returns the branch of this purpose.
    #[inline]
    pub(crate) fn to(self, purpose: Purpose) -> Self {
        self.of(purpose as u64)
    }

    /// Returns the 64 bits of this place.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// Returns a number that is equally likely anywhere from 0 to below 1.
    #[inline]
    pub(crate) fn unit(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns whether something of this probability happens.
    #[inline]
    pub(crate) fn happens(self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Returns a whole number from 0 to below `count`, 0 when `count` is 0.
    #[inline]
    pub(crate) fn below(self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// Returns a draw from the standard normal distribution (Box and Muller, 1958).
    pub(crate) fn normal(self) -> f64 {
        (2.0 * self.of(0).exponential()).sqrt() * (TAU * self.of(1).unit()).cos()
    }

    /// Returns a draw from the exponential distribution of mean 1.
    pub(crate) fn exponential(self) -> f64 {
        -(-self.unit()).ln_1p()
    }

    /// Returns a draw from the geometric distribution of this mean, counting from 0, at most
    /// `most`.
    pub(crate) fn count(self, mean: f64, most: usize) -> usize {
        let rate = (1.0 / mean.max(1e-9)).ln_1p();
        ((self.exponential() / rate) as usize).min(most)
    }

    /// Returns an index with a probability proportional to its weight; 0 when no weight is
    /// positive.
    pub(crate) fn pick(self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.unit() * weights.clone().sum::<f64>();
        let mut last = 0;
        for (at, weight) in weights.enumerate() {
            if weight <= 0.0 {
                continue;
            }
            last = at;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }
}

/// Returns 1 / (1 + exp(−x)).
#[inline]
pub(crate) fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let count = 100_000;
        let draws = |draw: &dyn Fn(Chance) -> f64| {
            let root = Chance::new(7);
            let (mut sum, mut squares) = (0.0, 0.0);
            for at in 0..count {
                let value = draw(root.of(at));
                sum += value;
                squares += value * value;
            }
            let mean = sum / count as f64;
            (mean, squares / count as f64 - mean * mean)
        };
        let near = |(mean, variance): (f64, f64), expected: (f64, f64)| {
            assert!((mean - expected.0).abs() < 0.02, "{mean}");
            assert!((variance - expected.1).abs() < 0.06, "{variance}");
        };
        near(draws(&Chance::unit), (0.5, 1.0 / 12.0));
        near(draws(&Chance::normal), (0.0, 1.0));
        near(draws(&Chance::exponential), (1.0, 1.0));
        // The geometric distribution of mean m has the variance m (1 + m).
        near(draws(&|chance| chance.count(1.0, 1_000) as f64), (1.0, 2.0));
        near(draws(&|chance| chance.pick([1.0, 0.0, 3.0].into_iter()) as f64), (1.5, 0.75));
    }

    #[test]
    fn a_branch_does_not_depend_on_what_was_drawn_before() {
        let root = Chance::new(1);
        let first = root.to(Purpose::Click).of(3).bits();
        root.to(Purpose::Dwell).of(9).unit();
        assert_eq!(root.to(Purpose::Click).of(3).bits(), first);
        assert_ne!(root.to(Purpose::Click).of(4).bits(), first);
        assert_ne!(Chance::new(2).to(Purpose::Click).of(3).bits(), first);
    }
}
