//! The encoded table: standardised numbers held dense, one-hot columns as places.
//!
//! Coefficients for it stand in one vector (a "layout"): the numeric columns, the intercept, the
//! one-hot columns, and a last slot that is always zero, where categories point that training did
//! not see. All products with the matrix are here; they know no loss and no penalty.

use std::ops::Range;

use rayon::prelude::*;

use crate::linear_algebra::RowBlocks;
use crate::linear_algebra::vector::dot;

/// A numeric column as (values, mean, scale).
type Numbers<'a> = (&'a [f64], f64, f64);

/// A categorical column.
#[derive(Debug)]
pub(crate) struct Category<'a> {
    pub(crate) codes: &'a [u32],
    /// The place of each level among the one-hot columns, and behind the last that of missing.
    pub(crate) places: Vec<u32>,
    /// How many one-hot columns it has; they follow those of the category before.
    pub(crate) width: usize,
}

/// Rows encoded by one task.
const ROWS_PER_TASK: usize = 1024;

/// An encoded table.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    rows: usize,
    numeric_columns: usize,
    fields: usize,
    widths: Vec<usize>,
    one_hot_columns: usize,
    numbers: Vec<f64>,
    places: Vec<u32>,
}

impl Design {
    pub(crate) fn build(rows: usize, numbers: &[Numbers<'_>], categories: &[Category<'_>]) -> Self {
        let numeric_columns = numbers.len();
        let fields = categories.len();
        let mut dense = vec![0.0; rows * numeric_columns];
        let mut places = vec![0u32; rows * fields];
        if numeric_columns > 0 {
            dense
                .par_chunks_mut(ROWS_PER_TASK * numeric_columns)
                .enumerate()
                .for_each(|(block, into)| fill_numbers(into, block * ROWS_PER_TASK, numbers));
        }
        if fields > 0 {
            places
                .par_chunks_mut(ROWS_PER_TASK * fields)
                .enumerate()
                .for_each(|(block, into)| fill_places(into, block * ROWS_PER_TASK, categories));
        }
        let widths: Vec<usize> = categories.iter().map(|category| category.width).collect();
        let one_hot_columns = widths.iter().sum();
        Self { rows, numeric_columns, fields, widths, one_hot_columns, numbers: dense, places }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of numeric columns.
    #[must_use]
    pub fn numeric_columns(&self) -> usize {
        self.numeric_columns
    }

    /// Returns the number of one-hot columns.
    #[must_use]
    pub fn one_hot_columns(&self) -> usize {
        self.one_hot_columns
    }

    /// Returns the number of categorical columns of the table, each of which has one place per row.
    #[must_use]
    pub fn fields(&self) -> usize {
        self.fields
    }

    /// Returns how many one-hot columns each categorical column of the table has, in their order.
    #[must_use]
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// Returns the standardised numbers of a row.
    #[inline]
    #[must_use]
    pub fn numbers(&self, row: usize) -> &[f64] {
        &self.numbers[row * self.numeric_columns..(row + 1) * self.numeric_columns]
    }

    /// Returns the one-hot places of a row, from 0; the number of one-hot columns means none.
    #[inline]
    #[must_use]
    pub fn places(&self, row: usize) -> &[u32] {
        &self.places[row * self.fields..(row + 1) * self.fields]
    }

    /// Returns the length of a layout: numbers, intercept, one-hot columns, and the slot for none.
    pub(crate) fn layout(&self) -> usize {
        self.numeric_columns + 1 + self.one_hot_columns + 1
    }

    /// Returns the place of the intercept in a layout.
    pub(crate) fn intercept(&self) -> usize {
        self.numeric_columns
    }

    /// Returns the cut of the rows for sums that leave `partial_sums` numbers behind per block.
    pub(crate) fn blocks(&self, partial_sums: usize) -> RowBlocks {
        RowBlocks::new(self.rows, partial_sums)
    }

    /// Returns the inner product of a row with a layout.
    #[inline]
    pub(crate) fn row_times(&self, row: usize, layout: &[f64]) -> f64 {
        let (dense, one_hot) = layout.split_at(self.numeric_columns + 1);
        let mut sum = dense[self.numeric_columns];
        if self.numeric_columns > 0 {
            sum += dot(self.numbers(row), dense);
        }
        for place in self.places(row) {
            sum += one_hot[*place as usize];
        }
        sum
    }

    /// Adds `factor` times a row to a layout.
    #[inline]
    pub(crate) fn add_row(&self, row: usize, factor: f64, layout: &mut [f64]) {
        let (dense, one_hot) = layout.split_at_mut(self.numeric_columns + 1);
        for (sum, number) in dense.iter_mut().zip(self.numbers(row)) {
            *sum += factor * number;
        }
        dense[self.numeric_columns] += factor;
        for place in self.places(row) {
            one_hot[*place as usize] += factor;
        }
    }

    /// Returns the product with a layout, one value per row.
    pub(crate) fn times(&self, layout: &[f64]) -> Vec<f64> {
        self.blocks(1)
            .map(|range| range.map(|row| self.row_times(row, layout)).collect::<Vec<f64>>())
            .concat()
    }

    /// Returns the product of the transpose with one value per row, a layout.
    pub(crate) fn transpose_times(&self, values: &[f64]) -> Vec<f64> {
        self.sum(|range, layout| {
            for row in range {
                self.add_row(row, values[row], layout);
            }
        })
    }

    /// Returns the sum over blocks of rows of the layouts that `work` adds into.
    pub(crate) fn sum(&self, work: impl Fn(Range<usize>, &mut [f64]) + Sync) -> Vec<f64> {
        let mut total = self.blocks(self.layout()).sum(self.layout(), work);
        if let Some(none) = total.last_mut() {
            *none = 0.0;
        }
        total
    }
}

fn fill_numbers(into: &mut [f64], first: usize, numbers: &[Numbers<'_>]) {
    let width = numbers.len();
    for (column, (values, mean, scale)) in numbers.iter().enumerate() {
        let into = into.iter_mut().skip(column).step_by(width);
        for (into, value) in into.zip(&values[first..]) {
            *into = if value.is_nan() { 0.0 } else { (value - mean) / scale };
        }
    }
}

fn fill_places(into: &mut [u32], first: usize, categories: &[Category<'_>]) {
    let width = categories.len();
    for (column, category) in categories.iter().enumerate() {
        let missing = category.places.len() - 1;
        let into = into.iter_mut().skip(column).step_by(width);
        for (into, code) in into.zip(&category.codes[first..]) {
            *into = category.places[(*code as usize).min(missing)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Design {
        // Two rows: (2 | second level), (−1 | none).
        let category = Category { codes: &[1, 2], places: vec![0, 1, 2], width: 2 };
        Design::build(2, &[(&[2.0, -1.0], 0.0, 1.0)], &[category])
    }

    #[test]
    fn products_by_hand() {
        let design = small();
        assert_eq!((design.layout(), design.intercept()), (5, 1));
        // Weights: number 10, intercept 1, levels 100 and 1000.
        let layout = [10.0, 1.0, 100.0, 1000.0, 0.0];
        assert_eq!(design.times(&layout), vec![1021.0, -9.0]);
        assert_eq!(design.transpose_times(&[1.0, 3.0]), vec![-1.0, 4.0, 0.0, 1.0, 0.0]);
    }
}
