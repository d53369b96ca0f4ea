//! Better optima after several starts: centres leave where they are missed least and join where
//! the cost is highest.
//!
//! Starts of k-means++ differ in where they put two centres for one cloud and one for two; Lloyd's
//! iterations cannot mend that. Here some centres are added in the costliest clusters, Lloyd's
//! iterations follow, as many centres are taken out that are missed least, and the iterations
//! follow again. When that lowers the inertia it is kept and tried again, else with one centre
//! less. B. Fritzke, *The breathing k-means algorithm*, arXiv 2006.15666, section 3, with two
//! changes: an added centre is a row of its cluster, drawn as k-means++ draws, rather than the
//! centre and noise; and a centre taken out protects its nearest neighbour only.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::clustering::{self, Clustering};
use super::distance::Metric;
use super::kernel::{FindNearest, Level, Nearest, Packed, pair};
use super::points::{self, BLOCK_ROWS};
use super::seeding::pick;
use crate::error::Result;
use crate::matrix::Matrix;

/// How many centres are added at first: the paper's default.
const ADDED: usize = 5;

/// What a breath must save, of the inertia, to be followed by one as deep.
const LEAST_GAIN: f64 = 1e-6;

/// How many breaths of one depth may fail: rows are drawn, so that the next may succeed.
const FAILURES_MAX: usize = 2;

/// The most breaths in all: far above what tables needed, a guard against many small gains.
const BREATHS_MAX: usize = 200;

/// Returns the clustering after as many breaths as lower its inertia. `settle` brings centres to
/// their local optimum.
pub(super) fn improve(
    rows: &Matrix,
    found: Clustering,
    rng: &mut Pcg64Mcg,
    settle: impl Fn(Matrix) -> Result<Clustering>,
) -> Result<Clustering> {
    let mut best = found;
    let k = best.k();
    let mut added = ADDED.min(k - 1).min(rows.rows() - k);
    let mut failures = 0;
    for _ in 0..BREATHS_MAX {
        if added == 0 || best.inertia == 0.0 {
            break;
        }
        let filled = settle(breathe_in(rows, &best, added, rng))?;
        let next = settle(breathe_out(rows, &filled, added))?;
        let gain = best.inertia - next.inertia;
        failures = if gain > LEAST_GAIN * best.inertia { 0 } else { failures + 1 };
        if failures == FAILURES_MAX {
            (added, failures) = (added - 1, 0);
        }
        if gain > 0.0 {
            best = next;
        }
    }
    Ok(best)
}

/// Returns the centres and, in each of the costliest clusters, one of its rows.
fn breathe_in(rows: &Matrix, from: &Clustering, added: usize, rng: &mut Pcg64Mcg) -> Matrix {
    let terms = clustering::own_terms(from.metric, rows, &from.centers, &from.labels);
    let mut costs = vec![0.0; from.k()];
    for (label, term) in from.labels.iter().zip(&terms) {
        costs[*label as usize] += term;
    }
    let mut values = from.centers.values().to_vec();
    for cluster in ordered(&costs).into_iter().rev().take(added) {
        let own: Vec<f64> = from
            .labels
            .iter()
            .zip(&terms)
            .map(|(label, term)| if *label as usize == cluster { *term } else { 0.0 })
            .collect();
        let mut rest = rng.random::<f64>() * costs[cluster];
        values.extend(rows.row(pick(&own, &mut rest)));
    }
    Matrix::from_values(from.k() + added, rows.columns(), values)
        .expect("one row of values a centre")
}

/// Returns the centres without those that are missed least: the second nearest centre serves their
/// rows almost as well.
fn breathe_out(rows: &Matrix, from: &Clustering, removed: usize) -> Matrix {
    let order = ordered(&missed(from.metric, rows, &from.centers));
    let mut leaves = vec![false; from.k()];
    let mut is_protected = vec![false; from.k()];
    let mut left = removed;
    // Whoever is protected goes only when there is nobody else.
    for protection_counts in [true, false] {
        for &center in &order {
            if left == 0 || leaves[center] || (protection_counts && is_protected[center]) {
                continue;
            }
            leaves[center] = true;
            left -= 1;
            if let Some(neighbour) = nearest_staying(from, center, &leaves) {
                is_protected[neighbour] = true;
            }
        }
    }
    let stays = (0..from.k()).filter(|center| !leaves[*center]);
    let values = stays.flat_map(|center| from.centers.row(center).to_vec()).collect();
    Matrix::from_values(from.k() - removed, rows.columns(), values)
        .expect("one row of values a centre")
}

/// Returns by how much the inertia would rise without each centre, if the others stood still.
fn missed(metric: Metric, rows: &Matrix, centers: &Matrix) -> Vec<f64> {
    let packed = Packed::all(Level::detect(), centers);
    let blocks: Vec<Vec<f64>> = (0..rows.rows().div_ceil(BLOCK_ROWS))
        .into_par_iter()
        .map(|block| {
            let first = block * BLOCK_ROWS;
            let count = BLOCK_ROWS.min(rows.rows() - first);
            let mut found = vec![Nearest::NONE; count];
            let all = points::all_rows(count);
            let (packed, found_now) = (&packed, &mut found);
            packed.level.measure(FindNearest {
                metric,
                points: rows,
                rows: &all,
                first,
                packed,
                found: found_now,
            });
            let mut sums = vec![0.0; centers.rows()];
            for nearest in found {
                sums[nearest.label as usize] += nearest.second - nearest.term;
            }
            sums
        })
        .collect();
    let mut missed = vec![0.0; centers.rows()];
    for block in blocks {
        super::centers::add(&mut missed, &block);
    }
    missed
}

/// Returns the centre nearest to one that leaves, among those that stay.
fn nearest_staying(from: &Clustering, center: usize, leaves: &[bool]) -> Option<usize> {
    let level = Level::detect();
    let distance =
        |other: usize| pair(level, from.metric, from.centers.row(center), from.centers.row(other));
    (0..from.k())
        .filter(|other| !leaves[*other])
        .min_by(|left, right| distance(*left).total_cmp(&distance(*right)))
}

/// Returns the places of the values, the least first, the first of equals first.
fn ordered(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|left, right| values[*left].total_cmp(&values[*right]));
    order
}
