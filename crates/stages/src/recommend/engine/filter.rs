//! What may stand in a list, as whoever asks for it says.

use shopwise_model::Product;
use shopwise_model::money::units_from_micros;

use super::{Done, Visitor};
use crate::language::{About, Expression, Field, History, Known, Measure, Mistake, Of, Subject};

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
        let parts = self.expression.conjuncts().into_iter();
        parts
            .filter(|part| !part.needs_customer() && !part.changes_with_time())
            .all(|part| part.holds(product, 0))
    }

    /// Returns whether [`Self::lets`] says all.
    pub(super) fn is_of_products_alone(&self) -> bool {
        let whole = self.expression.whole();
        !whole.needs_customer() && !whole.changes_with_time()
    }

    /// Returns whether it holds at a moment.
    pub(super) fn holds(&self, asked: &Asked<'_>, at: i64) -> bool {
        self.expression.holds(asked, at)
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
