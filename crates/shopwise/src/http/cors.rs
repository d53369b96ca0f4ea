//! Pages of other origins: what browsers ask before they send, and what they want to hear after.
//!
//! Write keys are public and say themselves which origins may use them, so every origin may ask.
//! What needs the administrator's token is for no page of another origin.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::auth::Scope;
use super::routes::all;

/// What libraries send: `*` would not cover `Authorization`.
const HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, x-retry-count, baggage, traceparent");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
/// A day, in seconds: browsers need not ask before each call.
const AGE_MAX: HeaderValue = HeaderValue::from_static("86400");
const REQUEST_ID: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");

/// Answers what a browser asks before it calls a path.
pub(super) fn preflight(path: &str, asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let is_closed = |scope| matches!(scope, Scope::Admin | Scope::Gorse);
    if all().any(|route| is_closed(route.scope) && route.is_at(path)) {
        return response;
    }
    let headers = response.headers_mut();
    allow(asked, headers);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, AGE_MAX);
    response
}

/// Lets the page that asked read the answer, errors included.
pub(super) fn allow(asked: &HeaderMap, headers: &mut HeaderMap) {
    if let Some(origin) = asked.get(header::ORIGIN) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, REQUEST_ID);
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
}
