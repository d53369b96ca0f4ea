//! `shopwise keys`: the keys with which programs send events.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::json;
use shopwise_model::time;
use shopwise_store::ledger::Key;

use super::{init, now, open};
use crate::ShopFolder;

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
    /// Makes a key for a source of events
    Create {
        /// The name that the source's events carry
        source: String,
        /// A web origin that may use the key, such as `https://shop.example`; any when left out
        #[arg(long, value_name = "ORIGIN")]
        origin: Vec<String>,
        /// What the key allows
        #[arg(long, value_parser = ["write", "read"], default_value = "write")]
        scope: String,
    },
    /// Lists the keys
    List,
    /// Ends a key: what is sent with it is refused from then on
    Revoke {
        /// The key
        key: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    match &arguments.what {
        What::Create { source, origin, scope } => {
            check(source, origin)?;
            let random = init::random_key()?;
            let key: String = random[..16].iter().map(|byte| format!("{byte:02x}")).collect();
            let (source, scope) = (source.clone(), scope.clone());
            let (origins, created_at) = (origin.clone(), now());
            let (revoked_at, is_damaged) = (None, false);
            let made = Key { key, source, scope, origins, created_at, revoked_at, is_damaged };
            shop.ledger.add_key(&made)?;
            Ok(if arguments.json { json!(made).to_string() } else { made.key })
        }
        What::Revoke { key } => {
            if !shop.ledger.revoke_key(key, now())? {
                bail!("no live key `{key}`\nhint: `shopwise keys list` lists them");
            }
            Ok(if arguments.json {
                json!({ "revoked": key }).to_string()
            } else {
                "revoked; a running server refuses it within seconds".to_owned()
            })
        }
        What::List => {
            let keys = shop.ledger.keys()?;
            Ok(if arguments.json { json!({ "keys": keys }).to_string() } else { text(&keys)? })
        }
    }
}

/// Checks what will stand in events and be compared with a browser's words.
fn check(source: &str, origins: &[String]) -> Result<()> {
    let plain = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    if source.is_empty() || source.chars().count() > 64 || !source.chars().all(plain) {
        bail!("a source must be 1 to 64 letters, digits, `-`, `_` or `.`, got `{source}`");
    }
    for origin in origins {
        let host = origin.strip_prefix("https://").or(origin.strip_prefix("http://"));
        if !host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' '])) {
            bail!("an origin must be like https://shop.example, without a path, got `{origin}`");
        }
    }
    Ok(())
}

fn text(keys: &[Key]) -> Result<String> {
    if keys.is_empty() {
        return Ok("no keys yet; `shopwise keys create SOURCE` makes one".to_owned());
    }
    let mut text = format!("{:<34}{:<16}{:<8}{:<22}state", "key", "source", "scope", "made");
    for key in keys {
        let state = match key.revoked_at {
            _ if key.is_damaged => "damaged: revoke it and make another".to_owned(),
            Some(at) => format!("revoked {}", time::format(at)),
            None => "live".to_owned(),
        };
        let made = time::format(key.created_at);
        write!(text, "\n{:<34}{:<16}{:<8}{made:<22}{state}", key.key, key.source, key.scope)?;
        if !key.origins.is_empty() {
            write!(text, ", for {}", key.origins.join(" "))?;
        }
    }
    Ok(text)
}
