//! The silhouette: is each row nearer to its own cluster than to the next one?
//!
//! For a row, a is the mean distance to the other rows of its cluster and b the smallest mean
//! distance to the rows of another cluster; s = (b − a) / max(a, b), from −1 (in the wrong cluster)
//! over 0 (on the border) to 1. A row that is alone in its cluster has s = 0, and so has one with
//! a = b = 0. Peter Rousseeuw, *Silhouettes*, 1987; as in scikit-learn.
//!
//! All pairs are measured, each once: time grows with the square of the rows. [`silhouette`]
//! therefore takes a random sample of large tables, and says how many rows it used.

use std::ops::Range;

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

/// Rows of a cluster that one thread measures at a time: with the chunk of points they are measured
/// against, they fit the second-level cache.
const ROWS_AT_ONCE: usize = 512;

/// Sums of distances that are kept at a time, one for each row and cluster: half a gigabyte.
const SUMS_MAX: usize = 1 << 26;

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
    Ok(Some(Blocks::new(metric, &rows, &clusters)?.values(SUMS_MAX)))
}

/// The rows, ordered by cluster, in blocks of one cluster each.
struct Blocks<'a> {
    metric: Metric,
    clusters: &'a points::Dense,
    /// Where each row of `rows` came from.
    places: Vec<usize>,
    rows: Matrix,
    blocks: Vec<Block>,
}

/// Some rows of one cluster.
struct Block {
    cluster: usize,
    /// The first row, and how many there are.
    first: usize,
    count: usize,
    packed: Packed,
}

/// The sums of the distances of the rows of a block.
struct Sums {
    /// To the rows of each cluster, shape `(rows, clusters)`.
    own: Vec<f64>,
    /// Those of the rows of the later blocks of the band, in order, to the rows of this one.
    others: Vec<f64>,
}

impl<'a> Blocks<'a> {
    fn new(metric: Metric, rows: &Matrix, clusters: &'a points::Dense) -> Result<Self> {
        let level = Level::detect();
        let mut places: Vec<usize> = (0..rows.rows()).collect();
        // In the order in which clusters come first: names change no bit.
        let mut firsts = vec![usize::MAX; clusters.k];
        for (place, label) in clusters.labels.iter().enumerate() {
            let first = &mut firsts[*label as usize];
            *first = place.min(*first);
        }
        places.sort_by_key(|place| firsts[clusters.labels[*place] as usize]);
        let values: Vec<f64> = places.iter().flat_map(|place| rows.row(*place)).copied().collect();
        let rows = Matrix::from_values(rows.rows(), rows.columns(), values)?;
        let mut blocks = Vec::new();
        let of_cluster =
            |left: &usize, right: &usize| clusters.labels[*left] == clusters.labels[*right];
        let mut first = 0;
        for members in places.chunk_by(of_cluster) {
            for block in members.chunks(ROWS_AT_ONCE) {
                let (cluster, count) = (clusters.labels[block[0]] as usize, block.len());
                let own: Vec<usize> = (first..first + count).collect();
                blocks.push(Block {
                    cluster,
                    first,
                    count,
                    packed: Packed::rows(level, &rows, &own),
                });
                first += count;
            }
        }
        Ok(Self { metric, clusters, places, rows, blocks })
    }

    /// Returns the silhouette of each row, in the order in which they were given; at most
    /// `sums_max` sums of distances are kept at a time.
    fn values(&self, sums_max: usize) -> Vec<f64> {
        let mut values = vec![0.0; self.places.len()];
        let mut from = 0;
        while from < self.blocks.len() {
            // A pair of blocks of one band is measured once; of two bands, once in each.
            let first = self.blocks[from].first;
            let fits = |block: &Block| {
                (block.first + block.count - first).saturating_mul(self.clusters.k) <= sums_max
            };
            let more = self.blocks[from + 1..].iter().take_while(|block| fits(block)).count();
            let band = from..from + 1 + more;
            let sums = self.sums(&band);
            self.write_values(&self.blocks[band.clone()], &sums, &mut values);
            from = band.end;
        }
        values
    }

