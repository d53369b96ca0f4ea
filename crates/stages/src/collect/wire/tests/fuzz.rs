//! Changed bodies, for two seconds; for as many as `RUN_SLOW` asks for on demand.

use std::time::{Duration, Instant};

use super::*;

/// Ours, small, one of each kind of difficulty.
const CORPUS: &[&str] = &[
    r#"{"batch":[{"type":"track","event":"X","userId":"u","messageId":"m"}],"sentAt":7}"#,
    r#"[{"type":"page","anonymousId":7,"properties":{"a":[1,-2.5e-3,{"b":null}]}},7,"x"]"#,
    r#"{"type":"identify","userId":"\ud83d\ude00\ud83d","traits":{"a":NaN,"c":1e400}}"#,
    r#"{"context":{"library":{"name":"analytics.js"}},"batch":[{"type":"alias"}]}"#,
    r#"{"writeKey":"k","batch":{"type":"group","groupId":1,"userId":2,"timestamp":1709287200}}"#,
    "\u{feff}{\"batch\":[{\"a\":\"\u{0}\t\\u00\\x\"},,{}]}{\"userId\":\"u\"}",
];

/// Knuth's generator (MMIX): the same sequence everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        let (factor, term) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
        self.0 = self.0.wrapping_mul(factor).wrapping_add(term);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

fn change(body: &mut Vec<u8>, random: &mut Random) {
    const PIECES: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b",",
        b":",
        b"\\u",
        b"\\ud83d",
        b"NaN",
        b"1e999",
        b"\xff",
        b"\0",
        b"\"batch\":[",
        b"\"type\":\"track\"",
        b"[[[[[[[[",
        b"-",
        b" ",
        b"{\"a\":",
    ];
    let at = random.below(body.len() + 1);
    match random.below(5) {
        0 => body.truncate(at),
        1 if at < body.len() => body[at] = random.below(256) as u8,
        2 if at < body.len() => {
            let end = (at + random.below(20)).min(body.len());
            body.drain(at..end);
        }
        3 => {
            let copied = body[at..(at + random.below(60)).min(body.len())].to_vec();
            let to = random.below(body.len() + 1);
            body.splice(to..to, copied);
        }
        _ => {
            let piece = PIECES[random.below(PIECES.len())];
            body.splice(at..at, piece.iter().copied());
        }
    }
}

#[test]
fn no_body_brings_the_decoder_down_and_what_is_ready_stays_as_it_is() {
    #[expect(clippy::disallowed_methods, reason = "a test may ask whether it may be slow")]
    let is_slow = std::env::var_os("RUN_SLOW").is_some();
    let seconds = if is_slow { 120 } else { 2 };
    let (started, mut random, mut bodies) = (Instant::now(), Random(7), 0_u64);
    while started.elapsed() < Duration::from_secs(seconds) {
        let mut body = CORPUS[random.below(CORPUS.len())].as_bytes().to_vec();
        for _ in 0..=random.below(12) {
            change(&mut body, &mut random);
        }
        bodies += 1;
        let endpoint = match random.below(3) {
            0 => Endpoint::Batch,
            at => Endpoint::Call(Verb::ALL[at * 2]),
        };
        let Ok(decoded) = decoded(endpoint, &body) else { continue };
        for ready in decoded.ready() {
            let again = batch([b"[", &ready.json[..], b"]"].concat());
            let again = again.ready().next().expect("what is ready is ready again");
            let shown = String::from_utf8_lossy(&body);
            assert_eq!(again.key, ready.key, "{shown}");
            assert_eq!(again.json, ready.json, "{shown}");
        }
    }
    assert!(bodies > 1_000);
}
