//! A database by URL, SQLite or PostgreSQL, for the ledger and the inbox.
//!
//! Knows how to connect, what each connection is told, and how a schema is brought to this
//! program's version. What the tables mean is their owner's business. The verbs block; a thread of
//! an asynchronous runtime must call them through its `spawn_blocking`.

mod transfer;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection as _, Row as _, SqlSafeStr as _};

use crate::{Error, Result};

/// How a PostgreSQL URL names a schema.
const SEARCH_PATH: &str = "options[search_path]=";

/// What the owner of the tables asks of a database.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The owner, as messages and threads call it.
    pub owner: &'static str,
    /// The changes of the schema in order: version, name, SQL. Only added to.
    pub migrations: &'static [(i64, &'static str, &'static str)],
    /// The table that notes which changes were made.
    pub migrations_table: &'static str,
    /// What every SQLite connection is told.
    pub sqlite_session: &'static str,
    /// What every PostgreSQL connection is told.
    pub postgres_session: &'static str,
    /// Connections of the pool.
    pub connections_max: u32,
    /// How long a statement waits for a connection of the pool.
    pub wait: Duration,
}

/// A database, opened: a pool of connections and the runtime that drives them.
#[derive(Debug)]
pub(crate) struct Database {
    pub pool: AnyPool,
    plan: &'static Plan,
    url: String,
    /// `None` only while being dropped.
    runtime: Option<tokio::runtime::Runtime>,
}

