//! The numbers of a small case by hand, and of any case by the slowest program that is right.

use super::*;
use crate::interactions::{Events, Repeats};
use crate::recommend::{Scored, Seen};
use proptest::prelude::*;

const PLAIN: Settings = Settings {
    neighbours: 100,
    last_items: 5,
    decay: Decay::Exponential,
    half_life_items: 1.0,
    reach: 0.0,
    idf: 0.0,
    idf_matched: 0.0,
    returns: 0.0,
};

fn model(n_items: usize, limit: usize, sessions: &[Vec<u32>], settings: Settings) -> SessionKnn {
    let mut model = SessionKnn::over(Index::new(n_items, limit), settings);
    for (row, items) in sessions.iter().enumerate() {
        model.add(row as u32, items);
    }
    model
}

fn list(model: &SessionKnn, items: &[u32]) -> Vec<(u32, f32)> {
    let weights = vec![1.0; items.len()];
    let history = History { items, weights: &weights, ..History::default() };
    let options = ListOptions { seen: Seen::Keep, ..ListOptions::unseen(99) };
    let list = model.recommend(history, &options, &mut Pad::default());
    list.iter().map(|one| (one.item, one.score)).collect()
}

#[test]
fn the_score_is_the_sum_of_the_similarities_of_neighbours() {
    let sessions = [vec![0, 1, 2], vec![1, 3], vec![0, 4], vec![5, 6]];
    let plain = model(9, 10, &sessions, PLAIN);
    // Item 1 counts 1 and item 0 a half: similarities 1.5, 1 and 0.5.
    assert_eq!(list(&plain, &[0, 1]), [(0, 2.0), (2, 1.5), (3, 1.0), (4, 0.5)]);
    let two = model(9, 10, &sessions, Settings { neighbours: 2, ..PLAIN });
    assert_eq!(list(&two, &[0, 1]), [(0, 1.5), (2, 1.5), (3, 1.0)]);
    let last = model(9, 10, &sessions, Settings { last_items: 1, ..PLAIN });
    assert_eq!(list(&last, &[0, 1]), [(0, 1.0), (2, 1.0), (3, 1.0)]);
    let newest = model(9, 1, &sessions, PLAIN);
    assert_eq!(list(&newest, &[0, 1]), [(3, 1.0), (0, 0.5), (4, 0.5)]);
    // Similarities 1 + .5, 1 and .5, of places 0, 0 and 1.
    let linear = model(9, 10, &sessions, Settings { decay: Decay::Linear, ..PLAIN });
    let expected = [(0, 1.35 + 0.4), (2, 1.35), (3, 0.9), (4, 0.4)];
    for (got, expected) in list(&linear, &[0, 1]).iter().zip(expected) {
        assert!(got.0 == expected.0 && (got.1 - expected.1).abs() < 1e-6, "{got:?}");
    }
}

#[test]
fn rarity_nearness_and_having_been_there_multiply() {
    let sessions = [vec![0, 1, 2], vec![1, 3]];
    let settings = Settings { reach: 1.0, idf: 1.0, idf_matched: 2.0, returns: 8.0, ..PLAIN };
    let all = model(9, 10, &sessions, settings);
    let [once, twice] = [3_f64.ln(), 2_f64.ln()];
    let similarities = [twice.powi(2) + once.powi(2) / 2.0, twice.powi(2)];
    let expected = [
        // Beside what was matched; seen one item ago.
        (0, once * 5.0 * similarities[0] / 2.0),
        (2, once * similarities[0] / 2.0),
        (3, once * similarities[1] / 2.0),
    ];
    let found = list(&all, &[0, 1]);
    assert_eq!(found.len(), 3);
    for (got, expected) in found.iter().zip(expected) {
        assert_eq!(got.0, expected.0);
        assert!((f64::from(got.1) - expected.1).abs() < 1e-6, "{got:?} is not {expected:?}");
    }
}

