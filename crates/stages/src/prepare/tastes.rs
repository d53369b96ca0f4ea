//! What customers turn to more than others do: categories, brands and prices, and why.
//!
//! A taste is read from the interest of the fold, which fades, as of the customer's own last event:
//! who was away for a year is still known by what he turned to then. It is the same in the tables
//! and in the live state. Its share is smoothed: `(own + m × everybody's share) / (all + m)`, the
//! posterior mean under a Dirichlet prior of weight m (Gelman et al., *Bayesian Data Analysis*,
//! section 3.4), so that one view is no taste.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use shopwise_model::EventKind;
use shopwise_model::frame::Frame;

use super::features::TASTE_PRIOR;
use super::fold::interest::{HALF_LIFE_DAYS, Interest, left};
use super::fold::{Customer, Replay, price_band, weight};
use crate::error::{Error, Result};
use crate::shop::Shop;

/// Interest in views below which nothing is called a taste.
const WEIGHT_MIN: f64 = 2.0;

/// How many times everybody's share a customer's own must be.
const LIFT_MIN: f64 = 1.5;

/// Tastes of one kind that are named.
const OF_A_KIND: usize = 5;

/// The kinds of tastes, in the order of [`Replay::kinds`].
const KINDS: [&str; 3] = ["category", "brand", "price"];

/// Something a customer turns to more than others do.
#[derive(Debug, Clone, PartialEq)]
pub struct Taste {
    /// `category`, `brand` or `price`.
    pub kind: &'static str,
    /// Which one; of prices the band, as [`price_band`] writes it.
    pub name: Arc<str>,
    /// The interest in views, faded to the customer's last event.
    pub weight: f64,
    /// Its part of the customer's whole interest of this kind, smoothed: 0 to 1.
    pub share: f64,
    /// The share divided by everybody's.
    pub lift: f64,
}

impl Taste {
    /// Returns the name under which it is shown, explained and deleted: `category:Shoes`.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("{}:{}", self.kind, self.name)
    }
}

/// Everybody's taste, against which customers are held.
#[derive(Debug)]
pub struct Tastes<'a> {
    names: [&'a [Arc<str>]; 3],
    /// Everybody's share of each code of a kind; they sum to 1.
    shares: [Vec<f64>; 3],
}

impl<'a> Tastes<'a> {
    /// Returns what everybody turns to.
    #[must_use]
    pub fn of(state: &'a Replay) -> Self {
        let everybody = &state.everybody;
        let kinds = [&everybody.categories, &everybody.brands, &everybody.bands];
        let shares = kinds.map(|weights| {
            // One view for each keeps the shares above 0.
            let whole = weights.iter().sum::<f64>() + weights.len() as f64;
            weights.iter().map(|weight| (weight + 1.0) / whole).collect()
        });
        Self { names: state.kinds(), shares }
    }

    /// Returns what a customer turns to, by kind, the strongest first.
    #[must_use]
    pub fn of_customer(&self, customer: &Customer) -> Vec<Taste> {
        let at = customer.last_seen;
        let mut found = Vec::new();
        let kinds = [&customer.categories, &customer.brands, &customer.bands];
        for (place, interest) in kinds.into_iter().enumerate() {
            let mut of_kind = self.of_kind(place, interest, at);
            of_kind.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.name.cmp(&b.name)));
            of_kind.truncate(OF_A_KIND);
            found.append(&mut of_kind);
        }
        found
    }

    fn of_kind(&self, place: usize, interest: &Interest, at: i64) -> Vec<Taste> {
        let taste = |(code, weight): (u32, f64)| {
            let everybody = *self.shares[place].get(code as usize)?;
            let (_, all) = interest.of(code, at);
            let share = (weight + TASTE_PRIOR * everybody) / (all + TASTE_PRIOR);
            let lift = share / everybody;
            let name = Arc::clone(self.names[place].get(code as usize)?);
            (weight >= WEIGHT_MIN && lift >= LIFT_MIN).then_some(Taste {
                kind: KINDS[place],
                name,
                weight,
                share,
                lift,
            })
        };
        interest.keys(at).filter_map(taste).collect()
    }
}

/// An event that made a taste.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The event.
    pub event_id: [u8; 16],
    /// What happened.
    pub kind: EventKind,
    /// With which product.
    pub product: String,
    /// When, UTC microseconds.
    pub occurred_at: i64,
    /// What is left of it: these sum to the weight of the taste.
    pub weight: f64,
}

/// Returns the events in the lake that made a tag of a customer, who goes by these pseudonyms and
/// was seen last at the moment `at`; the newest first.
///
/// # Errors
/// Store errors, and when the tag is not written as [`parts`] wants it.
pub fn evidence(shop: &Shop, names: &[String], tag: &str, at: i64) -> Result<Vec<Evidence>> {
    let (kind, name) = parts(tag)?;
    let mut of_it = FxHashSet::default();
    for product in shop.ledger.products()? {
        let own = match kind {
            "category" => product.category,
            "brand" => product.brand,
            _ => product.price.and_then(price_band),
        };
        if own.as_deref() == Some(name) {
            of_it.insert(product.id);
        }
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let events = shop.lake.query(&question(names))?;
    let mut found = rows(&events, &of_it, at)?;
    found.sort_by(|a, b| (b.occurred_at, &b.event_id).cmp(&(a.occurred_at, &a.event_id)));
    Ok(found)
}

/// Returns the kind and the name of a tag.
///
/// # Errors
/// When it is not written as `category:…`, `brand:…` or `price:…`.
pub fn parts(tag: &str) -> Result<(&str, &str)> {
    let parts = tag.split_once(':').filter(|(kind, _)| KINDS.contains(kind));
    parts.ok_or_else(|| {
        Error::Wrong(format!("`{tag}` is no tag: it reads category:…, brand:… or price:…"))
    })
}

fn question(names: &[String]) -> String {
    let quoted = |name: &String| format!("'{}'", name.replace('\'', "''"));
    let names: Vec<String> = names.iter().map(quoted).collect();
    let kinds: Vec<String> = EventKind::ALL
        .iter()
        .filter(|kind| weight(**kind) > 0.0)
        .map(|kind| format!("'{}'", kind.name()))
        .collect();
    format!(
        "SELECT event_id, kind, product, occurred_at FROM events \
         WHERE customer IN ({}) AND kind IN ({}) AND product IS NOT NULL",
        names.join(", "),
        kinds.join(", ")
    )
}

fn rows(events: &Frame, of_it: &FxHashSet<String>, at: i64) -> Result<Vec<Evidence>> {
    let (ids, kinds) = (events.id("event_id")?, events.text("kind")?);
    let (products, times) = (events.text("product")?, events.time("occurred_at")?);
    let row = |row: usize| {
        let product = products.get(row).filter(|product| of_it.contains(*product))?;
        let kind = EventKind::from_name(kinds.get(row)?);
        let weight = weight(kind) * left(times[row], at, HALF_LIFE_DAYS);
        let (event_id, product) = (ids[row], product.to_owned());
        Some(Evidence { event_id, kind, product, occurred_at: times[row], weight })
    };
    Ok((0..events.rows()).filter_map(row).collect())
}
