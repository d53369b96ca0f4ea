//! Tables of items and of users, as recommenders exchange them: an identifier, and columns of any
//! name that describe it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use shopwise_model::{Product, time};
use shopwise_store::ledger::CustomerTraits;
use shopwise_store::source::RawBatch;

use super::Importer;
use super::catalogue::Has;
use super::identity::names_nobody;
use super::interactions::{NOBODY, Wrong};
use super::pseudonyms::Who;
use super::segment::kept_of_person;
use super::sink::Sink;
use super::values::{field, money, number, seconds};
use crate::attributes::{CATEGORIES, KNOWN_SINCE};
use crate::error::Result;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Text,
    Number,
    /// Several, with this between them.
    Texts(char),
    Numbers(char),
    /// A number or a text, or several texts with a bar between them.
    Anything,
}

/// A column without a meaning of its own.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) holds: Holds,
}

impl Column {
    /// Returns what a row has in the column; what is empty is null.
    pub(super) fn value<'b>(
        &self,
        batch: &'b RawBatch,
        row: usize,
    ) -> std::result::Result<Value, Wrong<'b>> {
        let Some(text) = field(batch, row, Some(self.at)) else { return Ok(Value::Null) };
        let number = |text: &'b str| {
            let parsed = number(text).map(Value::from);
            parsed.map_err(|reason| (self.name.clone(), text, reason))
        };
        let parts = |by: char| text.split(by).map(str::trim).filter(|part| !part.is_empty());
        match self.holds {
            Holds::Text => Ok(text.into()),
            Holds::Number => number(text),
            Holds::Texts(by) => Ok(parts(by).map(Value::from).collect()),
            Holds::Numbers(by) => parts(by).map(number).collect(),
            Holds::Anything if text.contains('|') => Ok(parts('|').map(Value::from).collect()),
            Holds::Anything => Ok(super::products::attribute(text)),
        }
    }
}

/// Where the columns of items stand.
#[derive(Debug)]
pub(super) struct Items {
    pub(super) id: usize,
    pub(super) title: Option<usize>,
    /// From the widest level to the narrowest.
    pub(super) categories: Vec<Column>,
    pub(super) brand: Option<usize>,
    pub(super) price: Option<usize>,
    /// Since when the shop has it, in seconds since 1970.
    pub(super) since: Option<usize>,
    pub(super) others: Vec<Column>,
}

impl Importer for Items {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        let [title, brand, price] = [self.title, self.brand, self.price].map(|at| at.is_some());
        let mut has: Has = [false; 10];
        (has[0], has[1], has[2], has[3]) = (title, !self.categories.is_empty(), brand, price);
        for row in 0..batch.rows() {
            sink.read_row();
            match self.product(batch, row) {
                Ok(product) => sink.catalogue.product(product, has),
                Err((field, value, reason)) => {
                    sink.refuse(batch.line(row), &field, value.as_bytes(), reason);
                }
            }
        }
        Ok(())
    }
}

impl Items {
    fn product<'b>(
        &self,
        batch: &'b RawBatch,
        row: usize,
    ) -> std::result::Result<Product, Wrong<'b>> {
        let text = |column: Option<usize>| field(batch, row, column);
        let wrong = |field: &str, value, reason| (field.to_owned(), value, reason);
        let id = text(Some(self.id)).ok_or(wrong("item", "", "must not be empty"))?;
        let price = text(self.price);
        let price = price.map(|price| money(price).map_err(|why| wrong("price", price, why)));
        let mut attributes = BTreeMap::new();
        if let Some(since) = text(self.since) {
            let at = seconds(since).map_err(|why| wrong("creation_timestamp", since, why))?;
            attributes.insert(KNOWN_SINCE.to_owned(), time::format(at).into());
        }
        for column in &self.others {
            attributes.insert(column.name.clone(), column.value(batch, row)?);
        }
        let category = self.category(batch, row, &mut attributes)?;
        Ok(Product {
            id: id.to_owned(),
            title: text(self.title).unwrap_or_default().to_owned(),
            category,
            brand: text(self.brand).map(str::to_owned),
            price: price.transpose()?,
            attributes,
            ..Product::default()
        })
    }

    /// Returns the first category of each level, joined; all of them become an attribute.
    fn category<'b>(
        &self,
        batch: &'b RawBatch,
        row: usize,
        attributes: &mut BTreeMap<String, Value>,
    ) -> std::result::Result<Option<String>, Wrong<'b>> {
        let (mut levels, mut all) = (Vec::new(), Vec::new());
        for column in &self.categories {
            let list = match column.value(batch, row)? {
                Value::Null => continue,
                Value::Array(list) => list,
                one => vec![one],
            };
            let list =
                list.into_iter().map(|one| one.as_str().map_or(one.to_string(), str::to_owned));
            let list: Vec<String> = list.collect();
            levels.extend(list.first().cloned());
            all.extend(list);
        }
        if !self.categories.is_empty() {
            let several = if all.len() > 1 { Value::from(all) } else { Value::Null };
            attributes.insert(CATEGORIES.to_owned(), several);
        }
        Ok((!levels.is_empty()).then(|| levels.join(" > ")))
    }
}

/// Where the columns of users stand.
#[derive(Debug)]
pub(super) struct Users {
    pub(super) id: usize,
    pub(super) others: Vec<Column>,
}

impl Importer for Users {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        for row in 0..batch.rows() {
            sink.read_row();
            match self.user(batch, row, sink) {
                Ok(traits) => sink.describe(traits),
                Err((field, value, reason)) => {
                    sink.refuse(batch.line(row), &field, value.as_bytes(), reason);
                }
            }
        }
        Ok(())
    }
}

impl Users {
    fn user<'b>(
        &self,
        batch: &'b RawBatch,
        row: usize,
        sink: &mut Sink<'_>,
    ) -> std::result::Result<CustomerTraits, Wrong<'b>> {
        let name = field(batch, row, Some(self.id)).unwrap_or_default();
        if names_nobody(name) {
            return Err(("user".to_owned(), name, NOBODY));
        }
        let mut labels = Map::new();
        for column in &self.others {
            labels.insert(column.name.clone(), column.value(batch, row)?);
        }
        Ok(CustomerTraits {
            customer: sink.pseudonym(Who::Customer, name).to_string(),
            name: name.to_owned(),
            labels: Value::Object(kept_of_person(&labels)),
            comment: String::new(),
        })
    }
}
