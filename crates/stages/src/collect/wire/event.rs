//! One event: completed from its envelope, checked, and ready to be kept; or spoiled, with a
//! reason.

use jiff::tz::TimeZone;
use serde_json::Value;
use shopwise_model::time;

use super::read::{Repair, Repairs, value};
use super::scan::Fault;
use super::{
    Decision, ENVELOPE_BYTES_MAX, EVENT_BYTES_MAX, MESSAGE_ID_CHARACTERS, Object, Ready, Spoiled,
    Verb, key,
};
use crate::collect::segment::{self, Clock, moment_of, set_right};

/// What the envelope says about each of its events.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    pub(super) verb: Option<Verb>,
    pub(super) sent_at: Option<Value>,
    pub(super) context: Option<Object>,
    pub(super) integrations: Option<Object>,
    /// What was left out of it.
    pub(super) repairs: Repairs,
}

impl Envelope {
    /// Reads the parts of an envelope, each as it stands in the body.
    pub(super) fn read(
        verb: Option<Verb>,
        sent_at: Option<&[u8]>,
        context: Option<&[u8]>,
        integrations: Option<&[u8]>,
    ) -> Self {
        let mut repairs = Repairs::default();
        let mut object = |raw: Option<&[u8]>| match raw {
            Some(raw) if raw.len() > ENVELOPE_BYTES_MAX => {
                repairs.add(Repair::Context);
                None
            }
            Some(raw) => match value(raw) {
                Ok((Value::Object(object), done)) => {
                    repairs.join(done);
                    Some(object)
                }
                _ => None,
            },
            None => None,
        };
        let (context, integrations) = (object(context), object(integrations));
        let sent_at = sent_at.filter(|raw| raw.len() <= ENVELOPE_BYTES_MAX);
        let sent_at = sent_at.and_then(|raw| value(raw).ok()).map(|(sent_at, _)| sent_at);
        Self { verb, sent_at, context, integrations, repairs }
    }

    /// Reads what [`Envelope::text`] wrote.
    pub(super) fn from_text(text: &[u8]) -> Self {
        let Ok((Value::Object(mut object), _)) = value(text) else { return Self::default() };
        let mut inner = |key: &str| match object.remove(key) {
            Some(Value::Object(inner)) => Some(inner),
            _ => None,
        };
        let (context, integrations) = (inner("context"), inner("integrations"));
        let verb = object.get("type").and_then(Value::as_str).and_then(Verb::from_name);
        let sent_at = object.remove("sentAt");
        Self { verb, sent_at, context, integrations, repairs: Repairs::default() }
    }

    /// Returns the envelope as text, for events that are looked at again later.
    pub(super) fn text(&self) -> Vec<u8> {
        let mut object = Object::new();
        if let Some(verb) = self.verb {
            object.insert("type".to_owned(), Value::from(verb.name()));
        }
        if let Some(sent_at) = &self.sent_at {
            object.insert("sentAt".to_owned(), sent_at.clone());
        }
        for (key, part) in [("context", &self.context), ("integrations", &self.integrations)] {
            if let Some(part) = part {
                object.insert(key.to_owned(), Value::Object(part.clone()));
            }
        }
        key::text_of_value(&Value::Object(object))
    }
}

/// Why an event is kept apart.
type Reason = (String, String);

/// What is the same for all events of a request.
#[derive(Debug)]
pub(super) struct Door<'a> {
    pub(super) source: &'a str,
    pub(super) received_at: i64,
    pub(super) envelope: Envelope,
}

