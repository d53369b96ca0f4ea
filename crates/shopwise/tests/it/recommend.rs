//! Lists through the port: for whom, of what, and how soon they know what happened.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Answer, Server, ShopFolder};
use super::{fail, shown, succeed};

/// How long an event may take to change a list.
const SOON: Duration = Duration::from_secs(5);

/// A shop that has learned from some months of a simulated one, a read key, and a server.
pub(crate) struct Learned {
    pub(crate) shop: ShopFolder,
    key: String,
    pub(crate) server: Server,
}

impl Learned {
    pub(crate) fn new() -> Self {
        let shop = ShopFolder::new();
        let (folder, path) = (tempfile::tempdir().unwrap(), shown(&shop.path));
        let files = shown(folder.path());
        let size = ["--customers", "400", "--days", "60", "--products", "120"];
        succeed(&[&["simulate", "--output", files][..], &size].concat());
        for (format, file) in [("products", "products"), ("csv", "events")] {
            let file = format!("{files}/{file}.parquet");
            succeed(&["import", "--shop", path, "--format", format, &file]);
        }
        succeed(&["run", "--shop", path, "prepare", "profile", "recommend"]);
        let key = succeed(&["keys", "--shop", path, "create", "page", "--scope", "read"]);
        let server = Server::start(Path::new(path));
        Self { key: key.trim().to_owned(), server, shop }
    }

    fn get(&self, path: &str) -> Answer {
        self.server.get(path, &format!("Authorization: Bearer {}\r\n", self.key))
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.get(path);
        let body = answer.json();
        assert_eq!(answer.status, 200, "{path}: {body}");
        assert!(body["decision"].as_str().is_some_and(|id| id.len() == 36), "{body}");
        body["items"].as_array().unwrap().clone()
    }

