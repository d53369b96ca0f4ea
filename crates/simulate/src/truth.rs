//! The truth beside the events: what a stage may be asked to recover.

use shopwise_model::time::DAY;
use shopwise_model::{Column, Frame};

use crate::archetypes::ARCHETYPES;
use crate::catalog::Catalog;
use crate::customers::Customer;
use crate::shop::Shop;

/// The truth of exposures, one row each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exposures {
    pub(crate) ids: Vec<[u8; 16]>,
    pub(crate) p_click: Vec<f64>,
    pub(crate) p_conversion: Vec<f64>,
    pub(crate) clicked: Vec<bool>,
    pub(crate) ordered: Vec<bool>,
}

impl Exposures {
    /// Adds an exposure of which no order has come yet.
    pub(crate) fn add(&mut self, id: [u8; 16], p_click: f64, p_conversion: f64, clicked: bool) {
        self.ids.push(id);
        self.p_click.push(p_click);
        self.p_conversion.push(p_conversion);
        self.clicked.push(clicked);
        self.ordered.push(false);
    }

    /// Notes whether an order came of a click on an exposure of the visit that was added last.
    pub(crate) fn follow(&mut self, id: &[u8; 16], ordered: bool) {
        // A visit has few exposures: the one that was clicked is near the end.
        if let Some(at) = self.ids.iter().rposition(|own| own == id) {
            self.ordered[at] = ordered;
        }
    }

    /// Returns the rows as a table.
    pub(crate) fn into_frame(self) -> Frame {
        Frame::default()
            .with("line", Column::Int(vec![0; self.ids.len()]))
            .with("event_id", Column::Id(self.ids))
            .with("p_click", Column::Float(self.p_click))
            .with("p_conversion", Column::Float(self.p_conversion))
            .with("clicked", Column::Bool(self.clicked))
            .with("ordered", Column::Bool(self.ordered))
    }
}

/// Returns one row a customer in the order of the world's indexes.
pub(crate) fn customers(shop: &Shop) -> Frame {
    let all = &shop.customers;
    let texts = |value: &dyn Fn(&Customer) -> Option<&'static str>| {
        Column::Text(all.iter().map(value).collect())
    };
    let floats = |value: &dyn Fn(&Customer) -> f32| {
        Column::Float(all.iter().map(|customer| f64::from(value(customer))).collect())
    };
    let times = |value: &dyn Fn(&Customer) -> i32| {
        let moment = |customer| shop.starts_at + i64::from(value(customer)) * DAY;
        Column::Time(all.iter().map(moment).collect())
    };
    let archetype = |customer: &Customer| i64::from(customer.archetype);
    Frame::default()
        .with("customer", Column::Text(shop.names.iter().map(AsRef::as_ref).collect()))
        .with("archetype", Column::Int(all.iter().map(archetype).collect()))
        .with(
            "archetype_name",
            texts(&|customer| Some(ARCHETYPES[customer.archetype as usize].name)),
        )
        .with(
            "favourite_category",
            texts(&|customer| {
                let is_liked = customer.category_tastes[0] > 0.0;
                is_liked.then(|| Catalog::category_name(customer.categories[0]))
            }),
        )
        .with(
            "favourite_brand",
            texts(&|customer| {
                let is_liked = customer.brand_tastes[0] > 0.0;
                is_liked.then(|| Catalog::brand_name(customer.brands[0]))
            }),
        )
        .with("price_sensitivity", floats(&|customer| customer.sensitivity))
        .with("preferred_price", floats(&|customer| customer.ln_price.exp()))
        .with("visits_per_day", floats(&|customer| customer.visits))
        .with("weekend_share", floats(&|customer| customer.weekend_share))
        .with("evening_share", floats(&|customer| customer.evening_share))
        .with("items_per_order", floats(&|customer| 1.0 + customer.basket))
        .with("return_rate", floats(&|customer| customer.return_rate))
        .with("joined_at", times(&|customer| customer.joined))
        .with("lapses_at", times(&|customer| customer.lapses))
}
