//! Expressions by hand: what they mean, and what is said of wrong ones.

mod chinese;
mod fuzz;
pub(crate) mod random;

use std::collections::BTreeMap;

use serde_json::json;
use shopwise_model::Product;
use shopwise_model::time::{DAY, SECOND};

use super::*;

pub(crate) const NOON: i64 = 1_800_000_000 * SECOND;

fn filter(text: &str) -> Expression {
    Expression::read(text, About::Products).unwrap_or_else(|mistake| panic!("{mistake}"))
}

fn segment(text: &str) -> Expression {
    Expression::read(text, About::Customers).unwrap_or_else(|mistake| panic!("{mistake}"))
}

fn wrong(text: &str, about: About) -> String {
    let mistake = Expression::read(text, about).unwrap_err();
    chinese::is_told_in_one_language_each(text, &mistake);
    mistake.to_string()
}

fn tea() -> Product {
    let attributes = [
        ("colour", json!("Dark Green")),
        ("grams", json!(250)),
        ("vegan", json!(true)),
        ("labels", json!(["organic", "fair", 7])),
        ("净重", json!(250)),
    ];
    Product {
        id: "T1".to_owned(),
        title: "Sencha 煎茶".to_owned(),
        category: Some("Tea > Green".to_owned()),
        brand: Some("Öko".to_owned()),
        price: Some(9_990_000),
        stock: Some(3),
        available_until: Some(NOON + 2 * DAY),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Product::default()
    }
}

#[test]
fn each_sentence_says_of_a_product_what_it_says() {
    let tea = tea();
    for (text, is_so) in [
        ("price < 10", true),
        ("price = 9.99", true),
        ("价格＜１０且库存＞０", true),
        ("price >= 10 or stock = 3", true),
        ("price in (9.99, 20)", true),
        ("cost < 5", false),
        ("not cost < 5", true),
        ("cost != 5", false),
        ("cost is unknown and price is known", true),
        ("category = \"tea\"", true),
        ("category = \"TEA>green\"", true),
        ("category = \"te\"", false),
        ("category = \"green\"", false),
        ("category contains \"green\"", true),
        ("category != 'coffee'", true),
        ("category in (\"coffee\", “tea”)", true),
        ("类别 属于（「咖啡」、「Tea」）", true),
        ("brand = \"öKO\"", true),
        ("title starts with \"sen\"", true),
        ("标题包含“煎茶”", true),
        ("id = \"t1\"", false),
        ("id = \"T1\"", true),
        ("seller = \"x\"", false),
        ("seller != \"x\"", false),
        ("hidden", false),
        ("hidden = false", true),
        ("隐藏 != 是", true),
        ("attribute.colour contains \"green\"", true),
        ("attribute.grams >= 250", true),
        ("属性.净重 = 250", true),
        ("attribute.grams = \"250\"", false),
        ("attribute.vegan", true),
        ("attribute.vegan = false", false),
        ("attribute.labels = \"Fair\"", true),
        ("attribute.labels contains \"fai\"", false),
        ("attribute.labels contains \"fair\"", true),
        ("attribute.labels != \"fair\"", false),
        ("attribute.labels != \"cheap\"", true),
        ("attribute.\"no such\" is unknown", true),
        ("available_until before 3 days ahead", true),
        ("available_until < 1 day ahead", false),
        ("下架时间 早于 3 天后", true),
        ("available_until after 2026-12-01", true),
        ("available_from is unknown", true),
        ("available_from after 1 day ago", false),
        ("viewed", false),
        ("not bought within 30 days", true),
        ("customer.orders = 0", true),
        ("customer.segment != \"vip\"", true),
    ] {
        assert_eq!(filter(text).holds(&tea, NOON), is_so, "{text}");
    }
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    let tea = tea();
    assert!(filter("price = 9.99 or price = 1 and price = 2").holds(&tea, NOON));
    assert!(!filter("(price = 9.99 or price = 1) and price = 2").holds(&tea, NOON));
    assert!(!filter("not price = 1 and price = 2").holds(&tea, NOON));
}

/// A customer of whom the tests know everything.
#[derive(Default)]
struct Somebody {
    moments: BTreeMap<&'static str, i64>,
    /// (measure, what was bought, when, how much)
    did: Vec<(Measure, Product, i64, f64)>,
}

impl Subject for Somebody {
    fn field(&self, field: Field) -> Known<'_> {
        let name = match field {
            Field::LastOrder => "last_order",
            Field::FirstSeen => "first_seen",
            _ => "",
        };
        self.moments.get(name).map_or(Known::Unknown, |at| Known::Moment(*at))
    }

    fn history(&self, history: &History, since: Option<i64>) -> f64 {
        let is_meant = |product: &Product| match &history.of {
            Of::Products(products) => products.holds(product, 0),
            Of::Anything | Of::ThisProduct => true,
        };
        let of = self.did.iter().filter(|(measure, product, at, _)| {
            *measure == history.measure && is_meant(product) && since.is_none_or(|from| *at > from)
        });
        of.map(|(.., much)| much).sum()
    }
}

