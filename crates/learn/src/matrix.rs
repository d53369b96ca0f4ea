//! A dense matrix of `f64`, row by row in one allocation.

use crate::error::{Error, Result};

/// A dense matrix, row-major: row `i` is `values[i * columns .. (i + 1) * columns]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// Returns a matrix of zeros, shape `(rows, columns)`.
    #[must_use]
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![0.0; rows * columns] }
    }

    /// Returns a matrix over `values`, row by row, shape `(rows, columns)`.
    ///
    /// # Errors
    /// [`Error::Length`] when there are not `rows × columns` values.
    pub fn from_values(rows: usize, columns: usize, values: Vec<f64>) -> Result<Self> {
        if values.len() != rows * columns {
            return Err(Error::Length {
                what: "matrix",
                expected: rows * columns,
                got: values.len(),
            });
        }
        Ok(Self { rows, columns, values })
    }

    /// Returns the matrix whose columns are given, each of the same length.
    ///
    /// # Errors
    /// [`Error::Length`] when the columns differ in length.
    pub fn from_columns(columns: &[&[f64]]) -> Result<Self> {
        let rows = columns.first().map_or(0, |column| column.len());
        for column in columns {
            if column.len() != rows {
                return Err(Error::Length {
                    what: "matrix column",
                    expected: rows,
                    got: column.len(),
                });
            }
        }
        let mut values = Vec::with_capacity(rows * columns.len());
        for row in 0..rows {
            values.extend(columns.iter().map(|column| column[row]));
        }
        Ok(Self { rows, columns: columns.len(), values })
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns row `row` as a slice of `columns` values.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// Returns row `row` for writing.
    #[must_use]
    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// Returns all values, row by row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns all values for writing, row by row.
    #[must_use]
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// Returns column `column`, copied.
    #[must_use]
    pub fn column(&self, column: usize) -> Vec<f64> {
        (0..self.rows).map(|row| self.values[row * self.columns + column]).collect()
    }

    /// Checks that every value is finite.
    ///
    /// # Errors
    /// [`Error::NotFinite`] with the place of the first value that is not.
    pub fn check_finite(&self, what: &'static str) -> Result<()> {
        match self.values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::NotFinite {
                what,
                value: self.values[at].to_string(),
                row: at / self.columns,
                column: at % self.columns,
            }),
        }
    }
}
