//! Products, campaigns, rates and films: what a file says holds, and what events mention adds.

use shopwise_model::Product;
use shopwise_model::money::{Rate, Rates};

use super::*;

fn product(id: &str, title: &str) -> Product {
    Product { id: id.to_owned(), title: title.to_owned(), ..Product::default() }
}

#[test]
fn products_are_read_under_their_usual_names() {
    let given = Given::new();
    let text = "sku\tname\tcategory\tbrand\tprice\tcost\tstock\n\
                1\tMug\thome > kitchen\tLux\t2.55\t1\t7\n\
                2\tCup\t\t\t\t\t\n\
                3\tBad\t\t\t-1\t\t\n\
                4\tBad\t\t\t1\t\tmany\n\
                \tBad\t\t\t\t\t\n\
                2\tCup, large\t\t\t3\t\t0\n";
    let report = given.import("products", "products.tsv", text).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (6, 2));
    assert_eq!(report.metrics["duplicates"].as_u64(), Some(1), "of a repeated one the last holds");
    let mug = Product {
        category: Some("home > kitchen".into()),
        brand: Some("Lux".into()),
        price: Some(2_550_000),
        cost: Some(1_000_000),
        stock: Some(7),
        ..product("1", "Mug")
    };
    let cup = Product { price: Some(3_000_000), stock: Some(0), ..product("2", "Cup, large") };
    assert_eq!(given.shop.ledger.products().unwrap(), [mug, cup]);
    assert_eq!(
        given.refused(),
        ["4|price|-1|must be ≥ 0", "5|stock|many|not a whole number", "6|id||must not be empty"]
    );
    let events = given.shop.lake.version(&EVENTS).unwrap();
    assert_eq!(events, None, "a catalogue brings no events");
}

#[test]
fn a_column_that_the_file_lacks_stays_and_events_only_add() {
    let given = Given::new();
    given.import("products", "a.csv", "id,title,price\n1,Mug,2\n2,,3\n").unwrap();
    given.import("products", "b.jsonl", "{\"id\":1,\"stock\":5}\n{\"id\":3}\n").unwrap();
    let log = "customer,product,title,brand,occurred_at\nann,1,OTHER,Lux,2024-03-01\n\
               ann,2,Cup,,2024-03-01\nann,4,Lamp,,2024-03-01\nann,4,Lamp 2,,2024-03-01\n";
    given.import("csv", "log.csv", log).unwrap();
    let expected = [
        Product {
            brand: Some("Lux".into()),
            price: Some(2_000_000),
            stock: Some(5),
            ..product("1", "Mug")
        },
        Product { price: Some(3_000_000), ..product("2", "Cup") },
        product("3", "3"),
        product("4", "Lamp 2"),
    ];
    assert_eq!(given.shop.ledger.products().unwrap(), expected);
    given.import("products", "c.csv", "id,price\n1,\n").unwrap();
    assert_eq!(given.shop.ledger.products().unwrap()[0].price, None, "an empty price is none");
}

#[test]
fn a_product_has_a_seller_a_time_and_attributes_of_any_name() {
    let given = Given::new();
    let text = "id,seller,hidden,available_from,expires_at,Colour,watts\n\
                1,茶庄,no,2024-03-01,2024-04-01,red,40\n2,,yes,,,,\n3,,perhaps,,,,\n4,,,soon,,,\n";
    given.import("products", "a.csv", text).unwrap();
    let lamp = Product {
        seller: Some("茶庄".into()),
        available_from: Some(1_709_251_200_000_000),
        available_until: Some(1_711_929_600_000_000),
        attributes: [("colour".to_owned(), "red".into()), ("watts".to_owned(), 40.into())].into(),
        ..product("1", "1")
    };
    let hidden = Product { is_hidden: true, ..product("2", "2") };
    assert_eq!(given.shop.ledger.products().unwrap(), [lamp.clone(), hidden]);
    assert_eq!(
        given.refused(),
        [
            "4|hidden|perhaps|must be true or false",
            "5|available_from|soon|not a date in the file's format"
        ]
    );
    given.import("products", "b.csv", "id,colour\n1,\n").unwrap();
    let attributes = [("watts".to_owned(), 40.into())].into();
    let expected = Product { attributes, ..lamp };
    assert_eq!(given.shop.ledger.products().unwrap()[0], expected, "what is empty is gone");
}

