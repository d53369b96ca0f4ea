//! Conjugate gradients for the factors of several rows at once.
//!
//! What rows share, `w₀ YᵀY + λ I` and the inverse that preconditions, is multiplied with all of
//! them in one pass: a shared matrix of 128 factors has 64 KB, does not fit the first cache beside
//! the rest, and would have to come from the second one seven times a row.

use super::solve::{Inverse, System};
use crate::linear_algebra::lanes::chosen::{self, Sum};
use crate::linear_algebra::lanes::rows;
use crate::linear_algebra::lanes::{Job, Lanes};

/// Steps of conjugate gradients from `x`, preconditioned by the inverse of what the matrices are
/// like (Golub & Van Loan, algorithm 11.5.1). Each row goes its own way and stops when it stands
/// well enough.
pub(super) struct Conjugate<'a> {
    pub(super) systems: &'a [System<'a>],
    pub(super) steps: usize,
    /// One row for each system.
    pub(super) x: &'a mut [f32],
    /// Four for each row that goes with others.
    pub(super) vectors: &'a mut [f32],
}

/// A squared residual below this is none.
const NO_RESIDUAL: f32 = 1e-20;
/// Where the squared residual has fallen to this share, the row stands well enough until the other
/// side moves.
const ENOUGH: f32 = 0.001;

/// The most rows that go together: few, because those of popular items are long.
pub(super) const MOST: usize = 32;

/// Numbers of the other side that the second cache keeps from one step to the next.
pub(super) const CACHED: usize = 1 << 18;

impl Job<f32> for Conjugate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        let Conjugate { systems, steps, x, vectors } = self;
        let Some(stride) = systems.first().map(System::stride) else { return };
        let read = |system: &System<'_>| system.chosen.indices.len() * stride;
        let mut from = 0;
        while from < systems.len() {
            let rest = &systems[from..];
            let long = rest.iter().take(MOST).take_while(|system| read(system) > CACHED).count();
            let mut total = 0;
            let fits = |system: &&System<'_>| {
                total += read(system);
                total <= CACHED
            };
            let short = rest.iter().take(ROWS).take_while(fits).count();
            let some = if long > 0 {
                long
            } else if short == ROWS {
                ROWS
            } else {
                1
            };
            let to = from + some;
            let batch = Batch { systems: &systems[from..to], stride, by_parts: long > 0 };
            batch.solve::<L, ROWS>(steps, &mut x[from * stride..to * stride], vectors);
            from = to;
        }
    }
}

/// Rows that go together; the inverse of the first serves for all, who are like it.
struct Batch<'a> {
    systems: &'a [System<'a>],
    stride: usize,
    /// Whether the other side is gone through part by part, because one row alone reads more of it
    /// than the cache keeps: all rows use a part while it is there.
    by_parts: bool,
}

/// How far a row has come.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    /// The product of residual and preconditioned residual now, and where it is small enough.
    now: f32,
    enough: f32,
    stands: bool,
}

