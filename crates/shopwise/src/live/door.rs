//! Many requests, one transaction: while one is written, the next ones gather.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use anyhow::Result;
use shopwise_stages::collect::wire::{self, Decision, Decoded};
use shopwise_store::Inbox;
use shopwise_store::inbox::{Arrival, DELIVERIES_MAX, Delivery, Verdict};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{Full, thread};
use crate::commands::{now, quarantine};

/// Bytes of events that wait to be written; who comes beyond is asked to come later. At the least
/// speed that a disk should have they wait for a second.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Bytes that one transaction takes: bounds how long it lasts.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Requests that wait.
const WAITING_MAX: usize = 4096;

/// A request that waits for its events to be durable.
struct Waiting {
    delivery: Delivery,
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
        let delivery = delivery(source, decoded);
        let bytes = delivery.arrivals.iter().map(size).sum();
        let (answer, answered) = oneshot::channel();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let waiting = Waiting { delivery, bytes, answer };
        if self.waiting.try_send(waiting).is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Full::Busy);
        }
        answered.await.unwrap_or(Err(Full::Disk))
    }
}

fn delivery(source: &str, decoded: Decoded) -> Delivery {
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
    Delivery { source: source.to_owned(), received_at: now(), arrivals }
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
        while total < GROUP_BYTES_MAX
            && group.len() < DELIVERIES_MAX
            && let Ok(next) = received.try_recv()
        {
            total += next.bytes;
            group.push(next);
        }
        let (deliveries, answers): (Vec<Delivery>, Vec<_>) =
            group.into_iter().map(|waiting| (waiting.delivery, waiting.answer)).unzip();
        let accepted = inbox.accept(&deliveries, now());
        bytes.fetch_sub(total, Ordering::Relaxed);
        match accepted {
            Ok(verdicts) => {
                bell.notify_one();
                for (answer, verdicts) in answers.into_iter().zip(verdicts) {
                    // A caller that has gone sends the same again and is told that it is known.
                    drop(answer.send(Ok(verdicts)));
                }
            }
            Err(error) => {
                tracing::error!(%error, requests = answers.len(), "events could not be stored");
                for answer in answers {
                    drop(answer.send(Err(Full::Disk)));
                }
            }
        }
    }
}
