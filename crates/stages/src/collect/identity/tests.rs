//! The graph against examples on paper, and against the dumbest model.

mod examples;
mod model;
mod random;

use shopwise_store::Ledger;

use super::*;

/// Returns the identifier of a kind with a number.
fn node(kind: Kind, number: usize) -> Node {
    let text = format!("c{:023x}{:x}", number, kind as usize);
    Node { pseudonym: Pseudonym::parse(&text).unwrap(), kind }
}

fn customer(number: usize) -> Node {
    node(Kind::Customer, number)
}

fn browser(number: usize) -> Node {
    node(Kind::Anonymous, number)
}

fn email(number: usize) -> Node {
    node(Kind::Email, number)
}

fn edge(a: Node, b: Node, evidence: Evidence, at: i64) -> Edge {
    let (source, reference) = ("web".to_owned(), format!("event {at}"));
    Edge { a, b, evidence, source, reference, at }
}

/// A graph over a ledger of its own.
struct Given {
    ledger: Ledger,
    identities: Identities,
    now: i64,
    /// Dropped last.
    _folder: tempfile::TempDir,
}

impl Given {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&format!("sqlite://{}/l.db", folder.path().display())).unwrap();
        let identities = Identities::open(&ledger).unwrap();
        Self { ledger, identities, now: 0, _folder: folder }
    }

    fn observe(&mut self, edges: &[Edge]) -> Changes {
        self.now += 1;
        self.identities.observe(&self.ledger, edges, self.now).unwrap()
    }

    fn see(&mut self, a: Node, b: Node, evidence: Evidence, at: i64) {
        self.observe(&[edge(a, b, evidence, at)]);
    }

    fn merge(&mut self, a: Node, b: Node) {
        self.now += 1;
        self.identities.merge(&self.ledger, a, b, "ann", self.now).unwrap();
    }

    fn unmerge(&mut self, a: Node, b: Node) {
        self.now += 1;
        self.identities.unmerge(&self.ledger, a, b, "ann", self.now).unwrap();
    }

    fn person(&self, node: Node) -> Pseudonym {
        self.identities.person_of(node.pseudonym)
    }

    fn together(&self, a: Node, b: Node) -> bool {
        self.person(a) == self.person(b)
    }

    /// Returns the reasons of the suspended edges of a person.
    fn suspended(&self, node: Node) -> Vec<Status> {
        let explanation = self.identities.explain(&self.ledger, node.pseudonym).unwrap();
        explanation.suspended.iter().map(|edge| edge.status).collect()
    }
}
