//! The graph as rows of the ledger, there and back.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use shopwise_model::time::DAY;
use shopwise_store::Ledger;
use shopwise_store::ledger::{
    Assignment, IdentityChanges, IdentityDecision, IdentityEdge, IdentityEvidence, IdentityFact,
    Sighting,
};

use super::graph::{Fact, Graph};
use super::names::{Decision, Edge, Evidence, Kind, Node, Pseudonym, Verb};
use crate::error::{Error, Result};

/// Reads all facts and decisions, and works out all persons.
pub(super) fn read(ledger: &Ledger) -> Result<Graph> {
    let mut graph = Graph::default();
    let mut wrong = None;
    ledger.identity_facts(|row| match fact(&row) {
        Ok(fact) => {
            graph.add(&fact);
        }
        Err(error) => wrong = Some(error),
    })?;
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    for row in ledger.identity_decisions()? {
        graph.know(decision(row)?);
    }
    graph.enforce();
    graph.settle();
    Ok(graph)
}

/// Returns what the ledger says otherwise than the graph.
pub(super) fn corrections(graph: &Graph, ledger: &Ledger) -> Result<IdentityChanges> {
    let mut said: FxHashMap<Pseudonym, Assignment> = FxHashMap::default();
    for row in ledger.identities()? {
        said.insert(pseudonym(&row.assignment.pseudonym)?, row.assignment);
    }
    let mut changes = IdentityChanges::default();
    let mut persons = std::collections::BTreeSet::new();
    for (at, name) in graph.names.iter().enumerate() {
        let (ours, theirs) = (assignment(graph, at as u32), said.get(name));
        if theirs == Some(&ours) {
            continue;
        }
        if theirs.is_none_or(|theirs| theirs.person != ours.person) {
            persons.insert(ours.person.clone());
            persons.extend(theirs.map(|theirs| theirs.person.clone()));
        }
        changes.assigned.push(ours);
    }
    if !changes.assigned.is_empty() {
        changes.edges = (0..graph.links.len() as u32).map(|at| edge(graph, at)).collect();
        changes.persons = persons.into_iter().collect();
    }
    Ok(changes)
}

/// Returns the row of an identifier.
pub(super) fn assignment(graph: &Graph, at: u32) -> Assignment {
    let member = graph.member(at);
    let name = |at: u32| graph.names[at as usize].to_string();
    let joined = (member.joined != at).then(|| (name(member.joined), member.since));
    Assignment { pseudonym: name(at), person: name(member.person), joined }
}

/// Returns the facts of a batch, put together by pair, kind and day.
pub(super) fn evidence(edges: &[&Edge]) -> Vec<IdentityEvidence> {
    let mut days: BTreeMap<(Pseudonym, Pseudonym, Evidence, i64), [&Edge; 2]> = BTreeMap::new();
    for edge in edges {
        let (a, b) = (edge.a.pseudonym, edge.b.pseudonym);
        let key = (a.min(b), a.max(b), edge.evidence, edge.at.div_euclid(DAY));
        let [first, last] = days.entry(key).or_insert([edge, edge]);
        if edge.at < first.at {
            *first = edge;
        }
        if edge.at > last.at {
            *last = edge;
        }
    }
    let rows = days.into_iter().map(|((low, high, kind, day), seen)| {
        let [first, last] = seen.map(|edge| Sighting {
            at: edge.at,
            source: edge.source.clone(),
            reference: edge.reference.clone(),
        });
        let (low, high, kind) = (low.to_string(), high.to_string(), kind.name().to_owned());
        IdentityEvidence { low, high, kind, day, first, last }
    });
    rows.collect()
}

/// Returns the row of an edge.
pub(super) fn edge(graph: &Graph, at: u32) -> IdentityEdge {
    let link = graph.link(at);
    let mut ends = link.ends.map(|end| graph.node(end));
    ends.sort_unstable();
    let [low, high] = ends;
    IdentityEdge {
        low: low.pseudonym.to_string(),
        high: high.pseudonym.to_string(),
        low_kind: low.kind.name().to_owned(),
        high_kind: high.kind.name().to_owned(),
        status: link.status.name().to_owned(),
    }
}

/// Returns the rows of some decisions, each once.
pub(super) fn decisions(graph: &Graph, ids: &[i64]) -> Vec<IdentityDecision> {
    let changed = graph.decisions.iter().filter(|decision| ids.contains(&decision.id));
    let rows = changed.map(|decision| IdentityDecision {
        id: decision.id,
        verb: decision.verb.name().to_owned(),
        a: decision.a.pseudonym.to_string(),
        a_kind: decision.a.kind.name().to_owned(),
        b: decision.b.pseudonym.to_string(),
        b_kind: decision.b.kind.name().to_owned(),
        by: decision.by.clone(),
        at: decision.at,
        undone_by: decision.undone_by,
    });
    rows.collect()
}

fn fact(row: &IdentityFact) -> Result<Fact> {
    let a = node(&row.edge.low, &row.edge.low_kind)?;
    let b = node(&row.edge.high, &row.edge.high_kind)?;
    let evidence = Evidence::named(&row.kind).ok_or_else(|| unknown(&row.kind))?;
    Ok(Fact { a, b, evidence, at: row.at })
}

fn decision(row: IdentityDecision) -> Result<Decision> {
    let verb = [Verb::Merge, Verb::Apart].into_iter().find(|verb| verb.name() == row.verb);
    Ok(Decision {
        id: row.id,
        verb: verb.ok_or_else(|| unknown(&row.verb))?,
        a: node(&row.a, &row.a_kind)?,
        b: node(&row.b, &row.b_kind)?,
        by: row.by,
        at: row.at,
        undone_by: row.undone_by,
    })
}

fn node(name: &str, kind: &str) -> Result<Node> {
    let kind = Kind::named(kind).ok_or_else(|| unknown(kind))?;
    Ok(Node { pseudonym: pseudonym(name)?, kind })
}

pub(super) fn pseudonym(name: &str) -> Result<Pseudonym> {
    Pseudonym::parse(name).ok_or_else(|| unknown(name))
}

fn unknown(what: &str) -> Error {
    Error::Wrong(format!("the identity graph holds `{what}`, which this program does not know"))
}
