//! One condition: what it is about, and whether that may stand here.

use super::super::lex::Piece;
use super::super::mistake::Mistake;
use super::super::tree::{About, Duration, Expression, History, Of, Test, What};
use super::super::words::{Deed, Field, Holds, Measure, Word};
use super::{DEPTH_MAX, Place, Reader, names};

/// What a filter may ask of the customer as a number.
const IN_FILTERS: &[Measure] = &[
    Measure::Events,
    Measure::Sessions,
    Measure::Views,
    Measure::Carts,
    Measure::Orders,
    Measure::Spent,
    Measure::Refunds,
    Measure::Refunded,
];

impl Reader<'_> {
    pub(super) fn test(&mut self, depth: usize) -> Result<Test, Mistake> {
        self.count()?;
        let early = self.window()?;
        let begun = self.at;
        let is_named = self.eat_word(Word::Customer);
        if is_named {
            if self.place == Place::Of {
                return Err(self.wrong(begun, "within `of ( )` stand fields of products alone"));
            }
            if !self.eat(&Piece::Dot) {
                return Err(self.expected("`.` and a field of the customer", |_| false));
            }
        }
        let own = self.at;
        match self.take() {
            Piece::Word(Word::Deed(deed)) if !is_named => self.deed(own, deed, early, depth),
            Piece::Word(Word::Measure(measure)) => {
                self.measure(own, measure, is_named, early, depth)
            }
            Piece::Word(Word::Field(field)) => {
                self.check_field(own, field, is_named)?;
                match (field.holds(), early) {
                    (Holds::Moment, Some(window)) => Ok(Test::Within { field, window }),
                    (_, Some(_)) => Err(self.not_in_time(own)),
                    (_, None) => self.field(own, field),
                }
            }
            Piece::Attribute(name) if !is_named => {
                if self.place == Place::Segment {
                    return Err(self.of_products(own));
                }
                match early {
                    Some(_) => Err(self.not_in_time(own)),
                    None => self.attribute(What::Attribute(name.into())),
                }
            }
            _ => {
                self.at = own;
                Err(self.no_condition(is_named))
            }
        }
    }

    fn no_condition(&self, is_named: bool) -> Mistake {
        let place = self.place;
        if is_named {
            let is_own = |word| match word {
                Word::Field(field) => field.is_of_customer(),
                Word::Measure(_) => true,
                _ => false,
            };
            return self.expected(&format!("a field of the customer: {}", names(is_own)), is_own);
        }
        if self.peek() == &Piece::Word(Word::Attribute) {
            return self
                .wrong(self.at, "the name of the attribute is missing")
                .hint("write attribute.colour");
        }
        let is_field = |word| match word {
            Word::Field(_) | Word::Measure(_) | Word::Deed(_) => place.begins(word),
            _ => false,
        };
        let more = if place == Place::Segment { "" } else { ", attribute.NAME" };
        let allowed = format!("a condition: one of {}{more}, `not` or `(`", names(is_field));
        self.expected(&allowed, |word| place.begins(word))
    }

    fn not_in_time(&self, at: usize) -> Mistake {
        let name = self.written(at);
        self.wrong(at, format!("`{name}` is now or never: `within` does not go with it"))
    }

    fn of_products(&self, at: usize) -> Mistake {
        let name = self.written(at);
        let message = format!("`{name}` is a field of products, a segment is about customers");
        self.wrong(at, message).hint(format!("say what he did with them: bought of ({name} …)"))
    }

    fn check_field(&self, at: usize, field: Field, is_named: bool) -> Result<(), Mistake> {
        let name = self.written(at);
        match (field.is_of_customer(), self.place) {
            (true, Place::Of) => {
                Err(self.wrong(at, "within `of ( )` stand fields of products alone"))
            }
            (true, Place::Filter) if !is_named => {
                let wrong = self.wrong(at, format!("`{name}` is a field of the customer"));
                Err(wrong.hint(format!("write customer.{name}")))
            }
            (true, Place::Segment) if field == Field::Segment => Err(self
                .wrong(at, "a segment is not made of segments")
                .hint("write that segment's own conditions")),
            (false, Place::Segment) => Err(self.of_products(at)),
            (false, _) if is_named => {
                Err(self.wrong(at, format!("`{name}` is a field of products, not of the customer")))
            }
            _ => Ok(()),
        }
    }

    fn deed(
        &mut self,
        at: usize,
        deed: Deed,
        early: Option<Duration>,
        depth: usize,
    ) -> Result<Test, Mistake> {
        if self.place == Place::Of {
            return Err(self.wrong(at, "within `of ( )` stand fields of products alone"));
        }
        Ok(Test::Did(self.history(deed.measure(), early, depth)?))
    }

    fn measure(
        &mut self,
        at: usize,
        measure: Measure,
        is_named: bool,
        early: Option<Duration>,
        depth: usize,
    ) -> Result<Test, Mistake> {
        let name = self.written(at);
        match self.place {
            Place::Of => {
                return Err(self.wrong(at, "within `of ( )` stand fields of products alone"));
            }
            Place::Filter if !is_named => {
                let wrong = self.wrong(at, format!("`{name}` is counted of the customer"));
                return Err(wrong.hint(format!("write customer.{name}")));
            }
            Place::Filter if !IN_FILTERS.contains(&measure) => {
                let allowed: Vec<Word> = IN_FILTERS.iter().map(|own| Word::Measure(*own)).collect();
                let allowed = names(|word| allowed.contains(&word));
                let message = format!("`{name}` is counted for segments alone; here: {allowed}");
                return Err(self.wrong(at, message));
            }
            Place::Segment if measure == Measure::Sessions => {
                return Err(self
                    .wrong(at, format!("`{name}` is counted for filters alone"))
                    .hint("`last_seen within 7 days` or `views within 7 days >= 5` say the like"));
            }
            _ => {}
        }
        let of = What::History(self.history(measure, early, depth)?);
        if matches!(self.peek(), Piece::Op(_) | Piece::Word(Word::In)) {
            return self.number(of);
        }
        let wrong = self.expected("`<` `<=` `>` `>=` `=` `!=` or `in`", |word| word == Word::In);
        Err(if wrong.hint.is_none() {
            wrong.hint(format!("a count is compared: {name} >= 1"))
        } else {
            wrong
        })
    }

    /// Reads what may stand behind a count: `of ( )` and `within`, in any order.
    fn history(
        &mut self,
        measure: Measure,
        early: Option<Duration>,
        depth: usize,
    ) -> Result<History, Mistake> {
        let is_filter = self.place == Place::Filter;
        // Of this product alone, as a deed in a filter; a measure there is of everything.
        let is_deed =
            self.at > 0 && matches!(self.tokens[self.at - 1].is, Piece::Word(Word::Deed(_)));
        let mut of = if is_filter && is_deed { Of::ThisProduct } else { Of::Anything };
        let mut window = early;
        loop {
            let at = self.at;
            if self.eat_word(Word::Of) {
                if is_filter {
                    return Err(self
                        .wrong(at, "`of ( )` stands in segments alone")
                        .hint("make a segment of it, and write customer.segment = \"…\" here"));
                }
                if !measure.is_of_products() {
                    return Err(self.wrong(at, "this is not counted by products"));
                }
                if of != Of::Anything {
                    return Err(self.wrong(at, "`of ( )` stands here a second time"));
                }
                of = Of::Products(Box::new(self.products(depth)?));
            } else if let Some(own) = self.window()? {
                if is_filter && !is_deed {
                    return Err(self
                        .wrong(at, "in a filter `within` goes with deeds alone")
                        .hint("make a segment of it, and write customer.segment = \"…\" here"));
                }
                if window.is_some() {
                    return Err(self.wrong(at, "`within` stands here a second time"));
                }
                window = Some(own);
            } else {
                break;
            }
        }
        if is_filter && !is_deed && window.is_some() {
            return Err(self.wrong(self.at - 1, "in a filter `within` goes with deeds alone"));
        }
        let number = self.histories;
        self.histories += 1;
        Ok(History { number, measure, of, window })
    }

    /// Reads the condition on products in `( )`.
    fn products(&mut self, depth: usize) -> Result<Expression, Mistake> {
        let opened = self.at;
        if !self.eat(&Piece::Open) {
            return Err(self.expected("`(` and a condition on products", |_| false));
        }
        let Some(depth) = depth.checked_sub(1) else {
            let message = format!("conditions stand more than {DEPTH_MAX} deep in each other");
            return Err(self.wrong(opened, message));
        };
        let outer = std::mem::replace(&mut self.place, Place::Of);
        let root = self.any(depth)?;
        self.place = outer;
        self.close(opened)?;
        let first = self.tokens[opened + 1].start;
        let last = &self.tokens[self.at - 1];
        let text = self.text.chars().skip(first).take(last.start - first).collect();
        Ok(Expression { text, about: About::Products, root, histories: 0 })
    }
}
