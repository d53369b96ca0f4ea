//! Linear regression: what number, from a table of numbers and categories?
//!
//! Ordinary least squares with an intercept, the textbook's way to predict a click rate, kept as a
//! baseline: its answer for a probability may lie outside 0 to 1. Where columns depend on each
//! other (always, with one-hot categories) the coefficients are those of minimum norm over
//! standardised numbers and one-hot columns, as in scikit-learn's `LinearRegression` behind the
//! same encoding; the predictions do not depend on that choice.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::linear_algebra::lsqr::{self, Operator, Stop};
use crate::linear_algebra::qr::least_squares_of_blocks;
use crate::linear_algebra::vector::dot;
use crate::respond::design::Design;
use crate::respond::encoding::Encoding;
use crate::respond::score::{Explanation, Score};
use crate::respond::table::{Table, Value};

/// Up to here (rows × columns²) the problem is triangulated, about a second's work; beyond, LSQR.
const DIRECT_WORK_MAX: f64 = 4e9;

/// Up to here it is triangulated whatever the number of rows.
const DIRECT_COLUMNS_MAX: usize = 64;

/// How exactly LSQR solves. Coefficients are then good to about eight digits.
const LSQR_TOLERANCE: f64 = 1e-12;

/// A fitted linear regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    score: Score,
    r_squared: f64,
}

/// The centred, weighted problem.
#[derive(Debug)]
struct Problem<'a> {
    design: &'a Design,
    /// The weighted mean of every column, in the design's layout; 0 for the intercept.
    centre: Vec<f64>,
    /// The square root of each row's weight.
    root: Vec<f64>,
    target: &'a [f64],
    target_mean: f64,
}

/// Fits the regression to one target per row and, if given, one weight per row.
///
/// # Errors
/// [`crate::Error::Length`] when target or weights do not match the table,
/// [`crate::Error::NotFinite`] for a target that is not a number, [`crate::Error::TooLittle`] for
/// an empty table, [`crate::Error::NoSolution`] when the iteration for very wide tables does not
/// converge.
pub fn fit(table: &Table<'_>, target: &[f64], weights: Option<&[f64]>) -> Result<Linear> {
    crate::respond::check_target(target, table.rows())?;
    if let Some(weights) = weights {
        crate::respond::check_weights(weights, table.rows())?;
    }
    let encoding = Encoding::learn(table)?;
    let design = encoding.apply(table)?;
    let problem = Problem::new(&design, target, weights);
    let columns = design.layout() - 2;
    let is_direct = columns <= DIRECT_COLUMNS_MAX
        || target.len() as f64 * (columns as f64).powi(2) <= DIRECT_WORK_MAX;
    let mut layout = if is_direct { problem.triangulate() } else { problem.iterate()? };
    layout[design.intercept()] = problem.target_mean - dot(&problem.centre, &layout);
    let r_squared = problem.r_squared(&layout);
    Ok(Linear { score: Score::of_layout(encoding, &design, &layout), r_squared })
}

impl<'a> Problem<'a> {
    fn new(design: &'a Design, target: &'a [f64], weights: Option<&[f64]>) -> Self {
        let weights = weights.map_or_else(|| vec![1.0; target.len()], <[f64]>::to_vec);
        let total: f64 = weights.iter().sum();
        let mut centre = design.transpose_times(&weights);
        centre.iter_mut().for_each(|sum| *sum /= total);
        centre[design.intercept()] = 0.0;
        let target_mean = dot(&weights, target) / total;
        let root = weights.into_iter().map(f64::sqrt).collect();
        Self { design, centre, root, target, target_mean }
    }

    fn centred_target(&self, row: usize) -> f64 {
        self.root[row] * (self.target[row] - self.target_mean)
    }

