//! The centre of a group of rows, for each metric: mean, median, mid-range, normalised mean.

use rayon::prelude::*;

use super::distance::{self, Metric};
use crate::matrix::Matrix;

/// Columns whose values are gathered in one walk over the rows of a group: one line of the cache.
const COLUMNS_AT_ONCE: usize = 8;

/// Returns the centres of labelled rows, shape `(k, columns)`; those that are not `wanted`, and
/// those without rows, are taken from `previous`.
pub(super) fn of_labels(
    metric: Metric,
    points: &Matrix,
    labels: &[u32],
    wanted: &[bool],
    previous: &Matrix,
) -> Matrix {
    let groups = Groups::new(labels, wanted.len());
    let mut centers = previous.clone();
    let columns = centers.columns();
    centers.values_mut().par_chunks_mut(columns).enumerate().for_each(|(group, center)| {
        let rows = groups.rows(group);
        if wanted[group] && !rows.is_empty() {
            write_center(metric, points, rows, center);
        }
    });
    centers
}

/// The rows of each group, in order.
struct Groups {
    /// Where each group begins in `rows`, and where the last ends.
    starts: Vec<usize>,
    rows: Vec<usize>,
}

impl Groups {
    fn new(labels: &[u32], k: usize) -> Self {
        let mut starts = vec![0; k + 1];
        for label in labels {
            starts[*label as usize + 1] += 1;
        }
        for group in 0..k {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; labels.len()];
        for (row, label) in labels.iter().enumerate() {
            let place = &mut next[*label as usize];
            rows[*place] = row;
            *place += 1;
        }
        Self { starts, rows }
    }

    fn rows(&self, group: usize) -> &[usize] {
        &self.rows[self.starts[group]..self.starts[group + 1]]
    }
}

fn write_center(metric: Metric, points: &Matrix, rows: &[usize], center: &mut [f64]) {
    match metric {
        Metric::Euclidean | Metric::Cosine => {
            center.fill(0.0);
            for row in rows {
                add(center, points.row(*row));
            }
            write_mean(metric, center, rows.len());
        }
        Metric::Manhattan => write_medians(points, rows, center),
        Metric::Chebyshev => write_mid_ranges(points, rows, center),
    }
}

/// Adds a row to a sum of rows.
pub(super) fn add(sum: &mut [f64], row: &[f64]) {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum += value;
    }
}

/// Turns the sum of `count` rows into their centre: the mean, of unit length for `cosine`.
pub(super) fn write_mean(metric: Metric, sum: &mut [f64], count: usize) {
    for value in &mut *sum {
        *value /= count as f64;
    }
    if metric == Metric::Cosine {
        distance::normalise(sum);
    }
}

/// Writes the median of each column; of an even number of values the middle of the two.
fn write_medians(points: &Matrix, rows: &[usize], center: &mut [f64]) {
    let mut gathered = vec![0.0; rows.len() * COLUMNS_AT_ONCE];
    for (chunk, center) in center.chunks_mut(COLUMNS_AT_ONCE).enumerate() {
        let from = chunk * COLUMNS_AT_ONCE;
        for (place, row) in rows.iter().enumerate() {
            let values = &points.row(*row)[from..from + center.len()];
            for (column, value) in values.iter().enumerate() {
                gathered[column * rows.len() + place] = *value;
            }
        }
        for (values, center) in gathered.chunks_mut(rows.len()).zip(center) {
            *center = median(values);
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if even {
        let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        lower / 2.0 + *upper / 2.0
    } else {
        *upper
    }
}

/// Writes the middle between the smallest and the largest value of each column.
fn write_mid_ranges(points: &Matrix, rows: &[usize], center: &mut [f64]) {
    let mut smallest = vec![f64::INFINITY; center.len()];
    center.fill(f64::NEG_INFINITY);
    for row in rows {
        for ((low, high), value) in smallest.iter_mut().zip(&mut *center).zip(points.row(*row)) {
            *low = low.min(*value);
            *high = high.max(*value);
        }
    }
    for (high, low) in center.iter_mut().zip(smallest) {
        *high = low / 2.0 + *high / 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn center(metric: Metric, values: &[f64], columns: usize) -> Vec<f64> {
        let rows = values.len() / columns;
        let points = Matrix::from_values(rows, columns, values.to_vec()).unwrap();
        let unknown = Matrix::zeros(1, columns);
        of_labels(metric, &points, &vec![0; rows], &[true], &unknown).values().to_vec()
    }

    #[test]
    fn each_metric_has_its_centre() {
        let rows = [0.0, 10.0, 1.0, 20.0, 8.0, 90.0];
        assert_eq!(center(Metric::Euclidean, &rows, 2), [3.0, 40.0]);
        assert_eq!(center(Metric::Manhattan, &rows, 2), [1.0, 20.0]);
        assert_eq!(center(Metric::Chebyshev, &rows, 2), [4.0, 50.0]);
        // Unit rows (1, 0) and (0, 1): their mean points half-way between.
        let half = 0.5_f64.sqrt();
        let cosine = center(Metric::Cosine, &[1.0, 0.0, 0.0, 1.0], 2);
        assert!(cosine.iter().all(|value| (value - half).abs() < 1e-15));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(center(Metric::Manhattan, &[7.0, 1.0, 4.0, 100.0], 1), [5.5]);
    }

    #[test]
    fn medians_of_more_columns_than_are_gathered_at_once() {
        let columns = 19;
        let rows: Vec<f64> =
            (0..3 * columns).map(|at| (at % columns * 10 + at / columns) as f64).collect();
        let expected: Vec<f64> = (0..columns).map(|column| (column * 10 + 1) as f64).collect();
        assert_eq!(center(Metric::Manhattan, &rows, columns), expected);
    }

    #[test]
    fn a_group_without_rows_keeps_its_centre() {
        let points = Matrix::from_values(1, 1, vec![3.0]).unwrap();
        let previous = Matrix::from_values(2, 1, vec![7.0, 8.0]).unwrap();
        let centers = of_labels(Metric::Euclidean, &points, &[1], &[true, true], &previous);
        assert_eq!(centers.values(), [7.0, 3.0]);
    }
}
