//! The tags that customers wanted gone.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::Ledger;
use crate::Result;

impl Ledger {
    /// Notes at the moment `now` that a customer, named by a pseudonym, wants a tag gone. Returns
    /// whether that is new.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn hide_tag(&self, customer: &str, tag: &str, now: i64) -> Result<bool> {
        let query = sqlx::query(
            "INSERT INTO hidden_tags (customer, tag, hidden_at) VALUES ($1, $2, $3)
             ON CONFLICT (customer, tag) DO NOTHING",
        );
        let query = query.bind(customer).bind(tag).bind(now);
        Ok(self.block(query.execute(&self.pool))?.rows_affected() > 0)
    }

    /// Takes back that somebody, named by all his pseudonyms, wants a tag gone. Returns whether he
    /// had said so.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn unhide_tag(&self, customers: &[String], tag: &str) -> Result<bool> {
        let mut gone = 0;
        for customer in customers {
            let query = sqlx::query("DELETE FROM hidden_tags WHERE customer = $1 AND tag = $2");
            let query = query.bind(customer).bind(tag);
            gone += self.block(query.execute(&self.pool))?.rows_affected();
        }
        Ok(gone > 0)
    }

    /// Returns (customer, tag) of all that is wanted gone, in order.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn hidden_tags(&self) -> Result<Vec<(String, String)>> {
        const SQL: &str = "SELECT customer, tag FROM hidden_tags ORDER BY customer, tag";
        let read = |row: &AnyRow| Ok((row.try_get("customer")?, row.try_get("tag")?));
        self.block(sqlx::query(SQL).fetch_all(&self.pool))?.iter().map(read).collect()
    }

    /// Returns the tags that somebody, named by all his pseudonyms, wants gone.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn hidden_tags_of(&self, customers: &[String]) -> Result<Vec<String>> {
        const SQL: &str = "SELECT tag FROM hidden_tags WHERE customer = $1 ORDER BY tag";
        let mut tags = Vec::new();
        for customer in customers {
            for row in self.block(sqlx::query(SQL).bind(customer).fetch_all(&self.pool))? {
                tags.push(row.try_get("tag")?);
            }
        }
        Ok(tags)
    }
}
