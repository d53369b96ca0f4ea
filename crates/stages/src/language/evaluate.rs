//! Whether an expression holds of somebody or something.

use serde_json::Value;

use super::tree::{Expression, History, Node, Part, Test, Text, TextOp, What};
use super::words::Field;

/// What is known of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known<'a> {
    /// A number; amounts in units of the shop's currency.
    Number(f64),
    /// A text.
    Text(&'a str),
    /// What is so or is not.
    Flag(bool),
    /// A moment in UTC microseconds.
    Moment(i64),
    /// Several texts or numbers.
    List(&'a [Value]),
    /// Nothing.
    Unknown,
}

impl<'a> Known<'a> {
    /// Returns what a JSON value says.
    #[must_use]
    pub fn of_json(value: &'a Value) -> Self {
        match value {
            Value::Number(number) => number.as_f64().map_or(Self::Unknown, Self::Number),
            Value::String(text) => Self::Text(text),
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Array(list) => Self::List(list),
            Value::Null | Value::Object(_) => Self::Unknown,
        }
    }

    /// Returns a text, or that it is not known.
    #[must_use]
    pub fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Unknown, Self::Text)
    }
}

/// What an expression is asked about: a product, a customer, or both.
pub trait Subject {
    /// Returns what is known of a field; [`Field::Segment`] is asked by [`Subject::is_in`].
    fn field(&self, field: Field) -> Known<'_>;

    /// Returns what is known of any other attribute of the product.
    fn attribute(&self, name: &str) -> Known<'_> {
        let _ = name;
        Known::Unknown
    }

    /// Returns a count of what the customer did, of what happened after the moment `since` where
    /// there is one; amounts in units of the shop's currency.
    fn history(&self, history: &History, since: Option<i64>) -> f64 {
        let _ = (history, since);
        0.0
    }

    /// Returns whether the customer is in a segment.
    fn is_in(&self, segment: &str) -> bool {
        let _ = segment;
        false
    }
}

impl Expression {
    /// Returns whether it holds at a moment, in UTC microseconds.
    #[must_use]
    pub fn holds(&self, subject: &impl Subject, at: i64) -> bool {
        self.root.holds(subject, at)
    }
}

impl Part<'_> {
    /// Returns whether it holds at a moment, in UTC microseconds.
    #[must_use]
    pub fn holds(self, subject: &impl Subject, at: i64) -> bool {
        self.0.holds(subject, at)
    }

    /// Returns what the answers to its tests make of it. Each is asked for once, in their order.
    pub fn decided(self, mut decide: impl FnMut(&Test) -> bool) -> bool {
        self.0.decided(&mut decide)
    }
}

impl Node {
    fn holds(&self, subject: &impl Subject, at: i64) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(subject, at)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(subject, at)),
            Self::Not(inner) => !inner.holds(subject, at),
            Self::Is(test) => test.holds(subject, at),
        }
    }

    fn decided(&self, decide: &mut impl FnMut(&Test) -> bool) -> bool {
        match self {
            // Counted, so that every test is asked for.
            Self::All(parts) => parts.iter().filter(|part| !part.decided(decide)).count() == 0,
            Self::Any(parts) => parts.iter().filter(|part| part.decided(decide)).count() > 0,
            Self::Not(inner) => !inner.decided(decide),
            Self::Is(test) => decide(test),
        }
    }
}

