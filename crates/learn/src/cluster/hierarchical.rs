//! Agglomerative clustering: every row begins alone, and the two nearest clusters merge until k are
//! left.
//!
//! For small tables, where the tree itself is of interest, or clusters are not round (single
//! linkage). All pairs are measured and kept: 8 · n(n − 1)/2 bytes, 1.6 GB at the limit of
//! [`ROWS_MAX`] rows; time grows with the square of the rows. Merges are found by chains of nearest
//! neighbours (F. Murtagh, *A survey of recent advances in hierarchical clustering algorithms*,
//! 1983) with the update formulas of G. Lance and W. Williams, 1967. Where distances are equal,
//! other programs may merge in another order.

use rayon::prelude::*;

use super::clustering::Clustering;
use super::distance::Metric;
use super::kernel::{Level, MeasureFrom};
use super::points::Rows;
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// The most rows that are taken, for the memory of all their pairs.
pub const ROWS_MAX: usize = 20_000;

/// How far apart two clusters are.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Linkage {
    /// By how much their merger raises the sum of squared distances to the means; Euclidean only.
    #[default]
    Ward,
    /// The mean distance of their rows.
    Average,
    /// The largest distance of their rows.
    Complete,
    /// The smallest distance of their rows.
    Single,
}

impl Linkage {
    /// All linkages, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Ward, Self::Average, Self::Complete, Self::Single];

    /// Returns the name, as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ward => "ward",
            Self::Average => "average",
            Self::Complete => "complete",
            Self::Single => "single",
        }
    }

    /// Returns the linkage of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|linkage| linkage.name() == name)
    }

    /// Returns the one that is usual with a metric: Ward's for Euclidean, the average else.
    #[must_use]
    pub fn usual_for(metric: Metric) -> Self {
        if metric == Metric::Euclidean { Self::Ward } else { Self::Average }
    }

    /// Returns the distance of a third cluster to the merger of two (Lance and Williams), given its
    /// distances to both, theirs, and all sizes. Ward's distances are squared.
    fn joined(self, to: [f64; 2], between: f64, sizes: [f64; 2], third: f64) -> f64 {
        let [left, right] = sizes;
        match self {
            Self::Ward => {
                let sum = (left + third) * to[0] + (right + third) * to[1] - third * between;
                sum / (left + right + third)
            }
            Self::Average => (left * to[0] + right * to[1]) / (left + right),
            Self::Complete => to[0].max(to[1]),
            Self::Single => to[0].min(to[1]),
        }
    }
}

/// The parameters of agglomerative clustering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hierarchical {
    /// The number of clusters at which merging ends, 1 to the number of rows.
    pub k: usize,
    /// The distance of two rows.
    pub metric: Metric,
    /// The distance of two clusters.
    pub linkage: Linkage,
}

impl Hierarchical {
    /// Returns the clustering in which k clusters are left, numbered in order of their first rows;
    /// with the centres and inertia of the metric, and the number of merges as `iterations`.
    ///
    /// # Errors
    /// [`Error::Parameter`] when k is not between 1 and the number of rows; else as [`Tree::grow`].
    pub fn fit(&self, points: &Matrix) -> Result<Clustering> {
        // Before the work, not after it.
        check_k(self.k, points.rows().max(1))?;
        let tree = Tree::grow(points, self.metric, self.linkage)?;
        let labels = tree.cut(self.k)?;
        let clustering = Clustering::from_labels(self.metric, points, labels)?;
        Ok(Clustering { iterations: points.rows() - self.k, ..clustering })
    }
}

fn check_k(k: usize, rows: usize) -> Result<()> {
    if (1..=rows).contains(&k) {
        return Ok(());
    }
    Err(Error::parameter("k", format!("between 1 and the number of rows ({rows})"), k))
}

/// Two clusters become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Merge {
    /// Both clusters, the smaller number first: below n a row, from n on the merge n + i.
    pub clusters: [usize; 2],
    /// Their distance: for Ward's linkage the square root of twice what the merger adds to the
    /// inertia, so that for two rows it is their distance.
    pub height: f64,
    /// How many rows the merger has.
    pub size: usize,
}

