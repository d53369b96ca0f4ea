//! The recommender that was asked for: its entry, its settings, and how both are shown.

use anyhow::{Result, bail};
use serde_json::{Value, json};
use shopwise_learn::recommend::{Entry, Parameters, Value as Setting};

use super::{UsageError, usage_or_data};

/// Returns the model called `name`, and its settings after `set`.
///
/// # Errors
/// [`UsageError`] for a model or a setting that does not exist.
pub(super) fn chosen(name: &str, set: &[String]) -> Result<(&'static Entry, Parameters)> {
    let entry = Entry::find(name).map_err(usage_or_data)?;
    let mut parameters = entry.defaults();
    for pair in set {
        let Some((name, value)) = pair.split_once('=') else {
            bail!(UsageError::new(format!("`--set` must be NAME=VALUE, got `{pair}`")));
        };
        parameters.set(name.trim(), value.trim()).map_err(usage_or_data)?;
    }
    Ok((entry, parameters))
}

/// Returns the cut-offs in `10,20`.
///
/// # Errors
/// [`UsageError`] when one is not a whole number from 1.
pub(super) fn cuts(text: &str) -> Result<Vec<usize>> {
    let number = |part: &str| part.trim().parse::<usize>().ok().filter(|cut| *cut >= 1);
    let found: Option<Vec<usize>> = text.split(',').map(number).collect();
    found.ok_or_else(|| {
        let message = format!("at must be numbers from 1 joined by commas, got `{text}`");
        UsageError::new(message).into()
    })
}

/// Returns the settings as JSON; a number reads as it was written.
pub(super) fn settings(parameters: &Parameters) -> Value {
    let plain = |value: &Setting| match value {
        Setting::Whole(value) => json!(value),
        // Through its shortest text, so that 0.2 does not become 0.200000003.
        Setting::Real(value) => json!(value.to_string().parse::<f64>().unwrap_or(f64::NAN)),
        Setting::Text(value) => json!(value),
    };
    parameters.iter().map(|(name, value)| (name.to_owned(), plain(value))).collect()
}

/// Returns a count as a whole number, and anything else as it is.
pub(super) fn whole_or_not(value: f64) -> Value {
    let is_count = value.fract() == 0.0 && (0.0..1e15).contains(&value);
    if is_count { json!(value as u64) } else { json!(value) }
}
