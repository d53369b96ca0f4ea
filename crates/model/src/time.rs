//! Time as UTC microseconds, and reading it from text.

use jiff::tz::TimeZone;

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a day of 86,400 seconds.
pub const DAY: i64 = 86_400 * SECOND;

/// How a file writes its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateFormat {
    /// `2010-12-01 08:26:00`, `2010-12-01T08:26Z`, `2010/12/01`: the year first.
    YearFirst,
    /// `31/12/2010 08:26`: the day first.
    DayFirst,
    /// `12/31/2010 08:26`: the month first.
    MonthFirst,
    /// Seconds, milliseconds or microseconds since 1970, told apart by their size.
    Epoch,
}

impl DateFormat {
    /// Every format, with the name used on the command line.
    pub const ALL: &[(&'static str, Self)] = &[
        ("year-first", Self::YearFirst),
        ("day-first", Self::DayFirst),
        ("month-first", Self::MonthFirst),
        ("epoch", Self::Epoch),
    ];

    /// Returns the format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(own, _)| *own == name).map(|(_, format)| *format)
    }

    /// Returns the formats in which `text` is a date, most likely first.
    #[must_use]
    pub fn possible(text: &str, zone: &TimeZone) -> Vec<Self> {
        Self::ALL
            .iter()
            .map(|(_, format)| *format)
            .filter(|format| parse(text, *format, zone).is_some())
            .collect()
    }
}

/// Returns the moment that `text` names, or `None`. Without an offset the time is in `zone`.
///
/// In a gap of local time the moment after the gap is meant, in a fold the earlier one (RFC 5545).
#[must_use]
pub fn parse(text: &str, format: DateFormat, zone: &TimeZone) -> Option<i64> {
    let text = text.trim();
    if format == DateFormat::Epoch {
        return parse_epoch(text);
    }
    let mut numbers = Numbers { bytes: text.as_bytes(), at: 0 };
    let first = numbers.number()?;
    let first_digits = numbers.at;
    numbers.skip(b"-/.")?;
    let second = numbers.number()?;
    numbers.skip(b"-/.")?;
    let third = numbers.number()?;
    let (year, month, day) = match format {
        DateFormat::YearFirst if first_digits == 4 => (first, second, third),
        DateFormat::DayFirst if first_digits <= 2 => (century(third), second, first),
        DateFormat::MonthFirst if first_digits <= 2 => (century(third), first, second),
        _ => return None,
    };
    let (clock, rest) = parse_clock(&mut numbers)?;
    let date = jiff::civil::Date::new(year.try_into().ok()?, small(month)?, small(day)?).ok()?;
    let local = date.at(clock[0], clock[1], clock[2], 0);
    let seconds = match parse_offset(rest)? {
        Some(offset) => TimeZone::UTC.to_timestamp(local).ok()?.as_second() - offset,
        None => zone.to_timestamp(local).ok()?.as_second(),
    };
    Some(seconds * SECOND + i64::from(clock_micros(&numbers)))
}

struct Numbers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Numbers<'_> {
    fn number(&mut self) -> Option<i32> {
        let start = self.at;
        let mut value = 0_i32;
        while let Some(byte @ b'0'..=b'9') = self.bytes.get(self.at) {
            value = value.checked_mul(10)?.checked_add(i32::from(byte - b'0'))?;
            self.at += 1;
        }
        (self.at > start && self.at - start <= 4).then_some(value)
    }

    fn skip(&mut self, any_of: &[u8]) -> Option<()> {
        let byte = self.bytes.get(self.at)?;
        any_of.contains(byte).then(|| self.at += 1)
    }
}

/// Reads `T08:26:00.123`, leaving what follows (the offset). The fraction stays in `numbers`.
fn parse_clock<'a>(numbers: &mut Numbers<'a>) -> Option<([i8; 3], &'a [u8])> {
    let mut clock = [0_i8; 3];
    if numbers.at == numbers.bytes.len() {
        return Some((clock, &[]));
    }
    numbers.skip(b"T ")?;
    clock[0] = small(numbers.number()?)?;
    numbers.skip(b":")?;
    clock[1] = small(numbers.number()?)?;
    if numbers.skip(b":").is_some() {
        clock[2] = small(numbers.number()?)?;
    }
    let mut rest = numbers.bytes.get(numbers.at..)?;
    if let [b'.' | b',', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = fraction.get(digits..)?;
    }
    let in_range = clock[0] < 24 && clock[1] < 60 && clock[2] < 60;
    in_range.then_some((clock, rest))
}

