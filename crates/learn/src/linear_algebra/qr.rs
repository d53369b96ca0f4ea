//! Least squares by orthogonal triangulation.
//!
//! Which `x` makes `‖A x − b‖` smallest, and of several such `x`, which is shortest? `[A b]` is
//! brought to upper triangular form by Householder reflections (Golub & Van Loan, *Matrix
//! Computations*, algorithm 5.2.1), block of rows by block of rows, and the blocks' triangles once
//! more (the "tall skinny" scheme of Demmel, Grigori, Hoemmen & Langou 2012), so that `A` is never
//! held whole. The triangle is then reduced with column pivoting; columns whose pivot is below
//! `max(rows, columns) × ε` times the first are dependent, and a second reduction gives the
//! minimum-norm solution, as LAPACK's `gelsy` and `gelsd` do. Not for thousands of columns: see
//! [`crate::linear_algebra::lsqr`].

use std::ops::Range;

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::linear_algebra::vector::{add_scaled, dot, norm};
use crate::matrix::Matrix;

/// Rows triangulated together: with 20 columns they fit a level-2 cache.
const BLOCK_ROWS: usize = 2048;

/// What the least-squares problem came to.
#[derive(Debug, Clone, PartialEq)]
pub struct LeastSquares {
    /// The minimiser, of minimum norm when there are several, one value per column.
    pub solution: Vec<f64>,
    /// How many columns are linearly independent.
    pub rank: usize,
    /// `‖A x − b‖²` at the solution.
    pub residual_sum_of_squares: f64,
}

/// Solves the least-squares problem of a matrix, shape `(rows, columns)`, and one target per row.
/// There is no intercept: centre first, or add a column of ones.
///
/// # Errors
/// [`Error::Length`] when the target has another length than the matrix has rows, and
/// [`Error::NotFinite`] for a value that is not a number.
pub fn least_squares(matrix: &Matrix, target: &[f64]) -> Result<LeastSquares> {
    if target.len() != matrix.rows() {
        return Err(Error::Length { what: "target", expected: matrix.rows(), got: target.len() });
    }
    matrix.check_finite("matrix")?;
    Ok(least_squares_of_blocks(matrix.rows(), matrix.columns(), |range, panel| {
        let height = range.len();
        for (at, row) in range.enumerate() {
            for (column, value) in matrix.row(row).iter().enumerate() {
                panel[column * height + at] = *value;
            }
            panel[matrix.columns() * height + at] = target[row];
        }
    }))
}

/// Solves a least-squares problem whose rows `fill` writes, a range of them at a time: into a panel
/// of zeros, column by column, shape `(range.len(), columns + 1)`, the last column being the
/// target.
pub(crate) fn least_squares_of_blocks(
    rows: usize,
    columns: usize,
    fill: impl Fn(Range<usize>, &mut [f64]) + Sync,
) -> LeastSquares {
    let width = columns + 1;
    let block = BLOCK_ROWS.max(4 * width);
    let starts: Vec<usize> = (0..rows).step_by(block).collect();
    let triangles: Vec<Vec<f64>> = starts
        .into_par_iter()
        .map(|start| {
            let range = start..(start + block).min(rows);
            let height = range.len();
            let mut panel = vec![0.0; height * width];
            fill(range, &mut panel);
            triangulate(&mut panel, height, width);
            upper_triangle(&panel, height, width)
        })
        .collect();
    solve_triangle(&join(triangles, width), columns, rows)
}

/// Joins triangles of `width` rows into one.
fn join(mut triangles: Vec<Vec<f64>>, width: usize) -> Vec<f64> {
    if triangles.len() == 1 {
        return triangles.swap_remove(0);
    }
    let height = triangles.len() * width;
    let mut panel = vec![0.0; height * width];
    for (block, triangle) in triangles.iter().enumerate() {
        for column in 0..width {
            let start = column * height + block * width;
            panel[start..start + width]
                .copy_from_slice(&triangle[column * width..(column + 1) * width]);
        }
    }
    triangulate(&mut panel, height, width);
    upper_triangle(&panel, height, width)
}

/// Copies the upper triangle of a panel, column by column, shape `(width, width)`.
fn upper_triangle(panel: &[f64], height: usize, width: usize) -> Vec<f64> {
    let mut triangle = vec![0.0; width * width];
    for column in 0..width {
        for row in 0..(column + 1).min(height) {
            triangle[column * width + row] = panel[column * height + row];
        }
    }
    triangle
}

/// Brings a panel, column by column, to upper triangular form; what lies below the diagonal
/// afterwards has no meaning.
fn triangulate(panel: &mut [f64], height: usize, width: usize) {
    for step in 0..width.min(height) {
        let (left, right) = panel.split_at_mut((step + 1) * height);
        let column = &mut left[step * height + step..];
        let reflection = Reflection::of(column);
        for other in right.chunks_exact_mut(height) {
            reflection.apply(column, &mut other[step..]);
        }
        column[0] = reflection.length;
    }
}

