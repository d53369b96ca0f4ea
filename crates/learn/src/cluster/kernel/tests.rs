use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::super::distance::Metric;
use super::super::points::all_rows;
use super::*;

/// Odd shapes: more and fewer points than a register, rows that do not fill a tile.
const SHAPES: [(usize, usize, usize); 6] =
    [(1, 1, 1), (3, 2, 1), (9, 7, 5), (13, 8, 16), (31, 33, 17), (50, 3, 70)];

fn random(rows: usize, columns: usize, seed: u64) -> Matrix {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let values = (0..rows * columns).map(|_| rng.random_range(-1.0..1.0)).collect();
    Matrix::from_values(rows, columns, values).unwrap()
}

/// The sum of terms, one coordinate after the other.
fn plain(metric: Metric, left: &[f64], right: &[f64]) -> f64 {
    let pairs = left.iter().zip(right);
    match metric {
        Metric::Euclidean => pairs.map(|(x, y)| (x - y).powi(2)).sum(),
        Metric::Manhattan => pairs.map(|(x, y)| (x - y).abs()).sum(),
        Metric::Chebyshev => pairs.map(|(x, y)| (x - y).abs()).fold(0.0, f64::max),
        Metric::Cosine => 1.0 - pairs.map(|(x, y)| x * y).sum::<f64>(),
    }
}

/// Calls `check` for each level, metric and shape, with rows and points.
fn for_all(check: impl Fn(Level, Metric, &Matrix, &Matrix)) {
    for level in Level::available() {
        for metric in Metric::ALL {
            for (rows, columns, points) in SHAPES {
                check(level, metric, &random(rows, columns, 1), &random(points, columns, 2));
            }
        }
    }
}

fn assert_near(left: f64, right: f64) {
    assert!(left == right || (left - right).abs() < 1e-12, "{left} is not {right}");
}

#[test]
fn every_level_finds_the_nearest_two_points() {
    for_all(|level, metric, rows, points| {
        let packed = Packed::all(level, points);
        let numbers: Vec<u32> = (0..rows.rows() as u32).rev().collect();
        let mut found = vec![Nearest::NONE; rows.rows()];
        let job = FindNearest {
            metric,
            points: rows,
            rows: &numbers,
            first: 0,
            packed: &packed,
            found: &mut found,
        };
        level.measure(job);
        for (row, found) in numbers.iter().zip(found) {
            let terms = (0..points.rows())
                .map(|point| plain(metric, rows.row(*row as usize), points.row(point)));
            let mut terms: Vec<(f64, usize)> = terms.zip(0..).collect();
            terms.sort_by(|left, right| left.0.total_cmp(&right.0));
            assert_eq!(found.label as usize, terms[0].1);
            assert_near(found.term, terms[0].0);
            assert_near(found.second, terms.get(1).map_or(f64::INFINITY, |term| term.0));
        }
    });
}

#[test]
fn of_equal_points_the_first_is_nearest() {
    for level in Level::available() {
        for copies in [2, 3, 9, 40] {
            let points = Matrix::from_values(copies + 1, 1, {
                let mut values = vec![5.0; copies + 1];
                values[0] = 100.0;
                values
            });
            let packed = Packed::all(level, &points.unwrap());
            let mut found = [Nearest::NONE];
            let row = Matrix::from_values(1, 1, vec![4.0]).unwrap();
            let metric = Metric::Euclidean;
            let job = FindNearest {
                metric,
                points: &row,
                rows: &[0],
                first: 0,
                packed: &packed,
                found: &mut found,
            };
            level.measure(job);
            assert_eq!(found[0], Nearest { term: 1.0, second: 1.0, label: 1 });
        }
    }
}

#[test]
fn every_level_measures_pairs() {
    for_all(|level, metric, rows, points| {
        let expected = plain(metric, rows.row(0), points.row(0));
        assert_near(pair(level, metric, rows.row(0), points.row(0)), expected);
        let mut terms = vec![0.0; rows.rows()];
        let job = MeasureFrom { metric, points: rows, row: 0, first: 0, terms: &mut terms };
        level.measure(job);
        for (row, term) in terms.iter().enumerate() {
            assert_near(*term, plain(metric, rows.row(0), rows.row(row)));
        }
        let labels: Vec<u32> =
            (0..rows.rows() as u32).map(|row| row % points.rows() as u32).collect();
        let numbers = all_rows(rows.rows());
        let (centers, first) = (points, 0);
        let job = MeasureOwn {
            metric,
            points: rows,
            rows: &numbers,
            first,
            centers,
            labels: &labels,
            terms: &mut terms,
        };
        level.measure(job);
        for (row, term) in terms.iter().enumerate() {
            assert_near(*term, plain(metric, rows.row(row), points.row(labels[row] as usize)));
        }
    });
}

#[test]
fn every_level_adds_up_distances_both_ways() {
    for_all(|level, metric, rows, points| {
        let all: Vec<usize> = (0..points.rows()).collect();
        let packed = Packed::rows(level, points, &all);
        let mut of_rows = vec![0.0; rows.rows()];
        let mut of_slots = vec![0.0; packed.slots()];
        level.measure(SumDistances {
            metric,
            points: rows,
            first: 0,
            packed: &packed,
            of_rows: &mut of_rows,
            of_slots: &mut of_slots,
        });
        let distance = |row: usize, point: usize| {
            metric.of_term(plain(metric, rows.row(row), points.row(point)))
        };
        for (row, sum) in of_rows.iter().enumerate() {
            let expected: f64 = all.iter().map(|point| distance(row, *point)).sum();
            assert!((sum - expected).abs() < 1e-10, "{sum} is not {expected}");
        }
        for (point, sum) in of_slots[..points.rows()].iter().enumerate() {
            let expected: f64 = (0..rows.rows()).map(|row| distance(row, point)).sum();
            assert!((sum - expected).abs() < 1e-10, "{sum} is not {expected}");
        }
    });
}

#[test]
fn every_level_lowers_costs() {
    for_all(|level, metric, rows, points| {
        let drawn: Vec<usize> = (0..points.rows()).collect();
        let packed = Packed::some(level, points, &drawn);
        let slots = packed.slots();
        let costs = vec![0.9; rows.rows()];
        let mut lowered = vec![0.0; rows.rows() * slots];
        let job = LowerCosts {
            metric,
            points: rows,
            first: 0,
            costs: &costs,
            packed: &packed,
            lowered: &mut lowered,
        };
        let totals = level.measure(job);
        for point in drawn {
            let costs: Vec<f64> = (0..rows.rows())
                .map(|row| plain(metric, rows.row(row), points.row(point)).clamp(0.0, 0.9))
                .collect();
            for (row, cost) in costs.iter().enumerate() {
                assert_near(lowered[row * slots + point], *cost);
            }
            assert_near(totals[point], costs.iter().sum());
        }
    });
}
