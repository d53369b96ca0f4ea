//! What an expression is when it has been read.

use super::words::{Field, Measure, Unit};

/// What expressions are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Products, and the customer who would see them: a filter.
    Products,
    /// Customers: a segment.
    Customers,
}

/// An expression that was read without a mistake.
#[derive(Debug, Clone)]
pub struct Expression {
    pub(super) text: String,
    pub(super) about: About,
    pub(super) root: Node,
    /// How many counts of a customer's history stand in it.
    pub(super) histories: usize,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl Expression {
    /// Returns the text that was read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns how many counts of a customer's history stand in it; each has a number below that.
    #[must_use]
    pub fn histories(&self) -> usize {
        self.histories
    }

    /// Returns the parts that must all hold.
    #[must_use]
    pub fn conjuncts(&self) -> Vec<Part<'_>> {
        match &self.root {
            Node::All(parts) => parts.iter().map(Part).collect(),
            root => vec![Part(root)],
        }
    }

    /// Returns the whole as one part.
    #[must_use]
    pub fn whole(&self) -> Part<'_> {
        Part(&self.root)
    }

    /// Hands over every test of it, but for those of products within `of ( )`.
    pub fn each_test<'a>(&'a self, mut each: impl FnMut(&'a Test)) {
        self.root.each_test(&mut each);
    }
}

/// A part of an expression.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a>(pub(super) &'a Node);

impl Part<'_> {
    /// Returns whether something must be known of a customer.
    #[must_use]
    pub fn needs_customer(self) -> bool {
        self.any(|test| match test {
            Test::Did(_) => true,
            Test::Number { of, .. }
            | Test::NumberIn { of, .. }
            | Test::Text { of, .. }
            | Test::Flag { of, .. }
            | Test::Known { of, .. } => match of {
                What::Field(field) => field.is_of_customer(),
                What::History(_) => true,
                What::Attribute(_) => false,
            },
            Test::Moment { field, .. } | Test::Within { field, .. } => field.is_of_customer(),
        })
    }

    /// Returns whether it asks for anything that is known of the product itself.
    #[must_use]
    pub fn looks_at_product(self) -> bool {
        self.any(Test::looks_at_product)
    }

    /// Returns whether it may change although nothing happens but that time passes.
    #[must_use]
    pub fn changes_with_time(self) -> bool {
        let in_window = |history: &History| history.window.is_some();
        self.any(|test| match test {
            Test::Did(history) => in_window(history),
            Test::Number { of: What::History(history), .. }
            | Test::NumberIn { of: What::History(history), .. } => in_window(history),
            Test::Moment { moment, .. } => moment.offset().is_some(),
            Test::Within { .. } => true,
            Test::Number { .. }
            | Test::NumberIn { .. }
            | Test::Text { .. }
            | Test::Flag { .. }
            | Test::Known { .. } => false,
        })
    }

    /// Returns whether it compares a moment of the product's with the present.
    #[must_use]
    pub fn dates_products(self) -> bool {
        self.any(|test| match test {
            Test::Moment { field, moment, .. } => {
                !field.is_of_customer() && moment.offset().is_some()
            }
            Test::Within { field, .. } => !field.is_of_customer(),
            _ => false,
        })
    }

    /// Returns whether it asks in which segments the customer is.
    #[must_use]
    pub fn needs_segments(self) -> bool {
        self.any(|test| test.field() == Some(Field::Segment))
    }

    fn any(self, is: impl Fn(&Test) -> bool) -> bool {
        let mut found = false;
        self.0.each_test(&mut |test| found |= is(test));
        found
    }
}

/// A condition made of others, or one test. Nested no deeper than `read::DEPTH_MAX`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// Two or more, none of them again `All`.
    All(Vec<Self>),
    /// Two or more, none of them again `Any`.
    Any(Vec<Self>),
    Not(Box<Self>),
    Is(Test),
}

impl Node {
    pub(super) fn all(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::All(inner) => flat.extend(inner),
                part => flat.push(part),
            }
        }
        if flat.len() > 1 { Self::All(flat) } else { flat.remove(0) }
    }

    pub(super) fn any(parts: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Any(inner) => flat.extend(inner),
                part => flat.push(part),
            }
        }
        if flat.len() > 1 { Self::Any(flat) } else { flat.remove(0) }
    }

    fn each_test<'a>(&'a self, each: &mut impl FnMut(&'a Test)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.each_test(each));
            }
            Self::Not(inner) => inner.each_test(each),
            Self::Is(test) => each(test),
        }
    }
}

/// One test.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "what stands beside each other is compared")]
pub enum Test {
    /// A number against another.
    Number { of: What, op: Op, value: f64 },
    /// A number against several.
    NumberIn { of: What, values: Vec<f64> },
    /// A text against one or, under [`TextOp::In`], several.
    Text { of: What, op: TextOp, values: Vec<Text> },
    /// What is so or is not.
    Flag { of: What, is: bool },
    /// A moment against another.
    Moment { field: Field, op: Op, moment: Moment },
    /// A moment that must lie within a duration before now.
    Within { field: Field, window: Duration },
    /// Whether there is a value at all.
    Known { of: What, is_known: bool },
    /// Whether a customer did something.
    Did(History),
}

