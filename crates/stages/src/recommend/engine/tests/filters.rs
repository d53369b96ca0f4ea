//! Random filters over a shop that changes at random: what the dumbest reading of the filter
//! refuses, and what may not be shown, is in no answer.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use shopwise_learn::slate::{Exploration, Style};

use super::*;
use crate::language::tests::NOON;
use crate::language::tests::random::{Meant, Seen, meant, seen};
use crate::recommend::rules::Rules;

/// Products of the model, and two that it does not know.
const IDS: [&str; 12] =
    ["t0-0", "t0-1", "t0-2", "t1-0", "t1-1", "t1-2", "t1-3", "t2-0", "t2-1", "bag", "new", "newer"];

/// What happens, and what is asked then.
#[derive(Debug, Clone)]
struct Case {
    /// Products that change; `None` is taken off.
    changes: Vec<(usize, Option<Seen>)>,
    /// What the customer bought, by places in [`IDS`], and how many days ago.
    bought: Vec<(usize, i64)>,
    named: Vec<usize>,
    scene: usize,
    length: usize,
    seed: u64,
    filter: Meant,
}

fn case() -> impl Strategy<Value = Case> {
    let place = || 0..IDS.len();
    let change = (place(), prop::option::weighted(0.8, seen()));
    (
        prop::collection::vec(change, 0..8),
        prop::collection::vec((place(), 0..5_i64), 0..4),
        prop::collection::vec(place(), 0..4),
        0..Scene::ALL.len(),
        prop_oneof![1..5_usize, Just(LENGTH_MAX)],
        any::<u64>(),
        meant(),
    )
        .prop_map(|(changes, bought, named, scene, length, seed, filter)| Case {
            changes,
            bought,
            named,
            scene,
            length,
            seed,
            filter,
        })
}

fn rules() -> Rules {
    let rule = |id: &str, kind: serde_json::Value| {
        let fields = json!({ "id": id, "products": "price > 0", "kind": kind });
        serde_json::from_value(fields).unwrap()
    };
    let sponsored = json!({ "sponsored": { "positions": [2], "label": "Advert" } });
    let all = [
        rule("pin", json!({ "pin": { "position": 1 } })),
        rule("quota", json!({ "quota": { "share": 0.5, "first": 4 } })),
        rule("sponsored", sponsored),
    ];
    Rules::new(all.to_vec()).unwrap()
}

/// Tells whether somebody may see a product, as one would say it aloud.
fn may_stand(product: &Product, visitor: &Visitor, filter: &Meant) -> bool {
    let bought = visitor.done.iter().filter(|done| done.product == product.id);
    let seen = Seen {
        product: product.clone(),
        bought: bought.map(|done| done.bought_at).collect(),
        orders: visitor.counts.orders as usize,
    };
    let is_open = !product.is_hidden
        && product.stock != Some(0)
        && product.available_from.is_none_or(|from| from <= NOON)
        && product.available_until.is_none_or(|until| until > NOON);
    is_open && filter.holds(&seen)
}

/// Returns how many products stood in the answers.
fn check(engine: &Engine, catalogue: &mut BTreeMap<String, Product>, case: Case) -> usize {
    for (place, change) in case.changes {
        let id = IDS[place].to_owned();
        match change {
            Some(seen) => {
                let product = Product { id: id.clone(), ..seen.product };
                engine.put_product(product.clone());
                catalogue.insert(id, product);
            }
            None => {
                engine.remove_product(&id);
                catalogue.remove(&id);
            }
        }
    }
    let done = |(place, days): &(usize, i64)| Done {
        product: IDS[*place].to_owned(),
        weight: weight::of_counts(1, 0, 1),
        bought_at: NOON - days * shopwise_model::time::DAY,
        ..Done::default()
    };
    let mut bought = case.bought;
    bought.sort_unstable();
    bought.dedup_by_key(|(place, _)| *place);
    let visitor = Visitor {
        counts: Counts { orders: bought.len() as i64, ..Counts::default() },
        done: bought.iter().map(done).collect(),
        ..Visitor::default()
    };
    let filter = Arc::new(Filter::read(&case.filter.write(case.seed.is_multiple_of(2))).unwrap());
    let page = Page { n: case.length, filter: Some(&filter), at: NOON };
    let named: Vec<String> = case.named.iter().map(|place| IDS[*place].to_owned()).collect();
    let scene = Scene::ALL[case.scene].1;
    let question = Question { scene, visitor: &visitor, products: &named, page };
    let rules = rules();
    let exploration = Exploration { share: 0.5, places: vec![0, 2], pool: 5 };
    let style = Style { exploration, ..Style::default() };
    let house = House { rules: &rules, style: &style, seed: case.seed };
    let stranger = Visitor::default();
    let answers = [
        (Some(engine.list(&question)), &visitor),
        (Some(engine.list_in(&question, &house).unwrap().0), &visitor),
        (engine.similar("t1-1", page, &rules), &stranger),
        (engine.together("bag", page, &rules), &stranger),
        (Some(engine.popular(page, &rules)), &stranger),
        (Some(engine.latest(page, &rules)), &stranger),
    ];
    if case.length == LENGTH_MAX && scene == Scene::Home {
        // Nothing is missing either, but for what he had and what stands beside the list.
        let listed =
            |id: &String| answers[0].0.iter().flat_map(|a| &a.items).any(|i| i.product == *id);
        let is_had = |id: &String| visitor.done.iter().any(|done| done.product == *id);
        for (id, product) in catalogue.iter().filter(|(id, _)| !is_had(id) && !named.contains(id)) {
            let may_stand = may_stand(product, &visitor, &case.filter);
            assert_eq!(listed(id), may_stand, "{product:?} {visitor:?}");
        }
    }
    let mut listed = 0;
    for (answer, visitor) in answers {
        for item in answer.iter().flat_map(|answer| &answer.items) {
            let product = catalogue.get(&item.product);
            let product = product.unwrap_or_else(|| panic!("`{}` is gone", item.product));
            assert!(may_stand(product, visitor, &case.filter), "{item:?} {product:?} {visitor:?}");
            listed += 1;
        }
    }
    listed
}

#[test]
fn no_answer_holds_what_a_naive_reading_of_the_filter_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let (_shop, engine) = engine(folder.path());
    let plain = |id: &str| Product { id: id.to_owned(), ..Product::default() };
    let all: Vec<Product> = IDS.iter().map(|id| plain(id)).collect();
    engine.replace_products(all.clone());
    let catalogue = all.into_iter().map(|product| (product.id.clone(), product)).collect();
    // What one case leaves is where the next begins: products change under filters that are kept.
    let state = RefCell::new((catalogue, 0_usize));
    let mut runner = TestRunner::new(Config { cases: 3000, ..Config::default() });
    let result = runner.run(&case(), |case| {
        let (catalogue, listed) = &mut *state.borrow_mut();
        *listed += check(&engine, catalogue, case);
        Ok(())
    });
    result.unwrap();
    let listed = state.into_inner().1;
    assert!(listed > 4_000, "the lists had `{listed}` products in all");
}
