//! What a fitted model expects of one buyer.

use super::super::history::History;
use super::BgNbd;

/// Terms of a series below this share of its sum no longer count.
const LEAST_TERM: f64 = 1e-16;

/// The most terms of a series: enough for horizons ten thousand times as long as all that was seen.
const TERMS_MAX: usize = 1_000_000;

/// How much of the distribution of a number of purchases may be left out.
const LEFT_OUT: f64 = 1e-12;

/// The most purchases that are counted: beyond, a distribution is cut.
const PURCHASES_MAX: u32 = 100_000;

/// Below the exponential of this, a probability is too coarse to be multiplied further.
const LOG_LEAST: f64 = -600.0;

/// Below the exponential of this, the two halves of the closed form are too far apart for its
/// series: it takes as many terms as a is large.
const LOG_SERIES: f64 = -50.0;

/// The share of all possible futures below [`Prospect::low`], and of those above
/// [`Prospect::high`].
const TAIL: f64 = 0.05;

/// What is to be expected of one buyer within a horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospect {
    /// The probability that he has not left, 0 to 1.
    pub alive: f64,
    /// The expected number of purchases within the horizon, from 0.
    pub expected: f64,
    /// Its variance over all possible futures.
    pub variance: f64,
    /// The probability that he buys nothing within the horizon, 0 to 1: churn.
    pub silent: f64,
    /// The fewest purchases of the central 90 % of futures.
    pub low: u32,
    /// The most.
    pub high: u32,
    /// In how many days the next purchase comes, if he has not left: the median; infinite beyond
    /// any calendar.
    pub next_days: f64,
}

impl BgNbd {
    /// Returns what is to be expected of a buyer within `horizon` days, at least 0.
    #[must_use]
    pub fn prospect(&self, history: &History, horizon: f64) -> Prospect {
        let ahead = Ahead::new(self, history, horizon);
        self.prospect_of(history, &ahead, ahead.expected(), &ahead.futures())
    }

    /// Returns [`Self::prospect`] of each buyer: quickest where those of one age and as many
    /// purchases stand beside each other, who if they have not left have the same before them.
    pub(in crate::lifetime) fn prospects(
        &self,
        histories: &[History],
        horizon: f64,
    ) -> Vec<Prospect> {
        let mut found = Vec::with_capacity(histories.len());
        for equal in histories.chunk_by(is_as_old_and_active) {
            let ahead = Ahead::new(self, &equal[0], horizon);
            let (expected, futures) = (ahead.expected(), ahead.futures());
            let one = |history| self.prospect_of(history, &ahead, expected, &futures);
            found.extend(equal.iter().map(one));
        }
        found
    }

    fn prospect_of(
        &self,
        history: &History,
        ahead: &Ahead,
        expected: Option<f64>,
        futures: &Futures,
    ) -> Prospect {
        let alive = self.alive(history);
        let expected = alive * expected.unwrap_or(futures.mean);
        Prospect {
            alive,
            expected,
            variance: (alive * futures.square - expected * expected).max(0.0),
            silent: 1.0 - alive + alive * futures.up_to[0],
            low: futures.quantile(TAIL, alive),
            high: futures.quantile(1.0 - TAIL, alive),
            // Given that he has not left, his rate follows a gamma distribution, and the time to
            // the next purchase a Lomax distribution.
            next_days: ahead.rate
                * (std::f64::consts::LN_2 / ahead.shape).exp_m1()
                * self.days_per_unit,
        }
    }

    /// Returns the probability that a buyer has not left: 1 / (1 + eᵘ), with u as in the
    /// likelihood; without repeat purchases nobody can have left.
    #[must_use]
    pub fn alive(&self, history: &History) -> f64 {
        if history.repeats == 0 {
            return 1.0;
        }
        let repeats = f64::from(history.repeats);
        let (last, age) = (self.units(history.last), self.units(history.age));
        let odds = (self.a / (self.b + repeats - 1.0)).ln();
        let u = odds + (self.r + repeats) * ((age - last) / (self.alpha + last)).ln_1p();
        1.0 / (1.0 + u.exp())
    }

    /// Returns the expected number of purchases of each buyer within `horizon` days, as in
    /// [`Prospect`].
    pub(in crate::lifetime) fn expected(&self, histories: &[History], horizon: f64) -> Vec<f64> {
        let mut found = Vec::with_capacity(histories.len());
        for equal in histories.chunk_by(is_as_old_and_active) {
            let ahead = Ahead::new(self, &equal[0], horizon);
            let expected = ahead.expected().unwrap_or_else(|| ahead.futures().mean);
            found.extend(equal.iter().map(|history| self.alive(history) * expected));
        }
        found
    }

    fn units(&self, days: u32) -> f64 {
        f64::from(days) / self.days_per_unit
    }
}

fn is_as_old_and_active(left: &History, right: &History) -> bool {
    (left.age, left.repeats) == (right.age, right.repeats)
}

