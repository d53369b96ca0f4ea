//! k-means: k centres such that the rows are near to theirs.
//!
//! Lloyd's algorithm (S. P. Lloyd, *Least squares quantization in PCM*, 1982) from several greedy
//! k-means++ starts, of which the one with the least inertia wins; unless a single start was asked
//! for, the best of them are improved further by moving centres to where they help more. On tables
//! of up to 2,048 rows each Euclidean start is the best of four, improved by moving single rows, as
//! Hartigan and Wong do, which finds lower inertia than Lloyd's iterations can. With other metrics
//! than Euclidean the centre changes with it (see [`Metric`]): `manhattan` makes this k-medians,
//! `cosine` spherical k-means.
//!
//! What it does not do: choose k (see [`super::choose_k`]), scale the columns (see
//! [`crate::scale`]), or find clusters that are not round.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::breathe;
use super::centers;
use super::clustering::Clustering;
use super::distance::{self, Metric};
use super::exchange;
use super::lloyd::{self, Stop};
use super::points::{BLOCK_ROWS, Rows};
use super::seeding;
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// How many tries a start has on a small table, where they cost next to nothing: with one, ten
/// starts on 100 rows of ten uniform numbers missed scikit-learn's best by 0.15 % now and then.
const TRIES_SMALL: usize = 4;

/// How many of several starts are improved further: the best one alone is now and then caught where
/// the second is not.
const BREATHING: usize = 4;

/// The parameters of k-means.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// The number of clusters, 1 to the number of rows. Default 8.
    pub k: usize,
    /// The distance, and with it the kind of centre. Default Euclidean.
    pub metric: Metric,
    /// How many starts are tried, at least 1; the best is kept, and improved unless it is the only
    /// one. Default 10.
    pub restarts: usize,
    /// How many iterations a start takes at most, at least 1. Default 300.
    pub iterations_max: usize,
    /// Centres stand still when the sum of their squared movements is at most this times the mean
    /// variance of the columns (scikit-learn's rule); at least 0. Default 0.0001.
    pub tolerance: f64,
    /// Where chance begins.
    pub seed: u64,
}

impl Default for KMeans {
    fn default() -> Self {
        Self {
            k: 8,
            metric: Metric::Euclidean,
            restarts: 10,
            iterations_max: 300,
            tolerance: 1e-4,
            seed: 0,
        }
    }
}

