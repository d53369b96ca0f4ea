//! A byte that flips, a write that tore: found, said, and nothing else touched.
//!
//! One shop is made whose events are partly in the lake and partly in the inbox. For each trial it
//! is copied and damaged, its server is started and asked to store what is new and what is known,
//! and what it then exports is compared with the undamaged shop, row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::callers::Known;
use super::disk::copy_folder;
use super::pages::{number, pages};
use super::{Place, say};
use crate::chance::Chance;
use crate::server::{Line, Shop, post};

/// Batches that are in the lake, and behind them those that are in the inbox only.
const IN_LAKE: u64 = 30;
const BATCHES: u64 = 45;

/// Trials of a region in the long form.
const TRIALS: usize = 5;

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// Every row is there as it was.
    Unharmed {
        /// What the shop counts as damaged.
        damaged: i64,
    },
    /// So many events are missing, counted as damaged or said.
    Found { lost: usize },
    /// A command refused, and said why.
    Refused(String),
    /// Events are missing, changed or doubled, and nobody says so.
    Silent(String),
}

/// The undamaged shop.
struct Sound {
    /// Killed: the last batches are in the inbox's log.
    killed: Shop,
    /// Closed since: they are in the inbox's file.
    closed: Shop,
    rows: BTreeMap<String, Vec<String>>,
    known: Known,
}

/// One byte to flip or one cut to make.
struct Trial {
    region: String,
    file: PathBuf,
    change: Change,
    is_closed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    /// Flips a bit of the byte at this offset.
    Flip(usize, u8),
    /// Cuts the file to this length.
    Cut(usize),
}

/// Damages shops and returns where nobody said so.
pub(super) fn run(place: &Place, seed: u64, is_short: bool) -> Result<Vec<String>> {
    let sound = sound(place)?;
    let trials = trials(&sound, seed, is_short)?;
    let mut outcomes: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for (number, trial) in trials.iter().enumerate() {
        let folder = place.folder.join(format!("damaged{number}"));
        let outcome = attempt(&sound, trial, &folder)
            .with_context(|| format!("{} {:?}", trial.region, trial.change))?;
        std::fs::remove_dir_all(&folder)?;
        outcomes.entry(trial.region.clone()).or_default().push(outcome);
    }
    let mut problems = Vec::new();
    for (region, outcomes) in &outcomes {
        say(&format!("damage in {region}: {}", summary(outcomes)));
        for outcome in outcomes {
            if let Outcome::Silent(what) = outcome {
                problems.push(format!("damage in {region} went unsaid: {what}"));
            }
        }
    }
    for shop in [&sound.killed, &sound.closed] {
        std::fs::remove_dir_all(&shop.path)?;
    }
    Ok(problems)
}

fn summary(outcomes: &[Outcome]) -> String {
    let (mut unharmed, mut found, mut refused, mut silent) = (0, 0, 0, 0);
    let (mut lost, mut damaged) = (0, 0);
    let mut words = BTreeSet::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Unharmed { damaged: counted } => {
                unharmed += 1;
                damaged += counted;
            }
            Outcome::Found { lost: some } => {
                found += 1;
                lost = lost.max(*some);
            }
            Outcome::Refused(why) => {
                refused += 1;
                words.insert(why.chars().take(110).collect::<String>());
            }
            Outcome::Silent(what) => {
                silent += 1;
                words.insert(what.clone());
            }
        }
    }
    let words: Vec<String> = words.into_iter().take(2).collect();
    format!(
        "{} trials: {unharmed} unharmed ({damaged} counted), {found} found (at most {lost} events \
         missing), {refused} refused, {silent} silent {}",
        outcomes.len(),
        words.join(" | ")
    )
}

