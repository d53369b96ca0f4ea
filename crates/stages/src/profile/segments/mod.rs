//! Rule segments: who meets a condition written in the [language](crate::language), kept exact as
//! events come, windows end, and pseudonyms become one person or are set apart.
//!
//! Of each pseudonym there are sums over all it did, and its lines as far back as the longest
//! window over them. An event marks its person for those segments that look at what it changed; he
//! is then held against them in one pass over his lines. Each person has one alarm: when the first
//! line leaves a window, or one of his moments has come to the distance that a test names. So
//! membership is a function of the events, the persons, the catalogue and the moment, whatever came
//! in which order; replaying everything gives the same (a property test).
//!
//! - Membership is that of a person, over all his pseudonyms. Who has no event is in no segment.
//! - An event counts at its own moment, however late it came, while `moment > now - window`; one
//!   that is dated in the future counts already.
//! - Conditions on products are by the catalogue as it is now.
//! - Counts are of events; of an order, those lines count that meet the condition on products.

mod past;
mod person;
mod persons;
mod rows;
mod rules;
#[cfg(test)]
mod tests;
mod trial;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;
use shopwise_model::money::Rate;
use shopwise_model::{Product, Settings};

use crate::error::Result;
use crate::language::Expression;
pub use rows::{Assortment, Compared, Defined, definitions};
pub use rules::SEGMENTS_MAX;
pub use trial::Trial;

use past::{KINDS, Line, Past};
use person::Values;
use persons::Persons;
use rows::{Products, Worth};
use rules::{Rules, Those};

/// A segment as it is defined.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Its identifier.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Who is in it.
    pub expression: Expression,
}

/// A member of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The pseudonym after which the person is named.
    pub person: String,
    /// Since when, in UTC microseconds; `None` when he was in it as it was first computed.
    pub since: Option<i64>,
}

/// A person is in a segment, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Within {
    segment: u16,
    /// `i64::MIN` when he was in it as it was first computed.
    since: i64,
}

/// The segments of a shop and who is in them.
#[derive(Debug)]
pub struct Segments {
    rules: Rules,
    /// How long entries of each kind are kept, in microseconds: at least as long as needed.
    kept: [i64; KINDS],
    worth: Worth,
    products: Products,
    persons: Persons,
    /// By the code of the pseudonym.
    pasts: Vec<Past>,
    /// By the code of the person.
    within: Vec<Vec<Within>>,
    /// When each person's alarm is set, `i64::MAX` for never.
    alarms: Vec<i64>,
    alarm: BinaryHeap<Reverse<(i64, u32)>>,
    /// Persons that changed, and for which segments that matters.
    marked: FxHashMap<u32, Those>,
    /// The person at which holding everybody against the rules has arrived.
    sweep: Option<u32>,
    counts: Vec<u64>,
    last_event: Option<[u8; 16]>,
    now: i64,
    values: Values,
    /// Persons held against rules so far.
    evaluations: u64,
}

impl Segments {
    /// Returns the segments before any event, at the moment `now`.
    ///
    /// # Errors
    /// When the settings name no time zone.
    pub fn new(
        settings: &Settings,
        definitions: Vec<Definition>,
        catalogue: Vec<Product>,
        rates: &[Rate],
        now: i64,
    ) -> Result<Self> {
        let rules = Rules::new(definitions);
        let products = Products::new(catalogue, &rules);
        Ok(Self {
            kept: rules.kept,
            counts: vec![0; rules.rules.len()],
            rules,
            worth: Worth::new(settings, rates)?,
            products,
            persons: Persons::default(),
            pasts: Vec::new(),
            within: Vec::new(),
            alarms: Vec::new(),
            alarm: BinaryHeap::new(),
            marked: FxHashMap::default(),
            // Nobody's membership is news until everything known has been taken in.
            sweep: Some(0),
            last_event: None,
            now,
            values: Values::default(),
            evaluations: 0,
        })
    }

    /// Is told which person a pseudonym belongs to from now on.
    pub fn assign(&mut self, pseudonym: &str, person: &str) {
        let changed = self.persons.assign(pseudonym, person);
        self.know_new_names();
        for person in changed.into_iter().flatten() {
            self.mark(person, Those::ALL);
        }
    }

