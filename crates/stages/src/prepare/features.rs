//! What is known about showing a thing to a customer, as a vector of numbers.
//!
//! Every number is read from the state of the fold as it was before the moment, so that the vector
//! of a decision and the one that preparing finds later are equal bit for bit. Rates are smoothed:
//! `(successes + m × rate of everybody) / (trials + m)`, the posterior mean under a beta prior of
//! weight m (Gelman et al., *Bayesian Data Analysis*, section 2.4), so that one view of one product
//! says little.

use std::borrow::Cow;
use std::f64::consts::TAU;

use shopwise_model::tables::EXPOSURE_FEATURES;
use shopwise_model::time::DAY;

use super::fold::interest::{FATIGUE_HALF_LIFE_DAYS, left};
use super::fold::{Customer, Product, Replay, Thing};

/// The vector, in the order of [`EXPOSURE_FEATURES`].
pub type Features = [f64; EXPOSURE_FEATURES.len()];

/// Exposures that a customer's own click rate must outweigh.
const CUSTOMER_PRIOR: f64 = 50.0;
/// Exposures or views that a product's own rates must outweigh.
const PRODUCT_PRIOR: f64 = 100.0;
/// Views that a customer's own taste must outweigh.
pub(super) const TASTE_PRIOR: f64 = 5.0;
/// The rates of a shop in which nothing happened yet: usual ones for shops.
const CLICK_RATE: f64 = 0.02;
const ORDER_RATE: f64 = 0.03;
/// Trials that those usual rates count for.
const SHOP_PRIOR: f64 = 1000.0;

/// Returns the vector for showing `thing` to a customer, whose code may be unknown, at the moment
/// `at`.
pub(super) fn read(state: &Replay, customer: u32, thing: Thing, at: i64) -> Features {
    let everybody = &state.everybody;
    let shop_clicks = smoothed(everybody.clicked, everybody.shown, CLICK_RATE, SHOP_PRIOR);
    let shop_orders = smoothed(everybody.orders, everybody.views, ORDER_RATE, SHOP_PRIOR);
    let (hour, weekday) = state.calendar.look_up(at);
    let angle = TAU * hour as f64 / 24.0;
    let mut features = [0.0; EXPOSURE_FEATURES.len()];
    features[14] = if thing.log_price.is_nan() { 0.0 } else { thing.log_price };
    features[15] = angle.sin();
    features[16] = angle.cos();
    features[17] = f64::from(u8::from(weekday >= 5));
    // Of whom and what nothing is known is read like one of whom nothing happened: the same sums
    // give the same bits.
    let (nobody, nothing) = (Customer::default(), Product::default());
    let product = state.products.get(thing.product as usize).unwrap_or(&nothing);
    let clicks = smoothed(product.clicked, product.shown, shop_clicks, PRODUCT_PRIOR);
    let orders = smoothed(product.orders, product.views, shop_orders, PRODUCT_PRIOR);
    (features[12], features[13]) = (clicks.ln(), orders.ln());
    let known = (customer as usize) < state.customers.len();
    let about = |key| key == thing.product || key == thing.shown_as();
    let customer = match known {
        true => state.state_about(customer, at, about),
        false => Cow::Borrowed(&nobody),
    };
    of_customer(state, &customer, thing, at, shop_clicks, &mut features);
    features
}

fn of_customer(
    state: &Replay,
    customer: &Customer,
    thing: Thing,
    at: i64,
    shop_clicks: f64,
    features: &mut Features,
) {
    let gap = state.gap;
    features[0] = (customer.views as f64).ln_1p();
    features[1] = (customer.orders as f64).ln_1p();
    // Within a visit the visit before counts, so that the first event of a visit changes nothing.
    let seen =
        if at - customer.last_seen > gap { customer.last_seen } else { customer.visit_before };
    features[2] = if customer.events == 0 { 0.0 } else { days(at - seen).ln_1p() };
    features[3] = smoothed(customer.clicked, customer.shown, shop_clicks, CUSTOMER_PRIOR).ln();
    let everybody = &state.everybody;
    let own = customer.categories.of(thing.category, at);
    features[4] = affinity(own, thing.category, &everybody.categories);
    let own = customer.brands.of(thing.brand, at);
    features[5] = affinity(own, thing.brand, &everybody.brands);
    let gap = thing.log_price - customer.price.mean();
    if !gap.is_nan() {
        (features[6], features[7]) = (gap, gap.abs());
    }
    if let Some(pair) = customer.pairs.get(&thing.product) {
        features[8] = f64::from(pair.views).ln_1p();
        features[9] = (pair.pieces as f64).ln_1p();
    }
    if let Some(pair) = customer.pairs.get(&thing.shown_as()) {
        features[10] = pair.shown * left(pair.shown_at, at, FATIGUE_HALF_LIFE_DAYS);
        if pair.shown > 0.0 {
            features[11] = (-days(at - pair.shown_at)).exp();
        }
    }
}

/// Returns `ln(share of the customer's interest ÷ share of everybody's)`, smoothed towards 0.
fn affinity((own, total): (f64, f64), key: u32, everybody: &[f64]) -> f64 {
    let Some(all) = everybody.get(key as usize) else { return 0.0 };
    let whole: f64 = everybody.iter().sum();
    let count = everybody.len() as f64;
    // One view for each key keeps the share above 0.
    let share = (all + 1.0) / (whole + count);
    ((own + TASTE_PRIOR * share) / ((total + TASTE_PRIOR) * share)).ln()
}

fn smoothed(successes: i64, trials: i64, rate: f64, weight: f64) -> f64 {
    (successes as f64 + weight * rate) / (trials as f64 + weight)
}

fn days(micros: i64) -> f64 {
    micros.max(0) as f64 / DAY as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinity_by_hand() {
        // Shares of everybody: (7 + 1) / (14 + 2) = ½. Own: (5 + 5 × ½) / ((5 + 5) × ½) = 1.5.
        assert!((affinity((5.0, 5.0), 0, &[7.0, 7.0]) - 1.5_f64.ln()).abs() < 1e-15);
        assert_eq!(affinity((0.0, 0.0), 0, &[7.0, 7.0]), 0.0);
        assert_eq!(affinity((5.0, 5.0), u32::MAX, &[7.0, 7.0]), 0.0);
    }
}
