//! A disk that is full, that fails once, or that is slow.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::callers::{CALLERS, Call, Known};
use super::disk::Image;
use super::figures::Figures;
use super::kill::{Disk, Plan, judge, last_life, variables};
use super::{Place, say};
use crate::server::{Line, PATIENCE, Server, Shop, get};

/// What fails: the name, the files whose fsync fails (a pattern of paths), and whether the server
/// must then end by itself.
const FAILURES: &[(&str, &str, bool)] = &[
    ("inbox log", "*/inbox.db-wal", true),
    // When the log is copied into it; SQLite then does that again, from the log.
    ("inbox", "*/inbox.db", false),
    ("lake data", "*/lake/events/*.parquet#1", false),
    ("lake log", "*/lake/events/_delta_log/*.json#1", false),
    ("lake log folder", "*/lake/events/_delta_log", false),
];

/// Runs every fault and returns what went wrong.
pub(super) fn run(place: &Place, seed: u64, is_short: bool) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let failures = if is_short { &FAILURES[..1] } else { FAILURES };
    let times: &[u64] = if is_short { &[6] } else { &[1, 3, 40] };
    for (number, failure) in failures.iter().enumerate() {
        for time in times {
            let figures = failing(place, *failure, *time, seed + number as u64 * 100 + time)?;
            problems.extend(figures.problems);
        }
    }
    if !is_short {
        problems.extend(slow(place, seed)?.problems);
        problems.extend(full(place, seed)?);
    }
    Ok(problems)
}

fn plan(name: String, seed: u64) -> Plan {
    let disk = Disk::LosesPower { writeback: 0 };
    Plan { name, seed, rounds: 1, disk, joins: false }
}

/// Lets one fsync fail under load; whatever the server then says, the power is cut.
fn failing(place: &Place, failure: (&str, &str, bool), time: u64, seed: u64) -> Result<Figures> {
    let (name, pattern, ends) = failure;
    let plan = plan(format!("fail-{}-{time}", name.replace(' ', "-")), seed);
    let (shop, known) = shop(place, &plan)?;
    let image = Image::new(&shop.path)?;
    let mut told = variables(place, plan.disk, Some(&image), seed);
    told.push(("DISK_FAIL", format!("{pattern}:{time}")));
    let mut figures = Figures { shops: 1, rounds: 1, cuts: 1, ..Figures::default() };
    let mut server = shop.serve(&told)?;
    let ended = load(&shop, &known, &mut server, seed, 4, |server| {
        if ends {
            return Ok(Some(server.ended()?));
        }
        // Long enough for a commit after the one that failed.
        let commits = if time > 3 { 4 } else { 2 * time + 4 };
        std::thread::sleep(Duration::from_secs(commits));
        server.kill()?;
        Ok(None)
    })?;
    if ended == Some(true) {
        figures.problems.push(format!("{}: the server said that all is well", plan.name));
    }
    // Before it listens it says what failed; then the disk is what it blames.
    let said = if server.line.get().is_some() { "the disk has failed" } else { "error: " };
    if ends && !server.said().contains(said) {
        figures.problems.push(format!("{}: it did not say why: {}", plan.name, server.said()));
    }
    image.cut()?;
    let mut chance = crate::chance::Chance::new(seed);
    last_life(place, &plan, &shop, &known, Some(&image), &mut chance)?;
    judge(&shop, &known, &plan, &mut figures)?;
    say(&format!("fsync {time} of {name} fails: {}", figures.line()));
    keep_if_wrong(&shop.path, &figures.problems)?;
    Ok(figures)
}

/// Sends events while every fsync takes 0.2 to 2 seconds.
fn slow(place: &Place, seed: u64) -> Result<Figures> {
    let plan = plan("slow".to_owned(), seed);
    let (shop, known) = shop(place, &plan)?;
    let image = Image::new(&shop.path)?;
    let mut told = variables(place, plan.disk, Some(&image), seed);
    told.push(("DISK_SLOW", "200:2000".to_owned()));
    let mut figures = Figures { shops: 1, rounds: 1, cuts: 1, ..Figures::default() };
    let mut server = shop.serve(&told)?;
    server.address()?;
    let mut unanswered = 0;
    load(&shop, &known, &mut server, seed, 4, |server| {
        std::thread::sleep(Duration::from_secs(30));
        unanswered = known.told().unanswered;
        server.kill()
    })?;
    let mut seconds = known.told().seconds;
    seconds.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| seconds.get((seconds.len() as f64 * share) as usize).copied();
    let (middle, late) = (at(0.5).unwrap_or(f64::NAN), at(0.99).unwrap_or(f64::NAN));
    if unanswered > 0 || seconds.is_empty() {
        figures.problems.push(format!("slow: {unanswered} unanswered, {} taken", seconds.len()));
    }
    image.cut()?;
    let mut chance = crate::chance::Chance::new(seed);
    last_life(place, &plan, &shop, &known, Some(&image), &mut chance)?;
    judge(&shop, &known, &plan, &mut figures)?;
    let line = figures.line();
    say(&format!(
        "fsync takes 200 to 2,000 ms longer: a batch waits {middle:.1} s (p50), {late:.1} s (p99): \
         {line}"
    ));
    keep_if_wrong(&shop.path, &figures.problems)?;
    Ok(figures)
}

