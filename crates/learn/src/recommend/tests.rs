//! What every model in the registry must do, and what the textbooks say.

use super::user_knn::UserKnn;
use super::*;
use crate::interactions::{Events, Repeats};
use crate::neighbours::{Settings, Similarity};
use proptest::prelude::*;

const CHECKERBOARD: u32 = 50;

/// User `u` has the items of his own parity except item `u`, from the next one on and round: the
/// one right answer is `u`, to those who look at the order too.
fn checkerboard() -> Interactions {
    let pairs = (0..CHECKERBOARD)
        .flat_map(|user| (0..CHECKERBOARD).map(move |item| (user, item)))
        .filter(|(user, item)| user % 2 == item % 2 && user != item);
    let (users, items): (Vec<u32>, Vec<u32>) = pairs.unzip();
    let ago = |(user, item): (&u32, &u32)| ((CHECKERBOARD + user - item) % CHECKERBOARD) as f32;
    let ages: Vec<f32> = users.iter().zip(&items).map(ago).collect();
    let weights = vec![1.0; users.len()];
    let events = Events { users: &users, items: &items, weights: &weights, ages: Some(&ages) };
    let n = CHECKERBOARD as usize;
    Interactions::from_events(n, n, events, Repeats::Add).unwrap()
}

/// Words that tell even from odd items.
fn documents(n_items: usize) -> Vec<Vec<Field>> {
    let word = |item| if item % 2 == 0 { "even 偶数" } else { "odd 奇数" };
    (0..n_items).map(|item| vec![Field::new("title", word(item))]).collect()
}

fn fit(entry: &Entry, interactions: &Interactions) -> Box<dyn Recommender> {
    let documents = documents(interactions.n_items());
    let training = Training { documents: Some(&documents), seed: 7, ..Training::new(interactions) };
    let mut parameters = entry.defaults();
    if entry.name == "auto" {
        parameters.set("trials", "2").unwrap();
    }
    entry.fit(&training, &parameters).unwrap()
}

fn all_users(interactions: &Interactions) -> Vec<u32> {
    (0..interactions.n_users() as u32).collect()
}

/// Every setting with every word it allows, besides the defaults.
fn variants(entry: &Entry) -> Vec<Parameters> {
    let mut variants = vec![entry.defaults()];
    for parameter in entry.parameters {
        if let Kind::Word(words) = parameter.kind {
            for word in words {
                let mut changed = entry.defaults();
                changed.set(parameter.name, word).unwrap();
                variants.push(changed);
            }
        }
    }
    variants
}

#[test]
fn names_are_unique_and_defaults_are_allowed() {
    for (at, entry) in MODELS.iter().enumerate() {
        assert!(MODELS[..at].iter().all(|other| other.name != entry.name));
        let mut parameters = entry.defaults();
        for parameter in entry.parameters {
            let default = match parameter.default() {
                Value::Whole(value) => value.to_string(),
                Value::Real(value) => value.to_string(),
                Value::Text(value) => value,
            };
            parameters.set(parameter.name, &default).unwrap();
        }
        assert_eq!(parameters, entry.defaults());
    }
    assert_eq!(
        Entry::find("als2").unwrap_err().to_string(),
        "parameter `model` must be one of popular, again, user-knn, item-knn, rp3beta, \
         session-knn, transitions, slim, ease, als, bpr, sequence, content, hybrid, ranker, auto, \
         got `als2`"
    );
}

#[test]
fn the_missing_square_of_the_checkerboard_is_found() {
    let interactions = checkerboard();
    let knows_more = |entry: &&Entry| !["popular", "again"].contains(&entry.name);
    for entry in MODELS.iter().filter(knows_more) {
        let model = fit(entry, &interactions);
        let users = all_users(&interactions);
        let lists = recommend_all(&*model, &interactions, &users, &ListOptions::unseen(10));
        for (user, list) in lists.iter() {
            assert_eq!(list[0].item, user, "{}", entry.name);
        }
    }
}

