//! The catalogue's door: products, prices and stock as the shop changes them.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use shopwise_model::Product;
use shopwise_model::money::{micros_from_units, units_from_micros};
use shopwise_model::time::{self, DateFormat};

use super::reply::{ApiError, json_response};
use super::{App, Call, blocking, body};

/// Products of one request: what fits into the largest body, with room.
const BATCH_MAX: usize = 20_000;

/// The largest amount: beyond, millionths of a unit are lost in what JSON carries.
pub(super) const AMOUNT_MAX: f64 = 1e9;

/// The fields of a product, as the shop names them; amounts in units of its currency.
const FIELDS: [&str; 12] = [
    "id",
    "title",
    "category",
    "brand",
    "price",
    "cost",
    "stock",
    "seller",
    "hidden",
    "available_from",
    "available_until",
    "attributes",
];

/// Attributes of one product, and characters of a name of one: a catalogue is held in memory.
const ATTRIBUTES_MAX: usize = 200;
const ATTRIBUTE_NAME_MAX: usize = 100;

/// What a request does to what is known of a product.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Fields that are not named are forgotten.
    Whole,
    /// Fields that are not named stay.
    Named,
}

/// Sets a product, whole.
pub(super) async fn put(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    one(app, call, Change::Whole).await
}

/// Changes fields of a product.
pub(super) async fn patch(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    one(app, call, Change::Named).await
}

async fn one(app: Arc<App>, mut call: Call, change: Change) -> Result<Response, ApiError> {
    let id = call.path.first().cloned().unwrap_or_default();
    let held = body::read(&app, &mut call).await?;
    let Value::Object(mut fields) = parse(&held.bytes)? else {
        return Err(ApiError::bad("the body must be a JSON object"));
    };
    if fields.get("id").is_some_and(|own| own.as_str() != Some(id.as_str())) {
        return Err(ApiError::bad("`id` in the body is not that of the path"));
    }
    fields.insert("id".to_owned(), Value::from(id.clone()));
    blocking(&app, move |app| {
        let written = app.desk.write_products(|ledger| {
            let before = match (change, ledger.product(&id)?) {
                (Change::Named, None) => {
                    let none = format!("there is no product `{id}`");
                    return Err(ApiError::missing(none).hint("PUT makes one"));
                }
                (Change::Named, Some(before)) => before,
                (Change::Whole, _) => Product::default(),
            };
            Ok(vec![changed(before, &fields)?])
        })?;
        let product = written.first().ok_or_else(ApiError::internal)?;
        Ok(json_response(StatusCode::OK, &shown(product)))
    })
    .await
}

/// Takes a product off.
pub(super) async fn delete(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = call.path.first().cloned().unwrap_or_default();
    blocking(&app, move |app| {
        if !app.desk.delete_product(&id)? {
            return Err(ApiError::missing(format!("there is no product `{id}`")));
        }
        Ok(json_response(StatusCode::OK, &json!({ "deleted": id })))
    })
    .await
}

/// Sets many products, whole: all that are right, and says what is wrong with the others.
pub(super) async fn batch(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let held = body::read(&app, &mut call).await?;
    let list = match parse(&held.bytes)? {
        Value::Array(list) => list,
        Value::Object(mut object) => match object.remove("products") {
            Some(Value::Array(list)) => list,
            _ => return Err(ApiError::bad("the body must be a list, or have a list `products`")),
        },
        _ => return Err(ApiError::bad("the body must be a list of products")),
    };
    if list.len() > BATCH_MAX {
        return Err(ApiError::bad(format!("at most {BATCH_MAX} products at once")));
    }
    blocking(&app, move |app| {
        let (mut products, mut refused) = (Vec::with_capacity(list.len()), Vec::new());
        for (at, one) in list.iter().enumerate() {
            let product = match one {
                Value::Object(fields) => changed(Product::default(), fields),
                _ => Err(ApiError::bad("not a JSON object")),
            };
            match product {
                Ok(product) => products.push(product),
                Err(error) => refused.push(json!({ "index": at, "reason": error.message() })),
            }
        }
        let written = app.desk.write_products(|_| Ok::<_, ApiError>(products))?.len();
        let body = json!({ "written": written, "refused": refused });
        Ok(json_response(StatusCode::OK, &body))
    })
    .await
}

/// Reads one product.
#[cfg(test)]
pub(super) fn read(bytes: &[u8]) -> Result<Product, ApiError> {
    match parse(bytes)? {
        Value::Object(fields) => changed(Product::default(), &fields),
        _ => Err(ApiError::bad("not a JSON object")),
    }
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| ApiError::bad(format!("not JSON: {error}")))
}

