//! Changes of bytes: blind ones, and some that know JSON.

use super::{Random, Target};

/// Values where readers of numbers and lengths go wrong.
const EDGES: &[&[u8]] = &[
    b"0",
    b"-0",
    b"-1",
    b"1e999",
    b"1e-999",
    b"0.1",
    b"255",
    b"256",
    b"65536",
    b"2147483648",
    b"4294967296",
    b"9007199254740993",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"1E400",
    b"00",
    b"0x10",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"null",
    b"true",
    b"false",
    b"\"\"",
];

/// Texts that are more than they seem.
const TEXTS: &[&str] = &[
    "\\ud83d",
    "\\ud83d\\ude00",
    "\\u0000",
    "\\u",
    "\\x",
    "\\",
    "\u{feff}",
    "\u{202e}",
    "é",
    "e\u{301}",
    "ﬁ",
    "İ",
    "ß",
    "名前",
    "😀",
    "\u{0}",
    "\r\n",
    "\t",
    "'",
    "%00",
    "%",
    "%zz",
    "../",
    "://",
    "a@b.example",
    "+49 (0) 170",
    "2024-02-30",
    "2024-03-01T10:00:00+99:99",
    "99999999999999999999-01-01",
    "1709287200000",
    "__proto__",
    "constructor",
    "$ref",
];

/// The most levels that are opened at once: more than any reader should follow.
const NESTED_MAX: usize = 5_000;

/// Returns one of the inputs, changed.
pub(super) fn changed(kept: &[Vec<u8>], target: &Target<'_>, random: &mut Random) -> Vec<u8> {
    let mut bytes = kept[random.below(kept.len())].clone();
    // Few changes mostly: the more there are, the less is left that means anything.
    let changes = 1 << random.below(5);
    for _ in 0..changes {
        if random.below(8) == 0 {
            let other = &kept[random.below(kept.len())];
            splice(&mut bytes, other, random);
        } else {
            change(&mut bytes, target.words, random);
        }
        bytes.truncate(target.bytes_max);
    }
    bytes
}

/// Puts a part of another input at a place of this one.
fn splice(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let from = random.below(other.len() + 1);
    let part = &other[from..from + random.below(other.len() - from + 1)];
    let at = random.below(bytes.len() + 1);
    let end = if random.below(2) == 0 { at } else { at + random.below(bytes.len() - at + 1) };
    bytes.splice(at..end, part.iter().copied());
}

fn change(bytes: &mut Vec<u8>, words: &[&[u8]], random: &mut Random) {
    let length = bytes.len();
    let at = random.below(length + 1);
    let end = at + random.below(length - at + 1).min(64);
    match random.below(14) {
        0 => bytes.truncate(at),
        1 if at < length => bytes[at] = random.below(256) as u8,
        2 if at < length => bytes[at] ^= 1 << random.below(8),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let copied = bytes[at..end].to_vec();
            let to = random.below(length + 1);
            bytes.splice(to..to, copied);
        }
        5 => {
            let copied = bytes[at..end].repeat(random.below(40));
            bytes.splice(at..at, copied);
        }
        6 => number(bytes, random),
        7 => value(bytes, random),
        8 => {
            let text = random.one_of(TEXTS);
            bytes.splice(at..at, text.bytes());
        }
        9 => {
            let edge = random.one_of(EDGES);
            bytes.splice(at..at, edge.iter().copied());
        }
        10 => {
            let opening: &[u8] = random.one_of(&[b"[".as_slice(), b"{\"a\":", b"\"", b"{", b"}"]);
            let magnitude = random.below(13);
            let times = 1 + random.below(1 << magnitude).min(NESTED_MAX);
            bytes.splice(at..at, opening.repeat(times));
        }
        11 if at < length => bytes[at] = random.one_of(b"{}[]\",:\\ \n\r\0\xff\x80;|\t+-.%&=?/"),
        _ if !words.is_empty() => {
            let word = random.one_of(words);
            let end = if random.below(3) == 0 { end } else { at };
            bytes.splice(at..end, word.iter().copied());
        }
        _ => bytes.push(random.below(256) as u8),
    }
}

/// Puts an edge in place of a number.
fn number(bytes: &mut Vec<u8>, random: &mut Random) {
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"-+.eE".contains(byte);
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at].is_ascii_digit() && (*at == 0 || !is_part(&bytes[*at - 1])))
        .collect();
    if starts.is_empty() {
        return;
    }
    let start = random.one_of(&starts);
    let length = bytes[start..].iter().take_while(|byte| is_part(byte)).count();
    bytes.splice(start..start + length, random.one_of(EDGES).iter().copied());
}

/// Puts a value of any kind behind a colon of JSON.
fn value(bytes: &mut Vec<u8>, random: &mut Random) {
    let colons: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b':').collect();
    if colons.is_empty() {
        return;
    }
    let start = random.one_of(&colons) + 1;
    let length = match bytes.get(start) {
        Some(b'"') => 2 + bytes[start + 1..].iter().take_while(|byte| **byte != b'"').count(),
        _ => bytes[start..].iter().take_while(|byte| !b",}]".contains(byte)).count(),
    };
    let end = (start + length).min(bytes.len());
    let mut made = Vec::new();
    json(&mut made, random, 4);
    bytes.splice(start..end, made);
}

/// Writes a JSON value of any kind.
fn json(out: &mut Vec<u8>, random: &mut Random, depth: usize) {
    let kinds = if depth == 0 { 2 } else { 4 };
    match random.below(kinds) {
        0 => out.extend_from_slice(random.one_of(EDGES)),
        1 => {
            out.push(b'"');
            out.extend_from_slice(random.one_of(TEXTS).as_bytes());
            out.push(b'"');
        }
        2 => {
            out.push(b'[');
            for at in 0..random.below(4) {
                if at > 0 {
                    out.push(b',');
                }
                json(out, random, depth - 1);
            }
            out.push(b']');
        }
        _ => {
            out.push(b'{');
            for at in 0..random.below(4) {
                if at > 0 {
                    out.push(b',');
                }
                out.push(b'"');
                out.extend_from_slice(random.one_of(TEXTS).as_bytes());
                out.extend_from_slice(b"\":");
                json(out, random, depth - 1);
            }
            out.push(b'}');
        }
    }
}
