//! Is the server well?

use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::figures::describe;
use super::reply::{ApiError, json_response, typed};
use super::{App, Call};
use crate::commands::status::{Status, terms};

/// Answers as long as anything can.
pub(super) async fn alive(_: Arc<App>, _: Call) -> Result<Response, ApiError> {
    Ok(json_response(StatusCode::OK, &json!({ "status": "ok" })))
}

/// Answers 503 while events could not be taken.
pub(super) async fn ready(app: Arc<App>, _: Call) -> Result<Response, ApiError> {
    Ok(match app.live.hindrance() {
        None => json_response(StatusCode::OK, &json!({ "status": "ready" })),
        Some(why) => {
            json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "no", "why": why }))
        }
    })
}

/// Answers the figures of the server and of the inbox.
pub(super) async fn metrics(app: Arc<App>, _: Call) -> Result<Response, ApiError> {
    let live = Arc::clone(&app.live);
    let status =
        tokio::task::spawn_blocking(move || Status::read(live.inbox(), crate::commands::now()))
            .await
            .map_err(anyhow::Error::from)??;
    let mut text = String::new();
    write(&app, &status, &mut text).map_err(anyhow::Error::from)?;
    Ok(typed(StatusCode::OK, "text/plain; version=0.0.4", text))
}

fn write(app: &App, status: &Status, text: &mut String) -> std::fmt::Result {
    describe(text, "shopwise_events_total", "counter", "Events received, by what became of them")?;
    for (source, counts) in &status.sources {
        for (verdict, count) in terms(counts) {
            writeln!(
                text,
                "shopwise_events_total{{source=\"{}\",verdict=\"{verdict}\"}} {count}",
                escape(source)
            )?;
        }
    }
    describe(
        text,
        "shopwise_lake_behind_seconds",
        "gauge",
        "Age of the oldest event not in the lake",
    )?;
    writeln!(text, "shopwise_lake_behind_seconds {}", status.lake_behind_seconds)?;
    describe(
        text,
        "shopwise_pending_events",
        "gauge",
        "Events on disk that are not in the lake yet",
    )?;
    writeln!(text, "shopwise_pending_events {}", status.pending)?;
    describe(
        text,
        "shopwise_damaged_records_total",
        "counter",
        "Records whose checksum was wrong",
    )?;
    writeln!(text, "shopwise_damaged_records_total {}", status.damaged)?;
    app.figures.write(text)
}

/// Returns a text as the value of a label.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
