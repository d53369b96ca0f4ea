//! Files that are not what they should be: said where, what and what to do; and nothing stops.

use std::io::{Seek as _, Write as _};

use super::*;

const TABLES: [&str; 8] = [
    "online-retail",
    "movielens",
    "products",
    "campaigns",
    "rates",
    "personalize",
    "recbole",
    "csv",
];

#[test]
fn whole_files_that_cannot_be_read_say_why() {
    let given = Given::new();
    for format in TABLES {
        for (name, bytes, words) in [
            ("empty.csv", &b""[..], "empty"),
            ("empty.parquet", b"", "not a readable Parquet file"),
            ("text.parquet", b"id,title\n1,Mug\n", "not a readable Parquet file"),
            ("cut.parquet", b"PAR1\x15\x04\x15\x10PAR1", "not a readable Parquet file"),
            ("binary.csv", b"\x7fELF\0\0\0\x01\x02", "binary"),
            ("sheet.csv", b"PK\x03\x04xl/workbook", "Excel"),
            ("empty.jsonl", b"", "empty"),
            ("list.jsonl", b"[1,2]\n\"a\"\n", "no line is a JSON object"),
            ("wrong.csv", b"a,b\n1,2\n", "a, b"),
        ] {
            let error = given.import(format, name, bytes).unwrap_err().to_string();
            assert!(error.contains(words), "{format} {name}: {error}");
        }
        let error = import(
            &given.shop,
            format,
            &[given.folder.path().join("missing.csv")],
            &ImportOptions::default(),
            0,
            &|_| {},
        );
        assert!(error.unwrap_err().to_string().contains("missing.csv"), "{format}");
    }
    let error = given.import("segment", "binary.jsonl", b"\x7fELF\0\0\0").unwrap_err();
    assert!(error.to_string().contains("binary"), "{error}");
    assert_eq!(given.shop.lake.version(&EVENTS).unwrap(), None);
    assert_eq!(given.shop.lake.version(&REFUSED).unwrap(), None);
}

#[test]
fn a_damaged_parquet_file_leaves_nothing_behind() {
    let given = Given::new();
    let frame = shopwise_model::Frame::default()
        .with("customer", Column::Int((0..100_000).map(|at| at * 7_919 % 100_003).collect()))
        .with("occurred_at", Column::Time((0..100_000).map(|at| at * 1_000_000).collect()));
    let file = given.folder.path().join("log.parquet");
    shopwise_store::lake::write_table_file(&file, &frame).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[1_000..middle].fill(0xff);
    let error = given.import("csv", "damaged.parquet", bytes).unwrap_err().to_string();
    assert!(error.contains("not a readable Parquet file") && error.contains("hint:"), "{error}");
    assert_eq!(given.shop.lake.version(&EVENTS).unwrap().unwrap_or(0), 0);
    assert_eq!(given.events(), 0);
}

#[test]
fn bad_rows_are_refused_with_their_place_and_the_rest_is_taken() {
    let given = Given::new();
    let log = "\
customer,product,price,quantity,propensity,currency,kind,occurred_at
ann,mug,2.5,1,0.5,EUR,product_added,2024-03-01
ann,mug,NaN,1,0.5,EUR,product_added,2024-03-01
ann,mug,2.5,1.5,0.5,EUR,product_added,2024-03-01
ann,mug,2.5,1,NaN,EUR,product_added,2024-03-01
ann,mug,2.5,1,0.5,euro,product_added,2024-03-01
ann,mug,2.5,1,0.5,EUR,product_added,yesterday
ann,mug,9000000000000,9000000000000,,EUR,product_added,2024-03-01
ann,mug,2.5
";
    let report = given.import("csv", "log.csv", log).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (8, 1));
    assert_eq!(
        given.refused(),
        [
            "3|unit_price|NaN|not an amount",
            "4|quantity|1.5|not a whole number",
            "5|propensity|NaN|not a number",
            "6|currency|euro|must be three capital letters (ISO 4217)",
            "7|occurred_at|yesterday|not a date in the file's format",
            "8|amount||amount too large",
            "9||ann,mug,2.5|8 fields expected, 3 found",
        ]
    );
    assert_eq!(report.refused.values().sum::<u64>(), 7);
}

#[test]
fn an_endless_line_is_refused_and_the_rest_is_read() {
    let given = Given::new();
    let mut log = "customer,product,occurred_at\n".to_owned();
    while log.len() < 10_000 {
        log += "ann,mug,2024-03-01\n";
    }
    let rows = log.lines().count() as u64 - 1;
    let path = given.folder.path().join("long.csv");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(log.as_bytes()).unwrap();
    // A gibibyte without a line end; the system does not store a hole.
    let end = log.len() as u64 + (1 << 30);
    file.set_len(end).unwrap();
    file.seek(std::io::SeekFrom::Start(end)).unwrap();
    file.write_all(b"\nbob,cup,2024-03-02\n").unwrap();
    let report =
        import(&given.shop, "csv", &[path], &ImportOptions::default(), 0, &|_| {}).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (rows + 2, rows + 1));
    assert_eq!(given.rows("SELECT line FROM refused"), [(rows + 2).to_string()]);
}

#[test]
fn dates_of_three_kinds_are_told_apart_and_a_mixture_is_refused() {
    for (dates, first) in [
        (["2024-03-25", "2024-04-01", "25/03/2024"], "2024-03-25T00:00:00Z"),
        (["25/03/2024", "01/04/2024", "2024-03-25"], "2024-03-25T00:00:00Z"),
        (["03/25/2024 8:00", "04/01/2024 8:00", "soon"], "2024-03-25T08:00:00Z"),
        (["1711324800", "1711324800000", "March"], "2024-03-25T00:00:00Z"),
    ] {
        let given = Given::new();
        let [a, b, c] = dates;
        let log = format!("customer,occurred_at\nann,{a}\nbob,{b}\ncyd,{c}\n");
        given.import("csv", "log.csv", log).unwrap();
        let moments = given.rows("SELECT min(occurred_at) AS t FROM events");
        assert_eq!(moments, [first], "{dates:?}");
        assert_eq!(given.refused(), [format!("4|occurred_at|{c}|not a date in the file's format")]);
    }
}
