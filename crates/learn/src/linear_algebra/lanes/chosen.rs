//! Sums over scattered rows of a matrix, without copying them together.
//!
//! Where vector and sum fit the registers beside a row, each row is loaded once. Elsewhere four
//! rows are taken at once: their inner products with one vector share its loads, and what they add
//! to a sum shares the loads and stores of the sum; the rows come from the first-level cache the
//! second time.

use super::Lanes;
use super::rows::{LINE, LineRows, add_scaled, part, products};
use std::ops::Range;

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

#[cfg(test)]
mod tests {
    use super::super::{Job, Level};
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
}
