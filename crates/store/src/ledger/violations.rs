//! In what events differed from the tracking plan, counted once.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::Ledger;
use crate::{Error, Result};

/// One way in which events of a source differed from the plan.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violated {
    /// The source.
    pub source: String,
    /// The event's name in the plan.
    pub event: String,
    /// The property.
    pub property: String,
    /// What is wrong with it.
    pub reason: String,
    /// In how many events it was found.
    pub found: i64,
    /// When it was counted last, UTC microseconds.
    pub last_at: i64,
}

/// How far who counts from a numbered list has counted.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The list.
    pub name: &'a str,
    /// The number through which it had been counted, as [`Ledger::counted_through`] said.
    pub from: i64,
    /// The number through which it is counted now.
    pub through: i64,
}

impl Ledger {
    /// Adds to the counts, in one transaction with how far the list was counted.
    ///
    /// # Errors
    /// When somebody else has counted meanwhile, and when the database refuses: nothing is counted
    /// then.
    pub fn add_violations(&self, found: &[Violated], progress: Option<Progress<'_>>) -> Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            if let Some(Progress { name, from, through }) = progress {
                let query = sqlx::query(
                    "INSERT INTO plan_progress (name, through) VALUES ($1, $3)
                     ON CONFLICT (name) DO UPDATE SET through = excluded.through
                     WHERE plan_progress.through = $2",
                );
                let query = query.bind(name).bind(from).bind(through);
                if query.execute(&mut *transaction).await?.rows_affected() != 1 {
                    let problem = format!("`{name}` was counted beyond `{from}` by somebody else");
                    return Err(Error::Settings(problem));
                }
            }
            for one in found {
                sqlx::query(
                    "INSERT INTO plan_violations
                     (source, event, property, reason, found, last_at)
                     VALUES ($1, $2, $3, $4, $5, $6)
                     ON CONFLICT (source, event, property, reason) DO UPDATE SET
                     found = plan_violations.found + excluded.found, last_at = excluded.last_at",
                )
                .bind(&one.source)
                .bind(&one.event)
                .bind(&one.property)
                .bind(&one.reason)
                .bind(one.found)
                .bind(one.last_at)
                .execute(&mut *transaction)
                .await?;
            }
            Ok(transaction.commit().await?)
        })
    }

    /// Returns the number through which a list was counted; 0 when it never was.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn counted_through(&self, name: &str) -> Result<i64> {
        let query = sqlx::query("SELECT through FROM plan_progress WHERE name = $1").bind(name);
        let row = self.block(query.fetch_optional(&self.pool))?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
    }

    /// Returns the counts, the most frequent first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn violations(&self) -> Result<Vec<Violated>> {
        const SQL: &str = "SELECT source, event, property, reason, found, last_at
                           FROM plan_violations
                           ORDER BY found DESC, source, event, property, reason";
        self.block(sqlx::query(SQL).fetch_all(&self.pool))?.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<Violated> {
    Ok(Violated {
        source: row.try_get("source")?,
        event: row.try_get("event")?,
        property: row.try_get("property")?,
        reason: row.try_get("reason")?,
        found: row.try_get("found")?,
        last_at: row.try_get("last_at")?,
    })
}
