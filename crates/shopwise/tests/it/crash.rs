//! What was acknowledged is there, once, however often the server is killed.
//!
//! The long form: `SHOPWISE_CRASH_ROUNDS=1000 cargo test --release --workspace --test it -- crash`.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::server::{Server, ShopFolder};

/// Rounds without other wishes: what a test has time for.
const ROUNDS: u64 = 12;
/// Callers at once.
const CALLERS: u64 = 4;
/// Events of a batch.
const BATCH: u64 = 20;

#[expect(clippy::disallowed_methods, reason = "the long form is asked for by the environment")]
fn rounds() -> u64 {
    let wish = std::env::var("SHOPWISE_CRASH_ROUNDS").ok();
    wish.and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

/// What callers know: batches by number, and whether they were acknowledged.
#[derive(Default)]
struct Known {
    batches: Mutex<BTreeMap<u64, bool>>,
    next: AtomicU64,
}

fn batch(number: u64) -> Vec<u8> {
    let event = |at: u64| {
        json!({
            "type": "track", "event": "Product Viewed", "messageId": format!("m{number}-{at}"),
            "anonymousId": format!("visitor {}", number % 97),
            "timestamp": "2026-01-02T03:04:05.678Z",
            "properties": { "product_id": format!("p{}", at % 13), "price": 9.5 },
        })
    };
    let events: Vec<_> = (0..BATCH).map(event).collect();
    json!({ "batch": events, "sentAt": "2026-01-02T03:04:06.000Z" }).to_string().into_bytes()
}

/// Sends new batches, and again those that were not acknowledged or, now and then, those that were,
/// until told to stop.
fn call(server: &Server, key: &str, known: &Known, stop: &AtomicBool, mut luck: u64) {
    while !stop.load(Ordering::Relaxed) {
        luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let again = (luck >> 33).is_multiple_of(3);
        let number = {
            let mut batches = known.batches.lock().unwrap();
            let open = batches.iter().find(|(_, acknowledged)| !**acknowledged);
            let number = match (again, open, batches.len() as u64) {
                (true, Some((number, _)), _) => *number,
                (true, None, 1..) => (luck >> 40) % known.next.load(Ordering::Relaxed),
                _ => known.next.fetch_add(1, Ordering::Relaxed),
            };
            batches.entry(number).or_insert(false);
            number
        };
        let answer = server.post("/v1/batch", key, &batch(number));
        if answer.is_ok_and(|answer| answer.status == 200) {
            known.batches.lock().unwrap().insert(number, true);
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed() {
    let shop = ShopFolder::new();
    let known = Known::default();
    let begun = Instant::now();
    for round in 0..rounds() {
        let server = Server::start(&shop.path);
        let stop = AtomicBool::new(false);
        // Some rounds end before the first commit of the lake, some after it.
        let wait = 20 + (round * 7919) % if round % 6 == 5 { 3500 } else { 400 };
        std::thread::scope(|scope| {
            for caller in 0..CALLERS {
                let (server, known, stop) = (&server, &known, &stop);
                let key = &shop.key;
                scope.spawn(move || call(server, key, known, stop, round * CALLERS + caller));
            }
            std::thread::sleep(Duration::from_millis(wait));
            server.signal_kill();
            stop.store(true, Ordering::Relaxed);
        });
        server.kill();
    }
    // What is open is sent once more, as a library would.
    let server = Server::start(&shop.path);
    let open: Vec<u64> = {
        let batches = known.batches.lock().unwrap();
        batches.iter().filter(|(_, done)| !**done).map(|(number, _)| *number).collect()
    };
    for number in open {
        let answer = server.post("/v1/batch", &shop.key, &batch(number)).unwrap();
        assert_eq!(answer.status, 200);
    }
    server.stop();
    let numbers: Vec<u64> = known.batches.lock().unwrap().keys().copied().collect();
    let mut expected: Vec<String> = numbers
        .iter()
        .flat_map(|number| (0..BATCH).map(move |at| format!("m{number}-{at}")))
        .collect();
    expected.sort_unstable();
    let found = shop.exported();
    println!(
        "{} rounds, {} events acknowledged, {:.0} s",
        rounds(),
        expected.len(),
        begun.elapsed().as_secs_f64()
    );
    assert!(expected.len() > 1000, "the callers did hardly anything: {}", expected.len());
    compare(&expected, &found).unwrap();
    let status = shop.status();
    let term = |name: &str| status[name].as_i64().unwrap();
    assert_eq!(term("stored"), expected.len() as i64, "{status}");
    assert_eq!(
        term("received"),
        term("stored") + term("duplicate") + term("quarantined") + term("refused")
    );
    assert_eq!(term("pending"), 0, "{status}");
}

/// Says what is lost and what is there twice.
pub(crate) fn compare(expected: &[String], found: &[String]) -> Result<(), String> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for id in expected {
        *counts.entry(id).or_default() -= 1;
    }
    for id in found {
        *counts.entry(id).or_default() += 1;
    }
    let lost = counts.values().filter(|count| **count < 0).count();
    let doubled = counts.values().filter(|count| **count > 0).count();
    if lost + doubled == 0 { Ok(()) } else { Err(format!("lost {lost}, doubled {doubled}")) }
}

#[test]
fn the_comparison_sees_what_is_lost_and_what_is_doubled() {
    let ids = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(compare(&ids(&["a", "b"]), &ids(&["b", "a"])), Ok(()));
    assert_eq!(compare(&ids(&["a", "b"]), &ids(&["a"])), Err("lost 1, doubled 0".to_owned()));
    assert_eq!(compare(&ids(&["a"]), &ids(&["a", "a"])), Err("lost 0, doubled 1".to_owned()));
}
