//! Many requests, one transaction: while one is written, the next ones gather.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use anyhow::Result;
use shopwise_stages::collect::wire::{self, Decision, Decoded};
use shopwise_store::Inbox;
use shopwise_store::inbox::{Arrival, DELIVERIES_MAX, Delivery, EVENTS_BYTES_MAX, Verdict};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{Full, thread};
use crate::commands::{now, quarantine};

/// Bytes of events that wait to be written; who comes beyond is asked to come later. At the least
/// speed that a disk should have they wait for a second.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Bytes that one transaction takes: bounds how long it lasts.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Bytes of one delivery. An envelope is copied into each of its events, so that a request may
/// become more than the inbox takes in one row: it is then cut into several.
const DELIVERY_BYTES_MAX: usize = EVENTS_BYTES_MAX / 4;

/// Requests that wait.
const WAITING_MAX: usize = 4096;

/// A request that waits for its events to be durable.
struct Waiting {
    deliveries: Vec<Delivery>,
    bytes: usize,
    answer: oneshot::Sender<Result<Vec<Verdict>, Full>>,
}

/// Where requests hand their events over.
pub(super) struct Door {
    waiting: mpsc::Sender<Waiting>,
    bytes: Arc<AtomicUsize>,
    bell: Arc<Notify>,
}

impl Door {
    pub(super) fn open(inbox: Arc<Inbox>) -> Result<(Self, JoinHandle<()>)> {
        let (waiting, received) = mpsc::channel(WAITING_MAX);
        let (bytes, bell) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let door = Self { waiting, bytes: Arc::clone(&bytes), bell: Arc::clone(&bell) };
        let keeping = thread("door", move || keep(&inbox, received, &bytes, &bell))?;
        Ok((door, keeping))
    }

    /// Rings when events have become durable.
    pub(super) fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= WAITING_BYTES_MAX || self.waiting.capacity() == 0
    }

    pub(super) async fn take(&self, source: &str, decoded: Decoded) -> Result<Vec<Verdict>, Full> {
        let arrivals = arrivals(decoded);
        let bytes = arrivals.iter().map(size).sum();
        let deliveries = deliveries(source, arrivals);
        let (answer, answered) = oneshot::channel();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let waiting = Waiting { deliveries, bytes, answer };
        if self.waiting.try_send(waiting).is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Full::Busy);
        }
        answered.await.unwrap_or(Err(Full::Disk))
    }
}

fn arrivals(decoded: Decoded) -> Vec<Arrival> {
    let envelope = decoded.envelope;
    let mut arrivals: Vec<Arrival> = Vec::with_capacity(decoded.decisions.len());
    arrivals.extend(decoded.decisions.into_iter().map(|decision| match decision {
        Decision::Ready(ready) => Arrival::Event { key: ready.key, body: ready.json },
        Decision::Spoiled(spoiled) => Arrival::Quarantined {
            reason: match spoiled.field.as_str() {
                "" => spoiled.reason,
                field => format!("{field}: {}", spoiled.reason),
            },
            message_id: None,
            body: quarantine::packed(&envelope, &spoiled.raw),
        },
    }));
    let refused = || Arrival::Refused { reason: wire::BEYOND.to_owned() };
    arrivals.extend(std::iter::repeat_with(refused).take(decoded.refused));
    arrivals
}

/// Cuts what a request brought into parts that the inbox takes; none of it makes one empty part.
fn deliveries(source: &str, arrivals: Vec<Arrival>) -> Vec<Delivery> {
    let received_at = now();
    let part = || Delivery { source: source.to_owned(), received_at, arrivals: Vec::new() };
    let mut parts = vec![part()];
    let mut bytes = 0;
    for arrival in arrivals {
        bytes += size(&arrival);
        if bytes > DELIVERY_BYTES_MAX {
            bytes = size(&arrival);
            parts.push(part());
        }
        if let Some(last) = parts.last_mut() {
            last.arrivals.push(arrival);
        }
    }
    parts
}

fn size(arrival: &Arrival) -> usize {
    match arrival {
        Arrival::Event { body, .. } | Arrival::Quarantined { body, .. } => body.len() + 64,
        Arrival::Refused { .. } => 64,
    }
}

/// Writes what waits until nobody can come any more.
fn keep(inbox: &Inbox, mut received: mpsc::Receiver<Waiting>, bytes: &AtomicUsize, bell: &Notify) {
    while let Some(first) = received.blocking_recv() {
        let mut group = vec![first];
        let mut total = group[0].bytes;
        // A request is at most a few dozen parts.
        while total < GROUP_BYTES_MAX
            && group.len() < DELIVERIES_MAX / 2
            && let Ok(next) = received.try_recv()
        {
            total += next.bytes;
            group.push(next);
        }
        let mut deliveries = Vec::with_capacity(group.len());
        let mut answers = Vec::with_capacity(group.len());
        for waiting in group {
            answers.push((waiting.deliveries.len(), waiting.answer));
            deliveries.extend(waiting.deliveries);
        }
        let accepted = inbox.accept(&deliveries, now());
        bytes.fetch_sub(total, Ordering::Relaxed);
        match accepted {
            Ok(verdicts) => {
                bell.notify_one();
                let mut verdicts = verdicts.into_iter();
                for (parts, answer) in answers {
                    let own = verdicts.by_ref().take(parts).flatten().collect();
                    // A caller that has gone sends the same again and is told that it is known.
                    drop(answer.send(Ok(own)));
                }
            }
            Err(error) => {
                tracing::error!(%error, requests = answers.len(), "events could not be stored");
                for (_, answer) in answers {
                    drop(answer.send(Err(Full::Disk)));
                }
            }
        }
    }
}
