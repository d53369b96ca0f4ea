//! What the live state knows of a customer, as JSON.

use serde_json::{Value, json};
use shopwise_model::money::units_from_micros;
use shopwise_model::time;
use shopwise_stages::prepare::fold::Replay;
use shopwise_store::Vault;

/// Products that are listed: what a customer had to do with last.
const RECENT: usize = 20;

/// Returns what is known of a customer, who may be named by the shop's identifier, by that of a
/// browser, or by the pseudonym.
pub(crate) fn customer(state: &Replay, vault: &Vault, currency: &str, id: &str) -> Option<Value> {
    let names = [id.to_owned(), vault.pseudonym("customer", id), vault.pseudonym("anonymous", id)];
    let (name, code) = names.iter().find_map(|name| Some((name, state.customer(name)?)))?;
    let known = state.state_of(code);
    let mut recent: Vec<_> = known.pairs.iter().filter(|(_, pair)| pair.used_at > 0).collect();
    recent.sort_unstable_by_key(|(product, pair)| (std::cmp::Reverse(pair.used_at), **product));
    let products = state.product_names();
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
        "customer": name,
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
    }))
}
