//! How the events of a delivery become the bytes of a row, and the checksums of rows.
//!
//! A body is the length of what follows unpacked (4 bytes, little endian) and zstd of the events,
//! each behind its length (4 bytes, little endian).

use super::EVENTS_BYTES_MAX;

/// zstd's level: 1 packs JSON four- to sevenfold at hundreds of megabytes a second.
const LEVEL: i32 = 1;

/// Packs events into a body.
///
/// # Errors
/// When zstd finds no memory.
pub(super) fn pack<'a>(events: impl Iterator<Item = &'a [u8]>) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    for event in events {
        plain.extend_from_slice(&length(event.len()));
        plain.extend_from_slice(event);
    }
    let mut body = length(plain.len()).to_vec();
    if !plain.is_empty() {
        body.extend(zstd::bulk::compress(&plain, LEVEL)?);
    }
    Ok(body)
}

/// Unpacks a body, or returns `None` for bytes that [`pack`] did not make.
pub(super) fn unpack(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (length, packed) = body.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    // Nothing larger was ever accepted.
    if length > EVENTS_BYTES_MAX {
        return None;
    }
    if length == 0 {
        return packed.is_empty().then(Vec::new);
    }
    let plain = zstd::bulk::decompress(packed, length).ok()?;
    let mut rest = plain.as_slice();
    let mut events = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (event, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        events.push(event.to_vec());
        rest = after;
    }
    (rest.is_empty() && plain.len() == length).then_some(events)
}

/// Returns the CRC-32 of numbers, texts and bytes, each with its length.
pub(super) fn checksum(numbers: &[i64], texts: &[&str], body: &[u8]) -> i64 {
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

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).expect("a delivery is far smaller than 4 GB").to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn events_come_back_as_they_were(
            events in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20),
        ) {
            let body = pack(events.iter().map(Vec::as_slice)).unwrap();
            prop_assert_eq!(unpack(&body), Some(events));
        }

        #[test]
        fn bytes_from_anywhere_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            unpack(&bytes);
        }
    }

    #[test]
    fn a_length_that_lies_is_noticed() {
        let mut body = pack([b"abc".as_slice()].into_iter()).unwrap();
        body[0] += 1;
        assert_eq!(unpack(&body), None);
        assert_eq!(unpack(&[255, 255, 255, 255, 1]), None);
    }
}
