//! The hidden truth of a click and of an order.
//!
//! ```text
//! utility      = taste(category) + taste(brand) + appeal − sensitivity |ln price − ln preferred|
//! p_click      = logistic(base + ln examination(position) + utility + customer + creative
//!                         − 0.12 times shown lately)
//! p_conversion = logistic(base + taste / 2 + appeal / 4
//!                         − sensitivity max(0, ln price − ln preferred) + customer)
//! ```
//!
//! Both are linear in the logit, so that a logistic regression on affinity, price, popularity,
//! position and times shown can come near the truth. Each time shown counts exp(−days ago / 7).
//! The bases are solved for, so that random exposures meet the rates below whatever the tastes.

use crate::campaigns::Campaigns;
use crate::catalog::Catalog;
use crate::chance::{Chance, Purpose, logistic};
use crate::customers::Customer;

/// The click rate of random exposures.
const CLICK_RATE: f64 = 0.018;
/// The share of clicks on random exposures that lead to an order.
const CONVERSION_RATE: f64 = 0.07;
/// The share of visits with an order that nothing shown has caused.
const ORGANIC_RATE: f64 = 0.0115;
/// What each time a thing was shown lately takes from the logit of a click.
const FATIGUE: f64 = 0.12;
/// Times shown beyond which a customer does not get more tired; below the 16 that are remembered.
const FATIGUE_MAX: f64 = 10.0;
/// How many random exposures the bases are solved on.
const SAMPLE: u64 = 8_192;

/// What is shown: a product in the list or a campaign's advert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The index of a recommended product.
    Product(u32),
    /// The index of a campaign.
    Campaign(u32),
}

/// The true probabilities behind one exposure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odds {
    /// The probability of a click.
    pub p_click: f64,
    /// The probability that a click leads to an order of the product within 7 days.
    pub p_conversion: f64,
}

/// The three bases, logits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bases {
    click: f64,
    conversion: f64,
    organic: f64,
}

/// Returns the probability that a place is looked at, from position 1 on.
fn examination(shown: Shown, position: usize) -> f64 {
    let below = position.saturating_sub(1) as f64;
    match shown {
        Shown::Product(_) => 1.0 / (1.0 + 0.12 * below),
        Shown::Campaign(_) => 0.8 / (1.0 + 0.3 * below),
    }
}

/// Returns what category and brand add to the utility of a product.
#[inline]
fn taste(catalog: &Catalog, customer: &Customer, product: usize) -> f32 {
    let (category, brand) = (catalog.categories[product], catalog.brands[product]);
    let mut sum = 0.0;
    for (favourite, strength) in customer.categories.iter().zip(customer.category_tastes) {
        sum += if *favourite == category { strength } else { 0.0 };
    }
    for (favourite, strength) in customer.brands.iter().zip(customer.brand_tastes) {
        sum += if *favourite == brand { strength } else { 0.0 };
    }
    sum
}

/// Returns the utility of a product for a customer.
#[inline]
pub(crate) fn utility(catalog: &Catalog, customer: &Customer, product: u32) -> f64 {
    let product = product as usize;
    let distance = (catalog.ln_prices[product] - customer.ln_price).abs();
    let liked = taste(catalog, customer, product) + catalog.appeals[product];
    f64::from(liked - customer.sensitivity * distance)
}

impl Bases {
    /// Solves for the bases on random customers, each as often as he visits, in random places.
    pub(crate) fn new(
        customers: &[Customer],
        (catalog, campaigns): (&Catalog, &Campaigns),
        [list_slots, ad_slots]: [usize; 2],
        root: Chance,
    ) -> Self {
        let mut clicks = Vec::new();
        let mut conversions = Vec::new();
        let mut organics = Vec::new();
        let chance = root.to(Purpose::Calibration);
        for at in 0..SAMPLE {
            let own = chance.of(at);
            let customer = &customers[own.of(0).below(customers.len())];
            let place = own.of(1).below((list_slots + ad_slots).max(1));
            let is_ad = place >= list_slots && !campaigns.products.is_empty();
            let (shown, position) = if is_ad {
                let campaign = own.of(2).below(campaigns.products.len()) as u32;
                (Shown::Campaign(campaign), place - list_slots + 1)
            } else {
                (Shown::Product(catalog.draw_any(own.of(2))), place + 1)
            };
            let (product, pull) = campaigns.product(shown);
            let bare = Self::default();
            let visits = f64::from(customer.visits);
            let click = bare.click_logit(catalog, customer, product, 0.0)
                + pull
                + examination(shown, position).ln();
            clicks.push((visits, click));
            conversions.push((visits, bare.conversion_logit(catalog, customer, product)));
            organics.push((visits, f64::from(customer.buys)));
        }
        let click = solve(&clicks, CLICK_RATE);
        for ((weight, _), (_, logit)) in conversions.iter_mut().zip(&clicks) {
            *weight *= logistic(click + logit);
        }
        let conversion = solve(&conversions, CONVERSION_RATE);
        Self { click, conversion, organic: solve(&organics, ORGANIC_RATE) }
    }

    fn click_logit(
        &self,
        catalog: &Catalog,
        customer: &Customer,
        product: u32,
        lately: f64,
    ) -> f64 {
        self.click + utility(catalog, customer, product) + f64::from(customer.clicks)
            - FATIGUE * lately.min(FATIGUE_MAX)
    }

    fn conversion_logit(&self, catalog: &Catalog, customer: &Customer, product: u32) -> f64 {
        let at = product as usize;
        let above = (catalog.ln_prices[at] - customer.ln_price).max(0.0);
        let liked = 0.5 * taste(catalog, customer, at) + 0.25 * catalog.appeals[at];
        self.conversion + f64::from(liked - customer.sensitivity * above + customer.buys)
    }

    /// Returns the probability of a click; `lately` is how often the thing was shown lately.
    #[inline]
    pub(crate) fn p_click(
        &self,
        (catalog, campaigns): (&Catalog, &Campaigns),
        customer: &Customer,
        shown: Shown,
        position: usize,
        lately: f64,
    ) -> f64 {
        let (product, pull) = campaigns.product(shown);
        let logit = self.click_logit(catalog, customer, product, lately);
        logistic(logit + pull + examination(shown, position).ln())
    }

    /// Returns the probability that a click on the product leads to an order of it.
    #[inline]
    pub(crate) fn p_conversion(&self, catalog: &Catalog, customer: &Customer, product: u32) -> f64 {
        logistic(self.conversion_logit(catalog, customer, product))
    }

    /// Returns the probability that a visit has an order that nothing shown has caused.
    pub(crate) fn p_organic(&self, customer: &Customer) -> f64 {
        logistic(self.organic + f64::from(customer.buys))
    }
}

/// Returns the base with which the weighted mean of logistic(base + logit) is `rate`, by bisection.
fn solve(sample: &[(f64, f64)], rate: f64) -> f64 {
    let weights: f64 = sample.iter().map(|(weight, _)| weight).sum();
    let (mut low, mut high) = (-60.0, 30.0);
    for _ in 0..50 {
        let base = f64::midpoint(low, high);
        let sum: f64 = sample.iter().map(|(weight, logit)| weight * logistic(base + logit)).sum();
        if sum < rate * weights {
            low = base;
        } else {
            high = base;
        }
    }
    f64::midpoint(low, high)
}