#[test]
fn everybody_gets_the_same_popular_items() {
    let interactions =
        Interactions::from_triples(3, 3, &[0, 1, 1, 2], &[2, 2, 1, 0], &[1.0; 4], Repeats::Add)
            .unwrap();
    let model = fit(Entry::find("popular").unwrap(), &interactions);
    let list = |history| model.recommend(history, &ListOptions::unseen(9), &mut Pad::default());
    let items = |list: Vec<Scored>| list.iter().map(|one| one.item).collect::<Vec<_>>();
    assert_eq!(items(list(History::default())), [2, 0, 1]);
    assert_eq!(items(list(History::of(&interactions, 1))), [0]);
}

#[test]
fn popularity_fades_with_the_half_life() {
    let events = Events {
        users: &[0, 1, 2],
        items: &[0, 0, 1],
        weights: &[1.0, 5.0, 1.0],
        ages: Some(&[10.0, 20.0, 0.0]),
    };
    let interactions = Interactions::from_events(3, 2, events, Repeats::Add).unwrap();
    let entry = Entry::find("popular").unwrap();
    let score = |settings: &[(&str, &str)]| {
        let mut parameters = entry.defaults();
        for (name, value) in settings {
            parameters.set(name, value).unwrap();
        }
        let model = entry.fit(&Training::new(&interactions), &parameters).unwrap();
        let options = ListOptions::unseen(9);
        let mut list = model.recommend(History::default(), &options, &mut Pad::default());
        list.sort_by_key(|one| one.item);
        list.iter().map(|one| one.score).collect::<Vec<_>>()
    };
    assert_eq!(score(&[]), [2.0, 1.0]);
    assert_eq!(score(&[("half_life", "10")]), [0.75, 1.0]);
    assert_eq!(score(&[("half_life", "10"), ("count", "weights")]), [0.5 + 1.25, 1.0]);
}

#[test]
fn the_same_bits_at_one_and_two_threads_and_alone() {
    let interactions = checkerboard();
    let lists = |entry: &Entry, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let model = fit(entry, &interactions);
            let users = all_users(&interactions);
            recommend_all(&*model, &interactions, &users, &ListOptions::unseen(30))
        })
    };
    for entry in MODELS {
        let batch = lists(entry, 1);
        assert_eq!(batch, lists(entry, 2), "{}", entry.name);
        let model = fit(entry, &interactions);
        let mut pad = Pad::default();
        for (user, list) in batch.iter() {
            let history = History::of(&interactions, user);
            let alone = model.recommend(history, &ListOptions::unseen(30), &mut pad);
            assert_eq!(alone, list, "{}", entry.name);
        }
    }
}

#[test]
fn what_is_forbidden_is_never_shown() {
    let interactions = checkerboard();
    let allowed: Vec<bool> = (0..CHECKERBOARD).map(|item| item % 3 == 0).collect();
    for entry in MODELS {
        let model = fit(entry, &interactions);
        let options = ListOptions { length: 20, seen: Seen::Keep, allowed: Some(&allowed) };
        let mut pad = Pad::default();
        let history = History::of(&interactions, 4);
        let kept = model.recommend(history, &options, &mut pad);
        assert!(!kept.is_empty(), "{}", entry.name);
        assert!(kept.iter().all(|one| allowed[one.item as usize]), "{}", entry.name);
        assert!(kept.iter().any(|one| history.items.contains(&one.item)), "{}", entry.name);
        // The same pad answers the next question as if it were new.
        let options = ListOptions { seen: Seen::Remove, ..options };
        let removed = model.recommend(history, &options, &mut pad);
        assert!(removed.iter().all(|one| !history.items.contains(&one.item)), "{}", entry.name);
    }
}

#[test]
fn a_model_without_anything_to_learn_answers_with_nothing() {
    for (n_users, n_items) in [(0, 0), (1, 1), (3, 2)] {
        let empty =
            Interactions::from_triples(n_users, n_items, &[], &[], &[], Repeats::Add).unwrap();
        for entry in MODELS {
            let model = fit(entry, &empty);
            let users = all_users(&empty);
            let lists = recommend_all(&*model, &empty, &users, &ListOptions::unseen(5));
            assert!(lists.iter().all(|(_, list)| list.is_empty()), "{}", entry.name);
        }
    }
}

