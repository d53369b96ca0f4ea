//! Which licences a third-party package may have: the permissive ones, and what is excused by name.
//!
//! Reads the SPDX expression that each package states, with `/` as the older way to write OR. An
//! OR needs one side that is allowed, an AND both.

use serde_json::Value;

/// Licences that ask for no more than that their text goes along.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// Packages with another licence: the package, the licence and why we live with it.
const EXCUSED: &[(&str, &str, &str)] = &[
    ("option-ext", "MPL-2.0", "copyleft by file; unchanged, by way of deltalake's `dirs`"),
    (
        "webpki-root-certs",
        "CDLA-Permissive-2.0",
        "a list of certificates; permissive, made for data",
    ),
];

/// Returns a line for each third-party package whose licence is not allowed, and for each excuse
/// that excuses nothing any more.
pub(super) fn forbidden(metadata: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut idle: Vec<&str> = EXCUSED.iter().map(|(name, ..)| *name).collect();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        if package["source"].is_null() {
            continue;
        }
        let name = package["name"].as_str().unwrap_or_default();
        let stated = package["license"].as_str().unwrap_or_default();
        if is_allowed(stated) {
            continue;
        }
        if EXCUSED.iter().any(|(excused, licence, _)| *excused == name && *licence == stated) {
            idle.retain(|excused| *excused != name);
            continue;
        }
        found.push(format!(
            "package `{name}`: licence `{stated}` is not in the list of allowed ones"
        ));
    }
    found.extend(idle.iter().map(|name| format!("package `{name}`: needs no excuse any more")));
    found
}

/// Returns whether an SPDX expression can be met with allowed licences only; a text that cannot be
/// read, or none, is not allowed.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, at: 0 };
    reader.alternatives() == Some(true) && reader.at == words.len()
}

/// Reads an expression from left to right; AND binds closer than OR.
struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.at) == Some(&word);
        self.at += usize::from(is_next);
        is_next
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied()?;
        self.at += 1;
        Some(word)
    }

    fn alternatives(&mut self) -> Option<bool> {
        let mut result = self.all()?;
        while self.take("OR") {
            result |= self.all()?;
        }
        Some(result)
    }

    fn all(&mut self) -> Option<bool> {
        let mut result = self.one()?;
        while self.take("AND") {
            result &= self.one()?;
        }
        Some(result)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let inner = self.alternatives()?;
            return self.take(")").then_some(inner);
        }
        let licence = self.next().filter(|word| !matches!(*word, ")" | "OR" | "AND" | "WITH"))?;
        if self.take("WITH") {
            let full = format!("{licence} WITH {}", self.next()?);
            return Some(ALLOWED.contains(&full.as_str()));
        }
        Some(ALLOWED.contains(&licence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expressions_are_read_as_spdx_says() {
        let allowed = [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "MIT OR GPL-3.0-only",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "MIT OR GPL-3.0-only AND ISC",
        ];
        for expression in allowed {
            assert!(is_allowed(expression), "{expression}");
        }
        let forbidden = [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "(MIT OR ISC) AND LGPL-2.1-or-later",
            "Apache-2.0 WITH Another-exception",
            "MIT OR",
            "(MIT",
            "MIT)",
            "MIT ISC",
            "AND",
        ];
        for expression in forbidden {
            assert!(!is_allowed(expression), "{expression}");
        }
    }

    #[test]
    fn a_forbidden_licence_is_caught() {
        let metadata = |name: &str, licence: Value| {
            let excused = EXCUSED.iter().map(|(name, licence, _)| {
                json!({ "name": name, "license": licence, "source": "registry" })
            });
            let one = json!({ "name": name, "license": licence, "source": "registry" });
            json!({ "packages": excused.chain([one]).collect::<Vec<_>>() })
        };
        assert_eq!(forbidden(&metadata("fine", json!("MIT"))), [""; 0]);
        assert_eq!(forbidden(&metadata("copyleft", json!("AGPL-3.0-only"))).len(), 1);
        assert_eq!(forbidden(&metadata("silent", Value::Null)).len(), 1);
        // An excuse is for one package and one licence.
        assert_eq!(forbidden(&metadata("other", json!("MPL-2.0"))).len(), 1);
        assert_eq!(forbidden(&json!({ "packages": [] })).len(), EXCUSED.len());
        // Our own crates have no source.
        let own = json!({ "name": "own", "license": "Apache-2.0", "source": null });
        assert_eq!(forbidden(&json!({ "packages": [own] })).len(), EXCUSED.len());
    }
}
