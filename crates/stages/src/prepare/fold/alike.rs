//! Who is like whom: persons who had to do with the same products.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::{Customer, Replay};

/// Customers that are compared at a step.
const STEP: usize = 4_096;

/// Looks for the persons who are most like one. Between its steps the state may go on: whoever
/// guards it lets others in.
#[derive(Debug)]
pub struct Alike {
    person: Arc<str>,
    /// The products that he looked at, put into the cart or bought, by code.
    used: Vec<u32>,
    at: i64,
    most: usize,
    next: usize,
    found: Vec<Found>,
}

/// Somebody who has products in common with whom it is about.
#[derive(Debug, Clone)]
pub struct Found {
    /// Products of both over the root of the products of the one times those of the other, the
    /// cosine of their sets.
    pub similarity: f64,
    /// The name of the person.
    pub person: Arc<str>,
    /// A customer that belongs to the person.
    pub customer: u32,
}

impl Alike {
    /// Begins to look for at most `most` persons like the one to whom `customer` belongs, as they
    /// are known at a moment.
    #[must_use]
    pub fn new(replay: &Replay, customer: u32, at: i64, most: usize) -> Self {
        let used = used(&replay.state_of(customer, at)).collect();
        let person = Arc::clone(replay.person_of(customer));
        Self { person, used, at, most, next: 0, found: Vec::new() }
    }

    /// Compares with some more customers; returns whether any are left.
    pub fn step(&mut self, replay: &Replay) -> bool {
        let end = self.next.saturating_add(STEP).min(replay.customers.len());
        for code in self.next..end {
            let own = &replay.customers[code];
            if self.used.iter().any(|product| has(own, *product)) {
                self.compare(replay, code as u32);
            }
        }
        self.next = end;
        self.keep_best();
        end < replay.customers.len()
    }

    fn compare(&mut self, replay: &Replay, customer: u32) {
        let person = replay.person_of(customer);
        if *person == self.person {
            return;
        }
        let other = replay.state_of(customer, self.at);
        let common = self.used.iter().filter(|product| has(&other, **product)).count();
        let product = self.used.len() * used(&other).count();
        let similarity = common as f64 / (product as f64).sqrt();
        self.found.push(Found { similarity, person: Arc::clone(person), customer });
    }

    /// Leaves the best, the likest first, each person once.
    fn keep_best(&mut self) {
        let order = |a: &Found, b: &Found| {
            b.similarity.total_cmp(&a.similarity).then_with(|| a.person.cmp(&b.person))
        };
        self.found.sort_by(order);
        let mut seen = FxHashSet::default();
        self.found.retain(|found| seen.insert(Arc::clone(&found.person)));
        self.found.truncate(self.most);
    }

    /// Returns whom it found, the likest first.
    #[must_use]
    pub fn found(self) -> Vec<Found> {
        self.found
    }
}

/// Returns the products that somebody looked at, put into the cart or bought.
fn used(customer: &Customer) -> impl Iterator<Item = u32> {
    customer.pairs.iter().filter(|(_, pair)| pair.used_at() > 0).map(|(product, _)| *product)
}

fn has(customer: &Customer, product: u32) -> bool {
    customer.pairs.get(&product).is_some_and(|pair| pair.used_at() > 0)
}
