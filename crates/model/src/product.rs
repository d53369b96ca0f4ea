//! What the shop sells.

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
}
