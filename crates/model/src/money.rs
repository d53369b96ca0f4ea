//! Money as whole millionths of a currency's unit, and what it is worth in the shop's currency.

use rustc_hash::FxHashMap;

use crate::frame::NULL_INT;

/// Millionths in one unit of a currency.
pub const MICROS: i64 = 1_000_000;

/// Returns the amount in millionths, rounded half away from zero, or `None` when `units` is not
/// finite or too large.
#[must_use]
pub fn micros_from_units(units: f64) -> Option<i64> {
    let micros = (units * 1e6).round();
    (micros.abs() < 9.0e18).then_some(micros as i64)
}

/// Returns the amount in units of the currency.
#[must_use]
pub fn units_from_micros(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Parses a decimal number exactly into millionths: `2.55`, `-11062.06`, `1e3` is refused.
///
/// Digits behind the sixth are dropped. `None` when the text is not such a number or is too large.
#[must_use]
pub fn parse_micros(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut value: i64 = 0;
    let mut decimals: Option<u32> = None;
    let mut any = false;
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                any = true;
                if decimals == Some(6) {
                    continue;
                }
                value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
                decimals = decimals.map(|count| count + 1);
            }
            b'.' if decimals.is_none() => decimals = Some(0),
            _ => return None,
        }
    }
    let value = value.checked_mul(10_i64.pow(6 - decimals.unwrap_or(0)))?;
    any.then_some(if negative { -value } else { value })
}

/// Returns whether this is written as a currency: three capital letters (ISO 4217).
#[must_use]
pub fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// What one unit of a currency is worth in the shop's currency, from a day on.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Rate {
    /// The currency, three capital letters (ISO 4217).
    pub currency: String,
    /// The first day on which the rate holds, counted from 1970-01-01.
    pub day: i32,
    /// Units of the shop's currency for one unit of `currency`; above 0.
    pub rate: f64,
}

/// The dated rates of a shop.
///
/// ```
/// use shopwise_model::money::{Rate, Rates};
/// let rate = |day, rate| Rate { currency: "EUR".to_owned(), day, rate };
/// let rates = Rates::new("USD", &[rate(10, 1.25), rate(20, 1.5)]);
/// assert_eq!(rates.convert(4_000_000, "EUR", 19), Some(5_000_000));
/// assert_eq!(rates.convert(4_000_000, "EUR", 20), Some(6_000_000));
/// assert_eq!(rates.convert(4_000_000, "EUR", 9), None);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    own: String,
    /// (day, rate) in the order of days.
    by_currency: FxHashMap<String, Vec<(i32, f64)>>,
}

impl Rates {
    /// Returns the rates of a shop that counts in `own`. Of two rates of one day the later holds;
    /// rates that are not above 0 are left out.
    #[must_use]
    pub fn new(own: &str, rates: &[Rate]) -> Self {
        let mut by_currency: FxHashMap<String, Vec<(i32, f64)>> = FxHashMap::default();
        for rate in rates.iter().filter(|rate| rate.rate > 0.0 && rate.rate.is_finite()) {
            by_currency.entry(rate.currency.clone()).or_default().push((rate.day, rate.rate));
        }
        for dated in by_currency.values_mut() {
            dated.sort_by_key(|(day, _)| *day);
        }
        Self { own: own.to_owned(), by_currency }
    }

    /// Returns what an amount in millionths of `currency` is worth in millionths of the shop's
    /// currency, by the newest rate on or before `day` (counted from 1970-01-01 in the shop's time
    /// zone), rounded half away from zero.
    ///
    /// `None` when there is no such rate, the amount is missing, or the worth is too large.
    #[must_use]
    pub fn convert(&self, amount: i64, currency: &str, day: i32) -> Option<i64> {
        if amount == NULL_INT {
            return None;
        }
        if currency == self.own {
            return Some(amount);
        }
        let dated = self.by_currency.get(currency)?;
        let after = dated.partition_point(|(from, _)| *from <= day);
        let (_, rate) = dated.get(after.checked_sub(1)?)?;
        let worth = (amount as f64 * rate).round();
        (worth.abs() < 9.0e18).then_some(worth as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(currency: &str, day: i32, rate: f64) -> Rate {
        Rate { currency: currency.to_owned(), day, rate }
    }

    #[test]
    fn the_newest_rate_on_or_before_the_day_holds() {
        let rates = [rate("JPY", 20, 0.01), rate("EUR", 10, 1.1), rate("JPY", 10, 0.0065)];
        let rates = Rates::new("USD", &rates);
        // 1,000 yen at 0.0065 are 6.50 dollars.
        for (day, worth) in
            [(9, None), (10, Some(6_500_000)), (19, Some(6_500_000)), (99, Some(10_000_000))]
        {
            assert_eq!(rates.convert(1_000 * MICROS, "JPY", day), worth, "day {day}");
        }
        assert_eq!(rates.convert(-2_550_000, "EUR", 11), Some(-2_805_000));
        assert_eq!(rates.convert(-1, "USD", 0), Some(-1), "the shop's own needs no rate");
        assert_eq!(rates.convert(1, "GBP", 99), None, "an unknown currency has no worth");
        assert_eq!(rates.convert(NULL_INT, "USD", 99), None, "what is missing stays missing");
        assert_eq!(rates.convert(i64::MAX, "EUR", 99), None, "what is too large has no worth");
    }

    #[test]
    fn of_two_rates_of_a_day_the_later_holds_and_wrong_ones_do_not() {
        let rates = [rate("EUR", 1, 2.0), rate("EUR", 1, 3.0), rate("EUR", 1, f64::NAN)];
        assert_eq!(Rates::new("USD", &rates).convert(2, "EUR", 1), Some(6));
        let rates = [rate("EUR", 1, 0.0), rate("EUR", 1, -1.0), rate("EUR", 1, f64::INFINITY)];
        assert_eq!(Rates::new("USD", &rates).convert(2, "EUR", 1), None);
        assert!(is_currency("EUR") && !is_currency("eur") && !is_currency("EURO"));
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(parse_micros(b"2.55"), Some(2_550_000));
        assert_eq!(parse_micros(b"-11062.06"), Some(-11_062_060_000));
        assert_eq!(parse_micros(b"0.0000019"), Some(1));
        assert_eq!(parse_micros(b"7"), Some(7_000_000));
        for wrong in ["", ".", "-", "1e3", "1,5", "NaN", "1.2.3", "99999999999999999999"] {
            assert_eq!(parse_micros(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
