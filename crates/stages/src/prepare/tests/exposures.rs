//! What was shown is described by what was known then, and by what came of it.

use proptest::prelude::*;
use shopwise_model::tables::EXPOSURE_FEATURES;
use shopwise_model::time::SECOND;
use shopwise_model::{Campaign, Event, EventKind, Events, Frame, Product as Catalogued};
use shopwise_store::ledger::{Assignment, IdentityChanges};

use crate::prepare::fold::{Keeps, Thing};
use crate::prepare::*;
use crate::shop::tests::shop;

const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 1440 * MINUTE;
const NOON: i64 = 19_800 * DAY + 720 * MINUTE;

/// A log that is written line by line.
#[derive(Default)]
struct Log {
    events: Events,
    count: u128,
}

impl Log {
    fn add<'a>(&mut self, kind: EventKind, at: i64, change: impl FnOnce(&mut Event<'a>)) {
        self.count += 1;
        let mut event = Event::new("test", kind, at);
        event.event_id = self.count.to_be_bytes();
        event.customer = Some("ann");
        change(&mut event);
        self.events.push(&event);
    }

    fn shown(&mut self, at: i64, decision: &'static str, product: &'static str) {
        self.add(EventKind::RecommendationShown, at, |event| {
            (event.decision, event.product) = (Some(decision), Some(product));
            event.propensity = 0.25;
            event.position = 1;
        });
    }
}

fn catalogued(id: &str, category: &str, price: i64) -> Catalogued {
    Catalogued {
        id: id.to_owned(),
        title: id.to_owned(),
        category: Some(category.to_owned()),
        price: Some(price * 1_000_000),
        ..Catalogued::default()
    }
}

fn prepared(events: &Frame) -> (tempfile::TempDir, Shop) {
    prepared_with(events, &[])
}

/// Prepares a shop in which customers join others: (moment, who, whom).
fn prepared_with(events: &Frame, joins: &[Joined]) -> (tempfile::TempDir, Shop) {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(folder.path());
    let products = [
        catalogued("tea", "drinks", 4),
        catalogued("cup", "kitchen", 8),
        catalogued("pot", "kitchen", 20),
    ];
    shop.ledger.upsert_products(&products, 0).unwrap();
    let campaign =
        Campaign { id: "brew".to_owned(), product: Some("tea".to_owned()), ..Campaign::default() };
    shop.ledger.upsert_campaigns(&[campaign], 0).unwrap();
    let assigned = joins.iter().map(|(at, who, whom)| Assignment {
        pseudonym: (*who).to_owned(),
        person: "ann".to_owned(),
        joined: Some(((*whom).to_owned(), *at)),
    });
    let changes = IdentityChanges { assigned: assigned.collect(), ..IdentityChanges::default() };
    assert!(shop.ledger.change_identities(&changes, 0, 0).unwrap());
    let mut append = shop.lake.append(&EVENTS).unwrap();
    append.write(events).unwrap();
    append.commit(None).unwrap();
    run(&Work { shop: &shop, now: 0, progress: &|_| {} }).unwrap();
    (folder, shop)
}

/// (moment, who, whom he joins): the tree of the person `ann`.
type Joined = (i64, &'static str, &'static str);

fn exposures(shop: &Shop) -> Frame {
    shop.lake.query("SELECT * FROM exposures ORDER BY occurred_at, event_id, line").unwrap()
}

