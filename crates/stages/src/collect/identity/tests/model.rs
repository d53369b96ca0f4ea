//! The dumbest model: keeps every fact, works everything out again with sets.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A decision: (verb, ends, the number of what took it back). Its number is its place from 1.
type Said = (Verb, [Node; 2], Option<usize>);

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) facts: BTreeSet<(Node, Node, Evidence, i64)>,
    pub(super) said: Vec<Said>,
}

/// Persons by name, and the status of each edge.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct World {
    pub(super) person: BTreeMap<Node, Node>,
    pub(super) status: BTreeMap<(Node, Node), Status>,
}

impl Model {
    pub(super) fn observe(&mut self, edge: &Edge) {
        let (a, b) = (edge.a.min(edge.b), edge.a.max(edge.b));
        if a.pseudonym != b.pseudonym {
            self.facts.insert((a, b, edge.evidence, edge.at));
        }
    }

    pub(super) fn merge(&mut self, a: Node, b: Node) {
        let world = self.world();
        let of = |node: Node| world.person.get(&node).copied().unwrap_or(node);
        let id = self.said.len() + 1;
        let both = BTreeSet::from([of(a), of(b)]);
        for (verb, ends, undone) in &mut self.said {
            if *verb == Verb::Apart && undone.is_none() && BTreeSet::from(ends.map(of)) == both {
                *undone = Some(id);
            }
        }
        let ends = if of(a) == of(b) { [a, b] } else { [of(a), of(b)] };
        self.say(Verb::Merge, ends);
    }

    pub(super) fn unmerge(&mut self, a: Node, b: Node) {
        let id = self.said.len() + 1;
        let is_any = self.part(a, b, id);
        if is_any || !self.is_apart(a, b) {
            self.say(Verb::Apart, [a, b]);
        }
        self.part(a, b, id);
    }

    fn part(&mut self, a: Node, b: Node, by: usize) -> bool {
        let mut is_any = false;
        while let Some(merge) = self.holding(a, b) {
            self.said[merge - 1].2 = Some(by);
            self.give_back(merge);
            is_any = true;
        }
        is_any
    }

    fn give_back(&mut self, merge: usize) {
        for place in 0..self.said.len() {
            let (_, [x, y], undone) = self.said[place];
            if undone == Some(merge) && !self.merged(x).contains(&y) {
                self.said[place].2 = None;
            }
        }
    }

    fn say(&mut self, verb: Verb, ends: [Node; 2]) {
        self.said.push((verb, ends, None));
    }

    fn is_apart(&self, a: Node, b: Node) -> bool {
        self.in_force(Verb::Apart).any(|(_, ends)| ends == [a, b] || ends == [b, a])
    }

    pub(super) fn in_force(&self, verb: Verb) -> impl Iterator<Item = (usize, [Node; 2])> {
        let said = self.said.iter().enumerate();
        said.filter(move |(_, said)| said.0 == verb && said.2.is_none())
            .map(|(place, said)| (place + 1, said.1))
    }

    fn merged(&self, node: Node) -> BTreeSet<Node> {
        let merged: Vec<_> = self.in_force(Verb::Merge).map(|(_, ends)| ends).collect();
        grow(node, &merged)
    }

    /// Returns the latest merge of the person without which, and later ones, the two are apart.
    fn holding(&self, a: Node, b: Node) -> Option<usize> {
        let together = |model: &Self| {
            let world = model.world();
            let (a, b) = (world.person.get(&a), world.person.get(&b));
            a.is_some() && a == b
        };
        let world = self.world();
        let mut without = self.clone();
        for (id, [end, _]) in self.in_force(Verb::Merge).collect::<Vec<_>>().into_iter().rev() {
            if !together(&without) {
                return None;
            }
            if world.person[&end] != world.person[&a] {
                continue;
            }
            without.said[id - 1].2 = Some(0);
            without.give_back(id);
            if !together(&without) {
                return Some(id);
            }
        }
        None
    }

