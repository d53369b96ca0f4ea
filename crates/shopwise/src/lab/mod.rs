//! One algorithm, files in, numbers out: `shopwise lab …`.
//!
//! Each command reads tables, calls one algorithm and returns one JSON object; nothing here prints.
//! Nothing knows a shop: what works here works on anybody's files.

mod cluster;
mod documents;
mod lifetime;
mod measures;
mod models;
mod next_item;
mod race;
mod recommend;
mod respond;
mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// A wrong flag or flag value: the caller, not the data, is to blame.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl UsageError {
    /// Returns the error with this message.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for UsageError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// The commands of the laboratory.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum LabCommand {
    /// Finds groups of similar rows in a table of numbers, or judges given ones.
    Cluster(cluster::Arguments),
    /// Fits when customers buy again and for how much, and holds it against what followed.
    Lifetime(lifetime::Arguments),
    /// Fits a recommender on past sessions and judges what it says comes next in others.
    NextItem(next_item::Arguments),
    /// Fits a recommender, makes a list for each test user and judges the lists.
    Recommend(recommend::Arguments),
    /// Fits a model of a response (a click, a purchase, an amount) and judges its predictions.
    Respond(respond::Arguments),
}

/// What every command of the laboratory takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Shared {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// How many threads work; all cores when left out
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Where chance begins
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
}

impl LabCommand {
    /// Returns whether the result is wanted as JSON.
    pub(crate) fn json(&self) -> bool {
        self.shared().json
    }

    fn shared(&self) -> &Shared {
        match self {
            Self::Cluster(arguments) => &arguments.shared,
            Self::Lifetime(arguments) => &arguments.shared,
            Self::NextItem(arguments) => &arguments.shared,
            Self::Recommend(arguments) => &arguments.shared,
            Self::Respond(arguments) => &arguments.shared,
        }
    }
}

/// Runs a command and returns its result.
///
/// # Errors
/// [`UsageError`] for wrong flags, others for files and data that cannot be used.
pub(crate) fn run(command: &LabCommand) -> Result<Value> {
    let threads = command.shared().threads;
    if threads == Some(0) {
        return Err(UsageError::new("`--threads` must be ≥ 1, got `0`").into());
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .build()
        .context("cannot start the threads")?;
    let mut clock = Clock::default();
    let mut result = pool.install(|| match command {
        LabCommand::Cluster(arguments) => cluster::run(arguments, &mut clock),
        LabCommand::Lifetime(arguments) => lifetime::run(arguments, &mut clock),
        LabCommand::NextItem(arguments) => next_item::run(arguments, &mut clock),
        LabCommand::Recommend(arguments) => recommend::run(arguments, &mut clock),
        LabCommand::Respond(arguments) => respond::run(arguments, &mut clock),
    })?;
    result.insert("seconds".to_owned(), clock.into_json());
    result.insert("peak_memory_bytes".to_owned(), peak_memory_bytes().into());
    Ok(Value::Object(result))
}

/// Adds up wall-clock seconds by name.
#[derive(Debug, Default)]
struct Clock {
    seconds: BTreeMap<&'static str, f64>,
}

impl Clock {
    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        *self.seconds.entry(name).or_default() += start.elapsed().as_secs_f64();
        result
    }

    fn seconds(&self, name: &str) -> f64 {
        self.seconds.get(name).copied().unwrap_or(0.0)
    }

    fn into_json(self) -> Value {
        self.seconds
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect()
    }
}

/// Returns the largest memory this process ever had, where the system tells.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the names in `a,b`.
///
/// # Errors
/// [`UsageError`] when a name is empty or stands twice.
fn names(flag: &str, text: &str) -> Result<Vec<String>> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    let wrong = |at: &usize| names[*at].is_empty() || names[..*at].contains(&names[*at]);
    match (0..names.len()).find(wrong) {
        None => Ok(names),
        Some(_) => Err(UsageError::new(format!(
            "`{flag}` must be distinct names joined by commas, got `{text}`"
        ))
        .into()),
    }
}

/// Turns a refused parameter into wrong usage and leaves other errors as they are.
fn usage_or_data(error: shopwise_learn::Error) -> anyhow::Error {
    match error {
        shopwise_learn::Error::Parameter { .. } => UsageError::new(error.to_string()).into(),
        other => other.into(),
    }
}

/// Returns the result as lines for people: one value a line, nested names indented.
pub(crate) fn summary(result: &Value) -> String {
    let mut text = String::new();
    if let Value::Object(object) = result {
        lines(object, 0, &mut text);
    }
    text
}

/// How many numbers of a row are shown.
const NUMBERS_SHOWN: usize = 12;

fn lines(object: &Map<String, Value>, indent: usize, text: &mut String) {
    let width = object.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    for (name, value) in object {
        let padded = format!("{:indent$}{name:width$}", "");
        let written = match value {
            Value::Object(inner) if !inner.is_empty() => {
                let written = writeln!(text, "{}", padded.trim_end());
                lines(inner, indent + 2, text);
                written
            }
            Value::Array(rows) if rows.iter().any(Value::is_array) => {
                let written = writeln!(text, "{}", padded.trim_end());
                for row in rows {
                    text.push_str(&format!("{:1$}{2}\n", "", indent + 2, plain(row)));
                }
                written
            }
            other => writeln!(text, "{padded}  {}", plain(other)),
        };
        written.expect("writing to a string does not fail");
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            if number != 0.0 && !(1e-4..1e7).contains(&number.abs()) {
                format!("{number:.4e}")
            } else {
                format!("{number:.4}")
            }
        }
        Value::Array(values) => {
            let shown: Vec<String> = values.iter().take(NUMBERS_SHOWN).map(plain).collect();
            let more = if values.len() > NUMBERS_SHOWN { " …" } else { "" };
            format!("{}{more}", shown.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
