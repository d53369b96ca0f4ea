//! Who the customers are: habits from their archetype, tastes of their own, and a life cycle.

use crate::archetypes::ARCHETYPES;
use crate::catalog::Catalog;
use crate::chance::{Chance, Purpose, logistic};
use crate::settings::Settings;

/// Visits a customer and day, averaged over all customers and the days of the horizon.
const VISITS_PER_DAY: f64 = 0.06;
/// The share of customers who had joined before day 0.
const JOINED_BEFORE: f64 = 0.6;
/// Days in which a customer is new and comes more often.
const NEW_DAYS: i32 = 30;
/// Days in which a customer who lapses still comes now and then.
const LAPSING_DAYS: i32 = 45;
/// Mean days from joining, or from day 0, until a customer lapses.
const LOYAL_DAYS: f64 = 500.0;
/// How often a customer comes when new, active, lapsing and lost, against when active.
const STAGES: [f64; 4] = [1.4, 1.0, 0.35, 0.03];
/// Seconds of a day between which daytime visits begin.
const DAYTIME: [f64; 2] = [6.5 * 3600.0, 17.3 * 3600.0];
/// Seconds of a day between which evening visits begin; the last ones end before midnight.
const EVENING: [f64; 2] = [18.0 * 3600.0, 23.3 * 3600.0];
/// The devices, and how many customers prefer each.
pub(crate) const DEVICES: [&str; 3] = ["phone", "desktop", "tablet"];
const DEVICE_SHARES: [f64; 3] = [0.6, 0.3, 0.1];
/// The ways to the shop, and how many visits take each.
pub(crate) const CHANNELS: [&str; 4] = ["direct", "search", "email", "social"];
const CHANNEL_SHARES: [f64; 4] = [0.4, 0.3, 0.15, 0.15];
/// The countries, and how many customers live in each.
pub(crate) const COUNTRIES: [&str; 6] = ["US", "GB", "DE", "FR", "CN", "JP"];
const COUNTRY_SHARES: [f64; 6] = [0.4, 0.15, 0.15, 0.1, 0.1, 0.1];

/// One customer, small enough for millions.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) archetype: u8,
    pub(crate) device: u8,
    pub(crate) country: u8,
    /// Favourite categories, the dearest first; a taste of 0 is no favourite.
    pub(crate) categories: [u16; 3],
    pub(crate) category_tastes: [f32; 3],
    pub(crate) brands: [u16; 2],
    pub(crate) brand_tastes: [f32; 2],
    /// What a price that is e times too high takes from the utility.
    pub(crate) sensitivity: f32,
    /// The natural logarithm of the preferred price in units.
    pub(crate) ln_price: f32,
    /// Visits a day while active.
    pub(crate) visits: f32,
    pub(crate) weekend_share: f32,
    pub(crate) evening_share: f32,
    /// Mean number of further products in an order, and how far it varies: from 0 to 1.
    pub(crate) basket: f32,
    pub(crate) basket_spread: f32,
    pub(crate) return_rate: f32,
    /// What is added to the logit of every click and of every purchase.
    pub(crate) clicks: f32,
    pub(crate) buys: f32,
    /// The day of joining; below 0 before the world began.
    pub(crate) joined: i32,
    /// The day from which the customer comes less.
    pub(crate) lapses: i32,
}

impl Customer {
    fn new(settings: &Settings, catalog: &Catalog, chance: Chance) -> Self {
        let archetype = chance.of(0).pick(ARCHETYPES.iter().map(|kind| kind.share));
        let kind = &ARCHETYPES[archetype];
        let (tastes, apart) = (settings.tastes, settings.separation);
        // Shares may go to 0 and 1; sizes stay within what a shop has seen.
        let (apart_twice, apart_thrice) = (apart.min(2.0), apart.min(3.0));
        let noise = |at: u64, spread: f64| spread * chance.of(at).normal() / apart.max(1.0).sqrt();
        let joined = if chance.of(1).happens(JOINED_BEFORE) {
            -1 - chance.of(2).below(700) as i32
        } else {
            chance.of(2).below(settings.days as usize) as i32
        };
        let (categories, category_tastes) = favourite_categories(tastes, catalog, chance.of(3));
        let (brands, brand_tastes) = favourite_brands(tastes, catalog, categories, chance.of(4));
        Self {
            archetype: archetype as u8,
            device: chance.of(5).pick(DEVICE_SHARES.into_iter()) as u8,
            country: chance.of(6).pick(COUNTRY_SHARES.into_iter()) as u8,
            categories,
            category_tastes,
            brands,
            brand_tastes,
            sensitivity: (tastes * (-0.2 + apart_twice * kind.sensitivity + noise(7, 0.35)).exp())
                as f32,
            ln_price: (3.2 + tastes.min(1.0) * (apart_twice * kind.price + noise(8, 0.3))) as f32,
            visits: (apart_twice * kind.visits + noise(9, 0.9)).exp() as f32,
            weekend_share: logistic(-0.9 + apart * kind.weekend + noise(10, 0.5)) as f32,
            evening_share: logistic(-0.3 + apart * kind.evening + noise(11, 0.5)) as f32,
            basket: (-0.3 + apart_thrice * kind.basket + noise(12, 0.3)).exp() as f32,
            basket_spread: (1.0 / apart.max(1.0)) as f32,
            return_rate: logistic(-2.4 + apart * kind.returns + noise(13, 0.4)) as f32,
            clicks: (tastes * 0.25 * chance.of(14).normal()) as f32,
            buys: (tastes * (apart_twice * kind.buys + noise(15, 0.25))) as f32,
            joined,
            lapses: joined.max(0) + (LOYAL_DAYS * chance.of(16).exponential()) as i32,
        }
    }