    pub(super) fn world(&self) -> World {
        let mut first: BTreeMap<Node, i64> = BTreeMap::new();
        let mut edges: BTreeMap<(Node, Node), (Evidence, i64)> = BTreeMap::new();
        for (a, b, evidence, at) in &self.facts {
            for node in [a, b] {
                first.entry(*node).and_modify(|first| *first = *at.min(first)).or_insert(*at);
            }
            let edge = edges.entry((*a, *b)).or_insert((*evidence, *at));
            *edge = (*edge).min((*evidence, *at));
        }
        for node in self.said.iter().flat_map(|(_, ends, _)| ends) {
            first.entry(*node).or_insert(i64::MAX);
        }
        let is_shared = |node: Node| {
            let mut users: BTreeSet<BTreeSet<Node>> = BTreeSet::new();
            for (a, b) in edges.keys() {
                let other = if *a == node { *b } else { *a };
                let is_user = other.kind == Kind::Customer && other != node;
                if (*a == node || *b == node) && is_user && !self.is_apart(*a, *b) {
                    users.insert(self.merged(other));
                }
            }
            users.len() > node.kind.customers_max()
        };
        let shared: BTreeSet<Node> =
            first.keys().copied().filter(|node| is_shared(*node)).collect();
        let mut sets: Vec<(BTreeSet<Node>, usize)> = Vec::new();
        for node in first.keys() {
            if !sets.iter().any(|(set, _)| set.contains(node)) {
                let set = self.merged(*node);
                sets.push((set.clone(), set.len()));
            }
        }
        let mut world = World::default();
        let mut ranked: Vec<_> = edges.iter().collect();
        ranked.sort_by_key(|((a, b), (evidence, at))| {
            let names = [a.pseudonym.min(b.pseudonym), a.pseudonym.max(b.pseudonym)];
            (a.kind.max(b.kind), a.kind.min(b.kind), *evidence, *at, names)
        });
        for ((a, b), _) in ranked {
            let status = if self.is_apart(*a, *b) {
                Status::Apart
            } else if shared.contains(a) || shared.contains(b) {
                Status::Shared
            } else {
                self.join(&mut sets, *a, *b)
            };
            world.status.insert((*a, *b), status);
        }
        for (set, _) in sets {
            let name = |node: &&Node| (node.kind != Kind::Customer, first[node], node.pseudonym);
            let person = *set.iter().min_by_key(name).unwrap();
            world.person.extend(set.iter().map(|node| (*node, person)));
        }
        world
    }

    fn join(&self, sets: &mut Vec<(BTreeSet<Node>, usize)>, a: Node, b: Node) -> Status {
        let place = |node| sets.iter().position(|(set, _)| set.contains(&node)).unwrap();
        let (one, two) = (place(a), place(b));
        if one == two {
            return Status::Active;
        }
        let of = |at: usize, kind| sets[at].0.iter().filter(|node| node.kind == kind).count();
        let portions = sets[one].1 + sets[two].1 - 1;
        for kind in Kind::ALL {
            let most = kind.limit() * if kind == Kind::Customer { 1 } else { portions };
            let (ours, theirs) = (of(one, kind), of(two, kind));
            if ours > 0 && theirs > 0 && ours + theirs > most {
                return Status::Limit(kind);
            }
        }
        let (left, right) = (&sets[one].0, &sets[two].0);
        if left.iter().any(|x| right.iter().any(|y| self.is_apart(*x, *y))) {
            return Status::Apart;
        }
        let (joined, _) = sets.remove(one.max(two));
        let at = one.min(two);
        sets[at].0.extend(joined);
        sets[at].1 = portions;
        Status::Active
    }
}

/// Returns what pairs lead to from a node.
pub(super) fn grow(node: Node, pairs: &[[Node; 2]]) -> BTreeSet<Node> {
    let mut set = BTreeSet::from([node]);
    loop {
        let before = set.len();
        for [a, b] in pairs {
            if set.contains(a) || set.contains(b) {
                set.extend([*a, *b]);
            }
        }
        if set.len() == before {
            return set;
        }
    }
}
