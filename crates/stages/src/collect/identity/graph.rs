//! The graph in memory: identifiers, edges between them, what humans decided.
//!
//! Persons are a function of the facts and of the decisions in force, of nothing else: neither the
//! order in which facts arrive nor how they are cut into batches changes them. An edge's rank is
//! its strongest evidence and the earliest moment of that; an identifier is as old as the earliest
//! fact about it. `resolve` says how persons follow; this file finds the part of the graph that new
//! facts can change: what is connected, by evidence of any status, to their ends. Identifiers that
//! are shared or crowded are borders of such parts, which keeps the parts small.

use rustc_hash::{FxHashMap, FxHashSet};

use super::names::{Decision, Evidence, Kind, NEIGHBOURS_MAX, Node, Pseudonym, Status, Verb};

/// No edge: the end of a list.
const NONE: u32 = u32::MAX;

/// The age of an identifier that only a decision names: what humans do ages nobody.
pub(super) const NEVER: i64 = i64::MAX;

/// What is known of an identifier. The name stands apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// The earliest fact about it.
    pub(super) first_at: i64,
    /// The first edge of its list.
    head: u32,
    /// Different neighbours.
    degree: u32,
    /// The identifier that names its person.
    pub(super) person: u32,
    /// Which identifier of the person it joined, itself when it names the person.
    pub(super) joined: u32,
    /// From when on it is the person's.
    pub(super) since: i64,
    pub(super) kind: Kind,
    pub(super) standing: Standing,
}

/// Whether an identifier can tell people apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    Shared,
    Crowded,
}

/// All facts about two identifiers: 32 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) ends: [u32; 2],
    /// The next edge in the list of either end.
    next: [u32; 2],
    /// The earliest moment of the strongest evidence.
    pub(super) at: i64,
    /// The strongest evidence.
    pub(super) evidence: Evidence,
    pub(super) status: Status,
}

/// A fact without its source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    pub(super) a: Node,
    pub(super) b: Node,
    pub(super) evidence: Evidence,
    pub(super) at: i64,
}

/// What settling changed.
#[derive(Debug, Default, Clone)]
pub(super) struct Settled {
    /// Identifiers that are new, or belong to another person than before, or since another moment.
    pub(super) moved: Vec<u32>,
    /// Edges that are new or have another status than before.
    pub(super) edges: Vec<u32>,
    /// Persons that gained or lost members.
    pub(super) persons: FxHashSet<u32>,
}

/// The graph.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) names: Vec<Pseudonym>,
    index: FxHashMap<Pseudonym, u32>,
    pub(super) members: Vec<Member>,
    pub(super) links: Vec<Link>,
    pub(super) decisions: Vec<Decision>,
    /// Merges in force: the other end and the number of the decision.
    pub(super) merged: FxHashMap<u32, Vec<(u32, i64)>>,
    /// Whom an identifier is kept apart from.
    pub(super) apart: FxHashMap<u32, Vec<u32>>,
    /// Where the next settling begins.
    dirty: Vec<u32>,
    /// Edges whose status the next settling looks at, wherever they are.
    touched: Vec<u32>,
    /// Identifiers that are in no person yet.
    fresh: FxHashSet<u32>,
    /// Edges before this one were settled before.
    settled: u32,
}

impl Graph {
    /// Returns the place of an identifier.
    pub(super) fn find(&self, name: Pseudonym) -> Option<u32> {
        self.index.get(&name).copied()
    }

    /// Returns an identifier.
    pub(super) fn node(&self, at: u32) -> Node {
        Node { pseudonym: self.names[at as usize], kind: self.member(at).kind }
    }

    pub(super) fn member(&self, at: u32) -> &Member {
        &self.members[at as usize]
    }

    pub(super) fn link(&self, at: u32) -> &Link {
        &self.links[at as usize]
    }

