//! What rules make of the candidates of a list.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde::Serialize;
use shopwise_learn::slate::{Candidate, Quota, Way};
use shopwise_model::rule::Kind;

use super::Held;

/// What rules ask about products, by places of the catalogue.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Whether a rule, by its place in the rules that are given, is about a product.
    pub is_meant: &'a dyn Fn(usize, u32) -> bool,
    /// Whether a product may stand in this list.
    pub may_stand: &'a dyn Fn(u32) -> bool,
    /// What a rule is about in the whole catalogue, the best first as far as that is known.
    pub all: &'a dyn Fn(usize) -> Box<dyn Iterator<Item = u32> + 'a>,
}

impl std::fmt::Debug for Ground<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Ground")
    }
}

/// What a rule did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It took so many candidates out.
    Excluded(usize),
    /// It put a product at this position.
    Fixed(usize),
    /// Another rule has this position.
    Taken(usize, String),
    /// The list does not reach this position.
    Beyond(usize),
    /// Nothing that it is about may stand at this position.
    Nothing(usize),
    /// So many products may fill what it asks for.
    Promised(usize),
    /// It changed the relevance of so many candidates.
    Weighed(usize),
}

/// What came of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The rule.
    pub rule: String,
    /// What it did.
    pub outcome: Outcome,
}

/// What rules made of candidates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// (place from 0, candidate) that are fixed.
    pub fixed: Vec<(usize, usize)>,
    /// What came of each rule, in the order of precedence.
    pub told: Vec<Told>,
    /// (candidate, rule) wherever a rule moved a candidate: places in the rules that were given.
    pub moved: Vec<(usize, usize)>,
    owed: Vec<Owed>,
}

#[derive(Debug, Clone, PartialEq)]
struct Owed {
    counts: Vec<bool>,
    least: usize,
    first: usize,
}

impl Applied {
    /// Returns what is promised, for composing.
    #[must_use]
    pub fn quotas(&self) -> Vec<Quota<'_>> {
        let quota = |owed: &'_ Owed| (owed.least, owed.first);
        self.owed
            .iter()
            .map(|owed| {
                let (least, first) = quota(owed);
                Quota { counts: &owed.counts, least, first }
            })
            .collect()
    }

    /// Is told how many candidates there are in the end: no quota counts those behind its own.
    pub fn widen(&mut self, candidates: usize) {
        for owed in &mut self.owed {
            owed.counts.resize(candidates, false);
        }
    }

    /// Returns the places, in the rules that were given, of those that moved a candidate.
    pub fn moved_by(&self, candidate: usize) -> impl Iterator<Item = usize> + '_ {
        self.moved.iter().filter(move |(own, _)| *own == candidate).map(|(_, rule)| *rule)
    }
}

/// Lets rules, in the order of precedence, work on candidates, the best of which stands first:
/// changes their factors, closes the way of those that are excluded, and adds behind them what
/// rules bring in, with the score of the last. `length` is that of the list.
///
/// A pin or a sponsored position takes the first candidate that is meant, else the first product
/// outside that is meant and may stand.
pub fn apply(
    rules: &[Arc<Held>],
    ground: &Ground<'_>,
    length: usize,
    candidates: &mut Vec<Candidate>,
) -> Applied {
    let mut work = Work {
        rules,
        ground,
        length,
        known: candidates.iter().map(|one| one.item).collect(),
        is_excluded: vec![false; candidates.len()],
        least: candidates.iter().map(|one| one.score).fold(f32::MAX, f32::min).min(f32::MAX),
        fixed_by: Vec::new(),
        candidates,
        applied: Applied::default(),
    };
    if work.candidates.is_empty() {
        work.least = 0.0;
    }
    for (at, held) in rules.iter().enumerate() {
        match &held.rule.kind {
            Kind::Exclude => work.exclude(at),
            Kind::Sponsored { positions, .. } => {
                positions.iter().for_each(|position| work.fix(at, *position));
            }
            Kind::Pin { position } => work.fix(at, *position),
            Kind::Quota { count, share, first } => {
                let share = share.map(|share| (share * *first as f64).ceil() as usize);
                work.promise(at, count.or(share).unwrap_or(0), *first);
            }
            Kind::Boost { factor } | Kind::Bury { factor } => work.weigh(at, *factor),
        }
    }
    let all = work.candidates.len();
    work.applied.widen(all);
    work.applied
}

struct Work<'a, 'b> {
    rules: &'a [Arc<Held>],
    ground: &'a Ground<'b>,
    length: usize,
    candidates: &'a mut Vec<Candidate>,
    /// The items of all candidates.
    known: FxHashSet<u32>,
    is_excluded: Vec<bool>,
    /// The least score.
    least: f32,
    /// The rule of each fixed place.
    fixed_by: Vec<(usize, usize)>,
    applied: Applied,
}

