//! DBSCAN: clusters are where rows lie close, of any shape; what lies alone is noise.
//!
//! A row is core when at least `neighbours` rows, itself counted, are within `reach` of it. Core
//! rows within reach of each other share a cluster; another row joins the cluster of a core row
//! within reach, the first of several; the rest is noise. M. Ester, H.-P. Kriegel, J. Sander and
//! X. Xu, *A Density-Based Algorithm for Discovering Clusters*, KDD 1996; the result is that of
//! scikit-learn, row by row.
//!
//! Rows are sorted by the column that spreads most, and measured against those within reach along
//! it: with few columns that is a small part of all pairs, with many it may be all of them.

use rayon::prelude::*;

use super::density::{DensityClustering, Sets};
use super::distance::Metric;
use super::kernel::{Level, MeasureFrom};
use super::points::Rows;
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// The most rows that are taken: minutes, where all pairs must be measured.
pub const DBSCAN_ROWS: usize = 200_000;

/// Rows whose neighbours are kept at a time: with as many neighbours as there are rows, 200 MB.
const ROWS_AT_ONCE: usize = 256;

/// The parameters of DBSCAN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dbscan {
    /// How far a neighbour may be, above 0. Default 0.5.
    pub reach: f64,
    /// How many rows within reach, itself counted, make a row core; at least 1. Default 5.
    pub neighbours: usize,
    /// The distance. Default Euclidean.
    pub metric: Metric,
}

impl Default for Dbscan {
    fn default() -> Self {
        Self { reach: 0.5, neighbours: 5, metric: Metric::Euclidean }
    }
}

impl Dbscan {
    /// Returns the clusters, numbered in order of their first core rows, and the noise.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a parameter outside its range, [`Error::TooLarge`] above
    /// [`DBSCAN_ROWS`] rows, [`Error::TooLittle`] without rows or columns, and
    /// [`Error::NotFinite`].
    pub fn fit(&self, points: &Matrix) -> Result<DensityClustering> {
        if !(self.reach > 0.0 && self.reach.is_finite()) {
            return Err(Error::parameter("reach", "a number > 0", self.reach));
        }
        if self.neighbours == 0 {
            return Err(Error::parameter("neighbours", "≥ 1", self.neighbours));
        }
        if points.rows() > DBSCAN_ROWS {
            let (limit, got) = (DBSCAN_ROWS, points.rows());
            return Err(Error::TooLarge { what: "the number of rows of DBSCAN", limit, got });
        }
        let sorted = {
            let rows = Rows::new(self.metric, points)?;
            Sorted::new(self, &rows)
        };
        let counts: Vec<u32> = (0..points.rows())
            .into_par_iter()
            .map_init(Vec::new, |terms, place| sorted.near(place, terms).count() as u32)
            .collect();
        let core: Vec<bool> =
            counts.iter().map(|count| *count as usize >= self.neighbours).collect();
        Ok(self.joined(&sorted, &core))
    }

    /// Joins core rows into clusters, and the others to them.
    fn joined(&self, sorted: &Sorted, core: &[bool]) -> DensityClustering {
        let rows = core.len();
        // By the numbers of rows, so that the first member of a set is its first core row.
        let mut sets = Sets::new(rows);
        let mut borders: Vec<(u32, Vec<u32>)> = Vec::new();
        for first in (0..rows).step_by(ROWS_AT_ONCE) {
            let block = first..rows.min(first + ROWS_AT_ONCE);
            let of_block: Vec<Vec<u32>> = block
                .clone()
                .into_par_iter()
                .map_init(Vec::new, |terms, place| {
                    let near = sorted.near(place, terms).filter(|other| core[*other]);
                    // Of two core rows the later one does.
                    let near = near.filter(|other| !core[place] || *other < place);
                    near.map(|other| sorted.order[other]).collect()
                })
                .collect();
            for (place, near) in block.zip(of_block) {
                let row = sorted.order[place];
                if core[place] {
                    near.into_iter().for_each(|other| sets.join(row, other));
                } else if !near.is_empty() {
                    borders.push((row, near));
                }
            }
        }
        let mut clusters = vec![None; rows];
        for (place, row) in sorted.order.iter().enumerate() {
            if core[place] {
                clusters[*row as usize] = Some(sets.first(*row) as usize);
            }
        }
        let found = clusters.clone();
        for (row, near) in borders {
            // Clusters are as their first core rows: the smallest comes first.
            clusters[row as usize] = near.iter().filter_map(|other| found[*other as usize]).min();
        }
        let mut firsts: Vec<usize> = found.into_iter().flatten().collect();
        firsts.sort_unstable();
        firsts.dedup();
        let number = |first: usize| firsts.partition_point(|other| *other < first) as u32;
        let labels = clusters.into_iter().map(|cluster| cluster.map(number)).collect();
        DensityClustering { labels, k: firsts.len() }
    }
}

/// Rows in order of the column that spreads most.
struct Sorted {
    metric: Metric,
    level: Level,
    reach: f64,
    /// How far apart two rows within reach may be in any column.
    apart: f64,
    points: Matrix,
    /// The rows in this order.
    order: Vec<u32>,
    /// Their values in that column.
    keys: Vec<f64>,
}

impl Sorted {
    fn new(parameters: &Dbscan, points: &Matrix) -> Self {
        let column = widest(points);
        let mut order: Vec<u32> = (0..points.rows() as u32).collect();
        let key = |row: &u32| points.row(*row as usize)[column];
        order.sort_by(|left, right| key(left).total_cmp(&key(right)));
        let values = order.iter().flat_map(|row| points.row(*row as usize)).copied().collect();
        let apart = match parameters.metric {
            Metric::Euclidean | Metric::Manhattan | Metric::Chebyshev => parameters.reach,
            // Unit rows at cosine distance d are √(2d) apart in a straight line.
            Metric::Cosine => (2.0 * parameters.reach).sqrt(),
        };
        Self {
            metric: parameters.metric,
            level: Level::detect(),
            reach: parameters.reach,
            // Wider than rounding.
            apart: apart * (1.0 + 1e-9) + 1e-12,
            keys: order.iter().map(key).collect(),
            points: Matrix::from_values(points.rows(), points.columns(), values)
                .expect("the same rows in another order"),
            order,
        }
    }

    /// Returns the places of the rows within reach of the one at a place, that one among them.
    fn near<'a>(&self, place: usize, terms: &'a mut Vec<f64>) -> impl Iterator<Item = usize> + 'a {
        let key = self.keys[place];
        let first = self.keys.partition_point(|other| *other < key - self.apart);
        let end = self.keys.partition_point(|other| *other <= key + self.apart);
        let (metric, points, reach) = (self.metric, &self.points, self.reach);
        terms.resize(end - first, 0.0);
        self.level.measure(MeasureFrom { metric, points, row: place, first, terms: &mut *terms });
        // A row without direction is in reach of itself all the same.
        let within = move |(at, term): (usize, &f64)| {
            (metric.of_term(*term) <= reach || first + at == place).then_some(first + at)
        };
        terms.iter().enumerate().filter_map(within)
    }
}

/// Returns the column between whose smallest and largest value is most.
fn widest(points: &Matrix) -> usize {
    let mut low = points.row(0).to_vec();
    let mut high = low.clone();
    for row in 1..points.rows() {
        for ((low, high), value) in low.iter_mut().zip(&mut high).zip(points.row(row)) {
            *low = low.min(*value);
            *high = high.max(*value);
        }
    }
    let mut widest = 0;
    for column in 1..low.len() {
        if high[column] - low[column] > high[widest] - low[widest] {
            widest = column;
        }
    }
    widest
}
