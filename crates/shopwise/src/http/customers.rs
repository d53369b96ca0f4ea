//! What is known of a customer, this moment.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;

use super::reply::{ApiError, json_response};
use super::{App, Call};
use crate::live::view;

/// Answers what is known of a customer, the last event included.
pub(super) async fn show(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = call.path.first().cloned().unwrap_or_default();
    let found = {
        let known = app.live.known().read();
        let known = known.map_err(|_| anyhow::anyhow!("the live state is lost"))?;
        view::customer(&known.state, &app.shop.vault, &app.shop.settings.currency, &id)
    };
    match found {
        Some(found) => Ok(json_response(StatusCode::OK, &found)),
        None => Err(ApiError::missing(format!("no customer `{id}` is known"))),
    }
}
