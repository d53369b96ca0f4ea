//! Which pseudonyms are one person, and which identifiers they stand for.

use sqlx::Row as _;

use super::Ledger;
use crate::Result;

/// A pseudonym and the person it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The pseudonym that events carry.
    pub pseudonym: String,
    /// The person: one of the pseudonyms that are his.
    pub person: String,
    /// Which of the person's pseudonyms it joined, and from which moment on, in UTC microseconds.
    /// The rows of a person are a tree whose root, with `None`, is the person: who was one at a
    /// moment is what the edges up to then connect.
    pub joined: Option<(String, i64)>,
}

/// An assignment as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who belongs to whom.
    pub assignment: Assignment,
    /// How often the person was set or changed, from 1.
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
        const SQL: &str = "SELECT pseudonym, person, joined, since, version FROM identities";
        let rows = self.block(sqlx::query(SQL).fetch_all(&self.pool))?;
        let mut identities = Vec::with_capacity(rows.len());
        for row in rows {
            let joined: Option<String> = row.try_get("joined")?;
            let since: Option<i64> = row.try_get("since")?;
            let assignment = Assignment {
                pseudonym: row.try_get("pseudonym")?,
                person: row.try_get("person")?,
                joined: joined.zip(since),
            };
            identities.push(Identity { assignment, version: row.try_get("version")? });
        }
        identities.sort_unstable_by(|left, right| {
            left.assignment.pseudonym.cmp(&right.assignment.pseudonym)
        });
        Ok(identities)
    }

    /// Returns the person that a pseudonym belongs to, if it was ever seen with another one.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn person_of(&self, pseudonym: &str) -> Result<Option<String>> {
        const SQL: &str = "SELECT person FROM identities WHERE pseudonym = $1";
        let row = self.block(sqlx::query(SQL).bind(pseudonym).fetch_optional(&self.pool))?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Returns the pseudonyms that belong to a person, in their order.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn identities_of(&self, person: &str) -> Result<Vec<String>> {
        const SQL: &str = "SELECT pseudonym FROM identities WHERE person = $1";
        let rows = self.block(sqlx::query(SQL).bind(person).fetch_all(&self.pool))?;
        let names = rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<Vec<String>>>();
        names.map(|mut names| {
            names.sort_unstable();
            names
        })
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
