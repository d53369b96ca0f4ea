//! Rows from one kind of database to the other: both speak the same tables.

use futures::TryStreamExt as _;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use super::{Database, Plan, prepare, session};
use crate::{Error, Result};

/// Values bound in one statement; both databases take tens of thousands.
const VALUES_MAX: usize = 1_000;

/// Bytes of texts and blobs in one statement.
const BYTES_MAX: usize = 4 << 20;

/// A table as the SQLite side describes it.
struct Table {
    name: String,
    columns: Vec<Column>,
    /// The column whose numbers the database gives.
    identity: Option<String>,
}

struct Column {
    name: String,
    kind: Kind,
}

/// What a column holds, in the words that both databases know.
#[derive(Clone, Copy)]
enum Kind {
    Number,
    Real,
    Text,
    Bytes,
}

/// A value of a row, or none.
enum Value {
    Number(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl Database {
    /// Tells whether the place knows nothing of the plan's tables.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub(crate) fn is_unknown_at(url: &str, plan: &Plan) -> Result<bool> {
        sqlx::any::install_default_drivers();
        super::runtime(plan.owner)?.block_on(async {
            let mut connection = AnyConnection::connect(url).await?;
            let sql = format!("SELECT COUNT(*) FROM {}", plan.migrations_table);
            let found = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut connection).await;
            connection.close().await?;
            match found {
                Ok(_) => Ok(false),
                Err(sqlx::Error::Database(_)) => Ok(true),
                Err(other) => Err(other.into()),
            }
        })
    }

    /// Puts every row of this database, as all are at one moment, into a new one that holds only
    /// what its schema began with. One of the two is an SQLite file; nobody who writes waits.
    ///
    /// # Errors
    /// When one of them refuses; then the new one is as it was.
    pub(crate) fn fill(&self, new: &Self) -> Result<()> {
        self.block(async {
            let mut from = self.connect().await?;
            let mut to = AnyConnection::connect(&new.url).await?;
            prepare(&mut to, session(&new.url, new.plan)).await?;
            let begin = match self.is_sqlite() {
                true => "BEGIN",
                false => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            };
            let mut from_then = from.begin_with(begin).await?;
            let mut into = to.begin().await?;
            let tables = match self.is_sqlite() {
                true => tables(&mut from_then, self.plan).await?,
                false => tables(&mut into, self.plan).await?,
            };
            for table in &tables {
                copy(table, &mut from_then, &mut into, new.is_sqlite()).await?;
                if let Some(column) = &table.identity {
                    let last = last_given(&mut from_then, table, column, self.is_sqlite()).await?;
                    if let Some(last) = last {
                        go_on_after(&mut into, table, column, last, new.is_sqlite()).await?;
                    }
                }
            }
            into.commit().await?;
            from_then.rollback().await?;
            to.close().await?;
            Ok(from.close().await?)
        })
    }
}