/// Makes the undamaged shop, twice, and reads what it exports.
fn sound(place: &Place) -> Result<Sound> {
    let killed = Shop::make(&place.program, &place.folder.join("sound-killed"))?;
    let known = Known::new("damage", 160);
    let mut server = killed.serve(&[])?;
    let address = server.address()?;
    // A product in the ledger, and an event for the quarantine.
    let spoiled = format!(
        "{{\"writeKey\":\"{}\",\"batch\":[{{\"type\":\"track\",\"event\":\"Product Viewed\"}}]}}",
        killed.key
    );
    send(&known, &server.line, &killed, 0..IN_LAKE)?;
    for _ in 0..400 {
        if killed.path.join("lake/events/_delta_log/00000000000000000001.json").exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    for _ in 0..20 {
        if post(address, "/v1/batch", spoiled.as_bytes())?.status != 200 {
            bail!("an event for the quarantine was not taken");
        }
    }
    send(&known, &server.line, &killed, IN_LAKE..BATCHES)?;
    server.kill()?;
    let closed = killed.at(&place.folder.join("sound-closed"));
    copy_folder(&killed.path, &closed.path)?;
    closed.status()?;
    let plain = killed.at(&place.folder.join("sound-plain"));
    copy_folder(&killed.path, &plain.path)?;
    plain.serve(&[])?.address_then_stop()?;
    let rows = rows(&plain.exported()?)?;
    std::fs::remove_dir_all(&plain.path)?;
    let [expected, _] = known.expected();
    if rows.len() != expected.len() {
        bail!("the undamaged shop has {} events, not {}", rows.len(), expected.len());
    }
    Ok(Sound { killed, closed, rows, known })
}

fn send(known: &Known, line: &Line, shop: &Shop, batches: std::ops::Range<u64>) -> Result<()> {
    for number in batches {
        if !known.send(line, &shop.key, number) {
            bail!("batch {number} was not taken");
        }
    }
    Ok(())
}

/// Returns the rows of an export by message id.
fn rows(exported: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let mut lines = exported.lines();
    let head = lines.next().context("an export without a head")?;
    let place = head.split(',').position(|name| name == "message_id");
    let place = place.context("an export without `message_id`")?;
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let id = line.split(',').nth(place).unwrap_or_default();
        rows.entry(id.to_owned()).or_default().push(line.to_owned());
    }
    rows.values_mut().for_each(|lines| lines.sort_unstable());
    Ok(rows)
}

/// Lists what is damaged.
fn trials(sound: &Sound, seed: u64, is_short: bool) -> Result<Vec<Trial>> {
    let mut chance = Chance::new(seed);
    let mut trials = Vec::new();
    let inbox = std::fs::read(sound.closed.path.join("inbox.db"))?;
    let ledger = std::fs::read(sound.closed.path.join("ledger.db"))?;
    for (name, file, bytes) in [("inbox", "inbox.db", inbox), ("ledger", "ledger.db", ledger)] {
        trials.push(flip(format!("{name}, header"), file, 20 + chance.below(8) as usize, true));
        trials.push(flip(format!("{name}, header"), file, chance.below(16) as usize, true));
        let mut kinds: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
        for page in pages(&bytes) {
            kinds.entry(page.what).or_default().push(page.used);
        }
        for (what, places) in kinds {
            for _ in 0..TRIALS {
                let (from, to) = places[chance.below(places.len() as u64) as usize];
                let at = from + chance.below((to - from) as u64) as usize;
                trials.push(flip(format!("{name}, {what}"), file, at, true));
            }
        }
    }
    let parts = ["entries leaf", "keys leaf", "quarantine leaf", "sequence leaf", "counts leaf"];
    for part in parts.map(|part| format!("inbox, inbox_{part}")) {
        if !trials.iter().any(|trial| trial.region == part) {
            bail!("no page of {part} was found");
        }
    }
    trials.extend(of_the_log(sound, &mut chance)?);
    trials.extend(of_the_lake(sound, &mut chance)?);
    if is_short {
        let wanted = ["inbox, inbox_entries leaf", "inbox log, page", "lake, data", "lake, log"];
        let mut seen = BTreeSet::new();
        trials.retain(|trial| {
            wanted.contains(&trial.region.as_str()) && seen.insert(trial.region.clone())
        });
    }
    Ok(trials)
}

fn flip(region: String, file: impl Into<PathBuf>, at: usize, is_closed: bool) -> Trial {
    let bit = 1 << (at % 8);
    Trial { region, file: file.into(), change: Change::Flip(at, bit), is_closed }
}

