//! The most similar rows of every row of a matrix.

use super::best::Scored;
use super::index::{RowIndex, Scratch};
use crate::interactions::Interactions;
use rayon::prelude::*;

/// Rows that one task compares: enough to hide the cost of a task, few enough to balance the load.
const BLOCK_ROWS: usize = 32;

/// For each row its neighbours, by ascending index, with their similarities.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Neighbours {
    rows: Interactions,
}

impl Neighbours {
    /// Compares every row of `matrix` with the rows in `index`, which was made of the same matrix.
    ///
    /// Rows are compared in parallel; each is independent of the others, so the result has the same
    /// bits at any number of threads.
    #[must_use]
    pub fn of_all(matrix: &Interactions, index: &RowIndex) -> Self {
        if let Some(pairs) = index.pairs(matrix) {
            let found = pairs.map(|scratch, row, counts| {
                sorted(index.similar_by_counts(matrix, row, counts, scratch))
            });
            return Self { rows: Interactions::from_sorted_rows(index.n_rows(), found) };
        }
        let rows: Vec<u32> = (0..matrix.n_users() as u32).collect();
        let found: Vec<Vec<(u32, f32)>> = rows
            .par_chunks(BLOCK_ROWS)
            .map_init(Scratch::default, |scratch, block| {
                let compare = |row: &u32| of_one(matrix, index, *row, scratch);
                block.iter().map(compare).collect::<Vec<_>>()
            })
            .flatten_iter()
            .collect();
        Self { rows: Interactions::from_sorted_rows(index.n_rows(), found) }
    }

    /// Returns a graph whose rows are given.
    pub(crate) fn from_rows(rows: Interactions) -> Self {
        Self { rows }
    }

    /// Returns all rows as a matrix.
    pub(crate) fn rows(&self) -> &Interactions {
        &self.rows
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.rows.n_users()
    }

    /// Returns the neighbours of `row`, by ascending index, and their similarities.
    #[must_use]
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        self.rows.row(row)
    }

    /// Returns the similarity of `other` to `row`, when it is one of its neighbours.
    #[must_use]
    pub fn similarity(&self, row: u32, other: u32) -> Option<f32> {
        let (others, similarities) = self.rows.row(row as usize);
        others.binary_search(&other).ok().map(|at| similarities[at])
    }

    /// Returns the `n` neighbours most similar to `row`, best first.
    #[must_use]
    pub fn nearest(&self, row: u32, n: usize) -> Vec<Scored> {
        let (others, similarities) = self.rows.row(row as usize);
        let pairs = others.iter().zip(similarities);
        let mut found: Vec<Scored> =
            pairs.map(|(item, score)| Scored { item: *item, score: *score }).collect();
        found.sort_unstable_by(Scored::rank);
        found.truncate(n);
        found
    }

    /// Returns the graph with every arrow turned: row `j` holds the rows that have `j` as
    /// neighbour.
    #[must_use]
    pub fn turned(&self) -> Self {
        Self { rows: self.rows.transposed() }
    }
}

fn of_one(
    matrix: &Interactions,
    index: &RowIndex,
    row: u32,
    scratch: &mut Scratch,
) -> Vec<(u32, f32)> {
    let (columns, weights) = matrix.row(row as usize);
    sorted(index.similar(columns, weights, Some(row), scratch))
}

fn sorted(best: &[Scored]) -> Vec<(u32, f32)> {
    let mut found: Vec<(u32, f32)> = best.iter().map(|one| (one.item, one.score)).collect();
    found.sort_unstable_by_key(|one| one.0);
    found
}
