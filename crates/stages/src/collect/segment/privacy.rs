//! What may stand in the lake's `extra`: facts about things, never who somebody is.
//!
//! A key that names a person, an address, a secret or free text is dropped with what is below it;
//! so is a value that looks like an e-mail address, a telephone or card number, a network address,
//! or is longer than a short word or two.

use serde_json::Value;

use super::Object;

/// Words in keys: a key of which one part is such a word is dropped.
const WORDS: &[&str] = &[
    "about",
    "account",
    "address",
    "avatar",
    "bic",
    "bio",
    "birth",
    "birthday",
    "body",
    "card",
    "city",
    "comment",
    "cookie",
    "description",
    "dob",
    "email",
    "employees",
    "fax",
    "fingerprint",
    "firstname",
    "gps",
    "iban",
    "idfa",
    "image",
    "ip",
    "lastname",
    "lat",
    "latitude",
    "licence",
    "license",
    "lng",
    "lon",
    "longitude",
    "loyalty",
    "mail",
    "message",
    "mobile",
    "nickname",
    "note",
    "notes",
    "passport",
    "password",
    "phone",
    "photo",
    "postal",
    "postcode",
    "recipient",
    "referrer",
    "secret",
    "ssn",
    "street",
    "surname",
    "tel",
    "telephone",
    "text",
    "token",
    "url",
    "user",
    "username",
    "website",
    "wechat",
    "zip",
    "zipcode",
];

/// Whole keys that are dropped where a person is described.
const PERSONAL: &[&str] =
    &["name", "first_name", "last_name", "full_name", "title", "id", "company"];

/// Bytes of a text that is kept: longer ones are sentences.
const TEXT_BYTES_MAX: usize = 100;

/// How deep objects may be nested.
const DEPTH_MAX: usize = 4;

/// What the object describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// A thing or what was done with it.
    Thing,
    /// A person or company: traits.
    Person,
}

/// Returns what may be kept of an object, without the keys that have been used already.
pub(super) fn kept(object: &Object, about: About, used: &[&str]) -> Object {
    keep(object, about, used, DEPTH_MAX)
}

/// Returns what may be kept of a value that describes a person.
pub(super) fn kept_value(value: &Value) -> Option<Value> {
    value_kept(value, About::Person, DEPTH_MAX)
}

fn keep(object: &Object, about: About, used: &[&str], depth: usize) -> Object {
    let mut result = Object::new();
    for (key, value) in object.iter().filter(|(key, _)| !used.contains(&key.as_str())) {
        if is_allowed(key, about)
            && let Some(value) = value_kept(value, about, depth)
        {
            result.insert(key.clone(), value);
        }
    }
    result
}

fn value_kept(value: &Value, about: About, depth: usize) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some(value.clone()),
        Value::Number(number) => (!is_personal(&number.to_string())).then(|| value.clone()),
        Value::String(text) => (!is_personal(text)).then(|| value.clone()),
        Value::Array(_) | Value::Object(_) if depth == 0 => None,
        Value::Array(values) => {
            let kept: Vec<Value> =
                values.iter().filter_map(|value| value_kept(value, about, depth - 1)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Object(object) => {
            let kept = keep(object, about, &[], depth - 1);
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
    }
}

fn is_allowed(key: &str, about: About) -> bool {
    let plain = snake(key);
    let part_is_word = plain.split('_').any(|part| WORDS.binary_search(&part).is_ok());
    // Chinese keys are not cut into words; a key that is a text is none we know.
    let is_known_script = key.is_ascii() && key.len() <= TEXT_BYTES_MAX;
    let is_personal = about == About::Person && PERSONAL.contains(&plain.as_str());
    is_known_script && !part_is_word && !is_personal && !looks_personal(key)
}

/// Returns a key with `_` between its words: `firstName` and `First name` are `first_name`.
fn snake(key: &str) -> String {
    let mut plain = String::with_capacity(key.len() + 4);
    let mut before_is_lower = false;
    for character in key.chars() {
        if !character.is_alphanumeric() {
            plain.push('_');
        } else {
            if character.is_uppercase() && before_is_lower {
                plain.push('_');
            }
            plain.extend(character.to_lowercase());
        }
        before_is_lower = character.is_lowercase() || character.is_ascii_digit();
    }
    plain
}

/// Returns whether a text says who somebody is, or may say anything.
pub(super) fn is_personal(text: &str) -> bool {
    text.len() > TEXT_BYTES_MAX || looks_personal(text)
}

fn looks_personal(text: &str) -> bool {
    let is_email = text.contains('@');
    let is_address = text.contains("://") || is_network_address(text);
    is_email || is_address || is_telephone(text)
}

/// Returns whether a text is made of digits as a telephone, card or identity number is: 9 to 19 of
/// them in a row, or with spaces, brackets and dashes.
fn is_telephone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let only = |byte: u8| byte.is_ascii_digit() || b" ()-+./xX".contains(&byte);
    let is_amount = text.contains('.') && text.parse::<f64>().is_ok();
    let is_date = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    (9..=19).contains(&digits) && text.bytes().all(only) && !is_amount && !is_date
        || text.starts_with('+') && (7..=19).contains(&digits)
}

