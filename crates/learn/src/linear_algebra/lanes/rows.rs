//! Sums over scattered rows of a matrix, without copying them together.
//!
//! Where vector and sum fit the registers beside a row, each row is loaded once. Elsewhere four rows
//! are taken at once: their inner products with one vector share its loads, and what they add to a
//! sum shares the loads and stores of the sum; the rows come from the first-level cache the second
//! time.

use super::{Job, Lanes};
use std::ops::Range;

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
const LINE: usize = 16;

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

/// Which rows, and what each is worth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen<'a> {
    pub(crate) rows: &'a LineRows,
    pub(crate) indices: &'a [u32],
    /// How much is wanted of each: `t`.
    pub(crate) wanted: &'a [f32],
    /// How much each counts in the product: `w`.
    pub(crate) extra: &'a [f32],
}

impl<'a> Chosen<'a> {
    /// Returns some of them.
    #[inline(always)]
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        let Self { rows, indices, wanted, extra } = self;
        let wanted: &'a [f32] = &wanted[range.clone()];
        Self { rows, indices: &indices[range.clone()], wanted, extra: &extra[range] }
    }
}

/// What is added up over the chosen rows `y` of a vector `x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sum {
    /// `(t − w (y · x)) y`.
    Residual,
    /// `w (y · x) y`.
    Product,
    /// `t y`.
    Wanted,
}

/// How many rows ahead memory is asked for: enough to hide its latency behind 8 rows of work.
const AHEAD: usize = 8;

/// Adds over the chosen rows into `into`; `asks` where they are not in the cache yet.
#[inline(always)]
pub(crate) fn add<L: Lanes<f32>>(
    chosen: Chosen<'_>,
    (sum, asks): (Sum, bool),
    x: &[f32],
    into: &mut [f32],
) {
    let stride = chosen.rows.stride();
    let (x, into) = (&x[..stride], &mut into[..stride]);
    let sum = Adding { chosen, sum, asks };
    match stride / LINE {
        2 if L::COUNT == LINE => sum.held::<L, 2>(x, into),
        4 if L::COUNT == LINE => sum.held::<L, 4>(x, into),
        8 if L::COUNT == LINE => sum.held::<L, 8>(x, into),
        _ => sum.four_by_four::<L>(x, into),
    }
}

struct Adding<'a> {
    chosen: Chosen<'a>,
    sum: Sum,
    /// Whether memory is asked for rows ahead of time.
    asks: bool,
}

impl Adding<'_> {
    /// What a row is worth whose product with the vector is given.
    #[inline(always)]
    fn factor(&self, wanted: f32, extra: f32, product: f32) -> f32 {
        match self.sum {
            Sum::Residual => wanted - extra * product,
            Sum::Product => extra * product,
            Sum::Wanted => wanted,
        }
    }

    /// One row after the other; vector, sums and row are held in so many registers each, and every
    /// row is loaded once.
    #[inline(always)]
    fn held<L: Lanes<f32>, const REGISTERS: usize>(&self, x: &[f32], into: &mut [f32]) {
        let Chosen { rows, indices, wanted, extra } = self.chosen;
        let vector = loaded::<L, REGISTERS>(x);
        let mut sums = loaded::<L, REGISTERS>(into);
        for (at, ((index, wanted), extra)) in indices.iter().zip(wanted).zip(extra).enumerate() {
            if self.asks
                && let Some(ahead) = indices.get(at + AHEAD)
            {
                prefetch(rows.row(*ahead as usize));
            }
            let row = loaded::<L, REGISTERS>(rows.row(*index as usize));
            let mut products = [L::splat(0.0); 2];
            for (number, (row, vector)) in row.iter().zip(&vector).enumerate() {
                products[number % 2] = row.times_plus(*vector, products[number % 2]);
            }
            let product = products[0].plus(products[1]).total();
            let factor = L::splat(self.factor(*wanted, *extra, product));
            for (sum, row) in sums.iter_mut().zip(&row) {
                *sum = row.times_plus(factor, *sum);
            }
        }
        for (sum, into) in sums.iter().zip(into.chunks_exact_mut(L::COUNT)) {
            sum.store(into);
        }
    }

    /// Four rows at once.
    #[inline(always)]
    fn four_by_four<L: Lanes<f32>>(&self, x: &[f32], into: &mut [f32]) {
        let Chosen { rows, indices, wanted, extra } = self.chosen;
        let (quads, rest) = indices.as_chunks::<4>();
        for (number, quad) in quads.iter().enumerate() {
            let at = number * 4;
            if self.asks
                && let Some(ahead) = indices.get(at + AHEAD..at + AHEAD + 4)
            {
                for row in ahead {
                    prefetch(rows.row(*row as usize));
                }
            }
            let four = [
                rows.row(quad[0] as usize),
                rows.row(quad[1] as usize),
                rows.row(quad[2] as usize),
                rows.row(quad[3] as usize),
            ];
            let products = match self.sum {
                Sum::Wanted => [0.0; 4],
                Sum::Residual | Sum::Product => products::<L, 4>(&four, x),
            };
            let mut factors = [0.0; 4];
            for lane in 0..4 {
                factors[lane] = self.factor(wanted[at + lane], extra[at + lane], products[lane]);
            }
            add_scaled::<L, 4>(&four, factors, into);
        }
        let at = quads.len() * 4;
        for (lane, row) in rest.iter().enumerate() {
            let one = [rows.row(*row as usize)];
            let products = products::<L, 1>(&one, x);
            let factor = self.factor(wanted[at + lane], extra[at + lane], products[0]);
            add_scaled::<L, 1>(&one, [factor], into);
        }
    }
}

