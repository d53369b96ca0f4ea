//! What customers did, of every kind and however much of it, in the lists that they get.

use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use shopwise_model::time::{self, SECOND};

use super::server::{Server, ShopFolder};
use super::{shown, succeed};

/// How long an event may take to change a list.
const SOON: Duration = Duration::from_secs(5);

/// A shop that is served.
struct Served {
    shop: ShopFolder,
    server: Server,
}

impl Served {
    fn new(shop: ShopFolder) -> Self {
        let server = Server::start(&shop.path);
        Self { shop, server }
    }

    /// Has so many products, `p000` on, and no model.
    fn plain(count: usize) -> Self {
        let served = Self::new(ShopFolder::new());
        let product = |at: usize| json!({ "id": format!("p{at:03}"), "title": "a thing" });
        let all: Vec<Value> = (0..count).map(product).collect();
        assert_eq!(served.send("POST", "/api/products/batch", &json!(all))["written"], count);
        served
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let token = self.shop.token();
        let headers = format!("Authorization: Bearer {token}\r\nX-API-Key: {token}\r\n");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.server.send(method, path, &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.json());
        answer.json()
    }

    /// Says that somebody did this within the last hour, in this order.
    fn track(&self, user: &str, events: impl Iterator<Item = (&'static str, Value)>) {
        #[expect(clippy::disallowed_methods, reason = "what tires is what was shown of late")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let begun = since.as_micros() as i64 - 3_600 * SECOND;
        let event = |(at, (name, properties)): (usize, (&str, Value))| {
            json!({ "type": "track", "userId": user, "event": name, "properties": properties,
                "messageId": format!("{user}-{at}"),
                "timestamp": time::format(begun + at as i64 * SECOND) })
        };
        let all: Vec<Value> = events.enumerate().map(event).collect();
        for part in all.chunks(100) {
            let body = json!({ "batch": part }).to_string();
            let answer = self.server.post("/v1/batch", &self.shop.key, body.as_bytes()).unwrap();
            assert_eq!(answer.json()["verdicts"]["stored"], part.len(), "{}", answer.json());
        }
    }

    /// Returns a list once it is as it should be.
    fn wait(&self, path: &str, is_right: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let answer = self.send("GET", path, &Value::Null);
            let items = answer["items"].as_array().unwrap().clone();
            if is_right(&items) {
                return items;
            }
            assert!(begun.elapsed() < SOON, "{answer}");
        }
    }
}

fn names(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["product"].as_str().unwrap()).collect()
}

/// Sixty people of three tastes rate six films each of eight of theirs, as MovieLens writes it.
fn ratings() -> String {
    let mut log = "user,item,rating,timestamp\n".to_owned();
    for day in 0..6 {
        for user in 0..60 {
            let film = (user / 3 + day) % 8;
            let moment = 1_710_000_000 + day * 86_400 + user;
            writeln!(log, "u{user},t{}-{film},{},{moment}", user % 3, 4 + film % 2).unwrap();
        }
    }
    log
}

#[test]
fn ratings_and_likes_decide_as_purchases_do() {
    let shop = ShopFolder::new();
    let file = shop.path.join("ratings.csv");
    std::fs::write(&file, ratings()).unwrap();
    let path = shown(&shop.path);
    succeed(&["import", "--shop", path, "--format", "movielens", shown(&file)]);
    succeed(&["run", "--shop", path, "prepare", "recommend"]);
    let served = Served::new(shop);
    for user in 0..6 {
        let (taste, first) = (user % 3, user / 3);
        let list = served.send("GET", &format!("/api/recommendations/u{user}?n=24"), &Value::Null);
        let items = list["items"].as_array().unwrap();
        let mut found = names(&items[..2]);
        found.sort_unstable();
        let mut left = [6, 7].map(|day| format!("t{taste}-{}", (first + day) % 8));
        left.sort();
        assert_eq!(found, left, "what is left of his taste: {list}");
        assert_eq!(items.len(), 18, "nothing that he rated comes again: {list}");
        assert_eq!(items[0]["reasons"][0]["reason"], "rated", "{list}");
    }
    let stars = json!({ "product_id": "t1-1", "rating": 5 });
    served.track("newcomer", [("Product Reviewed", stars)].into_iter());
    served.wait("/api/recommendations/newcomer?n=3", |items| {
        names(items).iter().all(|name| name.starts_with("t1-"))
    });
    let like = json!([{ "FeedbackType": "like", "UserId": "fan", "ItemId": "t2-1" }]);
    served.send("PUT", "/gorse/api/feedback", &like);
    served.wait("/api/recommendations/fan?n=3", |items| {
        names(items).iter().all(|name| name.starts_with("t2-"))
    });
    let known = served.send("GET", "/api/customers/newcomer", &Value::Null);
    let recent = &known["recent"][0];
    assert_eq!((&recent["reactions"], &recent["rating"]), (&json!(1), &json!(5.0)), "{known}");
    served.server.stop();
}

#[test]
fn whatever_was_bought_is_known_however_much_came_after() {
    let served = Served::plain(160);
    let bought = json!({ "order_id": "o1", "products":
        [{ "product_id": "p000", "price": 3, "quantity": 1 }] });
    let views = (1..150).map(|at| ("Product Viewed", json!({ "product_id": format!("p{at:03}") })));
    served.track("collector", std::iter::once(("Order Completed", bought)).chain(views));
    let all = "/api/recommendations/collector?n=500";
    served.wait(&format!("{all}&filter=viewed"), |items| items.len() == 149);
    let found = served.wait(&format!("{all}&filter=not%20bought"), |items| items.len() == 159);
    assert!(!names(&found).contains(&"p000"));
    let found = served.wait(&format!("{all}&filter=bought"), |items| items.len() == 1);
    assert_eq!(names(&found), ["p000"]);
    served.server.stop();
}

#[test]
fn what_was_clicked_does_not_tire() {
    let served = Served::plain(20);
    let shown = |clicked: bool| {
        (0..8).flat_map(move |_| {
            let what = json!({ "product_id": "p007", "decision": "d", "position": 1 });
            let click = clicked.then(|| ("Recommendation Clicked", what.clone()));
            std::iter::once(("Recommendation Shown", what)).chain(click)
        })
    };
    served.track("keen", shown(true));
    served.track("bored", shown(false));
    let tired = |user: &str| {
        let path = format!("/api/recommendations/{user}?n=20&explain=true");
        let items = served.send("GET", &path, &Value::Null)["items"].clone();
        let items = items.as_array().unwrap();
        let own = items.iter().find(|item| item["product"] == "p007")?;
        let parts = own["explanation"]["parts"].as_array()?;
        let part = parts.iter().find(|part| part["text"] == "shown before without a click")?;
        part["value"].as_f64()
    };
    let begun = Instant::now();
    while tired("bored").is_none_or(|value| value >= 0.0) {
        assert!(begun.elapsed() < SOON, "{:?}", tired("bored"));
    }
    assert_eq!(tired("keen"), Some(0.0));
    served.server.stop();
}
