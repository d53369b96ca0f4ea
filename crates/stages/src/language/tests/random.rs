//! Random expressions: written in either language and read again they are equal, and they hold
//! where the dumbest evaluation of what was meant holds.

use proptest::prelude::*;

use super::*;

/// What was meant, so that it can be written and asked without the language.
#[derive(Debug, Clone)]
pub(crate) enum Meant {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Price(&'static str, f64),
    Stock(&'static str, i64),
    Category(&'static str),
    TitleHas(&'static str),
    Grams(&'static str, f64),
    IsHidden(bool),
    CostKnown(bool),
    UntilBefore(i64),
    FromWithin(i64),
    Bought(Option<i64>),
    Orders(&'static str, u32),
}

const SIGNS: [&str; 6] = ["<", "<=", ">", ">=", "=", "!="];
const CATEGORIES: [&str; 5] = ["Tea", "Tea > Green", "coffee", "茶", "Tea > Black"];

pub(crate) fn meant() -> impl Strategy<Value = Meant> {
    let sign = || prop::sample::select(&SIGNS[..]);
    let leaf = prop_oneof![
        (sign(), 0..12_i32).prop_map(|(sign, price)| Meant::Price(sign, f64::from(price) / 4.0)),
        (sign(), -1..4_i64).prop_map(|(sign, stock)| Meant::Stock(sign, stock)),
        prop::sample::select(&CATEGORIES[..]).prop_map(Meant::Category),
        prop::sample::select(&["ea", "T", "煎", "\""][..]).prop_map(Meant::TitleHas),
        (sign(), 0..3_i32).prop_map(|(sign, grams)| Meant::Grams(sign, f64::from(grams))),
        any::<bool>().prop_map(Meant::IsHidden),
        any::<bool>().prop_map(Meant::CostKnown),
        (0..4_i64).prop_map(Meant::UntilBefore),
        (1..4_i64).prop_map(Meant::FromWithin),
        prop::option::of(1..4_i64).prop_map(Meant::Bought),
        (sign(), 0..4_u32).prop_map(|(sign, orders)| Meant::Orders(sign, orders)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Meant::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Meant::Any),
            inner.prop_map(|inner| Meant::Not(Box::new(inner))),
        ]
    })
}

impl Meant {
    pub(crate) fn write(&self, is_chinese: bool) -> String {
        let say = |english: String, chinese: String| if is_chinese { chinese } else { english };
        let join = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| part.write(is_chinese)).collect();
            format!("({})", parts.join(word))
        };
        match self {
            Self::All(parts) => join(parts, if is_chinese { "且" } else { " AND " }),
            Self::Any(parts) => join(parts, if is_chinese { "或" } else { " or " }),
            Self::Not(inner) => {
                let inner = inner.write(is_chinese);
                say(format!("not {inner}"), format!("非{inner}"))
            }
            Self::Price(sign, value) => {
                say(format!("price {sign} {value}"), format!("价格{sign}{value}"))
            }
            Self::Stock(sign, value) => {
                say(format!("stock{sign}{value}"), format!("库存 {sign} {value}"))
            }
            Self::Category(own) => {
                say(format!("category = '{own}'"), format!("类别 属于（“{own}”）"))
            }
            Self::TitleHas(own) => {
                let own = own.replace('"', "\"\"");
                say(format!("title contains \"{own}\""), format!("标题包含\"{own}\""))
            }
            Self::Grams(sign, value) => say(
                format!("attribute.grams {sign} {value}"),
                format!("属性.「grams」{sign}{value}"),
            ),
            Self::IsHidden(is) => say(
                format!("hidden = {is}"),
                match is {
                    true => "隐藏".to_owned(),
                    false => "隐藏≠是".to_owned(),
                },
            ),
            Self::CostKnown(is) => match is {
                true => say("cost is known".to_owned(), "成本已知".to_owned()),
                false => say("cost  is  unknown".to_owned(), "成本未知".to_owned()),
            },
            Self::UntilBefore(days) => say(
                format!("available_until before {days} days ahead").replace("0 days ahead", "now"),
                format!("下架时间<{days}天后").replace("0天后", "现在"),
            ),
            Self::FromWithin(days) => {
                say(format!("available_from within {days} days"), format!("近{days}天上架时间"))
            }
            Self::Bought(None) => say("bought".to_owned(), "购买".to_owned()),
            Self::Bought(Some(days)) => {
                say(format!("bought within {days} days"), format!("近{days}天购买"))
            }
            Self::Orders(sign, orders) => say(
                format!("customer.orders {sign} {orders}"),
                format!("客户.订单数{sign}{orders}"),
            ),
        }
    }

    pub(crate) fn holds(&self, seen: &Seen) -> bool {
        let product = &seen.product;
        let compare = |sign: &str, left: f64, right: f64| match sign {
            "<" => left < right,
            "<=" => left <= right,
            ">" => left > right,
            ">=" => left >= right,
            "=" => left == right,
            _ => left != right,
        };
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(seen)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(seen)),
            Self::Not(inner) => !inner.holds(seen),
            Self::Price(sign, value) => {
                product.price.is_some_and(|own| compare(sign, own as f64 / 1e6, *value))
            }
            Self::Stock(sign, value) => {
                product.stock.is_some_and(|own| compare(sign, own as f64, *value as f64))
            }
            Self::Category(own) => {
                let (mut own, mut levels) = (own.to_lowercase(), product.category.clone());
                own.push_str(" > ");
                levels.get_or_insert_default().push_str(" > ");
                product.category.is_some() && levels.unwrap().to_lowercase().starts_with(&own)
            }
            Self::TitleHas(own) => product.title.to_lowercase().contains(&own.to_lowercase()),
            Self::Grams(sign, value) => {
                let grams = product.attributes.get("grams").and_then(serde_json::Value::as_f64);
                grams.is_some_and(|own| compare(sign, own, *value))
            }
            Self::IsHidden(is) => product.is_hidden == *is,
            Self::CostKnown(is) => product.cost.is_some() == *is,
            Self::UntilBefore(days) => {
                product.available_until.is_some_and(|own| own < NOON + days * DAY)
            }
            Self::FromWithin(days) => {
                product.available_from.is_some_and(|own| own <= NOON && own > NOON - days * DAY)
            }
            Self::Bought(window) => {
                seen.bought.iter().any(|at| window.is_none_or(|days| *at > NOON - days * DAY))
            }
            Self::Orders(sign, orders) => compare(sign, seen.orders as f64, f64::from(*orders)),
        }
    }
}

