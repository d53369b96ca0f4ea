//! How fast a batch is decided, printed with `--nocapture`.

use std::time::Instant;

use super::*;

/// 100 events of 600 bytes.
fn body() -> Vec<u8> {
    let event = |at: usize| {
        json!({
            "type": "track", "event": "Product Added", "userId": format!("user-{}", at % 37),
            "anonymousId": format!("5c0c7a46-9c1f-4a8b-8f5e-{at:012}"),
            "messageId": format!("ajs-next-1709287198000-5c0c7a46-9c1f-4a8b-{at:012}"),
            "timestamp": "2024-03-01T09:59:58.000Z", "integrations": {"Segment.io": true},
            "properties": {"cart_id": "c1", "product_id": format!("p{at}"), "name": "A blue mug",
                "price": 12.55, "quantity": 2, "currency": "EUR", "position": at},
            "context": {"locale": "en-US", "timezone": "Europe/Berlin", "page": {"path": "/mugs"},
                "library": {"name": "analytics.js", "version": "npm:next-1.84.3"}},
        })
    };
    let events: Vec<Value> = (0..100).map(event).collect();
    json!({"batch": events, "sentAt": "2024-03-01T09:59:59.000Z", "writeKey": "k"})
        .to_string()
        .into_bytes()
}

#[test]
fn a_batch_of_a_hundred_is_decided_in_little_time() {
    let body = body();
    let best = |work: &dyn Fn()| {
        let time = |_| {
            let started = Instant::now();
            work();
            started.elapsed()
        };
        (0..300).map(time).min().unwrap()
    };
    let whole = best(&|| assert_eq!(batch(&body).ready().count(), 100));
    let split = best(&|| assert_eq!(split::split(&body, false).unwrap().elements.len(), 100));
    let rate = |time: std::time::Duration| body.len() as f64 / time.as_secs_f64() / 1e6;
    println!(
        "{} bytes: decided in {whole:?} ({:.0} MB/s), of which split in {split:?} ({:.0} MB/s)",
        body.len(),
        rate(whole),
        rate(split)
    );
    // Far above what it takes, for busy machines.
    assert!(whole.as_millis() < 100);
}
