//! The schemas of the shop's tables: each stands once, here.

use crate::frame::{Column, Frame, Kind};

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name of the column.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// One table of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The name, in SQL and as a folder.
    pub name: &'static str,
    /// The columns in order.
    pub fields: &'static [Field],
}

impl Table {
    /// Returns a frame of this table without rows.
    #[must_use]
    pub fn empty(&self) -> Frame {
        self.fields.iter().fold(Frame::default(), |frame, field| {
            frame.with(field.name, Column::empty(field.kind))
        })
    }
}

macro_rules! tables {
    ($($(#[$doc:meta])* $constant:ident $name:literal {
        $($field:ident: $kind:ident),* $(,)?
    })*) => {
        $($(#[$doc])* pub const $constant: Table = Table {
            name: $name,
            fields: &[$(Field { name: stringify!($field), kind: Kind::$kind }),*],
        };)*
        /// Every table of the lake.
        pub const TABLES: &[Table] = &[$($constant),*];
    };
}

tables! {
    /// What happened, in time order within a file. The key is (event_id, line). `customer` is a
    /// pseudonym; money is in millionths of `currency`; `propensity` is the probability with which
    /// the shown thing was chosen; `extra` is a JSON object of everything else.
    EVENTS "events" {
        event_id: Id, line: Int, message_id: Text, source: Text, kind: Text, customer: Text,
        session: Text, product: Text, quantity: Int, unit_price: Int, amount: Int, currency: Text,
        order: Text, rating: Float, query: Text, placement: Text, position: Int, campaign: Text,
        creative: Text, decision: Text, propensity: Float, experiment: Text, variant: Text,
        channel: Text, device: Text, store: Text, country: Text, occurred_at: Time,
        received_at: Time, extra: Text,
    }
    /// Rows that an importer refused: where they stood, what was wrong.
    REFUSED "refused" {
        file: Text, line: Int, field: Text, value: Text, reason: Text, refused_at: Time,
    }
    /// The lists that the server left to chance in part, each with all its entries: which product
    /// stood at which position, from 1, and the probability with which it did. Lists without chance
    /// are not in it, nor is any customer. A row that was moved twice stands twice.
    DECISIONS "decisions" {
        decision: Text, scene: Text, product: Text, position: Int, propensity: Float,
        decided_at: Time,
    }
    /// Visits: events of a customer less than 30 minutes apart.
    SESSIONS "sessions" {
        session: Text, customer: Text, started_at: Time, ended_at: Time, events: Int, views: Int,
        carts: Int, orders: Int, amount: Int,
    }
    /// Orders in the shop's currency; `refunded` is what came back later.
    ORDERS "orders" {
        order: Text, customer: Text, occurred_at: Time, lines: Int, quantity: Int, amount: Int,
        refunded: Int, country: Text, outlier: Bool,
    }
    /// The lines of orders; flags mark what a reader should doubt.
    ORDER_LINES "order_lines" {
        order: Text, line: Int, customer: Text, product: Text, occurred_at: Time, quantity: Int,
        unit_price: Int, amount: Int, price_zero: Bool, outlier: Bool,
    }
    /// One row a customer, as of the last event. Days are of 86,400 seconds; money in the
    /// currency's unit as a number.
    CUSTOMER_FEATURES "customer_features" {
        customer: Text, first_seen: Time, last_seen: Time, events: Int, sessions: Int, views: Int,
        carts: Int, orders: Int, refunds: Int, monetary: Float, average_order: Float,
        recency_days: Float, tenure_days: Float, interval_days: Float, items_per_order: Float,
        products: Int, categories: Int, top_category: Text, top_category_share: Float,
        price_level: Float, return_rate: Float, weekend_share: Float, evening_share: Float,
        ads_shown: Int, ads_clicked: Int,
    }
    /// One row a product, as of the last event.
    PRODUCT_FEATURES "product_features" {
        product: Text, title: Text, category: Text, brand: Text, views: Int, carts: Int,
        orders: Int, quantity: Int, refunds: Int, revenue: Float, average_price: Float,
        customers: Int,
        shown: Int, clicked: Int, first_sold: Time, last_sold: Time,
    }
    /// One row a thing shown: where, by whom it was chosen and with which probability; what came of
    /// it; and what was known at that moment, from `customer_views` on. `settled` says that the
    /// time in which an order counts as its outcome has passed; `value` is what was bought, `cost`
    /// what the campaign paid, both in millionths.
    EXPOSURES "exposures" {
        event_id: Id, line: Int, kind: Text, customer: Text, product: Text, campaign: Text,
        creative: Text, placement: Text, position: Int, decision: Text, propensity: Float,
        experiment: Text, variant: Text, device: Text, channel: Text, occurred_at: Time,
        clicked: Bool, converted: Bool, converted_at: Time, settled: Bool, value: Int, cost: Int,
        customer_views: Float, customer_orders: Float, days_since_seen: Float,
        customer_click_rate: Float, category_affinity: Float, brand_affinity: Float,
        price_gap: Float, price_distance: Float, product_views: Float, product_bought: Float,
        times_shown: Float, days_since_shown: Float, product_click_rate: Float,
        product_order_rate: Float, product_price: Float, hour_sine: Float, hour_cosine: Float,
        weekend: Float,
    }
    /// The categories, brands and prices that customers turn to more than others do, each as of his
    /// own last event, but for those that a customer wanted gone. `weight` is interest in views,
    /// which fades; `share` is its part of the customer's whole interest, `lift` how many times
    /// everybody's part that is.
    TAGS "tags" {
        customer: Text, tag: Text, kind: Text, name: Text, weight: Float, share: Float, lift: Float,
    }
    /// The categories and brands that the list of a customer holds more of than those of all do:
    /// what the model of recommendations expects him to turn to. `share` is its part of the list,
    /// places discounted, `lift` how many times the part in everybody's that is.
    EXPECTED_TASTES "expected_tastes" {
        customer: Text, tag: Text, kind: Text, name: Text, share: Float, lift: Float,
    }
    /// Which segment and value group each customer is in, how likely he buys at a discount and
    /// sends back, how likely a newcomer buys a second time within 90 days of the first, and what
    /// is expected of everybody in the 90 days after the last event: `alive` is the probability
    /// that he still buys at all, `churn` that he buys nothing within them; purchases are days with
    /// at least one order, money is in the currency's unit, intervals hold 90 %.
    PROFILES "profiles" {
        customer: Text, segment: Text, recency_score: Int, frequency_score: Int,
        monetary_score: Int, rfm_group: Text, distance: Float, discount_share: Float,
        return_share: Float, repeat_likely: Float, life_cycle: Text, alive: Float, churn: Float,
        next_purchase: Time,
        expected_purchases: Float, purchases_low: Float, purchases_high: Float,
        expected_value: Float, value_low: Float, value_high: Float,
    }
    /// Pseudonyms that are one person with another: joined to `events.customer` on read. Any other
    /// is a person of its own.
    IDENTITIES "identities" {
        customer: Text, person: Text,
    }
    /// The segments: names, size, value and what sets each apart.
    SEGMENTS "segments" {
        segment: Text, name_en: Text, name_zh: Text, customers: Int, share: Float, revenue: Float,
        revenue_share: Float, description_en: Text, description_zh: Text, standardised: Text,
    }
    /// Recommended products, best first, with the reason as a product that was bought or seen.
    RECOMMENDATIONS "recommendations" {
        customer: Text, rank: Int, product: Text, score: Float, reason: Text, because: Text,
    }
    /// Rates, value and lift of each policy, and of each policy within each segment (empty: all
    /// customers). `method` is `observed`, or `ips` and `snips` where the policy is judged from the
    /// log of another one; lift is the difference against the policy `random`.
    FEEDBACK "feedback" {
        policy: Text, segment: Text, metric: Text, method: Text, visits: Int, estimate: Float,
        low: Float, high: Float, lift: Float, lift_low: Float, lift_high: Float,
    }
}

/// What was known about an exposure: the last columns of [`EXPOSURES`], which response models learn
/// from and deciding computes again.
pub const EXPOSURE_FEATURES: [&str; 18] = [
    "customer_views",
    "customer_orders",
    "days_since_seen",
    "customer_click_rate",
    "category_affinity",
    "brand_affinity",
    "price_gap",
    "price_distance",
    "product_views",
    "product_bought",
    "times_shown",
    "days_since_shown",
    "product_click_rate",
    "product_order_rate",
    "product_price",
    "hour_sine",
    "hour_cosine",
    "weekend",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_exposures_ends_with_its_features() {
        let fields = EXPOSURES.fields.iter().map(|field| field.name);
        let last = fields.skip(EXPOSURES.fields.len() - EXPOSURE_FEATURES.len());
        assert_eq!(last.collect::<Vec<_>>(), EXPOSURE_FEATURES);
    }
}
