//! The segments that people define by rules.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Ledger, count_change};
use crate::Result;

/// The counter of changes of the segments.
const VERSION: &str = "segments";

/// A segment as it is defined. One that is switched off stays, so that it can be told who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRule {
    /// Its identifier.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Who is in it, in the language of segments.
    pub expression: String,
    /// When it was defined first, UTC microseconds.
    pub created_at: i64,
    /// When it was changed last.
    pub changed_at: i64,
    /// Who changed it last.
    pub changed_by: String,
    /// When it was switched off and by whom, if it is.
    pub off: Option<(i64, String)>,
}

impl Ledger {
    /// Defines a segment, or changes it; one that was switched off is on again.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_segment(
        &self,
        id: &str,
        name: &str,
        expression: &str,
        by: &str,
        now: i64,
    ) -> Result<()> {
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            sqlx::query(
                "INSERT INTO segments (id, name, expression, created_at, changed_at, changed_by)
                 VALUES ($1, $2, $3, $4, $4, $5)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                 expression = excluded.expression, changed_at = excluded.changed_at,
                 changed_by = excluded.changed_by, off_at = NULL, off_by = NULL",
            )
            .bind(id)
            .bind(name)
            .bind(expression)
            .bind(now)
            .bind(by)
            .execute(&mut *transaction)
            .await?;
            count_change(VERSION, &mut transaction).await?;
            Ok(transaction.commit().await?)
        })
    }

    /// Switches a segment off; returns whether it was on.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn switch_segment_off(&self, id: &str, by: &str, now: i64) -> Result<bool> {
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            let switched = sqlx::query(
                "UPDATE segments SET off_at = $2, off_by = $3 WHERE id = $1 AND off_at IS NULL",
            )
            .bind(id)
            .bind(now)
            .bind(by)
            .execute(&mut *transaction)
            .await?;
            let was_on = switched.rows_affected() == 1;
            if was_on {
                count_change(VERSION, &mut transaction).await?;
            }
            transaction.commit().await?;
            Ok(was_on)
        })
    }

    /// Returns all segments that people defined, those switched off too, by identifier.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn segment_rules(&self) -> Result<Vec<SegmentRule>> {
        const SQL: &str = "SELECT id, name, expression, created_at, changed_at, changed_by,
                           off_at, off_by FROM segments";
        let rows = self.block(sqlx::query(SQL).fetch_all(&self.pool))?;
        let mut rules = rows.iter().map(rule).collect::<Result<Vec<_>>>()?;
        rules.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        Ok(rules)
    }

    /// Returns the number of changes that the segments have seen: equal while they are the same.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn segments_version(&self) -> Result<i64> {
        self.changes(VERSION)
    }
}

fn rule(row: &AnyRow) -> Result<SegmentRule> {
    let off_at: Option<i64> = row.try_get("off_at")?;
    let off_by: Option<String> = row.try_get("off_by")?;
    Ok(SegmentRule {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        expression: row.try_get("expression")?,
        created_at: row.try_get("created_at")?,
        changed_at: row.try_get("changed_at")?,
        changed_by: row.try_get("changed_by")?,
        off: off_at.zip(off_by),
    })
}
