//! Solves for the factors of one row while those of the other side stand still.
//!
//! The system of a row with interactions `k` is `A x = b` with
//! `A = w₀ YᵀY + λ I + Σ extraₖ yₖ yₖᵀ` and `b = Σ wantedₖ yₖ`. Conjugate gradients never make `A`
//! (Takács et al. 2011), Cholesky makes and factors it (Hu et al. 2008), blocks make and factor one
//! diagonal block after the other (Rendle et al. 2021, "iALS++").

use super::super::Parameters;
use super::conjugate::{Conjugate, MOST};
use crate::error::Result;
use crate::linear_algebra::lanes::chosen::{self, Chosen, Sum};
use crate::linear_algebra::lanes::product::{add_normal, factor, inverse, solve};
use crate::linear_algebra::lanes::rows::{self, LineRows};
use crate::linear_algebra::lanes::{Job, Lanes, Level};

/// How the system of a row is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solver {
    /// So many steps of conjugate gradients from where the row stood: the fastest with many
    /// factors.
    Conjugate {
        /// Steps for each row, ≥ 1.
        steps: usize,
    },
    /// Exactly: the best a sweep can do.
    Cholesky,
    /// Exactly for so many factors at a time, the others standing still.
    Blocks {
        /// Factors solved at once, ≥ 1.
        size: usize,
    },
}

impl Solver {
    /// Up to so many factors the exact solution is made by default.
    const EXACT_FACTORS: usize = 32;

    pub(super) fn of(parameters: &Parameters) -> Self {
        let conjugate = Self::Conjugate { steps: parameters.whole("steps") };
        match parameters.word("solver") {
            "conjugate" => conjugate,
            "cholesky" => Self::Cholesky,
            "blocks" => Self::Blocks { size: parameters.whole("block") },
            _ if parameters.whole("factors") <= Self::EXACT_FACTORS => Self::Cholesky,
            _ => conjugate,
        }
    }
}

/// The system of one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct System<'a> {
    pub(super) level: Level,
    /// `w₀ YᵀY`.
    pub(super) gram: &'a LineRows,
    pub(super) regularization: f32,
    pub(super) chosen: Chosen<'a>,
    /// About the inverse of `A`.
    pub(super) inverse: Option<&'a Inverse>,
}

/// The inverse of a matrix that is like those of many rows.
#[derive(Debug)]
pub(super) struct Inverse {
    pub(super) values: LineRows,
    /// Whether it is the inverse of rows whose interactions add nothing to their matrix.
    is_exact: bool,
}

impl Inverse {
    /// Returns the inverse of `gram + λ I + extra · mean`, `None` when it has none.
    pub(super) fn of(
        level: Level,
        gram: &LineRows,
        mean: &[f32],
        extra: f32,
        regularization: f32,
        is_exact: bool,
    ) -> Option<Self> {
        let (size, stride) = (gram.columns(), gram.stride());
        let mut matrix = gram.values().to_vec();
        for (value, mean) in matrix.iter_mut().zip(mean) {
            *value += extra * mean;
        }
        for at in 0..size {
            matrix[at * stride + at] += regularization;
        }
        factor(level, &mut matrix, size, stride).ok()?;
        let values = inverse(level, &matrix, size, stride);
        Some(Self { values, is_exact })
    }
}

/// Memory for solving, one for each thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    vectors: Option<LineRows>,
    matrix: Vec<f32>,
    gathered: Vec<f32>,
    scaled: Vec<f32>,
    predicted: Vec<f32>,
}

/// Rows gathered at once for a normal matrix: with 128 factors a quarter of a megabyte.
const GATHERED: usize = 256;

