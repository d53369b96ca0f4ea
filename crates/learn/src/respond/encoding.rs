//! How columns become numbers: learned from the training table, applied to any other.
//!
//! - A number `x` becomes `(x − mean) / scale` with the training mean and population standard
//!   deviation. Missing numbers become the mean, that is 0. A column that does not vary has scale
//!   1.
//! - A category becomes one 0/1 column per level seen in training (full one-hot: none is left out),
//!   the levels in the order of their names. Missing is a level of its own when training had any. A
//!   level that training did not see, or missing where training had none, is 0 in all columns.
//!
//! With numbers that are never missing this is scikit-learn's `StandardScaler` beside
//! `OneHotEncoder(handle_unknown="ignore")`.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::respond::design::{Category, Design};
use crate::respond::table::{Column, MISSING, Table, Value};

/// How one column of the table is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Feature {
    /// A number, standardised.
    Numeric {
        /// The name of the column.
        name: String,
        /// The training mean, in the column's unit.
        mean: f64,
        /// The training standard deviation, in the column's unit; 1 when the column does not vary.
        scale: f64,
    },
    /// A category, one-hot.
    Categorical {
        /// The name of the column.
        name: String,
        /// The levels seen in training, sorted.
        levels: Vec<String>,
        /// Whether missing was seen in training: it then has the place after the last level.
        missing: bool,
    },
}

impl Feature {
    /// Returns the name of the column.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Numeric { name, .. } | Self::Categorical { name, .. } => name,
        }
    }

    /// Returns how many one-hot columns it takes: none for a number.
    #[must_use]
    pub fn places(&self) -> usize {
        match self {
            Self::Numeric { .. } => 0,
            Self::Categorical { levels, missing, .. } => levels.len() + usize::from(*missing),
        }
    }

    /// Returns the place of a value among the one-hot columns, if it has one.
    pub(crate) fn place(&self, value: Value<'_>) -> Option<usize> {
        match (self, value) {
            (Self::Categorical { levels, .. }, Value::Level(level)) => {
                levels.binary_search_by(|other| other.as_str().cmp(level)).ok()
            }
            (Self::Categorical { levels, missing: true, .. }, Value::Missing) => Some(levels.len()),
            _ => None,
        }
    }
}

/// How a whole table is encoded: numbers first, then the one-hot columns, each in table order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoding {
    features: Vec<Feature>,
}

impl Encoding {
    /// Learns the encoding of a table.
    ///
    /// # Errors
    /// [`Error::TooLittle`] when the table has no row or no column, [`Error::TooLarge`] when the
    /// levels outnumber what a 32-bit place can hold.
    pub fn learn(table: &Table<'_>) -> Result<Self> {
        if table.rows() == 0 || table.columns().is_empty() {
            return Err(Error::TooLittle("the table has no rows or no columns".to_owned()));
        }
        let features: Vec<Feature> =
            table.columns().par_iter().map(|(name, column)| learn_feature(name, *column)).collect();
        let places: usize = features.iter().map(Feature::places).sum();
        if places >= MISSING as usize {
            let limit = MISSING as usize - 1;
            return Err(Error::TooLarge { what: "the number of levels", limit, got: places });
        }
        Ok(Self { features })
    }

    /// Returns the encoded columns of the table, in table order.
    #[must_use]
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Returns the number of numeric columns.
    #[must_use]
    pub fn numeric_columns(&self) -> usize {
        self.numeric().count()
    }

    /// Returns the number of one-hot columns.
    #[must_use]
    pub fn one_hot_columns(&self) -> usize {
        self.features.iter().map(Feature::places).sum()
    }

    /// Returns the numeric features as (name, mean, scale).
    pub(crate) fn numeric(&self) -> impl Iterator<Item = (&str, f64, f64)> {
        self.features.iter().filter_map(|feature| match feature {
            Feature::Numeric { name, mean, scale } => Some((name.as_str(), *mean, *scale)),
            Feature::Categorical { .. } => None,
        })
    }

    /// Returns the names of all encoded columns: the numeric ones, then `column=level`; the level
    /// of missing values reads `column=(missing)`.
    #[must_use]
    pub fn column_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.numeric().map(|(name, ..)| name.to_owned()).collect();
        for feature in &self.features {
            if let Feature::Categorical { name, levels, missing } = feature {
                names.extend(levels.iter().map(|level| format!("{name}={level}")));
                names.extend(missing.then(|| format!("{name}=(missing)")));
            }
        }
        names
    }

    /// Encodes a table, whose columns are found by name.
    ///
    /// # Errors
    /// [`Error::TooLittle`] when a column is not there, [`Error::Parameter`] when it holds numbers
    /// where there were categories in training, or the reverse.
    pub fn apply(&self, table: &Table<'_>) -> Result<Design> {
        let mut numbers = Vec::new();
        let mut categories = Vec::new();
        let mut first = 0;
        for feature in &self.features {
            let Some(column) = table.column(feature.name()) else {
                return Err(missing_column(feature.name()));
            };
            match (feature, column) {
                (Feature::Numeric { mean, scale, .. }, Column::Numeric(values)) => {
                    numbers.push((values, *mean, *scale));
                }
                (Feature::Categorical { .. }, Column::Categorical { codes, levels }) => {
                    let places = self.places_of(feature, levels, first);
                    categories.push(Category { codes, places, width: feature.places() });
                    first += feature.places();
                }
                _ => return Err(other_kind(feature.name())),
            }
        }
        Ok(Design::build(table.rows(), &numbers, &categories))
    }

    /// Returns the place of each level of a table, with missing behind the last.
    fn places_of(&self, feature: &Feature, levels: &[String], first: usize) -> Vec<u32> {
        let unknown = self.one_hot_columns();
        levels
            .iter()
            .map(|level| Value::Level(level))
            .chain([Value::Missing])
            .map(|value| feature.place(value).map_or(unknown, |place| first + place) as u32)
            .collect()
    }
}

