//! How good was it: measures of probabilities, numbers, lists and policies, each with its interval.
//!
//! Every measure is a function of what was predicted and what came about. Nothing here fits a model
//! or decides whether one is published.

pub mod binary;
pub mod bootstrap;
pub mod next_item;
pub mod policy;
pub mod ranking;
pub mod regression;
pub mod split;

use crate::error::{Error, Result};

/// Checks that every value is a finite number.
fn check_finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::NotFinite { what, value: values[row].to_string(), row, column: 0 }),
    }
}