fn changed(mut product: Product, fields: &Map<String, Value>) -> Result<Product, ApiError> {
    for (name, value) in fields {
        match name.as_str() {
            "id" => product.id = text(name, value)?.unwrap_or_default(),
            "title" => product.title = text(name, value)?.unwrap_or_default(),
            "category" => product.category = text(name, value)?,
            "brand" => product.brand = text(name, value)?,
            "price" => product.price = amount(name, value)?,
            "cost" => product.cost = amount(name, value)?,
            "stock" => product.stock = pieces(name, value)?,
            "seller" => product.seller = text(name, value)?,
            "hidden" => product.is_hidden = flag(name, value)?,
            "available_from" => product.available_from = moment(name, value)?,
            "available_until" => product.available_until = moment(name, value)?,
            "attributes" => attributes(&mut product, value)?,
            _ => {
                return Err(ApiError::bad(format!(
                    "there is no field `{name}`; there are {}",
                    FIELDS.join(", ")
                )));
            }
        }
    }
    if product.id.is_empty() || product.id.chars().count() > 200 {
        return Err(ApiError::bad("`id` must have 1 to 200 characters"));
    }
    Ok(product)
}

fn text(name: &str, value: &Value) -> Result<Option<String>, ApiError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(ApiError::bad(format!("`{name}` must be a text, got `{other}`"))),
    }
}

fn amount(name: &str, value: &Value) -> Result<Option<i64>, ApiError> {
    let wrong = || {
        ApiError::bad(format!("`{name}` must be a number from 0 to {AMOUNT_MAX}, got `{value}`"))
    };
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => {
            let units = number
                .as_f64()
                .filter(|units| (0.0..=AMOUNT_MAX).contains(units))
                .ok_or_else(wrong)?;
            micros_from_units(units).map(Some).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

fn pieces(name: &str, value: &Value) -> Result<Option<i64>, ApiError> {
    match value {
        Value::Null => Ok(None),
        value => value.as_i64().filter(|pieces| *pieces >= 0).map(Some).ok_or_else(|| {
            ApiError::bad(format!("`{name}` must be a whole number ≥ 0, got `{value}`"))
        }),
    }
}

fn flag(name: &str, value: &Value) -> Result<bool, ApiError> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        other => Err(ApiError::bad(format!("`{name}` must be true or false, got `{other}`"))),
    }
}

fn moment(name: &str, value: &Value) -> Result<Option<i64>, ApiError> {
    if value.is_null() {
        return Ok(None);
    }
    let zone = TimeZone::UTC;
    let parsed = value.as_str().and_then(|text| time::parse(text, DateFormat::YearFirst, &zone));
    parsed.map(Some).ok_or_else(|| {
        let like = "2026-12-01T08:00:00Z";
        ApiError::bad(format!("`{name}` must be a moment like `{like}`, got `{value}`"))
    })
}

/// Takes attributes in: those that are named replace what was known, null takes one away.
fn attributes(product: &mut Product, value: &Value) -> Result<(), ApiError> {
    let none = Map::new();
    let named = match value {
        Value::Null => &none,
        Value::Object(named) => named,
        other => {
            return Err(ApiError::bad(format!("`attributes` must be an object, got `{other}`")));
        }
    };
    if value.is_null() {
        product.attributes.clear();
    }
    for (name, value) in named {
        if name.is_empty() || name.chars().count() > ATTRIBUTE_NAME_MAX {
            let length = format!("1 to {ATTRIBUTE_NAME_MAX} characters");
            return Err(ApiError::bad(format!("the name of an attribute has {length}")));
        }
        match value {
            Value::Null => product.attributes.remove(name),
            value => product.attributes.insert(name.clone(), value.clone()),
        };
    }
    if product.attributes.len() > ATTRIBUTES_MAX {
        return Err(ApiError::bad(format!("at most {ATTRIBUTES_MAX} attributes")));
    }
    Ok(())
}

pub(super) fn shown(product: &Product) -> Value {
    json!({
        "id": product.id,
        "title": product.title,
        "category": product.category,
        "brand": product.brand,
        "price": product.price.map(units_from_micros),
        "cost": product.cost.map(units_from_micros),
        "stock": product.stock,
        "seller": product.seller,
        "hidden": product.is_hidden,
        "available_from": product.available_from.map(time::format),
        "available_until": product.available_until.map(time::format),
        "attributes": product.attributes,
    })
}
