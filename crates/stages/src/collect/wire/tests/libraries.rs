//! Bodies as the three official libraries write them (versions in the anchors), by hand.

use super::*;

/// segment-analytics-python 2.4.0: nulls, times with an offset and microseconds, NaN.
const PYTHON: &str = r#"{"batch": [{"integrations": {}, "anonymousId": null,
"timestamp": "2024-03-01T09:59:58.123456+00:00", "type": "identify", "userId": "42",
"traits": {"plan": "gold", "score": NaN, "worth": Infinity}, "messageId":
"f3b1c1de-5f29-4d5c-8a62-2b8f4a3e8f11", "context": {"library": {"name":
"analytics-python", "version": "2.4.0"}}}, {"integrations": {}, "anonymousId": null, "properties":
{"order_id": "o1", "total": 27.5, "currency": "EUR", "note": "cut \ud83d", "products":
[{"product_id": "mug", "price": 2.55, "quantity": 2}]}, "timestamp":
"2024-03-01T09:59:58.200000+00:00", "type": "track", "userId": "42", "event": "Order Completed",
"messageId": "0b9c65c4-6bd2-4a36-9a52-7b0a3a1b8a90", "context": {"library": {"name":
"analytics-python", "version": "2.4.0"}}}, {"integrations": {}, "previousId": "a1", "timestamp":
"2024-03-01T09:59:58.300000+00:00", "type": "alias", "userId": "42", "messageId":
"1c9c65c4-6bd2-4a36-9a52-7b0a3a1b8a91", "context": {}}], "sentAt":
"2024-03-01T09:59:59.000000+00:00", "writeKey": "k"}"#;

/// @segment/analytics-node 3.1.0.
const NODE: &str = r#"{"batch":[{"messageId":"node-next-1709287198000-5c0c7a46-9c1f-4a8b-8f5e-11",
"timestamp":"2024-03-01T09:59:58.000Z","type":"group","userId":"42","groupId":"g1","traits":
{"plan":"team"},"context":{"library":{"name":"@segment/analytics-node","version":"3.1.0"}},
"integrations":{},"_metadata":{"nodeVersion":"20.11.0","jsRuntime":"node"}},{"messageId":
"node-next-1709287198001-5c0c7a46-9c1f-4a8b-8f5e-12","timestamp":"2024-03-01T09:59:58.001Z",
"type":"screen","anonymousId":"a1","name":"Cart","properties":{},"context":{"library":{"name":
"@segment/analytics-node","version":"3.1.0"}},"integrations":{},"_metadata":{"nodeVersion":
"20.11.0","jsRuntime":"node"}}],"writeKey":"k","sentAt":"2024-03-01T09:59:59.000Z"}"#;

/// @segment/analytics-next 1.84.3, one call a request, as text/plain; `sentAt` and the key stand in
/// the event.
const BROWSER: &str = r#"{"timestamp":"2024-03-01T09:59:58.000Z","integrations":{"Segment.io":true},
"userId":null,"anonymousId":"5c0c7a46-9c1f-4a8b-8f5e-13","type":"page","properties":{"path":"/",
"referrer":"","search":"","title":"Shop","url":"https://shop.example/"},"context":{"page":
{"path":"/","referrer":"","search":"","title":"Shop","url":"https://shop.example/"},"userAgent":
"Mozilla/5.0","locale":"en-US","library":{"name":"analytics.js","version":"npm:next-1.84.3"},
"timezone":"Europe/Berlin"},"messageId":"ajs-next-1709287198000-5c0c7a46-9c1f-4a8b-8f5e-14",
"writeKey":"k","sentAt":"2024-03-01T09:59:59.000Z","_metadata":{"bundled":["Segment.io"],
"unbundled":[],"bundledIds":[]}}"#;

#[test]
fn what_the_python_library_sends_is_taken_whole() {
    let decoded = batch(PYTHON);
    let verbs: Vec<Verb> = decoded.ready().map(|ready| ready.verb).collect();
    assert_eq!(verbs, [Verb::Identify, Verb::Track, Verb::Alias], "{decoded:?}");
    let repaired: Vec<bool> = decoded.ready().map(|ready| ready.is_repaired).collect();
    assert_eq!(repaired, [true, true, false]);
    // The clock is a second slow.
    assert_eq!(decoded.ready().next().unwrap().occurred_at, NOW - 876_544);
}

#[test]
fn what_the_node_library_sends_is_taken_whole() {
    let decoded = batch(NODE);
    let verbs: Vec<Verb> = decoded.ready().map(|ready| ready.verb).collect();
    assert_eq!((verbs, decoded.spoiled().count()), (vec![Verb::Group, Verb::Screen], 0));
    assert!(decoded.ready().all(|ready| !ready.is_repaired));
}

#[test]
fn what_the_browser_library_sends_is_taken_one_by_one_and_in_batches() {
    let endpoint = Endpoint::from_segment("p").unwrap();
    let single = decoded(endpoint, BROWSER.as_bytes()).unwrap();
    assert_eq!(single.write_key.as_deref(), Some("k"));
    let body = format!(r#"{{"batch":[{BROWSER}],"sentAt":"2024-03-01T09:59:59.500Z"}}"#);
    let batched = batch(body);
    assert_eq!(batched.write_key.as_deref(), Some("k"));
    let (single, batched) = (single.ready().next().unwrap(), batched.ready().next().unwrap());
    assert_eq!((single.verb, single.key), (Verb::Page, batched.key));
}
