//! HDBSCAN: clusters of different densities, without a distance to choose.
//!
//! Two rows are as far apart as their distance or the distance to the `neighbours`-th row of
//! either, whichever is more; the tree of single linkage over these distances is cut not at one
//! height but where each branch lives longest. L. McInnes and J. Healy, *Accelerated Hierarchical
//! Density Based Clustering*, 2017; R. Campello, D. Moulavi and J. Sander, 2013. Branches are
//! chosen by excess of mass, and all rows together are never one cluster, as in scikit-learn.
//!
//! All pairs are measured, twice, and none is kept.

use rayon::prelude::*;

use super::density::DensityClustering;
use super::distance::Metric;
use super::hierarchical::{self, Linkage, Merge, Step};
use super::kernel::{Level, MeasureFrom};
use super::points::Rows;
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// The most rows that are taken: about a minute.
pub const HDBSCAN_ROWS: usize = 50_000;

/// A distance of 0 counts as this, so that its inverse can be added up.
const NO_DISTANCE: f64 = 1e-300;

/// Rows that a thread measures at a time when one row is measured against all.
const ROWS_AT_ONCE: usize = 1_024;

/// The parameters of HDBSCAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hdbscan {
    /// The fewest rows that make a cluster, at least 2. Default 5.
    pub rows_min: usize,
    /// How many rows, itself counted, tell how dense it is around a row: 1 to the number of rows.
    /// `None` is as `rows_min`.
    pub neighbours: Option<usize>,
    /// The distance. Default Euclidean.
    pub metric: Metric,
}

impl Default for Hdbscan {
    fn default() -> Self {
        Self { rows_min: 5, neighbours: None, metric: Metric::Euclidean }
    }
}

impl Hdbscan {
    /// Returns the clusters, numbered in order of their first rows, and the noise.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a parameter outside its range, [`Error::TooLarge`] above
    /// [`HDBSCAN_ROWS`] rows, [`Error::TooLittle`] without rows or columns, and
    /// [`Error::NotFinite`].
    pub fn fit(&self, points: &Matrix) -> Result<DensityClustering> {
        let rows = points.rows();
        let neighbours = self.neighbours.unwrap_or(self.rows_min.min(rows.max(1)));
        if self.rows_min < 2 {
            return Err(Error::parameter("min-rows", "≥ 2", self.rows_min));
        }
        if neighbours == 0 || neighbours > rows.max(1) {
            let allowed = format!("between 1 and the number of rows ({rows})");
            return Err(Error::parameter("neighbours", allowed, neighbours));
        }
        if rows > HDBSCAN_ROWS {
            let limit = HDBSCAN_ROWS;
            return Err(Error::TooLarge {
                what: "the number of rows of HDBSCAN",
                limit,
                got: rows,
            });
        }
        let checked = Rows::new(self.metric, points)?;
        let core = core_distances(self.metric, &checked, neighbours);
        let steps = spanning_tree(self.metric, &checked, &core);
        let merges = hierarchical::in_order(steps, rows, Linkage::Single);
        let branches = Branches::new(&merges, rows, self.rows_min);
        Ok(DensityClustering::numbered(&branches.labels()))
    }
}

/// Returns the distance of each row to its `neighbours`-th nearest, itself the first.
fn core_distances(metric: Metric, points: &Matrix, neighbours: usize) -> Vec<f64> {
    let level = Level::detect();
    (0..points.rows())
        .into_par_iter()
        .map_init(
            || vec![0.0; points.rows()],
            |terms, row| {
                level.measure(MeasureFrom { metric, points, row, first: 0, terms: &mut *terms });
                terms[row] = f64::NEG_INFINITY;
                let (_, term, _) = terms.select_nth_unstable_by(neighbours - 1, f64::total_cmp);
                if *term == f64::NEG_INFINITY { 0.0 } else { metric.of_term(*term) }
            },
        )
        .collect()
}

