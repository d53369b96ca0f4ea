//! Reading frames cell by cell, with what is missing as nothing.

use shopwise_model::frame::{Column, Frame, NULL_INT};

/// A frame read by name and row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a>(pub(super) &'a Frame);

impl<'a> Cells<'a> {
    pub(super) fn rows(self) -> usize {
        self.0.rows()
    }

    /// Returns a text, empty where it is missing.
    pub(super) fn text(self, name: &str, row: usize) -> &'a str {
        match self.column(name) {
            Some(Column::Text(texts)) if row < texts.len() => texts.get(row).unwrap_or(""),
            _ => "",
        }
    }

    /// Returns an integer, 0 where it is missing.
    pub(super) fn int(self, name: &str, row: usize) -> i64 {
        match self.column(name) {
            Some(Column::Int(values) | Column::Time(values)) => {
                values.get(row).copied().filter(|value| *value != NULL_INT).unwrap_or(0)
            }
            Some(Column::Float(values)) => values.get(row).map_or(0, |value| *value as i64),
            _ => 0,
        }
    }

    /// Returns a number, NaN where it is missing.
    pub(super) fn float(self, name: &str, row: usize) -> f64 {
        match self.column(name) {
            Some(Column::Float(values)) => values.get(row).copied().unwrap_or(f64::NAN),
            Some(Column::Int(values)) => match values.get(row) {
                Some(value) if *value != NULL_INT => *value as f64,
                _ => f64::NAN,
            },
            _ => f64::NAN,
        }
    }

    /// Returns an integer as a number, 0 where it is missing.
    pub(super) fn count(self, name: &str, row: usize) -> f64 {
        self.int(name, row) as f64
    }

    fn column(self, name: &str) -> Option<&'a Column> {
        let place = self.0.names().iter().position(|own| own == name)?;
        self.0.columns().get(place)
    }
}
