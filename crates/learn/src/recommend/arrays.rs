//! Named arrays in one buffer: how a fitted model is kept, so that it loads without parsing text.
//!
//! A buffer is a header of 64 bytes (`shopwise`, the format, the number of arrays, the length of
//! the whole, the rest 0), a directory of 64 bytes an array (name in 40 bytes, kind, 4 bytes of 0,
//! place of the first byte, number of values) and the arrays, each from a multiple of 64 bytes on.
//! All numbers are little-endian. Equal arrays make equal bytes. The reader trusts nothing:
//! whatever bytes it is given, it returns arrays or an error.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// How a buffer is laid out; another number is refused.
pub const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"shopwise";
/// A cache line, and the size of the header and of a directory entry.
const ALIGNMENT: usize = 64;
const NAME_BYTES: usize = 40;

/// What an array holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    U8 = 1,
    U32 = 2,
    U64 = 3,
    F32 = 4,
    F64 = 5,
}

impl Kind {
    fn of(code: u32) -> Option<Self> {
        [Self::U8, Self::U32, Self::U64, Self::F32, Self::F64]
            .into_iter()
            .find(|kind| *kind as u32 == code)
    }

    fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U32 | Self::F32 => 4,
            Self::U64 | Self::F64 => 8,
        }
    }
}

/// Collects arrays.
#[derive(Debug, Default)]
pub struct Writer {
    prefix: String,
    arrays: Vec<(String, Kind, Vec<u8>)>,
}

impl Writer {
    /// Adds text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.push(name, Kind::U8, text.as_bytes().to_vec());
    }

    /// Adds whole numbers of 32 bits.
    pub fn u32s(&mut self, name: &str, values: &[u32]) {
        self.push(name, Kind::U32, bytes(values, u32::to_le_bytes));
    }

    /// Adds whole numbers of 64 bits.
    pub fn u64s(&mut self, name: &str, values: &[u64]) {
        self.push(name, Kind::U64, bytes(values, u64::to_le_bytes));
    }

    /// Adds numbers of 32 bits.
    pub fn f32s(&mut self, name: &str, values: &[f32]) {
        self.push(name, Kind::F32, bytes(values, f32::to_le_bytes));
    }

    /// Adds numbers of 64 bits.
    pub fn f64s(&mut self, name: &str, values: &[f64]) {
        self.push(name, Kind::F64, bytes(values, f64::to_le_bytes));
    }

    /// Adds what `write` adds, each name behind `section` and a dot.
    pub fn section(&mut self, section: &str, write: impl FnOnce(&mut Self)) {
        let outer = self.prefix.len();
        self.prefix.push_str(section);
        self.prefix.push('.');
        write(self);
        self.prefix.truncate(outer);
    }

    fn push(&mut self, name: &str, kind: Kind, bytes: Vec<u8>) {
        let name = format!("{}{name}", self.prefix);
        debug_assert!(name.len() <= NAME_BYTES, "`{name}` is longer than a name may be");
        self.arrays.push((name, kind, bytes));
    }

    /// Returns the buffer.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut place = ALIGNMENT * (1 + self.arrays.len());
        let mut directory = Vec::with_capacity(place);
        for (name, kind, bytes) in &self.arrays {
            let mut entry = [0; ALIGNMENT];
            let length = name.len().min(NAME_BYTES);
            entry[..length].copy_from_slice(&name.as_bytes()[..length]);
            entry[40..44].copy_from_slice(&(*kind as u32).to_le_bytes());
            entry[48..56].copy_from_slice(&(place as u64).to_le_bytes());
            let count = (bytes.len() / kind.size()) as u64;
            entry[56..64].copy_from_slice(&count.to_le_bytes());
            directory.extend_from_slice(&entry);
            place += bytes.len().next_multiple_of(ALIGNMENT);
        }
        let mut header = [0; ALIGNMENT];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        header[12..16].copy_from_slice(&(self.arrays.len() as u32).to_le_bytes());
        header[16..24].copy_from_slice(&(place as u64).to_le_bytes());
        let mut buffer = Vec::with_capacity(place);
        buffer.extend_from_slice(&header);
        buffer.append(&mut directory);
        for (_, _, bytes) in &self.arrays {
            buffer.extend_from_slice(bytes);
            buffer.resize(buffer.len().next_multiple_of(ALIGNMENT), 0);
        }
        buffer
    }
}

