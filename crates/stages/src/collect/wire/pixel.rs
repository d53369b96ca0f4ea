//! Calls in the address of an image, as mails make them when they are opened.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use super::{Decoded, Endpoint, Unreadable, Verb, decode};

/// Takes both alphabets, once the standard one is turned into the other; padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decides about the call that stands in `data`: base64 of either alphabet, padded or not, or JSON,
/// which may still be url-encoded.
///
/// # Errors
/// [`Unreadable`] when it is neither.
pub fn pixel(
    verb: Verb,
    data: &str,
    source: &str,
    received_at: i64,
    new_id: impl FnMut() -> String,
) -> Result<Decoded, Unreadable> {
    let body = pixel_body(data).ok_or(Unreadable { at: 0, what: "neither base64 nor JSON" })?;
    decode(Endpoint::Call(verb), &body, source, received_at, new_id)
}

/// Returns the call that stands in `data`, as JSON; `None` when it is neither base64 nor JSON.
#[must_use]
pub fn pixel_body(data: &str) -> Option<Vec<u8>> {
    let plain = data.trim();
    if plain.starts_with('{') {
        return Some(plain.as_bytes().to_vec());
    }
    let plain = percent_decoded(plain.as_bytes());
    if plain.first() == Some(&b'{') {
        return Some(plain);
    }
    let one_alphabet = plain.iter().map(|byte| match byte {
        // A form's reader makes a space of a plus.
        b'+' | b' ' => b'-',
        b'/' => b'_',
        other => *other,
    });
    BASE64.decode(one_alphabet.collect::<Vec<u8>>()).ok()
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high << 4 | low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                plain.push(*byte);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_takes_base64_of_both_alphabets_and_json() {
        // Bytes whose base64 has a plus, a slash and padding.
        let call = r#"{"userId":"a","event":"Email Opened","x":"~~~???ÿ"}"#;
        let standard = base64::engine::general_purpose::STANDARD.encode(call);
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(call);
        assert!(standard.contains(['+', '/']) && standard != url);
        let encoded: String = call.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let spaced = standard.replace('+', " ");
        for data in [&standard, &url, &encoded, &spaced, call] {
            let decoded = pixel(Verb::Track, data, "mail", 0, || "made".to_owned()).unwrap();
            let ready: Vec<_> = decoded.ready().collect();
            assert_eq!((ready.len(), ready[0].message_id.as_str()), (1, "made"), "{data}");
        }
        assert!(pixel(Verb::Track, "%", "mail", 0, String::new).is_err());
        assert!(pixel(Verb::Track, "", "mail", 0, String::new).is_err());
    }
}
