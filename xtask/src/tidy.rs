//! The house rules, as far as a machine can see them: arrows between crates, who may use which
//! library, sizes of files and lines, nothing left lying about.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The crates and what each may depend on in its normal dependencies.
const ARROWS: &[(&str, &[&str])] = &[
    ("shopwise-model", &[]),
    ("shopwise-learn", &[]),
    ("shopwise-store", &["shopwise-model"]),
    ("shopwise-simulate", &["shopwise-model"]),
    ("shopwise-stages", &["shopwise-learn", "shopwise-model", "shopwise-store"]),
    (
        "shopwise",
        &[
            "shopwise-learn",
            "shopwise-model",
            "shopwise-simulate",
            "shopwise-stages",
            "shopwise-store",
        ],
    ),
    ("xtask", &[]),
];

/// Libraries that exactly one crate may name.
const OWNED: &[(&str, &str)] = &[
    ("datafusion", "shopwise-store"),
    ("deltalake", "shopwise-store"),
    ("sqlx", "shopwise-store"),
    ("hmac", "shopwise-store"),
    ("sha2", "shopwise-store"),
    ("clap", "shopwise"),
    ("plotly", "shopwise"),
    ("indicatif", "shopwise"),
];

const LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 100;
const BYTES_MAX: u64 = 1 << 20;

/// How many lines of each file are too long today: a number here may only fall.
const DEBTS: &str = include_str!("../tidy-debts.txt");

/// Checks every rule and lists what breaks one.
pub(crate) fn check() -> Result<()> {
    let metadata = metadata()?;
    let mut found = arrows(&metadata);
    let mut debts: BTreeMap<String, usize> = BTreeMap::new();
    let root = root();
    for path in files()? {
        let path = Path::new(&path);
        let Ok(about) = std::fs::metadata(path) else { continue };
        let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
        if about.len() > BYTES_MAX {
            found.push(format!("{name}: more than 1 MiB"));
        }
        if matches!(extension(path), "csv" | "parquet" | "gz" | "zst" | "db") {
            found.push(format!("{name}: data does not belong into the repository"));
        }
        if extension(path) == "rs" {
            let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
            found.extend(source(&name, &text));
            let long = long_lines(&text);
            if long > 0 {
                debts.insert(name, long);
            }
        }
    }
    found.extend(compare_debts(DEBTS, &debts));
    if found.is_empty() {
        return Ok(());
    }
    bail!("house rules broken:\n{}", found.join("\n"))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn metadata() -> Result<Value> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .output()
        .context("cannot start cargo")?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn long_lines(text: &str) -> usize {
    text.lines().filter(|line| line.chars().count() > COLUMNS_MAX).count()
}

/// Returns where the long lines are more than was admitted, or fewer: then the list must say so.
fn compare_debts(admitted: &str, now: &BTreeMap<String, usize>) -> Vec<String> {
    let mut old: BTreeMap<&str, usize> = BTreeMap::new();
    for line in admitted.lines() {
        if let Some((name, count)) = line.rsplit_once(' ') {
            old.insert(name, count.parse().unwrap_or(0));
        }
    }
    let mut found = Vec::new();
    for (name, count) in now {
        let allowed = old.remove(name.as_str()).unwrap_or(0);
        if *count > allowed {
            found.push(format!("{name}: {count} lines above {COLUMNS_MAX} columns, not {allowed}"));
        } else if *count < allowed {
            found.push(format!("{name}: has improved, write {count} in xtask/tidy-debts.txt"));
        }
    }
    found.extend(old.keys().map(|name| format!("{name}: take it off xtask/tidy-debts.txt")));
    found
}

/// Returns the files that git tracks or would track, from the root of the repository.
fn files() -> Result<Vec<String>> {
    let root = root();
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-co", "--exclude-standard"])
        .output()
        .context("cannot start git")?;
    let names = String::from_utf8(output.stdout)?;
    Ok(names.lines().map(|name| root.join(name).display().to_string()).collect())
}

/// Returns the arrows that may not be.
fn arrows(metadata: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ARROWS.iter().find(|(own, _)| *own == name) else {
            found.push(format!("crate `{name}` has no line in the table of arrows"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let is_normal = dependency["kind"].is_null();
            if is_normal && on.starts_with("shopwise") && !allowed.contains(&on) {
                found.push(format!("crate `{name}` may not depend on `{on}`"));
            }
            if OWNED.iter().any(|(library, owner)| *library == on && *owner != name) {
                found.push(format!("crate `{name}` may not name `{on}`"));
            }
        }
    }
    found
}

/// Returns what is wrong in the text of one source file.
fn source(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX {
        found.push(format!("{name}: {lines} lines, at most {LINES_MAX}"));
    }
    for (at, line) in text.lines().enumerate() {
        let place = at + 1;
        for left in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("dbg", "!(")] {
            if line.contains(left) {
                found.push(format!("{name}:{place}: `{left}`"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_house_is_tidy() {
        check().unwrap();
    }

    #[test]
    fn each_rule_can_be_broken() {
        let package = |name: &str, on: &str| json!({ "packages": [{ "name": name, "dependencies": [{ "name": on, "kind": null }] }] });
        assert_eq!(arrows(&package("shopwise-learn", "shopwise-model")).len(), 1);
        assert_eq!(arrows(&package("shopwise-stages", "datafusion")).len(), 1);
        assert_eq!(arrows(&package("shopwise-unknown", "serde")).len(), 1);
        assert_eq!(arrows(&package("shopwise-store", "datafusion")).len(), 0);
        assert_eq!(source("a.rs", &"x\n".repeat(501)).len(), 1);
        let long = BTreeMap::from([("a.rs".to_owned(), long_lines(&"x".repeat(101)))]);
        assert_eq!(compare_debts("", &long).len(), 1);
        assert_eq!(compare_debts("a.rs 1", &long).len(), 0);
        assert_eq!(compare_debts("a.rs 2", &long).len(), 1);
        assert_eq!(compare_debts("a.rs 1\nb.rs 1", &long).len(), 1);
        assert_eq!(source("a.rs", concat!("// TO", "DO")).len(), 1);
        assert_eq!(source("a.rs", "fn fine() {}"), [""; 0]);
    }
}
