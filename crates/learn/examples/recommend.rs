//! How long recommenders take to fit, on interactions made by a formula.
//!
//!     cargo run --release -p shopwise-learn --example recommend -- USERS ITEMS INTERACTIONS \
//!         MODEL [name=value]… [file=PATH] [read=yes] [ordered=yes] [judged=PATH]
//!
//! Users and items are drawn with Zipf's exponents .6 and .9, seed 1, repeats dropped: of 20
//! million interactions of 138,000 users with 27,000 items the busiest user has 17,000, and nearly
//! everybody the most popular item. `file` keeps the pairs as little-endian 32-bit numbers, user
//! then item, for other programs; `read=yes` reads it instead, `ordered=yes` says that what happened
//! earlier stands earlier in it. `judged=PATH` names pairs of later:
//! the lists, seen items left out, are judged by them. Prints what the model has to say of its fit,
//! and the seconds.
#![expect(clippy::print_stdout, reason = "an example shows its figures")]

use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shopwise_learn::evaluate::ranking;
use shopwise_learn::interactions::{Events, Interactions, Repeats};
use shopwise_learn::recommend::{Entry, History, ListOptions, Pad, Training, recommend_all};
use shopwise_learn::{Error, Result};

/// How unevenly users are busy, and items popular.
const EXPONENTS: [f64; 2] = [0.6, 0.9];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| {
        let text = arguments.get(at).map_or("", String::as_str);
        text.parse::<usize>().map_err(|_| Error::parameter("argument", "a whole number", text))
    };
    let shape = [number(0)?, number(1)?, number(2)?];
    let entry = Entry::find(arguments.get(3).map_or("", String::as_str))?;
    let mut parameters = entry.defaults();
    let (mut file, mut reads, mut judged, mut is_ordered) = (None, false, None, false);
    for (name, value) in arguments[4..].iter().filter_map(|pair| pair.split_once('=')) {
        match name {
            "file" => file = Some(value.to_owned()),
            "read" => reads = true,
            "ordered" => is_ordered = true,
            "judged" => judged = Some(value.to_owned()),
            _ => parameters.set(name, value)?,
        }
    }
    let begun = Instant::now();
    let [users, items] = match &file {
        Some(path) if reads => read(path)?,
        _ => draw(shape),
    };
    if let (Some(path), false) = (&file, reads) {
        write(path, [&users, &items])?;
    }
    let weights = vec![1.0; users.len()];
    // As many events ago as stand behind it in the file.
    let ages: Option<Vec<f32>> =
        is_ordered.then(|| (0..users.len()).rev().map(|age| age as f32).collect());
    let events = Events { users: &users, items: &items, weights: &weights, ages: ages.as_deref() };
    let all = Interactions::from_events(shape[0], shape[1], events, Repeats::KeepLast)?;
    println!("{} interactions in {:.1} s", all.len(), begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let model = entry.fit(&Training { seed: 1, ..Training::new(&all) }, &parameters)?;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} fitted in {seconds:.3} s {:?}", entry.name, model.figures());
    if let Some(path) = judged {
        let [users, items] = read(&path)?;
        let ones = vec![1.0; users.len()];
        let later = Interactions::from_triples(
            shape[0],
            shape[1],
            &users,
            &items,
            &ones,
            Repeats::KeepLast,
        )?;
        let everybody: Vec<u32> = (0..shape[0] as u32).collect();
        let lists = recommend_all(&*model, &all, &everybody, &ListOptions::unseen(10));
        let ranked = lists.ranked(shape[0]);
        let (report, _) = ranking::evaluate(&ranked, &later, &all.item_counts(), &[10])?;
        println!("{:?}", report.metrics);
        return Ok(());
    }
    let begun = Instant::now();
    let mut pad = Pad::default();
    let asked = 200.min(all.n_users()) as u32;
    for user in 0..asked {
        model.recommend(History::of(&all, user), &ListOptions::unseen(10), &mut pad);
    }
    let each = begun.elapsed().as_secs_f64() / f64::from(asked) * 1e6;
    println!("a list in {each:.0} microseconds, one thread");
    Ok(())
}

/// Draws pairs; each is there once.
fn draw([n_users, n_items, n]: [usize; 3]) -> [Vec<u32>; 2] {
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let tables = [cumulative(n_users, EXPONENTS[0]), cumulative(n_items, EXPONENTS[1])];
    let mut pairs: Vec<u64> = Vec::with_capacity(n + n / 8);
    while pairs.len() < n {
        for _ in pairs.len()..n + n / 16 {
            let user = pick(&tables[0], random.random());
            let item = pick(&tables[1], random.random());
            pairs.push(user << 32 | item);
        }
        pairs.sort_unstable();
        pairs.dedup();
    }
    // Too many: every so-and-so-many-th goes.
    let surplus = pairs.len() - n;
    let step = pairs.len() / surplus.max(1);
    let kept = pairs.iter().enumerate().filter(|(at, _)| surplus == 0 || at % step != step - 1);
    kept.take(n)
        .map(|(_, pair)| ((pair >> 32) as u32, *pair as u32))
        .collect::<(Vec<_>, Vec<_>)>()
        .into()
}

/// Returns the growing sums of Zipf's shares; who is busy or popular is spread over the indices.
fn cumulative(n: usize, exponent: f64) -> Vec<f64> {
    let mut sum = 0.0;
    (0..n)
        .map(|at| {
            // A step that shares no divisor with n visits every rank once.
            let rank = (at * 7919) % n;
            sum += ((rank + 1) as f64).powf(-exponent);
            sum
        })
        .collect()
}

fn pick(sums: &[f64], uniform: f64) -> u64 {
    let total = sums.last().copied().unwrap_or(1.0);
    sums.partition_point(|sum| *sum <= uniform * total).min(sums.len() - 1) as u64
}

fn write(path: &str, pairs: [&[u32]; 2]) -> Result<()> {
    let both = pairs[0].iter().zip(pairs[1]);
    let bytes: Vec<u8> =
        both.flat_map(|(u, i)| [u.to_le_bytes(), i.to_le_bytes()]).flatten().collect();
    std::fs::write(path, bytes).map_err(|error| Error::Bytes(format!("{path}: {error}")))
}

fn read(path: &str) -> Result<[Vec<u32>; 2]> {
    let bytes = std::fs::read(path).map_err(|error| Error::Bytes(format!("{path}: {error}")))?;
    let numbers = bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    let pairs: Vec<u32> = numbers.collect();
    let side = |first: usize| pairs.iter().skip(first).step_by(2).copied().collect();
    Ok([side(0), side(1)])
}
