//! A small shop through a real lake: what it recommends, that two runs agree, and the way back.

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::collect::{self, ImportOptions};
use crate::shop::Shop;
use shopwise_learn::recommend::Pad;
use shopwise_model::Settings;
use shopwise_store::{Lake, Ledger, Shelf, Vault};

pub(super) fn shop(folder: &Path) -> Shop {
    Shop {
        lake: Lake::open(&folder.join("lake"), 256 << 20).unwrap(),
        ledger: Ledger::open(&format!("sqlite://{}", folder.join("ledger.db").display())).unwrap(),
        vault: Vault::create(&folder.join("vault"), [7; 32]).unwrap(),
        shelf: Shelf::open(&folder.join("models")).unwrap(),
        settings: Settings::default(),
        plan: collect::plan::Plan::default(),
    }
}

pub(super) fn import(shop: &Shop, folder: &Path, log: &str) {
    let file = folder.join("log.csv");
    std::fs::write(&file, format!("who,what,when,item,order\n{log}")).unwrap();
    let map = [
        ("who", "customer"),
        ("what", "kind"),
        ("when", "occurred_at"),
        ("item", "product"),
        ("order", "order"),
    ]
    .map(|(column, field)| (column.to_owned(), field.to_owned()));
    let options = ImportOptions { map: map.to_vec(), ..ImportOptions::default() };
    collect::import(shop, "csv", &[file], &options, 0, &|_| {}).unwrap();
}

pub(super) fn go(shop: &Shop) -> StageReport {
    run(&Work { shop, now: 5, progress: &|_| {} }).unwrap()
}

/// Sixty customers of three tastes with eight goods each, and one that everybody buys. A customer
/// buys the goods of his taste one a day from a place of his own on, and has bought six by the end.
pub(super) fn tastes() -> String {
    let mut log = String::new();
    for day in 0..6 {
        for customer in 0..60 {
            let (taste, first) = (customer % 3, customer / 3);
            let good = (first + day) % 8;
            let when = format!("2024-03-{:02} 10:{customer:02}:00", day + 1);
            let order = format!("o{customer}-{day}");
            writeln!(log, "c{customer},product_viewed,{when},t{taste}-{good},").unwrap();
            writeln!(log, "c{customer},order_completed,{when},t{taste}-{good},{order}").unwrap();
            if day == customer % 5 {
                writeln!(log, "c{customer},order_completed,{when},bag,{order}").unwrap();
            }
        }
    }
    log
}

#[test]
fn customers_are_shown_what_those_of_their_taste_bought() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    import(&shop, folder.path(), &tastes());
    let report = go(&shop);
    assert_eq!(report.skipped, None);
    let names: Vec<_> = report.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["popular", "recommend", "similar", "together", "audience"]);
    assert!(report.models[1].published, "{:?}", report.metrics);
    let found = shop
        .lake
        .query("SELECT * FROM recommendations WHERE rank <= 2 ORDER BY customer, rank")
        .unwrap();
    assert_eq!(found.rows(), 120);
    for customer in 0..60 {
        let (taste, first) = (customer % 3, customer / 3);
        let own = shop.vault.pseudonym("customer", &format!("c{customer}"));
        let rows: Vec<usize> = (0..found.rows())
            .filter(|row| found.text("customer").unwrap().get(*row) == Some(own.as_str()))
            .collect();
        let mut shown: Vec<_> =
            rows.iter().filter_map(|row| found.text("product").unwrap().get(*row)).collect();
        shown.sort_unstable();
        // The two goods of his taste that he has not bought.
        let mut missing = [6, 7].map(|day| format!("t{taste}-{}", (first + day) % 8));
        missing.sort();
        assert_eq!(shown, missing, "customer {customer}");
        for row in rows {
            assert_eq!(found.text("reason").unwrap().get(row), Some(BOUGHT));
            let because = found.text("because").unwrap().get(row).unwrap();
            assert!(because.starts_with(&format!("t{taste}-")), "{because}");
        }
    }
}

