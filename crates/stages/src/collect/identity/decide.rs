//! What humans decide: two are one person, two are not. Later decisions take earlier ones back.
//!
//! A merge is between the persons as they are, noted between the identifiers that name them; it
//! takes back every separation between the two. A separation is between two identifiers; it takes
//! back the merges that hold them together, the latest first, and gives back the separations that
//! those merges took. As persons follow from facts and decisions in force, taking a merge back
//! gives the persons that there would be without it.

use std::collections::BTreeSet;

use super::graph::{Graph, Settled};
use super::names::{Decision, Node, Verb};

/// Marks a merge that is only tried without.
const TRIED: i64 = 0;

/// What a decision changed.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// Numbers of decisions that are new or were taken back or given back.
    pub(super) decisions: Vec<i64>,
    pub(super) settled: Settled,
}

impl Decided {
    fn settle(&mut self, graph: &mut Graph) {
        let settled = graph.settle();
        self.settled.moved.extend(settled.moved);
        self.settled.edges.extend(settled.edges);
        self.settled.persons.extend(settled.persons);
    }
}

impl Graph {
    /// Makes the persons of two identifiers one.
    pub(super) fn merge(&mut self, a: Node, b: Node, by: &str, at: i64) -> Decided {
        let mut decided = Decided::default();
        let id = self.next_decision();
        let persons = [a, b].map(|node| self.person_node(node));
        let ends = if persons[0] == persons[1] { [a, b] } else { persons };
        let mut lifted = Vec::new();
        for decision in &self.decisions {
            if decision.verb == Verb::Merge || decision.undone_by.is_some() {
                continue;
            }
            let apart = [decision.a, decision.b].map(|node| self.person_node(node));
            if apart == persons || apart == [persons[1], persons[0]] {
                lifted.push(decision.id);
            }
        }
        for decision in &mut self.decisions {
            if lifted.contains(&decision.id) {
                decision.undone_by = Some(id);
            }
        }
        decided.decisions = lifted;
        self.note(&mut decided, Verb::Merge, ends, by, at);
        decided.settle(self);
        decided
    }

    /// Sets two identifiers apart.
    pub(super) fn unmerge(&mut self, a: Node, b: Node, by: &str, at: i64) -> Decided {
        let mut decided = Decided::default();
        let id = self.next_decision();
        self.part_from_merges(&mut decided, [a, b], id);
        let places = [a, b].map(|node| self.find(node.pseudonym));
        let known = matches!(places, [Some(a), Some(b)] if self.is_apart(a, b));
        if !known || !decided.decisions.is_empty() {
            self.note(&mut decided, Verb::Apart, [a, b], by, at);
            decided.settle(self);
        }
        // Facts unite them no more; merges alone still may.
        self.part_from_merges(&mut decided, [a, b], id);
        decided
    }

    /// Takes merges back, the latest first, as long as one is needed to hold two together.
    fn part_from_merges(&mut self, decided: &mut Decided, [a, b]: [Node; 2], by: i64) {
        while self.person_node(a) == self.person_node(b)
            && let Some(merge) = self.holding(a, b, decided)
        {
            self.take_back(decided, merge, by);
            decided.settle(self);
        }
    }

    /// Returns where a person comes apart most easily: at its latest merge, else at the weakest
    /// edge that it needs; `None` when it is a single identifier.
    pub(super) fn seam(&self, person: u32) -> Option<[Node; 2]> {
        let members = self.members_of(person);
        let merges = members.iter().flat_map(|node| {
            let merges = self.merged.get(node).into_iter().flatten();
            merges.map(|(other, id)| (*id, [*node, *other]))
        });
        if let Some((_, ends)) = merges.max() {
            return Some(ends.map(|end| self.node(end)));
        }
        let joins = self.resolve(&self.part(person)).joins;
        let own = |at: &&u32| members.contains(&self.link(**at).ends[0]);
        let weakest = joins.iter().rev().find(own)?;
        Some(self.link(*weakest).ends.map(|end| self.node(end)))
    }

    /// Returns the identifier that names the person of another, which may be new.
    fn person_node(&self, node: Node) -> Node {
        self.find(node.pseudonym).map_or(node, |at| self.node(self.member(at).person))
    }

    fn next_decision(&self) -> i64 {
        self.decisions.last().map_or(1, |decision| decision.id + 1)
    }

    fn note(&mut self, decided: &mut Decided, verb: Verb, ends: [Node; 2], by: &str, at: i64) {
        let [a, b] = ends;
        let id = self.next_decision();
        decided.decisions.push(id);
        self.decide(Decision { id, verb, a, b, by: by.to_owned(), at, undone_by: None });
    }

    /// Returns the number of the merge that holds two identifiers of one person together: of the
    /// person's merges it is the latest but for which, the later ones and itself taken back, they
    /// would be apart. `None` when they would be together without any.
    fn holding(&mut self, a: Node, b: Node, decided: &mut Decided) -> Option<i64> {
        let members = self.members_of(self.find(a.pseudonym)?);
        let merges = members.iter().flat_map(|node| self.merged.get(node).into_iter().flatten());
        let merges: BTreeSet<i64> = merges.map(|(_, id)| *id).collect();
        let before = self.decisions.clone();
        let mut found = None;
        for merge in merges.into_iter().rev() {
            self.take_back(&mut Decided::default(), merge, TRIED);
            decided.settle(self);
            if self.person_node(a) != self.person_node(b) {
                found = Some(merge);
                break;
            }
        }
        self.decisions = before;
        self.enforce();
        decided.settle(self);
        found
    }

    /// Takes a merge back. The separations that it had taken back are in
    /// force again.
    fn take_back(&mut self, decided: &mut Decided, merge: i64, by: i64) {
        let at = self.decisions.binary_search_by_key(&merge, |decision| decision.id);
        let decision = &mut self.decisions[at.expect("a merge in force is noted")];
        decision.undone_by = Some(by);
        decided.decisions.push(merge);
        self.enforce();
        self.give_back(decided, merge);
    }

    /// Puts the separations in force again that a merge had taken back, save those that a later
    /// merge contradicts.
    fn give_back(&mut self, decided: &mut Decided, merge: i64) {
        for at in 0..self.decisions.len() {
            let decision = &self.decisions[at];
            if decision.undone_by != Some(merge) {
                continue;
            }
            let ends = [decision.a, decision.b].map(|node| self.find(node.pseudonym));
            let [Some(a), Some(b)] = ends else { continue };
            if self.merged_with(a) != self.merged_with(b) {
                self.decisions[at].undone_by = None;
                decided.decisions.push(self.decisions[at].id);
            }
        }
        self.enforce();
    }
}
