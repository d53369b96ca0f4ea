//! The inverse of a large symmetric positive definite matrix.
//!
//! The sweep operator (Beaton 1964; Goodnight 1979) by blocks: for pivots `K` and the rest `R`,
//! `A_RR −= W A_KR`, `W = A_RK A_KK⁻¹`, `A_RK = W`, `A_KK = −A_KK⁻¹`; when every block has been a
//! pivot, `A` has become `−A⁻¹`. Only the lower triangle is kept up, so that it costs n³ operations
//! as factoring and inverting do, nearly all of them in one product of panels: tiles whose sums
//! stay in registers, panels that fit the second-level cache, row blocks in parallel. Pivots are
//! inverted in double precision.

use super::Cholesky;
use super::lanes::product::tile;
use super::lanes::{Job, Lanes, Level, Number};
use crate::error::{Error, Result};
use rayon::prelude::*;

/// Pivots taken together: a panel of 32 single columns is 32 KiB.
const PIVOTS: usize = 256;
/// Rows that one task updates.
const BLOCK_ROWS: usize = 64;
/// Rows and columns are padded to a multiple of this: two of the largest registers.
const PADDING: usize = 32;

/// A square matrix, row-major, padded with a unit diagonal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Square<N> {
    size: usize,
    stride: usize,
    values: Vec<N>,
}

impl<N: Number> Square<N> {
    /// Returns a matrix of zeros, shape `(size, size)`.
    pub(crate) fn zeros(size: usize) -> Self {
        let stride = size.next_multiple_of(PADDING);
        let mut values = vec![N::default(); stride * stride];
        for at in size..stride {
            values[at * stride + at] = N::near(1.0);
        }
        Self { size, stride, values }
    }

    /// Returns a row without the padding.
    pub(crate) fn row(&self, row: usize) -> &[N] {
        &self.values[row * self.stride..][..self.size]
    }

    /// Returns the rows without the padding, for writing in parallel.
    pub(crate) fn rows_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [N]> {
        let size = self.size;
        self.values.par_chunks_mut(self.stride.max(1)).take(size).map(move |row| &mut row[..size])
    }

    /// Replaces a symmetric positive definite matrix, of which the lower triangle is read, by its
    /// inverse.
    ///
    /// # Errors
    /// [`Error::NoSolution`] when the matrix is not positive definite.
    pub(crate) fn invert(&mut self, level: Level) -> Result<()> {
        let mut panels = Panels::default();
        for first in (0..self.stride).step_by(PIVOTS) {
            let pivots = PIVOTS.min(self.stride - first);
            self.sweep(level, [first, pivots], &mut panels)?;
        }
        self.negate_and_mirror();
        Ok(())
    }

    /// Makes a block of rows and columns pivots.
    fn sweep(
        &mut self,
        level: Level,
        [first, pivots]: [usize; 2],
        panels: &mut Panels<N>,
    ) -> Result<()> {
        let [lanes, rows] = level.shape::<N>();
        let inverse = self.inverse_pivots(first, pivots)?;
        pack(self, [first, pivots], 2 * lanes, &mut panels.wide);
        pack(self, [first, pivots], rows, &mut panels.narrow);
        let (wide, narrow) = (&panels.wide, &panels.narrow);
        panels.solved.resize(narrow.len(), N::default());
        let panel = rows * pivots;
        panels.solved.par_chunks_mut(panel).zip(narrow.par_chunks(panel)).for_each(
            |(solved, narrow)| level.run(Solve { narrow, inverse: &inverse, pivots, solved }),
        );
        let solved = &panels.solved;
        let stride = self.stride;
        self.values.par_chunks_mut(BLOCK_ROWS * stride).enumerate().for_each(|(block, rows)| {
            let top = block * BLOCK_ROWS;
            level.run(Update { rows, top, stride, pivots, wide, solved });
        });
        self.write_pivots([first, pivots], &inverse, solved, rows);
        Ok(())
    }

    fn negate_and_mirror(&mut self) {
        let stride = self.stride;
        self.values.par_iter_mut().for_each(|value| *value = N::default() - *value);
        // By square blocks, so that reading columns does not miss the cache each time.
        for top in (0..stride).step_by(PADDING) {
            for left in (0..=top).step_by(PADDING) {
                for row in top..top + PADDING {
                    for column in left..(left + PADDING).min(row) {
                        self.values[column * stride + row] = self.values[row * stride + column];
                    }
                }
            }
        }
    }

