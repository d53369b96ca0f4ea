//! The grammar of JSON as clients really write it, walked without building anything.
//!
//! Beyond the standard it takes `NaN` and `Infinity`, any bytes in strings, unknown escapes and
//! trailing commas: all of it can be repaired without guessing. Nothing here recurses, so that no
//! nesting overflows the stack. Who builds values from what was walked is [`super::read`].

/// Where a text stops being JSON, and what is wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// Returns whether a byte is white space in JSON: a form feed is none.
pub(super) fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Returns the first position from `at` on that holds no white space.
pub(super) fn after_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(is_space) {
        at += 1;
    }
    at
}

/// Returns the position after the string whose opening quote stands at `at`.
pub(super) fn string_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let mut end = at + 1;
    loop {
        match bytes.get(end) {
            Some(b'"') => return Ok(end + 1),
            Some(b'\\') => end += 2,
            Some(_) => end += 1,
            None => return Err(Fault { at, what: "a text without an end" }),
        }
    }
}

/// What a value that is no container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Null,
    True,
    False,
    Text,
    /// Digits only, with a sign.
    Whole,
    /// A number with a fraction or an exponent.
    Real,
    /// `NaN`, `Infinity`: what JSON cannot say.
    NotFinite,
}

const WORDS: [(&[u8], Scalar); 6] = [
    (b"null", Scalar::Null),
    (b"true", Scalar::True),
    (b"false", Scalar::False),
    (b"NaN", Scalar::NotFinite),
    (b"Infinity", Scalar::NotFinite),
    (b"-Infinity", Scalar::NotFinite),
];

/// Returns what stands at `at`, and the position after it.
pub(super) fn scalar(bytes: &[u8], at: usize) -> Result<(Scalar, usize), Fault> {
    match bytes.get(at) {
        Some(b'"') => return string_end(bytes, at).map(|end| (Scalar::Text, end)),
        Some(b'-' | b'0'..=b'9') => {
            if let Some(found) = number(bytes, at) {
                return Ok(found);
            }
        }
        None => return Err(Fault { at, what: "the end where a value should be" }),
        Some(_) => {}
    }
    let rest = bytes.get(at..).unwrap_or_default();
    for (word, scalar) in WORDS {
        let is_whole = !rest.get(word.len()).is_some_and(u8::is_ascii_alphanumeric);
        if rest.starts_with(word) && is_whole {
            return Ok((scalar, at + word.len()));
        }
    }
    Err(Fault { at, what: "no JSON value" })
}

fn digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

fn number(bytes: &[u8], at: usize) -> Option<(Scalar, usize)> {
    let start = at + usize::from(bytes.get(at) == Some(&b'-'));
    let mut end = digits(bytes, start);
    let has_leading_zero = bytes.get(start) == Some(&b'0') && end > start + 1;
    if end == start || has_leading_zero {
        return None;
    }
    let mut kind = Scalar::Whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(bytes, end + 1);
        if fraction == end + 1 {
            return None;
        }
        (kind, end) = (Scalar::Real, fraction);
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(bytes, end + 1 + sign);
        if exponent == end + 1 + sign {
            return None;
        }
        (kind, end) = (Scalar::Real, exponent);
    }
    Some((kind, end))
}

/// What may come next inside a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A value; a list may also end.
    Value,
    /// A key; an object may also end.
    Key,
    /// A comma or the end.
    Comma,
}

/// Returns the position after the value that begins at `at`, which is no white space.
pub(super) fn value_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    // For each open container whether it is an object.
    let mut open: Vec<bool> = Vec::new();
    let (mut at, mut next) = (at, Next::Value);
    loop {
        at = after_space(bytes, at);
        let byte = bytes.get(at).copied();
        match (next, byte, open.last()) {
            (_, None, Some(_)) => return Err(Fault { at, what: "the end inside of an object" }),
            (Next::Value, Some(b'{'), _) => {
                open.push(true);
                (at, next) = (at + 1, Next::Key);
            }
            (Next::Value, Some(b'['), _) => {
                open.push(false);
                at += 1;
            }
            (Next::Key, Some(b'"'), _) => {
                at = key_end(bytes, at)?;
                next = Next::Value;
            }
            (Next::Comma, Some(b','), Some(is_object)) => {
                (at, next) = (at + 1, if *is_object { Next::Key } else { Next::Value });
            }
            (Next::Key | Next::Comma, Some(b'}'), Some(true))
            | (Next::Value | Next::Comma, Some(b']'), Some(false)) => {
                open.pop();
                (at, next) = (at + 1, Next::Comma);
            }
            (Next::Value, ..) => {
                at = scalar(bytes, at)?.1;
                next = Next::Comma;
            }
            (Next::Key, ..) => return Err(Fault { at, what: "no key where one should be" }),
            (Next::Comma, ..) => return Err(Fault { at, what: "no comma between two values" }),
        }
        if open.is_empty() && next == Next::Comma {
            return Ok(at);
        }
    }
}

/// Returns the position after the key at `at` and its colon.
pub(super) fn key_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let end = after_space(bytes, string_end(bytes, at)?);
    match bytes.get(end) {
        Some(b':') => Ok(end + 1),
        _ => Err(Fault { at: end, what: "no colon after a key" }),
    }
}

/// Returns where a broken element of a list seems to end: at the next comma or bracket that stands
/// outside of texts and containers. `None` when the text ends first.
pub(super) fn rough_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at).ok()?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b',' | b']' if depth == 0 => return Some(at),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
}
