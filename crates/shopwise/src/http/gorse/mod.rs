//! gorse's REST API under `/gorse/api`: its paths, verbs, shapes and codes, so that a shop that
//! used gorse changes an address and nothing else.
//!
//! Items are products of the catalogue, users what the ledger holds of customers, feedback events
//! that come in by the same durable door as all others; lists are made by our own engine. Whoever
//! calls sends the administrator's token as `X-API-Key`. What goes wrong is said in plain text.

mod feedback;
mod items;
mod lists;
mod routes;
mod schemas;
mod users;

use std::sync::Arc;

use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use shopwise_stages::collect::gorse::{Object, Wrong, is_id};
use url::form_urlencoded;

use super::reply::{ApiError, json_response};
use super::{App, Call};

pub(super) use routes::ROUTES;
pub(super) use schemas::schemas;

/// How every path of the API begins.
const PREFIX: &str = "/gorse/api/";

/// The source of what comes in here.
const SOURCE: &str = "gorse";

/// How many entries are given when nobody says.
const COUNT: usize = 10;

/// Entries of one page of users, items or feedback: what fits into memory many times.
const PAGE_MAX: usize = 10_000;

/// Entries of one request, as of our own catalogue.
const ENTRIES_MAX: usize = 20_000;

/// Returns whether a path is one of this API.
pub(super) fn is_at(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// Answers as gorse does while its databases are well: ours are asked with every request.
pub(super) async fn health(app: Arc<App>, _: Call) -> Result<Response, ApiError> {
    let hindrance = app.live.hindrance();
    let is_well = hindrance.is_none();
    let body = json!({
        "Ready": is_well, "DataStoreError": hindrance, "CacheStoreError": null,
        "DataStoreConnected": is_well, "CacheStoreConnected": true,
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// As [`health`], with 503 while events could not be taken.
pub(super) async fn ready(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let is_well = app.live.hindrance().is_none();
    let mut response = health(app, call).await?;
    if !is_well {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// What stands in an address behind the path. As in gorse, what nobody knows is passed over.
struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    fn read(uri: &Uri) -> Self {
        let text = uri.query().unwrap_or_default().as_bytes();
        Self { pairs: form_urlencoded::parse(text).into_owned().collect() }
    }

    /// Returns a parameter that is not empty. Its client for JavaScript begins `Cursor` with a
    /// capital.
    fn text(&self, name: &str) -> Option<&str> {
        let named = self.pairs.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns a number that is not negative, cut to `most`.
    fn whole(&self, name: &str, usual: usize, most: usize) -> Result<usize, ApiError> {
        let Some(text) = self.text(name) else { return Ok(usual) };
        match text.parse::<i64>() {
            Ok(number) if number >= 0 => Ok(usize::try_from(number).unwrap_or(most).min(most)),
            _ => Err(ApiError::bad(format!("`{name}` must be a number from 0 on, got `{text}`"))),
        }
    }
}

/// Returns a part of the path that must be an identifier.
fn part(call: &Call, at: usize) -> Result<String, ApiError> {
    let id = call.path.get(at).map(|id| id.trim()).unwrap_or_default();
    if is_id(id) {
        return Ok(id.to_owned());
    }
    Err(ApiError::bad("an identifier must have 1 to 200 characters, none of them NUL"))
}

fn object(bytes: &[u8]) -> Result<Object, ApiError> {
    match parsed(bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(ApiError::bad("the body must be a JSON object")),
    }
}

fn objects(bytes: &[u8]) -> Result<Vec<Object>, ApiError> {
    let Value::Array(list) = parsed(bytes)? else {
        return Err(ApiError::bad("the body must be a list of JSON objects"));
    };
    if list.len() > ENTRIES_MAX {
        return Err(ApiError::bad(format!("at most {ENTRIES_MAX} entries at once")));
    }
    let one = |value| match value {
        Value::Object(object) => Ok(object),
        _ => Err(ApiError::bad("each entry must be a JSON object")),
    };
    list.into_iter().map(one).collect()
}

fn parsed(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| ApiError::bad(format!("not JSON: {error}")))
}

/// Says what is wrong with an entry, without what stands there: it may say who somebody is.
fn refused(wrong: &Wrong) -> ApiError {
    ApiError::bad(format!("`{}` {}", wrong.field, wrong.reason))
}

fn affected(rows: usize) -> Response {
    json_response(StatusCode::OK, &json!({ "RowAffected": rows }))
}
