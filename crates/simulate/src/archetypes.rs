//! The planted segments: kinds of customers that differ in when, how often and how much they buy.

/// One kind of customer. Each number but the share is what sets the kind apart from the average, on
/// the scale on which it is added: it is multiplied by the separation.
#[derive(Debug)]
pub(crate) struct Archetype {
    /// The name, in the truth.
    pub(crate) name: &'static str,
    /// The share of customers.
    pub(crate) share: f64,
    /// Visits a day, natural logarithm.
    pub(crate) visits: f64,
    /// The share of visits on Saturday and Sunday, logit.
    pub(crate) weekend: f64,
    /// The share of visits from 18:00 on, logit.
    pub(crate) evening: f64,
    /// Further products in an order, natural logarithm of the mean.
    pub(crate) basket: f64,
    /// The preferred price, natural logarithm.
    pub(crate) price: f64,
    /// Price sensitivity, natural logarithm.
    pub(crate) sensitivity: f64,
    /// The share of order lines that come back, logit.
    pub(crate) returns: f64,
    /// The inclination to buy, logit.
    pub(crate) buys: f64,
}

/// Every kind of customer.
pub(crate) const ARCHETYPES: [Archetype; 4] = [
    Archetype {
        name: "weekend bargain hunter",
        share: 0.26,
        visits: 0.0,
        weekend: 1.1,
        evening: -1.1,
        basket: -0.6,
        price: -0.3,
        sensitivity: 0.3,
        returns: -0.5,
        buys: 0.0,
    },
    Archetype {
        name: "evening basket filler",
        share: 0.27,
        visits: 0.1,
        weekend: -1.1,
        evening: 1.1,
        basket: 0.6,
        price: 0.0,
        sensitivity: -0.1,
        returns: -0.5,
        buys: -0.05,
    },
    Archetype {
        name: "daytime browser",
        share: 0.25,
        visits: 0.25,
        weekend: -1.1,
        evening: -1.1,
        basket: -0.1,
        price: -0.05,
        sensitivity: 0.1,
        returns: -0.3,
        buys: -0.2,
    },
    Archetype {
        name: "weekend splurger",
        share: 0.22,
        visits: -0.3,
        weekend: 1.1,
        evening: 1.1,
        basket: -0.4,
        price: 0.45,
        sensitivity: -0.3,
        returns: 0.8,
        buys: 0.3,
    },
];