    /// Returns the edges of an identifier, with their other ends.
    pub(super) fn links_of(&self, node: u32) -> impl Iterator<Item = (u32, u32)> {
        let mut next = self.member(node).head;
        std::iter::from_fn(move || {
            let at = next;
            if at == NONE {
                return None;
            }
            let link = self.link(at);
            let side = usize::from(link.ends[1] == node);
            next = link.next[side];
            Some((at, link.ends[1 - side]))
        })
    }

    /// Takes a fact in. Returns `false` when it says nothing: one identifier with itself, or of
    /// another kind than before.
    pub(super) fn add(&mut self, fact: &Fact) -> bool {
        let known = |node: Node| self.find(node.pseudonym).map(|at| self.member(at).kind);
        let fits = |node: Node| known(node).is_none_or(|kind| kind == node.kind);
        if fact.a.pseudonym == fact.b.pseudonym || !fits(fact.a) || !fits(fact.b) {
            return false;
        }
        let (a, b) = (self.seen(fact.a, fact.at), self.seen(fact.b, fact.at));
        match self.between(a, b) {
            Some(at) => {
                let link = &mut self.links[at as usize];
                if (fact.evidence, fact.at) < (link.evidence, link.at) {
                    (link.evidence, link.at) = (fact.evidence, fact.at);
                    self.dirty.extend([a, b]);
                }
            }
            None => self.connect(a, b, fact),
        }
        true
    }

    /// Returns the edge between two identifiers, looked for among those of the one that has fewer.
    pub(super) fn between(&self, a: u32, b: u32) -> Option<u32> {
        let (few, other) =
            if self.member(a).degree <= self.member(b).degree { (a, b) } else { (b, a) };
        self.links_of(few).find(|(_, end)| *end == other).map(|(at, _)| at)
    }

    fn connect(&mut self, a: u32, b: u32, fact: &Fact) {
        let at = self.links.len() as u32;
        let next = [self.member(a).head, self.member(b).head];
        let (evidence, status) = (fact.evidence, Status::Active);
        self.links.push(Link { ends: [a, b], next, at: fact.at, evidence, status });
        for end in [a, b] {
            let member = &mut self.members[end as usize];
            (member.head, member.degree) = (at, member.degree + 1);
        }
        self.dirty.extend([a, b]);
        self.touched.push(at);
    }

    /// Returns the place of an identifier, made if missing, that was seen at a moment.
    fn seen(&mut self, node: Node, at: i64) -> u32 {
        if let Some(&known) = self.index.get(&node.pseudonym) {
            let member = &mut self.members[known as usize];
            if at < member.first_at {
                member.first_at = at;
                self.dirty.push(known);
            }
            return known;
        }
        let place = self.members.len() as u32;
        assert!(place != NONE, "4,294,967,295 identifiers are more than memory holds");
        let standing = Standing::Open;
        let (kind, first_at) = (node.kind, at);
        self.members.push(Member {
            first_at,
            head: NONE,
            degree: 0,
            person: place,
            joined: place,
            since: NEVER,
            kind,
            standing,
        });
        self.names.push(node.pseudonym);
        self.index.insert(node.pseudonym, place);
        self.dirty.push(place);
        self.fresh.insert(place);
        place
    }

    /// Takes a decision in and puts those in force to use.
    pub(super) fn decide(&mut self, decision: Decision) {
        self.know(decision);
        self.enforce();
    }

    /// Takes a decision in that the ledger holds; [`Self::enforce`] puts it to use.
    pub(super) fn know(&mut self, decision: Decision) {
        for node in [decision.a, decision.b] {
            self.seen(node, NEVER);
        }
        self.decisions.push(decision);
    }