impl Door<'_> {
    /// Decides about one event, which stands at `at` of the body.
    pub(super) fn decide(
        &self,
        raw: &[u8],
        at: usize,
        fault: Option<Fault>,
        new_id: &mut dyn FnMut() -> String,
    ) -> Decision {
        let spoiled = |field: String, reason: String| {
            let raw = super::without_write_key(raw);
            Decision::Spoiled(Spoiled { field, reason, raw })
        };
        if raw.len() > EVENT_BYTES_MAX {
            let reason = format!("{} bytes; at most {EVENT_BYTES_MAX} are taken", raw.len());
            return spoiled(String::new(), reason);
        }
        let read = match fault {
            Some(fault) => Err(Fault { at: fault.at.saturating_sub(at), ..fault }),
            None => value(raw),
        };
        match read {
            Err(Fault { at, what }) => {
                spoiled(String::new(), format!("not JSON: {what} (byte {at})"))
            }
            Ok((Value::Object(object), repairs)) => match self.ready(object, repairs, new_id) {
                Ok(ready) => Decision::Ready(ready),
                Err((field, reason)) => spoiled(field, reason),
            },
            Ok(_) => spoiled(String::new(), "not a JSON object".to_owned()),
        }
    }

    fn ready(
        &self,
        mut event: Object,
        mut repairs: Repairs,
        new_id: &mut dyn FnMut() -> String,
    ) -> Result<Ready, Reason> {
        repairs.join(self.envelope.repairs);
        event.remove("writeKey");
        self.merge(&mut event);
        let verb = self.verb(&mut event, &mut repairs)?;
        ids_to_text(&mut event);
        let occurred_at = self.stamp(&mut event, &mut repairs)?;
        check(verb, &event)?;
        let (message_id, is_made) = message_id(&mut event, &mut repairs, new_id);
        mark(&mut event, repairs);
        let (json, key) = key::text_and_key(&event, self.source, &message_id);
        let is_repaired = event.contains_key("_repaired");
        Ok(Ready { verb, message_id, is_made, is_repaired, occurred_at, key, json })
    }

    /// Fills in what the envelope says for all events; what an event says itself stays.
    fn merge(&self, event: &mut Object) {
        if let Some(sent_at) = &self.envelope.sent_at
            && event.get("sentAt").is_none_or(Value::is_null)
        {
            event.insert("sentAt".to_owned(), sent_at.clone());
        }
        let Envelope { context, integrations, .. } = &self.envelope;
        for (key, outer) in [("context", context), ("integrations", integrations)] {
            let Some(outer) = outer else { continue };
            match event.get_mut(key) {
                Some(Value::Object(own)) => {
                    for (name, value) in outer {
                        if !own.contains_key(name) {
                            own.insert(name.clone(), value.clone());
                        }
                    }
                }
                None | Some(Value::Null) => {
                    event.insert(key.to_owned(), Value::Object(outer.clone()));
                }
                Some(_) => {}
            }
        }
    }

    /// Returns what kind of call an event is: what it says, else what the path says, else a track
    /// when it names an event.
    fn verb(&self, event: &mut Object, repairs: &mut Repairs) -> Result<Verb, Reason> {
        let own = event.get("type").filter(|own| !own.is_null());
        if let Some(verb) = own.and_then(Value::as_str).and_then(Verb::from_name) {
            return Ok(verb);
        }
        let is_told = own.is_some();
        let guess = || (!is_told && event.contains_key("event")).then_some(Verb::Track);
        let Some(verb) = self.envelope.verb.or_else(guess) else {
            let reason = "must be track, identify, page, screen, group or alias";
            return Err(("type".to_owned(), reason.to_owned()));
        };
        if is_told || self.envelope.verb.is_none() {
            repairs.add(Repair::Type);
        }
        event.insert("type".to_owned(), Value::from(verb.name()));
        Ok(verb)
    }

    /// Writes when an event happened and was received, and returns the former.
    ///
    /// An event that has been through here, or through Segment, has both times, or `receivedAt`:
    /// its `timestamp` is right already.
    fn stamp(&self, event: &mut Object, repairs: &mut Repairs) -> Result<i64, Reason> {
        let named = |event: &Object, key: &str| event.get(key).is_some_and(|at| !at.is_null());
        let is_stamped = named(event, "timestamp")
            && (named(event, "originalTimestamp") || named(event, "receivedAt"));
        if !is_stamped && named(event, "timestamp") {
            let original = event.remove("timestamp").unwrap_or_default();
            event.insert("originalTimestamp".to_owned(), original);
        }
        let key = if is_stamped { "timestamp" } else { "originalTimestamp" };
        let read = |key: &str| event.get(key).and_then(|value| moment_of(value, &TimeZone::UTC));
        let original = read(key);
        if original.is_none() && named(event, key) {
            return Err(("timestamp".to_owned(), "not a date".to_owned()));
        }
        let sent = if is_stamped { None } else { read("sentAt") };
        if sent.is_none() && !is_stamped && named(event, "sentAt") {
            repairs.add(Repair::SentAt);
        }
        let clock = Clock::of(event.get("context").and_then(Value::as_object));
        let occurred_at = original.map_or(self.received_at, |original| {
            set_right(original, sent, self.received_at, clock)
        });
        for (key, moment) in [("timestamp", occurred_at), ("receivedAt", self.received_at)] {
            event.insert(key.to_owned(), Value::from(time::format(moment)));
        }
        Ok(occurred_at)
    }
}

