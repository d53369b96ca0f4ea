//! Whole bodies, good and bad.

mod bodies;
mod broken;
mod fuzz;
mod libraries;
mod speed;

use serde_json::{Value, json};

use super::*;

/// 2024-03-01T10:00:00Z.
const NOW: i64 = 1_709_287_200_000_000;

fn batch(body: impl AsRef<[u8]>) -> Decoded {
    decoded(Endpoint::Batch, body.as_ref()).unwrap()
}

fn decoded(endpoint: Endpoint, body: &[u8]) -> Result<Decoded, Unreadable> {
    let mut made = 0;
    decode(endpoint, body, "shop", NOW, || {
        made += 1;
        format!("made-{made}")
    })
}

/// Returns the only event of a body, which is ready.
fn one(body: impl AsRef<[u8]>) -> (Ready, Value) {
    let decoded = batch(body);
    assert_eq!(decoded.received(), 1, "{decoded:?}");
    let Some(Decision::Ready(ready)) = decoded.decisions.into_iter().next() else {
        panic!("not ready");
    };
    let value = serde_json::from_slice(&ready.json).unwrap();
    (ready, value)
}

/// Returns the field and the reason of the only event of a body, which is spoiled.
fn reason(body: impl AsRef<[u8]>) -> (String, String) {
    let decoded = batch(body);
    let Some(Decision::Spoiled(spoiled)) = decoded.decisions.into_iter().next() else {
        panic!("not spoiled");
    };
    (spoiled.field, spoiled.reason)
}

fn event(id: usize) -> String {
    format!(
        r#"{{"type":"track","event":"Product Viewed","messageId":"m{id}","userId":"u{id}",
        "timestamp":"2024-03-01T09:00:00Z","properties":{{"product_id":"p","tags":[1,2]}}}}"#
    )
}

fn ids(decoded: &Decoded) -> Vec<&str> {
    decoded.ready().map(|ready| ready.message_id.as_str()).collect()
}