#[test]
fn each_sentence_says_of_a_customer_what_it_says() {
    let somebody = Somebody {
        moments: [("last_order", NOON - 10 * DAY)].into(),
        did: vec![
            (Measure::Orders, tea(), NOON - 10 * DAY, 1.0),
            (Measure::Orders, tea(), NOON - 100 * DAY, 1.0),
            (Measure::Spent, tea(), NOON - 100 * DAY, 120.5),
        ],
    };
    for (text, is_so) in [
        ("orders of (category = \"tea\") within 90 days >= 2", false),
        ("orders within 14 weeks of (category = \"tea\") >= 1", true),
        ("近 365 天 订单数 其中（类别 = “tea”）>= 2", true),
        (
            "orders of (category = \"tea\") within 365 days >= 2 and spent within 365 days > 100",
            true,
        ),
        ("customer.orders = 2", true),
        ("bought of (price > 50)", false),
        ("bought of (price < 50) and not bought within 7 days", true),
        ("近7天购买", false),
        ("last_order before 7 days ago", true),
        ("last_order within 10 days", false),
        ("last_order within 11 days", true),
        ("last_order > 10 days ago", false),
        ("last_order >= 10 days ago", true),
        ("最近下单 早于 7 天前", true),
        ("first_seen is unknown", true),
        ("first_seen before now", false),
        ("searches = 0", true),
    ] {
        assert_eq!(segment(text).holds(&somebody, NOON), is_so, "{text}");
    }
}

#[test]
fn parts_say_what_they_need() {
    let all = filter("price < 5 and (stock > 0 or viewed) and available_from within 7 days");
    let parts = all.conjuncts();
    let told: Vec<_> =
        parts.iter().map(|part| (part.needs_customer(), part.changes_with_time())).collect();
    assert_eq!(told, [(false, false), (true, false), (false, true)]);
    let all = segment("bought of (price > 5) within 3 days or views >= 2 or last_seen before now");
    assert!(all.whole().changes_with_time() && all.whole().needs_customer());
    assert_eq!(all.histories(), 2);
    assert!(!segment("views >= 2").whole().changes_with_time());
}

#[test]
fn a_moment_turns_when_its_distance_is_reached() {
    for (text, place) in [
        ("last_order before 7 days ago", 7 * DAY),
        ("last_order within 7 days", 7 * DAY),
        ("first_order after 2 hours ahead", -2 * 3600 * SECOND),
        ("last_order >= now", 0),
    ] {
        let test = segment(text);
        let mut turns = Vec::new();
        test.each_test(|test| turns.extend(test.turns()));
        let offsets = turns[0].1;
        assert!(offsets.contains(&place), "{text}: {offsets:?}");
    }
}