#[test]
fn one_user_with_one_item_is_answered() {
    let events = Events { users: &[0], items: &[0], weights: &[1.0], ages: Some(&[0.0]) };
    let single = Interactions::from_events(1, 1, events, Repeats::Add).unwrap();
    for entry in MODELS {
        let model = fit(entry, &single);
        let history = History::of(&single, 0);
        let mut pad = Pad::default();
        assert!(model.recommend(history, &ListOptions::unseen(5), &mut pad).is_empty());
        assert!(model.recommend(history, &ListOptions::unseen(0), &mut pad).is_empty());
        assert!(model.explain(history, 0).iter().all(|part| part.score.is_finite()));
    }
}

#[test]
fn the_hybrid_says_which_member_counts() {
    let interactions = checkerboard();
    let members = ["popular", "item-knn"].map(|name| {
        let entry = Entry::find(name).unwrap();
        (entry, entry.defaults())
    });
    let recipe = hybrid::Recipe {
        members: members.to_vec(),
        normalize: hybrid::Normalize::MinMax,
        depth: 100,
    };
    let model = hybrid::Hybrid::fit(&Training::new(&interactions), &recipe).unwrap();
    let weights: Vec<(&str, f64)> = model.weights().collect();
    assert_eq!((weights[0].0, weights[1].0), ("popular", "item-knn"));
    assert!((weights[0].1 + weights[1].1 - 1.0).abs() < 1e-12);
    assert!(weights[1].1 > 0.0, "popularity alone cannot find the missing square");
    let mut parameters = Entry::find("hybrid").unwrap().defaults();
    parameters.set("members", "item-knn,hybrid").unwrap();
    let refused =
        (Entry::find("hybrid").unwrap().build)(&Training::new(&interactions), &parameters);
    assert!(refused.unwrap_err().to_string().contains("`members`"));
}

