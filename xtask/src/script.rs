//! The shop's browser script: what is served of it, how large that may be, and its tests.
//!
//! `shopwise.js` is written with types in its comments. Browsers get `shopwise.min.js`: the same
//! lines without comments and indentation, made by `cargo xtask script`. Nothing else is rewritten,
//! so that no tool has to be trusted and an error's line can be read.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

const FOLDER: &str = "crates/shopwise/assets";
const WRITTEN: &str = "shopwise.js";
const SERVED: &str = "shopwise.min.js";
const TESTS: &str = "shopwise.test.js";

/// What every page of a shop loads fits into four packets.
const COMPRESSED_BYTES_MAX: usize = 5_000;

/// Writes what is served, and tests it.
pub(crate) fn make() -> Result<()> {
    let text = served(&read(WRITTEN)?);
    std::fs::write(path(SERVED), &text)?;
    println!("{FOLDER}/{SERVED}: {} bytes compressed", compressed(&text)?);
    test()
}

/// Runs the script's tests where Node is installed.
pub(crate) fn test() -> Result<()> {
    if Command::new("node").arg("--version").output().is_err() {
        println!("skipped: node is not installed");
        return Ok(());
    }
    let status = Command::new("node")
        .args(["--test", "--test-reporter=dot"])
        .arg(path(TESTS))
        .status()
        .context("cannot start `node`")?;
    if !status.success() {
        bail!("`node --test {FOLDER}/{TESTS}` ended with {status}");
    }
    Ok(())
}

/// Returns what is wrong with the script and with what is served of it.
pub(crate) fn faults() -> Result<Vec<String>> {
    let written = read(WRITTEN)?;
    let mut found = faults_of(&written)?;
    if read(SERVED).ok() != Some(served(&written)) {
        found.push(format!("{FOLDER}/{SERVED}: is not as written, run `cargo xtask script`"));
    }
    Ok(found)
}

fn faults_of(written: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if !written.is_ascii() {
        found.push("is not ASCII: how it is read would hang on its page".to_owned());
    }
    if !written.starts_with("// @ts-check\n") {
        found.push("does not begin with `// @ts-check`".to_owned());
    }
    if written.lines().any(|line| line.matches('`').count() % 2 == 1) {
        found.push("has a text over several lines, whose indentation would be lost".to_owned());
    }
    let bytes = compressed(&served(written))?;
    if bytes > COMPRESSED_BYTES_MAX {
        found.push(format!("is served in {bytes} bytes, at most {COMPRESSED_BYTES_MAX}"));
    }
    Ok(found.into_iter().map(|fault| format!("{FOLDER}/{WRITTEN}: {fault}")).collect())
}

/// Returns the script without lines that are only comment, and without indentation.
fn served(written: &str) -> String {
    let mut result = String::new();
    let mut is_comment = false;
    for line in written.lines().map(str::trim) {
        is_comment |= line.starts_with("/*");
        if !is_comment && !line.is_empty() && !line.starts_with("//") {
            result.push_str(line);
            result.push('\n');
        }
        is_comment &= !line.ends_with("*/");
    }
    result
}

/// Returns how many bytes are left after `gzip -9`.
fn compressed(text: &str) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?.len())
}

fn path(name: &str) -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(Path::new(".")).join(FOLDER).join(name)
}

fn read(name: &str) -> Result<String> {
    std::fs::read_to_string(path(name)).with_context(|| format!("{FOLDER}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_indentation_are_not_served() {
        let written = "// @ts-check\n/*\n * Why.\n */\nlet a = 1; // one\n\n  /** A. */\n  f(a);\n";
        assert_eq!(served(written), "let a = 1; // one\nf(a);\n");
    }

    #[test]
    fn each_rule_of_the_script_can_be_broken() {
        let count = |text: &str| faults_of(text).unwrap().len();
        assert_eq!(count("// @ts-check\nf(`a`);\n"), 0);
        assert_eq!(count("f();\n"), 1);
        assert_eq!(count("// @ts-check\nf(\"\u{e4}\");\n"), 1);
        assert_eq!(count("// @ts-check\nf(`a\n  b`);\n"), 1);
        // Numbers in a row that do not repeat themselves.
        let long: String = (0..4_000_u64).map(|n| format!("{};\n", n * n * 7_919)).collect();
        assert_eq!(count(&format!("// @ts-check\n{long}")), 1);
    }
}
