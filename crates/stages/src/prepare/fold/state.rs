//! What is known about customers, products, visits and orders: the state that the fold carries.

use rustc_hash::FxHashMap;

use super::catalog::Thing;
use super::interest::{FATIGUE_HALF_LIFE_DAYS, Interest, Level, left};

/// What is known about a customer. Counts are of events, money in millionths.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each field is a column documented in `tables::CUSTOMER_FEATURES`")]
pub struct Customer {
    pub first_seen: i64,
    pub last_seen: i64,
    pub events: i64,
    pub sessions: i64,
    pub views: i64,
    pub carts: i64,
    pub orders: i64,
    pub refunds: i64,
    pub monetary: i64,
    pub refunded: i64,
    pub order_lines: i64,
    pub first_order: i64,
    pub last_order: i64,
    pub weekend: i64,
    pub evening: i64,
    pub ads_shown: i64,
    pub ads_clicked: i64,
    /// Things shown and clicked, adverts and recommendations.
    pub shown: i64,
    pub clicked: i64,
    /// When the visit before the present one ended.
    pub visit_before: i64,
    pub categories: Interest,
    pub brands: Interest,
    pub bands: Interest,
    /// The mean logarithm of the prices of what was looked at and bought.
    pub price: Level,
    /// What happened between the customer and each product or, under [`super::Thing::shown_as`],
    /// each campaign.
    pub pairs: FxHashMap<u32, Pair>,
    /// What lies in the cart, in the order in which it was put there first.
    pub cart: Vec<InCart>,
    pub(super) session: Option<usize>,
    /// The moment and the identifier of the newest event: what comes before it came late.
    pub(super) newest: (i64, [u8; 16]),
}

/// A product in a customer's cart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InCart {
    /// The product's code.
    pub product: u32,
    /// Pieces of it, above 0.
    pub quantity: i64,
    /// When pieces were put in last.
    pub added_at: i64,
}

impl Customer {
    /// Returns what is known of a person who was seen as several customers, at the moment `at`;
    /// `gap` is the silence after which a visit has ended. Of what happened with products only what
    /// `is_wanted` says is there.
    #[must_use]
    pub fn joined(members: &[&Self], at: i64, gap: i64, is_wanted: impl Fn(u32) -> bool) -> Self {
        let mut whole = Self::default();
        for member in members.iter().filter(|member| member.events > 0) {
            let is_first = whole.events == 0;
            whole.join(member, is_first);
            for (key, pair) in member.pairs.iter().filter(|(key, _)| is_wanted(**key)) {
                whole.pairs.entry(*key).or_default().join(pair);
            }
        }
        whole.visit_before = visit_before(members, at, gap);
        whole
    }

    fn join(&mut self, member: &Self, is_first: bool) {
        let first = member.first_seen;
        self.first_seen = if is_first { first } else { self.first_seen.min(first) };
        self.last_seen = self.last_seen.max(member.last_seen);
        if member.orders > 0 {
            let is_first = self.orders == 0;
            let first = member.first_order;
            self.first_order = if is_first { first } else { self.first_order.min(first) };
            self.last_order = self.last_order.max(member.last_order);
        }
        self.events += member.events;
        self.sessions += member.sessions;
        self.views += member.views;
        self.carts += member.carts;
        self.orders += member.orders;
        self.refunds += member.refunds;
        self.monetary += member.monetary;
        self.refunded += member.refunded;
        self.order_lines += member.order_lines;
        self.weekend += member.weekend;
        self.evening += member.evening;
        self.ads_shown += member.ads_shown;
        self.ads_clicked += member.ads_clicked;
        self.shown += member.shown;
        self.clicked += member.clicked;
        self.categories.join(&member.categories);
        self.brands.join(&member.brands);
        self.bands.join(&member.bands);
        self.price.join(&member.price);
        self.newest = self.newest.max(member.newest);
        for held in &member.cart {
            match self.cart.iter_mut().find(|own| own.product == held.product) {
                Some(own) => {
                    own.quantity = own.quantity.saturating_add(held.quantity);
                    own.added_at = own.added_at.max(held.added_at);
                }
                None => self.cart.push(*held),
            }
        }
    }
}

/// Returns when the visit before the present one ended, over all that a person was seen as: whoever
/// is silent now ended a visit then. When none had ended before, the present one's beginning.
fn visit_before(members: &[&Customer], at: i64, gap: i64) -> i64 {
    let seen = members.iter().filter(|member| member.events > 0);
    let ended = seen.clone().filter_map(|member| match at.saturating_sub(member.last_seen) > gap {
        true => Some(member.last_seen),
        false => (member.sessions > 1).then_some(member.visit_before),
    });
    let begun = seen.map(|member| member.visit_before).min();
    ended.max().or(begun).unwrap_or(0)
}

impl Pair {
    fn join(&mut self, other: &Self) {
        let shown_at = self.shown_at.max(other.shown_at);
        let faded = |pair: &Self| pair.shown * faded_until(pair.shown_at, shown_at);
        let reacted_at = self.reacted_at.max(other.reacted_at);
        let clicked =
            |pair: &Self| f64::from(pair.clicked) * faded_until(pair.reacted_at, reacted_at);
        // Of two ratings the one of the pair of which something is known last.
        let (older, newer) =
            if self.reacted_at <= other.reacted_at { (&*self, other) } else { (other, &*self) };
        *self = Self {
            views: self.views.saturating_add(other.views),
            carts: self.carts.saturating_add(other.carts),
            orders: self.orders.saturating_add(other.orders),
            reactions: self.reactions.saturating_add(other.reactions),
            pieces: self.pieces + other.pieces,
            rating: if newer.rating.is_nan() { older.rating } else { newer.rating },
            clicked: (clicked(self) + clicked(other)) as f32,
            shown: faded(self) + faded(other),
            shown_at,
            viewed_at: self.viewed_at.max(other.viewed_at),
            carted_at: self.carted_at.max(other.carted_at),
            bought_at: self.bought_at.max(other.bought_at),
            reacted_at,
        };
    }