/// A product, and the customer who would see it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) product: Product,
    /// When the customer bought it.
    pub(crate) bought: Vec<i64>,
    /// How often he ordered.
    pub(crate) orders: usize,
}

impl Subject for Seen {
    fn field(&self, field: Field) -> Known<'_> {
        self.product.field(field)
    }

    fn attribute(&self, name: &str) -> Known<'_> {
        self.product.attribute(name)
    }

    fn history(&self, _: &History, since: Option<i64>) -> f64 {
        self.bought.iter().filter(|at| since.is_none_or(|from| **at > from)).count() as f64
    }
}

prop_compose! {
    pub(crate) fn seen()(
        price in prop::option::of(0..12_i64), stock in prop::option::of(0..4_i64),
        category in prop::option::of(prop::sample::select(&CATEGORIES[..])),
        title in prop::sample::select(&["Tea", "煎茶 \"x\"", "", "T"][..]),
        grams in prop_oneof![(0..3_i32).prop_map(|own| json!(own)), Just(json!("1"))],
        is_hidden: bool, cost in prop::option::of(Just(1)),
        moments in prop::collection::vec(prop::option::of(-4..4_i64), 2),
        bought in prop::collection::vec(-4..1_i64, 0..4),
    ) -> Seen {
        let moment = |at: usize| moments[at].map(|days: i64| NOON + days * DAY);
        Seen {
            product: Product {
                id: "p".to_owned(),
                title: title.to_owned(),
                category: category.map(str::to_owned),
                price: price.map(|price| price * 250_000),
                cost, stock, is_hidden,
                available_from: moment(0),
                available_until: moment(1),
                attributes: [("grams".to_owned(), grams)].into(),
                ..Product::default()
            },
            orders: bought.len(),
            bought: bought.iter().map(|days| NOON + days * DAY).collect(),
        }
    }
}

proptest! {
    #[test]
    fn an_expression_holds_where_a_naive_evaluation_does(meant in meant(), seen in seen()) {
        for is_chinese in [false, true] {
            let text = meant.write(is_chinese);
            let read = Expression::read(&text, About::Products);
            let read = read.map_err(|mistake| TestCaseError::fail(mistake.to_string()))?;
            prop_assert_eq!(read.holds(&seen, NOON), meant.holds(&seen), "{}", text);
            let parts = read.conjuncts();
            let all = parts.iter().all(|part| part.holds(&seen, NOON));
            prop_assert_eq!(all, meant.holds(&seen));
            for part in parts.iter().filter(|part| !part.needs_customer()) {
                prop_assert_eq!(part.holds(&seen, NOON), part.holds(&seen.product, NOON));
            }
        }
    }

    #[test]
    fn what_is_printed_is_read_again_as_the_same(meant in meant()) {
        let [english, chinese] = [false, true].map(|is_chinese| filter(&meant.write(is_chinese)));
        for language in [Language::English, Language::Chinese] {
            for read in [&english, &chinese] {
                prop_assert_eq!(read, &filter(&read.print(language)), "{}", read.print(language));
            }
        }
    }
}
