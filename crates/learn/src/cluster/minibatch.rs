//! Mini-batch k-means: centres that learn from some rows at a time, for data larger than memory.
//!
//! Each batch moves a centre towards the mean of the rows it wins, by the share they are of all it
//! has won so far. D. Sculley, *Web-scale k-means clustering*, WWW 2010; a batch counts as one
//! step, and centres that win hardly anything move to rows of the batch, as in scikit-learn.
//!
//! Where rows fit into memory [`KMeans`](super::KMeans) finds lower inertia.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::centers;
use super::clustering::{self, Clustering};
use super::distance::{self, Metric};
use super::kmeans::KMeans;
use super::points::Rows;
use super::seeding::pick;
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// After so many batches centres that win hardly anything are moved.
const BATCHES_BETWEEN: usize = 10;

/// A centre that has won less than this share of what the busiest has won is moved: the default of
/// scikit-learn.
const LEAST_SHARE: f64 = 0.01;

/// How much the smoothed inertia must fall to count as progress, relative.
const LEAST_GAIN: f64 = 1e-4;

/// Batches without progress after which [`MiniBatchKMeans::fit`] ends: the default of scikit-learn.
const PATIENCE: usize = 10;

/// The parameters of mini-batch k-means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MiniBatchKMeans {
    /// The number of clusters, at least 1 and at most the rows of the first batch. Default 8.
    pub k: usize,
    /// The distance: one whose centres are means, Euclidean or cosine. Default Euclidean.
    pub metric: Metric,
    /// How many rows a batch has when [`Self::fit`] draws them, at least 1. Default 1,024.
    pub batch_rows: usize,
    /// How many times [`Self::fit`] goes through all rows at most, at least 1. Default 100.
    pub iterations_max: usize,
    /// How many starts are tried on the first batch. Default 3.
    pub restarts: usize,
    /// Where chance begins.
    pub seed: u64,
}

impl Default for MiniBatchKMeans {
    fn default() -> Self {
        Self {
            k: 8,
            metric: Metric::Euclidean,
            batch_rows: 1_024,
            iterations_max: 100,
            restarts: 3,
            seed: 0,
        }
    }
}

/// Centres on their way: take batches with [`Self::take`] for as long as there are any.
#[derive(Debug, Clone)]
pub struct Learning {
    metric: Metric,
    centers: Matrix,
    /// How many rows each centre has won.
    won: Vec<f64>,
    batches: usize,
    rng: Pcg64Mcg,
}

impl MiniBatchKMeans {
    /// Returns centres found by k-means on a first batch, which counts as taken; several thousand
    /// rows in random order are best.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a parameter outside its range, among them k larger than the batch;
    /// else as [`KMeans::fit`].
    pub fn start(&self, batch: &Matrix) -> Result<Learning> {
        if !matches!(self.metric, Metric::Euclidean | Metric::Cosine) {
            let allowed = "`euclidean` or `cosine` with mini-batches";
            return Err(Error::parameter("metric", allowed, self.metric.name()));
        }
        for (name, value) in [("batch", self.batch_rows), ("max-iterations", self.iterations_max)] {
            if value == 0 {
                return Err(Error::parameter(name, "≥ 1", value));
            }
        }
        let kmeans = KMeans {
            k: self.k,
            metric: self.metric,
            restarts: self.restarts,
            seed: self.seed,
            ..KMeans::default()
        };
        let found = kmeans.fit(batch)?;
        Ok(Learning {
            metric: self.metric,
            won: found.sizes.iter().map(|size| *size as f64).collect(),
            centers: found.centers,
            batches: 1,
            rng: Pcg64Mcg::seed_from_u64(self.seed),
        })
    }