#[test]
fn clicks_and_orders_find_what_was_shown() {
    let mut log = Log::default();
    log.shown(NOON, "d1", "tea");
    log.shown(NOON, "d1", "cup");
    log.add(EventKind::AdShown, NOON, |event| {
        (event.decision, event.campaign) = (Some("d1"), Some("brew"));
    });
    log.add(EventKind::AdClicked, NOON + MINUTE, |event| {
        (event.decision, event.campaign, event.amount) = (Some("d1"), Some("brew"), 300);
    });
    log.add(EventKind::RecommendationClicked, NOON + 2 * MINUTE, |event| {
        (event.decision, event.product) = (Some("d1"), Some("tea"));
    });
    // Bought two days later: the last click on tea was the recommendation, not the advert.
    log.add(EventKind::OrderCompleted, NOON + 2 * DAY, |event| {
        (event.product, event.quantity, event.amount) = (Some("tea"), 2, 8_000_000);
    });
    // Bought without a click, and by somebody else.
    log.add(EventKind::OrderCompleted, NOON + 2 * DAY, |event| {
        (event.product, event.amount) = (Some("cup"), 8_000_000);
    });
    log.add(EventKind::OrderCompleted, NOON + 2 * DAY, |event| {
        (event.customer, event.product, event.amount) = (Some("bob"), Some("tea"), 4_000_000);
    });
    log.shown(NOON + 9 * DAY, "d2", "tea");
    // More than the attribution time after the click.
    log.add(EventKind::OrderCompleted, NOON + 10 * DAY, |event| {
        (event.product, event.amount) = (Some("tea"), 4_000_000);
    });
    let (_folder, shop) = prepared(&log.events.into_frame());
    let found = exposures(&shop);
    assert_eq!(found.bool("clicked").unwrap(), [true, false, true, false]);
    assert_eq!(found.bool("converted").unwrap(), [true, false, false, false]);
    assert_eq!(found.time("converted_at").unwrap()[0], NOON + 2 * DAY);
    assert_eq!(found.int("value").unwrap(), [8_000_000, 0, 0, 0]);
    assert_eq!(found.int("cost").unwrap(), [0, 0, 300, 0]);
    assert_eq!(found.bool("settled").unwrap(), [true, true, true, false]);
    let products: Vec<_> = found.text("product").unwrap().iter().flatten().collect();
    assert_eq!(products, ["tea", "cup", "tea", "tea"]);
}

#[test]
fn what_was_known_is_what_came_before() {
    let mut log = Log::default();
    log.shown(NOON, "d1", "cup");
    // At the same moment as what is shown, therefore not known to it.
    log.add(EventKind::ProductViewed, NOON, |event| event.product = Some("cup"));
    log.add(EventKind::ProductViewed, NOON + MINUTE, |event| event.product = Some("cup"));
    log.shown(NOON + DAY, "d2", "pot");
    let (_folder, shop) = prepared(&log.events.into_frame());
    let found = exposures(&shop);
    let of = |name: &str| found.float(name).unwrap().to_vec();
    assert_eq!(of("customer_views"), [0.0, 2.0_f64.ln_1p()]);
    assert_eq!(of("times_shown"), [0.0, 0.0]);
    // A day but for the minute after which the visit ended.
    let away: f64 = 1.0 - 1.0 / 1440.0;
    assert_eq!(of("days_since_seen"), [0.0, away.ln_1p()]);
    assert!((of("price_gap")[1] - 2.5_f64.ln()).abs() < 1e-12);
    assert!(of("category_affinity")[1] > 0.0);
    assert_eq!(of("product_price")[0], 8.0_f64.ln());
}

/// Adds what the server noted of its lists: (decision, product, propensity).
fn note(shop: &Shop, entries: &[(&str, &str, f64)]) {
    let rows = Frame::default()
        .with("decision", Column::Text(entries.iter().map(|entry| entry.0).collect()))
        .with("scene", Column::Text(entries.iter().map(|_| "home").collect()))
        .with("product", Column::Text(entries.iter().map(|entry| entry.1).collect()))
        .with("position", Column::Int((1..).take(entries.len()).collect()))
        .with("propensity", Column::Float(entries.iter().map(|entry| entry.2).collect()))
        .with("decided_at", Column::Time(vec![NOON; entries.len()]));
    let mut append = shop.lake.append(&DECISIONS).unwrap();
    append.write(&rows).unwrap();
    append.commit(None).unwrap();
}