    /// Returns how often the customer comes on a day against when active, by the life cycle.
    fn stage(&self, day: i32) -> f64 {
        if day < self.joined {
            0.0
        } else if day >= self.lapses + LAPSING_DAYS {
            STAGES[3]
        } else if day >= self.lapses {
            STAGES[2]
        } else if day < self.joined + NEW_DAYS {
            STAGES[0]
        } else {
            STAGES[1]
        }
    }

    /// Returns the sum of [`Customer::stage`] over the days of the horizon.
    fn stages(&self, days: i32) -> f64 {
        let within = |day: i32| day.clamp(0, days);
        let joined = within(self.joined);
        let lapses = within(self.lapses).max(joined);
        let settled = within(self.joined + NEW_DAYS).clamp(joined, lapses);
        let lost = within(self.lapses + LAPSING_DAYS).max(lapses);
        f64::from(settled - joined) * STAGES[0]
            + f64::from(lapses - settled) * STAGES[1]
            + f64::from(lost - lapses) * STAGES[2]
            + f64::from(days - lost) * STAGES[3]
    }

    /// Returns how often the customer comes on such a day against an average day of the week.
    pub(crate) fn weekday(&self, is_weekend: bool) -> f64 {
        let share = f64::from(self.weekend_share);
        if is_weekend { 3.5 * share } else { 1.4 * (1.0 - share) }
    }

    /// Returns the probability of a visit on a day.
    #[inline]
    pub(crate) fn visit_probability(&self, day: u32, is_weekend: bool, season: f64) -> f64 {
        let rate = f64::from(self.visits) * self.stage(day as i32) * season;
        (rate * self.weekday(is_weekend)).min(0.95)
    }

    /// Returns a moment of the day that suits the customer, microseconds after midnight.
    pub(crate) fn moment(&self, chance: Chance) -> i64 {
        let is_evening = chance.of(0).happens(f64::from(self.evening_share));
        let [from, to] = if is_evening { EVENING } else { DAYTIME };
        let middle = f64::midpoint(chance.of(1).unit(), chance.of(2).unit());
        ((from + middle * (to - from)) * 1e6) as i64
    }

    /// Returns how the customer comes this time: indexes into [`DEVICES`] and [`CHANNELS`].
    pub(crate) fn way(&self, chance: Chance) -> (u8, u8) {
        let device = if chance.of(3).happens(0.85) {
            self.device
        } else {
            chance.of(4).pick(DEVICE_SHARES.into_iter()) as u8
        };
        (device, chance.of(5).pick(CHANNEL_SHARES.into_iter()) as u8)
    }
}

/// Returns one to three favourite categories and how much each adds to the utility.
fn favourite_categories(tastes: f64, catalog: &Catalog, chance: Chance) -> ([u16; 3], [f32; 3]) {
    let count = 1 + chance.of(0).pick([0.3, 0.4, 0.3].into_iter());
    let mut categories = [0; 3];
    let mut strengths = [0.0; 3];
    for at in 0..3 {
        let own = chance.of(1 + at as u64);
        categories[at] = catalog.draw_category(own.of(0));
        let is_new = !categories[..at].contains(&categories[at]);
        if at < count && is_new {
            let strength = [1.2, 0.9, 0.6][at] + 0.15 * own.of(1).normal();
            strengths[at] = (tastes * strength) as f32;
        }
    }
    (categories, strengths)
}

/// Returns two brands that make things of the favourite categories, and what each adds.
fn favourite_brands(
    tastes: f64,
    catalog: &Catalog,
    categories: [u16; 3],
    chance: Chance,
) -> ([u16; 2], [f32; 2]) {
    let brand = |at: usize| {
        let product = catalog.draw_product(categories[at], chance.of(at as u64));
        catalog.brands[product as usize]
    };
    let brands = [brand(0), brand(1)];
    let second = if brands[0] == brands[1] { 0.0 } else { 0.3 };
    (brands, [(0.5 * tastes) as f32, (second * tastes) as f32])
}

/// Invents the customers of these settings; visits average [`VISITS_PER_DAY`] over the horizon.
pub(crate) fn invent(settings: &Settings, catalog: &Catalog, chance: Chance) -> Vec<Customer> {
    let root = chance.to(Purpose::Customer);
    let mut customers: Vec<Customer> = (0..u64::from(settings.customers))
        .map(|at| Customer::new(settings, catalog, root.of(at)))
        .collect();
    let days = settings.days as i32;
    let sum: f64 =
        customers.iter().map(|own| f64::from(own.visits) * own.stages(days)).sum::<f64>();
    let wanted = VISITS_PER_DAY * f64::from(settings.customers) * f64::from(settings.days);
    let factor = if sum > 0.0 { wanted / sum } else { 1.0 };
    for customer in &mut customers {
        // In a shop of a few customers who join late the factor would be absurd.
        customer.visits = (f64::from(customer.visits) * factor).min(0.6) as f32;
    }
    customers
}
