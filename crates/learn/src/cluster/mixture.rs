//! Gaussian mixtures: clusters that overlap, and may be long, wide or tilted.
//!
//! A row comes from one of k normal distributions with weights of their own; expectation
//! maximisation finds weights, means and covariances of greatest likelihood near its start, which
//! is a k-means clustering. A. Dempster, N. Laird and D. Rubin, 1977; covariances are kept from
//! collapsing by a small number on their diagonal, as in scikit-learn. The criterion of G. Schwarz
//! (1978) chooses the number of components.

use rayon::prelude::*;

use super::clustering::Clustering;
use super::distance::Metric;
use super::kmeans::KMeans;
use super::points::{BLOCK_ROWS, Rows};
use crate::error::{Error, Result};
use crate::linear_algebra::blocks::sum_in_order;
use crate::matrix::Matrix;

/// ln 2π.
const LOG_TWO_PI: f64 = 1.837_877_066_409_345_3;

/// The shape of the components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Covariance {
    /// Any ellipsoid: columns × (columns + 1) / 2 numbers a component.
    #[default]
    Full,
    /// Ellipsoids along the axes: as many numbers as columns.
    Diagonal,
}

impl Covariance {
    /// Both shapes, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::Full, Self::Diagonal];

    /// Returns the name, as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Diagonal => "diagonal",
        }
    }

    /// Returns the shape of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name)
    }
}

/// The parameters of a Gaussian mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianMixture {
    /// The number of components, 1 to the number of rows. Default 8.
    pub k: usize,
    /// Their shape. Default full.
    pub covariance: Covariance,
    /// How many iterations there are at most, at least 1. Default 100.
    pub iterations_max: usize,
    /// The mean log-likelihood of a row must rise by more than this; at least 0. Default 0.001.
    pub tolerance: f64,
    /// What is added to each variance, at least 0. Default 10⁻⁶.
    pub least_variance: f64,
    /// How many starts the k-means has that the mixture begins with. Default 1.
    pub restarts: usize,
    /// Where chance begins.
    pub seed: u64,
}

impl Default for GaussianMixture {
    fn default() -> Self {
        Self {
            k: 8,
            covariance: Covariance::Full,
            iterations_max: 100,
            tolerance: 1e-3,
            least_variance: 1e-6,
            restarts: 1,
            seed: 0,
        }
    }
}

/// A fitted mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// The share of each component: their sum is 1.
    pub weights: Vec<f64>,
    /// One mean a row, shape `(k, columns)`.
    pub means: Matrix,
    /// The covariance of each component: shape `(columns, columns)`, or `(1, columns)` when it is
    /// diagonal.
    pub covariances: Vec<Matrix>,
    /// The shape of the components.
    pub covariance: Covariance,
    /// The mean log-likelihood of the rows it was fitted to.
    pub log_likelihood: f64,
    /// The Bayesian information criterion on these rows: lower is better.
    pub bic: f64,
    /// Akaike's information criterion: lower is better.
    pub aic: f64,
    /// How many iterations it took.
    pub iterations: usize,
    /// Whether the likelihood rose no further before they were spent.
    pub converged: bool,
}

impl GaussianMixture {
    /// Returns the mixture that the iterations come to.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a parameter outside its range; [`Error::NoSolution`] when a
    /// component collapses although its variances are raised; else as [`KMeans::fit`].
    pub fn fit(&self, points: &Matrix) -> Result<Mixture> {
        let rows = Rows::new(Metric::Euclidean, points)?;
        self.check()?;
        let kmeans =
            KMeans { k: self.k, restarts: self.restarts, seed: self.seed, ..KMeans::default() };
        let start = kmeans.fit(points)?;
        let mut shares = Matrix::zeros(points.rows(), self.k);
        for (row, label) in start.labels.iter().enumerate() {
            shares.row_mut(row)[*label as usize] = 1.0;
        }
        let mut found = self.maximise(&rows, &shares)?;
        let mut before = f64::NEG_INFINITY;
        for iteration in 1..=self.iterations_max {
            let now = found.expect(&rows, &mut shares)?;
            let next = self.maximise(&rows, &shares)?;
            found = Mixture { iterations: iteration, ..next };
            found.converged = (now - before).abs() < self.tolerance;
            if found.converged {
                break;
            }
            before = now;
        }
        found.log_likelihood = found.expect(&rows, &mut shares)?;
        let (count, columns) = (points.rows() as f64, points.columns() as f64);
        let of_shape = match self.covariance {
            Covariance::Full => columns * (columns + 1.0) / 2.0,
            Covariance::Diagonal => columns,
        };
        let free = self.k as f64 * (of_shape + columns + 1.0) - 1.0;
        let misfit = -2.0 * found.log_likelihood * count;
        (found.bic, found.aic) = (misfit + free * count.ln(), misfit + 2.0 * free);
        Ok(found)
    }

