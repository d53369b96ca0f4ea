//! How much may be asked of the server at once, and by whom.

use std::hash::Hash;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// Bytes of a body on the wire and, unpacked, in memory: an official library was seen to send a
/// single event of 600 KB, and none sends more than 4 MB.
pub(super) const BODY_BYTES_MAX: usize = 4 << 20;

/// Bytes of bodies that are in memory at once; who comes beyond is asked to wait.
pub(super) const BODIES_BYTES_MAX: usize = 128 << 20;

/// How long a body may take to arrive.
pub(super) const BODY_TIME: Duration = Duration::from_secs(20);

/// How long the head of a request may take to arrive, and a connection may say nothing.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(30);

/// Connections at once. A silent one costs some 10 KB.
pub(super) const CONNECTIONS_MAX: usize = 16_384;

/// Requests a second of one write key, and twice as many at once: above what the busiest shop of
/// this size sends, below what fills a core.
pub(super) const KEY_RATE: f64 = 2000.0;

/// Requests a second of one address, and twice as many at once: a shop's own server sends for all
/// its visitors.
pub(super) const ADDRESS_RATE: f64 = 2000.0;

/// Holders of a rate that are remembered; beyond, everybody begins anew.
const HOLDERS_MAX: usize = 100_000;

/// Buckets of tokens, one a holder: each request takes a token, time fills them up.
#[derive(Debug)]
pub(super) struct Rates<K> {
    rate: f64,
    buckets: Mutex<FxHashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl<K: Hash + Eq> Rates<K> {
    /// Returns full buckets of `2 × rate` tokens that fill by `rate` a second.
    pub(super) fn new(rate: f64) -> Self {
        Self { rate, buckets: Mutex::new(FxHashMap::default()) }
    }

    /// Takes a token, and returns whether there was one.
    pub(super) fn take(&self, holder: K, now: Instant) -> bool {
        // A holder of the lock that panicked leaves whole buckets behind.
        let mut buckets = self.buckets.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if buckets.len() >= HOLDERS_MAX && !buckets.contains_key(&holder) {
            buckets.clear();
        }
        let most = 2.0 * self.rate;
        let bucket = buckets.entry(holder).or_insert(Bucket { tokens: most, filled_at: now });
        let passed = now.saturating_duration_since(bucket.filled_at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * self.rate).min(most);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let rates = Rates::new(2.0);
        let start = Instant::now();
        let taken = |at: Duration| rates.take("web", start + at);
        assert_eq!([taken(Duration::ZERO); 4], [true; 4]);
        let now: Vec<bool> = (0..4).map(|_| taken(Duration::ZERO)).collect();
        assert_eq!(now, [true, true, true, false]);
        assert!(taken(Duration::from_millis(500)));
        assert!(!taken(Duration::from_millis(600)));
        assert!(rates.take("other", start));
    }
}
