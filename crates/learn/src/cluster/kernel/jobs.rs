//! The questions that the kernels answer about a set of rows.

use super::super::distance::Metric;
use super::super::points::all_rows;
use super::lanes::{LANES_MAX, Lanes};
use super::term::{Term, with_term};
use super::{Job, Level, Packed, tile, tile_rows};
use crate::matrix::Matrix;

/// The nearest point of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cluster) struct Nearest {
    /// Its sum of terms: the squared distance for Euclidean.
    pub(in crate::cluster) term: f64,
    /// The sum of terms of the second nearest point; infinite when there is one point.
    pub(in crate::cluster) second: f64,
    /// Which point: the first of several equally near.
    pub(in crate::cluster) label: u32,
}

impl Nearest {
    /// What is known before anything was measured.
    pub(in crate::cluster) const NONE: Self =
        Self { term: f64::INFINITY, second: f64::INFINITY, label: 0 };
}

/// Finds the nearest packed point for each of some rows.
pub(in crate::cluster) struct FindNearest<'a> {
    pub(in crate::cluster) metric: Metric,
    pub(in crate::cluster) points: &'a Matrix,
    /// The rows, counted from `first`.
    pub(in crate::cluster) rows: &'a [u32],
    pub(in crate::cluster) first: usize,
    pub(in crate::cluster) packed: &'a Packed,
    /// One answer for each of `rows`.
    pub(in crate::cluster) found: &'a mut [Nearest],
}

impl Job for FindNearest<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize>(mut self) {
        with_term!(self.metric, find_nearest::<L, ROWS>(&mut self));
    }
}

#[inline(always)]
fn find_nearest<L: Lanes, T: Term, const ROWS: usize>(job: &mut FindNearest<'_>) {
    for (rows, found) in job.rows.chunks(ROWS).zip(job.found.chunks_mut(ROWS)) {
        let tile_rows = tile_rows::<ROWS>(job.points, job.first, rows);
        let nearest = nearest_of_tile::<L, T, ROWS>(&tile_rows, job.packed);
        found.copy_from_slice(&nearest[..rows.len()]);
    }
}

/// The best two points of each lane, and which point the best is.
#[derive(Clone, Copy)]
struct LaneBest<L> {
    best: L,
    second: L,
    /// The number of the best point, as a float so that it stays in the same registers: exact to
    /// 2⁵³ points.
    place: L,
}

impl<L: Lanes> LaneBest<L> {
    #[inline(always)]
    fn none() -> Self {
        let infinite = L::splat(f64::INFINITY);
        Self { best: infinite, second: infinite, place: L::splat(0.0) }
    }

    /// Takes one more point a lane. Points come in order, so that `<` leaves the first of equals.
    #[inline(always)]
    fn take(&mut self, sum: L, place: L) {
        let loser = sum.larger(self.best);
        self.place = sum.where_less(self.best, place, self.place);
        self.best = sum.smaller(self.best);
        self.second = self.second.smaller(loser);
    }

    /// Returns the best over all lanes; the first of equals again.
    #[inline(always)]
    fn fold(self) -> Nearest {
        let infinite = L::splat(f64::INFINITY);
        let term = self.best.smallest();
        let at = L::splat(term).where_less(self.best, infinite, self.place).smallest();
        let winner = L::splat(at);
        let not_above = self.place.where_less(winner, self.best, infinite);
        let losers = winner.where_less(self.place, self.best, not_above);
        Nearest { term, second: losers.smaller(self.second).smallest(), label: at as u32 }
    }
}

#[inline(always)]
fn nearest_of_tile<L: Lanes, T: Term, const ROWS: usize>(
    rows: &[&[f64]; ROWS],
    packed: &Packed,
) -> [Nearest; ROWS] {
    let mut best = [LaneBest::<L>::none(); ROWS];
    let mut place = L::load(&NUMBERS);
    let (step, none) = (L::splat(L::COUNT as f64), L::splat(f64::INFINITY));
    for (group, filled) in packed.groups() {
        let sums = tile::<L, T, 2, ROWS>(rows, group);
        // Padding must never win: lanes from `filled` on count as infinitely far.
        let lanes = L::load(&NUMBERS);
        let (left, right) = (L::splat(filled as f64), L::splat(filled as f64 - L::COUNT as f64));
        let next = place.plus(step);
        for (best, sums) in best.iter_mut().zip(&sums) {
            best.take(lanes.where_less(left, sums[0], none), place);
            best.take(lanes.where_less(right, sums[1], none), next);
        }
        place = next.plus(step);
    }
    // A loop, not a closure: closures are compiled for the plain machine.
    let mut nearest = [Nearest::NONE; ROWS];
    for (nearest, best) in nearest.iter_mut().zip(best) {
        *nearest = best.fold();
    }
    nearest
}

