//! Products of panels: the tile whose sums stay in registers, the weighted normal matrix of rows,
//! and the Cholesky factor of a matrix that fits the cache.

use super::rows::{LineRows, add_scaled, part};
use super::{Job, Lanes, Level, Number};
use crate::error::{Error, Result};
use crate::linear_algebra::RowBlocks;

/// Returns the tile `Σ over depth of aᵀ b`: `ROWS` numbers of each row of `a` times `REGISTERS`
/// registers of each row of `b`. Rows of `a` and `b` are `strides` apart.
#[inline(always)]
pub(crate) fn tile<N: Number, L: Lanes<N>, const REGISTERS: usize, const ROWS: usize>(
    depth: usize,
    a: &[N],
    b: &[N],
    strides: [usize; 2],
) -> [[L; REGISTERS]; ROWS] {
    let mut sums = [[L::splat(N::default()); REGISTERS]; ROWS];
    if depth == 0 {
        return sums;
    }
    assert!(a.len() >= (depth - 1) * strides[0] + ROWS, "rows of a are long enough");
    assert!(b.len() >= (depth - 1) * strides[1] + REGISTERS * L::COUNT, "and those of b");
    for step in 0..depth {
        #[expect(unsafe_code, reason = "checks here keep the sums out of the registers")]
        // SAFETY: the last row of either side ends inside, as asserted above.
        let (a, b) = unsafe {
            (
                a.get_unchecked(step * strides[0]..step * strides[0] + ROWS),
                b.get_unchecked(step * strides[1]..step * strides[1] + REGISTERS * L::COUNT),
            )
        };
        let mut values = [L::splat(N::default()); REGISTERS];
        for (register, value) in values.iter_mut().enumerate() {
            *value = L::load(&b[register * L::COUNT..]);
        }
        for (sums, a) in sums.iter_mut().zip(a) {
            let a = L::splat(*a);
            for (sum, value) in sums.iter_mut().zip(&values) {
                *sum = a.times_plus(*value, *sum);
            }
        }
    }
    sums
}

/// Adds the upper triangle of `Σ wₖ yₖ yₖᵀ` into `into`, row-major with the stride of the rows;
/// `scaled` holds `wₖ yₖ`. Below the diagonal something may be added too.
pub(crate) fn add_normal(
    level: Level,
    rows: &[f32],
    scaled: &[f32],
    stride: usize,
    into: &mut [f32],
) {
    level.run(Normal { rows, scaled, stride, into });
}

struct Normal<'a> {
    rows: &'a [f32],
    scaled: &'a [f32],
    stride: usize,
    into: &'a mut [f32],
}

/// Rows multiplied at once, so that they stay in the first-level cache with their scaled twins.
const DEPTH: usize = 32;

impl Job<f32> for Normal<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        let stride = self.stride;
        for (rows, scaled) in
            self.rows.chunks(DEPTH * stride).zip(self.scaled.chunks(DEPTH * stride))
        {
            let depth = rows.len() / stride;
            for top in (0..stride).step_by(ROWS) {
                let mut left = top / L::COUNT * L::COUNT;
                while left + 2 * L::COUNT <= stride {
                    let tile =
                        tile::<f32, L, 2, ROWS>(depth, &scaled[top..], &rows[left..], [stride; 2]);
                    add_tile(&tile, self.into, stride, top, left);
                    left += 2 * L::COUNT;
                }
                if left < stride {
                    let tile =
                        tile::<f32, L, 1, ROWS>(depth, &scaled[top..], &rows[left..], [stride; 2]);
                    add_tile(&tile, self.into, stride, top, left);
                }
            }
        }
    }
}

#[inline(always)]
fn add_tile<L: Lanes<f32>, const REGISTERS: usize, const ROWS: usize>(
    tile: &[[L; REGISTERS]; ROWS],
    into: &mut [f32],
    stride: usize,
    top: usize,
    left: usize,
) {
    for (row, sums) in tile.iter().enumerate() {
        for (register, sum) in sums.iter().enumerate() {
            let into = &mut into[(top + row) * stride + left + register * L::COUNT..];
            L::load(into).plus(*sum).store(into);
        }
    }
}

/// Returns `YᵀY` of all rows, symmetric, shape `(stride, stride)`: blocks of rows in parallel,
/// their sums joined in order.
pub(crate) fn gram(level: Level, rows: &LineRows) -> Vec<f32> {
    gram_of(level, rows, None, 1.0)
}

/// Returns `factor · Σ wₖ yₖ yₖᵀ` over all rows, as [`gram`].
pub(crate) fn weighted_gram(
    level: Level,
    rows: &LineRows,
    weights: &[f32],
    factor: f64,
) -> Vec<f32> {
    gram_of(level, rows, Some(weights), factor)
}

/// So many rows are added in single precision, their sums in double.
const SINGLE: usize = 1024;

