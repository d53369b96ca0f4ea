//! What an event is completed with, what is repaired, and what is kept apart.

use super::*;

#[test]
fn an_event_is_completed_from_its_envelope() {
    let body = json!({
        "writeKey": "k",
        "sentAt": "2024-03-01T09:30:00Z",
        "context": {"library": {"name": "x"}, "locale": "de"},
        "integrations": {"All": true},
        "batch": [{
            "type": "track", "event": "Cart Viewed", "messageId": 7, "userId": 42, "writeKey": "k",
            "timestamp": "2024-03-01T09:29:50Z", "context": {"locale": "en"}, "anonymousId": null,
            "_metadata": {"nodeVersion": "20"}, "unknown": [1],
        }],
    });
    let decoded = batch(body.to_string());
    assert_eq!(decoded.write_key.as_deref(), Some("k"));
    let (ready, value) = one(body.to_string());
    let expected = json!({
        "type": "track", "event": "Cart Viewed", "messageId": "7", "userId": "42",
        "timestamp": "2024-03-01T09:59:50Z", "originalTimestamp": "2024-03-01T09:29:50Z",
        "sentAt": "2024-03-01T09:30:00Z", "receivedAt": "2024-03-01T10:00:00Z",
        "context": {"library": {"name": "x"}, "locale": "en"}, "integrations": {"All": true},
        "_metadata": {"nodeVersion": "20"}, "unknown": [1],
    });
    assert_eq!(value, expected);
    assert_eq!((ready.verb, ready.occurred_at), (Verb::Track, NOW - 10_000_000));
    assert!(!ready.is_repaired && !ready.is_made);
}

#[test]
fn the_path_says_what_kind_of_call_it_is() {
    let body = br#"{"userId":"u","writeKey":"k","messageId":"m","name":"Home"}"#;
    let decoded = decoded(Endpoint::Call(Verb::Page), body).unwrap();
    assert_eq!(decoded.write_key.as_deref(), Some("k"));
    assert_eq!(decoded.ready().next().unwrap().verb, Verb::Page);
    assert_eq!(reason(body), ("type".into(), reason_of_type()));
    // A batch at the path of a call, and a call at the path of a batch.
    let batch_there = format!("{{\"batch\":[{}]}}", event(1));
    let there = super::decoded(Endpoint::Call(Verb::Page), batch_there.as_bytes()).unwrap();
    assert_eq!(there.ready().next().unwrap().verb, Verb::Track);
    assert_eq!(one(event(2)).0.message_id, "m2");
    assert_eq!(ids(&batch(format!("[{},{}]", event(1), event(2)))), ["m1", "m2"]);
    assert_eq!(ids(&batch(format!("{}\n{}\n", event(1), event(2)))), ["m1", "m2"]);
}

fn reason_of_type() -> String {
    "must be track, identify, page, screen, group or alias".to_owned()
}

