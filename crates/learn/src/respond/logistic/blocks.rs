//! The part of the Hessian that is factored.
//!
//! Numbers, intercept and the categories of few levels make one block, which is formed and
//! factored; of every other category only the diagonal is kept (its columns never meet in a row, so
//! that is all there is of it beside what ties it to others). When every category fits into the
//! block this is the whole Hessian; else it is the preconditioner of conjugate gradients. Small
//! categories are put together because they tend to determine each other (a city its country, a
//! weekday the weekend), which is what makes the diagonal alone a slow preconditioner: on 52
//! thousand rows of ten categories it took 309 products for six digits, a block of 327 columns 70.

use crate::error::Result;
use crate::linear_algebra::{Cholesky, Gram};
use crate::respond::design::Design;
use crate::respond::logistic::objective::{Objective, Point};

/// The widest block that categories may make together with the numbers: factoring it costs less
/// than a pass over fifty thousand rows.
const BLOCK_COLUMNS_MAX: usize = 512;

/// The place of a one-hot column that is outside the block.
const OUTSIDE: u32 = u32::MAX;

/// Which one-hot columns are in the block.
#[derive(Debug)]
pub(super) struct Selection {
    /// The categorical columns of the table whose one-hot columns are inside.
    fields: Vec<usize>,
    /// For each one-hot column and the slot for none its place in the block, behind numbers and
    /// intercept, or [`OUTSIDE`].
    place: Vec<u32>,
    columns: usize,
}

/// The factored block, and the inverse of the diagonal outside.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    selection: &'a Selection,
    block: Cholesky,
    diagonal_inverse: Vec<f64>,
}

impl Selection {
    /// Selects the smallest categories, as many as fit.
    pub(super) fn of(design: &Design) -> Self {
        let widths = design.widths();
        let mut order: Vec<usize> = (0..widths.len()).collect();
        order.sort_by_key(|field| widths[*field]);
        let mut columns = design.intercept() + 1;
        let mut fields: Vec<usize> = order
            .into_iter()
            .take_while(|field| {
                columns += widths[*field];
                columns <= BLOCK_COLUMNS_MAX
            })
            .collect();
        fields.sort_unstable();
        let mut place = vec![OUTSIDE; design.one_hot_columns() + 1];
        let mut columns = design.intercept() + 1;
        for field in &fields {
            let first: usize = widths[..*field].iter().sum();
            for place in &mut place[first..first + widths[*field]] {
                *place = columns as u32;
                columns += 1;
            }
        }
        Self { fields, place, columns }
    }

    /// Returns whether the block is the whole Hessian.
    pub(super) fn is_all(&self, design: &Design) -> bool {
        self.fields.len() == design.fields()
    }
}

impl<'a> Blocks<'a> {
    /// Forms and factors the block at a point.
    ///
    /// # Errors
    /// [`crate::Error::NoSolution`] when the block is singular to rounding.
    pub(super) fn at(
        objective: &Objective<'_>,
        point: &Point,
        selection: &'a Selection,
    ) -> Result<Self> {
        let design = objective.design;
        let size = selection.columns;
        let length = size * size + design.one_hot_columns() + 1;
        let mut sums = design.blocks(length).sum(length, |range, sums| {
            let (block, diagonal) = sums.split_at_mut(size * size);
            let mut gram = Gram::new(design.intercept() + 1);
            for row in range {
                let weight = point.curvature[row];
                gram.push_with_one(design.numbers(row), weight);
                for place in design.places(row) {
                    diagonal[*place as usize] += weight;
                }
                selection.add_row(design, row, weight, block);
            }
            gram.add_to(block, size);
        });
        let diagonal = sums.split_off(size * size);
        for place in (0..size).filter(|place| *place != design.intercept()) {
            sums[place * size + place] += objective.penalty;
        }
        let inverse = |sum: &f64| 1.0 / (sum + objective.penalty);
        Ok(Self {
            selection,
            block: Cholesky::factor(size, sums)?,
            diagonal_inverse: diagonal.iter().map(inverse).collect(),
        })
    }

