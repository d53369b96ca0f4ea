//! The official libraries, unchanged, against the real server on a bad day: every event that a
//! library took is stored once, whatever happened on the way.
//!
//! `cargo xtask clients` installs them. Each program beside this file makes its library send events
//! of every call and says which; between library and server lies a [`proxy`], and the server is
//! killed and started again meanwhile. What the lake and the quarantine hold is then compared by
//! message id. [`browser`] does the same with pages in a real browser.

mod browser;
mod message;
mod proxy;
mod stage;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::text;
use proxy::Weather;
use stage::{Expected, Stage};

/// Events that each library sends.
const EVENTS: usize = 10_000;

/// How long a library may take.
const PATIENCE: Duration = Duration::from_secs(420);

/// Returns the folder of something that `cargo xtask clients` installs, which must be as the list
/// of versions beside this file says.
fn installed(part: &str, versions: &str) -> Option<PathBuf> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.parent()?.join("clients").join(part);
    let made = std::fs::read_to_string(folder.join("made")).unwrap_or_default();
    found(made.starts_with(versions).then_some(folder), part)
}

/// Passes on what was found, or says that a test is skipped. Where changes are judged, nothing is.
#[expect(clippy::disallowed_methods, reason = "a test knows where it runs by the environment")]
fn found<T>(thing: Option<T>, name: &str) -> Option<T> {
    if thing.is_none() {
        println!("skipped: no `{name}`; `cargo xtask clients` says why");
        assert!(std::env::var_os("CI").is_none(), "`{name}` is missing, see `cargo xtask clients`");
    }
    thing
}

/// Returns where the programs and libraries of Python are.
pub(crate) fn python() -> Option<PathBuf> {
    installed("python", include_str!("libraries/requirements.txt"))
}

pub(crate) fn node() -> Option<PathBuf> {
    installed("node", include_str!("libraries/package.json"))
}

/// Returns a file beside this one.
pub(crate) fn program(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/libraries").join(name)
}

/// Runs a program to its end and returns the object that it printed.
pub(crate) fn report(command: &mut Command) -> Value {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id().to_string();
    let (mut out, mut said) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut said, &mut text).map(|_| text)
    });
    let watch = std::thread::spawn(move || {
        let until = Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > until {
                drop(child.kill());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child.wait().unwrap()
    });
    let mut printed = Vec::new();
    std::io::Read::read_to_end(&mut out, &mut printed).unwrap();
    let (status, said) = (watch.join().unwrap(), read.join().unwrap().unwrap());
    assert!(status.success(), "process {id} ended with {status}: {said}");
    serde_json::from_slice(&printed).unwrap_or_else(|_| panic!("{}: {said}", text(&printed)))
}

/// Returns a list of a report.
fn list(report: &Value, name: &str) -> Vec<String> {
    let list = report[name].as_array().unwrap_or_else(|| panic!("no `{name}`"));
    list.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// Checks what a library says of itself: it gave nothing up.
fn check(report: &Value, version: &str) {
    assert_eq!(report["version"], version);
    let nothing: [&str; 0] = [];
    assert_eq!(list(report, "errors"), nothing);
    assert_eq!(list(report, "failed"), nothing);
    assert_eq!(list(report, "sent").len(), EVENTS);
}

#[test]
fn python_loses_and_doubles_nothing() {
    let Some(folder) = python() else { return };
    // 100 events a request, one request after the other: some hundred requests.
    let stage = Stage::open(Weather { seed: 1, busy: 80, unheard: 120 });
    let report = stage.through_deaths(&[15, 45, 75], || {
        report(Command::new(folder.join("bin/python")).arg(program("python.py")).args([
            &stage.host(),
            &stage.shop.key,
            &EVENTS.to_string(),
        ]))
    });
    check(&report, "2.4.0");
    // The library's own limit: it raises an error, so that the caller knows.
    assert_eq!(list(&report, "refused").len(), 1, "an event of 600 KB was taken: {report}");
    stage.close(Expected { stored: list(&report, "sent"), ..Expected::default() });
}

#[test]
fn node_loses_and_doubles_nothing() {
    let Some(folder) = node() else { return };
    // 15 events a request, eighty requests at once. A 429 makes them all wait.
    let stage = Stage::open(Weather { seed: 2, busy: 20, unheard: 30 });
    let report = stage.through_deaths(&[100, 300, 500], || {
        report(Command::new("node").arg(program("node.mjs")).arg(&folder).args([
            &stage.host(),
            &stage.shop.key,
            &EVENTS.to_string(),
        ]))
    });
    check(&report, "3.1.0");
    // The library's own rule: a user's id is a text.
    assert_eq!(list(&report, "refused").len(), 1, "a number was taken for a user: {report}");
    // Its limit of 32 KB an event does not work (it counts escapes only): the event reaches us, is
    // too large to be stored, and waits in quarantine.
    let large = report["large"].as_str().unwrap().to_owned();
    let mut stored = list(&report, "sent");
    stored.retain(|id| *id != large);
    stage.close(Expected { stored, quarantined: vec![large] });
}
