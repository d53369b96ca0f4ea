//! The catalogue: what the shop sells.

use serde_json::Value;
use shopwise_model::Product;
use shopwise_store::source::RawBatch;

use super::catalogue::Has;
use super::sink::Sink;
use super::values::{Reason, field, flag, money, whole};
use super::{Importer, Opening};
use crate::error::Result;

const ID: &[&str] = &["id", "product_id", "productId", "sku", "item_id", "item"];

/// The columns after the identifier, in the order of [`Has`], with their usual names.
const COLUMNS: [&[&str]; 10] = [
    &["title", "name", "product_name", "product_title", "description"],
    &["category", "category_name", "category_code", "product_type", "genres"],
    &["brand", "vendor", "manufacturer"],
    &["price", "unit_price", "list_price"],
    &["cost", "cost_price", "unit_cost"],
    &["stock", "quantity", "inventory", "inventory_quantity"],
    &["seller", "seller_id", "merchant"],
    &["hidden", "is_hidden"],
    &["available_from", "publish_at", "starts_at"],
    &["available_until", "expires_at", "ends_at"],
];

/// The places of the two moments in [`COLUMNS`].
const MOMENTS: [usize; 2] = [8, 9];

pub(super) fn date_column(opening: &Opening<'_>) -> Option<usize> {
    MOMENTS.iter().find_map(|at| opening.header.find(COLUMNS[*at]))
}

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    let id = header.need(ID)?;
    let columns = COLUMNS.map(|names| header.find(names));
    let is_other = |at: &usize| *at != id && !columns.contains(&Some(*at));
    let named = |at: usize| (at, header.names()[at].trim().to_lowercase());
    let others = (0..header.names().len()).filter(is_other).map(named);
    let others = others.filter(|(_, name)| !name.is_empty()).collect();
    Ok(Box::new(Products { id, columns, others, has: columns.map(|column| column.is_some()) }))
}

struct Products {
    id: usize,
    columns: [Option<usize>; 10],
    /// Columns of any other name: attributes.
    others: Vec<(usize, String)>,
    has: Has,
}

impl Importer for Products {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        for row in 0..batch.rows() {
            sink.read_row();
            match self.product(batch, row) {
                Ok(product) => {
                    if let Some(product) = self.with_moments(product, batch, row, sink) {
                        sink.catalogue.product(product, self.has);
                    }
                }
                Err((name, value, reason)) => {
                    sink.refuse(batch.line(row), name, value.as_bytes(), reason);
                }
            }
        }
        Ok(())
    }
}

impl Products {
    /// Returns the product of a row, but for its moments, or which field is wrong, its value, and
    /// why.
    fn product<'b>(
        &self,
        batch: &'b RawBatch,
        row: usize,
    ) -> std::result::Result<Product, (&'static str, &'b str, Reason)> {
        let text = |at: usize| field(batch, row, self.columns[at]);
        let id = field(batch, row, Some(self.id)).ok_or(("id", "", "must not be empty"))?;
        let number = |name, at, parse: fn(&str) -> std::result::Result<i64, Reason>| {
            let parsed = |text| parse(text).map_err(|reason| (name, text, reason));
            text(at).map(parsed).transpose()
        };
        let hidden = text(7).map(|text| flag(text).map_err(|reason| ("hidden", text, reason)));
        let attribute = |(at, name): &(usize, String)| {
            (name.clone(), field(batch, row, Some(*at)).map_or(Value::Null, attribute))
        };
        Ok(Product {
            id: id.to_owned(),
            title: text(0).unwrap_or_default().to_owned(),
            category: text(1).map(str::to_owned),
            brand: text(2).map(str::to_owned),
            price: number("price", 3, money)?,
            cost: number("cost", 4, money)?,
            stock: number("stock", 5, whole)?,
            seller: text(6).map(str::to_owned),
            is_hidden: hidden.transpose()?.unwrap_or_default(),
            attributes: self.others.iter().map(attribute).collect(),
            ..Product::default()
        })
    }

    /// Adds from when to when the product is offered; `None` when that cannot be read.
    fn with_moments(
        &self,
        mut product: Product,
        batch: &RawBatch,
        row: usize,
        sink: &mut Sink<'_>,
    ) -> Option<Product> {
        let moments = [&mut product.available_from, &mut product.available_until];
        for ((at, name), own) in
            MOMENTS.iter().zip(["available_from", "available_until"]).zip(moments)
        {
            if let Some(text) = field(batch, row, self.columns[*at]) {
                *own = Some(sink.moment(batch.line(row), name, text.as_bytes())?);
            }
        }
        Some(product)
    }
}

/// Returns what a column that has no meaning of its own says: a number, a flag or a text.
pub(super) fn attribute(text: &str) -> Value {
    match text {
        "true" | "false" => Value::from(text == "true"),
        // What begins with a zero is a code.
        _ if text.len() > 1 && text.starts_with('0') && !text.starts_with("0.") => text.into(),
        _ => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => number_or_text(text),
        },
    }
}

fn number_or_text(text: &str) -> Value {
    let is_number = |byte: u8| byte.is_ascii_digit() || byte == b'.' || byte == b'-';
    let number = text.bytes().all(is_number).then(|| text.parse::<f64>().ok()).flatten();
    number.map_or_else(|| text.into(), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_its_own_name_is_a_number_a_flag_or_a_text() {
        for (text, value) in [
            ("40", Value::from(40)),
            ("-2.5", Value::from(-2.5)),
            ("0.5", Value::from(0.5)),
            ("0", Value::from(0)),
            ("007", Value::from("007")),
            ("true", Value::from(true)),
            ("NaN", Value::from("NaN")),
            ("1e5", Value::from("1e5")),
            ("茶", Value::from("茶")),
        ] {
            assert_eq!(attribute(text), value, "{text}");
        }
    }
}
