//! A customer as the engine of lists wants him: what he had to do with, and what he has in mind.

use shopwise_stages::prepare::fold::Replay;
use shopwise_stages::prepare::fold::interest::{FATIGUE_HALF_LIFE_DAYS, left};
use shopwise_stages::recommend::engine::{Counts, Done, Visitor};
use shopwise_stages::recommend::{HISTORY_MAX, weight};
use shopwise_store::Vault;

use super::view;

/// Products of which it is remembered that they were shown, beside those of the history.
const SHOWN_MAX: usize = 200;

/// Returns what is known of whoever is meant by an identifier at a moment; of somebody unknown,
/// nothing.
pub(crate) fn visitor(state: &Replay, vault: &Vault, id: &str, at: i64) -> Visitor {
    let names = view::pseudonyms(vault, id);
    let Some(code) = names.iter().find_map(|name| state.customer(name)) else {
        return Visitor::default();
    };
    let known = state.state_of(code, at);
    let names = state.product_names();
    let mut used: Vec<_> = known.pairs.iter().filter(|(_, pair)| pair.used_at() > 0).collect();
    // Codes break ties, for a list must not change by itself.
    used.sort_unstable_by_key(|(code, pair)| (std::cmp::Reverse(pair.used_at()), **code));
    used.truncate(HISTORY_MAX);
    let shown = known.pairs.iter().filter(|(_, pair)| pair.used_at() == 0 && pair.shown > 0.0);
    let mut shown: Vec<_> = shown.collect();
    shown.sort_unstable_by_key(|(code, pair)| (std::cmp::Reverse(pair.shown_at), **code));
    shown.truncate(SHOWN_MAX);
    let done = used.into_iter().chain(shown).filter_map(|(code, pair)| {
        Some(Done {
            product: names.get(*code as usize)?.to_string(),
            weight: match pair.used_at() {
                0 => 0.0,
                _ => weight::of_counts(pair.views, pair.carts, pair.orders),
            },
            viewed_at: pair.viewed_at,
            carted_at: pair.carted_at,
            bought_at: pair.bought_at,
            shown: pair.shown * left(pair.shown_at, at, FATIGUE_HALF_LIFE_DAYS),
        })
    });
    let in_cart = known.cart.iter().filter_map(|held| names.get(held.product as usize));
    let counts = Counts {
        events: known.events,
        sessions: known.sessions,
        views: known.views,
        carts: known.carts,
        orders: known.orders,
        spent: known.monetary,
        refunds: known.refunds,
        refunded: known.refunded,
    };
    Visitor {
        done: done.collect(),
        cart: in_cart.map(|name| name.to_string()).collect(),
        counts,
        first_seen: known.first_seen,
        last_seen: known.last_seen,
        first_order: known.first_order,
        last_order: known.last_order,
        segments: Vec::new(),
    }
}
