//! `shopwise status`: what came in and what became of it; the equation that always closes.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};
use shopwise_store::Inbox;
use shopwise_store::inbox::Tally;

use super::{now, open};
use crate::ShopFolder;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let folder = &arguments.folder.shop;
    let settings = open::settings(folder)?;
    let status = Status::read(&open::inbox(folder, &settings)?, now())?;
    Ok(if arguments.json { status.json().to_string() } else { status.text() })
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
}

impl Status {
    pub(crate) fn read(inbox: &Inbox, now: i64) -> Result<Self> {
        let counts = inbox.counts()?;
        let age = |since: i64| (now - since).max(0) / 1_000_000;
        Ok(Self {
            total: counts.total(),
            pending: counts.pending,
            lake_behind_seconds: counts.pending_since.map_or(0, age),
            damaged: counts.damaged,
            sources: counts.sources,
        })
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
        for (source, tally) in &self.sources {
            lines.push(format!(
                "  {source}: received {}, stored {}, duplicate {}, quarantined {}, refused {}",
                tally.received, tally.stored, tally.duplicate, tally.quarantined, tally.refused
            ));
        }
        lines.join("\n")
    }
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
