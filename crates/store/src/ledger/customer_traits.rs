//! What the shop says of its customers: its own name of each, labels and a comment.
//!
//! Name and comment say who somebody is: they stand here as other identifiers do, never in the
//! lake.

use serde_json::Value;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Ledger, json};
use crate::Result;

/// What the shop says of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerTraits {
    /// The pseudonym that events carry.
    pub customer: String,
    /// The shop's own identifier.
    pub name: String,
    /// Whatever describes him, but for direct identifiers.
    pub labels: Value,
    /// A note for people.
    pub comment: String,
}

impl Ledger {
    /// Adds what is said of customers and replaces what was said of them before, all or none.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn upsert_traits(&self, all: &[CustomerTraits], now: i64) -> Result<()> {
        const SQL: &str =
            "INSERT INTO customer_traits (customer, name, labels, comment, updated_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (customer) DO UPDATE SET name = excluded.name, labels = excluded.labels,
             comment = excluded.comment, updated_at = excluded.updated_at";
        self.write_traits(SQL, all, now)
    }

    /// Adds customers of whom nothing is known yet; the others stay as they are.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn add_traits(&self, all: &[CustomerTraits], now: i64) -> Result<()> {
        const SQL: &str =
            "INSERT INTO customer_traits (customer, name, labels, comment, updated_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (customer) DO NOTHING";
        self.write_traits(SQL, all, now)
    }

    fn write_traits(&self, sql: &'static str, all: &[CustomerTraits], now: i64) -> Result<()> {
        if all.is_empty() {
            return Ok(());
        }
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            for traits in all {
                sqlx::query(sql)
                    .bind(&traits.customer)
                    .bind(&traits.name)
                    .bind(traits.labels.to_string())
                    .bind(&traits.comment)
                    .bind(now)
                    .execute(&mut *transaction)
                    .await?;
            }
            Ok(transaction.commit().await?)
        })
    }

    /// Returns what is said of a customer, if anything is.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn traits_of(&self, customer: &str) -> Result<Option<CustomerTraits>> {
        const SQL: &str = "SELECT customer, name, labels, comment FROM customer_traits
                           WHERE customer = $1";
        let row = self.block(sqlx::query(SQL).bind(customer).fetch_optional(&self.pool))?;
        row.as_ref().map(read).transpose()
    }

    /// Returns at most `count` customers of whom something is said, by their names in the order of
    /// the database, from the name `from` on.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn traits_from(&self, from: &str, count: i64) -> Result<Vec<CustomerTraits>> {
        const SQL: &str = "SELECT customer, name, labels, comment FROM customer_traits
                           WHERE name >= $1 ORDER BY name, customer LIMIT $2";
        let query = sqlx::query(SQL).bind(from).bind(count);
        self.block(query.fetch_all(&self.pool))?.iter().map(read).collect()
    }

    /// Forgets what is said of a customer; returns whether anything was.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn delete_traits(&self, customer: &str) -> Result<bool> {
        let query = sqlx::query("DELETE FROM customer_traits WHERE customer = $1").bind(customer);
        Ok(self.block(query.execute(&self.pool))?.rows_affected() == 1)
    }
}

fn read(row: &AnyRow) -> Result<CustomerTraits> {
    Ok(CustomerTraits {
        customer: row.try_get("customer")?,
        name: row.try_get("name")?,
        labels: json(row, "labels")?,
        comment: row.try_get("comment")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::on_both;
    use super::*;

    #[test]
    fn what_is_said_of_a_customer_is_replaced_and_a_new_one_replaces_nothing() {
        on_both(|ledger| {
            let said = |name: &str, labels: Value| CustomerTraits {
                customer: format!("c{name}"),
                name: name.to_owned(),
                labels,
                comment: "茶".to_owned(),
            };
            let (ann, bob) = (said("ann", json!(["a", {"b": 1.5}])), said("bob", Value::Null));
            ledger.upsert_traits(&[bob.clone(), ann.clone()], 1).unwrap();
            ledger.add_traits(&[said("ann", json!("new")), said("cyd", json!("new"))], 2).unwrap();
            assert_eq!(ledger.traits_of("cann").unwrap(), Some(ann.clone()));
            let page = ledger.traits_from("", 2).unwrap();
            assert_eq!(page, [ann, bob.clone()]);
            let page = ledger.traits_from("bob", 10).unwrap();
            assert_eq!(page, [bob, said("cyd", json!("new"))]);
            ledger.upsert_traits(&[said("bob", json!({}))], 3).unwrap();
            assert_eq!(ledger.traits_of("cbob").unwrap().unwrap().labels, json!({}));
            assert!(
                ledger.delete_traits("cbob").unwrap() && !ledger.delete_traits("cbob").unwrap()
            );
            assert_eq!(ledger.traits_of("cbob").unwrap(), None);
        });
    }
}