const NUMBERS: [f64; LANES_MAX] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];

/// Finds what each row of a block costs when one of the packed points joins those it could choose
/// from: the smaller of its cost so far and its sum of terms. The points are packed with
/// [`Packed::some`].
pub(in crate::cluster) struct LowerCosts<'a> {
    pub(in crate::cluster) metric: Metric,
    pub(in crate::cluster) points: &'a Matrix,
    pub(in crate::cluster) first: usize,
    /// What each row from `first` on costs so far.
    pub(in crate::cluster) costs: &'a [f64],
    pub(in crate::cluster) packed: &'a Packed,
    /// The costs, shape `(rows, slots of the packed points)`.
    pub(in crate::cluster) lowered: &'a mut [f64],
}

impl Job for LowerCosts<'_> {
    /// The sums of the costs of all rows, one for each slot.
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize>(mut self) -> Vec<f64> {
        with_term!(self.metric, lower_costs::<L, ROWS>(&mut self))
    }
}

#[inline(always)]
fn lower_costs<L: Lanes, T: Term, const ROWS: usize>(job: &mut LowerCosts<'_>) -> Vec<f64> {
    let slots = job.packed.slots();
    let mut totals = vec![0.0; slots];
    let numbers = all_rows(job.costs.len());
    for (number, (group, _)) in job.packed.groups().enumerate() {
        let from = number * L::COUNT;
        let mut total = L::splat(0.0);
        for rows in numbers.chunks(ROWS) {
            let tile_rows = tile_rows::<ROWS>(job.points, job.first, rows);
            let sums = tile::<L, T, 1, ROWS>(&tile_rows, group);
            for (row, sums) in rows.iter().zip(&sums) {
                let row = *row as usize;
                let cost = L::splat(job.costs[row]).smaller(sums[0]).larger(L::splat(0.0));
                total = total.plus(cost);
                cost.store(&mut job.lowered[row * slots + from..]);
            }
        }
        total.store(&mut totals[from..]);
    }
    totals
}

/// Adds up the distances of each of some rows to all packed points, and those of each packed point
/// to all of these rows.
pub(in crate::cluster) struct SumDistances<'a> {
    pub(in crate::cluster) metric: Metric,
    pub(in crate::cluster) points: &'a Matrix,
    pub(in crate::cluster) first: usize,
    pub(in crate::cluster) packed: &'a Packed,
    /// One sum for each row from `first` on.
    pub(in crate::cluster) of_rows: &'a mut [f64],
    /// One sum for each slot of the packed points.
    pub(in crate::cluster) of_slots: &'a mut [f64],
}

/// Bytes of packed points that are measured against all rows of a block before the next: half of a
/// small second-level cache.
const BYTES_AT_ONCE: usize = 1 << 18;

impl Job for SumDistances<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize>(mut self) {
        with_term!(self.metric, sum_distances::<L, ROWS>(&mut self));
    }
}