#[test]
fn an_audience_is_who_will_take_it_next() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    import(&shop, folder.path(), &tastes());
    let missing = audience(&shop, "product:t1-3", 4).unwrap_err().to_string();
    assert!(missing.contains("no model of audiences"), "{missing}");
    let goods = (0..24).map(|good| Product {
        id: format!("t{}-{}", good % 3, good / 3),
        title: format!("t{}-{}", good % 3, good / 3),
        category: Some(format!("taste {}", good % 3)),
        ..Product::default()
    });
    shop.ledger.upsert_products(&goods.collect::<Vec<_>>(), 0).unwrap();
    let report = go(&shop);
    let metrics = &report.models.iter().find(|model| model.name == "audience").unwrap().metrics;
    let [own, anybody] = ["precision", "precision_of_anybody"]
        .map(|name| metrics["product"][name].as_f64().unwrap());
    assert!(own > 2.0 * anybody, "{metrics}");
    let named = |meant: &str, size: usize| {
        let found = audience(&shop, meant, size).unwrap();
        assert!(found.float("score").unwrap().is_sorted_by(|a, b| a >= b), "{meant}");
        let mut names: Vec<String> =
            found.text("customer").unwrap().iter().flatten().map(str::to_owned).collect();
        names.sort();
        names
    };
    let pseudonyms = |firsts: &[u32]| {
        let own = |first: &u32| shop.vault.pseudonym("customer", &format!("c{}", 3 * first + 1));
        let mut names: Vec<String> = firsts.iter().map(own).collect();
        names.sort();
        names
    };
    // Nobody buys anything again: those of the taste who have not had it yet.
    assert_eq!(named("product:t1-3", 4), pseudonyms(&[4, 5, 12, 13]));
    let all: Vec<u32> = (0..20).collect();
    assert_eq!(named("category:taste 1", 20), pseudonyms(&all));
    for (meant, why) in [
        ("colour:red", "is no audience"),
        ("product:none", "the model knows no product of `product:none`"),
        ("brand:none", "too few customers took anything with a brand"),
    ] {
        let message = audience(&shop, meant, 4).unwrap_err().to_string();
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn two_runs_agree_bit_for_bit() {
    let [first, second] = [0, 1].map(|_| {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path());
        import(&shop, folder.path(), &tastes());
        let report = go(&shop);
        let sql = "SELECT * FROM recommendations ORDER BY customer, rank";
        let table = format!("{:?}", shop.lake.query(sql).unwrap());
        let files = [
            ("popular", serving::MODEL),
            ("recommend", serving::MODEL),
            ("audience", audience::NEIGHBOURS),
            ("audience", audience::ORDERS),
        ]
        .map(|(name, file)| shop.shelf.read(name, 1, file).unwrap());
        (report, table, files)
    });
    assert_eq!(first.0, second.0);
    assert_eq!(first.1, second.1);
    assert!(first.2 == second.2, "model files differ");
}

#[test]
fn a_second_run_meets_what_serves_and_can_be_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    import(&shop, folder.path(), &tastes());
    go(&shop);
    let report = go(&shop);
    assert_eq!((report.models[1].version, report.models[1].published), (2, true));
    let manifest = shop.shelf.manifest("recommend", 2).unwrap();
    assert_eq!(manifest["verdict"]["comparisons"][1]["role"], "serving");
    assert_eq!(Serving::open(&shop, NAME).unwrap().unwrap().version(), 2);
    assert_eq!(shop.ledger.rollback(NAME, 9).unwrap().version, 1);
    let serving = Serving::open(&shop, NAME).unwrap().unwrap();
    assert_eq!(serving.version(), 1);
    let had = serving.index_of("t1-3").unwrap();
    assert_eq!(serving.products()[had as usize], "t1-3");
    assert_eq!(serving.index_of("nothing"), None);
    let history = [(had, weight::of_counts(1, 0, 1), 0.5)];
    let mut pad = Pad::default();
    let list = serving.recommend(&history, 3, None, &mut pad);
    let items: Vec<u32> = list.iter().map(|one| one.item).collect();
    let shown = |item: &u32| serving.products()[*item as usize].starts_with("t1-");
    assert!(items.len() == 3 && items.iter().all(shown) && !items.contains(&had), "{items:?}");
    let why = serving.explain(&history, &items, None, &mut pad);
    assert!(why.iter().all(|one| one.reason == BOUGHT && one.parts[0].item == had), "{why:?}");
    let none = vec![false; serving.products().len()];
    assert!(serving.recommend(&history, 3, Some(&none), &mut pad).is_empty());
    let stranger = serving.recommend(&[], 3, None, &mut pad);
    assert_eq!(stranger.len(), 3);
    assert!(serving.explain(&[], &[0], None, &mut pad)[0].reason == POPULAR);
}

