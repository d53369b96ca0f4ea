//! A text in pieces: words, numbers, texts, dates and signs, each with its place.

use jiff::tz::TimeZone;
use shopwise_model::time::{self, DateFormat};

use super::mistake::{Mistake, meant};
use super::tree::Op;
use super::words::{Entry, Language, Unit, WORDS, Word};

/// A piece of the text; places are counted in characters.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) is: Piece,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Word(Word),
    /// A word that nobody knows.
    Unknown(String),
    /// `attribute.` with the name behind it.
    Attribute(String),
    Number(f64),
    Text(String),
    /// A date as it was written, and the moment at which it begins.
    Date(String, i64),
    Op(Op),
    Open,
    Close,
    Comma,
    Dot,
    End,
}

/// Signs with which texts begin, and those with which they then end.
const QUOTES: &[(char, &[char])] = &[
    ('"', &['"']),
    ('\'', &['\'']),
    ('“', &['”', '“']),
    ('”', &['”', '“']),
    ('‘', &['’', '‘']),
    ('’', &['’', '‘']),
    ('「', &['」']),
    ('『', &['』']),
    ('＂', &['＂']),
];

/// Cuts a text into pieces, of which the last is [`Piece::End`].
pub(super) fn tokens(text: &str, zone: &TimeZone) -> Result<Vec<Token>, Mistake> {
    let raw: Vec<char> = text.chars().collect();
    let signs = raw.iter().map(|own| narrow(*own)).collect();
    let mut lexer = Lexer { text, raw, signs, zone, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    tokens.push(Token { start: lexer.at, length: 0, is: Piece::End });
    Ok(tokens)
}

/// Returns the language of a text: Chinese where a Chinese character stands outside quotes, since
/// what stands within them is the shop's own.
pub(super) fn language(text: &str) -> Language {
    let mut quote: Option<&[char]> = None;
    for own in text.chars() {
        match quote {
            Some(ends) if ends.contains(&own) => quote = None,
            Some(_) => {}
            None if is_han(own) => return Language::Chinese,
            None => quote = QUOTES.iter().find(|(open, _)| *open == own).map(|(_, ends)| *ends),
        }
    }
    Language::English
}

fn is_han(own: char) -> bool {
    matches!(u32::from(own), 0x3005 | 0x3007 | 0x3400..=0x4dbf | 0x4e00..=0x9fff
        | 0xf900..=0xfaff | 0x2_0000..=0x3_fffd)
}

/// Returns the sign that a full-width one stands for.
fn narrow(own: char) -> char {
    match own {
        '\u{3000}' => ' ',
        '、' => ',',
        '！'..='～' => char::from_u32(u32::from(own) - 0xfee0).unwrap_or(own),
        own => own,
    }
}

struct Lexer<'a> {
    text: &'a str,
    raw: Vec<char>,
    /// The same with full-width signs made narrow.
    signs: Vec<char>,
    zone: &'a TimeZone,
    at: usize,
}

