//! A weighted sum of encoded columns: what linear and logistic regression share once fitted.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::respond::design::Design;
use crate::respond::encoding::{Encoding, Feature, missing_column, other_kind};
use crate::respond::table::{Table, Value};

/// Rows encoded and scored together.
const BLOCK_ROWS: usize = 8192;

/// `base + Σ weight × encoded column`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    encoding: Encoding,
    base: f64,
    weights: Vec<f64>,
}

/// Why a row got its score: the parts and the base add up to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The score of a row whose numbers are all at the training mean and whose categories are
    /// unknown.
    pub base: f64,
    /// What each column of the table adds, in table order.
    pub parts: Vec<Part>,
    /// The score: `base` and the parts added up.
    pub score: f64,
    /// What is predicted from the score, in the unit of the label (a probability, a number).
    pub predicted: f64,
}

/// What one column adds to a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The name of the column.
    pub name: String,
    /// The value it has in this row, as text; none when it is missing.
    pub value: Option<String>,
    /// What that adds.
    pub amount: f64,
}

impl Score {
    /// Takes the solution of a fit on `design`, in its layout.
    pub(crate) fn of_layout(encoding: Encoding, design: &Design, layout: &[f64]) -> Self {
        let intercept = design.intercept();
        let mut weights = layout[..intercept].to_vec();
        weights.extend(&layout[intercept + 1..layout.len() - 1]);
        Self { encoding, base: layout[intercept], weights }
    }

    /// Returns how the table is encoded.
    #[must_use]
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// Returns the intercept beside standardised numbers.
    #[must_use]
    pub fn intercept(&self) -> f64 {
        self.base
    }

    /// Returns the weights of the encoded columns with their names: numbers per standard deviation,
    /// then `column=level`.
    #[must_use]
    pub fn coefficients(&self) -> Vec<(String, f64)> {
        self.encoding.column_names().into_iter().zip(self.weights.iter().copied()).collect()
    }

    /// Returns the intercept beside numbers in their own units.
    #[must_use]
    pub fn intercept_per_unit(&self) -> f64 {
        let numbers = self.encoding.numeric().zip(&self.weights);
        self.base - numbers.map(|((_, mean, scale), weight)| weight / scale * mean).sum::<f64>()
    }

    /// Returns the weights with their names, numbers per unit of the column.
    #[must_use]
    pub fn coefficients_per_unit(&self) -> Vec<(String, f64)> {
        let mut coefficients = self.coefficients();
        for (coefficient, (_, _, scale)) in coefficients.iter_mut().zip(self.encoding.numeric()) {
            coefficient.1 /= scale;
        }
        coefficients
    }

    /// Returns the score of every row.
    ///
    /// # Errors
    /// As [`Encoding::apply`].
    pub fn of_table(&self, table: &Table<'_>) -> Result<Vec<f64>> {
        let intercept = self.encoding.numeric_columns();
        let mut layout = self.weights[..intercept].to_vec();
        layout.push(self.base);
        layout.extend(&self.weights[intercept..]);
        layout.push(0.0);
        let starts: Vec<usize> = (0..table.rows()).step_by(BLOCK_ROWS).collect();
        let blocks: Vec<Vec<f64>> = starts
            .into_par_iter()
            .map(|start| {
                let range = start..(start + BLOCK_ROWS).min(table.rows());
                let design = self.encoding.apply(&table.slice(range))?;
                Ok((0..design.rows()).map(|row| design.row_times(row, &layout)).collect())
            })
            .collect::<Result<_>>()?;
        Ok(blocks.concat())
    }

