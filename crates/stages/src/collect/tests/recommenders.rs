//! What other recommenders hold: gorse's exports and dumps, data sets of Personalize, files of
//! RecBole.

use serde_json::{Value, json};
use shopwise_model::{EventKind, Product};
use shopwise_store::ledger::CustomerTraits;

use super::*;

const EVENTS_SQL: &str = "SELECT kind, product, rating, quantity, occurred_at, extra FROM events
                          ORDER BY occurred_at, product";

fn traits(given: &Given, name: &str) -> CustomerTraits {
    let customer = given.shop.vault.pseudonym("customer", name);
    given.shop.ledger.traits_of(&customer).unwrap().unwrap()
}

type Attributes = std::collections::BTreeMap<String, Value>;

fn attributes<const N: usize>(pairs: [(&str, Value); N]) -> Attributes {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns what gorse exports: users, items and feedback, right ones and wrong ones.
fn export() -> String {
    let given = |name: &str, user: &str, item: &str, at: &str| {
        let of = [("FeedbackType", name), ("UserId", user), ("ItemId", item), ("Timestamp", at)];
        of.into_iter().collect::<Value>()
    };
    let with = |mut given: Value, key: &str, value: Value| {
        given[key] = value;
        given
    };
    let purchase = given("purchase", "bob", "mug", "2024-03-01T11:00:00Z");
    let lines = [
        json!({"UserId": "ann", "Labels": {"plan": "gold", "email": "a@b.c"}, "Comment": "Ann"}),
        json!({"ItemId": "mug", "IsHidden": true, "Categories": ["home", "gift"],
            "Timestamp": "2024-03-01T08:00:00Z", "Labels": ["red"], "Comment": "Mug"}),
        json!({"ItemId": "cup", "IsHidden": false, "Categories": null,
            "Timestamp": "0001-01-01T00:00:00Z", "Labels": null, "Comment": ""}),
        given("read", "ann", "mug", "2024-03-01T09:00:00Z"),
        with(given("rating", "bob", "cup", "2024-03-01T10:00:00.5+01:00"), "Value", json!(4.5)),
        with(with(purchase, "Value", json!(2)), "Labels", json!(["web"])),
        given("dislike", "bob", "mug", "2024-03-01T12:00:00Z"),
        given("read", "ann", "cup", "0001-01-01T00:00:00Z"),
        with(given("read", "ann", "", "2024-03-01T09:00:00Z"), "ItemId", json!(7)),
        given("read", "", "cup", "2024-03-01T09:00:00Z"),
        json!({"ItemId": "hat", "Labels": {"new": true}}),
        json!([1]),
    ];
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_gorse_exports_becomes_products_customers_and_events() {
    let given = Given::new();
    let text = export();
    let report = given.import("gorse", "all.jsonl", &text).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (12, 7));
    let mug = Product {
        id: "mug".to_owned(),
        title: "Mug".to_owned(),
        category: Some("home".to_owned()),
        is_hidden: true,
        attributes: attributes([
            ("categories", json!(["home", "gift"])),
            ("timestamp", json!("2024-03-01T08:00:00Z")),
            ("labels", json!(["red"])),
        ]),
        ..Product::default()
    };
    let cup = Product { id: "cup".to_owned(), title: "cup".to_owned(), ..Product::default() };
    assert_eq!(given.shop.ledger.products().unwrap(), [cup, mug]);
    let ann = traits(&given, "ann");
    assert_eq!((ann.name.as_str(), ann.comment.as_str()), ("ann", "Ann"));
    assert_eq!(ann.labels, json!({"plan": "gold"}), "who somebody is stands in no label");
    assert_eq!(traits(&given, "bob").labels, Value::Null, "who gave feedback is known by name");
    assert_eq!(
        given.rows(EVENTS_SQL),
        [
            "product_viewed|mug|||2024-03-01T09:00:00Z|{\"feedback\":\"read\"}",
            "product_reviewed|cup|4.5||2024-03-01T09:00:00.5Z|\
             {\"feedback\":\"rating\",\"feedback_value\":4.5}",
            "order_completed|mug||1|2024-03-01T11:00:00Z|\
             {\"feedback\":\"purchase\",\"feedback_labels\":[\"web\"],\"feedback_value\":2.0}",
            "other|mug|||2024-03-01T12:00:00Z|{\"event\":\"dislike\",\"feedback\":\"dislike\"}",
        ]
    );
    assert_eq!(
        given.refused(),
        [
            "8|Timestamp||must not be empty",
            "9|ItemId|7|must be a text of 1 to 200 characters",
            "10|UserId||must be a text of 1 to 200 characters",
            "11|Labels|{\"new\":true}|must be texts, numbers or objects of them",
            "12||[1]|not a JSON object",
        ]
    );
    let later = text.replace("\"Value\":2", "\"Value\":3");
    let again = given.import("gorse", "later.jsonl", later).unwrap();
    assert_eq!(again.metrics["duplicates"].as_u64(), Some(4), "what gained value is the same");
    assert_eq!(given.events(), 4);
}

/// Writes messages of Protocol Buffers as gorse does.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn bytes(mut self, number: u8, bytes: &[u8]) -> Self {
        self.0.extend([number << 3 | 2, u8::try_from(bytes.len()).unwrap()]);
        self.0.extend_from_slice(bytes);
        self
    }

    fn number(mut self, number: u8, mut value: u64) -> Self {
        self.0.push(number << 3);
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn double(mut self, number: u8, value: f64) -> Self {
        self.0.push(number << 3 | 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn moment(self, number: u8, seconds: i64) -> Self {
        let moment = Self::default().number(1, seconds.cast_unsigned()).number(2, 500_000_000);
        self.bytes(number, &moment.0)
    }

    fn block(self) -> Vec<u8> {
        [&(self.0.len() as i64).to_le_bytes()[..], &self.0].concat()
    }
}

#[test]
fn a_dump_of_gorse_says_the_same_as_its_exports() {
    let mark = |mark: i64| mark.to_le_bytes().to_vec();
    let user = Message::default().bytes(1, b"ann").bytes(2, b"[\"a\"]").bytes(3, b"Ann");
    let item = Message::default()
        .bytes(2, b"mug")
        .number(3, 1)
        .bytes(4, b"home")
        .bytes(4, b"gift")
        .moment(5, 1_709_280_000)
        .bytes(6, b"null");
    let feedback = |user: &str, at: i64| {
        let message = Message::default().bytes(2, b"rating").bytes(3, user.as_bytes());
        message.bytes(4, b"mug").double(5, 4.5).moment(6, at).bytes(9, b"null").block()
    };
    let bytes = [
        mark(-1),
        user.block(),
        mark(-2),
        item.block(),
        Message(vec![0xff; 3]).block(),
        mark(-3),
        feedback("ann", 1_709_283_600),
        feedback("bob", -62_135_596_800),
        mark(0),
        b"{\"Users\":1}".to_vec(),
    ]
    .concat();
    let given = Given::new();
    let report = given.import("gorse", "backup.bin", &bytes).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (5, 3));
    assert_eq!(traits(&given, "ann").labels, json!(["a"]));
    let mug = &given.shop.ledger.products().unwrap()[0];
    assert_eq!((mug.is_hidden, mug.category.as_deref()), (true, Some("home")));
    assert_eq!(mug.attributes["timestamp"], json!("2024-03-01T08:00:00.5Z"));
    assert_eq!(mug.attributes["categories"], json!(["home", "gift"]));
    let event = "product_reviewed|mug|4.5||2024-03-01T09:00:00.5Z|\
                 {\"feedback\":\"rating\",\"feedback_value\":4.5}";
    assert_eq!(given.rows(EVENTS_SQL), [event]);
    assert_eq!(
        given.refused(),
        ["3|||a record that is no message", "5|Timestamp||must not be empty"]
    );
    assert_eq!(given.import("gorse", "backup.bin", &bytes).unwrap().rows_written, 2);
    let cut = given.import("gorse", "cut.bin", &bytes[..60]).unwrap();
    assert_eq!(cut.refused["the file breaks off"], 1);
}

#[test]
fn data_sets_of_personalize_become_events_products_and_customers() {
    let given = Given::new();
    let text = "USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP,DEVICE_TYPE,IMPRESSION\n\
                ann,mug,Purchase,12.5,1709280000,phone,mug|cup\n\
                ann,cup,click,,1709280001,,\n\
                ann,cup,rating,4,1709280002.5,,\n\
                ,cup,click,,1709280003,,\n\
                ann,,click,,1709280003,,\n\
                ann,cup,click,,March,,\n\
                ann,cup,click,much,1709280003,,\n";
    let report = given.import("personalize", "interactions.csv", text).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (7, 3));
    let rows = given.rows("SELECT kind, product, rating, device, extra FROM events ORDER BY 1, 2");
    assert_eq!(
        rows,
        [
            "order_completed|mug||phone|\
             {\"feedback\":\"Purchase\",\"feedback_value\":12.5,\"impression\":[\"mug\",\"cup\"]}",
            "product_clicked|cup|||{\"feedback\":\"click\"}",
            "product_reviewed|cup|4||{\"feedback\":\"rating\"}",
        ]
    );
    assert_eq!(
        given.refused(),
        [
            "5|user||must name somebody",
            "6|item||must not be empty",
            "7|timestamp|March|not seconds since 1970",
            "8|value|much|not a number",
        ]
    );
    let again = given.import("personalize", "interactions.csv", text).unwrap();
    assert_eq!((again.rows_written, given.events()), (0, 3));
    let items = "ITEM_ID,CATEGORY_L1,CATEGORY_L2,PRICE,CREATION_TIMESTAMP,COLOUR,WATTS\n\
                 mug,home,kitchen,2.5,1709280000,red|blue,40\n,home,,,,,\ncup,,,cheap,,,\n";
    given.import("personalize", "items.csv", items).unwrap();
    let mug = &given.shop.ledger.products().unwrap()[1];
    assert_eq!((mug.category.as_deref(), mug.price), (Some("home > kitchen"), Some(2_500_000)));
    let expected = attributes([
        ("categories", json!(["home", "kitchen"])),
        ("timestamp", json!("2024-03-01T08:00:00Z")),
        ("colour", json!(["red", "blue"])),
        ("watts", json!(40)),
    ]);
    assert_eq!(mug.attributes, expected);
    given.import("personalize", "users.csv", "USER_ID,AGE,EMAIL\nann,31,a@b.c\n").unwrap();
    assert_eq!(traits(&given, "ann").labels, json!({"age": 31}));
}