    /// Returns the inverse of the diagonal block of pivots, in full.
    fn inverse_pivots(&self, first: usize, pivots: usize) -> Result<Vec<N>> {
        let mut block = vec![0.0_f64; pivots * pivots];
        for (row, into) in block.chunks_exact_mut(pivots).enumerate() {
            let from = &self.values[(first + row) * self.stride + first..][..=row];
            for (into, from) in into.iter_mut().zip(from) {
                *into = from.wide();
            }
        }
        let factor = Cholesky::factor(pivots, block).map_err(|_| {
            Error::NoSolution(format!(
                "the matrix is not positive definite among rows {first} to {}: raise the \
                 regularization",
                (first + pivots).min(self.size)
            ))
        })?;
        let mut inverse = vec![N::default(); pivots * pivots];
        inverse.par_chunks_exact_mut(pivots).enumerate().for_each(|(row, into)| {
            let mut unit = vec![0.0; pivots];
            unit[row] = 1.0;
            factor.solve_in_place(&mut unit);
            for (into, value) in into.iter_mut().zip(unit) {
                *into = N::near(value);
            }
        });
        Ok(inverse)
    }
}

/// The columns of the pivots, packed for the two sides of a product.
#[derive(Debug, Default)]
struct Panels<N> {
    /// `A_RK`, in panels of two registers of rows: `[panel][pivot][row in panel]`.
    wide: Vec<N>,
    /// `A_RK`, in panels of `ROWS` rows.
    narrow: Vec<N>,
    /// `W`, in panels of `ROWS` rows.
    solved: Vec<N>,
}

/// Packs `A_RK` in panels of `width` rows; the rows of the pivots themselves become zero.
fn pack<N: Number>(
    matrix: &Square<N>,
    [first, pivots]: [usize; 2],
    width: usize,
    into: &mut Vec<N>,
) {
    let stride = matrix.stride;
    into.resize(stride * pivots, N::default());
    into.par_chunks_exact_mut(width * pivots).enumerate().for_each(|(panel, into)| {
        let top = panel * width;
        for at in 0..width {
            let row = top + at;
            for pivot in 0..pivots {
                into[pivot * width + at] = if row >= first + pivots {
                    matrix.values[row * stride + first + pivot]
                } else if row < first {
                    matrix.values[(first + pivot) * stride + row]
                } else {
                    N::default()
                };
            }
        }
    });
}

/// `W = A_RK A_KK⁻¹` for one panel of `ROWS` rows.
struct Solve<'a, N> {
    narrow: &'a [N],
    inverse: &'a [N],
    pivots: usize,
    solved: &'a mut [N],
}

impl<N: Number> Job<N> for Solve<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<N>, const ROWS: usize>(self) {
        let width = 2 * L::COUNT;
        for left in (0..self.pivots).step_by(width) {
            let b = &self.inverse[left..];
            let tile = tile::<N, L, 2, ROWS>(self.pivots, self.narrow, b, [ROWS, self.pivots]);
            let mut line = [N::default(); 2 * super::lanes::register::LANES_MAX];
            for (row, sums) in tile.iter().enumerate() {
                for (register, sum) in sums.iter().enumerate() {
                    sum.store(&mut line[register * L::COUNT..]);
                }
                for (at, value) in line[..width].iter().enumerate() {
                    self.solved[(left + at) * ROWS + row] = *value;
                }
            }
        }
    }
}

/// `A_RR −= W A_KR` for a block of rows, up to the diagonal.
struct Update<'a, N> {
    rows: &'a mut [N],
    top: usize,
    stride: usize,
    pivots: usize,
    wide: &'a [N],
    solved: &'a [N],
}