impl Test {
    /// Returns the count of a customer's history that it needs.
    #[must_use]
    pub fn history(&self) -> Option<&History> {
        match self {
            Self::Did(history)
            | Self::Number { of: What::History(history), .. }
            | Self::NumberIn { of: What::History(history), .. } => Some(history),
            _ => None,
        }
    }

    /// Returns whether it asks for anything that is known of the product itself.
    #[must_use]
    pub fn looks_at_product(&self) -> bool {
        match self {
            Self::Did(_) => false,
            Self::Number { of, .. }
            | Self::NumberIn { of, .. }
            | Self::Text { of, .. }
            | Self::Flag { of, .. }
            | Self::Known { of, .. } => match of {
                What::Field(field) => !field.is_of_customer(),
                What::History(_) => false,
                What::Attribute(_) => true,
            },
            Self::Moment { field, .. } | Self::Within { field, .. } => !field.is_of_customer(),
        }
    }

    /// Returns the field that it looks at, if it is one.
    #[must_use]
    pub fn field(&self) -> Option<Field> {
        match self {
            Self::Moment { field, .. } | Self::Within { field, .. } => Some(*field),
            Self::Number { of: What::Field(field), .. }
            | Self::NumberIn { of: What::Field(field), .. }
            | Self::Text { of: What::Field(field), .. }
            | Self::Flag { of: What::Field(field), .. }
            | Self::Known { of: What::Field(field), .. } => Some(*field),
            _ => None,
        }
    }

    /// Returns the field whose moment it looks at, and how long after that moment, in microseconds,
    /// it may turn although nothing happens.
    #[must_use]
    pub fn turns(&self) -> Option<(Field, [i64; 2])> {
        match self {
            Self::Moment { field, moment, .. } => {
                let after = moment.offset()?.saturating_neg();
                Some((*field, [after, after.saturating_add(1)]))
            }
            Self::Within { field, window } => Some((*field, [0, window.micros()])),
            _ => None,
        }
    }
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A field of the product or the customer.
    Field(Field),
    /// Any other attribute of the product.
    Attribute(Box<str>),
    /// A count of what the customer did.
    History(History),
}

/// A count of what a customer did.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Its number within the expression, from 0.
    pub number: usize,
    /// What is counted.
    pub measure: Measure,
    /// With which products.
    pub of: Of,
    /// How far back; `None` is ever.
    pub window: Option<Duration>,
}

/// With which products something was done.
#[derive(Debug, Clone, PartialEq)]
pub enum Of {
    /// With any, or with none.
    Anything,
    /// With the product that a filter is asked about.
    ThisProduct,
    /// With those for which this holds.
    Products(Box<Expression>),
}

/// How two values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Op {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
    Unequal,
}

impl Op {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Equal => "=",
            Self::Unequal => "!=",
        }
    }

    pub(super) fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
            Self::Equal => left == right,
            Self::Unequal => left != right,
        }
    }
}

/// How a text stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say it")]
pub enum TextOp {
    Is,
    IsNot,
    In,
    Contains,
    StartsWith,
}

/// A text of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub(super) written: Box<str>,
    /// In small letters.
    pub(super) small: Box<str>,
}

impl Text {
    pub(super) fn new(written: &str) -> Self {
        let small: String = written.chars().flat_map(char::to_lowercase).collect();
        Self { written: written.into(), small: small.into() }
    }

    /// Returns the text of a category, whose levels may be joined in any way.
    pub(super) fn of_category(written: &str) -> Self {
        let levels: Vec<&str> = written.split('>').map(str::trim).collect();
        Self::new(&levels.join(" > "))
    }
}

/// A duration as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration {
    /// How many, above 0.
    pub count: u32,
    /// Of what.
    pub unit: Unit,
}

impl Duration {
    /// Returns it in microseconds.
    #[must_use]
    pub fn micros(self) -> i64 {
        i64::from(self.count).saturating_mul(self.unit.micros())
    }
}

/// A moment as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// This moment.
    Now,
    /// So long before it.
    Ago(Duration),
    /// So long after it.
    Ahead(Duration),
    /// A date, with the moment it begins at in UTC microseconds.
    Date(Box<str>, i64),
}

impl Moment {
    /// Returns how far it lies from now, in microseconds; `None` where it does not move with time.
    #[must_use]
    pub fn offset(&self) -> Option<i64> {
        match self {
            Self::Now => Some(0),
            Self::Ago(duration) => Some(-duration.micros()),
            Self::Ahead(duration) => Some(duration.micros()),
            Self::Date(..) => None,
        }
    }

    pub(super) fn at(&self, now: i64) -> i64 {
        match self {
            Self::Date(_, micros) => *micros,
            moving => now.saturating_add(moving.offset().unwrap_or(0)),
        }
    }
}