/// The Householder reflection `I − τ v vᵀ` that maps a vector onto its first axis; `v` stays where
/// the vector was.
#[derive(Debug, Clone, Copy)]
struct Reflection {
    /// The first coordinate of the image, whose others are zero.
    length: f64,
    tau: f64,
}

impl Reflection {
    /// Replaces `vector` by the reflection's `v`. A vector so short that its square underflows
    /// (what rounding leaves of a column that others determine) is let be: beside any other it is
    /// zero.
    fn of(vector: &mut [f64]) -> Self {
        let first = vector[0];
        let length = -norm(vector).copysign(first);
        vector[0] -= length;
        let square = dot(vector, vector);
        if square.is_normal() {
            return Self { length, tau: 2.0 / square };
        }
        Self { length: first, tau: 0.0 }
    }

    fn apply(self, direction: &[f64], other: &mut [f64]) {
        if self.tau > 0.0 {
            let factor = self.tau * dot(direction, other);
            add_scaled(other, -factor, direction);
        }
    }
}

/// Solves the problem that a triangle `[R d; 0 ρ]` of `columns + 1` rows stands for.
fn solve_triangle(triangle: &[f64], columns: usize, rows: usize) -> LeastSquares {
    let width = columns + 1;
    let mut matrix = vec![0.0; columns * columns];
    for column in 0..columns {
        matrix[column * columns..(column + 1) * columns]
            .copy_from_slice(&triangle[column * width..column * width + columns]);
    }
    let mut right = triangle[columns * width..columns * width + columns].to_vec();
    let beyond = triangle[width * width - 1];
    let tolerance = rows.max(columns) as f64 * f64::EPSILON;
    let (order, rank) = pivot(&mut matrix, &mut right, columns, tolerance);
    let missed: f64 = right[rank..].iter().map(|value| value * value).sum();
    let pivoted = if rank == columns {
        back_substitute(&matrix, columns, right)
    } else {
        shortest(&matrix, columns, rank, &right)
    };
    let mut solution = vec![0.0; columns];
    for (value, column) in pivoted.into_iter().zip(order) {
        solution[column] = value;
    }
    LeastSquares { solution, rank, residual_sum_of_squares: beyond * beyond + missed }
}

/// Reduces a square matrix with column pivoting, the right-hand side along with it; returns the
/// order of the columns and the rank.
fn pivot(
    matrix: &mut [f64],
    right: &mut [f64],
    size: usize,
    tolerance: f64,
) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..size).collect();
    let mut first = 0.0;
    for step in 0..size {
        let (mut best, mut longest) = (step, -1.0);
        for column in step..size {
            let length = norm(&matrix[column * size + step..(column + 1) * size]);
            if length > longest {
                (best, longest) = (column, length);
            }
        }
        if step == 0 {
            first = longest;
        }
        if longest <= tolerance * first {
            return (order, step);
        }
        order.swap(step, best);
        for row in 0..size {
            matrix.swap(step * size + row, best * size + row);
        }
        let (left, others) = matrix.split_at_mut((step + 1) * size);
        let column = &mut left[step * size + step..];
        let reflection = Reflection::of(column);
        for other in others.chunks_exact_mut(size) {
            reflection.apply(column, &mut other[step..]);
        }
        reflection.apply(column, &mut right[step..]);
        column[0] = reflection.length;
    }
    (order, size)
}

/// Solves `R x = right` for an upper triangle held column by column.
fn back_substitute(matrix: &[f64], size: usize, mut right: Vec<f64>) -> Vec<f64> {
    for column in (0..size).rev() {
        let line = &matrix[column * size..column * size + column + 1];
        let value = right[column] / line[column];
        right[column] = value;
        add_scaled(&mut right[..column], -value, &line[..column]);
    }
    right
}

