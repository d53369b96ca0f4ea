//! Numbers and texts as bytes, and back: what a snapshot is made of.
//!
//! Integers are written in as few bytes as they need (LEB128, negative ones by zigzag), because
//! most are small. A reader takes bytes from anywhere: what cannot be read is an error, never a
//! panic, and no length in the bytes asks for memory that the bytes themselves do not have.

use std::io::Read;

use crate::error::{Error, Result};

/// Bytes of a section's payload that are taken in at once while it is read.
const SECTION_BYTES_MAX: u64 = 1 << 32;

/// Bytes before a section's payload: its kind, its length, its checksum.
const HEAD: usize = 1 + 8 + 4;

/// Returns the error of bytes that are not what was written.
pub(super) fn broken(what: &str) -> Error {
    Error::Wrong(format!("the snapshot {what}"))
}

/// Appends a section to `out`; `fill` writes its payload.
pub(super) fn section(kind: u8, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.resize(start + HEAD, 0);
    fill(out);
    let length = (out.len() - start - HEAD) as u64;
    out[start] = kind;
    out[start + 1..start + 9].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(&out[start..start + 9], &out[start + HEAD..]);
    out[start + 9..start + HEAD].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads a section whole and returns its kind and payload.
pub(super) fn read_section(input: &mut dyn Read) -> Result<(u8, Vec<u8>)> {
    let mut head = [0; HEAD];
    input.read_exact(&mut head).map_err(|_| broken("is cut short"))?;
    let (about, expected) = head.split_at(9);
    let length = about[1..].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    if length > SECTION_BYTES_MAX {
        return Err(broken("has a section that is too long"));
    }
    let mut payload = Vec::new();
    let read = input.take(length).read_to_end(&mut payload);
    if read.map_err(|_| broken("cannot be read"))? as u64 != length {
        return Err(broken("is cut short"));
    }
    if checksum(about, &payload).to_le_bytes() != expected {
        return Err(broken("is damaged: a checksum is wrong"));
    }
    Ok((about[0], payload))
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

/// What can be written and read back.
pub(super) trait Coded: Sized {
    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes the value from the front of the bytes.
    fn take(input: &mut &[u8]) -> Result<Self>;
}

/// Takes `N` bytes from the front.
fn bytes<const N: usize>(input: &mut &[u8]) -> Result<[u8; N]> {
    let (front, rest) = input.split_first_chunk().ok_or_else(|| broken("is cut short"))?;
    *input = rest;
    Ok(*front)
}

impl Coded for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn take(input: &mut &[u8]) -> Result<Self> {
        let mut value = 0;
        for place in 0..10 {
            let [byte] = bytes(input)?;
            value |= Self::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(broken("has a number that does not end"))
    }
}

impl Coded for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        (((*self << 1) ^ (*self >> 63)) as u64).put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self> {
        let value = u64::take(input)?;
        Ok((value >> 1) as Self ^ -((value & 1) as Self))
    }
}

impl Coded for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self> {
        Self::try_from(u64::take(input)?).map_err(|_| broken("has a number that is too large"))
    }
}

impl Coded for f64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bits().to_le_bytes());
    }

    fn take(input: &mut &[u8]) -> Result<Self> {
        Ok(Self::from_bits(u64::from_le_bytes(bytes(input)?)))
    }
}

impl Coded for f32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bits().to_le_bytes());
    }

    fn take(input: &mut &[u8]) -> Result<Self> {
        Ok(Self::from_bits(u32::from_le_bytes(bytes(input)?)))
    }
}

impl Coded for [u8; 16] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn take(input: &mut &[u8]) -> Result<Self> {
        bytes(input)
    }
}

impl Coded for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn take(input: &mut &[u8]) -> Result<Self> {
        take_text(input).map(str::to_owned)
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(input: &mut &[u8]) -> Result<Self> {
        Ok((A::take(input)?, B::take(input)?))
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        self.iter().for_each(|one| one.put(out));
    }

    fn take(input: &mut &[u8]) -> Result<Self> {
        let count = take_count(input)?;
        (0..count).map(|_| T::take(input)).collect()
    }
}

/// Takes a number of things to come, each of which has a byte at least.
pub(super) fn take_count(input: &mut &[u8]) -> Result<usize> {
    let count = usize::try_from(u64::take(input)?).unwrap_or(usize::MAX);
    if count > input.len() { Err(broken("is cut short")) } else { Ok(count) }
}

pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    (text.len() as u64).put(out);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn take_text<'a>(input: &mut &'a [u8]) -> Result<&'a str> {
    let length = take_count(input)?;
    let (text, rest) = input.split_at(length);
    *input = rest;
    std::str::from_utf8(text).map_err(|_| broken("has a text that is none"))
}

/// Writes a struct as its fields in this order.
macro_rules! coded {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl Coded for $type {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }

            fn take(input: &mut &[u8]) -> Result<Self> {
                $(let $field = Coded::take(input)?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

pub(super) use coded;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_numbers_are_one_byte() {
        for (number, bytes) in [(0, 1), (-64, 1), (63, 1), (64, 2), (i64::MIN, 10), (i64::MAX, 10)]
        {
            let mut out = Vec::new();
            number.put(&mut out);
            assert_eq!(out.len(), bytes, "{number}");
        }
    }

    proptest! {
        #[test]
        fn values_read_back(numbers: Vec<i64>, codes: Vec<u32>, real: f64, text: String) {
            let mut out = Vec::new();
            (numbers.clone(), codes.clone()).put(&mut out);
            (real, text.clone()).put(&mut out);
            let input = &mut out.as_slice();
            prop_assert_eq!(<(Vec<i64>, Vec<u32>)>::take(input).unwrap(), (numbers, codes));
            let (number, word) = <(f64, String)>::take(input).unwrap();
            prop_assert_eq!((number.to_bits(), word), (real.to_bits(), text));
            prop_assert!(input.is_empty());
        }

        #[test]
        fn any_bytes_are_an_answer(bytes: Vec<u8>) {
            let input = &mut bytes.as_slice();
            while !input.is_empty() && <(Vec<(i64, String)>, [u8; 16])>::take(input).is_ok() {}
            drop(read_section(&mut bytes.as_slice()));
        }
    }
}
