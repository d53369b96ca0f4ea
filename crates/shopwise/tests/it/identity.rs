//! Who is who, through the real port and the command line.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Server, ShopFolder};
use super::{fail, shown, succeed};

fn call(kind: &str, id: &str, who: Value, rest: Value) -> Value {
    let mut call = json!({ "type": kind, "messageId": id, "timestamp": "2026-01-02T03:04:05Z" });
    for part in [who, rest] {
        call.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
    }
    call
}

fn viewed(id: &str, who: Value, product: &str) -> Value {
    let rest = json!({ "event": "Product Viewed", "properties": { "product_id": product } });
    call("track", id, who, rest)
}

struct Given {
    shop: ShopFolder,
    token: String,
}

impl Given {
    fn new() -> Self {
        let shop = ShopFolder::new();
        let token = format!("Authorization: Bearer {}\r\n", shop.token());
        Self { shop, token }
    }

    fn send(&self, server: &Server, calls: &[Value]) {
        let body = json!({ "batch": calls }).to_string();
        let answer = server.post("/v1/batch", &self.shop.key, body.as_bytes()).unwrap();
        assert_eq!(answer.json()["verdicts"], json!({ "stored": calls.len() }), "{answer:?}");
    }

    /// Waits until the server says so of a customer.
    fn wait(&self, server: &Server, id: &str, most: Duration, is_so: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let seen = server.get(&format!("/api/customers/{id}"), &self.token).json();
            if is_so(&seen) {
                return;
            }
            assert!(begun.elapsed() < most, "{id} is {seen}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn identities(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["identities", "--shop", shown(&self.shop.path), "--json"];
        all.extend(arguments);
        serde_json::from_str(&succeed(&all)).unwrap()
    }
}

const SOON: Duration = Duration::from_millis(100);

#[test]
fn a_sign_in_joins_what_the_visitor_did_and_can_be_taken_back() {
    let given = Given::new();
    let server = Server::start(&given.shop.path);
    let visitor = json!({ "anonymousId": "v1" });
    given.send(&server, &[viewed("1", visitor.clone(), "tea"), viewed("2", visitor, "cup")]);
    given.wait(&server, "v1", SOON, |seen| seen["views"] == 2);
    assert_eq!(server.get("/api/customers/ann", &given.token).status, 404);
    let both = json!({ "userId": "ann", "anonymousId": "v1" });
    let traits = json!({ "traits": { "email": "Ann@Shop.example", "phone": "+86 138 0013 8000" } });
    given.send(&server, &[call("identify", "3", both, traits)]);
    // Under each of her names she is one, at once.
    for name in ["ann", "v1", "ann@shop.example", "%2B8613800138000"] {
        let is_ann =
            |seen: &Value| seen["views"] == 2 && seen["identities"].as_array().unwrap().len() == 4;
        given.wait(&server, name, SOON, is_ann);
    }
    // The newsletter was read with another browser.
    let mail = json!({ "context": { "traits": { "email": "ann@shop.example" } } });
    let mut opened = viewed("4", json!({ "anonymousId": "v2" }), "pot");
    opened.as_object_mut().unwrap().extend(mail.as_object().unwrap().clone());
    given.send(&server, &[opened]);
    given.wait(&server, "ann", SOON, |seen| seen["views"] == 3);
    // After a start it is the same; who sets them apart is heard by the server that runs.
    server.kill();
    let server = Server::start(&given.shop.path);
    given.wait(&server, "ann", Duration::ZERO, |seen| seen["views"] == 3);
    let patience = Duration::from_secs(20);
    let ledger = |person: &Value| person["identities"].as_array().map(Vec::len);
    let begun = Instant::now();
    while ledger(&given.identities(&["show", "customer:ann"])) != Some(5) {
        assert!(begun.elapsed() < patience, "the graph is not in the ledger");
    }
    given.identities(&["unmerge", "anonymous:v2", "email:ann@shop.example", "--by", "bob"]);
    given.wait(&server, "ann", patience, |seen| seen["views"] == 2);
    given.wait(&server, "v2", patience, |seen| seen["views"] == 1);
    given.identities(&["merge", "v2", "ann"]);
    given.wait(&server, "v2", patience, |seen| seen["views"] == 3);
    server.stop();
    succeed(&["run", "--shop", shown(&given.shop.path), "prepare"]);
    let arguments = ["show", "--shop", shown(&given.shop.path), "--json", "customer", "v1"];
    let found: Value = serde_json::from_str(&succeed(&arguments)).unwrap();
    assert_eq!((&found["views"], &found["events"]), (&json!(3), &json!(4)));
    let told = succeed(&["identities", "--shop", shown(&given.shop.path), "show", "ann"]);
    for part in ["5 identifiers", "identify", "merge", "by bob", "taken back"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn who_is_asked_for_wrongly_is_told_how() {
    let given = Given::new();
    let shop = shown(&given.shop.path);
    let message = fail(&["identities", "--shop", shop, "show", "nobody@shop.example"], 1);
    assert!(message.contains("name its kind"), "{message}");
    let message = fail(&["identities", "--shop", shop, "merge", "customer:a", "customer:a"], 1);
    assert!(message.contains("one identifier"), "{message}");
    let message = fail(&["identities", "--shop", shop, "merge", "customer:null", "customer:a"], 1);
    assert!(message.contains("names nobody"), "{message}");
}
