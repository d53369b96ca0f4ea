//! Rows of a frame as the table that a response model reads: the same columns for learning and for
//! asking.

use shopwise_learn::respond::{Column, MISSING, Table};
use shopwise_model::frame::{Frame, NULL_CODE};

use crate::error::Result;

/// The columns of a frame, owned in the form in which a response model reads them.
#[derive(Debug)]
pub(crate) struct Cases<'a> {
    numbers: Vec<(&'static str, &'a [f64])>,
    categories: Vec<(&'static str, Vec<u32>, Vec<String>)>,
}

impl<'a> Cases<'a> {
    /// Returns columns of a frame by name.
    pub(crate) fn of(
        frame: &'a Frame,
        numbers: &[&'static str],
        categories: &[&'static str],
    ) -> Result<Self> {
        let mut cases = Self { numbers: Vec::new(), categories: Vec::new() };
        for name in numbers {
            cases.numbers.push((*name, frame.float(name)?));
        }
        for name in categories {
            let texts = frame.text(name)?;
            let code = |code: &u32| if *code == NULL_CODE { MISSING } else { *code };
            let levels = texts.values().iter().map(|value| value.as_ref().to_owned()).collect();
            cases.categories.push((*name, texts.codes().iter().map(code).collect(), levels));
        }
        Ok(cases)
    }

    /// Returns the table over these columns.
    pub(crate) fn table(&self) -> Result<Table<'_>> {
        let numbers = self.numbers.iter().map(|(name, values)| (*name, Column::Numeric(values)));
        let categories = self
            .categories
            .iter()
            .map(|(name, codes, levels)| (*name, Column::Categorical { codes, levels }));
        Ok(Table::new(numbers.chain(categories).collect())?)
    }
}