    /// Returns the mixture with the lowest Bayesian information criterion for a number of
    /// components in `range`, of equals the one with fewer, and each number with its criterion.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the range is empty; else as [`Self::fit`].
    pub fn choose(
        &self,
        points: &Matrix,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<(Mixture, Vec<(usize, f64)>)> {
        let mut best = None::<Mixture>;
        let mut curve = Vec::new();
        for k in range.clone().take_while(|k| *k <= points.rows().max(1)) {
            let found = Self { k, ..self.clone() }.fit(points)?;
            curve.push((k, found.bic));
            if best.as_ref().is_none_or(|best| found.bic < best.bic) {
                best = Some(found);
            }
        }
        let (from, to) = range.into_inner();
        let empty =
            || Error::parameter("k", "a range from 1 or more, as 2..12", format!("{from}..{to}"));
        Ok((best.ok_or_else(empty)?, curve))
    }

    fn check(&self) -> Result<()> {
        if self.iterations_max == 0 {
            return Err(Error::parameter("max-iterations", "≥ 1", self.iterations_max));
        }
        for (name, value) in
            [("tolerance", self.tolerance), ("least-variance", self.least_variance)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::parameter(name, "a number ≥ 0", value));
            }
        }
        Ok(())
    }

    /// Returns the likeliest components when each row belongs to them by shares.
    fn maximise(&self, rows: &Matrix, shares: &Matrix) -> Result<Mixture> {
        let (k, columns) = (self.k, rows.columns());
        let sums = block_sums(rows, shares, k * (columns + 1), |row, shares, sums| {
            let (counts, sums) = sums.split_at_mut(k);
            for ((share, count), sum) in
                shares.iter().zip(counts).zip(sums.chunks_exact_mut(columns))
            {
                *count += share;
                for (sum, value) in sum.iter_mut().zip(row) {
                    *sum += share * value;
                }
            }
        });
        let (counts, sums) = sums.split_at(k);
        // Nothing is divided by 0, as in scikit-learn.
        let counts: Vec<f64> = counts.iter().map(|count| count + 10.0 * f64::EPSILON).collect();
        let mut means = Matrix::from_values(k, columns, sums.to_vec())?;
        for (component, count) in counts.iter().enumerate() {
            means.row_mut(component).iter_mut().for_each(|value| *value /= count);
        }
        let width = match self.covariance {
            Covariance::Full => columns * columns,
            Covariance::Diagonal => columns,
        };
        let squares = block_sums(rows, shares, k * width, |row, shares, sums| {
            let mut apart = vec![0.0; columns];
            for (component, sum) in sums.chunks_exact_mut(width).enumerate() {
                let share = shares[component];
                if share == 0.0 {
                    continue;
                }
                for ((apart, value), mean) in apart.iter_mut().zip(row).zip(means.row(component)) {
                    *apart = value - mean;
                }
                add_squares(self.covariance, &apart, share, sum);
            }
        });
        let mut covariances = Vec::with_capacity(k);
        for (component, square) in squares.chunks_exact(width).enumerate() {
            let mut covariance = Matrix::from_values(width / columns, columns, square.to_vec())?;
            for (place, value) in covariance.values_mut().iter_mut().enumerate() {
                let on_diagonal = width == columns || place / columns == place % columns;
                *value = *value / counts[component]
                    + if on_diagonal { self.least_variance } else { 0.0 };
            }
            mirror(&mut covariance);
            covariances.push(covariance);
        }
        let all: f64 = counts.iter().sum();
        Ok(Mixture {
            weights: counts.iter().map(|count| count / all).collect(),
            means,
            covariances,
            covariance: self.covariance,
            log_likelihood: f64::NAN,
            bic: f64::NAN,
            aic: f64::NAN,
            iterations: 0,
            converged: false,
        })
    }
}

