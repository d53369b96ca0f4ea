//! Answers: JSON, and one shape for everything that goes wrong.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

/// Why a request was not answered as it wished.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    hint: Option<String>,
    /// Seconds after which the same request may succeed.
    retry_after: Option<u32>,
}

impl ApiError {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), hint: None, retry_after: None }
    }

    /// Returns the error with advice.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// 400: the request cannot be read.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: nobody is known by this key.
    pub(super) fn unknown_key(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403: the key is known and does not allow this.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404: there is no such thing.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 405: there is such a thing, and this cannot be done with it.
    pub(super) fn method(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, message)
    }

    /// 408: the body came too slowly.
    pub(super) fn slow(message: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, message)
    }

    /// 413: the body is too large.
    pub(super) fn large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// 429: not now; try again after so many seconds, which libraries read as a whole number.
    pub(super) fn later(message: impl Into<String>, seconds: u32) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, message);
        Self { retry_after: Some(seconds), ..error }
    }

    /// 500: our fault. What it was stands in the log alone.
    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says why")
    }

    /// Returns the HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns what is wrong, in words.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Returns the answer in plain text.
    pub(super) fn into_text(self) -> Response {
        let mut response = typed(self.status, "text/plain; charset=utf-8", self.message);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// Returns the answer.
    pub(super) fn into_response(self, request_id: &str) -> Response {
        let code = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({
            "code": code.to_lowercase().replace(' ', "_"),
            "message": self.message,
            "hint": self.hint,
            "request_id": request_id,
        });
        let mut response = json_response(self.status, &body);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        if error.downcast_ref().is_some_and(shopwise_store::Error::is_temporary) {
            tracing::warn!(error = %format!("{error:#}"), "a request must come again");
            return Self::later("the database is busy", 5);
        }
        tracing::error!(error = %format!("{error:#}"), "a request failed");
        Self::internal()
    }
}

impl From<shopwise_store::Error> for ApiError {
    fn from(error: shopwise_store::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}

/// Returns a JSON answer.
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    typed(status, "application/json", body.to_string())
}

/// Returns an answer of a media type.
pub(super) fn typed(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