impl KMeans {
    /// Returns the best clustering of `restarts` starts: the one with the least inertia, the first
    /// of equals. The seed decides it, not the number of threads.
    ///
    /// When there are fewer distinct rows than k, the clusters that are left over are empty.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a parameter outside its range, among them k larger than the number
    /// of rows; [`Error::TooLittle`] without rows or columns; [`Error::NotFinite`]; and
    /// [`Error::NoSolution`] when the values are so large that their squares overflow.
    pub fn fit(&self, points: &Matrix) -> Result<Clustering> {
        let rows = Rows::new(self.metric, points)?;
        self.check(points.rows())?;
        let stop = self.stop(&rows);
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed);
        let tries = if self.is_exchanged(&rows) { TRIES_SMALL } else { 1 };
        let starts = self.restarts.saturating_mul(tries);
        let seeds: Vec<u64> = (0..starts).map(|_| rng.next_u64()).collect();
        let start = |seed: &u64| {
            let mut rng = Pcg64Mcg::seed_from_u64(*seed);
            let initial = seeding::plus_plus(self.metric, &rows, self.k, &mut rng);
            self.start(&rows, initial, stop)
        };
        // A small table keeps all threads busy only with several starts at once, a large one only
        // needs one start's memory.
        let kept = if self.restarts == 1 { 1 } else { BREATHING };
        let mut found = if rows.rows() <= BLOCK_ROWS {
            best(seeds.par_iter().map(start).collect::<Vec<_>>(), kept)?
        } else {
            best(seeds.iter().map(start), kept)?
        };
        if self.restarts > 1 {
            let settle = |centers| self.start(&rows, centers, stop);
            let deeper =
                found.into_iter().map(|found| breathe::improve(&rows, found, &mut rng, settle));
            found = best(deeper, 1)?;
        }
        Ok(found.swap_remove(0))
    }

    /// Returns the clustering that Lloyd's iterations reach from given centres, shape
    /// `(k, columns)`, and nothing but these iterations: it can be compared with other programs.
    /// `restarts` and `seed` have no say.
    ///
    /// # Errors
    /// As [`Self::fit`]; [`Error::Length`] when the centres are not k, or have other columns.
    pub fn fit_from(&self, points: &Matrix, initial: &Matrix) -> Result<Clustering> {
        let rows = Rows::new(self.metric, points)?;
        self.check(points.rows())?;
        let lengths = [
            ("initial centres", self.k, initial.rows()),
            ("columns of the initial centres", points.columns(), initial.columns()),
        ];
        for (what, expected, got) in lengths {
            if expected != got {
                return Err(Error::Length { what, expected, got });
            }
        }
        initial.check_finite("initial centre")?;
        let mut initial = initial.clone();
        if self.metric == Metric::Cosine {
            for center in 0..self.k {
                distance::normalise(initial.row_mut(center));
            }
        }
        self.run(&rows, initial, self.stop(&rows))
    }

    /// Runs from one of several starts: unlike [`Self::run`], not bound to Lloyd's optimum.
    fn start(&self, rows: &Matrix, initial: Matrix, stop: Stop) -> Result<Clustering> {
        let found = self.run(rows, initial, stop)?;
        if !self.is_exchanged(rows) {
            return Ok(found);
        }
        let Clustering { centers, labels, iterations, .. } = found;
        let centers = exchange::improve(rows, centers, labels, self.iterations_max);
        Clustering::from_centers(self.metric, rows, centers, iterations)
    }

    /// Returns whether single rows are moved after Lloyd's iterations.
    fn is_exchanged(&self, rows: &Matrix) -> bool {
        self.metric == Metric::Euclidean && rows.rows() <= exchange::ROWS_MAX
    }

    fn run(&self, rows: &Matrix, initial: Matrix, stop: Stop) -> Result<Clustering> {
        let (centers, iterations) = lloyd::iterate(self.metric, rows, initial, stop);
        Clustering::from_centers(self.metric, rows, centers, iterations)
    }

    fn stop(&self, rows: &Matrix) -> Stop {
        let shift_squared = self.tolerance * mean_variance(rows);
        Stop { iterations_max: self.iterations_max, shift_squared }
    }

    fn check(&self, rows: usize) -> Result<()> {
        if self.k == 0 || self.k > rows {
            let allowed = format!("between 1 and the number of rows ({rows})");
            return Err(Error::parameter("k", allowed, self.k));
        }
        for (name, value) in [("restarts", self.restarts), ("max-iterations", self.iterations_max)]
        {
            if value == 0 {
                return Err(Error::parameter(name, "≥ 1", value));
            }
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return Err(Error::parameter("tolerance", "a number ≥ 0", self.tolerance));
        }
        Ok(())
    }
}

/// Returns the clusterings with the least inertia, the least first, at most `kept` and at least
/// one; the first of equals comes first.
fn best(
    starts: impl IntoIterator<Item = Result<Clustering>>,
    kept: usize,
) -> Result<Vec<Clustering>> {
    let mut best: Vec<Clustering> = Vec::new();
    for start in starts {
        let start = start?;
        let place = best.partition_point(|better| better.inertia <= start.inertia);
        if place < kept {
            best.truncate(kept - 1);
            best.insert(place, start);
        }
    }
    Ok(best)
}

/// Returns the mean over the columns of their variance (divided by the number of rows).
fn mean_variance(points: &Matrix) -> f64 {
    let (rows, columns) = (points.rows() as f64, points.columns());
    let mut means = vec![0.0; columns];
    for sum in block_sums(points, centers::add) {
        centers::add(&mut means, &sum);
    }
    for mean in &mut means {
        *mean /= rows;
    }
    let squares = block_sums(points, |sums, row| {
        for ((sum, value), mean) in sums.iter_mut().zip(row).zip(&means) {
            *sum += (value - mean).powi(2);
        }
    });
    squares.iter().flatten().sum::<f64>() / rows / columns as f64
}

/// Returns for each block of rows what `add` makes of them, one number a column.
fn block_sums(points: &Matrix, add: impl Fn(&mut [f64], &[f64]) + Sync) -> Vec<Vec<f64>> {
    let columns = points.columns();
    let blocks = points.values().par_chunks(BLOCK_ROWS * columns);
    blocks
        .map(|block| {
            let mut sums = vec![0.0; columns];
            block.chunks_exact(columns).for_each(|row| add(&mut sums, row));
            sums
        })
        .collect()
}
