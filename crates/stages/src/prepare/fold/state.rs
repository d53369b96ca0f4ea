//! What is known about customers, products, visits and orders: the state that the fold carries.

use rustc_hash::FxHashMap;

use super::interest::{Interest, Level};

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
    /// The mean logarithm of the prices of what was looked at and bought.
    pub price: Level,
    /// What happened between the customer and each product or, under [`super::Thing::shown_as`],
    /// each campaign.
    pub pairs: FxHashMap<u32, Pair>,
    pub(super) session: Option<usize>,
}

/// What happened between a customer and a product.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pair {
    /// Views of the product's page.
    pub views: u32,
    /// Times it was put into the cart.
    pub carts: u32,
    /// Order lines with it.
    pub orders: u32,
    /// Pieces bought.
    pub pieces: i64,
    /// How often it was shown, fading.
    pub shown: f64,
    /// When it was shown last.
    pub shown_at: i64,
    /// When it was looked at, put into the cart or bought last.
    pub used_at: i64,
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