/// Makes identifiers texts: one library writes 42, another "42", pandas 42.0. What is null goes.
fn ids_to_text(event: &mut Object) {
    for key in ["userId", "anonymousId", "previousId", "groupId", "messageId"] {
        let text = match event.get(key) {
            Some(Value::Number(number)) => match number.as_f64() {
                Some(real) if number.is_f64() && real.fract() == 0.0 && real.abs() < 9e15 => {
                    Some(format!("{real:.0}"))
                }
                _ => Some(number.to_string()),
            },
            Some(Value::Null) => None,
            _ => continue,
        };
        match text {
            Some(text) => event.insert(key.to_owned(), Value::from(text)),
            None => event.remove(key),
        };
    }
}

/// Returns what is missing for this call, or would be refused when it becomes an event.
fn check(verb: Verb, event: &Object) -> Result<(), Reason> {
    let missing = |key: &str| segment::first(event, &[key]).is_none();
    let needed = match verb {
        Verb::Group => "groupId",
        Verb::Alias => "previousId",
        Verb::Track | Verb::Identify | Verb::Page | Verb::Screen => "type",
    };
    if missing(needed) {
        return Err((needed.to_owned(), "must not be empty".to_owned()));
    }
    segment::check(event).map_err(|(field, _, reason)| (field, reason.to_owned()))
}

/// Returns the event's id, made when it has none, and whether it was.
fn message_id(
    event: &mut Object,
    repairs: &mut Repairs,
    new_id: &mut dyn FnMut() -> String,
) -> (String, bool) {
    let own = event.get("messageId").and_then(Value::as_str).filter(|id| !id.trim().is_empty());
    let (id, is_made) = match own {
        Some(id) => match id.char_indices().nth(MESSAGE_ID_CHARACTERS) {
            None => return (id.to_owned(), false),
            Some((end, _)) => {
                repairs.add(Repair::MessageIdCut);
                (id.get(..end).unwrap_or_default().to_owned(), false)
            }
        },
        None => {
            repairs.add(Repair::MessageIdMade);
            (new_id(), true)
        }
    };
    event.insert("messageId".to_owned(), Value::from(id.as_str()));
    (id, is_made)
}

/// Adds what was repaired to what had been repaired before.
fn mark(event: &mut Object, repairs: Repairs) {
    let mut names = repairs.names().peekable();
    if names.peek().is_none() {
        return;
    }
    let mut marks = match event.remove("_repaired") {
        Some(Value::Array(marks)) => marks,
        _ => Vec::new(),
    };
    for name in names {
        if !marks.iter().any(|mark| mark == name) {
            marks.push(Value::from(name));
        }
    }
    event.insert("_repaired".to_owned(), Value::Array(marks));
}
