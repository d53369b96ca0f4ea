//! Whatever happens in whatever order: the graph says what the model says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::model::{Model, World, grow};
use super::*;

#[derive(Debug, Clone)]
enum Operation {
    Observe(Vec<Edge>),
    Merge(Node, Node),
    Unmerge(Node, Node),
    /// A merge and at once its opposite: nothing may be different.
    Regret(Node, Node),
    UnmergePerson(Node),
}

/// Few of each kind, so that limits are met.
fn any_node() -> impl Strategy<Value = Node> {
    prop_oneof![
        3 => (0..4_usize).prop_map(customer),
        3 => (0..8_usize).prop_map(email),
        3 => (0..5_usize).prop_map(browser),
        1 => (0..2_usize).prop_map(|number| node(Kind::Device, number)),
        1 => (0..7_usize).prop_map(|number| node(Kind::Loyalty, number)),
    ]
}

fn any_edge() -> impl Strategy<Value = Edge> {
    let evidence = prop::sample::select(Evidence::ALL.to_vec());
    (any_node(), any_node(), evidence, 0..20_i64)
        .prop_map(|(a, b, evidence, at)| edge(a, b, evidence, at))
}

fn operation() -> impl Strategy<Value = Operation> {
    let pair = || (any_node(), any_node()).prop_filter("two", |(a, b)| a != b);
    prop_oneof![
        6 => prop::collection::vec(any_edge(), 1..6).prop_map(Operation::Observe),
        1 => pair().prop_map(|(a, b)| Operation::Merge(a, b)),
        2 => pair().prop_map(|(a, b)| Operation::Unmerge(a, b)),
        1 => pair().prop_map(|(a, b)| Operation::Regret(a, b)),
        1 => any_node().prop_map(Operation::UnmergePerson),
    ]
}

/// Returns what the graph says.
fn world(graph: &Graph) -> World {
    let mut world = World::default();
    for at in 0..graph.members.len() as u32 {
        let person = graph.node(graph.member(at).person);
        world.person.insert(graph.node(at), person);
    }
    for link in &graph.links {
        let mut ends = link.ends.map(|end| graph.node(end));
        ends.sort_unstable();
        world.status.insert((ends[0], ends[1]), link.status);
    }
    world
}

/// Plays one operation on both.
fn play(graph: &mut Graph, model: &mut Model, operation: &Operation, at: i64) {
    match operation {
        Operation::Observe(edges) => {
            for edge in edges {
                let (a, b, evidence, at) = (edge.a, edge.b, edge.evidence, edge.at);
                graph.add(&Fact { a, b, evidence, at });
                model.observe(edge);
            }
            graph.settle();
        }
        Operation::Merge(a, b) => {
            graph.merge(*a, *b, "ann", at);
            model.merge(*a, *b);
        }
        Operation::Unmerge(a, b) => {
            graph.unmerge(*a, *b, "ann", at);
            model.unmerge(*a, *b);
        }
        Operation::Regret(a, b) => {
            let before = model.world();
            let of = |node: Node| before.person.get(&node).copied().unwrap_or(node);
            // Setting a customer apart from a shared browser also says that he never used it.
            let is_shared = [(*a, *b), (of(*a), of(*b))]
                .into_iter()
                .any(|(a, b)| before.status.get(&(a.min(b), a.max(b))) == Some(&Status::Shared));
            if of(*a) != of(*b) && !is_shared {
                graph.merge(*a, *b, "ann", at);
                // An earlier separation can keep the two apart whatever is merged around them.
                let held = world(graph).person[a] == world(graph).person[b];
                graph.unmerge(*a, *b, "ann", at);
                model.merge(*a, *b);
                model.unmerge(*a, *b);
                let after = world(graph);
                for (node, person) in before.person.iter().filter(|_| held) {
                    assert_eq!(after.person[node], *person, "{node:?} after a regretted merge");
                }
            }
        }
        Operation::UnmergePerson(node) => {
            let person = graph.find(node.pseudonym).map(|at| graph.member(at).person);
            if let Some([a, b]) = person.and_then(|person| graph.seam(person)) {
                graph.unmerge(a, b, "ann", at);
                model.unmerge(a, b);
                let of = |node: Node| graph.member(graph.find(node.pseudonym).unwrap()).person;
                assert_ne!(of(a), of(b));
            }
        }
    }
}

/// Checks that limits hold, and that what humans set apart is apart.
fn check_limits(world: &World, model: &Model) {
    let mut persons: BTreeMap<Node, Vec<Node>> = BTreeMap::new();
    for (node, person) in &world.person {
        persons.entry(*person).or_default().push(*node);
    }
    for members in persons.values() {
        let merges = model.in_force(Verb::Merge).filter(|(_, ends)| members.contains(&ends[0]));
        let portions = merges.count() + 1;
        for kind in Kind::ALL {
            let count = members.iter().filter(|node| node.kind == kind).count();
            assert!(count <= kind.limit() * portions, "{count} of {kind:?}");
        }
    }
    for (_, [a, b]) in model.in_force(Verb::Apart) {
        assert_ne!(world.person.get(&a), world.person.get(&b), "{a:?} {b:?}");
    }
}

