//! Who is who: devices, logins and shop counters become customers.
//!
//! Every event carries the pseudonym of the identifier that was seen, and keeps it. The identity
//! graph says which pseudonyms are one person; the ledger's table `identities` is joined on read.
//! So merging and unmerging rewrite nothing, and persons are a function of two things: the set of
//! facts (two identifiers seen together, how and when) and the decisions of humans in force.
//! Neither the order of facts nor their batches matter; late ones count as if they had been early.
//!
//! A person's name is the pseudonym of its customer, of the oldest when humans merged several;
//! without one it is that of its oldest identifier. It stays when identifiers join that customer,
//! and changes when a visitor becomes a customer or an older merged one is found.
//!
//! The cost of a fact is that of the connected part it is in, suspended edges included, up to
//! shared and crowded identifiers; of a repeated one, that of finding it. One process writes at a
//! time; others are noticed, and the graph is read again. It knows no identifier, only pseudonyms.

mod decide;
mod explain;
mod graph;
mod heard;
mod names;
mod nobody;
mod resolve;
mod rows;
mod since;
#[cfg(test)]
mod tests;

use shopwise_store::ledger::{IdentityChanges, IdentityEvidence};
use shopwise_store::{Ledger, Vault};

use crate::error::{Error, Result};

pub use explain::{ExplainedEdge, Explanation, Owner};
pub use names::{Decision, Edge, Evidence, Kind, NEIGHBOURS_MAX, Node, Pseudonym, Status, Verb};
pub use nobody::names_nobody;

use decide::Decided;
use graph::{Fact, Graph, Settled};
use heard::Heard;
use nobody::is_blocked;

/// How often a change is tried again after another process changed the graph.
const TRIES: usize = 5;

impl Node {
    /// Returns an identifier as the graph knows it; `None` when it names nobody.
    #[must_use]
    pub fn of(vault: &Vault, kind: Kind, value: &str) -> Option<Self> {
        // As it was written too: a telephone `-1` is `1` in digits.
        let is_nobody = is_blocked(kind, value);
        let value = vault.normal(kind.name(), value);
        if is_nobody || is_blocked(kind, &value) {
            return None;
        }
        let pseudonym = Pseudonym::parse(&vault.pseudonym(kind.name(), &value));
        pseudonym.map(|pseudonym| Self { pseudonym, kind })
    }
}

/// What a call changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Identifiers that were not known before, or belong to another person now, or since another
    /// moment: (identifier, person), in the order of the identifiers.
    pub assigned: Vec<(Pseudonym, Pseudonym)>,
    /// Persons that gained or lost members, those that are no more among them.
    pub persons: Vec<Pseudonym>,
    /// Edges that are suspended now, new or not before.
    pub suspended: usize,
    /// Facts that say nothing: one identifier with itself, or of another kind than before.
    pub refused: usize,
}

/// The identity graph, opened. The ledger is given to each verb that reads or writes it.
#[derive(Debug, Default)]
pub struct Identities {
    graph: Graph,
    /// Which state of the ledger it shows; `None` when memory and ledger may differ.
    state: Option<i64>,
    /// What [`Self::learn`] changed and the ledger does not hold yet.
    unwritten: Settled,
    /// How often it was read from the ledger.
    readings: u64,
    heard: Heard,
}

impl Identities {
    /// Reads the graph. Persons that a program with other rules assigned otherwise are set right.
    ///
    /// # Errors
    /// When the database refuses or holds what this program does not know.
    pub fn open(ledger: &Ledger) -> Result<Self> {
        let mut identities = Self::default();
        identities.refresh(ledger)?;
        let changes = rows::corrections(&identities.graph, ledger)?;
        let state = identities.state.unwrap_or_default();
        // Nobody's fault if another does it first.
        if !changes.assigned.is_empty() && ledger.change_identities(&changes, state, 0)? {
            identities.state = Some(state + 1);
        }
        identities.refresh(ledger)?;
        Ok(identities)
    }