#[test]
fn files_of_recbole_become_events_products_and_customers() {
    let given = Given::new();
    let text = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n\
                1\t10\t3\t881250949\n1\t11\t4\t8.8125095e8\n1\t12\tgood\t881250949\n\
                \t12\t3\t881250949\n1\t12\t3\t\n1\t12\n";
    let report = given.import("recbole", "ml.inter", text).unwrap();
    assert_eq!((report.rows_read, report.rows_written), (6, 2));
    let event = "product_reviewed|10|3||1997-12-04T15:55:49Z|";
    assert_eq!(given.rows(EVENTS_SQL)[0], event);
    assert_eq!(given.import("recbole", "ml.inter", text).unwrap().rows_written, 0);
    let items = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\t\
                 v:float_seq\n10\tThe \"Big\" One\t1997\tComedy Drama\t0.5 1\n11\tTwo\t\t\thigh\n";
    given.import("recbole", "ml.item", items).unwrap();
    let film = &given.shop.ledger.products().unwrap()[0];
    assert_eq!(
        (film.title.as_str(), film.category.as_deref()),
        ("The \"Big\" One", Some("Comedy"))
    );
    let expected = attributes([
        ("categories", json!(["Comedy", "Drama"])),
        ("release_year", json!("1997")),
        ("v", json!([0.5, 1.0])),
    ]);
    assert_eq!(film.attributes, expected);
    let users = "user_id:token\tage:token\toccupation:token\tzip_code:token\n\
                 1\t24\ttechnician\t85711\n";
    given.import("recbole", "ml.user", users).unwrap();
    assert_eq!(traits(&given, "1").labels, json!({"age": "24", "occupation": "technician"}));
    let sessions = "session_id:token\titem_id:token\ttimestamp:float\ns1\t10\t881250951\n";
    let kinds = vec![(String::new(), EventKind::ProductAdded)];
    let options = ImportOptions { kinds, ..ImportOptions::default() };
    given.import_with("recbole", "visits.inter", sessions, &options).unwrap();
    let rows = given.rows("SELECT kind, session, quantity FROM events WHERE session IS NOT NULL");
    assert_eq!(rows, ["product_added|s1|1"], "who names no kind may say what all are");
    let error = given.import("recbole", "a.item", "item_id:token\ta:list\n1\t2\n").unwrap_err();
    assert!(error.to_string().contains("the type `list`"), "{error}");
}
