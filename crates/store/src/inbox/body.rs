//! How the events of a delivery become the bytes of a row, and the checksums of rows.
//!
//! A body is the length of what follows unpacked (4 bytes, little endian) and zstd of the events,
//! each behind its length (4 bytes, little endian), whose highest bit says that the event came
//! under the identifier of another one.

use super::EVENTS_BYTES_MAX;

/// zstd's level: 1 packs JSON four- to sevenfold at hundreds of megabytes a second.
const LEVEL: i32 = 1;

/// The bit of a length that says that the event came under the identifier of another one.
const CONFLICT: u32 = 1 << 31;

/// What a body holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) events: Vec<Vec<u8>>,
    /// The places of those that came under the identifier of another one.
    pub(super) conflicts: Vec<usize>,
}

/// Packs events into a body, each with whether it came under the identifier of another one.
///
/// # Errors
/// When zstd finds no memory.
pub(super) fn pack<'a>(events: impl Iterator<Item = (&'a [u8], bool)>) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    for (event, is_conflict) in events {
        let mark = if is_conflict { CONFLICT } else { 0 };
        plain.extend_from_slice(&(length(event.len()) | mark).to_le_bytes());
        plain.extend_from_slice(event);
    }
    let mut body = length(plain.len()).to_le_bytes().to_vec();
    if !plain.is_empty() {
        body.extend(zstd::bulk::compress(&plain, LEVEL)?);
    }
    Ok(body)
}

/// Unpacks a body, or returns `None` for bytes that [`pack`] did not make.
pub(super) fn unpack(body: &[u8]) -> Option<Unpacked> {
    let (length, packed) = body.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    // Nothing larger was ever accepted.
    if length > EVENTS_BYTES_MAX {
        return None;
    }
    if length == 0 {
        return packed.is_empty().then(Unpacked::default);
    }
    let plain = zstd::bulk::decompress(packed, length).ok()?;
    let mut rest = plain.as_slice();
    let mut found = Unpacked::default();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length);
        if length & CONFLICT != 0 {
            found.conflicts.push(found.events.len());
        }
        let (event, after) = after.split_at_checked((length & !CONFLICT) as usize)?;
        found.events.push(event.to_vec());
        rest = after;
    }
    (rest.is_empty() && plain.len() == length).then_some(found)
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a delivery is far smaller than 2 GB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn events_come_back_as_they_were(
            events in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 0..50), any::<bool>()), 0..20),
        ) {
            let body = pack(events.iter().map(|(event, mark)| (event.as_slice(), *mark))).unwrap();
            let marked = events.iter().enumerate().filter(|(_, (_, mark))| *mark);
            let conflicts = marked.map(|(at, _)| at).collect();
            let events = events.iter().map(|(event, _)| event.clone()).collect();
            prop_assert_eq!(unpack(&body), Some(Unpacked { events, conflicts }));
        }

        #[test]
        fn bytes_from_anywhere_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            unpack(&bytes);
        }
    }

    #[test]
    fn fuzz_rows_of_the_inbox() {
        let pack = |events: &[&[u8]]| pack(events.iter().map(|event| (*event, false))).unwrap();
        let rows = [pack(&[b"{\"a\":1}", b"", b"{}"]), pack(&[&[b'x'; 3000]]), pack(&[])];
        let target = shopwise_hostile::Target {
            name: "rows of the inbox",
            examples: &rows.each_ref().map(Vec::as_slice),
            words: &[&[0xff; 4], &[0x80], &[0, 0, 0, 1], &[0x28, 0xb5, 0x2f, 0xfd]],
            bytes_max: 16 << 10,
            time_max: std::time::Duration::from_secs(2),
        };
        shopwise_hostile::fuzz(&target, |body| {
            let found = unpack(body)?;
            assert!(found.events.iter().map(Vec::len).sum::<usize>() <= EVENTS_BYTES_MAX);
            Some((found.events.len().min(5), found.conflicts.len().min(5)))
        });
    }

    #[test]
    fn a_length_that_lies_is_noticed() {
        let mut body = pack([(b"abc".as_slice(), false)].into_iter()).unwrap();
        body[0] += 1;
        assert_eq!(unpack(&body), None);
        assert_eq!(unpack(&[255, 255, 255, 255, 1]), None);
    }
}