#[test]
fn what_no_reader_of_json_takes_is_repaired_and_marked() {
    let with = |properties: &str| {
        let event = format!(
            "{{\"type\":\"track\",\"event\":\"X\",\"messageId\":\"m\",\"userId\":\"u\",\
             \"properties\":{properties}}}"
        );
        [b"\xef\xbb\xbf".as_slice(), event.as_bytes()].concat()
    };
    for (given, expected, mark) in [
        (r#"{"a":NaN,"b":-Infinity}"#, json!({"a": null, "b": null}), "a number that is not"),
        (r#"{"a":1e400}"#, json!({"a": null}), "a number that is not"),
        (r#"{"a":"x\ud83d"}"#, json!({"a": "x\u{fffd}"}), "half a character"),
        (r#"{"a":"\ude00\ud83d\ude00"}"#, json!({"a": "\u{fffd}😀"}), "half a character"),
        (r#"{"a":"\u0000"}"#, json!({"a": "\u{fffd}"}), "a NUL character"),
        ("{\"a\":\"x\ny\"}", json!({"a": "x\ny"}), "a control character"),
        (r#"{"a":"C:\dir"}"#, json!({"a": "C:\\dir"}), "an unknown escape"),
        (r#"{"a":1,"a":2}"#, json!({"a": 2}), "the last of two equal keys"),
        (r#"{"a":[1,],}"#, json!({"a": [1]}), "a comma too many"),
        (
            r#"{"a":123456789012345678901234567890}"#,
            json!({"a": "123456789012345678901234567890"}),
            "a whole number above 64 bits",
        ),
    ] {
        let (ready, value) = one(with(given));
        assert_eq!(value["properties"], expected, "{given}");
        let marks = value["_repaired"].as_array().unwrap();
        assert!(marks.len() == 1 && marks[0].as_str().unwrap().starts_with(mark), "{marks:?}");
        assert!(ready.is_repaired);
    }
    let (_, value) = one(with(r#"{"id":9007199254740993,"big":18446744073709551615}"#));
    assert_eq!(
        value["properties"].to_string(),
        r#"{"big":18446744073709551615,"id":9007199254740993}"#
    );
    assert_eq!(value["_repaired"], Value::Null);
    let mut cut = with(r#"{"a":"x?"}"#);
    let at = cut.iter().position(|byte| *byte == b'?').unwrap();
    cut[at] = 0xf0;
    assert_eq!(one(cut).1["properties"], json!({"a": "x\u{fffd}"}));
}

#[test]
fn what_is_nested_too_deeply_stays_as_text() {
    for (depth, is_cut) in [(100, false), (130, true), (10_000, true)] {
        let deep = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let body = event(1).replace("[1,2]", &deep);
        let (_, value) = one(&body);
        assert_eq!(value["_repaired"].is_array(), is_cut, "{depth}");
        let brackets = value.to_string().matches('[').count();
        assert_eq!(brackets, depth + usize::from(is_cut));
    }
    let (field, reason) = reason("[".repeat(200_000));
    assert_eq!((field.as_str(), reason.contains("200000 bytes")), ("", false), "{reason}");
}

#[test]
fn what_cannot_be_used_is_kept_apart_with_a_reason() {
    let good = r#"{"type":"track","event":"X","userId":"u"}"#;
    let nobody = "`userId` or `anonymousId` must name somebody";
    for (event, field, what) in [
        (good.replace("\"u\"", "null"), "userId", nobody),
        (good.replace("\"u\"", "\"undefined\""), "userId", nobody),
        (good.replace("\"X\"", "\" \""), "event", "must not be empty"),
        (good.replace("\"track\"", "\"trick\""), "type", &reason_of_type()),
        (good.replace("track", "group"), "groupId", "must not be empty"),
        (good.replace("track", "alias"), "previousId", "must not be empty"),
        (good.replace('}', ",\"timestamp\":\"someday\"}"), "timestamp", "not a date"),
        (good.replace('}', ",\"properties\":7}"), "properties", "not a JSON object"),
        (good.replace('}', ",\"properties\":{\"price\":-1}}"), "price", "must be ≥ 0"),
        ("7".to_owned(), "", "not a JSON object"),
        (good.replace("\"X\"", "tru"), "", "not JSON: no JSON value (byte 24)"),
        (good.replace('}', ""), "", "not JSON: no comma between two values (byte 40)"),
    ] {
        let body = format!("{{\"batch\":[{event}]}}");
        assert_eq!(reason(&body), (field.to_owned(), what.to_owned()), "{event}");
    }
    let large = good.replace("\"X\"", &format!("\"{}\"", "x".repeat(600_000)));
    let decoded = batch(format!("[{},{large},{}]", event(1), event(2)));
    assert_eq!(ids(&decoded), ["m1", "m2"]);
    assert_eq!(decoded.spoiled().next().unwrap().raw.len(), large.len());
}

#[test]
fn a_body_without_events_is_unreadable_and_says_where() {
    for (body, message) in [
        ("", "the body is empty (byte 0)"),
        (" \u{feff}", "neither an object nor a list (byte 1)"),
        ("hello", "neither an object nor a list (byte 0)"),
        ("{}", "an object without anything in it (byte 0)"),
        ("{\"batch\":7}", "`batch` is no list (byte 9)"),
        ("{\"writeKey\":\"k\",oops}", "no key where one should be (byte 16)"),
    ] {
        let error = decoded(Endpoint::Batch, body.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, format!("the body cannot be read: {message}"));
    }
    for empty in ["[]", "{\"batch\":[]}", "{\"batch\":null}", "{\"batch\":[ ],\"sentAt\":null}"] {
        assert_eq!(batch(empty).received(), 0, "{empty}");
    }
    // One call that is broken is kept apart: its path says that it is one.
    let broken = decoded(Endpoint::Call(Verb::Track), b"{\"event\":oops}").unwrap();
    assert_eq!(broken.spoiled().next().unwrap().reason, "not JSON: no JSON value (byte 9)");
}

#[test]
fn a_batch_has_at_most_so_many_events() {
    let many = vec!["0"; EVENTS_MAX + 7].join(",");
    let decoded = batch(format!("{{\"batch\":[{many}]}}"));
    assert_eq!((decoded.decisions.len(), decoded.refused), (EVENTS_MAX, 7));
}

#[test]
fn a_large_envelope_does_not_make_a_large_inbox() {
    let context = format!("{{\"x\":\"{}\"}}", "x".repeat(ENVELOPE_BYTES_MAX));
    let (_, value) = one(format!("{{\"batch\":[{}],\"context\":{context}}}", event(1)));
    assert_eq!(value["context"], Value::Null);
    assert!(value["_repaired"][0].as_str().unwrap().contains("too large"));
}

#[test]
fn an_event_sent_again_has_its_key_and_another_event_of_its_id_half_of_it() {
    let body = |sent: &str, event: &str| format!("{{\"batch\":[{event}],\"sentAt\":\"{sent}\"}}");
    let (first, _) = one(body("2024-03-01T09:00:01Z", &event(1)));
    let (again, _) = one(body("2024-03-01T09:59:00.5Z", &event(1)));
    assert_eq!(first.key, again.key);
    assert_ne!(first.json, again.json, "the clock is set right by another amount");
    let (other, _) = one(body("2024-03-01T09:00:01Z", &event(1).replace("\"p\"", "\"q\"")));
    assert_eq!(first.key[..8], other.key[..8]);
    assert_ne!(first.key[8..], other.key[8..]);
    let elsewhere = decode(Endpoint::Batch, event(1).as_bytes(), "app", NOW, String::new).unwrap();
    assert_ne!(first.key[..8], elsewhere.ready().next().unwrap().key[..8]);
    // Order of keys and white space say nothing.
    let turned = r#"{"userId":"u","messageId":"m","event":"X","type":"track"}"#;
    let plain = r#"{ "type": "track", "event": "\u0058", "messageId": "m", "userId": "u" }"#;
    assert_eq!(one(turned).0.key, one(plain).0.key);
}

#[test]
fn a_visitors_event_sent_again_under_his_name_is_the_same() {
    let call = |who: &str| format!(r#"{{"type":"track","event":"X","messageId":"m",{who}}}"#);
    let key = |who: &str| one(call(who)).0.key;
    let visitor = key(r#""anonymousId":"a""#);
    assert_eq!(visitor, key(r#""anonymousId":"a","userId":"u""#));
    assert_ne!(visitor, key(r#""anonymousId":"b","userId":"u""#));
    // Without a visitor the name is all that tells two people apart.
    assert_ne!(key(r#""userId":"u""#), key(r#""userId":"v""#));
}

#[test]
fn an_event_without_an_id_gets_one_of_its_own() {
    let nameless = r#"{"type":"track","event":"X","userId":"u"}"#;
    let decoded = batch(format!("[{nameless},{nameless}]"));
    let keys: Vec<_> = decoded.ready().map(|ready| (ready.is_made, ready.key)).collect();
    assert!(keys[0].0 && keys[1].0 && keys[0].1 != keys[1].1);
    assert_eq!(ids(&decoded), ["made-1", "made-2"]);
    let long = nameless.replace('}', &format!(",\"messageId\":\"{}\"}}", "é".repeat(150)));
    assert_eq!(one(long).0.message_id.chars().count(), MESSAGE_ID_CHARACTERS);
}

#[test]
fn what_is_ready_decodes_to_itself() {
    for body in [
        event(1),
        event(1).replace("\"timestamp\":\"2024-03-01T09:00:00Z\",", ""),
        event(1).replace("timestamp", "originalTimestamp"),
        event(1).replace("[1,2]", "NaN"),
        event(1).replace("[1,2]", &format!("{}{}", "[".repeat(200), "]".repeat(200))),
    ] {
        let body = format!("{{\"batch\":[{body}],\"sentAt\":\"2024-03-01T09:00:01Z\"}}");
        let (first, _) = one(body);
        let (again, _) = one(&first.json);
        assert_eq!(first.key, again.key);
        assert_eq!(String::from_utf8(first.json), String::from_utf8(again.json));
    }
}

#[test]
fn a_spoiled_event_is_decided_anew_with_its_envelope_and_without_its_key() {
    let bad = r#"{"event":"X","messageId":"m","userId":"","writeKey":"secret"}"#;
    let body =
        format!("{{\"batch\":[{bad}],\"context\":{{\"locale\":\"de\"}},\"writeKey\":\"secret\"}}");
    let decoded = decoded(Endpoint::Call(Verb::Track), body.as_bytes()).unwrap();
    let spoiled = decoded.spoiled().next().unwrap();
    let mended = String::from_utf8(spoiled.raw.clone()).unwrap();
    assert!(!mended.contains("secret") && !decoded.envelope.starts_with(b"secret"));
    let mended = mended.replace("\"userId\":\"\"", "\"userId\":\"u\"");
    let again = decode_again(&decoded.envelope, mended.as_bytes(), "shop", NOW, String::new);
    let Decision::Ready(ready) = again else { panic!("{again:?}") };
    let value: Value = serde_json::from_slice(&ready.json).unwrap();
    assert_eq!((ready.verb, &value["context"]["locale"]), (Verb::Track, &json!("de")));
}

#[test]
fn a_key_is_found_in_an_event_too() {
    let event = event(1).replace("{\"type\"", "{\"writeKey\" : \"k\", \"type\"");
    assert_eq!(batch(format!("{{\"batch\":[{event}]}}")).write_key.as_deref(), Some("k"));
    assert!(!String::from_utf8(one(event).0.json).unwrap().contains("writeKey"));
}
