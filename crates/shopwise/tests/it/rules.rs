//! The merchant's rules through the port: each kind, what is previewed, and who changed what.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Answer, Server, ShopFolder};
use super::{fail, json as output, shown, succeed};

/// How soon a rule that another process set must hold.
const SOON: Duration = Duration::from_secs(10);

/// A shop with a catalogue and no model: what is new stands in front.
struct Shop {
    folder: ShopFolder,
    server: Server,
}

impl Shop {
    fn new() -> Self {
        let folder = ShopFolder::new();
        let server = Server::start(&folder.path);
        let shop = Self { folder, server };
        let product = |at: usize| {
            let kind = ["tea", "cups", "pots"][at % 3];
            json!({ "id": format!("p{at:02}"), "title": "a thing", "category": kind,
                "brand": format!("b{}", at % 5), "price": 10 + at, "stock": 5 })
        };
        let all: Vec<Value> = (0..30).map(product).collect();
        let answer = shop.admin("POST", "/api/products/batch", &json!(all));
        assert_eq!(answer.json()["written"], 30);
        shop
    }

    fn admin(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = format!("Authorization: Bearer {}\r\n", self.folder.token());
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.server.send(method, path, &headers, body.as_bytes()).unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.admin("GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "{path}: {}", answer.json());
        answer.json()
    }

    /// Returns the list as served, which a preview of the rules as they are must equal.
    fn list(&self) -> Vec<String> {
        let served = names(&self.get("/api/recommendations/somebody?n=10")["items"]);
        let rules = self.get("/api/rules")["rules"].clone();
        let body = json!({ "rules": rules, "customer": "somebody" });
        let preview = self.admin("POST", "/api/rules/preview", &body).json();
        assert_eq!(names(&preview["now"]["items"]), served, "{preview}");
        assert_eq!(names(&preview["then"]["items"]), served, "{preview}");
        served
    }

    /// Sets a rule after looking at what it would do, and returns the list under it, which must be
    /// what was foreseen.
    fn under(&self, kind: &Value, products: &str) -> Vec<String> {
        let rule = json!({ "id": "r", "kind": kind, "products": products });
        let body = json!({ "rule": rule, "customer": "somebody" });
        let before = self.list();
        let preview = self.admin("POST", "/api/rules/preview", &body);
        let foreseen = preview.json();
        assert_eq!(preview.status, 200, "{foreseen}");
        assert_eq!(self.list(), before, "looking changes nothing");
        let answer = self.admin("PUT", "/api/rules/r", &rule);
        assert_eq!(answer.status, 200, "{}", answer.json());
        let served = self.list();
        assert_eq!(names(&foreseen["then"]["items"]), served);
        assert_eq!(self.admin("DELETE", "/api/rules/r", &Value::Null).status, 200);
        assert_eq!(self.list(), before, "what is taken away holds no longer");
        served
    }
}

fn names(items: &Value) -> Vec<String> {
    let items = items.as_array().unwrap();
    items.iter().map(|item| item["product"].as_str().unwrap().to_owned()).collect()
}

fn number(name: &str) -> usize {
    name.trim_start_matches('p').parse().unwrap()
}

#[test]
fn each_kind_of_rule_does_what_was_foreseen() {
    let shop = Shop::new();
    let plain = shop.list();
    assert_eq!(plain.len(), 10);
    let is_tea = |name: &String| number(name).is_multiple_of(3);
    let last = format!("p{:02}", 3);
    assert!(!plain.contains(&last), "{plain:?}");

    let one = format!("id = \"{last}\"");
    assert_eq!(shop.under(&json!({ "pin": { "position": 3 } }), &one)[2], last);
    assert!(!shop.under(&json!("exclude"), "category = \"tea\"").iter().any(is_tea));
    let advert = json!({ "sponsored": { "positions": [1, 5], "label": "Advert" } });
    let listed = shop.under(&advert, "category = \"tea\" and price < 20");
    assert!(
        [0, 4].iter().all(|at| is_tea(&listed[*at]) && number(&listed[*at]) < 10),
        "{listed:?}"
    );
    let quota = json!({ "quota": { "share": 0.5, "first": 10 } });
    assert!(
        shop.under(&quota, "category = \"tea\"").iter().filter(|name| is_tea(name)).count() >= 5
    );
    let boosted = shop.under(&json!({ "boost": { "factor": 1000 } }), &one);
    assert_eq!(boosted[0], last);
    let buried = shop.under(&json!({ "bury": { "factor": 0 } }), &format!("id = \"{}\"", plain[0]));
    assert_ne!(buried[0], plain[0]);

    // What may not be shown is brought in by no rule.
    shop.admin("PATCH", &format!("/api/products/{last}"), &json!({ "stock": 0 }));
    assert!(!shop.under(&json!({ "pin": { "position": 3 } }), &one).contains(&last));
    rules_are_told_apart(&shop);
    shop.server.stop();
}

fn rules_are_told_apart(shop: &Shop) {
    let rule = json!({ "name": "Ad", "products": "id = \"p05\"",
        "kind": { "sponsored": { "positions": [2], "label": "Advert" } } });
    assert_eq!(shop.admin("PUT", "/api/rules/ad", &rule).status, 200);
    let list = shop.get("/api/recommendations/somebody?n=3&explain=true");
    let item = &list["items"][1];
    assert_eq!((&item["product"], &item["label"]), (&json!("p05"), &json!("Advert")));
    let tree = &item["explanation"];
    assert_eq!((&tree["standing"], &tree["rules"]), (&json!("fixed"), &json!(["ad"])));
    let parts = tree["parts"].as_array().unwrap();
    let sum: f64 = parts.iter().map(|part| part["value"].as_f64().unwrap()).sum();
    assert!((sum - tree["value"].as_f64().unwrap()).abs() < 1e-5, "{tree}");
    let wrong = json!({ "kind": { "pin": { "position": 0 } }, "products": "id = \"p05\"" });
    for (method, path, body, status, told) in [
        ("PUT", "/api/rules/x", &wrong, 400, "from 1 to 500"),
        ("PUT", "/api/rules/x", &json!({ "kind": "hide", "products": "x" }), 400, "sponsored"),
        (
            "PUT",
            "/api/rules/x",
            &json!({ "kind": "exclude", "products": "prise < 3" }),
            400,
            "prise",
        ),
        ("POST", "/api/rules/preview", &json!({ "rules": [], "n": 0 }), 400, "from 1 to 500"),
        ("POST", "/api/rules/check", &json!({}), 400, "either a `rule`"),
        ("GET", "/api/rules/x", &Value::Null, 404, "no rule `x`"),
        ("DELETE", "/api/rules/x", &Value::Null, 404, "no rule `x`"),
    ] {
        let answer = shop.admin(method, path, body);
        let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == status && message.contains(told), "{path} {message}");
    }
    let twice = json!({ "rule": { "id": "b", "products": "id = \"nothing\"",
        "kind": { "pin": { "position": 2 } } } });
    let told = shop.admin("POST", "/api/rules/check", &twice).json()["warnings"].to_string();
    assert!(told.contains("rule `ad`") && told.contains("no product"), "{told}");
    assert_eq!(shop.server.get("/api/rules", "").status, 401);
}