/// Fills a small disk under load and frees it again, three times; the server is killed in between.
fn full(place: &Place, seed: u64) -> Result<Vec<String>> {
    let folder = place.folder.join("small-disk");
    std::fs::create_dir_all(&folder)?;
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256m", "tmpfs"])
        .arg(&folder)
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        say("skipped: a full disk, since mounting a small one needs root");
        return Ok(Vec::new());
    }
    let found = on_small_disk(place, &folder, seed);
    let unmounted = Command::new("umount").arg(&folder).status()?;
    if !unmounted.success() {
        bail!("`{}` is still mounted", folder.display());
    }
    found
}

fn on_small_disk(place: &Place, folder: &Path, seed: u64) -> Result<Vec<String>> {
    let name = "small-disk/shop".to_owned();
    let plan = Plan { name, seed, rounds: 3, disk: Disk::Keeps, joins: false };
    let shop = Shop::make(&place.program, &folder.join("shop"))?;
    let known = Known::new("full", 1024);
    let mut figures = Figures { shops: 1, ..Figures::default() };
    let ballast = folder.join("ballast");
    for round in 0..plan.rounds {
        let mut server = shop.serve(&[])?;
        let address = server.address()?;
        load(&shop, &known, &mut server, seed + round, 1, |server| {
            std::thread::sleep(Duration::from_secs(2));
            let before = known.told().put_off;
            fill(&ballast)?;
            until("a batch is put off", || known.told().put_off > before + 20)?;
            if get(address, "/healthz")?.status != 200 {
                bail!("no sign of life on a full disk");
            }
            std::thread::sleep(Duration::from_secs(3));
            std::fs::remove_file(&ballast)?;
            let freed = Instant::now();
            until("events are taken again", || known.told().last.is_some_and(|at| at > freed))?;
            std::thread::sleep(Duration::from_secs(1));
            fill(&ballast)?;
            std::thread::sleep(Duration::from_millis(500));
            server.kill()?;
            Ok(std::fs::remove_file(&ballast)?)
        })?;
        figures.rounds += 1;
    }
    last_life(place, &plan, &shop, &known, None, &mut crate::chance::Chance::new(seed))?;
    judge(&shop, &known, &plan, &mut figures)?;
    say(&format!("the disk is full: {}", figures.line()));
    Ok(figures.problems)
}

/// Takes all the space there is.
fn fill(ballast: &Path) -> Result<()> {
    let mut file = std::fs::File::create(ballast)?;
    let bytes = vec![0; 64 << 10];
    while file.write_all(&bytes).is_ok() {}
    while file.write_all(&bytes[..512]).is_ok() {}
    Ok(())
}

fn until(what: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if is_so() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("waited in vain: {what}")
}

fn shop(place: &Place, plan: &Plan) -> Result<(Shop, Known)> {
    let shop = Shop::make(&place.program, &place.folder.join(&plan.name))?;
    Ok((shop, Known::new(&plan.name, 160)))
}

/// Lets callers send while something is done with the server.
fn load<T>(
    shop: &Shop,
    known: &Known,
    server: &mut Server,
    seed: u64,
    pause_ms: u64,
    work: impl FnOnce(&mut Server) -> Result<T>,
) -> Result<T> {
    let (line, stop) = (Line::clone(&server.line), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (line, stop) = (&line, &stop);
            let call = Call { seed: seed ^ caller, pause_ms };
            scope.spawn(move || known.call(line, &shop.key, stop, call));
        }
        let done = work(server);
        stop.store(true, Ordering::Relaxed);
        done
    })
}

fn keep_if_wrong(shop: &Path, problems: &[String]) -> Result<()> {
    if problems.is_empty() {
        std::fs::remove_dir_all(shop)?;
    }
    Ok(())
}
