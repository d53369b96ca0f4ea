//! The libraries that events come from, where their tests find them: Segment's for Python, Node and
//! the browser, unchanged, in the versions that the tests name, and a browser.
//!
//! Nothing of it is needed to build or to run the program. What cannot be had is said, and its
//! tests are skipped; where changes are judged (`CI` is set) it is an error.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{is_there, run};

const FOLDER: &str = "crates/shopwise/tests/it/libraries";

/// Written last into a folder: the wanted versions, and by what they were installed.
const MADE: &str = "made";

/// Names under which systems have the browser.
const BROWSERS: &[&str] =
    &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

/// Installs what is not there yet.
#[expect(clippy::disallowed_methods, reason = "where it runs is known by the environment")]
pub(crate) fn make() -> Result<()> {
    let folder = target()?.join("clients");
    let parts = [
        (
            "Segment's and gorse's libraries for Python, and schemathesis",
            python(&folder.join("python")),
        ),
        ("Segment's and gorse's libraries for Node and the browser", node(&folder.join("node"))),
        ("a browser", browser()),
    ];
    let mut missing = Vec::new();
    for (name, result) in parts {
        match result {
            Ok(how) => println!("{name}: {how}"),
            Err(error) => {
                println!("{name}: missing, its tests are skipped: {error:#}");
                missing.push(name);
            }
        }
    }
    if !missing.is_empty() && std::env::var_os("CI").is_some() {
        bail!("missing: {}", missing.join(", "));
    }
    Ok(())
}

fn python(folder: &Path) -> Result<String> {
    let versions = read("requirements.txt")?;
    let by = said("python3", &["--version"])?;
    installed(folder, &versions, &by, || {
        quiet(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        quiet(
            Command::new(folder.join("bin/python"))
                .args(pip)
                .args(["--timeout", "30", "--retries", "2", "--requirement"])
                .arg(source("requirements.txt")),
        )
    })
}

fn node(folder: &Path) -> Result<String> {
    let versions = read("package.json")?;
    let by = said("node", &["--version"])?;
    installed(folder, &versions, &by, || {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("package.json"), &versions)?;
        let calm = ["--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"];
        quiet(
            Command::new("npm")
                .current_dir(folder)
                .args(["install", "--loglevel=error", "--fetch-timeout=60000", "--fetch-retries=2"])
                .args(["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"])
                .args(calm),
        )
    })
}

/// Installs into a folder unless it has these versions.
fn installed(
    folder: &Path,
    versions: &str,
    by: &str,
    install: impl FnOnce() -> Result<()>,
) -> Result<String> {
    let wanted = format!("{versions}{by}");
    let mark = folder.join(MADE);
    if std::fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
        return Ok(format!("there already ({})", by.trim()));
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    install()?;
    std::fs::write(&mark, wanted)?;
    Ok(format!("installed ({})", by.trim()))
}

/// Finds a browser, or installs it where that is possible.
fn browser() -> Result<String> {
    let find = || BROWSERS.iter().find(|name| is_there(name));
    if let Some(name) = find() {
        return Ok(format!("there already ({name})"));
    }
    let is_root = said("id", &["-u"]).is_ok_and(|id| id.trim() == "0");
    if !is_root || !is_there("apt-get") {
        bail!("install Chromium with the system's packages");
    }
    run("apt-get", &["update"])?;
    run("apt-get", &["install", "-y", "--no-install-recommends", "chromium"])?;
    let name = find().context("`chromium` was installed and cannot be started")?;
    Ok(format!("installed ({name})"))
}

/// Returns what a program prints.
fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("`{program}` is not installed"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program whose words matter only when it fails.
fn quiet(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start `{name}`"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = [output.stdout, output.stderr].concat();
    bail!("`{name}` ended with {}: {}", output.status, String::from_utf8_lossy(&words).trim());
}

/// Returns the folder that cargo builds into.
fn target() -> Result<PathBuf> {
    let metadata = said("cargo", &["metadata", "--format-version", "1", "--no-deps", "--locked"])?;
    let metadata: Value = serde_json::from_str(&metadata).context("`cargo metadata`")?;
    let target = metadata["target_directory"].as_str().context("`cargo metadata`")?;
    Ok(PathBuf::from(target))
}

fn source(name: &str) -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(Path::new(".")).join(FOLDER).join(name)
}

fn read(name: &str) -> Result<String> {
    std::fs::read_to_string(source(name)).with_context(|| format!("{FOLDER}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed_again_and_what_failed_is() {
        let folder = std::env::temp_dir().join(format!("clients-{}", std::process::id()));
        let fails = || bail!("no network");
        let works = || Ok(std::fs::create_dir_all(&folder)?);
        let install = |versions: &str, by: &str| installed(&folder, versions, by, works).unwrap();
        assert!(installed(&folder, "a==1\n", "Python 3", fails).is_err());
        assert_eq!(install("a==1\n", "Python 3"), "installed (Python 3)");
        assert_eq!(install("a==1\n", "Python 3"), "there already (Python 3)");
        assert_eq!(install("a==2\n", "Python 3"), "installed (Python 3)");
        assert_eq!(install("a==2\n", "Python 4"), "installed (Python 4)");
        assert!(installed(&folder, "a==3\n", "Python 4", fails).is_err());
        assert_eq!(install("a==2\n", "Python 4"), "installed (Python 4)");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
