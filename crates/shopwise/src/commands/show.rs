//! `shopwise show`: what is known about one customer, segment or product.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use shopwise_model::frame::{Column, Frame, NULL_INT};
use shopwise_model::time;

use super::open;
use crate::ShopFolder;

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
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let found = match arguments.what {
        What::Customer => {
            let names =
                [quote(&arguments.id), quote(&shop.vault.pseudonym("customer", &arguments.id))];
            shop.lake.query(&format!(
                "SELECT * FROM customer_features f LEFT JOIN profiles p ON p.customer = f.customer \
                 WHERE f.customer IN ({})",
                names.join(", ")
            ))?
        }
        What::Segment => shop.lake.query(&format!(
            "SELECT * FROM segments WHERE segment = {0} OR name_en = {0} OR name_zh = {0}",
            quote(&arguments.id)
        ))?,
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

/// Returns one row as a JSON object; missing values are null.
pub(crate) fn row_json(frame: &Frame, row: usize) -> serde_json::Value {
    use serde_json::Value;
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
