//! The rule segments beside the live state: what it takes in they take in too.
//!
//! They are not written down: a start replays the log for them, while the server runs already. The
//! same is done when other definitions need more than is known, or the live state was replaced. A
//! replay takes the log as it is at a version and the entries of the inbox behind it; what comes
//! meanwhile is kept aside, and taken in at its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use shopwise_model::Frame;
use shopwise_stages::Shop;
use shopwise_stages::collect::identity::Identities;
use shopwise_stages::profile::segments::{Defined, Definition, Segments, definitions};
use shopwise_store::Inbox;

use super::follower::{self, Next};
use super::known::{Base, Known};
use super::{Followed, restore, thread};
use crate::commands::now;

/// How often alarms are looked at: membership is to be exact within a second.
const LOOK: Duration = Duration::from_millis(50);

/// How often the ledger is asked for changes that other processes made.
const ASK: Duration = Duration::from_secs(1);

/// Persons who are held against the rules while others wait for the live state.
const PERSONS_AT_A_TIME: usize = 500;

/// How long they are let in then.
const PAUSE: Duration = Duration::from_millis(1);

/// How often a replay is begun anew because events were moved on meanwhile.
const TRIES_MAX: usize = 10;

/// Segments, and from where on they follow.
#[derive(Debug)]
pub(crate) struct Ruled {
    pub(crate) segments: Segments,
    /// The version of the lake that they were replayed from; what was imported later comes by.
    version: Option<u64>,
    /// Entries of the inbox through this one were in the replay.
    followed: i64,
    /// Whether the live state was replaced since.
    is_behind: bool,
}

/// What comes while a replay runs.
#[derive(Debug)]
pub(super) enum Aside {
    /// Rows of entries through one.
    Entries(Frame, i64),
    /// Rows of a version of the lake.
    Import(Frame, u64),
}

impl Ruled {
    /// Takes in the rows of entries through one, of which those before the replay's are known.
    pub(super) fn take(&mut self, rows: &Frame, through: i64) -> Result<()> {
        if through > self.followed {
            self.segments.extend(rows)?;
            self.segments.advance(now(), PERSONS_AT_A_TIME);
        }
        Ok(())
    }

    /// Takes in rows that came into the lake with a version.
    pub(super) fn import(&mut self, rows: &Frame, version: u64) -> shopwise_stages::Result<()> {
        if self.version.is_none_or(|own| version > own) {
            self.segments.extend(rows)?;
        }
        Ok(())
    }

    /// Returns the segments that somebody is in who is meant by one of some pseudonyms.
    pub(crate) fn of(&self, names: &[String]) -> Vec<String> {
        let of = |name| self.segments.of(name).map(|(segment, _)| segment.id.clone());
        let all = names.iter().map(|name| of(name).collect::<Vec<_>>());
        all.into_iter().find(|all| !all.is_empty()).unwrap_or_default()
    }

    /// Is told that the live state is another one now.
    pub(super) fn fall_behind(&mut self) {
        self.is_behind = true;
    }
}

