//! `shopwise show`: what is known about one customer, segment, product or campaign.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};
use shopwise_model::frame::{Column, Frame, NULL_INT};
use shopwise_model::money::units_from_micros;
use shopwise_model::{Campaign, time};
use shopwise_stages::Shop;
use shopwise_store::ledger::SegmentRule;

use super::{open, segments};
use crate::ShopFolder;
use crate::live::{glance, view};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// What to show
    #[arg(value_enum)]
    what: What,
    /// Its identifier; a customer may be named as in the imported file or by the pseudonym
    id: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    Customer,
    Segment,
    Product,
    Campaign,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    if let What::Segment = arguments.what
        && let Some(rule) = segments::rule(&shop, &arguments.id)?
    {
        return segment(&shop, arguments, &rule);
    }
    let found = match arguments.what {
        What::Customer => return customer(&shop, arguments),
        What::Segment => shop.lake.query(&format!(
            "SELECT * FROM segments WHERE segment = {0} OR name_en = {0} OR name_zh = {0}",
            quote(&arguments.id)
        ))?,
        What::Campaign => return campaign(&shop, arguments),
        What::Product => shop.lake.query(&format!(
            "SELECT * FROM product_features WHERE product = {}",
            quote(&arguments.id)
        ))?,
    };
    if found.rows() == 0 {
        bail!(
            "no {:?} `{}` is known\nhint: `shopwise run` makes what was imported known",
            arguments.what,
            arguments.id
        );
    }
    if arguments.json {
        return Ok(row_json(&found, 0).to_string());
    }
    let mut text = String::new();
    for (name, column) in found.names().iter().zip(found.columns()) {
        if let Some(value) = cell(column, 0) {
            writeln!(text, "{:<22} {value}", name.replace('_', " "))?;
        }
    }
    Ok(text)
}

/// Returns what is known of a segment that a rule defines, its members counted now.
fn segment(shop: &Shop, arguments: &Arguments, rule: &SegmentRule) -> Result<String> {
    let members = segments::members_of(shop, &arguments.folder.shop, rule)?.len();
    let shown = segments::shown(shop, rule, Some(members as u64));
    if arguments.json {
        return Ok(shown.to_string());
    }
    let mut text = String::new();
    for name in ["segment", "name", "english", "chinese", "members", "created_at", "changed_at"] {
        tell(&name.replace('_', " "), &shown[name], &mut text)?;
    }
    Ok(text)
}

/// Returns what is known of a customer: what the loop found out last, and above it what he did up
/// to now, the events included that are on their way into the lake.
fn customer(shop: &Shop, arguments: &Arguments) -> Result<String> {
    let (folder, id) = (&arguments.folder.shop, &arguments.id);
    let names = everybody(shop, id)?;
    let inbox = open::inbox_to_read(folder, &shop.settings)?;
    let state = glance::customers(shop, &inbox, &names)?;
    let now = match view::somebody(&state, &shop.vault, id) {
        Some(somebody) => {
            let hidden = shop.ledger.hidden_tags_of(&somebody.names)?;
            Some(view::customer(&state, &shop.settings.currency, &somebody, &hidden))
        }
        None => None,
    };
    let found = shop.lake.query(&format!(
        "SELECT * FROM customer_features f LEFT JOIN profiles p ON p.customer = f.customer \
         WHERE f.customer IN ({})",
        names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
    ))?;
    let mut facts = Vec::new();
    if found.rows() > 0
        && let Value::Object(last) = row_json(&found, 0)
    {
        // In the order of the columns, not that of the object.
        for name in found.names() {
            facts.push((name.clone(), last.get(name).cloned().unwrap_or_default()));
        }
    }
    for (name, value) in now.as_ref().and_then(Value::as_object).into_iter().flatten() {
        match facts.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => known.clone_from(value),
            None => facts.push((name.clone(), value.clone())),
        }
    }
    if facts.is_empty() {
        bail!("no Customer `{id}` is known\nhint: he appears with his first event");
    }
    if arguments.json {
        return Ok(Value::Object(facts.into_iter().collect()).to_string());
    }
    let mut text = String::new();
    for (name, value) in facts {
        tell(&name.replace('_', " "), &value, &mut text)?;
    }
    Ok(text)
}

