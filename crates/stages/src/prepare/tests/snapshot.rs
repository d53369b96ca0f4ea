//! Who follows the log as it comes, is stopped and goes on from a snapshot knows what a replay of
//! everything knows, bit for bit.

use std::fmt::Write as _;

use proptest::prelude::*;
use shopwise_model::time::SECOND;
use shopwise_model::{Campaign, Event, EventKind, Events, Frame, Product as Catalogued, Settings};

use crate::prepare::fold::{Catalog, Keeps, Replay, Snapshot};

const MINUTE: i64 = 60 * SECOND;
const NOON: i64 = 19_800 * 1440 * MINUTE + 720 * MINUTE;
const CUSTOMERS: [&str; 4] = ["ann", "bob", "cem", "dee"];
const PRODUCTS: [&str; 4] = ["tea", "cup", "pot", "mug"];
const KINDS: [EventKind; 8] = [
    EventKind::RecommendationShown,
    EventKind::AdShown,
    EventKind::ProductViewed,
    EventKind::ProductAdded,
    EventKind::ProductRemoved,
    EventKind::OrderCompleted,
    EventKind::OrderRefunded,
    EventKind::RecommendationClicked,
];

/// One event: (minute in which it happened, customer, product, kind, pieces).
type Made = (i64, usize, usize, usize, i64);

/// Events in the order in which they come, which is not that in which they happened.
fn log() -> impl Strategy<Value = Vec<Made>> {
    let late =
        prop::collection::vec((0_i64..3000, 0_usize..4, 0..4_usize, 0..8_usize, 0..4_i64), 1..80);
    let in_order = late.clone().prop_map(|mut log| {
        log.sort_unstable_by_key(|made| made.0);
        log
    });
    prop_oneof![late, in_order]
}

/// Returns the rows of some events; each has its place in the log as its identifier.
fn rows<'a>(events: impl IntoIterator<Item = (usize, &'a Made)>) -> Frame {
    let mut frame = Events::default();
    for (place, (minute, customer, product, kind, pieces)) in events {
        let mut event = Event::new("test", KINDS[*kind], NOON + minute * MINUTE);
        event.event_id = (place as u128).to_be_bytes();
        event.customer = Some(CUSTOMERS[*customer]);
        event.product = Some(PRODUCTS[*product]);
        event.campaign = (event.kind == EventKind::AdShown).then_some("brew");
        event.quantity = *pieces;
        event.amount = 1_250_000 * pieces;
        event.currency = (*product == 3).then_some("EUR");
        frame.push(&event);
    }
    frame.into_frame()
}

/// Returns all rows in the order of a replay.
fn sorted(log: &[Made]) -> Frame {
    let mut events: Vec<(usize, &Made)> = log.iter().enumerate().collect();
    events.sort_unstable_by_key(|(place, made)| (made.0, *place));
    rows(events)
}

fn catalogue(mug: (&str, i64)) -> Catalog {
    let product = |id: &str, category: &str, price: i64| Catalogued {
        id: id.to_owned(),
        title: id.to_owned(),
        category: Some(category.to_owned()),
        brand: Some(format!("{category} & Sons")),
        price: Some(price * 1_000_000),
        ..Catalogued::default()
    };
    let products = [
        product("cup", "kitchen", 8),
        product("mug", mug.0, mug.1),
        product("pot", "kitchen", 20),
        product("tea", "drinks", 4),
    ];
    let campaign =
        Campaign { id: "brew".to_owned(), product: Some("tea".to_owned()), ..Campaign::default() };
    Catalog::new(&products, &[campaign])
}

fn nothing(catalog: Catalog) -> Replay {
    Replay::new(&Settings::default(), catalog, &[], Keeps::StateAlone).unwrap()
}

fn replayed(catalog: Catalog, rows: &Frame) -> Replay {
    let mut replay = nothing(catalog);
    replay.extend(rows).unwrap();
    replay.settle();
    replay
}

/// Returns everything that a state knows: numbers as they are printed read back to the same bits.
fn known(state: &mut Replay) -> String {
    let mut text = format!("{} {} {:?}\n", state.rows(), state.unvalued_rows(), state.everybody);
    let things = PRODUCTS.map(|product| state.product(product));
    let brew = state.advertised("brew");
    for (product, thing) in PRODUCTS.iter().zip(things) {
        let sums = &state.products[thing.product as usize];
        writeln!(text, "{product} {} {:?} {sums:?}", thing.category, thing.log_price).unwrap();
    }
    let of = |thing: u32| match state.product_names().get(thing as usize) {
        Some(name) => name.to_string(),
        None => "an advert".to_owned(),
    };
    for name in CUSTOMERS {
        let code = state.customer(name);
        if let Some(code) = code {
            let mut customer = state.state_of(code, 0).into_owned();
            let cart: Vec<_> =
                customer.cart.iter().map(|held| (of(held.product), held.quantity)).collect();
            let mut pairs: Vec<_> =
                customer.pairs.drain().map(|(thing, pair)| (of(thing), pair)).collect();
            pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            customer.cart.clear();
            writeln!(text, "{name} {cart:?} {pairs:?} {customer:?}").unwrap();
        }
        for thing in things.into_iter().chain([brew]) {
            let features = state.features(code, thing, NOON + 4000 * MINUTE);
            writeln!(text, "{:?}", features.map(f64::to_bits)).unwrap();
        }
    }
    text
}

