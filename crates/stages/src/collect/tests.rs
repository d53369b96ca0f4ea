//! Files become events: once, with their refusals, whatever the order of columns.

mod bad_input;
mod calls;
mod catalogue;
mod fuzz;
mod recommenders;
mod tables;
mod violations;

use super::*;
use shopwise_model::frame::{Column, NULL_INT};

pub(crate) fn shop(folder: &Path) -> Shop {
    let mut shop = crate::shop::tests::shop(folder);
    shop.settings.currency = "GBP".to_owned();
    shop
}

const INVOICES: &str = "\
Country,InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID
United Kingdom,536365,85123A,HEART HOLDER,6,2010-12-01 08:26:00,2.55,17850
United Kingdom,536365,85123A,HEART HOLDER,6,2010-12-01 08:26:00,2.55,17850
France,536366,22633,\"WARMER, HAND\",2,2010-12-01 08:28:00,1.85,
France,C536379,22633,WARMER,-1,2010-12-02 09:00:00,1.85,17850
France,536400,22633,,-5,2010-12-02 10:00:00,0,
France,536401,22633,GIFT,1,2010-12-02 11:00:00,0,17850
France,A563187,B,Adjust bad debt,1,2011-08-12 14:51:00,-11062.06,
France,536402,22633,WARMER,many,2010-12-02 11:00:00,1.85,17850
France,536403,22633,WARMER,1,yesterday,1.85,17850
France,536404,22633
";

/// A shop in a folder that lives as long as the test, and files beside it.
struct Given {
    folder: tempfile::TempDir,
    shop: Shop,
}

impl Given {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path());
        Self { folder, shop }
    }

    fn import(&self, format: &str, name: &str, bytes: impl AsRef<[u8]>) -> Result<StageReport> {
        self.import_with(format, name, bytes, &ImportOptions::default())
    }

    fn import_with(
        &self,
        format: &str,
        name: &str,
        bytes: impl AsRef<[u8]>,
        options: &ImportOptions,
    ) -> Result<StageReport> {
        let file = self.folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        import(&self.shop, format, &[file], options, 1_700_000_000_000_000, &|_| {})
    }

    /// Returns the rows of a query as text, columns joined by a bar.
    fn rows(&self, sql: &str) -> Vec<String> {
        let frame = self.shop.lake.query(sql).unwrap();
        let cell = |column: &Column, row: usize| match column {
            Column::Int(values) if values[row] == NULL_INT => String::new(),
            Column::Int(values) => values[row].to_string(),
            Column::Float(values) if values[row].is_nan() => String::new(),
            Column::Float(values) => values[row].to_string(),
            Column::Time(values) => shopwise_model::time::format(values[row]),
            Column::Text(texts) => texts.get(row).unwrap_or_default().to_owned(),
            Column::Bool(values) => values[row].to_string(),
            Column::Id(values) => format!("{:?}", values[row]),
        };
        let row = |row| frame.columns().iter().map(|column| cell(column, row)).collect::<Vec<_>>();
        (0..frame.rows()).map(|at| row(at).join("|")).collect()
    }

    fn refused(&self) -> Vec<String> {
        self.rows("SELECT line, field, value, reason FROM refused ORDER BY line, field")
    }

    fn events(&self) -> i64 {
        self.shop.lake.query("SELECT count(*) AS n FROM events").unwrap().int("n").unwrap()[0]
    }
}

fn import_text(
    shop: &Shop,
    folder: &Path,
    format: &str,
    text: &str,
    options: &ImportOptions,
) -> Result<StageReport> {
    let file = folder.join("input.csv");
    std::fs::write(&file, text).unwrap();
    import(shop, format, &[file], options, 1_700_000_000_000_000, &|_| {})
}

