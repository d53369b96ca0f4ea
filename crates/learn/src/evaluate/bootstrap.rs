//! How sure is a measured rate, or the difference of two: percentile intervals by resampling
//! customers.
//!
//! Rows of one customer are not independent, so whole clusters of rows are drawn with replacement,
//! as many as there are (Efron & Tibshirani 1993, chapters 8 and 13; Field & Welsh 2007 for
//! clusters). A rate is a ratio of sums (clicks per view, revenue per visit) and is resampled as
//! one, numerator and denominator together. Two policies are compared over the same draws of the
//! same clusters, which takes away what differs between customers but not between policies. A
//! cluster is drawn by multiplying a 32-bit random number by their number, which favours some by
//! less than their number divided by 2³².

use std::collections::hash_map::Entry;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The most clusters: their 32-bit draws stay even to one part in sixteen.
const CLUSTERS_MAX: usize = 1 << 28;

/// An estimate and the interval that covers the truth at the chosen level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// What was measured on the rows themselves.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Returns whether a value lies inside, the ends included.
    #[must_use]
    pub fn covers(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// A difference and what it is relative to the second of the two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// First minus second.
    pub difference: Interval,
    /// First minus second, divided by second; `None` when the second is 0 or in doubt of being so.
    pub relative: Option<Interval>,
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// The number of resamples; default 1000, at least 20.
    pub resamples: usize,
    /// The share of intervals that cover the truth; default 0.95, between 0 and 1.
    pub level: f64,
    /// Decides the draws; default 42.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, level: 0.95, seed: 42 }
    }
}

/// Rows whose ratio `Σ numerator / Σ denominator` is asked for, such as revenue and visits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio<'a> {
    /// Which cluster (customer) each row belongs to.
    pub cluster: &'a [u64],
    /// What is counted on top.
    pub numerator: &'a [f64],
    /// What it is divided by.
    pub denominator: &'a [f64],
}

impl Ratio<'_> {
    fn check(&self) -> Result<()> {
        let expected = self.cluster.len();
        for (what, values) in [("numerators", self.numerator), ("denominators", self.denominator)] {
            if values.len() != expected {
                return Err(Error::Length { what, expected, got: values.len() });
            }
        }
        super::check_finite("a numerator", self.numerator)?;
        super::check_finite("a denominator", self.denominator)
    }

    /// Returns the ratio of the rows themselves; `NaN` when the denominators add up to 0.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.numerator.iter().sum::<f64>() / self.denominator.iter().sum::<f64>()
    }
}

impl Bootstrap {
    /// Returns the interval of a ratio of sums. Resamples whose denominators add up to 0 are left
    /// out.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::NotFinite`] for malformed rows, [`Error::TooLittle`] when the
    /// denominators add up to 0 in the rows themselves or in more than half of the resamples.
    pub fn ratio(&self, rows: &Ratio<'_>) -> Result<Interval> {
        rows.check()?;
        let mut sums = Clusters::default();
        for (row, id) in rows.cluster.iter().enumerate() {
            sums.add(*id, [rows.numerator[row], rows.denominator[row]]);
        }
        let [interval] = self.intervals(&sums.sums, |[top, bottom]| [top / bottom])?;
        interval.ok_or_else(undefined)
    }

    /// Returns the interval of a mean over rows, whole clusters being resampled.
    ///
    /// # Errors
    /// As [`Self::ratio`].
    pub fn mean(&self, cluster: &[u64], values: &[f64]) -> Result<Interval> {
        let denominator = &vec![1.0; values.len()];
        self.ratio(&Ratio { cluster, numerator: values, denominator })
    }

    /// Returns the intervals of the difference of two ratios, paired over the clusters that occur
    /// in both; a cluster that occurs in one only counts there.
    ///
    /// # Errors
    /// As [`Self::ratio`].
    pub fn ratio_difference(&self, first: &Ratio<'_>, second: &Ratio<'_>) -> Result<Difference> {
        first.check()?;
        second.check()?;
        let mut sums = Clusters::default();
        for (row, id) in first.cluster.iter().enumerate() {
            sums.add(*id, [first.numerator[row], first.denominator[row], 0.0, 0.0]);
        }
        for (row, id) in second.cluster.iter().enumerate() {
            sums.add(*id, [0.0, 0.0, second.numerator[row], second.denominator[row]]);
        }
        let [difference, relative] = self.intervals(&sums.sums, |[a, b, c, d]| {
            let (first, second) = (a / b, c / d);
            [first - second, (first - second) / second]
        })?;
        Ok(Difference { difference: difference.ok_or_else(undefined)?, relative })
    }

