//! What clusterings by density come to: rows in clusters, and rows in none.

use super::clustering::Clustering;
use super::distance::Metric;
use crate::error::Result;
use crate::matrix::Matrix;

/// Groups of rows of which some belong to none: noise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DensityClustering {
    /// The cluster of each row, 0 to k − 1; none for noise.
    pub labels: Vec<Option<u32>>,
    /// How many clusters there are; 0 is possible.
    pub k: usize,
}

impl DensityClustering {
    /// Numbers clusters in order of their first rows.
    pub(super) fn numbered(clusters: &[Option<usize>]) -> Self {
        let mut numbers = std::collections::BTreeMap::new();
        let mut number = |cluster: &usize| {
            let next = numbers.len() as u32;
            *numbers.entry(*cluster).or_insert(next)
        };
        let labels = clusters.iter().map(|cluster| cluster.as_ref().map(&mut number)).collect();
        Self { labels, k: numbers.len() }
    }

    /// Returns how many rows are noise.
    #[must_use]
    pub fn noise(&self) -> usize {
        self.labels.iter().filter(|label| label.is_none()).count()
    }

    /// Returns the rows that are in clusters, in order, and their clustering with the centres of
    /// the metric; nothing when all rows are noise.
    ///
    /// # Errors
    /// As [`Clustering::from_labels`].
    pub fn clustered(
        &self,
        metric: Metric,
        points: &Matrix,
    ) -> Result<Option<(Matrix, Clustering)>> {
        let mut values = Vec::new();
        let mut labels = Vec::new();
        for (row, label) in self.labels.iter().enumerate() {
            if let Some(label) = label {
                values.extend_from_slice(points.row(row));
                labels.push(*label);
            }
        }
        if labels.is_empty() {
            return Ok(None);
        }
        let rows = Matrix::from_values(labels.len(), points.columns(), values)?;
        let clustering = Clustering::from_labels(metric, &rows, labels)?;
        Ok(Some((rows, clustering)))
    }
}

/// Sets that are joined two at a time.
#[derive(Debug)]
pub(super) struct Sets(Vec<u32>);

impl Sets {
    pub(super) fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    /// Returns the smallest member of the set that a member is in.
    pub(super) fn first(&mut self, member: u32) -> u32 {
        let mut at = member as usize;
        while self.0[at] as usize != at {
            self.0[at] = self.0[self.0[at] as usize];
            at = self.0[at] as usize;
        }
        at as u32
    }

    pub(super) fn join(&mut self, left: u32, right: u32) {
        let (left, right) = (self.first(left), self.first(right));
        self.0[left.max(right) as usize] = left.min(right);
    }
}