    /// Works out which merges and separations are in force, after decisions changed. Decisions are
    /// human work, and few.
    pub(super) fn enforce(&mut self) {
        let mut touched: Vec<u32> = self.merged.drain().map(|(node, _)| node).collect();
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (node, others) in self.apart.drain() {
            pairs.extend(others.into_iter().map(|other| (node, other)));
        }
        let decisions = std::mem::take(&mut self.decisions);
        for decision in decisions.iter().filter(|decision| decision.undone_by.is_none()) {
            let find = |node: Node| self.index[&node.pseudonym];
            let (a, b) = (find(decision.a), find(decision.b));
            for (one, other) in [(a, b), (b, a)] {
                match decision.verb {
                    Verb::Merge => {
                        self.merged.entry(one).or_default().push((other, decision.id));
                    }
                    Verb::Apart => self.apart.entry(one).or_default().push(other),
                }
                touched.push(one);
            }
        }
        self.decisions = decisions;
        pairs.extend(
            self.apart.iter().flat_map(|(node, others)| others.iter().map(|other| (*node, *other))),
        );
        touched.extend(pairs.iter().map(|(node, _)| node));
        let between = pairs.into_iter().filter_map(|(a, b)| self.between(a, b));
        let between: Vec<u32> = between.collect();
        self.touched.extend(between);
        // A browser is shared or not by how many of its users are one: ask it again.
        for node in touched {
            let around: Vec<u32> = self.links_of(node).map(|(_, end)| end).collect();
            self.dirty.push(node);
            self.dirty.extend(around);
        }
    }

    /// Returns whether a human keeps the two apart.
    pub(super) fn is_apart(&self, a: u32, b: u32) -> bool {
        !self.apart.is_empty() && self.apart.get(&a).is_some_and(|others| others.contains(&b))
    }

    /// Returns one identifier for all that humans merged with this one.
    pub(super) fn merged_with(&self, node: u32) -> u32 {
        if !self.merged.contains_key(&node) {
            return node;
        }
        let mut found = vec![node];
        let mut at = 0;
        while let Some(&next) = found.get(at) {
            at += 1;
            for (other, _) in self.merged.get(&next).into_iter().flatten() {
                if !found.contains(other) {
                    found.push(*other);
                }
            }
        }
        found.into_iter().min().unwrap_or(node)
    }

    /// Works out persons again where something changed, and returns what became different.
    pub(super) fn settle(&mut self) -> Settled {
        let mut settled = Settled::default();
        let mut seeds = std::mem::take(&mut self.dirty);
        self.judge(&mut seeds);
        let touched = std::mem::take(&mut self.touched);
        let before = touched.into_iter().map(|at| (at, self.link(at).status));
        let before: Vec<(u32, Status)> = before.collect();
        for (at, _) in &before {
            if let Some(status) = self.barred(self.link(*at)) {
                self.links[*at as usize].status = status;
            }
        }
        self.resolve_around(seeds, &mut settled);
        let differs =
            |(at, before): &(u32, Status)| *at >= self.settled || self.link(*at).status != *before;
        settled.edges.extend(before.into_iter().filter(differs).map(|(at, _)| at));
        self.settled = self.links.len() as u32;
        settled.edges.sort_unstable();
        settled.edges.dedup();
        settled
    }

    /// Applies the rules to every part that a seed is in.
    fn resolve_around(&mut self, seeds: Vec<u32>, settled: &mut Settled) {
        let mut visited = FxHashSet::default();
        for seed in seeds {
            if visited.contains(&seed) {
                continue;
            }
            let part = self.part(seed);
            visited.extend(part.iter().copied());
            let resolved = self.resolve(&part);
            let persons = resolved.persons.into_iter().zip(resolved.joined);
            for (node, (person, joined)) in part.into_iter().zip(persons) {
                let member = &mut self.members[node as usize];
                let before = std::mem::replace(&mut member.person, person);
                let joined = joined.unwrap_or((node, NEVER));
                let differs = (member.joined, member.since) != joined;
                (member.joined, member.since) = joined;
                let is_fresh = self.fresh.remove(&node);
                if is_fresh || differs || before != person {
                    settled.moved.push(node);
                }
                if is_fresh || before != person {
                    settled.persons.insert(person);
                    if !is_fresh {
                        settled.persons.insert(before);
                    }
                }
            }
            for (at, status) in resolved.statuses {
                let before = std::mem::replace(&mut self.links[at as usize].status, status);
                if before != status {
                    settled.edges.push(at);
                }
            }
        }
    }

