//! A shop goes into one file while it is served, and comes back whole or not at all.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shopwise_store::Ledger;

use super::server::{Server, ShopFolder, exported, status};
use super::{fail, postgres, program, shown, succeed, text};

/// Events of a batch.
const BATCH: u64 = 20;

/// How often each command is killed, at moments spread over twice the time that it takes.
const ROUNDS: u32 = 40;

fn batch(number: u64) -> Vec<u8> {
    let event = |at: u64| {
        json!({
            "type": "track", "event": "Product Viewed", "messageId": format!("m{number}-{at}"),
            "anonymousId": format!("visitor {}", number % 97),
            "timestamp": "2026-01-02T03:04:05.678Z",
            "properties": { "product_id": format!("p{}", at % 13), "price": 9.5 },
        })
    };
    let events: Vec<_> = (0..BATCH).map(event).collect();
    json!({ "batch": events, "sentAt": "2026-01-02T03:04:06.000Z" }).to_string().into_bytes()
}

/// Sends new batches until told to stop, noting which were acknowledged.
fn call(server: &Server, key: &str, next: &AtomicU64, done: &Mutex<Vec<u64>>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let answer = server.post("/v1/batch", key, &batch(number)).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        done.lock().unwrap().push(number);
    }
}

/// Returns how often each batch is among these message identifiers, whole.
fn batches(ids: &[String]) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::<u64, u64>::new();
    for id in ids {
        let number = id.trim_start_matches('m').split('-').next().unwrap().parse().unwrap();
        *counts.entry(number).or_default() += 1;
    }
    counts
}

fn term(status: &Value, name: &str) -> i64 {
    status[name].as_i64().unwrap()
}

#[test]
fn a_shop_that_is_served_comes_back_with_all_that_was_acknowledged_once() {
    let shop = ShopFolder::new();
    // While nothing was moved into the lake yet, between two moves, and after several.
    comes_back(&shop, &[300, 2500, 1700, 2300], |place, file| {
        succeed(&["restore", "--shop", shown(place), shown(file)]);
    });
}

#[test]
fn a_shop_in_postgresql_comes_back_there_and_in_a_folder_alone() {
    let Some(url) = postgres() else { return println!("skipped: no PostgreSQL answers") };
    let schema = |number: usize| format!("shopwise_backup_{}_{number}", std::process::id());
    let database = |number| format!("{url}?options[search_path]={}", schema(number));
    let settings = |shop: &Path, ledger: &str| {
        let file = shop.join("shopwise.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let others = text.lines().filter(|line| !line.starts_with("ledger")).collect::<Vec<_>>();
        std::fs::write(file, format!("ledger = \"{ledger}\"\n{}\n", others.join("\n"))).unwrap();
    };
    let shop = ShopFolder::with(|path| settings(path, &database(0)));
    let restored = Cell::new(0);
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        comes_back(&shop, &[300, 2500, 1700], |place, file| {
            restored.set(restored.get() + 1);
            // The last one leaves PostgreSQL.
            let ledger = if restored.get() < 3 { database(restored.get()) } else { String::new() };
            let restore = |place| {
                let mut command = program(&["restore", "--shop", shown(place), shown(file)]);
                command.env("SHOPWISE_LEDGER", &ledger).output().unwrap()
            };
            let output = restore(place);
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert_eq!(place.join("inbox.db").exists(), ledger.is_empty());
            if !ledger.is_empty() {
                let said = text(&restore(&place.with_extension("again")).stderr);
                assert!(said.contains("holds a shop's ledger already"), "{said}");
            }
            settings(place, &ledger);
        });
    }));
    for number in 0..3 {
        Ledger::drop_schema(&url, &schema(number)).unwrap();
    }
    if let Err(panic) = checked {
        std::panic::resume_unwind(panic);
    }
}

/// Backs a shop up after each of some waits in milliseconds, while it is served under load, and
/// compares what each file gives with what was acknowledged before.
fn comes_back(shop: &ShopFolder, waits: &[u64], restore: impl Fn(&Path, &Path)) {
    let outer = tempfile::tempdir().unwrap();
    let server = Server::start(&shop.path);
    let (next, done, stop) = (AtomicU64::new(0), Mutex::new(Vec::new()), AtomicBool::new(false));
    let mut files = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| call(&server, &shop.key, &next, &done, &stop));
        }
        for (number, wait) in waits.iter().enumerate() {
            std::thread::sleep(Duration::from_millis(*wait));
            let until = Instant::now() + Duration::from_secs(30);
            while done.lock().unwrap().is_empty() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
            let before = done.lock().unwrap().clone();
            let file = outer.path().join(format!("{number}.backup"));
            let said = succeed(&["backup", "--shop", shown(&shop.path), shown(&file), "--json"]);
            let said: Value = serde_json::from_str(&said).unwrap();
            assert!(said["bytes"].as_u64().unwrap() > 1000, "{said}");
            files.push((file, before));
        }
        stop.store(true, Ordering::Relaxed);
    });
    server.stop();
    let all = done.lock().unwrap().len() as u64;
    for (file, before) in files {
        let place = file.with_extension("shop");
        restore(&place, &file);
        let server = Server::start(&place);
        // What the copy has is known; what came later is new to it.
        for number in 0..next.load(Ordering::Relaxed) {
            if number % 7 == 0 || before.contains(&number) {
                let answer = server.post("/v1/batch", &shop.key, &batch(number)).unwrap();
                let verdicts = &answer.json()["verdicts"];
                if before.contains(&number) {
                    assert_eq!(*verdicts, json!({ "duplicate": BATCH }), "batch {number}");
                }
            }
        }
        server.stop();
        let found = batches(&exported(&place));
        assert!(found.values().all(|count| *count == BATCH), "a batch is torn or doubled");
        assert!(before.iter().all(|number| found.contains_key(number)), "something is lost");
        let status = status(&place);
        let total = found.values().sum::<u64>() as i64;
        assert_eq!(term(&status, "stored"), total, "{status}");
        assert_eq!(term(&status, "pending"), 0, "{status}");
        let parts = ["stored", "duplicate", "quarantined", "refused"];
        let sum: i64 = parts.iter().map(|part| term(&status, part)).sum();
        assert_eq!(term(&status, "received"), sum, "{status}");
        assert!(before.len() as u64 <= all && !before.is_empty());
    }
}

