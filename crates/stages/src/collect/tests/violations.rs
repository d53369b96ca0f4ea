use serde_json::json;
use shopwise_store::Inbox;
use shopwise_store::inbox::{Arrival, Delivery};
use shopwise_store::ledger::{Progress, Violated};

use super::*;
use crate::collect::drain::{APPLICATION, Range, drain};

fn viewed(id: u8, price: &serde_json::Value) -> String {
    json!({
        "type": "track", "event": "Product Viewed", "messageId": format!("m{id}"), "userId": "u",
        "timestamp": "2026-01-02T03:04:05Z", "properties": { "product_id": "p", "price": price },
    })
    .to_string()
}

fn inbox(folder: &Path, events: &[String]) -> Inbox {
    let url = format!("sqlite://{}", folder.join("inbox.db").display());
    let inbox = Inbox::open(&url, folder).unwrap();
    for (at, event) in events.iter().enumerate() {
        let arrivals = vec![Arrival::Event { key: [at as u8; 16], body: event.clone().into() }];
        let source = "web".to_owned();
        inbox.accept(&[Delivery { source, received_at: 0, arrivals }], 0).unwrap();
    }
    inbox
}

fn found(shop: &Shop) -> Vec<(String, String, i64)> {
    let rows = shop.ledger.violations().unwrap();
    rows.into_iter().map(|one| (one.property, one.reason, one.found)).collect()
}

#[test]
fn what_differs_from_the_plan_is_kept_and_counted_once_however_often_a_step_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let events = [viewed(1, &json!("9.5")), viewed(2, &json!(9.5)), viewed(3, &json!("7"))];
    let inbox = inbox(folder.path(), &events);
    // The step before was stopped when it had counted two entries and before its commit.
    let one = Violated {
        source: "web".to_owned(),
        event: "Product Viewed".to_owned(),
        property: "price".to_owned(),
        reason: "not a number".to_owned(),
        found: 1,
        last_at: 0,
    };
    let progress = Progress { name: APPLICATION, from: 0, through: 2 };
    shop.ledger.add_violations(&[one], Some(progress)).unwrap();
    let graph = std::sync::Mutex::default();
    let drained = drain(&shop, &inbox, &graph, Range::ALL, 1).unwrap();
    assert_eq!((drained.entries, drained.lines), (3, 3));
    assert_eq!(found(&shop), [("price".to_owned(), "not a number".to_owned(), 2)]);
    assert_eq!(shop.ledger.counted_through(APPLICATION).unwrap(), 3);
    drain(&shop, &inbox, &graph, Range::ALL, 2).unwrap();
    assert_eq!(found(&shop).len(), 1);
}

#[test]
fn an_import_counts_what_is_new_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut shop = shop(folder.path());
    shop.plan = plan::Plan::with("[[event]]\nname = \"Product Viewed\"\nrequired = [\"category\"]")
        .unwrap();
    let file = folder.path().join("log.jsonl");
    for count in [2, 2, 3] {
        let lines: Vec<String> = (0..count).map(|id| viewed(id, &json!(1))).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        let files = [file.clone()];
        import(&shop, "segment", &files, &ImportOptions::default(), 0, &|_| {}).unwrap();
    }
    assert_eq!(found(&shop), [("category".to_owned(), "missing".to_owned(), 3)]);
}