/// Writes a state down, while rows come in between its parts.
fn written(state: &mut Replay, meanwhile: &Frame, note: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut snapshot = state.begin_snapshot();
    snapshot.head(state, &mut bytes);
    snapshot.part(state, &mut bytes);
    state.extend(meanwhile).unwrap();
    state.settle();
    snapshot.end(state, &mut bytes);
    Snapshot::seal(note, &mut bytes);
    bytes
}

/// Reads the customers of late events again, as the rest of the program does.
fn repaired(state: &mut Replay, all: &Frame) {
    let mut again = state.begin_again();
    state.extend_again(&mut again, all).unwrap();
    assert_eq!(state.late(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_snapshot_and_what_came_since_is_a_replay_of_everything(
        log in log(), cuts in prop::array::uniform3(0.0..1.0_f64), changed: bool,
    ) {
        let mut cuts = cuts.map(|share| (share * log.len() as f64) as usize);
        cuts.sort_unstable();
        let part = |from: usize, to: usize| rows(log.iter().enumerate().take(to).skip(from));
        let before = catalogue(("kitchen", 7));
        let after = if changed { catalogue(("garden", 9)) } else { before.clone() };
        let mut live = replayed(before, &part(0, cuts[0]));
        let bytes = written(&mut live, &part(cuts[0], cuts[1]), b"a note");
        drop(live);
        let mut state = nothing(after.clone());
        prop_assert_eq!(state.read(&mut bytes.as_slice()).unwrap(), b"a note");
        for (from, to) in [(cuts[1], cuts[2]), (cuts[2], log.len())] {
            state.extend(&part(from, to)).unwrap();
            state.settle();
        }
        let all = sorted(&log);
        repaired(&mut state, &all);
        prop_assert_eq!(known(&mut state), known(&mut replayed(after, &all)));
    }

    #[test]
    fn damaged_bytes_are_refused(log in log(), place in 0.0..1.0_f64, bit in 0..8_u32) {
        let catalog = catalogue(("kitchen", 7));
        let mut live = replayed(catalog.clone(), &sorted(&log));
        let bytes = written(&mut live, &rows([]), b"a note");
        let place = (place * bytes.len() as f64) as usize;
        let refused = |bytes: &[u8]| {
            let note = nothing(catalog.clone()).read(&mut &*bytes);
            // The first byte after the end is not read; all others are.
            note.is_err()
        };
        prop_assert!(!refused(&bytes));
        prop_assert!(refused(&bytes[..place]), "cut at {}", place);
        let mut damaged = bytes;
        damaged[place] ^= 1 << bit;
        prop_assert!(refused(&damaged), "bit {} of byte {}", bit, place);
    }
}

#[test]
fn what_was_ordered_has_left_the_cart() {
    let cart = |log: &[Made]| {
        let state = replayed(catalogue(("kitchen", 7)), &sorted(log));
        let known = state.state_of(state.customer("ann").unwrap(), 0);
        let held = &known.cart;
        held.iter()
            .map(|held| (state.product_names()[held.product as usize].to_string(), held.quantity))
            .collect::<Vec<_>>()
    };
    // Tea: two are put in, one is taken out, the rest is ordered; a pot stays.
    let mut log = vec![(0, 0, 0, 3, 2), (1, 0, 2, 3, 0)];
    assert_eq!(cart(&log), [("tea".to_owned(), 2), ("pot".to_owned(), 1)]);
    log.push((2, 0, 0, 4, 1));
    assert_eq!(cart(&log), [("tea".to_owned(), 1), ("pot".to_owned(), 1)]);
    log.push((3, 0, 0, 5, 1));
    assert_eq!(cart(&log), [("pot".to_owned(), 1)]);
    // More is taken out than was known to be in it.
    log.push((4, 0, 2, 4, 3));
    assert_eq!(cart(&log), []);
}

#[test]
fn other_settings_campaigns_or_rates_make_a_snapshot_worth_nothing() {
    let mut live = replayed(catalogue(("kitchen", 7)), &sorted(&[(0, 0, 0, 3, 2)]));
    let bytes = written(&mut live, &rows([]), b"");
    let read = |settings: &Settings, catalog: Catalog| {
        let mut state = Replay::new(settings, catalog, &[], Keeps::StateAlone).unwrap();
        state.read(&mut bytes.as_slice())
    };
    let zone = Settings { time_zone: "Asia/Shanghai".to_owned(), ..Settings::default() };
    let product = Catalogued { id: "tea".to_owned(), ..Catalogued::default() };
    assert!(read(&Settings::default(), catalogue(("kitchen", 7))).is_ok());
    for refused in [
        read(&zone, catalogue(("kitchen", 7))),
        read(&Settings::default(), Catalog::new(&[product], &[])),
    ] {
        let why = refused.unwrap_err().to_string();
        assert!(why.contains("other settings, campaigns or rates"), "{why}");
    }
}
