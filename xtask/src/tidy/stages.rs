//! A stage never imports another: they meet in the lake's tables and in published models.

const STAGES: &[&str] = &[
    "collect",
    "prepare",
    "profile",
    "recommend",
    "advertise",
    "feedback",
    "converse",
    "insight",
    "guard",
];

const FOLDER: &str = "crates/stages/src/";

/// Returns a line for each other stage that the file `name` of one stage names, outside its tests.
pub(super) fn crossings(name: &str, text: &str) -> Vec<String> {
    let Some(parts) = name.strip_prefix(FOLDER).map(|path| path.split('/').collect::<Vec<_>>())
    else {
        return Vec::new();
    };
    let stage = parts.first().map_or("", |part| part.trim_end_matches(".rs"));
    if !STAGES.contains(&stage) || parts[1..].iter().any(|part| part.starts_with("tests")) {
        return Vec::new();
    }
    // As many steps up lead from this file to the root of the crate.
    let is_mod = parts.last() == Some(&"mod.rs");
    let up = "super::".repeat(parts.len() - usize::from(is_mod));
    let code = code(text);
    let mut found = Vec::new();
    for root in ["crate::", up.as_str(), "shopwise_stages::"] {
        for other in first_names(&code, root) {
            if other != stage && STAGES.contains(&other.as_str()) {
                found.push(format!("{name}: stage `{stage}` may not name stage `{other}`"));
            }
        }
    }
    found
}

/// Returns the text without comments, spaces and the tests at its end.
fn code(text: &str) -> String {
    let mut result = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default();
        if line.trim_start().starts_with("mod tests {") {
            break;
        }
        result.extend(line.split_whitespace().map(|word| format!("{word} ")));
    }
    result.replace(" ::", "::").replace(":: ", "::").replace("{ ", "{").replace(", ", ",")
}

/// Returns what follows `root` wherever it begins a path: one name, or all of a group's.
fn first_names(code: &str, root: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = "";
    for (at, piece) in code.split(root).enumerate() {
        let is_inner = |last: char| last == ':' || last == '_' || last.is_alphanumeric();
        if at > 0 && !before.ends_with(is_inner) {
            match piece.strip_prefix('{') {
                Some(group) => found.extend(members(group)),
                None => found.push(word(piece)),
            }
        }
        before = piece;
    }
    found
}

/// Returns the first name of each member of a group whose `{` was just read.
fn members(group: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let mut depth = 0_usize;
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(String::new()),
            _ => members.iter_mut().last().into_iter().for_each(|member| member.push(character)),
        }
    }
    members.iter().map(|member| word(member)).collect()
}

fn word(text: &str) -> String {
    let is_inner = |next: &char| *next == '_' || next.is_alphanumeric();
    text.trim_start().chars().take_while(is_inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stage_naming_another_is_caught() {
        let count = |name: &str, text: &str| crossings(&format!("{FOLDER}{name}"), text).len();
        assert_eq!(count("profile/mod.rs", "use crate::prepare::fold;"), 1);
        assert_eq!(count("profile/rfm.rs", "let days = crate::prepare::days();"), 1);
        assert_eq!(
            count("profile/mod.rs", "use crate::{\n    error::Result,\n    prepare,\n};"),
            1
        );
        assert_eq!(count("profile/mod.rs", "use crate::{error::{A, B}, guard::{C}};"), 1);
        assert_eq!(count("profile/mod.rs", "use super::prepare;"), 1);
        assert_eq!(count("profile/rfm.rs", "use super::super::prepare;"), 1);
        assert_eq!(count("profile/deep/a.rs", "use super::super::super::prepare;"), 1);
        assert_eq!(count("profile.rs", "use super::prepare;"), 1);
    }

    #[test]
    fn what_a_stage_may_name_is_left_alone() {
        let count = |name: &str, text: &str| crossings(&format!("{FOLDER}{name}"), text).len();
        assert_eq!(count("profile/mod.rs", "use crate::profile::rfm;"), 0);
        assert_eq!(count("profile/mod.rs", "use crate::error::{Error, Result};"), 0);
        assert_eq!(count("profile/mod.rs", "//! After crate::prepare\n"), 0);
        // A stage's own room may be called like a stage.
        assert_eq!(count("insight/report.rs", "use super::profile;"), 0);
        assert_eq!(count("recommend/mod.rs", "use shopwise_learn::recommend;"), 0);
        assert_eq!(count("recommend/mod.rs", "use shopwise_learn::crate_names::guard;"), 0);
        // Tests may run the stages before theirs, and stage.rs lists them all.
        assert_eq!(count("prepare/tests.rs", "use crate::collect;"), 0);
        assert_eq!(count("prepare/tests/days.rs", "use crate::collect;"), 0);
        assert_eq!(
            count("prepare/a.rs", "#[cfg(test)]\nmod tests {\n    use crate::collect;\n}"),
            0
        );
        assert_eq!(count("stage.rs", "use crate::{prepare, profile};"), 0);
        assert_eq!(crossings("crates/learn/src/profile/mod.rs", "use crate::prepare;").len(), 0);
    }
}
