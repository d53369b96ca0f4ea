//! Reading a text: what stands where it must, or the first mistake.
//!
//! Here conditions are joined; `condition.rs` reads one, `value.rs` what its field is compared
//! with.

mod condition;
mod value;

use std::fmt;

use jiff::tz::TimeZone;

use super::lex::{Piece, Token, suggestion, tokens};
use super::mistake::Mistake;
use super::tree::{About, Expression, Node};
use super::words::{Language, WORDS, Word};

/// The most characters of a text.
pub const TEXT_MAX: usize = 4000;

/// How deeply conditions may stand within each other.
pub const DEPTH_MAX: usize = 32;

/// The most conditions and listed values of a text: what evaluating costs at the most.
pub const CONDITIONS_MAX: usize = 500;

impl Expression {
    /// Reads an expression; dates begin at midnight UTC.
    ///
    /// # Errors
    /// The first mistake.
    pub fn read(text: &str, about: About) -> Result<Self, Mistake> {
        Self::read_in(text, about, &TimeZone::UTC)
    }

    /// Reads an expression whose dates are meant in a time zone.
    ///
    /// # Errors
    /// The first mistake.
    pub fn read_in(text: &str, about: About, zone: &TimeZone) -> Result<Self, Mistake> {
        let length = text.chars().take(TEXT_MAX + 1).count();
        if length > TEXT_MAX {
            let message = [
                format!("the text has more than {TEXT_MAX} characters"),
                format!("表达式超过 {TEXT_MAX} 个字符"),
            ];
            return Err(Mistake::new(text, TEXT_MAX, 1, message));
        }
        let place = match about {
            About::Products => Place::Filter,
            About::Customers => Place::Segment,
        };
        let tokens = tokens(text, zone)?;
        let mut reader = Reader { text, tokens, at: 0, place, histories: 0, conditions: 0 };
        let root = reader.any(DEPTH_MAX)?;
        reader.end()?;
        Ok(Self { text: text.to_owned(), about, root, histories: reader.histories })
    }
}

/// Where a condition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a filter: about a product and a customer.
    Filter,
    /// In a segment: about a customer.
    Segment,
    /// Within `of ( )`: about products alone, whenever.
    Of,
}