    /// Takes other definitions. Returns whether what is known suffices for them; if not, nothing
    /// changes and they need segments of their own, to which everything is replayed.
    pub fn redefine(&mut self, definitions: Vec<Definition>) -> bool {
        let rules = Rules::new(definitions);
        if rules.kept.iter().zip(self.kept).any(|(needed, kept)| *needed > kept) {
            return false;
        }
        let before: Vec<Option<u16>> = (self.rules.rules.iter())
            .map(|old| {
                let place = rules.find(&old.definition.id)?;
                let is_alike = rules.rules[place].definition.is_alike(&old.definition);
                u16::try_from(place).ok().filter(|_| is_alike)
            })
            .collect();
        self.counts = vec![0; rules.rules.len()];
        for within in &mut self.within {
            within.retain_mut(|one| match before[one.segment as usize] {
                Some(place) => {
                    one.segment = place;
                    true
                }
                None => false,
            });
            within.sort_unstable_by_key(|one| one.segment);
            for one in within {
                self.counts[one.segment as usize] += 1;
            }
        }
        self.rules = rules;
        self.products.hold_against(&self.rules);
        self.sweep = Some(0);
        true
    }

    /// Returns the products that are known, at once, to be [compared](Assortment::compare) with
    /// another catalogue: that takes as long as there are products, and nobody need wait for it.
    #[must_use]
    pub fn assortment(&self) -> Assortment {
        self.products.held()
    }

    /// Takes another catalogue. Where definitions and catalogue are those that it was compared
    /// with, that takes as long as products changed. What is known no longer is left to
    /// `compared`, to be taken down when nobody waits.
    pub fn know_catalogue(&mut self, compared: &Compared) {
        if self.products.know(compared) {
            self.sweep = Some(0);
        }
    }

    fn know_new_names(&mut self) {
        let all = self.persons.len();
        self.pasts.resize_with(all, Past::default);
        self.within.resize_with(all, Vec::new);
        self.alarms.resize(all, i64::MAX);
    }

    fn mark(&mut self, person: u32, those: Those) {
        let will_come = self.sweep.is_some_and(|at| person >= at);
        if !those.is_none() && !will_come {
            self.marked.entry(person).or_default().join(those);
        }
    }

    /// Takes in a line of a customer.
    fn take(&mut self, customer: u32, line: &Line) {
        let kind = line.kind as usize;
        let past = &mut self.pasts[customer as usize];
        let mut those = self.rules.touched[kind];
        if past.totals.all_events() == 0 {
            // Now he is somebody, of whom it may hold that something did not happen.
            those = Those::ALL;
        }
        for base in &self.rules.by_kind[kind] {
            let base = &self.rules.bases[*base];
            let is_met = |condition| self.products.meets(line.product, condition);
            if base.condition.is_none_or(is_met) {
                those.join(base.segments);
            }
        }
        let kept = self.kept[kind];
        let kept_from = (kept > 0).then(|| self.now.saturating_sub(kept));
        past.add(line, kept_from);
        self.mark(self.persons.of(customer), those);
    }

    /// Brings membership to a moment, which is never before that of the last call: holds up to
    /// `most` persons against the rules. Returns whether that was all.
    pub fn advance(&mut self, now: i64, most: usize) -> bool {
        self.now = self.now.max(now);
        let mut left = most;
        let marked: Vec<(u32, Those)> = self.marked.drain().collect();
        for (person, those) in marked {
            self.hold(person, those);
            left = left.saturating_sub(1);
        }
        while left > 0
            && let Some(Reverse((at, person))) = self.alarm.peek().copied()
            && at <= self.now
        {
            self.alarm.pop();
            // Another alarm of his rang before.
            if self.alarms[person as usize] == at {
                self.alarms[person as usize] = i64::MAX;
                self.hold(person, Those::ALL);
                left -= 1;
            }
        }
        while left > 0
            && let Some(person) = self.sweep
        {
            let is_last = person as usize >= self.persons.len();
            if !is_last {
                self.hold(person, Those::ALL);
            }
            self.sweep = (!is_last).then_some(person + 1);
            left -= 1;
        }
        !self.is_due(self.now)
    }

    /// Returns whether something waits to be done at a moment.
    #[must_use]
    pub fn is_due(&self, now: i64) -> bool {
        let rings = self.alarm.peek().is_some_and(|Reverse((at, _))| *at <= now);
        rings || !self.marked.is_empty() || self.sweep.is_some()
    }

