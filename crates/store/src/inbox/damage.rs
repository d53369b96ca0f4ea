//! What was found damaged: noted once, counted, and kept to be looked at.

use sqlx::{AnyConnection, Row as _};

use super::{Inbox, transaction};
use crate::Result;

/// Something that was found damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Which part of the inbox: `entries`, `keys`, `log`, `quarantine` or `sequence`; or `lake`.
    pub part: String,
    /// The number of the row.
    pub seq: i64,
    /// What is wrong.
    pub problem: String,
}

impl Inbox {
    /// Returns what was found damaged so far, by part and number.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn damage(&self) -> Result<Vec<Damage>> {
        let sql = "SELECT part, seq, problem FROM inbox_damage ORDER BY part, seq";
        let rows = self.query(async |pool| Ok(sqlx::query(sql).fetch_all(pool).await?))?;
        let damage = rows.iter().map(|row| {
            let (part, problem) = (row.try_get("part")?, row.try_get("problem")?);
            Ok(Damage { part, seq: row.try_get("seq")?, problem })
        });
        damage.collect()
    }

    /// Notes damage that was found elsewhere, unless that was done before: it is counted with the
    /// inbox's own.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn note_damage(&self, part: &str, number: i64, problem: &str) -> Result<()> {
        self.write(0, async |open| note(open.connection, part, number, problem, &[]).await)
    }
}

/// Notes damage, unless that was done before.
pub(super) async fn note(
    connection: &mut AnyConnection,
    part: &str,
    seq: i64,
    problem: &str,
    body: &[u8],
) -> Result<()> {
    sqlx::query(
        "INSERT INTO inbox_damage (part, seq, problem, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT (part, seq) DO NOTHING",
    )
    .bind(part)
    .bind(seq)
    .bind(problem)
    .bind(body)
    .execute(connection)
    .await?;
    Ok(())
}

/// Compares the row of the sequence with the entries, which are numbered without a gap, and puts
/// it right: else new entries would hit old numbers, or old ones would not be read.
///
/// A gap above is left to reading, which names each entry that is missing.
pub(super) async fn check_sequence(connection: &mut AnyConnection) -> Result<()> {
    let sequence = transaction::lock(&mut *connection, 0).await?;
    let value = sequence.first - 1;
    let [least, most] = ends(connection, "SELECT MIN(seq), MAX(seq) FROM inbox_entries").await?;
    let sql = "SELECT MIN(day), MAX(seq) FROM inbox_keys";
    let [day, keys] = ends(connection, sql).await?;
    let value_right = value.max(most.unwrap_or(0)).max(keys.unwrap_or(0));
    let mut right = sequence;
    if sequence.crc != sequence.checksum() {
        // Rather too much is kept than too little: what is in the lake is known there.
        right.forgotten = least.map_or(value_right, |least| least - 1);
        (right.expired_day, right.swept_day) = (day.unwrap_or(0), day.unwrap_or(0));
    }
    if value == value_right && sequence.crc == sequence.checksum() {
        return Ok(());
    }
    let problem = format!(
        "said `{value}`, forgotten `{}`, expired `{}`; set to `{value_right}`, `{}`, `{}`",
        sequence.forgotten, sequence.expired_day, right.forgotten, right.expired_day
    );
    note(connection, "sequence", value, &problem, &[]).await?;
    let update = "UPDATE inbox_sequence SET value = $1 WHERE id = 1";
    sqlx::query(update).bind(value_right).execute(&mut *connection).await?;
    transaction::set(connection, right).await
}

/// Compares the row of the sequence with the last entry that was acknowledged for certain. What is
/// missing up to it is named when it is read.
pub(super) async fn check_mark(connection: &mut AnyConnection, marked: i64) -> Result<()> {
    let value = transaction::peek(&mut *connection).await?.first - 1;
    if value >= marked {
        return Ok(());
    }
    let problem = format!("it ends with entry `{value}`, though `{marked}` was acknowledged");
    note(connection, "log", marked, &problem, &[]).await?;
    let update = "UPDATE inbox_sequence SET value = $1 WHERE id = 1";
    sqlx::query(update).bind(marked).execute(&mut *connection).await?;
    Ok(())
}

async fn ends(connection: &mut AnyConnection, sql: &'static str) -> Result<[Option<i64>; 2]> {
    let row = sqlx::query(sql).fetch_one(connection).await?;
    Ok([row.try_get(0)?, row.try_get(1)?])
}