    /// Returns the intervals of the difference of two means over the same units (a metric per user
    /// of two models): unit `i` of one is unit `i` of the other.
    ///
    /// # Errors
    /// As [`Self::ratio`].
    pub fn paired(&self, first: &[f64], second: &[f64]) -> Result<Difference> {
        if first.len() != second.len() {
            let (expected, got) = (first.len(), second.len());
            return Err(Error::Length { what: "paired values", expected, got });
        }
        super::check_finite("a paired value", first)?;
        super::check_finite("a paired value", second)?;
        let sums: Vec<[f64; 3]> =
            first.iter().zip(second).map(|(first, second)| [*first, *second, 1.0]).collect();
        let [difference, relative] = self.intervals(&sums, |[first, second, count]| {
            [(first - second) / count, (first - second) / second]
        })?;
        Ok(Difference { difference: difference.ok_or_else(undefined)?, relative })
    }

    /// Returns the intervals of statistics of the clusters' summed columns; `None` where a
    /// statistic is undefined on the rows themselves or on more than half of the resamples.
    ///
    /// # Errors
    /// [`Error::Parameter`] for settings out of range, [`Error::TooLittle`] without clusters.
    pub(crate) fn intervals<const COLUMNS: usize, const STATISTICS: usize>(
        &self,
        clusters: &[[f64; COLUMNS]],
        statistics: impl Fn([f64; COLUMNS]) -> [f64; STATISTICS] + Sync,
    ) -> Result<[Option<Interval>; STATISTICS]> {
        self.check(clusters.len())?;
        let mut total = [0.0; COLUMNS];
        for cluster in clusters {
            add(&mut total, cluster);
        }
        let estimates = statistics(total);
        let replicates: Vec<[f64; STATISTICS]> = (0..self.resamples)
            .into_par_iter()
            .map(|resample| statistics(self.draw(resample, clusters)))
            .collect();
        Ok(std::array::from_fn(|at| {
            let mut values: Vec<f64> = replicates.iter().map(|values| values[at]).collect();
            values.retain(|value| value.is_finite());
            let is_defined = estimates[at].is_finite() && 2 * values.len() > self.resamples;
            values.sort_unstable_by(f64::total_cmp);
            is_defined.then(|| Interval {
                estimate: estimates[at],
                low: quantile(&values, (1.0 - self.level) / 2.0),
                high: quantile(&values, f64::midpoint(1.0, self.level)),
            })
        }))
    }

    fn check(&self, clusters: usize) -> Result<()> {
        if self.resamples < 20 {
            return Err(Error::parameter("resamples", "≥ 20", self.resamples));
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::parameter("level", "between 0 and 1", self.level));
        }
        if clusters == 0 {
            return Err(Error::TooLittle("there is no row to resample".to_owned()));
        }
        if clusters > CLUSTERS_MAX {
            let limit = CLUSTERS_MAX;
            return Err(Error::TooLarge { what: "the number of clusters", limit, got: clusters });
        }
        Ok(())
    }

    /// Returns the columns' sums over one draw. Each resample has a stream of its own, so the order
    /// in which threads take them does not matter.
    fn draw<const COLUMNS: usize>(
        &self,
        resample: usize,
        clusters: &[[f64; COLUMNS]],
    ) -> [f64; COLUMNS] {
        let stream = (resample as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut random = Pcg64Mcg::seed_from_u64(self.seed.wrapping_add(stream));
        let count = clusters.len() as u64;
        let (mut even, mut odd) = ([0.0; COLUMNS], [0.0; COLUMNS]);
        for _ in 0..count / 2 {
            let bits = random.next_u64();
            add(&mut even, &clusters[place(bits >> 32, count)]);
            add(&mut odd, &clusters[place(bits & 0xFFFF_FFFF, count)]);
        }
        if count % 2 == 1 {
            add(&mut even, &clusters[place(random.next_u64() >> 32, count)]);
        }
        add(&mut even, &odd);
        even
    }
}

fn undefined() -> Error {
    Error::TooLittle("the denominators add up to 0".to_owned())
}

/// Maps 32 random bits onto `0..count`.
#[inline]
fn place(bits: u64, count: u64) -> usize {
    ((bits * count) >> 32) as usize
}

#[inline]
fn add<const COLUMNS: usize>(into: &mut [f64; COLUMNS], from: &[f64; COLUMNS]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into += from;
    }
}

/// Returns the value below which a share of the sorted values lies, interpolated between neighbours
/// (the default of numpy, type 7 of Hyndman & Fan 1996).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below])
}

/// The summed columns of each cluster, in the order in which clusters are first met.
#[derive(Debug, Default)]
pub(crate) struct Clusters<const COLUMNS: usize> {
    places: FxHashMap<u64, usize>,
    pub(crate) sums: Vec<[f64; COLUMNS]>,
}

impl<const COLUMNS: usize> Clusters<COLUMNS> {
    /// Adds a row to its cluster.
    pub(crate) fn add(&mut self, id: u64, row: [f64; COLUMNS]) {
        match self.places.entry(id) {
            Entry::Occupied(place) => add(&mut self.sums[*place.get()], &row),
            Entry::Vacant(place) => {
                place.insert(self.sums.len());
                self.sums.push(row);
            }
        }
    }
}

#[cfg(test)]
mod tests;