    /// Explains the score of one row, given as (name, value) pairs in any order; `predicted` turns
    /// the score into what is predicted.
    ///
    /// # Errors
    /// [`crate::Error::TooLittle`] when a column is not there, [`crate::Error::Parameter`] when it
    /// changed between number and category.
    pub fn explain(
        &self,
        row: &[(&str, Value<'_>)],
        predicted: impl Fn(f64) -> f64,
    ) -> Result<Explanation> {
        let mut parts = Vec::with_capacity(self.encoding.features().len());
        let (mut number, mut first) = (0, self.encoding.numeric_columns());
        for feature in self.encoding.features() {
            let name = feature.name();
            let found = row.iter().find(|(other, _)| *other == name);
            let value = found.ok_or_else(|| missing_column(name))?.1;
            let amount = match (feature, value) {
                (Feature::Numeric { mean, scale, .. }, Value::Number(x)) if !x.is_nan() => {
                    self.weights[number] * ((x - mean) / scale)
                }
                (Feature::Numeric { .. }, Value::Number(_) | Value::Missing) => 0.0,
                (Feature::Categorical { .. }, Value::Level(_) | Value::Missing) => {
                    feature.place(value).map_or(0.0, |place| self.weights[first + place])
                }
                _ => return Err(other_kind(name)),
            };
            match feature {
                Feature::Numeric { .. } => number += 1,
                Feature::Categorical { .. } => first += feature.places(),
            }
            parts.push(Part { name: name.to_owned(), value: text(value), amount });
        }
        let score = self.base + parts.iter().map(|part| part.amount).sum::<f64>();
        Ok(Explanation { base: self.base, parts, score, predicted: predicted(score) })
    }
}

fn text(value: Value<'_>) -> Option<String> {
    match value {
        Value::Number(number) if number.is_nan() => None,
        Value::Number(number) => Some(number.to_string()),
        Value::Level(level) => Some(level.to_owned()),
        Value::Missing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::respond::table::Column;

    fn score(levels: &[String]) -> Score {
        let table = Table::new(vec![
            ("c", Column::Categorical { codes: &[0, 1], levels }),
            ("x", Column::Numeric(&[1.0, 5.0])),
        ])
        .unwrap();
        // x has mean 3 and deviation 2.
        Score {
            encoding: Encoding::learn(&table).unwrap(),
            base: 0.5,
            weights: vec![4.0, 0.25, -0.25],
        }
    }

    #[test]
    fn an_explanation_adds_up_to_the_score() {
        let levels = vec!["a".to_owned(), "b".to_owned()];
        let score = score(&levels);
        let row = [("x", Value::Number(4.0)), ("c", Value::Level("b"))];
        let explanation = score.explain(&row, |score| score * 2.0).unwrap();
        // 0.5 − 0.25 + 4 (4 − 3) / 2.
        assert_eq!((explanation.score, explanation.predicted), (2.25, 4.5));
        let amounts: Vec<f64> = explanation.parts.iter().map(|part| part.amount).collect();
        assert_eq!(amounts, vec![-0.25, 2.0]);
        assert_eq!(explanation.parts[0].value.as_deref(), Some("b"));
        let table = Table::new(vec![
            ("x", Column::Numeric(&[4.0])),
            ("c", Column::Categorical { codes: &[1], levels: &levels }),
        ])
        .unwrap();
        assert_eq!(score.of_table(&table).unwrap(), vec![2.25]);
    }

    #[test]
    fn unknown_and_missing_values_add_nothing() {
        let score = score(&["a".to_owned(), "b".to_owned()]);
        let row = [("x", Value::Missing), ("c", Value::Level("new"))];
        assert_eq!(score.explain(&row, |score| score).unwrap().score, 0.5);
        assert!(score.explain(&row[..1], |score| score).is_err());
        let wrong = [("x", Value::Level("a")), ("c", Value::Missing)];
        assert!(score.explain(&wrong, |score| score).is_err());
    }

    #[test]
    fn weights_per_unit_undo_the_scaling() {
        let score = score(&["a".to_owned(), "b".to_owned()]);
        assert_eq!(score.coefficients_per_unit()[0], ("x".to_owned(), 2.0));
        assert_eq!(score.intercept_per_unit(), 0.5 - 6.0);
        assert_eq!(score.coefficients()[2], ("c=b".to_owned(), -0.25));
    }
}
