//! How many columns any two rows share, each pair counted once.
//!
//! Counting for one row after the other comes to every pair twice. Where the counts of all pairs
//! fit into memory, half of the work is spared. Of that half most belongs to the few rows with many
//! entries: those are compared as sets of bits, 64 columns at a step.

use std::cmp::Reverse;
use std::ops::Range;

use rayon::prelude::*;

use crate::interactions::Interactions;
use crate::linear_algebra::lanes::{Job, Lanes, Level};

/// Counts of more rows than this are not kept: they would take more than 64 MB.
pub(super) const ROWS_MAX: usize = 5_792;

/// Rows that one task counts for.
const BLOCK_ROWS: usize = 32;

/// Words of a row that are looked at together: those of a block fit into the first cache.
const BLOCK_WORDS: usize = 96;

/// Sets of bits together take no more words than this, 64 MB.
const WORDS_MAX: usize = 8 << 20;

/// As many words are compared in the time that one entry takes to be counted (measured).
const WORDS_AN_ENTRY: usize = 3;

/// The counts of all pairs of rows.
#[derive(Debug)]
pub(super) struct Pairs {
    /// The rows by falling number of entries. A row's place in it is its rank.
    order: Vec<u32>,
    /// Rank by rank, with each rank before it: rank `i` begins at `i (i − 1) / 2`.
    counts: Vec<u32>,
}

impl Pairs {
    /// Counts for the rows of a matrix; `by_column` is the same matrix transposed.
    pub(super) fn of(matrix: &Interactions, by_column: &Interactions) -> Self {
        let mut order: Vec<u32> = (0..matrix.n_users() as u32).collect();
        order.sort_by_key(|row| Reverse(matrix.row(*row as usize).0.len()));
        let columns = Columns::of(matrix, by_column, &order);
        let sets = Sets::of(matrix, &order[..columns.ranks_as_sets()]);
        let mut counts = vec![0_u32; begin(order.len())];
        let mut blocks = Vec::with_capacity(order.len().div_ceil(BLOCK_ROWS));
        let mut rest = &mut counts[..];
        for first in (0..order.len()).step_by(BLOCK_ROWS) {
            let ranks = first..(first + BLOCK_ROWS).min(order.len());
            let (own, others) = rest.split_at_mut(begin(ranks.end) - begin(first));
            rest = others;
            blocks.push((ranks, own));
        }
        let level = Level::detect();
        blocks.into_par_iter().for_each(|(ranks, counts)| {
            if ranks.end <= sets.n_ranks {
                level.run::<f32, _>(Shared { sets: &sets, ranks, counts });
            } else {
                columns.count(matrix, &order, ranks, counts);
            }
        });
        Self { order, counts }
    }

    /// Hands over the counts of each row with all rows, its own 0, and returns what `each` makes of
    /// them, in order of the rows.
    pub(super) fn map<S, T, F>(&self, each: F) -> Vec<T>
    where
        S: Default,
        T: Send,
        F: Fn(&mut S, usize, &[u32]) -> T + Sync,
    {
        let n_rows = self.order.len();
        let firsts: Vec<usize> = (0..n_rows).step_by(BLOCK_ROWS).collect();
        let of_block = |(scratch, rows): &mut (S, Vec<u32>), first: &usize| {
            let block = *first..(first + BLOCK_ROWS).min(n_rows);
            rows.clear();
            rows.resize(block.len() * n_rows, 0);
            for (rank, other) in self.order.iter().enumerate().skip(block.start + 1) {
                let of_other = &self.counts[begin(rank)..begin(rank + 1)];
                for (counts, count) in rows.chunks_exact_mut(n_rows).zip(&of_other[block.start..]) {
                    counts[*other as usize] = *count;
                }
            }
            let mut found = Vec::with_capacity(block.len());
            for (rank, counts) in block.zip(rows.chunks_exact_mut(n_rows)) {
                let before = &self.counts[begin(rank)..begin(rank + 1)];
                for (other, count) in self.order.iter().zip(before) {
                    counts[*other as usize] = *count;
                }
                let row = self.order[rank];
                found.push((row, each(scratch, row as usize, counts)));
            }
            found
        };
        let mut found: Vec<(u32, T)> =
            firsts.par_iter().map_init(Default::default, of_block).flatten_iter().collect();
        found.sort_unstable_by_key(|(row, _)| *row);
        found.into_iter().map(|(_, made)| made).collect()
    }
}

