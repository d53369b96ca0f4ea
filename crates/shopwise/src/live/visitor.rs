//! A customer as the engine of lists wants him: what he had to do with, and what he has in mind.

use std::cmp::Reverse;

use shopwise_stages::language::Deed;
use shopwise_stages::prepare::fold::{Pair, Replay};
use shopwise_stages::recommend::engine::{Counts, Done, Visitor};
use shopwise_stages::recommend::weight;
use shopwise_store::Vault;

use super::view;

/// Products of which it is remembered that they were shown, beside those of the history.
const SHOWN_MAX: usize = 200;

/// Products that were only looked at, clicked or rated, the newest ones: more than anybody looks at
/// but robots. All that was bought or put into a cart is known, for filters ask for it.
const LOOKED_MAX: usize = 10_000;

/// What a customer is supposed to have done this moment. It did not happen and is stored nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Supposed {
    pub(crate) deed: Deed,
    pub(crate) product: String,
    /// What the product costs, in millionths; 0 where nobody knows.
    pub(crate) price: i64,
}

/// Returns what is known of whoever is meant by an identifier at a moment; of somebody unknown,
/// nothing.
pub(crate) fn visitor(state: &Replay, vault: &Vault, id: &str, at: i64) -> Visitor {
    supposing(state, &view::pseudonyms(vault, id), &[], at)
}

/// Returns what would be known of whoever is meant by one of some pseudonyms if he had done
/// something more.
pub(crate) fn supposing(
    state: &Replay,
    names: &[String],
    supposed: &[Supposed],
    at: i64,
) -> Visitor {
    let code = names.iter().find_map(|name| state.customer(name));
    let known = code.map(|code| state.state_of(code, at)).unwrap_or_default();
    let names = state.product_names();
    let named = |(code, pair): (&u32, &Pair)| Some((names.get(*code as usize)?, *code, *pair));
    let mut pairs: Vec<(&str, u32, Pair)> = known
        .pairs
        .iter()
        .filter_map(named)
        .map(|(name, code, pair)| (name.as_ref(), code, pair))
        .collect();
    for one in supposed {
        match pairs.iter_mut().find(|(name, ..)| *name == one.product) {
            Some((_, _, pair)) => suppose(pair, one.deed, at),
            None => {
                let mut pair = Pair::default();
                suppose(&mut pair, one.deed, at);
                pairs.push((&one.product, u32::MAX, pair));
            }
        }
    }
    let in_cart = known.cart.iter().filter_map(|held| names.get(held.product as usize));
    let mut visitor = Visitor {
        done: done(pairs, at),
        cart: in_cart.map(|name| name.to_string()).collect(),
        counts: Counts {
            events: known.events,
            sessions: known.sessions,
            views: known.views,
            carts: known.carts,
            orders: known.orders,
            spent: known.monetary,
            refunds: known.refunds,
            refunded: known.refunded,
        },
        first_seen: known.first_seen,
        last_seen: known.last_seen,
        first_order: known.first_order,
        last_order: known.last_order,
        segments: Vec::new(),
        lacks_segments: false,
    };
    for one in supposed {
        count(&mut visitor, one, at);
    }
    visitor
}

/// Returns the products that he used last, then those that he was only shown.
fn done(pairs: Vec<(&str, u32, Pair)>, at: i64) -> Vec<Done> {
    let (mut used, mut shown): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|(_, _, pair)| pair.used_at() > 0);
    // Codes break ties, for a list must not change by itself.
    let last = |(_, code, pair): &(&str, u32, Pair)| (Reverse(pair.used_at()), *code);
    if used.len() > LOOKED_MAX {
        let is_taken = |(_, _, pair): &(&str, u32, Pair)| pair.bought_at.max(pair.carted_at) > 0;
        let (taken, mut looked): (Vec<_>, Vec<_>) = used.into_iter().partition(is_taken);
        if looked.len() > LOOKED_MAX {
            looked.select_nth_unstable_by_key(LOOKED_MAX, last);
            looked.truncate(LOOKED_MAX);
        }
        used = taken;
        used.append(&mut looked);
    }
    used.sort_unstable_by_key(last);
    shown.retain(|(_, _, pair)| pair.shown > 0.0);
    shown.sort_unstable_by_key(|(_, code, pair)| (Reverse(pair.shown_at), *code));
    shown.truncate(SHOWN_MAX);
    let done = |(name, _, pair): (&str, u32, Pair)| Done {
        product: name.to_owned(),
        weight: match pair.used_at() {
            0 => 0.0,
            _ => {
                let looked = pair.views.saturating_add(pair.reactions);
                weight::of_counts(looked, pair.carts, pair.orders)
            }
        },
        rating: pair.rating,
        viewed_at: pair.viewed_at,
        carted_at: pair.carted_at,
        bought_at: pair.bought_at,
        reacted_at: pair.reacted_at,
        shown: pair.tired(at),
    };
    used.into_iter().chain(shown).map(done).collect()
}

fn suppose(pair: &mut Pair, deed: Deed, at: i64) {
    match deed {
        Deed::Viewed => (pair.views, pair.viewed_at) = (pair.views + 1, at),
        Deed::Carted => (pair.carts, pair.carted_at) = (pair.carts + 1, at),
        Deed::Bought => (pair.orders, pair.bought_at) = (pair.orders + 1, at),
    }
}

/// Adds what he is supposed to have done to what he did in all.
fn count(visitor: &mut Visitor, one: &Supposed, at: i64) {
    let earliest = |first: i64| if first > 0 { first } else { at };
    visitor.counts.events += 1;
    visitor.first_seen = earliest(visitor.first_seen);
    visitor.last_seen = visitor.last_seen.max(at);
    match one.deed {
        Deed::Viewed => visitor.counts.views += 1,
        Deed::Carted => {
            visitor.counts.carts += 1;
            if !visitor.cart.contains(&one.product) {
                visitor.cart.push(one.product.clone());
            }
        }
        Deed::Bought => {
            visitor.counts.orders += 1;
            visitor.counts.spent += one.price;
            visitor.first_order = earliest(visitor.first_order);
            visitor.last_order = visitor.last_order.max(at);
            visitor.cart.retain(|product| *product != one.product);
        }
    }
}
