//! Which identifiers are one person: the rules, over one connected part of the graph.
//!
//! 1. What humans merged is together.
//! 2. Edges are looked at in the order of their rank: the kind of the less authoritative end, that
//!    of the other, the evidence, the earlier moment, the two pseudonyms. Each unites the persons
//!    of its ends, unless a limit or a human's separation forbids it; then it is suspended.
//!
//! That is Kruskal's algorithm with refusals: the order depends on facts only, so the outcome does.
//! A limit is a person's; one that humans merged from m persons may have m times as many of every
//! kind but customers, so that a merge always holds whole.

use rustc_hash::FxHashMap;

use super::graph::{Graph, Standing};
use super::names::{Kind, Status};

/// What the rules say of a part.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// The person of each identifier, named by one of them.
    pub(super) persons: Vec<u32>,
    /// Whom each identifier joined, and when.
    pub(super) joined: Vec<Option<(u32, i64)>>,
    /// The status of each edge.
    pub(super) statuses: Vec<(u32, Status)>,
    /// The edges that united two persons, the strongest first.
    pub(super) joins: Vec<u32>,
}

/// Persons that are being put together, by places within the part.
struct Sets<'a> {
    graph: &'a Graph,
    part: &'a [u32],
    places: FxHashMap<u32, u32>,
    parents: Vec<u32>,
    /// At each root: how many of each kind.
    counts: Vec<[u32; Kind::ALL.len()]>,
    /// At each root: how many persons humans made it of.
    merges: Vec<u32>,
    /// At each root: the members that are kept apart from somebody.
    wary: FxHashMap<u32, Vec<u32>>,
}

impl Graph {
    /// Applies the rules to a connected part.
    pub(super) fn resolve(&self, part: &[u32]) -> Resolved {
        let mut sets = Sets::new(self, part);
        let mut resolved = Resolved::default();
        sets.unite_merged();
        let mut links: Vec<u32> = Vec::new();
        for node in part.iter().filter(|node| self.member(**node).standing == Standing::Open) {
            for (at, _) in self.links_of(*node) {
                let link = self.link(at);
                match self.barred(link) {
                    Some(status) => resolved.statuses.push((at, status)),
                    None if link.ends[0] == *node => links.push(at),
                    None => {}
                }
            }
        }
        links.sort_by_cached_key(|at| self.rank(*at));
        for at in links {
            let [a, b] = self.link(at).ends.map(|end| sets.root_of(end));
            let status = if a == b { Status::Active } else { sets.may_unite(a, b) };
            if a != b && status == Status::Active {
                sets.unite(a, b);
                resolved.joins.push(at);
            }
            resolved.statuses.push((at, status));
        }
        resolved.persons = sets.names();
        resolved.joined = self.joins(part, &resolved.statuses);
        resolved
    }

    /// Returns the rank of an edge; the strongest is the smallest.
    fn rank(&self, at: u32) -> impl Ord + use<> {
        let link = self.link(at);
        let mut kinds = link.ends.map(|end| self.member(end).kind);
        let mut names = link.ends.map(|end| self.names[end as usize]);
        kinds.sort_unstable_by(|left, right| right.cmp(left));
        names.sort_unstable();
        (kinds, link.evidence, link.at, names)
    }
}

impl<'a> Sets<'a> {
    fn new(graph: &'a Graph, part: &'a [u32]) -> Self {
        let mut sets = Sets {
            graph,
            part,
            places: FxHashMap::default(),
            parents: (0..part.len() as u32).collect(),
            counts: vec![[0; Kind::ALL.len()]; part.len()],
            merges: vec![1; part.len()],
            wary: FxHashMap::default(),
        };
        sets.places.reserve(part.len());
        for (place, node) in part.iter().enumerate() {
            sets.places.insert(*node, place as u32);
            sets.counts[place][graph.member(*node).kind as usize] = 1;
            if !graph.apart.is_empty() && graph.apart.contains_key(node) {
                sets.wary.insert(place as u32, vec![*node]);
            }
        }
        sets
    }

    fn unite_merged(&mut self) {
        for (place, node) in self.part.iter().enumerate() {
            for (other, _) in self.graph.merged.get(node).into_iter().flatten() {
                let (a, b) = (self.root(place as u32), self.root_of(*other));
                if a != b {
                    self.unite(a, b);
                }
            }
        }
        // A merge counts as another person's worth of identifiers even where it closes a circle
        // of merges: no more, as it united nothing.
        let mut sizes = vec![0; self.part.len()];
        for place in 0..self.part.len() {
            sizes[self.root(place as u32) as usize] += 1;
        }
        self.merges = sizes;
    }

    fn root_of(&mut self, node: u32) -> u32 {
        let place = self.places[&node];
        self.root(place)
    }

    fn root(&mut self, mut place: u32) -> u32 {
        while self.parents[place as usize] != place {
            let above = self.parents[self.parents[place as usize] as usize];
            self.parents[place as usize] = above;
            place = above;
        }
        place
    }

    fn may_unite(&mut self, a: u32, b: u32) -> Status {
        let portions = (self.merges[a as usize] + self.merges[b as usize] - 1) as usize;
        for kind in Kind::ALL {
            let ours = self.counts[a as usize][kind as usize] as usize;
            let theirs = self.counts[b as usize][kind as usize] as usize;
            let portions = if kind == Kind::Customer { 1 } else { portions };
            if ours > 0 && theirs > 0 && ours + theirs > kind.limit() * portions {
                return Status::Limit(kind);
            }
        }
        for (side, other) in [(a, b), (b, a)] {
            let Some(wary) = self.wary.get(&side) else { continue };
            let mut away: Vec<u32> = Vec::new();
            for node in wary {
                away.extend(self.graph.apart[node].iter().filter_map(|node| self.places.get(node)));
            }
            if away.into_iter().any(|place| self.root(place) == other) {
                return Status::Apart;
            }
        }
        Status::Active
    }

    fn unite(&mut self, a: u32, b: u32) {
        // The root of a person is its smallest place; the paths are halved anyway.
        let (root, below) = (a.min(b), a.max(b));
        self.parents[below as usize] = root;
        let theirs = self.counts[below as usize];
        for (count, theirs) in self.counts[root as usize].iter_mut().zip(theirs) {
            *count += theirs;
        }
        self.merges[root as usize] += self.merges[below as usize] - 1;
        if let Some(wary) = self.wary.remove(&below) {
            self.wary.entry(root).or_default().extend(wary);
        }
    }

    /// Returns the name of each member's person: its customer, else any of its identifiers; the
    /// oldest of several, and of equals the one whose pseudonym is the smallest.
    fn names(&mut self) -> Vec<u32> {
        let age = |node: u32| self.graph.age(node);
        let mut best: Vec<u32> = self.part.to_vec();
        let roots: Vec<u32> = (0..self.part.len() as u32).map(|place| self.root(place)).collect();
        for (node, root) in self.part.iter().zip(&roots) {
            let best = &mut best[*root as usize];
            if age(*node) < age(*best) {
                *best = *node;
            }
        }
        roots.into_iter().map(|root| best[root as usize]).collect()
    }
}
