//! What is known of a row's distances without measuring: Hamerly's two bounds.
//!
//! Each row keeps a number its distance to its own centre does not exceed, and one that its
//! distance to every other centre does not fall below. When centres move, the triangle inequality
//! widens both; as long as they do not meet, the row stays where it is and is not even read. Greg
//! Hamerly, *Making k-means even faster*, SIAM Data Mining 2010. Chosen over Elkan's k bounds a row
//! for its memory.
//!
//! Rounding: every bound is widened by more than its arithmetic can have lost, so that a row that
//! is skipped is certain to stay, and equal distances are always measured.

use rayon::prelude::*;

use super::distance::Metric;
use super::kernel::{FindNearest, Nearest, Packed, pair};
use super::points;
use crate::matrix::Matrix;

/// Widens a sum of two bounds by more than the sum was rounded.
const WIDER: f64 = 1.0 + 4.0 * f64::EPSILON;
const NARROWER: f64 = 1.0 - 4.0 * f64::EPSILON;

/// Turns sums of terms into distances that obey the triangle inequality, rounded the safe way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruler {
    metric: Metric,
    /// The most that a sum over all columns is off, relative; for `cosine` half of that absolute.
    error: f64,
}

impl Ruler {
    pub(super) fn new(metric: Metric, columns: usize) -> Self {
        Self { metric, error: (columns + 8) as f64 * f64::EPSILON }
    }

    /// Returns a distance that the true one does not exceed.
    pub(super) fn above(self, term: f64) -> f64 {
        match self.metric {
            Metric::Euclidean => term.sqrt() * (1.0 + self.error),
            Metric::Manhattan | Metric::Chebyshev => term * (1.0 + self.error),
            Metric::Cosine => chord(term + 2.0 * self.error) * WIDER,
        }
    }

    /// Returns a distance that the true one does not fall below.
    pub(super) fn below(self, term: f64) -> f64 {
        match self.metric {
            Metric::Euclidean => term.sqrt() * (1.0 - self.error),
            Metric::Manhattan | Metric::Chebyshev => term * (1.0 - self.error),
            Metric::Cosine => chord(term - 2.0 * self.error) * NARROWER,
        }
    }
}

/// Returns the straight line between two unit rows, given their cosine distance: that one obeys the
/// triangle inequality, and orders rows as the cosine does.
fn chord(term: f64) -> f64 {
    (2.0 * term.max(0.0)).sqrt()
}

/// What one row knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    /// At least the distance to the own centre.
    pub(super) upper: f64,
    /// At most the distance to any other centre.
    pub(super) lower: f64,
}

impl Bounds {
    /// What is known before anything was measured.
    pub(super) const NONE: Self = Self { upper: f64::INFINITY, lower: 0.0 };

    pub(super) fn of(ruler: Ruler, nearest: &Nearest) -> Self {
        Self { upper: ruler.above(nearest.term), lower: ruler.below(nearest.second) }
    }
}

/// How the centres have moved since the last iteration, and how far apart they are now.
#[derive(Debug)]
pub(super) struct Movement {
    /// How far each centre has moved at most.
    moved: Vec<f64>,
    /// How far any centre but this one has moved at most.
    others_moved: Vec<f64>,
    /// At most half the way from each centre to the nearest other: rows nearer than that stay.
    half_way: Vec<f64>,
}

impl Movement {
    pub(super) fn new(ruler: Ruler, from: &Matrix, to: &Matrix, packed: &Packed) -> Self {
        let k = to.rows();
        let moved: Vec<f64> = (0..k)
            .map(|at| ruler.above(pair(packed.level, ruler.metric, from.row(at), to.row(at))))
            .collect();
        let others_moved = (0..k).map(|at| largest_other(&moved, at)).collect();
        Self { moved, others_moved, half_way: half_way(ruler, to, packed) }
    }

    /// Widens the bounds of a row whose centre is `label`, and returns whether it is certain to
    /// stay.
    pub(super) fn stays(&self, bounds: &mut Bounds, label: u32) -> bool {
        let label = label as usize;
        bounds.upper = (bounds.upper + self.moved[label]) * WIDER;
        bounds.lower = (bounds.lower - self.others_moved[label]) * NARROWER;
        self.certain(*bounds, label)
    }

    /// Takes the measured distance of a row to its own centre, and returns whether it is certain to
    /// stay now.
    pub(super) fn stays_at(&self, bounds: &mut Bounds, label: u32, upper: f64) -> bool {
        bounds.upper = upper;
        self.certain(*bounds, label as usize)
    }

    fn certain(&self, bounds: Bounds, label: usize) -> bool {
        bounds.upper < bounds.lower.max(self.half_way[label])
    }
}

/// Returns the largest value at another place than `at`; 0 when there is none.
fn largest_other(values: &[f64], at: usize) -> f64 {
    let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    largest(&values[..at]).max(largest(&values[at + 1..]))
}

fn half_way(ruler: Ruler, centers: &Matrix, packed: &Packed) -> Vec<f64> {
    let mut found = vec![Nearest::NONE; centers.rows()];
    let size = points::BLOCK_ROWS;
    found.par_chunks_mut(size).enumerate().for_each(|(block, found)| {
        let rows = points::all_rows(found.len());
        let (metric, first) = (ruler.metric, block * size);
        packed.level.measure(FindNearest {
            metric,
            points: centers,
            rows: &rows,
            first,
            packed,
            found,
        });
    });
    // The nearest centre is the centre itself, so the second is the nearest other.
    found.iter().map(|found| ruler.below(found.second) / 2.0).collect()
}
