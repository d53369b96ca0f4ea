//! The fold: (state, event) → state. What is known about a customer or product as of a moment is
//! the state after all events before it; there is no other definition.
//!
//! Events of one microsecond are taken in together: what is shown is described by the state before
//! the first of them, as it was when the decision was made. Preparing replays the fold over the
//! whole log; who decides keeps one beside the log and reads it with [`Replay::features`].

mod again;
mod alike;
mod apply;
mod catalog;
mod coded;
pub mod interest;
mod persons;
mod snapshot;
mod state;
mod step;
mod worth;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use shopwise_model::frame::{Frame, NULL_CODE, Texts};
use shopwise_model::money::Rate;
use shopwise_model::time::SECOND;
use shopwise_model::{Calendar, EventKind, Settings};

use super::exposures::Exposures;
use super::features::{self, Features};
use crate::error::Result;

pub use again::Again;
pub use alike::{Alike, Found};
pub(super) use apply::weight;
pub use catalog::{Catalog, Thing, price_band};
pub use persons::Persons;
pub use snapshot::Snapshot;
pub use state::{Customer, Everybody, InCart, OrderLine, Pair, Product, Session};
pub(super) use step::{Names, OTHERS, Step};
use worth::Worth;

/// What a replay keeps beside the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// What was shown and what came of it: for the tables.
    Everything,
    /// Nothing: for deciding.
    StateAlone,
}

/// The state of the whole shop while its events are replayed in time order.
#[derive(Debug)]
pub struct Replay {
    pub(super) calendar: Calendar,
    /// Silence after which a visit has ended, in microseconds.
    pub(super) gap: i64,
    rows: u64,
    last_event: Option<[u8; 16]>,
    pub(super) keeps: Keeps,
    /// The settings, campaigns and rates that the state was made with, as bytes.
    basis: Vec<u8>,
    /// Rows of the present microsecond, not yet taken in.
    waiting: Vec<Step>,
    catalog: Catalog,
    worth: Worth,
    pub(super) names: Names,
    /// What is known of each product code before anything happened to it.
    pub(super) things: Vec<Thing>,
    /// What each campaign code advertises.
    campaigns: Vec<Thing>,
    pub(super) customers: Vec<Customer>,
    pub(super) persons: Persons,
    pub(super) products: Vec<Product>,
    pub(super) everybody: Everybody,
    pub(super) sessions: Vec<Session>,
    pub(super) lines: Vec<OrderLine>,
    /// What came back, by order code: millionths.
    pub(super) refunded: FxHashMap<u32, i64>,
    pub(super) exposures: Exposures,
    /// Customers of whom events were taken in that happened before others of theirs: what is known
    /// of them may differ from a replay in time order until they are read again.
    late: FxHashSet<u32>,
    /// Customers of whom events were taken in since a snapshot was begun, while one is.
    touched: Option<FxHashSet<u32>>,
}

impl Replay {
    /// Returns the state before the first event.
    ///
    /// # Errors
    /// When the settings name no time zone.
    pub fn new(
        settings: &Settings,
        catalog: Catalog,
        rates: &[Rate],
        keeps: Keeps,
    ) -> Result<Self> {
        let mut names = Names::default();
        let basis = snapshot::basis(settings, &catalog, rates);
        let worth = Worth::new(&settings.currency, rates, &mut names.currencies);
        let everybody = Everybody {
            categories: vec![0.0; catalog.categories().values().len()],
            brands: vec![0.0; catalog.brands().values().len()],
            bands: vec![0.0; catalog.bands().values().len()],
            ..Everybody::default()
        };
        Ok(Self {
            calendar: crate::error::calendar(settings)?,
            gap: i64::from(settings.session_minutes) * 60 * SECOND,
            rows: 0,
            last_event: None,
            keeps,
            basis,
            waiting: Vec::new(),
            catalog,
            worth,
            names,
            things: Vec::new(),
            campaigns: Vec::new(),
            customers: Vec::new(),
            persons: Persons::default(),
            products: Vec::new(),
            everybody,
            sessions: Vec::new(),
            lines: Vec::new(),
            refunded: FxHashMap::default(),
            exposures: Exposures::new(i64::from(settings.attribution_days)),
            late: FxHashSet::default(),
            touched: None,
        })
    }

