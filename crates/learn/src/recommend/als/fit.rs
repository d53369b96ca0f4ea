//! Alternating sweeps over users and items, and the loss they lower.

use super::solve::{Dot, Inverse, Scratch, Solver, System, solve_all};
use super::{Objective, Weights};
use crate::error::Result;
use crate::interactions::Interactions;
use crate::linear_algebra::RowBlocks;
use crate::linear_algebra::lanes::Level;
use crate::linear_algebra::lanes::chosen::Chosen;
use crate::linear_algebra::lanes::product;
use crate::linear_algebra::lanes::rows::LineRows;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

/// Rows that one task solves.
const BLOCK_ROWS: usize = super::conjugate::MOST;

/// How the factors of a model are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How many numbers describe a user or an item, ≥ 1.
    pub factors: usize,
    /// Sweeps over all users and all items.
    pub iterations: usize,
    /// What is minimised.
    pub objective: Objective,
    /// How each row is solved.
    pub solver: Solver,
}

/// The factors of both sides.
#[derive(Debug, Clone)]
pub(super) struct Factors {
    pub(super) users: LineRows,
    pub(super) items: LineRows,
}

impl Factors {
    /// Returns small random numbers: for `implicit` as that library does, uniform up to .01; else
    /// normal with deviation .1/√factors (Rendle et al. 2021, section 4.3).
    pub(super) fn random(all: &Interactions, settings: &Settings, seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let deviation = 0.1 / (settings.factors as f64).sqrt();
        let mut draw = || match settings.objective {
            Objective::Implicit { .. } => random.random::<f32>() * 0.01,
            Objective::Weighted { .. } => {
                let (radius, angle) = (1.0 - random.random::<f64>(), random.random::<f64>());
                let normal = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
                (deviation * normal) as f32
            }
        };
        let mut side = |rows: usize| {
            let mut made = LineRows::zeros(rows, settings.factors);
            for row in 0..rows {
                made.row_mut(row)[..settings.factors].fill_with(&mut draw);
            }
            made
        };
        Self { users: side(all.n_users()), items: side(all.n_items()) }
    }

    /// Improves the factors of all users, then of all items, so often.
    ///
    /// # Errors
    /// [`crate::Error::NoSolution`] when a system is not positive definite.
    pub(super) fn improve(&mut self, all: &Interactions, settings: &Settings) -> Result<()> {
        let weights = settings.objective.weights();
        // Rows whose systems are alike stand beside each other, for they are solved together.
        let users = heaviest_first(&Side::new(all, weights).extras);
        let by_item = all.in_order(&users).transposed();
        let items = heaviest_first(&Side::new(&by_item, weights).extras);
        let by_item = by_item.in_order(&items);
        let by_user = by_item.transposed();
        let orders = [users, items];
        let [users, items] = [&by_user, &by_item].map(|rows| Side::new(rows, weights));
        let mut sorted = [self.users.in_order(&orders[0]), self.items.in_order(&orders[1])];
        let [of_users, of_items] = &mut sorted;
        for number in 0..settings.iterations {
            let way = Way::of(number, settings);
            sweep(&users, &items, of_items, of_users, settings, way)?;
            sweep(&items, &users, of_users, of_items, settings, way)?;
        }
        for ((into, sorted), order) in
            [&mut self.users, &mut self.items].into_iter().zip(&sorted).zip(&orders)
        {
            for (at, row) in order.iter().enumerate() {
                into.row_mut(*row as usize).copy_from_slice(sorted.row(at));
            }
        }
        Ok(())
    }
}

/// How rows are moved in a sweep.
#[derive(Debug, Clone, Copy)]
struct Way {
    solver: Solver,
    /// How far a row goes, in lengths of the way to its solution.
    relaxation: f32,
}

/// Rows go beyond their solutions: successive over-relaxation (Golub & Van Loan, section 11.2.7).
/// On the line from where a row stood to where the solver leads it the loss is a parabola with its
/// lowest point there, so below 2 it never rises; and the two sides, each of which holds the other
/// back, get on faster. Of 1.3, 1.5 and 1.7 this one lowers the loss most after few sweeps.
const RELAXATION: f32 = 1.5;

impl Way {
    /// The first sweep comes from random numbers: it goes no further than the solution, and one
    /// step of conjugate gradients more. The last one ends on the solutions.
    fn of(number: usize, settings: &Settings) -> Self {
        let is_first = number == 0;
        let solver = match settings.solver {
            Solver::Conjugate { steps } if is_first => Solver::Conjugate { steps: steps + 1 },
            other => other,
        };
        let is_last = number + 1 == settings.iterations;
        Self { solver, relaxation: if is_first || is_last { 1.0 } else { RELAXATION } }
    }
}