/// Returns the microseconds of the fraction that begins where `numbers` stopped.
fn clock_micros(numbers: &Numbers<'_>) -> i32 {
    let Some([b'.' | b',', fraction @ ..]) = numbers.bytes.get(numbers.at..) else { return 0 };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
    let (mut micros, mut scale) = (0, 100_000);
    for byte in digits {
        micros += i32::from(byte - b'0') * scale;
        scale /= 10;
    }
    micros
}

/// Returns the seconds east of UTC: `Z`, `+08:00`, `-0500`; inner `None` when there is no offset.
#[expect(clippy::option_option, reason = "outer: readable, inner: present")]
fn parse_offset(rest: &[u8]) -> Option<Option<i64>> {
    let sign = match rest.first() {
        None => return Some(None),
        Some(b'Z' | b'z') if rest.len() == 1 => return Some(Some(0)),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let digits: Vec<i64> =
        rest[1..].iter().filter(|byte| **byte != b':').map(|byte| i64::from(*byte) - 48).collect();
    if digits.iter().any(|digit| !(0..=9).contains(digit)) {
        return None;
    }
    match digits[..] {
        [a, b] => Some(Some(sign * (a * 10 + b) * 3600)),
        [a, b, c, d] => Some(Some(sign * ((a * 10 + b) * 3600 + (c * 10 + d) * 60))),
        _ => None,
    }
}

fn parse_epoch(text: &str) -> Option<i64> {
    let value: i64 = text.parse().ok()?;
    // Seconds reach 10^11 in the year 5138, milliseconds reach 10^14 then.
    match value.unsigned_abs() {
        0..100_000_000_000 => value.checked_mul(SECOND),
        100_000_000_000..100_000_000_000_000 => value.checked_mul(1_000),
        _ => Some(value),
    }
}

fn century(year: i32) -> i32 {
    if year < 100 { 2000 + year } else { year }
}

fn small(value: i32) -> Option<i8> {
    i8::try_from(value).ok()
}

/// Returns the moment as `2010-12-01T08:26:00Z`.
#[must_use]
pub fn format(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .map_or_else(|_| format!("{micros} µs"), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_in_many_spellings() {
        let utc = TimeZone::UTC;
        let moment = Some(1_291_191_960_000_000);
        for text in ["2010-12-01 08:26:00", "2010-12-01T08:26Z", "2010/12/1 8:26"] {
            assert_eq!(parse(text, DateFormat::YearFirst, &utc), moment, "{text}");
        }
        assert_eq!(parse("2010-12-01T16:26:00+08:00", DateFormat::YearFirst, &utc), moment);
        assert_eq!(parse("01/12/2010 08:26", DateFormat::DayFirst, &utc), moment);
        assert_eq!(parse("12/1/10 8:26", DateFormat::MonthFirst, &utc), moment);
        assert_eq!(parse("1291191960", DateFormat::Epoch, &utc), moment);
        assert_eq!(parse("1291191960000", DateFormat::Epoch, &utc), moment);
        let fraction = parse("2010-12-01T08:26:00.250Z", DateFormat::YearFirst, &utc);
        assert_eq!(fraction, moment.map(|micros| micros + 250_000));
        assert_eq!(format(1_291_191_960_000_000), "2010-12-01T08:26:00Z");
    }

    #[test]
    fn naive_times_are_read_in_the_zone() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let parsed = parse("2010-12-01 16:26", DateFormat::YearFirst, &zone);
        assert_eq!(parsed, Some(1_291_191_960_000_000));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in ["", "hello", "2010-13-01", "2010-02-30", "25:00", "2010-12-01 25:00", "12"] {
            assert_eq!(parse(text, DateFormat::YearFirst, &TimeZone::UTC), None, "{text}");
        }
        let both = DateFormat::possible("03/04/2010", &TimeZone::UTC);
        assert_eq!(both, [DateFormat::DayFirst, DateFormat::MonthFirst]);
    }
}