/// All merges from single rows to one cluster, from the nearest on.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    rows: usize,
    merges: Vec<Merge>,
}

impl Tree {
    /// Returns the whole tree of merges.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above [`ROWS_MAX`] rows, [`Error::Parameter`] for Ward's linkage with
    /// another metric than Euclidean, [`Error::TooLittle`] without rows or columns, and
    /// [`Error::NotFinite`].
    pub fn grow(points: &Matrix, metric: Metric, linkage: Linkage) -> Result<Self> {
        if points.rows() > ROWS_MAX {
            return Err(Error::TooLarge {
                what: "the number of rows of hierarchical clustering",
                limit: ROWS_MAX,
                got: points.rows(),
            });
        }
        if linkage == Linkage::Ward && metric != Metric::Euclidean {
            return Err(Error::parameter(
                "metric",
                "`euclidean` with linkage `ward`",
                metric.name(),
            ));
        }
        let rows = Rows::new(metric, points)?;
        let steps = chain(Pairs::measure(&rows, metric, linkage), linkage);
        Ok(Self { rows: points.rows(), merges: in_order(steps, points.rows(), linkage) })
    }

    /// Returns all merges, from the nearest on: one fewer than rows.
    #[must_use]
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// Returns the labels of the rows when k clusters are left, numbered in order of first rows.
    ///
    /// # Errors
    /// [`Error::Parameter`] when k is not between 1 and the number of rows.
    pub fn cut(&self, k: usize) -> Result<Vec<u32>> {
        check_k(k, self.rows)?;
        // Walking down from the last merge, each cluster below the cut takes the number of the one
        // that swallowed it.
        let kept = self.rows - k;
        let mut top: Vec<usize> = (0..self.rows + kept).collect();
        for (place, merge) in self.merges[..kept].iter().enumerate().rev() {
            for cluster in merge.clusters {
                top[cluster] = top[self.rows + place];
            }
        }
        let mut numbers = vec![None; top.len()];
        let mut next = 0;
        let number = |cluster: &usize| {
            *numbers[*cluster].get_or_insert_with(|| {
                next += 1;
                next - 1
            })
        };
        Ok(top[..self.rows].iter().map(number).collect())
    }
}

/// The distances of all pairs: those of row 0 to rows 1 to n − 1, then those of row 1, and so on.
pub(super) struct Pairs {
    rows: usize,
    distances: Vec<f64>,
}

impl Pairs {
    /// Measures all pairs; for Ward's linkage squared.
    pub(super) fn measure(points: &Matrix, metric: Metric, linkage: Linkage) -> Self {
        let rows = points.rows();
        let mut distances = vec![0.0; rows * rows.saturating_sub(1) / 2];
        let mut parts = Vec::with_capacity(rows);
        let mut rest = distances.as_mut_slice();
        for row in 0..rows {
            let (part, after) = rest.split_at_mut(rows - row - 1);
            parts.push(part);
            rest = after;
        }
        let level = Level::detect();
        parts.into_par_iter().enumerate().for_each(|(row, terms)| {
            level.measure(MeasureFrom { metric, points, row, first: row + 1, terms: &mut *terms });
            if linkage != Linkage::Ward {
                for term in terms {
                    *term = metric.of_term(*term);
                }
            }
        });
        Self { rows, distances }
    }

    fn place(&self, left: usize, right: usize) -> usize {
        let (low, high) = if left < right { (left, right) } else { (right, left) };
        // Rows before `low` have n − 1, n − 2, … pairs.
        low * (2 * self.rows - low - 1) / 2 + high - low - 1
    }

    pub(super) fn get(&self, left: usize, right: usize) -> f64 {
        self.distances[self.place(left, right)]
    }
}

