//! `GET /try`: a page on which to be any customer.
//!
//! It shows who he is, the list that he gets in each scene with its reasons and scores, beside what
//! is popular, and how it changes with what he is supposed to have done: events that stand in the
//! address alone. It works without a script and asks nothing of other hosts.

mod contents;
mod form;
mod lists;
mod person;
mod render;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::query::Query;
use super::reply::{ApiError, typed};
use super::{App, Call, blocking};
use contents::Contents;
use form::Form;

/// Nothing is fetched, nothing runs, no other page may hold this one in a frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// Answers the page.
pub(super) async fn show(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let query = Query::read(&call.uri, form::PARAMETERS)?;
    let (form, wrong) = Form::read(&query);
    let language = form.language.unwrap_or_else(|| form::asked(&call.headers));
    blocking(&app, move |app| {
        let contents = Contents::gather(app, form, wrong, language)?;
        Ok(answered(render::page(&contents)))
    })
    .await
}

/// Returns a page as browsers are to treat it: kept nowhere, named to nobody.
fn answered(page: String) -> Response {
    let mut response = typed(StatusCode::OK, "text/html; charset=utf-8", page);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    response
}
