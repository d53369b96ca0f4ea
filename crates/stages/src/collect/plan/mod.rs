//! The tracking plan: which events a shop sends, with which properties of which types.
//!
//! A violation is counted and shown; it never costs an event, and what the plan does not know is
//! kept and is no violation. The plan begins as Segment's [`SPECIFICATION`]; a shop adds its own
//! events, or changes ours, in TOML:
//!
//! ```toml
//! [[event]]
//! name = "Wheel Spun"
//! aliases = ["Spun Wheel"]
//! required = ["prize"]
//! properties = { prize = "text", spins = "number" }
//! ```

mod specification;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

pub use specification::{SPECIFICATION, Specified};

use super::vocabulary::plain;
use crate::error::{Error, Result};

/// Events that a shop may add: each is kept in memory and may be counted for ever.
const EVENTS_MAX: usize = 1_000;

/// Properties of one event.
const PROPERTIES_MAX: usize = 200;

/// Different violations that are counted apart; those beyond are counted together.
const VIOLATIONS_MAX: usize = 10_000;

/// Products of one event that are looked at: the next ones are made by the same program.
const PRODUCTS_MAX: usize = 20;

/// By how much a sum may differ, in units of money for each part: each is rounded to a cent.
const ROUNDING: f64 = 0.01;

/// What a property is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// A text.
    Text,
    /// A number; a text that looks like one is none.
    Number,
    /// True or false.
    Flag,
    /// A list of anything.
    List,
    /// A list of products.
    Products,
    /// Anything.
    Any,
}

/// What is wrong with a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is needed and is not there.
    Missing,
    /// Its value is no text.
    NotText,
    /// Its value is no number; a price in quotes is none.
    NotNumber,
    /// Its value is neither true nor false.
    NotFlag,
    /// Its value is no list.
    NotList,
    /// A product in a list is no object.
    NotObject,
    /// There is money and no currency.
    NoCurrency,
    /// The total is not revenue, shipping and tax together, with or without the discount.
    NotTheSum,
}

impl Reason {
    /// Returns the reason in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotText => "not a text",
            Self::NotNumber => "not a number",
            Self::NotFlag => "neither true nor false",
            Self::NotList => "not a list",
            Self::NotObject => "not an object",
            Self::NoCurrency => "money without a currency",
            Self::NotTheSum => "not revenue + shipping + tax",
        }
    }
}

/// One way in which an event differs from the plan. Both names are the plan's, never the client's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The event's name in the plan.
    pub event: String,
    /// The property; those of products are written `products[].price`.
    pub property: String,
    /// What is wrong with it.
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Property {
    name: String,
    kind: Type,
    need: Need,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Always,
    WithMoney,
    Never,
}

#[derive(Debug, Clone)]
struct Declared {
    name: String,
    properties: Vec<Property>,
}

/// The events that are expected, by their names however spelt.
#[derive(Debug, Clone)]
pub struct Plan {
    events: Vec<Declared>,
    names: FxHashMap<String, usize>,
    product: Vec<Property>,
}

impl Default for Plan {
    /// Returns Segment's specification.
    fn default() -> Self {
        let product = properties(specification::PRODUCT);
        let (events, names) = (Vec::new(), FxHashMap::default());
        let mut plan = Self { events, names, product };
        for event in SPECIFICATION {
            plan.declare(event.name, event.aliases, properties(event.properties));
        }
        plan
    }
}

/// A shop's own part of the plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    event: Vec<FileEvent>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEvent {
    name: Spanned<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    properties: BTreeMap<String, Type>,
}

impl FileEvent {
    /// Returns what is wrong with it.
    fn problem(&self) -> Option<String> {
        let names = [self.name.as_ref()].into_iter().chain(&self.aliases);
        if names.into_iter().any(|name: &String| plain(name).is_empty()) {
            return Some("an event's name must have a letter, its other names too".to_owned());
        }
        let count = self.properties.len() + self.required.len();
        (count > PROPERTIES_MAX)
            .then(|| format!("an event has at most {PROPERTIES_MAX} properties, not {count}"))
    }
}

fn is_end(byte: &u8) -> bool {
    *byte == b'\n'
}