/// Returns the rows, those first whose interactions add most to their system's matrix.
fn heaviest_first(extras: &[f32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..extras.len() as u32).collect();
    order.sort_by(|a, b| extras[*b as usize].total_cmp(&extras[*a as usize]));
    order
}

/// The interactions of one side.
struct Side<'a> {
    rows: &'a Interactions,
    /// What the interactions of each row add to its system's matrix, summed.
    extras: Vec<f32>,
}

impl<'a> Side<'a> {
    fn new(rows: &'a Interactions, weights: Weights) -> Self {
        let extra = |weight: &f32| (weights.alpha * weight).abs() - weights.less;
        let sum = |row: usize| rows.row(row).1.iter().map(extra).sum();
        Self { rows, extras: (0..rows.n_users()).map(sum).collect() }
    }
}

/// Solves every row of `moving` while `fixed` stands still; rows without interactions become zero.
fn sweep(
    own: &Side<'_>,
    other: &Side<'_>,
    fixed: &LineRows,
    moving: &mut LineRows,
    settings: &Settings,
    way: Way,
) -> Result<()> {
    let level = Level::detect();
    let weights = settings.objective.weights();
    let gram = shared_gram(level, fixed, weights.shared);
    let middling = Middling::new(level, own, other, fixed, &gram, settings);
    let stride = moving.stride();
    let solve_block = |memory: &mut Memory, (block, x): (usize, &mut [f32])| {
        let rows = block * BLOCK_ROWS..block * BLOCK_ROWS + x.len() / stride;
        memory.weights.clear();
        for row in rows.clone() {
            memory.weights.load(own.rows.row(row), weights);
        }
        let mut systems = Vec::with_capacity(BLOCK_ROWS);
        let mut first = 0;
        for row in rows {
            let (indices, _) = own.rows.row(row);
            systems.push(System {
                level,
                gram: &gram,
                regularization: settings.objective.regularization(indices.len(), fixed.rows()),
                chosen: memory.weights.chosen(fixed, indices, first),
                inverse: middling.inverse(own.extras[row]),
            });
            first += indices.len();
        }
        memory.before.clear();
        memory.before.extend_from_slice(x);
        solve_all(way.solver, &systems, x, &mut memory.scratch)?;
        for (x, before) in x.iter_mut().zip(&memory.before) {
            *x = before + way.relaxation * (*x - before);
        }
        Ok(())
    };
    moving
        .values_mut()
        .par_chunks_mut(BLOCK_ROWS * stride)
        .enumerate()
        .try_for_each_init(Memory::default, solve_block)
}

/// The inverses of the matrices that rows have on average, for dividing them out of conjugate
/// gradients: `w₀ YᵀY + λ I + e M`, `M` the mean of `y yᵀ` over all interactions and `e` what those
/// of a row add. One for each power of four of `e` that occurs.
struct Middling {
    inverses: Vec<Option<Inverse>>,
}

/// The most powers of four.
const MIDDLING_MOST: usize = 12;

impl Middling {
    fn new(
        level: Level,
        own: &Side<'_>,
        other: &Side<'_>,
        fixed: &LineRows,
        gram: &LineRows,
        settings: &Settings,
    ) -> Self {
        let mut inverses = Vec::new();
        inverses.resize_with(MIDDLING_MOST, || None);
        if !matches!(settings.solver, Solver::Conjugate { .. }) {
            return Self { inverses };
        }
        let total: f32 = other.extras.iter().sum();
        let mean =
            product::weighted_gram(level, fixed, &other.extras, 1.0 / f64::from(total.max(1e-9)));
        let n_rows = own.rows.n_users().max(1);
        let each = total.max(1e-9) / own.rows.len().max(1) as f32;
        let is_plain = own.extras.iter().all(|extra| *extra == 0.0);
        let exact = is_plain && matches!(settings.objective, Objective::Implicit { .. });
        inverses.par_iter_mut().enumerate().for_each(|(power, inverse)| {
            if own.extras.iter().any(|extra| power_of(*extra) == power) {
                let extra = if power == 0 { 0.0 } else { 2.0 * 4_f32.powi(power as i32 - 1) };
                let n = if power == 0 { own.rows.len() / n_rows } else { (extra / each) as usize };
                let held = settings.objective.regularization(n, fixed.rows());
                *inverse = Inverse::of(level, gram, &mean, extra, held, exact);
            }
        });
        Self { inverses }
    }

