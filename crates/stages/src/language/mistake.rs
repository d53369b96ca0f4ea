//! What is wrong with a text, where, and what may stand there.

use std::fmt;

use super::lex::language;
use super::words::Language;

/// A phrase in English and in Chinese.
type Both = [Box<str>; 2];

/// Why a text is no expression, told in the language of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it begins: characters before it, over the whole text.
    pub start: usize,
    /// How many characters it has; 0 at the end of the text.
    pub length: usize,
    language: Language,
    message: Both,
    hint: Option<Both>,
    /// The line that it stands in.
    line: Box<str>,
    /// Characters before it in that line.
    column: usize,
    /// The number of the line, from 1.
    row: usize,
}

impl Mistake {
    pub(super) fn new(
        text: &str,
        start: usize,
        length: usize,
        message: [impl Into<Box<str>>; 2],
    ) -> Self {
        let (mut row, mut column, mut line) = (1, start, "");
        let mut before = 0;
        for (at, own) in text.split('\n').enumerate() {
            let characters = own.chars().count();
            if start <= before + characters {
                (row, column, line) = (at + 1, start - before, own);
                break;
            }
            before += characters + 1;
        }
        let (language, message) = (language(text), message.map(Into::into));
        Self { start, length, language, message, hint: None, line: line.into(), column, row }
    }

    pub(super) fn hint(self, hint: [impl Into<Box<str>>; 2]) -> Self {
        Self { hint: Some(hint.map(Into::into)), ..self }
    }

    /// Returns the mistake told in the language of a reader, whatever that of the text is.
    #[must_use]
    pub fn told_in(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// Returns what was found and what is allowed.
    #[must_use]
    pub fn message(&self) -> &str {
        self.say(&self.message)
    }

    /// Returns advice, where there is some.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_ref().map(|hint| self.say(hint))
    }

    /// Returns the message with the place, both in words and marked in the line, without advice.
    #[must_use]
    pub fn shown(&self) -> String {
        let (row, character) = (self.row, self.column + 1);
        let place = match self.language {
            Language::English => format!(" (line {row}, character {character})"),
            Language::Chinese => format!("（第 {row} 行，第 {character} 个字符）"),
        };
        // A few words before and behind it, so that a long line can be shown.
        let first = self.column.saturating_sub(SHOWN / 2);
        let shown: Vec<char> = self.line.chars().skip(first).take(SHOWN).collect();
        let before = self.column - first;
        let marked = self.length.clamp(1, SHOWN.saturating_sub(before).max(1));
        let pad = shown.iter().take(before).map(|own| if is_wide(*own) { '\u{3000}' } else { ' ' });
        let marks = (0..marked).map(|at| match shown.get(before + at) {
            Some(own) if is_wide(*own) => "^^",
            _ => "^",
        });
        let (pad, marks) = (pad.collect::<String>(), marks.collect::<String>());
        let shown: String = shown.iter().collect();
        format!("{}{place}\n  {shown}\n  {pad}{marks}", self.message())
    }

    /// Returns all of it behind words on what is wrong, which are in English and in Chinese.
    #[must_use]
    pub fn behind(&self, [english, chinese]: [&str; 2]) -> String {
        match self.language {
            Language::English => format!("{english}: {self}"),
            Language::Chinese => format!("{chinese}：{self}"),
        }
    }

    fn say<'a>(&self, [english, chinese]: &'a Both) -> &'a str {
        match self.language {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown())?;
        match (self.advice(), self.language) {
            (None, _) => Ok(()),
            (Some(advice), Language::English) => write!(out, "\nhint: {advice}"),
            (Some(advice), Language::Chinese) => write!(out, "\n提示：{advice}"),
        }
    }
}

impl std::error::Error for Mistake {}

/// Characters of a line that are shown.
const SHOWN: usize = 80;

/// Returns whether a character takes the room of two, as Chinese ones do.
fn is_wide(character: char) -> bool {
    matches!(u32::from(character), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3
        | 0xf900..=0xfaff | 0xfe30..=0xfe4f | 0xff00..=0xff60 | 0xffe0..=0xffe6
        | 0x2_0000..=0x3_fffd)
}

/// Returns which of the words a wrong one was probably meant to be.
pub(super) fn meant<'a>(wrong: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.chars().flat_map(char::to_lowercase).take(40).collect();
    let most = 1 + wrong.len() / 4;
    let close = words.filter_map(|word| {
        let own: Vec<char> = word.chars().collect();
        let distance = distance(&wrong, &own);
        // Nothing in common is no resemblance.
        (distance <= most && distance < own.len().max(wrong.len())).then_some((distance, word))
    });
    close.min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// Returns how many letters must be changed, added, left out or exchanged with their neighbour
/// (Damerau 1964, each place at most once).
fn distance(left: &[char], right: &[char]) -> usize {
    let width = right.len() + 1;
    let mut rows = vec![0; (left.len() + 1) * width];
    for (at, first) in rows.iter_mut().take(width).enumerate() {
        *first = at;
    }
    for (row, own) in left.iter().enumerate() {
        rows[(row + 1) * width] = row + 1;
        for (column, other) in right.iter().enumerate() {
            let here = (row + 1) * width + column + 1;
            let changed = rows[here - width - 1] + usize::from(own != other);
            let mut least = changed.min(rows[here - 1] + 1).min(rows[here - width] + 1);
            if row > 0 && column > 0 && *own == right[column - 1] && left[row - 1] == *other {
                least = least.min(rows[here - 2 * width - 2] + 1);
            }
            rows[here] = least;
        }
    }
    rows.last().copied().unwrap_or(0)
}
