//! The door for events: what Segment's libraries send, answered when it is on disk.

use std::sync::Arc;
use std::time::Instant;

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::json;
use shopwise_stages::collect::wire::{self, Endpoint};
use shopwise_store::inbox::Verdict;
use shopwise_store::ledger::Key;
use tokio::task::block_in_place;

use super::auth::{self, check_origin};
use super::reply::{ApiError, json_response, typed};
use super::{App, Call, body};
use crate::commands::{init, now};
use crate::live::Full;

/// The browser script, as it is served.
const SCRIPT: &str = include_str!("../../assets/shopwise.min.js");

/// An image of one transparent pixel.
const PIXEL: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x21\xf9\x04\x01\x00\
\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

/// How long a caller waits who comes while the disk is full or slow, in seconds.
const FULL_RETRY: u32 = 5;

/// Bytes of a body that take a few milliseconds to read.
const LARGE: usize = 256 << 10;

/// Takes the events of a request in; the answer comes when they are on disk.
pub(super) async fn take(
    app: Arc<App>,
    mut call: Call,
    endpoint: Option<Endpoint>,
) -> Result<Response, ApiError> {
    let Some(endpoint) = endpoint else { return Err(ApiError::internal()) };
    // Who comes while others wait is told so before anything of his is read.
    if app.live.is_full() {
        return Err(ApiError::later("the server is busy", FULL_RETRY));
    }
    // A key in the head is looked at before the body; one in the body must be read first.
    let named = match auth::of_header(&call.headers) {
        Some(key) => Some(known(&app, &key, &call.headers).await?),
        None => None,
    };
    let held = body::read(&app, &mut call).await?;
    let key = match named {
        Some(key) => key,
        None => {
            let key = wire::key_of(endpoint, &held.bytes).ok_or_else(|| {
                ApiError::unknown_key("there is no write key").hint(
                    "send it as `Authorization: Basic base64(KEY:)`, or as `writeKey` in the body",
                )
            })?;
            known(&app, &key, &call.headers).await?
        }
    };
    let decode = || wire::decode(endpoint, &held.bytes, &key.source, now(), || init::new_id(now()));
    // Large bodies must not hold up those who share this thread.
    let decoded = if held.bytes.len() > LARGE { block_in_place(decode) } else { decode() };
    let decoded = decoded.map_err(|error| ApiError::bad(error.to_string()))?;
    drop(held);
    let verdicts = keep(&app, &key, decoded).await?;
    Ok(json_response(StatusCode::OK, &json!({ "success": true, "verdicts": verdicts })))
}

/// Returns the live key of a caller who may use it now.
async fn known(app: &Arc<App>, key: &str, headers: &HeaderMap) -> Result<Arc<Key>, ApiError> {
    // Reading the ledger again happens seldom; it must not hold up other requests.
    let (shared, wanted) = (Arc::clone(app), key.to_owned());
    let find = move || shared.keys.find(&shared.shop, &wanted);
    let key = tokio::task::spawn_blocking(find).await.map_err(anyhow::Error::from)??;
    if key.scope != "write" {
        return Err(ApiError::forbidden("this key is not for writing"));
    }
    check_origin(&key, headers)?;
    if !app.key_rates.take(key.key.clone(), Instant::now()) {
        return Err(ApiError::later("too many requests with this write key", 1));
    }
    Ok(key)
}

/// Hands decoded events over and waits until they are on disk. Returns how many there are of each
/// verdict.
async fn keep(
    app: &App,
    key: &Key,
    decoded: wire::Decoded,
) -> Result<serde_json::Map<String, serde_json::Value>, ApiError> {
    let verdicts = app.live.take(&key.source, decoded).await.map_err(|full| match full {
        Full::Busy => ApiError::later("the server is busy", FULL_RETRY),
        Full::Disk => ApiError::later("the events could not be stored", FULL_RETRY),
    })?;
    let conflicts = verdicts.iter().filter(|verdict| **verdict == Verdict::Conflict).count();
    if conflicts > 0
        && let Some(left_out) = app.sparing.line(Instant::now())
    {
        let source = &key.source;
        tracing::warn!(source, conflicts, left_out, "identifiers came again with other events");
    }
    let mut counts = serde_json::Map::new();
    for verdict in verdicts {
        let name = match verdict {
            Verdict::Stored | Verdict::Conflict => "stored",
            Verdict::Duplicate => "duplicate",
            Verdict::Quarantined => "quarantined",
            Verdict::Refused => "refused",
        };
        let count = counts.entry(name).or_insert(json!(0));
        *count = json!(count.as_u64().unwrap_or(0) + 1);
    }
    Ok(counts)
}

/// Takes one event in as an image. An e-mail shows the image whatever happens.
pub(super) async fn pixel(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let verb = call.path.first().cloned().unwrap_or_default();
    if let Err(error) = take_pixel(&app, &verb, &call.uri, &call.headers).await
        && let Some(left_out) = app.sparing.line(Instant::now())
    {
        let status = error.status().as_u16();
        tracing::warn!(status, left_out, "an event of an image was refused");
    }
    let mut response = typed(StatusCode::OK, "image/gif", PIXEL);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn take_pixel(
    app: &Arc<App>,
    verb: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    let endpoint = Endpoint::from_segment(verb).ok_or_else(|| ApiError::bad("no such call"))?;
    let query = uri.query().unwrap_or_default();
    let data = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("data="))
        .ok_or_else(|| ApiError::bad("there is no `data`"))?;
    let bytes =
        wire::pixel_body(data).ok_or_else(|| ApiError::bad("`data` is neither base64 nor JSON"))?;
    let key = auth::of_header(headers)
        .or_else(|| wire::key_of(endpoint, &bytes))
        .ok_or_else(|| ApiError::unknown_key("there is no write key"))?;
    let key = known(app, &key, headers).await?;
    let decoded = wire::decode(endpoint, &bytes, &key.source, now(), || init::new_id(now()))
        .map_err(|error| ApiError::bad(error.to_string()))?;
    keep(app, &key, decoded).await.map(drop)
}

/// Answers where the browser library is to send, which must not depend on the key being right: a
/// library that gets no settings loses what it would have sent.
pub(super) async fn settings(_: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let key = call.path.first().cloned().unwrap_or_default();
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let host = header("x-forwarded-host").or(header("host")).unwrap_or("127.0.0.1");
    let protocol = match header("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    let body = json!({
        "integrations": { "Segment.io": {
            "apiKey": key, "apiHost": format!("{host}/v1"), "protocol": protocol,
        } },
        "plan": { "track": { "__default": { "enabled": true, "integrations": {} } } },
        "metrics": { "sampleRate": 0 },
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// Takes a library's figures about itself: nobody here reads them.
pub(super) async fn discard(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    body::read(&app, &mut call).await?;
    Ok(json_response(StatusCode::OK, &json!({ "success": true })))
}

/// Answers the browser script.
pub(super) async fn script(_: Arc<App>, _: Call) -> Result<Response, ApiError> {
    let mut response = typed(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("max-age=3600"));
    Ok(response)
}
