//! `shopwise quarantine`: events that could not be kept, and a second chance for them.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use shopwise_model::time;
use shopwise_stages::collect::wire::{self, Decision};
use shopwise_store::Inbox;
use shopwise_store::inbox::{Quarantined, Replay, Verdict};

use super::{init, now, open};
use crate::ShopFolder;

/// Events that `list` shows unless told otherwise.
const LISTED: usize = 50;

/// Events that are decided anew in one transaction.
const STEP: usize = 500;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    #[command(subcommand)]
    what: What,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Lists events with the reasons
    List {
        /// Only those behind this number
        #[arg(long, default_value_t = 0)]
        after: i64,
        /// At most so many
        #[arg(long, default_value_t = LISTED)]
        limit: usize,
    },
    /// Shows one event as it came
    Show {
        /// Its number
        id: i64,
    },
    /// Decides anew about events, all when none is named: when the rules have changed since
    Replay {
        /// Their numbers
        ids: Vec<i64>,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let folder = &arguments.folder.shop;
    let inbox = open::inbox(folder, &open::settings(folder)?)?;
    match &arguments.what {
        What::List { after, limit } => list(&inbox, *after, *limit, arguments.json),
        What::Show { id } => show(&inbox, *id, arguments.json),
        What::Replay { ids } => replay(&inbox, ids, arguments.json),
    }
}

/// Returns an event as the quarantine keeps it: what its envelope said, a line's end, its bytes.
pub(crate) fn packed(envelope: &[u8], raw: &[u8]) -> Vec<u8> {
    [envelope, b"\n", raw].concat()
}

/// Returns the envelope and the bytes of an event; an envelope is JSON without line ends.
pub(crate) fn unpacked(body: &[u8]) -> (&[u8], &[u8]) {
    match body.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&body[..end], &body[end + 1..]),
        None => (b"", body),
    }
}

fn described(one: &Quarantined) -> Value {
    json!({
        "id": one.id, "source": one.source, "received_at": time::format(one.received_at),
        "reason": one.reason, "bytes": one.body.as_ref().map(|body| unpacked(body).1.len()),
        "damaged": one.body.is_none(),
    })
}

fn list(inbox: &Inbox, after: i64, limit: usize, as_json: bool) -> Result<String> {
    let found = inbox.quarantine(after, limit)?;
    if as_json {
        let events: Vec<Value> = found.iter().map(described).collect();
        return Ok(json!({ "events": events }).to_string());
    }
    if found.is_empty() {
        return Ok("the quarantine is empty".to_owned());
    }
    let mut text = format!("{:<10}{:<28}{:<16}reason", "id", "received", "source");
    for one in &found {
        let at = time::format(one.received_at);
        write!(text, "\n{:<10}{at:<28}{:<16}{}", one.id, one.source, one.reason)?;
    }
    if let (true, Some(last)) = (found.len() == limit, found.last()) {
        write!(text, "\nthere may be more: --after {}", last.id)?;
    }
    Ok(text)
}

fn show(inbox: &Inbox, id: i64, as_json: bool) -> Result<String> {
    let Some(one) = inbox.quarantined(id)? else {
        bail!("no event `{id}` in quarantine\nhint: `shopwise quarantine list` lists them");
    };
    let bytes = one.body.as_deref().map(unpacked);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if as_json {
        let mut object = described(&one);
        object["event"] = json!(bytes.map(|(_, raw)| text(raw)));
        object["envelope"] = json!(bytes.map(|(envelope, _)| text(envelope)));
        return Ok(object.to_string());
    }
    Ok(match bytes {
        None => format!("{}\nits bytes are damaged", one.reason),
        Some((envelope, raw)) => {
            format!("{}\nenvelope: {}\n{}", one.reason, text(envelope), text(raw))
        }
    })
}

fn replay(inbox: &Inbox, ids: &[i64], as_json: bool) -> Result<String> {
    let (mut stored, mut duplicate, mut kept) = (0, 0, 0);
    let mut after = 0;
    loop {
        let step = match ids {
            [] => inbox.quarantine(after, STEP)?,
            ids if after == 0 => {
                let mut found = Vec::new();
                for id in ids {
                    found.extend(inbox.quarantined(*id)?);
                }
                found
            }
            _ => Vec::new(),
        };
        let Some(last) = step.last() else { break };
        after = last.id.max(1);
        let replays: Vec<Replay> = step.iter().filter_map(again).collect();
        kept += step.len() - replays.len();
        for part in replays.chunks(STEP) {
            for verdict in inbox.replay(part, now())? {
                match verdict {
                    Some(Verdict::Duplicate) => duplicate += 1,
                    Some(_) => stored += 1,
                    None => {}
                }
            }
        }
    }
    Ok(if as_json {
        json!({ "stored": stored, "duplicate": duplicate, "quarantined": kept }).to_string()
    } else {
        format!("{stored} stored, {duplicate} known already, {kept} stay in quarantine")
    })
}

/// Decides anew about an event; `None` when it stays where it is.
fn again(one: &Quarantined) -> Option<Replay> {
    let (envelope, raw) = unpacked(one.body.as_ref()?);
    let new_id = || init::new_id(one.received_at);
    match wire::decode_again(envelope, raw, &one.source, one.received_at, new_id) {
        Decision::Ready(ready) => Some(Replay { id: one.id, key: ready.key, body: ready.json }),
        Decision::Spoiled(_) => None,
    }
}