    /// Returns the clustering of a table from batches drawn from it at random, until the smoothed
    /// inertia of batches falls no further.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn fit(&self, points: &Matrix) -> Result<Clustering> {
        let rows = points.rows();
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed ^ 0x6d69_6e69);
        let first = rows.min(self.batch_rows.max(3 * self.k).saturating_mul(3));
        let mut draw = |count: usize| {
            let mut values = Vec::with_capacity(count * points.columns());
            for row in rand::seq::index::sample(&mut rng, rows, count) {
                values.extend_from_slice(points.row(row));
            }
            Matrix::from_values(count, points.columns(), values)
        };
        let mut learning = self.start(&draw(first)?)?;
        let batch_rows = self.batch_rows.min(rows);
        let most = rows.div_ceil(batch_rows).saturating_mul(self.iterations_max);
        // An average that remembers about as many batches as a table of rows has.
        let fresh = (2.0 * batch_rows as f64 / (rows as f64 + 1.0)).min(1.0);
        let (mut smoothed, mut least, mut in_vain) = (None, f64::INFINITY, 0);
        let mut batches = 0;
        while batches < most && in_vain < PATIENCE {
            let cost = learning.take(&draw(batch_rows)?)? / batch_rows as f64;
            let now = smoothed.map_or(cost, |before: f64| before + fresh * (cost - before));
            smoothed = Some(now);
            in_vain = if now < least * (1.0 - LEAST_GAIN) { 0 } else { in_vain + 1 };
            least = least.min(now);
            batches += 1;
        }
        let found = learning.clustering(points)?;
        Ok(Clustering { iterations: batches, ..found })
    }
}

impl Learning {
    /// Learns from a batch, and returns what its rows add to the inertia, as the centres stood
    /// before. An empty batch teaches nothing.
    ///
    /// # Errors
    /// [`Error::Length`] when the batch has other columns, and [`Error::NotFinite`].
    pub fn take(&mut self, batch: &Matrix) -> Result<f64> {
        if batch.columns() != self.centers.columns() {
            let (expected, got) = (self.centers.columns(), batch.columns());
            return Err(Error::Length { what: "columns of a batch", expected, got });
        }
        if batch.rows() == 0 {
            return Ok(0.0);
        }
        let rows = Rows::new(self.metric, batch)?;
        let (labels, inertia) = clustering::nearest(self.metric, &rows, &self.centers);
        let mut sums = Matrix::zeros(self.centers.rows(), self.centers.columns());
        let mut counts = vec![0.0; self.centers.rows()];
        for (row, label) in labels.iter().enumerate() {
            centers::add(sums.row_mut(*label as usize), rows.row(row));
            counts[*label as usize] += 1.0;
        }
        for (cluster, count) in counts.into_iter().enumerate() {
            if count > 0.0 {
                self.won[cluster] += count;
                let share = 1.0 / self.won[cluster];
                let center = self.centers.row_mut(cluster);
                for (center, sum) in center.iter_mut().zip(sums.row(cluster)) {
                    *center += (sum - count * *center) * share;
                }
                if self.metric == Metric::Cosine {
                    distance::normalise(center);
                }
            }
        }
        self.batches += 1;
        if self.batches.is_multiple_of(BATCHES_BETWEEN) {
            self.wake(&rows, &labels);
        }
        Ok(inertia)
    }

    /// Moves centres that win hardly anything to rows of the batch, drawn by what they cost.
    fn wake(&mut self, rows: &Matrix, labels: &[u32]) {
        let busiest = self.won.iter().copied().fold(0.0, f64::max);
        let idle: Vec<usize> = (0..self.won.len())
            .filter(|cluster| self.won[*cluster] < LEAST_SHARE * busiest)
            .take(rows.rows() / 2)
            .collect();
        if idle.is_empty() {
            return;
        }
        let mut costs = clustering::own_terms(self.metric, rows, &self.centers, labels);
        let least = self.won.iter().copied().filter(|won| *won >= LEAST_SHARE * busiest);
        let least = least.fold(busiest, f64::min);
        for cluster in idle {
            let mut rest = self.rng.random::<f64>() * costs.iter().sum::<f64>();
            let row = pick(&costs, &mut rest);
            if costs[row] > 0.0 {
                self.centers.row_mut(cluster).copy_from_slice(rows.row(row));
                self.won[cluster] = least;
                costs[row] = 0.0;
            }
        }
    }

    /// Returns the centres, shape `(k, columns)`.
    #[must_use]
    pub fn centers(&self) -> &Matrix {
        &self.centers
    }

    /// Returns the clustering of rows by the centres as they are.
    ///
    /// # Errors
    /// [`Error::Length`] when the rows have other columns, [`Error::TooLittle`] without any, and
    /// [`Error::NotFinite`].
    pub fn clustering(&self, points: &Matrix) -> Result<Clustering> {
        if points.columns() != self.centers.columns() {
            let (expected, got) = (self.centers.columns(), points.columns());
            return Err(Error::Length { what: "columns to cluster", expected, got });
        }
        let rows = Rows::new(self.metric, points)?;
        Clustering::from_centers(self.metric, &rows, self.centers.clone(), self.batches)
    }
}
