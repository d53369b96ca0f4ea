//! Accepting: a group of deliveries becomes durable, each event judged, in one transaction.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::counts::Tally;
use super::keys::{self, Keys, Known};
use super::transaction::Open;
use super::{
    DELIVERIES_MAX, EVENTS_BYTES_MAX, EVENTS_MAX, Inbox, NAME_BYTES_MAX, body, counts, panicked,
    quarantine, remember, slots,
};
use crate::checksum::checksum;
use crate::{Error, Result};

/// Rows of one statement: fewer trips to the database, few enough statements to keep prepared.
const ROWS: usize = 16;

/// One HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Who sent it.
    pub source: String,
    /// When it came, UTC microseconds.
    pub received_at: i64,
    /// Its events, in order.
    pub arrivals: Vec<Arrival>,
}

/// An event as it came, with what the wire made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// To be stored, unless it came before.
    Event {
        /// 8 bytes of a hash of (source, message id), 8 bytes of a hash of the payload.
        key: [u8; 16],
        /// The event.
        body: Vec<u8>,
    },
    /// To be looked at by somebody.
    Quarantined {
        /// Why.
        reason: String,
        /// Its message id, where it has one.
        message_id: Option<String>,
        /// The bytes that came.
        body: Vec<u8>,
    },
    /// To be counted only.
    Refused {
        /// Why: one of few texts, each of which is counted.
        reason: String,
    },
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Stored.
    Stored,
    /// The same message with the same payload is stored already.
    Duplicate,
    /// Stored, though the same message is there with another payload. Counted as stored.
    Conflict,
    /// Kept aside.
    Quarantined,
    /// Counted only.
    Refused,
}

/// What a group of deliveries comes to.
#[derive(Debug, Default)]
struct Judged {
    verdicts: Vec<Vec<Verdict>>,
    /// The number of events and the body, for each delivery.
    packed: Vec<(i64, Vec<u8>)>,
    new_keys: Vec<u128>,
}

impl Inbox {
    /// Accepts deliveries in one transaction. When it returns, they are on disk with their counts.
    ///
    /// Returns the verdicts in the order of the arrivals. `now` is UTC microseconds: from its day
    /// on a key is remembered for [`super::KEY_DAYS`] days.
    ///
    /// # Errors
    /// [`Error::Settings`] beyond [`DELIVERIES_MAX`], [`EVENTS_MAX`], [`EVENTS_BYTES_MAX`] or
    /// [`NAME_BYTES_MAX`]; [`Error::Full`] and [`Error::Unavailable`] when the same may succeed
    /// later (see [`Error::is_temporary`]); [`Error::Broken`] when it cannot until the inbox is
    /// opened again; [`Error::Inbox`] when the database refuses otherwise. Nothing is written then,
    /// or, if the connection broke during the commit, everything: sending it again is safe.
    pub fn accept(&self, deliveries: &[Delivery], now: i64) -> Result<Vec<Vec<Verdict>>> {
        check(deliveries)?;
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        let numbers = deliveries.len() as i64;
        let mut writer = self.writer.lock().map_err(|_| panicked())?;
        // Judged and packed before the row lock: other processes wait for it.
        let judged_by = (writer.known, writer.expired_day);
        let early = judge(&writer.keys, deliveries).ok();
        self.write_with(&mut writer, numbers, async |open| {
            let now_known = (open.sequence.first - 1, open.sequence.expired_day);
            let mut judged = match early.filter(|_| judged_by == now_known) {
                Some(judged) => judged,
                None => judge(open.keys, deliveries)?,
            };
            write(open, deliveries, &mut judged, now).await?;
            Ok(judged.verdicts)
        })
    }
}

/// Holds the limits against what a caller brings.
fn check(deliveries: &[Delivery]) -> Result<()> {
    limit("deliveries", deliveries.len(), DELIVERIES_MAX)?;
    for delivery in deliveries {
        limit("events of a delivery", delivery.arrivals.len(), EVENTS_MAX)?;
        limit("bytes of a source", delivery.source.len(), NAME_BYTES_MAX)?;
        // PostgreSQL keeps no such character in a text.
        limit("characters 0 of a source", delivery.source.matches('\0').count(), 0)?;
        let mut bytes = 0;
        for arrival in &delivery.arrivals {
            let (names, body) = match arrival {
                Arrival::Event { body, .. } => (0, body.len()),
                Arrival::Quarantined { reason, message_id, body } => {
                    let id = message_id.as_deref().unwrap_or_default();
                    (reason.len().max(id.len()), body.len())
                }
                Arrival::Refused { reason } => (reason.len(), 0),
            };
            limit("bytes of a reason or message id", names, NAME_BYTES_MAX)?;
            bytes += body + 4;
        }
        limit("bytes of a delivery", bytes, EVENTS_BYTES_MAX)?;
    }
    Ok(())
}

fn limit(what: &str, got: usize, most: usize) -> Result<()> {
    if got > most {
        return Err(Error::Settings(format!("{what} must be ≤ {most}, got `{got}`")));
    }
    Ok(())
}