    fn triangulate(&self) -> Vec<f64> {
        let (numbers, one_hot) = (self.design.numeric_columns(), self.design.one_hot_columns());
        let columns = numbers + one_hot;
        let (dense_centre, one_hot_centre) = self.centre.split_at(numbers + 1);
        let result = least_squares_of_blocks(self.design.rows(), columns, |range, panel| {
            let height = range.len();
            for (at, row) in range.enumerate() {
                let root = self.root[row];
                for (column, number) in self.design.numbers(row).iter().enumerate() {
                    panel[column * height + at] = root * (number - dense_centre[column]);
                }
                for (place, centre) in one_hot_centre[..one_hot].iter().enumerate() {
                    panel[(numbers + place) * height + at] = -root * centre;
                }
                for place in self.design.places(row) {
                    panel[(numbers + *place as usize) * height + at] += root;
                }
                panel[columns * height + at] = self.centred_target(row);
            }
        });
        let mut layout = result.solution;
        layout.insert(numbers, 0.0);
        layout.push(0.0);
        layout
    }

    fn iterate(&self) -> Result<Vec<f64>> {
        let intercept = self.design.intercept();
        let operator = Operator {
            times: |layout: &[f64]| {
                let mut shifted = layout.to_vec();
                shifted[intercept] = -dot(&self.centre, layout);
                let mut product = self.design.times(&shifted);
                product.iter_mut().zip(&self.root).for_each(|(value, root)| *value *= root);
                product
            },
            transpose_times: |values: &[f64]| {
                let weighted: Vec<f64> =
                    values.iter().zip(&self.root).map(|(value, root)| value * root).collect();
                let mut product = self.design.transpose_times(&weighted);
                let total = product[intercept];
                for (product, centre) in product.iter_mut().zip(&self.centre) {
                    *product -= total * centre;
                }
                product[intercept] = 0.0;
                product
            },
        };
        let target: Vec<f64> = (0..self.target.len()).map(|row| self.centred_target(row)).collect();
        let iterations_max = 1000 + 4 * self.design.layout();
        let stop = Stop { tolerance: LSQR_TOLERANCE, iterations_max };
        Ok(lsqr::solve(&operator, &target, stop)?.0)
    }

    /// Returns `1 − Σ s (y − ŷ)² / Σ s (y − ȳ)²`; 0 when the target does not vary.
    fn r_squared(&self, layout: &[f64]) -> f64 {
        let (mut left, mut total) = (0.0, 0.0);
        for (row, predicted) in self.design.times(layout).into_iter().enumerate() {
            left += (self.root[row] * (self.target[row] - predicted)).powi(2);
            total += self.centred_target(row).powi(2);
        }
        if total > 0.0 { 1.0 - left / total } else { 0.0 }
    }
}

impl Linear {
    /// Returns the prediction for every row, in the unit of the target.
    ///
    /// # Errors
    /// [`crate::Error::TooLittle`] when the table lacks a column, [`crate::Error::Parameter`] when
    /// one changed between number and category.
    pub fn predict(&self, table: &Table<'_>) -> Result<Vec<f64>> {
        self.score.of_table(table)
    }

