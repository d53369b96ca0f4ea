//! Runs that meet, and runs that are cut off.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{json, program, run, shown, succeed, text};

/// Makes a shop with a few hundred thousand events, large enough for a run to take its time.
fn made(folder: &Path) -> String {
    let (files, shop) = (folder.join("files"), folder.join("shop"));
    let (files, shop) = (shown(&files).to_owned(), shown(&shop).to_owned());
    succeed(&["simulate", "--output", &files, "--customers", "3000", "--days", "90"]);
    succeed(&["init", &shop]);
    for (format, file) in [("products", "products"), ("campaigns", "campaigns"), ("csv", "events")]
    {
        let file = format!("{files}/{file}.parquet");
        let done = json(&["import", "--json", "--shop", &shop, "--format", format, &file]);
        assert_eq!(done["rows"]["refused"], serde_json::json!({}), "{format}");
    }
    shop
}

fn models(shop: &str) -> Value {
    json(&["models", "--json", "--shop", shop, "list"])
}

#[test]
fn a_second_run_says_who_is_first_or_waits() {
    let folder = tempfile::tempdir().unwrap();
    let shop = made(folder.path());
    let mut first = program(&["run", "--wait", "--shop", &shop])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let name = format!("process {}", first.id());
    let until = Instant::now() + Duration::from_secs(60);
    let message = loop {
        // Before the first has the lease the second may get it, for which the first then waits.
        let second = run(&["run", "--shop", &shop, "feedback"]);
        let message = text(&second.stderr);
        if message.contains(&name) {
            assert_eq!(second.status.code(), Some(1));
            break message;
        }
        assert!(Instant::now() < until, "never met: {message}");
    };
    assert!(message.contains("--wait"), "{message}");
    succeed(&["run", "--wait", "--shop", &shop, "feedback"]);
    assert!(first.wait().unwrap().success());
}

#[test]
fn a_run_that_is_killed_leaves_what_served_before() {
    let folder = tempfile::tempdir().unwrap();
    let shop = made(folder.path());
    succeed(&["run", "--shop", &shop]);
    let (served, page) = (models(&shop), folder.path().join("page.html"));
    let product = json(&["show", "--json", "--shop", &shop, "product", "p0001"]);
    let mut cut = program(&["run", "--shop", &shop])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(400));
    cut.kill().unwrap();
    cut.wait().unwrap();
    assert_eq!(models(&shop), served);
    assert_eq!(json(&["show", "--json", "--shop", &shop, "product", "p0001"]), product);
    succeed(&["report", "--shop", &shop, "--output", shown(&page)]);
    // The holder of the lease is gone: the next run takes it over.
    succeed(&["run", "--wait", "--shop", &shop]);
    assert_eq!(json(&["show", "--json", "--shop", &shop, "product", "p0001"]), product);
}
