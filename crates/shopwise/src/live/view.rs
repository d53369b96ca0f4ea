//! What the live state knows of a customer, as JSON.

use serde_json::{Value, json};
use shopwise_model::money::units_from_micros;
use shopwise_model::time;
use shopwise_stages::collect::identity::Kind;
use shopwise_stages::prepare::fold::Replay;
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

/// Returns what is known now of a customer's person.
pub(crate) fn customer(state: &Replay, vault: &Vault, currency: &str, id: &str) -> Option<Value> {
    let (code, known) = pseudonyms(vault, id).iter().find_map(|name| {
        let code = state.customer(name)?;
        let known = state.state_of(code, now());
        (known.events > 0).then_some((code, known))
    })?;
    let (name, identities) = state.names_of(code);
    let mut recent: Vec<_> = known.pairs.iter().filter(|(_, pair)| pair.used_at > 0).collect();
    let products = state.product_names();
    let name_of = |product: u32| products.get(product as usize).map_or("", AsRef::as_ref);
    // Codes are given as products come, which another start may do in another order.
    recent.sort_unstable_by_key(|(product, pair)| {
        (std::cmp::Reverse(pair.used_at), name_of(**product))
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
                "orders": pair.orders, "pieces": pair.pieces, "at": time::format(pair.used_at),
            }))
        })
        .take(RECENT)
        .collect();
    let moment = |at: i64| (at > 0).then(|| time::format(at));
    Some(json!({
        "customer": *name,
        "identities": identities.iter().map(|name| &**name).collect::<Vec<_>>(),
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
    }))
}
