//! `cargo xtask fuzz`: every reader of bytes from outside, for as long as one likes.
//!
//! The readers are the tests whose names begin with `fuzz_`. Our crates are built with LLVM's
//! counters of branches, by which the tests see what is new to a reader; the compiler that stands
//! here is all that this takes, and nothing of it is in the program.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

/// The crates whose branches are counted.
const COUNTED: &[&str] = &["shopwise", "shopwise_model", "shopwise_stages", "shopwise_store"];

/// What makes the compiler count.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=3",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
];

/// Fuzzes each reader for so many seconds, one after the other. Prints how often each was run, and
/// the bytes that broke one. Another `SHOPWISE_FUZZ_SEED`, other bytes.
pub(crate) fn run(seconds: Option<&str>) -> Result<()> {
    let seconds: f64 =
        seconds.unwrap_or("60").parse().context("usage: cargo xtask fuzz SECONDS")?;
    let this = std::env::current_exe()?;
    let seconds = seconds.to_string();
    let long = ("SHOPWISE_FUZZ_SECONDS", seconds.as_str());
    // Dependencies are built as ever: DataFusion takes a quarter of an hour.
    let counted = ("RUSTC_WORKSPACE_WRAPPER", this.to_str().context("a path that is no text")?);
    let packages = ["-p", "shopwise", "-p", "shopwise-stages", "-p", "shopwise-store"];
    let build = ["test", "--release", "--locked", "--no-fail-fast"];
    let only = ["--", "fuzz_", "--nocapture", "--test-threads=1"];
    let within = [&build[..], &packages, &["--lib", "--bins"], &only].concat();
    let within = crate::run_with("cargo", &within, &[long, counted]);
    // The server as it is: what it does is another process's.
    let through_the_port = [&build[..], &packages, &["--test", "it"], &only].concat();
    crate::run_with("cargo", &through_the_port, &[long]).and(within)
}

/// Runs the compiler as cargo asks for it, told to count where the crate is one of ours.
pub(crate) fn compile(compiler: &OsString, arguments: &[OsString]) -> ExitCode {
    let mut command = Command::new(compiler);
    command.args(arguments);
    let name = arguments.iter().position(|argument| argument == "--crate-name");
    let name = name.and_then(|at| arguments.get(at + 1)).and_then(|name| name.to_str());
    if name.is_some_and(|name| COUNTED.contains(&name)) {
        command.args(FLAGS);
    }
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
