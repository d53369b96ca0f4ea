//! What the shop knows only since a moment: new products, offers that begin and end, long
//! histories, and customers of whose segments nothing is known yet.

use proptest::prelude::*;
use serde_json::json;
use shopwise_learn::slate::{Exploration, Style};
use shopwise_model::Rule;

use super::*;

const HOUR: i64 = 3_600_000_000;

fn plain(id: &str) -> Product {
    Product { id: id.to_owned(), ..Product::default() }
}

fn of_kind(id: &str, kind: &str) -> Product {
    Product { category: Some(kind.to_owned()), ..plain(id) }
}

fn rules(kind: &serde_json::Value, products: &str, segment: Option<&str>) -> Rules {
    let fields = json!({ "id": "r", "products": products, "kind": kind, "segment": segment });
    Rules::new(vec![serde_json::from_value::<Rule>(fields).unwrap()]).unwrap()
}

#[test]
fn of_a_product_nobody_has_said_anything_about_what_is_of_its_kind_is_near() {
    let folder = tempfile::tempdir().unwrap();
    let (_shop, engine) = engine(folder.path());
    for (at, id) in ["t0-1", "t0-2", "t1-1"].into_iter().enumerate() {
        engine.put_product(of_kind(id, ["tea", "tea", "cups"][at]));
    }
    engine.put_product(of_kind("new", "tea"));
    let rules = Rules::default();
    let alike = engine.similar("new", page(2), &rules).unwrap();
    let mut found = names(&alike);
    found.sort_unstable();
    assert_eq!(found, ["t0-1", "t0-2"], "{alike:?}");
    assert_eq!(alike.items[0].reason, "same kind");
    // The list of customers' own goes on with it, each product once.
    let all = engine.similar("t0-1", page(500), &rules).unwrap();
    let mut found = names(&all);
    assert!(found.contains(&"new"), "{found:?}");
    let count = found.len();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), count);
    let product = ["new".to_owned()];
    let stranger = Visitor::default();
    let near = engine.list(&ask(&stranger, Scene::Product, &product, 2));
    assert!(names(&near).iter().all(|name| ["t0-1", "t0-2"].contains(name)), "{near:?}");
    // Somebody of whom only that is known.
    let looked = Done { product: "new".to_owned(), weight: 1.0, viewed_at: NOW, ..Done::default() };
    let visitor = Visitor { done: vec![looked], ..Visitor::default() };
    let home = engine.list(&ask(&visitor, Scene::Home, &[], 2));
    assert!(names(&home).iter().all(|name| ["t0-1", "t0-2"].contains(name)), "{home:?}");
    assert_eq!(engine.together("new", page(5), &rules).unwrap().items, []);
}

#[test]
fn chance_shows_new_products_but_not_those_that_rules_exclude() {
    let folder = tempfile::tempdir().unwrap();
    let (_shop, engine) = engine(folder.path());
    let visitor = buyer(&["t1-1", "t1-2"]);
    engine.put_product(plain("new"));
    engine.put_product(plain("newer"));
    let exploration = Exploration { share: 1.0, places: vec![0], pool: 0 };
    let style = Style { exploration, ..Style::default() };
    let first = |rules: &Rules, seed| {
        let house = House { rules, style: &style, seed };
        let (answer, _) = engine.list_in(&ask(&visitor, Scene::Home, &[], 3), &house).unwrap();
        (answer.items[0].product.clone(), answer.items[0].propensity)
    };
    let drawn: Vec<_> = (0..20).map(|seed| first(&Rules::default(), seed)).collect();
    for name in ["new", "newer"] {
        assert!(drawn.contains(&(name.to_owned(), 0.5)), "{drawn:?}");
    }
    for kind in [json!("exclude"), json!({ "bury": { "factor": 0.5 } })] {
        let rules = rules(&kind, "id = \"new\"", None);
        assert!((0..20).all(|seed| first(&rules, seed) == ("newer".to_owned(), 1.0)), "{kind}");
    }
    // What he has had is not new to him, and a search shows what it finds.
    let had = Done { bought_at: NOW, ..visitor.done[0].clone() };
    let had = Done { product: "new".to_owned(), ..had };
    let visitor = Visitor { done: vec![had], ..visitor };
    let found = ["t1-3", "t2-3", "t0-3"].map(str::to_owned);
    let rules = Rules::default();
    for seed in 0..20 {
        let house = House { rules: &rules, style: &style, seed };
        let (home, _) = engine.list_in(&ask(&visitor, Scene::Home, &[], 3), &house).unwrap();
        assert_eq!(names(&home)[0], "newer");
        let search = engine.list_in(&ask(&visitor, Scene::Search, &found, 3), &house).unwrap().0;
        assert!(names(&search).iter().all(|name| name.contains('-')), "{search:?}");
    }
}

