//! The matrix product that everything in the network is made of.
//!
//! One loop serves all: the left side may be read by rows or by columns, the right side as it lies
//! in memory or packed into panels of [`PANEL`] columns. Sums of a tile stay in registers; the
//! depth is cut so that a panel of the right side stays in the first-level cache.

use crate::linear_algebra::lanes::{Job, Lanes, Level};

/// Columns of a panel: the numbers in a cache line. Columns of every product are a multiple of it.
pub(super) const PANEL: usize = 16;

/// Depth that is multiplied at once.
const DEPTH: usize = 128;

/// The left side of a product: element `(row, step)` stands at `row · row + step · step`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left<'a> {
    values: &'a [f32],
    row: usize,
    step: usize,
}

impl<'a> Left<'a> {
    /// Rows that are `stride` apart.
    pub(super) fn rows(values: &'a [f32], stride: usize) -> Self {
        Self { values, row: stride, step: 1 }
    }

    /// The transposed of rows that are `stride` apart.
    pub(super) fn transposed(values: &'a [f32], stride: usize) -> Self {
        Self { values, row: 1, step: stride }
    }
}

/// The right side of a product: element `(step, column)` stands at
/// `step · step + column / PANEL · panel + column % PANEL`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Right<'a> {
    values: &'a [f32],
    step: usize,
    panel: usize,
}

impl<'a> Right<'a> {
    /// Rows that are `stride` apart.
    pub(super) fn rows(values: &'a [f32], stride: usize) -> Self {
        Self { values, step: stride, panel: PANEL }
    }

    /// What [`pack_transposed`] made of rows of `depth` numbers.
    pub(super) fn packed(values: &'a [f32], depth: usize) -> Self {
        Self { values, step: PANEL, panel: depth * PANEL }
    }
}

/// Packs the transposed of `rows` rows of `depth` numbers, `stride` apart, into panels: each holds
/// [`PANEL`] of the rows side by side, zeros where there are none left.
pub(super) fn pack_transposed(
    rows: usize,
    depth: usize,
    values: &[f32],
    stride: usize,
    into: &mut Vec<f32>,
) {
    into.clear();
    into.resize(rows.div_ceil(PANEL) * PANEL * depth, 0.0);
    for row in 0..rows {
        let panel = &mut into[row / PANEL * PANEL * depth..][..PANEL * depth];
        let lane = row % PANEL;
        for (step, value) in values[row * stride..][..depth].iter().enumerate() {
            panel[step * PANEL + lane] = *value;
        }
    }
}

/// Whether a product replaces or is added to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    Replace,
    Add,
}

/// The size of a product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) depth: usize,
}

/// Multiplies `left` by `right` into rows that are `stride` apart.
pub(super) fn multiply(
    level: Level,
    size: Size,
    left: Left<'_>,
    right: Right<'_>,
    into: (&mut [f32], usize, Into),
) {
    let (into, stride, how) = into;
    debug_assert!(size.columns.is_multiple_of(PANEL), "columns fill panels");
    level.run(Product { size, left, right, into, stride, how });
}

struct Product<'a> {
    size: Size,
    left: Left<'a>,
    right: Right<'a>,
    into: &'a mut [f32],
    stride: usize,
    how: Into,
}

impl Job<f32> for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(mut self) {
        let Size { rows, columns, depth } = self.size;
        if depth == 0 && self.how == Into::Replace {
            for row in 0..rows {
                self.into[row * self.stride..][..columns].fill(0.0);
            }
        }
        for first in (0..depth).step_by(DEPTH) {
            let steps = first..(first + DEPTH).min(depth);
            let adds = first > 0 || self.how == Into::Add;
            let mut column = 0;
            while column + 2 * L::COUNT <= columns {
                self.strip::<L, 2, ROWS>(column, &steps, adds);
                column += 2 * L::COUNT;
            }
            while column < columns {
                self.strip::<L, 1, ROWS>(column, &steps, adds);
                column += L::COUNT;
            }
        }
    }
}

type Steps = std::ops::Range<usize>;