fn bytes<T: Copy, const SIZE: usize>(values: &[T], of: fn(T) -> [u8; SIZE]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * SIZE);
    for value in values {
        bytes.extend_from_slice(&of(*value));
    }
    bytes
}

/// The arrays of a buffer.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    prefix: String,
    arrays: BTreeMap<&'a str, (Kind, &'a [u8])>,
}

impl<'a> Reader<'a> {
    /// Finds the arrays of a buffer.
    ///
    /// # Errors
    /// [`Error::Bytes`] when it is no such buffer, of another format, cut off or damaged.
    pub fn new(buffer: &'a [u8]) -> Result<Self> {
        let Some((header, _)) = buffer.split_first_chunk::<ALIGNMENT>() else {
            return Err(wrong("shorter than a header"));
        };
        if &header[..8] != MAGIC {
            return Err(wrong("not made by shopwise"));
        }
        let format = u32_at(header, 8);
        if format != FORMAT {
            return Err(wrong(&format!("format `{format}`, this program reads `{FORMAT}`")));
        }
        if u64_at(header, 16) != buffer.len() as u64 {
            return Err(wrong("cut off"));
        }
        let entries = buffer.len() / ALIGNMENT - 1;
        let count = u32_at(header, 12) as usize;
        if count > entries {
            return Err(wrong("more arrays than fit"));
        }
        let mut arrays = BTreeMap::new();
        for entry in buffer[ALIGNMENT..].as_chunks::<ALIGNMENT>().0.iter().take(count) {
            let (name, kind, place) = described(entry)?;
            let Some(bytes) = buffer.get(place) else { return Err(wrong("an array is missing")) };
            if arrays.insert(name, (kind, bytes)).is_some() {
                return Err(wrong(&format!("array `{name}` stands twice")));
            }
        }
        Ok(Self { prefix: String::new(), arrays })
    }

    /// Returns a reader of one section.
    #[must_use]
    pub fn section(&self, section: &str) -> Self {
        Self { prefix: format!("{}{section}.", self.prefix), arrays: self.arrays.clone() }
    }

    /// Returns text.
    ///
    /// # Errors
    /// [`Error::Bytes`] when there is none of this name.
    pub fn text(&self, name: &str) -> Result<&'a str> {
        std::str::from_utf8(self.find(name, Kind::U8)?)
            .map_err(|_| wrong(&format!("`{name}` is no text")))
    }

    /// Returns whole numbers of 32 bits.
    ///
    /// # Errors
    /// [`Error::Bytes`] when there are none of this name.
    pub fn u32s(&self, name: &str) -> Result<Vec<u32>> {
        Ok(values(self.find(name, Kind::U32)?, u32::from_le_bytes))
    }

    /// Returns whole numbers of 64 bits.
    ///
    /// # Errors
    /// [`Error::Bytes`] when there are none of this name.
    pub fn u64s(&self, name: &str) -> Result<Vec<u64>> {
        Ok(values(self.find(name, Kind::U64)?, u64::from_le_bytes))
    }

    /// Returns numbers of 32 bits.
    ///
    /// # Errors
    /// [`Error::Bytes`] when there are none of this name.
    pub fn f32s(&self, name: &str) -> Result<Vec<f32>> {
        Ok(values(self.find(name, Kind::F32)?, f32::from_le_bytes))
    }

    /// Returns numbers of 64 bits.
    ///
    /// # Errors
    /// [`Error::Bytes`] when there are none of this name.
    pub fn f64s(&self, name: &str) -> Result<Vec<f64>> {
        Ok(values(self.find(name, Kind::F64)?, f64::from_le_bytes))
    }

    fn find(&self, name: &str, kind: Kind) -> Result<&'a [u8]> {
        let name = format!("{}{name}", self.prefix);
        match self.arrays.get(name.as_str()) {
            Some((own, bytes)) if *own == kind => Ok(bytes),
            Some(_) => Err(wrong(&format!("array `{name}` holds another kind of values"))),
            None => Err(wrong(&format!("no array `{name}`"))),
        }
    }
}