    /// Reads the graph again if another process changed it. Returns whether it did.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn refresh(&mut self, ledger: &Ledger) -> Result<bool> {
        let mut state = ledger.identity_state()?;
        if self.state == Some(state) {
            return Ok(false);
        }
        for _ in 0..TRIES {
            self.graph = rows::read(ledger)?;
            let now = ledger.identity_state()?;
            if now == state {
                self.state = Some(state);
                self.unwritten = Settled::default();
                self.heard = Heard::default();
                self.readings += 1;
                return Ok(true);
            }
            state = now;
        }
        Err(Error::Wrong("the identity graph changes faster than it can be read".to_owned()))
    }

    /// Reads the graph again if somebody else has decided about it, whatever facts others brought.
    /// Returns whether he did.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn notice(&mut self, ledger: &Ledger) -> Result<bool> {
        let said = ledger.identity_decisions()?;
        let known = self.graph.decisions.iter();
        let is_known = said.len() == known.len()
            && said.iter().zip(known).all(|(said, known)| said.undone_by == known.undone_by);
        Ok(!is_known && self.refresh(ledger)?)
    }

    /// Takes facts in, in memory alone, ahead of [`Self::observe`], which is to bring the same ones
    /// to the ledger: so who is who is known at once.
    pub fn learn(&mut self, edges: &[Edge]) -> Changes {
        let mut refused = 0;
        for edge in edges {
            let (a, b, evidence, at) = (edge.a, edge.b, edge.evidence, edge.at);
            refused += usize::from(!self.graph.add(&Fact { a, b, evidence, at }));
        }
        let settled = self.graph.settle();
        let changes = Changes { refused, ..self.changes(&settled) };
        self.unwritten.moved.extend(settled.moved);
        self.unwritten.edges.extend(settled.edges);
        self.unwritten.persons.extend(settled.persons);
        changes
    }

    /// Takes facts in, thousands at a time. Facts that are known already change nothing.
    ///
    /// # Errors
    /// When the database refuses; nothing is written then.
    pub fn observe(&mut self, ledger: &Ledger, edges: &[Edge], now: i64) -> Result<Changes> {
        let mut refused = 0;
        let mut changes = self.change(ledger, now, |graph| {
            refused = 0;
            let mut taken = Vec::with_capacity(edges.len());
            for edge in edges {
                let (a, b, evidence, at) = (edge.a, edge.b, edge.evidence, edge.at);
                if graph.add(&Fact { a, b, evidence, at }) {
                    taken.push(edge);
                } else {
                    refused += 1;
                }
            }
            let settled = graph.settle();
            (rows::evidence(&taken), Decided { settled, ..Decided::default() })
        })?;
        changes.refused = refused;
        Ok(changes)
    }

    /// As [`Self::observe`], for events as they come: sightings that were heard within the last ten
    /// minutes of their day are not written again, so that the last one of a day may be that much
    /// too early.
    ///
    /// # Errors
    /// When the database refuses; nothing is written then.
    pub fn hear(&mut self, ledger: &Ledger, mut edges: Vec<Edge>, now: i64) -> Result<Changes> {
        edges.retain(|edge| self.heard.is_news(edge));
        let changes = self.observe(ledger, &edges, now)?;
        edges.iter().for_each(|edge| self.heard.remember(edge));
        Ok(changes)
    }

    /// Makes the persons of two identifiers one, whatever limits say, until [`Self::unmerge`].
    ///
    /// # Errors
    /// When they are one identifier or of another kind than known, or the database refuses.
    pub fn merge(
        &mut self,
        ledger: &Ledger,
        a: Node,
        b: Node,
        by: &str,
        now: i64,
    ) -> Result<Changes> {
        self.check(a, b)?;
        self.change(ledger, now, |graph| (Vec::new(), graph.merge(a, b, by, now)))
    }

    /// Sets two identifiers apart, until [`Self::merge`]: whatever merges hold them together are
    /// taken back, and edges that would bring them together are suspended. The two need not share
    /// an edge; if they do, it counts as wrong: a browser used by this customer and another one is
    /// shared no more.
    ///
    /// # Errors
    /// When they are one identifier or of another kind than known, or the database refuses.
    pub fn unmerge(
        &mut self,
        ledger: &Ledger,
        a: Node,
        b: Node,
        by: &str,
        now: i64,
    ) -> Result<Changes> {
        self.check(a, b)?;
        self.change(ledger, now, |graph| (Vec::new(), graph.unmerge(a, b, by, now)))
    }

    /// Takes a person's latest merge back; without one, sets apart the ends of the weakest edge
    /// that the person needs.
    ///
    /// # Errors
    /// When the person is a single identifier or unknown, or the database refuses.
    pub fn unmerge_person(
        &mut self,
        ledger: &Ledger,
        person: Pseudonym,
        by: &str,
        now: i64,
    ) -> Result<Changes> {
        self.refresh(ledger)?;
        let seam = self.graph.find(person).and_then(|person| self.graph.seam(person));
        let Some([a, b]) = seam else {
            return Err(Error::Wrong(format!("`{person}` is not made of several identifiers")));
        };
        self.unmerge(ledger, a, b, by, now)
    }

    /// Returns how often the graph was read from the ledger: after another reading anybody may
    /// belong to somebody else.
    #[must_use]
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// Returns every identifier that the graph knows with its person.
    pub fn persons(&self) -> impl Iterator<Item = (Pseudonym, Pseudonym)> {
        let person = |member: &graph::Member| self.graph.names[member.person as usize];
        self.graph.names.iter().copied().zip(self.graph.members.iter().map(person))
    }

    /// Returns the person that an identifier belongs to; one that the graph does not know is a
    /// person by itself.
    #[must_use]
    pub fn person_of(&self, pseudonym: Pseudonym) -> Pseudonym {
        let found = self.graph.find(pseudonym);
        found.map_or(pseudonym, |at| self.graph.names[self.graph.member(at).person as usize])
    }

    /// Returns the identifiers of the person that one of them belongs to, in their order.
    #[must_use]
    pub fn members(&self, pseudonym: Pseudonym) -> Vec<Node> {
        let Some(at) = self.graph.find(pseudonym) else { return Vec::new() };
        self.graph.members_of(at).into_iter().map(|member| self.graph.node(member)).collect()
    }

    /// Returns an identifier with its kind, if the graph knows it.
    #[must_use]
    pub fn node(&self, pseudonym: Pseudonym) -> Option<Node> {
        self.graph.find(pseudonym).map(|at| self.graph.node(at))
    }

    /// Returns how many identifiers and edges there are.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.graph.members.len(), self.graph.links.len())
    }

    /// Returns the bytes that the graph takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.graph.bytes()
    }

    fn check(&self, a: Node, b: Node) -> Result<()> {
        for node in [a, b] {
            let known = self.node(node.pseudonym).map_or(node.kind, |known| known.kind);
            if known != node.kind {
                let (name, kind, known) = (node.pseudonym, node.kind.name(), known.name());
                let wrong = format!("`{name}` must be of kind {known}, got `{kind}`");
                return Err(Error::Wrong(wrong));
            }
        }
        if a.pseudonym == b.pseudonym {
            return Err(Error::Wrong(format!("`{}` is one identifier, not two", a.pseudonym)));
        }
        Ok(())
    }

    /// Changes the graph in memory and the ledger together.
    fn change(
        &mut self,
        ledger: &Ledger,
        now: i64,
        mut change: impl FnMut(&mut Graph) -> (Vec<IdentityEvidence>, Decided),
    ) -> Result<Changes> {
        for _ in 0..TRIES {
            self.refresh(ledger)?;
            // Until the ledger has it, memory is ahead.
            let Some(state) = self.state.take() else { continue };
            let (evidence, decided) = change(&mut self.graph);
            let changes = self.changes(&decided.settled);
            let written = self.rows(decided, evidence);
            if written == IdentityChanges::default()
                || ledger.change_identities(&written, state, now)?
            {
                let is_written = written != IdentityChanges::default();
                self.state = Some(state + i64::from(is_written));
                self.unwritten = Settled::default();
                return Ok(changes);
            }
        }
        Err(Error::Wrong("others change the identity graph all the time".to_owned()))
    }

    fn changes(&self, settled: &Settled) -> Changes {
        let graph = &self.graph;
        let name = |at: u32| graph.names[at as usize];
        let mut changes = Changes::default();
        let moved = settled.moved.iter();
        changes.assigned.extend(moved.map(|at| (name(*at), name(graph.member(*at).person))));
        changes.assigned.sort_unstable();
        changes.assigned.dedup();
        changes.persons.extend(settled.persons.iter().map(|at| name(*at)));
        changes.persons.sort_unstable();
        let mut edges = settled.edges.clone();
        edges.sort_unstable();
        edges.dedup();
        let is_suspended = |at: &&u32| graph.link(**at).status != Status::Active;
        changes.suspended = edges.iter().filter(is_suspended).count();
        changes
    }

    /// Returns the rows of what changed and of what was not written before.
    fn rows(&self, decided: Decided, evidence: Vec<IdentityEvidence>) -> IdentityChanges {
        let (graph, before) = (&self.graph, &self.unwritten);
        let each_once = |mut places: Vec<u32>, before: &[u32]| {
            places.extend(before);
            places.sort_unstable();
            places.dedup();
            places
        };
        let edges = each_once(decided.settled.edges, &before.edges);
        let moved = each_once(decided.settled.moved, &before.moved);
        let mut persons: Vec<Pseudonym> = decided
            .settled
            .persons
            .union(&before.persons)
            .map(|at| graph.names[*at as usize])
            .collect();
        persons.sort_unstable();
        IdentityChanges {
            evidence,
            edges: edges.into_iter().map(|at| rows::edge(graph, at)).collect(),
            decisions: rows::decisions(graph, &decided.decisions),
            assigned: moved.into_iter().map(|at| rows::assignment(graph, at)).collect(),
            persons: persons.iter().map(ToString::to_string).collect(),
        }
    }
}
