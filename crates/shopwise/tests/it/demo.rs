//! The demo: the whole loop over a made shop, and what learning brings.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::server::{Server, base64};
use crate::{fail, json, program, shown};

fn demo(folder: &Path, seed: &str, more: &[&str]) -> Value {
    let mut arguments = vec![
        "demo",
        "--json",
        "--no-serve",
        "--customers",
        "8000",
        "--days",
        "120",
        "--policy-days",
        "28",
        "--seed",
        seed,
        "--dir",
        shown(folder),
    ];
    arguments.extend(more);
    json(&arguments)
}

fn interval(lift: &Value) -> (f64, f64) {
    (lift["interval"][0].as_f64().unwrap(), lift["interval"][1].as_f64().unwrap())
}

fn policy<'a>(object: &'a Value, name: &str) -> &'a Value {
    let policies = object["policies"].as_array().unwrap();
    policies.iter().find(|policy| policy["name"] == name).unwrap()
}

#[test]
fn learning_beats_chance_and_what_is_popular() {
    for seed in ["1", "2", "3"] {
        let folder = tempfile::tempdir().unwrap();
        let object = demo(&folder.path().join("shop"), seed, &[]);
        for other in ["learned_vs_random", "learned_vs_popular"] {
            let (low, high) = interval(&object["lift"][other]);
            assert!(0.0 < low && low <= high, "seed {seed}, {other}: {low} to {high}");
        }
        // The rates of real shops, where nothing was learned yet.
        let random = policy(&object, "random");
        let click_rate = random["click_rate"].as_f64().unwrap();
        let conversion_rate = random["conversion_rate"].as_f64().unwrap();
        assert!((0.01..0.03).contains(&click_rate), "seed {seed}: {click_rate}");
        assert!((0.018..0.03).contains(&conversion_rate), "seed {seed}: {conversion_rate}");
        let published: BTreeMap<&str, bool> = object["models"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|model| model["version"] == 1)
            .map(|model| (model["name"].as_str().unwrap(), model["published"] == true))
            .collect();
        assert!(published["recommend"] && published["popular"], "seed {seed}: {published:?}");
        let page = std::fs::read_to_string(folder.path().join("shop/report.html")).unwrap();
        assert!(page.contains("<html"));
    }
}

#[test]
fn where_there_is_no_taste_there_is_nothing_to_learn() {
    let folder = tempfile::tempdir().unwrap();
    let object = demo(&folder.path().join("shop"), "7", &["--tastes", "0"]);
    for other in ["learned_vs_random", "learned_vs_popular"] {
        let (low, high) = interval(&object["lift"][other]);
        assert!(low <= 0.0 && 0.0 <= high, "{other}: {low} to {high}");
    }
}

/// Returns the data files of all models, by path; manifests hold the clock.
fn model_files(shop: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![shop.join("models")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("manifest.json") {
                let name = path.strip_prefix(shop).unwrap().display().to_string();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn one_seed_is_one_shop() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let small = ["--customers", "1500", "--days", "60", "--policy-days", "7"];
    let run = |folder: &Path| {
        let mut arguments = vec!["demo", "--json", "--seed", "9", "--dir", shown(folder)];
        arguments.extend(small);
        json(&arguments)
    };
    let (one, other) = (run(&first), run(&second));
    for part in ["policies", "lift", "rows", "models"] {
        assert_eq!(one[part], other[part], "{part}");
    }
    let (files, others) = (model_files(&first), model_files(&second));
    assert!(!files.is_empty());
    assert!(files == others, "model files differ");
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let message = fail(&["demo", "--dir", shown(folder.path())], 1);
    assert!(message.contains("not made by the demo"), "{message}");
    assert!(folder.path().join("thesis.txt").exists());
    let message = fail(&["demo", "--customers", "0", "--dir", shown(folder.path())], 1);
    assert!(message.contains("customers must be from 1"), "{message}");
}

#[test]
fn what_was_learned_is_served_when_the_loop_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    let small = ["--customers", "1500", "--days", "60", "--policy-days", "7"];
    let mut command = program(&["demo", "--dir", shown(&shop), "--listen", "127.0.0.1:0"]);
    command.args(small);
    let server = Server::of(command);
    let token = std::fs::read_to_string(shop.join("vault").join("admin.token")).unwrap();
    let who = format!("Authorization: Basic {}\r\n", base64(&format!("{}:", token.trim())));
    let answer = server.get("/try?customer=somebody", &who);
    let page = String::from_utf8(answer.body).unwrap();
    assert_eq!(answer.status, 200, "{page}");
    assert!(page.contains("somebody") && page.contains("/try?"), "{page}");
    // The port is taken: said before anything is made, and what stands there is left alone.
    let taken = server.address.to_string();
    let message = fail(&["demo", "--dir", shown(&shop), "--listen", &taken], 1);
    assert!(message.contains(&format!("cannot listen on `{taken}`")), "{message}");
    // Nor is a shop taken away from under its server by who does not want to listen.
    let message = fail(&["demo", "--dir", shown(&shop), "--no-serve"], 1);
    assert!(message.contains("the shop is in use"), "{message}");
    assert!(shop.join("report.html").exists());
    server.stop();
}
