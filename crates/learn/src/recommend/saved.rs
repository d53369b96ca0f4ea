//! Fitted models as bytes and back.
//!
//! A model is a section of named arrays that begins with the word for how it is loaded. What can be
//! made again from the rest (an inverted index) is not kept. Loading checks every index against
//! what it points into, so that bytes from anywhere give a model that can be asked, or an error.

use super::arrays::{Reader, Writer, wrong};
use super::{Entry, Recommender, filled};
use crate::error::Result;
use crate::interactions::Interactions;
use crate::neighbours::Neighbours;

/// The array that says how the others are loaded.
pub(super) const MODEL: &str = "model";

/// Returns a fitted model as bytes; equal models give equal bytes.
#[must_use]
pub fn to_bytes(model: &dyn Recommender) -> Vec<u8> {
    let mut writer = Writer::default();
    write(model, &mut writer);
    writer.finish()
}

/// Returns the model that [`to_bytes`] was given: it answers every question with equal lists.
///
/// # Errors
/// [`crate::Error::Bytes`] when the bytes are no such model, of another format, cut off or damaged.
pub fn from_bytes(bytes: &[u8]) -> Result<Box<dyn Recommender>> {
    let reader = Reader::new(bytes)?;
    match reader.text(MODEL)? {
        filled::NAME => filled::load(&reader),
        _ => load(&reader),
    }
}

pub(super) fn write(model: &dyn Recommender, into: &mut Writer) {
    into.text(MODEL, model.saved_as());
    model.save(into);
}

/// Loads a model of the registry from a section.
pub(super) fn load_registered(from: &Reader<'_>, section: &str) -> Result<Box<dyn Recommender>> {
    load(&from.section(section))
}

fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let name = from.text(MODEL)?;
    let entry = Entry::find(name).map_err(|_| wrong(&format!("unknown model `{name}`")))?;
    (entry.load)(from)
}

/// Reads one number.
pub(super) fn number(from: &Reader<'_>, name: &str) -> Result<f32> {
    match from.f32s(name)?[..] {
        [value] => Ok(value),
        _ => Err(wrong(&format!("`{name}` is not one number"))),
    }
}

/// Reads one whole number.
pub(super) fn whole(from: &Reader<'_>, name: &str) -> Result<usize> {
    let value = match from.u64s(name)?[..] {
        [value] => usize::try_from(value).ok(),
        _ => None,
    };
    value.ok_or_else(|| wrong(&format!("`{name}` is not one whole number")))
}

/// Writes a matrix without its ages: `offsets`, `items`, `weights`.
pub(super) fn write_rows(rows: &Interactions, into: &mut Writer) {
    let mut offsets = vec![0_u64];
    let mut items = Vec::with_capacity(rows.len());
    let mut weights = Vec::with_capacity(rows.len());
    for row in 0..rows.n_users() {
        items.extend_from_slice(rows.row(row).0);
        weights.extend_from_slice(rows.row(row).1);
        offsets.push(items.len() as u64);
    }
    into.u64s("offsets", &offsets);
    into.u32s("items", &items);
    into.f32s("weights", &weights);
}

/// Reads a matrix with `n_items` columns, or as many as it has rows.
pub(super) fn read_rows(from: &Reader<'_>, n_items: Option<usize>) -> Result<Interactions> {
    let offsets = from.u64s("offsets")?;
    let n_items = n_items.unwrap_or(offsets.len().saturating_sub(1));
    Interactions::from_rows(n_items, &offsets, from.u32s("items")?, from.f32s("weights")?)
        .ok_or_else(|| wrong("rows point beyond their items"))
}

/// Reads a graph over equal rows and columns.
pub(super) fn read_graph(from: &Reader<'_>) -> Result<Neighbours> {
    Ok(Neighbours::from_rows(read_rows(from, None)?))
}

#[cfg(test)]
mod tests;
