//! A table of named columns, numbers and categories, as the response models take it.
//!
//! It borrows what the caller holds column by column. It does not parse, scale or encode; a missing
//! number is `NaN`, a missing category the code [`MISSING`].

use std::ops::Range;

use crate::error::{Error, Result};

/// The code of a missing category.
pub const MISSING: u32 = u32::MAX;

/// The values of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Column<'a> {
    /// Numbers; `NaN` is missing.
    Numeric(&'a [f64]),
    /// Categories, each row the place of its level in `levels`, or [`MISSING`].
    Categorical {
        /// One code per row.
        codes: &'a [u32],
        /// The names of the levels.
        levels: &'a [String],
    },
}

impl Column<'_> {
    fn rows(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Categorical { codes, .. } => codes.len(),
        }
    }

    fn check(&self, column: usize) -> Result<()> {
        match self {
            Self::Numeric(values) => match values.iter().position(|value| value.is_infinite()) {
                None => Ok(()),
                Some(row) => Err(Error::NotFinite {
                    what: "a number of the table",
                    value: values[row].to_string(),
                    row,
                    column,
                }),
            },
            Self::Categorical { codes, levels } => {
                let known = |code: &u32| *code == MISSING || (*code as usize) < levels.len();
                match codes.iter().find(|code| !known(code)) {
                    None => Ok(()),
                    Some(code) => Err(Error::TooLarge {
                        what: "the code of a category",
                        limit: levels.len().saturating_sub(1),
                        got: *code as usize,
                    }),
                }
            }
        }
    }
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A number; `NaN` is missing.
    Number(f64),
    /// The name of a level.
    Level(&'a str),
    /// Nothing is known.
    Missing,
}

/// Named columns of equal length.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<'a> {
    rows: usize,
    columns: Vec<(&'a str, Column<'a>)>,
}

impl<'a> Table<'a> {
    /// Returns the table of the given columns.
    ///
    /// # Errors
    /// [`Error::Length`] when columns differ in length, [`Error::NotFinite`] for an infinite
    /// number, [`Error::TooLarge`] for a code without a level, [`Error::Parameter`] for a name
    /// given twice.
    pub fn new(columns: Vec<(&'a str, Column<'a>)>) -> Result<Self> {
        let rows = columns.first().map_or(0, |(_, column)| column.rows());
        for (place, (name, column)) in columns.iter().enumerate() {
            if column.rows() != rows {
                let got = column.rows();
                return Err(Error::Length { what: "a column of the table", expected: rows, got });
            }
            if columns[..place].iter().any(|(other, _)| other == name) {
                return Err(Error::parameter("columns", "names that differ", name));
            }
            column.check(place)?;
        }
        Ok(Self { rows, columns })
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the names and columns, in the order they were given.
    #[must_use]
    pub fn columns(&self) -> &[(&'a str, Column<'a>)] {
        &self.columns
    }

    /// Returns the column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<Column<'a>> {
        self.columns.iter().find(|(other, _)| *other == name).map(|(_, column)| *column)
    }

    /// Returns one row as (name, value) pairs, in the order of the columns.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<(&'a str, Value<'a>)> {
        self.columns.iter().map(|(name, column)| (*name, value(*column, row))).collect()
    }

    /// Returns the rows of a range, without copying them.
    ///
    /// # Panics
    /// When the range reaches beyond the last row.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let cut = |column: &Column<'a>| match *column {
            Column::Numeric(values) => Column::Numeric(&values[range.clone()]),
            Column::Categorical { codes, levels } => {
                Column::Categorical { codes: &codes[range.clone()], levels }
            }
        };
        let columns = self.columns.iter().map(|(name, column)| (*name, cut(column))).collect();
        Self { rows: range.len(), columns }
    }
}

fn value(column: Column<'_>, row: usize) -> Value<'_> {
    match column {
        Column::Numeric(values) if values[row].is_nan() => Value::Missing,
        Column::Numeric(values) => Value::Number(values[row]),
        Column::Categorical { codes, .. } if codes[row] == MISSING => Value::Missing,
        Column::Categorical { codes, levels } => Value::Level(&levels[codes[row] as usize]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_across_the_columns() {
        let levels = vec!["red".to_owned(), "blue".to_owned()];
        let table = Table::new(vec![
            ("price", Column::Numeric(&[1.5, f64::NAN])),
            ("colour", Column::Categorical { codes: &[1, MISSING], levels: &levels }),
        ])
        .unwrap();
        let first = vec![("price", Value::Number(1.5)), ("colour", Value::Level("blue"))];
        assert_eq!(table.row(0), first);
        assert_eq!(table.row(1), vec![("price", Value::Missing), ("colour", Value::Missing)]);
        assert_eq!(table.slice(1..2).row(0), table.row(1));
        assert_eq!(table.column("colour"), Some(table.columns()[1].1));
        assert_eq!(table.column("size"), None);
    }

    #[test]
    fn malformed_tables_are_refused() {
        let short =
            Table::new(vec![("a", Column::Numeric(&[1.0, 2.0])), ("b", Column::Numeric(&[1.0]))]);
        assert_eq!(
            short.unwrap_err().to_string(),
            "a column of the table: expected 2 values, got 1"
        );
        let infinite = Table::new(vec![("a", Column::Numeric(&[1.0, f64::INFINITY]))]);
        assert_eq!(
            infinite.unwrap_err().to_string(),
            "a number of the table must be finite, got `inf` (row 1, column 0)"
        );
        let levels = vec!["x".to_owned()];
        let codes = Column::Categorical { codes: &[1], levels: &levels };
        assert!(matches!(Table::new(vec![("a", codes)]), Err(Error::TooLarge { got: 1, .. })));
        let twice =
            Table::new(vec![("a", Column::Numeric(&[1.0])), ("a", Column::Numeric(&[2.0]))]);
        assert!(matches!(twice, Err(Error::Parameter { .. })));
    }
}
