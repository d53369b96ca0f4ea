//! Tables that several tests share, and the dumbest programs that are right.

mod agreement;
mod density;
mod hierarchical;
mod kmeans;
mod medoids;
mod minibatch;
mod mixture;
mod quality;
mod users;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{Clustering, Metric};
use crate::matrix::Matrix;

/// Returns a matrix of the given rows.
fn matrix<const COLUMNS: usize>(rows: &[[f64; COLUMNS]]) -> Matrix {
    Matrix::from_values(rows.len(), COLUMNS, rows.as_flattened().to_vec()).unwrap()
}

/// Returns rows around `k` places of a cube, overlapping a little.
fn blobs(rows: usize, columns: usize, k: usize, seed: u64) -> Matrix {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let places: Vec<f64> = (0..k * columns).map(|_| rng.random_range(-5.0..5.0)).collect();
    let mut values = Vec::with_capacity(rows * columns);
    for _ in 0..rows {
        let place = rng.random_range(0..k);
        for column in 0..columns {
            // The sum of a few uniform numbers is round enough.
            let noise: f64 = (0..4).map(|_| rng.random_range(-2.0..2.0)).sum();
            values.push(places[place * columns + column] + noise);
        }
    }
    Matrix::from_values(rows, columns, values).unwrap()
}

/// Small tables, of whole numbers so that equal rows and equal distances are common.
fn tables() -> impl Strategy<Value = Matrix> {
    (2_usize..40, 1_usize..6).prop_flat_map(|(rows, columns)| {
        prop::collection::vec(-4_i32..5, rows * columns).prop_map(move |values| {
            let values = values.into_iter().map(f64::from).collect();
            Matrix::from_values(rows, columns, values).unwrap()
        })
    })
}

/// Returns what a row adds to the inertia at a distance.
fn cost(metric: Metric, distance: f64) -> f64 {
    if metric == Metric::Euclidean { distance * distance } else { distance }
}

/// Returns the inertia of a clustering, measured row by row.
fn inertia(points: &Matrix, clustering: &Clustering) -> f64 {
    (0..points.rows())
        .map(|row| {
            let center = clustering.centers.row(clustering.labels[row] as usize);
            cost(clustering.metric, clustering.metric.distance(points.row(row), center))
        })
        .sum()
}

fn assert_close(got: f64, expected: f64, tolerance: f64) {
    let error = (got - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance, "got {got}, expected {expected}: off by {error:e}");
}

/// Returns rows around three places in turn that any program can make: noise is the sum of four
/// numbers of Knuth's generator (*The Art of Computer Programming*, volume 2, 3.3.4).
fn made(rows: usize, columns: usize, step: f64) -> Matrix {
    let mut state = 1_u64;
    let mut uniform = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / 9_007_199_254_740_992.0
    };
    let mut values = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let place = (row % 3) as f64;
        for column in 0..columns {
            let noise = uniform() + uniform() + uniform() + uniform() - 2.0;
            let side = if column % 2 == 0 { 1.0 } else { -0.5 };
            values.push(step * place * side + noise * (1.0 + 0.5 * place));
        }
    }
    Matrix::from_values(rows, columns, values).unwrap()
}
