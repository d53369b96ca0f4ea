//! What is known of a customer, this moment, and why; and what he wants forgotten of it.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use shopwise_stages::prepare::tastes;

use super::reply::{ApiError, json_response};
use super::{App, Call, blocking, segments};
use crate::commands::now;
use crate::live::view::{self, Somebody};

/// Answers what is known of a customer, the last event included.
pub(super) async fn show(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = call.path.first().cloned().unwrap_or_default();
    blocking(&app, move |app| {
        let somebody = somebody(app, &id)?;
        let hidden = app.shop.ledger.hidden_tags_of(&somebody.names)?;
        let known = app.live.known().read();
        let known = known.map_err(|_| anyhow::anyhow!("the live state is lost"))?;
        let currency = &app.shop.settings.currency;
        let mut found = view::customer(&known.state, currency, &somebody, &hidden);
        drop(known);
        found["segments"] = segments::of_customer(app, &somebody.names)?.into();
        Ok(json_response(StatusCode::OK, &found))
    })
    .await
}

/// Answers which events made a tag of a customer.
pub(super) async fn why(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let [id, tag] = named(&call)?;
    blocking(&app, move |app| {
        let somebody = somebody(app, &id)?;
        let found = view::why(&app.shop, &somebody, &tag)?;
        if found["events"].as_array().is_none_or(Vec::is_empty) {
            return Err(ApiError::missing(format!("nothing made the tag `{tag}` of `{id}`")));
        }
        Ok(json_response(StatusCode::OK, &found))
    })
    .await
}

/// Takes a tag off a customer, for good.
pub(super) async fn forget(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let [id, tag] = named(&call)?;
    blocking(&app, move |app| {
        let somebody = somebody(app, &id)?;
        app.shop.ledger.hide_tag(&somebody.name, &tag, now())?;
        Ok(json_response(StatusCode::OK, &json!({ "deleted": tag })))
    })
    .await
}

/// Returns the customer and the tag of a path.
fn named(call: &Call) -> Result<[String; 2], ApiError> {
    let [id, tag] = [0, 1].map(|place| call.path.get(place).cloned().unwrap_or_default());
    tastes::parts(&tag).map_err(|error| ApiError::bad(error.to_string()))?;
    Ok([id, tag])
}

fn somebody(app: &App, id: &str) -> Result<Somebody, ApiError> {
    let known = app.live.known().read();
    let known = known.map_err(|_| anyhow::anyhow!("the live state is lost"))?;
    view::somebody(&known.state, &app.shop.vault, id)
        .ok_or_else(|| ApiError::missing(format!("no customer `{id}` is known")))
}
