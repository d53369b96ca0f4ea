//! The silhouette: is each row nearer to its own cluster than to the next one?
//!
//! For a row, a is the mean distance to the other rows of its cluster and b the smallest mean
//! distance to the rows of another cluster; s = (b − a) / max(a, b), from −1 (in the wrong cluster)
//! over 0 (on the border) to 1. A row that is alone in its cluster has s = 0, and so has one with
//! a = b = 0. Peter Rousseeuw, *Silhouettes*, 1987; as in scikit-learn.
//!
//! All pairs are measured: time grows with the square of the rows. [`silhouette`] therefore takes a
//! random sample of large tables, and says how many rows it used.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::distance::Metric;
use super::kernel::{Level, Packed, SumDistances};
use super::points::{self, Rows};
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// Up to how many rows the silhouette is exact by default: a second's work.
pub const SILHOUETTE_ROWS: usize = 20_000;

/// Rows that one thread measures at a time: with the chunk of points they are measured against,
/// they fit the second-level cache.
const ROWS_AT_ONCE: usize = 512;

/// The silhouette of a clustering.
#[derive(Debug, Clone, PartialEq)]
pub struct Silhouette {
    /// The mean over all rows that were used, −1 to 1.
    pub mean: f64,
    /// The mean over the rows of each label, by label from 0; nothing for a label without rows.
    pub of_clusters: Vec<Option<f64>>,
    /// How many rows were used: all, or the size of the sample.
    pub rows: usize,
}

/// Returns the silhouette, exact for up to `rows_max` rows and above that within a random sample of
/// `rows_max` rows; nothing when there are fewer than two clusters, or as many as rows.
///
/// The rows (0), (1), (4) with labels 0, 0, 1 have silhouettes 0.75, 2⁄3 and 0: mean 17⁄36.
///
/// # Errors
/// [`Error::Length`] when there is not one label a row, [`Error::Parameter`] when a label is not
/// below the number of rows or `rows_max` is 0, [`Error::TooLittle`] without rows or columns, and
/// [`Error::NotFinite`].
pub fn silhouette(
    points: &Matrix,
    labels: &[u32],
    metric: Metric,
    rows_max: usize,
    seed: u64,
) -> Result<Option<Silhouette>> {
    points::check_labels(points, labels)?;
    if rows_max == 0 {
        return Err(Error::parameter("silhouette-rows", "≥ 1", rows_max));
    }
    let k = labels.iter().max().map_or(0, |label| *label as usize + 1);
    if points.rows() <= rows_max {
        return Ok(values(points, labels, metric)?.map(|of| summary(&of, labels, k)));
    }
    let chosen = sample(points.rows(), rows_max, seed);
    let mut rows = Vec::with_capacity(rows_max * points.columns());
    for row in &chosen {
        rows.extend_from_slice(points.row(*row));
    }
    let rows = Matrix::from_values(rows_max, points.columns(), rows)?;
    let labels: Vec<u32> = chosen.iter().map(|row| labels[*row]).collect();
    Ok(values(&rows, &labels, metric)?.map(|of| summary(&of, &labels, k)))
}

/// Returns the silhouette of each row, from all rows; nothing when there are fewer than two
/// clusters, or as many as rows.
///
/// # Errors
/// As [`silhouette`].
pub fn silhouette_values(
    points: &Matrix,
    labels: &[u32],
    metric: Metric,
) -> Result<Option<Vec<f64>>> {
    points::check_labels(points, labels)?;
    values(points, labels, metric)
}

fn values(points: &Matrix, labels: &[u32], metric: Metric) -> Result<Option<Vec<f64>>> {
    let rows = Rows::new(metric, points)?;
    let clusters = points::Dense::new(labels);
    if clusters.k < 2 || clusters.k >= points.rows() {
        return Ok(None);
    }
    let level = Level::detect();
    let members = members(&clusters);
    let packed: Vec<Packed> =
        members.par_iter().map(|members| Packed::rows(level, &rows, members)).collect();
    let mut values = vec![0.0; rows.rows()];
    values.par_chunks_mut(ROWS_AT_ONCE).enumerate().for_each(|(block, values)| {
        let first = block * ROWS_AT_ONCE;
        let labels = &clusters.labels[first..first + values.len()];
        write_values(metric, &rows, first, &packed, labels, values);
    });
    Ok(Some(values))
}

/// Returns the rows of each cluster.
fn members(clusters: &points::Dense) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); clusters.k];
    for (row, label) in clusters.labels.iter().enumerate() {
        members[*label as usize].push(row);
    }
    members
}

/// Writes the silhouettes of a block of rows.
fn write_values(
    metric: Metric,
    points: &Matrix,
    first: usize,
    packed: &[Packed],
    labels: &[u32],
    values: &mut [f64],
) {
    let mut own = vec![0.0; labels.len()];
    let mut other = vec![f64::INFINITY; labels.len()];
    for (cluster, packed) in packed.iter().enumerate() {
        let mut sums = vec![0.0; labels.len()];
        packed.level.measure(SumDistances { metric, points, first, packed, sums: &mut sums });
        for (row, sum) in sums.into_iter().enumerate() {
            if labels[row] as usize == cluster {
                // The row itself is among them, and does not count.
                let others = sum - to_itself(metric, points.row(first + row));
                own[row] = others / (packed.count as f64 - 1.0);
            } else {
                other[row] = other[row].min(sum / packed.count as f64);
            }
        }
    }
    for (row, value) in values.iter_mut().enumerate() {
        let (own, other) = (own[row], other[row]);
        let alone = packed[labels[row] as usize].count == 1;
        let larger = own.max(other);
        *value = if alone || larger == 0.0 { 0.0 } else { (other - own) / larger };
    }
}

/// Returns the distance of a row to itself: 1 where there is no direction.
fn to_itself(metric: Metric, row: &[f64]) -> f64 {
    let without_direction = metric == Metric::Cosine && row.iter().all(|value| *value == 0.0);
    if without_direction { 1.0 } else { 0.0 }
}

fn summary(values: &[f64], labels: &[u32], k: usize) -> Silhouette {
    let mut sums = vec![(0.0, 0_usize); k];
    for (value, label) in values.iter().zip(labels) {
        let (sum, count) = &mut sums[*label as usize];
        *sum += value;
        *count += 1;
    }
    let of_clusters =
        sums.iter().map(|(sum, count)| (*count > 0).then(|| sum / *count as f64)).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    Silhouette { mean, of_clusters, rows: values.len() }
}

/// Returns `count` different rows, in order.
fn sample(rows: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut chosen = rand::seq::index::sample(&mut rng, rows, count).into_vec();
    chosen.sort_unstable();
    chosen
}
