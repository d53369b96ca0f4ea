//! Which identifiers were seen together, while events are read: the facts of the identity graph.

use rustc_hash::FxHashMap;
use shopwise_model::time::DAY;
use shopwise_store::Vault;

use super::identity::{Edge, Evidence, Kind, Node, Pseudonym};

/// What a sighting is kept under: of a day's sightings of two identifiers the first and the last
/// count.
type Key = (Pseudonym, Pseudonym, Evidence, i64);

/// The sightings of some events.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    by_day: FxHashMap<Key, [Edge; 2]>,
}

/// The event or row that shows identifiers together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) evidence: Evidence,
    pub(super) source: &'a str,
    /// The event's identifier, or file and line.
    pub(super) reference: &'a str,
    pub(super) at: i64,
}

impl Sightings {
    /// Takes an event that shows the first identifier together with each other one.
    pub(super) fn see(&mut self, nodes: &[Node], seen: &Seen<'_>) {
        let Some((a, others)) = nodes.split_first() else { return };
        for b in others.iter().filter(|b| b.pseudonym != a.pseudonym) {
            let edge = || Edge {
                a: *a,
                b: *b,
                evidence: seen.evidence,
                source: seen.source.to_owned(),
                reference: seen.reference.to_owned(),
                at: seen.at,
            };
            let (low, high) = (a.pseudonym.min(b.pseudonym), a.pseudonym.max(b.pseudonym));
            let key = (low, high, seen.evidence, seen.at.div_euclid(DAY));
            let [first, last] = self.by_day.entry(key).or_insert_with(|| [edge(), edge()]);
            if seen.at < first.at {
                *first = edge();
            } else if seen.at > last.at {
                *last = edge();
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_day.len()
    }

    /// Returns the facts, which leave.
    pub(super) fn take(&mut self) -> Vec<Edge> {
        let mut edges: Vec<Edge> = Vec::with_capacity(2 * self.by_day.len());
        for [first, last] in std::mem::take(&mut self.by_day).into_values() {
            let is_one = first.at == last.at;
            edges.push(first);
            if !is_one {
                edges.push(last);
            }
        }
        edges
    }
}

/// Collects the identifiers of an event that name somebody, the most authoritative first.
pub(crate) struct Names<'a> {
    vault: &'a Vault,
    pub(crate) nodes: Vec<Node>,
}

impl<'a> Names<'a> {
    pub(super) fn new(vault: &'a Vault) -> Self {
        Self { vault, nodes: Vec::new() }
    }

    /// Takes a pseudonym that was made already.
    pub(crate) fn known(&mut self, kind: Kind, pseudonym: &str) {
        let pseudonym = Pseudonym::parse(pseudonym);
        self.nodes.extend(pseudonym.map(|pseudonym| Node { pseudonym, kind }));
    }

    /// Takes an identifier as it was written, unless it names nobody.
    pub(crate) fn written(&mut self, kind: Kind, value: &str) {
        self.nodes.extend(Node::of(self.vault, kind, value));
    }
}
