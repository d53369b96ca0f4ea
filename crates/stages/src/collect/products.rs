//! The catalogue: what the shop sells.

use shopwise_model::Product;
use shopwise_store::source::RawBatch;

use super::catalogue::Has;
use super::sink::Sink;
use super::values::{Reason, field, money, whole};
use super::{Importer, Opening};
use crate::error::Result;

/// The columns after the identifier, in the order of [`Product`]'s fields, with their usual names.
const COLUMNS: [&[&str]; 6] = [
    &["title", "name", "product_name", "product_title", "description"],
    &["category", "category_name", "category_code", "product_type", "genres"],
    &["brand", "vendor", "manufacturer"],
    &["price", "unit_price", "list_price"],
    &["cost", "cost_price", "unit_cost"],
    &["stock", "quantity", "inventory", "inventory_quantity"],
];

pub(super) fn open(opening: &Opening<'_>) -> Result<Box<dyn Importer>> {
    let header = &opening.header;
    let id = header.need(&["id", "product_id", "productId", "sku", "item_id", "item"])?;
    let columns = COLUMNS.map(|names| header.find(names));
    Ok(Box::new(Products { id, columns, has: columns.map(|column| column.is_some()) }))
}

struct Products {
    id: usize,
    columns: [Option<usize>; 6],
    has: Has,
}

impl Importer for Products {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        for row in 0..batch.rows() {
            sink.read_row();
            match self.product(batch, row) {
                Ok(product) => sink.catalogue.product(product, self.has),
                Err((name, value, reason)) => {
                    sink.refuse(batch.line(row), name, value.as_bytes(), reason);
                }
            }
        }
        Ok(())
    }
}

impl Products {
    /// Returns the product of a row, or which field is wrong, its value, and why.
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
        Ok(Product {
            id: id.to_owned(),
            title: text(0).unwrap_or_default().to_owned(),
            category: text(1).map(str::to_owned),
            brand: text(2).map(str::to_owned),
            price: number("price", 3, money)?,
            cost: number("cost", 4, money)?,
            stock: number("stock", 5, whole)?,
        })
    }
}