/// A merge of the clusters in which two rows are, at a height.
pub(super) struct Step {
    pub(super) rows: [usize; 2],
    pub(super) height: f64,
}

/// Returns all merges, not yet in order of height.
///
/// From any cluster on, the nearest neighbour of the nearest neighbour … is ever nearer, until two
/// are each other's nearest: they merge. For these linkages a merger is never nearer to a third
/// than both its parts were, so what is left of the chain stays right.
fn chain(mut pairs: Pairs, linkage: Linkage) -> Vec<Step> {
    let rows = pairs.rows;
    let mut sizes = vec![1.0; rows];
    // The clusters that are left, each under the number of one of its rows, in order.
    let mut left: Vec<usize> = (0..rows).collect();
    let mut chain: Vec<usize> = Vec::new();
    let mut steps = Vec::with_capacity(rows.saturating_sub(1));
    while left.len() > 1 {
        let last = *chain.last().unwrap_or(&left[0]);
        if chain.is_empty() {
            chain.push(last);
        }
        let before = chain.len().checked_sub(2).map(|place| chain[place]);
        let (nearest, height) = nearest_neighbour(&pairs, &left, last, before);
        if before != Some(nearest) {
            chain.push(nearest);
            continue;
        }
        chain.truncate(chain.len() - 2);
        // The merger lives on under the larger number: its distances to later clusters lie
        // together.
        let (gone, stays) = (last.min(nearest), last.max(nearest));
        left.retain(|cluster| *cluster != gone);
        merge(&mut pairs, linkage, &left, &sizes, [gone, stays]);
        sizes[stays] += sizes[gone];
        steps.push(Step { rows: [gone, stays], height });
    }
    steps
}

/// Returns the nearest other cluster and its distance: of equals `before`, so that a chain ends,
/// and else the first.
fn nearest_neighbour(
    pairs: &Pairs,
    left: &[usize],
    of: usize,
    before: Option<usize>,
) -> (usize, f64) {
    let mut nearest = match before {
        Some(before) => (before, pairs.get(of, before)),
        None => (usize::MAX, f64::INFINITY),
    };
    for other in left.iter().copied().filter(|other| *other != of) {
        let distance = pairs.get(of, other);
        if distance < nearest.1 || nearest.0 == usize::MAX {
            nearest = (other, distance);
        }
    }
    nearest
}

fn merge(
    pairs: &mut Pairs,
    linkage: Linkage,
    left: &[usize],
    sizes: &[f64],
    [gone, stays]: [usize; 2],
) {
    let between = pairs.get(gone, stays);
    for other in left.iter().copied().filter(|other| *other != stays) {
        let to = [pairs.get(gone, other), pairs.get(stays, other)];
        let place = pairs.place(stays, other);
        pairs.distances[place] =
            linkage.joined(to, between, [sizes[gone], sizes[stays]], sizes[other]);
    }
}

/// Sorts merges by height, and names clusters by merges instead of by rows.
pub(super) fn in_order(mut steps: Vec<Step>, rows: usize, linkage: Linkage) -> Vec<Merge> {
    steps.sort_by(|left, right| left.height.total_cmp(&right.height));
    let mut parents: Vec<usize> = (0..rows + steps.len()).collect();
    let mut sizes = vec![1; rows + steps.len()];
    let mut merges = Vec::with_capacity(steps.len());
    for (place, step) in steps.iter().enumerate() {
        let mut clusters = step.rows.map(|row| root(&mut parents, row));
        clusters.sort_unstable();
        let size = sizes[clusters[0]] + sizes[clusters[1]];
        for cluster in clusters {
            parents[cluster] = rows + place;
        }
        sizes[rows + place] = size;
        let ward = linkage == Linkage::Ward;
        let height = if ward { step.height.max(0.0).sqrt() } else { step.height };
        merges.push(Merge { clusters, height, size });
    }
    merges
}

/// Returns the cluster that a row is in by now, and shortens the way to it.
fn root(parents: &mut [usize], row: usize) -> usize {
    let mut at = row;
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}
