//! Rows of numbers that begin on cache lines, and products of them with vectors.

use super::{Job, Lanes};

/// Rows of `f32` that begin on cache lines, padded with zeros to a whole number of them.
#[derive(Debug)]
pub(crate) struct LineRows {
    rows: usize,
    columns: usize,
    stride: usize,
    /// Where the first row begins.
    start: usize,
    values: Vec<f32>,
}

/// Numbers in a cache line of 64 bytes, which is what the largest register holds.
pub(super) const LINE: usize = 16;

impl Clone for LineRows {
    /// Begins on a cache line as well.
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.rows, self.columns);
        copy.values_mut().copy_from_slice(self.values());
        copy
    }
}

impl PartialEq for LineRows {
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns && self.values() == other.values()
    }
}

impl LineRows {
    /// Returns rows of zeros, shape `(rows, columns)`.
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        let stride = columns.next_multiple_of(LINE);
        let values = vec![0.0_f32; rows * stride + LINE];
        let start = values.as_ptr().align_offset(64);
        // Where alignment cannot be had, rows are only slower.
        let start = if start < LINE { start } else { 0 };
        Self { rows, columns, stride, start, values }
    }

    /// Returns rows whose values are given one after the other, without padding.
    pub(crate) fn from_values(columns: usize, values: &[f32]) -> Self {
        let mut built = Self::zeros(values.len() / columns.max(1), columns);
        for (row, from) in values.chunks_exact(columns.max(1)).enumerate() {
            built.row_mut(row)[..columns].copy_from_slice(from);
        }
        built
    }

    /// Returns the rows in another order: row `i` is the present row `order[i]`.
    pub(crate) fn in_order(&self, order: &[u32]) -> Self {
        let mut sorted = Self::zeros(order.len(), self.columns);
        for (at, row) in order.iter().enumerate() {
            sorted.row_mut(at).copy_from_slice(self.row(*row as usize));
        }
        sorted
    }

    /// Returns the number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns, without the padding.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the number of columns with the padding.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Returns a row with its padding.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[self.start + row * self.stride..][..self.stride]
    }

    /// Returns a row with its padding, for writing; the padding must stay zero.
    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[self.start + row * self.stride..][..self.stride]
    }

    /// Returns all rows with their padding.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values[self.start..self.start + self.rows * self.stride]
    }

    /// Returns all rows with their padding, for writing.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..self.start + self.rows * self.stride]
    }

    /// Returns the values without padding, one row after the other.
    pub(crate) fn packed(&self) -> Vec<f32> {
        let mut packed = Vec::with_capacity(self.rows * self.columns);
        for row in 0..self.rows {
            packed.extend_from_slice(&self.row(row)[..self.columns]);
        }
        packed
    }
}

/// Returns the register that begins at `at`.
#[inline(always)]
pub(crate) fn part<L: Lanes<f32>>(values: &[f32], at: usize) -> L {
    debug_assert!(at + L::COUNT <= values.len(), "registers end inside");
    #[expect(unsafe_code, reason = "checks in the innermost loops cost as much as the loops")]
    // SAFETY: callers have asserted that a whole number of registers fits.
    L::load(unsafe { values.get_unchecked(at..at + L::COUNT) })
}

/// Returns the inner product of each row with `x`; all have a whole number of lines.
#[inline(always)]
pub(crate) fn products<L: Lanes<f32>, const ROWS: usize>(
    rows: &[&[f32]; ROWS],
    x: &[f32],
) -> [f32; ROWS] {
    check::<L, ROWS>(rows, x.len());
    let mut sums = [L::splat(0.0); ROWS];
    let mut at = 0;
    while at < x.len() {
        let x = part::<L>(x, at);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = part::<L>(row, at).times_plus(x, *sum);
        }
        at += L::COUNT;
    }
    let mut totals = [0.0; ROWS];
    for (total, sum) in totals.iter_mut().zip(sums) {
        *total = sum.total();
    }
    totals
}

