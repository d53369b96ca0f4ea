//! How many events each source sent in each ten minutes of the last weeks: whoever wants to notice
//! that one falls silent needs its past.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row as _};

use super::{Delivery, Inbox};
use crate::Result;

/// Microseconds of a slot.
pub const SLOT: i64 = 600_000_000;

/// Days for which slots are kept: five weeks and a day.
const DAYS: i64 = 36;

/// Slots of a day.
const SLOTS_DAY: i64 = 144;

/// What one source sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// The first slot that is known.
    pub first: i64,
    /// Events by slot, counted from 1970 in UTC; slots without events are not there.
    pub slots: BTreeMap<i64, i64>,
}

impl Activity {
    /// Returns how many events came from one slot up to another, which is left out.
    #[must_use]
    pub fn received(&self, from: i64, to: i64) -> i64 {
        self.slots.range(from..to.max(from)).map(|(_, received)| received).sum()
    }

    /// Returns in how many of these slots something came.
    #[must_use]
    pub fn active(&self, from: i64, to: i64) -> usize {
        self.slots.range(from..to.max(from)).count()
    }
}

impl Inbox {
    /// Returns what each source sent in the last weeks.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn activity(&self) -> Result<BTreeMap<String, Activity>> {
        self.query(async |pool| {
            let mut sources = BTreeMap::<String, Activity>::new();
            let sql = "SELECT source, slot, received FROM inbox_slots ORDER BY slot";
            for row in sqlx::query(sql).fetch_all(pool).await? {
                let (source, slot): (&str, i64) = (row.try_get(0)?, row.try_get(1)?);
                let known = match sources.get_mut(source) {
                    Some(known) => known,
                    None => {
                        let new = Activity { first: slot, ..Activity::default() };
                        sources.entry(source.to_owned()).or_insert(new)
                    }
                };
                known.slots.insert(slot, row.try_get(2)?);
            }
            Ok(sources)
        })
    }
}

/// Counts what came, whatever became of it.
pub(super) async fn add(connection: &mut AnyConnection, deliveries: &[Delivery]) -> Result<()> {
    let mut slots = BTreeMap::<(i64, &str), i64>::new();
    for delivery in deliveries.iter().filter(|delivery| !delivery.arrivals.is_empty()) {
        let key = (delivery.received_at.div_euclid(SLOT), delivery.source.as_str());
        *slots.entry(key).or_default() += delivery.arrivals.len() as i64;
    }
    for ((slot, source), received) in slots {
        sqlx::query(
            "INSERT INTO inbox_slots (slot, source, received) VALUES ($1, $2, $3)
             ON CONFLICT (slot, source) DO UPDATE
             SET received = inbox_slots.received + excluded.received",
        )
        .bind(slot)
        .bind(source.to_owned())
        .bind(received)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Forgets the slots that are too old, seen from a day (since 1970-01-01, UTC).
pub(super) async fn sweep(connection: &mut AnyConnection, today: i64) -> Result<()> {
    let query = sqlx::query("DELETE FROM inbox_slots WHERE slot < $1");
    query.bind((today - DAYS).saturating_mul(SLOTS_DAY)).execute(connection).await?;
    Ok(())
}
