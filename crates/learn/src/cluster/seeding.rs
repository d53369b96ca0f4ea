//! First centres: greedy k-means++.
//!
//! Each next centre is drawn among the rows with a probability proportional to what the row adds to
//! the inertia so far, several times over, and the draw that lowers the inertia most is kept. David
//! Arthur and Sergei Vassilvitskii, *k-means++: The Advantages of Careful Seeding*, SODA 2007; the
//! number of draws, 2 + ⌊ln k⌋, as in scikit-learn. For metrics whose inertia is a sum of plain
//! distances the probability is proportional to the distance, not to its square.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::distance::Metric;
use super::kernel::{Level, LowerCosts, Packed};
use super::points::BLOCK_ROWS;
use crate::matrix::Matrix;

/// Returns `k` rows as first centres, shape `(k, columns)`.
pub(super) fn plus_plus(metric: Metric, points: &Matrix, k: usize, rng: &mut Pcg64Mcg) -> Matrix {
    let draws = 2 + (k as f64).ln() as usize;
    let mut chosen = vec![rng.random_range(0..points.rows())];
    let mut costs = Costs::new(metric, points, chosen[0]);
    while chosen.len() < k {
        let drawn: Vec<usize> = (0..draws).map(|_| costs.draw(rng)).collect();
        chosen.push(costs.take_best(points, &drawn));
    }
    let mut centers = Matrix::zeros(k, points.columns());
    for (center, row) in chosen.into_iter().enumerate() {
        centers.row_mut(center).copy_from_slice(points.row(row));
    }
    centers
}

/// What each row adds to the inertia with the centres chosen so far.
struct Costs {
    metric: Metric,
    of_rows: Vec<f64>,
    /// The sums of blocks of rows.
    of_blocks: Vec<f64>,
    /// What each row would add with each of the rows drawn, and padding.
    lowered: Vec<f64>,
}

impl Costs {
    fn new(metric: Metric, points: &Matrix, first: usize) -> Self {
        let rows = points.rows();
        let mut costs = Self {
            metric,
            of_rows: vec![f64::INFINITY; rows],
            of_blocks: vec![0.0; rows.div_ceil(BLOCK_ROWS)],
            lowered: Vec::new(),
        };
        costs.take_best(points, &[first]);
        costs
    }

    /// Returns a row, with a probability proportional to its cost.
    fn draw(&self, rng: &mut Pcg64Mcg) -> usize {
        let mut rest = rng.random::<f64>() * self.of_blocks.iter().sum::<f64>();
        let block = pick(&self.of_blocks, &mut rest);
        let first = block * BLOCK_ROWS;
        let rows = &self.of_rows[first..self.of_rows.len().min(first + BLOCK_ROWS)];
        first + pick(rows, &mut rest)
    }

    /// Makes the best of the drawn rows a centre, and returns it.
    fn take_best(&mut self, points: &Matrix, drawn: &[usize]) -> usize {
        let packed = Packed::some(Level::detect(), points, drawn);
        let slots = packed.slots();
        self.lowered.resize(points.rows() * slots, 0.0);
        let metric = self.metric;
        let blocks = self.lowered.par_chunks_mut(BLOCK_ROWS * slots);
        let of_blocks: Vec<Vec<f64>> = blocks
            .zip(self.of_rows.par_chunks(BLOCK_ROWS))
            .enumerate()
            .map(|(block, (lowered, costs))| {
                let (first, packed) = (block * BLOCK_ROWS, &packed);
                packed.level.measure(LowerCosts { metric, points, first, costs, packed, lowered })
            })
            .collect();
        let total = |draw: usize| of_blocks.iter().map(|costs| costs[draw]).sum::<f64>();
        let mut best = (0, total(0));
        for draw in 1..drawn.len() {
            let total = total(draw);
            if total < best.1 {
                best = (draw, total);
            }
        }
        self.keep(best.0, slots, &of_blocks);
        drawn[best.0]
    }

    fn keep(&mut self, draw: usize, slots: usize, of_blocks: &[Vec<f64>]) {
        let lowered = self.lowered.par_chunks(BLOCK_ROWS * slots);
        self.of_rows.par_chunks_mut(BLOCK_ROWS).zip(lowered).for_each(|(costs, lowered)| {
            for (cost, lowered) in costs.iter_mut().zip(lowered.chunks_exact(slots)) {
                *cost = lowered[draw];
            }
        });
        for (cost, of_block) in self.of_blocks.iter_mut().zip(of_blocks) {
            *cost = of_block[draw];
        }
    }
}

/// Returns the place at which the running sum of the values passes `rest`, and leaves in `rest`
/// what is beyond the values before it. Where rounding leaves no such place, it is the last above
/// zero.
pub(super) fn pick(values: &[f64], rest: &mut f64) -> usize {
    let mut last = 0;
    for (place, value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
        last = place;
        if *rest < *value {
            break;
        }
        *rest -= value;
    }
    last
}
