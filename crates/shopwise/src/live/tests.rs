//! Whatever order events are accepted, imported, moved and written down in: a start by the snapshot
//! knows what a replay of everything knows.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::json;
use shopwise_model::tables::EVENTS;
use shopwise_model::time::{self, SECOND};
use shopwise_model::{Event, EventKind, Events, Settings};
use shopwise_stages::collect;
use shopwise_store::inbox::{Arrival, Delivery};
use shopwise_store::{Lake, Ledger, Shelf, Vault};

use super::*;

const NOON: i64 = 1_800_000_000 * SECOND;
const KINDS: [(&str, EventKind); 3] = [
    ("Product Viewed", EventKind::ProductViewed),
    ("Product Added", EventKind::ProductAdded),
    ("Order Completed", EventKind::OrderCompleted),
];

/// (minute, customer, product, kind)
type Made = (i64, usize, usize, usize);

#[derive(Debug, Clone)]
enum Operation {
    Accept(Vec<Made>),
    Import(Vec<Made>),
    Drain(bool),
    Compact,
    Follow,
    Drop,
    TakeImports,
    Write,
    Restart,
}

fn operation() -> impl Strategy<Value = Operation> {
    let made = || prop::collection::vec((0..500_i64, 0..4_usize, 0..3_usize, 0..3_usize), 1..6);
    prop_oneof![
        6 => made().prop_map(Operation::Accept),
        2 => made().prop_map(Operation::Import),
        3 => any::<bool>().prop_map(Operation::Drain),
        1 => Just(Operation::Compact),
        4 => Just(Operation::Follow),
        1 => Just(Operation::Drop),
        2 => Just(Operation::TakeImports),
        3 => Just(Operation::Write),
        1 => Just(Operation::Restart),
    ]
}

/// A shop whose threads are moved by hand.
struct Place {
    followed: Followed,
    keeper: Keeper,
    count: u128,
    accepted: usize,
    imported: usize,
}

impl Place {
    fn new(folder: &Path) -> Self {
        let database = |name: &str| format!("sqlite://{}", folder.join(name).display());
        let shop = Arc::new(Shop {
            lake: Lake::open(&folder.join("lake"), 256 << 20).unwrap(),
            ledger: Ledger::open(&database("ledger.db")).unwrap(),
            vault: Vault::create(&folder.join("vault"), [7; 32]).unwrap(),
            shelf: Shelf::open(&folder.join("models")).unwrap(),
            settings: Settings::default(),
            plan: collect::plan::Plan::default(),
        });
        let inbox = Arc::new(Inbox::open(&database("inbox.db"), folder).unwrap());
        let file = folder.join(SNAPSHOT);
        let known = restore::restore(&shop, &inbox, &file).unwrap();
        let known = Arc::new(RwLock::new(known));
        let keeper = Keeper::new(&shop, &inbox, &known, file);
        let graph = Arc::new(Mutex::new(Identities::open(&shop.ledger).unwrap()));
        let ahead = Arc::<Ahead>::default();
        ahead.want(true).unwrap();
        let followed = Followed { shop, inbox, known, graph, ahead };
        Self { followed, keeper, count: 0, accepted: 0, imported: 0 }
    }

    fn act(&mut self, operation: &Operation) {
        match operation {
            Operation::Accept(events) => self.accept(events),
            Operation::Import(events) => self.import(events),
            // Entries that came before this moment, or all of them.
            Operation::Drain(is_all) => {
                let before = if *is_all { i64::MAX } else { NOON + 1 };
                while drainer::round(&self.followed, before).unwrap().entries > 0 {}
            }
            Operation::Compact => self.followed.shop.lake.compact(&EVENTS).unwrap(),
            Operation::Follow => drop(follower::follow(&self.followed, &mut None).unwrap()),
            // More waits than the follower keeps for the drainer.
            Operation::Drop => {
                self.followed.ahead.want(false).unwrap();
                self.followed.ahead.want(true).unwrap();
            }
            Operation::TakeImports => self.keeper.take_imports().unwrap(),
            // It is not written where the lake is ahead of it.
            Operation::Write => drop(self.keeper.write()),
            Operation::Restart => {
                let known =
                    restore::restore(&self.followed.shop, &self.followed.inbox, self.keeper.file())
                        .unwrap();
                *self.followed.known.write().unwrap() = known;
            }
        }
    }

