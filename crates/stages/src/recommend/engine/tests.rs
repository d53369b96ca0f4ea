//! Lists from models that a small shop has learned: right for the moment, and never what may not
//! be shown.

mod filters;
mod fresh;

use std::sync::Arc;

use super::*;
use crate::recommend::tests::{go, import, shop, tastes};
use crate::recommend::{POPULAR, weight};

/// A moment after everything of the log.
const NOW: i64 = 1_710_000_000_000_000;

fn engine(folder: &std::path::Path) -> (Shop, Engine) {
    let shop = shop(folder);
    import(&shop, folder, &tastes());
    go(&shop);
    let engine = Engine::open(&shop).unwrap();
    (shop, engine)
}

/// Somebody who bought these an hour ago.
fn buyer(products: &[&str]) -> Visitor {
    let done = |product: &&str| Done {
        product: (*product).to_owned(),
        weight: weight::of_counts(1, 0, 1),
        bought_at: NOW - 3_600_000_000,
        ..Done::default()
    };
    Visitor { done: products.iter().map(done).collect(), ..Visitor::default() }
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.items.iter().map(|item| item.product.as_str()).collect()
}

fn page(n: usize) -> Page<'static> {
    Page { n, filter: None, at: NOW }
}

fn ask<'a>(visitor: &'a Visitor, scene: Scene, products: &'a [String], n: usize) -> Question<'a> {
    Question { scene, visitor, products, page: page(n) }
}

#[test]
fn what_was_bought_a_moment_ago_decides() {
    let folder = tempfile::tempdir().unwrap();
    let (_shop, engine) = engine(folder.path());
    for taste in 0..3 {
        let visitor = buyer(&[&format!("t{taste}-1"), &format!("t{taste}-2")]);
        let answer = engine.list(&ask(&visitor, Scene::Home, &[], 5));
        let like = format!("t{taste}-");
        assert_eq!(answer.items.len(), 5);
        assert!(names(&answer)[..3].iter().all(|name| name.starts_with(&like)), "{answer:?}");
        let had =
            names(&answer).iter().any(|name| visitor.done.iter().any(|d| d.product == **name));
        assert!(!had, "what was bought does not come again");
        assert_eq!(answer.items[0].reason, crate::recommend::BOUGHT);
        assert!(answer.items[0].parts[0].0.starts_with(&like));
    }
    let stranger = Visitor::default();
    let answer = engine.list(&ask(&stranger, Scene::Home, &[], 500));
    assert_eq!(answer.items.len(), 25, "everything, the most popular first");
    assert_eq!(answer.items[0].reason, POPULAR);
}

#[test]
fn a_page_a_cart_and_a_search_have_lists_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (_shop, engine) = engine(folder.path());
    let (stranger, rules) = (Visitor::default(), Rules::default());
    let product = ["t1-3".to_owned()];
    let answer = engine.list(&ask(&stranger, Scene::Product, &product, 5));
    assert!(names(&answer).iter().all(|name| *name != "t1-3"), "{answer:?}");
    // The bag goes with everything.
    assert!(names(&answer).iter().all(|name| name.starts_with("t1-") || *name == "bag"));
    let cart = Visitor { cart: vec!["t2-0".to_owned(), "t2-1".to_owned()], ..Visitor::default() };
    let answer = engine.list(&ask(&cart, Scene::Cart, &[], 3));
    assert!(names(&answer).iter().all(|name| !cart.cart.iter().any(|own| own == name)));
    let found = ["bag", "t0-1", "t2-5", "nothing"].map(str::to_owned);
    let visitor = buyer(&["t2-1", "t2-2", "t2-3"]);
    let answer = engine.list(&ask(&visitor, Scene::Search, &found, 10));
    let mut sorted = names(&answer);
    sorted.sort_unstable();
    assert_eq!(sorted, ["bag", "t0-1", "t2-5"], "what was found and nothing else");
    assert!(engine.similar("nothing", page(3), &rules).is_none());
    let alike = engine.similar("t1-3", page(3), &rules).unwrap();
    assert!(names(&alike).iter().all(|name| name.starts_with("t1-")), "{alike:?}");
    assert_eq!(alike.model, Some(("similar", 1)));
    // The bag stands in orders with one good of each buyer.
    let together = engine.together("bag", page(30), &rules).unwrap();
    assert!(!together.items.is_empty() && names(&together).iter().all(|name| *name != "bag"));
    assert_eq!(engine.popular(page(1), &rules).items.len(), 1);
}

