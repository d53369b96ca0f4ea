//! How long recommenders take to fit, on interactions made by a formula.
//!
//!     cargo run --release -p shopwise-learn --example recommend -- USERS ITEMS INTERACTIONS \
//!         MODEL [name=value]… [file=PATH] [read=yes] [judged=PATH] [ordered=yes] \
//!         [validation=PATH] [texts=PATH] [known=N]
//!
//! Users and items are drawn with Zipf's exponents .6 and .9, seed 1, repeats dropped: of 20
//! million interactions of 138,000 users with 27,000 items the busiest user has 17,000, and nearly
//! everybody the most popular item. `file` keeps the pairs as little-endian 32-bit numbers, user
//! then item, for other programs; `read=yes` reads it instead. `judged=PATH` names pairs of later:
//! the lists, seen items left out, are judged by them. With `ordered=yes` the pairs of a user stand
//! oldest first. `validation=PATH` names those of the pairs that models may tune on; `texts=PATH` a
//! text for each item, one a line. With `known=N` models are asked as if of each user only his N
//! youngest were known. Prints what the model has to say of its fit, what `auto` tried,
//! and the seconds.
#![expect(clippy::print_stdout, reason = "an example shows its figures")]

use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shopwise_learn::evaluate::ranking::{self, RankedLists};
use shopwise_learn::interactions::{Events, Interactions, Repeats};
use shopwise_learn::recommend::auto::{Auto, Report};
use shopwise_learn::recommend::{
    Clock, Entry, Field, History, ListOptions, Pad, Recommender, Training, Value,
};
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
    let (mut file, mut reads, mut judged) = (None, false, None);
    let (mut is_ordered, mut validation, mut texts, mut known) = (false, None, None, None);
    for (name, value) in arguments[4..].iter().filter_map(|pair| pair.split_once('=')) {
        match name {
            "file" => file = Some(value.to_owned()),
            "read" => reads = true,
            "judged" => judged = Some(value.to_owned()),
            "ordered" => is_ordered = true,
            "validation" => validation = Some(value.to_owned()),
            "texts" => texts = Some(value.to_owned()),
            "known" => known = value.parse().ok(),
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
    let pairs = |users: &[u32], items: &[u32], ages: Option<&[f32]>| {
        let events = Events { users, items, weights: &vec![1.0; users.len()], ages };
        Interactions::from_events(shape[0], shape[1], events, Repeats::KeepLast)
    };
    let ages = is_ordered.then(|| ages(shape[0], &users));
    let all = pairs(&users, &items, ages.as_deref())?;
    println!("{} interactions in {:.1} s", all.len(), begun.elapsed().as_secs_f64());
    let later = |path: &str| read(path).and_then(|[users, items]| pairs(&users, &items, None));
    let validation = validation.as_deref().map(later).transpose()?;
    let documents = texts.as_deref().map(documents).transpose()?;
    let begun = Instant::now();
    let clock = || begun.elapsed().as_secs_f64();
    let training = Training {
        validation: validation.as_ref(),
        documents: documents.as_deref(),
        seed: 1,
        clock: Some(Clock(&clock)),
        ..Training::new(&all)
    };
    let model: Box<dyn Recommender> = if entry.name == "auto" {
        let auto = Auto::fit(&training, &parameters)?;
        auto.report().into_iter().for_each(show);
        Box::new(auto)
    } else {
        entry.fit(&training, &parameters)?
    };
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} fitted in {seconds:.3} s {:?}", entry.name, model.figures());
    if let Some(path) = judged {
        return judge(&*model, &all, &later(&path)?, known);
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

/// Prints how good the lists are, over all users and by how many had what they took.
fn judge(
    model: &dyn Recommender,
    all: &Interactions,
    later: &Interactions,
    known: Option<usize>,
) -> Result<()> {
    let counts = all.item_counts();
    let mut allowed = vec![true; all.n_items()];
    let mut pad = Pad::default();
    let lists: Vec<Vec<u32>> = (0..all.n_users() as u32)
        .map(|user| {
            let whole = History::of(all, user);
            let (items, weights, ages) = youngest(whole, known.unwrap_or(usize::MAX));
            let history =
                History { items: &items, weights: &weights, ages: ages.as_deref(), ..whole };
            // What he really had is no answer, known or not.
            whole.items.iter().for_each(|item| allowed[*item as usize] = false);
            let options = ListOptions { allowed: Some(&allowed), ..ListOptions::unseen(10) };
            let list = model.recommend(history, &options, &mut pad);
            whole.items.iter().for_each(|item| allowed[*item as usize] = true);
            list.iter().map(|one| one.item).collect()
        })
        .collect();
    let (report, per_user) = ranking::evaluate(&RankedLists::new(lists), later, &counts, &[10])?;
    println!("{:?} +- {:?}", report.metrics, report.standard_error.get("ndcg@10"));
    for [least, most] in [[0, 0], [1, 2], [3, 5], [6, 20], [21, u32::MAX]] {
        let is_in = |user: &u32| {
            let first = later.row(*user as usize).0[0];
            (least..=most).contains(&counts[first as usize])
        };
        let values = per_user.users.iter().zip(&per_user.metrics["ndcg@10"]);
        let chosen: Vec<f64> =
            values.filter(|(user, _)| is_in(user)).map(|(_, value)| *value).collect();
        let mean = chosen.iter().sum::<f64>() / chosen.len().max(1) as f64;
        println!("items that {least} to {most} had: {mean:.4}, {} users", chosen.len());
    }
    Ok(())
}

/// Returns the youngest of a history: items, weights and ages.
fn youngest(whole: History<'_>, n: usize) -> (Vec<u32>, Vec<f32>, Option<Vec<f32>>) {
    let mut order: Vec<usize> = (0..whole.items.len()).collect();
    if let Some(ages) = whole.ages {
        order.sort_by(|left, right| ages[*left].total_cmp(&ages[*right]));
    }
    order.truncate(n);
    order.sort_unstable();
    let items = order.iter().map(|at| whole.items[*at]).collect();
    let weights = order.iter().map(|at| whole.weights[*at]).collect();
    let ages = whole.ages.map(|ages| order.iter().map(|at| ages[*at]).collect());
    (items, weights, ages)
}

/// Prints a race.
fn show(report: &Report) {
    for one in &report.tried {
        let settings: Vec<String> = one.parameters.iter().map(setting).collect();
        let score = one.score.unwrap_or(f64::NAN);
        println!(
            "{} {:<11} {score:.5} {:7.2} s {}",
            one.round,
            one.model,
            one.seconds,
            settings.join(" ")
        );
    }
    report.left_out.iter().for_each(|one| println!("left out: {}: {}", one.model, one.why));
    report.comparisons.iter().for_each(|one| println!("{one:?}"));
    for member in &report.members {
        println!("{:.3} of {} {:?}", member.weight, member.model, member.score);
    }
    println!("{} ({:.1} s)", report.why, report.seconds);
}

fn setting((name, value): (&str, &Value)) -> String {
    match value {
        Value::Whole(value) => format!("{name}={value}"),
        Value::Real(value) => format!("{name}={value}"),
        Value::Text(value) => format!("{name}={value}"),
    }
}

/// Returns how many pairs of the same user stand behind each.
fn ages(n_users: usize, users: &[u32]) -> Vec<f32> {
    let mut behind = vec![0.0; n_users];
    let mut ages: Vec<f32> = users
        .iter()
        .rev()
        .map(|user| {
            behind[*user as usize] += 1.0;
            behind[*user as usize] - 1.0
        })
        .collect();
    ages.reverse();
    ages
}

fn documents(path: &str) -> Result<Vec<Vec<Field>>> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| Error::Bytes(format!("{path}: {error}")))?;
    Ok(text.lines().map(|line| vec![Field::new("text", line)]).collect())
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
