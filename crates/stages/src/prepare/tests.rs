//! Events become sessions, orders and features as a person would add them up.

mod exposures;
mod persons;
mod snapshot;
mod tastes;

use super::*;
use crate::collect::{self, ImportOptions};

const LOG: &str = "\
who,what,when,order,item,pieces,price
ann,product_viewed,2024-01-06 10:00:00,,tea,,
ann,product_added,2024-01-06 10:20:00,,tea,,
ann,order_completed,2024-01-06 10:40:00,o1,tea,2,3.50
ann,order_completed,2024-01-08 19:00:00,o2,cup,1,8
bob,product_viewed,2024-01-08 20:00:00,,cup,,
bob,product_viewed,2024-01-08 20:31:00,,tea,,
";

fn prepared() -> (tempfile::TempDir, Shop) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let shop = crate::shop::tests::shop(path);
    let file = path.join("log.csv");
    std::fs::write(&file, LOG).unwrap();
    let map = [
        ("who", "customer"),
        ("what", "kind"),
        ("when", "occurred_at"),
        ("order", "order"),
        ("item", "product"),
        ("pieces", "quantity"),
        ("price", "unit_price"),
    ]
    .map(|(column, field)| (column.to_owned(), field.to_owned()));
    let options = ImportOptions { map: map.to_vec(), ..ImportOptions::default() };
    collect::import(&shop, "csv", &[file], &options, 0, &|_| {}).unwrap();
    run(&Work { shop: &shop, now: 0, progress: &|_| {} }).unwrap();
    (folder, shop)
}

#[test]
fn a_visit_ends_after_thirty_minutes_of_silence() {
    let (_folder, shop) = prepared();
    let sql = "SELECT events, views, carts, orders FROM sessions ORDER BY started_at";
    let sessions = shop.lake.query(sql).unwrap();
    assert_eq!(sessions.int("events").unwrap(), [3, 1, 1, 1]);
    assert_eq!(sessions.int("views").unwrap(), [1, 0, 1, 1]);
    assert_eq!(sessions.int("carts").unwrap(), [1, 0, 0, 0]);
    assert_eq!(sessions.int("orders").unwrap(), [1, 1, 0, 0]);
}

#[test]
fn features_are_what_a_person_adds_up() {
    let (_folder, shop) = prepared();
    let ann = shop.vault.pseudonym("customer", "ann");
    let sql = format!("SELECT * FROM customer_features WHERE customer = '{ann}'");
    let row = shop.lake.query(&sql).unwrap();
    assert_eq!(row.int("orders").unwrap(), [2]);
    assert_eq!(row.float("monetary").unwrap(), [15.0]);
    assert_eq!(row.float("average_order").unwrap(), [7.5]);
    assert_eq!(row.float("price_level").unwrap(), [5.0]);
    // Saturday has three of the four events, the evening has one.
    assert_eq!(row.float("weekend_share").unwrap(), [0.75]);
    assert_eq!(row.float("evening_share").unwrap(), [0.25]);
    let interval = row.float("interval_days").unwrap()[0];
    assert!((interval - (2.0 + 8.0 / 24.0 + 20.0 / 1440.0)).abs() < 1e-12, "{interval}");
}

#[test]
fn a_deleted_table_is_rebuilt_equal() {
    let (folder, shop) = prepared();
    for table in ["sessions", "orders", "order_lines", "customer_features", "product_features"] {
        let sql = format!("SELECT * FROM {table}");
        let before = shop.lake.query(&sql).unwrap();
        std::fs::remove_dir_all(folder.path().join("lake").join(table)).unwrap();
        assert_eq!(shop.lake.query(&sql).unwrap().rows(), 0, "{table}");
        run(&Work { shop: &shop, now: 0, progress: &|_| {} }).unwrap();
        let after = shop.lake.query(&sql).unwrap();
        assert_eq!(format!("{before:?}"), format!("{after:?}"), "{table}");
    }
}

#[test]
fn without_events_the_stage_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let shop = crate::shop::tests::shop(path);
    assert!(run(&Work { shop: &shop, now: 0, progress: &|_| {} }).unwrap().skipped.is_some());
}
