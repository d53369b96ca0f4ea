//! For how much will they buy? The mean amount of a buyer's purchases, judged by few of them.
//!
//! Gamma-Gamma: amounts of one buyer follow a gamma distribution (shape p, rate ν of his own), and
//! over all buyers ν follows a gamma distribution (shape q, rate v); how much somebody spends and
//! how often are taken as independent. P. Fader and B. Hardie, *The Gamma-Gamma Model of Monetary
//! Value*, 2013.

use super::gamma::Gamma;
use super::history::History;
use super::newton::{self, Derivatives, Maximum};
use super::outlook::Estimate;
use crate::error::{Error, Result};
use crate::linear_algebra::RowBlocks;

/// A fitted Gamma-Gamma model.
#[derive(Debug, Clone, PartialEq)]
pub struct GammaGamma {
    /// The shape of the amounts of one buyer.
    pub p: f64,
    /// The shape of the distribution of rates over buyers.
    pub q: f64,
    /// Its rate, in the unit of the amounts.
    pub v: f64,
    /// The logarithm of the likelihood of all mean amounts.
    pub log_likelihood: f64,
    /// How many steps the fit took.
    pub iterations: usize,
    /// The mean over those the model was fitted to, weighted by purchases.
    mean: f64,
    covariance: Option<[[f64; 3]; 3]>,
}

impl GammaGamma {
    /// Returns the likeliest model of the mean amounts of all who bought again for more than
    /// nothing; the others say nothing about amounts.
    ///
    /// # Errors
    /// [`Error::TooLittle`] with fewer than two such buyers, and [`Error::NoSolution`] when no
    /// parameters are likeliest.
    pub fn fit(histories: &[History]) -> Result<Self> {
        histories.iter().try_for_each(History::check)?;
        let paying = |history: &&History| history.repeats > 0 && history.amount > 0.0;
        let paying: Vec<History> = histories.iter().filter(paying).copied().collect();
        if paying.len() < 2 {
            let message = "amounts take at least two buyers who paid again".to_owned();
            return Err(Error::TooLittle(message));
        }
        let purchases: f64 = paying.iter().map(|history| f64::from(history.repeats)).sum();
        let total: f64 =
            paying.iter().map(|history| f64::from(history.repeats) * history.amount).sum();
        let mean = total / purchases;
        // In units of the mean amount, so that one start is near for any currency.
        let sample = Sample::new(&paying, mean);
        let likelihood = |parameters: &[f64; 3]| sample.likelihood(parameters);
        let found = newton::maximise("Gamma-Gamma", [2.0, 3.0, 1.0], likelihood)?;
        let Maximum { parameters: [p, q, scaled], value, covariance, iterations } = found;
        // A density by another unit is smaller by that unit, once for each buyer.
        let log_likelihood = value - paying.len() as f64 * mean.ln();
        Ok(Self { p, q, v: scaled * mean, log_likelihood, iterations, mean, covariance })
    }

