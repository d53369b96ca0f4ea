//! The house's own tools: `cargo xtask test` (what CI runs), `cargo xtask tidy` (its rules),
//! `cargo xtask script` (what is served of the browser script), `cargo xtask clients` (the
//! libraries that events come from, for their tests), `cargo xtask load` (how many events a server
//! takes), `cargo xtask crash` (whether any of them is lost when the machine fails) and
//! `cargo xtask fuzz` (what reads bytes from outside, for as long as one likes).
#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

mod chance;
mod clients;
mod crash;
mod fuzz;
mod load;
mod script;
mod server;
mod tidy;

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// A step of the test command: its name, the program and its arguments.
struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
}

/// Cheap steps first. Every step names the whole workspace or the program: other sets of packages
/// choose other features of the dependencies and would build DataFusion a second time.
const STEPS: &[Step] = &[
    Step { name: "format", arguments: &["fmt", "--all", "--check"] },
    Step { name: "house rules", arguments: &["test", "--release", "--locked", "-p", "xtask"] },
    Step {
        name: "lints",
        arguments: &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    },
    Step { name: "documents", arguments: &["doc", "--workspace", "--no-deps", "--locked"] },
    Step { name: "program", arguments: &["build", "--release", "--locked", "-p", "shopwise"] },
    Step {
        name: "tests",
        arguments: &["test", "--release", "--locked", "--workspace", "--no-fail-fast"],
    },
];

fn main() -> ExitCode {
    // As the compiler of `cargo xtask fuzz`.
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let [compiler, arguments @ ..] = arguments.as_slice()
        && std::path::Path::new(compiler).file_stem().is_some_and(|name| name == "rustc")
    {
        return fuzz::compile(compiler, arguments);
    }
    let command = std::env::args().nth(1).unwrap_or_default();
    let result = match command.as_str() {
        "test" => test(),
        "tidy" => tidy::check(),
        "script" => script::make(),
        "clients" => clients::make(),
        "crash" => crash::run(&std::env::args().skip(2).collect::<Vec<_>>()),
        "fuzz" => fuzz::run(std::env::args().nth(2).as_deref()),
        "load" => load::run(&std::env::args().skip(2).collect::<Vec<_>>()),
        _ => {
            println!("usage: cargo xtask test | tidy | script | clients | load | crash | fuzz");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Result<()> {
    need_compiler()?;
    println!("== browser script: node --test");
    script::test()?;
    println!("== clients: the libraries that events come from");
    let start = Instant::now();
    clients::make()?;
    println!("== clients took {:.0} s", start.elapsed().as_secs_f64());
    let (tests, first) = STEPS.split_last().context("no steps")?;
    for step in first {
        take(step)?;
    }
    println!("== crash: cargo xtask crash short");
    if cfg!(target_os = "linux") {
        let start = Instant::now();
        crash::run(&["short".to_owned()])?;
        println!("== crash took {:.0} s", start.elapsed().as_secs_f64());
    } else {
        println!("skipped: the disk that loses power needs Linux");
    }
    take(tests)
}

fn take(step: &Step) -> Result<()> {
    println!("== {}: cargo {}", step.name, step.arguments.join(" "));
    let start = Instant::now();
    run("cargo", step.arguments)?;
    println!("== {} took {:.0} s", step.name, start.elapsed().as_secs_f64());
    Ok(())
}

/// SQLite and zstd are built from C: a compiler must be there, and is installed where that is
/// possible.
fn need_compiler() -> Result<()> {
    if is_there("cc") {
        return Ok(());
    }
    if !is_there("apt-get") {
        bail!("no C compiler `cc`\nhint: install gcc or clang with the system's packages");
    }
    run("apt-get", &["update"])?;
    run("apt-get", &["install", "-y", "build-essential"])
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    run_with(program, arguments, &[])
}

fn run_with(program: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).env("RUSTDOCFLAGS", "-Dwarnings").envs(settings.iter().copied());
    // `cargo xtask` tells this program which package it is. Build scripts of dependencies look at
    // that too: handed on, it would build them and DataFusion behind them a second time.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let status = command.status().with_context(|| format!("cannot start `{program}`"))?;
    if !status.success() {
        bail!("`{program} {}` ended with {status}", arguments.join(" "));
    }
    Ok(())
}
