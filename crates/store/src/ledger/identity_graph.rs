//! What the identity graph is made from, and what it says: facts, decisions, persons.
//!
//! Facts are only added: of one day's sightings of two identifiers by one kind of evidence the
//! first and the last are kept, whatever order they come in. Whoever writes says which state of the
//! graph he saw; when another wrote meanwhile nothing is written.

use futures::TryStreamExt as _;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row as _, Transaction};

use super::Ledger;
use super::identities::Assignment;
use crate::Result;

/// The counter that every change of the graph raises.
const COUNTER: &str = "identity graph";

/// Values bound to one statement. The driver asks SQLite for the name of each, which looks through
/// all of them: twenty times as many took ten times as long.
const BOUND_MAX: usize = 240;

/// Two identifiers, seen together or not, and what the graph makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityEdge {
    /// The smaller pseudonym.
    pub low: String,
    /// The greater one.
    pub high: String,
    /// What the smaller one stands for.
    pub low_kind: String,
    /// What the greater one stands for.
    pub high_kind: String,
    /// `active`, or why it holds nothing together.
    pub status: String,
}

/// How two identifiers were seen together within one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityEvidence {
    /// The smaller pseudonym.
    pub low: String,
    /// The greater one.
    pub high: String,
    /// The kind of evidence.
    pub kind: String,
    /// The day, counted from 1970-01-01 in UTC.
    pub day: i64,
    /// The first sighting of the day.
    pub first: Sighting,
    /// The last one.
    pub last: Sighting,
}

/// One event or row that showed two identifiers together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// When it happened, in UTC microseconds.
    pub at: i64,
    /// The source of the event.
    pub source: String,
    /// The event's identifier, or file and line.
    pub reference: String,
}

/// What a human decided about two identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityDecision {
    /// Its number, from 1.
    pub id: i64,
    /// `merge` or `apart`.
    pub verb: String,
    /// One pseudonym.
    pub a: String,
    /// What it stands for.
    pub a_kind: String,
    /// The other pseudonym.
    pub b: String,
    /// What that stands for.
    pub b_kind: String,
    /// Who decided.
    pub by: String,
    /// When, in UTC microseconds.
    pub at: i64,
    /// The later decision that took it back.
    pub undone_by: Option<i64>,
}

/// The earliest sighting of two identifiers by one kind of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFact {
    /// The edge.
    pub edge: IdentityEdge,
    /// The kind of evidence.
    pub kind: String,
    /// The earliest moment.
    pub at: i64,
}

/// What changes in one transaction. No key may come twice within a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentityChanges {
    /// Sightings to add.
    pub evidence: Vec<IdentityEvidence>,
    /// Edges that are new or have another status.
    pub edges: Vec<IdentityEdge>,
    /// Decisions that are new, or taken or given back.
    pub decisions: Vec<IdentityDecision>,
    /// Who belongs to whom now; the versions are counted by the ledger.
    pub assigned: Vec<Assignment>,
    /// Persons whose members change: their version rises.
    pub persons: Vec<String>,
}

impl Ledger {
    /// Writes changes of the identity graph, if nobody has changed it since `state`. Returns
    /// whether it did; the state is `state + 1` then.
    ///
    /// # Errors
    /// When the database refuses; nothing is written then.
    pub fn change_identities(
        &self,
        changes: &IdentityChanges,
        state: i64,
        now: i64,
    ) -> Result<bool> {
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            // First, so that of several writers one comes after the other.
            if next_state(&mut transaction).await? != state + 1 {
                transaction.rollback().await?;
                return Ok(false);
            }
            add_evidence(&mut transaction, &changes.evidence).await?;
            set_edges(&mut transaction, &changes.edges, now).await?;
            set_decisions(&mut transaction, &changes.decisions).await?;
            assign(&mut transaction, &changes.assigned, now).await?;
            raise_versions(&mut transaction, &changes.persons, now).await?;
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// Returns how often the identity graph was changed.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn identity_state(&self) -> Result<i64> {
        const SQL: &str = "SELECT value FROM counters WHERE name = $1";
        let row = self.block(sqlx::query(SQL).bind(COUNTER).fetch_optional(&self.pool))?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
    }

