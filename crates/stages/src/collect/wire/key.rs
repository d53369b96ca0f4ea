//! What makes two events the same: their source, their id and what they say.

use serde_json::Value;
use shopwise_store::vault::event_id;

use super::Object;

/// Keys that differ when the same event is sent again, or that we add ourselves. `timestamp` is
/// ours; the client's time stands in `originalTimestamp`.
const NOT_SAID: &[&str] = &["_metadata", "_repaired", "receivedAt", "sentAt", "timestamp"];

/// Returns an event as text, and its key: 8 bytes of the hash of source and id, which tell whether
/// the event is known, and 8 bytes of the hash of what it says, which tell a repetition from a
/// second event of the same id.
pub(super) fn text_and_key(event: &Object, source: &str, id: &str) -> (Vec<u8>, [u8; 16]) {
    let mut text = Vec::with_capacity(1_024);
    let mut said = Vec::with_capacity(1_024);
    // Who is visiting stands in `anonymousId`. analytics.js adds the visitor's name to what it
    // sends again, if he has got one meanwhile.
    let is_visitor = event.contains_key("anonymousId");
    let is_said = |key: &str| !(NOT_SAID.contains(&key) || is_visitor && key == "userId");
    for (key, value) in event {
        text.push(if text.is_empty() { b'{' } else { b',' });
        let start = text.len();
        write(&mut text, key);
        text.push(b':');
        write(&mut text, value);
        if is_said(key) {
            said.extend_from_slice(text.get(start..).unwrap_or_default());
            // A line break stands in no JSON that we write.
            said.push(b'\n');
        }
    }
    text.push(b'}');
    let mut key = [0; 16];
    let (front, back) = key.split_at_mut(8);
    front.copy_from_slice(&event_id(source, id.as_bytes(), 0)[..8]);
    back.copy_from_slice(&event_id("", &said, 0)[..8]);
    (text, key)
}

/// Returns the second half of the key of an event that is kept, never 0.
pub(super) fn said(event: &Object) -> u64 {
    let (_, key) = text_and_key(event, "", "");
    let half = key.last_chunk::<8>().copied().unwrap_or_default();
    u64::from_be_bytes(half).max(1)
}

fn write(text: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(text, value).expect("values with text keys are written to memory");
}

/// Returns a value as text without white space.
pub(super) fn text_of_value(value: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    write(&mut text, value);
    text
}
