//! Who a call is about: the identifiers that it shows together, and how they can be reached.
//!
//! A call that carries a user shows whatever else it carries to be his: the visitor of the browser,
//! the device, an e-mail address, a telephone and a loyalty number among its traits (those of
//! `identify`, or `context.traits`), among the properties of an order, or in `context.externalIds`.
//! Without a user they are the visitor's.

use std::rc::Rc;

use serde_json::Value;
use shopwise_model::EventKind;

use super::call::{Call, Person};
use super::{Object, first};
use crate::collect::identity::{Evidence, Kind};
use crate::collect::sightings::Names;
use crate::collect::sink::Sink;
use crate::collect::wire::Verb;

/// How traits and properties call the identifiers of a person.
const TRAITS: [(Kind, &[&str]); 3] = [
    (Kind::Email, &["email"]),
    (Kind::Phone, &["phone"]),
    (Kind::Loyalty, &["loyalty_number", "loyaltyNumber", "loyalty_id", "loyaltyId"]),
];

/// How `context.externalIds` calls them (`type`), beside the names of [`TRAITS`].
const EXTERNAL: &[(&str, Kind)] = &[
    ("user_id", Kind::Customer),
    ("email", Kind::Email),
    ("phone", Kind::Phone),
    ("loyalty_number", Kind::Loyalty),
    ("loyalty_id", Kind::Loyalty),
    ("anonymous_id", Kind::Anonymous),
    ("android.id", Kind::Device),
    ("ios.id", Kind::Device),
];

/// What a call says beside its user and visitor.
pub(super) struct Who<'a> {
    pub(super) kind: EventKind,
    pub(super) verb: Verb,
    pub(super) at: i64,
    /// Traits of `identify`, else properties.
    pub(super) properties: &'a Object,
    /// Whom an `alias` renames.
    pub(super) previous: Option<Rc<str>>,
}

/// Notes the identifiers that a call shows together.
pub(super) fn see(call: &Call<'_>, person: &Person, who: &Who<'_>, sink: &mut Sink<'_>) {
    let context = call.context();
    let mut names = sink.names();
    let kind = if person.is_user { Kind::Customer } else { Kind::Anonymous };
    names.known(kind, &person.customer);
    if let Some(anonymous) = &person.anonymous {
        names.known(Kind::Anonymous, anonymous);
    }
    if who.verb == Verb::Identify || who.kind == EventKind::OrderCompleted {
        traits(who.properties, &mut names);
    }
    let object = |key: &str| context?.get(key)?.as_object();
    if let Some(inner) = object("traits") {
        traits(inner, &mut names);
    }
    if let Some(device) = object("device").and_then(|device| first(device, &["id"])) {
        names.written(Kind::Device, &device);
    }
    external(context, &mut names);
    let reference = first(call.call, &["messageId"]).unwrap_or_default();
    let evidence = match (who.verb, who.kind) {
        (Verb::Identify, _) => Evidence::Identify,
        (_, EventKind::OrderCompleted) => Evidence::Order,
        _ => Evidence::Login,
    };
    sink.see(&names.nodes, evidence, &reference, who.at);
    if let Some(previous) = &who.previous {
        let mut names = sink.names();
        names.known(kind, &person.customer);
        names.known(Kind::Anonymous, previous);
        sink.see(&names.nodes, Evidence::Alias, &reference, who.at);
    }
}

fn traits(object: &Object, names: &mut Names<'_>) {
    for (kind, keys) in TRAITS {
        if let Some(value) = first(object, keys) {
            names.written(kind, &value);
        }
    }
}

fn external(context: Option<&Object>, names: &mut Names<'_>) {
    let Some(Value::Array(given)) = context.and_then(|context| context.get("externalIds")) else {
        return;
    };
    for one in given.iter().filter_map(Value::as_object) {
        let (Some(id), Some(kind)) = (first(one, &["id"]), first(one, &["type"])) else { continue };
        if let Some((_, kind)) = EXTERNAL.iter().find(|(name, _)| *name == kind) {
            names.written(*kind, &id);
        }
    }
}

/// Keeps how a person can be reached, outside the lake.
pub(super) fn keep(customer: &str, traits: &Object, sink: &mut Sink<'_>) {
    for (kind, keys) in TRAITS {
        if let Some(value) = first(traits, keys) {
            sink.identifier(customer, kind, &value);
        }
    }
}