fn is_network_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

/// What stands where something was hidden.
const HIDDEN: &str = "…";

/// Characters of a refused text that are looked at; fewer of them are kept.
const MASKED_CHARACTERS: usize = 400;

/// Returns a refused value so that it can be shown: where it is JSON, or should be, its shape and
/// its keys, but no text and no long number.
pub(in crate::collect) fn masked(text: &str) -> String {
    let is_value = !text.starts_with(['{', '[']) && !text.contains('"');
    if is_value && text.len() <= TEXT_BYTES_MAX && !text.contains(',') {
        return if looks_personal(text) { HIDDEN.to_owned() } else { text.to_owned() };
    }
    let characters: Vec<char> = text.chars().take(MASKED_CHARACTERS).collect();
    let mut shown = String::new();
    let mut rest = &characters[..];
    while let [first, after @ ..] = rest {
        if *first == '"' {
            rest = mask_string(after, &mut shown);
        } else if first.is_alphanumeric() {
            let length = rest.iter().take_while(|c| c.is_alphanumeric()).count();
            let word: String = rest[..length].iter().collect();
            let is_short = length < 5 && word.bytes().all(|byte| byte.is_ascii_digit());
            let is_literal = ["true", "false", "null", "NaN", "Infinity"].contains(&word.as_str());
            shown.push_str(if is_short || is_literal { &word } else { HIDDEN });
            rest = &rest[length..];
        } else {
            shown.push(*first);
            rest = after;
        }
    }
    shown
}

/// Shows a string that begins before `text` if it is a key, and returns what follows it.
fn mask_string<'c>(text: &'c [char], shown: &mut String) -> &'c [char] {
    let mut length = 0;
    while length < text.len() && text[length] != '"' {
        length += if text[length] == '\\' { 2 } else { 1 };
    }
    let (inner, rest) = text.split_at(length.min(text.len()));
    let rest = rest.split_first().map_or(rest, |(_, rest)| rest);
    let is_key = rest.iter().find(|c| !c.is_whitespace()) == Some(&':');
    let inner: String = inner.iter().collect();
    shown.push('"');
    shown.push_str(if is_key && !is_personal(&inner) { &inner } else { HIDDEN });
    shown.push('"');
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refused_value_shows_its_shape_and_not_who_somebody_is() {
        for (given, shown) in [
            ("someday", "someday"),
            ("-1", "-1"),
            ("ann@example.org", "…"),
            ("+49 171 1234567", "…"),
            (r#"{"a": "Ann", "b\"": 12, "c": 17850, NaN"#, r#"{"a": "…", "b\"": 12, "c": …, NaN"#),
            (r#"["ann@x.y", {"cut": "An"#, r#"["…", {"cut": "…""#),
            ("Ann,London,true,1.5", "…,…,true,1.5"),
        ] {
            assert_eq!(masked(given), shown, "{given}");
        }
    }

    #[test]
    fn words_are_in_order() {
        assert!(WORDS.is_sorted());
    }

    #[test]
    fn who_somebody_is_is_dropped_and_what_happened_is_kept() {
        let given = json!({
            "plan": "gold", "age": 31, "newsletter": true, "firstName": "Ann", "email": "a@b.c",
            "E-Mail": "x", "phone_number": "1", "address": {"street": "x", "plan": "y"}, "ip": "x",
            "contact": "ann@example.org", "secondary": "+49 171 1234567", "host": "10.0.0.1",
            "card_last4": "1234", "number": "4111 1111 1111 1111",
            "id_number": 110_101_199_003_074_514_i64,
            "story": "x".repeat(101), "nested": {"a": {"b": 1, "email": "a@b.c"}}, "姓名": "王",
            "since": "2024-01-02", "total": "123456789.25", "tags": ["new", "a@b.c"],
        });
        let expected = json!({
            "plan": "gold", "age": 31, "newsletter": true, "nested": {"a": {"b": 1}},
            "since": "2024-01-02", "total": "123456789.25", "tags": ["new"],
        });
        let given = given.as_object().unwrap();
        assert_eq!(Value::Object(kept(given, About::Person, &[])), expected);
        let product = json!({"name": "Mug", "review_body": "free text", "coupon": "SPRING"});
        let expected = json!({"name": "Mug", "coupon": "SPRING"});
        let kept = kept(product.as_object().unwrap(), About::Thing, &[]);
        assert_eq!(Value::Object(kept), expected);
    }

    #[test]
    fn nesting_ends() {
        let mut value = json!(1);
        for _ in 0..50 {
            value = json!({ "a": value });
        }
        assert_eq!(kept(value.as_object().unwrap(), About::Thing, &[]), Object::new());
    }
}
