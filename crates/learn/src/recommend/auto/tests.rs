//! The race finds what was planted, keeps its budget and says what it left out.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::super::{Clock, Field, Value};
use super::*;
use crate::evaluate::next_item::Log;
use crate::interactions::{Events, Interactions, Repeats};

const USERS: u32 = 240;
const ITEMS: u32 = 40;

/// Everybody goes on by one item or by two, at random, on a ring, seven times.
fn chains() -> Interactions {
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let (mut users, mut items) = (Vec::new(), Vec::new());
    for user in 0..USERS {
        let mut item = random.random_range(0..ITEMS);
        for _ in 0..7 {
            item = (item + random.random_range(1..=2)) % ITEMS;
            users.push(user);
            items.push(item);
        }
    }
    let ages: Vec<f32> = (0..users.len()).map(|at| (6 - at % 7) as f32).collect();
    let weights = vec![1.0; users.len()];
    let events = Events { users: &users, items: &items, weights: &weights, ages: Some(&ages) };
    Interactions::from_events(USERS as usize, ITEMS as usize, events, Repeats::Add).unwrap()
}

fn settings(pairs: &[(&str, &str)]) -> Parameters {
    let mut parameters = Parameters::defaults(PARAMETERS);
    pairs.iter().for_each(|(name, value)| parameters.set(name, value).unwrap());
    parameters
}

fn real(parameters: &Parameters, name: &str) -> f64 {
    match parameters.iter().find(|(own, _)| *own == name).unwrap().1 {
        Value::Real(value) => f64::from(*value),
        Value::Whole(value) => f64::from(*value),
        Value::Text(_) => f64::NAN,
    }
}

#[test]
fn the_planted_model_and_its_direction_are_found() {
    let all = chains();
    let parameters = settings(&[("candidates", "popular,item-knn,transitions")]);
    let auto = Auto::fit(&Training::new(&all), &parameters).unwrap();
    let report = auto.report().unwrap();
    let first = report.members.iter().max_by(|a, b| a.weight.total_cmp(&b.weight)).unwrap();
    assert_eq!(first.model, "transitions", "{}", report.why);
    // The next item stands at the first or the second place.
    assert!(first.score.unwrap() > 0.75, "{first:?}");
    assert_eq!(report.comparisons[0].between, ["transitions", "popular"]);
    assert!(report.comparisons[0].difference.low > 0.0);
    assert!(real(&first.parameters, "backward") < 0.5, "{first:?}");
    let history = History { items: &[3], weights: &[1.0], ..History::default() };
    let list = auto.recommend(history, &ListOptions::unseen(2), &mut Pad::default());
    let mut found: Vec<u32> = list.iter().map(|one| one.item).collect();
    found.sort_unstable();
    assert_eq!(found, [4, 5], "the next on the ring");
}

#[test]
fn what_is_popular_serves_where_nothing_is_surely_better() {
    // What anybody has depends on nothing.
    let mut random = Pcg64Mcg::seed_from_u64(2);
    let users: Vec<u32> = (0..USERS * 6).map(|at| at / 6).collect();
    let items: Vec<u32> = users.iter().map(|_| random.random_range(0..ITEMS)).collect();
    let weights = vec![1.0; users.len()];
    let shape = [USERS, ITEMS].map(|n| n as usize);
    let all =
        Interactions::from_triples(shape[0], shape[1], &users, &items, &weights, Repeats::Add);
    let all = all.unwrap();
    let parameters = settings(&[("candidates", "popular,transitions"), ("trials", "3")]);
    let auto = Auto::fit(&Training::new(&all), &parameters).unwrap();
    let report = auto.report().unwrap();
    let models: Vec<&str> = report.members.iter().map(|member| member.model).collect();
    assert_eq!(models, ["popular"], "{report:?}");
}