#[test]
fn the_graph_says_what_the_model_says() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(400));
    let operations = prop::collection::vec(operation(), 1..25);
    let result = runner.run(&operations, |operations| {
        let (mut graph, mut model) = (Graph::default(), Model::default());
        for (at, operation) in operations.iter().enumerate() {
            play(&mut graph, &mut model, operation, at as i64);
            let expected = model.world();
            prop_assert_eq!(&world(&graph), &expected, "after {}: {:?}", at, operation);
            check_limits(&expected, &model);
        }
        Ok(())
    });
    result.unwrap();
}

/// Checks for every moment that who was one person then, by the tree of joins, is whom the edges
/// and merges up to then connect that hold today.
fn check_joins(graph: &Graph) {
    let node = |at: u32| graph.node(at);
    let mut seen: Vec<(i64, [Node; 2])> = Vec::new();
    for link in graph.links.iter().filter(|link| link.status == Status::Active) {
        seen.push((link.at, link.ends.map(node)));
    }
    for decision in &graph.decisions {
        if decision.verb == Verb::Merge && decision.undone_by.is_none() {
            seen.push((decision.at, [decision.a, decision.b]));
        }
    }
    let mut tree: Vec<(i64, [Node; 2])> = Vec::new();
    for (at, member) in (0..).zip(&graph.members) {
        assert_eq!(member.joined == at, member.person == at, "the root names the person");
        if member.joined != at {
            tree.push((member.since, [node(at), node(member.joined)]));
        }
    }
    let until = |pairs: &[(i64, [Node; 2])], moment: i64| -> Vec<[Node; 2]> {
        pairs.iter().filter(|(at, _)| *at <= moment).map(|(_, ends)| *ends).collect()
    };
    for moment in seen.iter().map(|(at, _)| *at).chain([-1, i64::MAX]) {
        let (seen, tree) = (until(&seen, moment), until(&tree, moment));
        for at in 0..graph.members.len() as u32 {
            assert_eq!(grow(node(at), &tree), grow(node(at), &seen), "at {moment}");
        }
    }
}

#[test]
fn who_was_one_at_a_moment_is_what_was_seen_until_then() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(400));
    let operations = prop::collection::vec(operation(), 1..15);
    let result = runner.run(&operations, |operations| {
        let (mut graph, mut model) = (Graph::default(), Model::default());
        for (at, operation) in operations.iter().enumerate() {
            play(&mut graph, &mut model, operation, at as i64);
            check_joins(&graph);
        }
        Ok(())
    });
    result.unwrap();
}

#[test]
fn the_order_of_facts_and_their_batches_do_not_matter() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(400));
    let edges = prop::collection::vec(any_edge(), 1..60);
    let shuffled = edges.prop_flat_map(|edges| {
        let sizes = prop::collection::vec(1..9_usize, edges.len());
        (Just(edges.clone()), Just(edges).prop_shuffle(), sizes)
    });
    let result = runner.run(&shuffled, |(edges, shuffled, sizes)| {
        let (mut whole, mut parts) = (Graph::default(), Graph::default());
        let add = |graph: &mut Graph, edge: &Edge| {
            let (a, b, evidence, at) = (edge.a, edge.b, edge.evidence, edge.at);
            graph.add(&Fact { a, b, evidence, at })
        };
        edges.iter().for_each(|edge| assert!(add(&mut whole, edge) || edge.a == edge.b));
        whole.settle();
        let mut rest = &shuffled[..];
        for size in sizes {
            let (batch, after) = rest.split_at(size.min(rest.len()));
            batch.iter().for_each(|edge| assert!(add(&mut parts, edge) || edge.a == edge.b));
            parts.settle();
            rest = after;
        }
        prop_assert_eq!(world(&whole), world(&parts));
        Ok(())
    });
    result.unwrap();
}