    fn names(&self, path: &str) -> Vec<String> {
        let items = self.list(path);
        for (at, item) in items.iter().enumerate() {
            assert_eq!(item["position"], at + 1);
            assert!(item["propensity"].as_f64().is_some_and(|own| own > 0.0 && own <= 1.0));
            assert!(item["reasons"][0]["reason"].is_string(), "{item}");
        }
        items.iter().map(|item| item["product"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn product(&self, method: &str, id: &str, fields: &Value) {
        let headers = format!("Authorization: Bearer {}\r\n", self.shop.token());
        let body = fields.to_string();
        let path = format!("/api/products/{id}");
        let answer = self.server.send(method, &path, &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    }

    fn track(&self, user: &str, event: &str, product: &str) {
        let body = json!({
            "userId": user, "event": event, "messageId": format!("{user}-{event}-{product}"),
            "properties": { "product_id": product, "price": 9, "currency": "USD" },
        });
        let body = body.to_string();
        let answer = self.server.post("/v1/track", &self.shop.key, body.as_bytes()).unwrap();
        assert_eq!(answer.json()["verdicts"]["stored"], 1);
    }
}

#[test]
fn lists_follow_what_happens_and_show_nothing_that_may_not_be_shown() {
    let learned = Learned::new();
    an_event_changes_the_next_list(&learned);
    what_changes_in_the_catalogue_is_known_at_once(&learned);
    filters_let_through_what_they_say(&learned);
    what_profiling_found_is_known(&learned);
    pages_are_of_one_list(&learned);
    everybodys_lists_are_a_file(&learned);
    products_have_lists_of_their_own(&learned);
    lists_of_products_obey_what_is_excluded(&learned);
    wrong_questions_are_refused(&learned);
    another_model_takes_over(&learned);
    assert!(!learned.server.log().contains("\"a request failed\""), "{}", learned.server.log());
    learned.server.stop();
}

fn an_event_changes_the_next_list(learned: &Learned) {
    let before = learned.names("/api/recommendations/newcomer?n=5");
    assert_eq!(before.len(), 5);
    learned.track("newcomer", "Product Viewed", "p0100");
    let told = Instant::now();
    let because = loop {
        let items = learned.list("/api/recommendations/newcomer?n=5&explain=true");
        let because = |item: &Value| item["reasons"][0]["products"][0] == "p0100";
        if let Some(item) = items.iter().find(|item| because(item)) {
            break item.clone();
        }
        assert!(told.elapsed() < SOON, "{items:?}");
    };
    let explained = &because["explanation"];
    let parts = explained["parts"].as_array().unwrap();
    let from = parts[0]["because"].as_array().unwrap();
    assert!(from.iter().any(|part| part["text"] == "p0100"), "{because}");
    let whole: f64 = parts.iter().map(|part| part["value"].as_f64().unwrap()).sum();
    assert!((whole - explained["value"].as_f64().unwrap()).abs() < 1e-6, "{because}");
}

fn what_changes_in_the_catalogue_is_known_at_once(learned: &Learned) {
    let paths = ["/api/recommendations/nobody?n=500", "/api/popular?n=500"];
    let all = learned.names(paths[0]);
    let first = &all[0];
    for (fields, is_shown) in [
        (json!({ "hidden": true }), false),
        (json!({ "hidden": false, "stock": 0 }), false),
        (json!({ "stock": 3, "available_until": "2020-01-01T00:00:00Z" }), false),
        (json!({ "available_until": null }), true),
    ] {
        learned.product("PATCH", first, &fields);
        for path in paths {
            assert_eq!(learned.names(path).contains(first), is_shown, "{path} {fields}");
        }
    }
    assert!(!all.contains(&"brand-new".to_owned()));
    learned.product("PUT", "brand-new", &json!({ "title": "New" }));
    assert!(learned.names(paths[0]).contains(&"brand-new".to_owned()), "from its first moment");
    learned.product("DELETE", "brand-new", &json!({}));
    assert!(!learned.names(paths[0]).contains(&"brand-new".to_owned()));
}

fn lists_of_products_obey_what_is_excluded(learned: &Learned) {
    let headers = format!("Authorization: Bearer {}\r\n", learned.shop.token());
    let popular = learned.names("/api/popular?n=20");
    let alike = format!("/api/similar/{}?n=20", popular[0]);
    let others = learned.names(&alike);
    for (scene, path, gone) in
        [("home", "/api/popular?n=20", &popular[0]), ("product", alike.as_str(), &others[0])]
    {
        let before = learned.names(path);
        for (own, is_listed) in [(scene, false), ("cart", true)] {
            let products = format!("id = \"{gone}\"");
            let rule = json!({ "kind": "exclude", "products": products, "scenes": [own] });
            let body = rule.to_string();
            let set = learned.server.send("PUT", "/api/rules/r", &headers, body.as_bytes());
            assert_eq!(set.unwrap().status, 200);
            assert_eq!(learned.names(path).contains(gone), is_listed, "{path} {own}");
        }
        let taken = learned.server.send("DELETE", "/api/rules/r", &headers, b"");
        assert_eq!(taken.unwrap().status, 200);
        assert_eq!(learned.names(path), before);
    }
}

/// A segment that profiling found may be asked for in filters, and so in rules.
fn what_profiling_found_is_known(learned: &Learned) {
    let admin = format!("Authorization: Bearer {}\r\n", learned.shop.token());
    let get = |path: &str| learned.server.get(path, &admin).json();
    let all = get("/api/segments")["segments"].as_array().unwrap().clone();
    let member_of = |segment: &Value| {
        let id = segment["segment"].as_str().unwrap().to_owned();
        assert_eq!(segment["kind"], "profile");
        let members = get(&format!("/api/segments/{id}/members?n=1"));
        (id, members["members"][0]["customer"].as_str().unwrap().to_owned())
    };
    let [(id, own), (other, stranger)] = [member_of(&all[0]), member_of(&all[1])];
    let list = |customer: &str, id: &str| {
        let filter = format!("customer.segment%20%3D%20%22{id}%22");
        learned.list(&format!("/api/recommendations/{customer}?filter={filter}")).len()
    };
    waits_for(|| list(&own, &id) > 0);
    assert_eq!(list(&own, &other), 0);
    assert_eq!(list(&stranger, &id), 0);
    assert!(list(&stranger, &other) > 0);
    let told = get(&format!("/api/customers/{own}"))["segments"].clone();
    assert_eq!(told[0]["segment"], json!(id), "{told}");
    assert_eq!(told[0]["kind"], "profile");
}

fn pages_are_of_one_list(learned: &Learned) {
    let whole = learned.names("/api/recommendations/turner?n=40");
    let path = "/api/recommendations/turner?n=10&of=40";
    let first = learned.get(path).json();
    let mut pages = vec![first.clone()];
    learned.track("turner", "Product Viewed", &whole[39]);
    learned.product("PATCH", &whole[15], &json!({ "hidden": true }));
    while let Some(next) = pages.last().unwrap()["next"].as_str() {
        pages.push(learned.get(&format!("/api/recommendations/turner?n=10&next={next}")).json());
    }
    learned.product("PATCH", &whole[15], &json!({ "hidden": false }));
    let items: Vec<&Value> =
        pages.iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
    let names: Vec<&str> = items.iter().map(|item| item["product"].as_str().unwrap()).collect();
    let mut wanted: Vec<&str> = whole.iter().map(String::as_str).collect();
    wanted.remove(15);
    assert_eq!(names, wanted, "in one order, but for what was hidden meanwhile");
    assert_eq!(items[15]["position"], 17);
    assert!(pages.iter().all(|page| page["decision"] == first["decision"]));
    let next = first["next"].as_str().unwrap();
    let answer = learned.get(&format!("/api/recommendations/somebody?next={next}"));
    assert_eq!(answer.status, 404, "{}", answer.json());
    let (decision, _) = next.rsplit_once('.').unwrap();
    let beyond = format!("/api/recommendations/turner?next={decision}.{}", usize::MAX);
    assert_eq!(learned.list(&beyond), Vec::<Value>::new(), "behind the end there is nothing");
    for wrong in ["next=x", "next=x.1", "next=x.-1"] {
        assert_eq!(learned.get(&format!("/api/recommendations/turner?{wrong}")).status, 404);
    }
    for wrong in ["of=5", "of=501", &format!("next={next}&scene=home")] {
        assert_eq!(learned.get(&format!("/api/recommendations/turner?{wrong}")).status, 400);
    }
}

fn everybodys_lists_are_a_file(learned: &Learned) {
    let path = shown(&learned.shop.path);
    let file = learned.shop.path.join("lists.csv");
    let export = |what: &str| {
        let size = ["--size", "3", "--output", shown(&file)];
        succeed(&[&["export", "--shop", path, what][..], &size].concat());
        let text = std::fs::read_to_string(&file).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let rows = export("lists:e-mail");
    assert_eq!(rows[0], "decision,customer,position,product,score,propensity,reason");
    let customers: std::collections::BTreeSet<&str> =
        rows[1..].iter().map(|row| row.split(',').nth(1).unwrap()).collect();
    assert_eq!(rows.len() - 1, 3 * customers.len(), "a list of three each");
    assert!(customers.len() > 300);
    assert!(export("lists:cart").len() < rows.len(), "only who has something in the cart");
    let before = std::fs::read(&file).unwrap();
    for wrong in ["evnts", "audience:product:none", "lists:none"] {
        fail(&["export", "--shop", path, wrong, "--output", shown(&file)], 1);
    }
    assert_eq!(std::fs::read(&file).unwrap(), before, "a mistake leaves what stood there");
    assert!(!learned.shop.path.join("lists.csv.part").exists());
}

fn filters_let_through_what_they_say(learned: &Learned) {
    let cheap = learned.names("/api/recommendations/nobody?n=500&filter=price%20%3C%2030");
    let dear = learned.names("/api/recommendations/nobody?n=500&filter=price%20%3E%3D%2030");
    let all = learned.names("/api/recommendations/nobody?n=500");
    assert!(!cheap.is_empty() && !dear.is_empty());
    assert_eq!(cheap.len() + dear.len(), all.len(), "every product has a price");
    assert!(cheap.iter().all(|name| !dear.contains(name)));
    // 价格 < 30
    let same = "/api/recommendations/nobody?n=500&filter=%E4%BB%B7%E6%A0%BC%20%3C%2030";
    assert_eq!(learned.names(same), cheap);
    learned.track("newcomer", "Order Completed", "p0101");
    let bought = "/api/recommendations/newcomer?n=500&filter=not%20bought%20within%201%20hours";
    let told = Instant::now();
    while learned.names(bought).contains(&"p0101".to_owned()) {
        assert!(told.elapsed() < SOON);
    }
    let wrong = learned.get("/api/popular?filter=prise%20%3C%203");
    let message = wrong.json()["message"].as_str().unwrap().to_owned();
    assert!(wrong.status == 400 && message.contains("prise"), "{message}");
}

fn products_have_lists_of_their_own(learned: &Learned) {
    let all = learned.names("/api/popular?n=500");
    for path in ["similar", "together"] {
        // Not every product was ever bought beside another one.
        let list = |product: &String| learned.names(&format!("/api/{path}/{product}?n=8"));
        let lists: Vec<Vec<String>> = all.iter().map(list).collect();
        assert!(lists.iter().any(|list| !list.is_empty()), "{path}");
        assert!(all.iter().zip(&lists).all(|(product, list)| !list.contains(product)), "{path}");
    }
    let page = learned.names("/api/recommendations/nobody?scene=product&product=p0100&n=6");
    let alike = learned.names("/api/similar/p0100?n=50");
    assert!(page.iter().any(|name| alike.contains(name)), "{page:?}");
    let search = "/api/recommendations/c1?scene=search&product=p0050&product=p0060&product=p0070";
    let mut found = learned.names(search);
    found.sort();
    assert_eq!(found, ["p0050", "p0060", "p0070"]);
    assert_eq!(learned.get("/api/similar/nothing").status, 404);
}

fn wrong_questions_are_refused(learned: &Learned) {
    let long = format!("/api/recommendations/x?filter={}", "price%3E1%20and%20".repeat(400));
    for (path, status) in [
        ("/api/recommendations/x?n=0", 400),
        ("/api/recommendations/x?n=-1", 400),
        ("/api/recommendations/x?n=1000000", 400),
        ("/api/recommendations/x?n=ten", 400),
        ("/api/recommendations/x?scene=nowhere", 400),
        ("/api/recommendations/x?scene=product", 400),
        ("/api/recommendations/x?explain=perhaps", 400),
        ("/api/recommendations/x?colour=red", 400),
        ("/api/recommendations/x?filter=%00%FF", 400),
        (&long, 400),
        ("/api/recommendations/%F0%9F", 400),
        ("/api/recommendations/%00?scene=product&product=%FF", 200),
        ("/api/recommendations/%27%3B%20DROP%20TABLE%20products", 200),
        ("/api/popular?filter=", 200),
        ("/api/together/%E8%8C%B6", 404),
    ] {
        let answer = learned.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.json());
    }
    for (filter, told) in [
        ("price%20%3E", "the filter cannot be read: the text ends here"),
        ("%E4%BB%B7%E6%A0%BC%20%3E", "筛选条件无法识别：表达式不完整"),
    ] {
        let answer = learned.get(&format!("/api/popular?filter={filter}")).json();
        let message = answer["message"].as_str().unwrap();
        assert!(message.starts_with(told), "{message}");
    }
    let path = "/api/popular";
    assert_eq!(learned.server.get(path, "").status, 401);
    let key = &learned.shop.key;
    let written = learned.server.get(path, &format!("Authorization: Bearer {key}\r\n"));
    assert_eq!(written.status, 403, "a write key reads nothing");
    let token = learned.shop.token();
    let admin = learned.server.get(path, &format!("Authorization: Bearer {token}\r\n"));
    assert_eq!(admin.status, 200);
}

/// A model that another process publishes or takes back serves a moment later.
fn another_model_takes_over(learned: &Learned) {
    let version = || learned.get("/api/popular").json()["model"]["version"].clone();
    assert_eq!(version(), 1);
    let path = shown(&learned.shop.path);
    succeed(&["run", "--shop", path, "recommend"]);
    waits_for(|| version() == 2);
    succeed(&["models", "--shop", path, "rollback", "popular"]);
    waits_for(|| version() == 1);
}

fn waits_for(is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "it never was");
        std::thread::sleep(Duration::from_millis(50));
    }
}
