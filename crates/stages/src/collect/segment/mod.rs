//! Segment calls as JSON lines: `track`, `identify`, `page`, `screen`, `group`, `alias`, and lines
//! that hold a batch of them.
//!
//! Names, addresses and free text stay out of the lake ([`privacy`]); `email`, `phone` and the
//! loyalty number of an `identify` call go to the ledger, and which identifiers a call shows
//! together to the identity graph ([`people`]).

mod call;
mod items;
mod moment;
mod people;
mod privacy;

use serde_json::{Map, Value};
use shopwise_store::source::RawBatch;

use super::sink::Sink;
use super::{Importer, Opening};
use crate::error::Result;

pub(super) use call::Defaults;
pub(super) use moment::{Clock, read as moment_of, set_right};
pub(super) use privacy::masked;

/// Returns what the lake may hold of what is said about an event.
pub(super) fn kept_of_thing(object: &Object) -> Object {
    privacy::kept(object, privacy::About::Thing, &[])
}

/// Returns what may be held of labels that describe a person, whatever their shape.
pub(super) fn kept_labels(labels: &Value) -> Value {
    privacy::kept_value(labels).unwrap_or_default()
}

/// Returns whether a text says who somebody is, or may say anything.
pub(super) fn is_personal_text(text: &str) -> bool {
    privacy::is_personal(text)
}

/// Returns what may be held of what is said about a person, but for who he is.
pub(super) fn kept_of_person(object: &Object) -> Object {
    privacy::kept(object, privacy::About::Person, &[])
}

/// A JSON object.
type Object = Map<String, Value>;

/// What is wrong with a call: field, value, reason.
type Refusal = (String, String, &'static str);

pub(super) fn open(_: &Opening<'_>) -> Result<Box<dyn Importer>> {
    Ok(Box::new(Segment))
}

struct Segment;

impl Importer for Segment {
    fn rows(&mut self, batch: &RawBatch, sink: &mut Sink<'_>) -> Result<()> {
        let (source, currency) = (sink.source(), sink.currency());
        let shop = Defaults { source: &source, currency: &currency };
        for row in 0..batch.rows() {
            let (line, text) = (batch.line(row), batch.text(row, 0));
            match serde_json::from_str::<Object>(text) {
                Ok(object) => take_line(line, text, &object, &shop, sink),
                Err(error) => {
                    sink.read_row();
                    let shown = masked(text);
                    sink.refuse(line, "", shown.as_bytes(), no_json(text, &error));
                }
            }
        }
        Ok(())
    }
}

/// Takes one event as the inbox keeps it: a call of its own, in JSON. `said` is a hash of what it
/// says, where another event has its identifier already.
pub(super) fn take_event(
    line: u64,
    event: &[u8],
    said: Option<u64>,
    shop: &Defaults<'_>,
    sink: &mut Sink<'_>,
) {
    let text = String::from_utf8_lossy(event);
    match serde_json::from_str::<Object>(&text) {
        Ok(call) => {
            let one = call::Call { call: &call, envelope: &Object::new(), text: &text, said };
            take(line, &one, shop, sink);
        }
        Err(error) => {
            sink.read_row();
            sink.refuse(line, "", masked(&text).as_bytes(), no_json(&text, &error));
        }
    }
}

/// Takes one call, or each call of a batch.
fn take_line(line: u64, text: &str, object: &Object, shop: &Defaults<'_>, sink: &mut Sink<'_>) {
    let Some(Value::Array(batch)) = object.get("batch") else {
        let one = call::Call { call: object, envelope: &Object::new(), text, said: None };
        take(line, &one, shop, sink);
        return;
    };
    for one in batch {
        let text = one.to_string();
        match one {
            Value::Object(call) => {
                let one = call::Call { call, envelope: object, text: &text, said: None };
                take(line, &one, shop, sink);
            }
            _ => {
                sink.read_row();
                let shown = masked(&text);
                sink.refuse(line, "batch", shown.as_bytes(), "not a JSON object");
            }
        }
    }
}

fn take(line: u64, call: &call::Call<'_>, shop: &Defaults<'_>, sink: &mut Sink<'_>) {
    sink.read_row();
    let before = sink.taken();
    match call.take(shop, sink) {
        Err((field, value, reason)) => {
            sink.refuse(line, &field, masked(&value).as_bytes(), reason);
        }
        // What came again was checked when it came first.
        Ok(()) if sink.taken() > before => sink.check(call.call),
        Ok(()) => {}
    }
}

/// Says what is wrong with a call that would be refused: whoever keeps calls asks first.
pub(super) fn check(call: &Object) -> std::result::Result<(), Refusal> {
    call::Call { call, envelope: &Object::new(), text: "", said: None }.check()
}

/// Returns why a line is not taken as JSON.
fn no_json(text: &str, error: &serde_json::Error) -> &'static str {
    if error.is_data() {
        "not a JSON object"
    } else if text.contains("NaN") || text.contains("Infinity") {
        "not JSON: NaN and Infinity are no values; write null"
    } else {
        "not JSON"
    }
}

/// Returns a value as text without space around it; objects, lists and nothing are `None`.
fn text_of(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::String(text) => {
            Some(text.trim().into()).filter(|text: &std::borrow::Cow<'_, str>| !text.is_empty())
        }
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the first of these keys that has a text.
pub(super) fn first<'a>(object: &'a Object, keys: &[&str]) -> Option<std::borrow::Cow<'a, str>> {
    keys.iter().find_map(|key| text_of(object.get(*key)?))
}