#[test]
fn mistakes_point_at_the_place_and_say_what_was_meant() {
    for (text, told) in [
        ("prise < 50", "`prise` is no word of the language: expected a condition: one of id, "),
        ("prise < 50", "hint: did you mean `price`?"),
        ("price < 50 adn stock > 0", "hint: did you mean `and`?"),
        ("price < 50 adn stock > 0", "             ^^^\n"),
        ("库存>0且价格<五十", "　　"),
        ("price <", "the text ends here: expected a number (line 1, character 8)"),
        ("price < cheap", "a text stands in quotes: \"cheap\""),
        ("price < 'x'", "`'x'` does not fit here: expected a number"),
        ("price ~ 5", "`~` means nothing here"),
        ("price < 5 && stock > 0", "write `and` or `且`"),
        ("category = tea", "a text stands in quotes: \"tea\""),
        ("category > \"tea\"", "expected `=`, `!=`, `in`, `contains` or `starts with`"),
        ("category in \"tea\"", "expected a list in `( )`"),
        ("category in (\"tea\" \"x\")", "expected `,` or `)`"),
        ("(price < 5", "this `(` is not closed"),
        ("price < 5)", "nothing was opened"),
        ("title = \"tea", "this text has no end"),
        ("orders > 2", "write customer.orders"),
        ("customer.price > 2", "`price` is a field of products"),
        ("customer.last_seen < 30", "the text ends here: expected a unit"),
        ("customer.last_seen = 2026-12-01", "expected `before` or `after`"),
        ("customer.last_seen before 30 days", "expected `ago` or `ahead`"),
        ("available_until before 2026-13-01", "`2026-13-01` is no date"),
        ("customer.orders within 3 days > 1", "in a filter `within` goes with deeds alone"),
        ("customer.pieces > 1", "`pieces` is counted for segments alone"),
        ("bought of (price < 5)", "`of ( )` stands in segments alone"),
        ("bought within 0 days", "a whole number from 1 to 3660"),
        ("within 3 days price < 5", "`within` does not go with it"),
        ("attribute > 5", "the name of the attribute is missing"),
        ("hidden = 1", "expected `true` or `false`"),
        ("", "the text ends here: expected a condition"),
        ("price < 5\nand\nstok > 1", "(line 3, character 1)\n  stok > 1\n  ^^^^\n"),
    ] {
        let said = wrong(text, About::Products);
        assert!(said.contains(told), "{text}\n{said}");
    }
    for (text, told) in [
        ("price < 50", "say what he did with them: bought of (price …)"),
        ("orders within 30 days", "hint: a count is compared: orders >= 1"),
        ("sessions > 3", "counted for filters alone"),
        ("segment = \"vip\"", "a segment is not made of segments"),
        ("orders of (bought) > 1", "fields of products alone"),
        ("orders of (customer.orders > 1) > 1", "fields of products alone"),
        ("orders of (available_from within 7 days) > 1", "nothing may change as time passes"),
        ("searches of (price < 5) > 1", "not counted by products"),
        ("orders of (price < 5) of (price < 5) > 1", "a second time"),
        ("within 3 days orders within 3 days > 1", "a second time"),
    ] {
        let said = wrong(text, About::Customers);
        assert!(said.contains(told), "{text}\n{said}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let long = "price < 1 or ".repeat(400);
    assert!(wrong(&long, About::Products).contains("more than 4000 characters"));
    let many = format!("price in (1{})", ",1".repeat(CONDITIONS_MAX));
    assert!(wrong(&many, About::Products).contains("more than 500 conditions"));
    let deep = |depth: usize| format!("{}hidden{}", "(".repeat(depth), ")".repeat(depth));
    filter(&deep(DEPTH_MAX));
    assert!(wrong(&deep(DEPTH_MAX + 1), About::Products).contains("more than 32 deep"));
    assert!(wrong(&deep(1_900), About::Products).contains("more than 32 deep"));
    assert!(wrong(&"not ".repeat(900), About::Products).contains("more than 32 deep"));
    let inner = format!("bought of {}", deep(DEPTH_MAX + 1));
    assert!(wrong(&inner, About::Customers).contains("more than 32 deep"));
}

#[test]
fn one_expression_in_both_languages() {
    let mixed = "price < 50 且 类别 in (\"tea\") 且 非 近 9 天 购买 and customer.orders >= 2";
    let all = filter(mixed);
    assert_eq!(
        all.print(Language::English),
        "price < 50 and category in (\"tea\") and not bought within 9 days and customer.orders >= 2"
    );
    assert_eq!(
        all.print(Language::Chinese),
        "价格 < 50 且 类别 属于 (\"tea\") 且 非 近 9 天 购买 且 客户.订单数 >= 2"
    );
    let all = segment("orders of (category = \"茶\") within 90 days >= 2 or last_order before now");
    let chinese = all.print(Language::Chinese);
    assert_eq!(chinese, "近 90 天 订单数 其中 (类别 = \"茶\") >= 2 或 最近下单 早于 现在");
    assert_eq!(segment(&chinese), all);
    let tight: String = chinese.chars().filter(|own| *own != ' ').collect();
    assert_eq!(segment(&tight), all, "Chinese needs no spaces");
}

#[test]
fn dates_begin_in_the_time_zone_that_is_meant() {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    let text = "last_order after 2026-12-01";
    let there = Expression::read_in(text, About::Customers, &zone).unwrap();
    let begins = shopwise_model::time::parse(
        "2026-11-30 16:00",
        shopwise_model::time::DateFormat::YearFirst,
        &jiff::tz::TimeZone::UTC,
    );
    let begins = begins.unwrap();
    let at = |at| Somebody { moments: [("last_order", at)].into(), ..Somebody::default() };
    assert!(!there.holds(&at(begins), NOON) && there.holds(&at(begins + 1), NOON));
    assert!(!segment(text).holds(&at(begins + 1), NOON));
}

#[test]
fn every_word_has_one_name_in_each_language() {
    let names: Vec<&str> =
        words::WORDS.iter().flat_map(|entry| [entry.english, entry.chinese]).collect();
    for (at, name) in names.iter().enumerate() {
        assert!(!names[..at].contains(name), "`{name}` stands twice");
    }
}

#[test]
fn the_documentation_has_the_table_of_words_and_examples_that_can_be_read() {
    let page = include_str!("../../../../../docs/segments.md");
    assert!(page.ends_with(&table()), "docs/segments.md should end with:\n{}", table());
    let (segments, filters) = page.split_once("| filter |").unwrap();
    for (part, about) in [(segments, About::Customers), (filters, About::Products)] {
        let rows = part.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
        for row in rows.take_while(|line| line.starts_with('|')) {
            let examples: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
            let read = examples.iter().map(|text| Expression::read(text, about));
            let read: Vec<_> = read.map(|read| read.unwrap_or_else(|no| panic!("{no}"))).collect();
            assert_eq!(read.len(), 2, "{row}");
            assert_eq!(read[1].print(Language::Chinese), examples[1], "{row}");
        }
    }
}