    /// Starts again where one of two events is in a lake that cannot be read.
    fn start_with_a_damaged_lake(&self) {
        let (shop, inbox) = (&self.followed.shop, &self.followed.inbox);
        let known = restore::restore(shop, inbox, self.keeper.file()).unwrap();
        assert_eq!((known.state.rows(), known.followed, known.is_partial), (1, 2, true));
        let damage = inbox.damage().unwrap();
        assert!(damage[0].part == "lake" && damage[0].problem.contains("checksum"), "{damage:?}");
        *self.followed.known.write().unwrap() = known;
        assert!(self.keeper.write().is_err(), "the next start reads all again");
    }

    fn accept(&mut self, events: &[Made]) {
        self.accepted += events.len();
        let arrivals = events.iter().map(|(minute, customer, product, kind)| {
            self.count += 1;
            let item = json!({ "product_id": format!("p{product}"), "quantity": 1, "price": 9.5 });
            let at = time::format(NOON + minute * 60 * SECOND);
            let body = json!({
                "type": "track", "event": KINDS[*kind].0, "messageId": self.count.to_string(),
                "userId": format!("u{customer}"), "timestamp": at,
                "properties": { "order_id": "o", "products": [item] },
            });
            Arrival::Event {
                key: (self.count << 64).to_be_bytes(),
                body: body.to_string().into_bytes(),
            }
        });
        let arrivals = arrivals.collect();
        let delivery = Delivery { source: "web".to_owned(), received_at: NOON, arrivals };
        self.followed.inbox.accept(&[delivery], NOON).unwrap();
    }

    fn import(&mut self, events: &[Made]) {
        self.imported += events.len();
        let mut lines = Events::default();
        for (minute, customer, product, kind) in events {
            self.count += 1;
            let customer = self.followed.shop.vault.pseudonym("customer", &format!("u{customer}"));
            let product = format!("p{product}");
            let mut event = Event::new("file", KINDS[*kind].1, NOON + minute * 60 * SECOND);
            event.event_id = self.count.to_be_bytes();
            event.customer = Some(&customer);
            event.product = Some(&product);
            (event.quantity, event.amount) = (2, 3_000_000);
            lines.push(&event);
        }
        let mut append = self.followed.shop.lake.append(&EVENTS).unwrap();
        append.write(&lines.into_frame()).unwrap();
        append.commit(None).unwrap();
    }
}

/// Returns what a state knows of the customers.
fn told(shop: &Shop, known: &mut Known) -> Vec<String> {
    let things = ["p0", "p1", "p2"].map(|product| known.state.product(product));
    let mut told = vec![format!("{} {:?}", known.state.rows(), known.followed)];
    for id in ["u0", "u1", "u2", "u3"] {
        let somebody = view::somebody(&known.state, &shop.vault, id);
        let known_of = somebody.map(|one| view::customer(&known.state, "USD", &one, &[]));
        told.push(format!("{known_of:?}"));
        let code = known.state.customer(&shop.vault.pseudonym("customer", id));
        for thing in things {
            let features = known.state.features(code, thing, NOON + 600 * 60 * SECOND);
            told.push(format!("{:?}", features.map(f64::to_bits)));
        }
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_start_by_the_snapshot_knows_what_a_replay_knows(
        operations in prop::collection::vec(operation(), 1..25),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut place = Place::new(folder.path());
        for operation in &operations {
            place.act(operation);
        }
        // So that both have all of it in the order in which it happened.
        place.act(&Operation::Drain(true));
        let shop = &place.followed.shop;
        let last = place.followed.inbox.last().unwrap();
        prop_assert_eq!(collect::held(shop).unwrap(), last);
        let mut rows = 0;
        shop.lake.stream("SELECT event_id FROM events", |part| -> Result<()> {
            rows += part.rows();
            Ok(())
        }).unwrap_or_default();
        prop_assert_eq!(rows, place.accepted + place.imported);
        let file = place.keeper.file();
        let recalled = restore::recall(&place.followed.shop, &place.followed.inbox, file).unwrap();
        prop_assert_eq!(recalled.is_some(), file.exists());
        let mut rebuilt = restore::rebuild(&place.followed.shop, &place.followed.inbox).unwrap();
        if let Some(mut recalled) = recalled {
            let recalled = told(shop, &mut recalled);
            prop_assert_eq!(recalled, told(shop, &mut rebuilt));
        }
    }
}

#[test]
fn what_stands_in_doubt_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::new(folder.path());
    place.act(&Operation::Accept(vec![(1, 0, 0, 0), (2, 1, 1, 1)]));
    place.act(&Operation::Follow);
    place.act(&Operation::Write);
    let file = place.keeper.file().to_owned();
    let whole = std::fs::read(&file).unwrap();
    let recall = || restore::recall(&place.followed.shop, &place.followed.inbox, &file);
    assert!(recall().unwrap().is_some());
    std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    assert!(recall().unwrap_err().to_string().contains("cut short"));
    std::fs::remove_file(&file).unwrap();
    assert!(recall().unwrap().is_none());
    std::fs::write(&file, &whole).unwrap();
    // The inbox is another one, as after a backup was put back.
    let other = tempfile::tempdir().unwrap();
    let other = Place::new(other.path());
    let why = restore::recall(&other.followed.shop, &other.followed.inbox, &file).unwrap_err();
    assert!(why.to_string().contains("more than the inbox"), "{why}");
    // So is the lake.
    std::fs::remove_dir_all(folder.path().join("lake").join("events")).unwrap_or_default();
    place.act(&Operation::Drain(true));
    place.act(&Operation::Write);
    assert!(restore::recall(&place.followed.shop, &place.followed.inbox, &file).unwrap().is_some());
    std::fs::remove_dir_all(folder.path().join("lake").join("events")).unwrap();
    let why = restore::recall(&place.followed.shop, &place.followed.inbox, &file).unwrap_err();
    assert!(why.to_string().contains("does not go back"), "{why}");
}