#[test]
fn rows_become_sessions_by_their_youngest_age() {
    let events = Events {
        users: &[0, 0, 1, 1, 2, 2],
        items: &[0, 1, 0, 2, 0, 3],
        weights: &[1.0; 6],
        ages: Some(&[9.0, 1.0, 5.0, 7.0, 4.0, 3.0]),
    };
    let all = Interactions::from_events(4, 4, events, Repeats::Add).unwrap();
    let index = index_of(&all, 10);
    let rows: Vec<u32> = (0..3).map(|session| index.row_of(session)).collect();
    assert_eq!(rows, [1, 2, 0]);
    assert_eq!([0, 1, 2].map(|session| index.items(session).to_vec()), [[2, 0], [0, 3], [0, 1]]);
    assert_eq!(index.newest(0).map(|place| place.session).collect::<Vec<_>>(), [2, 1, 0]);
    // Without ages the rows are as old as they stand.
    let (users, items) = ([0, 1, 1], [1, 1, 0]);
    let all = Interactions::from_triples(2, 2, &users, &items, &[1.0; 3], Repeats::Add).unwrap();
    let index = index_of(&all, 10);
    assert_eq!([0, 1].map(|session| index.row_of(session)), [0, 1]);
}

#[test]
fn new_items_need_room_and_unknown_ones_are_passed_over() {
    let mut growing = model(2, 10, &[vec![0, 1]], PLAIN);
    growing.add(1, &[7]);
    assert_eq!((growing.n_sessions(), growing.n_items()), (1, 2));
    assert_eq!(list(&growing, &[7, 0]), [(1, 1.0)]);
    growing.grow(8);
    growing.add(1, &[0, 7]);
    assert_eq!(list(&growing, &[0]), [(1, 1.0), (7, 1.0)]);
    assert!(list(&growing, &[]).is_empty());
    assert!(growing.bytes() > 8 * 24);
}

#[test]
fn of_a_long_session_the_youngest_items_are_kept() {
    let items: Vec<u32> = (0..ITEMS_MAX as u32 + 5).collect();
    let long = model(items.len(), 10, std::slice::from_ref(&items), PLAIN);
    assert_eq!(long.index.items(0), &items[5..]);
    assert!(list(&long, &[4]).is_empty());
}

/// Scores by the formulas of the module, each session looked at whole.
fn slowly(model: &SessionKnn, sessions: &[Vec<u32>], history: History<'_>) -> Vec<(u32, f64)> {
    let Settings { neighbours, last_items, reach, idf, idf_matched, returns, .. } = model.settings;
    let ordered = history.ordered();
    let recent: Vec<u32> = ordered.iter().rev().take(last_items).copied().collect();
    let holding = |item: u32| (0..sessions.len()).filter(move |s| sessions[*s].contains(&item));
    let rarity = |item: u32, power: f32| {
        let ratio = sessions.len() as f64 / holding(item).count() as f64;
        ratio.ln_1p().powf(f64::from(power))
    };
    let weight = |place: usize| model.settings.weight(place, recent.len());
    let newest = |item: u32| holding(item).rev().take(model.index.limit).collect::<Vec<_>>();
    let mut found: Vec<(usize, f64, usize)> = Vec::new();
    for session in (0..sessions.len()).filter(|s| history.user != Some(*s as u32)) {
        let matched = |place: &usize| newest(recent[*place]).contains(&session);
        let places: Vec<usize> = (0..recent.len()).filter(matched).collect();
        let parts = places.iter().map(|place| weight(*place) * rarity(recent[*place], idf_matched));
        if let Some(youngest) = places.first() {
            found.push((session, parts.sum(), *youngest));
        }
    }
    found.sort_by(|a, b| (b.1 as f32).total_cmp(&(a.1 as f32)).then(b.0.cmp(&a.0)));
    found.truncate(neighbours);
    let score = |item: u32| {
        let mut sum = 0.0;
        for (session, similarity, place) in &found {
            let at = |item: u32| sessions[*session].iter().position(|one| *one == item);
            if let (Some(here), Some(anchor)) = (at(item), at(recent[*place])) {
                let nearness = decay(here.abs_diff(anchor) as f32, reach);
                sum += similarity * model.settings.trust(*place as u32) * nearness;
            }
        }
        let place = recent.iter().position(|one| *one == item);
        let lure = place.map_or(1.0, |place| 1.0 + f64::from(returns) * weight(place));
        sum * lure * if sum > 0.0 { rarity(item, idf) } else { 0.0 }
    };
    let candidates = (0..model.n_items() as u32).filter(|item| recent.first() != Some(item));
    candidates.map(|item| (item, score(item))).filter(|(_, score)| *score > 0.0).collect()
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let word = prop_oneof![Just(Decay::Exponential), Just(Decay::Linear)];
    let numbers = prop::array::uniform5(0_u8..4);
    (1_usize..6, 1_usize..6, word, numbers).prop_map(|(neighbours, last_items, decay, numbers)| {
        let [half_life_items, reach, idf, idf_matched, returns] = numbers.map(f32::from);
        Settings {
            neighbours,
            last_items,
            decay,
            half_life_items,
            reach,
            idf,
            idf_matched,
            returns,
        }
    })
}

