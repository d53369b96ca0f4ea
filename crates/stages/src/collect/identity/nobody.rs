//! Values that programs send for nobody: whoever shares them is not one person.

use super::names::Kind;

/// Names of nobody, as Segment blocks them.
const NOBODY: &[&str] = &["-1", "null", "nil", "none", "undefined", "anonymous", "unknown"];

/// Returns whether an identifier names nobody: empty, zeros and dashes only, or a word such as
/// `null` or `unknown` in any case.
///
/// `names_nobody("000-0")` and `names_nobody("None")` hold, `names_nobody("0815")` does not.
#[must_use]
pub fn names_nobody(value: &str) -> bool {
    let plain = value.trim().to_lowercase();
    plain.bytes().all(|byte| byte == b'0' || byte == b'-') || NOBODY.contains(&plain.as_str())
}

/// Returns whether an identifier brings nobody together: one that names nobody, or the address of
/// a test (`test@…`).
pub(super) fn is_blocked(kind: Kind, value: &str) -> bool {
    let is_test = kind == Kind::Email && value.trim().to_lowercase().starts_with("test@");
    let zeros = kind == Kind::Phone && value.bytes().all(|byte| b"+0-".contains(&byte));
    is_test || zeros || names_nobody(value)
}
