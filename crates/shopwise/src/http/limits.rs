//! How much may be asked of the server at once, and by whom.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
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

/// How long a body that holds more than [`BODY_SMALL`] may pause: what holds room must move.
pub(super) const BODY_PAUSE: Duration = Duration::from_secs(5);

/// Bytes that a body may hold for the whole of [`BODY_TIME`]: what phones send on bad lines.
pub(super) const BODY_SMALL: usize = 64 << 10;

/// How long the head of a request may take to arrive, and a connection may say nothing.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(30);

/// The same when more than half of the connections are taken.
pub(super) const HEAD_TIME_BUSY: Duration = Duration::from_secs(5);

/// How long nobody waits for anything on a connection until it is cut, whatever it pretends to do:
/// a caller who never reads his answer is not silent.
pub(super) const QUIET_TIME: Duration = Duration::from_secs(60);

/// Bytes of a head: an image's address carries an event of some KB.
pub(super) const HEAD_BYTES_MAX: usize = 16 << 10;

/// Connections at once. A silent one costs some 10 KB.
pub(super) const CONNECTIONS_MAX: usize = 16_384;

/// Open files that connections leave to the lake and the databases.
pub(super) const FILES_KEPT: usize = 512;

/// Requests a second of one write key, and twice as many at once: above what the busiest shop of
/// this size sends, below what fills a core.
pub(super) const KEY_RATE: f64 = 2000.0;

/// Questions a second of one read key, and twice as many at once: more than two cores answer.
pub(super) const READ_RATE: f64 = 20_000.0;

/// Requests a second of one address, and twice as many at once: a shop's own server sends for all
/// its visitors.
pub(super) const ADDRESS_RATE: f64 = 2000.0;

/// Wrong keys a second of one address, and twice as many at once: beyond, they are not looked at.
pub(super) const WRONG_KEY_RATE: f64 = 50.0;

/// Lines of the log a second about requests that were refused: a caller must not fill the disk.
const LINES_RATE: f64 = 20.0;

/// Holders of a rate that are remembered.
const HOLDERS_MAX: usize = 100_000;

/// Returns who calls, as far as limits go: an address, or of IPv6 the 64 bits that name a network,
/// as whoever has one of its addresses has them all.
pub(super) fn caller(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        plain @ IpAddr::V4(_) => plain,
    }
}

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

impl Bucket {
    fn fill(&mut self, rate: f64, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(2.0 * rate);
        self.filled_at = now;
    }
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
            self.make_room(&mut buckets, now);
        }
        let full = Bucket { tokens: 2.0 * self.rate, filled_at: now };
        let bucket = buckets.entry(holder).or_insert(full);
        bucket.fill(self.rate, now);
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }

    /// Forgets holders whose buckets are full, as if they had never come; all, when that is not
    /// half of them.
    fn make_room(&self, buckets: &mut FxHashMap<K, Bucket>, now: Instant) {
        buckets.retain(|_, bucket| {
            bucket.fill(self.rate, now);
            bucket.tokens < 2.0 * self.rate
        });
        if buckets.len() > HOLDERS_MAX / 2 {
            buckets.clear();
        }
    }
}

/// Says which lines about refused requests are written, and how many were not.
#[derive(Debug)]
pub(super) struct Sparing {
    lines: Rates<()>,
    left_out: Mutex<u64>,
}

impl Sparing {
    pub(super) fn new() -> Self {
        Self { lines: Rates::new(LINES_RATE), left_out: Mutex::new(0) }
    }

    /// Returns how many lines were left out since the last one, or nothing when this one is to be
    /// left out as well.
    pub(super) fn line(&self, now: Instant) -> Option<u64> {
        let mut left_out = self.left_out.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if self.lines.take((), now) {
            return Some(std::mem::take(&mut left_out));
        }
        *left_out += 1;
        None
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

    #[test]
    fn many_holders_do_not_free_one_who_has_used_up_his_own() {
        let rates = Rates::new(1.0);
        let start = Instant::now();
        let busy = |rates: &Rates<usize>, at| (0..3).all(|_| rates.take(0, at));
        assert!(!busy(&rates, start));
        // The others have been full again for long when room is needed.
        for holder in 1..HOLDERS_MAX {
            rates.take(holder, start);
        }
        let later = start + Duration::from_secs(2);
        assert!(!busy(&rates, later));
        assert!(rates.take(HOLDERS_MAX, later));
        assert!(!rates.take(0, later));
        assert!(rates.buckets.lock().unwrap().len() < 10);
    }

    #[test]
    fn a_network_is_one_caller() {
        let of = |text: &str| caller(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }

    #[test]
    fn lines_are_left_out_and_counted() {
        let sparing = Sparing::new();
        let start = Instant::now();
        let written = (0..100).filter(|_| sparing.line(start).is_some()).count();
        assert_eq!(written as f64, 2.0 * LINES_RATE);
        assert_eq!(sparing.line(start + Duration::from_secs(1)), Some(100 - written as u64));
    }
}
