//! Builds a value from tolerant JSON, and says what had to be repaired.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::scan::{Fault, Scalar, after_space, key_end, scalar, string_end, value_end};

/// Levels of objects and lists in an event. `serde_json`, which reads the event again, stops at
/// 128; a few are left for what an event is wrapped in. What lies deeper stays as text.
pub(super) const DEPTH_MAX: usize = 120;

macro_rules! repairs {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// What was done to an event so that it could be kept.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Repair { $($variant),* }

        impl Repair {
            const ALL: &[(Self, &'static str)] = &[$((Self::$variant, $name)),*];
        }
    };
}

repairs! {
    NotFinite "a number that is not finite became null",
    BigWhole "a whole number above 64 bits became text",
    Surrogate "half a character became U+FFFD",
    Utf8 "bytes that are not UTF-8 became U+FFFD",
    Nul "a NUL character became U+FFFD",
    Control "a control character stood in a text",
    Escape "an unknown escape was taken as written",
    Repeated "the last of two equal keys was taken",
    Comma "a comma too many was dropped",
    Nesting "what was nested too deeply became text",
    MessageIdMade "messageId was missing and was made",
    MessageIdCut "messageId was cut to 100 characters",
    Type "type was no call's name and was filled in",
    Context "the envelope's context was too large and was left out",
    SentAt "sentAt could not be read: the clock was not set right",
}

/// A set of repairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Repairs(u32);

impl Repairs {
    pub(super) fn add(&mut self, repair: Repair) {
        self.0 |= 1 << repair as u32;
    }

    pub(super) fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let all = Repair::ALL.iter();
        all.filter(move |(repair, _)| self.0 & 1 << *repair as u32 != 0).map(|(_, name)| *name)
    }
}

/// Returns the value that is the whole of `bytes`, and what was repaired.
pub(super) fn value(bytes: &[u8]) -> Result<(Value, Repairs), Fault> {
    let mut reader = Reader { bytes, at: 0, repairs: Repairs::default() };
    let value = reader.value(0)?;
    let at = after_space(bytes, reader.at);
    if at < bytes.len() {
        return Err(Fault { at, what: "more than one value" });
    }
    Ok((value, reader.repairs))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    repairs: Repairs,
}

