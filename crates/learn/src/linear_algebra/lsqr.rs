//! Least squares from products alone, for systems with thousands of sparse columns.
//!
//! LSQR (Paige & Saunders, *ACM Transactions on Mathematical Software* 8, 1982): the Golub–Kahan
//! bidiagonalisation of `A`, begun at zero, so that the limit is the minimum-norm solution.

use crate::error::{Error, Result};
use crate::linear_algebra::vector::{add_scaled, norm};

/// The products with a matrix that LSQR asks for.
#[derive(Debug)]
pub struct Operator<Times, TransposeTimes> {
    /// Returns `A x`: from one value per column, one value per row.
    pub times: Times,
    /// Returns `Aᵀ u`: from one value per row, one value per column.
    pub transpose_times: TransposeTimes,
}

/// When LSQR stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// The cosine between the residual and the columns of `A` that counts as none, or the share of
    /// the right-hand side left over that counts as solved.
    pub tolerance: f64,
    /// The most iterations.
    pub iterations_max: usize,
}

/// Returns the minimum-norm least-squares solution of `A x = right`, and the number of iterations.
///
/// # Errors
/// [`Error::NoSolution`] when the tolerance is not reached.
pub fn solve<Times, TransposeTimes>(
    operator: &Operator<Times, TransposeTimes>,
    right: &[f64],
    stop: Stop,
) -> Result<(Vec<f64>, usize)>
where
    Times: Fn(&[f64]) -> Vec<f64>,
    TransposeTimes: Fn(&[f64]) -> Vec<f64>,
{
    let mut left_vector = right.to_vec();
    let right_norm = normalise(&mut left_vector);
    let mut right_vector = (operator.transpose_times)(&left_vector);
    let mut alpha = normalise(&mut right_vector);
    let mut solution = vec![0.0; right_vector.len()];
    if right_norm == 0.0 || alpha == 0.0 {
        return Ok((solution, 0));
    }
    let mut direction = right_vector.clone();
    let (mut phi_bar, mut rho_bar, mut matrix_norm_squared) = (right_norm, alpha, 0.0);
    for iteration in 1..=stop.iterations_max {
        left_vector = subtract((operator.times)(&right_vector), alpha, &left_vector);
        let beta = normalise(&mut left_vector);
        matrix_norm_squared += alpha * alpha + beta * beta;
        right_vector = subtract((operator.transpose_times)(&left_vector), beta, &right_vector);
        alpha = normalise(&mut right_vector);

        let rho = rho_bar.hypot(beta);
        let (cosine, sine) = (rho_bar / rho, beta / rho);
        let (theta, phi) = (sine * alpha, cosine * phi_bar);
        rho_bar = -cosine * alpha;
        phi_bar *= sine;
        add_scaled(&mut solution, phi / rho, &direction);
        for (direction, next) in direction.iter_mut().zip(&right_vector) {
            *direction = next - theta / rho * *direction;
        }
        let gradient = alpha * cosine.abs() / f64::sqrt(matrix_norm_squared);
        if gradient <= stop.tolerance || phi_bar <= stop.tolerance * right_norm {
            return Ok((solution, iteration));
        }
    }
    Err(Error::NoSolution(format!(
        "least squares did not converge in `{}` iterations",
        stop.iterations_max
    )))
}

/// Scales a vector to length 1 and returns the length it had.
fn normalise(vector: &mut [f64]) -> f64 {
    let length = norm(vector);
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    length
}

fn subtract(mut from: Vec<f64>, factor: f64, other: &[f64]) -> Vec<f64> {
    add_scaled(&mut from, -factor, other);
    from
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear_algebra::least_squares;
    use crate::matrix::Matrix;

    #[test]
    fn the_solution_equals_the_one_by_triangulation_even_when_columns_depend() {
        let (rows, columns) = (40, 6);
        let mut values = Vec::new();
        for row in 0..rows {
            let mut line: Vec<f64> =
                (0..columns - 1).map(|at| ((row * 31 + at * 17) % 23) as f64 / 23.0).collect();
            line.push(line[0] + line[1]);
            values.extend(line);
        }
        let matrix = Matrix::from_values(rows, columns, values).unwrap();
        let target: Vec<f64> = (0..rows).map(|row| ((row * 7) % 13) as f64).collect();
        let operator = Operator {
            times: |x: &[f64]| -> Vec<f64> {
                (0..rows)
                    .map(|row| crate::linear_algebra::vector::dot(matrix.row(row), x))
                    .collect()
            },
            transpose_times: |u: &[f64]| -> Vec<f64> {
                (0..columns)
                    .map(|column| (0..rows).map(|row| matrix.row(row)[column] * u[row]).sum())
                    .collect()
            },
        };
        let stop = Stop { tolerance: 1e-14, iterations_max: 500 };
        let (solution, _) = solve(&operator, &target, stop).unwrap();
        let exact = least_squares(&matrix, &target).unwrap();
        assert_eq!(exact.rank, columns - 1);
        for (got, expected) in solution.iter().zip(exact.solution) {
            assert!((got - expected).abs() < 1e-9, "{got} {expected}");
        }
    }

    #[test]
    fn a_right_hand_side_of_zeros_has_the_zero_solution() {
        let operator = Operator { times: <[f64]>::to_vec, transpose_times: <[f64]>::to_vec };
        let stop = Stop { tolerance: 1e-12, iterations_max: 5 };
        assert_eq!(solve(&operator, &[0.0, 0.0], stop).unwrap(), (vec![0.0, 0.0], 0));
    }
}
