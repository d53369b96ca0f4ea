//! Figures as people read them: short in sentences with the exact one behind, whole in tables.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shopwise_learn::evaluate::binary::{Z_95, wilson_interval};

use super::words::{Words, say};

/// From here on a count is shortened in English, and in Chinese.
const SHORT_EN: f64 = 100_000.0;
const SHORT_ZH: f64 = 10_000.0;

/// Signs of currencies that need no explanation; others are called by their code.
const SIGNS: &[(&str, &str)] =
    &[("CNY", "¥"), ("USD", "$"), ("EUR", "€"), ("GBP", "£"), ("JPY", "JP¥"), ("INR", "₹")];

/// Returns 1234567 as `1,234,567`.
pub(crate) fn exact(value: f64) -> String {
    decimals(value, 0)
}

/// Returns a number with grouped digits and so many decimals.
pub(crate) fn decimals(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.digits$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push_str(rest);
    // What rounds to nothing has no sign.
    let is_zero = grouped.chars().all(|letter| matches!(letter, '0' | '.' | ','));
    if value < 0.0 && !is_zero { format!("−{grouped}") } else { grouped }
}

/// Returns three significant digits: 1.23, 12.3, 123.
fn three(value: f64) -> String {
    let digits = match value.abs() {
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    decimals(value, digits)
}

fn short_en(value: f64, whole: &str) -> String {
    match value.abs() {
        size if size >= 999.5e6 => format!("{} B", three(value / 1e9)),
        size if size >= 999.5e3 => format!("{} M", three(value / 1e6)),
        size if size >= SHORT_EN => format!("{} k", three(value / 1e3)),
        _ => whole.to_owned(),
    }
}

fn short_zh(value: f64, whole: &str) -> String {
    match value.abs() {
        size if size >= 99.95e6 => format!("{}亿", three(value / 1e8)),
        size if size >= SHORT_ZH => format!("{}万", three(value / 1e4)),
        _ => whole.to_owned(),
    }
}

/// Returns a count for a sentence: `1.23 M`, `123万`, exact when pointed at.
pub(crate) fn count(value: f64) -> Words {
    let whole = exact(value);
    Words { en: short_en(value, &whole), zh: short_zh(value, &whole) }.titled(&whole)
}

/// Returns an amount for a sentence, in units of the currency.
pub(crate) fn money(currency: &str, value: f64) -> Words {
    let digits = if value.abs() < 1000.0 { 2 } else { 0 };
    let size = value.abs();
    let whole = decimals(size, digits);
    let minus = if value < 0.0 { "−" } else { "" };
    let sign = format!("{minus}{}", sign(currency));
    let words = Words { en: short_en(size, &whole), zh: short_zh(size, &whole) };
    say("{sign}{value}", "{sign}{value}", &[("sign", Words::data(&sign)), ("value", words)])
        .titled(&format!("{currency} {}", decimals(value, 2)))
}

/// Returns what stands before an amount.
pub(crate) fn sign(currency: &str) -> String {
    match SIGNS.iter().find(|(code, _)| *code == currency) {
        Some((_, sign)) => (*sign).to_owned(),
        None => format!("{currency}\u{a0}"),
    }
}

/// Returns a share with the digits that so many cases support: the last digit is about the size of
/// its standard error.
pub(crate) fn percent(share: f64, cases: f64) -> Words {
    fixed_percent(share, digits_of(share, cases))
}

fn digits_of(share: f64, cases: f64) -> usize {
    let spread = (share.abs().min(1.0) * (1.0 - share.abs().min(1.0))).max(1.0 / cases.max(1.0));
    let error = 100.0 * (spread / cases.max(1.0)).sqrt();
    (-error.log10()).ceil().clamp(0.0, 2.0) as usize
}

/// Returns a share in hundredths with so many decimals.
pub(crate) fn fixed_percent(share: f64, digits: usize) -> Words {
    if !share.is_finite() {
        return Words::data("–");
    }
    let text = decimals(100.0 * share, digits);
    Words { en: format!("{text}\u{202f}%"), zh: format!("{text}%") }
}

/// Returns a rate of so many among so many: the share and its 95 % interval.
pub(crate) fn rate(part: f64, whole: f64) -> Words {
    if whole <= 0.0 {
        return Words::data("–");
    }
    let (low, high) = wilson_interval(part as usize, whole as usize, Z_95);
    let digits = digits_of(part / whole, whole).max(1);
    let text = |value: f64| Words::data(&decimals(100.0 * value, digits));
    say(
        "{rate} <span class=soft>({low}–{high})</span>",
        "{rate}<span class=soft>（{low}–{high}）</span>",
        &[("rate", fixed_percent(part / whole, digits)), ("low", text(low)), ("high", text(high))],
    )
}

/// Returns a change as an arrow with a word for who cannot see it: `▲ 12 %`.
pub(crate) fn change(new: f64, old: f64, better: Better) -> Words {
    if old <= 0.0 {
        return Words::data("–");
    }
    let share = new / old - 1.0;
    let digits = if share.abs() < 0.1 { 1 } else { 0 };
    let up = share > 0.0;
    let class = match (better, up) {
        (Better::More, true) | (Better::Less, false) => "good",
        _ => "bad",
    };
    if share.abs() < 0.0005 {
        return Words::new("unchanged", "持平");
    }
    let (en, zh, arrow) = if up { ("up", "增", "▲") } else { ("down", "减", "▼") };
    say(
        &format!("<span class={class}>{arrow} {en} {{share}}</span>"),
        &format!("<span class={class}>{arrow} {zh} {{share}}</span>"),
        &[("share", fixed_percent(share.abs(), digits))],
    )
}

/// Returns a moment as `2011-12-09 12:50` in a time zone.
pub(crate) fn moment(micros: i64, zone: &TimeZone) -> String {
    let moment = Timestamp::from_microsecond(micros).unwrap_or_default();
    zone.to_datetime(moment).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_in_both_languages_and_exact_behind() {
        let words = count(1_234_567.0);
        assert_eq!(words.en, "<span class=figure title=\"1,234,567\">1.23 M</span>");
        assert_eq!(words.zh, "<span class=figure title=\"1,234,567\">123万</span>");
        assert!(money("CNY", 234_000_000.0).zh.contains(">¥2.34亿<"));
        assert!(money("GBP", 533.172).en.contains(">£533.17<"));
        assert!(money("CHF", 1.0).en.contains("CHF\u{a0}1.00"));
        assert!(money("USD", -0.5).en.contains(">−$0.50<"));
        assert_eq!(exact(-1_234.4), "−1,234");
        assert_eq!(decimals(-0.004, 2), "0.00");
    }

    #[test]
    fn a_share_has_the_digits_that_its_cases_support() {
        // Standard errors: 5 points, 0.5 points, 0.05 points.
        assert_eq!(percent(0.5, 100.0).zh, "50%");
        assert_eq!(percent(0.5, 10_000.0).zh, "50.0%");
        assert_eq!(percent(0.5, 1_000_000.0).zh, "50.00%");
        assert_eq!(percent(0.0, 10.0).en, "0\u{202f}%");
    }

    #[test]
    fn a_change_says_its_direction_in_a_word_and_an_arrow() {
        assert!(change(112.0, 100.0, Better::More).en.contains("class=good>▲ up 12"));
        assert!(change(112.0, 100.0, Better::Less).zh.contains("class=bad>▲ 增 12%"));
        assert_eq!(change(1.0, 0.0, Better::More).en, "–");
    }
}