    /// Finds which of the identifiers tell people apart; where that changed, their neighbours are
    /// to be settled too.
    fn judge(&mut self, seeds: &mut Vec<u32>) {
        seeds.sort_unstable();
        seeds.dedup();
        for at in 0..seeds.len() {
            let node = seeds[at];
            let standing = self.standing(node);
            if std::mem::replace(&mut self.members[node as usize].standing, standing) != standing {
                let around: Vec<(u32, u32)> = self.links_of(node).collect();
                self.touched.extend(around.iter().map(|(link, _)| link));
                seeds.extend(around.iter().map(|(_, end)| end));
            }
        }
    }

    fn standing(&self, node: u32) -> Standing {
        let member = self.member(node);
        let others = self.apart.get(&node);
        let away =
            others.into_iter().flatten().filter(|other| self.between(node, **other).is_some());
        if (member.degree as usize).saturating_sub(away.count()) > NEIGHBOURS_MAX {
            return Standing::Crowded;
        }
        let mut customers: Vec<u32> = Vec::new();
        for (_, end) in self.links_of(node) {
            if self.member(end).kind != Kind::Customer || self.is_apart(node, end) {
                continue;
            }
            let customer = self.merged_with(end);
            if !customers.contains(&customer) {
                customers.push(customer);
            }
            if customers.len() > member.kind.customers_max() {
                return Standing::Shared;
            }
        }
        Standing::Open
    }

    /// Returns why an edge holds nothing together whatever is around it; `None` when it may.
    pub(super) fn barred(&self, link: &Link) -> Option<Status> {
        let [a, b] = link.ends;
        if self.is_apart(a, b) {
            return Some(Status::Apart);
        }
        let standings = [a, b].map(|end| self.member(end).standing);
        if standings.contains(&Standing::Shared) {
            return Some(Status::Shared);
        }
        standings.contains(&Standing::Crowded).then_some(Status::Crowded)
    }

    /// Returns all that an identifier can be one person with, the identifier first.
    pub(super) fn part(&self, seed: u32) -> Vec<u32> {
        let mut part = vec![seed];
        let mut known: FxHashSet<u32> = FxHashSet::default();
        known.insert(seed);
        let mut at = 0;
        while let Some(&node) = part.get(at) {
            at += 1;
            for (other, _) in self.merged.get(&node).into_iter().flatten() {
                if known.insert(*other) {
                    part.push(*other);
                }
            }
            if self.member(node).standing != Standing::Open {
                continue;
            }
            for (link, end) in self.links_of(node) {
                if self.barred(self.link(link)).is_none() && known.insert(end) {
                    part.push(end);
                }
            }
        }
        part
    }

    /// Returns whether several customers used an identifier that can be only one's.
    pub(super) fn is_shared(&self, node: u32) -> bool {
        self.member(node).standing == Standing::Shared
    }

    /// Returns the bytes in memory; of the decisions, which are few, none.
    pub(super) fn bytes(&self) -> usize {
        let slot = size_of::<(Pseudonym, u32)>() + 1;
        // A table of the standard library holds 7 entries in 8 slots, a power of two of them.
        let slots = (self.index.capacity() * 8 / 7).next_power_of_two();
        self.names.capacity() * size_of::<Pseudonym>()
            + self.members.capacity() * size_of::<Member>()
            + self.links.capacity() * size_of::<Link>()
            + slots * slot
    }

    /// Returns the members of a person, in the order of their pseudonyms.
    pub(super) fn members_of(&self, person: u32) -> Vec<u32> {
        let person = self.member(person).person;
        let mut members = self.part(person);
        members.retain(|node| self.member(*node).person == person);
        members.sort_unstable_by_key(|node| self.names[*node as usize]);
        members
    }
}
