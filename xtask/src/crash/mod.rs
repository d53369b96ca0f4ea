//! `cargo xtask crash`: whether any event is lost or doubled when the machine fails.
//!
//! The real program is killed at random moments under load, its power is cut, its disk fills up,
//! fails, slows down, tears a write and flips bits. What was acknowledged is then compared with
//! what is there, by message id. `cargo xtask test` runs a short form, and a canary: a disk whose
//! fsync does nothing, on which the same rounds must find a loss.
//!
//! Killing a process does not lose what the kernel holds. The power is cut by `disk.c`, which
//! stands between the program and the file system and knows what an fsync made durable.

mod callers;
mod compare;
mod damage;
mod disk;
mod faults;
mod figures;
mod kill;
mod pages;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use figures::Figures;
use kill::{Disk, Plan};

/// Rounds of a shop: a start replays its lake, so that a new one begins after so many.
const ROUNDS_SHOP: u64 = 50;

/// Where a campaign works.
#[derive(Debug)]
struct Place {
    /// The program.
    program: PathBuf,
    /// The library that loses power.
    disk: PathBuf,
    /// The folder of its shops.
    folder: PathBuf,
}

/// What is asked for.
#[derive(Debug)]
struct Wish {
    rounds: u64,
    /// Shops at once.
    workers: u64,
    /// Lives that last until small files are joined, two minutes each.
    joins: u64,
    seed: u64,
    folder: PathBuf,
    /// The program; the one that was built beside this one when left out.
    program: Option<PathBuf>,
    form: String,
}

const USAGE: &str = "usage: cargo xtask crash [full|kill|faults|damage|short|canary] [--rounds N] \
                     [--joins N] [--workers N] [--seed N] [--folder DIR] [--program FILE]";

fn wish(arguments: &[String]) -> Result<Wish> {
    let folder = std::env::temp_dir().join(format!("shopwise-crash-{}", std::process::id()));
    let (program, form) = (None, "full".to_owned());
    let mut wish = Wish { rounds: 1000, workers: 2, joins: 4, seed: 1, folder, program, form };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{name} has no value\n{USAGE}"));
        let number = |text: &String| {
            text.parse::<u64>().with_context(|| format!("`{text}` is no number\n{USAGE}"))
        };
        match name.as_str() {
            "--rounds" => wish.rounds = number(value()?)?,
            "--joins" => wish.joins = number(value()?)?,
            "--workers" => wish.workers = number(value()?)?.max(1),
            "--seed" => wish.seed = number(value()?)?,
            "--program" => wish.program = Some(PathBuf::from(value()?)),
            "--folder" => wish.folder = PathBuf::from(value()?),
            "full" | "kill" | "faults" | "damage" | "short" | "canary" => {
                wish.form.clone_from(name);
            }
            _ => bail!("`{name}` is not known\n{USAGE}"),
        }
    }
    Ok(wish)
}

/// Runs what is asked for.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let wish = wish(arguments)?;
    let beside = || std::env::current_exe().map(|own| own.with_file_name("shopwise"));
    let program = wish.program.clone().map_or_else(beside, Ok)?;
    if !program.is_file() {
        bail!("`{}` is not built\nhint: cargo build --release -p shopwise", program.display());
    }
    if !cfg!(target_os = "linux") {
        bail!("the disk that loses power needs Linux");
    }
    std::fs::create_dir_all(&wish.folder)?;
    let folder = wish.folder.canonicalize()?;
    let place = Place { program, disk: disk::build(&folder)?, folder };
    let mut problems = Vec::new();
    if matches!(wish.form.as_str(), "full" | "short" | "canary") {
        problems.extend(canaries(&place, wish.seed)?);
    }
    if matches!(wish.form.as_str(), "full" | "kill" | "short") {
        problems.extend(kills(&place, &wish)?);
    }
    let is_short = wish.form == "short";
    if is_short || matches!(wish.form.as_str(), "full" | "faults") {
        problems.extend(faults::run(&place, wish.seed, is_short)?);
    }
    if is_short || matches!(wish.form.as_str(), "full" | "damage") {
        problems.extend(damage::run(&place, wish.seed, is_short)?);
    }
    if problems.is_empty() {
        std::fs::remove_dir_all(&place.folder)?;
        return Ok(());
    }
    bail!("{}\nwhat is left: {}", problems.join("\n"), place.folder.display())
}

