//! The server against its own description: schemathesis makes requests from `/openapi.json` and
//! compares what is answered.
//!
//! `cargo xtask clients` installs the program.

use std::process::Command;

use super::libraries::python;
use super::server::{Server, ShopFolder, base64};
use super::text;

/// Seconds of each of the three runs; more are asked for by the environment.
const SECONDS: u64 = 8;

/// What is compared. Left out is whether every body that the description allows is taken: of plain
/// text it cannot say that it must be JSON.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
response_headers_conformance,response_schema_conformance,unsupported_method,\
allow_header_conformance,ignored_auth,use_after_free,missing_required_header";

/// What is compared of the administrator's routes beside that. The doors for events refuse hardly
/// anything: of a body that breaks off they keep what can be read, and the rest in quarantine.
const STRICT: &str = "negative_data_rejection";

/// How wrong data may be refused; the tool by itself does not know 413, too large a body.
const REFUSALS: &str = "[checks.negative_data_rejection]\nexpected-statuses = [\"4xx\"]\n";

#[expect(clippy::disallowed_methods, reason = "a longer run is asked for by the environment")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn the_server_answers_as_it_describes_itself() {
    let Some(folder) = python() else { return };
    let seconds = setting("SHOPWISE_SCHEMA_SECONDS").and_then(|seconds| seconds.parse().ok());
    let seconds: u64 = seconds.unwrap_or(SECONDS);
    let shop = ShopFolder::new();
    let server = Server::start(&shop.path);
    let key = format!("Authorization: Basic {}", base64(&format!("{}:", shop.key)));
    let token = format!("Authorization: Bearer {}", shop.token());
    // Who knocks at doors that are not his is slowed down as one who guesses keys, and is told so
    // instead of 401: each goes to his own, and who tries wrong keys no faster than they may be
    // guessed.
    let guarded = "^/(api|gorse|metrics)";
    for (who, header, manner) in [
        ("a write key", Some(key), &["--exclude-path-regex", guarded][..]),
        ("the token", Some(token), &["--include-path-regex", guarded, "--rate-limit", "45/s"]),
        ("nobody", None, &["--rate-limit", "45/s"]),
    ] {
        let is_strict = who == "the token";
        let checks = if is_strict { format!("{CHECKS},{STRICT}") } else { CHECKS.to_owned() };
        let mut command = Command::new(folder.join("bin/schemathesis"));
        // It keeps examples of earlier runs in the folder it is started in.
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("schemathesis.toml"), REFUSALS).unwrap();
        command
            .current_dir(folder.path())
            .arg("run")
            .arg(format!("http://{}/openapi.json", server.address))
            .args(["--checks", &checks, "--max-time", &seconds.to_string()])
            .args(["--seed", "7", "--continue-on-failure", "--no-color", "--no-shrink"])
            .args(["--request-timeout", "30", "--suppress-health-check", "all"]);
        if let Some(header) = header {
            command.args(["--header", &header]);
        }
        command.args(manner);
        let output = command.output().unwrap();
        let said = text(&output.stdout);
        let end: Vec<&str> = said.lines().rev().take(12).collect();
        println!("as {who}:\n{}", end.into_iter().rev().collect::<Vec<_>>().join("\n"));
        assert!(output.status.success(), "as {who}: {said}\n{}", text(&output.stderr));
    }
    assert!(!server.log().contains("\"a request failed\""), "{}", server.log());
    server.stop();
}