impl Test {
    /// Returns whether it holds at a moment, in UTC microseconds.
    #[must_use]
    pub fn holds(&self, subject: &impl Subject, at: i64) -> bool {
        match self {
            Self::Number { of, op, value } => {
                number(of, subject, at).is_some_and(|own| op.holds(&own, value))
            }
            Self::NumberIn { of, values } => {
                number(of, subject, at).is_some_and(|own| values.contains(&own))
            }
            Self::Text { of: What::Field(Field::Segment), op, values } => {
                let is_in = values.iter().any(|segment| subject.is_in(&segment.written));
                is_in != (*op == TextOp::IsNot)
            }
            Self::Text { of, op, values } => match known(of, subject) {
                Known::Text(own) => match of {
                    What::Field(Field::Id) => is_so(*op, values, |text| &*text.written == own),
                    What::Field(Field::Category) => match op {
                        TextOp::Is | TextOp::IsNot | TextOp::In => {
                            is_so(*op, values, |text| is_within(own, &text.small))
                        }
                        op => stands(own, *op, values),
                    },
                    _ => stands(own, *op, values),
                },
                Known::List(list) => {
                    let op = if *op == TextOp::Contains { TextOp::Is } else { *op };
                    let has = |op| {
                        list.iter().filter_map(Value::as_str).any(|own| stands(own, op, values))
                    };
                    // Unlike all of them, not unlike one.
                    if op == TextOp::IsNot { !has(TextOp::Is) } else { has(op) }
                }
                _ => false,
            },
            Self::Flag { of, is } => known(of, subject) == Known::Flag(*is),
            Self::Moment { field, op, moment } => match subject.field(*field) {
                Known::Moment(own) => op.holds(&own, &moment.at(at)),
                _ => false,
            },
            Self::Within { field, window } => match subject.field(*field) {
                Known::Moment(own) => own <= at && own > at.saturating_sub(window.micros()),
                _ => false,
            },
            Self::Known { of, is_known } => (known(of, subject) != Known::Unknown) == *is_known,
            Self::Did(history) => count(history, subject, at) > 0.0,
        }
    }
}

fn count(history: &History, subject: &impl Subject, at: i64) -> f64 {
    let since = history.window.map(|window| at.saturating_sub(window.micros()));
    subject.history(history, since)
}

fn number(what: &What, subject: &impl Subject, at: i64) -> Option<f64> {
    match what {
        What::History(history) => Some(count(history, subject, at)),
        what => match known(what, subject) {
            Known::Number(own) => Some(own),
            _ => None,
        },
    }
}

fn known<'a>(what: &What, subject: &'a impl Subject) -> Known<'a> {
    match what {
        What::Field(field) => subject.field(*field),
        What::Attribute(name) => subject.attribute(name),
        What::History(_) => Known::Unknown,
    }
}

fn stands(own: &str, op: TextOp, values: &[Text]) -> bool {
    is_so(op, values, |text| match op {
        TextOp::Contains => contains(own, &text.small),
        TextOp::StartsWith => behind(own, &text.small).is_some(),
        TextOp::Is | TextOp::IsNot | TextOp::In => is_same(own, &text.small),
    })
}

fn is_so(op: TextOp, values: &[Text], is: impl Fn(&Text) -> bool) -> bool {
    values.iter().any(is) != (op == TextOp::IsNot)
}

fn is_same(own: &str, small: &str) -> bool {
    if own.is_ascii() {
        return own.eq_ignore_ascii_case(small);
    }
    small_letters(own).eq(small.chars())
}

/// Returns whether a category is one or stands below it.
fn is_within(own: &str, small: &str) -> bool {
    behind(own, small).is_some_and(|mut rest| match rest.next() {
        None => true,
        Some(first) => std::iter::once(first).chain(rest).take(3).eq(" > ".chars()),
    })
}

fn contains(own: &str, small: &str) -> bool {
    let starts = own.char_indices().map(|(at, _)| own.get(at..).unwrap_or_default());
    small.is_empty() || starts.into_iter().any(|rest| behind(rest, small).is_some())
}

/// Returns what stands behind a beginning.
fn behind<'a>(own: &'a str, small: &str) -> Option<impl Iterator<Item = char> + use<'a>> {
    let mut letters = small_letters(own);
    small.chars().all(|wanted| letters.next() == Some(wanted)).then_some(letters)
}

fn small_letters(text: &str) -> impl Iterator<Item = char> + use<'_> {
    text.chars().flat_map(char::to_lowercase)
}