#[test]
fn invoices_become_orders_refunds_and_corrections() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let report =
        import_text(&shop, folder.path(), "online-retail", INVOICES, &ImportOptions::default())
            .unwrap();
    assert_eq!((report.rows_read, report.rows_written), (10, 6));
    assert_eq!(report.refused.values().sum::<u64>(), 4);
    let sql = "SELECT kind, count(*) AS n, count(customer) AS named FROM events GROUP BY kind \
               ORDER BY kind";
    let kinds = shop.lake.query(sql).unwrap();
    let names: Vec<_> = kinds.text("kind").unwrap().iter().flatten().collect();
    assert_eq!(names, ["order_completed", "order_refunded", "stock_corrected"]);
    assert_eq!(kinds.int("n").unwrap(), [4, 1, 1]);
    assert_eq!(kinds.int("named").unwrap(), [3, 1, 0]);
    let refused = shop.lake.query("SELECT line, field, value FROM refused ORDER BY line").unwrap();
    assert_eq!(refused.int("line").unwrap(), [8, 9, 10, 11]);
    let fields: Vec<_> = refused.text("field").unwrap().iter().flatten().take(3).collect();
    assert_eq!(fields, ["UnitPrice", "Quantity", "InvoiceDate"]);
}

#[test]
fn a_file_imported_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let options = ImportOptions::default();
    import_text(&shop, folder.path(), "online-retail", INVOICES, &options).unwrap();
    let again = import_text(&shop, folder.path(), "online-retail", INVOICES, &options).unwrap();
    assert_eq!(again.rows_written, 0);
    assert_eq!(again.metrics["duplicates"], 6);
    let count = shop.lake.query("SELECT count(*) AS n FROM events").unwrap();
    assert_eq!(count.int("n").unwrap(), [6]);
}

#[test]
fn ambiguous_dates_stop_with_a_hint_and_a_day_above_twelve_decides() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let map = [("when", "occurred_at"), ("who", "customer"), ("price", "unit_price")]
        .map(|(column, field)| (column.to_owned(), field.to_owned()));
    let options = ImportOptions { map: map.to_vec(), ..ImportOptions::default() };
    let ambiguous = "who,when,price\nann,03/04/2024,2\nbob,05/06/2024,3\n";
    let error = import_text(&shop, folder.path(), "csv", ambiguous, &options).unwrap_err();
    assert!(error.to_string().contains("--date-format"), "{error}");
    let clear = "who,when,price\nann,03/04/2024,2\nbob,25/06/2024,3\n";
    import_text(&shop, folder.path(), "csv", clear, &options).unwrap();
    let events = shop
        .lake
        .query("SELECT CAST(occurred_at AS VARCHAR) AS day FROM events ORDER BY occurred_at")
        .unwrap();
    let days: Vec<_> = events.text("day").unwrap().iter().flatten().collect();
    assert!(days[0].starts_with("2024-04-03") && days[1].starts_with("2024-06-25"), "{days:?}");
}

#[test]
fn ratings_are_read_in_their_four_spellings() {
    let spellings = [
        ("u.data", "1\t10\t3\t881250949\n2\t11\t4\t881250950\n"),
        ("ratings.dat", "1::10::3::881250949\n2::11::4::881250950\n"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n1,10,3,881250949\n2,11,4,881250950\n"),
        (
            "ml.inter",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n\
             1\t10\t3\t881250949\n2\t11\t4\t881250950\n",
        ),
    ];
    for (name, text) in spellings {
        let folder = tempfile::tempdir().unwrap();
        let shop = shop(folder.path());
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        import(&shop, "movielens", &[file], &ImportOptions::default(), 0, &|_| {}).unwrap();
        let events =
            shop.lake.query("SELECT product, rating FROM events ORDER BY product").unwrap();
        assert_eq!(events.float("rating").unwrap(), [3.0, 4.0], "{name}");
    }
}

#[test]
fn unknown_formats_and_missing_columns_say_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let options = ImportOptions::default();
    let error = import_text(&shop, folder.path(), "xml", "a\n1\n", &options).unwrap_err();
    assert!(error.to_string().contains("online-retail"), "{error}");
    let error =
        import_text(&shop, folder.path(), "online-retail", "a,b\n1,2\n", &options).unwrap_err();
    assert!(error.to_string().contains("`InvoiceNo`"), "{error}");
    let error = import_text(&shop, folder.path(), "online-retail", "", &options).unwrap_err();
    assert!(error.to_string().contains("empty"), "{error}");
}