#[test]
fn what_the_shop_did_not_send_is_known_of_lists_that_the_server_noted() {
    let mut log = Log::default();
    let mut shown = |kind, decision: &'static str, product: &'static str, propensity| {
        log.add(kind, NOON, |event| {
            (event.decision, event.product) = (Some(decision), Some(product));
            event.propensity = propensity;
        });
    };
    let recommended = EventKind::RecommendationShown;
    shown(recommended, "d1", "tea", f64::NAN);
    shown(recommended, "d1", "cup", f64::NAN);
    shown(recommended, "d1", "pot", 0.5);
    // It did not stand in this list, that list was not left to chance, and no advert is of a list.
    shown(recommended, "d1", "mug", f64::NAN);
    shown(recommended, "d2", "tea", f64::NAN);
    shown(EventKind::AdShown, "d1", "tea", f64::NAN);
    // The same thing shown twice is two exposures.
    shown(recommended, "d1", "tea", f64::NAN);
    let (_folder, shop) = prepared(&log.events.into_frame());
    let found = |shop: &Shop| {
        let exposures = exposures(shop);
        let known = exposures.float("propensity").unwrap().iter();
        known.map(|own| (!own.is_nan()).then_some(*own)).collect::<Vec<_>>()
    };
    assert_eq!(found(&shop), [None, None, Some(0.5), None, None, None, None]);
    let noted = [("d1", "tea", 0.02 / 7.0), ("d1", "cup", 1.0), ("d1", "pot", 0.98)];
    note(&shop, &noted);
    // What was moved twice stands twice.
    note(&shop, &noted[..2]);
    let report = run(&Work { shop: &shop, now: 0, progress: &|_| {} }).unwrap();
    assert_eq!(report.inputs["decisions"], shop.lake.version(&DECISIONS).unwrap().unwrap());
    let tea = Some(0.02 / 7.0);
    assert_eq!(found(&shop), [tea, Some(1.0), Some(0.5), None, None, None, tea]);
}

/// One event of a made log: (minutes after the one before, customer, product, kind).
type Made = (i64, usize, usize, usize);

const CUSTOMERS: [&str; 3] = ["ann", "bob", "cem"];
const PRODUCTS: [&str; 4] = ["tea", "cup", "pot", "mug"];
const KINDS: [EventKind; 6] = [
    EventKind::RecommendationShown,
    EventKind::AdShown,
    EventKind::ProductViewed,
    EventKind::ProductAdded,
    EventKind::OrderCompleted,
    EventKind::RecommendationClicked,
];

fn made(steps: &[Made]) -> Frame {
    let decisions: Vec<String> = (0..steps.len()).map(|at| format!("d{}", at / 3)).collect();
    let mut log = Log::default();
    let mut at = NOON;
    for ((gap, customer, product, kind), decision) in steps.iter().zip(&decisions) {
        at += gap * MINUTE;
        log.add(KINDS[*kind], at, |event| {
            event.customer = Some(CUSTOMERS[*customer]);
            event.product = Some(PRODUCTS[*product]);
            event.decision = Some(decision);
            event.campaign = (KINDS[*kind] == EventKind::AdShown).then_some("brew");
            event.amount = 1_000_000;
            event.quantity = 1;
        });
    }
    log.events.into_frame()
}

fn steps() -> impl Strategy<Value = Vec<Made>> {
    prop::collection::vec((0_i64..2000, 0_usize..3, 0_usize..4, 0_usize..6), 1..60)
}

