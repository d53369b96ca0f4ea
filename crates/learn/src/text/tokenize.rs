//! Cuts a text into tokens: Latin words, numbers, Chinese characters and their pairs.
//!
//! Chinese has no spaces; overlapping pairs of characters find most two-character words without a
//! dictionary, and single characters catch the rest. No stemming, no stop words, no normal form of
//! accents.

/// How far the full-width form of an ASCII character lies above it (U+FF01 is `!`).
const FULL_WIDTH_DISTANCE: u32 = 0xFEE0;

/// Returns the tokens of `text` in order.
///
/// Letters and digits that stand together are one token, in lower case, full-width forms as ASCII;
/// an apostrophe inside a word is dropped. Each Chinese character is a token, and so is each pair
/// of neighbouring ones, after its first character's token.
///
/// ```
/// use shopwise_learn::text::tokens;
/// assert_eq!(tokens("Children's Tea-Set"), ["childrens", "tea", "set"]);
/// assert_eq!(tokens("红茶杯 2L"), ["红", "红茶", "茶", "茶杯", "杯", "2l"]);
/// ```
#[must_use]
pub fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut letters = text.chars().map(half_width).peekable();
    while let Some(letter) = letters.next() {
        if is_chinese(letter) {
            take_word(&mut word, &mut found);
            found.push(letter.to_string());
            if let Some(next) = letters.peek().filter(|next| is_chinese(**next)) {
                found.push([letter, *next].iter().collect());
            }
        } else if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        } else if !matches!(letter, '\'' | '’') {
            take_word(&mut word, &mut found);
        }
    }
    take_word(&mut word, &mut found);
    found
}

fn take_word(word: &mut String, found: &mut Vec<String>) {
    if !word.is_empty() {
        found.push(std::mem::take(word));
    }
}

fn half_width(letter: char) -> char {
    match letter {
        '\u{FF01}'..='\u{FF5E}' => {
            char::from_u32(letter as u32 - FULL_WIDTH_DISTANCE).unwrap_or(letter)
        }
        _ => letter,
    }
}

/// Returns whether `letter` is a Chinese character: CJK unified ideographs with extensions A to H
/// and the compatibility blocks (Unicode 16, chapter 18).
#[must_use]
pub fn is_chinese(letter: char) -> bool {
    matches!(letter,
        '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{2FA1F}'
        | '\u{30000}'..='\u{323AF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(tokens(text), expected, "{text:?}");
    }

    #[test]
    fn latin_words_are_lower_cased_and_cut_at_what_is_no_letter_or_digit() {
        check("WHITE hanging Heart T-Light", &["white", "hanging", "heart", "t", "light"]);
        check("Crème brûlée, 12oz", &["crème", "brûlée", "12oz"]);
        check("don't ‘quote’", &["dont", "quote"]);
    }

    #[test]
    fn chinese_gives_characters_and_pairs_within_one_run() {
        check("茶杯", &["茶", "茶杯", "杯"]);
        check("茶，杯", &["茶", "杯"]);
        check("买iPhone手机", &["买", "iphone", "手", "手机", "机"]);
    }

    #[test]
    fn full_width_letters_are_read_as_ascii() {
        check("ＸＬ码１２", &["xl", "码", "12"]);
    }

    #[test]
    fn nothing_gives_nothing() {
        check("", &[]);
        check(" \u{3000}…!", &[]);
        check("'", &[]);
    }
}
