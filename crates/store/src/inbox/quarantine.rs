//! Events kept aside: looked at, replayed when they can be read, or given up.
//!
//! A replayed event is judged and stored in the transaction that takes it out of the quarantine:
//! the equation closes, and a crash in between neither loses nor doubles it.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::accept::{self, Delivery, Judge};
use super::counts::{self, Tally, text};
use super::transaction::Open;
use super::{DELIVERIES_MAX, Inbox, Verdict, body, damage};
use crate::checksum::checksum;
use crate::{Error, Result};

/// An event in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number.
    pub id: i64,
    /// Who sent it.
    pub source: String,
    /// When it came, UTC microseconds.
    pub received_at: i64,
    /// Why it is here.
    pub reason: String,
    /// Its message id, where it has one.
    pub message_id: Option<String>,
    /// The bytes that came; `None` when the checksum says that they are damaged.
    pub body: Option<Vec<u8>>,
}

/// An event of the quarantine that can be read by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its number in the quarantine.
    pub id: i64,
    /// As of [`super::Arrival::Event`].
    pub key: [u8; 16],
    /// The event.
    pub body: Vec<u8>,
}

impl Inbox {
    /// Returns up to `limit` events of the quarantine behind number `after`, in order. Damaged ones
    /// are noted.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn quarantine(&self, after: i64, limit: usize) -> Result<Vec<Quarantined>> {
        let sql = "SELECT * FROM inbox_quarantine WHERE id > $1 ORDER BY id LIMIT $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.query(async |pool| {
            Ok(sqlx::query(sql).bind(after).bind(limit).fetch_all(pool).await?)
        })?;
        let all: Vec<_> = rows.iter().map(read).collect::<Result<_>>()?;
        let damaged: Vec<i64> =
            all.iter().filter(|one| one.body.is_none()).map(|one| one.id).collect();
        if !damaged.is_empty() {
            self.write(0, async |open| {
                for id in damaged {
                    let problem = "its checksum is wrong";
                    damage::note(open.connection, "quarantine", id, problem, &[]).await?;
                }
                Ok(())
            })?;
        }
        Ok(all)
    }

    /// Returns one event of the quarantine, if it is there.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn quarantined(&self, id: i64) -> Result<Option<Quarantined>> {
        let found = self.quarantine(id.saturating_sub(1), 1)?;
        Ok(found.into_iter().find(|one| one.id == id))
    }

    /// Takes events out of the quarantine and stores them as an entry of their source and time of
    /// arrival, each unless it is there already, all in one transaction.
    ///
    /// Returns what became of each: stored, conflict or duplicate, or `None` when it was not in the
    /// quarantine any more.
    ///
    /// # Errors
    /// As [`Inbox::accept`].
    pub fn replay(&self, replays: &[Replay], now: i64) -> Result<Vec<Option<Verdict>>> {
        if replays.len() > DELIVERIES_MAX {
            let got = replays.len();
            return Err(Error::Settings(format!(
                "replays must be ≤ {DELIVERIES_MAX}, got `{got}`"
            )));
        }
        if replays.is_empty() {
            return Ok(Vec::new());
        }
        self.write(replays.len() as i64, async |open| {
            let mut judge = Judge::new(open.keys);
            let mut verdicts = Vec::new();
            let mut rows = Vec::new();
            for (seq, replay) in (open.sequence.first..).zip(replays) {
                let from = take(open, replay.id).await?;
                let verdict = from.as_ref().map(|_| judge.event(replay.key)).transpose()?;
                // Each number gets its row, empty or not: a gap would be a loss.
                let (source, received_at) = from.unwrap_or_default();
                if let Some(verdict) = verdict {
                    move_count(open.connection, &source, verdict).await?;
                }
                let stored = matches!(verdict, Some(Verdict::Stored | Verdict::Conflict));
                let is_conflict = verdict == Some(Verdict::Conflict);
                let kept = stored.then_some((replay.body.as_slice(), is_conflict));
                let body = body::pack(kept.into_iter());
                let body = body.map_err(Error::io("inbox"))?;
                rows.push((seq, source, received_at, i64::from(stored), body));
                verdicts.push(verdict);
            }
            let last = open.sequence.first + replays.len() as i64 - 1;
            let new_keys = judge.new_keys;
            let rows = rows.iter().map(|(seq, source, received_at, events, body)| accept::Row {
                seq: *seq,
                source,
                received_at: *received_at,
                events: *events,
                body: body.clone(),
            });
            accept::insert(open.connection, rows.collect()).await?;
            accept::remember(open, last, now, new_keys).await?;
            Ok(verdicts)
        })
    }

    /// Gives an event of the quarantine up: it is counted as refused, for `reason`. Returns false
    /// when it was not there any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn discard(&self, id: i64, reason: &str) -> Result<bool> {
        self.write(0, async |open| {
            let Some((source, _)) = take(open, id).await? else { return Ok(false) };
            move_count(open.connection, &source, Verdict::Refused).await?;
            let refusals = BTreeMap::from([((source.as_str(), reason), 1)]);
            counts::add_refusals(open.connection, &refusals).await?;
            Ok(true)
        })
    }
}

/// Takes a row out; returns its source and time of arrival.
async fn take(open: &mut Open<'_>, id: i64) -> Result<Option<(String, i64)>> {
    let sql = "DELETE FROM inbox_quarantine WHERE id = $1 RETURNING source, received_at";
    let row = sqlx::query(sql).bind(id).fetch_optional(&mut *open.connection).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Counts one of the quarantined events of a source as something else.
async fn move_count(connection: &mut AnyConnection, source: &str, to: Verdict) -> Result<()> {
    let mut tally = Tally::default();
    tally.count(to);
    (tally.received, tally.quarantined) = (0, -1);
    counts::add(connection, &BTreeMap::from([(source, tally)])).await
}

/// Puts an event into the quarantine.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    delivery: &Delivery,
    reason: &str,
    message_id: Option<&str>,
    event: &[u8],
) -> Result<()> {
    let (reason, message_id) = (text(reason), message_id.map(text));
    let body = body::pack([(event, false)].into_iter()).map_err(Error::io("inbox"))?;
    let texts = [delivery.source.as_str(), &reason, message_id.as_deref().unwrap_or_default()];
    let crc = checksum(&[delivery.received_at], &texts, &body);
    sqlx::query(
        "INSERT INTO inbox_quarantine (source, received_at, reason, message_id, crc, body)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(delivery.source.clone())
    .bind(delivery.received_at)
    .bind(reason)
    .bind(message_id)
    .bind(crc)
    .bind(body)
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Quarantined> {
    let (id, received_at): (i64, i64) = (row.try_get("id")?, row.try_get("received_at")?);
    let (source, reason): (String, String) = (row.try_get("source")?, row.try_get("reason")?);
    let message_id: Option<String> = row.try_get("message_id")?;
    let packed: &[u8] = row.try_get("body")?;
    let texts = [source.as_str(), &reason, message_id.as_deref().unwrap_or_default()];
    let whole = row.try_get::<i64, _>("crc")? == checksum(&[received_at], &texts, packed);
    let body = body::unpack(packed).filter(|found| whole && found.events.len() == 1);
    let body = body.and_then(|mut found| found.events.pop());
    Ok(Quarantined { id, source, received_at, reason, message_id, body })
}