/// What does nothing in a canary: every fsync, and those of the lake only, which is what the
/// library's own object store would do.
const CANARIES: &[(&str, &str)] = &[("all", "*"), ("lake", "*/lake*")];

/// Proves that a loss is found: rounds on a disk whose fsync does nothing must lose something.
fn canaries(place: &Place, seed: u64) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for (name, about) in CANARIES {
        let name = format!("canary-{name}");
        let disk = Disk::Lies { about };
        let plan = Plan { name: name.clone(), seed, rounds: 6, disk, joins: false };
        // A shop that does not even start any more has lost what it had.
        let seen = match kill::run(place, &plan) {
            Ok(figures) => (figures.lost > 0).then(|| figures.line()),
            Err(error) => Some(format!("{error:#}")),
        };
        let left = place.folder.join(&name);
        if left.exists() {
            std::fs::remove_dir_all(left)?;
        }
        match seen {
            None => problems.push(format!("{name} lives: nothing was lost without fsync")),
            Some(seen) => say(&format!("{name}, fsync does nothing: found, as it must be: {seen}")),
        }
    }
    Ok(problems)
}

/// Kills the servers of many shops, some at once.
fn kills(place: &Place, wish: &Wish) -> Result<Vec<String>> {
    let plans = plans(wish);
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..wish.workers {
            scope.spawn(|| {
                while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let figures = kill::run(place, plan).unwrap_or_else(|error| Figures {
                        problems: vec![format!("{}: {error:#}", plan.name)],
                        ..Figures::default()
                    });
                    say(&format!("{} {:?}: {}", plan.name, plan.disk, figures.line()));
                    for problem in &figures.problems {
                        say(&format!("PROBLEM {problem}"));
                    }
                    if let Ok(mut all) = all.lock() {
                        all.push((plan.disk, figures));
                    }
                }
            });
        }
    });
    let mut problems = Vec::new();
    let all = all.into_inner().map_err(|_| anyhow::anyhow!("a worker broke down"))?;
    let (mut keeps, mut loses) = (Figures::default(), Figures::default());
    for (disk, figures) in all {
        problems.extend(figures.problems.iter().cloned());
        if disk == Disk::Keeps { keeps.add(figures) } else { loses.add(figures) }
    }
    say(&format!("kill -9: {}", keeps.line()));
    say(&format!("kill -9 and power cut: {}", loses.line()));
    say(&format!("took {:.0} s, seed {}", begun.elapsed().as_secs_f64(), wish.seed));
    Ok(problems)
}

/// Returns the shops of a campaign: in turn on a disk that keeps what was written, on one that
/// loses what had no fsync, and on one that loses some of it.
fn plans(wish: &Wish) -> Vec<Plan> {
    let short = wish.form == "short";
    let (rounds_shop, rounds) = if short { (7, 21) } else { (ROUNDS_SHOP, wish.rounds) };
    let disks = [
        Disk::Keeps,
        Disk::LosesPower { writeback: 0 },
        Disk::Keeps,
        Disk::LosesPower { writeback: 50 },
    ];
    let disks = if short { &disks[1..] } else { &disks[..] };
    let mut plans = Vec::new();
    // The long ones first, so that they do not end last.
    for number in 0..if short { 0 } else { wish.joins } {
        let disk = disks[number as usize % disks.len()];
        let seed = wish.seed + 10_000 + number;
        plans.push(Plan { name: format!("join{number}"), seed, rounds: 1, disk, joins: true });
    }
    for number in 0..rounds.div_ceil(rounds_shop) {
        let disk = disks[number as usize % disks.len()];
        let rounds = rounds_shop.min(rounds - number * rounds_shop);
        let seed = wish.seed + number;
        plans.push(Plan { name: format!("shop{number}"), seed, rounds, disk, joins: false });
    }
    plans
}

fn say(text: &str) {
    println!("{text}");
}
