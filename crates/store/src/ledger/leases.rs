//! Who may work on a shop: leases with an end, taken over when their holder is gone.
//!
//! Each taking has a token, larger than all before: an earlier holder that wakes up cannot renew or
//! release what now belongs to another.

use shopwise_model::time;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::Ledger;
use crate::{Error, Result};

/// How often a lease that vanishes between two looks is tried again.
const TRIES_MAX: usize = 8;

/// The counter of takings.
const COUNTER: &str = "lease";

/// How much later than now a lease of equal length may end, in microseconds. Clocks of machines
/// that share a shop are seconds apart: such a lease was taken before the clock was set back, or
/// its row is damaged. To be wrong costs a holder his lease, which he notices, and nothing else.
const AHEAD_MAX: i64 = 20 * time::SECOND;

/// A lease that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is leased.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// The number of this taking.
    pub token: i64,
    /// When it was taken, UTC microseconds.
    pub taken_at: i64,
}

impl Ledger {
    /// Takes a lease that nobody holds at `now`, for `ttl` microseconds; its other holders take it
    /// for about as long.
    ///
    /// # Errors
    /// [`Error::Busy`] with the holder and since when; [`Error::Damaged`] when the lease can be
    /// neither taken nor found, after its table was put in order; or when the database refuses.
    pub fn take_lease(&self, name: &str, holder: &str, now: i64, ttl: i64) -> Result<Lease> {
        self.block(async {
            let token = self.token(now).await;
            for _ in 0..TRIES_MAX {
                match self.try_take(name, holder, token, now, ttl).await {
                    Ok(true) => {
                        let (name, holder) = (name.to_owned(), holder.to_owned());
                        return Ok(Lease { name, holder, token, taken_at: now });
                    }
                    Ok(false) => {}
                    Err(error) if is_malformed(&error) => break,
                    Err(error) => return Err(error),
                }
                if let Some(busy) = self.busy(name).await? {
                    return Err(busy);
                }
            }
            Err(self.put_in_order(name).await?)
        })
    }

    /// Makes the index of the leases anew, whose entry of a lease points at no row: nobody could
    /// take it otherwise. Returns what is to be told; the next taking succeeds.
    async fn put_in_order(&self, name: &str) -> Result<Error> {
        let sql = if self.database.is_sqlite() { "REINDEX leases" } else { "REINDEX TABLE leases" };
        sqlx::query(sql).execute(&self.pool).await?;
        Ok(Error::Damaged(format!("the index of `leases` had a wrong entry of `{name}`")))
    }

    /// Prolongs a lease until `now + ttl`. Returns false when it was lost to another, released, or
    /// is damaged: who takes it again is told.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn renew_lease(&self, lease: &Lease, now: i64, ttl: i64) -> Result<bool> {
        const SQL: &str = "UPDATE leases SET expires_at = $1 WHERE name = $2 AND token = $3";
        let query = sqlx::query(SQL).bind(now.saturating_add(ttl)).bind(&lease.name);
        match self.block(query.bind(lease.token).execute(&self.pool)).map_err(Error::from) {
            Err(error) if is_malformed(&error) => Ok(false),
            done => Ok(done?.rows_affected() == 1),
        }
    }

    /// Gives a lease back. What was lost to another stays his.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn release_lease(&self, lease: &Lease) -> Result<()> {
        const SQL: &str = "DELETE FROM leases WHERE name = $1 AND token = $2";
        let query = sqlx::query(SQL).bind(&lease.name).bind(lease.token);
        self.block(query.execute(&self.pool))?;
        Ok(())
    }

    /// Returns the leases that have not run out.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn leases(&self, now: i64) -> Result<Vec<Lease>> {
        const SQL: &str = "SELECT name, holder, token, taken_at FROM leases
                           WHERE expires_at > $1 ORDER BY name";
        let rows = self.block(sqlx::query(SQL).bind(now).fetch_all(&self.pool))?;
        let lease = |row: &AnyRow| {
            let (name, holder) = (row.try_get("name")?, row.try_get("holder")?);
            let (token, taken_at) = (row.try_get("token")?, row.try_get("taken_at")?);
            Ok(Lease { name, holder, token, taken_at })
        };
        rows.iter().map(lease).collect()
    }

    /// Ends the lease of a holder that is known to be dead. Returns whether he still had it.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn end_lease(&self, name: &str, holder: &str) -> Result<bool> {
        const SQL: &str = "DELETE FROM leases WHERE name = $1 AND holder = $2";
        let query = sqlx::query(SQL).bind(name).bind(holder);
        Ok(self.block(query.execute(&self.pool))?.rows_affected() == 1)
    }

    /// Returns a number for a taking. Where the counter is damaged, or at its end, the clock's is
    /// taken, larger than any that was counted: nobody could work otherwise.
    async fn token(&self, now: i64) -> i64 {
        if let Ok(token) = self.next_number(COUNTER).await
            && token > 0
        {
            return token;
        }
        let sql = "UPDATE counters SET value = $1 WHERE name = $2";
        // Its page may be unreadable: the next taking comes here again then.
        drop(sqlx::query(sql).bind(now).bind(COUNTER).execute(&self.pool).await);
        now
    }

    async fn try_take(
        &self,
        name: &str,
        holder: &str,
        token: i64,
        now: i64,
        ttl: i64,
    ) -> Result<bool> {
        let done = sqlx::query(
            "INSERT INTO leases (name, holder, token, taken_at, expires_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = excluded.token,
             taken_at = excluded.taken_at, expires_at = excluded.expires_at
             WHERE leases.expires_at <= excluded.taken_at OR leases.expires_at > $6",
        )
        .bind(name)
        .bind(holder)
        .bind(token)
        .bind(now)
        .bind(now.saturating_add(ttl))
        .bind(now.saturating_add(ttl).saturating_add(AHEAD_MAX))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn busy(&self, name: &str) -> Result<Option<Error>> {
        let query = sqlx::query("SELECT holder, taken_at FROM leases WHERE name = $1").bind(name);
        let Some(row) = query.fetch_optional(&self.pool).await? else { return Ok(None) };
        let since = time::format(row.try_get("taken_at")?);
        Ok(Some(Error::Busy { holder: row.try_get("holder")?, since }))
    }
}

/// Tells whether SQLite found its file to be wrong.
fn is_malformed(error: &Error) -> bool {
    const SQLITE_CORRUPT: &str = "11";
    let Error::Ledger(sqlx::Error::Database(error)) = error else { return false };
    error.code().is_some_and(|code| code == SQLITE_CORRUPT)
}
