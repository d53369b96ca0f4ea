//! The house rules, as far as a machine can see them: arrows between crates, who may use which
//! library, sizes of files and lines, licences, nothing left lying about.

mod licences;
mod papers;
mod stages;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::script;

/// The crates and what each may depend on in its normal dependencies.
const ARROWS: &[(&str, &[&str])] = &[
    ("shopwise-hostile", &[]),
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
    let mut found = arrows(&metadata(&["--no-deps"])?);
    found.extend(licences::forbidden(&metadata(&[])?));
    let mut debts: BTreeMap<String, usize> = BTreeMap::new();
    let names = files()?;
    for name in &names {
        let path = root().join(name);
        let Ok(about) = std::fs::metadata(&path) else { continue };
        if about.len() > BYTES_MAX {
            found.push(format!("{name}: more than 1 MiB"));
        }
        let kind = extension(&path);
        if matches!(kind, "csv" | "parquet" | "gz" | "zst" | "db") {
            found.push(format!("{name}: data does not belong into the repository"));
        }
        if !matches!(kind, "rs" | "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| name.clone())?;
        found.extend(papers::too_long(name, &text));
        if kind == "rs" {
            found.extend(source(name, &text));
            found.extend(stages::crossings(name, &text));
            let long = long_lines(&text);
            if long > 0 {
                debts.insert(name.clone(), long);
            }
        }
    }
    found.extend(compare_debts(DEBTS, &debts));
    let listed = std::fs::read_to_string(root().join("crates/README.md"))?;
    found.extend(papers::unlisted(&names, &listed));
    found.extend(script::faults()?);
    if found.is_empty() {
        return Ok(());
    }
    bail!("house rules broken:\n{}", found.join("\n"))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// Returns what cargo knows of our crates and, without `--no-deps`, of all that they build on.
fn metadata(more: &[&str]) -> Result<Value> {
    let output = Command::new("cargo")
        .current_dir(root())
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(more)
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("`cargo metadata --locked`: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
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

/// Returns the files that git tracks or would track, named from the root of the repository.
fn files() -> Result<Vec<String>> {
    let output = Command::new("git")
        .current_dir(root())
        .args(["ls-files", "-co", "--exclude-standard"])
        .output()
        .context("cannot start git")?;
    let names = String::from_utf8(output.stdout)?;
    Ok(names.lines().map(str::to_owned).collect())
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
        let package = |name: &str, on: &str| {
            let dependency = json!({ "name": on, "kind": null });
            json!({ "packages": [{ "name": name, "dependencies": [dependency] }] })
        };
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