fn gram_of(level: Level, rows: &LineRows, weights: Option<&[f32]>, factor: f64) -> Vec<f32> {
    let stride = rows.stride();
    let blocks = RowBlocks::with_least(rows.rows(), stride * stride, SINGLE);
    let sums = blocks.sum(stride * stride, |range, into| {
        let mut part = vec![0.0_f32; stride * stride];
        let values = &rows.values()[range.start * stride..range.end * stride];
        let mut scaled = Vec::new();
        for (number, some) in values.chunks(SINGLE * stride).enumerate() {
            part.fill(0.0);
            match weights {
                None => add_normal(level, some, some, stride, &mut part),
                Some(weights) => {
                    scaled.clear();
                    let own = &weights[range.start + number * SINGLE..];
                    for (row, weight) in some.chunks_exact(stride).zip(own) {
                        scaled.extend(row.iter().map(|value| value * weight));
                    }
                    add_normal(level, some, &scaled, stride, &mut part);
                }
            }
            for (into, part) in into.iter_mut().zip(&part) {
                *into += f64::from(*part);
            }
        }
    });
    let mut full = vec![0.0_f32; stride * stride];
    for row in 0..stride {
        for column in row..stride {
            let sum = (factor * sums[row * stride + column]) as f32;
            full[row * stride + column] = sum;
            full[column * stride + row] = sum;
        }
    }
    full
}

/// Replaces the upper triangle of a symmetric positive definite matrix by its factor `U`,
/// `UᵀU = A` (Golub & Van Loan, algorithm 4.2.2 by panels of four rows). Only the first `size` of
/// `stride` rows and columns are meant; the diagonal of `U` is kept inverted.
///
/// # Errors
/// [`Error::NoSolution`] when the matrix is not positive definite.
pub(crate) fn factor(level: Level, matrix: &mut [f32], size: usize, stride: usize) -> Result<()> {
    let pivot = level.run(Factor { matrix, size, stride });
    if pivot < size {
        return Err(Error::NoSolution(format!(
            "the matrix is not positive definite at pivot {pivot}: raise the regularization"
        )));
    }
    Ok(())
}

struct Factor<'a> {
    matrix: &'a mut [f32],
    size: usize,
    stride: usize,
}

/// Rows factored together.
const PANEL: usize = 4;

impl Job<f32> for Factor<'_> {
    /// The first pivot that is not positive, or the size.
    type Output = usize;

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) -> usize {
        let Factor { matrix, size, stride } = self;
        for start in (0..size).step_by(PANEL) {
            let end = (start + PANEL).min(size);
            for row in start..end {
                let (above, current) = matrix.split_at_mut(row * stride);
                let current = &mut current[..stride];
                for earlier in start..row {
                    let from = &above[earlier * stride..][..stride];
                    subtract::<L, 1>(&[from], [from[row]], current, row);
                }
                let pivot = current[row];
                if pivot.is_nan() || pivot <= 0.0 {
                    return row;
                }
                let inverse = 1.0 / pivot.sqrt();
                let scale = L::splat(inverse);
                for at in (row / L::COUNT * L::COUNT..stride).step_by(L::COUNT) {
                    L::load(&current[at..]).times(scale).store(&mut current[at..]);
                }
                current[row] = inverse;
            }
            if end - start < PANEL {
                continue;
            }
            let (done, below) = matrix.split_at_mut(end * stride);
            let panel = &done[start * stride..];
            let (one, rest) = panel.split_at(stride);
            let (two, rest) = rest.split_at(stride);
            let (three, four) = rest.split_at(stride);
            let four = &four[..stride];
            for (number, current) in below.chunks_exact_mut(stride).enumerate() {
                let row = end + number;
                if row >= size {
                    break;
                }
                let factors = [one[row], two[row], three[row], four[row]];
                subtract::<L, 4>(&[one, two, three, four], factors, current, row);
            }
        }
        size
    }
}

/// Takes each row times its factor from `from`, from the register on that holds column `first`.
#[inline(always)]
fn subtract<L: Lanes<f32>, const ROWS: usize>(
    rows: &[&[f32]; ROWS],
    factors: [f32; ROWS],
    from: &mut [f32],
    first: usize,
) {
    let mut scales = [L::splat(0.0); ROWS];
    for (scale, factor) in scales.iter_mut().zip(factors) {
        *scale = L::splat(factor);
    }
    let start = first / L::COUNT * L::COUNT;
    assert!(rows.iter().all(|row| row.len() == from.len()), "rows are equally long");
    let mut at = start;
    for from in from[start..].chunks_exact_mut(L::COUNT) {
        let mut sum = L::load(from);
        for (scale, row) in scales.iter().zip(rows) {
            sum = part::<L>(row, at).times_from(*scale, sum);
        }
        sum.store(from);
        at += L::COUNT;
    }
}

/// Replaces `right` by the solution of `UᵀU x = right`, with what [`factor`] left.
pub(crate) fn solve(upper: &[f32], size: usize, stride: usize, right: &mut [f32]) {
    for row in 0..size {
        let line = &upper[row * stride..][..size];
        let value = right[row] * line[row];
        right[row] = value;
        for (right, factor) in right[row + 1..size].iter_mut().zip(&line[row + 1..]) {
            *right -= value * factor;
        }
    }
    for row in (0..size).rev() {
        let line = &upper[row * stride..][..size];
        let mut sums = [0.0_f32; 8];
        let known = right[row + 1..size].chunks(8).zip(line[row + 1..].chunks(8));
        for (right, line) in known {
            for ((sum, right), factor) in sums.iter_mut().zip(right).zip(line) {
                *sum += right * factor;
            }
        }
        right[row] = (right[row] - sums.iter().sum::<f32>()) * line[row];
    }
}