/// Returns so many registers from the start of the values.
#[inline(always)]
fn loaded<L: Lanes<f32>, const REGISTERS: usize>(values: &[f32]) -> [L; REGISTERS] {
    assert!(values.len() >= REGISTERS * L::COUNT, "the registers end inside");
    let mut registers = [L::splat(0.0); REGISTERS];
    for (number, register) in registers.iter_mut().enumerate() {
        *register = part::<L>(values, number * L::COUNT);
    }
    registers
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

/// Asks for the lines of a row.
#[inline(always)]
fn prefetch(row: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks_exact(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[expect(unsafe_code, reason = "a hint to the processor")]
        // SAFETY: a hint about an address that is in bounds; it reads nothing.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast::<i8>());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
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

    struct Add<'a>(Chosen<'a>, Sum, &'a [f32], &'a mut [f32]);

    impl Job<f32> for Add<'_> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes<f32>, const ROWS: usize>(self) {
            add::<L>(self.0, (self.1, true), self.2, self.3);
        }
    }

    fn sample(rows: usize, columns: usize) -> LineRows {
        let value = |at: usize| ((at * 37 + 11) % 101) as f32 / 101.0 - 0.5;
        LineRows::from_values(columns, &(0..rows * columns).map(value).collect::<Vec<_>>())
    }

    #[test]
    fn sums_equal_the_plain_ones_at_every_level() {
        for columns in [1, 16, 32, 40, 64, 128] {
            let rows = sample(23, columns);
            let indices: Vec<u32> = vec![3, 0, 22, 7, 7, 19, 1, 2, 4, 21, 11];
            let wanted: Vec<f32> = (0..11).map(|at| 1.0 + at as f32 * 0.5).collect();
            let extra: Vec<f32> = wanted.iter().map(|value| value - 1.0).collect();
            let x = rows.row(5).to_vec();
            for sum in [Sum::Residual, Sum::Product, Sum::Wanted] {
                let mut expected = vec![0.0_f64; columns];
                for (at, row) in indices.iter().enumerate() {
                    let y = rows.row(*row as usize);
                    let product: f64 =
                        y.iter().zip(&x).map(|(y, x)| f64::from(*y) * f64::from(*x)).sum();
                    let product = f64::from(extra[at]) * product;
                    let factor = match sum {
                        Sum::Residual => f64::from(wanted[at]) - product,
                        Sum::Product => product,
                        Sum::Wanted => f64::from(wanted[at]),
                    };
                    for (into, y) in expected.iter_mut().zip(y) {
                        *into += factor * f64::from(*y);
                    }
                }
                for level in Level::available() {
                    let mut into = vec![0.0; rows.stride()];
                    let chosen =
                        Chosen { rows: &rows, indices: &indices, wanted: &wanted, extra: &extra };
                    level.run(Add(chosen, sum, &x, &mut into));
                    for (got, expected) in into.iter().zip(&expected) {
                        assert!((f64::from(*got) - expected).abs() < 1e-4);
                    }
                    assert!(into[columns..].iter().all(|padding| *padding == 0.0));
                }
            }
        }
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
