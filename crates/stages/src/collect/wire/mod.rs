//! The body of a Segment-compatible request becomes one decision an event.
//!
//! Pure: bytes in, decisions out; whoever calls reads the clock, makes ids and keeps what comes
//! back. What is ready is a complete call that the importer `segment` takes without a further
//! question: nothing that was acknowledged is refused later. What the official libraries really
//! send and no JSON reader takes (`NaN`, half an emoji, a byte order mark) is repaired and marked;
//! what cannot be repaired is kept apart with its bytes and a reason. Where a body's events begin
//! and end is found by `split`, what they say by `read`, what becomes of them by `event`.

mod endpoint;
mod event;
mod key;
mod pixel;
mod read;
mod scan;
mod split;

use std::ops::Range;

use serde_json::{Map, Value};

pub use endpoint::{Endpoint, Verb};
pub use pixel::{pixel, pixel_body};

use event::{Door, Envelope};

/// Bytes of a body after decompression. Segment takes 500 KB; its library for Node really sends
/// more (one event of 600 KB), and one event too large must not cost its batch. The caller sees to
/// it.
pub const BODY_BYTES_MAX: usize = 4 << 20;

/// Bytes of one event, as Segment has it. Larger ones are kept apart, not refused.
pub const EVENT_BYTES_MAX: usize = 32 << 10;

/// Events of a batch, as Segment has it. Those beyond are refused: a library sends 100 at most, and
/// what an event costs us must stay in proportion to what it costs to send.
pub const EVENTS_MAX: usize = 2_500;

/// Why events above [`EVENTS_MAX`] are refused.
pub const BEYOND: &str = "a batch holds at most 2,500 events";

/// Characters of a `messageId`, as Segment has it.
pub const MESSAGE_ID_CHARACTERS: usize = 100;

/// Bytes of the envelope's `context`, and of its `integrations`. They are copied into each event: a
/// small body must not become a large one.
pub const ENVELOPE_BYTES_MAX: usize = 8 << 10;

/// A JSON object.
type Object = Map<String, Value>;

/// What becomes of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// The key of the source, where the body names it.
    pub write_key: Option<String>,
    /// One decision an event, in the order of the body.
    pub decisions: Vec<Decision>,
    /// Events that were not looked at, because there were more than [`EVENTS_MAX`].
    pub refused: usize,
    /// What the envelope says for all events, as a JSON object without the key. Kept with a spoiled
    /// event it lets [`decode_again`] decide anew.
    pub envelope: Vec<u8>,
}

impl Decoded {
    /// Returns how many events the body had: decided and refused.
    #[must_use]
    pub fn received(&self) -> usize {
        self.decisions.len() + self.refused
    }

    /// Returns the events that can be kept, in order.
    pub fn ready(&self) -> impl Iterator<Item = &Ready> {
        self.decisions.iter().filter_map(|decision| match decision {
            Decision::Ready(ready) => Some(ready),
            Decision::Spoiled(_) => None,
        })
    }

    /// Returns the events that are kept apart, in order.
    pub fn spoiled(&self) -> impl Iterator<Item = &Spoiled> {
        self.decisions.iter().filter_map(|decision| match decision {
            Decision::Spoiled(spoiled) => Some(spoiled),
            Decision::Ready(_) => None,
        })
    }
}

/// What becomes of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It can be kept.
    Ready(Ready),
    /// It is kept apart.
    Spoiled(Spoiled),
}

/// An event that can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// What kind of call it is.
    pub verb: Verb,
    /// Its id, at most [`MESSAGE_ID_CHARACTERS`] long.
    pub message_id: String,
    /// Whether the id was made here: sent again, the event cannot be known again.
    pub is_made: bool,
    /// Whether the event bears the mark `_repaired`.
    pub is_repaired: bool,
    /// When it happened; UTC µs.
    pub occurred_at: i64,
    /// 8 bytes of source and id, 8 bytes of what the event says: equal halves are a repetition, an
    /// equal first half alone is a second event of the same id.
    pub key: [u8; 16],
    /// The whole call as a JSON object without white space.
    pub json: Vec<u8>,
}

/// An event that is kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoiled {
    /// The field that is wrong; empty when it is the event as a whole.
    pub field: String,
    /// What is wrong, without a value: values may say who somebody is.
    pub reason: String,
    /// The event as it came, but for the value of `writeKey`.
    pub raw: Vec<u8>,
}

