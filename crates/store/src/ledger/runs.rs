//! What the stages did: one row a run.

use serde_json::Value;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Lease, Ledger, json};
use crate::{Error, Result};

/// What is known when a stage begins.
#[derive(Debug, Clone)]
pub struct RunStart<'a> {
    /// The stage's name.
    pub stage: &'a str,
    /// The lease under which it works; without one a run that dies stays `running`.
    pub lease: Option<&'a Lease>,
    /// The versions of the tables it reads.
    pub inputs: Value,
    /// Its parameters.
    pub parameters: Value,
    /// The seed of what it draws by chance.
    pub seed: u64,
}

/// What is known when a stage ends.
#[derive(Debug, Clone)]
pub struct RunEnd<'a> {
    /// `done`, `skipped` or `failed`.
    pub status: &'a str,
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
    /// Rows refused, by reason.
    pub refused: Value,
    /// What was measured.
    pub metrics: Value,
    /// How long it took.
    pub seconds: f64,
}

/// A run as it stands in the ledger.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Run {
    /// The number of the run, from 1.
    pub id: i64,
    /// The stage's name.
    pub stage: String,
    /// `running`, `interrupted`, or how it ended.
    pub status: String,
    /// The versions of the tables it read.
    pub inputs: Value,
    /// Its parameters.
    pub parameters: Value,
    /// The seed of what it drew by chance.
    pub seed: u64,
    /// Rows read.
    pub rows_read: i64,
    /// Rows written.
    pub rows_written: i64,
    /// Rows refused, by reason.
    pub refused: Value,
    /// What was measured.
    pub metrics: Value,
    /// How long it took.
    pub seconds: f64,
    /// When it began, UTC microseconds.
    pub started_at: i64,
    /// When it ended, UTC microseconds.
    pub finished_at: Option<i64>,
}

impl Ledger {
    /// Notes that a stage begins. Returns the run's number.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn start_run(&self, start: &RunStart<'_>, now: i64) -> Result<i64> {
        self.block(async {
            let id = self.next_number("run").await?;
            sqlx::query(
                "INSERT INTO runs (id, stage, lease, token, inputs, parameters, seed, status,
                 rows_read, rows_written, refused, metrics, seconds, started_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', 0, 0, '{}', '{}', 0.0, $8)",
            )
            .bind(id)
            .bind(start.stage)
            .bind(start.lease.map(|lease| lease.name.as_str()))
            .bind(start.lease.map(|lease| lease.token))
            .bind(start.inputs.to_string())
            .bind(start.parameters.to_string())
            .bind(start.seed.cast_signed())
            .bind(now)
            .execute(&self.pool)
            .await?;
            Ok(id)
        })
    }

    /// Notes how a run ended.
    ///
    /// # Errors
    /// When there is no such running run, or the database refuses.
    pub fn finish_run(&self, id: i64, end: &RunEnd<'_>, now: i64) -> Result<()> {
        let query = sqlx::query(
            "UPDATE runs SET status = $1, rows_read = $2, rows_written = $3, refused = $4,
             metrics = $5, seconds = $6, finished_at = $7 WHERE id = $8 AND status = 'running'",
        )
        .bind(end.status)
        .bind(end.rows_read.cast_signed())
        .bind(end.rows_written.cast_signed())
        .bind(end.refused.to_string())
        .bind(end.metrics.to_string())
        .bind(end.seconds)
        .bind(now)
        .bind(id);
        match self.block(query.execute(&self.pool))?.rows_affected() {
            1 => Ok(()),
            _ => Err(Error::Settings(format!("run `{id}` is not running"))),
        }
    }

    /// Returns the newest runs, newest first. A run that was not finished and whose lease is gone
    /// at `now` is `interrupted`.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn runs(&self, limit: u32, now: i64) -> Result<Vec<Run>> {
        let query = sqlx::query(
            "SELECT id, stage, inputs, parameters, seed, rows_read, rows_written, refused, metrics,
             seconds, started_at, finished_at,
             CASE WHEN status <> 'running' OR token IS NULL THEN status
             WHEN EXISTS (SELECT 1 FROM leases WHERE leases.name = runs.lease
             AND leases.token = runs.token AND leases.expires_at > $1) THEN status
             ELSE 'interrupted' END AS shown
             FROM runs ORDER BY id DESC LIMIT $2",
        )
        .bind(now)
        .bind(i64::from(limit));
        self.block(query.fetch_all(&self.pool))?.iter().map(run).collect()
    }
}

fn run(row: &AnyRow) -> Result<Run> {
    Ok(Run {
        id: row.try_get("id")?,
        stage: row.try_get("stage")?,
        status: row.try_get("shown")?,
        inputs: json(row, "inputs")?,
        parameters: json(row, "parameters")?,
        seed: row.try_get::<i64, _>("seed")?.cast_unsigned(),
        rows_read: row.try_get("rows_read")?,
        rows_written: row.try_get("rows_written")?,
        refused: json(row, "refused")?,
        metrics: json(row, "metrics")?,
        seconds: row.try_get("seconds")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
    })
}
