//! What is written around the code: how long a paper may be, and that every crate is listed.

/// How many lines a paper may have, by the name it has or the folder it lies in.
const LINES_MAX: &[(&str, usize)] = &[
    ("README.md", 120),
    ("README.zh.md", 120),
    ("ARCHITECTURE.md", 200),
    ("CONTRIBUTING.md", 100),
    ("docs/decisions/", 60),
];

/// Returns a line when the paper `name` is longer than it may be.
pub(super) fn too_long(name: &str, text: &str) -> Option<String> {
    let is_named = |rule: &str| name == rule || (rule.ends_with('/') && name.starts_with(rule));
    let (_, allowed) = LINES_MAX.iter().find(|(rule, _)| is_named(rule))?;
    let lines = text.lines().count();
    (lines > *allowed).then(|| format!("{name}: {lines} lines, at most {allowed}"))
}

/// Returns a line for each crate folder without a line of its own in `crates/README.md`, and for
/// each line there without a folder.
pub(super) fn unlisted(files: &[String], readme: &str) -> Vec<String> {
    let mut folders: Vec<&str> = files
        .iter()
        .filter_map(|name| name.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"))
        .collect();
    folders.sort_unstable();
    let listed: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.split_once('`').map(|(name, _)| name))
        .collect();
    let missing = folders.iter().filter(|folder| !listed.contains(folder));
    let gone = listed.iter().filter(|name| !folders.contains(name));
    missing
        .map(|folder| format!("crates/README.md: has no line for `{folder}`"))
        .chain(gone.map(|name| format!("crates/README.md: there is no crate `{name}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paper_has_room_for_so_many_lines() {
        let length = |name: &str, lines: usize| too_long(name, &"a line\n".repeat(lines));
        assert!(length("README.md", 121).is_some());
        assert!(length("README.md", 120).is_none());
        assert!(length("README.zh.md", 121).is_some());
        assert!(length("ARCHITECTURE.md", 201).is_some());
        assert!(length("ARCHITECTURE.md", 200).is_none());
        assert!(length("CONTRIBUTING.md", 101).is_some());
        assert!(length("docs/decisions/0001-a.md", 61).is_some());
        assert!(length("docs/decisions/0001-a.md", 60).is_none());
        assert!(length("docs/measurements.md", 1000).is_none());
    }

    #[test]
    fn every_crate_is_listed_once_there_is_a_folder() {
        let files = ["crates/learn/Cargo.toml", "crates/learn/src/lib.rs", "crates/README.md"];
        let files = files.map(str::to_owned);
        assert_eq!(unlisted(&files, "# The crates\n\n- `learn` (shopwise-learn): x.\n"), [""; 0]);
        assert_eq!(unlisted(&files, "# The crates\n").len(), 1);
        assert_eq!(unlisted(&files, "- `learn`: x.\n- `gone`: y.\n").len(), 1);
    }
}