impl Lexer<'_> {
    fn sign(&self, ahead: usize) -> char {
        self.signs.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn next(&mut self) -> Result<Option<Token>, Mistake> {
        while self.sign(0).is_whitespace() {
            self.at += 1;
        }
        let start = self.at;
        let Some(raw) = self.raw.get(start).copied() else { return Ok(None) };
        let is = match self.sign(0) {
            _ if QUOTES.iter().any(|(open, _)| *open == raw) => Piece::Text(self.quoted()?),
            first if first.is_ascii_digit() => self.number()?,
            '-' | '.' if self.sign(1).is_ascii_digit() => self.number()?,
            first if first == '_' || first.is_alphanumeric() => self.word()?,
            _ => self.mark()?,
        };
        Ok(Some(Token { start, length: self.at - start, is }))
    }

    fn wrong(&self, start: usize, length: usize, message: [impl Into<Box<str>>; 2]) -> Mistake {
        Mistake::new(self.text, start, length, message)
    }

    fn mark(&mut self) -> Result<Piece, Mistake> {
        let (piece, length) = match (self.sign(0), self.sign(1)) {
            ('<', '=') | ('≤' | '⩽', _) => (Piece::Op(Op::AtMost), 2),
            ('>', '=') | ('≥' | '⩾', _) => (Piece::Op(Op::AtLeast), 2),
            ('!', '=') | ('<', '>') | ('≠', _) => (Piece::Op(Op::Unequal), 2),
            ('=', '=') => (Piece::Op(Op::Equal), 2),
            ('<', _) => (Piece::Op(Op::Less), 1),
            ('>', _) => (Piece::Op(Op::More), 1),
            ('=', _) => (Piece::Op(Op::Equal), 1),
            ('(', _) => (Piece::Open, 1),
            (')', _) => (Piece::Close, 1),
            (',', _) => (Piece::Comma, 1),
            ('.', _) => (Piece::Dot, 1),
            (sign, _) => {
                let message =
                    [format!("`{sign}` means nothing here"), format!("`{sign}` 在这里没有意义")];
                let hint = match sign {
                    '&' => ["write `and` or `且`", "请写 `且`，`and` 也可以"],
                    '|' => ["write `or` or `或`", "请写 `或`，`or` 也可以"],
                    '!' => ["write `not` or `非`", "请写 `非`，`not` 也可以"],
                    '[' | '{' | '【' => ["lists and groups stand in ( )", "列表和分组写在 ( ) 里"],
                    _ => {
                        ["texts stand in quotes: \"tea\" or “茶”", "文字要加引号：“茶” 或 \"tea\""]
                    }
                };
                let wrong = self.wrong(self.at, 1, message);
                return Err(wrong.hint(hint));
            }
        };
        self.at +=
            if matches!(self.sign(0), '≤' | '⩽' | '≥' | '⩾' | '≠') { 1 } else { length };
        Ok(piece)
    }

    /// Reads a text in quotes; a straight one is doubled to stand within.
    fn quoted(&mut self) -> Result<String, Mistake> {
        let (start, open) = (self.at, self.raw[self.at]);
        let ends = QUOTES.iter().find(|(own, _)| *own == open).map_or(&[][..], |(_, ends)| ends);
        let mut text = String::new();
        self.at += 1;
        while let Some(own) = self.raw.get(self.at).copied() {
            self.at += 1;
            if !ends.contains(&own) {
                text.push(own);
            } else if own == open
                && matches!(own, '"' | '\'')
                && self.raw.get(self.at) == Some(&own)
            {
                text.push(own);
                self.at += 1;
            } else {
                return Ok(text);
            }
        }
        let end = ends.first().copied().unwrap_or(open);
        let wrong = self.wrong(start, 1, ["this text has no end", "这段文字缺少结尾的引号"]);
        Err(wrong.hint([format!("close it with {end}"), format!("请在末尾加上 {end}")]))
    }

    fn digits(&mut self) -> usize {
        let begun = self.at;
        while self.sign(0).is_ascii_digit() {
            self.at += 1;
        }
        self.at - begun
    }

    fn number(&mut self) -> Result<Piece, Mistake> {
        let start = self.at;
        self.at += usize::from(self.sign(0) == '-');
        let digits = self.digits();
        if digits == 4 && self.sign(0) == '-' && self.sign(1).is_ascii_digit() {
            return self.date(start);
        }
        if self.sign(0) == '.' && self.sign(1).is_ascii_digit() {
            self.at += 1;
            self.digits();
        }
        let written: String = self.signs[start..self.at].iter().collect();
        match written.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Piece::Number(number)),
            _ => {
                let length = self.at - start;
                Err(self.wrong(start, length, ["this number is too large", "这个数太大"]))
            }
        }
    }

    /// Reads `2026-12-01` or `2026-12-01 18:30`.
    fn date(&mut self, start: usize) -> Result<Piece, Mistake> {
        for _ in 0..2 {
            if self.sign(0) == '-' {
                self.at += 1;
                self.digits();
            }
        }
        let is_clock = |ahead: usize| {
            self.sign(ahead).is_ascii_digit()
                && (self.sign(ahead + 1) == ':' || self.sign(ahead + 2) == ':')
        };
        if matches!(self.sign(0), ' ' | 'T') && is_clock(1) {
            self.at += 1;
            self.digits();
            for _ in 0..2 {
                if self.sign(0) == ':' && self.sign(1).is_ascii_digit() {
                    self.at += 1;
                    self.digits();
                }
            }
        }
        let written: String = self.signs[start..self.at].iter().collect();
        match time::parse(&written, DateFormat::YearFirst, self.zone) {
            Some(moment) => Ok(Piece::Date(written, moment)),
            None => {
                let length = self.at - start;
                let message =
                    [format!("`{written}` is no date"), format!("`{written}` 不是有效的日期")];
                Err(self.wrong(start, length, message).hint([
                    "write 2026-12-01 or 2026-12-01 18:30",
                    "请写成 2026-12-01 或 2026-12-01 18:30",
                ]))
            }
        }
    }

    fn word(&mut self) -> Result<Piece, Mistake> {
        let word = if self.sign(0).is_ascii() { self.english() } else { self.chinese() };
        if word == Piece::Word(Word::Attribute) && self.sign(0) == '.' {
            self.at += 1;
            return Ok(Piece::Attribute(self.attribute()?));
        }
        Ok(word)
    }

    /// Returns the letters of a run of them that begins so far ahead.
    fn run(&self, ahead: usize, is_own: impl Fn(char) -> bool) -> String {
        let rest = self.signs.get(self.at + ahead..).unwrap_or_default();
        rest.iter().take_while(|own| is_own(**own)).collect()
    }

    fn english(&mut self) -> Piece {
        let is_letter = |own: char| own == '_' || own.is_ascii_alphanumeric();
        let word = self.run(0, is_letter);
        let length = word.chars().count();
        let small = word.to_lowercase();
        let gap = self.run(length, char::is_whitespace).chars().count();
        let next = self.run(length + gap, is_letter);
        let pair = format!("{small} {}", next.to_lowercase());
        let find = |name: &str| WORDS.iter().find(|entry| entry.english == name);
        if let Some(entry) = find(&pair) {
            self.at += length + gap + next.chars().count();
            return Piece::Word(entry.word);
        }
        self.at += length;
        let is_unit = |entry: &&Entry| matches!(entry.word, Word::Unit(_));
        let one = || find(&format!("{small}s")).filter(is_unit);
        match find(&small).or_else(one) {
            Some(entry) => Piece::Word(entry.word),
            None => Piece::Unknown(word),
        }
    }

    /// Reads a Chinese word: nothing stands between them, so that the longest one is meant.
    fn chinese(&mut self) -> Piece {
        let run = self.run(0, |own| !own.is_ascii() && own.is_alphanumeric());
        let longest = |rest: &str| {
            let known = WORDS.iter().filter(|entry| rest.starts_with(entry.chinese));
            known.max_by_key(|entry| entry.chinese.len())
        };
        if let Some(entry) = longest(&run) {
            self.at += entry.chinese.chars().count();
            return Piece::Word(entry.word);
        }
        let places = run.char_indices().skip(1);
        let end = places
            .map(|(at, _)| at)
            .find(|at| longest(run.get(*at..).unwrap_or_default()).is_some());
        let word = run.get(..end.unwrap_or(run.len())).unwrap_or_default().to_owned();
        self.at += word.chars().count();
        Piece::Unknown(word)
    }

    fn attribute(&mut self) -> Result<String, Mistake> {
        let start = self.at;
        let quote = self.raw.get(start).copied().unwrap_or('\0');
        let name = if QUOTES.iter().any(|(open, _)| *open == quote) {
            self.quoted()?
        } else {
            let rest = self.raw.get(start..).unwrap_or_default().iter();
            let is_own = |own: &&char| matches!(**own, '_' | '-') || own.is_alphanumeric();
            let name: String = rest.take_while(is_own).collect();
            self.at += name.chars().count();
            name
        };
        if name.is_empty() {
            let message = ["here the name of an attribute is missing", "这里缺少属性名"];
            return Err(self.wrong(start, 1, message).hint([
                "write attribute.colour or attribute.\"net weight\"",
                "请写成 `属性.颜色` 或 `属性.\"净重\"`",
            ]));
        }
        Ok(name)
    }
}

/// Returns the word that an unknown one was probably meant to be, as advice.
pub(super) fn suggestion(unknown: &str, is_allowed: impl Fn(Word) -> bool) -> Option<[String; 2]> {
    let allowed = WORDS.iter().filter(|entry| is_allowed(entry.word));
    let names = allowed.flat_map(|entry| [entry.english, entry.chinese]);
    meant(unknown, names)
        .map(|name| [format!("did you mean `{name}`?"), format!("是不是想写 `{name}`？")])
}

/// Returns whether a unit of durations is meant.
pub(super) fn unit(piece: &Piece) -> Option<Unit> {
    match piece {
        Piece::Word(Word::Unit(unit)) => Some(*unit),
        _ => None,
    }
}