/// Returns what was known about each thing shown, bit by bit.
fn known(frame: &Frame) -> Vec<Vec<u64>> {
    (0..frame.rows())
        .map(|row| {
            let bits = |name: &&str| frame.float(name).unwrap()[row].to_bits();
            EXPOSURE_FEATURES.iter().map(bits).collect()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_future_does_not_leak(steps in steps(), share in 0.1..0.9_f64) {
        let cut = ((steps.len() as f64 * share) as usize).max(1);
        let (_all, whole) = prepared(&made(&steps));
        let (_part, past) = prepared(&made(&steps[..cut]));
        let (whole, past) = (known(&exposures(&whole)), known(&exposures(&past)));
        // Events of one moment are known together: the last moment may be cut in two, which changes
        // nothing for what was shown in it.
        prop_assert_eq!(&whole[..past.len()], &past[..]);
    }

    #[test]
    fn who_decides_beside_the_log_knows_the_same_bit_for_bit(
        steps in steps(),
        joins in prop::option::of((0..60_usize, 0..60_usize)),
    ) {
        let events = made(&steps);
        let times = events.time("occurred_at").unwrap().to_vec();
        // Who becomes known to be one at the moment of an event is so after it.
        let at = |step: usize| times[step % times.len()];
        let joins: Vec<Joined> = joins
            .map(|(bob, cem)| vec![(at(bob), "bob", "ann"), (at(cem), "cem", "bob")])
            .unwrap_or_default();
        let (_folder, shop) = prepared_with(&events, &joins);
        let replay = Replay::new(
            &shop.settings,
            Catalog::new(&shop.ledger.products().unwrap(), &shop.ledger.campaigns().unwrap()),
            &[],
            Keeps::StateAlone,
        );
        let mut live = replay.unwrap();
        let mut asked = Vec::new();
        let mut from = 0;
        while from < events.rows() {
            assign(&mut live, &joins, times[from]);
            let same = (from..events.rows()).take_while(|row| times[*row] == times[from]).count();
            for row in from..from + same {
                asked.extend(ask(&mut live, &events, row));
            }
            let part = made(&steps[..from + same]);
            live.extend(&tail(&part, from)).unwrap();
            live.settle();
            from += same;
        }
        prop_assert_eq!(known(&exposures(&shop)), asked);
        // Set apart again, everybody is as if nothing had been.
        for who in CUSTOMERS {
            live.assign(who, who);
        }
        let (_folder, apart) = prepared(&events);
        let alone = follow::state(&apart).unwrap();
        for who in CUSTOMERS {
            let of = |replay: &Replay| {
                let code = replay.customer(who)?;
                let at = NOON + 999 * DAY;
                Some(replay.features(Some(code), Thing::UNKNOWN, at).map(f64::to_bits))
            };
            prop_assert_eq!(of(&live), of(&alone));
        }
    }
}

/// Tells the state who is one person by what was known before a moment.
fn assign(live: &mut Replay, joins: &[Joined], before: i64) {
    let mut groups: Vec<Vec<&str>> = CUSTOMERS.iter().map(|name| vec![*name]).collect();
    for (_, who, whom) in joins.iter().filter(|join| join.0 < before) {
        let place = |name| groups.iter().position(|group| group.contains(name)).unwrap();
        let (from, into) = (place(who), place(whom));
        let moved = std::mem::take(&mut groups[from]);
        groups[into].extend(moved);
    }
    for group in groups {
        let person = group.iter().min();
        // A person is named by others before he is told of himself.
        for who in group.iter().rev() {
            live.assign(who, person.unwrap());
        }
    }
}

/// Returns what is known about what a row shows, if it shows anything.
fn ask(live: &mut Replay, events: &Frame, row: usize) -> Option<Vec<u64>> {
    let kind = EventKind::from_name(events.text("kind").unwrap().get(row).unwrap());
    let is_advert = kind == EventKind::AdShown;
    if !is_advert && kind != EventKind::RecommendationShown {
        return None;
    }
    let product = events.text("product").unwrap().get(row).unwrap();
    let thing = if is_advert { live.advertised("brew") } else { live.product(product) };
    // An advert for another product than its campaign's is described as that product.
    let thing = Thing { campaign: thing.campaign, ..live.product(product) };
    let customer = live.customer(events.text("customer").unwrap().get(row).unwrap());
    let at = events.time("occurred_at").unwrap()[row];
    Some(live.features(customer, thing, at).map(f64::to_bits).to_vec())
}

/// Returns the rows of a log from one on.
fn tail(frame: &Frame, from: usize) -> Frame {
    use shopwise_model::frame::Column;
    let mut rest = Frame::default();
    for (name, column) in frame.names().iter().zip(frame.columns()) {
        let column = match column {
            Column::Int(values) => Column::Int(values[from..].to_vec()),
            Column::Float(values) => Column::Float(values[from..].to_vec()),
            Column::Time(values) => Column::Time(values[from..].to_vec()),
            Column::Bool(values) => Column::Bool(values[from..].to_vec()),
            Column::Id(values) => Column::Id(values[from..].to_vec()),
            Column::Text(texts) => Column::Text(texts.iter().skip(from).collect()),
        };
        rest = rest.with(name, column);
    }
    rest
}
