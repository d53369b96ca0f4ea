//! Rounds of kill -9 under load, on a disk that keeps what was written or on one that loses power.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::callers::{CALLERS, Call, Known};
use super::compare::compare;
use super::disk::Image;
use super::figures::Figures;
use super::{Place, say};
use crate::chance::Chance;
use crate::server::{Line, PATIENCE, Server, Shop};

/// How the disk behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    /// Only the process dies: what it wrote is there.
    Keeps,
    /// The power is cut, too: what had no fsync is gone, but for so many pages in a hundred.
    LosesPower {
        /// Pages that the kernel wrote by itself.
        writeback: u64,
    },
    /// A canary: fsync of what is named like this does nothing, and the power is cut.
    Lies {
        /// A pattern of paths.
        about: &'static str,
    },
}

/// When the server is killed.
enum Moment {
    /// So long after its start, whatever it does.
    After(Duration),
    /// So long after it listens.
    Listening(Duration),
    /// So long after the commit after which it joins small files.
    Joining(Duration),
}

/// Commits of one life after which the server joins small files.
const COMMITS_JOINED: usize = 64;

/// Shops with fewer rounds lose the power in each.
const ROUNDS_MIXED: u64 = 7;

/// One shop of the campaign.
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) rounds: u64,
    pub(super) disk: Disk,
    /// Every life lasts until small files are joined: some two minutes.
    pub(super) joins: bool,
}