    /// Says which customers become one person while events are replayed, before the first of them.
    #[must_use]
    pub fn with_persons(self, persons: Persons) -> Self {
        Self { persons, ..self }
    }

    /// Is told which person a pseudonym belongs to from now on, as the identity graph has it.
    pub fn assign(&mut self, pseudonym: &str, person: &str) {
        self.persons.assign(pseudonym, person, &self.names.customers);
    }

    /// Takes in who else became one person up to now: nothing more is replayed.
    pub fn finish(&mut self) {
        self.settle();
        self.persons.finish();
    }

    /// Returns the number of event lines replayed.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Replays rows, in the order (occurred_at, event_id, line) where that can be had. A row that
    /// comes after a later one of its customer is taken in as if it happened then, and the
    /// customer is remembered as one to [read again](Self::begin_again); all else is sums, to which
    /// the order is nothing.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn extend(&mut self, part: &Frame) -> Result<()> {
        self.extend_without(part, &FxHashSet::default())
    }

    /// As [`Replay::extend`], passing over the rows of events that are in the state already.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn extend_without(&mut self, part: &Frame, known: &FxHashSet<[u8; 16]>) -> Result<()> {
        let steps = step::steps(part, &mut self.names, self.last_event, self.keeps)?;
        self.know_new_names();
        for mut step in steps {
            if !known.is_empty() && known.contains(&step.event_id) {
                continue;
            }
            self.worth.value(&mut step, &self.names.currencies, &self.calendar);
            if self.waiting.first().is_some_and(|first| first.at != step.at) {
                self.take_in();
            }
            self.last_event = Some(step.event_id);
            self.waiting.push(step);
            self.rows += 1;
        }
        Ok(())
    }

    /// Returns how many rows have an amount in a currency for which there is no rate.
    #[must_use]
    pub fn unvalued_rows(&self) -> u64 {
        self.worth.unvalued
    }

    /// Takes in the rows of the last moment, after which nothing more may come for that moment.
    pub fn settle(&mut self) {
        self.take_in();
    }

    /// Returns a customer's code, if anything of him was replayed, under this name or another one
    /// of his.
    #[must_use]
    pub fn customer(&self, name: &str) -> Option<u32> {
        self.names.customers.code_of(name).or_else(|| self.persons.somebody(name))
    }

    /// Returns what is known of a customer's person at a moment.
    #[must_use]
    pub fn state_of(&self, customer: u32, at: i64) -> Cow<'_, Customer> {
        self.state_about(customer, at, |_| true)
    }

    /// Returns what is known of a customer's person at a moment; of what happened with products
    /// only what `is_wanted` says need be there.
    pub(super) fn state_about(
        &self,
        customer: u32,
        at: i64,
        is_wanted: impl Fn(u32) -> bool,
    ) -> Cow<'_, Customer> {
        match self.persons.together(customer) {
            None => Cow::Borrowed(&self.customers[customer as usize]),
            Some(codes) => {
                let members = codes.iter().map(|code| &self.customers[*code as usize]);
                let members: Vec<&Customer> = members.collect();
                Cow::Owned(Customer::joined(&members, at, self.gap, is_wanted))
            }
        }
    }

    /// Returns the customers to whom something happened last, by code, the newest first; somebody
    /// who was seen as several may be there several times.
    #[must_use]
    pub fn newest(&self, count: usize) -> Vec<u32> {
        let seen = (0..).zip(&self.customers).filter(|(_, customer)| customer.events > 0);
        let mut newest: Vec<(Reverse<i64>, u32)> =
            seen.map(|(code, customer)| (Reverse(customer.last_seen), code)).collect();
        let count = count.min(newest.len());
        if count > 0 && count < newest.len() {
            newest.select_nth_unstable(count - 1);
        }
        newest.truncate(count);
        newest.sort_unstable();
        newest.into_iter().map(|(_, code)| code).collect()
    }

    /// Returns the name of a customer's person, and all pseudonyms of his.
    #[must_use]
    pub fn names_of(&self, customer: u32) -> (Arc<str>, Vec<Arc<str>>) {
        let mut pseudonyms = self.persons.pseudonyms(customer);
        if pseudonyms.is_empty() {
            pseudonyms.push(Arc::clone(&self.names.customers.values()[customer as usize]));
        }
        (Arc::clone(self.person_of(customer)), pseudonyms)
    }

    /// Returns the name of a customer's person.
    fn person_of(&self, customer: u32) -> &Arc<str> {
        let own = &self.names.customers.values()[customer as usize];
        self.persons.name(customer).unwrap_or(own)
    }

    /// Returns the products of which anything was replayed or that were asked for, by code.
    #[must_use]
    pub fn product_names(&self) -> &[Arc<str>] {
        self.names.products.values()
    }

    /// Returns what is known of a product, its name being new or not.
    pub fn product(&mut self, name: &str) -> Thing {
        let code = self.names.products.intern(name);
        self.know_new_names();
        self.things[code as usize]
    }

    /// Returns what a campaign advertises, the campaign's name being new or not.
    pub fn advertised(&mut self, campaign: &str) -> Thing {
        let code = self.names.campaigns.intern(campaign);
        self.know_new_names();
        self.campaigns[code as usize]
    }

    /// Returns what is known at `at` about showing a thing to a customer: the vector that a
    /// decision uses, equal to what preparing finds for it later.
    #[must_use]
    pub fn features(&self, customer: Option<u32>, thing: Thing, at: i64) -> Features {
        features::read(self, customer.unwrap_or(NULL_CODE), thing, at)
    }

    /// Returns the names of categories, brands and bands of prices, by code.
    pub(super) fn kinds(&self) -> [&[Arc<str>]; 3] {
        [self.catalog.categories(), self.catalog.brands(), self.catalog.bands()].map(Texts::values)
    }

    /// Gives the products and campaigns that the last rows brought their place in the state.
    fn know_new_names(&mut self) {
        let first = self.campaigns.len();
        let mut advertised = Vec::new();
        for name in &self.names.campaigns.values()[first..] {
            let (product, category) = self.catalog.campaign(name);
            advertised.push((product.map(|name| self.names.products.intern(name)), category));
        }
        for name in &self.names.products.values()[self.things.len()..] {
            let product = u32::try_from(self.things.len()).unwrap_or(NULL_CODE);
            self.things.push(Thing { product, ..self.catalog.product(name) });
        }
        for (product, category) in advertised {
            let thing = product.map(|product| self.things[product as usize]);
            let thing = thing.unwrap_or(Thing { category, ..Thing::UNKNOWN });
            let campaign = u32::try_from(self.campaigns.len()).unwrap_or(NULL_CODE);
            self.campaigns.push(Thing { campaign, ..thing });
        }
        self.products.resize(self.things.len(), Product::default());
        self.customers.resize(self.names.customers.values().len(), Customer::default());
        self.persons.know_customers(&self.names.customers);
    }

    /// Returns what a step shows or is about.
    pub(super) fn thing_of(&self, step: &Step) -> Thing {
        match (step.product, step.campaign) {
            (NULL_CODE, NULL_CODE) => Thing::UNKNOWN,
            (NULL_CODE, campaign) => self.campaigns[campaign as usize],
            (product, campaign) => {
                let is_advert = matches!(step.kind, EventKind::AdShown | EventKind::AdClicked);
                let campaign = if is_advert { campaign } else { NULL_CODE };
                Thing { campaign, ..self.things[product as usize] }
            }
        }
    }
}