impl Database {
    /// Opens the database and migrates it. An SQLite file that is missing is made, and so is a
    /// schema that a PostgreSQL URL names.
    ///
    /// # Errors
    /// When the URL is unknown, the database cannot be reached, or a newer program wrote it.
    pub(crate) fn open(url: &str, plan: &'static Plan) -> Result<Self> {
        let sqlite = is_sqlite(url);
        if !sqlite && !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            let known = "`sqlite://path` or `postgres://user@host/database`";
            return Err(Error::Settings(format!("{} must be {known}, got `{url}`", plan.owner)));
        }
        let url = if sqlite { creating(url) } else { url.to_owned() };
        sqlx::any::install_default_drivers();
        let runtime = runtime(plan.owner)?;
        let pool = runtime.block_on(async {
            make_schema(&url).await?;
            migrate(&url, plan).await?;
            pool(&url, plan).await
        })?;
        Ok(Self { pool, plan, url, runtime: Some(runtime) })
    }

    /// Opens a schema of its own within a PostgreSQL database, made if missing.
    ///
    /// # Errors
    /// As [`Database::open`]; and when the name is not made of small letters, digits and `_`.
    pub(crate) fn open_in_schema(url: &str, schema: &str, plan: &'static Plan) -> Result<Self> {
        let joint = if url.contains('?') { '&' } else { '?' };
        Self::open(&format!("{url}{joint}{SEARCH_PATH}{}", plain_name(schema)?), plan)
    }

    /// Runs the work to its end on this thread.
    pub(crate) fn block<F: Future>(&self, work: F) -> F::Output {
        self.runtime.as_ref().expect("the runtime lives as long as its owner").block_on(work)
    }

    /// Opens a connection beside the pool, told what those of the pool are told.
    pub(crate) async fn connect(&self) -> sqlx::Result<AnyConnection> {
        let mut connection = AnyConnection::connect(&self.url).await?;
        prepare(&mut connection, session(&self.url, self.plan)).await?;
        Ok(connection)
    }

    /// Copies the database as it is at one moment into a new SQLite file; nobody who writes waits.
    ///
    /// # Errors
    /// When a page or row of it cannot be read, or the copy cannot be written.
    pub(crate) fn copy(&self, to: &Path) -> Result<()> {
        let Some(to) = to.to_str() else {
            let owner = self.plan.owner;
            return Err(Error::Settings(format!("{owner}: a copy wants a path in UTF-8")));
        };
        if !self.is_sqlite() {
            let copy = Self::open(&format!("sqlite://{to}"), self.plan)?;
            self.fill(&copy)?;
            copy.close();
            return Ok(());
        }
        self.block(async {
            let mut connection = self.connect().await?;
            sqlx::query("VACUUM INTO $1").bind(to).execute(&mut connection).await?;
            Ok(connection.close().await?)
        })
    }

    /// Closes the connections, and with them the files: SQLite then leaves no log beside one.
    pub(crate) fn close(self) {
        self.block(self.pool.close());
    }

    /// Tells whether this is an SQLite file.
    pub(crate) fn is_sqlite(&self) -> bool {
        is_sqlite(&self.url)
    }

    /// Puts what an SQLite file holds into a database that knows nothing of the plan's tables.
    ///
    /// # Errors
    /// When the file or the database cannot be used, or something is there already.
    pub(crate) fn move_in(file: &Path, url: &str, plan: &'static Plan) -> Result<()> {
        if !Self::is_unknown_at(url, plan)? {
            return Err(Error::Settings(format!(
                "the database holds a shop's {} already\n\
                 hint: name an empty database, or another schema: \
                 SHOPWISE_LEDGER='postgres://…?options[search_path]=NAME'",
                plan.owner
            )));
        }
        let from = Self::open(&format!("sqlite://{}?mode=rw", file.display()), plan)?;
        let new = Self::open(url, plan)?;
        from.fill(&new)?;
        from.close();
        new.close();
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Dropping a runtime within another one panics; this way does not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Makes the schema that a PostgreSQL URL names, where it is missing. Whoever may not make one can
/// still use one that is there.
async fn make_schema(url: &str) -> Result<()> {
    let named = url.split_once(SEARCH_PATH).and_then(|(_, rest)| rest.split('&').next());
    let Some(schema) = named.and_then(|name| plain_name(name).ok()) else { return Ok(()) };
    let mut connection = AnyConnection::connect(url).await?;
    let sql = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = $1";
    let found = sqlx::query(sql).bind(schema).fetch_one(&mut connection).await?;
    if found.try_get::<i64, _>(0)? == 0 {
        // Another process may make it at the same moment.
        let sql = AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
        sqlx::query(sql).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

fn runtime(owner: &str) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(owner)
        .enable_all()
        .build()
        .map_err(Error::io(owner))
}

/// Deletes a schema of a PostgreSQL database with everything in it; there may be none.
pub(crate) fn drop_schema(url: &str, schema: &str, plan: &Plan) -> Result<()> {
    let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", plain_name(schema)?);
    sqlx::any::install_default_drivers();
    runtime(plan.owner)?.block_on(async {
        let mut connection = AnyConnection::connect(url).await?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    })
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

/// Returns the URL with the wish that a missing file is made.
fn creating(url: &str) -> String {
    match url.contains("mode=") {
        true => url.to_owned(),
        false => format!("{url}{}mode=rwc", if url.contains('?') { '&' } else { '?' }),
    }
}

fn session(url: &str, plan: &Plan) -> &'static str {
    if is_sqlite(url) { plan.sqlite_session } else { plan.postgres_session }
}

async fn pool(url: &str, plan: &Plan) -> Result<AnyPool> {
    let session = session(url, plan);
    let options =
        AnyPoolOptions::new().max_connections(plan.connections_max).acquire_timeout(plan.wait);
    let options = options.after_connect(move |connection, _| {
        Box::pin(async move { prepare(connection, session).await })
    });
    Ok(options.connect(url).await?)
}

async fn prepare(connection: &mut AnyConnection, session: &'static str) -> sqlx::Result<()> {
    if !session.is_empty() {
        sqlx::raw_sql(session).execute(connection).await?;
    }
    Ok(())
}

/// Runs the migrations on a connection of its own: whatever happens, its locks end with it.
async fn migrate(url: &str, plan: &Plan) -> Result<()> {
    // SQLite numbers rows itself only where the key is an `INTEGER`, which PostgreSQL would make
    // too narrow; and the two have no common name for bytes.
    let [bytes, number, identity] = match is_sqlite(url) {
        true => ["BLOB", "INTEGER", "INTEGER PRIMARY KEY AUTOINCREMENT"],
        false => ["BYTEA", "BIGINT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"],
    };
    let migrations = plan.migrations.iter().map(|(version, name, sql)| {
        let sql = sql.replace("{bytes}", bytes).replace("{number}", number);
        let sql = AssertSqlSafe(sql.replace("{identity}", identity)).into_sql_str();
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(plan.migrations_table);
    let mut result = try_migrate(&migrator, url, plan).await;
    // SQLite has no lock for migrations: whoever opened a new shop at the same moment as another
    // finds, when he looks again, what the other has made, and may lose the race for each change.
    for _ in plan.migrations {
        if !matches!(result, Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))) {
            break;
        }
        result = try_migrate(&migrator, url, plan).await;
    }
    match result {
        Err(MigrateError::VersionMissing(version)) => {
            let known = plan.migrations.iter().map(|(version, ..)| *version).max().unwrap_or(0);
            Err(Error::Settings(format!(
                "a newer shopwise wrote this shop's {} (version `{version}`, this program \
                 knows up to {known})\nhint: update shopwise",
                plan.owner
            )))
        }
        other => Ok(other?),
    }
}

async fn try_migrate(
    migrator: &Migrator,
    url: &str,
    plan: &Plan,
) -> std::result::Result<(), MigrateError> {
    let mut connection = AnyConnection::connect(url).await?;
    prepare(&mut connection, session(url, plan)).await?;
    let result = migrator.run_direct(None, &mut connection, false).await;
    connection.close().await?;
    result
}

/// How tests find PostgreSQL and leave it as it was.
#[cfg(test)]
pub(crate) mod testing {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Returns the URL of the test database, where one answers.
    #[expect(clippy::disallowed_methods, reason = "only the environment knows the test database")]
    pub(crate) fn postgres() -> Option<String> {
        if let Ok(url) = std::env::var("SHOPWISE_POSTGRES") {
            return Some(url);
        }
        let address = "127.0.0.1:5432".parse().unwrap();
        std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
        Some("postgres://root@127.0.0.1:5432/test".to_owned())
    }

    /// Returns a schema's name that nobody else uses.
    pub(crate) fn own_schema() -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        format!("shopwise_test_{}_{count}", std::process::id())
    }

    /// Drops a schema with all it holds.
    pub(crate) fn drop_schema(database: &Database, schema: &str) {
        let sql = AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"));
        database.block(sqlx::raw_sql(sql).execute(&database.pool)).unwrap();
    }
}