/// Kills the server of a new shop so often, and compares what is there at the end.
pub(super) fn run(place: &Place, plan: &Plan) -> Result<Figures> {
    let folder = place.folder.join(&plan.name);
    let shop = Shop::make(&place.program, &folder)?;
    let known = Known::new(&plan.name, 160);
    let image = match plan.disk {
        Disk::Keeps => None,
        _ => Some(Image::new(&folder)?),
    };
    let mut chance = Chance::new(plan.seed);
    let mut figures = Figures { shops: 1, ..Figures::default() };
    // Until a life has shown it.
    let mut start = Duration::from_millis(300);
    for round in 0..plan.rounds {
        let moment = moment(plan, &mut chance, start);
        let variables = variables(place, plan.disk, image.as_ref(), chance.next());
        let listened = life(&shop, &known, &variables, &mut chance, &moment)?;
        figures.rounds += 1;
        match listened {
            Some(time) => start = time,
            None => figures.early += 1,
        }
        // Now and then the power holds: the next life goes on with what had no fsync yet.
        if let Some(image) = &image
            && (plan.rounds < ROUNDS_MIXED || chance.of(70))
        {
            image.cut()?;
            figures.cuts += 1;
        }
        if round % 10 == 9 {
            say(&format!("{}: {} of {} rounds", plan.name, round + 1, plan.rounds));
        }
    }
    last_life(place, plan, &shop, &known, image.as_ref(), &mut chance)?;
    judge(&shop, &known, plan, &mut figures)?;
    if figures.problems.is_empty() {
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(figures)
}

fn moment(plan: &Plan, chance: &mut Chance, start: Duration) -> Moment {
    let milliseconds = |chance: &mut Chance, from: u64, to: u64| {
        Duration::from_millis(from + chance.below(to - from))
    };
    if plan.joins {
        return Moment::Joining(milliseconds(chance, 0, 400));
    }
    match chance.below(100) {
        // While it starts: the lake is replayed, the log of the inbox read again.
        0..30 => Moment::After(start.mul_f64(chance.below(1200) as f64 / 1000.0)),
        // Under load.
        30..80 => Moment::Listening(milliseconds(chance, 0, 600)),
        // While it moves events into the lake and lets the inbox forget them.
        _ => Moment::Listening(milliseconds(chance, 1900, 2600)),
    }
}

/// Returns what the disk is told.
pub(super) fn variables(
    place: &Place,
    disk: Disk,
    image: Option<&Image>,
    seed: u64,
) -> Vec<(&'static str, String)> {
    let Some(image) = image else { return Vec::new() };
    let mut variables = vec![
        ("LD_PRELOAD", place.disk.display().to_string()),
        ("DISK_ROOT", image.of().display().to_string()),
        ("DISK_IMAGE", image.folder().display().to_string()),
        ("DISK_SEED", (seed % 1_000_000).to_string()),
    ];
    match disk {
        Disk::Keeps => {}
        Disk::LosesPower { writeback } => variables.push(("DISK_WRITEBACK", writeback.to_string())),
        Disk::Lies { about } => variables.push(("DISK_SWALLOW", about.to_owned())),
    }
    variables
}

/// One life of the server, under load, killed at its moment. Returns how long it took to listen,
/// if it came to that.
fn life(
    shop: &Shop,
    known: &Known,
    variables: &[(&str, String)],
    chance: &mut Chance,
    moment: &Moment,
) -> Result<Option<Duration>> {
    let mut server = shop.serve(variables)?;
    let (line, stop, seed) = (Line::clone(&server.line), AtomicBool::new(false), chance.next());
    std::thread::scope(|scope| -> Result<()> {
        for caller in 0..CALLERS {
            let (line, stop) = (&line, &stop);
            let pause_ms = if matches!(moment, Moment::Joining(_)) { 200 } else { 4 };
            let call = Call { seed: seed ^ caller, pause_ms };
            scope.spawn(move || known.call(line, &shop.key, stop, call));
        }
        let waited = wait(shop, moment, &mut server);
        let killed = server.kill();
        stop.store(true, Ordering::Relaxed);
        waited.and(killed)
    })?;
    Ok(line.get().map(|(_, time)| *time))
}

fn wait(shop: &Shop, moment: &Moment, server: &mut Server) -> Result<()> {
    match moment {
        Moment::After(time) => std::thread::sleep(time.saturating_sub(server.begun.elapsed())),
        Moment::Listening(time) => {
            server.address()?;
            std::thread::sleep(*time);
        }
        Moment::Joining(time) => {
            let (first, begun) = (commits(&shop.path), Instant::now());
            while commits(&shop.path) < first + COMMITS_JOINED {
                if begun.elapsed() > PATIENCE * 5 {
                    bail!("no {COMMITS_JOINED} commits came");
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(*time);
        }
    }
    Ok(())
}

/// Returns the number of commits in the lake's log of events.
fn commits(shop: &Path) -> usize {
    let Ok(log) = std::fs::read_dir(shop.join("lake/events/_delta_log")) else { return 0 };
    let names = log.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".json") && !name.starts_with('.')).count()
}

/// The last life: half of what is open is sent once more, as a library would, and all is moved into
/// the lake; the power is cut after that as well.
pub(super) fn last_life(
    place: &Place,
    plan: &Plan,
    shop: &Shop,
    known: &Known,
    image: Option<&Image>,
    chance: &mut Chance,
) -> Result<()> {
    let mut server = shop.serve(&variables(place, plan.disk, image, chance.next()))?;
    server.address()?;
    for number in known.open() {
        if chance.of(50) && !known.send(&server.line, &shop.key, number) {
            bail!("batch {number} was not taken in peace: {}", server.said());
        }
    }
    server.stop().context("the last life")?;
    image.map_or(Ok(()), Image::cut)
}

/// Compares a shop at its end with what the callers know, and closes the equation.
pub(super) fn judge(shop: &Shop, known: &Known, plan: &Plan, figures: &mut Figures) -> Result<()> {
    let compared = compare(known, shop)?;
    let status = shop.status()?;
    let term = |name: &str| status[name].as_i64().unwrap_or(-1);
    figures.count(&compared, &known.told(), term("damaged"));
    let name = &plan.name;
    if !compared.is_well() {
        figures.problems.push(format!("{name}: {}", compared.problem()));
    }
    if let Some(problem) = unbalanced(&status, compared.there) {
        figures.problems.push(format!("{name}: {problem}: {status}"));
    }
    if let Err(error) = known.check() {
        figures.problems.push(format!("{name}: {error:#}"));
    }
    Ok(())
}

/// Says what does not close in the equation of a shop whose events are all in the lake.
fn unbalanced(status: &Value, there: u64) -> Option<String> {
    let term = |name: &str| status[name].as_i64().unwrap_or(-1);
    let parts = ["stored", "duplicate", "quarantined", "refused"].map(term);
    if term("received") != parts.iter().sum::<i64>() {
        return Some("received is not the sum of the others".to_owned());
    }
    if term("pending") != 0 {
        return Some("events still wait for the lake".to_owned());
    }
    (term("stored") != there as i64).then(|| format!("stored is not {there}, which are there"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_equation_that_does_not_close_is_seen() {
        let status = |received: i64, stored: i64, pending: i64| {
            json!({ "received": received, "stored": stored, "duplicate": 2, "quarantined": 1,
                    "refused": 0, "pending": pending })
        };
        assert_eq!(unbalanced(&status(8, 5, 0), 5), None);
        assert!(unbalanced(&status(9, 5, 0), 5).is_some());
        assert!(unbalanced(&status(8, 5, 1), 5).is_some());
        assert!(unbalanced(&status(8, 5, 0), 4).is_some());
    }
}
