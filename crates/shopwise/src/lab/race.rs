//! Fits a recommender by this machine's clock, and says what `auto` tried.

use std::time::Instant;

use serde_json::{Value, json};
use shopwise_learn::recommend::auto::{Auto, Report};
use shopwise_learn::recommend::{Clock, Entry, Parameters, Recommender, Training};

use super::models::settings;

/// Returns the fitted model and, of `auto`, the race it won.
///
/// # Errors
/// What fitting returns.
pub(super) fn fit(
    entry: &Entry,
    training: &Training<'_>,
    parameters: &Parameters,
) -> shopwise_learn::Result<(Box<dyn Recommender>, Option<Value>)> {
    let begun = Instant::now();
    let seconds = || begun.elapsed().as_secs_f64();
    let training = Training { clock: Some(Clock(&seconds)), ..*training };
    if entry.name != "auto" {
        return Ok((entry.fit(&training, parameters)?, None));
    }
    let auto = Auto::fit(&training, parameters)?;
    let race = auto.report().map(to_json);
    Ok((Box::new(auto), race))
}

fn to_json(report: &Report) -> Value {
    let mut json = json!(report);
    // Settings once more, so that numbers read as they were written.
    for (one, tried) in report.tried.iter().enumerate() {
        json["tried"][one]["parameters"] = settings(&tried.parameters);
    }
    for (one, member) in report.members.iter().enumerate() {
        json["members"][one]["parameters"] = settings(&member.parameters);
    }
    json
}
