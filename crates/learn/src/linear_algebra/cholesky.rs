//! The Cholesky factor of a symmetric positive definite matrix, and solving with it.
//!
//! Golub & Van Loan, *Matrix Computations*, algorithm 4.2.1, in the row-oriented form: with rows
//! stored one after the other, every inner product runs over contiguous memory. Columns are taken
//! in panels, so that a panel stays in the cache while all rows below it are updated, in parallel.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::linear_algebra::vector::dot;

/// Columns handled together: 64 columns of a thousand rows are 512 KiB.
const PANEL: usize = 64;

/// Rows below the panel that make one task.
const ROWS_PER_TASK: usize = 32;

/// A lower triangle `L` with `L Lᵀ = A`, row-major, shape `(size, size)`; above the diagonal it
/// holds whatever the input held.
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors the matrix whose lower triangle is given row by row, shape `(size, size)`.
    ///
    /// # Errors
    /// [`Error::Length`] when there are not `size × size` values; [`Error::NoSolution`] when the
    /// matrix is not positive definite.
    pub fn factor(size: usize, mut matrix: Vec<f64>) -> Result<Self> {
        if matrix.len() != size * size {
            return Err(Error::Length {
                what: "symmetric matrix",
                expected: size * size,
                got: matrix.len(),
            });
        }
        for start in (0..size).step_by(PANEL) {
            let end = (start + PANEL).min(size);
            let (above, below) = matrix.split_at_mut(end * size);
            factor_panel(above, size, start, end)?;
            let above = &*above;
            below.par_chunks_mut(size * ROWS_PER_TASK).for_each(|rows| {
                for row in rows.chunks_exact_mut(size) {
                    solve_row(row, above, size, start, end);
                }
            });
        }
        Ok(Self { size, lower: matrix })
    }

    /// Replaces `right` by the solution `x` of `A x = right`.
    ///
    /// # Panics
    /// When `right` does not have as many values as the matrix has rows.
    pub fn solve_in_place(&self, right: &mut [f64]) {
        assert_eq!(right.len(), self.size, "one right-hand value per row");
        let size = self.size;
        for row in 0..size {
            let line = &self.lower[row * size..row * size + row];
            let known = dot(line, &right[..row]);
            right[row] = (right[row] - known) / self.lower[row * size + row];
        }
        for row in (0..size).rev() {
            let value = right[row] / self.lower[row * size + row];
            right[row] = value;
            let line = &self.lower[row * size..row * size + row];
            for (right, factor) in right[..row].iter_mut().zip(line) {
                *right -= value * factor;
            }
        }
    }
}

/// Factors the diagonal block of columns `start..end`, whose rows are the last of `rows`.
fn factor_panel(rows: &mut [f64], size: usize, start: usize, end: usize) -> Result<()> {
    for row in start..end {
        let (before, current) = rows.split_at_mut(row * size);
        let current = &mut current[..size];
        solve_row(current, before, size, start, row);
        let pivot = current[row] - dot(&current[..row], &current[..row]);
        if pivot.is_nan() || pivot <= 0.0 {
            return Err(Error::NoSolution(format!(
                "the matrix is not positive definite: pivot {row} is `{pivot}`"
            )));
        }
        current[row] = pivot.sqrt();
    }
    Ok(())
}

/// Computes entries `start..end` of one row from the finished rows `start..end` in `above`.
fn solve_row(row: &mut [f64], above: &[f64], size: usize, start: usize, end: usize) {
    for column in start..end {
        let other = &above[column * size..column * size + column + 1];
        let known = dot(&row[..column], &other[..column]);
        row[column] = (row[column] - known) / other[column];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_matrix_worked_by_hand() {
        // L = [[2, 0], [1, 3]], A = L Lᵀ = [[4, 2], [2, 10]], A (1, 2) = (8, 22).
        let factor = Cholesky::factor(2, vec![4.0, 0.0, 2.0, 10.0]).unwrap();
        assert_eq!(factor.lower, vec![2.0, 0.0, 1.0, 3.0]);
        let mut right = vec![8.0, 22.0];
        factor.solve_in_place(&mut right);
        assert!((right[0] - 1.0).abs() < 1e-15 && (right[1] - 2.0).abs() < 1e-15);
    }

    #[test]
    fn an_indefinite_matrix_is_refused() {
        let error = Cholesky::factor(2, vec![1.0, 0.0, 2.0, 1.0]).unwrap_err();
        assert_eq!(error.to_string(), "the matrix is not positive definite: pivot 1 is `-3`");
        assert!(Cholesky::factor(2, vec![1.0]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_solution_solves_the_system(size in 1usize..150, seed in 0u64..1000) {
            let value = |at: usize| {
                ((at as u64 * 2_654_435_761 + seed) % 1009) as f64 / 1009.0 - 0.5
            };
            let factor: Vec<f64> = (0..size * size).map(value).collect();
            let mut matrix = vec![0.0; size * size];
            for row in 0..size {
                for column in 0..size {
                    matrix[row * size + column] = (0..size)
                        .map(|at| factor[row * size + at] * factor[column * size + at])
                        .sum::<f64>();
                }
                matrix[row * size + row] += 1.0;
            }
            let right: Vec<f64> = (0..size).map(value).collect();
            let mut solution = right.clone();
            Cholesky::factor(size, matrix.clone()).unwrap().solve_in_place(&mut solution);
            for row in 0..size {
                let got = dot(&matrix[row * size..(row + 1) * size], &solution);
                prop_assert!((got - right[row]).abs() < 1e-9, "row {}: {}", row, got);
            }
        }
    }
}