/// A buyer who has not left: what is believed of his rate and of his probability to leave is what
/// was believed at first, with what he did since added to it (the paper, appendix).
struct Ahead {
    /// r + x.
    shape: f64,
    /// α + T.
    rate: f64,
    a: f64,
    /// b + x.
    b: f64,
    r: f64,
    /// t / (α + T + t).
    share: f64,
}

impl Ahead {
    fn new(model: &BgNbd, history: &History, horizon: f64) -> Self {
        let repeats = f64::from(history.repeats);
        let rate = model.alpha + model.units(history.age);
        let ahead = horizon / model.days_per_unit;
        Self {
            shape: model.r + repeats,
            rate,
            a: model.a,
            b: model.b + repeats,
            r: model.r,
            share: ahead / (rate + ahead),
        }
    }

    /// Returns the expected number of purchases; nothing where everybody leaves with nearly the
    /// same probability (a and b are large), for which the distribution itself is to be walked
    /// through.
    ///
    /// Equation 10 of the paper is (c / (a − 1)) [1 − (1 − z)^(r+x) ₂F₁(r + x, b + x; c; z)], with
    /// c = a + b + x − 1 and z = t / (α + T + t). Here ₂F₁ is turned by Euler's transformation
    /// (DLMF 15.8.1) into (1 − z)^(a−1−r−x) ₂F₁(a − 1, a + b − 1 − r; c; z), whose parameters do
    /// not grow with x, and its leading 1 and the factors c and 1 / (a − 1) are multiplied out, so
    /// that nothing is singular at a = 1 or c = 0.
    fn expected(&self) -> Option<f64> {
        let (a, z) = (self.a, self.share);
        if z == 0.0 {
            return Some(0.0);
        }
        let c = a + self.b - 1.0;
        let log = (-z).ln_1p();
        let exponent = (a - 1.0) * log;
        if exponent < LOG_SERIES {
            return None;
        }
        // Terms (a)ₙ₋₁ (q)ₙ / ((c + 1)ₙ₋₁ n!) zⁿ.
        let mut q = a + self.b - (self.shape - self.r) - 1.0 - self.r;
        let (mut term, mut sum) = (q * z, 0.0);
        for n in 1..TERMS_MAX {
            sum += term;
            let place = n as f64;
            q += 1.0;
            let factor = z * (a + place - 1.0) * q / ((c + place) * (place + 1.0));
            term *= factor;
            if term.abs() <= LEAST_TERM * sum.abs() && factor.abs() < 1.0 {
                break;
            }
        }
        let grown = if a == 1.0 { log } else { exponent.exp_m1() / (a - 1.0) };
        Some((-(exponent.exp() * sum + c * grown)).max(0.0))
    }

    /// Returns the distribution of the number of purchases, walked through once.
    ///
    /// k purchases come about in two ways: the k-th or any other did not end it, or the k-th did.
    /// With N(k) the negative binomial probability of k purchases without leaving:
    /// B(a, b + k)/B(a, b) N(k) + B(a + 1, b + k − 1)/B(a, b) (1 − N(0) − … − N(k − 1)) (equation 8
    /// of the paper with x added to r and b and T to α).
    fn futures(&self) -> Futures {
        let mut log_of = self.shape * (-self.share).ln_1p();
        let mut unhindered = log_of.exp();
        let (mut stays, mut above, mut seen) = (1.0, 1.0, 0.0);
        let mut found = Futures { up_to: Vec::new(), mean: 0.0, square: 0.0 };
        for count in 0..PURCHASES_MAX {
            let k = f64::from(count);
            let mut probability = 0.0;
            if count > 0 {
                let inverse = (self.a + self.b + k - 1.0).recip();
                probability = self.a * inverse * stays * above;
                stays *= (self.b + k - 1.0) * inverse;
                let ratio = (self.shape + k - 1.0) / k * self.share;
                if log_of > LOG_LEAST {
                    unhindered *= ratio;
                } else {
                    // Too small a number to begin with: by logarithms until it is not.
                    log_of += ratio.ln();
                    unhindered = log_of.exp();
                }
            }
            probability += stays * unhindered;
            above = (above - unhindered).max(0.0);
            seen += probability;
            if found.up_to.last().is_none_or(|before| *before < 1.0 - TAIL) {
                found.up_to.push(seen);
            }
            found.mean += probability * k;
            found.square += probability * k * k;
            if 1.0 - seen <= LEFT_OUT && k >= self.shape * self.share || self.share == 0.0 {
                break;
            }
        }
        found
    }
}

/// The distribution of the number of purchases of somebody who has not left.
struct Futures {
    /// The probability of at most so many: of 0, of 1, and so on, as far as an end of the central
    /// 90 % can lie.
    up_to: Vec<f64>,
    mean: f64,
    /// The mean square.
    square: f64,
}

impl Futures {
    /// Returns the fewest purchases that are not exceeded with this probability by somebody who has
    /// not left with the probability `alive`.
    fn quantile(&self, probability: f64, alive: f64) -> u32 {
        let is_below = |up_to: &f64| 1.0 - alive + alive * up_to < probability;
        match self.up_to.partition_point(is_below) {
            count if count < self.up_to.len() => count as u32,
            _ => PURCHASES_MAX,
        }
    }
}
