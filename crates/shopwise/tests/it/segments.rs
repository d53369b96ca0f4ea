//! Rule segments through the port: how soon members come and go, and what is said of wrong rules.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Answer, Server, ShopFolder};
use super::{fail, shown, succeed};

/// How soon an event, or the end of a window, must show.
const SOON: Duration = Duration::from_secs(1);

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Customers whose coming is timed.
const TIMED: usize = 40;

struct Place<'a> {
    shop: &'a ShopFolder,
    server: Server,
}

impl<'a> Place<'a> {
    fn new(shop: &'a ShopFolder) -> Self {
        Self { shop, server: Server::start(&shop.path) }
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = format!("Authorization: Bearer {}\r\n", self.shop.token());
        self.server.send(method, path, &headers, body.to_string().as_bytes()).unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let answer =
            self.server.get(path, &format!("Authorization: Bearer {}\r\n", self.shop.token()));
        answer.json()
    }

    fn set(&self, id: &str, expression: &str) {
        let body = json!({ "name": "Name", "expression": expression });
        let answer = self.call("PUT", &format!("/api/segments/{id}"), &body);
        assert_eq!(answer.status, 200, "{}", answer.json());
        assert_eq!(answer.json()["kind"], "rule");
    }

    /// Returns the members of a segment; nothing while they are being found.
    fn members(&self, id: &str) -> Option<Vec<String>> {
        let found = self.get(&format!("/api/segments/{id}/members?n=1000"));
        let members = found["members"].as_array()?.iter();
        let names = members.map(|member| member["customer"].as_str().unwrap().to_owned());
        Some(names.collect())
    }

