//! What the page says, without a server: both languages, hostile data, what moved, and nothing.

use jiff::tz::TimeZone;
use shopwise_learn::slate::Parts;
use shopwise_model::Product;
use shopwise_stages::language::Deed;
use shopwise_stages::recommend::engine::{Answer, Done, Filter, Listed, Moved, Scene, Visitor};

use super::contents::{Glimpse, Person, Seen};
use super::*;
use crate::page::Language;

const HOSTILE: &str = "\"><script>alert('x')</script>&{{茶}}";

fn item(product: &str, reason: &'static str, parts: &[(&str, f32)]) -> Listed {
    Listed {
        product: product.to_owned(),
        score: 0.75,
        propensity: 1.0,
        source: "model",
        reason,
        parts: parts.iter().map(|(id, value)| ((*id).to_owned(), *value)).collect(),
        moved: Some(Moved {
            before: Some(7),
            parts: Parts { base: 1.0, boost: 0.125, fatigue: -0.25, likeness: -0.125 },
            standing: "drawn",
            label: Some(HOSTILE.to_owned()),
            rules: vec![HOSTILE.to_owned()],
        }),
    }
}

fn answer(items: &[Listed]) -> Answer {
    Answer { model: Some(("recommend", 3)), items: items.to_vec() }
}

fn form() -> Form {
    Form { customer: Some(HOSTILE.to_owned()), ..Form::default() }
}

/// Contents about somebody with hostile names everywhere.
fn contents(language: Language, form: Form, seen: Vec<Seen>) -> Contents {
    let ids = ["p1", "p2", "p3", HOSTILE];
    let product = |id: &str| Product {
        id: id.to_owned(),
        title: format!("{HOSTILE} {id}"),
        price: Some(9_500_000),
        stock: Some(1200),
        ..Product::default()
    };
    let done = Done {
        product: HOSTILE.to_owned(),
        weight: 1.0,
        viewed_at: 1_700_000_000_000_000,
        ..Done::default()
    };
    let visitor = Visitor { done: vec![done], cart: vec!["p3".to_owned()], ..Visitor::default() };
    let person = Person {
        name: Some(HOSTILE.to_owned()),
        visitor,
        segment: None,
        tags: vec![(format!("brand:{HOSTILE}"), 2.5)],
        expected: vec![(format!("category:{HOSTILE}"), 1.5)],
    };
    Contents {
        form,
        language,
        zone: TimeZone::get("Asia/Shanghai").unwrap(),
        zone_name: "Asia/Shanghai".to_owned(),
        currency: "CNY".to_owned(),
        wrong: Vec::new(),
        mistake: None,
        person: Some(person),
        newest: Vec::new(),
        scenes: seen,
        products: ids.into_iter().map(|id| (id.to_owned(), product(id))).collect(),
        has_products: true,
    }
}

fn home(before: Option<Answer>) -> Seen {
    let list = answer(&[
        item("p1", "bought", &[(HOSTILE, 0.5)]),
        item("p2", "viewed", &[("p3", 0.75)]),
        item(HOSTILE, "popular", &[]),
    ]);
    let other = Answer { model: Some(("popular", 1)), ..answer(&[item("p1", "popular", &[])]) };
    Seen { scene: Scene::Home, about: Vec::new(), is_example: false, list, before, other }
}

#[test]
fn hostile_names_stay_text_in_both_languages() {
    for language in [Language::En, Language::Zh] {
        let mut form = form();
        form.filter = HOSTILE.to_owned();
        form.products = vec![HOSTILE.to_owned()];
        form.did = vec![(Deed::Viewed, HOSTILE.to_owned())];
        let mut contents = contents(language, form, vec![home(None)]);
        contents.mistake = Filter::read(HOSTILE).err();
        assert!(contents.mistake.is_some());
        let page = render::page(&contents);
        assert!(!page.contains("<script") && !page.contains("'x'"), "{page}");
        assert!(page.contains("&lt;script&gt;"));
        // Whatever the language of the filter is, that of the page counts.
        assert_eq!(page.contains("\n提示："), language == Language::Zh, "{page}");
        assert_eq!(page.contains("\nhint: "), language == Language::En, "{page}");
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains(" src="));
        contents.form.customer = None;
        contents.person = None;
        contents.newest =
            vec![Glimpse { name: HOSTILE.to_owned(), last_seen: 0, orders: 1, views: 2 }];
        let page = render::page(&contents);
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
    }
}

#[test]
fn reasons_prices_and_times_are_in_the_language_of_the_page() {
    let page = render::page(&contents(Language::Zh, form(), vec![home(None)]));
    for expected in [
        "<html lang=\"zh\">",
        "因为买过“",
        "因为浏览过或加购过“",
        "很多客户喜欢",
        "¥9.50",
        "库存1,200件",
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    // 22:13:20 UTC.
    assert!(page.contains("2023-11-15 06:13"), "{page}");
    let page = render::page(&contents(Language::En, form(), vec![home(None)]));
    for expected in ["<html lang=\"en\">", "because he bought “", "many customers want it"] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    // 1 + 0.125 − 0.25 − 0.125 = 0.75.
    for [what, value] in [
        ["score", "0.750"],
        ["relevance, by the model", "1.000"],
        ["rules", "0.125"],
        ["shown before without a click", "−0.250"],
        ["like what stands above", "−0.125"],
    ] {
        let row = format!("<span>{what}</span> <span class=number>{value}</span>");
        assert!(page.contains(&row), "{row}\n{page}");
    }
    assert!(page.contains("By its score alone it is number 7."), "{page}");
}

#[test]
fn what_moved_is_marked_against_the_list_without_what_is_supposed() {
    let before = answer(&[
        item("p2", "popular", &[]),
        item("p1", "popular", &[]),
        item("p3", "popular", &[]),
    ]);
    let mut form = form();
    form.did = vec![(Deed::Bought, "p3".to_owned())];
    let page = render::page(&contents(Language::En, form, vec![home(Some(before))]));
    for expected in ["▲ up 1", "▼ down 1", "★ new", "No longer there: ", "changes 3 of the 3"]
    {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    assert!(page.contains("did=bought%3Ap3&amp;did=viewed%3Ap1"), "{page}");
    assert!(page.contains("<input type=hidden name=did value=\"bought:p3\">"));
}

#[test]
fn what_is_missing_says_what_to_do() {
    let nothing = Answer { model: None, items: Vec::new() };
    let empty = || Seen { list: nothing.clone(), other: nothing.clone(), ..home(None) };
    let mut all = contents(Language::En, form(), vec![empty()]);
    assert!(render::page(&all).contains("shopwise run recommend"));
    all.has_products = false;
    assert!(render::page(&all).contains("shopwise import --format products"));
    all.person = Some(Person::default());
    assert!(render::page(&all).contains("Nothing is known of this customer"));
    all.form.customer = Some(String::new());
    assert!(render::page(&all).contains("Nothing is known of a stranger"));
    all.form.customer = None;
    all.person = None;
    let page = render::page(&all);
    assert!(page.contains("Nobody has been here yet") && page.contains("/try?customer=\""));
    all.language = Language::Zh;
    assert!(render::page(&all).contains("还没有客户来过"));
}
