//! `shopwise identities`: which identifiers are one person and why, and a human's last word on it.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use shopwise_model::time;
use shopwise_stages::Shop;
use shopwise_stages::collect::identity::{
    Changes, ExplainedEdge, Explanation, Identities, Kind, Node, Pseudonym,
};

use super::{now, open};
use crate::ShopFolder;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    #[command(subcommand)]
    what: What,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
    /// Who decides, as it is written down
    #[arg(long, global = true, value_name = "NAME", default_value = "command line")]
    by: String,
}

/// An identifier is written as `kind:value` (customer, loyalty, email, phone, device, anonymous),
/// or as it is when no other kind has the same, or as its pseudonym.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// The identifiers of a person, and what holds them together
    Show {
        /// One of the person's identifiers, such as email:ann@shop.example
        id: String,
    },
    /// Makes two persons one, whatever the rules say
    Merge {
        /// An identifier of the one
        a: String,
        /// An identifier of the other
        b: String,
    },
    /// Sets two identifiers apart: each gets its own history back
    Unmerge {
        /// One identifier
        a: String,
        /// The other
        b: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let shop = open::open(&arguments.folder.shop)?;
    let mut graph = Identities::open(&shop.ledger)?;
    let ledger = &shop.ledger;
    match &arguments.what {
        What::Show { id } => {
            let node = find(&shop, &graph, id)?;
            let explanation = graph.explain(ledger, node.pseudonym)?;
            Ok(if arguments.json {
                tree_json(&explanation).to_string()
            } else {
                tree(&explanation)?
            })
        }
        What::Merge { a, b } => {
            let (a, b) = (find(&shop, &graph, a)?, find(&shop, &graph, b)?);
            let changes = graph.merge(ledger, a, b, &arguments.by, now())?;
            told(&changes, arguments.json)
        }
        What::Unmerge { a, b } => {
            let (a, b) = (find(&shop, &graph, a)?, find(&shop, &graph, b)?);
            let changes = graph.unmerge(ledger, a, b, &arguments.by, now())?;
            told(&changes, arguments.json)
        }
    }
}

/// Returns the identifier that is meant; one that the graph does not know needs its kind.
fn find(shop: &Shop, graph: &Identities, id: &str) -> Result<Node> {
    if let Some((kind, value)) = id.split_once(':')
        && let Some(kind) = Kind::named(kind)
    {
        let Some(node) = Node::of(&shop.vault, kind, value) else {
            bail!("`{id}` names nobody: such values are never one person's");
        };
        return Ok(node);
    }
    let written = Kind::ALL.into_iter().filter_map(|kind| Node::of(&shop.vault, kind, id));
    let pseudonym = Pseudonym::parse(id).and_then(|pseudonym| graph.node(pseudonym));
    let known = written.filter(|node| graph.node(node.pseudonym).is_some()).chain(pseudonym);
    match known.collect::<Vec<_>>()[..] {
        [node] => Ok(node),
        [] => bail!(
            "nobody was seen with another identifier as `{id}`\nhint: name its kind, such as \
             customer:{id}; the kinds are {}",
            Kind::ALL.map(Kind::name).join(", ")
        ),
        ref several => {
            let kinds: Vec<String> =
                several.iter().map(|node| format!("{}:{id}", node.kind.name())).collect();
            bail!("`{id}` may be {}\nhint: say which", kinds.join(" or "))
        }
    }
}

fn tree(explanation: &Explanation) -> Result<String> {
    let mut text = String::new();
    for (depth, line) in explanation.lines() {
        writeln!(text, "{:indent$}{line}", "", indent = 2 * depth)?;
    }
    Ok(text.trim_end().to_owned())
}

fn tree_json(explanation: &Explanation) -> Value {
    let moment = |at: i64| time::format(at);
    let members = explanation.members.iter().map(|(node, first_at)| {
        json!({
            "pseudonym": node.pseudonym.to_string(), "kind": node.kind.name(),
            "first_seen": first_at.map(moment),
        })
    });
    let edges = |edges: &[ExplainedEdge]| -> Vec<Value> { edges.iter().map(edge_json).collect() };
    let decisions = explanation.decisions.iter().map(|decision| {
        json!({
            "verb": decision.verb.name(), "a": decision.a.pseudonym.to_string(),
            "b": decision.b.pseudonym.to_string(), "by": decision.by, "at": moment(decision.at),
            "taken_back": decision.undone_by.is_some(),
        })
    });
    json!({
        "person": explanation.person.to_string(),
        "version": explanation.version,
        "identities": members.collect::<Vec<_>>(),
        "edges": edges(&explanation.edges),
        "suspended": edges(&explanation.suspended),
        "decisions": decisions.collect::<Vec<_>>(),
    })
}

fn edge_json(edge: &ExplainedEdge) -> Value {
    let seen = edge.evidence.iter().map(|seen| {
        json!({
            "kind": seen.kind,
            "from": time::format(seen.first.at), "to": time::format(seen.last.at),
            "source": seen.first.source, "reference": seen.first.reference,
        })
    });
    json!({
        "a": edge.member.pseudonym.to_string(), "b": edge.other.pseudonym.to_string(),
        "status": edge.status.name(), "reason": edge.status.reason(),
        "evidence": seen.collect::<Vec<_>>(),
    })
}

/// Says what a decision changed.
fn told(changes: &Changes, as_json: bool) -> Result<String> {
    let assigned = &changes.assigned;
    if as_json {
        let of = |(one, person): &(Pseudonym, Pseudonym)| {
            let (one, person) = (one.to_string(), person.to_string());
            json!({ "pseudonym": one, "person": person })
        };
        let assigned: Vec<Value> = assigned.iter().map(of).collect();
        return Ok(json!({ "assigned": assigned, "suspended": changes.suspended }).to_string());
    }
    let mut text = match assigned.len() {
        0 => "nothing changes".to_owned(),
        1 => "1 identifier changes".to_owned(),
        count => format!("{count} identifiers change"),
    };
    for (one, person) in assigned {
        write!(text, "\n{one} is {person}")?;
    }
    Ok(text)
}
