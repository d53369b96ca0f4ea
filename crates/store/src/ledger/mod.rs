//! The operational database: catalogue, campaigns, rules, currency rates, identities, keys, runs,
//! leases, models, and the audit trail.
//!
//! SQLite in the shop's folder, or PostgreSQL. Every statement stands once, in the SQL that both
//! speak. The verbs block; times are given by the caller as UTC microseconds. A thread of an
//! asynchronous runtime must call them through its `spawn_blocking`.

mod audit;
mod catalog;
mod copy;
mod customer_traits;
mod hidden_tags;
mod identities;
mod identity_graph;
mod keys;
mod leases;
mod models;
mod rates;
mod rules;
mod runs;
mod segments;
mod settings;
#[cfg(test)]
mod tests;
mod violations;

use std::future::Future;
use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool, Row as _};

pub use audit::{Change, Entry, Verified};
pub use customer_traits::CustomerTraits;
pub use identities::{Assignment, Identifier, Identity};
pub use identity_graph::{
    IdentityChanges, IdentityDecision, IdentityEdge, IdentityEvidence, IdentityFact, Sighting,
};
pub use keys::Key;
pub use leases::Lease;
pub use models::{Model, NewModel};
pub use runs::{Run, RunEnd, RunStart};
pub use segments::SegmentRule;
pub use violations::{Progress, Violated};

use crate::Result;
use crate::database::{Database, Plan};

/// The changes of the schema in order. Only added to: a shop holds what earlier ones made.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "shop", include_str!("migrations/0001_shop.sql")),
    (2, "currency rates", include_str!("migrations/0002_currency_rates.sql")),
    (3, "identity graph", include_str!("migrations/0003_identity_graph.sql")),
    (4, "keys", include_str!("migrations/0004_keys.sql")),
    (5, "identity since", include_str!("migrations/0005_identity_since.sql")),
    (6, "plan", include_str!("migrations/0006_plan.sql")),
    (7, "key sums", include_str!("migrations/0007_key_sums.sql")),
    (8, "hidden tags", include_str!("migrations/0008_hidden_tags.sql")),
    (9, "products", include_str!("migrations/0009_products.sql")),
    (10, "segments", include_str!("migrations/0010_segments.sql")),
    (11, "rules", include_str!("migrations/0011_rules.sql")),
    (12, "customer traits", include_str!("migrations/0012_customer_traits.sql")),
];

/// How the ledger wants its database. The stages of one process work one after the other, reports
/// beside them. SQLite: readers beside one writer, a commit is on disk, writers wait.
static PLAN: Plan = Plan {
    owner: "ledger",
    migrations: MIGRATIONS,
    migrations_table: "_sqlx_migrations",
    sqlite_session: "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; \
                     PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    postgres_session: "",
    connections_max: 4,
    wait: Duration::from_secs(30),
};

/// The operational database, opened.
#[derive(Debug)]
pub struct Ledger {
    pool: AnyPool,
    database: Database,
}

impl Ledger {
    /// Opens the database and brings its schema to this program's version.
    ///
    /// `url` is `sqlite://path` (made if missing) or `postgres://user@host/database`.
    ///
    /// # Errors
    /// When the URL is no such one, the database cannot be reached, or a newer program wrote it.
    pub fn open(url: &str) -> Result<Self> {
        let database = Database::open(url, &PLAN)?;
        Ok(Self { pool: database.pool.clone(), database })
    }

    /// Opens a schema of its own within a PostgreSQL database, made if missing.
    ///
    /// # Errors
    /// As [`Ledger::open`]; and when the name is not made of lower-case letters, digits and `_`.
    pub fn open_in_schema(url: &str, schema: &str) -> Result<Self> {
        let database = Database::open_in_schema(url, schema, &PLAN)?;
        Ok(Self { pool: database.pool.clone(), database })
    }

    /// Deletes a schema of a PostgreSQL database with everything in it; there may be none.
    ///
    /// # Errors
    /// When the database cannot be reached; and as [`Ledger::open_in_schema`].
    pub fn drop_schema(url: &str, schema: &str) -> Result<()> {
        crate::database::drop_schema(url, schema, &PLAN)
    }

    fn block<F: Future>(&self, work: F) -> F::Output {
        self.database.block(work)
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

    /// Returns how far a counter has come: 0 before its first number.
    fn changes(&self, counter: &str) -> Result<i64> {
        let query = sqlx::query("SELECT value FROM counters WHERE name = $1").bind(counter);
        let row = self.block(query.fetch_optional(&self.pool))?;
        row.map_or(Ok(0), |row| Ok(row.try_get(0)?))
    }
}

/// Counts a change of what a counter is about.
async fn count_change(counter: &str, transaction: &mut AnyConnection) -> Result<()> {
    sqlx::query(
        "INSERT INTO counters (name, value) VALUES ($1, 1)
         ON CONFLICT (name) DO UPDATE SET value = counters.value + 1",
    )
    .bind(counter)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Reads a column of JSON text.
fn json(row: &AnyRow, column: &str) -> Result<serde_json::Value> {
    Ok(serde_json::from_str(row.try_get::<&str, _>(column)?)?)
}