#[test]
fn more_than_models_are_told_is_known_of_who_has_bought_much() {
    let folder = tempfile::tempdir().unwrap();
    let (_shop, engine) = engine(folder.path());
    let mut visitor = buyer(&["t1-1"]);
    visitor.done[0].bought_at = NOW - 1_000 * HOUR;
    for at in 0..300 {
        let done = Done {
            product: format!("other-{at}"),
            weight: 1.0,
            viewed_at: NOW - at * HOUR,
            ..Done::default()
        };
        engine.put_product(plain(&done.product));
        visitor.done.push(done);
    }
    let listed = |filter: Option<&Arc<Filter>>| {
        let page = Page { filter, ..page(500) };
        let question = Question { page, ..ask(&visitor, Scene::Home, &[], 500) };
        engine.list(&question)
    };
    assert!(!names(&listed(None)).contains(&"t1-1"), "what was bought does not come again");
    let filter = Arc::new(Filter::read("not bought").unwrap());
    assert!(!names(&listed(Some(&filter))).contains(&"t1-1"));
    let filter = Arc::new(Filter::read("not viewed").unwrap());
    assert!(names(&listed(Some(&filter))).iter().all(|name| !name.starts_with("other-")));
}

#[test]
fn a_rating_says_more_than_having_rated() {
    let folder = tempfile::tempdir().unwrap();
    let (_shop, engine) = engine(folder.path());
    let rated = |product: &str, rating| Done {
        product: product.to_owned(),
        weight: 1.0,
        rating,
        reacted_at: NOW - HOUR,
        ..Done::default()
    };
    let visitor = Visitor { done: vec![rated("t1-1", 1.0), rated("t1-2", 5.0)], ..buyer(&[]) };
    let question = ask(&visitor, Scene::Home, &[], 5);
    let shelf = engine.read();
    let weights = |highest| {
        let looked = candidates::Looked::new(&question, &shelf, highest);
        let of = |id| looked.history.iter().find(|own| Some(own.0) == shelf.place(id)).unwrap().1;
        ["t1-1", "t1-2"].map(of)
    };
    assert_eq!(weights(None), [1.0, 1.0]);
    assert_eq!(weights(Some(5.0)), [weight::of_rating(1.0, 5.0), weight::ORDER]);
}

#[test]
fn what_is_excluded_for_some_is_shown_to_nobody_until_segments_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let (_shop, engine) = engine(folder.path());
    let style = Style::default();
    let listed = |visitor: &Visitor, rules: &Rules| {
        let house = House { rules, style: &style, seed: 1 };
        let (answer, _) = engine.list_in(&ask(visitor, Scene::Home, &[], 500), &house).unwrap();
        names(&answer).iter().position(|name| *name == "bag")
    };
    let known = Visitor::default();
    let unknown = Visitor { lacks_segments: true, ..Visitor::default() };
    let minor = Visitor { segments: vec!["minors".to_owned()], ..Visitor::default() };
    let excluded = rules(&json!("exclude"), "id = \"bag\"", Some("minors"));
    let of = |rules: &Rules| [&known, &unknown, &minor].map(|visitor| listed(visitor, rules));
    assert!(matches!(of(&excluded), [Some(_), None, None]), "{:?}", of(&excluded));
    let pinned = rules(&json!({ "pin": { "position": 7 } }), "id = \"bag\"", Some("minors"));
    let [one, two, three] = of(&pinned);
    assert_eq!((one, three), (two, Some(6)), "nothing is brought in for who may not be meant");
    // Where the products say it, it is the same.
    let text = "id = \"bag\" and customer.segment = \"minors\"";
    let excluded = rules(&json!("exclude"), text, None);
    assert!(matches!(of(&excluded), [Some(_), None, None]), "{:?}", of(&excluded));
    let text = "id = \"bag\" and customer.segment != \"minors\"";
    let pinned = rules(&json!({ "pin": { "position": 7 } }), text, None);
    let [one, two, three] = of(&pinned);
    assert_eq!((one, two), (Some(6), three), "{two:?}");
}

/// When a product is offered, in hours after now.
fn offer() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
    let hour = || proptest::option::of(-5_i64..5);
    (hour(), hour())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Moments go on and back, products change between: lists hold what is offered then.
    #[test]
    fn offers_begin_and_end_at_their_moments(
        steps in proptest::collection::vec((0..24_usize, offer(), -6_i64..6, any::<bool>()), 60),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (_shop, engine) = engine(folder.path());
        let id = |at: usize| format!("t{}-{}", at % 3, at / 3);
        let mut offers = vec![(None, None); 24];
        for at in 0..24 {
            engine.put_product(plain(&id(at)));
        }
        let filter = Arc::new(Filter::read("available_from after 2 hours ago").unwrap());
        let rules = Rules::default();
        for (place, (from, until), hours, is_filtered) in steps {
            offers[place] = (from, until);
            let moment = |hours: i64| NOW + hours * HOUR;
            let [available_from, available_until] = [from, until].map(|own| own.map(moment));
            engine.put_product(Product { available_from, available_until, ..plain(&id(place)) });
            let page = Page { at: moment(hours), filter: is_filtered.then_some(&filter), n: 500 };
            let answer = engine.popular(page, &rules);
            let mut found: Vec<String> = names(&answer).into_iter().map(str::to_owned).collect();
            found.retain(|name| name != "bag");
            found.sort();
            let is_offered = |(from, until): &(Option<i64>, Option<i64>)| {
                let is_open = from.is_none_or(|from| from <= hours)
                    && until.is_none_or(|until| hours < until);
                is_open && (!is_filtered || from.is_some_and(|from| from > hours - 2))
            };
            let mut expected: Vec<String> =
                (0..24).filter(|at| is_offered(&offers[*at])).map(id).collect();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }
}
