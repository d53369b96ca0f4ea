//! One condition: what it is about, and whether that may stand here.

use super::super::lex::Piece;
use super::super::mistake::Mistake;
use super::super::tree::{About, Duration, Expression, History, Of, Test, What};
use super::super::words::{Deed, Field, Holds, Measure, Word};
use super::{Place, Reader, names};

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

const PRODUCTS_ALONE: [&str; 2] =
    ["within `of ( )` stand fields of products alone", "`其中 ( )` 里只能写商品的字段"];

const DEEDS_ALONE: [&str; 2] = [
    "in a filter `within` goes with deeds alone",
    "在筛选中，`近` 只能与 `浏览`、`加购`、`购买` 连用",
];

const MAKE_A_SEGMENT: [&str; 2] = [
    "make a segment of it, and write customer.segment = \"…\" here",
    "请把它建成分群，在这里写 `客户.分群 = \"…\"`",
];

impl Reader<'_> {
    pub(super) fn test(&mut self, depth: usize) -> Result<Test, Mistake> {
        self.count()?;
        let early = self.window()?;
        let begun = self.at;
        let is_named = self.eat_word(Word::Customer);
        if is_named {
            if self.place == Place::Of {
                return Err(self.wrong(begun, PRODUCTS_ALONE));
            }
            if !self.eat(&Piece::Dot) {
                return Err(self.expected(
                    ["`.` and a field of the customer", "点号 `.` 和客户的字段"],
                    |_| false,
                ));
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
            let [english, chinese] = names(is_own);
            let allowed =
                [format!("a field of the customer: {english}"), format!("客户的字段：{chinese}")];
            return self.expected(allowed, is_own);
        }
        if self.peek() == &Piece::Word(Word::Attribute) {
            return self
                .wrong(self.at, ["the name of the attribute is missing", "缺少属性名"])
                .hint(["write attribute.colour", "请写成 `属性.颜色`"]);
        }
        let is_field = |word| match word {
            Word::Field(_) | Word::Measure(_) | Word::Deed(_) => place.begins(word),
            _ => false,
        };
        let more = match place {
            Place::Segment => ["", ""],
            Place::Filter | Place::Of => [", attribute.NAME", "、`属性.名称`"],
        };
        let [english, chinese] = names(is_field);
        let allowed = [
            format!("a condition: one of {english}{}, `not` or `(`", more[0]),
            format!("条件，开头是以下之一：{chinese}{}、`非` 或 `(`", more[1]),
        ];
        self.expected(allowed, |word| place.begins(word))
    }

    fn not_in_time(&self, at: usize) -> Mistake {
        let name = self.written(at);
        let message = [
            format!("`{name}` is now or never: `within` does not go with it"),
            format!("`{name}` 只有此刻的值，不能与 `近` 连用"),
        ];
        self.wrong(at, message)
    }

    fn of_products(&self, at: usize) -> Mistake {
        let name = self.written(at);
        let message = [
            format!("`{name}` is a field of products, a segment is about customers"),
            format!("`{name}` 是商品的字段，而分群针对的是客户"),
        ];
        self.wrong(at, message).hint([
            format!("say what he did with them: bought of ({name} …)"),
            format!("请写明客户对这些商品做过什么：`购买 其中 ({name} …)`"),
        ])
    }

    /// Returns a mistake with the advice to say that the word is about the customer.
    fn of_customer(&self, at: usize, message: [String; 2]) -> Mistake {
        let name = self.written(at);
        let hint = [format!("write customer.{name}"), format!("请写成 `客户.{name}`")];
        self.wrong(at, message).hint(hint)
    }

    fn check_field(&self, at: usize, field: Field, is_named: bool) -> Result<(), Mistake> {
        let name = self.written(at);
        match (field.is_of_customer(), self.place) {
            (true, Place::Of) => Err(self.wrong(at, PRODUCTS_ALONE)),
            (true, Place::Filter) if !is_named => {
                let message = [
                    format!("`{name}` is a field of the customer"),
                    format!("`{name}` 是客户的字段"),
                ];
                Err(self.of_customer(at, message))
            }
            (true, Place::Segment) if field == Field::Segment => Err(self
                .wrong(at, ["a segment is not made of segments", "分群不能由其他分群构成"])
                .hint(["write that segment's own conditions", "请直接写那个分群自己的条件"])),
            (false, Place::Segment) => Err(self.of_products(at)),
            (false, _) if is_named => {
                let message = [
                    format!("`{name}` is a field of products, not of the customer"),
                    format!("`{name}` 是商品的字段，不是客户的字段"),
                ];
                Err(self.wrong(at, message))
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
            return Err(self.wrong(at, PRODUCTS_ALONE));
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
                return Err(self.wrong(at, PRODUCTS_ALONE));
            }
            Place::Filter if !is_named => {
                let message = [
                    format!("`{name}` is counted of the customer"),
                    format!("`{name}` 是按客户统计的"),
                ];
                return Err(self.of_customer(at, message));
            }
            Place::Filter if !IN_FILTERS.contains(&measure) => {
                let allowed: Vec<Word> = IN_FILTERS.iter().map(|own| Word::Measure(*own)).collect();
                let [english, chinese] = names(|word| allowed.contains(&word));
                let message = [
                    format!("`{name}` is counted for segments alone; here: {english}"),
                    format!("`{name}` 只用于分群；这里可用：{chinese}"),
                ];
                return Err(self.wrong(at, message));
            }
            Place::Segment if measure == Measure::Sessions => {
                let message = [
                    format!("`{name}` is counted for filters alone"),
                    format!("`{name}` 只用于筛选"),
                ];
                return Err(self.wrong(at, message).hint([
                    "`last_seen within 7 days` or `views within 7 days >= 5` say the like",
                    "可以改用 `最近到访 近 7 天` 或 `近 7 天 浏览数 >= 5`",
                ]));
            }
            _ => {}
        }
        let of = What::History(self.history(measure, early, depth)?);
        if matches!(self.peek(), Piece::Op(_) | Piece::Word(Word::In)) {
            return self.number(of);
        }
        let allowed = [
            "`<` `<=` `>` `>=` `=` `!=` or `in`",
            "比较方式：`<` `<=` `>` `>=` `=` `!=` 或 `属于`",
        ];
        let wrong = self.expected(allowed, |word| word == Word::In);
        Err(match wrong.advice() {
            Some(_) => wrong,
            None => wrong.hint([
                format!("a count is compared: {name} >= 1"),
                format!("计数要与一个数比较：`{name} >= 1`"),
            ]),
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
                    let message =
                        ["`of ( )` stands in segments alone", "`其中 ( )` 只能用在分群里"];
                    return Err(self.wrong(at, message).hint(MAKE_A_SEGMENT));
                }
                if !measure.is_of_products() {
                    let message = ["this is not counted by products", "这一项不按商品统计"];
                    return Err(self.wrong(at, message));
                }
                if of != Of::Anything {
                    return Err(
                        self.wrong(at, ["`of ( )` stands here a second time", "`其中 ( )` 重复了"])
                    );
                }
                of = Of::Products(Box::new(self.products(depth)?));
            } else if let Some(own) = self.window()? {
                if is_filter && !is_deed {
                    return Err(self.wrong(at, DEEDS_ALONE).hint(MAKE_A_SEGMENT));
                }
                if window.is_some() {
                    let message = ["`within` stands here a second time", "`近` 重复了"];
                    return Err(self.wrong(at, message));
                }
                window = Some(own);
            } else {
                break;
            }
        }
        if is_filter && !is_deed && window.is_some() {
            return Err(self.wrong(self.at - 1, DEEDS_ALONE));
        }
        let number = self.histories;
        self.histories += 1;
        Ok(History { number, measure, of, window })
    }

    /// Reads the condition on products in `( )`.
    fn products(&mut self, depth: usize) -> Result<Expression, Mistake> {
        let opened = self.at;
        if !self.eat(&Piece::Open) {
            return Err(self.expected(
                ["`(` and a condition on products", "左括号 `(` 和商品条件"],
                |_| false,
            ));
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.too_deep(opened));
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
