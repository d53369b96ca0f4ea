//! The dumbest recomputation: all events that ever came, looked at one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::language::{Field, History, Known, Measure, Of, Subject};

/// A line of an event.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub(super) event: u32,
    pub(super) customer: String,
    pub(super) kind: EventKind,
    pub(super) product: String,
    pub(super) quantity: i64,
    pub(super) amount: i64,
    pub(super) at: i64,
}

/// Everything that was told.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) happened: Vec<Happened>,
    pub(super) person: BTreeMap<String, String>,
    pub(super) catalogue: BTreeMap<String, Product>,
}

impl Model {
    fn person_of(&self, customer: &str) -> String {
        self.person.get(customer).map_or(customer, String::as_str).to_owned()
    }

    pub(super) fn members(&self, definition: &Definition, now: i64) -> Vec<String> {
        let persons: BTreeSet<String> =
            self.happened.iter().map(|line| self.person_of(&line.customer)).collect();
        let is_in = |person: &String| {
            let is_his = |line: &&Happened| self.person_of(&line.customer) == **person;
            let own = self.happened.iter().filter(is_his).collect();
            definition.expression.holds(&Person { own, model: self }, now)
        };
        persons.into_iter().filter(is_in).collect()
    }
}

struct Person<'a> {
    own: Vec<&'a Happened>,
    model: &'a Model,
}

impl Subject for Person<'_> {
    fn field(&self, field: Field) -> Known<'_> {
        let of = |is: &dyn Fn(EventKind) -> bool| {
            self.own.iter().filter(|line| is(line.kind)).map(|line| line.at).collect::<Vec<_>>()
        };
        let moment = match field {
            Field::FirstSeen => of(&|_| true).into_iter().min(),
            Field::LastSeen => of(&|kind| kind != EventKind::OrderRefunded).into_iter().max(),
            Field::FirstOrder => of(&|kind| kind == EventKind::OrderCompleted).into_iter().min(),
            Field::LastOrder => of(&|kind| kind == EventKind::OrderCompleted).into_iter().max(),
            _ => None,
        };
        moment.map_or(Known::Unknown, Known::Moment)
    }

    fn history(&self, history: &History, since: Option<i64>) -> f64 {
        let kind = match history.measure {
            Measure::Views => Some(EventKind::ProductViewed),
            Measure::Carts => Some(EventKind::ProductAdded),
            Measure::Orders | Measure::Pieces | Measure::Spent => Some(EventKind::OrderCompleted),
            Measure::Refunds | Measure::Refunded => Some(EventKind::OrderRefunded),
            Measure::Searches => Some(EventKind::ProductsSearched),
            Measure::Events | Measure::Sessions => None,
        };
        let unknown = |id: &str| Product { id: id.to_owned(), ..Product::default() };
        let is_meant = |line: &Happened| match &history.of {
            Of::Products(products) => match self.model.catalogue.get(&line.product) {
                Some(product) => products.holds(product, 0),
                None => products.holds(&unknown(&line.product), 0),
            },
            Of::Anything | Of::ThisProduct => true,
        };
        let counted: Vec<&&Happened> = (self.own.iter())
            .filter(|line| kind.is_none_or(|kind| kind == line.kind))
            .filter(|line| since.is_none_or(|since| line.at > since) && is_meant(line))
            .collect();
        match history.measure {
            Measure::Pieces => counted.iter().map(|line| line.quantity).sum::<i64>() as f64,
            Measure::Spent | Measure::Refunded => {
                counted.iter().map(|line| line.amount).sum::<i64>() as f64 / 1e6
            }
            _ => {
                let events: BTreeSet<u32> = counted.iter().map(|line| line.event).collect();
                events.len() as f64
            }
        }
    }
}
