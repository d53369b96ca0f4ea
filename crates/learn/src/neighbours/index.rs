//! Compares one row with all rows of a matrix through the columns they share.

use super::accumulator::Accumulator;
use super::best::{Best, Scored};
use super::pairs::{Pairs, ROWS_MAX};
use super::similarity::{Cell, Common, CountedProduct, Moments, Product, Settings, Similarity};
use crate::error::Result;
use crate::interactions::Interactions;

/// A comparison that reaches at least this share of all rows adds into a plain vector and reads all
/// of it; below, noting which places were touched is cheaper.
const DENSE_SHARE: usize = 8;

/// Rows that are looked at together.
const BLOCK: usize = 16;

/// A matrix prepared for comparing rows with it: transposed, weighted, with each row's scale.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RowIndex {
    settings: Settings,
    /// Shape `(columns, rows)`: for each column, the rows that have it.
    by_column: Interactions,
    /// What the measure knows of a column: its inverse document frequency, which multiplies the
    /// entries, or its mean, which is taken from them.
    column_values: Vec<f64>,
    /// Each row is multiplied by this at the end; for Jaccard, how many columns it has.
    row_scales: Vec<f64>,
    /// Mean sum of a row, for BM25.
    mean_sum: f64,
    /// Whether the matrix's weights are all equal: its entries then are `column_values`.
    is_flat: bool,
}

/// Which of two rows that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// The one whose neighbours are looked for.
    Asks,
    /// One that may be a neighbour.
    Answers,
}

/// Reusable memory for comparisons; one for each thread.
#[derive(Debug, Default)]
pub struct Scratch {
    products: Accumulator<Product>,
    counted: Accumulator<CountedProduct>,
    common: Accumulator<Common>,
    moments: Accumulator<Moments>,
    best: Best,
    /// The prepared entries of the row that is compared.
    entries: Vec<(u32, f64)>,
}

impl RowIndex {
    /// Prepares `matrix`, whose rows shall be compared.
    ///
    /// # Errors
    /// [`crate::Error::Parameter`] when a setting is outside its range.
    pub fn new(matrix: &Interactions, settings: Settings) -> Result<Self> {
        Self::of_both(matrix, matrix.transposed(), settings)
    }