/// Returns name, kind and place of an entry of the directory.
fn described(entry: &[u8; ALIGNMENT]) -> Result<(&str, Kind, std::ops::Range<usize>)> {
    let length = entry[..NAME_BYTES].iter().position(|byte| *byte == 0).unwrap_or(NAME_BYTES);
    let name = std::str::from_utf8(&entry[..length]).map_err(|_| wrong("a name is no text"))?;
    let Some(kind) = Kind::of(u32_at(entry, 40)) else {
        return Err(wrong(&format!("array `{name}` holds an unknown kind of values")));
    };
    let start = usize::try_from(u64_at(entry, 48)).ok();
    let count = usize::try_from(u64_at(entry, 56)).ok();
    let end = start.zip(count.and_then(|count| count.checked_mul(kind.size())));
    match end.and_then(|(start, length)| Some(start..start.checked_add(length)?)) {
        Some(place) if place.start.is_multiple_of(ALIGNMENT) => Ok((name, kind, place)),
        _ => Err(wrong(&format!("array `{name}` has no place"))),
    }
}

fn u32_at(bytes: &[u8; ALIGNMENT], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]))
}

fn u64_at(bytes: &[u8; ALIGNMENT], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]))
}

fn values<T, const SIZE: usize>(bytes: &[u8], of: fn([u8; SIZE]) -> T) -> Vec<T> {
    bytes.as_chunks::<SIZE>().0.iter().map(|chunk| of(*chunk)).collect()
}

/// Returns the error for bytes that are no model.
pub(crate) fn wrong(why: &str) -> Error {
    Error::Bytes(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        let mut writer = Writer::default();
        writer.text("word", "茶");
        writer.section("inner", |writer| writer.u32s("numbers", &[1, u32::MAX]));
        writer.f64s("floats", &[0.1; 9]);
        writer.u64s("none", &[]);
        writer.f32s("small", &[-0.5]);
        writer.finish()
    }

    #[test]
    fn arrays_read_back_and_lie_on_cache_lines() {
        let buffer = sample();
        assert_eq!(buffer.len() % 64, 0);
        let reader = Reader::new(&buffer).unwrap();
        assert_eq!(reader.text("word").unwrap(), "茶");
        assert_eq!(reader.section("inner").u32s("numbers").unwrap(), [1, u32::MAX]);
        assert_eq!(reader.f64s("floats").unwrap(), [0.1; 9]);
        assert_eq!(reader.u64s("none").unwrap(), [0_u64; 0]);
        assert_eq!(reader.f32s("small").unwrap(), [-0.5]);
        assert_eq!(
            reader.f32s("inner.numbers").unwrap_err().to_string().matches("kind").count(),
            1
        );
        assert_eq!(reader.u32s("other").unwrap_err().to_string(), "model bytes: no array `other`");
    }

    #[test]
    fn an_unknown_format_is_refused() {
        let mut buffer = sample();
        buffer[8] = 9;
        let error = Reader::new(&buffer).unwrap_err().to_string();
        assert_eq!(error, "model bytes: format `9`, this program reads `1`");
    }

    proptest! {
        #[test]
        fn any_bytes_give_arrays_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Reader::new(&bytes).is_err());
        }

        #[test]
        fn a_cut_buffer_is_refused(keep in 0_usize..1000) {
            let buffer = sample();
            prop_assert!(Reader::new(&buffer[..keep.min(buffer.len() - 1)]).is_err());
        }
    }
}