    /// Returns p, q and v with intervals of 95 %, as those of [`BgNbd`](super::BgNbd::estimates).
    #[must_use]
    pub fn estimates(&self) -> [(&'static str, Estimate); 3] {
        let one = |place: usize, value| {
            let variance = self.covariance.map(|covariance| covariance[place][place]);
            Estimate::of_logarithm(value, variance)
        };
        [("p", one(0, self.p)), ("q", one(1, self.q)), ("v", one(2, self.v))]
    }

    /// Returns the covariance of the logarithms of p, q and v; nothing when the likelihood is flat.
    #[must_use]
    pub fn covariance(&self) -> Option<[[f64; 3]; 3]> {
        self.covariance
    }

    /// Returns the expected amount of a further purchase: p (v + x m) / (p x + q − 1) for x
    /// purchases of mean amount m, between his own mean and that of all (equation 5 of the paper).
    /// Somebody who never paid again is expected to be as all others.
    ///
    /// Where the model has no mean (p x + q ≤ 1) it is the mean of those it was fitted to.
    #[must_use]
    pub fn expected(&self, history: &History) -> f64 {
        let (shape, rate) = self.believed(history);
        if shape > 1.0 { self.p * rate / (shape - 1.0) } else { self.mean }
    }

    /// Returns the variance of the sum of a random number of purchases, given the mean and the
    /// variance of that number; nothing where the model has none.
    #[must_use]
    pub fn variance(&self, history: &History, purchases: f64, variance: f64) -> Option<f64> {
        let (shape, rate) = self.believed(history);
        if shape <= 2.0 {
            return None;
        }
        // E[1/ν²] of a gamma distribution.
        let square = rate * rate / ((shape - 1.0) * (shape - 2.0));
        let of_counts = purchases * purchases + variance;
        let mean = purchases * self.p * rate / (shape - 1.0);
        Some(square * (self.p * purchases + self.p * self.p * of_counts) - mean * mean)
    }

    /// Returns shape and rate of what is believed of the buyer's ν.
    fn believed(&self, history: &History) -> (f64, f64) {
        let repeats = if history.amount > 0.0 { f64::from(history.repeats) } else { 0.0 };
        (self.p * repeats + self.q, self.v + repeats * history.amount)
    }

    /// Returns the same model with other parameters.
    pub(super) fn with(&self, [p, q, v]: [f64; 3]) -> Self {
        Self { p, q, v, ..self.clone() }
    }
}

/// Mean amounts, ready to be measured under many parameters.
pub(super) struct Sample {
    buyers: f64,
    /// For each number of purchases: how many buyers.
    repeats: Vec<(f64, f64)>,
    /// For each buyer: the place of his number of purchases, and the sum of his amounts.
    sums: Vec<(usize, f64)>,
    /// Σ x (ln m + ln x) and Σ ln m.
    logs: [f64; 2],
}

impl Sample {
    fn new(paying: &[History], unit: f64) -> Self {
        let mut counts: Vec<u32> = paying.iter().map(|history| history.repeats).collect();
        counts.sort_unstable();
        let repeats: Vec<(f64, f64)> = counts
            .chunk_by(|left, right| left == right)
            .map(|equal| (f64::from(equal[0]), equal.len() as f64))
            .collect();
        let (mut logs, mut sums) = ([0.0; 2], Vec::with_capacity(paying.len()));
        for history in paying {
            let (x, amount) = (f64::from(history.repeats), history.amount / unit);
            sums.push((repeats.partition_point(|(other, _)| *other < x), x * amount));
            logs[0] += x * (amount.ln() + x.ln());
            logs[1] += amount.ln();
        }
        Self { buyers: paying.len() as f64, repeats, sums, logs }
    }

    /// Returns the logarithm of the likelihood and its derivatives by p, q and v (equation 1a of
    /// the paper): for x purchases of mean m,
    ///
    /// ln Γ(px + q) − ln Γ(px) − ln Γ(q) + q ln v + (px − 1) ln m + px ln x − (px + q) ln(v + xm).
    pub(super) fn likelihood(&self, &[p, q, v]: &[f64; 3]) -> Derivatives<3> {
        let (mut value, mut gradient) = (p * self.logs[0] - self.logs[1], [self.logs[0], 0.0, 0.0]);
        let (mut pp, mut pq, mut qq) = (0.0, 0.0, 0.0);
        for (x, buyers) in &self.repeats {
            let (both, own) = (Gamma::at(p * x + q), Gamma::at(p * x));
            value += buyers * (both.log - own.log);
            gradient[0] += buyers * x * (both.first - own.first);
            gradient[1] += buyers * both.first;
            pp += buyers * x * x * (both.second - own.second);
            pq += buyers * x * both.second;
            qq += buyers * both.second;
        }
        // Σ (px + q) ln(v + xm), Σ x ln, Σ ln, and the same of 1/(v + xm), and (px + q)/(v + xm)².
        let sums = RowBlocks::new(self.sums.len(), 7).sum(7, |range, sums| {
            for (place, sum) in &self.sums[range] {
                let x = self.repeats[*place].0;
                let (log, over) = ((v + sum).ln(), 1.0 / (v + sum));
                let weight = p * x + q;
                sums[0] += weight * log;
                sums[1] += x * log;
                sums[2] += log;
                sums[3] += weight * over;
                sums[4] += x * over;
                sums[5] += over;
                sums[6] += weight * over * over;
            }
        });
        let (n, gamma) = (self.buyers, Gamma::at(q));
        value += n * (q * v.ln() - gamma.log) - sums[0];
        gradient[0] -= sums[1];
        gradient[1] += n * (v.ln() - gamma.first) - sums[2];
        gradient[2] = n * q / v - sums[3];
        let (pv, qv) = (-sums[4], n / v - sums[5]);
        let vv = -n * q / (v * v) + sums[6];
        let hessian = [[pp, pq, pv], [pq, qq - n * gamma.second, qv], [pv, qv, vv]];
        Derivatives { value, gradient, hessian }
    }
}

/// Returns amounts ready for the likelihood, for tests of its derivatives.
#[cfg(test)]
pub(super) fn sample(histories: &[History]) -> Sample {
    let paying = |history: &&History| history.repeats > 0;
    Sample::new(&histories.iter().filter(paying).copied().collect::<Vec<_>>(), 50.0)
}