#[test]
fn the_command_line_sets_rules_and_every_change_is_written_down() {
    let shop = Shop::new();
    let path = shown(&shop.folder.path);
    let file = shop.folder.path.join("rules.json");
    let rule = json!({ "id": "first", "kind": { "pin": { "position": 1 } },
        "products": "id = \"p07\"" });
    std::fs::write(&file, json!([rule]).to_string()).unwrap();
    let checked = output(&["rules", "--shop", path, "check", shown(&file)]);
    assert_eq!(checked, json!({ "rules": 1, "warnings": [] }));
    assert_ne!(shop.list()[0], "p07", "checking sets nothing");
    assert_eq!(output(&["rules", "--shop", path, "set", shown(&file)])["set"], 1);
    let told = Instant::now();
    while names(&shop.get("/api/recommendations/somebody")["items"])[0] != "p07" {
        assert!(told.elapsed() < SOON, "a rule of another process");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut other = rule;
    other["products"] = json!("id = \"p08\"");
    assert_eq!(shop.admin("PUT", "/api/rules/first", &other).status, 200);
    assert_eq!(shop.list()[0], "p08");
    assert_eq!(output(&["rules", "--shop", path, "list"])[0]["products"], other["products"]);
    assert_eq!(output(&["rules", "--shop", path, "delete", "first"])["deleted"], "first");
    let message = fail(&["rules", "--shop", path, "delete", "first"], 1);
    assert!(message.contains("no rule `first`"), "{message}");

    let trail = shop.get("/api/audit?kind=rules")["entries"].clone();
    let who: Vec<&str> =
        trail.as_array().unwrap().iter().map(|one| one["who"].as_str().unwrap()).collect();
    assert_eq!(who, ["command line", "api", "command line"]);
    assert_eq!(trail[0]["before"], Value::Null);
    assert_eq!(trail[1]["after"]["products"], other["products"]);
    assert_eq!(trail[2]["after"], Value::Null);
    let same = shop.get("/api/audit?from=2&n=1")["entries"].clone();
    assert_eq!(same[0], trail[1]);
    assert_eq!(succeed(&["audit", "--shop", path]).lines().count(), 3);
    let verified = output(&["audit", "--shop", path, "verify"]);
    assert_eq!((&verified["entries"], &verified["hash"]), (&json!(3), &trail[2]["hash"]));
    shop.server.stop();
}
