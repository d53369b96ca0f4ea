//! Better optima for small tables: rows that change their cluster one at a time.
//!
//! Lloyd's iterations stop when each row is nearest to its centre as the centre stands. Moving a
//! row also moves both centres, and that can pay although the row is nearest to its own: leaving a
//! cluster of n rows saves n/(n − 1) · d², joining one of m rows costs m/(m + 1) · d². J. Hartigan
//! and M. Wong, *Algorithm AS 136*, 1979. On 100 rows of ten uniform numbers, k = 4, the mean best
//! of ten starts falls by 1 %. Each sweep measures all rows against all centres, one after the
//! other, which is why large tables do without.

use super::centers;
use super::distance::Metric;
use super::kernel::{Level, pair};
use crate::matrix::Matrix;

/// The most rows for which this pays: as many as one thread has at a time.
pub(super) const ROWS_MAX: usize = super::points::BLOCK_ROWS;

/// What a move must save, of what the row costs: less is rounding, and could go on for ever.
const LEAST_GAIN: f64 = 1e-9;

/// Returns the centres after moving rows for as long as a move lowers the inertia, through at most
/// `sweeps_max` sweeps over the table. Euclidean distances only.
pub(super) fn improve(
    points: &Matrix,
    centers: Matrix,
    mut labels: Vec<u32>,
    sweeps_max: usize,
) -> Matrix {
    let mut state = State::new(centers, &labels);
    for _ in 0..sweeps_max {
        let mut moved = false;
        for (row, label) in labels.iter_mut().enumerate() {
            if let Some(to) = state.better(points.row(row), *label as usize) {
                state.relocate(points.row(row), *label as usize, to);
                *label = to as u32;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    // Anew from the labels, without the rounding of many small steps.
    let all = vec![true; state.sizes.len()];
    centers::of_labels(Metric::Euclidean, points, &labels, &all, &state.centers)
}

struct State {
    level: Level,
    centers: Matrix,
    sizes: Vec<f64>,
}

impl State {
    fn new(centers: Matrix, labels: &[u32]) -> Self {
        let mut sizes = vec![0.0; centers.rows()];
        for label in labels {
            sizes[*label as usize] += 1.0;
        }
        Self { level: Level::detect(), centers, sizes }
    }

    /// Returns the cluster that a row had better be in, if any: the first of equals.
    fn better(&self, row: &[f64], from: usize) -> Option<usize> {
        let size = self.sizes[from];
        if size <= 1.0 {
            return None;
        }
        let saved = size / (size - 1.0) * self.square(row, from);
        let mut best = (None, saved * (1.0 - LEAST_GAIN));
        for to in (0..self.sizes.len()).filter(|to| *to != from) {
            let cost = self.sizes[to] / (self.sizes[to] + 1.0) * self.square(row, to);
            if cost < best.1 {
                best = (Some(to), cost);
            }
        }
        best.0
    }

    fn square(&self, row: &[f64], center: usize) -> f64 {
        pair(self.level, Metric::Euclidean, row, self.centers.row(center))
    }

    fn relocate(&mut self, row: &[f64], from: usize, to: usize) {
        self.sizes[from] -= 1.0;
        self.sizes[to] += 1.0;
        for (cluster, sign) in [(from, -1.0), (to, 1.0)] {
            let size = self.sizes[cluster];
            for (center, value) in self.centers.row_mut(cluster).iter_mut().zip(row) {
                *center += sign * (value - *center) / size;
            }
        }
    }
}