/// Returns the pseudonyms under which the log may speak of somebody: those that an identifier may
/// mean, and all others of the same person.
pub(crate) fn everybody(shop: &Shop, id: &str) -> Result<Vec<String>> {
    let mut names = view::pseudonyms(&shop.vault, id);
    for name in names.clone() {
        if let Some(person) = shop.ledger.person_of(&name)? {
            names.extend(shop.ledger.identities_of(&person)?);
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Writes a fact on a line, or a list of them on a line each.
fn tell(name: &str, value: &Value, text: &mut String) -> Result<()> {
    match value {
        Value::Null => {}
        Value::String(value) => writeln!(text, "{name:<22} {value}")?,
        Value::Array(list) => {
            for one in list {
                let plain = |value: &Value| value.as_str().map(str::to_owned);
                if let Some(one) = plain(one) {
                    writeln!(text, "{name:<22} {one}")?;
                    continue;
                }
                let facts = one.as_object().into_iter().flatten();
                let facts: Vec<String> = facts
                    .map(|(name, value)| {
                        format!("{name} {}", plain(value).unwrap_or_else(|| value.to_string()))
                    })
                    .collect();
                writeln!(text, "{name:<22} {}", facts.join(", "))?;
            }
        }
        Value::Number(number) if number.is_f64() => {
            writeln!(text, "{name:<22} {:.3}", number.as_f64().unwrap_or_default())?;
        }
        value => writeln!(text, "{name:<22} {value}")?,
    }
    Ok(())
}

/// Returns a text as SQL reads it.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns what the campaign is and what came of it.
fn campaign(shop: &Shop, arguments: &Arguments) -> Result<String> {
    let all = shop.ledger.campaigns()?;
    let Some(found) = all.iter().find(|campaign| campaign.id == arguments.id) else {
        let names: Vec<&str> = all.iter().map(|campaign| campaign.id.as_str()).collect();
        let hint = match names.len() {
            0 => "import some with --format campaigns".to_owned(),
            1..=20 => format!("there are: {}", names.join(", ")),
            count => format!("there are {count} others"),
        };
        bail!("no campaign `{}` is known\nhint: {hint}", arguments.id);
    };
    let sql = format!(
        "SELECT count(*) AS shown, sum(CASE WHEN clicked THEN 1 ELSE 0 END) AS clicked, \
         sum(cost) AS spent FROM exposures WHERE campaign = {}",
        quote(&arguments.id)
    );
    let outcome = shop.lake.query(&sql)?;
    let number = |name: &str| -> Result<i64> {
        Ok(outcome.int(name)?.first().copied().filter(|value| *value != NULL_INT).unwrap_or(0))
    };
    let outcome =
        Outcome { shown: number("shown")?, clicked: number("clicked")?, spent: number("spent")? };
    let facts = campaign_facts(found, &outcome, &shop.settings.currency);
    if arguments.json {
        return Ok(Value::Object(facts).to_string());
    }
    let mut text = String::new();
    // In the order in which they are listed, not that of the object.
    for name in FACTS {
        match facts.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(value)) => {
                writeln!(text, "{:<22} {value}", name.replace('_', " "))?;
            }
            Some(value) => writeln!(text, "{:<22} {value}", name.replace('_', " "))?,
        }
    }
    Ok(text)
}

/// What came of a campaign; `spent` in millionths.
struct Outcome {
    shown: i64,
    clicked: i64,
    spent: i64,
}

/// What is said about a campaign, in this order.
const FACTS: [&str; 18] = [
    "campaign",
    "name",
    "product",
    "category",
    "creative",
    "segments",
    "starts_at",
    "ends_at",
    "currency",
    "bid_per_click",
    "budget",
    "budget_day",
    "shown",
    "clicked",
    "click_rate",
    "spent",
    "cost_per_click",
    "left",
];

/// Returns the facts by name, amounts in units of the currency; what cannot be said is null.
fn campaign_facts(campaign: &Campaign, outcome: &Outcome, currency: &str) -> Map<String, Value> {
    let Outcome { shown, clicked, spent } = *outcome;
    let share = |of: f64, among: i64| (among > 0).then(|| of / among as f64);
    let values = [
        json!(campaign.id),
        json!(campaign.name),
        json!(campaign.product),
        json!(campaign.category),
        json!(campaign.creative),
        json!((!campaign.segments.is_empty()).then(|| campaign.segments.join(", "))),
        json!(time::format(campaign.starts_at)),
        json!(time::format(campaign.ends_at)),
        json!(currency),
        json!(units_from_micros(campaign.bid_per_click)),
        json!(units_from_micros(campaign.budget)),
        json!(campaign.budget_day.map(units_from_micros)),
        json!(shown),
        json!(clicked),
        json!(share(clicked as f64, shown)),
        json!(units_from_micros(spent)),
        json!(share(units_from_micros(spent), clicked)),
        json!(units_from_micros(campaign.budget - spent)),
    ];
    FACTS.iter().map(|name| (*name).to_owned()).zip(values).collect()
}

/// Returns one row as a JSON object; missing values are null.
pub(crate) fn row_json(frame: &Frame, row: usize) -> Value {
    let value = |column: &Column| match column {
        Column::Int(values) if values[row] != NULL_INT => Value::from(values[row]),
        Column::Float(values) => Value::from(values[row]),
        Column::Bool(values) => Value::from(values[row]),
        column => cell(column, row).map_or(Value::Null, Value::from),
    };
    frame
        .names()
        .iter()
        .zip(frame.columns())
        .map(|(name, column)| (name.clone(), value(column)))
        .collect()
}

/// Returns a value as text, or `None` where it is missing.
pub(crate) fn cell(column: &Column, row: usize) -> Option<String> {
    match column {
        Column::Int(values) => (values[row] != NULL_INT).then(|| values[row].to_string()),
        Column::Time(values) => (values[row] != NULL_INT).then(|| time::format(values[row])),
        Column::Float(values) => (!values[row].is_nan()).then(|| format!("{:.3}", values[row])),
        Column::Bool(values) => Some(values[row].to_string()),
        Column::Text(texts) => texts.get(row).map(ToOwned::to_owned),
        Column::Id(values) => Some(values[row].iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_is_told_in_units_of_the_currency() {
        let campaign = Campaign {
            id: "spring".to_owned(),
            bid_per_click: 250_000,
            budget: 10_000_000,
            segments: vec!["new".to_owned(), "loyal".to_owned()],
            ..Campaign::default()
        };
        let outcome = Outcome { shown: 80, clicked: 4, spent: 1_000_000 };
        let facts = campaign_facts(&campaign, &outcome, "EUR");
        for (name, value) in [
            ("click_rate", json!(0.05)),
            ("spent", json!(1.0)),
            ("cost_per_click", json!(0.25)),
            ("left", json!(9.0)),
            ("bid_per_click", json!(0.25)),
            ("budget_day", Value::Null),
            ("segments", json!("new, loyal")),
        ] {
            assert_eq!(facts[name], value, "{name}");
        }
        let never = Outcome { shown: 0, clicked: 0, spent: 0 };
        assert_eq!(campaign_facts(&campaign, &never, "EUR")["click_rate"], Value::Null);
    }
}
