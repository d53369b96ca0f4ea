//! Is the server well?

use std::collections::BTreeMap;
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
    let shared = Arc::clone(&app);
    let read = move || {
        let shop = &shared.shop;
        let zone = &shop.settings.time_zone;
        Status::read(shared.live.inbox(), &shop.ledger, zone, crate::commands::now())
    };
    let status = tokio::task::spawn_blocking(read).await.map_err(anyhow::Error::from)??;
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
    describe(
        text,
        "shopwise_source_silent",
        "gauge",
        "1 while less comes from a source than in the weeks before",
    )?;
    for source in status.sources.keys() {
        let silent = u8::from(status.silent.iter().any(|silent| silent.source == *source));
        writeln!(text, "shopwise_source_silent{{source=\"{}\"}} {silent}", escape(source))?;
    }
    describe(
        text,
        "shopwise_plan_violations_total",
        "counter",
        "Properties of events that differ from the tracking plan",
    )?;
    let mut violations = BTreeMap::<&str, i64>::new();
    for one in &status.violations {
        *violations.entry(&one.source).or_default() += one.found;
    }
    for (source, found) in violations {
        let source = escape(source);
        writeln!(text, "shopwise_plan_violations_total{{source=\"{source}\"}} {found}")?;
    }
    describe(
        text,
        "shopwise_revoked_key_requests_total",
        "counter",
        "Requests with a key that was revoked, whose events are lost",
    )?;
    for (source, count) in app.keys.lost() {
        let source = escape(&source);
        writeln!(text, "shopwise_revoked_key_requests_total{{source=\"{source}\"}} {count}")?;
    }
    app.figures.write(text)
}

/// Returns a text as the value of a label.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
