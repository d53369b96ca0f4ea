//! Lloyd's iterations: every row to its nearest centre, every centre to the middle of its rows.
//!
//! Rows that [`bounds`](super::bounds) prove to stay are not read; of those that move, the
//! difference is added to and taken from the sums of the two clusters. The result is that of the
//! plain algorithm to rounding.

use rayon::prelude::*;

use super::bounds::{Bounds, Movement, Ruler};
use super::centers;
use super::clustering;
use super::distance::Metric;
use super::kernel::{FindNearest, Level, MeasureOwn, Nearest, Packed};
use super::points::{self, BLOCK_ROWS};
use crate::matrix::Matrix;

/// The most parts that rows are cut into: each keeps sums of its own, `k × columns` numbers.
const PARTS_MAX: usize = 128;

/// No cluster yet.
const NONE: u32 = u32::MAX;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    pub(super) iterations_max: usize,
    /// The sum of squared movements of all centres at which they count as standing still.
    pub(super) shift_squared: f64,
}

/// Moves the centres until no row changes its cluster, or as `stop` says; returns them and the
/// number of iterations.
pub(super) fn iterate(
    metric: Metric,
    points: &Matrix,
    initial: Matrix,
    stop: Stop,
) -> (Matrix, usize) {
    let level = Level::detect();
    let ruler = Ruler::new(metric, points.columns());
    let mut state = State::new(metric, points, initial.rows());
    let mut packed = Packed::all(level, &initial);
    let mut centers = initial;
    let mut movement = None;
    for iteration in 1..=stop.iterations_max {
        let pass = Pass { ruler, metric, points, centers: &centers, packed: &packed, movement };
        if !state.assign(&pass) {
            return (centers, iteration);
        }
        let next = state.next_centers(metric, points, &centers);
        packed = Packed::all(level, &next);
        movement = Some(Movement::new(ruler, &centers, &next, &packed));
        let shift = shift_squared(&centers, &next);
        centers = next;
        if shift <= stop.shift_squared {
            return (centers, iteration);
        }
    }
    (centers, stop.iterations_max)
}

fn shift_squared(from: &Matrix, to: &Matrix) -> f64 {
    from.values().iter().zip(to.values()).map(|(from, to)| (from - to).powi(2)).sum()
}

/// What all parts share in one iteration.
struct Pass<'a> {
    ruler: Ruler,
    metric: Metric,
    points: &'a Matrix,
    centers: &'a Matrix,
    packed: &'a Packed,
    /// Nothing in the first iteration.
    movement: Option<Movement>,
}

/// What the iterations know of the rows.
struct State {
    labels: Vec<u32>,
    bounds: Vec<Bounds>,
    /// The sums of the rows of each cluster; empty for centres that are not means.
    sums: Vec<f64>,
    sizes: Vec<i64>,
    /// Which clusters won or lost rows in the last iteration.
    touched: Vec<bool>,
    parts: Vec<Part>,
    rows_per_part: usize,
}

/// What one part of the rows changed, and its scratch.
#[derive(Clone)]
struct Part {
    sums: Vec<f64>,
    sizes: Vec<i64>,
    touched: Vec<bool>,
    changed: bool,
    active: Vec<u32>,
    terms: Vec<f64>,
    found: Vec<Nearest>,
}

impl State {
    fn new(metric: Metric, points: &Matrix, k: usize) -> Self {
        let rows = points.rows();
        let rows_per_part = rows.div_ceil(PARTS_MAX).next_multiple_of(BLOCK_ROWS);
        let has_sums = matches!(metric, Metric::Euclidean | Metric::Cosine);
        let sums = vec![0.0; if has_sums { k * points.columns() } else { 0 }];
        let part = Part {
            sums: sums.clone(),
            sizes: vec![0; k],
            touched: vec![false; k],
            changed: false,
            active: Vec::new(),
            terms: Vec::new(),
            found: Vec::new(),
        };
        Self {
            labels: vec![NONE; rows],
            bounds: vec![Bounds::NONE; rows],
            sums,
            sizes: vec![0; k],
            touched: vec![false; k],
            parts: vec![part; rows.div_ceil(rows_per_part)],
            rows_per_part,
        }
    }

    /// Gives every row to its nearest centre; returns whether any row changed its cluster.
    fn assign(&mut self, pass: &Pass<'_>) -> bool {
        let rows_per_part = self.rows_per_part;
        let labels = self.labels.par_chunks_mut(rows_per_part);
        let bounds = self.bounds.par_chunks_mut(rows_per_part);
        let parts = self.parts.par_iter_mut().zip(labels).zip(bounds).enumerate();
        parts.for_each(|(number, ((part, labels), bounds))| {
            part.reset();
            let blocks = labels.chunks_mut(BLOCK_ROWS).zip(bounds.chunks_mut(BLOCK_ROWS));
            for (block, (labels, bounds)) in blocks.enumerate() {
                let first = number * rows_per_part + block * BLOCK_ROWS;
                part.assign_block(pass, first, labels, bounds);
            }
        });
        self.touched.fill(false);
        for part in self.parts.iter().filter(|part| part.changed) {
            centers::add(&mut self.sums, &part.sums);
            for (cluster, touched) in part.touched.iter().enumerate() {
                self.sizes[cluster] += part.sizes[cluster];
                self.touched[cluster] |= touched;
            }
        }
        self.parts.iter().any(|part| part.changed)
    }

