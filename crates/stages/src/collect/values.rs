//! Values of fields: text to numbers, with the reason when there is none.

use shopwise_model::money::parse_micros;
use shopwise_store::source::RawBatch;

/// Why a value is refused.
pub(crate) type Reason = &'static str;

/// Returns an amount ≥ 0 in millionths.
pub(crate) fn money(text: &str) -> Result<i64, Reason> {
    match parse_micros(text.as_bytes()) {
        None => Err("not an amount"),
        Some(..0) => Err("must be ≥ 0"),
        Some(amount) => Ok(amount),
    }
}

/// Returns a whole number ≥ 0; `3.0` is one.
pub(crate) fn whole(text: &str) -> Result<i64, Reason> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if zeros.bytes().all(|byte| byte == b'0') => digits,
        _ => text,
    };
    match digits.parse() {
        Err(_) => Err("not a whole number"),
        Ok(..0) => Err("must be ≥ 0"),
        Ok(number) => Ok(number),
    }
}

/// Returns a number; NaN and infinity are none.
pub(crate) fn number(text: &str) -> Result<f64, Reason> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or("not a number")
}

/// Returns the moment that a number of seconds since 1970 names, or of milliseconds, told apart by
/// their size; UTC microseconds.
pub(crate) fn seconds(text: &str) -> Result<i64, Reason> {
    // Seconds reach 10^11 in the year 5138, milliseconds reach 10^14 then.
    match number(text).map_err(|_| "not seconds since 1970")? {
        seconds if seconds.abs() < 1e11 => Ok((seconds * 1e6) as i64),
        milliseconds if milliseconds.abs() < 1e14 => Ok((milliseconds * 1e3) as i64),
        _ => Err("not seconds since 1970"),
    }
}

/// Returns what a flag says, as spreadsheets and programs write it.
pub(crate) fn flag(text: &str) -> Result<bool, Reason> {
    match text.to_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "是" => Ok(true),
        "false" | "0" | "no" | "n" | "否" => Ok(false),
        _ => Err("must be true or false"),
    }
}

/// Returns a probability with which something happened.
pub(crate) fn propensity(text: &str) -> Result<f64, Reason> {
    let share = number(text)?;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err("must be above 0 and at most 1") }
}

/// Returns a field without space around it, `None` when nothing is left.
pub(crate) fn field(batch: &RawBatch, row: usize, column: Option<usize>) -> Option<&str> {
    let text = batch.text(row, column?).trim();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_why_they_are_none() {
        assert_eq!(money("2.55"), Ok(2_550_000));
        assert_eq!((money("-1"), money("x")), (Err("must be ≥ 0"), Err("not an amount")));
        assert_eq!((whole("3"), whole("3.0")), (Ok(3), Ok(3)));
        assert_eq!((whole("-3"), whole("3.5")), (Err("must be ≥ 0"), Err("not a whole number")));
        for wrong in ["NaN", "inf", "-Infinity", "", "1,5"] {
            assert_eq!(number(wrong), Err("not a number"), "{wrong}");
        }
        assert_eq!((propensity("1"), propensity("0.25")), (Ok(1.0), Ok(0.25)));
        assert!(propensity("0").is_err() && propensity("1.1").is_err());
        assert_eq!(seconds("881250949.5"), Ok(881_250_949_500_000));
        assert_eq!(seconds("881250949000"), Ok(881_250_949_000_000));
        assert!(seconds("").is_err() && seconds("1e18").is_err() && seconds("soon").is_err());
    }
}