#[test]
fn too_little_is_skipped_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    assert!(go(&shop).skipped.unwrap().contains("no events"));
    import(&shop, folder.path(), "ann,product_viewed,2024-03-01 10:00:00,tea,\n");
    let why = go(&shop).skipped.unwrap();
    assert_eq!(why, "1 customers did something with 1 products, 20 and 5 are needed");
}

#[test]
fn without_a_window_to_judge_by_what_is_popular_serves() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    // Everything happens within an hour: nothing is known before it.
    let mut log = String::new();
    for customer in 0..30 {
        for good in 0..=customer % 6 {
            writeln!(log, "c{customer},product_viewed,2024-03-01 10:00:00,g{good},").unwrap();
        }
    }
    import(&shop, folder.path(), &log);
    let report = go(&shop);
    let names: Vec<_> = report.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["popular", "similar"], "nobody ordered anything");
    assert!(report.metrics.contains_key("judged"));
    let sql = "SELECT customer, product, reason FROM recommendations WHERE rank = 1";
    let first = shop.lake.query(sql).unwrap();
    assert_eq!(first.rows(), 30);
    assert!(first.text("reason").unwrap().iter().all(|reason| reason == Some(POPULAR)));
    assert!(Serving::open(&shop, NAME).unwrap().is_none());
}

#[test]
fn sold_out_goods_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    import(&shop, folder.path(), &tastes());
    let sold_out = Product {
        id: "t0-0".to_owned(),
        title: "Sold out".to_owned(),
        stock: Some(0),
        ..Product::default()
    };
    shop.ledger.upsert_products(&[sold_out], 0).unwrap();
    go(&shop);
    let sql = "SELECT count(*) AS n FROM recommendations WHERE product = 't0-0'";
    assert_eq!(shop.lake.query(sql).unwrap().int("n").unwrap(), [0]);
}

#[test]
fn ratings_count_by_their_height_and_are_not_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let path = folder.path().join("ratings.csv");
    let mut log = "user,item,stars,when,what\n".to_owned();
    for day in 0..5 {
        for user in 0..40 {
            let film = user % 2 * 10 + (user / 2 + day) % 7;
            let (stars, when) = (1 + film % 5, format!("2024-05-0{} 12:{user:02}:00", day + 1));
            writeln!(log, "u{user},f{film},{stars},{when},product_reviewed").unwrap();
        }
    }
    std::fs::write(&path, log).unwrap();
    let map = [
        ("user", "customer"),
        ("item", "product"),
        ("stars", "rating"),
        ("when", "occurred_at"),
        ("what", "kind"),
    ]
    .map(|(column, field)| (column.to_owned(), field.to_owned()));
    let options = ImportOptions { map: map.to_vec(), ..ImportOptions::default() };
    collect::import(&shop, "csv", &[path], &options, 0, &|_| {}).unwrap();
    let report = go(&shop);
    assert_eq!(report.parameters["ratings"], true);
    assert_eq!(report.parameters["repeats"], "nothing");
    let sql = "SELECT count(*) AS n FROM recommendations r JOIN events e \
               ON r.customer = e.customer AND r.product = e.product";
    assert_eq!(shop.lake.query(sql).unwrap().int("n").unwrap(), [0]);
}