    /// Returns when the product was looked at, clicked, rated, put into the cart or bought last; 0
    /// for never.
    #[must_use]
    pub fn used_at(&self) -> i64 {
        self.viewed_at.max(self.reacted_at).max(self.carted_at).max(self.bought_at)
    }

    /// Returns how often it was shown without a click, fading.
    #[must_use]
    pub fn tired(&self, at: i64) -> f64 {
        let clicked = f64::from(self.clicked) * faded_until(self.reacted_at, at);
        (self.shown * faded_until(self.shown_at, at) - clicked).max(0.0)
    }

    /// Takes in a click on it, a like or a rating; `is_answer` says that it was clicked where it
    /// was shown.
    pub(super) fn react(&mut self, is_answer: bool, rating: f64, at: i64) {
        self.reactions = self.reactions.saturating_add(1);
        let clicked = f64::from(self.clicked) * faded_until(self.reacted_at, at);
        self.clicked = (clicked + f64::from(u8::from(is_answer))) as f32;
        if !rating.is_nan() {
            self.rating = rating as f32;
        }
        self.reacted_at = self.reacted_at.max(at);
    }
}

/// Returns how much is left at a moment of what was counted up to another one.
fn faded_until(counted: i64, at: i64) -> f64 {
    left(counted, at, FATIGUE_HALF_LIFE_DAYS)
}

/// What happened between a customer and a product.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// Views of the product's page.
    pub views: u32,
    /// Times it was put into the cart.
    pub carts: u32,
    /// Order lines with it.
    pub orders: u32,
    /// Clicks on it, also where it was recommended, likes and ratings.
    pub reactions: u32,
    /// Pieces bought.
    pub pieces: i64,
    /// The newest rating; NaN when there is none.
    pub rating: f32,
    /// How often it was clicked where it was shown, fading, as of `reacted_at`.
    pub clicked: f32,
    /// How often it was shown, fading, as of `shown_at`.
    pub shown: f64,
    /// When it was shown last.
    pub shown_at: i64,
    /// When it was looked at last; 0 for never.
    pub viewed_at: i64,
    /// When it was put into the cart last.
    pub carted_at: i64,
    /// When it was bought last.
    pub bought_at: i64,
    /// When it was clicked or rated last.
    pub reacted_at: i64,
}

impl Default for Pair {
    fn default() -> Self {
        Self {
            views: 0,
            carts: 0,
            orders: 0,
            reactions: 0,
            pieces: 0,
            rating: f32::NAN,
            clicked: 0.0,
            shown: 0.0,
            shown_at: 0,
            viewed_at: 0,
            carted_at: 0,
            bought_at: 0,
            reacted_at: 0,
        }
    }
}

/// What is known about a product.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each field is a column documented in `tables::PRODUCT_FEATURES`")]
pub struct Product {
    pub views: i64,
    pub carts: i64,
    pub orders: i64,
    pub quantity: i64,
    pub refunds: i64,
    pub revenue: i64,
    pub customers: i64,
    pub shown: i64,
    pub clicked: i64,
    pub first_sold: i64,
    pub last_sold: i64,
}

/// Counts over the whole shop: what is expected of somebody or something not known yet.
#[derive(Debug, Clone, Default)]
pub struct Everybody {
    /// Things shown, and how many of them were clicked.
    pub shown: i64,
    /// Clicks on things shown.
    pub clicked: i64,
    /// Views of product pages.
    pub views: i64,
    /// Order lines.
    pub orders: i64,
    /// Interest by category code, not fading.
    pub categories: Vec<f64>,
    /// Interest by brand code, not fading.
    pub brands: Vec<f64>,
    /// Interest by the code of a band of prices, not fading.
    pub bands: Vec<f64>,
}

impl Everybody {
    /// Adds interest in a thing.
    pub(super) fn add(&mut self, thing: Thing, weight: f64) {
        for (totals, code) in [
            (&mut self.categories, thing.category),
            (&mut self.brands, thing.brand),
            (&mut self.bands, thing.band),
        ] {
            if let Some(total) = totals.get_mut(code as usize) {
                *total += weight;
            }
        }
    }
}

/// A visit.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is a column documented in `tables::SESSIONS`")]
pub struct Session {
    pub customer: u32,
    pub started_at: i64,
    pub ended_at: i64,
    pub events: i64,
    pub views: i64,
    pub carts: i64,
    pub orders: i64,
    pub amount: i64,
}

impl Session {
    /// Takes in what happened at the same time under another name.
    pub(in crate::prepare) fn join(&mut self, other: &Self) {
        self.started_at = self.started_at.min(other.started_at);
        self.ended_at = self.ended_at.max(other.ended_at);
        self.events += other.events;
        self.views += other.views;
        self.carts += other.carts;
        self.orders += other.orders;
        self.amount += other.amount;
    }

    /// Returns a visit of which nothing is known but when it began.
    pub(super) fn begin(customer: u32, at: i64) -> Self {
        Self {
            customer,
            started_at: at,
            ended_at: at,
            events: 0,
            views: 0,
            carts: 0,
            orders: 0,
            amount: 0,
        }
    }
}

/// A line of an order.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is a column documented in `tables::ORDER_LINES`")]
pub struct OrderLine {
    pub order: u32,
    pub line: i64,
    pub customer: u32,
    pub product: u32,
    pub occurred_at: i64,
    pub quantity: i64,
    pub unit_price: i64,
    pub amount: i64,
    pub country: u32,
}