/// The log of the inbox: its header, headers of frames, pages, and its end.
fn of_the_log(sound: &Sound, chance: &mut Chance) -> Result<Vec<Trial>> {
    let log = std::fs::read(sound.killed.path.join("inbox.db-wal"))?;
    let frame = 24 + number(&log, 8, 4);
    // What an earlier use of the log left behind has another salt.
    let frames = (0..(log.len() - 32) / frame)
        .take_while(|at| log[32 + at * frame + 8..][..8] == log[16..24])
        .count();
    if frames < 4 {
        bail!("the log of the inbox has only {frames} frames");
    }
    let mut trials = Vec::new();
    for _ in 0..TRIALS {
        let at = 32 + frame * chance.below(frames as u64 - 1) as usize;
        let page = at + 24 + chance.below(frame as u64 - 24) as usize;
        let head = at + chance.below(24) as usize;
        let start = chance.below(32) as usize;
        for (region, at) in [("header", start), ("frame header", head), ("page", page)] {
            trials.push(flip(format!("inbox log, {region}"), "inbox.db-wal", at, false));
        }
    }
    let last = 32 + frame * (frames - 1);
    for at in [last + 10, last + 24 + (frame - 24) / 2, last + frame - 1] {
        let region = "inbox log, cut in its last, acknowledged frame".to_owned();
        let (file, change) = (PathBuf::from("inbox.db-wal"), Change::Cut(at));
        trials.push(Trial { region, file, change, is_closed: false });
    }
    Ok(trials)
}

/// The lake: the events' files, their ends, the log, and the sums beside them.
fn of_the_lake(sound: &Sound, chance: &mut Chance) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    let root = &sound.killed.path;
    for folder in ["lake/events", "lake/events/_delta_log"] {
        for entry in std::fs::read_dir(root.join(folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let length = entry.metadata()?.len();
            let file = Path::new(folder).join(&name);
            let mut add = |region: &str, from: u64, to: u64| {
                for _ in 0..TRIALS {
                    let at = (from + chance.below(to - from)) as usize;
                    trials.push(flip(format!("lake, {region}"), &file, at, false));
                }
            };
            if name.ends_with(".crc") {
                add("sums", 0, length);
            } else if name.ends_with(".parquet") {
                let bytes = std::fs::read(entry.path())?;
                let footer = u64::from(number_little(&bytes, bytes.len() - 8)) + 8;
                add("data", 4, length - footer);
                add("footer", length - footer, length);
            } else if name.ends_with(".json") {
                add("log", 0, length);
            }
        }
    }
    Ok(trials)
}

fn number_little(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    u32::from_le_bytes(four.unwrap_or_default())
}

fn attempt(sound: &Sound, trial: &Trial, folder: &Path) -> Result<Outcome> {
    let from = if trial.is_closed { &sound.closed } else { &sound.killed };
    copy_folder(&from.path, folder)?;
    let path = folder.join(&trial.file);
    let mut bytes = std::fs::read(&path)?;
    match trial.change {
        Change::Flip(at, bit) => bytes[at] ^= bit,
        Change::Cut(length) => bytes.truncate(length),
    }
    std::fs::write(&path, bytes)?;
    let shop = from.at(folder);
    let mut server = shop.serve(&[])?;
    let again = [0, BATCHES - 1];
    if let Err(error) = server.address() {
        return Ok(Outcome::Refused(last_line(&format!("{error:#}"))));
    }
    // What is new is stored; what is known, in the lake or in the inbox, is told to be.
    let fresh = Known::new("fresh", 160);
    let batches = [(&fresh, 0), (&sound.known, again[0]), (&sound.known, again[1])];
    for (known, number) in batches {
        if !known.send(&server.line, &shop.key, number) {
            let answer = match known.told().strange.first() {
                Some(status) => format!("a batch was answered {status}"),
                None => format!("a batch was put off: {}", last_line(&server.said())),
            };
            return Ok(Outcome::Refused(answer));
        }
    }
    if let Err(error) = server.stop() {
        return Ok(Outcome::Refused(last_line(&format!("{error:#}"))));
    }
    let said = server.said();
    let damaged = match shop.status() {
        Ok(status) => status["damaged"].as_i64().unwrap_or(-1),
        Err(error) => return Ok(Outcome::Refused(last_line(&format!("{error:#}")))),
    };
    let exported = match shop.exported() {
        Ok(exported) => exported,
        Err(error) => return Ok(Outcome::Refused(last_line(&format!("{error:#}")))),
    };
    let is_said = damaged > 0 || said.contains("\"ERROR\"");
    let [new, _] = fresh.expected();
    let mut found = rows(&exported)?;
    let told = Told { again: sound.known.ids(&again), damaged, is_said };
    Ok(judge(&sound.rows, &new, &mut found, &told))
}