impl Reader<'_> {
    /// Recurses at most [`DEPTH_MAX`] times.
    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        self.at = after_space(self.bytes, self.at);
        match self.bytes.get(self.at) {
            Some(b'{' | b'[') if depth >= DEPTH_MAX => self.deep(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            _ => self.scalar(),
        }
    }

    /// Takes a container as the text that it is written in.
    fn deep(&mut self) -> Result<Value, Fault> {
        let end = value_end(self.bytes, self.at)?;
        let raw = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end;
        self.repairs.add(Repair::Nesting);
        Ok(Value::String(self.utf8(raw).into_owned()))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut object = Map::new();
        self.at += 1;
        loop {
            self.at = after_space(self.bytes, self.at);
            match self.bytes.get(self.at) {
                Some(b'"') => {}
                Some(b'}') => {
                    if !object.is_empty() {
                        self.repairs.add(Repair::Comma);
                    }
                    break;
                }
                _ => return Err(self.fault("no key where one should be")),
            }
            let start = self.at;
            self.at = key_end(self.bytes, start)?;
            let key = self.text(start)?;
            let value = self.value(depth + 1)?;
            if object.insert(key, value).is_some() {
                self.repairs.add(Repair::Repeated);
            }
            if self.ends(b'}')? {
                break;
            }
        }
        self.at += 1;
        Ok(Value::Object(object))
    }

    fn list(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut list = Vec::new();
        self.at += 1;
        loop {
            self.at = after_space(self.bytes, self.at);
            if self.bytes.get(self.at) == Some(&b']') {
                if !list.is_empty() {
                    self.repairs.add(Repair::Comma);
                }
                break;
            }
            list.push(self.value(depth + 1)?);
            if self.ends(b']')? {
                break;
            }
        }
        self.at += 1;
        Ok(Value::Array(list))
    }

    /// Returns whether the container ends here; else goes behind the comma.
    fn ends(&mut self, closing: u8) -> Result<bool, Fault> {
        self.at = after_space(self.bytes, self.at);
        match self.bytes.get(self.at) {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if *byte == closing => Ok(true),
            _ => Err(self.fault("no comma between two values")),
        }
    }

    fn scalar(&mut self) -> Result<Value, Fault> {
        let start = self.at;
        let (kind, end) = scalar(self.bytes, start)?;
        self.at = end;
        let raw = self.bytes.get(start..end).unwrap_or_default();
        Ok(match kind {
            Scalar::Null => Value::Null,
            Scalar::True => Value::Bool(true),
            Scalar::False => Value::Bool(false),
            Scalar::Text => Value::String(self.text(start)?),
            Scalar::Whole | Scalar::Real => self.number(kind, raw),
            Scalar::NotFinite => {
                self.repairs.add(Repair::NotFinite);
                Value::Null
            }
        })
    }

    fn number(&mut self, kind: Scalar, raw: &[u8]) -> Value {
        let text = std::str::from_utf8(raw).unwrap_or_default();
        if kind == Scalar::Whole && text != "-0" {
            if let Ok(whole) = text.parse::<i64>() {
                return Value::from(whole);
            }
            if let Ok(whole) = text.parse::<u64>() {
                return Value::from(whole);
            }
            // As a float it would lose its last digits: it is an identifier.
            self.repairs.add(Repair::BigWhole);
            return Value::from(text);
        }
        let real = text.parse().ok().and_then(Number::from_f64);
        real.map_or_else(
            || {
                self.repairs.add(Repair::NotFinite);
                Value::Null
            },
            Value::Number,
        )
    }

    /// Returns the text whose opening quote stands at `start`.
    fn text(&mut self, start: usize) -> Result<String, Fault> {
        let end = string_end(self.bytes, start)?;
        let raw = self.bytes.get(start + 1..end - 1).unwrap_or_default();
        let is_plain = raw.iter().fold(true, |plain, byte| plain & (*byte != b'\\' && *byte >= 32));
        if is_plain {
            return Ok(self.utf8(raw).into_owned());
        }
        let mut out = Vec::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((byte, after)) = rest.split_first() {
            if *byte == b'\\' {
                rest = self.escape(after, &mut out);
                continue;
            }
            rest = after;
            match *byte {
                0 => self.replace(Repair::Nul, &mut out),
                control @ 1..32 => {
                    self.repairs.add(Repair::Control);
                    out.push(control);
                }
                other => out.push(other),
            }
        }
        Ok(match String::from_utf8(out) {
            Ok(text) => text,
            Err(error) => self.utf8(error.as_bytes()).into_owned(),
        })
    }

    fn utf8<'b>(&mut self, raw: &'b [u8]) -> Cow<'b, str> {
        let text = String::from_utf8_lossy(raw);
        if matches!(text, Cow::Owned(_)) {
            self.repairs.add(Repair::Utf8);
        }
        text
    }

    fn replace(&mut self, repair: Repair, out: &mut Vec<u8>) {
        self.repairs.add(repair);
        out.extend_from_slice("\u{fffd}".as_bytes());
    }

    /// Takes what stands behind a backslash, and returns what follows it.
    fn escape<'b>(&mut self, after: &'b [u8], out: &mut Vec<u8>) -> &'b [u8] {
        let Some((byte, rest)) = after.split_first() else { return after };
        let plain = match byte {
            b'"' | b'\\' | b'/' => *byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode(rest, out),
            _ => {
                self.repairs.add(Repair::Escape);
                out.push(b'\\');
                return after;
            }
        };
        out.push(plain);
        rest
    }

    /// Takes the four digits behind `\u`, and those of the character's other half.
    fn unicode<'b>(&mut self, rest: &'b [u8], out: &mut Vec<u8>) -> &'b [u8] {
        let Some((unit, after)) = four_digits(rest) else {
            self.replace(Repair::Escape, out);
            return rest;
        };
        let (code, after) = match unit {
            0xd800..0xdc00 => match after.strip_prefix(b"\\u").and_then(four_digits) {
                Some((low @ 0xdc00..0xe000, after)) => {
                    (0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00), after)
                }
                _ => (unit, after),
            },
            _ => (unit, after),
        };
        match char::from_u32(code) {
            Some('\0') => self.replace(Repair::Nul, out),
            None => self.replace(Repair::Surrogate, out),
            Some(character) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        after
    }

    fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }
}

fn four_digits(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(4)?;
    let mut unit = 0;
    for digit in digits {
        unit = unit << 4 | char::from(*digit).to_digit(16)?;
    }
    Some((unit, rest))
}