impl Product<'_> {
    /// Multiplies all rows by `REGISTERS` registers of columns.
    #[inline(always)]
    fn strip<L: Lanes<f32>, const REGISTERS: usize, const ROWS: usize>(
        &mut self,
        column: usize,
        steps: &Steps,
        adds: bool,
    ) {
        let rows = self.size.rows;
        let mut row = 0;
        // Twelve sums and two factors fill the sixteen registers of AVX2.
        if L::COUNT == 8 {
            while row + 6 <= rows {
                self.tile::<L, REGISTERS, 6>(row, column, steps, adds);
                row += 6;
            }
        }
        while row + ROWS <= rows {
            self.tile::<L, REGISTERS, ROWS>(row, column, steps, adds);
            row += ROWS;
        }
        while row < rows {
            self.tile::<L, REGISTERS, 1>(row, column, steps, adds);
            row += 1;
        }
    }

    #[inline(always)]
    fn tile<L: Lanes<f32>, const REGISTERS: usize, const ROWS: usize>(
        &mut self,
        row: usize,
        column: usize,
        steps: &Steps,
        adds: bool,
    ) {
        let (left, right) = (self.left, self.right);
        let (from, depth) = (row * left.row + steps.start * left.step, steps.len());
        let mut places = [0; REGISTERS];
        for (register, place) in places.iter_mut().enumerate() {
            let column = column + register * L::COUNT;
            *place = steps.start * right.step + column / PANEL * right.panel + column % PANEL;
        }
        let a = &left.values[from..];
        let last = (depth - 1) * right.step + L::COUNT;
        assert!((ROWS - 1) * left.row + (depth - 1) * left.step < a.len(), "rows end inside");
        assert!(places.iter().all(|place| place + last <= right.values.len()), "so do columns");
        let mut sums = [[L::splat(0.0); REGISTERS]; ROWS];
        for step in 0..depth {
            let mut values = [L::splat(0.0); REGISTERS];
            for (place, value) in places.iter().zip(values.iter_mut()) {
                let start = place + step * right.step;
                #[expect(unsafe_code, reason = "checks here keep the sums out of the registers")]
                // SAFETY: the last step ends inside, as asserted above.
                let b = unsafe { right.values.get_unchecked(start..start + L::COUNT) };
                *value = L::load(b);
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                #[expect(unsafe_code, reason = "checks here keep the sums out of the registers")]
                // SAFETY: the last row ends inside, as asserted above.
                let a = unsafe { *a.get_unchecked(row * left.row + step * left.step) };
                let a = L::splat(a);
                for (sum, value) in sums.iter_mut().zip(&values) {
                    *sum = a.times_plus(*value, *sum);
                }
            }
        }
        for (at, sums) in sums.iter().enumerate() {
            let start = (row + at) * self.stride + column;
            let into = &mut self.into[start..start + REGISTERS * L::COUNT];
            for (register, sum) in sums.iter().enumerate() {
                let into = &mut into[register * L::COUNT..];
                let sum = if adds { L::load(into).plus(*sum) } else { *sum };
                sum.store(into);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(length: usize, salt: usize) -> Vec<f32> {
        (0..length).map(|at| ((at * 7919 + salt) % 1009) as f32 / 1009.0 - 0.5).collect()
    }

    #[test]
    fn products_are_the_plain_sums_however_the_sides_lie() {
        for (rows, columns, depth) in [(1, 16, 1), (7, 48, 5), (23, 64, 300), (6, 32, 128)] {
            let (a, b) = (sample(rows * depth, 3), sample(depth * columns, 11));
            let mut turned = vec![0.0; rows * depth];
            for row in 0..rows {
                for step in 0..depth {
                    turned[step * rows + row] = a[row * depth + step];
                }
            }
            let mut across = vec![0.0; b.len()];
            for step in 0..depth {
                for column in 0..columns {
                    across[column * depth + step] = b[step * columns + column];
                }
            }
            let mut packed = Vec::new();
            pack_transposed(columns, depth, &across, depth, &mut packed);
            let size = Size { rows, columns, depth };
            for level in Level::available() {
                let mut plain = vec![1.0; rows * columns];
                let right = Right::rows(&b, columns);
                multiply(
                    level,
                    size,
                    Left::rows(&a, depth),
                    right,
                    (&mut plain, columns, Into::Add),
                );
                let mut other = vec![9.0; rows * columns];
                let left = Left::transposed(&turned, rows);
                let right = Right::packed(&packed, depth);
                multiply(level, size, left, right, (&mut other, columns, Into::Replace));
                for row in 0..rows {
                    for column in 0..columns {
                        let sum: f64 = (0..depth)
                            .map(|step| {
                                f64::from(a[row * depth + step] * b[step * columns + column])
                            })
                            .sum();
                        let at = row * columns + column;
                        assert!((f64::from(plain[at]) - 1.0 - sum).abs() < 1e-4);
                        assert!((f64::from(other[at]) - sum).abs() < 1e-4);
                    }
                }
            }
        }
    }
}