/// Moves each row of `x` to or towards the solution of its system; without interactions it becomes
/// zero.
///
/// # Errors
/// [`crate::Error::NoSolution`] when a matrix is not positive definite.
pub(super) fn solve_all(
    solver: Solver,
    systems: &[System<'_>],
    x: &mut [f32],
    scratch: &mut Scratch,
) -> Result<()> {
    let Some(first) = systems.first() else { return Ok(()) };
    let (level, stride) = (first.level, first.stride());
    let make = || LineRows::zeros(4 * MOST, first.gram.columns());
    let vectors = scratch.vectors.get_or_insert_with(make).values_mut();
    for (system, x) in systems.iter().zip(x.chunks_exact_mut(stride)) {
        if system.chosen.indices.is_empty() {
            x.fill(0.0);
        }
    }
    match (solver, first.inverse) {
        (Solver::Conjugate { .. }, Some(Inverse { values, is_exact: true })) => {
            for (system, x) in systems.iter().zip(x.chunks_exact_mut(stride)) {
                level.run(Shared { system: *system, inverse: values, x, vectors });
            }
        }
        (Solver::Conjugate { steps }, _) => level.run(Conjugate { systems, steps, x, vectors }),
        (Solver::Cholesky | Solver::Blocks { .. }, _) => {
            let with_some =
                |(system, _): &(&System<'_>, &mut [f32])| !system.chosen.indices.is_empty();
            for (system, x) in systems.iter().zip(x.chunks_exact_mut(stride)).filter(with_some) {
                match solver {
                    Solver::Blocks { size } => system.solve_blocks(size, x, scratch)?,
                    _ => system.solve(x, scratch)?,
                }
            }
        }
    }
    Ok(())
}

impl System<'_> {
    pub(super) fn stride(&self) -> usize {
        self.gram.stride()
    }

    /// Writes the solution into `x`.
    ///
    /// # Errors
    /// [`crate::Error::NoSolution`] when the matrix is not positive definite.
    pub(super) fn solve(&self, x: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        let upper = self.factored(scratch)?;
        x.fill(0.0);
        for (row, wanted) in self.chosen.indices.iter().zip(self.chosen.wanted) {
            let from = self.chosen.rows.row(*row as usize);
            self.level.run(rows::AddOne { factor: *wanted, from, into: x });
        }
        solve(upper, self.gram.columns(), self.stride(), x);
        Ok(())
    }

    /// Returns the Cholesky factor of `A`.
    ///
    /// # Errors
    /// [`crate::Error::NoSolution`] when the matrix is not positive definite.
    pub(super) fn factored<'a>(&self, scratch: &'a mut Scratch) -> Result<&'a [f32]> {
        self.factor_part(0, self.stride(), self.gram.columns(), scratch)?;
        Ok(&scratch.matrix)
    }

    /// Factors the diagonal block of `A` that begins at `first` and has `size` columns that count,
    /// `width` with the padding.
    fn factor_part(
        &self,
        first: usize,
        width: usize,
        size: usize,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Scratch { matrix, gathered, scaled, .. } = scratch;
        matrix.clear();
        for row in first..first + width {
            matrix.extend_from_slice(&self.gram.row(row)[first..first + width]);
        }
        for at in 0..size {
            matrix[at * width + at] += self.regularization;
        }
        let Chosen { rows, indices, extra, .. } = self.chosen;
        for (indices, extra) in indices.chunks(GATHERED).zip(extra.chunks(GATHERED)) {
            gathered.clear();
            scaled.clear();
            for (row, extra) in indices.iter().zip(extra) {
                let row = &rows.row(*row as usize)[first..first + width];
                gathered.extend_from_slice(row);
                scaled.extend(row.iter().map(|value| value * extra));
            }
            add_normal(self.level, gathered, scaled, width, matrix);
        }
        factor(self.level, matrix, size, width)
    }

    fn solve_blocks(&self, size: usize, x: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        let Chosen { rows, indices, wanted, extra } = self.chosen;
        let (columns, stride) = (self.gram.columns(), self.stride());
        let width = size.next_multiple_of(16).min(stride);
        let mut predicted = std::mem::take(&mut scratch.predicted);
        predicted.clear();
        for row in indices {
            predicted.push(self.level.run(Dot(rows.row(*row as usize), x)));
        }
        let mut gradient = vec![0.0_f32; width];
        for first in (0..columns).step_by(width) {
            let width = width.min(stride - first);
            let size = width.min(columns - first);
            let gradient = &mut gradient[..width];
            for (at, value) in gradient.iter_mut().enumerate() {
                *value = self.level.run(Dot(self.gram.row(first + at), x))
                    + self.regularization * x[first + at];
            }
            for (at, row) in indices.iter().enumerate() {
                let factor = extra[at] * predicted[at] - wanted[at];
                let from = &rows.row(*row as usize)[first..first + width];
                self.level.run(rows::AddOne { factor, from, into: gradient });
            }
            self.factor_part(first, width, size, scratch)?;
            solve(&scratch.matrix, size, width, gradient);
            gradient[size..].fill(0.0);
            for (x, step) in x[first..].iter_mut().zip(&*gradient) {
                *x -= step;
            }
            for (predicted, row) in predicted.iter_mut().zip(indices) {
                let row = &rows.row(*row as usize)[first..first + width];
                *predicted -= self.level.run(Dot(row, gradient));
            }
        }
        scratch.predicted = predicted;
        Ok(())
    }
}

/// The inner product of two vectors of a whole number of lines.
pub(super) struct Dot<'a>(pub(super) &'a [f32], pub(super) &'a [f32]);

impl Job<f32> for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) -> f32 {
        rows::dot::<L>(self.0, self.1)
    }
}

/// The solution for a row whose interactions weigh what all pairs weigh: its matrix is the shared
/// one. Multiplied three times, so that what rounding left of the residual goes too.
struct Shared<'a> {
    system: System<'a>,
    inverse: &'a LineRows,
    x: &'a mut [f32],
    vectors: &'a mut [f32],
}

impl Job<f32> for Shared<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        let Shared { system, inverse, x, vectors } = self;
        let stride = system.stride();
        let (residual, rest) = vectors.split_at_mut(stride);
        let (step, rest) = rest.split_at_mut(stride);
        let product = &mut rest[..stride];
        residual.fill(0.0);
        x.fill(0.0);
        chosen::add::<L>(system.chosen, (Sum::Wanted, true), x, residual);
        rows::symmetric_times::<L>(inverse, residual, x);
        // The residual is taken of the right side anew, not of itself: nothing piles up.
        for _ in 0..2 {
            rows::symmetric_times::<L>(system.gram, x, product);
            rows::add_scaled::<L, 1>(&[&*x], [system.regularization], product);
            step.copy_from_slice(residual);
            rows::add_scaled::<L, 1>(&[&*product], [-1.0], step);
            rows::symmetric_times::<L>(inverse, step, product);
            rows::add_scaled::<L, 1>(&[&*product], [1.0], x);
        }
    }
}