    /// As [`Self::new`], where `by_column` is the matrix transposed.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn of_both(
        matrix: &Interactions,
        by_column: Interactions,
        settings: Settings,
    ) -> Result<Self> {
        settings.check()?;
        let mut index = Self {
            column_values: column_values(&by_column, settings.similarity),
            by_column,
            settings,
            row_scales: vec![1.0; matrix.n_users()],
            mean_sum: mean_sum(matrix),
            is_flat: false,
        };
        index.prepare_rows(matrix);
        Ok(index)
    }

    fn prepare_rows(&mut self, matrix: &Interactions) {
        let sums: Vec<f64> = (0..matrix.n_users()).map(|row| sum(matrix.row(row).1)).collect();
        for (row, row_sum) in sums.iter().enumerate() {
            let (columns, weights) = matrix.row(row);
            let entries = columns.iter().zip(weights);
            let squares = entries.map(|(c, weight)| self.entry(*c, *weight, *row_sum).powi(2));
            self.row_scales[row] = self.scale(squares.sum::<f64>().sqrt(), Side::Answers);
        }
        match matrix.common_weight() {
            Some(weight) if !self.settings.similarity.is_partial() => {
                self.fold_flat_weight(f64::from(weight), &sums);
            }
            _ => {
                let mut by_column = std::mem::take(&mut self.by_column);
                by_column.reweigh(|column, row, weight| {
                    self.entry(column as u32, weight, sums[row as usize]) as f32
                });
                self.by_column = by_column;
            }
        }
    }

    /// Where all weights are equal, an entry is (factor of its row) × (value of its column): the
    /// factor goes into the row's scale, and the inner loop needs no weights.
    fn fold_flat_weight(&mut self, weight: f64, sums: &[f64]) {
        self.is_flat = true;
        for (scale, sum) in self.row_scales.iter_mut().zip(sums) {
            *scale *= self.settings.similarity.term_weight(weight, *sum / self.mean_sum);
        }
    }

    /// Returns the entry of a row with sum `row_sum` as the measure weighs it.
    fn entry(&self, column: u32, weight: f32, row_sum: f64) -> f64 {
        let column_value = self.column_values[column as usize];
        let weight = f64::from(weight);
        match self.settings.similarity {
            Similarity::Pearson | Similarity::AdjustedCosine => weight - column_value,
            similarity => similarity.term_weight(weight, row_sum / self.mean_sum) * column_value,
        }
    }

    fn scale(&self, length: f64, side: Side) -> f64 {
        match self.settings.similarity {
            Similarity::Jaccard => length * length,
            Similarity::Asymmetric { alpha } if length > 0.0 => {
                let alpha = f64::from(alpha);
                length.powf(-2.0 * if side == Side::Asks { alpha } else { 1.0 - alpha })
            }
            Similarity::Asymmetric { .. } => 0.0,
            Similarity::Cosine | Similarity::TfIdf if length > 0.0 => 1.0 / length,
            Similarity::Cosine | Similarity::TfIdf => 0.0,
            _ => 1.0,
        }
    }

    /// Returns the settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the number of rows that can be neighbours.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.by_column.n_items()
    }

    /// Returns the rows most similar to the given one, best first, `settings.neighbours` at most.
    ///
    /// The row is given by its columns (each once; those the matrix does not know are ignored) and
    /// weights; it need not be one of the matrix. Where it is, `own` keeps it from being its own
    /// neighbour.
    pub fn similar<'a>(
        &self,
        columns: &[u32],
        weights: &[f32],
        own: Option<u32>,
        scratch: &'a mut Scratch,
    ) -> &'a [Scored] {
        let scale = self.load(columns, weights, &mut scratch.entries);
        let Scratch { products, counted, common, moments, best, entries } = scratch;
        best.start(self.settings.neighbours);
        if let Some(entry) = self.only_entry(entries) {
            self.compare(entries, scale * entry, own, common, best);
        } else if self.settings.similarity.is_partial() {
            self.compare(entries, scale, own, moments, best);
        } else if self.settings.counts_common() {
            self.compare(entries, scale, own, counted, best);
        } else {
            self.compare(entries, scale, own, products, best);
        }
        best.finish()
    }

    /// Returns the one entry of a row all of whose entries are equal, where all those of the matrix
    /// are 1: products then are counts, multiplied by it.
    fn only_entry(&self, entries: &[(u32, f64)]) -> Option<f64> {
        let entry = entries.first()?.1;
        let is_alone = entries.iter().all(|(_, other)| *other == entry);
        let may_scale = match self.settings.similarity {
            Similarity::Cosine | Similarity::Asymmetric { .. } => true,
            // Its scale is no factor.
            Similarity::Jaccard => entry == 1.0,
            _ => false,
        };
        (self.is_flat && is_alone && may_scale).then_some(entry)
    }

    /// Returns how many columns any two rows of the matrix share, where that is all that measures
    /// them, and counting it once for each pair is cheaper.
    pub(super) fn pairs(&self, matrix: &Interactions) -> Option<Pairs> {
        let n_rows = self.n_rows();
        let work = || -> usize {
            let columns = 0..self.by_column.n_users();
            columns.map(|column| self.by_column.row(column).0.len().pow(2)).sum()
        };
        let counts_alone = || {
            let mut rows = (0..n_rows).map(|row| matrix.row(row));
            let Some((columns, weights)) = rows.find(|row| !row.0.is_empty()) else { return false };
            let mut entries = Vec::new();
            self.load(columns, weights, &mut entries);
            // Where all weights are equal, one row tells of all.
            self.only_entry(&entries).is_some()
        };
        let is_cheaper =
            n_rows <= ROWS_MAX && counts_alone() && work() >= n_rows * n_rows / DENSE_SHARE;
        is_cheaper.then(|| Pairs::of(matrix, &self.by_column))
    }

    /// As [`Self::similar`] for a row of the matrix, given how many columns it shares with each.
    pub(super) fn similar_by_counts<'a>(
        &self,
        matrix: &Interactions,
        row: usize,
        counts: &[u32],
        scratch: &'a mut Scratch,
    ) -> &'a [Scored] {
        let (columns, weights) = matrix.row(row);
        let scale = self.load(columns, weights, &mut scratch.entries);
        let Scratch { best, entries, .. } = scratch;
        best.start(self.settings.neighbours);
        let Some(entry) = self.only_entry(entries) else { return best.finish() };
        let scale = scale * entry;
        let blocks = counts.chunks(BLOCK).zip(self.row_scales.chunks(BLOCK));
        for (block, (counts, scales)) in blocks.enumerate() {
            // Most blocks hold none of the best: a look that needs no branches says so. Corrections
            // only lower a similarity; the margin is for rounding.
            let least = match self.settings.similarity {
                Similarity::Jaccard => 0.0,
                _ => f64::from(best.floor().max(0.0)) * (1.0 - 1e-6) / scale,
            };
            let may_be = |(count, scale): (&u32, &f64)| f64::from(*count) * scale >= least;
            if !counts.iter().zip(scales).fold(false, |any, pair| any | may_be(pair)) {
                continue;
            }
            for (other, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let other = (block * BLOCK + other) as u32;
                self.offer(other, Common::of(*count), scale, Some(row as u32), best);
            }
        }
        best.finish()
    }

    /// Weighs the entries of a row and returns its scale.
    fn load(&self, columns: &[u32], weights: &[f32], entries: &mut Vec<(u32, f64)>) -> f64 {
        let known = |column: u32| (column as usize) < self.by_column.n_users();
        let row_sum = sum(weights);
        entries.clear();
        for (column, weight) in columns.iter().zip(weights) {
            if known(*column) {
                entries.push((*column, self.entry(*column, *weight, row_sum)));
            }
        }
        let length = entries.iter().map(|(_, entry)| entry * entry).sum::<f64>().sqrt();
        self.scale(length, Side::Asks)
    }

    fn compare<C: Cell>(
        &self,
        entries: &[(u32, f64)],
        scale: f64,
        own: Option<u32>,
        sums: &mut Accumulator<C>,
        best: &mut Best,
    ) {
        sums.reserve(self.n_rows());
        let work: usize =
            entries.iter().map(|(column, _)| self.by_column.row(*column as usize).0.len()).sum();
        if work >= self.n_rows() / DENSE_SHARE {
            let cells = &mut sums.cells_mut()[..self.n_rows()];
            self.add_columns(entries, |row, x, y| cells[row as usize].add(x, y));
            for (row, cell) in cells.iter_mut().enumerate() {
                if !cell.is_empty() {
                    self.offer(row as u32, *cell, scale, own, best);
                    *cell = C::default();
                }
            }
        } else {
            self.add_columns(entries, |row, x, y| sums.touch(row).add(x, y));
            for row in sums.touched() {
                self.offer(*row, sums.get(*row), scale, own, best);
            }
            sums.clear();
        }
    }

    /// Calls `add(row, x, y)` for each common column of the compared row (`x`) and another (`y`).
    #[inline]
    fn add_columns(&self, entries: &[(u32, f64)], mut add: impl FnMut(u32, f64, f64)) {
        for (column, x) in entries {
            let (rows, weights) = self.by_column.row(*column as usize);
            if self.is_flat {
                let y = self.column_values[*column as usize];
                for row in rows {
                    add(*row, *x, y);
                }
            } else {
                for (row, weight) in rows.iter().zip(weights) {
                    add(*row, *x, f64::from(*weight));
                }
            }
        }
    }

    #[inline]
    fn offer<C: Cell>(&self, row: u32, cell: C, scale: f64, own: Option<u32>, best: &mut Best) {
        let both = match self.settings.similarity {
            Similarity::Jaccard => 1.0 / (scale + self.row_scales[row as usize] - cell.product()),
            _ => scale * self.row_scales[row as usize],
        };
        let similarity = cell.similarity(both, &self.settings) as f32;
        if similarity >= self.settings.minimum && similarity != 0.0 && Some(row) != own {
            best.push(row, similarity);
        }
    }
}

fn column_values(by_column: &Interactions, similarity: Similarity) -> Vec<f64> {
    let n_rows = by_column.n_items() as f64;
    let value = |column| {
        let (rows, weights) = by_column.row(column);
        match similarity {
            Similarity::Cosine | Similarity::Asymmetric { .. } | Similarity::Jaccard => 1.0,
            Similarity::TfIdf | Similarity::Bm25 { .. } => {
                (n_rows / (1.0 + rows.len() as f64)).ln()
            }
            Similarity::Pearson => 0.0,
            Similarity::AdjustedCosine if rows.is_empty() => 0.0,
            Similarity::AdjustedCosine => sum(weights) / rows.len() as f64,
        }
    };
    (0..by_column.n_users()).map(value).collect()
}

fn sum(weights: &[f32]) -> f64 {
    weights.iter().map(|weight| f64::from(*weight)).sum()
}

/// Returns the mean sum of a row, and 1 where it would be no divisor.
fn mean_sum(matrix: &Interactions) -> f64 {
    let total: f64 = (0..matrix.n_users()).map(|row| sum(matrix.row(row).1)).sum();
    let mean = total / matrix.n_users() as f64;
    if mean > 0.0 { mean } else { 1.0 }
}