impl Work<'_, '_> {
    fn is_meant(&self, rule: usize, candidate: usize) -> bool {
        (self.ground.is_meant)(rule, self.candidates[candidate].item)
    }

    fn tell(&mut self, rule: usize, outcome: Outcome) {
        let rule = self.rules[rule].rule.id.clone();
        self.applied.told.push(Told { rule, outcome });
    }

    fn exclude(&mut self, rule: usize) {
        let mut count = 0;
        for candidate in 0..self.candidates.len() {
            if !self.is_excluded[candidate] && self.is_meant(rule, candidate) {
                self.is_excluded[candidate] = true;
                // Nothing fixes it, so it stands nowhere.
                self.candidates[candidate].way = Way::Fixed;
                self.applied.moved.push((candidate, rule));
                count += 1;
            }
        }
        self.tell(rule, Outcome::Excluded(count));
    }

    fn fix(&mut self, rule: usize, position: usize) {
        let place = position - 1;
        if place >= self.length {
            return self.tell(rule, Outcome::Beyond(position));
        }
        if let Some((_, other)) = self.fixed_by.iter().find(|(own, _)| *own == place) {
            let other = self.rules[*other].rule.id.clone();
            return self.tell(rule, Outcome::Taken(position, other));
        }
        let is_free = |at: &usize| {
            !self.is_excluded[*at] && self.applied.fixed.iter().all(|(_, own)| own != at)
        };
        let found = (0..self.candidates.len())
            .filter(is_free)
            .find(|at| self.is_meant(rule, *at))
            .or_else(|| self.bring(rule, Way::Fixed, 1).first().copied());
        let Some(candidate) = found else { return self.tell(rule, Outcome::Nothing(position)) };
        self.applied.fixed.push((place, candidate));
        self.applied.moved.push((candidate, rule));
        self.fixed_by.push((place, rule));
        self.tell(rule, Outcome::Fixed(position));
    }

    fn promise(&mut self, rule: usize, least: usize, first: usize) {
        let meant = |work: &Self, at: usize| !work.is_excluded[at] && work.is_meant(rule, at);
        let mut counts: Vec<bool> = (0..self.candidates.len()).map(|at| meant(self, at)).collect();
        let may_fill = |at: &usize| counts[*at] && self.may_fill(*at, first);
        let there = (0..counts.len()).filter(may_fill).count();
        for candidate in self.bring(rule, Way::Ranked, least.saturating_sub(there)) {
            self.applied.moved.push((candidate, rule));
            counts.resize(candidate + 1, false);
            counts[candidate] = true;
        }
        let there = counts.iter().filter(|counts| **counts).count();
        self.applied.owed.push(Owed { counts, least, first });
        self.tell(rule, Outcome::Promised(there));
    }

    /// Returns whether a candidate may stand among the first places: what is fixed stands nowhere
    /// else.
    fn may_fill(&self, candidate: usize, first: usize) -> bool {
        match self.applied.fixed.iter().find(|(_, own)| *own == candidate) {
            Some((place, _)) => *place < first,
            None => self.candidates[candidate].way == Way::Ranked,
        }
    }

    fn weigh(&mut self, rule: usize, factor: f64) {
        let mut count = 0;
        for candidate in 0..self.candidates.len() {
            if !self.is_excluded[candidate] && self.is_meant(rule, candidate) {
                self.candidates[candidate].factor *= factor as f32;
                self.applied.moved.push((candidate, rule));
                count += 1;
            }
        }
        self.tell(rule, Outcome::Weighed(count));
    }

    /// Adds up to `count` products that a rule is about and that are no candidates yet.
    fn bring(&mut self, rule: usize, way: Way, count: usize) -> Vec<usize> {
        let is_excluded = |item: u32| {
            let mut rules = self.rules.iter().enumerate();
            rules.any(|(at, held)| {
                held.rule.kind == Kind::Exclude && (self.ground.is_meant)(at, item)
            })
        };
        if count == 0 {
            return Vec::new();
        }
        let mut brought = Vec::with_capacity(count);
        for item in (self.ground.all)(rule) {
            if brought.len() == count {
                break;
            }
            if self.known.contains(&item) || !(self.ground.may_stand)(item) || is_excluded(item) {
                continue;
            }
            self.known.insert(item);
            brought.push(self.candidates.len());
            let (score, factor, shown) = (self.least, 1.0, 0.0);
            self.candidates.push(Candidate { item, score, factor, shown, way });
            self.is_excluded.push(false);
        }
        brought
    }
}
