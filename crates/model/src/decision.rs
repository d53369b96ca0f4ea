//! What is asked and answered when a customer visits: plain values between the simulator, which
//! hands out contexts, and the program, which decides.

/// A visit that waits for its decision. At most one a customer and day.
#[derive(Debug, Clone, PartialEq)]
pub struct VisitContext {
    /// The visit's number, unique in a world.
    pub visit: u64,
    /// The customer's index in the world.
    pub customer: u32,
    /// The moment of the decision, UTC microseconds: the first event of the visit.
    pub occurred_at: i64,
    /// The device: `phone`, `desktop`, `tablet`.
    pub device: &'static str,
    /// How the customer came: `direct`, `search`, `email`, `social`.
    pub channel: &'static str,
    /// How many recommended products are shown.
    pub list_slots: usize,
    /// How many adverts are shown.
    pub ad_slots: usize,
}

/// One shown thing and the probability with which it was chosen for its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Index of the product or campaign in the world.
    pub index: u32,
    /// The probability of this choice under the policy that made it.
    pub propensity: f64,
}

/// What is shown in one visit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VisitDecision {
    /// The decision's identifier, carried by the events.
    pub decision: String,
    /// The policy's name, carried by the events as `variant`.
    pub policy: &'static str,
    /// Recommended products, best place first; shorter than the slots is allowed.
    pub list: Vec<Choice>,
    /// Campaigns, best place first.
    pub ads: Vec<Choice>,
}

/// What came of one visit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VisitOutcome {
    /// The customer's index in the world.
    pub customer: u32,
    /// Things shown in the visit: adverts and recommended products.
    pub shown: u32,
    /// How many of them were clicked.
    pub clicked: u32,
    /// Which adverts were clicked: bit i stands for the advert in place i, counted from 0.
    pub ads_clicked: u128,
    /// Whether an order was placed.
    pub converted: bool,
    /// The value of the orders, in millionths.
    pub revenue: i64,
    /// What the shown campaigns paid for clicks, in millionths.
    pub ad_spend: i64,
}