/// The error for a table or row without a column that the model was fitted on.
pub(crate) fn missing_column(name: &str) -> Error {
    Error::TooLittle(format!("there is no column `{name}`, which the model was fitted on"))
}

/// The error for a column that changed between number and category.
pub(crate) fn other_kind(name: &str) -> Error {
    Error::parameter("columns", "of the same kind (number or category) as in training", name)
}

fn learn_feature(name: &str, column: Column<'_>) -> Feature {
    match column {
        Column::Numeric(values) => {
            let (mean, scale) = mean_and_scale(values);
            Feature::Numeric { name: name.to_owned(), mean, scale }
        }
        Column::Categorical { codes, levels } => {
            let mut seen = vec![false; levels.len()];
            let mut missing = false;
            for code in codes {
                match seen.get_mut(*code as usize) {
                    Some(seen) => *seen = true,
                    None => missing = true,
                }
            }
            let mut levels: Vec<String> = levels
                .iter()
                .zip(seen)
                .filter(|(_, seen)| *seen)
                .map(|(level, _)| level.clone())
                .collect();
            levels.sort_unstable();
            levels.dedup();
            Feature::Categorical { name: name.to_owned(), levels, missing }
        }
    }
}

/// Returns the mean and the population standard deviation of the numbers that are there.
///
/// A variance within rounding of zero counts as none, by the bound of scikit-learn's
/// `_is_constant_feature`: `n ε variance + (n ε mean)²`.
fn mean_and_scale(values: &[f64]) -> (f64, f64) {
    let present = || values.iter().filter(|value| !value.is_nan());
    let count = present().count() as f64;
    if count == 0.0 {
        return (0.0, 1.0);
    }
    let mean = present().sum::<f64>() / count;
    let correction = present().map(|value| value - mean).sum::<f64>() / count;
    let variance =
        present().map(|value| (value - mean).powi(2)).sum::<f64>() / count - correction.powi(2);
    let bound = count * f64::EPSILON * variance + (count * f64::EPSILON * mean).powi(2);
    let scale = if variance <= bound { 1.0 } else { variance.sqrt() };
    (mean, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(levels: &[&str]) -> Vec<String> {
        levels.iter().map(|level| (*level).to_owned()).collect()
    }

    #[test]
    fn numbers_are_standardised_and_missing_ones_become_the_mean() {
        // Of 1, 3 the mean is 2 and the population standard deviation 1.
        let values = [1.0, f64::NAN, 3.0];
        let table = Table::new(vec![("x", Column::Numeric(&values))]).unwrap();
        let design = Encoding::learn(&table).unwrap().apply(&table).unwrap();
        assert_eq!(
            (design.numbers(0), design.numbers(1), design.numbers(2)),
            (&[-1.0][..], &[0.0][..], &[1.0][..])
        );
    }

    #[test]
    fn a_column_that_does_not_vary_keeps_its_scale() {
        assert_eq!(mean_and_scale(&[0.1, 0.1, 0.1]).1, 1.0);
        assert_eq!(mean_and_scale(&[f64::NAN]), (0.0, 1.0));
    }

    #[test]
    fn levels_are_those_of_training_sorted_by_name() {
        let levels = names(&["z", "unused", "a"]);
        let colour = Column::Categorical { codes: &[0, 2, 0, MISSING], levels: &levels };
        let table = Table::new(vec![("c", colour)]).unwrap();
        let encoding = Encoding::learn(&table).unwrap();
        assert_eq!(encoding.column_names(), names(&["c=a", "c=z", "c=(missing)"]));
        let design = encoding.apply(&table).unwrap();
        let places: Vec<u32> = (0..4).map(|row| design.places(row)[0]).collect();
        assert_eq!(places, vec![1, 0, 1, 2]);
    }

    #[test]
    fn an_unseen_level_is_zero_everywhere() {
        let train = names(&["a", "b"]);
        let column = Column::Categorical { codes: &[0, 1], levels: &train };
        let encoding = Encoding::learn(&Table::new(vec![("c", column)]).unwrap()).unwrap();
        let test = names(&["new", "b"]);
        let column = Column::Categorical { codes: &[0, 1, MISSING], levels: &test };
        let design = encoding.apply(&Table::new(vec![("c", column)]).unwrap()).unwrap();
        let unknown = design.one_hot_columns() as u32;
        assert_eq!(design.places(0), &[unknown]);
        assert_eq!(design.places(1), &[1]);
        assert_eq!(design.places(2), &[unknown]);
    }

    #[test]
    fn a_table_of_another_shape_is_refused() {
        let numeric = Table::new(vec![("x", Column::Numeric(&[1.0]))]).unwrap();
        let encoding = Encoding::learn(&numeric).unwrap();
        let other = Table::new(vec![("y", Column::Numeric(&[1.0]))]).unwrap();
        assert_eq!(
            encoding.apply(&other).unwrap_err().to_string(),
            "too little data: there is no column `x`, which the model was fitted on"
        );
        let levels = names(&["a"]);
        let kind = Column::Categorical { codes: &[0], levels: &levels };
        assert!(encoding.apply(&Table::new(vec![("x", kind)]).unwrap()).is_err());
        assert!(Encoding::learn(&Table::new(vec![]).unwrap()).is_err());
    }
}