/// Lets a command run for so long, kills it, and returns whether it had ended by itself.
fn killed_after(arguments: &[&str], wait: Duration) -> bool {
    let mut child = program(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + wait;
    while Instant::now() < until {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(child.kill());
    child.wait().unwrap();
    false
}

fn is_shop(folder: &Path) -> bool {
    folder.join("shopwise.toml").exists()
}

#[test]
fn a_command_that_is_killed_leaves_a_whole_shop_or_none() {
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    for number in 0..50 {
        assert_eq!(server.post("/v1/batch", &shop.key, &batch(number)).unwrap().status, 200);
    }
    server.stop();
    let outer = tempfile::tempdir().unwrap();
    let (file, place) = (outer.path().join("shop.backup"), outer.path().join("again"));
    let (file, place) = (shown(&file), shown(&place));
    let backup = ["backup", "--shop", shown(&shop.path), file];
    let restore = ["restore", "--shop", place, file];
    let began = Instant::now();
    succeed(&backup);
    let backup_takes = began.elapsed();
    let began = Instant::now();
    succeed(&restore);
    let restore_takes = began.elapsed();
    std::fs::remove_file(file).unwrap();
    std::fs::remove_dir_all(place).unwrap();
    let (mut whole, mut killed) = (0, 0);
    for round in 1..=ROUNDS {
        let wait = backup_takes * 2 * round / ROUNDS;
        let ended = killed_after(&backup, wait);
        killed += u32::from(!ended);
        if Path::new(file).exists() {
            // Whatever is there by that name is whole.
            succeed(&restore);
            assert_eq!(exported(Path::new(place)).len(), 50 * BATCH as usize);
            std::fs::remove_dir_all(place).unwrap();
            std::fs::remove_file(file).unwrap();
            whole += 1;
        }
    }
    assert!(whole > 0 && killed > 0, "{whole} whole, {killed} killed");
    succeed(&backup);
    let (mut whole, mut killed) = (0, 0);
    for round in 1..=ROUNDS {
        let wait = restore_takes * 2 * round / ROUNDS;
        killed += u32::from(!killed_after(&restore, wait));
        if Path::new(place).exists() {
            assert!(is_shop(Path::new(place)));
            assert_eq!(status(Path::new(place))["stored"], 50 * BATCH);
            std::fs::remove_dir_all(place).unwrap();
            whole += 1;
        }
    }
    assert!(whole > 0 && killed > 0, "{whole} whole, {killed} killed");
}

#[test]
fn a_shop_is_only_replaced_when_told_to_and_when_nobody_works_on_it() {
    let shop = ShopFolder::new();
    let outer = tempfile::tempdir().unwrap();
    let file = outer.path().join("shop.backup");
    let server = Server::start(&shop.path);
    assert_eq!(server.post("/v1/batch", &shop.key, &batch(0)).unwrap().status, 200);
    succeed(&["backup", "--shop", shown(&shop.path), shown(&file)]);
    assert_eq!(server.post("/v1/batch", &shop.key, &batch(1)).unwrap().status, 200);
    let message = fail(&["backup", "--shop", shown(&shop.path), shown(&file)], 1);
    assert!(message.contains("exists already"), "{message}");
    let restore = ["restore", "--shop", shown(&shop.path), shown(&file)];
    let message = fail(&restore, 1);
    assert!(message.contains("--force"), "{message}");
    let message = fail(&[&restore[..], &["--force"]].concat(), 1);
    assert!(message.contains("in use: `shopwise serve`"), "{message}");
    server.stop();
    let torn = outer.path().join("torn.backup");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    let message = fail(&["restore", "--shop", shown(&shop.path), shown(&torn), "--force"], 1);
    assert!(message.contains("nothing was changed"), "{message}");
    assert_eq!(term(&shop.status(), "stored"), 40);
    let said = succeed(&[&restore[..], &["--force", "--json"]].concat());
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(term(&shop.status(), "stored"), 20);
    let former = Path::new(said["former"].as_str().unwrap());
    assert_eq!(term(&status(former), "stored"), 40);
    let other = outer.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("letter.txt"), "mine").unwrap();
    let message = fail(&["restore", "--shop", shown(&other), shown(&file), "--force"], 1);
    assert!(message.contains("no shop and not empty"), "{message}");
}