/// Returns the tables of a plan from the SQLite side.
async fn tables(sqlite: &mut AnyConnection, plan: &Plan) -> Result<Vec<Table>> {
    let sql = "SELECT name, sql FROM sqlite_master
               WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> $1 ORDER BY name";
    let rows = sqlx::query(sql).bind(plan.migrations_table).fetch_all(&mut *sqlite).await?;
    let mut tables = Vec::new();
    for row in rows {
        let (name, definition): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let sql = "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid";
        let described = sqlx::query(sql).bind(name.as_str()).fetch_all(&mut *sqlite).await?;
        let (mut columns, mut identity) = (Vec::new(), None);
        for row in described {
            let (column, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            if definition.contains("AUTOINCREMENT") && row.try_get::<i64, _>(2)? == 1 {
                identity = Some(column.clone());
            }
            columns.push(Column { kind: Kind::of(&kind)?, name: column });
        }
        tables.push(Table { name, columns, identity });
    }
    Ok(tables)
}

/// Puts the rows of a table in the place of those that are there.
async fn copy(
    table: &Table,
    from: &mut AnyConnection,
    into: &mut AnyConnection,
    is_sqlite: bool,
) -> Result<()> {
    let (name, width) = (&table.name, table.columns.len());
    let names: Vec<_> = table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let names = names.join(", ");
    let delete = format!("DELETE FROM {name}");
    sqlx::query(AssertSqlSafe(delete)).execute(&mut *into).await?;
    // PostgreSQL wants to be told that a number which it would give comes from elsewhere.
    let given = if is_sqlite || table.identity.is_none() { "" } else { "OVERRIDING SYSTEM VALUE" };
    let begin = format!("INSERT INTO {name} ({names}) {given} VALUES ");
    let select = AssertSqlSafe(format!("SELECT {names} FROM {name}"));
    let mut rows = sqlx::query(select).fetch(from);
    let (mut values, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await? {
        for (place, column) in table.columns.iter().enumerate() {
            let value = column.kind.read(&row, place)?;
            bytes += value.bytes();
            values.push(value);
        }
        if values.len() + width > VALUES_MAX || bytes > BYTES_MAX {
            insert(into, &begin, width, std::mem::take(&mut values)).await?;
            bytes = 0;
        }
    }
    insert(into, &begin, width, values).await
}

async fn insert(
    into: &mut AnyConnection,
    begin: &str,
    width: usize,
    values: Vec<Value>,
) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    let rows = (0..values.len()).step_by(width).map(|first| {
        let places: Vec<_> = (first + 1..=first + width).map(|at| format!("${at}")).collect();
        format!("({})", places.join(", "))
    });
    let sql = format!("{begin}{}", rows.collect::<Vec<_>>().join(", "));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in values {
        query = match value {
            Value::Number(value) => query.bind(value),
            Value::Real(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
        };
    }
    query.execute(into).await?;
    Ok(())
}

/// Returns the last number that the database gave, if it gave one.
async fn last_given(
    connection: &mut AnyConnection,
    table: &Table,
    column: &str,
    is_sqlite: bool,
) -> Result<Option<i64>> {
    let query = match is_sqlite {
        true => sqlx::query("SELECT MAX(seq) FROM sqlite_sequence WHERE name = $1"),
        false => sqlx::query(
            "SELECT pg_sequence_last_value(pg_get_serial_sequence($1, $2)::text::regclass)",
        ),
    };
    let query = query.bind(table.name.as_str());
    let query = if is_sqlite { query } else { query.bind(column) };
    Ok(query.fetch_one(connection).await?.try_get(0)?)
}

/// Lets the database give numbers from the next one on.
async fn go_on_after(
    connection: &mut AnyConnection,
    table: &Table,
    column: &str,
    last: i64,
    is_sqlite: bool,
) -> Result<()> {
    let name = table.name.as_str();
    if is_sqlite {
        let forget = sqlx::query("DELETE FROM sqlite_sequence WHERE name = $1").bind(name);
        forget.execute(&mut *connection).await?;
        let note = sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)");
        note.bind(name).bind(last).execute(connection).await?;
        return Ok(());
    }
    let set = sqlx::query("SELECT setval(pg_get_serial_sequence($1, $2), $3)");
    set.bind(name).bind(column).bind(last).execute(connection).await?;
    Ok(())
}

impl Kind {
    fn of(declared: &str) -> Result<Self> {
        match declared.to_ascii_uppercase().as_str() {
            "INTEGER" | "BIGINT" => Ok(Self::Number),
            "DOUBLE PRECISION" => Ok(Self::Real),
            "TEXT" => Ok(Self::Text),
            "BLOB" => Ok(Self::Bytes),
            other => Err(Error::Settings(format!("a column of kind `{other}` cannot be copied"))),
        }
    }

    fn read(self, row: &AnyRow, place: usize) -> Result<Value> {
        Ok(match self {
            Self::Number => Value::Number(row.try_get(place)?),
            Self::Real => Value::Real(row.try_get(place)?),
            Self::Text => Value::Text(row.try_get(place)?),
            Self::Bytes => Value::Bytes(row.try_get(place)?),
        })
    }
}

impl Value {
    fn bytes(&self) -> usize {
        match self {
            Self::Number(_) | Self::Real(_) => 8,
            Self::Text(value) => value.as_ref().map_or(0, String::len),
            Self::Bytes(value) => value.as_ref().map_or(0, Vec::len),
        }
    }
}