    fn inverse(&self, extra: f32) -> Option<&Inverse> {
        self.inverses[power_of(extra)].as_ref()
    }
}

/// Returns 0 for what is below 1, else one more than the power of four below it.
fn power_of(extra: f32) -> usize {
    let mut power = 0;
    let mut bound = 1.0;
    while extra >= bound && power + 1 < MIDDLING_MOST {
        power += 1;
        bound *= 4.0;
    }
    power
}

#[derive(Debug, Default)]
struct Memory {
    weights: RowWeights,
    /// Where the rows stood.
    before: Vec<f32>,
    scratch: Scratch,
}

/// What the interactions of rows weigh in their systems, one row after the other.
#[derive(Debug, Default)]
pub(super) struct RowWeights {
    wanted: Vec<f32>,
    extra: Vec<f32>,
}

impl RowWeights {
    pub(super) fn clear(&mut self) {
        self.wanted.clear();
        self.extra.clear();
    }

    /// Adds a row.
    pub(super) fn load(&mut self, (_, weights): (&[u32], &[f32]), how: Weights) {
        for weight in weights {
            let confidence = how.alpha * weight;
            self.wanted.push(confidence.max(0.0));
            self.extra.push(confidence.abs() - how.less);
        }
    }

    /// Returns the row whose interactions are `indices`, the first of them being the `first` of
    /// all.
    pub(super) fn chosen<'a>(
        &'a self,
        rows: &'a LineRows,
        indices: &'a [u32],
        first: usize,
    ) -> Chosen<'a> {
        let own = first..first + indices.len();
        Chosen { rows, indices, wanted: &self.wanted[own.clone()], extra: &self.extra[own] }
    }
}

/// Returns `weight · YᵀY`, shape `(factors, factors)` with padding in both directions.
pub(super) fn shared_gram(level: Level, rows: &LineRows, weight: f32) -> LineRows {
    let stride = rows.stride();
    let mut gram = LineRows::zeros(stride, rows.columns());
    for (into, value) in gram.values_mut().iter_mut().zip(product::gram(level, rows)) {
        *into = weight * value;
    }
    gram
}

/// Returns the loss, divided by the sum of all weights: for `implicit` what that library reports.
pub(super) fn loss(factors: &Factors, by_user: &Interactions, objective: Objective) -> f64 {
    let level = Level::detect();
    let weights = objective.weights();
    let gram = shared_gram(level, &factors.items, weights.shared);
    let n_items = factors.items.rows();
    let parts = RowBlocks::new(by_user.n_users(), 1).map(|range| {
        let mut own = RowWeights::default();
        let (mut loss, mut seen) = (0.0, 0.0);
        for user in range {
            let row = by_user.row(user);
            own.clear();
            own.load(row, weights);
            let x = factors.users.row(user);
            for at in 0..x.len() {
                loss += f64::from(x[at]) * f64::from(level.run(Dot(gram.row(at), x)));
            }
            for (at, item) in row.0.iter().enumerate() {
                let score = f64::from(level.run(Dot(factors.items.row(*item as usize), x)));
                let (wanted, extra) = (f64::from(own.wanted[at]), f64::from(own.extra[at]));
                let whole = extra + f64::from(weights.less);
                // That library counts what is disliked with a constant of its confidence.
                let constant = if weights.less > 0.0 { whole } else { wanted };
                loss += constant + (extra * score - 2.0 * wanted) * score;
                seen += whole;
            }
            loss += f64::from(objective.regularization(row.0.len(), n_items)) * squares(x);
        }
        (loss, seen)
    });
    let mut counts = by_user.item_counts().into_iter();
    let of_item = |item: usize| {
        let n = counts.next().unwrap_or(0) as usize;
        f64::from(objective.regularization(n, by_user.n_users())) * squares(factors.items.row(item))
    };
    let items: f64 = (0..n_items).map(of_item).sum();
    let loss: f64 = parts.iter().map(|part| part.0).sum();
    let seen: f64 = parts.iter().map(|part| part.1).sum();
    let pairs = by_user.n_users() as f64 * n_items as f64;
    let total =
        seen + f64::from(weights.shared) * pairs - f64::from(weights.less) * by_user.len() as f64;
    if total > 0.0 { (loss + items) / total } else { 0.0 }
}

fn squares(row: &[f32]) -> f64 {
    row.iter().map(|value| f64::from(*value).powi(2)).sum()
}