impl Batch<'_> {
    #[inline(always)]
    fn solve<L: Lanes<f32>, const ROWS: usize>(
        &self,
        steps: usize,
        x: &mut [f32],
        vectors: &mut [f32],
    ) {
        let stride = self.stride;
        let length = self.systems.len() * stride;
        let (residual, rest) = vectors.split_at_mut(length);
        let (direction, rest) = rest.split_at_mut(length);
        let (product, rest) = rest.split_at_mut(length);
        let divided = &mut rest[..length];
        let mut ways = [Way::default(); MOST];

        self.times::<L, ROWS>(x, product);
        residual.fill(0.0);
        rows::add_scaled::<L, 1>(&[&*product], [-1.0], residual);
        self.add::<L>(&ways, Sum::Residual, x, residual);
        self.divide::<L, ROWS>(residual, divided);
        direction.copy_from_slice(divided);
        for (at, way) in ways.iter_mut().enumerate().take(self.systems.len()) {
            let own = at * stride..(at + 1) * stride;
            way.now = rows::dot::<L>(&residual[own.clone()], &divided[own]);
            way.stands = way.now.is_nan() || way.now < NO_RESIDUAL;
            way.enough = NO_RESIDUAL.max(ENOUGH * way.now);
        }
        for step in 1..=steps {
            if ways[..self.systems.len()].iter().all(|way| way.stands) {
                return;
            }
            self.times::<L, ROWS>(direction, product);
            self.add::<L>(&ways, Sum::Product, direction, product);
            for (at, way) in ways.iter().enumerate().take(self.systems.len()) {
                if way.stands {
                    continue;
                }
                let own = at * stride..(at + 1) * stride;
                let (direction, product) = (&direction[own.clone()], &product[own.clone()]);
                let length = way.now / rows::dot::<L>(direction, product);
                rows::add_scaled::<L, 1>(&[direction], [length], &mut x[own.clone()]);
                rows::add_scaled::<L, 1>(&[product], [-length], &mut residual[own]);
            }
            if step == steps {
                return;
            }
            self.divide::<L, ROWS>(residual, divided);
            for (at, way) in ways.iter_mut().enumerate().take(self.systems.len()) {
                if way.stands {
                    continue;
                }
                let own = at * stride..(at + 1) * stride;
                let (direction, divided) = (&mut direction[own.clone()], &divided[own.clone()]);
                let new = rows::dot::<L>(&residual[own], divided);
                way.stands = new.is_nan() || new < way.enough;
                turn::<L>(direction, new / way.now, divided);
                way.now = new;
            }
        }
    }

    /// Writes `(w₀ YᵀY + λ I) x` of each row into `into`.
    #[inline(always)]
    fn times<L: Lanes<f32>, const ROWS: usize>(&self, x: &[f32], into: &mut [f32]) {
        let Some(System { gram, .. }) = self.systems.first() else { return };
        rows::symmetric_times_all::<L, ROWS>(gram, x, into);
        for (at, system) in self.systems.iter().enumerate() {
            let own = at * self.stride..(at + 1) * self.stride;
            let into = &mut into[own.clone()];
            rows::add_scaled::<L, 1>(&[&x[own]], [system.regularization], into);
        }
    }

    /// Adds over the interactions of each row that is still on its way.
    #[inline(always)]
    fn add<L: Lanes<f32>>(&self, ways: &[Way; MOST], sum: Sum, x: &[f32], into: &mut [f32]) {
        let part = if self.by_parts { CACHED / self.stride } else { usize::MAX };
        // The first pass brings short rows into the cache, and later ones find them there.
        let asks = self.by_parts || sum == Sum::Residual;
        let mut done = [0; MOST];
        let mut end = part;
        loop {
            let mut is_last = true;
            for (at, system) in self.systems.iter().enumerate() {
                let indices = system.chosen.indices;
                if ways[at].stands || done[at] == indices.len() {
                    continue;
                }
                let more = indices[done[at]..].partition_point(|index| (*index as usize) < end);
                let part_of = system.chosen.part(done[at]..done[at] + more);
                let own = at * self.stride..(at + 1) * self.stride;
                chosen::add::<L>(part_of, (sum, asks), &x[own.clone()], &mut into[own]);
                done[at] += more;
                is_last &= done[at] == indices.len();
            }
            if is_last {
                return;
            }
            end = end.saturating_add(part);
        }
    }

    /// Writes the residuals into `divided`, what the matrices are like divided out.
    #[inline(always)]
    fn divide<L: Lanes<f32>, const ROWS: usize>(&self, residual: &[f32], divided: &mut [f32]) {
        match self.systems.first().and_then(|system| system.inverse) {
            Some(Inverse { values, .. }) => {
                rows::symmetric_times_all::<L, ROWS>(values, residual, divided);
            }
            None => divided.copy_from_slice(residual),
        }
    }
}

/// Makes the direction `keep × direction + divided`.
#[inline(always)]
fn turn<L: Lanes<f32>>(direction: &mut [f32], keep: f32, divided: &[f32]) {
    let keep = L::splat(keep);
    for (direction, divided) in
        direction.chunks_exact_mut(L::COUNT).zip(divided.chunks_exact(L::COUNT))
    {
        L::load(direction).times_plus(keep, L::load(divided)).store(direction);
    }
}