    /// Hands out the earliest sighting by each kind of evidence of each edge, in no order.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn identity_facts(&self, mut take: impl FnMut(IdentityFact)) -> Result<()> {
        const SQL: &str = "SELECT edge.low, edge.high, edge.low_kind, edge.high_kind, edge.status,
             seen.kind, MIN(seen.first_at) AS at
             FROM identity_evidence seen
             JOIN identity_edges edge ON edge.low = seen.low AND edge.high = seen.high
             GROUP BY edge.low, edge.high, edge.low_kind, edge.high_kind, edge.status, seen.kind";
        self.block(async {
            let mut rows = sqlx::query(SQL).fetch(&self.pool);
            while let Some(row) = rows.try_next().await? {
                let (kind, at) = (row.try_get("kind")?, row.try_get("at")?);
                take(IdentityFact { edge: edge(&row)?, kind, at });
            }
            Ok(())
        })
    }

    /// Returns the sightings of a pseudonym together with others, by pair, kind and day.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn identity_evidence(&self, pseudonym: &str) -> Result<Vec<IdentityEvidence>> {
        const SQL: &str = "SELECT * FROM identity_evidence WHERE low = $1 OR high = $1";
        let rows = self.block(sqlx::query(SQL).bind(pseudonym).fetch_all(&self.pool))?;
        let mut evidence = Vec::with_capacity(rows.len());
        for row in rows {
            let sighting = |at, source, reference| -> Result<Sighting> {
                let (at, source) = (row.try_get(at)?, row.try_get(source)?);
                Ok(Sighting { at, source, reference: row.try_get(reference)? })
            };
            evidence.push(IdentityEvidence {
                low: row.try_get("low")?,
                high: row.try_get("high")?,
                kind: row.try_get("kind")?,
                day: row.try_get("day")?,
                first: sighting("first_at", "first_source", "first_reference")?,
                last: sighting("last_at", "last_source", "last_reference")?,
            });
        }
        evidence.sort_by(|left, right| {
            let key = |one: &IdentityEvidence| (one.low.clone(), one.high.clone(), one.day);
            (key(left), &left.kind).cmp(&(key(right), &right.kind))
        });
        Ok(evidence)
    }

    /// Returns all decisions by number.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn identity_decisions(&self) -> Result<Vec<IdentityDecision>> {
        const SQL: &str = "SELECT * FROM identity_decisions ORDER BY id";
        let rows = self.block(sqlx::query(SQL).fetch_all(&self.pool))?;
        let read = |row: &AnyRow| -> Result<IdentityDecision> {
            Ok(IdentityDecision {
                id: row.try_get("id")?,
                verb: row.try_get("verb")?,
                a: row.try_get("a")?,
                a_kind: row.try_get("a_kind")?,
                b: row.try_get("b")?,
                b_kind: row.try_get("b_kind")?,
                by: row.try_get("decided_by")?,
                at: row.try_get("decided_at")?,
                undone_by: row.try_get("undone_by")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Returns all edges, by their pseudonyms.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn identity_edges(&self) -> Result<Vec<IdentityEdge>> {
        const SQL: &str = "SELECT low, high, low_kind, high_kind, status FROM identity_edges";
        let rows = self.block(sqlx::query(SQL).fetch_all(&self.pool))?;
        let mut edges = rows.iter().map(edge).collect::<Result<Vec<_>>>()?;
        edges.sort_unstable_by(|left, right| {
            (&left.low, &left.high).cmp(&(&right.low, &right.high))
        });
        Ok(edges)
    }

    /// Returns how often the members of a person changed; 0 for one that never had any.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn person_version(&self, person: &str) -> Result<i64> {
        const SQL: &str = "SELECT version FROM persons WHERE person = $1";
        let row = self.block(sqlx::query(SQL).bind(person).fetch_optional(&self.pool))?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
    }
}

fn edge(row: &AnyRow) -> Result<IdentityEdge> {
    Ok(IdentityEdge {
        low: row.try_get("low")?,
        high: row.try_get("high")?,
        low_kind: row.try_get("low_kind")?,
        high_kind: row.try_get("high_kind")?,
        status: row.try_get("status")?,
    })
}

async fn next_state(connection: &mut AnyConnection) -> Result<i64> {
    let row = sqlx::query(
        "INSERT INTO counters (name, value) VALUES ($1, 1)
         ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
    )
    .bind(COUNTER)
    .fetch_one(connection)
    .await?;
    Ok(row.try_get(0)?)
}

/// Returns `begin VALUES ($1, $2), ($3, $4) … end`.
fn statement(begin: &str, rows: usize, columns: usize, end: &str) -> String {
    let mut sql = format!("{begin} VALUES ");
    for row in 0..rows {
        let numbers = (1..=columns).map(|column| format!("${}", row * columns + column));
        let numbers: Vec<String> = numbers.collect();
        sql.push_str(if row > 0 { ", (" } else { "(" });
        sql.push_str(&numbers.join(", "));
        sql.push(')');
    }
    sql.push(' ');
    sql.push_str(end);
    sql
}

async fn add_evidence(
    transaction: &mut Transaction<'static, Any>,
    evidence: &[IdentityEvidence],
) -> Result<()> {
    const BEGIN: &str = "INSERT INTO identity_evidence (low, high, kind, day,
         first_at, first_source, first_reference, last_at, last_source, last_reference)";
    const END: &str = "ON CONFLICT (low, high, kind, day) DO UPDATE SET
         first_source = CASE WHEN excluded.first_at < identity_evidence.first_at
         THEN excluded.first_source ELSE identity_evidence.first_source END,
         first_reference = CASE WHEN excluded.first_at < identity_evidence.first_at
         THEN excluded.first_reference ELSE identity_evidence.first_reference END,
         first_at = CASE WHEN excluded.first_at < identity_evidence.first_at
         THEN excluded.first_at ELSE identity_evidence.first_at END,
         last_source = CASE WHEN excluded.last_at > identity_evidence.last_at
         THEN excluded.last_source ELSE identity_evidence.last_source END,
         last_reference = CASE WHEN excluded.last_at > identity_evidence.last_at
         THEN excluded.last_reference ELSE identity_evidence.last_reference END,
         last_at = CASE WHEN excluded.last_at > identity_evidence.last_at
         THEN excluded.last_at ELSE identity_evidence.last_at END
         WHERE excluded.first_at < identity_evidence.first_at
         OR excluded.last_at > identity_evidence.last_at";
    for rows in evidence.chunks(BOUND_MAX / 10) {
        let sql = statement(BEGIN, rows.len(), 10, END);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in rows {
            query = query.bind(&row.low).bind(&row.high).bind(&row.kind).bind(row.day);
            for seen in [&row.first, &row.last] {
                query = query.bind(seen.at).bind(&seen.source).bind(&seen.reference);
            }
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

async fn set_edges(
    transaction: &mut Transaction<'static, Any>,
    edges: &[IdentityEdge],
    now: i64,
) -> Result<()> {
    const BEGIN: &str =
        "INSERT INTO identity_edges (low, high, low_kind, high_kind, status, updated_at)";
    const END: &str = "ON CONFLICT (low, high) DO UPDATE SET status = excluded.status,
         updated_at = excluded.updated_at WHERE identity_edges.status <> excluded.status";
    for rows in edges.chunks(BOUND_MAX / 6) {
        let sql = statement(BEGIN, rows.len(), 6, END);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in rows {
            query = query.bind(&row.low).bind(&row.high).bind(&row.low_kind);
            query = query.bind(&row.high_kind).bind(&row.status).bind(now);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

async fn set_decisions(
    transaction: &mut Transaction<'static, Any>,
    decisions: &[IdentityDecision],
) -> Result<()> {
    for row in decisions {
        sqlx::query(
            "INSERT INTO identity_decisions
             (id, verb, a, a_kind, b, b_kind, decided_by, decided_at, undone_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (id) DO UPDATE SET undone_by = excluded.undone_by",
        )
        .bind(row.id)
        .bind(&row.verb)
        .bind(&row.a)
        .bind(&row.a_kind)
        .bind(&row.b)
        .bind(&row.b_kind)
        .bind(&row.by)
        .bind(row.at)
        .bind(row.undone_by)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

async fn assign(
    transaction: &mut Transaction<'static, Any>,
    assigned: &[Assignment],
    now: i64,
) -> Result<()> {
    const BEGIN: &str =
        "INSERT INTO identities (pseudonym, person, joined, since, version, updated_at)";
    const END: &str = "ON CONFLICT (pseudonym) DO UPDATE SET
         version = identities.version
         + CASE WHEN identities.person <> excluded.person THEN 1 ELSE 0 END,
         person = excluded.person, joined = excluded.joined, since = excluded.since,
         updated_at = excluded.updated_at";
    for rows in assigned.chunks(BOUND_MAX / 6) {
        let sql = statement(BEGIN, rows.len(), 6, END);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in rows {
            let joined = row.joined.as_ref();
            query = query.bind(&row.pseudonym).bind(&row.person);
            query = query.bind(joined.map(|(other, _)| other)).bind(joined.map(|(_, at)| *at));
            query = query.bind(1_i64).bind(now);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

async fn raise_versions(
    transaction: &mut Transaction<'static, Any>,
    persons: &[String],
    now: i64,
) -> Result<()> {
    const BEGIN: &str = "INSERT INTO persons (person, version, updated_at)";
    const END: &str = "ON CONFLICT (person) DO UPDATE SET version = persons.version + 1,
         updated_at = excluded.updated_at";
    for rows in persons.chunks(BOUND_MAX / 3) {
        let sql = statement(BEGIN, rows.len(), 3, END);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for person in rows {
            query = query.bind(person).bind(1_i64).bind(now);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}
