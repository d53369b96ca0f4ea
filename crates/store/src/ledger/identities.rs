//! Which pseudonyms are one person, and which identifiers they stand for.

use sqlx::Row as _;

use super::Ledger;
use crate::Result;

/// A pseudonym and the person it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The pseudonym that events carry.
    pub pseudonym: String,
    /// The person: one of the pseudonyms that are his.
    pub person: String,
    /// How often the assignment was made or changed, from 1.
    pub version: i64,
}

/// An identifier as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// The pseudonym that events carry.
    pub pseudonym: String,
    /// What it is: `customer`, `email`, `anonymous`.
    pub kind: String,
    /// The identifier.
    pub value: String,
}

impl Ledger {
    /// Returns who is who, by pseudonym.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn identities(&self) -> Result<Vec<Identity>> {
        const SQL: &str = "SELECT pseudonym, person, version FROM identities";
        let rows = self.block(sqlx::query(SQL).fetch_all(&self.pool))?;
        let mut identities = Vec::with_capacity(rows.len());
        for row in rows {
            identities.push(Identity {
                pseudonym: row.try_get("pseudonym")?,
                person: row.try_get("person")?,
                version: row.try_get("version")?,
            });
        }
        identities.sort_unstable_by(|left, right| left.pseudonym.cmp(&right.pseudonym));
        Ok(identities)
    }

    /// Keeps the identifiers behind pseudonyms; those known already stay.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn keep_identifiers(&self, identifiers: &[Identifier], now: i64) -> Result<()> {
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            for identifier in identifiers {
                sqlx::query(
                    "INSERT INTO identifiers (pseudonym, kind, value, seen_at)
                     VALUES ($1, $2, $3, $4) ON CONFLICT (pseudonym, kind, value) DO NOTHING",
                )
                .bind(&identifier.pseudonym)
                .bind(&identifier.kind)
                .bind(&identifier.value)
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            }
            Ok(transaction.commit().await?)
        })
    }

    /// Returns the identifiers that a pseudonym stands for, by kind and value.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn identifiers(&self, pseudonym: &str) -> Result<Vec<Identifier>> {
        const SQL: &str = "SELECT kind, value FROM identifiers WHERE pseudonym = $1";
        let rows = self.block(sqlx::query(SQL).bind(pseudonym).fetch_all(&self.pool))?;
        let mut identifiers = Vec::with_capacity(rows.len());
        for row in rows {
            identifiers.push(Identifier {
                pseudonym: pseudonym.to_owned(),
                kind: row.try_get("kind")?,
                value: row.try_get("value")?,
            });
        }
        identifiers.sort_unstable_by(|left, right| {
            (&left.kind, &left.value).cmp(&(&right.kind, &right.value))
        });
        Ok(identifiers)
    }
}
