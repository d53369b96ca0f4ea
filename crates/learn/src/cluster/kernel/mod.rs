//! Distances of many rows to many points: the inner loops of everything in `cluster`.
//!
//! Points are packed so that a register holds one coordinate of several points; a [`tile`] then
//! measures some rows against one group of points with all sums in registers. No row is copied or
//! transposed, so any subset of rows can be measured at full speed. Squares are of differences,
//! never `x² − 2xy + y²`: nothing cancels, whatever the offset of the data.
//!
//! The loops are written once and compiled three times: for any machine, for AVX2 with FMA, and for
//! AVX-512. [`Level::detect`] picks at run time. Results of one level do not depend on the number
//! of threads; levels differ from each other by rounding.

mod jobs;
mod lanes;
mod term;

#[cfg(test)]
mod tests;

pub(super) use crate::level::Level;
pub(super) use jobs::{
    FindNearest, LowerCosts, MeasureFrom, MeasureOwn, Nearest, SumDistances, pair,
};
pub(super) use lanes::Lanes;
pub(super) use term::Term;

use crate::level::Instructions;
use crate::matrix::Matrix;

impl Level {
    /// Returns how many numbers a register holds.
    fn lanes(self) -> usize {
        match self.instructions() {
            Instructions::Portable => lanes::Two::COUNT,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => <std::arch::x86_64::__m256d as Lanes>::COUNT,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => <std::arch::x86_64::__m512d as Lanes>::COUNT,
        }
    }

    /// Runs a job with the instructions of this level.
    pub(in crate::cluster) fn measure<J: Job>(self, job: J) -> J::Output {
        match self.instructions() {
            Instructions::Portable => job.run::<lanes::Two, 4>(),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "calls a function compiled for AVX2 and FMA")]
            // SAFETY: a level is only ever made of what this machine knows.
            Instructions::Avx2 => unsafe { run_avx2(job) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "calls a function compiled for AVX-512")]
            // SAFETY: a level is only ever made of what this machine knows.
            Instructions::Avx512 => unsafe { run_avx512(job) },
        }
    }
}

/// Work whose inner loops are compiled once for each level.
///
/// `run` must be `#[inline(always)]`, and so must all it calls, and closures must not touch
/// registers: code that is not inlined is compiled for the plain machine.
pub(super) trait Job {
    /// What the work returns.
    type Output;

    /// Does the work, `ROWS` rows against up to two registers of points at once: so many that their
    /// sums fit the registers.
    fn run<L: Lanes, const ROWS: usize>(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<J: Job>(job: J) -> J::Output {
    job.run::<std::arch::x86_64::__m256d, 4>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn run_avx512<J: Job>(job: J) -> J::Output {
    job.run::<std::arch::x86_64::__m512d, 8>()
}

/// Points in groups of a few registers, coordinate by coordinate; the last group is padded.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) level: Level,
    pub(super) count: usize,
    columns: usize,
    width: usize,
    /// `[group][column][point in group]`.
    values: Vec<f64>,
}

impl Packed {
    /// Packs some rows of a matrix in groups of one register: for few points.
    pub(super) fn some(level: Level, points: &Matrix, rows: &[usize]) -> Self {
        Self::new(level, level.lanes(), points, rows.iter().copied())
    }

    /// Packs all rows of a matrix in groups of two registers.
    pub(super) fn all(level: Level, points: &Matrix) -> Self {
        Self::new(level, 2 * level.lanes(), points, 0..points.rows())
    }

    /// Packs some rows of a matrix in groups of two registers.
    pub(super) fn rows(level: Level, points: &Matrix, rows: &[usize]) -> Self {
        Self::new(level, 2 * level.lanes(), points, rows.iter().copied())
    }

    fn new(
        level: Level,
        width: usize,
        points: &Matrix,
        rows: impl ExactSizeIterator<Item = usize>,
    ) -> Self {
        let (columns, count) = (points.columns(), rows.len());
        let mut values = vec![0.0; count.div_ceil(width) * width * columns];
        for (place, row) in rows.enumerate() {
            let first = place / width * width * columns + place % width;
            for (column, value) in points.row(row).iter().enumerate() {
                values[first + column * width] = *value;
            }
        }
        Self { level, count, columns, width, values }
    }

    /// Returns how many points there are with the padding.
    pub(super) fn slots(&self) -> usize {
        self.count.next_multiple_of(self.width)
    }

    /// Returns the groups in order, each as one run of values, with how many points it holds.
    #[inline(always)]
    pub(super) fn groups(&self) -> impl Iterator<Item = (&[f64], usize)> {
        let (width, count) = (self.width, self.count);
        self.values
            .chunks_exact(width * self.columns)
            .enumerate()
            .map(move |(number, group)| (group, width.min(count - number * width)))
    }
}

/// Returns the sums of `ROWS` rows against one group of points, `REGISTERS` a row.
#[inline(always)]
pub(super) fn tile<L: Lanes, T: Term, const REGISTERS: usize, const ROWS: usize>(
    rows: &[&[f64]; ROWS],
    group: &[f64],
) -> [[L; REGISTERS]; ROWS] {
    let mut sums = [[L::splat(T::START); REGISTERS]; ROWS];
    let width = REGISTERS * L::COUNT;
    let columns = group.len() / width;
    assert!(rows.iter().all(|row| row.len() == columns), "rows and points have equal columns");
    for (column, values) in group.chunks_exact(width).enumerate() {
        let mut points = [L::splat(0.0); REGISTERS];
        for (points, values) in points.iter_mut().zip(values.chunks_exact(L::COUNT)) {
            *points = L::load(values);
        }
        for (row, sums) in rows.iter().zip(&mut sums) {
            #[expect(unsafe_code, reason = "a check here keeps the sums out of the registers")]
            // SAFETY: `column` counts the chunks of the group, and every row is as long.
            let x = L::splat(unsafe { *row.get_unchecked(column) });
            for (sum, points) in sums.iter_mut().zip(&points) {
                *sum = T::add(*sum, x, *points);
            }
        }
    }
    sums
}

/// Returns `ROWS` rows for a tile; the last one is repeated when there are fewer.
///
/// `rows` counts from `first`.
#[inline(always)]
pub(super) fn tile_rows<'a, const ROWS: usize>(
    points: &'a Matrix,
    first: usize,
    rows: &[u32],
) -> [&'a [f64]; ROWS] {
    let mut tile: [&[f64]; ROWS] = [&[]; ROWS];
    for (place, slot) in tile.iter_mut().enumerate() {
        *slot = points.row(first + rows[place.min(rows.len() - 1)] as usize);
    }
    tile
}
