//! The rows of events as the rules take them in.

use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;
use shopwise_model::frame::{Frame, NULL_CODE, NULL_INT, Texts};
use shopwise_model::money::{Rate, Rates};
use shopwise_model::tables::EVENTS;
use shopwise_model::{Calendar, EventKind, Product, Settings};
use shopwise_store::lake::At;

use super::past::{Kind, Line};
use super::rules::Rules;
use super::{Definition, Segments};
use crate::error::{Error, Result, calendar};
use crate::language::{About, Expression, Mistake};
use crate::shop::Shop;

/// What is read of the log, the lines of an event behind each other.
const SQL: &str = include_str!("events.sql");

/// What amounts are worth in the shop's currency.
#[derive(Debug)]
pub(super) struct Worth {
    own: String,
    rates: Rates,
    calendar: Calendar,
}

impl Worth {
    pub(super) fn new(settings: &Settings, rates: &[Rate]) -> Result<Self> {
        let rates = Rates::new(&settings.currency, rates);
        Ok(Self { own: settings.currency.clone(), rates, calendar: calendar(settings)? })
    }

    /// Returns an amount in the shop's currency; 0 where there is no rate. Without a currency it is
    /// meant in the shop's own.
    fn of(&self, amount: i64, currency: Option<&str>, at: i64) -> i64 {
        match currency {
            None => amount,
            Some(currency) if currency == self.own => amount,
            Some(currency) => {
                self.rates.convert(amount, currency, self.calendar.day(at)).unwrap_or(0)
            }
        }
    }
}

/// Products by code, and which conditions each one meets as the catalogue is now.
#[derive(Debug, Default)]
pub(super) struct Products {
    names: Texts,
    catalogue: FxHashMap<String, Product>,
    conditions: usize,
    /// A bit a condition, some words a product.
    met: Vec<u64>,
}

impl Products {
    /// Takes another catalogue; returns whether any product meets other conditions than before.
    pub(super) fn know(&mut self, catalogue: Vec<Product>, rules: &Rules) -> bool {
        let of = |product: Product| (product.id.clone(), product);
        self.catalogue = catalogue.into_iter().map(of).collect();
        let before = std::mem::take(&mut self.met);
        self.hold_against(rules);
        self.met != before
    }

    /// Holds all products against the conditions.
    pub(super) fn hold_against(&mut self, rules: &Rules) {
        self.met.clear();
        self.conditions = rules.conditions.len();
        for code in 0..self.names.values().len() {
            self.add(code, rules);
        }
    }

    fn words(&self) -> usize {
        self.conditions.div_ceil(64)
    }

    fn add(&mut self, code: usize, rules: &Rules) {
        let first = self.met.len();
        self.met.resize(first + self.words(), 0);
        // What the catalogue does not have meets what is said of nothing but its identifier.
        let unknown;
        let name = self.names.values()[code].as_ref();
        let product = match self.catalogue.get(name) {
            Some(product) => product,
            None => {
                unknown = Product { id: name.to_owned(), ..Product::default() };
                &unknown
            }
        };
        for (at, condition) in rules.conditions.iter().enumerate() {
            if condition.holds(product, 0) {
                self.met[first + at / 64] |= 1 << (at % 64);
            }
        }
    }

    /// Returns the code of a product.
    fn intern(&mut self, name: &str, rules: &Rules) -> u32 {
        let code = self.names.intern(name);
        if self.words() > 0 && code as usize * self.words() == self.met.len() {
            self.add(code as usize, rules);
        }
        code
    }

    /// Returns the products that are known, held against other rules.
    pub(super) fn as_seen_by(&self, rules: &Rules) -> Self {
        let mut own = Self::default();
        if rules.conditions.is_empty() {
            return own;
        }
        own.names = self.names.clone();
        own.catalogue.clone_from(&self.catalogue);
        own.hold_against(rules);
        own
    }

    /// Returns whether a product meets a condition; no product meets any.
    pub(super) fn meets(&self, product: u32, condition: usize) -> bool {
        let word = (product as usize).checked_mul(self.words()).map(|at| at + condition / 64);
        let word = word.filter(|_| product != NULL_CODE).and_then(|at| self.met.get(at));
        word.is_some_and(|word| word >> (condition % 64) & 1 == 1)
    }