#[inline(always)]
fn check<L: Lanes<f32>, const ROWS: usize>(rows: &[&[f32]; ROWS], length: usize) {
    assert!(length.is_multiple_of(L::COUNT), "a whole number of registers");
    for row in rows {
        assert!(row.len() == length, "rows are as long as the vector");
    }
}

/// Adds each row times its factor into `into`.
#[inline(always)]
pub(crate) fn add_scaled<L: Lanes<f32>, const ROWS: usize>(
    rows: &[&[f32]; ROWS],
    factors: [f32; ROWS],
    into: &mut [f32],
) {
    check::<L, ROWS>(rows, into.len());
    let mut scales = [L::splat(0.0); ROWS];
    for (scale, factor) in scales.iter_mut().zip(factors) {
        *scale = L::splat(factor);
    }
    let mut at = 0;
    for into in into.chunks_exact_mut(L::COUNT) {
        let mut sum = L::load(into);
        for (scale, row) in scales.iter().zip(rows) {
            sum = part::<L>(row, at).times_plus(*scale, sum);
        }
        sum.store(into);
        at += L::COUNT;
    }
}

/// Returns the inner product of two vectors of a whole number of lines.
#[inline(always)]
pub(crate) fn dot<L: Lanes<f32>>(left: &[f32], right: &[f32]) -> f32 {
    products::<L, 1>(&[left], right)[0]
}

/// Writes the inner product of each row from `first` on with `x` into `into`.
#[inline(always)]
pub(crate) fn times<L: Lanes<f32>>(rows: &LineRows, first: usize, x: &[f32], into: &mut [f32]) {
    let x = &x[..rows.stride()];
    let (quads, rest) = into.as_chunks_mut::<4>();
    let mut row = first;
    for quad in quads {
        let four = [rows.row(row), rows.row(row + 1), rows.row(row + 2), rows.row(row + 3)];
        *quad = products::<L, 4>(&four, x);
        row += 4;
    }
    for value in rest {
        *value = products::<L, 1>(&[rows.row(row)], x)[0];
        row += 1;
    }
}

/// Writes `matrix · x` into `into`, the matrix being symmetric: eight of its rows are added at
/// once, which needs no sums across registers.
#[inline(always)]
pub(crate) fn symmetric_times<L: Lanes<f32>>(matrix: &LineRows, x: &[f32], into: &mut [f32]) {
    into.fill(0.0);
    let stride = matrix.stride();
    for (rows, x) in matrix.values().chunks_exact(8 * stride).zip(x.as_chunks::<8>().0) {
        let row = |at: usize| &rows[at * stride..][..stride];
        let eight = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
        add_scaled::<L, 8>(&eight, *x, into);
    }
}

/// Writes `matrix · x` into `into` for each vector of `x`, the matrix being symmetric. Of `ROWS`
/// vectors the sums for two registers stay in registers, so that the matrix is read once for all.
#[inline(always)]
pub(crate) fn symmetric_times_all<L: Lanes<f32>, const ROWS: usize>(
    matrix: &LineRows,
    x: &[f32],
    into: &mut [f32],
) {
    let stride = matrix.stride();
    let whole = x.chunks_exact(ROWS * stride);
    let rest = whole.remainder();
    let (some, last) = into.split_at_mut(x.len() - rest.len());
    for (x, into) in whole.zip(some.chunks_exact_mut(ROWS * stride)) {
        let mut left = 0;
        while left + 2 * L::COUNT <= stride {
            symmetric_panel::<L, ROWS, 2>(matrix, left, x, into);
            left += 2 * L::COUNT;
        }
        if left < stride {
            symmetric_panel::<L, ROWS, 1>(matrix, left, x, into);
        }
    }
    for (x, into) in rest.chunks_exact(stride).zip(last.chunks_exact_mut(stride)) {
        symmetric_times::<L>(matrix, x, into);
    }
}