/// Returns the inverse of `A = UᵀU` from its factor as [`factor`] leaves it, shape
/// `(stride, size)`: all unit vectors are solved at once, row by row.
pub(crate) fn inverse(level: Level, upper: &[f32], size: usize, stride: usize) -> LineRows {
    let mut into = LineRows::zeros(stride, size);
    for at in 0..size {
        into.row_mut(at)[at] = 1.0;
    }
    level.run(Units { upper, size, stride, into: into.values_mut() });
    into
}

struct Units<'a> {
    upper: &'a [f32],
    size: usize,
    stride: usize,
    into: &'a mut [f32],
}

impl Job<f32> for Units<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        let Units { upper, size, stride, into } = self;
        for at in 0..size {
            let (done, rest) = into.split_at_mut(at * stride);
            let own = &mut rest[..stride];
            take::<L>(done, own, |row| upper[row * stride + at]);
            scale::<L>(own, upper[at * stride + at]);
        }
        for at in (0..size).rev() {
            let (rest, done) = into[..size * stride].split_at_mut((at + 1) * stride);
            let own = &mut rest[at * stride..];
            take::<L>(done, own, |row| upper[at * stride + at + 1 + row]);
            scale::<L>(own, upper[at * stride + at]);
        }
    }
}

/// Takes each row times its factor from `into`.
#[inline(always)]
fn take<L: Lanes<f32>>(rows: &[f32], into: &mut [f32], factor: impl Fn(usize) -> f32) {
    let stride = into.len();
    let mut quads = rows.chunks_exact(4 * stride);
    let mut at = 0;
    for quad in &mut quads {
        let row = |number: usize| &quad[number * stride..][..stride];
        let four = [row(0), row(1), row(2), row(3)];
        let factors = [-factor(at), -factor(at + 1), -factor(at + 2), -factor(at + 3)];
        add_scaled::<L, 4>(&four, factors, into);
        at += 4;
    }
    for row in quads.remainder().chunks_exact(stride) {
        add_scaled::<L, 1>(&[row], [-factor(at)], into);
        at += 1;
    }
}

#[inline(always)]
fn scale<L: Lanes<f32>>(row: &mut [f32], factor: f32) {
    for part in row.chunks_exact_mut(L::COUNT) {
        L::load(part).times(L::splat(factor)).store(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rows: usize, columns: usize) -> LineRows {
        let value = |at: usize| ((at * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5;
        LineRows::from_values(columns, &(0..rows * columns).map(value).collect::<Vec<_>>())
    }

    #[test]
    fn the_normal_matrix_is_the_plain_sum() {
        for (rows, columns) in [(1, 3), (40, 16), (100, 33), (2000, 48)] {
            let rows = sample(rows, columns);
            let stride = rows.stride();
            for level in Level::available() {
                let sums = gram(level, &rows);
                for left in 0..columns {
                    for right in 0..columns {
                        let plain: f64 = (0..rows.rows())
                            .map(|row| {
                                let row = rows.row(row);
                                f64::from(row[left]) * f64::from(row[right])
                            })
                            .sum();
                        let got = f64::from(sums[left * stride + right]);
                        assert!((got - plain).abs() < 1e-3, "{got} is not {plain}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_factor_solves_the_system() {
        for size in [1, 2, 5, 16, 31, 64, 77] {
            let rows = sample(3 * size + 4, size);
            let stride = rows.stride();
            for level in Level::available() {
                let mut matrix = gram(level, &rows);
                for row in 0..size {
                    matrix[row * stride + row] += 1.0;
                }
                let plain = matrix.clone();
                factor(level, &mut matrix, size, stride).unwrap();
                let right = rows.row(1).to_vec();
                let mut solution = right.clone();
                solve(&matrix, size, stride, &mut solution);
                for row in 0..size {
                    let got = dot64(&plain[row * stride..][..size], &solution[..size]);
                    assert!((got - f64::from(right[row])).abs() < 1e-4, "{size} {row} {got}");
                }
                let inverse = inverse(level, &matrix, size, stride);
                for (row, solved) in solution[..size].iter().enumerate() {
                    let got = dot64(&inverse.row(row)[..size], &right[..size]);
                    assert!((got - f64::from(*solved)).abs() < 1e-4, "{size} {row} {got}");
                }
            }
        }
    }

    fn dot64(left: &[f32], right: &[f32]) -> f64 {
        left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
    }

    #[test]
    fn an_indefinite_matrix_is_refused() {
        let mut matrix = vec![0.0; 16 * 16];
        (matrix[0], matrix[1], matrix[17]) = (1.0, 2.0, 1.0);
        let error = factor(Level::detect(), &mut matrix, 2, 16).unwrap_err().to_string();
        assert!(error.contains("pivot 1"), "{error}");
    }
}
