//! k-medoids: k rows stand for all others, whatever distance there is.
//!
//! Swaps of a medoid with another row are made for as long as one lowers the sum of distances; a
//! row is tried against all medoids at once, and the first swap that helps is made. E. Schubert and
//! P. Rousseeuw, *Fast and Eager k-Medoids Clustering*, Information Systems 101 (2021): FasterPAM,
//! started as k-means++ starts.
//!
//! Distances are kept or asked for as the caller likes; with [`KMedoids::fit`] all pairs are kept:
//! 8 · n(n − 1)/2 bytes.

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::clustering::Clustering;
use super::distance::Metric;
use super::hierarchical::{Linkage, Pairs, ROWS_MAX};
use super::points::Rows;
use super::seeding::pick;
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// What a swap must save, of all distances: less is rounding, and could go on for ever.
const LEAST_GAIN: f64 = 1e-12;

/// The parameters of k-medoids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KMedoids {
    /// The number of clusters, 1 to the number of rows. Default 8.
    pub k: usize,
    /// How many starts are tried, at least 1; the best is kept. Default 10.
    pub restarts: usize,
    /// How many times all rows are tried at most, at least 1. Default 100.
    pub iterations_max: usize,
    /// Where chance begins.
    pub seed: u64,
}

impl Default for KMedoids {
    fn default() -> Self {
        Self { k: 8, restarts: 10, iterations_max: 100, seed: 0 }
    }
}

/// Rows that stand for others.
#[derive(Debug, Clone, PartialEq)]
pub struct Medoids {
    /// The row that stands for each cluster.
    pub medoids: Vec<u32>,
    /// The cluster of each row: the nearest medoid, of equals the first.
    pub labels: Vec<u32>,
    /// The sum of the distances of all rows to their medoids: what is minimised.
    pub loss: f64,
    /// How many times all rows were tried.
    pub iterations: usize,
}

impl KMedoids {
    /// Returns the clustering of rows by a metric: its centres are medoids, its inertia is the sum
    /// of distances, not squared.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a parameter outside its range, [`Error::TooLarge`] above 20,000
    /// rows, [`Error::TooLittle`] without rows or columns, and [`Error::NotFinite`].
    pub fn fit(&self, points: &Matrix, metric: Metric) -> Result<Clustering> {
        if points.rows() > ROWS_MAX {
            let (limit, got) = (ROWS_MAX, points.rows());
            return Err(Error::TooLarge { what: "the number of rows of k-medoids", limit, got });
        }
        let rows = Rows::new(metric, points)?;
        self.check(points.rows())?;
        // Any linkage but Ward's wants plain distances.
        let pairs = Pairs::measure(&rows, metric, Linkage::Average);
        let distance = |left: usize, right: usize| {
            if left == right { 0.0 } else { pairs.get(left, right) }
        };
        let found = self.fit_by(points.rows(), distance)?;
        let mut centers = Matrix::zeros(self.k, points.columns());
        let mut sizes = vec![0; self.k];
        for (cluster, medoid) in found.medoids.iter().enumerate() {
            centers.row_mut(cluster).copy_from_slice(rows.row(*medoid as usize));
        }
        for label in &found.labels {
            sizes[*label as usize] += 1;
        }
        let Medoids { labels, loss: inertia, iterations, .. } = found;
        Ok(Clustering { metric, centers, labels, inertia, iterations, sizes })
    }

    /// Returns the medoids of `rows` things under any distance, which must be finite, at least 0,
    /// the same both ways, and 0 from a thing to itself.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a parameter outside its range, and [`Error::NoSolution`] when a
    /// distance is not finite.
    pub fn fit_by(
        &self,
        rows: usize,
        distance: impl Fn(usize, usize) -> f64 + Sync,
    ) -> Result<Medoids> {
        self.check(rows)?;
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed);
        let seeds: Vec<u64> = (0..self.restarts).map(|_| rng.next_u64()).collect();
        let starts: Vec<Medoids> = seeds
            .par_iter()
            .map(|seed| {
                let mut rng = Pcg64Mcg::seed_from_u64(*seed);
                let medoids = self.first(rows, &distance, &mut rng);
                Swaps::new(rows, &distance, medoids).run(self.iterations_max)
            })
            .collect();
        let mut best = None::<Medoids>;
        for start in starts {
            if !start.loss.is_finite() {
                return Err(Error::NoSolution("a distance is not finite".to_owned()));
            }
            if best.as_ref().is_none_or(|best| start.loss < best.loss) {
                best = Some(start);
            }
        }
        best.ok_or_else(|| Error::TooLittle("there is nothing to cluster".to_owned()))
    }

    fn check(&self, rows: usize) -> Result<()> {
        if self.k == 0 || self.k > rows {
            let allowed = format!("between 1 and the number of rows ({rows})");
            return Err(Error::parameter("k", allowed, self.k));
        }
        for (name, value) in [("restarts", self.restarts), ("max-iterations", self.iterations_max)]
        {
            if value == 0 {
                return Err(Error::parameter(name, "≥ 1", value));
            }
        }
        Ok(())
    }

    /// Draws first medoids, each with a probability proportional to its distance to those before;
    /// where all distances are 0 the next rows are taken.
    fn first(
        &self,
        rows: usize,
        distance: &impl Fn(usize, usize) -> f64,
        rng: &mut Pcg64Mcg,
    ) -> Vec<usize> {
        let mut chosen = vec![rng.random_range(0..rows)];
        let mut costs = vec![f64::INFINITY; rows];
        while chosen.len() < self.k {
            let last = chosen[chosen.len() - 1];
            for (row, cost) in costs.iter_mut().enumerate() {
                *cost = cost.min(distance(row, last));
            }
            let mut rest = rng.random::<f64>() * costs.iter().sum::<f64>();
            let drawn = pick(&costs, &mut rest);
            let next = if chosen.contains(&drawn) {
                (0..rows).find(|row| !chosen.contains(row)).unwrap_or(drawn)
            } else {
                drawn
            };
            chosen.push(next);
        }
        chosen
    }
}