#[test]
fn equal_clocks_give_equal_races() {
    let all = chains();
    let names = ("candidates", "popular,item-knn,als,ease");
    let parameters = settings(&[names, ("trials", "4"), ("budget", "3")]);
    let with = |clock: Option<Clock<'_>>| {
        let training = Training { seed: 5, clock, ..Training::new(&all) };
        let auto = Auto::fit(&training, &parameters).unwrap();
        (saved::to_bytes(&auto), auto.report().cloned().unwrap())
    };
    assert_eq!(with(None), with(None));
    let ticking = || {
        let now = AtomicU64::new(0);
        let tick = move || now.fetch_add(1, Ordering::Relaxed) as f64 * 1e-2;
        with(Some(Clock(&tick)))
    };
    let (bytes, report) = ticking();
    assert_eq!((bytes, report.clone()), ticking());
    assert!(report.seconds < 3.0, "{}", report.seconds);
    assert!(!report.tried.is_empty());
}

#[test]
fn too_few_customers_are_no_judges() {
    let all = Interactions::from_triples(2, 3, &[0, 0, 1], &[0, 1, 0], &[1.0; 3], Repeats::Add);
    let all = all.unwrap();
    let auto = Auto::fit(&Training::new(&all), &settings(&[])).unwrap();
    let report = auto.report().unwrap();
    assert_eq!(report.why, "nothing was tried: 1 customers to judge by, 20 are needed");
    assert_eq!(report.members[0].model, "item-knn");
}

#[test]
fn what_cannot_run_is_named() {
    let all = chains();
    let parameters = settings(&[("candidates", "content,als,ease"), ("trials", "1")]);
    let auto = Auto::fit(&Training::new(&all), &parameters).unwrap();
    let report = auto.report().unwrap();
    assert_eq!(report.left_out[0].model, "content");
    assert_eq!(report.left_out[0].why, "the items have no texts");
    // What is popular runs though nobody asked for it.
    assert_eq!(report.tried[0].model, "popular");
    let nothing = settings(&[("candidates", "als,ease"), ("budget", "0")]);
    let error = Auto::fit(&Training::new(&all), &nothing).unwrap_err().to_string();
    assert_eq!(error, "too little data: no model fits into the budget");
    let unknown = settings(&[("candidates", "auto")]);
    let error = Auto::fit(&Training::new(&all), &unknown).unwrap_err().to_string();
    assert!(error.contains("models other than hybrid, ranker, auto"), "{error}");
}

/// Sessions that go forward and come back by turns: what comes next was mostly there before.
#[test]
fn models_are_chosen_by_what_they_will_be_asked() {
    let (mut sessions, mut items) = (Vec::new(), Vec::new());
    for session in 0..USERS {
        for step in [0, 1, 0, 1, 0, 1] {
            sessions.push(session);
            items.push((session * 7 + step) % ITEMS);
        }
    }
    let times: Vec<f64> = (0..items.len()).map(|at| at as f64).collect();
    let log = Log { sessions: &sessions, items: &items, times: &times };
    let [rows, most] = [USERS as usize, ITEMS as usize];
    let all = log.interactions(rows, most).unwrap();
    let parameters = settings(&[("candidates", "again,popular"), ("trials", "2")]);
    let told = |rehearsal| {
        let training = Training { rehearsal, ..Training::new(&all) };
        Auto::fit(&training, &parameters).unwrap().report().unwrap().clone()
    };
    let held_out = log.held_out(rows, most, 1).unwrap();
    let asked = told(Some(held_out.rehearsal()));
    assert_eq!(asked.members[0].model, "again", "{}", asked.why);
    // In four of five places it is the second of the list.
    assert!(asked.members[0].score.unwrap() > 0.4, "{asked:?}");
    let otherwise = told(None);
    assert_eq!(otherwise.left_out[0].model, "again");
    assert_eq!(otherwise.members[0].model, "popular");
}

#[test]
fn texts_take_part_where_there_are_some() {
    let all = chains();
    let documents: Vec<Vec<Field>> =
        (0..ITEMS).map(|item| vec![Field::new("title", format!("w{}", item / 4))]).collect();
    let training = Training { documents: Some(&documents), ..Training::new(&all) };
    let parameters = settings(&[("candidates", "content"), ("trials", "2")]);
    let auto = Auto::fit(&training, &parameters).unwrap();
    assert!(auto.report().unwrap().tried.iter().any(|tried| tried.model == "content"));
}

/// A race over made-up scores and costs, its clock moved by what each step costs.
struct Scripted {
    now: AtomicU64,
    model: Arc<dyn Recommender>,
}