/// Returns the shortest `x` with `T x = right[..rank]`, where `T` is the first `rank` rows of the
/// reduced matrix: with `Tᵀ = Q U`, `x = Q U⁻ᵀ right`.
fn shortest(matrix: &[f64], size: usize, rank: usize, right: &[f64]) -> Vec<f64> {
    let mut transposed = vec![0.0; size * rank];
    for row in 0..rank {
        for column in row..size {
            transposed[row * size + column] = matrix[column * size + row];
        }
    }
    let mut reflections = Vec::with_capacity(rank);
    for step in 0..rank {
        let (left, others) = transposed.split_at_mut((step + 1) * size);
        let column = &mut left[step * size + step..];
        let reflection = Reflection::of(column);
        for other in others.chunks_exact_mut(size) {
            reflection.apply(column, &mut other[step..]);
        }
        reflections.push(reflection);
    }
    let mut solution = vec![0.0; size];
    for row in 0..rank {
        let known = dot(&transposed[row * size..row * size + row], &solution[..row]);
        solution[row] = (right[row] - known) / reflections[row].length;
    }
    for (step, reflection) in reflections.iter().enumerate().rev() {
        let direction = &transposed[step * size + step..(step + 1) * size];
        reflection.apply(direction, &mut solution[step..]);
    }
    solution
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matrix(rows: &[&[f64]]) -> Matrix {
        Matrix::from_values(rows.len(), rows[0].len(), rows.concat()).unwrap()
    }

    #[test]
    fn a_line_through_three_points_by_hand() {
        // y = 1, 2, 4 at x = 0, 1, 2: slope 3/2, intercept 5/6, residuals 1/6, -1/3, 1/6.
        let result =
            least_squares(&matrix(&[&[1.0, 0.0], &[1.0, 1.0], &[1.0, 2.0]]), &[1.0, 2.0, 4.0])
                .unwrap();
        assert!((result.solution[0] - 5.0 / 6.0).abs() < 1e-14);
        assert!((result.solution[1] - 1.5).abs() < 1e-14);
        assert!((result.residual_sum_of_squares - 1.0 / 6.0).abs() < 1e-14);
        assert_eq!(result.rank, 2);
    }

    #[test]
    fn equal_columns_share_the_weight() {
        // y = 2 x with x given three times: the shortest solution is 2/3 for each.
        let rows: [&[f64]; 3] = [&[1.0, 1.0, 1.0], &[2.0, 2.0, 2.0], &[5.0, 5.0, 5.0]];
        let result = least_squares(&matrix(&rows), &[2.0, 4.0, 10.0]).unwrap();
        assert_eq!(result.rank, 1);
        for value in result.solution {
            assert!((value - 2.0 / 3.0).abs() < 1e-14);
        }
    }

    #[test]
    fn fewer_rows_than_columns_give_the_shortest_exact_solution() {
        // x + y = 2 has the shortest solution (1, 1).
        let result = least_squares(&matrix(&[&[1.0, 1.0]]), &[2.0]).unwrap();
        assert_eq!(result.rank, 1);
        assert!((result.solution[0] - 1.0).abs() < 1e-14);
        assert!((result.solution[1] - 1.0).abs() < 1e-14);
        assert!(result.residual_sum_of_squares < 1e-28);
    }

    #[test]
    fn a_matrix_of_zeros_has_rank_zero_and_the_zero_solution() {
        let result = least_squares(&Matrix::zeros(4, 2), &[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!((result.rank, result.solution), (0, vec![0.0, 0.0]));
        assert!((result.residual_sum_of_squares - 30.0).abs() < 1e-12);
    }

    #[test]
    fn a_target_of_another_length_is_refused() {
        assert!(least_squares(&Matrix::zeros(3, 1), &[1.0]).is_err());
    }

    #[test]
    fn several_blocks_recover_a_planted_solution() {
        let rows = 3 * BLOCK_ROWS + 17;
        let mut values = Vec::new();
        let mut target = Vec::new();
        for row in 0..rows {
            let x = (row % 101) as f64 - 50.0;
            let y = (row % 37) as f64;
            values.extend([1.0, x, y]);
            target.push(3.0 - 0.25 * x + 7.0 * y);
        }
        let matrix = Matrix::from_values(rows, 3, values).unwrap();
        let result = least_squares(&matrix, &target).unwrap();
        for (got, planted) in result.solution.iter().zip([3.0, -0.25, 7.0]) {
            assert!((got - planted).abs() < 1e-11, "{got} {planted}");
        }
    }

    #[test]
    fn a_column_of_rounding_dust_does_not_matter() {
        // Squares of 1e-160 are below the smallest normal number.
        for dust in [0.0, 1e-170, 1e-160, 1e-155] {
            let mut values = Vec::new();
            for row in 0..6000 {
                values.extend([f64::from(row % 7), dust * f64::from(row % 3 - 1)]);
            }
            let matrix = Matrix::from_values(6000, 2, values).unwrap();
            let target: Vec<f64> = (0..6000).map(|row| 3.0 * f64::from(row % 7)).collect();
            let found = least_squares(&matrix, &target).unwrap();
            assert_eq!(found.rank, 1, "{dust}");
            assert!((found.solution[0] - 3.0).abs() < 1e-12, "{dust}: {:?}", found.solution);
            assert!(found.solution[1].abs() < 1e-12, "{dust}: {:?}", found.solution);
        }
    }

    proptest! {
        #[test]
        fn the_residual_is_orthogonal_to_every_column(
            columns in 1usize..7,
            values in prop::collection::vec(-3i32..4, 60),
            target in prop::collection::vec(-5.0..5.0f64, 60),
        ) {
            // Small whole numbers make dependent columns common.
            let rows = values.len() / columns;
            let matrix = Matrix::from_values(
                rows,
                columns,
                values[..rows * columns].iter().map(|value| f64::from(*value)).collect(),
            ).unwrap();
            let target = &target[..rows];
            let result = least_squares(&matrix, target).unwrap();
            let residuals: Vec<f64> =
                (0..rows).map(|row| target[row] - dot(matrix.row(row), &result.solution)).collect();
            for column in 0..columns {
                prop_assert!(dot(&matrix.column(column), &residuals).abs() < 1e-9);
            }
            let squares = dot(&residuals, &residuals);
            prop_assert!((squares - result.residual_sum_of_squares).abs() < 1e-9);
        }
    }
}
