//! Advertising campaigns.

/// A campaign: a product or brand that pays (or earns) by being shown.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Campaign {
    /// The identifier that events carry.
    pub id: String,
    /// The name shown to people.
    pub name: String,
    /// The product that is advertised, if it is one.
    pub product: Option<String>,
    /// The category that is advertised.
    pub category: Option<String>,
    /// The creative that is shown.
    pub creative: String,
    /// What a click costs the campaign, in millionths.
    pub bid_per_click: i64,
    /// What may be spent in all, in millionths.
    pub budget: i64,
    /// What may be spent in a day, in millionths; `None` is no daily limit.
    pub budget_day: Option<i64>,
    /// First moment, UTC microseconds.
    pub starts_at: i64,
    /// First moment after the end, UTC microseconds.
    pub ends_at: i64,
    /// Segments it is meant for; empty means everybody.
    pub segments: Vec<String>,
}