/// The columns from `left` on of [`symmetric_times_all`].
#[inline(always)]
fn symmetric_panel<L: Lanes<f32>, const ROWS: usize, const REGISTERS: usize>(
    matrix: &LineRows,
    left: usize,
    x: &[f32],
    into: &mut [f32],
) {
    let stride = matrix.stride();
    assert!(x.len() == ROWS * stride && into.len() == x.len(), "one vector for each row of sums");
    assert!(left + REGISTERS * L::COUNT <= stride, "the registers end inside");
    let values = matrix.values();
    let mut sums = [[L::splat(0.0); REGISTERS]; ROWS];
    for row in 0..matrix.rows() {
        let mut of_row = [L::splat(0.0); REGISTERS];
        for (register, value) in of_row.iter_mut().enumerate() {
            *value = part::<L>(values, row * stride + left + register * L::COUNT);
        }
        for (vector, sums) in sums.iter_mut().enumerate() {
            let factor = L::splat(x[vector * stride + row]);
            for (sum, value) in sums.iter_mut().zip(&of_row) {
                *sum = factor.times_plus(*value, *sum);
            }
        }
    }
    for (vector, sums) in sums.iter().enumerate() {
        for (register, sum) in sums.iter().enumerate() {
            sum.store(&mut into[vector * stride + left + register * L::COUNT..]);
        }
    }
}

/// Writes the inner product of each row with a vector into `into`.
pub(crate) struct Times<'a> {
    pub(crate) rows: &'a LineRows,
    pub(crate) x: &'a [f32],
    pub(crate) into: &'a mut [f32],
}

impl Job<f32> for Times<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        times::<L>(self.rows, 0, self.x, self.into);
    }
}

/// Adds `factor × from` to `into`, both of a whole number of lines.
pub(crate) struct AddOne<'a> {
    pub(crate) factor: f32,
    pub(crate) from: &'a [f32],
    pub(crate) into: &'a mut [f32],
}

impl Job<f32> for AddOne<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        add_scaled::<L, 1>(&[self.from], [self.factor], self.into);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn sample(rows: usize, columns: usize) -> LineRows {
        let value = |at: usize| ((at * 37 + 11) % 101) as f32 / 101.0 - 0.5;
        LineRows::from_values(columns, &(0..rows * columns).map(value).collect::<Vec<_>>())
    }

    struct All<'a>(&'a LineRows, &'a [f32], &'a mut [f32]);

    impl Job<f32> for All<'_> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes<f32>, const ROWS: usize>(self) {
            symmetric_times_all::<L, ROWS>(self.0, self.1, self.2);
        }
    }

    #[test]
    fn a_symmetric_matrix_times_many_is_that_of_each() {
        for (columns, vectors) in [(16, 1), (40, 9), (64, 4), (128, 19)] {
            let matrix = sample(columns, columns);
            let mut symmetric = LineRows::zeros(matrix.stride(), columns);
            for row in 0..columns {
                for column in 0..columns {
                    symmetric.row_mut(row)[column] =
                        matrix.row(row)[column] + matrix.row(column)[row];
                }
            }
            let x = sample(vectors, columns);
            for level in Level::available() {
                let mut into = vec![1.0; vectors * x.stride()];
                level.run(All(&symmetric, x.values(), &mut into));
                for (at, got) in into.iter().enumerate() {
                    let (vector, row) = (at / x.stride(), at % x.stride());
                    let plain: f32 =
                        symmetric.row(row).iter().zip(x.row(vector)).map(|(a, b)| a * b).sum();
                    assert!((got - plain).abs() < 1e-4, "{columns} {vectors} {at}");
                }
            }
        }
    }

    #[test]
    fn rows_begin_on_lines_and_come_back() {
        let rows = sample(5, 17);
        assert_eq!(rows.row(3).as_ptr().align_offset(64), 0);
        assert_eq!(LineRows::from_values(17, &rows.packed()), rows);
        let mut products = [0.0; 5];
        for level in Level::available() {
            level.run(Times { rows: &rows, x: rows.row(2), into: &mut products });
            let plain: f32 = rows.row(4).iter().zip(rows.row(2)).map(|(x, y)| x * y).sum();
            assert!((products[4] - plain).abs() < 1e-5);
        }
    }
}