impl Place {
    /// Returns whether a word may begin a condition here, without `customer.` before it.
    fn begins(self, word: Word) -> bool {
        match word {
            Word::Not => true,
            Word::Customer => self != Self::Of,
            Word::Within | Word::Deed(_) => self != Self::Of,
            Word::Attribute => self != Self::Segment,
            Word::Field(field) => (self == Self::Segment) == field.is_of_customer(),
            Word::Measure(_) => self == Self::Segment,
            _ => false,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    place: Place,
    histories: usize,
    conditions: usize,
}

impl Reader<'_> {
    fn peek(&self) -> &Piece {
        self.tokens.get(self.at).map_or(&Piece::End, |token| &token.is)
    }

    fn take(&mut self) -> Piece {
        let piece = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        piece
    }

    fn eat(&mut self, piece: &Piece) -> bool {
        let is_next = self.peek() == piece;
        if is_next {
            self.take();
        }
        is_next
    }

    fn eat_word(&mut self, word: Word) -> bool {
        self.eat(&Piece::Word(word))
    }

    /// Returns a mistake at a token.
    fn wrong(&self, at: usize, message: [impl Into<Box<str>>; 2]) -> Mistake {
        let (start, length) =
            self.tokens.get(at).map_or((0, 0), |token| (token.start, token.length));
        Mistake::new(self.text, start, length, message)
    }

    /// Returns that something else was expected than what comes next.
    fn expected(
        &self,
        [english, chinese]: [impl fmt::Display; 2],
        is_allowed: impl Fn(Word) -> bool,
    ) -> Mistake {
        let [english, chinese] = match self.peek() {
            Piece::End => [
                format!("the text ends here: expected {english}"),
                format!("表达式不完整，还缺{chinese}"),
            ],
            Piece::Unknown(word) => [
                format!("`{word}` is no word of the language: expected {english}"),
                format!("无法识别 `{word}`，此处应为{chinese}"),
            ],
            _ => {
                let written = self.written(self.at);
                [
                    format!("`{written}` does not fit here: expected {english}"),
                    format!("`{written}` 不适合放在这里，应为{chinese}"),
                ]
            }
        };
        let wrong = self.wrong(self.at, [english, chinese]);
        match self.peek() {
            Piece::Unknown(word) => wrong.hint(suggestion(word, is_allowed).unwrap_or_else(|| {
                [
                    format!("a text stands in quotes: \"{word}\""),
                    format!("文字要加引号：\"{word}\""),
                ]
            })),
            _ => wrong,
        }
    }

    fn written(&self, at: usize) -> String {
        let Some(token) = self.tokens.get(at) else { return String::new() };
        self.text.chars().skip(token.start).take(token.length).collect()
    }

    fn end(&self) -> Result<(), Mistake> {
        match self.peek() {
            Piece::End => Ok(()),
            Piece::Close => Err(self.wrong(
                self.at,
                ["nothing was opened that this `)` closes", "这个右括号没有对应的左括号"],
            )),
            _ => {
                let is_allowed = |word| matches!(word, Word::And | Word::Or);
                let allowed = ["`and`, `or` or the end", "连词 `且`、`或`，或者到此结束"];
                Err(self.expected(allowed, is_allowed))
            }
        }
    }

    fn any(&mut self, depth: usize) -> Result<Node, Mistake> {
        let mut parts = vec![self.all(depth)?];
        while self.eat_word(Word::Or) {
            parts.push(self.all(depth)?);
        }
        Ok(Node::any(parts))
    }

    fn all(&mut self, depth: usize) -> Result<Node, Mistake> {
        let mut parts = vec![self.not(depth)?];
        while self.eat_word(Word::And) {
            parts.push(self.not(depth)?);
        }
        Ok(Node::all(parts))
    }

    fn not(&mut self, depth: usize) -> Result<Node, Mistake> {
        let (at, is_not) = (self.at, self.peek() == &Piece::Word(Word::Not));
        if !is_not && self.peek() != &Piece::Open {
            return Ok(Node::Is(self.test(depth)?));
        }
        let Some(inner) = depth.checked_sub(1) else {
            return Err(self.too_deep(at));
        };
        self.take();
        if is_not {
            return Ok(Node::Not(Box::new(self.not(inner)?)));
        }
        let node = self.any(inner)?;
        self.close(at)?;
        Ok(node)
    }

    /// Reads the `)` to the `(` at a token.
    fn close(&mut self, opened: usize) -> Result<(), Mistake> {
        if self.eat(&Piece::Close) {
            return Ok(());
        }
        if self.peek() == &Piece::End {
            return Err(self.not_closed(opened));
        }
        let is_allowed = |word| matches!(word, Word::And | Word::Or);
        let allowed = ["`and`, `or` or `)`", "连词 `且`、`或`，或者右括号 `)`"];
        Err(self.expected(allowed, is_allowed))
    }

    fn not_closed(&self, opened: usize) -> Mistake {
        self.wrong(opened, ["this `(` is not closed", "这个左括号没有闭合"])
    }

    fn too_deep(&self, at: usize) -> Mistake {
        let message = [
            format!("conditions stand more than {DEPTH_MAX} deep in each other"),
            format!("条件嵌套超过 {DEPTH_MAX} 层"),
        ];
        self.wrong(at, message)
    }

    fn count(&mut self) -> Result<(), Mistake> {
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            let message = [
                format!("there are more than {CONDITIONS_MAX} conditions and values"),
                format!("条件和列出的值超过 {CONDITIONS_MAX} 个"),
            ];
            return Err(self.wrong(self.at, message));
        }
        Ok(())
    }
}

/// Returns the words that are allowed, in English and in Chinese.
fn names(is_allowed: impl Fn(Word) -> bool) -> [String; 2] {
    [(Language::English, ", "), (Language::Chinese, "、")].map(|(language, comma)| {
        let allowed = WORDS.iter().filter(|entry| is_allowed(entry.word));
        allowed.map(|entry| entry.name(language)).collect::<Vec<_>>().join(comma)
    })
}
