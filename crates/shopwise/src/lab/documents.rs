//! What is written about each item, for the content model of `lab recommend`.

use std::path::Path;

use anyhow::Result;
use shopwise_learn::recommend::Field;
use shopwise_model::frame::{Column, Frame};

use super::recommend::Ids;
use super::table;

/// How many bands of equal count a numeric column of the items is cut into.
const BANDS: usize = 5;

/// Returns the texts of each item: text columns as they are, numeric ones as a band of five.
pub(super) fn documents(
    frame: &Frame,
    path: &Path,
    item: &str,
    items: &Ids,
) -> Result<Vec<Vec<Field>>> {
    let known = items.len();
    let mut all = items.copied();
    let codes = all.add(frame, item, path)?;
    let mut documents = vec![Vec::new(); known];
    for (name, column) in frame.names().iter().zip(frame.columns()) {
        if name == item {
            continue;
        }
        let texts: Vec<Option<String>> = match column {
            Column::Text(texts) => texts.iter().map(|text| text.map(str::to_owned)).collect(),
            Column::Int(_) | Column::Float(_) => bands(&table::numbers(frame, name)?),
            Column::Bool(values) => values.iter().map(|value| Some(value.to_string())).collect(),
            Column::Time(_) | Column::Id(_) => continue,
        };
        for (code, text) in codes.iter().zip(texts) {
            if let (Some(fields), Some(text)) = (documents.get_mut(*code as usize), text) {
                fields.push(Field::new(name.as_str(), text));
            }
        }
    }
    Ok(documents)
}

/// Returns the band of each number, from `band1` for the smallest fifth of the values there are.
fn bands(values: &[f64]) -> Vec<Option<String>> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let band = |value: &f64| {
        let below = sorted.partition_point(|other| other < value);
        (!value.is_nan()).then(|| format!("band{}", below * BANDS / sorted.len() + 1))
    };
    values.iter().map(band).collect()
}
