//! How well and how fast models say what comes next in a session.
//!
//!     cargo run --release -p shopwise-learn --example next_item -- MODEL \
//!         (train=FILE test=FILE | clicks=N items=N) [days=N day=SECONDS] [name=value]…
//!
//! The files are text: a header, then `session,item,time` in whole numbers. `days=N` judges by the
//! last N days of the training file instead, each after fitting to all before it, and by `test` as
//! well: for choosing settings. Without files, sessions of 4.8 clicks on average over items drawn
//! with Zipf's exponent .9, seed 1. Prints the metrics, the seconds of a fit and the microseconds
//! of a question on one thread; for session-knn also those of adding a session.
#![expect(clippy::print_stdout, reason = "an example shows its figures")]

use std::collections::BTreeMap;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shopwise_learn::evaluate::next_item::{self, Log, Prefix};
use shopwise_learn::recommend::session_knn::SessionKnn;
use shopwise_learn::recommend::{Entry, ListOptions, Pad, Parameters, Recommender, Seen, Training};
use shopwise_learn::{Error, Result};

/// The length of the lists.
const AT: usize = 20;
/// How unevenly items are popular where sessions are made.
const EXPONENT: f64 = 0.9;
/// The share of clicks that are not the last of their session: 3.8 of 4.8.
const STAYS: f64 = 3.8 / 4.8;
/// Sessions made to ask with.
const ASKED: usize = 2000;

/// Events in parallel.
#[derive(Default, Clone)]
struct Clicks {
    sessions: Vec<u32>,
    items: Vec<u32>,
    times: Vec<f64>,
}

impl Clicks {
    fn push(&mut self, session: u32, item: u32, time: f64) {
        self.sessions.push(session);
        self.items.push(item);
        self.times.push(time);
    }

    fn read(path: &str) -> Result<Self> {
        let wrong = |what: &str| Error::parameter("file", "session,item,time a line", what);
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
        let mut clicks = Self::default();
        let mut known = BTreeMap::new();
        for line in text.lines().skip(1) {
            let cells: Vec<f64> = line.split(',').filter_map(|cell| cell.parse().ok()).collect();
            let [session, item, time] = cells[..] else { return Err(wrong(line)) };
            let new = known.len() as u32;
            let session = *known.entry(session as u64).or_insert(new);
            clicks.push(session, item as u32, time);
        }
        Ok(clicks)
    }

    fn made(n: usize, n_items: usize, seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut sums = vec![0.0];
        for rank in 1..=n_items {
            sums.push(sums[rank - 1] + (rank as f64).powf(-EXPONENT));
        }
        let mut clicks = Self::default();
        let mut session = 0;
        for at in 0..n {
            let point = random.random::<f64>() * sums[n_items];
            let item = sums.partition_point(|sum| *sum <= point).clamp(1, n_items) - 1;
            clicks.push(session, item as u32, at as f64);
            session += u32::from(random.random::<f64>() >= STAYS);
        }
        clicks
    }

    fn n_sessions(&self) -> usize {
        self.sessions.iter().max().map_or(0, |last| *last as usize + 1)
    }

    fn n_items(&self) -> usize {
        self.items.iter().max().map_or(0, |last| *last as usize + 1)
    }

