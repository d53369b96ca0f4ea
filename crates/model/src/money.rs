//! Money as whole millionths of a currency's unit.

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

#[cfg(test)]
mod tests {
    use super::*;

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