/// Adds the products of all pairs of columns, the lower triangle only, or their squares.
fn add_squares(covariance: Covariance, apart: &[f64], share: f64, sum: &mut [f64]) {
    match covariance {
        Covariance::Full => {
            for (place, row) in sum.chunks_exact_mut(apart.len()).enumerate() {
                let factor = share * apart[place];
                for (sum, other) in row.iter_mut().zip(&apart[..=place]) {
                    *sum += factor * other;
                }
            }
        }
        Covariance::Diagonal => {
            for (sum, apart) in sum.iter_mut().zip(apart) {
                *sum += share * apart * apart;
            }
        }
    }
}

/// Copies the lower triangle of a square matrix to the upper.
fn mirror(matrix: &mut Matrix) {
    if matrix.rows() != matrix.columns() {
        return;
    }
    for row in 0..matrix.rows() {
        for column in 0..row {
            let value = matrix.row(row)[column];
            matrix.row_mut(column)[row] = value;
        }
    }
}

/// Returns the sums over all rows, block by block in order.
fn block_sums(
    rows: &Matrix,
    shares: &Matrix,
    length: usize,
    add: impl Fn(&[f64], &[f64], &mut [f64]) + Sync,
) -> Vec<f64> {
    // Blocks so large that few sums are kept.
    let size = BLOCK_ROWS.max(rows.rows().div_ceil(64));
    let parts = rows.values().par_chunks(size * rows.columns());
    let parts: Vec<Vec<f64>> = parts
        .zip(shares.values().par_chunks(size * shares.columns()))
        .map(|(rows_of, shares_of)| {
            let mut sums = vec![0.0; length];
            let pairs =
                rows_of.chunks_exact(rows.columns()).zip(shares_of.chunks_exact(shares.columns()));
            pairs.for_each(|(row, shares)| add(row, shares, &mut sums));
            sums
        })
        .collect();
    sum_in_order(parts, length)
}

/// A component ready to be asked for densities.
struct Density {
    /// The inverse of the Cholesky factor of the covariance, or of the deviations.
    whitening: Matrix,
    /// What does not depend on the row.
    constant: f64,
}

impl Mixture {
    /// Returns the most probable component of each row, of equals the first.
    ///
    /// # Errors
    /// [`Error::Length`] when the rows have other columns, and [`Error::NotFinite`].
    pub fn predict(&self, points: &Matrix) -> Result<Vec<u32>> {
        let shares = self.shares(points)?;
        let most = |row: usize| {
            let mut best = 0;
            for (component, share) in shares.row(row).iter().enumerate() {
                if *share > shares.row(row)[best] {
                    best = component;
                }
            }
            best as u32
        };
        Ok((0..points.rows()).map(most).collect())
    }

