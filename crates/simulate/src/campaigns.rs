//! The campaigns: each pays for clicks on one product.

use shopwise_model::Campaign;
use shopwise_model::money::MICROS;
use shopwise_model::time::DAY;

use crate::catalog::Catalog;
use crate::chance::{Chance, Purpose};
use crate::settings::Settings;
use crate::taste::Shown;

/// Days beyond the horizon in which long campaigns still run, so that a policy can be tried there.
const DAYS_BEYOND: i64 = 365;
/// Clicks a customer and day on all adverts, about: visits × places × click rate.
const CLICKS_PER_CUSTOMER: f64 = 0.06 * 2.0 * 0.015;

/// The campaigns, the product each advertises and how well its creative pulls.
#[derive(Debug)]
pub(crate) struct Campaigns {
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) products: Vec<u32>,
    /// What is added to the logit of a click.
    pub(crate) pulls: Vec<f32>,
}

impl Campaigns {
    /// Invents the campaigns of these settings. None is limited to segments: which segments there
    /// are, only a shop's own clustering can say.
    pub(crate) fn new(settings: &Settings, catalog: &Catalog, chance: Chance) -> Self {
        let mut all = Self { campaigns: Vec::new(), products: Vec::new(), pulls: Vec::new() };
        for at in 0..settings.campaigns {
            let own = chance.to(Purpose::Campaign).of(u64::from(at));
            let product = catalog.draw_product(catalog.draw_category(own.of(0)), own.of(1));
            all.campaigns.push(campaign(settings, catalog, at, product, own));
            all.products.push(product);
            all.pulls.push((settings.tastes * 0.25 * own.of(2).normal()) as f32);
        }
        all
    }

    /// Returns the product that is shown, and what a creative adds to the logit of a click.
    #[inline]
    pub(crate) fn product(&self, shown: Shown) -> (u32, f64) {
        match shown {
            Shown::Product(product) => (product, 0.0),
            Shown::Campaign(campaign) => {
                let at = campaign as usize;
                (self.products[at], f64::from(self.pulls[at]))
            }
        }
    }
}

fn campaign(
    settings: &Settings,
    catalog: &Catalog,
    at: u32,
    product: u32,
    chance: Chance,
) -> Campaign {
    let advertised = &catalog.products[product as usize];
    // A click is worth about 7 % of the price in orders; advertisers pay a part of it.
    let share = 0.006 + 0.02 * chance.of(3).unit();
    let price = catalog.prices[product as usize] as f64 / MICROS as f64;
    let bid_per_click = ((price * share * 100.0).round() as i64).max(5) * (MICROS / 100);
    let clicks = f64::from(settings.customers) * CLICKS_PER_CUSTOMER;
    let fair_share = (clicks / f64::from(settings.campaigns)).max(0.5);
    // Half a fair share of the clicks up to four: some budgets run out by noon, some never.
    let clicks_day = (fair_share * (0.5 + 3.5 * chance.of(4).unit())).ceil().max(2.0) as i64;
    let is_long = chance.of(5).happens(0.7);
    let days = i64::from(settings.days);
    let (first, count) = if is_long {
        (0, days + DAYS_BEYOND)
    } else {
        let first = chance.of(6).below(settings.days as usize) as i64;
        (first, (14 + chance.of(7).below(46) as i64).min(days + DAYS_BEYOND - first))
    };
    Campaign {
        id: format!("campaign-{:03}", at + 1),
        name: format!("{} campaign {}", advertised.brand.as_deref().unwrap_or("Shop"), at + 1),
        product: Some(advertised.id.clone()),
        category: None,
        creative: format!("creative-{:03}", at + 1),
        bid_per_click,
        budget: bid_per_click * clicks_day * count * 4 / 5,
        budget_day: chance.of(8).happens(0.8).then_some(bid_per_click * clicks_day),
        starts_at: settings.starts_at + first * DAY,
        ends_at: settings.starts_at + (first + count) * DAY,
        segments: Vec::new(),
    }
}
