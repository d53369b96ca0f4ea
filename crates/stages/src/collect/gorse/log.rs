//! Feedback as the log has it: what was done by whom with what, under the shop's own word.
//!
//! An event adds to the feedback of its key (word, customer, product), replaces it when it was put,
//! and one that deletes takes away what came before it. So the log tells what gorse would hold; the
//! events stay in it.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use serde_json::Value;
use shopwise_model::Frame;
use shopwise_model::tables::EVENTS;

use super::shapes::{Object, moment};
use crate::error::Result;
use crate::shop::Shop;

/// The property of an event whose feedback replaces what was given before.
pub const PUT: &str = "feedback_put";

/// The property that says when feedback is due, where that is not when it came.
pub const DUE: &str = "feedback_at";

/// The property of an event that takes feedback away: the word of it, or [`ALL`].
pub const DELETED: &str = "feedback_deleted";

/// Feedback of every word.
pub const ALL: &str = "*";

/// What makes feedback the one it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Key {
    /// The shop's word for what was done.
    pub name: String,
    /// The pseudonym of who did it.
    pub customer: String,
    /// With what.
    pub product: String,
}

/// Feedback as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// What makes it the one it is.
    pub key: Key,
    /// How much of it.
    pub value: f64,
    /// When first, UTC microseconds.
    pub at: i64,
    /// When last.
    pub updated: i64,
    /// Whatever describes it.
    pub labels: Value,
}

/// Which feedback is wanted: what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this word.
    pub name: Option<String>,
    /// Of this customer, by his pseudonym.
    pub customer: Option<String>,
    /// Of this product.
    pub product: Option<String>,
    /// From this key on, in the order of keys.
    pub from: Option<Key>,
    /// At most so much.
    pub count: usize,
}

/// One event as far as it concerns feedback.
#[derive(Debug, Clone)]
struct Step {
    /// When it was received, and its identifier: the order of what happened.
    order: (i64, [u8; 16]),
    at: i64,
    value: f64,
    labels: Value,
    change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Add,
    Put,
    Delete,
}

/// Returns the feedback that is wanted and due, by key, and the key with which more begins.
/// `waiting` are rows of events that the lake may not hold yet.
///
/// # Errors
/// Store errors.
pub fn read(
    shop: &Shop,
    wanted: &Wanted,
    waiting: &[Frame],
    now: i64,
) -> Result<(Vec<Standing>, Option<Key>)> {
    let (mut all, mut wanted) = (Vec::new(), wanted.clone());
    loop {
        let mut found = Found::new(&wanted);
        for rows in waiting {
            found.take(rows)?;
        }
        if shop.lake.version(&EVENTS)?.is_some() {
            shop.lake.stream(&wanted.sql(), |rows| found.take(&rows))?;
        }
        let (standing, beyond) = found.stand(now);
        all.extend(standing);
        // What was taken away or is not due leaves room for more.
        if beyond.is_none() || all.len() >= wanted.count {
            let next = all.get(wanted.count).map(|one: &Standing| one.key.clone());
            all.truncate(wanted.count);
            return Ok((all, next.or(beyond)));
        }
        wanted.from = beyond;
    }
}

impl Wanted {
    fn sql(&self) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let mut sql = "SELECT event_id, customer, product, extra, occurred_at, received_at \
                       FROM events WHERE extra LIKE '%\"feedback%' AND customer IS NOT NULL"
            .to_owned();
        if let Some(customer) = &self.customer {
            sql.push_str(&format!(" AND customer = {}", quoted(customer)));
        }
        if let Some(product) = &self.product {
            sql.push_str(&format!(" AND (product IS NULL OR product = {})", quoted(product)));
        }
        sql
    }

    /// Returns whether feedback of a key is asked for.
    fn is_asked(&self, key: &Key) -> bool {
        let is = |own: &Option<String>, other: &str| own.as_ref().is_none_or(|own| own == other);
        is(&self.name, &key.name)
            && is(&self.customer, &key.customer)
            && is(&self.product, &key.product)
            && self.from.as_ref().is_none_or(|from| from <= key)
    }
}

/// The events of the first keys, as many as are asked for.
struct Found<'a> {
    wanted: &'a Wanted,
    keys: BTreeMap<Key, Vec<Step>>,
    /// The first key for which there was no room.
    beyond: Option<Key>,
    /// What takes away feedback of every word: by customer, and product if it names one.
    deletions: Vec<(String, Option<String>, Step)>,
    seen: FxHashSet<[u8; 16]>,
}

impl<'a> Found<'a> {
    fn new(wanted: &'a Wanted) -> Self {
        let (keys, seen) = (BTreeMap::new(), FxHashSet::default());
        Self { wanted, keys, beyond: None, deletions: Vec::new(), seen }
    }

