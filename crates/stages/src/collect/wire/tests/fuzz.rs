//! Bodies, images' addresses and what the quarantine keeps, as a hostile caller would write them.

use std::collections::BTreeSet;
use std::time::Duration;

use shopwise_hostile::{Target, fuzz};

use super::*;

/// Ours, small, one of each kind of difficulty.
const EXAMPLES: &[&[u8]] = &[
    br#"{"batch":[{"type":"track","event":"X","userId":"u","messageId":"m"}],"sentAt":7}"#,
    br#"[{"type":"page","anonymousId":7,"properties":{"a":[1,-2.5e-3,{"b":null}]}},7,"x"]"#,
    br#"{"type":"identify","userId":"\ud83d\ude00\ud83d","traits":{"a":NaN,"c":1e400}}"#,
    br#"{"context":{"library":{"name":"analytics.js"}},"batch":[{"type":"alias"}]}"#,
    br#"{"writeKey":"k","batch":{"type":"group","groupId":1,"userId":2,"timestamp":1709287200}}"#,
    b"\xef\xbb\xbf{\"batch\":[{\"a\":\"\0\t\\u00\\x\"},,{}]}{\"userId\":\"u\"}",
    br#"{"batch":[{"type":"track","event":"Order Completed","userId":"u1","messageId":"a",
    "timestamp":"2024-03-01T09:00:00Z","properties":{"order_id":"o","revenue":"9.5","currency":
    "EUR","products":[{"product_id":"p","price":4.75,"quantity":2}]}}],
    "sentAt":"2024-03-01T09:00:01.000Z","integrations":{"All":true},"writeKey":"key"}"#,
    br#"{"type":"alias","previousId":"a","userId":"b","originalTimestamp":"2024-03-01T09:00:00Z",
    "receivedAt":"2024-03-01T09:00:05Z","timestamp":"2024-03-01T09:00:00Z","messageId":3}"#,
];

const WORDS: &[&[u8]] = &[
    b"\"batch\":[",
    b"\"batch\":",
    b"\"type\":\"track\"",
    b"\"type\":\"group\",",
    b"\"messageId\":",
    b"\"userId\":\"u\"",
    b"\"anonymousId\":",
    b"\"writeKey\":",
    b"\"sentAt\":",
    b"\"timestamp\":",
    b"\"originalTimestamp\":",
    b"\"receivedAt\":",
    b"\"context\":{",
    b"\"integrations\":{",
    b"\"properties\":{",
    b"\"products\":[{",
    b"\"_repaired\":[",
    b"{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"messageId\":\"m\"}",
    b"},{",
    b"]}",
];

fn target(name: &'static str) -> Target<'static> {
    Target {
        name,
        examples: EXAMPLES,
        words: WORDS,
        bytes_max: 64 << 10,
        time_max: Duration::from_secs(2),
    }
}

/// Returns what kinds of decisions there are: the repairs and the reasons, without numbers.
fn kinds(decoded: &Decoded) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for decision in &decoded.decisions {
        match decision {
            Decision::Ready(ready) => {
                let event: Value = serde_json::from_slice(&ready.json).expect("it is JSON");
                kinds.insert(format!("{:?} {}", ready.verb, ready.is_made));
                let repairs = event["_repaired"].as_array().cloned().unwrap_or_default();
                kinds.extend(repairs.iter().filter_map(Value::as_str).take(4).map(str::to_owned));
            }
            Decision::Spoiled(spoiled) => {
                let plain = spoiled.reason.chars().filter(|character| !character.is_ascii_digit());
                kinds.insert(format!("{} {}", spoiled.field, plain.collect::<String>()));
            }
        }
    }
    kinds
}

/// Asserts what holds of whatever was decoded.
fn holds(decoded: &Decoded) {
    for decision in &decoded.decisions {
        match decision {
            Decision::Ready(ready) => {
                let again = batch([b"[", &ready.json[..], b"]"].concat());
                let again = again.ready().next().expect("what is ready is ready again");
                assert_eq!(again.key, ready.key);
                assert_eq!(again.json, ready.json);
                let said = u64::from_be_bytes(*ready.key.last_chunk().unwrap()).max(1);
                assert_eq!(fingerprint(&ready.json), Some(said));
            }
            Decision::Spoiled(spoiled) => {
                let new_id = || "new".to_owned();
                drop(decode_again(&decoded.envelope, &spoiled.raw, "shop", NOW, new_id));
            }
        }
    }
    assert!(decoded.received() - decoded.refused <= EVENTS_MAX);
}

#[test]
fn fuzz_bodies_of_requests() {
    fuzz(&target("bodies of requests"), |body| {
        let endpoint = match body.len() % 4 {
            0 => Endpoint::Call(Verb::ALL[body.len() / 4 % Verb::ALL.len()]),
            _ => Endpoint::Batch,
        };
        let key = key_of(endpoint, body);
        let Ok(decoded) = decoded(endpoint, body) else { return (None, key.is_some()) };
        assert_eq!(decoded.write_key, key);
        holds(&decoded);
        (Some(kinds(&decoded)), key.is_some())
    });
}

#[test]
fn fuzz_addresses_of_images() {
    let coded = b"eyJ1c2VySWQiOiJhIiwiZXZlbnQiOiJFbWFpbCBPcGVuZWQifQ";
    let escaped = b"%7b%22userId%22%3a%22a%22%7d";
    let examples = [EXAMPLES, &[coded, escaped]].concat();
    let target = Target { examples: &examples, ..target("addresses of images") };
    fuzz(&target, |data| {
        let data = String::from_utf8_lossy(data);
        let decoded = pixel(Verb::Track, &data, "shop", NOW, || "new".to_owned()).ok()?;
        holds(&decoded);
        Some(kinds(&decoded))
    });
}

#[test]
fn fuzz_what_the_quarantine_keeps() {
    fuzz(&target("what the quarantine keeps"), |bytes| {
        let (envelope, raw) = bytes.split_at(bytes.len() / 2);
        let decision = decode_again(envelope, raw, "shop", NOW, || "new".to_owned());
        let decoded = Decoded { decisions: vec![decision], ..Decoded::default() };
        holds(&decoded);
        kinds(&decoded)
    });
}