fn any_session() -> impl Strategy<Value = Vec<u32>> {
    let ten: Vec<u32> = (0..10).collect();
    prop::sample::subsequence(ten, 1..7).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn scores_are_those_of_the_slowest_program(
        sessions in prop::collection::vec(any_session(), 1..20),
        settings in any_settings(),
        limit in 1_usize..8,
        items in any_session(),
        user in 0_u32..20,
    ) {
        let model = model(10, limit, &sessions, settings);
        let weights = vec![1.0; items.len()];
        let history =
            History { user: Some(user), items: &items, weights: &weights, ages: None };
        let options = ListOptions { seen: Seen::Keep, ..ListOptions::unseen(99) };
        let mut pad = Pad::default();
        let mut found: Vec<Scored> = model.recommend(history, &options, &mut pad);
        found.sort_by_key(|one| one.item);
        let expected = slowly(&model, &sessions, history);
        prop_assert_eq!(found.len(), expected.len());
        for (one, (item, score)) in found.iter().zip(expected) {
            prop_assert_eq!(one.item, item);
            prop_assert!((f64::from(one.score) - score).abs() <= 1e-5 * score);
            let sum: f32 = model.explain(history, item).iter().map(|part| part.score).sum();
            prop_assert!((sum - one.score).abs() <= 1e-5 * one.score);
        }
    }

    #[test]
    fn added_sessions_answer_as_if_fitted(
        sessions in prop::collection::vec(any_session(), 1..40),
        limit in 1_usize..4,
        first in any::<prop::sample::Index>(),
        items in any_session(),
    ) {
        let pairs = || sessions.iter().enumerate().flat_map(|(row, items)| {
            items.iter().enumerate().map(move |(at, item)| (row as u32, *item, at))
        });
        let age = |row: u32, at: usize| ((sessions.len() - row as usize) * 10 - at) as f32;
        let fitted = |n: usize| {
            let rows: Vec<_> = pairs().filter(|pair| (pair.0 as usize) < n).collect();
            let users: Vec<u32> = rows.iter().map(|pair| pair.0).collect();
            let items: Vec<u32> = rows.iter().map(|pair| pair.1).collect();
            let ages: Vec<f32> = rows.iter().map(|pair| age(pair.0, pair.2)).collect();
            let weights = vec![1.0; rows.len()];
            let events =
                Events { users: &users, items: &items, weights: &weights, ages: Some(&ages) };
            let all = Interactions::from_events(n, 10, events, Repeats::Add).unwrap();
            SessionKnn::over(index_of(&all, limit), PLAIN)
        };
        let whole = fitted(sessions.len());
        let first = first.index(sessions.len());
        let mut grown = fitted(first);
        for (row, items) in sessions.iter().enumerate().skip(first) {
            grown.add(row as u32, items);
        }
        prop_assert_eq!(saved::to_bytes(&grown), saved::to_bytes(&whole));
        for item in 0..10 {
            let places = |model: &SessionKnn| model.index.newest(item).collect::<Vec<_>>();
            prop_assert_eq!(places(&grown), places(&whole));
        }
        prop_assert_eq!(list(&grown, &items), list(&whole, &items));
        let loaded = SessionKnn::from_bytes(&saved::to_bytes(&grown)).unwrap();
        prop_assert_eq!(saved::to_bytes(&loaded), saved::to_bytes(&whole));
    }
}
