//! The checksums of rows: databases keep none of what they were given.

/// Returns the CRC-32 of numbers, texts and bytes, each with its length.
pub(crate) fn checksum(numbers: &[i64], texts: &[&str], body: &[u8]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
    for text in texts.iter().map(|text| text.as_bytes()).chain([body]) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    i64::from(hasher.finalize())
}
