//! How fast it is: run with RUN_SLOW=1 and --nocapture.

use std::time::{Duration, Instant};

use super::*;

/// Events of 600 bytes as a shop's pages send them: much is alike, the identifiers are not.
fn like_a_shop(number: u64) -> Arrival {
    let mix =
        |salt: u64| (number ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ salt;
    let Arrival::Event { key, .. } = event(mix(1).wrapping_mul(mix(2)), number) else {
        unreachable!()
    };
    let mut body = format!(
        "{{\"type\":\"track\",\"event\":\"Product Viewed\",\"messageId\":\"ajs-{:016x}{:016x}\",\
         \"anonymousId\":\"{:016x}{:016x}\",\"timestamp\":\"2026-03-01T10:{:02}:{:02}.{:03}Z\",\
         \"properties\":{{\"product_id\":\"{}\",\"price\":{}.{:02},\"currency\":\"EUR\"}},\
         \"context\":{{\"library\":{{\"name\":\"analytics.js\",\"version\":\"1.84.3\"}},\
         \"page\":{{\"url\":\"https://shop.example/p/{}?session={:016x}\"}},\
         \"userAgent\":\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\",\"text\":\"",
        mix(3),
        mix(4),
        mix(5) >> 20,
        mix(6),
        number / 60 % 60,
        number % 60,
        mix(7) % 1000,
        mix(8) % 9000,
        mix(9) % 200,
        number % 100,
        mix(8) % 9000,
        mix(10)
    )
    .into_bytes();
    body.resize(598, b' ');
    body.extend(b"\"}");
    Arrival::Event { key, body }
}

#[expect(clippy::disallowed_methods, reason = "only the environment asks for slow tests")]
fn slow() -> bool {
    std::env::var("RUN_SLOW").is_ok()
}

fn groups(count: u64, deliveries: u64) -> Vec<Vec<Delivery>> {
    let deliver = |first: u64| delivery("web", (first * 100..first * 100 + 100).map(like_a_shop));
    (0..count).map(|n| (0..deliveries).map(|m| deliver(n * deliveries + m)).collect()).collect()
}

fn measure(name: &str, inbox: &Inbox, deliveries: u64) {
    let groups = groups(3_000 / deliveries, deliveries);
    let mut times: Vec<Duration> = groups
        .iter()
        .map(|group| {
            let start = Instant::now();
            inbox.accept(group, 0).unwrap();
            start.elapsed()
        })
        .collect();
    let total: Duration = times.iter().sum();
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    let rate = groups.len() as f64 * deliveries as f64 * 100.0 / total.as_secs_f64();
    println!(
        "{name}, {deliveries} deliveries a group: {rate:.0} events/s, \
         ms p50 {:.2} p99 {:.2} max {:.2}",
        at(50),
        at(99),
        at(100)
    );
}

#[test]
fn accepting_is_fast_on_both_databases() {
    if !slow() {
        return;
    }
    for deliveries in [1, 3, 10] {
        let folder = tempfile::tempdir_in(".").unwrap();
        measure("SQLite", &Place::sqlite(folder.path()).open(), deliveries);
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        measure("SQLite without fsync", &Place::sqlite(folder.path()).open(), deliveries);
        let Some(url) = testing::postgres() else { continue };
        let schema = testing::own_schema();
        let inbox = Inbox::open_in_schema(&url, &schema, folder.path()).unwrap();
        measure("PostgreSQL", &inbox, deliveries);
        testing::drop_schema(&inbox.database, &schema);
    }
}

#[test]
fn many_keys_are_loaded_quickly() {
    if !slow() {
        return;
    }
    let folder = tempfile::tempdir_in(".").unwrap();
    let place = Place::sqlite(folder.path());
    let inbox = place.open();
    let count = 10_000_000_u64;
    for group in 0..100_u64 {
        inbox
            .write(1_000, async |open| {
                for row in 0..1_000_u64 {
                    let first = (group * 1_000 + row) * 100;
                    let keys = (first..first + 100).map(|number| {
                        let high = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        u128::from(high) << 64 | u128::from(number)
                    });
                    let (seq, keys) = (open.sequence.first + row as i64, keys.collect::<Vec<_>>());
                    remember::insert(open.connection, seq, 0, &keys).await?;
                }
                Ok(())
            })
            .unwrap();
    }
    let start = Instant::now();
    let again = place.open();
    println!("{} keys loaded in {:?}", again.keys().unwrap().0, start.elapsed());
    assert_eq!(again.keys().unwrap().0 as u64, count);
}
