//! The operational database: catalogue, campaigns, currency rates, identities, runs, leases,
//! models, imports.
//!
//! SQLite in the shop's folder, or PostgreSQL. Every statement stands once, in the SQL that both
//! speak. The verbs block; times are given by the caller as UTC microseconds. A thread of an
//! asynchronous runtime must call them through its `spawn_blocking`.

mod catalog;
mod identities;
mod identity_graph;
mod imports;
mod leases;
mod models;
mod rates;
mod runs;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection as _, Row as _, SqlSafeStr as _};

pub use identities::{Identifier, Identity};
pub use identity_graph::{
    IdentityChanges, IdentityDecision, IdentityEdge, IdentityEvidence, IdentityFact, Sighting,
};
pub use imports::Import;
pub use leases::Lease;
pub use models::{Model, NewModel};
pub use runs::{Run, RunEnd, RunStart};

use crate::{Error, Result};

/// The changes of the schema in order. Only added to: a shop holds what earlier ones made.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "shop", include_str!("migrations/0001_shop.sql")),
    (2, "currency rates", include_str!("migrations/0002_currency_rates.sql")),
    (3, "identity graph", include_str!("migrations/0003_identity_graph.sql")),
];

/// Connections to the database: the stages of one process work one after the other, reports beside
/// them.
const CONNECTIONS_MAX: u32 = 4;

/// How long a statement waits for a connection or another writer.
const WAIT: Duration = Duration::from_secs(30);

/// What every SQLite connection is told: readers beside one writer, a commit is on disk, writers
/// wait.
const SQLITE_PRAGMAS: &str = "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; \
                              PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/// The operational database, opened.
#[derive(Debug)]
pub struct Ledger {
    pool: AnyPool,
    /// `None` only while being dropped.
    runtime: Option<tokio::runtime::Runtime>,
}

impl Ledger {
    /// Opens the database and brings its schema to this program's version.
    ///
    /// `url` is `sqlite://path` (made if missing) or `postgres://user@host/database`.
    ///
    /// # Errors
    /// When the URL is no such one, the database cannot be reached, or a newer program wrote it.
    pub fn open(url: &str) -> Result<Self> {
        let sqlite = url.starts_with("sqlite:");
        if !sqlite && !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            let known = "`sqlite://path` or `postgres://user@host/database`";
            return Err(Error::Settings(format!("ledger must be {known}, got `{url}`")));
        }
        let url = if sqlite { creating(url) } else { url.to_owned() };
        sqlx::any::install_default_drivers();
        let runtime = runtime()?;
        let pool = runtime.block_on(connect(&url, sqlite))?;
        Ok(Self { pool, runtime: Some(runtime) })
    }

    /// Opens a schema of its own within a PostgreSQL database, made if missing.
    ///
    /// # Errors
    /// As [`Ledger::open`]; and when the name is not made of lower-case letters, digits and `_`.
    pub fn open_in_schema(url: &str, schema: &str) -> Result<Self> {
        let create = format!("CREATE SCHEMA IF NOT EXISTS {}", plain_name(schema)?);
        execute(url, create)?;
        let joint = if url.contains('?') { '&' } else { '?' };
        Self::open(&format!("{url}{joint}options[search_path]={schema}"))
    }

    /// Deletes a schema of a PostgreSQL database with everything in it; there may be none.
    ///
    /// # Errors
    /// When the database cannot be reached; and as [`Ledger::open_in_schema`].
    pub fn drop_schema(url: &str, schema: &str) -> Result<()> {
        let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", plain_name(schema)?);
        execute(url, sql)
    }

    fn block<F: Future>(&self, work: F) -> F::Output {
        self.runtime.as_ref().expect("the runtime lives as long as the ledger").block_on(work)
    }

    /// Returns the next number of a counter, from 1; never twice the same.
    async fn next_number(&self, counter: &str) -> Result<i64> {
        let row = sqlx::query(
            "INSERT INTO counters (name, value) VALUES ($1, 1)
             ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
        )
        .bind(counter)
        .fetch_one(&self.pool)
        .await?;
        Ok(row.try_get(0)?)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // Dropping a runtime within another one panics; this way does not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Returns the name of a schema, which stands in statements as it is.
fn plain_name(schema: &str) -> Result<&str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if schema.is_empty() || !schema.bytes().all(plain) {
        let allowed = "lower-case letters, digits and `_`";
        return Err(Error::Settings(format!("schema must be {allowed}, got `{schema}`")));
    }
    Ok(schema)
}

/// Runs one statement on a connection of its own.
fn execute(url: &str, sql: String) -> Result<()> {
    sqlx::any::install_default_drivers();
    runtime()?.block_on(async {
        let mut connection = AnyConnection::connect(url).await?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("ledger")
        .enable_all()
        .build()
        .map_err(Error::io("ledger"))
}

/// Returns the URL with the wish that a missing file is made.
fn creating(url: &str) -> String {
    match url.contains("mode=") {
        true => url.to_owned(),
        false => format!("{url}{}mode=rwc", if url.contains('?') { '&' } else { '?' }),
    }
}

async fn connect(url: &str, sqlite: bool) -> Result<AnyPool> {
    migrate(url, sqlite).await?;
    let options = AnyPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(WAIT);
    let options = options.after_connect(move |connection, _| {
        Box::pin(async move { prepare(connection, sqlite).await })
    });
    Ok(options.connect(url).await?)
}

async fn prepare(connection: &mut AnyConnection, sqlite: bool) -> sqlx::Result<()> {
    if sqlite {
        sqlx::raw_sql(SQLITE_PRAGMAS).execute(connection).await?;
    }
    Ok(())
}

/// Runs the migrations on a connection of its own: whatever happens, its locks end with it.
async fn migrate(url: &str, sqlite: bool) -> Result<()> {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        let kind = MigrationType::Simple;
        Migration::new(*version, (*name).into(), kind, (*sql).into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    let mut result = try_migrate(&migrator, url, sqlite).await;
    if matches!(result, Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))) {
        // SQLite has no lock for migrations: a second process that opened a new shop at the same
        // moment finds the tables there when it looks again.
        result = try_migrate(&migrator, url, sqlite).await;
    }
    match result {
        Err(MigrateError::VersionMissing(version)) => {
            let known = MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0);
            Err(Error::Settings(format!(
                "a newer shopwise wrote this shop's ledger (version `{version}`, this program \
                 knows up to {known})\nhint: update shopwise"
            )))
        }
        other => Ok(other?),
    }
}

async fn try_migrate(
    migrator: &Migrator,
    url: &str,
    sqlite: bool,
) -> std::result::Result<(), MigrateError> {
    let mut connection = AnyConnection::connect(url).await?;
    prepare(&mut connection, sqlite).await?;
    let result = migrator.run_direct(None, &mut connection, false).await;
    connection.close().await?;
    result
}

/// Reads a column of JSON text.
fn json(row: &AnyRow, column: &str) -> Result<serde_json::Value> {
    Ok(serde_json::from_str(row.try_get::<&str, _>(column)?)?)
}