impl Plan {
    /// Returns the specification with a shop's own events; those of a known name replace it.
    ///
    /// # Errors
    /// [`Error::Wrong`] with the line when the text is no such TOML, a name is empty or stands
    /// twice, or there are too many.
    pub fn with(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text)
            .map_err(|error| Error::Wrong(format!("the tracking plan is wrong: {error}")))?;
        let mut plan = Self::default();
        if file.event.len() > EVENTS_MAX {
            let count = file.event.len();
            let reason = format!("a tracking plan has at most {EVENTS_MAX} events, got `{count}`");
            return Err(Error::Wrong(reason));
        }
        let mut names = BTreeMap::new();
        for event in file.event {
            let line = 1 + text.bytes().take(event.name.span().start).filter(is_end).count();
            let problem = event.problem().or_else(|| {
                let before = names.insert(plain(event.name.as_ref()), line)?;
                Some(format!("the event stands in line {before} already"))
            });
            if let Some(problem) = problem {
                let name = event.name.as_ref();
                let place = format!("line {line}, field `name`, got `{name}`");
                return Err(Error::Wrong(format!(
                    "the tracking plan is wrong: {problem} ({place})"
                )));
            }
            plan.add(&event);
        }
        Ok(plan)
    }

    fn add(&mut self, event: &FileEvent) {
        let need = |property: &String| {
            if event.required.contains(property) { Need::Always } else { Need::Never }
        };
        let mut declared: Vec<Property> = event
            .properties
            .iter()
            .map(|(name, kind)| Property { name: name.clone(), kind: *kind, need: need(name) })
            .collect();
        for name in event.required.iter().filter(|name| !event.properties.contains_key(*name)) {
            let (name, kind, need) = (name.clone(), Type::Any, Need::Always);
            declared.push(Property { name, kind, need });
        }
        let aliases: Vec<&str> = event.aliases.iter().map(String::as_str).collect();
        self.declare(event.name.as_ref(), &aliases, declared);
    }

    fn declare(&mut self, name: &str, aliases: &[&str], properties: Vec<Property>) {
        let event = Declared { name: name.to_owned(), properties };
        let at = match self.names.get(&plain(name)) {
            Some(known) => {
                self.events[*known] = event;
                *known
            }
            None => {
                self.events.push(event);
                self.events.len() - 1
            }
        };
        for name in [name].iter().chain(aliases) {
            self.names.insert(plain(name), at);
        }
    }

    /// Returns the plan's name of an event, however it is spelt.
    #[must_use]
    pub fn name_of(&self, event: &str) -> Option<&str> {
        self.declared(event).map(|event| event.name.as_str())
    }

    fn declared(&self, event: &str) -> Option<&Declared> {
        self.events.get(*self.names.get(&plain(event))?)
    }

    /// Returns in what a call differs from the plan. Calls but `track`, and events that the plan
    /// does not know, differ in nothing.
    #[must_use]
    pub fn check(&self, call: &Map<String, Value>) -> Vec<Violation> {
        let empty = Map::new();
        let is_track = call.get("type").and_then(Value::as_str) == Some("track");
        let name = call.get("event").and_then(Value::as_str).filter(|_| is_track);
        let Some(event) = name.and_then(|name| self.declared(name)) else { return Vec::new() };
        let given = call.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let mut found = Found { event: &event.name, violations: Vec::new() };
        found.properties(&event.properties, given, "");
        let has_products = event.properties.iter().any(|property| property.kind == Type::Products);
        if let Some(Value::Array(products)) = given.get("products").filter(|_| has_products) {
            for product in products.iter().take(PRODUCTS_MAX) {
                match product {
                    Value::Object(product) => {
                        found.properties(&self.product, product, "products[].");
                    }
                    _ => found.add("products[]", Reason::NotObject),
                }
            }
        }
        let names = |name: &str| event.properties.iter().any(|property| property.name == name);
        if names("revenue") && names("total") && !adds_up(given) {
            found.add("total", Reason::NotTheSum);
        }
        found.violations
    }
}

/// The violations of one event; each once.
struct Found<'a> {
    event: &'a str,
    violations: Vec<Violation>,
}

