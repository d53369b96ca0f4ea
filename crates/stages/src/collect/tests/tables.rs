//! Tables of events: which columns are which, what one event is, and the ways a table is written.

use std::sync::Arc;

use shopwise_model::frame::Texts;
use shopwise_model::{Frame, time};
use shopwise_store::lake::write_table_file;

use super::*;

const LOG: &str = "\
kind,customer,order,product,price,quantity,occurred_at
product_viewed,ann,,mug,2.55,,2024-03-01 10:00:00
product_viewed,ann,,mug,2.55,,2024-03-01 10:00:00
Completed Order,ann,o1,mug,2.55,2,2024-03-01 10:05:00
Completed Order,ann,o1,mug,2.55,2,2024-03-01 10:05:00
Completed Order,ann,o1,cup,1,,2024-03-01 10:05:00
Completed Order,bob,o1,cup,1,1,2024-03-01 10:05:00
Wheel Spun,bob,,,,,2024-03-01 11:00:00
";

#[test]
fn columns_named_like_our_fields_map_by_themselves() {
    let given = Given::new();
    let report = given.import("csv", "log.csv", LOG).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (7, 7));
    let rows = given.rows(
        "SELECT kind, line, \"order\", product, quantity, unit_price, amount, extra FROM events \
         ORDER BY occurred_at, customer, line, kind",
    );
    let mut orders = rows[2..6].to_vec();
    orders.sort();
    assert_eq!(
        orders,
        [
            "order_completed|0|o1|cup|1|1000000|1000000|",
            "order_completed|0|o1|mug|2|2550000|5100000|",
            "order_completed|1|o1|mug|2|2550000|5100000|",
            "order_completed|2|o1|cup|1|1000000|1000000|",
        ]
    );
    assert_eq!(rows[0], "product_viewed|0||mug||2550000||");
    assert_eq!(rows[6], "other|0||||||{\"event\":\"Wheel Spun\"}");
    let events = given.rows("SELECT count(DISTINCT event_id) AS n FROM events");
    assert_eq!(events, ["5"], "two equal views, two orders, one other");
    let again = given.import("csv", "again.csv", LOG).unwrap();
    assert_eq!((again.rows_written, again.metrics["duplicates"].as_u64()), (0, Some(7)));
}

#[test]
fn the_files_own_names_of_events_are_their_identity() {
    let given = Given::new();
    let log = "\
message_id,customer,product,amount,occurred_at
m1,ann,mug,2,2024-03-01
m1,ann,cup,3,2024-03-01
m1,ann,cup,3,2024-03-01
m2,bob,cup,3,2024-03-02
m1,ann,mug,2,2024-03-01
";
    let report = given.import("csv", "log.csv", log).unwrap();
    assert_eq!((report.rows_written, report.metrics["duplicates"].as_u64()), (3, Some(2)));
    let rows = given.rows("SELECT message_id, line, product, unit_price FROM events ORDER BY 1, 2");
    assert_eq!(rows, ["m1|0|mug|2000000", "m1|1|cup|3000000", "m2|0|cup|3000000"]);
    // The same names from another source are other events.
    let options = ImportOptions { source: Some("till".to_owned()), ..ImportOptions::default() };
    assert_eq!(given.import_with("csv", "log.csv", log, &options).unwrap().rows_written, 3);
}

#[test]
fn equal_rows_stay_and_a_longer_file_adds_only_what_is_new() {
    let given = Given::new();
    let mut log = "customer,product,occurred_at\n".to_owned();
    for _ in 0..3 {
        log += "ann,mug,2024-03-01\n";
    }
    assert_eq!(given.import("csv", "a.csv", &log).unwrap().rows_written, 3);
    log += "ann,mug,2024-03-01\nann,cup,2024-03-01\n";
    assert_eq!(given.import("csv", "b.csv", &log).unwrap().rows_written, 2);
    assert_eq!(given.events(), 5);
}

fn texts(values: &[&str]) -> Column {
    Column::Text(values.iter().copied().collect::<Texts>())
}

#[test]
fn a_table_gives_the_same_events_however_it_is_written() {
    let csv = Given::new();
    let text = "customer,product,price,quantity,occurred_at\n\
                17850,mug,2.55,6,2010-12-01T08:26:00.25Z\n\
                17851,杯,0.0000001,1,2010-12-02T00:00:00Z\n";
    csv.import("csv", "log.csv", text).unwrap();
    let sql = "SELECT customer, product, quantity, unit_price, amount, \
               CAST(occurred_at AS VARCHAR) AS t FROM events ORDER BY occurred_at";
    let expected = csv.rows(sql);
    assert_eq!(expected.len(), 2);

    let given = Given::new();
    let moment = |text| time::parse(text, DateFormat::YearFirst, &jiff::tz::TimeZone::UTC);
    let moments = ["2010-12-01T08:26:00.25Z", "2010-12-02"].map(|text| moment(text).unwrap());
    let frame = Frame::default()
        .with("customer", Column::Float(vec![17_850.0, 17_851.0]))
        .with("product", texts(&["mug", "杯"]))
        .with("price", Column::Float(vec![2.55, 1e-7]))
        .with("quantity", Column::Int(vec![6, 1]))
        .with("occurred_at", Column::Time(moments.to_vec()));
    let file = given.folder.path().join("log.parquet");
    write_table_file(&file, &frame).unwrap();
    let options = ImportOptions::default();
    import(&given.shop, "csv", &[file], &options, 0, &|_| {}).unwrap();
    assert_eq!(given.rows(sql), expected);

    let given = Given::new();
    let lines = "{\"customer\":17850,\"product\":\"mug\",\"price\":2.55,\"quantity\":6,\
                 \"occurred_at\":\"2010-12-01T08:26:00.25Z\"}\n\
                 {\"product\":\"杯\",\"price\":\"0.0000001\",\"customer\":\"17851\",\"quantity\":1,\
                 \"occurred_at\":\"2010-12-02\"}\n";
    given.import("csv", "log.jsonl", lines).unwrap();
    assert_eq!(given.rows(sql), expected);
}