fn judge(keys: &Keys, deliveries: &[Delivery]) -> Result<Judged> {
    let mut judged = Judged::default();
    let mut judge = Judge::new(keys);
    for delivery in deliveries {
        let verdicts = delivery.arrivals.iter().map(|arrival| judge.verdict(arrival));
        let verdicts: Vec<_> = verdicts.collect::<Result<_>>()?;
        let stored = |verdict: &Verdict| matches!(verdict, Verdict::Stored | Verdict::Conflict);
        let bodies =
            delivery.arrivals.iter().zip(&verdicts).filter_map(
                |(arrival, verdict)| match arrival {
                    Arrival::Event { body, .. } if stored(verdict) => {
                        Some((body.as_slice(), *verdict == Verdict::Conflict))
                    }
                    _ => None,
                },
            );
        let events = verdicts.iter().filter(|verdict| stored(verdict)).count() as i64;
        judged.packed.push((events, body::pack(bodies).map_err(Error::io("inbox"))?));
        judged.verdicts.push(verdicts);
    }
    judged.new_keys = judge.new_keys;
    Ok(judged)
}

/// Judges events by the keys that are known and those that came before in the same group.
#[derive(Debug)]
pub(super) struct Judge<'k> {
    keys: &'k Keys,
    group: FxHashSet<u128>,
    messages: FxHashSet<u64>,
    pub new_keys: Vec<u128>,
}

impl<'k> Judge<'k> {
    pub(super) fn new(keys: &'k Keys) -> Self {
        let (group, messages) = (FxHashSet::default(), FxHashSet::default());
        Self { keys, group, messages, new_keys: Vec::new() }
    }

    fn verdict(&mut self, arrival: &Arrival) -> Result<Verdict> {
        match arrival {
            Arrival::Event { key, .. } => self.event(*key),
            Arrival::Quarantined { .. } => Ok(Verdict::Quarantined),
            Arrival::Refused { .. } => Ok(Verdict::Refused),
        }
    }

    pub(super) fn event(&mut self, key: [u8; 16]) -> Result<Verdict> {
        let key = keys::key(key);
        let known = self.keys.look(key).map_err(remember::unreadable)?;
        if known == Known::Key || !self.group.insert(key) {
            return Ok(Verdict::Duplicate);
        }
        self.new_keys.push(key);
        let first = self.messages.insert(keys::message(key));
        Ok(if known == Known::Message || !first { Verdict::Conflict } else { Verdict::Stored })
    }
}

async fn write(
    open: &mut Open<'_>,
    deliveries: &[Delivery],
    judged: &mut Judged,
    now: i64,
) -> Result<()> {
    let rows: Vec<Row<'_>> = (open.sequence.first..)
        .zip(deliveries.iter().zip(std::mem::take(&mut judged.packed)))
        .map(|(seq, (delivery, (events, body)))| Row {
            seq,
            source: &delivery.source,
            received_at: delivery.received_at,
            events,
            body,
        })
        .collect();
    let last = open.sequence.first + rows.len() as i64 - 1;
    insert(open.connection, rows).await?;
    remember(open, last, now, std::mem::take(&mut judged.new_keys)).await?;
    let mut tallies = BTreeMap::<&str, Tally>::new();
    let mut refusals = BTreeMap::<(&str, &str), i64>::new();
    for (delivery, verdicts) in deliveries.iter().zip(&judged.verdicts) {
        let tally = tallies.entry(&delivery.source).or_default();
        verdicts.iter().for_each(|verdict| tally.count(*verdict));
        for arrival in &delivery.arrivals {
            match arrival {
                Arrival::Event { .. } => {}
                Arrival::Refused { reason } => {
                    *refusals.entry((&delivery.source, reason)).or_default() += 1;
                }
                Arrival::Quarantined { reason, message_id, body } => {
                    let id = message_id.as_deref();
                    quarantine::insert(open.connection, delivery, reason, id, body).await?;
                }
            }
        }
    }
    counts::add(open.connection, &tallies).await?;
    slots::add(open.connection, deliveries).await?;
    counts::add_refusals(open.connection, &refusals).await
}

/// Writes down the keys of a transaction, to be in memory once it is committed.
pub(super) async fn remember(
    open: &mut Open<'_>,
    seq: i64,
    now: i64,
    new_keys: Vec<u128>,
) -> Result<()> {
    if !new_keys.is_empty() {
        // A clock that went back must not write keys where they have expired.
        let day = remember::day(now).max(open.sequence.expired_day);
        remember::insert(open.connection, seq, day, &new_keys).await?;
    }
    open.new_keys = new_keys;
    Ok(())
}

/// A row of `inbox_entries`.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub seq: i64,
    pub source: &'a str,
    pub received_at: i64,
    pub events: i64,
    pub body: Vec<u8>,
}

/// Writes entries.
pub(super) async fn insert(connection: &mut AnyConnection, rows: Vec<Row<'_>>) -> Result<()> {
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<_> = rows.by_ref().take(ROWS).collect();
        let places = (0..some.len() * 6).step_by(6).map(|n| {
            format!("(${}, ${}, ${}, ${}, ${}, ${})", n + 1, n + 2, n + 3, n + 4, n + 5, n + 6)
        });
        let columns = "seq, source, received_at, events, crc, body";
        let places = places.collect::<Vec<_>>().join(", ");
        let sql = format!("INSERT INTO inbox_entries ({columns}) VALUES {places}");
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for Row { seq, source, received_at, events, body } in some {
            let crc = checksum(&[seq, received_at, events], &[source], &body);
            query = query.bind(seq).bind(source.to_owned()).bind(received_at).bind(events);
            query = query.bind(crc).bind(body);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Writes deliveries in a transaction whose end the test decides.
#[cfg(test)]
pub(super) async fn tests_write(open: &mut Open<'_>, deliveries: &[Delivery]) -> Result<()> {
    let mut judged = judge(open.keys, deliveries)?;
    write(open, deliveries, &mut judged, 0).await
}
