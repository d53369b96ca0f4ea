//! Which customers of the log are one person, as of each moment.
//!
//! The fold keeps what it knows by the pseudonym that an event carries. Who is one person is joined
//! when the state is read: so a visitor who signs in is known from that moment on by all that he
//! did before, and whoever is set apart again is as if nothing had been. Replaying takes the joins
//! in at the moments at which they became known; beside the log they are told as they come.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use shopwise_model::frame::{NULL_CODE, Texts};
use shopwise_store::ledger::Identity;

/// Customers by person.
#[derive(Debug, Default)]
pub struct Persons {
    /// Pseudonyms of people with several; a code is a place in the lists below.
    known: Texts,
    /// The person of each now: the place of one of his pseudonyms.
    person: Vec<u32>,
    /// The person of each at the end of the log.
    last: Vec<u32>,
    /// The customer's code of each, [`NULL_CODE`] when no event carries it.
    customer: Vec<u32>,
    /// The places of persons with several, in the order of the pseudonyms.
    members: FxHashMap<u32, Vec<u32>>,
    /// By customer code: the place, or [`NULL_CODE`].
    place: Vec<u32>,
    /// Joins that are still to come, the latest first: moment, place, and that of whom it joins.
    coming: Vec<(i64, u32, u32)>,
}

impl Persons {
    /// Returns who joins whom while the log is replayed.
    #[must_use]
    pub fn new(identities: &[Identity]) -> Self {
        let mut persons = Self::default();
        for identity in identities {
            let of = &identity.assignment;
            let Some((joined, at)) = &of.joined else { continue };
            let (own, joined) = (persons.intern(&of.pseudonym), persons.intern(joined));
            let person = persons.intern(&of.person);
            persons.last[own as usize] = person;
            persons.coming.push((*at, own, joined));
        }
        let names = persons.known.values();
        persons.coming.sort_unstable_by(|left, right| {
            let key = |join: &(i64, u32, u32)| (join.0, Arc::clone(&names[join.1 as usize]));
            key(right).cmp(&key(left))
        });
        persons
    }

    fn intern(&mut self, pseudonym: &str) -> u32 {
        let place = self.known.intern(pseudonym);
        if place as usize == self.person.len() {
            self.person.push(place);
            self.last.push(place);
            self.customer.push(NULL_CODE);
        }
        place
    }

    /// Learns the codes of customers that the last events brought.
    pub(super) fn know_customers(&mut self, names: &Texts) {
        for (code, name) in (0..).zip(names.values()).skip(self.place.len()) {
            let place = self.known.code_of(name);
            if let Some(place) = place {
                self.customer[place as usize] = code;
            }
            self.place.push(place.unwrap_or(NULL_CODE));
        }
    }

    /// Takes in the joins before a moment.
    pub(super) fn advance(&mut self, before: i64) {
        while let Some((_, own, joined)) = self.coming.pop_if(|join| join.0 < before) {
            let (from, into) = (self.person[own as usize], self.person[joined as usize]);
            if from == into {
                continue;
            }
            for place in self.members.remove(&from).unwrap_or_else(|| vec![from]) {
                self.put(place, into);
            }
        }
    }

    /// Takes in the joins that are still to come: nothing more is replayed.
    pub(crate) fn finish(&mut self) {
        self.advance(i64::MAX);
    }

    /// Is told who belongs to whom from now on: (pseudonym, person).
    pub(super) fn assign(&mut self, pseudonym: &str, person: &str, customers: &Texts) {
        for name in [pseudonym, person] {
            let is_new = self.known.code_of(name).is_none();
            let place = self.intern(name);
            if is_new && let Some(code) = customers.code_of(name) {
                self.customer[place as usize] = code;
                self.place[code as usize] = place;
            }
        }
        let (own, into) = (self.intern(pseudonym), self.intern(person));
        self.last[own as usize] = into;
        let from = self.person[own as usize];
        if from == into {
            return;
        }
        if let Some(members) = self.members.get_mut(&from) {
            members.retain(|place| *place != own);
            if members.len() < 2 {
                self.members.remove(&from);
            }
        }
        self.put(own, into);
    }

    /// Adds a pseudonym to those of a person.
    fn put(&mut self, own: u32, into: u32) {
        self.person[own as usize] = into;
        let alone = self.person[into as usize] == into && own != into;
        let members =
            self.members.entry(into).or_insert_with(|| if alone { vec![into] } else { Vec::new() });
        let names = self.known.values();
        let name = &names[own as usize];
        if let Err(at) = members.binary_search_by(|place| names[*place as usize].cmp(name)) {
            members.insert(at, own);
        }
    }

    /// Returns the customers that are one person with a customer, himself among them, in the order
    /// of their pseudonyms; `None` when he is alone.
    pub(in crate::prepare) fn together(&self, customer: u32) -> Option<Vec<u32>> {
        let place = *self.place.get(customer as usize)?;
        let person = *self.person.get(place as usize)?;
        let codes = self.codes(person);
        (codes.len() > 1).then_some(codes)
    }

    fn codes(&self, person: u32) -> Vec<u32> {
        let members = self.members.get(&person).map_or(&[][..], Vec::as_slice);
        let codes = members.iter().map(|place| self.customer[*place as usize]);
        codes.filter(|code| *code != NULL_CODE).collect()
    }

    /// Returns a customer of the person that a pseudonym belongs to, though no event carries it.
    pub(super) fn somebody(&self, pseudonym: &str) -> Option<u32> {
        let place = self.known.code_of(pseudonym)?;
        self.codes(self.person[place as usize]).first().copied()
    }

    /// Returns the pseudonyms of a customer's person, in their order; of one who is alone nothing.
    pub(in crate::prepare) fn pseudonyms(&self, customer: u32) -> Vec<Arc<str>> {
        let place = self.place.get(customer as usize);
        let person = place.and_then(|place| self.person.get(*place as usize));
        let members = person.and_then(|person| self.members.get(person));
        let names = self.known.values();
        members.into_iter().flatten().map(|place| Arc::clone(&names[*place as usize])).collect()
    }

    /// Returns the name of the person that a customer is at the end of the log, unless he is alone.
    #[must_use]
    pub fn name(&self, customer: u32) -> Option<&Arc<str>> {
        let place = *self.place.get(customer as usize)?;
        let person = *self.last.get(place as usize)?;
        self.known.values().get(person as usize)
    }
}
