//! Of what was shown of a list it is known with which probability it stood there, though the shop
//! sends the decision alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shopwise_store::lake::read_table_file;

use super::server::{Server, ShopFolder};
use super::{shown, succeed};

/// Each of these positions of the first page is left to chance half of the time.
const HOME: &str = "[scenes.home]
exploration = 0.5
exploration_positions = [2, 4, 12]
exploration_pool = 7
category_most = 0
brand_most = 0
";

/// What lists told, by decision and product: the position and the propensity.
type Told = BTreeMap<(String, String), (i64, f64)>;

fn leave_to_chance(shop: &Path) {
    let file = shop.join("shopwise.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("[scenes.home]\n"), "{text}");
    std::fs::write(&file, text.replace("[scenes.home]\n", HOME)).unwrap();
}

/// A shop with a catalogue and no model: what is new stands in front.
struct Shop {
    folder: ShopFolder,
    server: Server,
}

impl Shop {
    fn new() -> Self {
        let folder = ShopFolder::with(leave_to_chance);
        let server = Server::start(&folder.path);
        let shop = Self { folder, server };
        let product = |at: usize| json!({ "id": format!("p{at:02}"), "title": "a thing" });
        let all: Vec<Value> = (0..30).map(product).collect();
        let (path, body) = ("/api/products/batch", json!(all).to_string());
        let answer = shop.server.send("POST", path, &shop.token(), body.as_bytes()).unwrap();
        assert_eq!(answer.json()["written"], 30, "{}", answer.json());
        shop
    }

    fn token(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.folder.token())
    }

    fn list(&self, path: &str) -> Value {
        let answer = self.server.get(&format!("/api/recommendations/{path}"), &self.token());
        assert_eq!(answer.status, 200, "{path}: {}", answer.json());
        answer.json()
    }

    /// Tells that something of a decision was shown.
    fn track(&self, decision: &str, message: &str, mut properties: Value) {
        properties["decision"] = json!(decision);
        let body = json!({
            "userId": "somebody", "event": "Recommendation Shown", "properties": properties,
            "messageId": format!("{decision}-{message}"),
        });
        let body = body.to_string();
        let answer = self.server.post("/v1/track", &self.folder.key, body.as_bytes()).unwrap();
        assert_eq!(answer.json()["verdicts"], json!({ "stored": 1 }));
    }

    /// Tells that a list was shown, in a call for each product.
    fn show_one_by_one(&self, list: &Value) {
        let decision = list["decision"].as_str().unwrap();
        for (number, entry) in entries(list).into_iter().enumerate() {
            self.track(decision, &number.to_string(), entry);
        }
    }

    /// Tells that a list was shown, in one call.
    fn show_at_once(&self, list: &Value) {
        let decision = list["decision"].as_str().unwrap();
        self.track(decision, "all", json!({ "products": entries(list) }));
    }
}

/// Returns the entries of a list as a shop sends them.
fn entries(list: &Value) -> Vec<Value> {
    let items = list["items"].as_array().unwrap().iter();
    let entry =
        |item: &Value| json!({ "product_id": item["product"], "position": item["position"] });
    items.map(entry).collect()
}

/// Notes what a list tells.
fn note(list: &Value, told: &mut Told) {
    let decision = list["decision"].as_str().unwrap();
    for item in list["items"].as_array().unwrap() {
        let entry = (decision.to_owned(), item["product"].as_str().unwrap().to_owned());
        let position = item["position"].as_i64().unwrap();
        told.insert(entry, (position, item["propensity"].as_f64().unwrap()));
    }
}

fn export(shop: &Path, table: &str, ending: &str) -> PathBuf {
    let file = shop.join(format!("{table}.{ending}"));
    succeed(&["export", "--shop", shown(shop), table, "--output", shown(&file)]);
    file
}

#[test]
fn what_was_shown_has_the_propensity_that_its_list_told() {
    let shop = Shop::new();
    let mut told = Told::new();
    for visitor in 0..6 {
        let list = shop.list(&format!("visitor-{visitor}?n=10"));
        match visitor % 2 {
            0 => shop.show_one_by_one(&list),
            _ => shop.show_at_once(&list),
        }
        note(&list, &mut told);
    }
    // A list that is looked at page by page is decided as a whole.
    let first = shop.list("reader?n=10&of=15");
    let next = shop.list(&format!("reader?n=10&next={}", first["next"].as_str().unwrap()));
    for page in [&first, &next] {
        shop.show_one_by_one(page);
        note(page, &mut told);
    }
    // Behind the page stand 20 products that nobody has had to do with, behind that of 15, 15.
    let drawn = [0.5 / 20.0, 0.5 / 15.0];
    let is_right = |(position, propensity): &(i64, f64)| match *position {
        2 | 4 | 12 => {
            *propensity == 0.5 || drawn.iter().any(|own| (propensity - own).abs() < 1e-12)
        }
        _ => *propensity == 1.0,
    };
    // The list of fifteen alone is open at the twelfth position.
    assert!(told.len() == 75 && told.values().all(is_right), "{told:?}");
    // Of a list without chance nothing is noted, nor of what did not stand in its list.
    shop.show_at_once(&shop.list("somebody?n=10&scene=win-back"));
    let (decision, _) = told.keys().next().unwrap();
    shop.track(decision, "other", json!({ "product_id": "never listed", "position": 2 }));
    let Shop { folder, server } = shop;
    server.stop();
    let decisions = std::fs::read_to_string(export(&folder.path, "decisions", "csv")).unwrap();
    let mut lines = decisions.lines();
    assert_eq!(lines.next(), Some("decision,scene,product,position,propensity,decided_at"));
    assert_eq!(lines.count(), 75);
    succeed(&["run", "--shop", shown(&folder.path), "prepare"]);
    are_exposed(&folder.path, told);
}

/// Checks that exposures have the propensities that lists told, and eleven others have none.
fn are_exposed(shop: &Path, mut told: Told) {
    // A table as text has three decimals alone.
    let rows = read_table_file(&export(shop, "exposures", "parquet")).unwrap();
    let (decisions, products) = (rows.text("decision").unwrap(), rows.text("product").unwrap());
    let (positions, propensities) =
        (rows.int("position").unwrap(), rows.float("propensity").unwrap());
    let mut unknown = 0;
    for row in 0..rows.rows() {
        let (decision, product) = (decisions.get(row).unwrap(), products.get(row).unwrap());
        let entry = (decision.to_owned(), product.to_owned());
        match told.remove(&entry) {
            Some((position, propensity)) => {
                assert_eq!(positions[row], position, "{entry:?}");
                assert!((propensities[row] - propensity).abs() < 1e-12, "{entry:?}");
            }
            None => {
                assert!(propensities[row].is_nan(), "{entry:?}");
                unknown += 1;
            }
        }
    }
    assert!(told.is_empty() && unknown == 11, "{unknown} {told:?}");
}
