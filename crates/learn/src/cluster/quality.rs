//! How good a clustering is, without knowing the truth.
//!
//! Calinski–Harabasz and Davies–Bouldin are defined by means and Euclidean distances whatever the
//! metric of the clustering, as in scikit-learn; the silhouette follows the metric.

use super::centers;
use super::clustering::{self, Clustering};
use super::distance::Metric;
use super::points::{self, Dense, Rows};
use super::silhouette::silhouette;
use crate::error::Result;
use crate::matrix::Matrix;

/// Distances up to this count as none in the Davies–Bouldin index, as in scikit-learn.
const NO_DISTANCE: f64 = 1e-8;

/// Figures of merit; nothing where they are not defined: with fewer than two clusters that have
/// rows, or as many as rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// The mean silhouette, −1 to 1: higher is better.
    pub silhouette: Option<f64>,
    /// The mean silhouette of each label, by label from 0; empty when it is not defined.
    pub silhouette_of_clusters: Vec<Option<f64>>,
    /// How many rows the silhouette was taken on; 0 when it is not defined.
    pub silhouette_rows: usize,
    /// The Calinski–Harabasz index, from 0: higher is better.
    pub calinski_harabasz: Option<f64>,
    /// The Davies–Bouldin index, from 0: lower is better.
    pub davies_bouldin: Option<f64>,
}

impl Quality {
    /// Returns the quality of labels, the silhouette exact up to `silhouette_rows_max` rows
    /// (usually [`SILHOUETTE_ROWS`](super::SILHOUETTE_ROWS)) and sampled by `seed` above.
    ///
    /// # Errors
    /// As [`silhouette`].
    pub fn measure(
        points: &Matrix,
        labels: &[u32],
        metric: Metric,
        silhouette_rows_max: usize,
        seed: u64,
    ) -> Result<Self> {
        let silhouette = silhouette(points, labels, metric, silhouette_rows_max, seed)?;
        Ok(Self {
            silhouette: silhouette.as_ref().map(|silhouette| silhouette.mean),
            silhouette_rows: silhouette.as_ref().map_or(0, |silhouette| silhouette.rows),
            silhouette_of_clusters: silhouette.map_or(Vec::new(), |found| found.of_clusters),
            calinski_harabasz: calinski_harabasz(points, labels)?,
            davies_bouldin: davies_bouldin(points, labels)?,
        })
    }

    /// Returns the quality of a clustering of these rows, as [`Self::measure`].
    ///
    /// # Errors
    /// As [`Self::measure`].
    pub fn of(
        clustering: &Clustering,
        points: &Matrix,
        silhouette_rows_max: usize,
        seed: u64,
    ) -> Result<Self> {
        let Clustering { labels, metric, .. } = clustering;
        Self::measure(points, labels, *metric, silhouette_rows_max, seed)
    }
}

/// Returns the Calinski–Harabasz index: B / (k − 1) over W / (n − k), with W the squared distances
/// of the rows to the mean of their cluster and B those of these means to the mean of all, each as
/// often as it has rows; 1 when W is 0. T. Caliński and J. Harabasz, *A dendrite method for cluster
/// analysis*, 1974.
///
/// The rows (0), (2), (9) with labels 0, 0, 1 have W = 2 and B = 128⁄3: index 64⁄3.
///
/// # Errors
/// As [`Quality::measure`].
pub fn calinski_harabasz(points: &Matrix, labels: &[u32]) -> Result<Option<f64>> {
    let Some(groups) = Groups::new(points, labels)? else { return Ok(None) };
    let overall = centers::of_labels(
        Metric::Euclidean,
        points,
        &vec![0; points.rows()],
        &[true],
        &Matrix::zeros(1, points.columns()),
    );
    let within: f64 = groups.squares.iter().sum();
    let between: f64 = (0..groups.k())
        .map(|group| groups.sizes[group] * square(groups.means.row(group), overall.row(0)))
        .sum();
    let (rows, k) = (points.rows() as f64, groups.k() as f64);
    let index = if within == 0.0 { 1.0 } else { between * (rows - k) / (within * (k - 1.0)) };
    Ok(Some(index))
}

/// Returns the Davies–Bouldin index: the mean over clusters of the largest (sᵢ + sⱼ) / dᵢⱼ, with s
/// the mean distance of a cluster's rows to their mean and d the distance of two such means; 0 when
/// all s or all d are 0. D. Davies and D. Bouldin, *A cluster separation measure*, 1979.
///
/// The rows (0), (2), (9) with labels 0, 0, 1 have s = 1, 0 and d = 8: index 1⁄8.
///
/// # Errors
/// As [`Quality::measure`].
pub fn davies_bouldin(points: &Matrix, labels: &[u32]) -> Result<Option<f64>> {
    let Some(groups) = Groups::new(points, labels)? else { return Ok(None) };
    let k = groups.k();
    let mut spreads = vec![0.0; k];
    for (label, square) in groups.labels.iter().zip(&groups.squares) {
        spreads[*label as usize] += square.sqrt() / groups.sizes[*label as usize];
    }
    let (mut sum, mut apart) = (0.0, false);
    for left in 0..k {
        let mut largest = 0.0_f64;
        for right in (0..k).filter(|right| *right != left) {
            let distance = square(groups.means.row(left), groups.means.row(right)).sqrt();
            apart |= distance > NO_DISTANCE;
            if distance > 0.0 {
                largest = largest.max((spreads[left] + spreads[right]) / distance);
            }
        }
        sum += largest;
    }
    let spread = spreads.iter().any(|spread| *spread > NO_DISTANCE);
    Ok(Some(if spread && apart { sum / k as f64 } else { 0.0 }))
}

fn square(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| (left - right).powi(2)).sum()
}

/// What both indices are made of.
struct Groups {
    labels: Vec<u32>,
    sizes: Vec<f64>,
    means: Matrix,
    /// The squared distance of each row to the mean of its cluster.
    squares: Vec<f64>,
}

impl Groups {
    /// Returns nothing when the indices are not defined.
    fn new(points: &Matrix, labels: &[u32]) -> Result<Option<Self>> {
        points::check_labels(points, labels)?;
        let rows = Rows::new(Metric::Euclidean, points)?;
        let Dense { labels, k, .. } = Dense::new(labels);
        if k < 2 || k >= points.rows() {
            return Ok(None);
        }
        let mut sizes = vec![0.0; k];
        for label in &labels {
            sizes[*label as usize] += 1.0;
        }
        let unknown = Matrix::zeros(k, points.columns());
        let means = centers::of_labels(Metric::Euclidean, &rows, &labels, &vec![true; k], &unknown);
        let squares = clustering::own_terms(Metric::Euclidean, &rows, &means, &labels);
        Ok(Some(Self { labels, sizes, means, squares }))
    }

    fn k(&self) -> usize {
        self.sizes.len()
    }
}