/// What was done and said after the damage.
struct Told {
    /// Events that were sent again: where they had been lost they are there anew.
    again: BTreeSet<String>,
    /// What the shop counts as damaged.
    damaged: i64,
    /// Whether it says that something is.
    is_said: bool,
}

fn judge(
    sound: &BTreeMap<String, Vec<String>>,
    new: &BTreeMap<String, u64>,
    found: &mut BTreeMap<String, Vec<String>>,
    told: &Told,
) -> Outcome {
    let Told { damaged, is_said, .. } = *told;
    found.retain(|id, there| {
        let before = sound.get(id);
        let is_anew = before.is_some_and(|rows| rows.len() == there.len() && rows != there);
        !(is_anew && told.again.contains(id))
    });
    let lost = sound.keys().filter(|id| !found.contains_key(*id)).count();
    let unstored = new.keys().filter(|id| !found.contains_key(*id)).count();
    let known = |id: &String| sound.contains_key(id) || new.contains_key(id);
    let strange = found.keys().filter(|id| !known(id)).count();
    let whole = sound.iter().filter_map(|(id, rows)| Some((rows, found.get(id)?)));
    let (mut changed, mut doubled) = (0, 0);
    for (rows, there) in whole {
        if rows.len() < there.len() {
            doubled += 1;
        } else if rows != there {
            changed += 1;
        }
    }
    // A row that is not as it was is wrong whoever says what; so is what came after the damage.
    if changed + strange + unstored > 0 || (lost + doubled > 0 && !is_said) {
        return Outcome::Silent(format!(
            "{lost} missing, {doubled} doubled, {changed} changed, {strange} strange, {unstored} \
             new ones not stored, {damaged} counted"
        ));
    }
    if lost + doubled == 0 { Outcome::Unharmed { damaged } } else { Outcome::Found { lost } }
}

fn last_line(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.contains("hint:"));
    lines.next_back().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_row_is_never_right_and_a_missing_one_must_be_said() {
        let table = |rows: &[(&str, &str)]| {
            let row = |(id, row): &(&str, &str)| ((*id).to_owned(), vec![(*row).to_owned()]);
            rows.iter().map(row).collect::<BTreeMap<_, _>>()
        };
        let sound = table(&[("a", "1"), ("b", "2")]);
        let new = BTreeMap::from([("n".to_owned(), 1)]);
        let judged = |rows: &[(&str, &str)], damaged| {
            let told =
                Told { again: BTreeSet::from(["b".to_owned()]), damaged, is_said: damaged > 0 };
            judge(&sound, &new, &mut table(rows), &told)
        };
        let all = [("a", "1"), ("b", "2"), ("n", "3")];
        assert_eq!(judged(&all, 0), Outcome::Unharmed { damaged: 0 });
        assert_eq!(judged(&all[1..], 1), Outcome::Found { lost: 1 });
        assert!(matches!(judged(&all[1..], 0), Outcome::Silent(_)));
        assert!(matches!(judged(&all[..2], 1), Outcome::Silent(_)), "the new one is not stored");
        let changed = [("a", "9"), ("b", "2"), ("n", "3")];
        assert!(matches!(judged(&changed, 1), Outcome::Silent(_)));
        let anew = [("a", "1"), ("b", "9"), ("n", "3")];
        assert_eq!(judged(&anew, 1), Outcome::Found { lost: 1 }, "it was lost and sent again");
        assert!(matches!(judged(&anew, 0), Outcome::Silent(_)));
    }
}