/// Keeps membership up to date on a thread of its own until told to stop. `changed` says that
/// definitions may have changed.
pub(super) fn start(
    live: &Followed,
    changed: &Arc<AtomicBool>,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<()>> {
    let (live, changed, stop) = (live.clone(), Arc::clone(changed), Arc::clone(stop));
    thread("segments", move || {
        let mut keeper = Keeper { rules: None, products: None, asked: None };
        let mut failed = false;
        while !stop.load(Ordering::Acquire) {
            let is_changed = changed.swap(false, Ordering::AcqRel);
            let kept = keeper.keep(&live, is_changed, &stop);
            if let (Err(error), false) = (&kept, failed) {
                tracing::error!(error = %format!("{error:#}"), "segments are not up to date");
            }
            failed = kept.is_err();
            std::thread::sleep(if failed { ASK } else { LOOK });
        }
    })
}

/// What the thread knows of the ledger.
struct Keeper {
    /// The change of the definitions that is known.
    rules: Option<i64>,
    /// That of the catalogue.
    products: Option<i64>,
    asked: Option<Instant>,
}

impl Keeper {
    fn keep(&mut self, live: &Followed, is_changed: bool, stop: &AtomicBool) -> Result<()> {
        let is_behind = {
            let known = live.known.read().ok().context("the live state is lost")?;
            known.ruled.as_ref().is_some_and(|ruled| ruled.is_behind)
        };
        if is_changed || is_behind || self.asked.is_none_or(|asked| asked.elapsed() >= ASK) {
            self.asked = Some(Instant::now());
            self.define(live, is_behind)?;
            self.know_catalogue(live)?;
        }
        // Others come in between.
        while !stop.load(Ordering::Acquire) && is_due(live)? {
            let mut known = hold(live)?;
            if let Some(ruled) = &mut known.ruled {
                ruled.segments.advance(now(), PERSONS_AT_A_TIME);
            }
            drop(known);
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Takes the definitions that are in force.
    fn define(&mut self, live: &Followed, is_behind: bool) -> Result<()> {
        let version = live.shop.ledger.segments_version()?;
        if self.rules == Some(version) && !is_behind {
            return Ok(());
        }
        let Defined { definitions: all, wrong } = definitions(&live.shop)?;
        for (id, mistake) in &wrong {
            tracing::error!(id, mistake = mistake.message(), "a segment cannot be read");
        }
        let mut known = hold(live)?;
        let is_enough = match &mut known.ruled {
            _ if all.is_empty() => {
                (known.ruled, known.has_ruled) = (None, true);
                true
            }
            Some(ruled) if !is_behind => ruled.segments.redefine(all.clone()),
            _ => {
                // Until the first ones are replayed it is not known who is in them.
                known.has_ruled = known.ruled.is_some();
                false
            }
        };
        drop(known);
        if !is_enough {
            let begun = Instant::now();
            let segments = all.len();
            // Before what is read: what changes meanwhile is noticed at the next look.
            self.products = Some(live.shop.ledger.products_version()?);
            replay(live, &all)?;
            let seconds = begun.elapsed().as_secs_f64();
            tracing::info!(segments, seconds, "the rule segments are replayed");
        }
        self.rules = Some(version);
        Ok(())
    }

    /// Takes the catalogue as it is. Every list waits for the live state while it is held: what
    /// takes as long as there are products is done before, and what is known no longer goes after.
    fn know_catalogue(&mut self, live: &Followed) -> Result<()> {
        let version = live.shop.ledger.products_version()?;
        if self.products == Some(version) {
            return Ok(());
        }
        let assortment = {
            let known = live.known.read().ok().context("the live state is lost")?;
            known.ruled.as_ref().map(|ruled| ruled.segments.assortment())
        };
        // Without segments nobody asks; the replay for the first ones reads the catalogue.
        if let Some(assortment) = assortment {
            let compared = assortment.compare(live.shop.ledger.products()?);
            if let Some(ruled) = &mut hold(live)?.ruled {
                ruled.segments.know_catalogue(&compared);
            }
        }
        self.products = Some(version);
        Ok(())
    }
}

fn hold(live: &Followed) -> Result<RwLockWriteGuard<'_, Known>> {
    live.known.write().ok().context("the live state is lost")
}

fn is_due(live: &Followed) -> Result<bool> {
    let known = live.known.read().ok().context("the live state is lost")?;
    Ok(known.ruled.as_ref().is_some_and(|ruled| ruled.segments.is_due(now())))
}

/// Replays everything for definitions, and puts the segments beside the live state.
fn replay(live: &Followed, all: &[Definition]) -> Result<()> {
    for _ in 0..TRIES_MAX {
        let followed = {
            let mut known = hold(live)?;
            known.aside = Some(Vec::new());
            known.followed
        };
        let replayed = replay_through(live, all, followed);
        let is_done = match replayed {
            Ok(ruled) => join(live, ruled, followed)?,
            Err(error) => {
                hold(live)?.aside = None;
                return Err(error);
            }
        };
        if is_done {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    bail!("events move into the lake faster than they are replayed")
}

/// Replays the log and the entries behind it, through one; nothing when they moved on meanwhile.
fn replay_through(live: &Followed, all: &[Definition], followed: i64) -> Result<Option<Ruled>> {
    let base = Base::now(&live.shop)?;
    // Fails when they move on just now.
    let Ok(entries) = restore::beyond(&live.shop, &live.inbox, base.held, followed) else {
        return Ok(None);
    };
    let mut segments = Segments::of_shop(&live.shop, all.to_vec(), now())?;
    let version = base.standing.map(|standing| standing.version);
    if let Some(version) = version {
        segments.replay(&live.shop, version)?;
    }
    entries.iter().try_for_each(|rows| segments.extend(rows))?;
    assign(&mut segments, &*live.graph.lock().ok().context("the identity graph is lost")?);
    // Before anybody waits for it.
    while !segments.advance(now(), PERSONS_AT_A_TIME) {}
    let followed = base.held.max(followed);
    Ok(Some(Ruled { segments, version, followed, is_behind: false }))
}

fn assign(segments: &mut Segments, graph: &Identities) {
    for (pseudonym, person) in graph.persons() {
        segments.assign(&pseudonym.to_string(), &person.to_string());
    }
}

/// Takes in what came meanwhile, and from now on whatever comes; `from` is the last entry before
/// it. Returns false when that cannot be told.
fn join(live: &Followed, ruled: Option<Ruled>, from: i64) -> Result<bool> {
    // Whoever learns who is who tells it to the live state afterwards.
    let graph = live.graph.lock().ok().context("the identity graph is lost")?;
    let mut known = hold(live)?;
    let (Some(mut ruled), Some(aside)) = (ruled, known.aside.take()) else {
        return Ok(false);
    };
    let mut before = from;
    for one in aside {
        match one {
            Aside::Entries(rows, through) => {
                // The lake held some of these entries and not others.
                if before < ruled.followed && through > ruled.followed {
                    return Ok(false);
                }
                before = through;
                ruled.take(&rows, through)?;
            }
            Aside::Import(rows, version) => ruled.import(&rows, version)?,
        }
    }
    assign(&mut ruled.segments, &graph);
    (known.ruled, known.has_ruled) = (Some(ruled), true);
    Ok(true)
}

/// Computes the segments in full, for who has no live state, the events included that are on their
/// way into the lake.
pub(crate) fn computed(shop: &Shop, inbox: &Inbox, all: &[Definition]) -> Result<Segments> {
    for _ in 0..TRIES_MAX {
        let base = Base::now(shop)?;
        let mut graph = Identities::open(&shop.ledger)?;
        let mut segments = Segments::of_shop(shop, all.to_vec(), now())?;
        let (mut after, mut entries) = (base.held, Vec::new());
        let is_whole = loop {
            match follower::next(shop, inbox, after, i64::MAX)? {
                Next::Nothing => break true,
                Next::Unseen => break false,
                Next::Step(step, last) => {
                    graph.learn(&step.edges);
                    entries.push(step.rows);
                    after = last;
                }
            }
        };
        if !is_whole {
            continue;
        }
        if let Some(standing) = base.standing {
            segments.replay(shop, standing.version)?;
        }
        entries.iter().try_for_each(|rows| segments.extend(rows))?;
        assign(&mut segments, &graph);
        while !segments.advance(now(), PERSONS_AT_A_TIME) {}
        return Ok(segments);
    }
    bail!("events move into the lake faster than they are read")
}