    /// Returns the centres of the rows as they are labelled now.
    fn next_centers(&self, metric: Metric, points: &Matrix, centers: &Matrix) -> Matrix {
        let moves = self.relocations(metric, points, centers);
        if self.sums.is_empty() {
            let mut next = centers::of_labels(metric, points, &self.labels, &self.touched, centers);
            for (row, _, to) in moves {
                next.row_mut(to).copy_from_slice(points.row(row));
            }
            return next;
        }
        let (mut sums, mut sizes) = (self.sums.clone(), self.sizes.clone());
        let columns = points.columns();
        for (row, from, to) in moves {
            let row = points.row(row);
            subtract(&mut sums[from * columns..(from + 1) * columns], row);
            sums[to * columns..(to + 1) * columns].copy_from_slice(row);
            sizes[from] -= 1;
            sizes[to] = 1;
        }
        let mut next = centers.clone();
        for (cluster, sum) in sums.chunks_exact_mut(columns).enumerate() {
            if sizes[cluster] > 0 {
                centers::write_mean(metric, sum, sizes[cluster] as usize);
                next.row_mut(cluster).copy_from_slice(sum);
            }
        }
        next
    }

    /// Returns for each cluster without rows the row that becomes its centre, as (row, from
    /// cluster, to cluster): the rows farthest from their centres, as scikit-learn does. Rows that
    /// lie on their centre, or are alone with it, stay.
    fn relocations(
        &self,
        metric: Metric,
        points: &Matrix,
        centers: &Matrix,
    ) -> Vec<(usize, usize, usize)> {
        let mut sizes = self.sizes.clone();
        let empty: Vec<usize> = (0..sizes.len()).filter(|cluster| sizes[*cluster] == 0).collect();
        if empty.is_empty() {
            return Vec::new();
        }
        let terms = clustering::own_terms(metric, points, centers, &self.labels);
        let mut rows: Vec<usize> = (0..terms.len()).filter(|row| terms[*row] > 0.0).collect();
        rows.sort_by(|left, right| terms[*right].total_cmp(&terms[*left]));
        let mut empty = empty.into_iter();
        let mut moves = Vec::new();
        for row in rows {
            let from = self.labels[row] as usize;
            if sizes[from] > 1 {
                let Some(to) = empty.next() else { break };
                sizes[from] -= 1;
                moves.push((row, from, to));
            }
        }
        moves
    }
}

impl Part {
    fn reset(&mut self) {
        if self.changed {
            self.sums.fill(0.0);
            self.sizes.fill(0);
            self.touched.fill(false);
            self.changed = false;
        }
    }

    fn assign_block(
        &mut self,
        pass: &Pass<'_>,
        first: usize,
        labels: &mut [u32],
        bounds: &mut [Bounds],
    ) {
        match &pass.movement {
            None => self.active = points::all_rows(labels.len()),
            Some(movement) => {
                self.active.clear();
                for (row, (label, bounds)) in labels.iter().zip(&mut *bounds).enumerate() {
                    if !movement.stays(bounds, *label) {
                        self.active.push(row as u32);
                    }
                }
                self.keep_doubtful(pass, movement, first, labels, bounds);
            }
        }
        self.found.resize(self.active.len(), Nearest::NONE);
        let Pass { metric, points, packed, .. } = *pass;
        let (rows, found) = (&self.active, &mut self.found);
        packed.level.measure(FindNearest { metric, points, rows, first, packed, found });
        for at in 0..self.active.len() {
            let (row, found) = (self.active[at] as usize, self.found[at]);
            bounds[row] = Bounds::of(pass.ruler, &found);
            let old = std::mem::replace(&mut labels[row], found.label);
            if old != found.label {
                self.change(points.row(first + row), old, found.label);
            }
        }
    }

    /// Measures the active rows against their own centres, and drops those that are now certain.
    fn keep_doubtful(
        &mut self,
        pass: &Pass<'_>,
        movement: &Movement,
        first: usize,
        labels: &[u32],
        bounds: &mut [Bounds],
    ) {
        self.terms.resize(self.active.len(), 0.0);
        let Pass { metric, points, centers, .. } = *pass;
        let (rows, terms) = (&self.active, &mut self.terms);
        pass.packed.level.measure(MeasureOwn {
            metric,
            points,
            rows,
            first,
            centers,
            labels,
            terms,
        });
        let mut terms = self.terms.iter();
        self.active.retain(|row| {
            let term = terms.next().expect("there is one term for each active row");
            let row = *row as usize;
            !movement.stays_at(&mut bounds[row], labels[row], pass.ruler.above(*term))
        });
    }

    fn change(&mut self, row: &[f64], from: u32, to: u32) {
        self.changed = true;
        for (cluster, sign) in [(from, -1), (to, 1)] {
            if cluster == NONE {
                continue;
            }
            let cluster = cluster as usize;
            self.sizes[cluster] += sign;
            self.touched[cluster] = true;
            if !self.sums.is_empty() {
                let sum = &mut self.sums[cluster * row.len()..(cluster + 1) * row.len()];
                if sign > 0 { centers::add(sum, row) } else { subtract(sum, row) }
            }
        }
    }
}

fn subtract(sum: &mut [f64], row: &[f64]) {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum -= value;
    }
}
