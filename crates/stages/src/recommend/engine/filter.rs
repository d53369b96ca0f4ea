//! What may stand in a list, as whoever asks for it says.

use shopwise_model::Product;
use shopwise_model::money::units_from_micros;

use super::{Done, Visitor};
use crate::language::{
    About, Expression, Field, History, Known, Measure, Mistake, Of, Part, Subject,
};

/// A filter that was read without a mistake.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    expression: Expression,
}

/// How much somebody did in all, as far as filters ask.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[expect(missing_docs, reason = "the language's table of words says what each one means")]
pub struct Counts {
    pub events: i64,
    pub sessions: i64,
    pub views: i64,
    pub carts: i64,
    pub orders: i64,
    /// In millionths of the shop's currency.
    pub spent: i64,
    pub refunds: i64,
    /// In millionths of the shop's currency.
    pub refunded: i64,
}

impl Counts {
    fn of(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Events => self.events as f64,
            Measure::Sessions => self.sessions as f64,
            Measure::Views => self.views as f64,
            Measure::Carts => self.carts as f64,
            Measure::Orders => self.orders as f64,
            Measure::Spent => units_from_micros(self.spent),
            Measure::Refunds => self.refunds as f64,
            Measure::Refunded => units_from_micros(self.refunded),
            // What the language keeps out of filters.
            Measure::Pieces | Measure::Searches => 0.0,
        }
    }
}

/// A product and the customer who would see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) product: &'a Product,
    /// What he had to do with it.
    pub(super) done: Option<&'a Done>,
    pub(super) visitor: &'a Visitor,
}

impl Filter {
    /// Reads a filter, such as `price < 50 and not bought within 30 days`.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(text: &str) -> Result<Self, Mistake> {
        Ok(Self { expression: Expression::read(text, About::Products)? })
    }

    /// Returns the text that was read.
    #[must_use]
    pub fn text(&self) -> &str {
        self.expression.text()
    }

    /// Returns whether it lets a product through, as far as it speaks of products alone and of what
    /// time does not change.
    #[must_use]
    pub fn lets(&self, product: &Product) -> bool {
        let mut parts = self.expression.conjuncts().into_iter().filter(|part| is_said(*part));
        parts.all(|part| part.holds(product, 0))
    }

    /// Returns whether it asks for anything that is known of the customer.
    #[must_use]
    pub fn needs_customer(&self) -> bool {
        self.expression.whole().needs_customer()
    }

    /// Returns whether it compares a moment of the product's with the present.
    pub(super) fn dates_products(&self) -> bool {
        self.expression.whole().dates_products()
    }

    /// Returns whether it asks in which segments the customer is.
    #[must_use]
    pub fn needs_segments(&self) -> bool {
        self.expression.whole().needs_segments()
    }

    /// Returns whether the parts that do not look at the product hold for a customer, of a product
    /// with which he did nothing.
    pub(super) fn lets_customer(&self, visitor: &Visitor, at: i64) -> bool {
        let product = &Product::default();
        let asked = Asked { product, done: None, visitor };
        let mut parts = self.expression.conjuncts().into_iter();
        parts.all(|part| part.looks_at_product() || part.holds(&asked, at))
    }

    /// Returns what a customer answers to those tests that do not look at the product in the parts
    /// that do, of a product with which he did nothing.
    pub(super) fn answers(&self, visitor: &Visitor, at: i64) -> Vec<bool> {
        let product = &Product::default();
        let asked = Asked { product, done: None, visitor };
        let mut answers = Vec::new();
        for part in self.expression.conjuncts().into_iter().filter(|part| is_mixed(*part)) {
            part.decided(|test| {
                let holds = !test.looks_at_product() && test.holds(&asked, at);
                if !test.looks_at_product() {
                    answers.push(holds);
                }
                holds
            });
        }
        answers
    }

    /// Returns whether the parts that look at the product let one through that is offered at all
    /// times, given what [`Self::answers`] gave.
    pub(super) fn lets_given(&self, product: &Product, answers: &[bool]) -> bool {
        let mut answers = answers.iter().copied();
        let mut parts = self.expression.conjuncts().into_iter();
        parts.all(|part| match (part.looks_at_product(), is_mixed(part)) {
            (false, _) => true,
            // What time changes are the moments of an offer, of which there are none.
            (true, false) => part.holds(product, 0),
            (true, true) => part.decided(|test| match test.looks_at_product() {
                true => test.holds(product, 0),
                false => answers.next().unwrap_or(false),
            }),
        })
    }

    /// Returns whether it holds at a moment. While it is not known in which segments the customer
    /// is, what asks for them does not.
    pub(super) fn holds(&self, asked: &Asked<'_>, at: i64) -> bool {
        let is_unknown = asked.visitor.lacks_segments && self.needs_segments();
        !is_unknown && self.expression.holds(asked, at)
    }

    /// Returns whether what a rule says may be about a product: while it is not known in which
    /// segments the customer is, the parts that ask for them may hold.
    pub(super) fn may_mean(&self, asked: &Asked<'_>, at: i64) -> bool {
        let is_unknown = |part: Part<'_>| asked.visitor.lacks_segments && part.needs_segments();
        let mut parts = self.expression.conjuncts().into_iter();
        parts.all(|part| is_unknown(part) || part.holds(asked, at))
    }
}

impl Subject for Asked<'_> {
    fn field(&self, field: Field) -> Known<'_> {
        let moment = |at: i64| if at > 0 { Known::Moment(at) } else { Known::Unknown };
        match field {
            Field::FirstSeen => moment(self.visitor.first_seen),
            Field::LastSeen => moment(self.visitor.last_seen),
            Field::FirstOrder => moment(self.visitor.first_order),
            Field::LastOrder => moment(self.visitor.last_order),
            other => self.product.field(other),
        }
    }

    fn attribute(&self, name: &str) -> Known<'_> {
        self.product.attribute(name)
    }

    fn history(&self, history: &History, since: Option<i64>) -> f64 {
        match history.of {
            Of::ThisProduct => self.done.map_or(0.0, |done| did(done, history.measure, since)),
            Of::Anything | Of::Products(_) => self.visitor.counts.of(history.measure),
        }
    }

    fn is_in(&self, segment: &str) -> bool {
        self.visitor.segments.iter().any(|own| own == segment)
    }
}

/// Returns whether the product alone says at all times whether a part holds.
fn is_said(part: Part<'_>) -> bool {
    !part.needs_customer() && !part.changes_with_time()
}

/// Returns whether a part looks at the product and at the customer.
fn is_mixed(part: Part<'_>) -> bool {
    part.looks_at_product() && part.needs_customer()
}

/// Returns 1 where somebody did something with a product, after a moment where there is one.
fn did(done: &Done, measure: Measure, since: Option<i64>) -> f64 {
    let last = match measure {
        Measure::Views => done.viewed_at,
        Measure::Carts => done.carted_at,
        Measure::Orders => done.bought_at,
        _ => 0,
    };
    f64::from(u8::from(last > since.unwrap_or(0)))
}
