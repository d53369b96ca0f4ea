//! The merchant's rules. Every change stands in the audit trail, in the same transaction.

use shopwise_model::Rule;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::audit::{Change, append};
use super::{Ledger, count_change};
use crate::Result;

/// The counter of changes of the rules, and their kind in the audit trail.
const RULES: &str = "rules";

impl Ledger {
    /// Adds rules and replaces those of the same identifier, all or none. What is equal already
    /// stays as it is.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn put_rules(&self, rules: &[Rule], change: &Change<'_>) -> Result<()> {
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            count_change(RULES, &mut transaction).await?;
            for rule in rules {
                let before = text_of(&rule.id, &mut transaction).await?;
                let after = serde_json::to_string(rule)?;
                if before.as_ref() == Some(&after) {
                    continue;
                }
                sqlx::query(
                    "INSERT INTO rules (id, rule, updated_at) VALUES ($1, $2, $3)
                     ON CONFLICT (id) DO UPDATE SET rule = excluded.rule,
                     updated_at = excluded.updated_at",
                )
                .bind(&rule.id)
                .bind(&after)
                .bind(change.at)
                .execute(&mut *transaction)
                .await?;
                let what = (RULES, rule.id.as_str());
                append(&mut transaction, change, what, (before.as_deref(), Some(&after))).await?;
            }
            Ok(transaction.commit().await?)
        })
    }

    /// Takes a rule away; returns whether it was there.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn delete_rule(&self, id: &str, change: &Change<'_>) -> Result<bool> {
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            count_change(RULES, &mut transaction).await?;
            let Some(before) = text_of(id, &mut transaction).await? else {
                transaction.rollback().await?;
                return Ok(false);
            };
            let query = sqlx::query("DELETE FROM rules WHERE id = $1").bind(id);
            query.execute(&mut *transaction).await?;
            append(&mut transaction, change, (RULES, id), (Some(&before), None)).await?;
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// Returns the rules, by identifier.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn rules(&self) -> Result<Vec<Rule>> {
        let rows = self.block(sqlx::query("SELECT rule FROM rules").fetch_all(&self.pool))?;
        let rule = |row: &AnyRow| Ok(serde_json::from_str(row.try_get("rule")?)?);
        let mut rules = rows.iter().map(rule).collect::<Result<Vec<Rule>>>()?;
        rules.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        Ok(rules)
    }

    /// Returns the number of changes that the rules have seen: equal while they are the same.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn rules_version(&self) -> Result<i64> {
        self.changes(RULES)
    }
}

async fn text_of(id: &str, transaction: &mut AnyConnection) -> Result<Option<String>> {
    let query = sqlx::query("SELECT rule FROM rules WHERE id = $1").bind(id);
    let row = query.fetch_optional(transaction).await?;
    row.map_or(Ok(None), |row| Ok(row.try_get("rule")?))
}
