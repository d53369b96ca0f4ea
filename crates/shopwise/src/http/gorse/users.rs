//! Users: what the shop says of its customers.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use shopwise_stages::collect::gorse::{Object, User};
use shopwise_stages::collect::identity::Kind;
use shopwise_store::ledger::CustomerTraits;

use super::{COUNT, PAGE_MAX, Query, affected, feedback, object, objects, part, refused};
use crate::commands::now;
use crate::http::reply::{ApiError, json_response};
use crate::http::{App, Call, blocking, body};

/// Returns the pseudonym of a user.
pub(super) fn pseudonym(app: &App, user: &str) -> String {
    app.shop.vault.pseudonym(Kind::Customer.name(), user)
}

pub(super) async fn insert(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let held = body::read(&app, &mut call).await?;
    let user = object(&held.bytes)?;
    blocking(&app, move |app| write(app, &[user])).await
}

pub(super) async fn insert_many(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let held = body::read(&app, &mut call).await?;
    let users = objects(&held.bytes)?;
    blocking(&app, move |app| write(app, &users)).await
}

fn write(app: &App, users: &[Object]) -> Result<Response, ApiError> {
    let traits = |user: &Object| {
        let user = User::read(user).map_err(|wrong| refused(&wrong))?;
        let customer = pseudonym(app, &user.id);
        Ok(user.into_traits(customer))
    };
    let all = users.iter().map(traits).collect::<Result<Vec<CustomerTraits>, ApiError>>()?;
    app.shop.ledger.upsert_traits(&all, now())?;
    Ok(affected(all.len()))
}

pub(super) async fn modify(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let id = part(&call, 0)?;
    let held = body::read(&app, &mut call).await?;
    let patch = object(&held.bytes)?;
    blocking(&app, move |app| {
        let customer = pseudonym(app, &id);
        let known = app.shop.ledger.traits_of(&customer)?;
        let mut user = known.clone().map(User::of_traits).unwrap_or_default();
        user.change(&patch).map_err(|wrong| refused(&wrong))?;
        // As gorse has it: who is not there is not changed, and nobody is told.
        if known.is_some() {
            app.shop.ledger.upsert_traits(&[user.into_traits(customer)], now())?;
        }
        Ok(affected(1))
    })
    .await
}

pub(super) async fn get(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = part(&call, 0)?;
    blocking(&app, move |app| match app.shop.ledger.traits_of(&pseudonym(app, &id))? {
        Some(traits) => Ok(json_response(StatusCode::OK, &User::of_traits(traits).to_json())),
        None => Err(ApiError::missing(format!("user {id} not found"))),
    })
    .await
}

pub(super) async fn list(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let query = Query::read(&call.uri);
    let count = query.whole("n", COUNT, PAGE_MAX)?;
    let from = feedback::cursor(&query)?.unwrap_or_default();
    blocking(&app, move |app| {
        let mut page = app.shop.ledger.traits_from(&from, count as i64 + 1)?;
        let more = page.split_off(page.len().min(count));
        let cursor = more.first().map_or_else(String::new, |next| feedback::coded(&next.name));
        let users: Vec<Value> =
            page.into_iter().map(|traits| User::of_traits(traits).to_json()).collect();
        Ok(json_response(StatusCode::OK, &json!({ "Cursor": cursor, "Users": users })))
    })
    .await
}

/// Forgets what is said of a user, and his feedback.
pub(super) async fn delete(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = part(&call, 0)?;
    feedback::take_away(&app, &id, None, None).await?;
    blocking(&app, move |app| {
        app.shop.ledger.delete_traits(&pseudonym(app, &id))?;
        Ok(affected(1))
    })
    .await
}