    /// Divides a layout by the blocks.
    pub(super) fn solve_in_place(&self, layout: &mut [f64]) {
        let dense = layout.len() - self.diagonal_inverse.len();
        let (numbers, one_hot) = layout.split_at_mut(dense);
        let mut block = vec![0.0; self.selection.columns];
        block[..dense].copy_from_slice(numbers);
        for (value, place) in one_hot.iter().zip(&self.selection.place) {
            if *place != OUTSIDE {
                block[*place as usize] = *value;
            }
        }
        self.block.solve_in_place(&mut block);
        numbers.copy_from_slice(&block[..dense]);
        let outside = one_hot.iter_mut().zip(&self.diagonal_inverse);
        for ((value, inverse), place) in outside.zip(&self.selection.place) {
            *value = if *place == OUTSIDE { *value * inverse } else { block[*place as usize] };
        }
    }
}

impl Selection {
    /// Adds what a row contributes to the lower triangle of the block, save for numbers and
    /// intercept among themselves. In training every category has a place, so none is outside here.
    fn add_row(&self, design: &Design, row: usize, weight: f64, block: &mut [f64]) {
        let (numbers, places) = (design.numbers(row), design.places(row));
        let dense = numbers.len() + 1;
        for (at, field) in self.fields.iter().enumerate() {
            let place = self.place[places[*field] as usize] as usize;
            let line = &mut block[place * self.columns..(place + 1) * self.columns];
            for (sum, number) in line.iter_mut().zip(numbers) {
                *sum += weight * number;
            }
            line[dense - 1] += weight;
            for other in &self.fields[..=at] {
                line[self.place[places[*other] as usize] as usize] += weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::respond::design::Category;

    /// One number and two categories, of 2 and 600 levels: the second does not fit into the block.
    fn check(width: usize, is_all: bool) {
        let rows = 1300;
        let numbers: Vec<f64> = (0..rows).map(|row| f64::from(row % 17) / 5.0 - 1.0).collect();
        let codes: Vec<u32> = (0..rows as u32).map(|row| row % 2).collect();
        let many: Vec<u32> = (0..rows as u32).map(|row| row * 7 % width as u32).collect();
        let none = 2 + width as u32;
        let categories = [
            Category { codes: &many, places: (0..width as u32).chain([none]).collect(), width },
            Category {
                codes: &codes,
                places: vec![width as u32, width as u32 + 1, none],
                width: 2,
            },
        ];
        let design = Design::build(rows as usize, &[(&numbers, 0.0, 1.0)], &categories);
        let labels: Vec<bool> = (0..rows).map(|row| row % 3 == 0).collect();
        let objective = Objective { design: &design, labels: &labels, weights: None, penalty: 0.7 };
        let point = objective.at(vec![0.01; design.layout()]);
        let selection = Selection::of(&design);
        assert_eq!(selection.is_all(&design), is_all);
        let blocks = Blocks::at(&objective, &point, &selection).unwrap();
        // The product of the Hessian with a column of the block, restricted to the block, is
        // undone.
        let inside = |place: usize| place < 2 || selection.place[place - 2] != OUTSIDE;
        for column in (0..design.layout() - 1).filter(|place| is_all || inside(*place)) {
            let mut unit = vec![0.0; design.layout()];
            unit[column] = 1.0;
            let mut product = objective.hessian_times(&point, &unit);
            for (place, value) in product.iter_mut().enumerate() {
                *value = if inside(place) { *value } else { 0.0 };
            }
            blocks.solve_in_place(&mut product);
            for (got, expected) in product.iter().zip(unit) {
                assert!((got - expected).abs() < 1e-9, "column {column}");
            }
        }
    }

    #[test]
    fn the_block_divides_what_the_hessian_multiplies() {
        check(600, false);
    }

    #[test]
    fn with_few_levels_the_block_is_the_hessian() {
        check(30, true);
    }
}
