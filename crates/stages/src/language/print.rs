//! An expression as text, in either language.

use std::fmt::Write as _;

use super::tree::{
    About, Duration, Expression, History, Moment, Node, Of, Op, Test, Text, TextOp, What,
};
use super::words::{Deed, Field, Language, Word, name};

impl Expression {
    /// Returns the expression written in one language; read again it is an equal one.
    #[must_use]
    pub fn print(&self, language: Language) -> String {
        let is_prefixed = self.about == About::Products;
        let mut printer = Printer { text: String::new(), language, is_prefixed };
        printer.node(&self.root, false);
        printer.text
    }
}

struct Printer {
    text: String,
    language: Language,
    /// Whether what is of the customer must say so.
    is_prefixed: bool,
}

impl Printer {
    fn put(&mut self, piece: &str) {
        if !self.text.is_empty() && !self.text.ends_with(['(', '.']) {
            self.text.push(' ');
        }
        self.text.push_str(piece);
    }

    fn word(&mut self, word: Word) {
        self.put(name(word, self.language));
    }

    fn node(&mut self, node: &Node, is_inner: bool) {
        match node {
            Node::Is(test) => self.test(test),
            Node::Not(inner) => {
                self.word(Word::Not);
                self.node(inner, true);
            }
            Node::All(parts) | Node::Any(parts) => {
                let word = if matches!(node, Node::All(_)) { Word::And } else { Word::Or };
                if is_inner {
                    self.put("(");
                }
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        self.word(word);
                    }
                    self.node(part, true);
                }
                if is_inner {
                    self.text.push(')');
                }
            }
        }
    }

    fn test(&mut self, test: &Test) {
        match test {
            Test::Number { of, op, value } => {
                self.what(of);
                self.put(op.sign());
                self.put(&value.to_string());
            }
            Test::NumberIn { of, values } => {
                self.what(of);
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                self.list(&values);
            }
            Test::Text { of, op, values } => {
                self.what(of);
                self.texts(*op, values);
            }
            Test::Flag { of, is } => {
                self.what(of);
                if !is {
                    self.put("=");
                    self.word(Word::False);
                }
            }
            Test::Moment { field, op, moment } => {
                self.field(*field);
                match op {
                    Op::Less => self.word(Word::Before),
                    Op::More => self.word(Word::After),
                    op => self.put(op.sign()),
                }
                self.moment(moment);
            }
            Test::Within { field, window } => {
                self.field(*field);
                self.within(*window);
            }
            Test::Known { of, is_known } => {
                self.what(of);
                self.word(if *is_known { Word::IsKnown } else { Word::IsUnknown });
            }
            Test::Did(history) => {
                let deed = Deed::of(history.measure).map_or(Word::Now, Word::Deed);
                self.history(history, deed);
            }
        }
    }

    fn texts(&mut self, op: TextOp, values: &[Text]) {
        let mut quoted = values.iter().map(|text| quote(&text.written));
        match op {
            TextOp::In => return self.list(&quoted.collect::<Vec<_>>()),
            TextOp::Is => self.put("="),
            TextOp::IsNot => self.put("!="),
            TextOp::Contains => self.word(Word::Contains),
            TextOp::StartsWith => self.word(Word::StartsWith),
        }
        self.put(&quoted.next().unwrap_or_default());
    }

    fn list(&mut self, values: &[String]) {
        self.word(Word::In);
        self.put(&format!("({})", values.join(", ")));
    }

    fn what(&mut self, what: &What) {
        match what {
            What::Field(field) => self.field(*field),
            What::Attribute(own) => {
                self.word(Word::Attribute);
                let is_plain = own.chars().all(|own| own == '_' || own.is_alphanumeric());
                let own = if is_plain && !own.is_empty() { own.to_string() } else { quote(own) };
                write!(self.text, ".{own}").unwrap_or_default();
            }
            What::History(history) => self.history(history, Word::Measure(history.measure)),
        }
    }

    fn field(&mut self, field: Field) {
        if self.is_prefixed && field.is_of_customer() {
            self.word(Word::Customer);
            self.text.push('.');
        }
        self.word(Word::Field(field));
    }

    fn history(&mut self, history: &History, word: Word) {
        // As one says it: 近 30 天 购买, bought within 30 days.
        if let (Language::Chinese, Some(window)) = (self.language, history.window) {
            self.within(window);
        }
        if self.is_prefixed && matches!(word, Word::Measure(_)) {
            self.word(Word::Customer);
            self.text.push('.');
        }
        self.word(word);
        if let Of::Products(products) = &history.of {
            self.word(Word::Of);
            self.put("(");
            self.node(&products.root, false);
            self.text.push(')');
        }
        if let (Language::English, Some(window)) = (self.language, history.window) {
            self.within(window);
        }
    }

    fn within(&mut self, window: Duration) {
        self.word(Word::Within);
        self.duration(window);
    }

    fn duration(&mut self, duration: Duration) {
        self.put(&duration.count.to_string());
        self.word(Word::Unit(duration.unit));
    }

    fn moment(&mut self, moment: &Moment) {
        match moment {
            Moment::Now => self.word(Word::Now),
            Moment::Ago(duration) => {
                self.duration(*duration);
                self.word(Word::Ago);
            }
            Moment::Ahead(duration) => {
                self.duration(*duration);
                self.word(Word::Ahead);
            }
            Moment::Date(written, _) => self.put(written),
        }
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