    /// Returns the sums of the distances of each row of a band to the rows of each cluster.
    fn sums(&self, band: &Range<usize>) -> Vec<f64> {
        let k = self.clusters.k;
        let measured: Vec<Sums> =
            band.clone().into_par_iter().map(|block| self.measure(block, band)).collect();
        let first = self.blocks[band.start].first;
        let mut sums = Vec::new();
        for block in &measured {
            sums.extend_from_slice(&block.own);
        }
        for (number, of_block) in band.clone().zip(&measured) {
            let block = &self.blocks[number];
            let behind = block.first + block.count - first;
            for (row, sum) in (behind..).zip(&of_block.others) {
                sums[row * k + block.cluster] += sum;
            }
        }
        sums
    }

    /// Measures a block against itself, the later blocks of its band, and all other bands.
    fn measure(&self, number: usize, band: &Range<usize>) -> Sums {
        let (block, k) = (&self.blocks[number], self.clusters.k);
        let mut sums = Sums { own: vec![0.0; block.count * k], others: Vec::new() };
        let (mut own, mut backs) = (Vec::new(), Vec::new());
        for (place, other) in self.blocks.iter().enumerate() {
            if (band.start..number).contains(&place) {
                continue;
            }
            let packed = &other.packed;
            for (buffer, length) in [(&mut own, block.count), (&mut backs, packed.slots())] {
                buffer.clear();
                buffer.resize(length, 0.0);
            }
            packed.level.measure(SumDistances {
                metric: self.metric,
                points: &self.rows,
                first: block.first,
                packed,
                of_rows: &mut own,
                of_slots: &mut backs,
            });
            for (row, sum) in own.iter().enumerate() {
                sums.own[row * k + other.cluster] += sum;
            }
            if (number + 1..band.end).contains(&place) {
                sums.others.extend_from_slice(&backs[..other.count]);
            }
        }
        sums
    }

    fn write_values(&self, band: &[Block], sums: &[f64], values: &mut [f64]) {
        let mut rows = sums.chunks_exact(self.clusters.k);
        for block in band {
            let places = &self.places[block.first..block.first + block.count];
            for ((place, row), sums) in places.iter().zip(block.first..).zip(&mut rows) {
                let itself = to_itself(self.metric, self.rows.row(row));
                values[*place] = self.value(block.cluster, sums, itself);
            }
        }
    }

    /// Returns the silhouette of a row of a cluster by its sums of distances; `itself` is the one
    /// to the row itself, which does not count.
    fn value(&self, cluster: usize, sums: &[f64], itself: f64) -> f64 {
        let counts = &self.clusters.counts;
        if counts[cluster] == 1 {
            return 0.0;
        }
        let own = (sums[cluster] - itself) / (counts[cluster] as f64 - 1.0);
        let mut other = f64::INFINITY;
        for (at, sum) in sums.iter().enumerate().filter(|(at, _)| *at != cluster) {
            other = other.min(sum / counts[at] as f64);
        }
        let larger = own.max(other);
        if larger == 0.0 { 0.0 } else { (other - own) / larger }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_measured_in_several_bands_have_the_same_silhouettes() {
        let values = (0..1_500_u32).map(|at| f64::from(at.wrapping_mul(2_654_435_761) >> 20));
        let points = Matrix::from_values(750, 2, values.collect()).unwrap();
        let labels: Vec<u32> = (0..750).map(|row| row * row % 7).collect();
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let rows = Rows::new(metric, &points).unwrap();
            let clusters = points::Dense::new(&labels);
            let blocks = Blocks::new(metric, &rows, &clusters).unwrap();
            let whole = blocks.values(SUMS_MAX);
            for sums_max in [1, 1_200] {
                for (one, other) in whole.iter().zip(blocks.values(sums_max)) {
                    assert!((one - other).abs() < 1e-12, "{one} {other}");
                }
            }
        }
    }
}
