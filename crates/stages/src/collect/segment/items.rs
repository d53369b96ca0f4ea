//! The products of a call: the list `products`, or the one that the properties describe.

use std::borrow::Cow;

use serde_json::Value;
use shopwise_model::frame::NULL_INT;
use shopwise_model::money::{micros_from_units, parse_micros};

use super::{Object, Refusal, first, text_of};
use crate::collect::values::{Reason, propensity, whole};

/// Keys of a product that become columns.
pub(super) const KEYS: &[&str] = &[
    "product_id",
    "sku",
    "name",
    "category",
    "brand",
    "price",
    "quantity",
    "position",
    "propensity",
];

/// One product of a call.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) object: &'a Object,
    /// Whether it stands in a list, and not in the properties themselves.
    pub(super) is_listed: bool,
    pub(super) product: Option<Cow<'a, str>>,
    pub(super) title: Option<Cow<'a, str>>,
    pub(super) category: Option<Cow<'a, str>>,
    pub(super) brand: Option<Cow<'a, str>>,
    pub(super) price: i64,
    pub(super) quantity: i64,
    pub(super) position: i64,
    /// That of the event where the product has none of its own.
    pub(super) propensity: Option<f64>,
}

/// Returns the products of a call, at least one.
pub(super) fn items(properties: &Object) -> Result<Vec<Item<'_>>, Refusal> {
    let list = match properties.get("products") {
        Some(Value::Array(list)) if !list.is_empty() => list,
        None | Some(Value::Null | Value::Array(_)) => return Ok(vec![item(properties, "")?]),
        Some(other) => return Err(("products".into(), other.to_string(), "must be a list")),
    };
    let mut items = Vec::with_capacity(list.len());
    for (at, value) in list.iter().enumerate() {
        let place = format!("products[{at}]");
        let Value::Object(object) = value else {
            return Err((place, value.to_string(), "not a JSON object"));
        };
        items.push(item(object, &place)?);
    }
    Ok(items)
}

fn item<'a>(object: &'a Object, place: &str) -> Result<Item<'a>, Refusal> {
    let product = first(object, &["product_id", "productId", "sku"]);
    // A list's and a promotion's own name is no title of a product.
    let title = product.as_ref().and_then(|_| first(object, &["name"]));
    let is_listed = !place.is_empty();
    let own = match is_listed {
        true => parsed(object, "propensity", place, propensity)?,
        false => None,
    };
    Ok(Item {
        object,
        is_listed,
        title,
        category: first(object, &["category"]),
        brand: first(object, &["brand"]),
        price: amount(object, "price", place)?,
        quantity: parsed(object, "quantity", place, whole)?.unwrap_or(NULL_INT),
        position: parsed(object, "position", place, whole)?.unwrap_or(NULL_INT),
        propensity: own,
        product,
    })
}

/// Returns an amount in millionths, missing when there is none.
pub(super) fn amount(object: &Object, key: &str, place: &str) -> Result<i64, Refusal> {
    let amount = parsed(object, key, place, |text| {
        // JSON may write a number with an exponent.
        let units = || text.parse().ok().and_then(micros_from_units);
        match parse_micros(text.as_bytes()).or_else(units) {
            None => Err("not an amount"),
            Some(..0) => Err("must be ≥ 0"),
            Some(amount) => Ok(amount),
        }
    })?;
    Ok(amount.unwrap_or(NULL_INT))
}

fn parsed<T>(
    object: &Object,
    key: &str,
    place: &str,
    parse: impl Fn(&str) -> Result<T, Reason>,
) -> Result<Option<T>, Refusal> {
    let refuse = |value: &Value, reason| {
        let field = if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Err((field, value, reason))
    };
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match text_of(value) {
            None if value.as_str().is_some() => Ok(None),
            None => refuse(value, "not a number"),
            Some(text) => parse(&text).map(Some).or_else(|reason| refuse(value, reason)),
        },
    }
}
