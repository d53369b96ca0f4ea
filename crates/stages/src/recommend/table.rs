//! The table of recommendations: what the serving model says to every customer with a history.

use shopwise_learn::interactions::{Events, Interactions, Repeats};
use shopwise_learn::recommend::explain_all;
use shopwise_model::Product;
use shopwise_model::frame::{Column, Frame, Texts};

use super::log::{Log, places};
use super::serving::{POPULAR, Serving};
use crate::error::Result;

/// Products in each list: a page.
const LENGTH: usize = 20;

/// Returns the rows of the table, by customer and rank. `known` are the log's customers and
/// products. What may not be shown at a moment by the catalogue is left out.
pub(super) fn rows(
    log: &Log,
    known: &Interactions,
    serving: &Serving,
    (catalog, at): (&[Product], i64),
) -> Result<Frame> {
    let known = &translated(log, known, serving.products())?;
    let allowed = may_be_shown(serving.products(), catalog, at);
    let options = serving.options(LENGTH, Some(&allowed));
    let has_history = |user: &u32| !known.row(*user as usize).0.is_empty();
    let users: Vec<u32> = (0..known.n_users() as u32).filter(has_history).collect();
    let (lists, why) = explain_all(&*serving.model, known, &users, &options);
    let mut customer = Texts::default();
    let [mut product, mut because] = [named(serving.products()), named(serving.products())];
    let mut reasons = Texts::default();
    let (mut rank, mut score) = (Vec::new(), Vec::new());
    let mut why = why.iter();
    for (user, list) in lists.iter() {
        let code = customer.intern(&log.customers[user as usize]);
        let (items, weights) = known.row(user as usize);
        for ((at, one), found) in list.iter().enumerate().zip(&mut why) {
            let weight = found.item.and_then(|item| items.binary_search(&item).ok());
            let reason = serving.reason(found.model, weight.map(|at| weights[at]));
            customer.push_code(code);
            rank.push(at as i64 + 1);
            product.push_code(one.item);
            score.push(f64::from(one.score));
            reasons.push(Some(reason));
            match found.item.filter(|_| reason != POPULAR) {
                Some(item) => because.push_code(item),
                None => because.push(None),
            }
        }
    }
    Ok(Frame::default()
        .with("customer", Column::Text(customer))
        .with("rank", Column::Int(rank))
        .with("product", Column::Text(product))
        .with("score", Column::Float(score))
        .with("reason", Column::Text(reasons))
        .with("because", Column::Text(because)))
}

/// Returns no rows, but a code for each product: its index.
fn named(products: &[String]) -> Texts {
    let mut texts = Texts::default();
    for product in products {
        texts.intern(product);
    }
    texts
}

/// Returns the interactions with the products of the model, which an earlier run may have made.
pub(super) fn translated(
    log: &Log,
    known: &Interactions,
    products: &[String],
) -> Result<Interactions> {
    if log.products == products {
        return Ok(known.clone());
    }
    let places = places(&log.products, products);
    let (mut users, mut items, mut weights, mut ages) = (vec![], vec![], vec![], vec![]);
    for user in 0..known.n_users() {
        let (own, own_weights) = known.row(user);
        let own_ages = known.ages(user);
        for (at, item) in own.iter().enumerate() {
            let Some(place) = places[*item as usize] else { continue };
            users.push(user as u32);
            items.push(place);
            weights.push(own_weights[at]);
            ages.push(own_ages.map_or(0.0, |ages| ages[at]));
        }
    }
    let events = Events { users: &users, items: &items, weights: &weights, ages: Some(&ages) };
    Ok(Interactions::from_events(known.n_users(), products.len(), events, Repeats::KeepLast)?)
}

/// Returns whether each product may stand in a list at a moment. One that the catalogue does not
/// have was taken off: what an event names is put into the catalogue.
fn may_be_shown(products: &[String], catalog: &[Product], at: i64) -> Vec<bool> {
    let catalogued: Vec<String> = catalog.iter().map(|product| product.id.clone()).collect();
    let is_shown =
        |place: Option<u32>| place.is_some_and(|place| catalog[place as usize].may_be_shown(at));
    places(products, &catalogued).into_iter().map(is_shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_list_shows_at_the_moment_stands_in_no_row() {
        let product = |id: &str| Product { id: id.to_owned(), ..Product::default() };
        let catalog = [
            Product { available_from: Some(6), ..product("early") },
            Product { is_hidden: true, ..product("hidden") },
            Product { available_until: Some(5), ..product("late") },
            Product { stock: Some(0), ..product("sold out") },
            product("there"),
            Product { available_from: Some(5), available_until: Some(6), ..product("today") },
        ];
        let mut ids: Vec<String> = catalog.iter().map(|product| product.id.clone()).collect();
        ids.push("deleted".to_owned());
        ids.sort();
        let mut allowed = may_be_shown(&ids, &catalog, 5).into_iter();
        ids.retain(|_| allowed.next().unwrap());
        assert_eq!(ids, ["there", "today"]);
    }
}
