//! The program as its users have it: the real binary, real files, text and JSON out.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "everything here is a test")]

mod backup;
mod collect;
mod crash;
mod decisions;
mod demo;
mod doors;
mod figures;
mod follow;
mod fuzz;
mod gorse;
mod histories;
mod identity;
mod libraries;
mod plan;
mod recommend;
mod refusals;
mod retail;
mod rules;
mod runs;
mod schema;
mod segments;
mod server;
mod try_page;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Returns the program, about to be run.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shopwise"));
    // Tests wait for no search that is worth its time on real data alone.
    command.args(arguments).env("SHOPWISE_RACE_SECONDS", "1");
    command
}

/// Runs the program to its end.
fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the program, which must succeed, and returns what it printed.
fn succeed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// As [`succeed`], with what was printed read as JSON.
fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(arguments)).unwrap()
}

/// Runs the program, which must fail with this code, and returns its message.
fn fail(arguments: &[&str], code: i32) -> String {
    let output = run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// Returns the URL of a PostgreSQL database for tests, where one answers.
#[expect(clippy::disallowed_methods, reason = "only the environment knows the test database")]
fn postgres() -> Option<String> {
    if let Ok(url) = std::env::var("SHOPWISE_POSTGRES") {
        return Some(url);
    }
    let address = "127.0.0.1:5432".parse().unwrap();
    std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_secs(1)).ok()?;
    Some("postgres://root@127.0.0.1:5432/test".to_owned())
}

/// Returns a file of the public data sets, or says that a test is skipped.
#[expect(clippy::disallowed_methods, reason = "a test finds its data by the environment")]
fn data(name: &str) -> Option<PathBuf> {
    let file = std::env::var_os("SHOPWISE_DATA").map(|folder| Path::new(&folder).join(name));
    let found = file.filter(|file| file.exists());
    if found.is_none() {
        println!("skipped: no `{name}` in the folder that SHOPWISE_DATA names");
    }
    found
}

/// Returns a path as an argument.
fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}