    /// Waits until a segment has so many members; returns how long that took.
    fn wait(&self, id: &str, count: usize) -> Duration {
        let begun = Instant::now();
        loop {
            let members = self.members(id);
            if members.as_ref().is_some_and(|members| members.len() == count) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "{id}: {members:?} instead of {count}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn track(&self, user: &str, event: &str, product: &str, ago: i64) {
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(ago);
        let body = json!({
            "userId": user, "event": event, "timestamp": at.to_string(),
            "messageId": format!("{user}-{event}-{product}-{ago}"),
            "properties": { "product_id": product, "products": [
                { "product_id": product, "quantity": 1, "price": 9 }] },
        });
        let answer =
            self.server.post("/v1/track", &self.shop.key, body.to_string().as_bytes()).unwrap();
        assert_eq!(answer.json()["verdicts"]["stored"], 1, "{}", answer.json());
    }
}

#[test]
fn members_come_with_an_event_and_go_with_the_end_of_its_window() {
    let shop = ShopFolder::new();
    let place = Place::new(&shop);
    place.set("viewers", "viewed within 1 day");
    place.set("minute", "近 1 分钟 浏览");
    place.wait("viewers", 0);
    let mut waits: Vec<Duration> = (0..TIMED)
        .map(|at| {
            place.track(&format!("u{at}"), "Product Viewed", "p1", 0);
            place.wait("viewers", at + 1)
        })
        .collect();
    waits.sort_unstable();
    let (median, slowest) = (waits[TIMED / 2], waits[TIMED - 1]);
    println!("an event makes a member: median {median:?}, slowest of {TIMED} {slowest:?}");
    assert!(slowest < SOON, "{slowest:?}");
    // What was viewed 58 s ago leaves the minute after 2 s.
    let begun = Instant::now();
    place.track("late", "Product Viewed", "p1", 57);
    let is_in_any =
        |id: &str| place.get("/api/customers/late")["segments"].to_string().contains(id);
    while !is_in_any("viewers") {
        std::thread::sleep(Duration::from_millis(5));
        assert!(begun.elapsed() < PATIENCE);
    }
    let is_in = || is_in_any("minute");
    while is_in() {
        std::thread::sleep(Duration::from_millis(5));
        assert!(begun.elapsed() < PATIENCE);
    }
    let took = begun.elapsed();
    println!("the window of 3 s more ended after {took:?}");
    assert!(took < Duration::from_secs(3) + SOON, "{took:?}");
    place.server.stop();
}

#[test]
fn rules_hold_at_once_and_after_a_start_whoever_makes_them() {
    let shop = ShopFolder::new();
    let path = shown(&shop.path);
    let place = Place::new(&shop);
    let product = json!({ "category": "tea > green", "price": 9 });
    assert_eq!(place.call("PUT", "/api/products/p1", &product).status, 200);
    place.track("ann", "Order Completed", "p1", 3600);
    place.track("bob", "Order Completed", "p2", 3600);
    place.track("eve", "Product Viewed", "p1", 60);
    place.set("tea", "bought of (category = \"tea\") within 30 days");
    place.wait("tea", 1);
    place.set("none", "not bought within 365 days");
    place.wait("none", 1);
    // More is kept than these need.
    let checked = json!({ "expression": "购买" });
    let checked = place.call("POST", "/api/segments/check", &checked).json();
    assert_eq!((&checked["ok"], &checked["english"]), (&json!(true), &json!("bought")));
    assert_eq!(checked["members"], 2);
    let listed = place.get("/api/segments");
    assert_eq!(listed["segments"].as_array().unwrap().len(), 2);
    assert_eq!(listed["segments"][1]["members"], 1, "{listed}");
    // The catalogue says otherwise.
    let product = json!({ "category": "coffee" });
    assert_eq!(place.call("PUT", "/api/products/p1", &product).status, 200);
    place.wait("tea", 0);
    let product = json!({ "category": "tea" });
    assert_eq!(place.call("PUT", "/api/products/p2", &product).status, 200);
    place.wait("tea", 1);
    let bob = place.members("tea").unwrap();
    place.server.stop();
    let place = Place::new(&shop);
    place.wait("tea", 1);
    assert_eq!(place.members("tea").unwrap(), bob, "a start replays the events");
    // Another process defines and switches off.
    succeed(&["segments", "--shop", path, "set", "seen", "events >= 1", "--name", "All"]);
    place.wait("seen", 3);
    succeed(&["segments", "--shop", path, "delete", "none"]);
    assert!(succeed(&["segments", "--shop", path, "list"]).contains("switched off"));
    let begun = Instant::now();
    while place.get("/api/segments/none/members")["members"].is_array() {
        assert!(begun.elapsed() < PATIENCE);
    }
    place.server.stop();
    // Nobody serves: all is computed.
    let told = succeed(&["show", "--shop", path, "segment", "tea"]);
    assert!(told.contains("members                1"), "{told}");
    let file = shop.path.join("tea.csv");
    succeed(&["export", "--shop", path, "segment:tea", "--output", shown(&file)]);
    let exported = std::fs::read_to_string(Path::new(&file)).unwrap();
    assert_eq!(exported, format!("customer,segment\n{},tea\n", bob[0]));
}

#[test]
fn wrong_rules_and_questions_are_refused_with_the_place_of_the_mistake() {
    let shop = ShopFolder::new();
    let path = shown(&shop.path);
    let place = Place::new(&shop);
    place.set("tea", "bought within 30 days");
    place.wait("tea", 0);
    for (expression, told) in [
        ("bougt within 30 days", "did you mean `bought`?"),
        ("price < 5", "a field of products"),
        ("(orders > 1", "is not closed"),
        (&"x".repeat(5000), "more than 4000 characters"),
        ("orders > 1 and ", "the text ends here"),
        ("(订单数 > 1", "这个左括号没有闭合（第 1 行，第 1 个字符）"),
    ] {
        let body = json!({ "expression": expression });
        let answer = place.call("PUT", "/api/segments/wrong", &body);
        assert_eq!(answer.status, 400, "{}", answer.json());
        assert!(answer.json().to_string().contains(told), "{}", answer.json());
        let answer = place.call("POST", "/api/segments/check", &body);
        assert_eq!((answer.status, &answer.json()["ok"]), (200, &json!(false)));
        let said = fail(&["segments", "--shop", path, "check", expression], 1);
        assert!(said.contains(told), "{said}");
    }
    for (method, path, status) in [
        ("PUT", "/api/segments/a%2Fb", 400),
        ("DELETE", "/api/segments/nothing", 404),
        ("GET", "/api/segments/nothing/members", 404),
        ("GET", "/api/segments/tea/members?n=0", 400),
        ("GET", "/api/segments/tea/members?after=zzzz", 200),
    ] {
        let body = json!({ "expression": "bought" });
        assert_eq!(place.call(method, path, &body).status, status, "{method} {path}");
    }
    place.server.stop();
}
