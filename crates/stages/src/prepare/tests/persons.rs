//! A person who was seen as several customers is one, from the moment on at which that is known.

use std::path::PathBuf;

use crate::collect::identity::{Identities, Kind, Node};
use crate::collect::{self, ImportOptions};
use crate::prepare::*;
use crate::shop::tests::shop;

/// A visitor looks around, comes back, signs in and orders; later he comes with another browser and
/// signs in there too. Somebody else looks at the same.
const CALLS: [&str; 6] = [
    r#"{"type":"track","event":"Product Viewed","anonymousId":"v1","messageId":"1",
    "timestamp":"2024-03-01T10:00:00Z","properties":{"product_id":"tea"}}"#,
    r#"{"type":"track","event":"Product Viewed","anonymousId":"v1","messageId":"2",
    "timestamp":"2024-03-02T10:00:00Z","properties":{"product_id":"cup"}}"#,
    r#"{"type":"identify","userId":"ann","anonymousId":"v1","messageId":"3",
    "timestamp":"2024-03-02T10:05:00Z","traits":{"email":"ann@shop.example"}}"#,
    r#"{"type":"track","event":"Order Completed","userId":"ann","anonymousId":"v1","messageId":"4",
    "timestamp":"2024-03-02T10:10:00Z","properties":{"order_id":"o1",
    "products":[{"product_id":"tea","price":4,"quantity":1}]}}"#,
    r#"{"type":"track","event":"Order Completed","anonymousId":"v2","messageId":"5",
    "timestamp":"2024-03-05T10:00:00Z","properties":{"order_id":"o2","email":"ANN@shop.example ",
    "products":[{"product_id":"tea","price":4,"quantity":2}]}}"#,
    r#"{"type":"track","event":"Product Viewed","anonymousId":"v3","messageId":"6",
    "timestamp":"2024-03-05T10:00:00Z","properties":{"product_id":"tea"}}"#,
];

const COUNTER: &str = "\
phone,email,product,price,order,date
+44 20 7946 0958,ann@shop.example,cup,8,p1,2024-03-06 10:00:00
+44 20 7946 0958,,tea,4,p2,2024-03-07 10:00:00
";

struct Given {
    folder: tempfile::TempDir,
    shop: Shop,
}

impl Given {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path());
        let given = Self { folder, shop };
        let lines = CALLS.map(|call| call.replace('\n', ""));
        given.import("segment", "calls.jsonl", &lines.join("\n"));
        given
    }

    fn import(&self, format: &str, name: &str, text: &str) {
        let file: PathBuf = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let options = ImportOptions::default();
        let report = collect::import(&self.shop, format, &[file], &options, 0, &|_| {}).unwrap();
        assert!(report.refused.is_empty(), "{:?}", report.refused);
    }

    fn prepare(&self) {
        run(&Work { shop: &self.shop, now: 0, progress: &|_| {} }).unwrap();
    }

    fn counts(&self, sql: &str, columns: &[&str]) -> Vec<Vec<i64>> {
        let frame = self.shop.lake.query(sql).unwrap();
        let cell = |row: usize| columns.iter().map(|name| frame.int(name).unwrap()[row]).collect();
        (0..frame.rows()).map(cell).collect()
    }

    fn node(&self, kind: Kind, value: &str) -> Node {
        Node::of(&self.shop.vault, kind, value).unwrap()
    }
}

const CUSTOMERS: &str = "SELECT * FROM customer_features ORDER BY orders DESC";

#[test]
fn a_visitor_who_signs_in_has_one_history() {
    let given = Given::new();
    given.prepare();
    let ann = given.shop.vault.pseudonym("customer", "ann");
    let found = given.shop.lake.query(CUSTOMERS).unwrap();
    assert_eq!(found.rows(), 2);
    assert_eq!(found.text("customer").unwrap().get(0), Some(ann.as_str()));
    let columns = ["orders", "views", "sessions", "events", "products"];
    // The visit of the second of March is one, though it began before the sign-in.
    assert_eq!(given.counts(CUSTOMERS, &columns), [[2, 2, 3, 5, 1], [0, 1, 1, 1, 0]]);
    let sessions = "SELECT * FROM sessions ORDER BY started_at, customer";
    let visits = given.counts(sessions, &["events", "views", "orders"]);
    assert_eq!(visits[..2], [[1, 1, 0], [3, 1, 1]]);
    let tea = "SELECT * FROM product_features WHERE product = 'tea'";
    assert_eq!(given.counts(tea, &["orders", "customers"]), [[2, 1]]);
    let orders = "SELECT count(DISTINCT customer) AS n FROM orders";
    assert_eq!(given.counts(orders, &["n"]), [[1]]);
}

#[test]
fn who_is_alike_is_a_person_once_and_never_oneself() {
    let given = Given::new();
    let state = follow::state(&given.shop).unwrap();
    let alike = |kind: Kind, who: &str| -> Vec<(String, f64)> {
        let customer = state.customer(&given.shop.vault.pseudonym(kind.name(), who)).unwrap();
        let mut alike = fold::Alike::new(&state, customer, 1_709_800_000_000_000, 10);
        while alike.step(&state) {}
        let found = alike.found().into_iter();
        found.map(|found| (found.person.as_ref().to_owned(), found.similarity)).collect()
    };
    let [ann, v3] = [(Kind::Customer, "ann"), (Kind::Anonymous, "v3")]
        .map(|(kind, who)| given.shop.vault.pseudonym(kind.name(), who));
    // Tea and cup, by three names of hers, beside tea.
    assert_eq!(alike(Kind::Anonymous, "v3"), [(ann, 1.0 / 2_f64.sqrt())]);
    assert_eq!(alike(Kind::Customer, "ann"), [(v3.clone(), 1.0 / 2_f64.sqrt())]);
    assert_eq!(alike(Kind::Anonymous, "v2"), [(v3, 1.0 / 2_f64.sqrt())]);
}

#[test]
fn the_counter_is_joined_by_telephone_and_address() {
    let given = Given::new();
    given.import("csv", "counter.csv", COUNTER);
    given.prepare();
    let columns = ["orders", "views", "products"];
    assert_eq!(given.counts(CUSTOMERS, &columns), [[4, 2, 2], [0, 1, 0]]);
}

#[test]
fn who_is_set_apart_gets_his_own_history_back() {
    let given = Given::new();
    given.prepare();
    let before = format!("{:?}", given.shop.lake.query(CUSTOMERS).unwrap());
    let mut graph = Identities::open(&given.shop.ledger).unwrap();
    let [v2, v3] = ["v2", "v3"].map(|name| given.node(Kind::Anonymous, name));
    let ann = given.node(Kind::Customer, "ann");
    graph.merge(&given.shop.ledger, ann, v3, "bob", 1).unwrap();
    given.prepare();
    assert_eq!(given.counts(CUSTOMERS, &["orders", "views"]), [[2, 3]]);
    graph.unmerge(&given.shop.ledger, ann, v3, "bob", 2).unwrap();
    given.prepare();
    assert_eq!(format!("{:?}", given.shop.lake.query(CUSTOMERS).unwrap()), before);
    graph.unmerge(&given.shop.ledger, ann, v2, "bob", 3).unwrap();
    given.prepare();
    let apart = given.counts(CUSTOMERS, &["orders", "views"]);
    assert_eq!(apart.iter().map(|row| row[0]).collect::<Vec<_>>(), [1, 1, 0]);
}