/// Plays operations on a ledger, and compares what it holds with the model and with itself, read
/// again.
fn play_on_ledger(ledger: &Ledger, operations: &[Operation]) {
    let mut identities = Identities::open(ledger).unwrap();
    let mut model = Model::default();
    let mut versions: BTreeMap<String, i64> = BTreeMap::new();
    for (at, operation) in operations.iter().enumerate() {
        let now = at as i64;
        match operation {
            Operation::Observe(edges) => {
                edges.iter().for_each(|edge| model.observe(edge));
                // Known at once or only with the ledger: the same.
                if at % 2 == 0 {
                    identities.learn(edges);
                    assert_eq!(world(&identities.graph), model.world());
                }
                identities.observe(ledger, edges, now).unwrap();
            }
            Operation::Merge(a, b) => {
                model.merge(*a, *b);
                identities.merge(ledger, *a, *b, "ann", now).unwrap();
            }
            Operation::Unmerge(a, b) | Operation::Regret(a, b) => {
                model.unmerge(*a, *b);
                identities.unmerge(ledger, *a, *b, "ann", now).unwrap();
            }
            Operation::UnmergePerson(_) => {}
        }
        let expected = model.world();
        assert_eq!(world(&identities.graph), expected);
        let said = ledger.identities().unwrap();
        let mut persons: Vec<(String, String)> = expected
            .person
            .iter()
            .map(|(node, person)| (node.pseudonym.to_string(), person.pseudonym.to_string()))
            .collect();
        persons.sort_unstable();
        let said = said.into_iter().map(|row| (row.assignment.pseudonym, row.assignment.person));
        assert_eq!(said.collect::<Vec<_>>(), persons, "after {operation:?}");
        check_joins(&identities.graph);
        for (_, person) in persons {
            let version = ledger.person_version(&person).unwrap();
            assert!(version >= *versions.entry(person.clone()).or_insert(1), "{person}");
            versions.insert(person, version);
        }
        for edge in ledger.identity_edges().unwrap() {
            let node = |name: &str, kind: &str| Node {
                pseudonym: Pseudonym::parse(name).unwrap(),
                kind: Kind::named(kind).unwrap(),
            };
            let (a, b) = (node(&edge.low, &edge.low_kind), node(&edge.high, &edge.high_kind));
            assert_eq!(expected.status[&(a.min(b), a.max(b))].name(), edge.status);
        }
    }
    let again = Identities::open(ledger).unwrap();
    assert_eq!(world(&again.graph), model.world());
    assert_eq!(again.state, identities.state, "nothing was to be set right");
}

#[test]
fn the_ledger_holds_what_the_graph_says() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(12));
    let operations = prop::collection::vec(operation(), 1..12);
    let result = runner.run(&operations, |operations| {
        play_on_ledger(&Given::new().ledger, &operations);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn postgresql_holds_what_the_graph_says() {
    let address = "127.0.0.1:5432".parse().unwrap();
    let wait = std::time::Duration::from_secs(1);
    if std::net::TcpStream::connect_timeout(&address, wait).is_err() {
        println!("skipped: no PostgreSQL answers");
        return;
    }
    let url = "postgres://root@127.0.0.1:5432/test";
    let mut runner = TestRunner::new(ProptestConfig::with_cases(3));
    let operations = prop::collection::vec(operation(), 1..12);
    let result = runner.run(&operations, |operations| {
        let schema = format!("shopwise_identity_{}", std::process::id());
        Ledger::drop_schema(url, &schema).unwrap();
        let ledger = Ledger::open_in_schema(url, &schema).unwrap();
        let play = std::panic::AssertUnwindSafe(|| play_on_ledger(&ledger, &operations));
        let played = std::panic::catch_unwind(play);
        drop(ledger);
        Ledger::drop_schema(url, &schema).unwrap();
        played.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(())
    });
    result.unwrap();
}

/// Bytes and speed, printed: `RUN_SLOW=1` makes it a million identifiers.
#[test]
#[expect(clippy::disallowed_methods, reason = "only the environment asks for the slow size")]
fn a_batch_costs_what_it_brings() {
    let customers = if std::env::var("RUN_SLOW").is_ok() { 250_000 } else { 2_000 };
    let mut given = Given::new();
    let mut edges = Vec::new();
    for number in 0..customers {
        let at = number as i64;
        edges.push(edge(customer(number), browser(2 * number), Evidence::Identify, at));
        edges.push(edge(customer(number), browser(2 * number + 1), Evidence::Login, at));
        edges.push(edge(customer(number), email(number), Evidence::Order, at));
    }
    let start = std::time::Instant::now();
    edges.chunks(5_000).for_each(|batch| assert_eq!(given.observe(batch).refused, 0));
    let seconds = start.elapsed().as_secs_f64();
    let (nodes, links) = given.identities.size();
    assert_eq!((nodes, links), (4 * customers, 3 * customers));
    let bytes = given.identities.bytes() / nodes;
    assert!(bytes < 200, "{bytes} bytes an identifier");
    println!("{nodes} identifiers, {links} edges: {bytes} bytes an identifier");
    println!("{:.0} new edges a second", links as f64 / seconds);
    let start = std::time::Instant::now();
    edges.chunks(5_000).for_each(|batch| assert_eq!(given.observe(batch).suspended, 0));
    println!("{:.0} known edges a second", links as f64 / start.elapsed().as_secs_f64());
    let start = std::time::Instant::now();
    Identities::open(&given.ledger).unwrap();
    println!("opened in {:.2} s", start.elapsed().as_secs_f64());
}
