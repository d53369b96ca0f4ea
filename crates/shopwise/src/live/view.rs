//! What the live state knows of a customer, as JSON.

use anyhow::Result;
use serde_json::{Value, json};
use shopwise_model::money::units_from_micros;
use shopwise_model::time;
use shopwise_stages::Shop;
use shopwise_stages::collect::identity::Kind;
use shopwise_stages::prepare::fold::Replay;
use shopwise_stages::prepare::fold::interest::HALF_LIFE_DAYS;
use shopwise_stages::prepare::tastes::{self, Tastes};
use shopwise_store::Vault;

use crate::commands::now;

/// Products that are listed: what a customer had to do with last.
const RECENT: usize = 20;

/// Returns the pseudonyms under which somebody may be meant by an identifier: the shop's own, that
/// of a browser or device, an e-mail address, a telephone or loyalty number, or a pseudonym.
pub(crate) fn pseudonyms(vault: &Vault, id: &str) -> Vec<String> {
    let kinds = Kind::ALL.iter().map(|kind| vault.pseudonym(kind.name(), id));
    std::iter::once(id.to_owned()).chain(kinds).collect()
}

/// Somebody of whom something is known.
pub(crate) struct Somebody {
    code: u32,
    last_seen: i64,
    /// The pseudonym of the person.
    pub(crate) name: String,
    /// All pseudonyms of the person.
    pub(crate) names: Vec<String>,
}

/// Returns who is meant by an identifier, if anything happened to him.
pub(crate) fn somebody(state: &Replay, vault: &Vault, id: &str) -> Option<Somebody> {
    let (code, last_seen) = pseudonyms(vault, id).iter().find_map(|name| {
        let code = state.customer(name)?;
        let known = state.state_of(code, now());
        (known.events > 0).then_some((code, known.last_seen))
    })?;
    let (name, names) = state.names_of(code);
    let names = names.iter().map(|name| name.as_ref().to_owned()).collect();
    Some(Somebody { code, last_seen, name: name.as_ref().to_owned(), names })
}

/// Returns the events in the lake that made a tag of somebody.
pub(crate) fn why(shop: &Shop, somebody: &Somebody, tag: &str) -> Result<Value> {
    let evidence = tastes::evidence(shop, &somebody.names, tag, somebody.last_seen)?;
    let events: Vec<Value> = evidence
        .iter()
        .map(|event| {
            let id: String = event.event_id.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({
                "event_id": id, "kind": event.kind.name(), "product": event.product,
                "at": time::format(event.occurred_at), "weight": event.weight,
            })
        })
        .collect();
    let weight: f64 = evidence.iter().map(|event| event.weight).sum();
    Ok(json!({
        "customer": somebody.name, "tag": tag, "weight": weight,
        "half_life_days": HALF_LIFE_DAYS, "events": events,
    }))
}

/// Returns what is known now of somebody, but for the tags he wanted gone.
pub(crate) fn customer(
    state: &Replay,
    currency: &str,
    somebody: &Somebody,
    hidden: &[String],
) -> Value {
    let known = state.state_of(somebody.code, now());
    let tags: Vec<Value> = Tastes::of(state)
        .of_customer(&known)
        .iter()
        .filter(|taste| !hidden.contains(&taste.tag()))
        .map(|taste| {
            let (weight, share, lift) = (taste.weight, taste.share, taste.lift);
            json!({ "tag": taste.tag(), "weight": weight, "share": share, "lift": lift })
        })
        .collect();
    let mut recent: Vec<_> = known.pairs.iter().filter(|(_, pair)| pair.used_at() > 0).collect();
    let products = state.product_names();
    let name_of = |product: u32| products.get(product as usize).map_or("", AsRef::as_ref);
    // Codes are given as products come, which another start may do in another order.
    recent.sort_unstable_by_key(|(product, pair)| {
        (std::cmp::Reverse(pair.used_at()), name_of(**product))
    });
    let cart: Vec<Value> = known
        .cart
        .iter()
        .map(|held| {
            json!({
                "product": name_of(held.product), "quantity": held.quantity,
                "added_at": time::format(held.added_at),
            })
        })
        .collect();
    let recent: Vec<Value> = recent
        .iter()
        .filter_map(|(product, pair)| {
            let name = products.get(**product as usize)?;
            Some(json!({
                "product": name.as_ref(), "views": pair.views, "carts": pair.carts,
                "orders": pair.orders, "pieces": pair.pieces, "reactions": pair.reactions,
                "rating": (!pair.rating.is_nan()).then_some(pair.rating),
                "at": time::format(pair.used_at()),
            }))
        })
        .take(RECENT)
        .collect();
    let moment = |at: i64| (at > 0).then(|| time::format(at));
    json!({
        "customer": somebody.name,
        "identities": somebody.names,
        "events": known.events,
        "sessions": known.sessions,
        "views": known.views,
        "carts": known.carts,
        "orders": known.orders,
        "refunds": known.refunds,
        "monetary": units_from_micros(known.monetary),
        "refunded": units_from_micros(known.refunded),
        "currency": currency,
        "first_seen": moment(known.first_seen),
        "last_seen": moment(known.last_seen),
        "first_order": moment(known.first_order),
        "last_order": moment(known.last_order),
        "recent": recent,
        "cart": cart,
        "tags": tags,
    })
}
