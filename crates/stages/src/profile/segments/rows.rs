//! The rows of events as the rules take them in.

use std::sync::Arc;

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

/// The catalogue, by identifier.
type Catalogue = FxHashMap<String, Product>;

/// Products by code, and which conditions each one meets as the catalogue is now.
#[derive(Debug, Default)]
pub(super) struct Products {
    names: Texts,
    held: Assortment,
    /// A bit a condition, some words a product.
    met: Vec<u64>,
}

/// The products of a shop and what is asked of them, as they are known at a moment: to be compared
/// with another catalogue while others use the segments.
#[derive(Debug, Clone, Default)]
pub struct Assortment {
    catalogue: Arc<Catalogue>,
    conditions: Arc<[Expression]>,
}

/// Another catalogue, and how it differs from the one that is known.
#[derive(Debug)]
pub struct Compared {
    /// What it was compared with.
    known: Assortment,
    catalogue: Arc<Catalogue>,
    /// The products that are new, different or gone.
    changed: Vec<String>,
    /// The conditions that each of them meets from now on: a bit a condition, some words a product.
    met: Vec<u64>,
}

impl Assortment {
    /// Finds out how another catalogue differs. The conditions are held against what is new,
    /// different or gone alone: the others meet what they met.
    #[must_use]
    pub fn compare(self, catalogue: Vec<Product>) -> Compared {
        let catalogue = by_identifier(catalogue);
        let (mut changed, mut met) = (Vec::new(), Vec::new());
        if !self.conditions.is_empty() {
            let is_known = |product: &Product| self.catalogue.get(&product.id) == Some(product);
            for product in catalogue.values().filter(|product| !is_known(product)) {
                changed.push(product.id.clone());
                self.hold(product, &mut met);
            }
            for id in self.catalogue.keys().filter(|id| !catalogue.contains_key(*id)) {
                changed.push(id.clone());
                self.hold(&unknown(id), &mut met);
            }
        }
        Compared { known: self, catalogue: Arc::new(catalogue), changed, met }
    }

    /// Returns whether both are one and the same, and not just equal.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.catalogue, &other.catalogue)
            && Arc::ptr_eq(&self.conditions, &other.conditions)
    }

    fn words(&self) -> usize {
        self.conditions.len().div_ceil(64)
    }

    /// Adds the conditions that a product meets.
    fn hold(&self, product: &Product, met: &mut Vec<u64>) {
        let first = met.len();
        met.resize(first + self.words(), 0);
        for (at, condition) in self.conditions.iter().enumerate() {
            if condition.holds(product, 0) {
                met[first + at / 64] |= 1 << (at % 64);
            }
        }
    }

    /// Adds the conditions that the product of a name meets.
    fn hold_named(&self, name: &str, met: &mut Vec<u64>) {
        match self.catalogue.get(name) {
            Some(product) => self.hold(product, met),
            None => self.hold(&unknown(name), met),
        }
    }
}

fn by_identifier(catalogue: Vec<Product>) -> Catalogue {
    catalogue.into_iter().map(|product| (product.id.clone(), product)).collect()
}

/// Returns what the catalogue does not have: it meets what is said of nothing but its identifier.
fn unknown(name: &str) -> Product {
    Product { id: name.to_owned(), ..Product::default() }
}

impl Products {
    /// Returns a catalogue before any event, held against the conditions of rules.
    pub(super) fn new(catalogue: Vec<Product>, rules: &Rules) -> Self {
        let catalogue = Arc::new(by_identifier(catalogue));
        let conditions = Arc::from(&rules.conditions[..]);
        Self { held: Assortment { catalogue, conditions }, ..Self::default() }
    }

    /// Returns what is known, to be compared with another catalogue.
    pub(super) fn held(&self) -> Assortment {
        self.held.clone()
    }

    /// Takes another catalogue; returns whether any product meets other conditions than before.
    pub(super) fn know(&mut self, compared: &Compared) -> bool {
        let is_compared = self.held.is(&compared.known);
        self.held.catalogue = Arc::clone(&compared.catalogue);
        // It was compared with something else than what is known by now.
        if !is_compared {
            let before = std::mem::take(&mut self.met);
            self.hold_all();
            return self.met != before;
        }
        let words = self.held.words();
        if words == 0 {
            return false;
        }
        let mut is_news = false;
        for (name, met) in compared.changed.iter().zip(compared.met.chunks_exact(words)) {
            // Nobody did anything with it.
            let Some(code) = self.names.code_of(name) else { continue };
            let first = code as usize * words;
            let own = &mut self.met[first..first + words];
            is_news |= *own != *met;
            own.copy_from_slice(met);
        }
        is_news
    }

    /// Holds all products against other conditions.
    pub(super) fn hold_against(&mut self, rules: &Rules) {
        self.held.conditions = Arc::from(&rules.conditions[..]);
        self.hold_all();
    }

    fn hold_all(&mut self) {
        self.met.clear();
        self.met.reserve(self.names.values().len() * self.held.words());
        for name in self.names.values() {
            self.held.hold_named(name, &mut self.met);
        }
    }

    /// Returns the code of a product.
    fn intern(&mut self, name: &str) -> u32 {
        let code = self.names.intern(name);
        let words = self.held.words();
        if words > 0 && code as usize * words == self.met.len() {
            self.held.hold_named(name, &mut self.met);
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
        own.held.catalogue = Arc::clone(&self.held.catalogue);
        own.hold_against(rules);
        own
    }

    /// Returns whether a product meets a condition; no product meets any.
    pub(super) fn meets(&self, product: u32, condition: usize) -> bool {
        let words = self.held.words();
        let word = (product as usize).checked_mul(words).map(|at| at + condition / 64);
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
            products.values().iter().map(|name| self.products.intern(name)).collect();
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
        shop.lake.stream_in_time(SQL, &at, |part| self.extend(&part))
    }
}