/// A body in which no events can be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body cannot be read: {what} (byte {at})")]
pub struct Unreadable {
    /// The byte at which reading ended.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// Decides about each event of a body that `source` sent.
///
/// `received_at` is in UTC µs; `new_id` makes ids for events without one.
///
/// # Errors
/// [`Unreadable`] when no events can be found in the body. A broken event is no error.
pub fn decode(
    endpoint: Endpoint,
    body: &[u8],
    source: &str,
    received_at: i64,
    mut new_id: impl FnMut() -> String,
) -> Result<Decoded, Unreadable> {
    let verb = match endpoint {
        Endpoint::Batch => None,
        Endpoint::Call(verb) => Some(verb),
    };
    let parts = split::split(body, verb.is_some())
        .map_err(|fault| Unreadable { at: fault.at, what: fault.what })?;
    let raw = |range: &Option<Range<usize>>| range.clone().and_then(|range| body.get(range));
    let write_key = raw(&parts.write_key).and_then(write_key);
    let envelope = if parts.is_batch {
        Envelope::read(verb, raw(&parts.sent_at), raw(&parts.context), raw(&parts.integrations))
    } else {
        Envelope::read(verb, None, None, None)
    };
    let door = Door { source, received_at, envelope };
    let mut decoded = Decoded { write_key, refused: parts.beyond, ..Decoded::default() };
    decoded.decisions.reserve(parts.elements.len());
    for element in parts.elements {
        let at = element.range.start;
        let raw = body.get(element.range).unwrap_or_default();
        if decoded.write_key.is_none() {
            decoded.write_key = key_within(raw);
        }
        decoded.decisions.push(door.decide(raw, at, element.fault, &mut new_id));
    }
    decoded.envelope = door.envelope.text();
    Ok(decoded)
}

/// Returns the key of the source that a body names, in its envelope or in an event.
#[must_use]
pub fn key_of(endpoint: Endpoint, body: &[u8]) -> Option<String> {
    let parts = split::split(body, matches!(endpoint, Endpoint::Call(_))).ok()?;
    let named = parts.write_key.and_then(|range| write_key(body.get(range)?));
    let mut elements = parts.elements.into_iter();
    named.or_else(|| elements.find_map(|element| key_within(body.get(element.range)?)))
}

/// Decides anew about a spoiled event, with the envelope that it came in: when the rules have
/// changed since, or its bytes were mended.
#[must_use]
pub fn decode_again(
    envelope: &[u8],
    raw: &[u8],
    source: &str,
    received_at: i64,
    mut new_id: impl FnMut() -> String,
) -> Decision {
    let door = Door { source, received_at, envelope: Envelope::from_text(envelope) };
    door.decide(raw, 0, None, &mut new_id)
}

/// Returns a hash of what an event says that is kept: as in its key, the same for a repetition.
/// `None` when it is no JSON object, as what is kept always is.
#[must_use]
pub fn fingerprint(kept: &[u8]) -> Option<u64> {
    // As it was read when its key was made: another reader may round numbers otherwise.
    let Ok((Value::Object(event), _)) = read::value(kept) else { return None };
    Some(key::said(&event))
}

/// How the key stands in an event.
const WRITE_KEY: &[u8] = b"\"writeKey\"";

fn write_key(raw: &[u8]) -> Option<String> {
    match read::value(raw) {
        Ok((Value::String(key), _)) if !key.is_empty() => Some(key),
        _ => None,
    }
}

/// Returns where the value of the first `writeKey` at or after `from` stands, if it is a text.
fn find_key(raw: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = raw.get(from..)?;
    // Most events have none: look for the rare capital first.
    let mut capitals = rest.iter().enumerate().filter(|(_, byte)| **byte == b'K');
    capitals.find_map(|(at, _)| {
        let start = at.checked_sub(6)?;
        rest.get(start..)?.starts_with(WRITE_KEY).then_some(())?;
        let value = scan::key_end(raw, from + start).ok()?;
        let value = scan::after_space(raw, value);
        (raw.get(value) == Some(&b'"')).then_some(())?;
        Some(value..scan::string_end(raw, value).ok()?)
    })
}

fn key_within(raw: &[u8]) -> Option<String> {
    write_key(raw.get(find_key(raw, 0)?)?)
}

/// Returns the bytes with every `writeKey` emptied: a key is never kept.
fn without_write_key(raw: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(raw.len());
    let mut from = 0;
    while let Some(range) = find_key(raw, from) {
        kept.extend_from_slice(raw.get(from..range.start).unwrap_or_default());
        kept.extend_from_slice(b"null");
        from = range.end;
    }
    kept.extend_from_slice(raw.get(from..).unwrap_or_default());
    kept
}

#[cfg(test)]
mod tests;
