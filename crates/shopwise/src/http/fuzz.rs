//! What the server reads itself, as a hostile caller would write it: heads, bodies, products.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use shopwise_hostile::{Target, fuzz};

use super::limits::BODY_BYTES_MAX;
use super::room::Room;
use super::{auth, body, products};

fn target<'a>(name: &'a str, examples: &'a [&'a [u8]], words: &'a [&'a [u8]]) -> Target<'a> {
    Target { name, examples, words, bytes_max: 16 << 10, time_max: Duration::from_secs(2) }
}

#[test]
fn fuzz_heads_that_carry_keys() {
    let examples: &[&[u8]] = &[b"Basic a2V5Og==", b"Bearer key", b"basic a2V5", b"Digest x"];
    let words: &[&[u8]] = &[b"Basic ", b"Bearer ", b"=", b" ", b"Og==", b"://", b"\t"];
    fuzz(&target("heads that carry keys", examples, words), |bytes| {
        let Ok(value) = HeaderValue::from_bytes(bytes) else { return (false, None) };
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value);
        let key = auth::of_header(&headers);
        let known = key.as_deref().unwrap_or_default();
        assert!(!auth::is_same(known, "the token of somebody else"));
        (true, key.map(|key| key.len().min(9)))
    });
}

#[test]
fn fuzz_packed_bodies() {
    use std::io::Write as _;
    let pack = |bytes: &[u8]| {
        let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packing.write_all(bytes).unwrap();
        packing.finish().unwrap()
    };
    let packed = [pack(b"{\"batch\":[]}"), pack(&vec![b' '; 100_000]), pack(b"")];
    let examples: Vec<&[u8]> = packed.iter().map(Vec::as_slice).collect();
    let words: &[&[u8]] = &[b"\x1f\x8b\x08\0", b"\x1f\x8b\x08\x1f", &[0xff; 8], &packed[2]];
    fuzz(&target("packed bodies", &examples, words), |bytes| {
        let room = Room::new(2 * BODY_BYTES_MAX);
        let mut part = room.enter(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).unwrap();
        match body::unpack(bytes, &mut part) {
            Ok(bytes) => {
                assert!(bytes.len() <= BODY_BYTES_MAX);
                (200, bytes.len().checked_ilog2())
            }
            Err(error) => (error.status().as_u16(), None),
        }
    });
}

#[test]
fn fuzz_products() {
    let examples: &[&[u8]] = &[
        b"{\"id\":\"p\",\"title\":\"Mug\",\"category\":\"a\",\"brand\":null,\"price\":9.5,\
          \"cost\":1,\"stock\":3}",
        b"{\"id\":7,\"price\":-1,\"stock\":1.5}",
    ];
    let words: &[&[u8]] = &[b"\"price\":", b"\"cost\":", b"\"stock\":", b"\"id\":", b"\"title\":"];
    fuzz(&target("products", examples, words), |bytes| {
        let product = products::read(bytes).map_err(|error| error.message().len())?;
        assert!(product.price.is_none_or(|price| price >= 0));
        assert!(product.stock.is_none_or(|stock| stock >= 0));
        assert!(!product.id.is_empty());
        // What is stored is read again as it is shown.
        let shown = products::shown(&product).to_string();
        let again = products::read(shown.as_bytes()).expect("what was taken is taken again");
        assert_eq!(again.title, product.title);
        assert_eq!(again.stock, product.stock);
        Ok::<_, usize>((product.price.is_some(), product.stock.is_some()))
    });
}

#[test]
fn fuzz_what_the_quarantine_packs() {
    let examples: &[&[u8]] = &[b"{\"type\":\"track\"}\n{\"a\":1}", b"{}\n", b"no line"];
    fuzz(&target("what the quarantine packs", examples, &[b"\n", b"{}\n"]), |bytes| {
        let (envelope, raw) = bytes.split_at(bytes.len() / 3);
        if !envelope.contains(&b'\n') {
            let packed = crate::commands::quarantine::packed(envelope, raw);
            assert_eq!(crate::commands::quarantine::unpacked(&packed), (envelope, raw));
        }
        crate::commands::quarantine::unpacked(bytes).0.len().min(9)
    });
}