    fn log(&self) -> Log<'_> {
        Log { sessions: &self.sessions, items: &self.items, times: &self.times }
    }

    fn ordered(&self) -> Result<Vec<Vec<u32>>> {
        self.log().ordered(self.n_sessions())
    }

    /// Returns the sessions that end after `from` and until `until`.
    fn between(&self, from: f64, until: f64) -> Self {
        let mut ends = vec![f64::NEG_INFINITY; self.n_sessions()];
        for (session, time) in self.sessions.iter().zip(&self.times) {
            ends[*session as usize] = ends[*session as usize].max(*time);
        }
        let mut chosen = Self::default();
        for (at, session) in self.sessions.iter().enumerate() {
            if ends[*session as usize] > from && ends[*session as usize] <= until {
                chosen.push(*session, self.items[at], self.times[at]);
            }
        }
        chosen
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let entry = Entry::find(arguments.first().map_or("", String::as_str))?;
    let mut parameters = entry.defaults();
    let mut given = BTreeMap::new();
    for (name, value) in arguments.iter().skip(1).filter_map(|pair| pair.split_once('=')) {
        if ["train", "test", "clicks", "items", "days", "day"].contains(&name) {
            given.insert(name, value);
        } else {
            parameters.set(name, value)?;
        }
    }
    let number = |name: &'static str, otherwise: usize| match given.get(name) {
        Some(text) => {
            text.parse::<usize>().map_err(|_| Error::parameter(name, "a whole number", text))
        }
        None => Ok(otherwise),
    };
    let (train, test) = match (given.get("train"), given.get("test")) {
        (Some(train), Some(test)) => (Clicks::read(train)?, Clicks::read(test)?),
        _ => {
            let n_items = number("items", 100_000)?;
            let asked = (ASKED as f64 / (1.0 - STAYS)) as usize;
            (
                Clicks::made(number("clicks", 1_000_000)?, n_items, 1),
                Clicks::made(asked, n_items, 2),
            )
        }
    };
    let mut sets = vec![(train.clone(), test)];
    let last = train.times.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let day = number("day", 86_400)? as f64;
    for back in 0..number("days", 0)? {
        let until = last - back as f64 * day;
        let before = train.between(f64::NEG_INFINITY, until - day);
        sets.push((before, train.between(until - day, until)));
    }
    let mut all = (0.0, 0.0);
    for (train, test) in &sets {
        let (mean, questions) = judge(entry, &parameters, train, test)?;
        all = (all.0 + mean * questions, all.1 + questions);
    }
    println!("all: mrr@{AT} {:.4} over {} questions", all.0 / all.1, all.1);
    let (train, test) = &sets[0];
    time(entry, &parameters, train, test)
}

/// Prints how good a model is, and returns its mean reciprocal rank and the number of questions.
fn judge(
    entry: &Entry,
    parameters: &Parameters,
    train: &Clicks,
    test: &Clicks,
) -> Result<(f64, f64)> {
    let rows = train.log().interactions(train.n_sessions(), train.n_items())?;
    let begun = Instant::now();
    let model = entry.fit(&Training { seed: 1, ..Training::new(&rows) }, parameters)?;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} fitted in {seconds:.3} s {:?}", entry.name, model.figures());
    let sessions = test.ordered()?;
    let (report, _) = next_item::evaluate(&*model, &sessions, &rows.item_counts(), &[AT])?;
    let mrr = format!("mrr@{AT}");
    let metrics: Vec<String> =
        report.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    let error = report.standard_error.get(&mrr).copied().unwrap_or(0.0);
    println!("{} questions: {} (se of mrr {error:.4})", report.users, metrics.join(" "));
    Ok((report.metrics[&mrr], report.users as f64))
}

/// Prints what a question costs, and a session more.
fn time(entry: &Entry, parameters: &Parameters, train: &Clicks, test: &Clicks) -> Result<()> {
    let rows = train.log().interactions(train.n_sessions(), train.n_items())?;
    let training = Training { seed: 1, ..Training::new(&rows) };
    let model = entry.fit(&training, parameters)?;
    let sessions = test.ordered()?;
    let options = ListOptions { seen: Seen::Keep, ..ListOptions::unseen(AT) };
    let mut pad = Pad::default();
    let mut spent = Vec::new();
    for session in &sessions {
        let mut prefix = Prefix::default();
        for item in session.iter().rev().skip(1).rev() {
            prefix.push(*item);
            let begun = Instant::now();
            let list = model.recommend(prefix.history(), &options, &mut pad);
            spent.push(begun.elapsed().as_secs_f64() * 1e6);
            assert!(list.len() <= AT);
        }
    }
    show("a question", spent);
    if entry.name == "session-knn" {
        let mut growing = SessionKnn::fit(&training, parameters);
        let mut spent = Vec::new();
        for session in &sessions {
            let mut prefix = Prefix::default();
            session.iter().for_each(|item| prefix.push(*item));
            let items = prefix.history().ordered();
            let begun = Instant::now();
            growing.add(u32::MAX, &items);
            spent.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        show("adding a session", spent);
        println!("{} sessions of {} items in memory", growing.n_sessions(), growing.n_items());
    }
    Ok(())
}

fn show(what: &str, mut spent: Vec<f64>) {
    spent.sort_by(f64::total_cmp);
    let at = |share: f64| spent.get((spent.len() as f64 * share) as usize).copied().unwrap_or(0.0);
    let [half, most, nearly] = [0.5, 0.9, 0.99].map(at);
    println!("{what}: p50 {half:.1}, p90 {most:.1}, p99 {nearly:.1} µs of {}", spent.len());
}
