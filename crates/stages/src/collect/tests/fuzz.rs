//! Files that somebody hostile wrote, through every importer; and tracking plans.

use std::time::Duration;

use shopwise_hostile::{Target, fuzz};

use super::*;
use crate::collect::plan::Plan;

/// Imports into one shop: its lake gets slower with each commit.
const SHOP_IMPORTS: usize = 50;

/// Each importer, the name of a file, and a file that it takes.
const FILES: &[(&str, &str, &[u8])] = &[
    ("online-retail", "in.csv", INVOICES.as_bytes()),
    ("movielens", "u.data", b"1\t2\t3\t881250949\n2\t3\t1.5\t881250950\n"),
    ("movielens", "ratings.dat", b"1::2::5::978300760\n"),
    ("movielens", "movies.csv", b"movieId,title,genres\n1,\"A, the\",Comedy|Drama\n"),
    (
        "segment",
        "in.jsonl",
        b"{\"type\":\"track\",\"event\":\"Product Viewed\",\"userId\":\"u\",\"messageId\":\"m\",\
          \"properties\":{\"product_id\":\"p\",\"price\":1.5,\"currency\":\"EUR\"},\
          \"timestamp\":\"2024-03-01T09:00:00Z\"}\n\
          {\"batch\":[{\"type\":\"identify\",\"userId\":\"u\",\
          \"traits\":{\"email\":\"a@b.example\"}},7]}\n",
    ),
    ("products", "in.jsonl", b"{\"id\":\"p\",\"title\":\"Mug\",\"price\":1.5,\"stock\":3}\n"),
    ("products", "in.csv", b"id,title,category,brand,price,cost,stock\np,Mug,a,b,1.5,1,3\n"),
    (
        "campaigns",
        "in.csv",
        b"id,name,bid_per_click,budget,starts_at,ends_at\nc,C,0.1,10,2024-03-01,2024-03-31\n",
    ),
    ("rates", "in.csv", b"date,currency,rate\n2024-03-01,EUR,0.85\n"),
    (
        "gorse",
        "in.jsonl",
        b"{\"ItemId\":\"p\",\"Categories\":[\"a\"],\"Labels\":{\"b\":[1,2.5]},\"IsHidden\":true}\n\
          {\"UserId\":\"u\",\"Labels\":[\"a\"],\"Comment\":\"c\"}\n\
          {\"FeedbackType\":\"like\",\"UserId\":\"u\",\"ItemId\":\"p\",\"Value\":1.5,\
          \"Timestamp\":\"2024-03-01T00:00:00Z\"}\n",
    ),
    ("gorse", "dump.bin", DUMP),
    (
        "personalize",
        "in.csv",
        b"USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\nu,p,1709251200,click,0.5\n",
    ),
    ("recbole", "a.inter", b"user_id:token\titem_id:token\ttimestamp:float\nu\tp\t881250949\n"),
    ("recbole", "a.item", b"item_id:token\tclass:token_seq\tsize:float_seq\np\ta b\t1 2.5\n"),
    ("csv", "in.csv", b"occurred_at,customer,product,kind,amount\n2024-03-01,u,p,view,1\n"),
    ("csv", "in.tsv", b"occurred_at\tcustomer\textra\n01/13/2024 10:00\tu\t{}\n"),
];

/// A dump of one user and one item.
const DUMP: &[u8] =
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x0d\0\0\0\0\0\0\0\x0a\x01u\x12\x05[\"a\"]\x1a\x01c\
\xfe\xff\xff\xff\xff\xff\xff\xff\x0a\0\0\0\0\0\0\0\x12\x01p\x18\x01\x2a\x03\x08\xe8\x07\
\0\0\0\0\0\0\0\0";

const WORDS: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b",",
    b"\"",
    b"\"\"",
    b"\t",
    b"::",
    b";",
    b"|",
    b"2024-03-01",
    b"29/02/2023",
    b"12:60",
    b"1e18",
    b"-9223372036854775808",
    b"9999999999999",
    b"EUR",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"PAR1",
    b"\xff\xfe",
    b"\"type\":\"identify\"",
    b"\"traits\":{\"phone\":",
    b"\"batch\":[",
    b"occurred_at",
    b"customer",
    b"price",
];

#[test]
fn fuzz_files_of_every_importer() {
    for (format, name, example) in FILES {
        let mut given = Given::new();
        let mut imports = 0;
        let label = format!("files of {format}, {name}");
        let target = Target {
            name: &label,
            examples: &[example],
            words: WORDS,
            bytes_max: 8 << 10,
            time_max: Duration::from_secs(20),
        };
        fuzz(&target, |bytes| {
            imports += 1;
            if imports % SHOP_IMPORTS == 0 {
                given = Given::new();
            }
            let before = given.events();
            match given.import(format, name, bytes) {
                Ok(report) => {
                    let refused: Vec<String> = report.refused.keys().cloned().collect();
                    (report.rows_written.min(3), refused.join("|"))
                }
                Err(error) => {
                    assert_eq!(given.events(), before, "what failed left something behind");
                    let plain = error.to_string();
                    let plain = plain.chars().filter(|one| one.is_ascii_alphabetic()).take(80);
                    (0, plain.collect())
                }
            }
        });
    }
}

#[test]
fn fuzz_tracking_plans() {
    let own: &[u8] = br#"[[event]]
name = "Wheel Spun"
aliases = ["Spun Wheel"]
required = ["prize"]
properties = { prize = "text", spins = "number", list = "products" }
"#;
    let target = Target {
        name: "tracking plans",
        examples: &[own],
        words: &[b"[[event]]\n", b"name = \"Order Completed\"\n", b"aliases = []\n", b"= 1\n"],
        bytes_max: 32 << 10,
        time_max: Duration::from_secs(2),
    };
    let calls: Vec<serde_json::Map<String, serde_json::Value>> = [
        r#"{"type":"track","event":"Wheel Spun","properties":{"spins":"1","list":[7,{"n":1}]}}"#,
        r#"{"type":"track","event":"Order Completed","properties":{"total":"1","products":{}}}"#,
    ]
    .iter()
    .map(|call| serde_json::from_str(call).unwrap())
    .collect();
    fuzz(&target, |text| {
        let plan = Plan::with(&String::from_utf8_lossy(text)).ok()?;
        Some(calls.iter().map(|call| plan.check(call).len()).sum::<usize>())
    });
}
