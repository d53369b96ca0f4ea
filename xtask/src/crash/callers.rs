//! Those who send events, again and again, and remember what they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;

use crate::chance::Chance;
use crate::server::{Line, post};

/// Callers at once.
pub(super) const CALLERS: u64 = 4;

/// What the callers of a shop know together.
pub(super) struct Known {
    /// Stands in every message id.
    shop: String,
    state: Mutex<State>,
    /// Bytes that make each event larger and cannot be packed.
    padding: usize,
}

#[derive(Default)]
struct State {
    next: u64,
    acknowledged: BTreeSet<u64>,
    /// Sent, perhaps taken, not acknowledged.
    open: BTreeSet<u64>,
    told: Told,
}

/// What the callers were told.
#[derive(Default, Clone)]
pub(super) struct Told {
    /// Requests that were acknowledged.
    pub(super) acknowledged: u64,
    /// Of those, requests with a batch that had been acknowledged before.
    pub(super) again: u64,
    /// Requests without an answer.
    pub(super) unanswered: u64,
    /// Requests put off by 429 or 503.
    pub(super) put_off: u64,
    /// 429 without a `Retry-After`.
    pub(super) without_time: u64,
    /// Other answers.
    pub(super) strange: Vec<u16>,
    /// When the last batch was acknowledged.
    pub(super) last: Option<Instant>,
    /// Seconds that acknowledged requests took.
    pub(super) seconds: Vec<f64>,
}

impl Known {
    pub(super) fn new(shop: &str, padding: usize) -> Self {
        Self { shop: shop.to_owned(), state: Mutex::default(), padding }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn told(&self) -> Told {
        self.state().told.clone()
    }

    /// Returns the batches that were sent and never acknowledged.
    pub(super) fn open(&self) -> Vec<u64> {
        self.state().open.iter().copied().collect()
    }

    /// Returns the event lines that each acknowledged event must have, and each other one may have.
    pub(super) fn expected(&self) -> [BTreeMap<String, u64>; 2] {
        let state = self.state();
        [&state.acknowledged, &state.open].map(|numbers| {
            let events = numbers.iter().flat_map(|number| {
                (0..size(*number)).map(|at| (self.id(*number, at), lines(*number, at)))
            });
            events.collect()
        })
    }

    /// Returns the message ids of some batches.
    pub(super) fn ids(&self, batches: &[u64]) -> BTreeSet<String> {
        let ids = batches
            .iter()
            .flat_map(|number| (0..size(*number)).map(move |at| self.id(*number, at)));
        ids.collect()
    }

    fn id(&self, number: u64, at: u64) -> String {
        format!("{}-{number}-{at}", self.shop)
    }

    /// Returns the body of a batch, the same whenever it is sent.
    fn body(&self, key: &str, number: u64) -> Vec<u8> {
        let events: Vec<_> = (0..size(number)).map(|at| self.event(number, at)).collect();
        json!({ "writeKey": key, "batch": events }).to_string().into_bytes()
    }

    fn event(&self, number: u64, at: u64) -> serde_json::Value {
        let mut chance = Chance::new(number * 1009 + at);
        let padding: String =
            (0..self.padding / 16).map(|_| format!("{:016x}", chance.next())).collect();
        let product = |place: u64| {
            let product = format!("p{}", (number + at * 7 + place) % 31);
            json!({ "product_id": product, "price": 9.5, "quantity": 1 + place })
        };
        let (event, properties) = match lines(number, at) {
            1 => ("Product Viewed", product(0)),
            _ => {
                let order = format!("{}-o{number}-{at}", self.shop);
                let products = [product(0), product(1)];
                ("Order Completed", json!({ "order_id": order, "products": products }))
            }
        };
        json!({
            "type": "track", "event": event, "messageId": self.id(number, at),
            "userId": format!("u{}", number % 97), "timestamp": "2026-01-02T03:04:05.678Z",
            "properties": properties, "context": { "userAgent": padding },
        })
    }

    /// Chooses a batch: a new one, or now and then one that was sent before.
    fn choose(&self, chance: &mut Chance) -> u64 {
        let mut state = self.state();
        if chance.of(30) && state.next > 0 {
            let from = chance.below(state.next);
            let open = state.open.range(from..).next().copied();
            return if chance.of(50) { open.unwrap_or(from) } else { from };
        }
        let number = state.next;
        state.next += 1;
        state.open.insert(number);
        number
    }

    /// Sends a batch; returns whether it was acknowledged.
    pub(super) fn send(&self, line: &Line, key: &str, number: u64) -> bool {
        let Some((address, _)) = line.get() else { return false };
        let begun = Instant::now();
        let answer = post(*address, "/v1/batch", &self.body(key, number));
        let mut state = self.state();
        match answer {
            Err(_) => state.told.unanswered += 1,
            Ok(answer) if answer.status == 200 => {
                state.open.remove(&number);
                let is_new = state.acknowledged.insert(number);
                state.told.acknowledged += 1;
                state.told.again += u64::from(!is_new);
                state.told.last = Some(Instant::now());
                state.told.seconds.push(begun.elapsed().as_secs_f64());
                return true;
            }
            Ok(answer) if matches!(answer.status, 429 | 503) => {
                state.told.put_off += 1;
                let has_time = answer.head.contains("\nretry-after: ");
                state.told.without_time += u64::from(answer.status == 429 && !has_time);
            }
            Ok(answer) => state.told.strange.push(answer.status),
        }
        false
    }

    /// Sends until told to stop, as soon as the server listens, with a pause after each batch.
    pub(super) fn call(&self, line: &Line, key: &str, stop: &AtomicBool, call: Call) {
        let mut chance = Chance::new(call.seed);
        while !stop.load(Ordering::Relaxed) {
            if line.get().is_none() {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            let number = self.choose(&mut chance);
            let wait = if self.send(line, key, number) { call.pause_ms } else { 20 };
            std::thread::sleep(Duration::from_millis(chance.below(2 * wait + 1)));
        }
    }

    /// Says what the callers were told that no server may say.
    pub(super) fn check(&self) -> Result<()> {
        let told = self.told();
        if !told.strange.is_empty() || told.without_time > 0 {
            let without = told.without_time;
            bail!("answers {:?}, {without} answers 429 without a time", told.strange);
        }
        Ok(())
    }
}

/// How somebody calls.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) seed: u64,
    /// The mean pause after a batch.
    pub(super) pause_ms: u64,
}

/// Events of a batch.
fn size(number: u64) -> u64 {
    1 + Chance::new(number).below(40)
}

/// Lines that an event becomes: one, or one a product of an order.
fn lines(number: u64, at: u64) -> u64 {
    if (number + at).is_multiple_of(8) { 2 } else { 1 }
}