    fn take(&mut self, rows: &Frame) -> Result<()> {
        if rows.rows() == 0 {
            return Ok(());
        }
        let (ids, extra) = (rows.id("event_id")?, rows.text("extra")?);
        let (customers, products) = (rows.text("customer")?, rows.text("product")?);
        let (occurred, received) = (rows.time("occurred_at")?, rows.time("received_at")?);
        for (row, id) in ids.iter().enumerate() {
            let (Some(customer), Some(extra)) = (customers.get(row), extra.get(row)) else {
                continue;
            };
            if !extra.contains("\"feedback") {
                continue;
            }
            let Ok(extra) = serde_json::from_str::<Object>(extra) else { continue };
            let text = |key: &str| extra.get(key).and_then(Value::as_str);
            let mut step = Step {
                order: (received[row], *id),
                at: text(DUE).and_then(moment).unwrap_or(occurred[row]),
                value: extra.get("feedback_value").and_then(Value::as_f64).unwrap_or_default(),
                labels: extra.get("feedback_labels").cloned().unwrap_or_default(),
                change: Change::Add,
            };
            let product = products.get(row);
            let name = match (text(DELETED), text("feedback"), product) {
                (Some(ALL), _, product) => {
                    step.change = Change::Delete;
                    self.deletions.push((customer.to_owned(), product.map(str::to_owned), step));
                    continue;
                }
                (Some(name), _, Some(_)) => {
                    step.change = Change::Delete;
                    name
                }
                (None, Some(name), Some(_)) => name,
                _ => continue,
            };
            if extra.get(PUT).is_some_and(|put| put == true) {
                step.change = Change::Put;
            }
            let product = product.unwrap_or_default().to_owned();
            let key = Key { name: name.to_owned(), customer: customer.to_owned(), product };
            self.add(key, step);
        }
        Ok(())
    }

    fn add(&mut self, key: Key, step: Step) {
        let is_beyond = self.beyond.as_ref().is_some_and(|beyond| *beyond <= key);
        if is_beyond || !self.wanted.is_asked(&key) {
            return;
        }
        // The lake and what waits for it may both hold an event.
        if !self.seen.insert(step.order.1) {
            return;
        }
        self.keys.entry(key).or_default().push(step);
        if self.keys.len() > self.wanted.count
            && let Some((last, _)) = self.keys.pop_last()
        {
            self.beyond = Some(last);
        }
    }

    fn stand(mut self, now: i64) -> (Vec<Standing>, Option<Key>) {
        let mut all = Vec::with_capacity(self.keys.len());
        for (key, mut steps) in self.keys {
            let concerns = |customer: &String, product: &Option<String>| {
                *customer == key.customer
                    && product.as_ref().is_none_or(|product| *product == key.product)
            };
            let deletions = self.deletions.iter();
            let deletions = deletions.filter(|(customer, product, _)| concerns(customer, product));
            steps.extend(deletions.map(|(.., step)| step.clone()));
            all.extend(stand(key, steps).filter(|standing| standing.at <= now));
        }
        (all, self.beyond.take())
    }
}

/// Returns what stands of a key after all that happened.
fn stand(key: Key, mut steps: Vec<Step>) -> Option<Standing> {
    steps.sort_by_key(|step| step.order);
    let mut standing: Option<(f64, i64, i64, Value)> = None;
    for step in steps {
        standing = match (step.change, standing) {
            (Change::Delete, _) => None,
            (Change::Put, _) | (Change::Add, None) => {
                Some((step.value, step.at, step.at, step.labels))
            }
            (Change::Add, Some((value, at, updated, _))) => {
                Some((value + step.value, at.min(step.at), updated.max(step.at), step.labels))
            }
        };
    }
    standing.map(|(value, at, updated, labels)| Standing { key, value, at, updated, labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(order: i64, at: i64, value: f64, change: Change) -> Step {
        Step { order: (order, [0; 16]), at, value, labels: Value::Null, change }
    }

    #[test]
    fn feedback_adds_up_is_replaced_and_taken_away_in_the_order_it_came() {
        let stands = |steps: &[Step]| {
            stand(Key::default(), steps.to_vec()).map(|one| (one.value, one.at, one.updated))
        };
        let added = [step(2, 5, 2.0, Change::Add), step(1, 9, 1.0, Change::Add)];
        assert_eq!(stands(&added), Some((3.0, 5, 9)));
        let put = [&added[..], &[step(3, 7, 0.5, Change::Put)]].concat();
        assert_eq!(stands(&put), Some((0.5, 7, 7)));
        let deleted = [&put[..], &[step(4, 0, 0.0, Change::Delete)]].concat();
        assert_eq!(stands(&deleted), None);
        let again = [&deleted[..], &[step(5, 8, 1.0, Change::Add)]].concat();
        assert_eq!(stands(&again), Some((1.0, 8, 8)));
    }

    #[test]
    fn a_page_holds_the_first_keys_whatever_order_they_come_in() {
        let wanted = Wanted { count: 2, ..Wanted::default() };
        let mut found = Found::new(&wanted);
        let key = |name: &str| Key { name: name.to_owned(), ..Key::default() };
        for (at, name) in ["d", "b", "c", "a", "b"].iter().enumerate() {
            let mut one = step(at as i64, 1, 1.0, Change::Add);
            one.order.1[0] = at as u8;
            found.add(key(name), one);
        }
        let (page, beyond) = found.stand(1);
        let page: Vec<(&str, f64)> =
            page.iter().map(|one| (one.key.name.as_str(), one.value)).collect();
        assert_eq!(page, [("a", 1.0), ("b", 2.0)]);
        assert_eq!(beyond, Some(key("c")));
    }
}