#[test]
fn what_may_not_be_shown_is_in_no_list_and_comes_back_when_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let (_shop, engine) = engine(folder.path());
    let (visitor, rules) = (buyer(&["t1-1", "t1-2"]), Rules::default());
    let listed = |name: &str| {
        let home = engine.list(&ask(&visitor, Scene::Home, &[], 500));
        let alike = engine.similar("t1-1", page(50), &rules).unwrap();
        let popular = engine.popular(page(500), &rules);
        [home, alike, popular].iter().any(|answer| names(answer).contains(&name))
    };
    let plain = |id: &str| Product { id: id.to_owned(), ..Product::default() };
    assert!(listed("t1-4"));
    for gone in [
        Product { is_hidden: true, ..plain("t1-4") },
        Product { stock: Some(0), ..plain("t1-4") },
        Product { available_from: Some(NOW + 1), ..plain("t1-4") },
        Product { available_until: Some(NOW), ..plain("t1-4") },
    ] {
        engine.put_product(gone.clone());
        assert!(!listed("t1-4"), "{gone:?}");
        engine.put_product(plain("t1-4"));
        assert!(listed("t1-4"));
    }
    engine.remove_product("t1-4");
    assert!(!listed("t1-4"));
    // A product that no model knows stands at the end, from the moment it is there.
    engine.put_product(plain("new"));
    assert!(listed_last(&engine, &visitor, "new"));
    engine.replace_products(vec![plain("t1-5")]);
    let home = engine.list(&ask(&visitor, Scene::Home, &[], 500));
    assert_eq!(names(&home), ["t1-5"], "what the catalogue lacks is gone");
}

fn listed_last(engine: &Engine, visitor: &Visitor, name: &str) -> bool {
    names(&engine.list(&ask(visitor, Scene::Home, &[], 500))).last() == Some(&name)
}

#[test]
fn a_filter_lets_through_what_it_says_and_finds_it_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let (_shop, engine) = engine(folder.path());
    let cheap = |id: &str, price: i64| Product {
        id: id.to_owned(),
        price: Some(price * 1_000_000),
        ..Product::default()
    };
    for (at, id) in ["t0-1", "t1-6", "t2-3", "bag"].into_iter().enumerate() {
        engine.put_product(cheap(id, 10 + at as i64));
    }
    let visitor = buyer(&["t1-1", "t1-2"]);
    let list = |text: &str| {
        let filter = Arc::new(Filter::read(text).unwrap());
        let page = Page { filter: Some(&filter), ..page(10) };
        let question = Question { page, ..ask(&visitor, Scene::Home, &[], 10) };
        let answer = engine.list(&question);
        let mut found: Vec<String> = answer.items.into_iter().map(|item| item.product).collect();
        found.sort();
        found
    };
    assert_eq!(list("price < 12"), ["t0-1", "t1-6"]);
    assert_eq!(list("price >= 12 and price < 14"), ["bag", "t2-3"]);
    assert_eq!(list("price > 100"), Vec::<String>::new());
    // Its flags follow the product.
    engine.put_product(cheap("t1-7", 11));
    engine.put_product(cheap("t1-6", 50));
    assert_eq!(list("price < 12"), ["t0-1", "t1-7"]);
    // What the customer answers decides together with the product.
    assert_eq!(list("price < 12 and not bought"), ["t0-1", "t1-7"]);
    assert_eq!(list("price < 12 or customer.orders > 3"), ["t0-1", "t1-7"]);
    assert_eq!(list("not (price < 12 or customer.orders < 3)"), Vec::<String>::new());
    assert_eq!(list("(price < 12 or bought) and not bought"), ["t0-1", "t1-7"]);
    let had = list("bought within 2 hours");
    assert_eq!(had, Vec::<String>::new(), "what was bought does not come again");
    assert!(!list("not bought within 2 hours").is_empty());
    assert!(Filter::read("price <").is_err());
}
