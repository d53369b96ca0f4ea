//! `shopwise status`: what came in and what became of it; the equation that always closes.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};
use shopwise_model::time;
use shopwise_stages::collect::silence::{self, Silent};
use shopwise_store::inbox::Tally;
use shopwise_store::ledger::Violated;
use shopwise_store::{Inbox, Ledger};

use super::{now, open};
use crate::ShopFolder;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// List in what events differ from the tracking plan
    #[arg(long)]
    violations: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let folder = &arguments.folder.shop;
    let settings = open::settings(folder)?;
    let (inbox, ledger) = (open::inbox(folder, &settings)?, open::ledger(folder, &settings)?);
    let status = Status::read(&inbox, &ledger, &settings.time_zone, now())?;
    Ok(match (arguments.json, arguments.violations) {
        (true, false) => status.json().to_string(),
        (false, false) => status.text(),
        (true, true) => {
            let mut object = status.json();
            object["plan_violations"] = json!(status.violations);
            object.to_string()
        }
        (false, true) => violations_text(&status.violations),
    })
}

/// What the inbox counts.
pub(crate) struct Status {
    pub(crate) sources: BTreeMap<String, Tally>,
    total: Tally,
    /// Events that the lake does not hold yet.
    pub(crate) pending: i64,
    /// The age of the oldest of them, in seconds; 0 when there is none.
    pub(crate) lake_behind_seconds: i64,
    /// Records whose checksum was wrong.
    pub(crate) damaged: i64,
    /// Sources from which less comes than in the weeks before.
    pub(crate) silent: Vec<Silent>,
    /// In what events differ from the tracking plan.
    pub(crate) violations: Vec<Violated>,
}

impl Status {
    pub(crate) fn read(inbox: &Inbox, ledger: &Ledger, time_zone: &str, now: i64) -> Result<Self> {
        let counts = inbox.counts()?;
        let damaged_keys = ledger.keys()?.iter().filter(|key| key.is_damaged).count();
        let age = |since: i64| (now - since).max(0) / 1_000_000;
        Ok(Self {
            total: counts.total(),
            pending: counts.pending,
            lake_behind_seconds: counts.pending_since.map_or(0, age),
            damaged: counts.damaged + damaged_keys as i64,
            silent: silence::silent(inbox, time_zone, now)?,
            violations: ledger.violations()?,
            sources: counts.sources,
        })
    }

    /// Returns how often events differed from the tracking plan.
    fn found(&self) -> i64 {
        self.violations.iter().map(|one| one.found).sum()
    }

    fn json(&self) -> Value {
        let mut object: serde_json::Map<String, Value> = terms(&self.total)
            .into_iter()
            .map(|(name, count)| (name.to_owned(), json!(count)))
            .collect();
        object.insert("lake_behind_seconds".to_owned(), json!(self.lake_behind_seconds));
        object.insert("pending".to_owned(), json!(self.pending));
        object.insert("damaged".to_owned(), json!(self.damaged));
        object.insert("conflicts".to_owned(), json!(self.total.conflicts));
        let sources = self.sources.iter().map(|(source, tally)| {
            let terms: BTreeMap<&str, i64> = terms(tally).into_iter().collect();
            (source.clone(), json!(terms))
        });
        object.insert("violations".to_owned(), json!(self.found()));
        object.insert("silent_sources".to_owned(), json!(self.silent));
        object.insert("sources".to_owned(), Value::Object(sources.collect()));
        Value::Object(object)
    }

    fn text(&self) -> String {
        let total = &self.total;
        let mut lines = vec![format!(
            "received {} = stored {} + duplicate {} + quarantined {} + refused {}",
            total.received, total.stored, total.duplicate, total.quarantined, total.refused
        )];
        lines.push(format!(
            "the lake is {} s behind, {} events wait; {} damaged records",
            self.lake_behind_seconds, self.pending, self.damaged
        ));
        if total.conflicts > 0 {
            lines.push(format!(
                "{} events came under the identifier of another event; all are kept",
                total.conflicts
            ));
        }
        for silent in &self.silent {
            lines.push(format!(
                "source `{}` has fallen silent: {} events in the last {} minutes, {} in the same \
                 time of earlier weeks",
                silent.source, silent.received, silent.minutes, silent.expected
            ));
        }
        if !self.violations.is_empty() {
            lines.push(format!(
                "{} violations of the tracking plan: `shopwise status --violations` lists them",
                self.found()
            ));
        }
        for (source, tally) in &self.sources {
            lines.push(format!(
                "  {source}: received {}, stored {}, duplicate {}, quarantined {}, refused {}",
                tally.received, tally.stored, tally.duplicate, tally.quarantined, tally.refused
            ));
        }
        lines.join("\n")
    }
}

/// Returns in what events differ from the plan, as a table. All of them are kept.
fn violations_text(violations: &[Violated]) -> String {
    if violations.is_empty() {
        return "no event has differed from the tracking plan".to_owned();
    }
    let row = |cells: [&str; 6]| {
        let [source, event, property, reason, found, last] = cells;
        format!("{source:<16}{event:<28}{property:<26}{reason:<28}{found:>10}  {last}")
    };
    let mut lines = vec![row(["source", "event", "property", "problem", "events", "last"])];
    lines.extend(violations.iter().map(|one| {
        let (found, last) = (one.found.to_string(), time::format(one.last_at));
        row([&one.source, &one.event, &one.property, &one.reason, &found, &last])
    }));
    lines.join("\n")
}

/// Returns the terms of the equation by name, what was received first.
pub(crate) fn terms(tally: &Tally) -> [(&'static str, i64); 5] {
    [
        ("received", tally.received),
        ("stored", tally.stored),
        ("duplicate", tally.duplicate),
        ("quarantined", tally.quarantined),
        ("refused", tally.refused),
    ]
}