#[inline(always)]
fn sum_distances<L: Lanes, T: Term, const ROWS: usize>(job: &mut SumDistances<'_>) {
    let numbers = all_rows(job.of_rows.len());
    let (lanes, none) = (L::load(&NUMBERS), L::splat(0.0));
    let groups: Vec<(&[f64], usize)> = job.packed.groups().collect();
    let bytes = groups.first().map_or(1, |(group, _)| size_of_val(*group));
    let at_once = (BYTES_AT_ONCE / bytes).max(1);
    let slots = job.of_slots.chunks_mut(at_once * 2 * L::COUNT);
    for (groups, slots) in groups.chunks(at_once).zip(slots) {
        for (rows, totals) in numbers.chunks(ROWS).zip(job.of_rows.chunks_mut(ROWS)) {
            let tile_rows = tile_rows::<ROWS>(job.points, job.first, rows);
            let mut sums = [none; ROWS];
            for ((group, filled), slots) in groups.iter().zip(slots.chunks_mut(2 * L::COUNT)) {
                let tile = tile::<L, T, 2, ROWS>(&tile_rows, group);
                let filled = *filled as f64;
                let (left, right) = (L::splat(filled), L::splat(filled - L::COUNT as f64));
                let (mut near_all, mut far_all) = (L::load(slots), L::load(&slots[L::COUNT..]));
                for (sum, terms) in sums.iter_mut().zip(&tile).take(rows.len()) {
                    let near = lanes.where_less(left, T::distance(terms[0]), none);
                    let far = lanes.where_less(right, T::distance(terms[1]), none);
                    *sum = sum.plus(near.plus(far));
                    near_all = near_all.plus(near);
                    far_all = far_all.plus(far);
                }
                near_all.store(slots);
                far_all.store(&mut slots[L::COUNT..]);
            }
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total += sum.total();
            }
        }
    }
}

/// Measures one row against each row from `first` on.
pub(in crate::cluster) struct MeasureFrom<'a> {
    pub(in crate::cluster) metric: Metric,
    pub(in crate::cluster) points: &'a Matrix,
    pub(in crate::cluster) row: usize,
    pub(in crate::cluster) first: usize,
    /// One sum of terms for each row from `first` on.
    pub(in crate::cluster) terms: &'a mut [f64],
}

impl Job for MeasureFrom<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize>(mut self) {
        with_term!(self.metric, measure_from::<L>(&mut self));
    }
}

#[inline(always)]
fn measure_from<L: Lanes, T: Term>(job: &mut MeasureFrom<'_>) {
    let row = job.points.row(job.row);
    for (place, term) in job.terms.iter_mut().enumerate() {
        *term = pair_terms::<L, T>(row, job.points.row(job.first + place));
    }
}

/// Measures each of some rows against one point of its own.
pub(in crate::cluster) struct MeasureOwn<'a> {
    pub(in crate::cluster) metric: Metric,
    pub(in crate::cluster) points: &'a Matrix,
    /// The rows, counted from `first`.
    pub(in crate::cluster) rows: &'a [u32],
    pub(in crate::cluster) first: usize,
    pub(in crate::cluster) centers: &'a Matrix,
    /// The centre of each row from `first` on.
    pub(in crate::cluster) labels: &'a [u32],
    /// One sum of terms for each of `rows`.
    pub(in crate::cluster) terms: &'a mut [f64],
}

impl Job for MeasureOwn<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize>(mut self) {
        with_term!(self.metric, measure_own::<L>(&mut self));
    }
}

#[inline(always)]
fn measure_own<L: Lanes, T: Term>(job: &mut MeasureOwn<'_>) {
    for (row, term) in job.rows.iter().zip(&mut *job.terms) {
        let row = *row as usize;
        let center = job.centers.row(job.labels[row] as usize);
        *term = pair_terms::<L, T>(job.points.row(job.first + row), center);
    }
}

/// Returns the sum of terms of two rows of equal length.
pub(in crate::cluster) fn pair(level: Level, metric: Metric, left: &[f64], right: &[f64]) -> f64 {
    level.measure(MeasurePair { metric, left, right })
}

struct MeasurePair<'a> {
    metric: Metric,
    left: &'a [f64],
    right: &'a [f64],
}

impl Job for MeasurePair<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes, const ROWS: usize>(self) -> f64 {
        with_term!(self.metric, pair_terms::<L>(self.left, self.right))
    }
}

#[inline(always)]
fn pair_terms<L: Lanes, T: Term>(left: &[f64], right: &[f64]) -> f64 {
    let (left_chunks, right_chunks) = (left.chunks_exact(L::COUNT), right.chunks_exact(L::COUNT));
    let mut sum = T::START;
    for (x, y) in left_chunks.remainder().iter().zip(right_chunks.remainder()) {
        sum = T::add_one(sum, *x, *y);
    }
    let mut sums = L::splat(0.0);
    for (x, y) in left_chunks.zip(right_chunks) {
        sums = T::add(sums, L::load(x), L::load(y));
    }
    for lane in &sums.to_array()[..L::COUNT] {
        sum = T::join(sum, *lane);
    }
    sum
}
