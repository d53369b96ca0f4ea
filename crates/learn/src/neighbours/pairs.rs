//! How many columns any two rows share, each pair counted once.
//!
//! Counting for one row after the other comes to every pair twice. Where the counts of all pairs
//! fit into memory, half of the work is spared.

use rayon::prelude::*;

use crate::interactions::Interactions;

/// Counts of more rows than this are not kept: they would take more than 64 MB.
pub(super) const ROWS_MAX: usize = 5_792;

/// Rows that one task counts for.
const BLOCK_ROWS: usize = 32;

/// The counts of all pairs of rows.
#[derive(Debug)]
pub(super) struct Pairs {
    n_rows: usize,
    /// Row by row, with each row before it: row `i` begins at `i (i − 1) / 2`.
    counts: Vec<u32>,
}

impl Pairs {
    /// Counts for the rows of a matrix; `by_column` is the same matrix transposed.
    pub(super) fn of(matrix: &Interactions, by_column: &Interactions) -> Self {
        let n_rows = matrix.n_users();
        let mut counts = vec![0_u32; begin(n_rows)];
        // How many entries of each column stand before the row: rows come in ascending order.
        let mut before = vec![0_u32; by_column.n_users()];
        let mut blocks = Vec::with_capacity(n_rows.div_ceil(BLOCK_ROWS));
        let mut rest = &mut counts[..];
        for first in (0..n_rows).step_by(BLOCK_ROWS) {
            let rows = first..(first + BLOCK_ROWS).min(n_rows);
            let mut places = Vec::new();
            for row in rows.clone() {
                for column in matrix.row(row).0 {
                    let place = &mut before[*column as usize];
                    places.push(*place);
                    *place += 1;
                }
            }
            let (own, others) = rest.split_at_mut(begin(rows.end) - begin(first));
            rest = others;
            blocks.push((rows, places, own));
        }
        blocks.into_par_iter().for_each(|(rows, places, mut counts)| {
            let mut places = places.into_iter();
            for row in rows {
                let (own, others) = counts.split_at_mut(row);
                counts = others;
                for (column, place) in matrix.row(row).0.iter().zip(&mut places) {
                    for other in &by_column.row(*column as usize).0[..place as usize] {
                        own[*other as usize] += 1;
                    }
                }
            }
        });
        Self { n_rows, counts }
    }

    /// Hands over the counts of each row with all rows, its own 0, and returns what `each` makes of
    /// them, in order.
    pub(super) fn map<S, T, F>(&self, each: F) -> Vec<T>
    where
        S: Default,
        T: Send,
        F: Fn(&mut S, usize, &[u32]) -> T + Sync,
    {
        let firsts: Vec<usize> = (0..self.n_rows).step_by(BLOCK_ROWS).collect();
        let of_block = |(scratch, rows): &mut (S, Vec<u32>), first: &usize| {
            let block = *first..(first + BLOCK_ROWS).min(self.n_rows);
            rows.clear();
            rows.resize(block.len() * self.n_rows, 0);
            for other in 0..self.n_rows {
                let of_other = &self.counts[begin(other)..begin(other + 1)];
                let before = of_other.get(block.start..).unwrap_or_default();
                for (counts, count) in rows.chunks_exact_mut(self.n_rows).zip(before) {
                    counts[other] = *count;
                }
            }
            let mut found = Vec::with_capacity(block.len());
            for (row, counts) in block.zip(rows.chunks_exact_mut(self.n_rows)) {
                counts[..row].copy_from_slice(&self.counts[begin(row)..begin(row + 1)]);
                found.push(each(scratch, row, counts));
            }
            found
        };
        firsts.par_iter().map_init(Default::default, of_block).flatten_iter().collect()
    }
}

/// Returns where the counts of a row begin.
fn begin(row: usize) -> usize {
    row * row.saturating_sub(1) / 2
}
