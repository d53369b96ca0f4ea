//! gorse's own clients, unchanged, against the real server; and whatever somebody hostile asks it.

use std::process::Command;

use serde_json::{Value, json};

use super::libraries::{node, program, python, report};
use super::recommend::Learned;
use super::server::Answer;

/// Every path of the API, with `{}` where something varies.
const PATHS: &[(&str, &str)] = &[
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("POST", "/user"),
    ("POST", "/users"),
    ("GET", "/users"),
    ("GET", "/user/{}"),
    ("PATCH", "/user/{}"),
    ("DELETE", "/user/{}"),
    ("POST", "/item"),
    ("POST", "/items"),
    ("GET", "/items"),
    ("GET", "/item/{}"),
    ("PATCH", "/item/{}"),
    ("DELETE", "/item/{}"),
    ("PUT", "/item/{}/category/{}"),
    ("DELETE", "/item/{}/category/{}"),
    ("POST", "/feedback"),
    ("PUT", "/feedback"),
    ("GET", "/feedback"),
    ("GET", "/feedback/{}"),
    ("GET", "/feedback/{}/{}"),
    ("DELETE", "/feedback/{}/{}"),
    ("GET", "/feedback/{}/{}/{}"),
    ("DELETE", "/feedback/{}/{}/{}"),
    ("GET", "/user/{}/feedback"),
    ("GET", "/user/{}/feedback/{}"),
    ("GET", "/item/{}/feedback"),
    ("GET", "/item/{}/feedback/{}"),
    ("GET", "/recommend/{}"),
    ("GET", "/recommend/{}/{}"),
    ("POST", "/session/recommend"),
    ("POST", "/session/recommend/{}"),
    ("GET", "/collaborative-filtering/{}"),
    ("GET", "/popular"),
    ("GET", "/popular/{}"),
    ("GET", "/non-personalized/{}"),
    ("GET", "/latest"),
    ("GET", "/latest/{}"),
    ("GET", "/item/{}/neighbors"),
    ("GET", "/item/{}/neighbors/{}"),
    ("GET", "/item-to-item/{}/{}"),
    ("GET", "/user/{}/neighbors"),
    ("GET", "/user-to-user/{}/{}"),
];

/// What stands for a part of a path.
const PARTS: &[&str] =
    &["nobody", "0", "%00", "%22%20or%201=1--", "%E8%8C%B6", "..", "%F0%9F%98%80"];

/// What stands behind a path.
const QUERIES: &[&str] = &[
    "",
    "?n=0",
    "?n=1000000",
    "?n=-1",
    "?n=99999999999999999999",
    "?n=x&offset=x",
    "?offset=1000000",
    "?cursor=%00",
    "?cursor=AA==",
    "?category=%22&category=%E2%80%9D&user-id=%00",
    "?write-back-type=%22&write-back-delay=1h",
    "?write-back-delay=99999999h",
    "?q=%00%22",
];

/// Bodies.
const BODIES: &[&str] = &[
    "",
    "null",
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    "{\"UserId\":1}",
    "{\"ItemId\":\"\\u0000\"}",
    "[{\"FeedbackType\":\"a\",\"UserId\":\"null\",\"ItemId\":\"b\"}]",
    "[{\"FeedbackType\":\"a\",\"UserId\":\"u\",\"ItemId\":\"b\",\"Value\":1e999}]",
    "[{\"FeedbackType\":\"a\",\"UserId\":\"u\",\"ItemId\":\"b\",\"Timestamp\":\"9999-12-31\"}]",
];

fn ask(learned: &Learned, method: &str, path: &str, body: &str) -> Answer {
    let headers = format!("X-API-Key: {}\r\n", learned.shop.token());
    learned.server.send(method, path, &headers, body.as_bytes()).unwrap()
}

#[test]
fn the_clients_of_gorse_run_unchanged() {
    let (Some(python), Some(node)) = (python(), node()) else { return };
    let learned = Learned::new();
    let address = format!("http://{}/gorse", learned.server.address);
    let token = learned.shop.token();
    let mut command = Command::new(python.join("bin/python"));
    let said = report(command.arg(program("gorse_calls.py")).args([&address, &token]));
    assert!(said["calls"].as_u64().unwrap() >= 50, "{said}");
    let mut command = Command::new("node");
    let said = report(command.arg(program("gorse_calls.mjs")).arg(&node).args([&address, &token]));
    assert!(said["calls"].as_u64().unwrap() >= 20, "{said}");
    feedback_is_an_event_like_any_other(&learned);
    assert!(!learned.server.log().contains("\"a request failed\""), "{}", learned.server.log());
    learned.server.stop();
}

/// What was given as feedback counts in the log and for the next list.
fn feedback_is_an_event_like_any_other(learned: &Learned) {
    let given = json!([{ "FeedbackType": "read", "UserId": "reader", "ItemId": "p7" }]);
    let answer = ask(learned, "POST", "/gorse/api/feedback", &given.to_string());
    assert_eq!((answer.status, answer.json()), (200, json!({ "RowAffected": 1 })));
    let headers = format!("Authorization: Bearer {}\r\n", learned.shop.token());
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let known = learned.server.get("/api/customers/reader", &headers);
        if known.json()["recent"][0]["product"] == "p7" {
            break;
        }
        assert!(std::time::Instant::now() < until, "{}", known.json());
    }
}

