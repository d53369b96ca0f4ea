//! `shopwise tags`: what a customer turns to, which events say so, and what he wants forgotten.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use shopwise_stages::Shop;
use shopwise_stages::prepare::fold::Replay;
use shopwise_stages::prepare::tastes;

use super::{now, open, show};
use crate::ShopFolder;
use crate::live::glance;
use crate::live::view::{self, Somebody};

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

/// A tag is written as `category:Shoes` or `brand:Acme`.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// The tags of a customer
    List {
        /// The customer, named as for `show`
        customer: String,
    },
    /// The events that made a tag
    Why {
        /// The customer
        customer: String,
        /// The tag
        tag: String,
    },
    /// Takes a tag off a customer, for good
    Delete {
        /// The customer
        customer: String,
        /// The tag
        tag: String,
    },
    /// Lets a deleted tag come again
    Restore {
        /// The customer
        customer: String,
        /// The tag
        tag: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    match &arguments.what {
        What::List { customer } => {
            let (state, somebody) = find(&shop, arguments, customer)?;
            list(&shop, &state, &somebody, arguments.json)
        }
        What::Why { customer, tag } => {
            let (_, somebody) = find(&shop, arguments, customer)?;
            why(&shop, &somebody, tag, arguments.json)
        }
        What::Delete { customer, tag } => {
            tastes::parts(tag)?;
            let (_, somebody) = find(&shop, arguments, customer)?;
            let is_new = shop.ledger.hide_tag(&somebody.name, tag, now())?;
            let told = if is_new { "deleted" } else { "was deleted already" };
            Ok(told_of(tag, told, arguments.json))
        }
        What::Restore { customer, tag } => {
            let (_, somebody) = find(&shop, arguments, customer)?;
            let was_gone = shop.ledger.unhide_tag(&somebody.names, tag)?;
            let told = if was_gone { "may come again" } else { "was not deleted" };
            Ok(told_of(tag, told, arguments.json))
        }
    }
}

/// Returns who is meant, and what is known of him.
fn find(shop: &Shop, arguments: &Arguments, id: &str) -> Result<(Replay, Somebody)> {
    let inbox = open::inbox_to_read(&arguments.folder.shop, &shop.settings)?;
    let state = glance::customers(shop, &inbox, &show::everybody(shop, id)?)?;
    let somebody = view::somebody(&state, &shop.vault, id).with_context(|| {
        format!("no customer `{id}` is known\nhint: he appears with his first event")
    })?;
    Ok((state, somebody))
}

fn list(shop: &Shop, state: &Replay, somebody: &Somebody, is_json: bool) -> Result<String> {
    let hidden = shop.ledger.hidden_tags_of(&somebody.names)?;
    let known = view::customer(state, &shop.settings.currency, somebody, &hidden);
    let tags = known["tags"].as_array().cloned().unwrap_or_default();
    if is_json {
        let all = json!({ "customer": somebody.name, "tags": tags, "deleted": hidden });
        return Ok(all.to_string());
    }
    let mut text = String::new();
    for tag in &tags {
        let name = tag["tag"].as_str().unwrap_or_default();
        let [share, lift] = ["share", "lift"].map(|name| tag[name].as_f64().unwrap_or_default());
        writeln!(text, "{name:<40} {:5.1} %  {lift:.1} times the usual", 100.0 * share)?;
    }
    for tag in &hidden {
        writeln!(text, "{tag:<40} deleted")?;
    }
    if text.is_empty() {
        bail!("nothing sets this customer apart yet");
    }
    Ok(text.trim_end().to_owned())
}

fn why(shop: &Shop, somebody: &Somebody, tag: &str, is_json: bool) -> Result<String> {
    let found = view::why(shop, somebody, tag)?;
    if is_json {
        return Ok(found.to_string());
    }
    let mut text = String::new();
    for event in found["events"].as_array().into_iter().flatten() {
        let [at, kind, product] =
            ["at", "kind", "product"].map(|name| event[name].as_str().unwrap_or_default());
        let weight = event["weight"].as_f64().unwrap_or_default();
        writeln!(text, "{at}  {kind:<16} {product:<24} {weight:.3}")?;
    }
    if text.is_empty() {
        bail!("nothing made the tag `{tag}`");
    }
    let (weight, days) = (found["weight"].as_f64().unwrap_or_default(), &found["half_life_days"]);
    write!(text, "together {weight:.3} views; half of each is gone after {days} days")?;
    Ok(text)
}

fn told_of(tag: &str, told: &str, is_json: bool) -> String {
    if is_json { json!({ "tag": tag, "told": told }).to_string() } else { format!("{tag} {told}") }
}
