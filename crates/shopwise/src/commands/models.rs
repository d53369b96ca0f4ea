//! `shopwise models`: which models there are and which serves; back to the one before.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::json;
use shopwise_model::time;
use shopwise_store::ledger::Model;

use super::{now, open};
use crate::ShopFolder;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    #[command(subcommand)]
    action: Action,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists the models, newest version first
    List,
    /// Lets the version serve that served before
    Rollback {
        /// The model's name
        name: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    match &arguments.action {
        Action::List => {
            let models = shop.ledger.models()?;
            Ok(if arguments.json { json!({ "models": models }).to_string() } else { list(&models) })
        }
        Action::Rollback { name } => {
            let models = shop.ledger.models()?;
            if !models.iter().any(|model| model.name == *name) {
                let mut known: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
                known.dedup();
                match known.is_empty() {
                    true => bail!("there is no model yet\nhint: `shopwise run` makes them"),
                    false => bail!("there is no model `{name}`, there are: {}", known.join(", ")),
                }
            }
            let model = shop.ledger.rollback(name, now())?;
            // What serves now must be there to be loaded.
            shop.shelf.manifest(name, model.version)?;
            Ok(match arguments.json {
                true => json!({ "name": name, "version": model.version }).to_string(),
                false => format!("model `{name}` serves version {} again", model.version),
            })
        }
    }
}

fn list(models: &[Model]) -> String {
    if models.is_empty() {
        return "no model yet; `shopwise run` makes them".to_owned();
    }
    let mut text = format!("{:<16} {:>7}  {:<8} {:<28}", "name", "version", "", "made");
    for model in models {
        let serving = if model.serving { "serving" } else { "" };
        let made = time::format(model.created_at);
        let line = write!(
            text,
            "\n{:<16} {:>7}  {serving:<8} {made:<28} {}",
            model.name,
            model.version,
            about(model)
        );
        line.expect("text can be written into a string");
    }
    text
}

/// Returns what the model is made of and why it serves or does not.
fn about(model: &Model) -> String {
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let kind = word(&model.manifest["parameters"]["model"]);
    let why = word(&model.manifest["verdict"]["why"]);
    [kind, why].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(version: i64, serving: bool) -> Model {
        Model {
            name: "recommend".to_owned(),
            version,
            manifest: json!({
                "parameters": { "model": "hybrid" },
                "verdict": { "why": "better than every baseline" },
            }),
            metrics: json!({}),
            baseline: json!({}),
            created_at: 0,
            serving,
        }
    }

    #[test]
    fn the_list_says_what_serves_and_why() {
        let text = list(&[model(2, true), model(1, false)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].contains("serving") && lines[1].contains("hybrid: better"), "{text}");
        assert!(!lines[2].contains("serving"), "{text}");
        assert!(list(&[]).contains("shopwise run"));
    }
}