impl<N: Number> Job<N> for Update<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<N>, const ROWS: usize>(self) {
        let (stride, pivots, width) = (self.stride, self.pivots, 2 * L::COUNT);
        let n_rows = self.rows.len() / stride;
        let last = self.top + n_rows;
        for (number, b) in self.wide.chunks_exact(width * pivots).enumerate() {
            let left = number * width;
            if left >= last {
                break;
            }
            for row in (0..n_rows).step_by(ROWS) {
                if self.top + row + ROWS <= left {
                    continue;
                }
                let a = &self.solved[(self.top + row) * pivots..][..ROWS * pivots];
                let tile = tile::<N, L, 2, ROWS>(pivots, a, b, [ROWS, width]);
                for (at, sums) in tile.iter().enumerate() {
                    let into = &mut self.rows[(row + at) * stride + left..][..width];
                    for (into, sum) in into.chunks_exact_mut(L::COUNT).zip(sums) {
                        let one = L::splat(N::near(1.0));
                        one.times_from(*sum, L::load(into)).store(into);
                    }
                }
            }
        }
    }
}

impl<N: Number> Square<N> {
    /// Writes `A_RK = W` and `A_KK = −A_KK⁻¹` into the lower triangle.
    fn write_pivots(
        &mut self,
        [first, pivots]: [usize; 2],
        inverse: &[N],
        solved: &[N],
        width: usize,
    ) {
        let stride = self.stride;
        let solved = |row: usize, pivot: usize| {
            solved[row / width * width * pivots + pivot * width + row % width]
        };
        self.values.par_chunks_exact_mut(stride).enumerate().skip(first).for_each(|(row, line)| {
            match row.checked_sub(first) {
                Some(pivot) if pivot < pivots => {
                    for (other, value) in line[..first].iter_mut().enumerate() {
                        *value = solved(other, pivot);
                    }
                    let own = &inverse[pivot * pivots..][..pivots];
                    for (value, inverse) in line[first..first + pivots].iter_mut().zip(own) {
                        *value = N::default() - *inverse;
                    }
                }
                _ => {
                    for (pivot, value) in line[first..first + pivots].iter_mut().enumerate() {
                        *value = solved(row, pivot);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A well-conditioned matrix without any pattern.
    fn sample<N: Number>(size: usize) -> Square<N> {
        let value = |row: usize, column: usize| {
            let (high, low) = (row.max(column), row.min(column));
            ((high * 7919 + low * 104_729) % 1009) as f64 / 1009.0 - 0.5
        };
        let mut matrix = Square::zeros(size);
        matrix.rows_mut().enumerate().for_each(|(row, line)| {
            for (column, into) in line.iter_mut().enumerate() {
                let diagonal = if row == column { size as f64 / 4.0 + 1.0 } else { 0.0 };
                *into = N::near(value(row, column) + diagonal);
            }
        });
        matrix
    }

    fn check<N: Number>(size: usize, tolerance: f64) {
        let matrix = sample::<N>(size);
        for level in Level::available() {
            let mut inverse = matrix.clone();
            inverse.invert(level).unwrap();
            for row in (0..size).step_by(1 + size / 37) {
                for column in (0..size).step_by(1 + size / 41) {
                    let (left, right) = (matrix.row(row), inverse.row(column));
                    let product: f64 =
                        left.iter().zip(right).map(|(x, y)| x.wide() * y.wide()).sum();
                    let expected = f64::from(u8::from(row == column));
                    assert!((product - expected).abs() < tolerance, "{size} {row} {column}");
                }
            }
        }
    }

    #[test]
    fn the_inverse_times_the_matrix_is_one() {
        for size in [1, 2, 31, 64, 257, 600] {
            check::<f64>(size, 1e-12);
            check::<f32>(size, 1e-4);
        }
    }

    #[test]
    fn the_same_bits_at_any_number_of_threads() {
        let invert = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut matrix = sample::<f32>(300);
                matrix.invert(Level::detect()).unwrap();
                matrix
            })
        };
        assert_eq!(invert(1), invert(3));
    }

    #[test]
    fn an_indefinite_matrix_is_refused() {
        let mut matrix = Square::<f64>::zeros(2);
        matrix.rows_mut().enumerate().for_each(|(row, line)| {
            line.copy_from_slice(if row == 0 { &[1.0, 2.0] } else { &[2.0, 1.0] });
        });
        let error = matrix.invert(Level::detect()).unwrap_err().to_string();
        assert!(error.contains("raise the regularization"), "{error}");
    }
}