#[test]
fn a_file_shaped_as_our_events_keeps_every_field() {
    let given = Given::new();
    let mut event = shopwise_model::Event::new("sim", EventKind::AdShown, 7_000_000);
    (event.event_id, event.line, event.customer) = ([9; 16], 3, Some("customer 1"));
    (event.product, event.campaign, event.creative) = (Some("mug"), Some("spring"), Some("red"));
    (event.decision, event.propensity, event.position) = (Some("d1"), 0.125, 2);
    (event.placement, event.variant, event.experiment) = (Some("home"), Some("learned"), Some("e"));
    (event.quantity, event.unit_price, event.amount) = (2, 2_550_000, 5_100_000);
    (event.currency, event.rating, event.message_id) = (Some("EUR"), 4.5, Some("m"));
    event.extra = Some("{\"a\":1}");
    let mut events = shopwise_model::Events::default();
    events.push(&event);
    let file = given.folder.path().join("events.parquet");
    write_table_file(&file, &events.into_frame()).unwrap();
    let options = ImportOptions::default();
    for (written, duplicates) in [(1, 0), (0, 1)] {
        let files = [file.clone()];
        let report = import(&given.shop, "csv", &files, &options, 0, &|_| {}).unwrap();
        assert_eq!(
            (report.rows_written, report.metrics["duplicates"].as_u64()),
            (written, Some(duplicates))
        );
    }
    let rows = given.rows(
        "SELECT kind, line, product, campaign, creative, decision, propensity, position, \
         placement, variant, experiment, quantity, unit_price, amount, currency, rating, \
         message_id, extra, occurred_at FROM events",
    );
    let expected = "ad_shown|3|mug|spring|red|d1|0.125|2|home|learned|e|2|2550000|5100000|EUR|4.5|\
                    m|{\"a\":1}|1970-01-01T00:00:07Z";
    assert_eq!(rows, [expected]);
    let customer = given.shop.vault.pseudonym("customer", "customer 1");
    assert_eq!(given.rows("SELECT customer FROM events"), [customer]);
}

#[test]
fn parquet_is_read_by_the_importers_of_tables() {
    let given = Given::new();
    let invoices = Frame::default()
        .with("InvoiceNo", texts(&["536365", "536365", "C536379"]))
        .with("StockCode", texts(&["85123A", "71053", "71053"]))
        .with("Quantity", Column::Int(vec![6, 1, -1]))
        .with("InvoiceDate", Column::Time(vec![1_291_191_960_000_000; 3]))
        .with("UnitPrice", Column::Float(vec![2.55, 3.39, 3.39]))
        .with("CustomerID", Column::Float(vec![17_850.0, f64::NAN, 17_850.0]));
    let ratings = Frame::default()
        .with("user", Column::Int(vec![1, 2]))
        .with("item", Column::Int(vec![10, 11]))
        .with("rating", Column::Float(vec![3.0, 4.5]))
        .with("timestamp", Column::Int(vec![881_250_949, 881_250_950]));
    let options = ImportOptions::default();
    for (format, frame, written) in [("online-retail", invoices, 3), ("movielens", ratings, 2)] {
        let file = given.folder.path().join(format!("{format}.parquet"));
        write_table_file(&file, &frame).unwrap();
        let report = import(&given.shop, format, &[file], &options, 0, &|_| {}).unwrap();
        assert_eq!(report.rows_written, written, "{format} {:?}", report.refused);
    }
    let rows = given.rows(
        "SELECT kind, line, amount, occurred_at FROM events WHERE source = 'online-retail' \
         ORDER BY kind, line",
    );
    assert_eq!(rows[0], "order_completed|0|15300000|2010-12-01T08:26:00Z");
    assert_eq!(rows[1], "order_completed|1|3390000|2010-12-01T08:26:00Z");
    assert_eq!(rows[2], "order_refunded|0|3390000|2010-12-01T08:26:00Z");
    let named =
        given.rows("SELECT count(customer) AS n FROM events WHERE source = 'online-retail'");
    assert_eq!(named, ["2"], "a missing number is no customer");
}

#[test]
fn a_large_parquet_file_comes_in_pieces_with_every_row() {
    let given = Given::new();
    let count = 200_000_i64;
    let long: Arc<str> = "x".repeat(1_100_000).into();
    let names: Texts = (0..count).map(|at| if at == 7 { &*long } else { "ann" }).collect();
    let frame = Frame::default()
        .with("customer", Column::Text(names))
        .with("product", Column::Int((0..count).collect()))
        .with("occurred_at", Column::Time((0..count).map(|at| at * 1_000_000).collect()));
    let file = given.folder.path().join("log.parquet");
    write_table_file(&file, &frame).unwrap();
    let options = ImportOptions::default();
    let report = import(&given.shop, "csv", &[file], &options, 0, &|_| {}).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (200_000, 199_999));
    let sum = given.rows("SELECT sum(CAST(product AS BIGINT)) AS s FROM events");
    assert_eq!(sum, [(count * (count - 1) / 2 - 7).to_string()]);
    assert!(given.refused()[0].starts_with("8||xxx"), "{:?}", given.refused()[0].get(..20));
}
