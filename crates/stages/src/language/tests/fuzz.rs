//! Texts as somebody hostile writes them.

use std::time::Duration;

use shopwise_hostile::{Target, fuzz};

use super::*;

#[test]
fn fuzz_expressions() {
    let examples: &[&[u8]] = &[
        b"price < 50 and stock > 0 and category in (\"tea\", 'x') and not bought within 3 days",
        b"(hidden = false or attribute.\"net weight\" >= 2.5) and available_until < 3 days ahead",
        b"customer.segment in (\"vip\") and customer.last_seen before 2026-12-01 18:30",
        b"orders of (category = \"tea\" and price is known) within 90 days >= 2 or searches > 1",
        "价格＜50 且 类别 属于（“茶”、“咖啡”） 且 非 近 30 天 购买".as_bytes(),
    ];
    let words: Vec<&[u8]> = words::WORDS
        .iter()
        .flat_map(|entry| [entry.english.as_bytes(), entry.chinese.as_bytes()])
        .chain([b"(", b")", b"\"", b",", b"<=", b"!=", b" 7 ", b".", b"2026-12-01"] as [&[u8]; 9])
        .chain(["“", "」", "（", "≥", "\u{3000}"].map(str::as_bytes))
        .collect();
    let target = Target {
        name: "expressions",
        examples,
        words: &words,
        bytes_max: 16 << 10,
        time_max: Duration::from_secs(2),
    };
    let tea = tea();
    fuzz(&target, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let mut kinds = Vec::new();
        for about in [About::Products, About::Customers] {
            match Expression::read(&text, about) {
                Ok(read) => {
                    kinds.push(format!("{}", read.holds(&tea, NOON)));
                    let parts = read.conjuncts();
                    let all = parts.iter().all(|part| part.holds(&tea, NOON));
                    assert_eq!(all, read.holds(&tea, NOON));
                    for language in [Language::English, Language::Chinese] {
                        let printed = read.print(language);
                        if printed.chars().count() <= TEXT_MAX {
                            let again = Expression::read(&printed, about);
                            assert_eq!(again.as_ref(), Ok(&read), "{printed}");
                        }
                    }
                }
                Err(mistake) => {
                    let characters = text.chars().count();
                    assert!(mistake.start <= characters);
                    assert!(mistake.start + mistake.length <= characters.max(TEXT_MAX + 1));
                    assert!(mistake.to_string().contains('^'));
                    chinese::is_told_in_one_language_each(&text, &mistake);
                    let mistake = mistake.told_in(Language::English);
                    let told = mistake.message().rsplit(": ").next().unwrap_or_default();
                    kinds.push(told.chars().filter(|own| !own.is_numeric()).take(30).collect());
                }
            }
        }
        kinds
    });
}
