//! A customer's tags are what he turns to more than others, the events say why, and one that he
//! wants gone stays away.

use crate::collect::{self, ImportOptions};
use crate::prepare::fold::interest::HALF_LIFE_DAYS;
use crate::prepare::*;
use crate::shop::tests::shop;
use shopwise_model::Product;
use shopwise_model::frame::Texts;
use shopwise_model::time::DAY;

/// Ann looks at shoes and buys some, the others look at cups.
fn prepared() -> (tempfile::TempDir, Shop) {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let product = |id: &str, category: &str, brand: &str, price: i64| Product {
        id: id.to_owned(),
        category: Some(category.to_owned()),
        brand: Some(brand.to_owned()),
        price: Some(price * 1_000_000),
        ..Product::default()
    };
    let products = [
        product("boot", "shoes", "北", 100),
        product("sandal", "shoes", "北", 199),
        product("mug", "cups", "南", 5),
        product("glass", "cups", "北", 200),
    ];
    shop.ledger.upsert_products(&products, 0).unwrap();
    let mut log = String::from("customer,kind,occurred_at,product,order,quantity,unit_price\n");
    log.push_str("ann,product_viewed,2024-01-01 10:00:00,boot,,,\n");
    log.push_str("ann,product_viewed,2024-02-01 10:00:00,sandal,,,\n");
    log.push_str("ann,order_completed,2024-02-02 10:00:00,boot,o1,1,9\n");
    log.push_str("ann,product_viewed,2024-02-03 10:00:00,mug,,,\n");
    for other in 0..20 {
        log.push_str(&format!(
            "c{other},product_viewed,2024-02-0{} 09:00:00,mug,,,\n",
            1 + other % 3
        ));
    }
    let file = folder.path().join("log.csv");
    std::fs::write(&file, log).unwrap();
    collect::import(&shop, "csv", &[file], &ImportOptions::default(), 0, &|_| {}).unwrap();
    run(&Work { shop: &shop, now: 0, progress: &|_| {} }).unwrap();
    (folder, shop)
}

fn tags(shop: &Shop, customer: &str) -> (Texts, Vec<f64>, Vec<f64>) {
    let sql = format!("SELECT * FROM tags WHERE customer = '{customer}' ORDER BY tag");
    let found = shop.lake.query(&sql).unwrap();
    let numbers = |name: &str| found.float(name).unwrap().to_vec();
    (found.text("tag").unwrap().clone(), numbers("weight"), numbers("lift"))
}

#[test]
fn who_turns_to_shoes_is_told_by_the_events_that_say_so() {
    let (_folder, shop) = prepared();
    let ann = shop.vault.pseudonym("customer", "ann");
    let (names, weights, lifts) = tags(&shop, &ann);
    let own = ["brand:北", "category:shoes", "price:100-200"];
    assert_eq!(names.iter().flatten().collect::<Vec<_>>(), own);
    assert_eq!(weights[1], weights[2]);
    // A view of 33 days before the last event, one of 2 days, an order of a day: 1, 1 and 3 views.
    let faded = |days: f64| (-days / HALF_LIFE_DAYS).exp2();
    let weight = faded(33.0) + faded(2.0) + 3.0 * faded(1.0);
    assert!((weights[1] - weight).abs() < 1e-12, "{weights:?} {weight}");
    // Everybody: 5 of 26 views with one more for each of two categories; the customer's own share
    // leans to it by 5 views.
    let everybody = 6.0 / 28.0;
    let lift = (weight + 5.0 * everybody) / ((weight + 1.0 + 5.0) * everybody);
    assert!((lifts[1] - lift).abs() < 1e-12, "{lifts:?} {lift}");
    let sql = format!("SELECT MAX(occurred_at) AS at FROM events WHERE customer = '{ann}'");
    let at = shop.lake.query(&sql).unwrap();
    let at = at.time("at").unwrap()[0];
    let evidence =
        tastes::evidence(&shop, std::slice::from_ref(&ann), "category:shoes", at).unwrap();
    let told: Vec<(&str, i64)> = evidence
        .iter()
        .map(|event| (event.product.as_str(), (at - event.occurred_at) / DAY))
        .collect();
    assert_eq!(told, [("boot", 1), ("sandal", 2), ("boot", 33)]);
    let sum: f64 = evidence.iter().map(|event| event.weight).sum();
    assert!((sum - weights[1]).abs() < 1e-12);
    let of_price = tastes::evidence(&shop, &[ann], "price:100-200", at).unwrap();
    assert_eq!(of_price, evidence);
    assert!(tastes::evidence(&shop, &[], "category:shoes", at).is_ok_and(|none| none.is_empty()));
    assert!(tastes::evidence(&shop, &[], "shoes", at).is_err());
}

#[test]
fn a_tag_that_a_customer_wants_gone_stays_away() {
    let (_folder, shop) = prepared();
    let ann = shop.vault.pseudonym("customer", "ann");
    shop.ledger.hide_tag(&ann, "category:shoes", 0).unwrap();
    run(&Work { shop: &shop, now: 0, progress: &|_| {} }).unwrap();
    let left = tags(&shop, &ann).0;
    assert_eq!(left.iter().flatten().collect::<Vec<_>>(), ["brand:北", "price:100-200"]);
}