fn any_interactions() -> impl Strategy<Value = Interactions> {
    (1_usize..12, 2_usize..12).prop_flat_map(|(n_users, n_items)| {
        let pair = (0..n_users as u32, 0..n_items as u32, 1_u8..6, 0_u8..50);
        prop::collection::vec(pair, 0..60).prop_map(move |events| {
            let users: Vec<u32> = events.iter().map(|event| event.0).collect();
            let items: Vec<u32> = events.iter().map(|event| event.1).collect();
            let weights: Vec<f32> = events.iter().map(|event| f32::from(event.2)).collect();
            let ages: Vec<f32> = events.iter().map(|event| f32::from(event.3)).collect();
            let events =
                Events { users: &users, items: &items, weights: &weights, ages: Some(&ages) };
            Interactions::from_events(n_users, n_items, events, Repeats::KeepLast).unwrap()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn lists_are_ordered_finite_and_without_repeats_and_parts_make_the_score(
        interactions in any_interactions(),
    ) {
        let documents = documents(interactions.n_items());
        let training = Training { documents: Some(&documents), ..Training::new(&interactions) };
        let mut pad = Pad::default();
        for entry in MODELS {
            for parameters in variants(entry) {
                let model = entry.fit(&training, &parameters).unwrap();
                for user in 0..interactions.n_users() as u32 {
                    let history = History::of(&interactions, user);
                    let list = model.recommend(history, &ListOptions::unseen(99), &mut pad);
                    prop_assert!(list.iter().all(|one| one.score.is_finite()), "{}", entry.name);
                    prop_assert!(list.is_sorted_by(|a, b| a.rank(b).is_lt()), "{}", entry.name);
                    let mut items: Vec<u32> = list.iter().map(|one| one.item).collect();
                    items.sort_unstable();
                    items.dedup();
                    prop_assert_eq!(items.len(), list.len());
                    for one in &list {
                        let parts = model.explain(history, one.item);
                        let sum: f32 = parts.iter().map(|part| part.score).sum();
                        let rating = Value::Text("rating".to_owned());
                        let is_sum = parameters.iter().all(|(_, value)| *value != rating);
                        let whole = ["user-knn", "item-knn", "session-knn", "content"];
                        let has_parts_only = is_sum && whole.contains(&entry.name);
                        if has_parts_only {
                            prop_assert!((sum - one.score).abs() <= 1e-4 * one.score.abs().max(1.0),
                                "{} {parameters:?}: {sum} is not {}", entry.name, one.score);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn item_neighbours_score_as_the_dense_product(interactions in any_interactions()) {
        let training = Training::new(&interactions);
        let settings = Settings::new(Similarity::Cosine, 100);
        let model = item_knn::ItemKnn::for_ranking(&training, settings, 0.0).unwrap();
        let by_item = interactions.transposed();
        let weight = |item: usize, user: u32| {
            let (users, weights) = by_item.row(item);
            users.binary_search(&user).map_or(0.0, |at| f64::from(weights[at]))
        };
        let n_users = interactions.n_users() as u32;
        let dot = |a: usize, b: usize| {
            (0..n_users).map(|user| weight(a, user) * weight(b, user)).sum::<f64>()
        };
        let mut pad = Pad::default();
        for user in 0..n_users {
            let options = ListOptions { seen: Seen::Keep, ..ListOptions::unseen(99) };
            let list = model.recommend(History::of(&interactions, user), &options, &mut pad);
            for item in 0..interactions.n_items() {
                let parts = (0..interactions.n_items()).filter(|other| *other != item).map(|other| {
                    let norm = (dot(item, item) * dot(other, other)).sqrt();
                    if norm > 0.0 { weight(other, user) * dot(item, other) / norm } else { 0.0 }
                });
                let expected: f64 = parts.sum();
                let listed = list.iter().find(|one| one.item as usize == item);
                let got = listed.map_or(0.0, |one| f64::from(one.score));
                prop_assert!((got - expected).abs() < 1e-4, "{got} is not {expected}");
            }
        }
    }
}

/// A full table of 10 users and 100 items, from a formula.
fn dense_table() -> Vec<Vec<f32>> {
    let cell = |user: u32, item: u32| {
        ((user * 37 + item * 61 + user * item * 13) % 97) as f32 / 97.0 + 0.01
    };
    (0..10).map(|user| (0..100).map(|item| cell(user, item)).collect()).collect()
}

fn table_interactions(table: &[Vec<f32>]) -> Interactions {
    let n_items = table[0].len();
    let cells = table.len() * n_items;
    let users: Vec<u32> = (0..cells).map(|at| (at / n_items) as u32).collect();
    let items: Vec<u32> = (0..cells).map(|at| (at % n_items) as u32).collect();
    Interactions::from_triples(table.len(), n_items, &users, &items, &table.concat(), Repeats::Add)
        .unwrap()
}

#[test]
fn user_neighbours_on_a_full_table_are_the_textbook_ones() {
    let table = dense_table();
    let interactions = table_interactions(&table);
    let settings = Settings { minimum: -1.0, ..Settings::new(Similarity::Cosine, 9) };
    let model = UserKnn::for_ratings(&Training::new(&interactions), settings).unwrap();
    let dot = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    let cosine = |a: usize, b: usize| {
        dot(&table[a], &table[b]) / (dot(&table[a], &table[a]) * dot(&table[b], &table[b])).sqrt()
    };
    for user in 0..10 {
        let history = History::of(&interactions, user as u32);
        let mut scratch = Scratch::default();
        for neighbour in model.neighbours(history, &mut scratch) {
            let expected = cosine(user, neighbour.item as usize);
            assert!((f64::from(neighbour.score) - expected).abs() < 1e-6);
        }
        for item in [0, 57, 99] {
            let others = || (0..10).filter(|other| *other != user);
            let deviation =
                |other: usize| f64::from(table[other][item]) - lists::mean(&table[other]);
            let sum: f64 = others().map(|other| cosine(user, other) * deviation(other)).sum();
            let norm: f64 = others().map(|other| cosine(user, other)).sum();
            let expected = lists::mean(&table[user]) + sum / norm;
            let got = model.predict_rating(history, item as u32).unwrap();
            assert!((got - expected).abs() < 1e-6);
        }
    }
}

#[test]
fn pearson_between_users_predicts_resnicks_rating() {
    // User 0: 1, 3, ·; user 1: 2, 4, 5: correlation 1, means 2 and 11/3 over what each rated.
    let interactions = Interactions::from_triples(
        2,
        3,
        &[0, 0, 1, 1, 1],
        &[0, 1, 0, 1, 2],
        &[1.0, 3.0, 2.0, 4.0, 5.0],
        Repeats::KeepLast,
    )
    .unwrap();
    let settings = Settings::new(Similarity::Pearson, 5);
    let model = UserKnn::for_ratings(&Training::new(&interactions), settings).unwrap();
    let history = History::of(&interactions, 0);
    let expected = 2.0 + (5.0 - 11.0 / 3.0);
    assert!((model.predict_rating(history, 2).unwrap() - expected).abs() < 1e-9);
    let list = model.recommend(history, &ListOptions::unseen(3), &mut Pad::default());
    assert_eq!(list.len(), 1);
    assert!((f64::from(list[0].score) - expected).abs() < 1e-6);
}

/// Cosine of user 0 with the others in `small/ratings_10x100.csv`, by scikit-learn's
/// `cosine_similarity`.
const COSINES: [f64; 9] = [
    0.721_029_379_994_944_4,
    0.727_239_480_290_865_2,
    0.669_747_541_194_620_7,
    0.754_564_661_857_386_8,
    0.755_607_447_723_051_1,
    0.733_830_443_702_466_6,
    0.737_376_506_212_886_5,
    0.737_021_531_951_788_3,
    0.678_501_471_517_064_1,
];
/// Pearson's correlation of the same pairs, by numpy's `corrcoef`.
const CORRELATIONS: [f64; 9] = [
    -0.034_032_500_978_822_56,
    -0.037_654_079_518_118_6,
    -0.211_881_949_652_480_9,
    0.120_074_976_532_456_09,
    0.069_321_489_605_999_7,
    0.047_966_357_829_645_41,
    -0.033_630_973_948_540_574,
    0.084_577_109_312_912_05,
    -0.188_763_942_279_876_06,
];
/// What user 0 is predicted to give item 7, from all others by mean-centred cosine.
const PREDICTION: f64 = 0.537_890_760_579_720_7;

#[test]
fn the_ten_by_hundred_example_equals_scikit_learn() {
    #[expect(clippy::disallowed_methods, reason = "a test finds the real data by it")]
    let Some(folder) = std::env::var_os("SHOPWISE_DATA") else {
        println!("skipped: SHOPWISE_DATA is not set");
        return;
    };
    let file = std::path::Path::new(&folder).join("small/ratings_10x100.csv");
    let text = std::fs::read_to_string(file).unwrap();
    let row = |line: &str| line.split(',').skip(1).map(|cell| cell.parse().unwrap()).collect();
    let table: Vec<Vec<f32>> = text.lines().skip(1).map(row).collect();
    let interactions = table_interactions(&table);
    let history = History::of(&interactions, 0);
    let check = |similarity, expected: [f64; 9]| {
        let settings = Settings { minimum: -1.0, ..Settings::new(similarity, 9) };
        let model = UserKnn::for_ratings(&Training::new(&interactions), settings).unwrap();
        let mut scratch = Scratch::default();
        let neighbours = model.neighbours(history, &mut scratch);
        assert_eq!(neighbours.len(), 9);
        for one in neighbours {
            assert!((f64::from(one.score) - expected[one.item as usize - 1]).abs() < 1e-6);
        }
        model.predict_rating(history, 7).unwrap()
    };
    assert!((check(Similarity::Cosine, COSINES) - PREDICTION).abs() < 1e-6);
    check(Similarity::Pearson, CORRELATIONS);
}
