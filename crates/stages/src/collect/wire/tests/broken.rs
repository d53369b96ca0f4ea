//! One broken event never costs its batch, whatever it is.

use proptest::prelude::*;

use super::*;

/// Asserts that all good events come through around a broken one.
fn survives(broken: &[u8], behind: &str) {
    let (first, second, third) = (event(1), event(2), event(3));
    let (start, separator) = (format!("{{\"batch\":[{first},"), ",".as_bytes());
    let rest = format!("{second},{third}]{behind}}}");
    let body = [start.as_bytes(), broken, separator, rest.as_bytes()].concat();
    let decoded = batch(&body);
    let all = ids(&decoded);
    let good: Vec<_> = all.iter().filter(|id| ["m1", "m2", "m3"].contains(id)).collect();
    assert_eq!(good, [&"m1", &"m2", &"m3"], "{}", String::from_utf8_lossy(&body));
}

#[test]
fn a_broken_event_costs_no_other() {
    for broken in [
        "",
        "{",
        "}",
        "[",
        "]",
        "]}",
        "}]",
        "\"",
        "\\",
        "\\\"",
        "{\"",
        "{\"a",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":[1",
        "{\"a\":[{\"b\":1}",
        "{\"a\":\"x\\",
        "[1",
        "[[",
        "{]",
        "[}",
        "nul",
        "{},{}}",
        "{\"a\":1}}",
        "{\"a\":1}]",
        "],\"batch\":[1",
        "],\"batch\":7",
        "{\"a\":1}{",
        "\u{0}",
        "/* */",
        "'",
        "{'a':1}",
        "{a:1}",
        "{\"a\":{\"b\":{\"c\":",
        "\"x\":",
        ",",
        ",,",
    ] {
        survives(broken.as_bytes(), "");
        survives(broken.as_bytes(), ",\"sentAt\":\"2024-03-01T10:00:00Z\",\"writeKey\":\"k\"");
    }
}

#[test]
fn an_event_cut_anywhere_costs_no_other() {
    let whole = event(9).into_bytes();
    for length in 0..whole.len() {
        survives(&whole[..length], "");
        survives(&whole[length..], ",\"sentAt\":\"2024-03-01T10:00:00Z\"");
    }
}

#[test]
fn searching_for_events_ends() {
    for piece in ["{\"a\",", "{\"a\":[1,", ",{", "\"", "[{\"messageId\":1},{", "{\"a\":\"\\"] {
        let body = format!("{{\"batch\":[{}", piece.repeat((1 << 20) / piece.len()));
        let started = std::time::Instant::now();
        batch(&body);
        assert!(started.elapsed().as_secs() < 5, "{piece} took {:?}", started.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_in_an_event_cost_no_other(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        survives(&bytes, "");
    }

    #[test]
    fn any_json_like_text_in_an_event_costs_no_other(
        text in r#"([\[\]{}:,"\\ ]|"[ab]"|1|\\"|true){0,20}"#,
    ) {
        survives(text.as_bytes(), ",\"writeKey\":\"k\"");
    }

    #[test]
    fn there_is_a_decision_an_element(count in 0_usize..40, kinds in any::<u64>()) {
        let pieces = ["7", "{}", "\"x,]\"", "{\"a\":[1,{\"b\":\"}\"}]}", "null", "[[1],[]]"];
        let elements: Vec<String> = (0..count)
            .map(|at| match (kinds >> at) & 3 {
                0 => event(at),
                other => pieces[(at + other as usize) % pieces.len()].to_owned(),
            })
            .collect();
        let decoded = batch(format!("{{\"batch\":[{}]}}", elements.join(" , ")));
        prop_assert_eq!(decoded.decisions.len(), count);
    }
}