/// The nearest and the second nearest medoid of a row.
#[derive(Debug, Clone, Copy)]
struct Near {
    nearest: u32,
    second: u32,
    to_nearest: f64,
    to_second: f64,
}

/// The state of swapping.
struct Swaps<'a, D> {
    distance: &'a D,
    medoids: Vec<usize>,
    is_medoid: Vec<bool>,
    near: Vec<Near>,
    /// By how much the sum of distances rises without each medoid.
    missed: Vec<f64>,
    loss: f64,
}

impl<'a, D: Fn(usize, usize) -> f64> Swaps<'a, D> {
    fn new(rows: usize, distance: &'a D, medoids: Vec<usize>) -> Self {
        let mut is_medoid = vec![false; rows];
        medoids.iter().for_each(|row| is_medoid[*row] = true);
        let near = Vec::with_capacity(rows);
        let (missed, loss) = (Vec::new(), 0.0);
        let mut swaps = Self { distance, medoids, is_medoid, near, missed, loss };
        swaps.near = (0..rows).map(|row| swaps.measured(row)).collect();
        swaps.sum_up();
        swaps
    }

    /// Tries all rows over and over until none helps; each row at most `rounds_max` times.
    fn run(mut self, rounds_max: usize) -> Medoids {
        let rows = self.near.len();
        // The last row that was swapped in: when it comes again, all others were in vain.
        let (mut last, mut tried, mut round) = (None, 0, 1);
        'all: while round <= rounds_max {
            for row in 0..rows {
                if last == Some(row) || tried > rows {
                    break 'all;
                }
                tried += 1;
                if !self.is_medoid[row] && self.swapped(row) {
                    (last, tried) = (Some(row), 0);
                }
            }
            round += 1;
        }
        let labels = self.near.iter().map(|near| near.nearest).collect();
        let medoids = self.medoids.iter().map(|row| *row as u32).collect();
        Medoids { medoids, labels, loss: self.loss, iterations: round.min(rounds_max) }
    }

    /// Makes a row a medoid instead of the one for which that saves most, if it saves anything.
    fn swapped(&mut self, row: usize) -> bool {
        // What is saved by the row itself, and what it costs to lose each medoid then.
        let (mut shared, mut without) = (0.0, self.missed.clone());
        for (other, near) in self.near.iter().enumerate() {
            let to_row = (self.distance)(other, row);
            if to_row < near.to_nearest {
                shared += to_row - near.to_nearest;
                without[near.nearest as usize] += near.to_nearest - near.to_second;
            } else if to_row < near.to_second {
                without[near.nearest as usize] += to_row - near.to_second;
            }
        }
        let mut best = (0, without[0]);
        for (cluster, change) in without.iter().enumerate() {
            if *change < best.1 {
                best = (cluster, *change);
            }
        }
        // With one medoid there is no second: distances to it are infinite, and cancel badly.
        let change = if self.medoids.len() == 1 {
            (0..self.near.len()).map(|other| (self.distance)(other, row)).sum::<f64>() - self.loss
        } else {
            shared + best.1
        };
        if change >= -LEAST_GAIN * self.loss || self.loss == 0.0 {
            return false;
        }
        let gone = best.0;
        self.is_medoid[self.medoids[gone]] = false;
        self.is_medoid[row] = true;
        self.medoids[gone] = row;
        for other in 0..self.near.len() {
            self.near[other] = self.after(other, gone as u32);
        }
        self.sum_up();
        true
    }

    /// Returns the nearest medoids of a row after the medoid of one cluster was replaced.
    fn after(&self, row: usize, changed: u32) -> Near {
        let near = self.near[row];
        if near.nearest == changed || near.second == changed {
            return self.measured(row);
        }
        let to_new = (self.distance)(row, self.medoids[changed as usize]);
        if to_new < near.to_nearest {
            let (second, to_second) = (near.nearest, near.to_nearest);
            Near { nearest: changed, to_nearest: to_new, second, to_second }
        } else if to_new < near.to_second {
            Near { second: changed, to_second: to_new, ..near }
        } else {
            near
        }
    }

    fn measured(&self, row: usize) -> Near {
        let (nothing, far) = (u32::MAX, f64::INFINITY);
        let mut near = Near { nearest: nothing, second: nothing, to_nearest: far, to_second: far };
        for (cluster, medoid) in self.medoids.iter().enumerate() {
            let (cluster, distance) = (cluster as u32, (self.distance)(row, *medoid));
            // A medoid is in its own cluster, even where another lies in the same place.
            if distance < near.to_nearest || *medoid == row || near.nearest == nothing {
                (near.second, near.to_second) = (near.nearest, near.to_nearest);
                (near.nearest, near.to_nearest) = (cluster, distance);
            } else if distance < near.to_second || near.second == nothing {
                (near.second, near.to_second) = (cluster, distance);
            }
        }
        near
    }

    fn sum_up(&mut self) {
        self.missed = vec![0.0; self.medoids.len()];
        self.loss = 0.0;
        for near in &self.near {
            self.loss += near.to_nearest;
            self.missed[near.nearest as usize] += near.to_second - near.to_nearest;
        }
    }
}
