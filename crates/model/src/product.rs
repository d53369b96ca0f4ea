//! What the shop sells.

use std::collections::BTreeMap;

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Product {
    /// The identifier that events carry.
    pub id: String,
    /// The title shown to customers.
    pub title: String,
    /// The category; levels are joined by ` > `.
    pub category: Option<String>,
    /// The brand.
    pub brand: Option<String>,
    /// The price in millionths of the currency's unit.
    pub price: Option<i64>,
    /// What one piece costs the shop, in millionths.
    pub cost: Option<i64>,
    /// Pieces in stock; unknown is `None`.
    pub stock: Option<i64>,
    /// Who sells it, in a shop of several sellers.
    pub seller: Option<String>,
    /// Whether it is kept off every list.
    pub is_hidden: bool,
    /// The first moment at which it may be shown, UTC microseconds; `None` is always.
    pub available_from: Option<i64>,
    /// The first moment at which it may be shown no longer; `None` is never.
    pub available_until: Option<i64>,
    /// Whatever else the shop says of it, by name.
    pub attributes: BTreeMap<String, serde_json::Value>,
}

impl Product {
    /// Returns whether it may stand in a list at a moment: neither hidden nor known to be sold out,
    /// and within the time in which it is offered.
    #[must_use]
    pub fn may_be_shown(&self, at: i64) -> bool {
        !self.is_hidden
            && self.stock.is_none_or(|stock| stock > 0)
            && self.available_from.is_none_or(|from| from <= at)
            && self.available_until.is_none_or(|until| at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_sold_out_or_out_of_its_time_may_not_be_shown() {
        let product = Product::default();
        assert!(product.may_be_shown(5), "nothing is known against it");
        assert!(!Product { is_hidden: true, ..product.clone() }.may_be_shown(5));
        assert!(!Product { stock: Some(0), ..product.clone() }.may_be_shown(5));
        assert!(Product { stock: Some(1), ..product.clone() }.may_be_shown(5));
        let limited = Product { available_from: Some(5), available_until: Some(7), ..product };
        let shown: Vec<i64> = (4..8).filter(|at| limited.may_be_shown(*at)).collect();
        assert_eq!(shown, [5, 6]);
    }
}
