//! A real sales file: the UCI Online Retail data set.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use crate::{data, json, shown, succeed};

/// What a hand query over the file finds.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    orders: u64,
    refunds: u64,
    corrections: u64,
    negative_prices: u64,
}

/// Counts the rows of each kind by plain reading.
fn count(file: &Path) -> Counted {
    let mut text = String::new();
    let bytes = std::fs::File::open(file).unwrap();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    let mut counted = Counted::default();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| header.iter().position(|own| *own == name).unwrap();
    let (invoice, quantity, price) = (place("InvoiceNo"), place("Quantity"), place("UnitPrice"));
    for line in lines {
        // Descriptions are quoted where they hold a comma; the other fields never are.
        let mut fields = Vec::new();
        let (mut start, mut quoted) = (0, false);
        for (at, byte) in line.bytes().enumerate() {
            quoted ^= byte == b'"';
            if byte == b',' && !quoted {
                fields.push(line.get(start..at).unwrap_or_default());
                start = at + 1;
            }
        }
        fields.push(line.get(start..).unwrap_or_default());
        if fields[price].starts_with('-') {
            counted.negative_prices += 1;
        } else if fields[invoice].starts_with('C') {
            counted.refunds += 1;
        } else if fields[quantity].starts_with('-') {
            counted.corrections += 1;
        } else {
            counted.orders += 1;
        }
    }
    counted
}

#[test]
fn a_sales_file_becomes_segments_recommendations_and_a_page() {
    let Some(file) = data("online-retail/online_retail.csv.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    let shop = shown(&shop);
    succeed(&["init", shop, "--currency", "GBP", "--time-zone", "Europe/London"]);
    let import = ["import", "--json", "--shop", shop, "--format", "online-retail", shown(&file)];
    let first = json(&import);
    let counted = count(&file);
    let written = counted.orders + counted.refunds + counted.corrections;
    assert_eq!(first["rows"]["read"], written + counted.negative_prices);
    assert_eq!(first["rows"]["read"], 541_909);
    assert_eq!(first["rows"]["written"], written);
    let refused: BTreeMap<String, u64> =
        serde_json::from_value(first["rows"]["refused"].clone()).unwrap();
    assert_eq!(refused, BTreeMap::from([("price must be ≥ 0".to_owned(), 2)]));
    let again = json(&import);
    assert_eq!(again["rows"]["written"], 0);
    let run = json(&["run", "--json", "--shop", shop]);
    let skipped: Vec<&str> = run["stages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|stage| !stage["skipped"].is_null())
        .map(|stage| stage["stage"].as_str().unwrap())
        .collect();
    assert_eq!(skipped, ["advertise", "feedback"], "what has no input says so");
    let customer = json(&["show", "--json", "--shop", shop, "customer", "17850"]);
    assert!(customer["orders"].as_i64().unwrap() > 0);
    let before = json(&["show", "--json", "--shop", shop, "product", "85123A"]);
    json(&["run", "--json", "--shop", shop]);
    let after = json(&["show", "--json", "--shop", shop, "product", "85123A"]);
    assert_eq!(before, after, "a second run changes nothing");
    succeed(&["report", "--shop", shop]);
}