impl Found<'_> {
    fn add(&mut self, property: &str, reason: Reason) {
        let (event, property) = (self.event.to_owned(), property.to_owned());
        let violation = Violation { event, property, reason };
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    fn properties(&mut self, declared: &[Property], given: &Map<String, Value>, within: &str) {
        for property in declared {
            let name = property.name.as_str();
            let value = given.get(name).filter(|value| !is_empty(value));
            let reason = match (value, property.need) {
                (Some(value), _) => mismatch(value, property.kind),
                (None, Need::Always) => is_missing(name, given).then_some(Reason::Missing),
                (None, Need::WithMoney) => has_money(given).then_some(Reason::NoCurrency),
                (None, Need::Never) => None,
            };
            if let Some(reason) = reason {
                self.add(&format!("{within}{name}"), reason);
            }
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Returns whether a needed property is missing: a product is named by its `sku` as well.
fn is_missing(name: &str, given: &Map<String, Value>) -> bool {
    let others: &[&str] = if name == "product_id" { &["productId", "sku"] } else { &[] };
    others.iter().all(|other| given.get(*other).is_none_or(is_empty))
}

fn has_money(given: &Map<String, Value>) -> bool {
    ["total", "revenue", "value", "subtotal"]
        .iter()
        .any(|key| given.get(*key).is_some_and(|value| !is_empty(value)))
}

fn mismatch(value: &Value, kind: Type) -> Option<Reason> {
    let (is_right, reason) = match kind {
        Type::Any => return None,
        Type::Text => (value.is_string(), Reason::NotText),
        Type::Number => (value.is_number(), Reason::NotNumber),
        Type::Flag => (value.is_boolean(), Reason::NotFlag),
        Type::List | Type::Products => (value.is_array(), Reason::NotList),
    };
    (!is_right).then_some(reason)
}

/// Returns whether the total is what it is made of: revenue, shipping and tax. Whether revenue is
/// before or after the discount the specification leaves open: its text says after, its example
/// before (25.00 + 3.00 + 2.00 − 2.50 = 27.50). What has no numbers adds up.
fn adds_up(given: &Map<String, Value>) -> bool {
    let number = |key: &str| given.get(key).and_then(Value::as_f64);
    let (Some(total), Some(revenue)) = (number("total"), number("revenue")) else { return true };
    let [shipping, tax, discount] =
        ["shipping", "tax", "discount"].map(|key| number(key).unwrap_or(0.0));
    let sum = revenue + shipping + tax;
    let allowed = 4.0 * ROUNDING + 1e-9 * total.abs();
    [sum, sum - discount].iter().any(|sum| (total - sum).abs() <= allowed)
}

/// Reads properties as the specification's table writes them.
fn properties(text: &str) -> Vec<Property> {
    let words = text.split_whitespace().flat_map(|word| {
        let is_product = word == "@product";
        let product = if is_product { specification::PRODUCT } else { "" };
        product.split_whitespace().chain((!is_product).then_some(word))
    });
    words.map(property).collect()
}

fn property(word: &str) -> Property {
    let (name, kind) = word.split_once(':').unwrap_or((word, "text"));
    let kind = match kind {
        "number" => Type::Number,
        "list" => Type::List,
        "products" => Type::Products,
        "any" => Type::Any,
        _ => Type::Text,
    };
    let need = match name.as_bytes().last() {
        Some(b'!') => Need::Always,
        Some(b'?') => Need::WithMoney,
        _ => Need::Never,
    };
    Property { name: name.trim_end_matches(['!', '?']).to_owned(), kind, need }
}

/// Counts violations, in a number of lines that is bounded.
#[derive(Debug, Clone, Default)]
pub struct Violations {
    counts: BTreeMap<Violation, u64>,
    beyond: u64,
}

impl Violations {
    /// Counts violations.
    pub fn count(&mut self, violations: impl IntoIterator<Item = Violation>) {
        for violation in violations {
            if self.counts.len() < VIOLATIONS_MAX || self.counts.contains_key(&violation) {
                *self.counts.entry(violation).or_insert(0) += 1;
            } else {
                self.beyond += 1;
            }
        }
    }

    /// Returns each violation, as event, property and reason, with how often it was found, in the
    /// order of their names; last those that are not counted apart.
    pub fn rows(&self) -> impl Iterator<Item = ([&str; 3], u64)> {
        let apart = self.counts.iter().map(move |(violation, count)| {
            let Violation { event, property, reason } = violation;
            ([event.as_str(), property.as_str(), reason.text()], *count)
        });
        let beyond = (self.beyond > 0).then_some((["others", "", "different"], self.beyond));
        apart.chain(beyond)
    }
}

#[cfg(test)]
mod tests;
