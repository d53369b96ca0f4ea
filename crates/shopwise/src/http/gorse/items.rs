//! Items: products of the catalogue.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use shopwise_model::Product;
use shopwise_stages::collect::gorse::{Item, Object, categories};
use shopwise_store::Ledger;

use super::{COUNT, PAGE_MAX, Query, affected, feedback, object, objects, part, refused};
use crate::http::reply::{ApiError, json_response};
use crate::http::{App, Call, blocking, body};

pub(super) async fn insert(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let held = body::read(&app, &mut call).await?;
    let item = object(&held.bytes)?;
    blocking(&app, move |app| write(app, &[item])).await
}

pub(super) async fn insert_many(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let held = body::read(&app, &mut call).await?;
    let items = objects(&held.bytes)?;
    blocking(&app, move |app| write(app, &items)).await
}

fn write(app: &App, items: &[Object]) -> Result<Response, ApiError> {
    let read = |item: &Object| Item::read(item).map_err(|wrong| refused(&wrong));
    let items = items.iter().map(read).collect::<Result<Vec<Item>, ApiError>>()?;
    let count = items.len();
    app.desk.write_products(|ledger| {
        let product = |item: Item| {
            let mut product = ledger.product(&item.id)?.unwrap_or_default();
            item.replace(&mut product);
            Ok::<_, ApiError>(product)
        };
        items.into_iter().map(product).collect()
    })?;
    Ok(affected(count))
}

pub(super) async fn modify(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let id = part(&call, 0)?;
    let held = body::read(&app, &mut call).await?;
    let patch = object(&held.bytes)?;
    blocking(&app, move |app| {
        // As gorse has it: what is not there is not changed, and nobody is told.
        change(app, &id, |item| item.change(&patch).map_err(|wrong| refused(&wrong)))?;
        Ok(affected(1))
    })
    .await
}

/// Changes an item; returns whether it is there.
fn change(
    app: &App,
    id: &str,
    change: impl FnOnce(&mut Item) -> Result<(), ApiError>,
) -> Result<bool, ApiError> {
    let changed = |ledger: &Ledger| {
        let known = ledger.product(id)?;
        let mut product = known.clone().unwrap_or_default();
        let mut item = Item::of_product(&product);
        change(&mut item)?;
        item.replace(&mut product);
        Ok::<_, ApiError>(known.map(|_| product).into_iter().collect())
    };
    Ok(!app.desk.write_products(changed)?.is_empty())
}

pub(super) async fn get(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = part(&call, 0)?;
    blocking(&app, move |app| match app.shop.ledger.product(&id)? {
        Some(product) => Ok(json_response(StatusCode::OK, &Item::of_product(&product).to_json())),
        None => Err(missing(&id)),
    })
    .await
}

fn missing(id: &str) -> ApiError {
    ApiError::missing(format!("item {id} not found"))
}

pub(super) async fn list(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let query = Query::read(&call.uri);
    let count = query.whole("n", COUNT, PAGE_MAX)?;
    let from = feedback::cursor(&query)?.unwrap_or_default();
    let words = query.text("q").map(str::to_lowercase);
    blocking(&app, move |app| {
        let (page, next) = match words {
            Some(words) => (search(app.shop.ledger.products()?, &words, count), None),
            None => {
                let mut page = app.shop.ledger.products_from(&from, count as i64 + 1)?;
                let more = page.split_off(page.len().min(count));
                (page, more.into_iter().next())
            }
        };
        let cursor = next.map_or_else(String::new, |next| feedback::coded(&next.id));
        let items: Vec<Value> =
            page.iter().map(|product| Item::of_product(product).to_json()).collect();
        Ok(json_response(StatusCode::OK, &json!({ "Cursor": cursor, "Items": items })))
    })
    .await
}

/// Returns the first products in whose names and categories all words stand.
fn search(products: Vec<Product>, words: &str, count: usize) -> Vec<Product> {
    let is_found = |product: &Product| {
        let text = [&product.id, &product.title].map(|text| text.to_lowercase()).join(" ");
        let text = format!("{text} {}", categories(product).join(" ").to_lowercase());
        words.split_whitespace().all(|word| text.contains(word))
    };
    products.into_iter().filter(is_found).take(count).collect()
}

pub(super) async fn delete(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = part(&call, 0)?;
    blocking(&app, move |app| {
        app.desk.delete_product(&id)?;
        Ok(affected(1))
    })
    .await
}

pub(super) async fn add_category(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    recategorize(app, call, |all, category| {
        if !all.contains(&category) {
            all.push(category);
        }
    })
    .await
}

pub(super) async fn remove_category(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    recategorize(app, call, |all, category| all.retain(|own| *own != category)).await
}

async fn recategorize(
    app: Arc<App>,
    call: Call,
    with: fn(&mut Vec<String>, String),
) -> Result<Response, ApiError> {
    let (id, category) = (part(&call, 0)?, part(&call, 1)?);
    blocking(&app, move |app| {
        let is_there = change(app, &id, |item| {
            with(item.categories.get_or_insert_default(), category);
            Ok(())
        })?;
        if is_there { Ok(affected(1)) } else { Err(missing(&id)) }
    })
    .await
}