    /// Returns why a row, given as (name, value) pairs, has its prediction: the parts add up to it.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn explain(&self, row: &[(&str, Value<'_>)]) -> Result<Explanation> {
        self.score.explain(row, |score| score)
    }

    /// Returns the coefficients, of numbers per standard deviation or per unit, of categories per
    /// level.
    #[must_use]
    pub fn score(&self) -> &Score {
        &self.score
    }

    /// Returns the share of the training target's variance that is explained.
    #[must_use]
    pub fn r_squared(&self) -> f64 {
        self.r_squared
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::respond::table::Column;

    #[test]
    fn a_line_by_hand() {
        // y = 1, 2, 4 at x = 0, 1, 2: slope 3/2, intercept 5/6, R² = 1 − (1/6) / (14/3).
        let table = Table::new(vec![("x", Column::Numeric(&[0.0, 1.0, 2.0]))]).unwrap();
        let fitted = fit(&table, &[1.0, 2.0, 4.0], None).unwrap();
        assert!((fitted.score().coefficients_per_unit()[0].1 - 1.5).abs() < 1e-14);
        assert!((fitted.score().intercept_per_unit() - 5.0 / 6.0).abs() < 1e-14);
        assert!((fitted.r_squared() - (1.0 - 1.0 / 28.0)).abs() < 1e-14);
        let explanation = fitted.explain(&[("x", Value::Number(4.0))]).unwrap();
        assert!((explanation.predicted - (5.0 / 6.0 + 6.0)).abs() < 1e-13);
    }

    #[test]
    fn categories_get_the_means_of_their_groups() {
        let levels = vec!["a".to_owned(), "b".to_owned()];
        let column = Column::Categorical { codes: &[0, 0, 1, 1], levels: &levels };
        let table = Table::new(vec![("c", column)]).unwrap();
        let fitted = fit(&table, &[1.0, 3.0, 10.0, 20.0], None).unwrap();
        for (got, mean) in fitted.predict(&table).unwrap().iter().zip([2.0, 2.0, 15.0, 15.0]) {
            assert!((got - mean).abs() < 1e-13);
        }
        // The shortest coefficients are symmetric.
        let coefficients = fitted.score().coefficients();
        assert!((coefficients[0].1 + 6.5).abs() < 1e-13 && (coefficients[1].1 - 6.5).abs() < 1e-13);
    }

    #[test]
    fn weights_count_like_repeated_rows() {
        let table = Table::new(vec![("x", Column::Numeric(&[0.0, 1.0, 3.0]))]).unwrap();
        let weighted = fit(&table, &[1.0, 0.0, 5.0], Some(&[1.0, 2.0, 1.0])).unwrap();
        let table = Table::new(vec![("x", Column::Numeric(&[0.0, 1.0, 1.0, 3.0]))]).unwrap();
        let repeated = fit(&table, &[1.0, 0.0, 0.0, 5.0], None).unwrap();
        let slope = |fitted: &Linear| fitted.score().coefficients_per_unit()[0].1;
        assert!((slope(&weighted) - slope(&repeated)).abs() < 1e-13);
        assert!((weighted.r_squared() - repeated.r_squared()).abs() < 1e-13);
    }

    #[test]
    fn both_ways_give_the_same_coefficients() {
        let rows = 500;
        let numbers: Vec<f64> = (0..rows).map(|row| f64::from((row * 37) % 101)).collect();
        let codes: Vec<u32> = (0..rows).map(|row| ((row * row) % 7) as u32).collect();
        let levels: Vec<String> = (0..7).map(|level| format!("level {level}")).collect();
        let table = Table::new(vec![
            ("x", Column::Numeric(&numbers)),
            ("c", Column::Categorical { codes: &codes, levels: &levels }),
        ])
        .unwrap();
        let target: Vec<f64> = (0..rows).map(|row| f64::from((row * 13) % 29)).collect();
        let weights: Vec<f64> = (0..rows).map(|row| f64::from(row % 3)).collect();
        let design = Encoding::learn(&table).unwrap().apply(&table).unwrap();
        let problem = Problem::new(&design, &target, Some(&weights));
        for (direct, iterated) in problem.triangulate().iter().zip(problem.iterate().unwrap()) {
            assert!((direct - iterated).abs() < 1e-9, "{direct} {iterated}");
        }
    }

    #[test]
    fn columns_that_do_not_vary_get_no_weight() {
        let table = Table::new(vec![
            ("constant", Column::Numeric(&[7.0, 7.0, 7.0])),
            ("x", Column::Numeric(&[0.0, 1.0, 2.0])),
        ])
        .unwrap();
        let fitted = fit(&table, &[0.0, 2.0, 4.0], None).unwrap();
        let coefficients = fitted.score().coefficients_per_unit();
        assert_eq!(coefficients[0].1, 0.0);
        assert!((coefficients[1].1 - 2.0).abs() < 1e-14);
    }

    #[test]
    fn malformed_input_is_refused() {
        let table = Table::new(vec![("x", Column::Numeric(&[0.0, 1.0]))]).unwrap();
        assert!(matches!(fit(&table, &[1.0], None), Err(Error::Length { .. })));
        assert!(matches!(fit(&table, &[1.0, f64::NAN], None), Err(Error::NotFinite { .. })));
        let empty = Table::new(vec![("x", Column::Numeric(&[]))]).unwrap();
        assert!(matches!(fit(&empty, &[], None), Err(Error::TooLittle(_))));
        assert!(fit(&table, &[1.0, 2.0], Some(&[1.0, -1.0])).is_err());
        assert!(fit(&table, &[1.0, 2.0], Some(&[0.0, 0.0])).is_err());
    }
}