    pub(super) fn bytes(&self) -> usize {
        8 * self.met.len() + self.names.values().len() * 100
    }
}

/// The segments that are defined and switched on.
#[derive(Debug, Default)]
pub struct Defined {
    /// Those that can be read.
    pub definitions: Vec<Definition>,
    /// The identifiers of the others, and what is wrong with them.
    pub wrong: Vec<(String, Mistake)>,
}

/// Returns the segments that are defined and switched on.
///
/// # Errors
/// When the ledger cannot be read or the settings are wrong.
pub fn definitions(shop: &Shop) -> Result<Defined> {
    let zone = &shop.settings.time_zone;
    let wrong = |_| Error::Wrong(format!("`{zone}` is no IANA time zone"));
    let zone = TimeZone::get(zone).map_err(wrong)?;
    let mut all = Defined::default();
    for rule in shop.ledger.segment_rules()? {
        if rule.off.is_some() {
            continue;
        }
        match Expression::read_in(&rule.expression, About::Customers, &zone) {
            Ok(expression) => {
                all.definitions.push(Definition { id: rule.id, name: rule.name, expression });
            }
            Err(mistake) => all.wrong.push((rule.id, mistake)),
        }
    }
    Ok(all)
}

impl Segments {
    /// Takes in rows of events, in whatever order the events come. The lines of one event come
    /// behind each other.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn extend(&mut self, part: &Frame) -> Result<()> {
        let kinds = part.text("kind")?;
        let kind_of: Vec<Kind> =
            kinds.values().iter().map(|name| Kind::of(EventKind::from_name(name))).collect();
        let (customers, products) = (part.text("customer")?, part.text("product")?);
        let customer_of: Vec<u32> =
            customers.values().iter().map(|name| self.persons.intern(name)).collect();
        let product_of: Vec<u32> =
            products.values().iter().map(|name| self.products.intern(name, &self.rules)).collect();
        self.know_new_names();
        let (ids, currencies) = (part.id("event_id")?, part.text("currency")?);
        let (quantities, amounts) = (part.int("quantity")?, part.int("amount")?);
        let times = part.time("occurred_at")?;
        let code = |of: &[u32], row: u32| of.get(row as usize).copied().unwrap_or(NULL_CODE);
        let present = |value: i64| if value == NULL_INT { 0 } else { value };
        for row in 0..part.rows() {
            let is_new_event = self.last_event != Some(ids[row]);
            self.last_event = Some(ids[row]);
            let customer = code(&customer_of, customers.codes()[row]);
            if customer == NULL_CODE {
                continue;
            }
            let kind = kind_of.get(kinds.codes()[row] as usize).copied().unwrap_or(Kind::Other);
            let amount = match kind {
                Kind::Order | Kind::Refund => {
                    self.worth.of(present(amounts[row]), currencies.get(row), times[row])
                }
                Kind::View | Kind::Cart | Kind::Search | Kind::Other => 0,
            };
            self.take(
                customer,
                &Line {
                    kind,
                    is_new_event,
                    at: times[row],
                    product: code(&product_of, products.codes()[row]),
                    quantity: present(quantities[row]),
                    amount,
                },
            );
        }
        Ok(())
    }

    /// Returns the segments of a shop before any event, at the moment `now`.
    ///
    /// # Errors
    /// When the ledger cannot be read or the settings are wrong.
    pub fn of_shop(shop: &Shop, definitions: Vec<Definition>, now: i64) -> Result<Self> {
        let (products, rates) = (shop.ledger.products()?, shop.ledger.rates()?);
        Self::new(&shop.settings, definitions, products, &rates, now)
    }

    /// Takes in the log as it was at a version.
    ///
    /// # Errors
    /// Store errors.
    pub fn replay(&mut self, shop: &Shop, version: u64) -> Result<()> {
        let at = [At { table: EVENTS.name, version }];
        shop.lake.stream_at(SQL, &at, |part| self.extend(&part))
    }
}