impl Scripted {
    fn new() -> Self {
        let all = chains();
        let entry = Entry::find("popular").unwrap();
        let model = entry.fit(&Training::new(&all), &entry.defaults()).unwrap().into();
        Self { now: AtomicU64::new(0), model }
    }

    /// `seconds` says what a fit really takes, `score` how good it is.
    fn run(
        &self,
        names: &[&str],
        budget_seconds: f64,
        seconds: impl Fn(&Entry) -> f64,
        score: impl Fn(&Entry, &Parameters) -> f64,
        cost: impl Fn(&Entry) -> Cost,
    ) -> Found {
        let entries: Vec<&'static Entry> =
            names.iter().map(|name| Entry::find(name).unwrap()).collect();
        let tell = || self.now.load(Ordering::Relaxed) as f64 / 1e3;
        let mut budget = Budget::new(budget_seconds, Some(Clock(&tell)));
        let limits = Limits { trials: 16, bytes: 1e9, finalists: 2, seed: 3 };
        let found = search(
            &entries,
            |entry, parameters| {
                self.now.fetch_add((seconds(entry) * 1e3) as u64, Ordering::Relaxed);
                let scores = vec![score(entry, parameters); 3];
                Ok(Measured { model: Arc::clone(&self.model), scores })
            },
            |entry, _| cost(entry),
            &mut budget,
            limits,
        );
        // What fitting the two best again and blending them takes is kept.
        let mut best: Vec<&Finalist> = found.finalists.iter().collect();
        best.sort_by(|a, b| b.score.total_cmp(&a.score));
        let kept: f64 = best.iter().take(2).map(|one| 2.0 * one.seconds).sum();
        assert!(budget.left() >= kept - 1e-6, "{} is less than {kept}", budget.left());
        found
    }
}

#[test]
fn the_budget_is_kept_though_formulas_are_wrong() {
    let scripted = Scripted::new();
    let costs = |entry: &Entry| match entry.name {
        "bpr" => Cost { seconds: 1e4, bytes: 1.0 },
        "ease" => Cost { seconds: 1.0, bytes: 2e9 },
        _ => Cost { seconds: 1.0, bytes: 1.0 },
    };
    // Everything takes three times what its formula says.
    let names = ["popular", "item-knn", "als", "bpr", "ease"];
    let found = scripted.run(&names, 200.0, |_| 3.0, |_, _| 1.0, costs);
    let left_out: Vec<&str> = found.left_out.iter().map(|one| one.model).collect();
    assert_eq!(left_out, ["bpr", "ease"]);
    assert!(found.left_out[0].why.starts_with("one fit would take some 30000.0 s"));
    assert_eq!(found.left_out[1].why, "it would take 2000 MB of memory, 1000 are allowed");
    assert!(found.tried.len() > 20, "{} settings", found.tried.len());
    assert_eq!(found.finalists.len(), 3);
}

#[test]
fn the_hidden_setting_of_the_hidden_model_is_found() {
    let scripted = Scripted::new();
    let score = |entry: &Entry, parameters: &Parameters| match entry.name {
        "als" => {
            let distance = |name, wanted: f64| (real(parameters, name) / wanted).ln().powi(2);
            1.0 - 0.02 * (distance("factors", 120.0) + distance("regularization", 0.03))
        }
        "item-knn" => 0.8,
        _ => 0.5,
    };
    let cheap = |_: &Entry| Cost { seconds: 0.1, bytes: 1.0 };
    let names = ["popular", "user-knn", "item-knn", "rp3beta", "als", "bpr"];
    let found = scripted.run(&names, 1e4, |_| 0.1, score, cheap);
    let best = found.finalists.iter().max_by(|a, b| a.score.total_cmp(&b.score)).unwrap();
    assert_eq!(best.entry.name, "als");
    assert!(best.score > 0.99, "{} by {:?}", best.score, best.parameters);
    // The better a model, the longer it stays.
    let tries = |name| found.tried.iter().filter(|one| one.model == name).count();
    assert!(tries("als") > tries("item-knn") && tries("item-knn") > tries("bpr"));
    assert_eq!(tries("popular"), 1, "nothing to search");
}