    /// Returns the probability of each component for each row, shape `(rows, k)`.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn shares(&self, points: &Matrix) -> Result<Matrix> {
        if points.columns() != self.means.columns() {
            let (expected, got) = (self.means.columns(), points.columns());
            return Err(Error::Length { what: "columns to predict from", expected, got });
        }
        points.check_finite("value to predict from")?;
        let mut shares = Matrix::zeros(points.rows(), self.weights.len());
        self.expect(points, &mut shares)?;
        Ok(shares)
    }

    /// Returns the clustering of the rows it was fitted to: the labels are those of the mixture,
    /// the centres its means, and the inertia is that of squared distances to them.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn clustering(&self, points: &Matrix) -> Result<Clustering> {
        let labels = self.predict(points)?;
        let terms = super::clustering::own_terms(Metric::Euclidean, points, &self.means, &labels);
        let mut sizes = vec![0; self.weights.len()];
        labels.iter().for_each(|label| sizes[*label as usize] += 1);
        Ok(Clustering {
            metric: Metric::Euclidean,
            centers: self.means.clone(),
            labels,
            inertia: terms.iter().sum(),
            iterations: self.iterations,
            sizes,
        })
    }

    /// Writes the probabilities of components, and returns the mean log-likelihood of a row.
    fn expect(&self, rows: &Matrix, shares: &mut Matrix) -> Result<f64> {
        if rows.rows() == 0 {
            return Ok(0.0);
        }
        let densities: Vec<Density> = (0..self.weights.len())
            .map(|component| self.density(component))
            .collect::<Result<_>>()?;
        let (k, columns) = (shares.columns(), rows.columns());
        let blocks = rows.values().par_chunks(BLOCK_ROWS * columns);
        let sums: Vec<f64> = blocks
            .zip(shares.values_mut().par_chunks_mut(BLOCK_ROWS * k))
            .map(|(rows, shares)| {
                let mut apart = vec![0.0; columns];
                let pairs = rows.chunks_exact(columns).zip(shares.chunks_exact_mut(k));
                pairs
                    .map(|(row, shares)| {
                        for (component, share) in shares.iter_mut().enumerate() {
                            let mean = self.means.row(component);
                            let pairs = apart.iter_mut().zip(row).zip(mean);
                            pairs.for_each(|((apart, value), mean)| *apart = value - mean);
                            *share = densities[component].log(&apart);
                        }
                        soften(shares)
                    })
                    .sum()
            })
            .collect();
        Ok(sums.iter().sum::<f64>() / rows.rows() as f64)
    }

    fn density(&self, component: usize) -> Result<Density> {
        let covariance = &self.covariances[component];
        let columns = covariance.columns();
        let collapsed = || {
            Error::NoSolution(format!(
                "component {component} has collapsed: fewer components or a larger least variance \
                 may help"
            ))
        };
        let (whitening, log_root) = match self.covariance {
            Covariance::Full => {
                let lower = cholesky(covariance).ok_or_else(collapsed)?;
                let log_root = (0..columns).map(|place| lower.row(place)[place].ln()).sum::<f64>();
                (inverse_of_lower(&lower), log_root)
            }
            Covariance::Diagonal => {
                let mut roots = covariance.clone();
                roots.values_mut().iter_mut().for_each(|value| *value = 1.0 / value.sqrt());
                roots.check_finite("deviation").map_err(|_| collapsed())?;
                let log_root = -roots.values().iter().map(|value| value.ln()).sum::<f64>();
                (roots, log_root)
            }
        };
        let constant = self.weights[component].ln() - 0.5 * columns as f64 * LOG_TWO_PI - log_root;
        Ok(Density { whitening, constant })
    }
}

impl Density {
    /// Returns the logarithm of weight times density, given the difference to the mean.
    fn log(&self, apart: &[f64]) -> f64 {
        let mut square = 0.0;
        if self.whitening.rows() == 1 && apart.len() > 1 {
            for (apart, over) in apart.iter().zip(self.whitening.values()) {
                square += (apart * over).powi(2);
            }
        } else {
            for place in 0..apart.len() {
                let row = &self.whitening.row(place)[..=place];
                square += crate::linear_algebra::vector::dot(row, &apart[..=place]).powi(2);
            }
        }
        self.constant - 0.5 * square
    }
}

/// Turns logarithms into shares of 1, and returns the logarithm of their sum.
fn soften(logs: &mut [f64]) -> f64 {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for log in &mut *logs {
        *log = (*log - largest).exp();
        sum += *log;
    }
    logs.iter_mut().for_each(|share| *share /= sum);
    largest + sum.ln()
}

/// Returns the lower factor of a positive definite matrix; none when it is not.
fn cholesky(matrix: &Matrix) -> Option<Matrix> {
    let columns = matrix.columns();
    let mut lower = Matrix::zeros(columns, columns);
    for row in 0..columns {
        for column in 0..=row {
            let known: f64 = (0..column).map(|at| lower.row(row)[at] * lower.row(column)[at]).sum();
            let rest = matrix.row(row)[column] - known;
            lower.row_mut(row)[column] = if row != column {
                rest / lower.row(column)[column]
            } else if rest > 0.0 && rest.is_finite() {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(lower)
}

fn inverse_of_lower(lower: &Matrix) -> Matrix {
    let columns = lower.columns();
    let mut inverse = Matrix::zeros(columns, columns);
    for column in 0..columns {
        for row in column..columns {
            let unit = if row == column { 1.0 } else { 0.0 };
            let known: f64 =
                (column..row).map(|at| lower.row(row)[at] * inverse.row(at)[column]).sum();
            inverse.row_mut(row)[column] = (unit - known) / lower.row(row)[row];
        }
    }
    inverse
}