#[test]
fn what_the_lake_holds_is_forgotten_after_a_round_that_was_killed_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::new(folder.path());
    place.act(&Operation::Accept(vec![(1, 0, 0, 0)]));
    let shop = &place.followed.shop;
    let append = shop.lake.append(&EVENTS).unwrap();
    append.commit(Some((collect::APPLICATION, 1))).unwrap();
    place.act(&Operation::Restart);
    place.act(&Operation::Follow);
    drainer::round(&place.followed, NOON + 1).unwrap();
    assert_eq!(place.followed.inbox.counts().unwrap().forgotten, 1);
}

/// Flips a bit in the middle of the first file of a folder with this ending; returns the file and
/// what it was.
fn damage(folder: &Path, ending: &str) -> (PathBuf, Vec<u8>) {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|end| end == ending)).collect();
    files.sort();
    // Who has read the log before reads only what is new of it.
    let newest = files.pop().unwrap();
    let bytes = std::fs::read(&newest).unwrap();
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    std::fs::write(&newest, damaged).unwrap();
    (newest, bytes)
}

#[test]
fn a_damaged_file_of_the_lake_is_said_and_events_are_collected_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::new(folder.path());
    place.act(&Operation::Accept(vec![(1, 0, 0, 0)]));
    place.act(&Operation::Drain(true));
    place.act(&Operation::Accept(vec![(2, 1, 1, 1)]));
    damage(&folder.path().join("lake/events"), "parquet");
    place.start_with_a_damaged_lake();
    place.act(&Operation::Drain(true));
    assert_eq!(collect::held(&place.followed.shop).unwrap(), 2);
}

#[test]
fn a_damaged_log_of_the_lake_is_said_and_events_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::new(folder.path());
    place.act(&Operation::Accept(vec![(1, 0, 0, 0)]));
    place.act(&Operation::Drain(true));
    place.act(&Operation::Accept(vec![(2, 1, 1, 1)]));
    let (log, bytes) = damage(&folder.path().join("lake/events/_delta_log"), "json");
    place.start_with_a_damaged_lake();
    assert!(drainer::round(&place.followed, i64::MAX).is_err());
    place.act(&Operation::Accept(vec![(3, 1, 1, 1)]));
    place.act(&Operation::Follow);
    assert_eq!(place.followed.known.read().unwrap().followed, 3);
    std::fs::write(log, bytes).unwrap();
    place.act(&Operation::Drain(true));
    assert_eq!(collect::held(&place.followed.shop).unwrap(), 3);
    let known = restore::restore(&place.followed.shop, &place.followed.inbox, place.keeper.file());
    let known = known.unwrap();
    assert_eq!((known.state.rows(), known.followed, known.is_partial), (3, 3, false));
}