/// The ranks that have each column, ascending.
struct Columns {
    /// Column `c` has `ranks[starts[c]..starts[c + 1]]`.
    starts: Vec<usize>,
    ranks: Vec<u16>,
    /// Rank by rank, for each of its columns: how many ranks that have it come before.
    before: Vec<u16>,
    /// For each rank, where it begins in `before`; and the end.
    begins: Vec<usize>,
}

impl Columns {
    fn of(matrix: &Interactions, by_column: &Interactions, order: &[u32]) -> Self {
        let mut starts = vec![0];
        starts.extend((0..by_column.n_users()).scan(0, |end, column| {
            *end += by_column.row(column).0.len();
            Some(*end)
        }));
        let mut ends = starts.clone();
        let mut ranks = vec![0; matrix.len()];
        let mut before = Vec::with_capacity(matrix.len());
        let mut begins = vec![0];
        for (rank, row) in order.iter().enumerate() {
            for column in matrix.row(*row as usize).0 {
                let column = *column as usize;
                let end = &mut ends[column];
                ranks[*end] = rank as u16;
                before.push((*end - starts[column]) as u16);
                *end += 1;
            }
            begins.push(before.len());
        }
        Self { starts, ranks, before, begins }
    }

    /// Returns how many of the first ranks are compared faster as sets of bits, in whole blocks.
    fn ranks_as_sets(&self) -> usize {
        let n_words = words(self.starts.len() - 1);
        let most = (self.begins.len() - 1).min(WORDS_MAX / n_words.max(1));
        let (mut saved, mut best) = (0, (0, 0));
        for rank in 0..most {
            let own = &self.before[self.begins[rank]..self.begins[rank + 1]];
            let entries: usize = own.iter().map(|before| usize::from(*before)).sum();
            saved += (entries * WORDS_AN_ENTRY) as i64 - (rank * n_words) as i64;
            if saved > best.0 {
                best = (saved, rank + 1);
            }
        }
        best.1 / BLOCK_ROWS * BLOCK_ROWS
    }

    /// Counts for some ranks, column by column.
    fn count(&self, matrix: &Interactions, order: &[u32], ranks: Range<usize>, counts: &mut [u32]) {
        let mut rest = counts;
        for rank in ranks {
            let (own, others) = rest.split_at_mut(rank);
            rest = others;
            let before = &self.before[self.begins[rank]..self.begins[rank + 1]];
            for (column, before) in matrix.row(order[rank] as usize).0.iter().zip(before) {
                let start = self.starts[*column as usize];
                for other in &self.ranks[start..start + usize::from(*before)] {
                    own[usize::from(*other)] += 1;
                }
            }
        }
    }
}

/// The columns of the first ranks, a bit each.
struct Sets {
    n_ranks: usize,
    n_words: usize,
    /// Rank by rank.
    bits: Vec<u64>,
}

impl Sets {
    fn of(matrix: &Interactions, order: &[u32]) -> Self {
        let n_words = words(matrix.n_items());
        let mut bits = vec![0; order.len() * n_words];
        if n_words > 0 {
            bits.par_chunks_exact_mut(n_words).zip(order).for_each(|(set, row)| {
                for column in matrix.row(*row as usize).0 {
                    set[*column as usize / 64] |= 1 << (column % 64);
                }
            });
        }
        Self { n_ranks: order.len(), n_words, bits }
    }

    fn part(&self, rank: usize, words: Range<usize>) -> &[u64] {
        &self.bits[rank * self.n_words..][words]
    }
}

/// Counts for some ranks, all of which are sets.
struct Shared<'a> {
    sets: &'a Sets,
    ranks: Range<usize>,
    counts: &'a mut [u32],
}

impl Job<f32> for Shared<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        let Self { sets, ranks, counts } = self;
        for first in (0..sets.n_words).step_by(BLOCK_WORDS) {
            let words = first..(first + BLOCK_WORDS).min(sets.n_words);
            for other in 0..ranks.end {
                let of_other = sets.part(other, words.clone());
                for rank in ranks.start.max(other + 1)..ranks.end {
                    let mut common = 0;
                    for (one, two) in sets.part(rank, words.clone()).iter().zip(of_other) {
                        common += u64::from((one & two).count_ones());
                    }
                    counts[begin(rank) - begin(ranks.start) + other] += common as u32;
                }
            }
        }
    }
}

/// Returns how many words hold a bit for each column.
fn words(n_columns: usize) -> usize {
    n_columns.div_ceil(64)
}

/// Returns where the counts of a rank begin.
fn begin(rank: usize) -> usize {
    rank * rank.saturating_sub(1) / 2
}