/// Returns the edges of the shortest tree over all rows (R. Prim, 1957); of equals the first row
/// joins first.
fn spanning_tree(metric: Metric, points: &Matrix, core: &[f64]) -> Vec<Step> {
    let (level, rows) = (Level::detect(), points.rows());
    let mut nearest: Vec<(f64, u32)> = vec![(f64::INFINITY, 0); rows];
    let mut terms = vec![0.0; rows];
    let mut steps = Vec::with_capacity(rows.saturating_sub(1));
    let mut joined = vec![false; rows];
    let mut at = 0;
    for _ in 1..rows {
        joined[at] = true;
        let chunks = nearest.par_chunks_mut(ROWS_AT_ONCE).zip(terms.par_chunks_mut(ROWS_AT_ONCE));
        let best: Vec<(f64, usize)> = chunks
            .enumerate()
            .map(|(chunk, (nearest, terms))| {
                let first = chunk * ROWS_AT_ONCE;
                level.measure(MeasureFrom { metric, points, row: at, first, terms: &mut *terms });
                let mut best = (f64::INFINITY, usize::MAX);
                for (place, (nearest, term)) in nearest.iter_mut().zip(terms).enumerate() {
                    let row = first + place;
                    if joined[row] {
                        continue;
                    }
                    let apart = metric.of_term(*term).max(core[at]).max(core[row]);
                    if apart < nearest.0 {
                        *nearest = (apart, at as u32);
                    }
                    if nearest.0 < best.0 || best.1 == usize::MAX {
                        best = (nearest.0, row);
                    }
                }
                best
            })
            .collect();
        let open = best.into_iter().filter(|(_, row)| *row != usize::MAX);
        let first = |left: (f64, usize), right: (f64, usize)| {
            if right.0 < left.0 { right } else { left }
        };
        let Some((height, next)) = open.reduce(first) else { break };
        steps.push(Step { rows: [nearest[next].1 as usize, next], height });
        at = next;
    }
    steps
}

/// A branch of the tree that at no time has fewer rows than a cluster must have.
struct Branch {
    parent: usize,
    /// One over the height at which it leaves its parent.
    born: f64,
    /// How much longer its rows hold together, in one over height, than its parent did.
    mass: f64,
    chosen: bool,
}

/// The tree without branches that are too small; parents come before their children.
struct Branches {
    all: Vec<Branch>,
    /// The branch that each row falls out of.
    of_rows: Vec<usize>,
}

impl Branches {
    fn new(merges: &[Merge], rows: usize, rows_min: usize) -> Self {
        let root = Branch { parent: 0, born: 0.0, mass: 0.0, chosen: false };
        let mut branches = Self { all: vec![root], of_rows: vec![0; rows] };
        // Which branch each merger belongs to, from the top down; none once it fell out.
        let mut of_merges = vec![0; merges.len()];
        let mut fallen: Vec<Option<usize>> = vec![None; merges.len()];
        let size = |cluster: usize| if cluster < rows { 1 } else { merges[cluster - rows].size };
        for (place, merge) in merges.iter().enumerate().rev() {
            let branch = of_merges[place];
            let out = fallen[place];
            let when = 1.0 / merge.height.max(NO_DISTANCE);
            let lives = |cluster: &usize| size(*cluster) >= rows_min && out.is_none();
            let splits = merge.clusters.iter().all(lives);
            for cluster in merge.clusters {
                let (mut into, mut gone) = (branch, out);
                if splits {
                    let held = when - branches.all[branch].born;
                    branches.all[branch].mass += size(cluster) as f64 * held;
                    into = branches.all.len();
                    let (born, mass, chosen) = (when, 0.0, false);
                    branches.all.push(Branch { parent: branch, born, mass, chosen });
                } else if out.is_none() && !lives(&cluster) {
                    let held = when - branches.all[branch].born;
                    branches.all[branch].mass += size(cluster) as f64 * held;
                    gone = Some(branch);
                }
                if cluster < rows {
                    branches.of_rows[cluster] = into;
                } else {
                    of_merges[cluster - rows] = into;
                    fallen[cluster - rows] = gone;
                }
            }
        }
        branches
    }

    /// Chooses the branches whose mass is at least that of all chosen below, and returns the chosen
    /// branch of each row.
    fn labels(mut self) -> Vec<Option<usize>> {
        let mut below = vec![0.0; self.all.len()];
        for place in (1..self.all.len()).rev() {
            self.all[place].chosen = self.all[place].mass >= below[place];
            let parent = self.all[place].parent;
            below[parent] += below[place].max(self.all[place].mass);
        }
        // From the top down: below a chosen branch all belong to it.
        let mut chosen: Vec<Option<usize>> = vec![None; self.all.len()];
        for place in 1..self.all.len() {
            let above = chosen[self.all[place].parent];
            chosen[place] = above.or(self.all[place].chosen.then_some(place));
        }
        self.of_rows.into_iter().map(|branch| chosen[branch]).collect()
    }
}
