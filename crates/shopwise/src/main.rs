//! shopwise: the marketing brain of an online shop, as one program.
//!
//! This crate knows the command line, the clock and the environment; every formula stands in a
//! crate below. Results go to standard output, progress and errors to standard error.

mod commands;
mod demo;
mod holder;
mod http;
mod lab;
mod live;
mod memory;
mod page;
mod printer;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The marketing brain of an online shop: collects what customers do, profiles them, recommends.
#[derive(Debug, Parser)]
#[command(name = "shopwise", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A simulated shop, the whole loop, what learning brought, and the server on it
    Demo(commands::demo::Arguments),
    /// Makes a new shop: settings, keys, empty stores
    Init(commands::init::Arguments),
    /// Imports files of events
    Import(commands::import::Arguments),
    /// Writes a table, or the members of a segment, as a file
    Export(commands::export::Arguments),
    /// Runs the loop, or some stages of it
    Run(commands::run::Arguments),
    /// Writes one page of what was learned
    Report(commands::report::Arguments),
    /// Shows what is known about a customer, segment or product, and why
    Show(commands::show::Arguments),
    /// What a customer turns to and why, and what he wants forgotten of it
    Tags(commands::tags::Arguments),
    /// The segments that rules define: lists, checks, defines and switches them off
    Segments(commands::segments::Arguments),
    /// What the merchant wants of lists: pins, boosts, quotas and the like
    Rules(commands::rules::Arguments),
    /// Who changed what, and whether that is still as it was written
    Audit(commands::rules::Audit),
    /// Which identifiers are one person and why; merges and unmerges
    Identities(commands::identities::Arguments),
    /// Writes the events of a simulated shop, and the truth behind them
    Simulate(commands::simulate::Arguments),
    /// Takes events in over HTTP, and runs the loop on a schedule
    Serve(commands::serve::Arguments),
    /// Makes, lists and revokes the keys with which programs send events
    Keys(commands::keys::Arguments),
    /// What came in over HTTP, and what became of it
    Status(commands::status::Arguments),
    /// Events that could not be kept, with reasons, and a second chance for them
    Quarantine(commands::quarantine::Arguments),
    /// Writes the shop into one file, also while it is served
    Backup(commands::backup::Arguments),
    /// Makes the shop's folder from such a file
    Restore(commands::restore::Arguments),
    /// Lists the models, or goes back to the one that served before
    Models(commands::models::Arguments),
    /// One algorithm, files in, numbers out
    #[command(subcommand)]
    Lab(Box<lab::LabCommand>),
}

/// Where the shop is.
#[derive(Debug, Clone, clap::Args)]
struct ShopFolder {
    /// The shop's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    shop: PathBuf,
}

fn main() -> ExitCode {
    memory::share_pools();
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => commands::demo::run(&arguments),
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Import(arguments) => commands::import::run(&arguments),
        Command::Export(arguments) => commands::export::run(&arguments),
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Report(arguments) => commands::report::run(&arguments),
        Command::Show(arguments) => commands::show::run(&arguments),
        Command::Tags(arguments) => commands::tags::run(&arguments),
        Command::Segments(arguments) => commands::segments::run(&arguments),
        Command::Rules(arguments) => commands::rules::run(&arguments),
        Command::Audit(arguments) => commands::rules::audit(&arguments),
        Command::Identities(arguments) => commands::identities::run(&arguments),
        Command::Simulate(arguments) => commands::simulate::run(&arguments),
        Command::Serve(arguments) => commands::serve::run(&arguments),
        Command::Keys(arguments) => commands::keys::run(&arguments),
        Command::Status(arguments) => commands::status::run(&arguments),
        Command::Quarantine(arguments) => commands::quarantine::run(&arguments),
        Command::Backup(arguments) => commands::backup::run(&arguments),
        Command::Restore(arguments) => commands::restore::run(&arguments),
        Command::Models(arguments) => commands::models::run(&arguments),
        Command::Lab(command) => commands::laboratory::run(&command),
    };
    match result {
        Ok(output) => {
            printer::output(&output);
            ExitCode::SUCCESS
        }
        Err(error) => {
            printer::error(&error);
            let is_usage = error.downcast_ref::<lab::UsageError>().is_some();
            ExitCode::from(if is_usage { 2 } else { 1 })
        }
    }
}
