//! Why identifiers are one person, and who used a shared one when.

use shopwise_store::Ledger;
use shopwise_store::ledger::IdentityEvidence;

use super::graph::NEVER;
use super::names::{Decision, Evidence, Kind, Node, Pseudonym, Status};
use super::{Identities, rows};
use crate::error::Result;

/// A person, taken apart: identifiers, and below each the edges that begin there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The person.
    pub person: Pseudonym,
    /// How often its members changed.
    pub version: i64,
    /// Its identifiers in their order, each with the moment of the earliest fact about it; `None`
    /// when only a decision names it.
    pub members: Vec<(Node, Option<i64>)>,
    /// Edges that hold the members together, each once.
    pub edges: Vec<ExplainedEdge>,
    /// Edges of members that do not, with the reason in their status.
    pub suspended: Vec<ExplainedEdge>,
    /// What humans decided about members, also what was taken back since.
    pub decisions: Vec<Decision>,
}

/// An edge with all that speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedEdge {
    /// The member.
    pub member: Node,
    /// The other end, a member or not.
    pub other: Node,
    /// Whether it holds, and if not, why not.
    pub status: Status,
    /// The sightings, by kind and day.
    pub evidence: Vec<IdentityEvidence>,
}

impl Explanation {
    /// Returns the tree as lines of text, each (depth, text).
    #[must_use]
    pub fn lines(&self) -> Vec<(usize, String)> {
        let (count, version) = (self.members.len(), self.version);
        let head = format!("person {}: {count} identifiers, version {version}", self.person);
        let mut lines = vec![(0, head)];
        for (node, _) in &self.members {
            lines.push((1, format!("{} {}", node.kind.name(), node.pseudonym)));
            let edges = self.edges.iter().chain(&self.suspended);
            for edge in edges.filter(|edge| edge.member == *node) {
                let (kind, name) = (edge.other.kind.name(), edge.other.pseudonym);
                lines.push((2, format!("{kind} {name}: {}", edge.status.reason())));
                for seen in &edge.evidence {
                    let (first, last) = (&seen.first, &seen.last);
                    let from = shopwise_model::time::format(first.at);
                    let to = shopwise_model::time::format(last.at);
                    let (source, reference) = (&first.source, &first.reference);
                    let kind = &seen.kind;
                    lines.push((3, format!("{kind} {from} to {to}, {source} {reference}")));
                }
            }
        }
        for decision in &self.decisions {
            let (verb, a, b) = (decision.verb.name(), decision.a.pseudonym, decision.b.pseudonym);
            let at = shopwise_model::time::format(decision.at);
            let after = if decision.undone_by.is_some() { ", taken back" } else { "" };
            lines.push((1, format!("{verb} {a} {b} by {} {at}{after}", decision.by)));
        }
        lines
    }
}

/// Who used a shared browser or device from a moment on, until the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The shared identifier.
    pub pseudonym: Pseudonym,
    /// From when on, in UTC microseconds; the first holds before it too.
    pub from: i64,
    /// The person.
    pub person: Pseudonym,
}

impl Identities {
    /// Explains the person that an identifier belongs to.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn explain(&self, ledger: &Ledger, pseudonym: Pseudonym) -> Result<Explanation> {
        let person = self.person_of(pseudonym);
        let mut explanation = Explanation {
            person,
            version: ledger.person_version(&person.to_string())?,
            members: Vec::new(),
            edges: Vec::new(),
            suspended: Vec::new(),
            decisions: Vec::new(),
        };
        let Some(at) = self.graph.find(pseudonym) else { return Ok(explanation) };
        let members = self.graph.members_of(at);
        for member in &members {
            let node = self.graph.node(*member);
            let first_at = self.graph.member(*member).first_at;
            explanation.members.push((node, (first_at != NEVER).then_some(first_at)));
            let sightings = ledger.identity_evidence(&node.pseudonym.to_string())?;
            let mut edges: Vec<ExplainedEdge> = Vec::new();
            for (at, end) in self.graph.links_of(*member) {
                let status = self.graph.link(at).status;
                if status == Status::Active && self.graph.link(at).ends[0] != *member {
                    continue;
                }
                let other = self.graph.node(end);
                let name = other.pseudonym.to_string();
                let of_both = |seen: &&IdentityEvidence| seen.low == name || seen.high == name;
                let evidence = sightings.iter().filter(of_both).cloned().collect();
                edges.push(ExplainedEdge { member: node, other, status, evidence });
            }
            edges.sort_unstable_by_key(|edge| edge.other);
            let (holding, suspended): (Vec<_>, Vec<_>) =
                edges.into_iter().partition(|edge| edge.status == Status::Active);
            explanation.edges.extend(holding);
            explanation.suspended.extend(suspended);
        }
        let is_member = |node: Node| {
            let at = self.graph.find(node.pseudonym);
            at.is_some_and(|at| members.contains(&at))
        };
        let about = |decision: &&Decision| is_member(decision.a) || is_member(decision.b);
        explanation.decisions = self.graph.decisions.iter().filter(about).cloned().collect();
        Ok(explanation)
    }

    /// Returns the person that an identifier belonged to at a moment: of a browser or device that
    /// several customers used, the one who had last signed in there; before anybody had, the first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn person_at(&self, ledger: &Ledger, pseudonym: Pseudonym, at: i64) -> Result<Pseudonym> {
        let owners = self.owners(ledger, pseudonym)?;
        let later = owners.partition_point(|owner| owner.from <= at);
        let owner = owners.get(later.saturating_sub(1));
        Ok(owner.map_or_else(|| self.person_of(pseudonym), |owner| owner.person))
    }

    /// Returns who used a shared browser or device when, in the order of time; nothing for an
    /// identifier that is not shared. Of one customer's sign-ins of a day the first and the last
    /// count: between them another's sign-in is heard, a return to the first only at the last.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn owners(&self, ledger: &Ledger, pseudonym: Pseudonym) -> Result<Vec<Owner>> {
        let Some(at) = self.graph.find(pseudonym) else { return Ok(Vec::new()) };
        let is_used = matches!(self.graph.member(at).kind, Kind::Device | Kind::Anonymous);
        if !is_used || !self.graph.is_shared(at) {
            return Ok(Vec::new());
        }
        let mut logins: Vec<(i64, Pseudonym)> = Vec::new();
        for seen in ledger.identity_evidence(&pseudonym.to_string())? {
            let (low, high) = (rows::pseudonym(&seen.low)?, rows::pseudonym(&seen.high)?);
            let user = if low == pseudonym { high } else { low };
            let Some(place) = self.graph.find(user) else { continue };
            let is_login = Evidence::named(&seen.kind).is_some_and(Evidence::is_login);
            let is_customer = self.graph.member(place).kind == Kind::Customer;
            if is_login && is_customer && !self.graph.is_apart(at, place) {
                let person = self.person_of(user);
                logins.extend([(seen.first.at, person), (seen.last.at, person)]);
            }
        }
        logins.sort_unstable();
        logins.dedup_by_key(|(_, person)| *person);
        let owner = |(from, person)| Owner { pseudonym, from, person };
        Ok(logins.into_iter().map(owner).collect())
    }

    /// Returns the browsers and devices that several customers used, in no order.
    #[must_use]
    pub fn shared(&self) -> Vec<Node> {
        let places = 0..self.graph.members.len() as u32;
        places.filter(|at| self.graph.is_shared(*at)).map(|at| self.graph.node(at)).collect()
    }
}
