//! What a simulated shop can be told, and what is refused.

use shopwise_model::time::DAY;

/// The result of building or driving a world.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a world could not be built or driven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A setting is outside its range.
    #[error("{name} must be {allowed}, got `{value}`")]
    Setting {
        /// The name of the setting.
        name: &'static str,
        /// What is allowed, in words.
        allowed: String,
        /// The value that was given.
        value: String,
    },
    /// A day was ended that had not begun.
    #[error("day {day} has not begun: ask for its visits first")]
    NotBegun {
        /// The day that was to end.
        day: u32,
    },
    /// There is not one decision a visit.
    #[error("day {day} has {visits} visits, got {decisions} decisions")]
    Decisions {
        /// The day.
        day: u32,
        /// Its visits.
        visits: usize,
        /// The decisions that were given.
        decisions: usize,
    },
    /// A decision shows what cannot be shown.
    #[error("decision {at}: {name} must be {allowed}, got `{value}`")]
    Decision {
        /// Which decision of the day, from 0.
        at: usize,
        /// What is wrong.
        name: &'static str,
        /// What is allowed, in words.
        allowed: String,
        /// The value that was given.
        value: String,
    },
}

/// The largest number of customers: what a customer needs in memory is about 200 bytes.
const CUSTOMERS_MAX: u32 = 10_000_000;
/// The largest number of days before the horizon: ten years.
const DAYS_MAX: u32 = 3_650;
/// The largest catalogue.
const PRODUCTS_MAX: u32 = 1_000_000;
/// The largest number of campaigns.
const CAMPAIGNS_MAX: u32 = 100_000;
/// The largest number of places in one list: what an order's number leaves room for.
const SLOTS_MAX: u32 = 100;
/// The largest strength of tastes and distance of archetypes; beyond it all rates are 0 or 1.
const STRENGTH_MAX: f64 = 10.0;
/// 2024-01-01, UTC microseconds.
const STARTS_AT: i64 = 1_704_067_200_000_000;
/// The first and last moment that can be day 0: years 1970 to 2200.
const STARTS: std::ops::Range<i64> = 0..7_258_118_400_000_000;

/// The settings of a world.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How many customers there are, those included who join later: 1 to 10,000,000.
    pub customers: u32,
    /// Days in which customers join and for which campaigns are planned: 1 to 3,650. A world goes
    /// on after them.
    pub days: u32,
    /// The seed of everything that is drawn by chance.
    pub seed: u64,
    /// How many products are sold: 1 to 1,000,000.
    pub products: u32,
    /// How many campaigns there are: 0 to 100,000.
    pub campaigns: u32,
    /// How strong tastes are, 0 to 10. At 0 all products are equal in appeal and price and no two
    /// customers differ in what they click or buy; they still differ in when they come, how much
    /// they buy at once and what they send back.
    pub tastes: f64,
    /// How far archetypes lie apart, 0 to 10: at 0 they are equal, at 2 they overlap, from about 6
    /// k-means finds nearly everybody's.
    pub separation: f64,
    /// How many recommended products a visit has room for: 0 to 100.
    pub list_slots: u32,
    /// How many adverts a visit has room for: 0 to 100.
    pub ad_slots: u32,
    /// The ISO 4217 code of all prices.
    pub currency: String,
    /// Midnight of day 0, UTC microseconds.
    pub starts_at: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            customers: 2_000,
            days: 180,
            seed: 42,
            products: 1_000,
            campaigns: 40,
            tastes: 1.0,
            separation: 2.0,
            list_slots: 8,
            ad_slots: 2,
            currency: "USD".to_owned(),
            starts_at: STARTS_AT,
        }
    }
}

impl Settings {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first one that is outside its range.
    pub fn check(&self) -> Result<()> {
        check_count("customers", self.customers, 1, CUSTOMERS_MAX)?;
        check_count("days", self.days, 1, DAYS_MAX)?;
        check_count("products", self.products, 1, PRODUCTS_MAX)?;
        check_count("campaigns", self.campaigns, 0, CAMPAIGNS_MAX)?;
        check_count("list_slots", self.list_slots, 0, SLOTS_MAX)?;
        check_count("ad_slots", self.ad_slots, 0, SLOTS_MAX)?;
        check_strength("tastes", self.tastes)?;
        check_strength("separation", self.separation)?;
        if self.currency.len() != 3 || !self.currency.bytes().all(|byte| byte.is_ascii_uppercase())
        {
            return Err(wrong("currency", "three capital letters", &self.currency));
        }
        if self.starts_at.rem_euclid(DAY) != 0 || !STARTS.contains(&self.starts_at) {
            let allowed = "midnight in UTC microseconds, in the years 1970 to 2199";
            return Err(wrong("starts_at", allowed, &self.starts_at));
        }
        Ok(())
    }
}

fn check_count(name: &'static str, value: u32, low: u32, high: u32) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(wrong(name, &format!("from {low} to {}", with_commas(high)), &value))
}

fn check_strength(name: &'static str, value: f64) -> Result<()> {
    if (0.0..=STRENGTH_MAX).contains(&value) {
        return Ok(());
    }
    Err(wrong(name, &format!("from 0 to {STRENGTH_MAX}"), &value))
}

fn wrong(name: &'static str, allowed: &str, value: &dyn std::fmt::Display) -> Error {
    Error::Setting { name, allowed: allowed.to_owned(), value: value.to_string() }
}

/// Returns the number with a comma before each three digits: `10,000,000`.
fn with_commas(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
