//! Segment calls become events, and nothing of who somebody is reaches the lake.

use super::*;

/// An order, views, a list, exposures, an unknown event, and a batch.
const CALLS: &str = include_str!("calls.jsonl");

/// A person who makes himself known, is merged and joins a company.
const PEOPLE: &str = include_str!("people.jsonl");

/// Orders and a refund that name no product, or no price.
const TOTALS: &str = include_str!("totals.jsonl");

#[test]
fn calls_become_events_with_a_line_a_product() {
    let given = Given::new();
    let report = given.import("segment", "calls.jsonl", CALLS).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (9, 10), "{:?}", report.refused);
    let rows = given.rows(
        "SELECT message_id, line, kind, product, quantity, unit_price, amount, currency, \
         \"order\", position, occurred_at FROM events ORDER BY message_id, line",
    );
    let expected = [
        "m1|0|order_completed|mug|2|2550000|5100000|EUR|o1||2024-03-01T10:00:00.25Z",
        "m1|1|order_completed|cup|1|3000000|3000000|EUR|o1||2024-03-01T10:00:00.25Z",
        "m2|0|product_viewed|mug||2550000||GBP|||2024-03-01T09:00:00Z",
        "m3|0|product_list_viewed|mug||||GBP||1|2024-03-01T08:00:00Z",
        "m3|1|product_list_viewed|cup||||GBP||2|2024-03-01T08:00:00Z",
        "m4|0|recommendation_shown|mug||||GBP||0|2024-03-01T08:00:01Z",
        "m5|0|ad_clicked|mug||||GBP||1|2024-03-01T08:00:02Z",
        "m6|0|other|||||GBP|||2024-03-01T08:00:03Z",
        "m7|0|page_viewed|||||GBP|||2024-03-01T07:00:10Z",
        // The client's clock was half an hour slow.
        "m8|0|page_viewed|||||GBP|||2024-03-01T07:30:00Z",
    ];
    assert_eq!(rows, expected);
    let shown = given.rows(
        "SELECT decision, propensity, variant, placement, campaign, creative FROM events \
         WHERE decision IS NOT NULL ORDER BY message_id",
    );
    assert_eq!(shown, ["d1|0.25|learned|home||", "d2|1|||spring|red"]);
    let extra = given.rows("SELECT extra FROM events ORDER BY message_id, line");
    assert_eq!(extra[0], r#"{"coupon":"SPRING","revenue":8.1,"variant":"blue"}"#);
    assert_eq!(extra[2], r#"{"utm":{"name":"march","source":"mail"}}"#);
    assert_eq!(extra[3], r#"{"list_id":"home"}"#);
    assert_eq!(extra[7], r#"{"event":"Wheel Spun","prize":"mug"}"#);
    assert_eq!(extra[8], r#"{"page":"Home","path":"/"}"#);
    assert_eq!(given.refused(), ["7|batch|7|not a JSON object"]);
    let mug = given.shop.ledger.products().unwrap().remove(1);
    assert_eq!((mug.title.as_str(), mug.brand.as_deref()), ("Mug", Some("Lux")));
}

#[test]
fn a_product_of_a_list_has_a_propensity_of_its_own_or_that_of_the_event() {
    let given = Given::new();
    let call = |id: &str, properties: &str| {
        let who = format!(r#""type":"track","messageId":"{id}","userId":"a""#);
        let what = r#""event":"Recommendation Shown","timestamp":"2024-03-01""#;
        format!(r#"{{{who},{what},"properties":{{"decision":"d1",{properties}}}}}"#)
    };
    let own = r#"{"sku":"mug","position":1,"propensity":0.25},{"sku":"cup","position":2}"#;
    let wrong = r#"{"sku":"mug"},{"sku":"cup","propensity":0}"#;
    let lines = [
        call("m1", &format!(r#""propensity":0.5,"products":[{own}]"#)),
        call("m2", &format!(r#""products":[{own}]"#)),
        call("m3", &format!(r#""products":[{wrong}]"#)),
    ];
    given.import("segment", "calls.jsonl", lines.join("\n")).unwrap();
    let rows = given.rows(
        "SELECT message_id, product, position, propensity, extra FROM events \
         ORDER BY message_id, line",
    );
    assert_eq!(rows, ["m1|mug|1|0.25|", "m1|cup|2|0.5|", "m2|mug|1|0.25|", "m2|cup|2||"]);
    assert_eq!(given.refused(), ["3|products[1].propensity|0|must be above 0 and at most 1"]);
}

#[test]
fn calls_sent_again_change_nothing_and_customers_meet_those_of_files() {
    let given = Given::new();
    given.import("segment", "calls.jsonl", CALLS).unwrap();
    let again = given.import("segment", "again.jsonl", CALLS).unwrap();
    assert_eq!((again.rows_written, again.metrics["duplicates"].as_u64()), (0, Some(10)));
    let vault = &given.shop.vault;
    let customers = given.rows("SELECT DISTINCT customer FROM events ORDER BY customer");
    let mut expected = [vault.pseudonym("customer", "17850"), vault.pseudonym("anonymous", "v1")];
    expected.sort();
    assert_eq!(customers, expected);
    // Without a name, equal calls of one file are different calls.
    let call = r#"{"type":"track","event":"Coupon Applied","userId":"a","timestamp":"2024-03-01"}"#;
    let twice = format!("{call}\n{call}\n");
    assert_eq!(given.import("segment", "twice.jsonl", &twice).unwrap().rows_written, 2);
    assert_eq!(given.import("segment", "twice.jsonl", &twice).unwrap().rows_written, 0);
}

#[test]
fn who_somebody_is_goes_to_the_ledger_and_not_to_the_lake() {
    let given = Given::new();
    let report = given.import("segment", "people.jsonl", PEOPLE).unwrap();
    assert_eq!(report.rows_written, 3, "{:?}", report.refused);
    let vault = &given.shop.vault;
    let pseudonym = |name: &str| vault.pseudonym("anonymous", name);
    let extra = given.rows("SELECT extra FROM events ORDER BY message_id");
    let expected = [
        format!(r#"{{"age":31,"anonymous":"{}","plan":"gold"}}"#, pseudonym("v1")),
        format!(r#"{{"event":"alias","previous":"{}"}}"#, pseudonym("v0")),
        r#"{"event":"group","plan":"team"}"#.to_owned(),
    ];
    assert_eq!(extra, expected);
    let customer = vault.pseudonym("customer", "17850");
    let known = given.shop.ledger.identifiers(&customer).unwrap();
    let known: Vec<_> = known.iter().map(|one| (one.kind.as_str(), one.value.as_str())).collect();
    let expected = [("email", "ann@example.org"), ("loyalty", "L-1"), ("phone", "+442079460958")];
    assert_eq!(known, expected);
    // Not a single byte of it in any column of the lake.
    for column in EVENTS.fields.iter().map(|field| field.name) {
        let text = given.rows(&format!("SELECT \"{column}\" FROM events")).join("\n");
        for secret in ["xample", "Ann", "London", "7946", "L-1", "10.1.2.3", "17850"] {
            assert!(!text.contains(secret), "`{secret}` in {column}: {text}");
        }
    }
}

#[test]
fn bad_calls_are_refused_with_their_place_and_nothing_stops() {
    let given = Given::new();
    let good = r#"{"type":"track","event":"Cart Viewed","userId":"a","timestamp":"2024-03-01"}"#;
    let product = |rest: &str| {
        good.replace("}", &format!(",\"properties\":{{\"products\":[{{\"sku\":\"x\"}},{rest}]}}}}"))
    };
    let lines = [
        good.to_owned(),
        r#"{"email":"ann@example.org","id":17850,broken"#.to_owned(),
        good.replace("\"a\"", "NaN"),
        "[1]".to_owned(),
        good.replace("track", "trick"),
        good.replace("Cart Viewed", " "),
        good.replace("\"a\"", "\"anonymous\""),
        good.replace("2024-03-01", "someday"),
        good.replace(",\"timestamp\":\"2024-03-01\"", ""),
        product(r#"{"price":-1}"#),
        product(r#"{"price":"free"}"#),
        product(r#"{"quantity":1.5}"#),
        product("7"),
        good.replace("}", r#","properties":7}"#),
        good.replace("}", r#","properties":{"currency":"euro"}}"#),
        good.replace("}", r#","properties":{"propensity":2}}"#),
        "x".repeat(2 << 20),
        r#"{"type":"alias","userId":"a","timestamp":"2024-03-01"}"#.to_owned(),
        "{\"a\":".repeat(200),
        good.to_owned(),
    ];
    let report = given.import("segment", "calls.jsonl", lines.join("\n")).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (20, 2));
    let refused: Vec<String> =
        given.rows("SELECT line, field, reason FROM refused ORDER BY line").into_iter().collect();
    let expected = [
        "2||not JSON",
        "3||not JSON: NaN and Infinity are no values; write null",
        "4||not a JSON object",
        "5|type|must be track, identify, page, screen, group or alias",
        "6|event|must not be empty",
        "7|userId|`userId` or `anonymousId` must name somebody",
        "8|timestamp|not a date",
        "9|timestamp|must not be empty",
        "10|products[1].price|must be ≥ 0",
        "11|products[1].price|not an amount",
        "12|products[1].quantity|not a whole number",
        "13|products[1]|not a JSON object",
        "14|properties|not a JSON object",
        "15|currency|must be three letters (ISO 4217)",
        "16|propensity|must be above 0 and at most 1",
        "17||a line longer than 1048576 bytes",
        "18|previousId|must not be empty",
        "19||not JSON",
    ];
    assert_eq!(refused, expected);
    let shown = given.rows("SELECT value FROM refused ORDER BY line").remove(0);
    assert_eq!(
        shown, r#"{"email":"…","id":…,…"#,
        "who somebody is does not come in this way either"
    );
}

#[test]
fn an_order_without_products_is_worth_its_total() {
    let given = Given::new();
    given.import("segment", "totals.jsonl", TOTALS).unwrap();
    let rows = given.rows(
        "SELECT \"order\", product, quantity, unit_price, amount FROM events ORDER BY occurred_at",
    );
    assert_eq!(rows, ["1||||12500000", "1||||", "2|7|4|2500000|10000000"]);
}
