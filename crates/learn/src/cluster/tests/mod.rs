//! Tables that several tests share, and the dumbest programs that are right.

mod agreement;
mod hierarchical;
mod kmeans;
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