    /// Returns whether everybody has been held against the rules since they were given.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.sweep.is_none()
    }

    /// Holds a person against some rules.
    fn hold(&mut self, person: u32, those: Those) {
        self.evaluations += 1;
        let oldest = self.kept.iter().copied().max().unwrap_or(0);
        let forgotten = self.now.saturating_sub(oldest);
        let members = self.persons.members(&person);
        let mut next = i64::MAX;
        for member in members {
            let past = &mut self.pasts[*member as usize];
            past.forget(forgotten);
            let first = past.entries.first().map_or(i64::MAX, |first| first.at());
            next = next.min(first.saturating_add(oldest));
        }
        let pasts = members.iter().map(|member| &self.pasts[*member as usize]);
        let meets = |product, condition| self.products.meets(product, condition);
        next = next.min(self.values.read(&self.rules, pasts, meets, self.now));
        let since = if self.sweep.is_some() { i64::MIN } else { self.now };
        let within = &mut self.within[person as usize];
        for (place, rule) in self.rules.rules.iter().enumerate().filter(|(at, _)| those.has(*at)) {
            let is_in = self.values.meet(rule, self.now);
            let segment = place as u16;
            match within.binary_search_by_key(&segment, |one| one.segment) {
                Ok(at) if !is_in => {
                    within.remove(at);
                    self.counts[place] -= 1;
                }
                Err(at) if is_in => {
                    within.insert(at, Within { segment, since });
                    self.counts[place] += 1;
                }
                _ => {}
            }
        }
        if within.is_empty() {
            *within = Vec::new();
        }
        // An alarm that rings too early only sets the right one.
        if next < self.alarms[person as usize] {
            self.alarms[person as usize] = next;
            self.alarm.push(Reverse((next, person)));
        }
    }
}

/// What is asked.
impl Segments {
    /// Returns the definitions, with how many persons are in each.
    pub fn all(&self) -> impl Iterator<Item = (&Definition, u64)> {
        self.rules.rules.iter().map(|rule| &rule.definition).zip(self.counts.iter().copied())
    }

    /// Returns the place of a segment, valid until they are defined anew.
    #[must_use]
    pub fn place(&self, id: &str) -> Option<usize> {
        self.rules.find(id)
    }

    /// Returns whether the person that a pseudonym belongs to is in the segment at a place.
    #[must_use]
    pub fn is_member(&self, pseudonym: &str, place: usize) -> bool {
        let within = self.within_of(pseudonym);
        within.binary_search_by_key(&place, |one| one.segment as usize).is_ok()
    }

    fn within_of(&self, pseudonym: &str) -> &[Within] {
        let code = self.persons.names.code_of(pseudonym);
        code.map_or(&[], |code| &self.within[self.persons.of(code) as usize])
    }

    /// Returns the segments that the person is in whom a pseudonym belongs to, and since when;
    /// `None` when he was in it as it was first computed.
    pub fn of(&self, pseudonym: &str) -> impl Iterator<Item = (&Definition, Option<i64>)> {
        self.within_of(pseudonym).iter().map(|one| {
            let definition = &self.rules.rules[one.segment as usize].definition;
            (definition, Some(one.since).filter(|since| *since != i64::MIN))
        })
    }

    /// Returns the first `most` members of the segment at a place in the order of their names,
    /// behind a name if one is given.
    #[must_use]
    pub fn members(&self, place: usize, after: Option<&str>, most: usize) -> Vec<Member> {
        let names = self.persons.names.values();
        let mut first: BinaryHeap<(&str, i64)> = BinaryHeap::new();
        for (name, within) in names.iter().zip(&self.within) {
            let found = within.binary_search_by_key(&place, |one| one.segment as usize);
            let Ok(at) = found else { continue };
            if after.is_some_and(|after| name.as_ref() <= after) {
                continue;
            }
            if first.len() < most {
                first.push((name, within[at].since));
            } else if let Some(mut last) = first.peek_mut()
                && name.as_ref() < last.0
            {
                *last = (name, within[at].since);
            }
        }
        let of = |(name, since): (&str, i64)| Member {
            person: name.to_owned(),
            since: Some(since).filter(|since| *since != i64::MIN),
        };
        first.into_sorted_vec().into_iter().map(of).collect()
    }

    /// Returns about how many bytes all of it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let entries: usize = self.pasts.iter().map(|past| past.entries.capacity()).sum();
        let within: usize = self.within.iter().map(Vec::capacity).sum();
        let of_a_customer = size_of::<Past>() + size_of::<Vec<Within>>() + 8 + 4 + NAME_BYTES;
        entries * size_of::<past::Entry>()
            + within * size_of::<Within>()
            + self.persons.len() * of_a_customer
            + self.alarm.len() * 16
            + self.products.bytes()
    }

    /// Returns how often a person was held against rules.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }
}

/// About what a pseudonym's name takes: itself, and its place in the index.
const NAME_BYTES: usize = 120;
