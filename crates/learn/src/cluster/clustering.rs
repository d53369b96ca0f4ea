//! A fitted clustering: centres, the label of each row, and how well the centres fit.

use rayon::prelude::*;

use super::centers;
use super::distance::Metric;
use super::kernel::{FindNearest, Level, MeasureOwn, Nearest, Packed};
use super::points::{self, Rows};
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// Groups of rows, each with a centre.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    /// The distance that was used.
    pub metric: Metric,
    /// One centre a row, shape `(k, columns)`; for `cosine` of unit length.
    pub centers: Matrix,
    /// The cluster of each row, 0 to k − 1.
    pub labels: Vec<u32>,
    /// The sum over all rows of the distance to their centre: squared for `euclidean`, as it is for
    /// the other metrics.
    pub inertia: f64,
    /// How many iterations the best start took, or how many merges.
    pub iterations: usize,
    /// How many rows each cluster has; 0 is possible only when there are fewer distinct rows than
    /// k.
    pub sizes: Vec<usize>,
}

impl Clustering {
    /// Returns the number of clusters.
    #[must_use]
    pub fn k(&self) -> usize {
        self.centers.rows()
    }

    /// Returns the clustering of given labels: the centres that belong to the metric, inertia and
    /// sizes. There are as many clusters as the largest label says; one without rows has a centre
    /// of zeros.
    ///
    /// The rows (0), (2), (9) with labels 0, 0, 1 have centres (1) and (9) and inertia 2.
    ///
    /// # Errors
    /// [`Error::Length`] when there is not one label a row, [`Error::Parameter`] when a label is
    /// not below the number of rows, [`Error::NotFinite`], and [`Error::TooLittle`] without rows or
    /// columns.
    pub fn from_labels(metric: Metric, points: &Matrix, labels: Vec<u32>) -> Result<Self> {
        let rows = Rows::new(metric, points)?;
        points::check_labels(points, &labels)?;
        let k = labels.iter().max().map_or(0, |label| *label as usize + 1);
        let unknown = Matrix::zeros(k, points.columns());
        let centers = centers::of_labels(metric, &rows, &labels, &vec![true; k], &unknown);
        let terms = own_terms(metric, &rows, &centers, &labels);
        let inertia = terms.iter().sum();
        let sizes = sizes(&labels, k);
        Self { metric, centers, labels, inertia, iterations: 0, sizes }.check_finite()
    }

    /// Returns the nearest centre of each row: the first of several equally near.
    ///
    /// # Errors
    /// [`Error::Length`] when the rows have other columns than the centres, and
    /// [`Error::NotFinite`].
    pub fn predict(&self, points: &Matrix) -> Result<Vec<u32>> {
        if points.columns() != self.centers.columns() {
            return Err(Error::Length {
                what: "columns to predict from",
                expected: self.centers.columns(),
                got: points.columns(),
            });
        }
        if points.rows() == 0 {
            return Ok(Vec::new());
        }
        let rows = Rows::new(self.metric, points)?;
        Ok(nearest(self.metric, &rows, &self.centers).0)
    }

    /// Returns the clustering of given centres: each row goes to the nearest.
    pub(super) fn from_centers(
        metric: Metric,
        rows: &Matrix,
        centers: Matrix,
        iterations: usize,
    ) -> Result<Self> {
        let (labels, inertia) = nearest(metric, rows, &centers);
        let sizes = sizes(&labels, centers.rows());
        Self { metric, centers, labels, inertia, iterations, sizes }.check_finite()
    }

    fn check_finite(self) -> Result<Self> {
        if self.inertia.is_finite() {
            return Ok(self);
        }
        Err(Error::NoSolution(format!(
            "the values are too large: the sum of all {} distances is not finite",
            self.metric.name()
        )))
    }
}

/// Returns what a row adds to the inertia, given its sum of terms.
fn of_inertia(metric: Metric, term: f64) -> f64 {
    match metric {
        Metric::Euclidean | Metric::Manhattan | Metric::Chebyshev => term,
        Metric::Cosine => term.max(0.0),
    }
}

/// Returns the nearest centre of each row, and the inertia.
pub(super) fn nearest(metric: Metric, rows: &Matrix, centers: &Matrix) -> (Vec<u32>, f64) {
    let packed = Packed::all(Level::detect(), centers);
    let mut labels = vec![0; rows.rows()];
    let size = points::BLOCK_ROWS;
    let blocks = labels.par_chunks_mut(size).enumerate();
    let inertias: Vec<f64> = blocks
        .map(|(block, labels)| {
            let first = block * size;
            nearest_of_block(metric, rows, first, &packed, labels)
        })
        .collect();
    (labels, inertias.iter().sum())
}

/// Writes the nearest centre of each row of a block, and returns what they add to the inertia.
fn nearest_of_block(
    metric: Metric,
    points: &Matrix,
    first: usize,
    packed: &Packed,
    labels: &mut [u32],
) -> f64 {
    let rows = points::all_rows(labels.len());
    let mut found = vec![Nearest::NONE; labels.len()];
    let job = FindNearest { metric, points, rows: &rows, first, packed, found: &mut found };
    packed.level.measure(job);
    let mut inertia = 0.0;
    for (label, found) in labels.iter_mut().zip(&found) {
        *label = found.label;
        inertia += of_inertia(metric, found.term);
    }
    inertia
}

/// Returns what each row adds to the inertia, from the centre of its label.
pub(super) fn own_terms(
    metric: Metric,
    rows: &Matrix,
    centers: &Matrix,
    labels: &[u32],
) -> Vec<f64> {
    let (level, size) = (Level::detect(), points::BLOCK_ROWS);
    let mut terms = vec![0.0; rows.rows()];
    terms.par_chunks_mut(size).zip(labels.par_chunks(size)).enumerate().for_each(
        |(block, (terms, labels))| {
            let all = points::all_rows(labels.len());
            let first = block * size;
            level.measure(MeasureOwn {
                metric,
                points: rows,
                rows: &all,
                first,
                centers,
                labels,
                terms: &mut *terms,
            });
            for term in terms {
                *term = of_inertia(metric, *term);
            }
        },
    );
    terms
}

fn sizes(labels: &[u32], k: usize) -> Vec<usize> {
    let mut sizes = vec![0; k];
    for label in labels {
        sizes[*label as usize] += 1;
    }
    sizes
}