/// Users have neighbours: whoever had to do with the same items, by the name that the shop gave.
#[test]
fn who_had_the_same_is_alike() {
    let learned = Learned::new();
    let ask = |method: &str, path: &str, body: &str| ask(&learned, method, path, body);
    let users = json!([{ "UserId": "reader" }, { "UserId": "twin" }]);
    assert_eq!(ask("POST", "/gorse/api/users", &users.to_string()).status, 200);
    let wanted = ask("GET", "/gorse/api/popular?n=1", "").json()[0]["Id"].clone();
    let items = [wanted, json!("p7")];
    let read = |user| {
        items
            .each_ref()
            .map(|item| json!({ "FeedbackType": "read", "UserId": user, "ItemId": item }))
    };
    let given = json!(["reader", "twin"].map(read).concat());
    assert_eq!(ask("POST", "/gorse/api/feedback", &given.to_string()).status, 200);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let found = ask("GET", "/gorse/api/user/reader/neighbors?n=500", "");
        let found: Vec<(String, f64)> = serde_json::from_value::<Vec<Value>>(found.json())
            .unwrap()
            .iter()
            .map(|one| (one["Id"].as_str().unwrap().to_owned(), one["Score"].as_f64().unwrap()))
            .collect();
        assert!(found.is_sorted_by(|a, b| a.1 >= b.1), "{found:?}");
        assert!(found.iter().all(|one| one.0 != "reader"), "{found:?}");
        if found.contains(&("twin".to_owned(), 1.0)) {
            assert!(found.len() > 1, "others had what most want: {found:?}");
            break;
        }
        assert!(std::time::Instant::now() < until, "{found:?}");
    }
    let named = ask("GET", "/gorse/api/user-to-user/any/twin?n=1", "").json();
    assert_eq!(named[0]["Score"], 1.0, "{named}");
    let nobody = ask("GET", "/gorse/api/user/no-such-user/neighbors", "").json();
    assert_eq!(nobody, json!([]));
    learned.server.stop();
}

/// What the merchant says holds here as on our own paths, page by page.
#[test]
fn the_merchant_s_rules_hold_for_gorse_s_lists() {
    let learned = Learned::new();
    let ask = |method: &str, path: &str, body: &str| ask(&learned, method, path, body);
    let item = |day: u8| {
        let moment = format!("2026-01-0{day}T00:00:00Z");
        json!({ "ItemId": format!("n{day}"), "Timestamp": moment })
    };
    let items = json!([item(1), item(2), item(3)]).to_string();
    assert_eq!(ask("POST", "/gorse/api/items", &items).status, 200);
    let list = |path: &str| -> Vec<String> {
        let body = if path.starts_with("/session") { "[]" } else { "" };
        let method = if body.is_empty() { "GET" } else { "POST" };
        let answer = ask(method, &format!("/gorse/api{path}"), body);
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        let named = |one: &Value| one["Id"].as_str().or(one.as_str()).unwrap().to_owned();
        answer.json().as_array().unwrap().iter().map(named).collect()
    };
    let paths = [
        "/recommend/somebody?n=20",
        "/collaborative-filtering/somebody?n=20",
        "/session/recommend?n=20",
        "/popular?n=20",
        "/latest?n=20",
    ];
    let before = paths.map(list);
    let (first, last) = (&before[0][0], &before[0][19]);
    let newest = &before[4][0];
    let rule = |id: &str, kind: Value, products: &[&String]| {
        let products: Vec<String> = products.iter().map(|id| format!("id = \"{id}\"")).collect();
        let body = json!({ "kind": kind, "products": products.join(" or ") });
        let headers = format!("Authorization: Bearer {}\r\n", learned.shop.token());
        let path = format!("/api/rules/{id}");
        let body = body.to_string();
        let answer = learned.server.send("PUT", &path, &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    };
    rule("away", json!("exclude"), &[first, newest, &before[3][0]]);
    rule("front", json!({ "pin": { "position": 1 } }), &[last]);
    for (path, list) in paths.iter().zip(paths.map(list)) {
        let away = [first, newest, &before[3][0]];
        assert!(away.iter().all(|id| !list.contains(id)), "{path}: {list:?}");
        let is_personal = !path.starts_with("/popular") && !path.starts_with("/latest");
        assert_eq!(&list[0] == last, is_personal, "{path}: {list:?}");
    }
    let page = |from| list(&format!("/recommend/somebody?n=10&offset={from}"));
    rule("deep", json!({ "pin": { "position": 15 } }), &[&before[0][2]]);
    let whole = list(paths[0]);
    assert_eq!((&whole[14], whole.len()), (&before[0][2], 20));
    assert_eq!([page(0), page(10)].concat(), whole, "pages are of one list");
    learned.server.stop();
}

#[test]
fn whatever_gorse_s_api_is_asked_is_answered_without_failing() {
    let learned = Learned::new();
    for (at, (method, path)) in PATHS.iter().enumerate() {
        for (turn, query) in QUERIES.iter().enumerate() {
            let part = PARTS[(at + turn) % PARTS.len()];
            let body = match *method {
                "GET" | "DELETE" => "",
                _ => BODIES[(at + turn) % BODIES.len()],
            };
            let path = format!("/gorse/api{}{query}", path.replace("{}", part));
            let answer = ask(&learned, method, &path, body);
            let text = String::from_utf8_lossy(&answer.body);
            assert!(answer.status < 500, "{method} {path} {body}: {} {text}", answer.status);
            if answer.status >= 400 && answer.status != 405 {
                assert!(answer.head.contains("text/plain"), "{method} {path}: {}", answer.head);
            }
        }
    }
    let answer = learned.server.get("/gorse/api/users", "X-API-Key: wrong\r\n");
    assert_eq!((answer.status, answer.head.contains("text/plain")), (401, true));
    assert!(!learned.server.log().contains("\"a request failed\""), "{}", learned.server.log());
    learned.server.stop();
}