#[test]
fn campaigns_are_read_and_wrong_ones_refused() {
    let given = Given::new();
    let text = "\
id,name,product,bid_per_click,budget,budget_day,starts_at,ends_at,segments
spring,Spring,1,0.25,1000,50,2024-03-01,2024-04-01,loyal| new |
plain,,,0,10,,2024-03-01 12:00,2024-03-02,
a,,,-0.25,1000,,2024-03-01,2024-04-01,
b,,,0.25,-1,,2024-03-01,2024-04-01,
c,,,0.25,1,-1,2024-03-01,2024-04-01,
d,,,0.25,1,,2024-04-01,2024-03-01,
e,,,0.25,1,,2024-04-01,soon,
";
    let report = given.import("campaigns", "campaigns.csv", text).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (7, 2));
    let campaigns = given.shop.ledger.campaigns().unwrap();
    let spring = &campaigns[1];
    assert_eq!((spring.id.as_str(), spring.product.as_deref()), ("spring", Some("1")));
    assert_eq!((spring.bid_per_click, spring.budget), (250_000, 1_000_000_000));
    assert_eq!(
        (spring.budget_day, &spring.segments[..]),
        (Some(50_000_000), &["loyal".to_owned(), "new".to_owned()][..])
    );
    assert_eq!(spring.ends_at - spring.starts_at, 31 * shopwise_model::time::DAY);
    assert_eq!((campaigns[0].name.as_str(), campaigns[0].budget_day), ("plain", None));
    let fields: Vec<String> =
        given.refused().iter().map(|row| row.split('|').nth(1).unwrap().to_owned()).collect();
    assert_eq!(fields, ["bid_per_click", "budget", "budget_day", "ends_at", "ends_at"]);
}

#[test]
fn dated_rates_give_amounts_their_worth() {
    let given = Given::new();
    let text = "date,currency,rate\n\
                2024-03-01,EUR,0.85\n2024-03-04,EUR,0.9\n2024-03-01,JPY,0.0053\n\
                2024-03-01,euro,1\n2024-03-01,USD,0\n2024-03-01,USD,NaN\nnever,USD,1\n";
    let report = given.import("rates", "rates.csv", text).unwrap();
    assert_eq!((report.rows_written, given.refused().len()), (3, 4));
    let stored = given.shop.ledger.rates().unwrap();
    let first = Rate { currency: "EUR".to_owned(), day: 19_783, rate: 0.85 };
    assert_eq!((stored.len(), &stored[0]), (3, &first), "2024-03-01 is day 19,783");
    let rates = Rates::new("GBP", &stored);
    assert_eq!(rates.convert(10_000_000, "EUR", 19_785), Some(8_500_000));
    assert_eq!(rates.convert(10_000_000, "EUR", 19_786), Some(9_000_000));
}

#[test]
fn films_are_products_in_their_four_spellings() {
    let flags = "|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0";
    let old = format!("1|Mis\u{e9}rables, Les (1995)|01-Jan-1995||http://x?q=\"a{flags}\n");
    let old: Vec<u8> = old.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let new = "1::Misérables, Les (1995)::Animation|Children's|Comedy\n".as_bytes().to_vec();
    let header = "movieId,title,genres\n1,\"Misérables, Les (1995)\",Animation|Children's|Comedy\n";
    let typed = "item_id:token\tmovie_title:token_seq\tclass:token_seq\n\
                 1\tMisérables, Les (1995)\tAnimation|Children's|Comedy\n";
    for (name, bytes) in [
        ("u.item", old),
        ("movies.dat", new),
        ("movies.csv", header.as_bytes().to_vec()),
        ("ml-100k.item", typed.as_bytes().to_vec()),
    ] {
        let given = Given::new();
        given.import("movielens", name, bytes).unwrap();
        let film = Product {
            category: Some("Animation|Children's|Comedy".into()),
            ..product("1", "Misérables, Les (1995)")
        };
        assert_eq!(given.shop.ledger.products().unwrap(), [film], "{name}");
    }
}
