//! Cuts rows into blocks of a size that depends on the problem alone, never on the threads.

use std::ops::Range;

use rayon::prelude::*;

/// The fewest rows worth a task of their own.
const ROWS_MIN: usize = 4096;

/// The most blocks: enough for the cores of one machine, few enough for the sums they leave behind.
const BLOCKS_MAX: usize = 64;

/// How many numbers the blocks may keep as partial sums at once (64 MiB).
const PARTIAL_SUMS_MAX: usize = 8 << 20;

/// A cut of `rows` rows into consecutive blocks of equal size (the last may be shorter).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowBlocks {
    rows: usize,
    size: usize,
}

impl RowBlocks {
    /// Returns the cut for `rows` rows whose every block leaves `partial_sums` numbers behind.
    #[must_use]
    pub fn new(rows: usize, partial_sums: usize) -> Self {
        Self::with_least(rows, partial_sums, ROWS_MIN)
    }

    /// As [`RowBlocks::new`], for rows so dear that `least` of them are worth a task of their own.
    #[must_use]
    pub fn with_least(rows: usize, partial_sums: usize, least: usize) -> Self {
        let blocks = (PARTIAL_SUMS_MAX / partial_sums.max(1)).clamp(4, BLOCKS_MAX);
        Self { rows, size: rows.div_ceil(blocks).max(least) }
    }

    /// Returns the number of rows in a full block.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the rows of each block, in order.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range<usize>> {
        (0..self.rows)
            .step_by(self.size)
            .map(|start| start..(start + self.size).min(self.rows))
            .collect()
    }

    /// Returns what `work` makes of each block, in block order, the blocks in parallel.
    pub fn map<T: Send>(&self, work: impl Fn(Range<usize>) -> T + Sync + Send) -> Vec<T> {
        self.ranges().into_par_iter().map(&work).collect()
    }

    /// Returns the sum, block by block in order, of the vectors that `work` adds into, each of
    /// `length` numbers and zero at first.
    pub fn sum(&self, length: usize, work: impl Fn(Range<usize>, &mut [f64]) + Sync) -> Vec<f64> {
        let parts = self.map(|range| {
            let mut part = vec![0.0; length];
            work(range, &mut part);
            part
        });
        sum_in_order(parts, length)
    }
}

/// Returns the sum of vectors of `length` numbers, added one after the other.
#[must_use]
pub fn sum_in_order(parts: Vec<Vec<f64>>, length: usize) -> Vec<f64> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_else(|| vec![0.0; length]);
    for part in parts {
        for (total, part) in total.iter_mut().zip(part) {
            *total += part;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_row_once() {
        for rows in [0, 1, 4096, 4097, 1_000_003] {
            let ranges = RowBlocks::new(rows, 10).ranges();
            assert_eq!(ranges.iter().map(Range::len).sum::<usize>(), rows);
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(ranges.len() <= BLOCKS_MAX);
        }
    }

    #[test]
    fn wide_sums_make_few_blocks() {
        assert_eq!(RowBlocks::new(1_000_000, 4_000_000).ranges().len(), 4);
    }

    #[test]
    fn sums_are_added_over_blocks() {
        let sum = RowBlocks::new(10_000, 2).sum(2, |range, part| {
            for row in range {
                part[0] += 1.0;
                part[1] += row as f64;
            }
        });
        assert_eq!(sum, vec![10_000.0, 49_995_000.0]);
    }
}
