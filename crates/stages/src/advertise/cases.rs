//! Exposures as the table that a response model reads: the same columns for learning and deciding.

use shopwise_learn::respond::{Column, MISSING, Table};
use shopwise_model::frame::{Frame, NULL_CODE};
use shopwise_model::tables::EXPOSURE_FEATURES;

use crate::error::Result;

/// Where and for whom something is shown, as categories.
pub const CATEGORIES: [&str; 5] = ["campaign", "placement", "position", "device", "channel"];

/// The columns of exposures, owned in the form in which a response model reads them.
#[derive(Debug)]
pub(super) struct Cases<'a> {
    numbers: Vec<(&'static str, &'a [f64])>,
    categories: Vec<(&'static str, Vec<u32>, Vec<String>)>,
}

impl<'a> Cases<'a> {
    /// Returns the columns of a frame that has [`EXPOSURE_FEATURES`] and [`CATEGORIES`].
    pub(super) fn of(frame: &'a Frame) -> Result<Self> {
        let mut numbers = Vec::with_capacity(EXPOSURE_FEATURES.len());
        for name in EXPOSURE_FEATURES {
            numbers.push((name, frame.float(name)?));
        }
        let mut categories = Vec::with_capacity(CATEGORIES.len());
        for name in CATEGORIES {
            let texts = frame.text(name)?;
            let missing = |code: &u32| if *code == NULL_CODE { MISSING } else { *code };
            let codes = texts.codes().iter().map(missing).collect();
            let levels = texts.values().iter().map(|value| value.as_ref().to_owned()).collect();
            categories.push((name, codes, levels));
        }
        Ok(Self { numbers, categories })
    }

    /// Returns the table over these columns.
    pub(super) fn table(&self) -> Result<Table<'_>> {
        let numbers = self.numbers.iter().map(|(name, values)| (*name, Column::Numeric(values)));
        let categories = self
            .categories
            .iter()
            .map(|(name, codes, levels)| (*name, Column::Categorical { codes, levels }));
        Ok(Table::new(numbers.chain(categories).collect())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopwise_model::tables::EXPOSURES;

    #[test]
    fn the_table_of_exposures_has_these_columns() {
        for name in CATEGORIES {
            assert!(EXPOSURES.fields.iter().any(|field| field.name == name), "{name}");
        }
    }
}
