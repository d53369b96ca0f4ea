//! What other currencies are worth, day by day.

use shopwise_model::money::Rate;
use sqlx::Row as _;

use super::Ledger;
use crate::Result;

impl Ledger {
    /// Adds rates and replaces those of the same currency and day, all or none.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn upsert_rates(&self, rates: &[Rate], now: i64) -> Result<()> {
        self.block(async {
            let mut transaction = self.pool.begin().await?;
            for rate in rates {
                sqlx::query(
                    "INSERT INTO currency_rates (currency, day, rate, updated_at)
                     VALUES ($1, $2, $3, $4)
                     ON CONFLICT (currency, day) DO UPDATE SET rate = excluded.rate,
                     updated_at = excluded.updated_at",
                )
                .bind(&rate.currency)
                .bind(i64::from(rate.day))
                .bind(rate.rate)
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            }
            Ok(transaction.commit().await?)
        })
    }

    /// Returns all rates, by currency and day.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn rates(&self) -> Result<Vec<Rate>> {
        const SQL: &str = "SELECT currency, day, rate FROM currency_rates";
        let rows = self.block(sqlx::query(SQL).fetch_all(&self.pool))?;
        let mut rates = Vec::with_capacity(rows.len());
        for row in rows {
            rates.push(Rate {
                currency: row.try_get("currency")?,
                // Only days are written that fit.
                day: i32::try_from(row.try_get::<i64, _>("day")?).unwrap_or(i32::MAX),
                rate: row.try_get("rate")?,
            });
        }
        rates.sort_by(|left, right| (&left.currency, left.day).cmp(&(&right.currency, right.day)));
        Ok(rates)
    }
}
