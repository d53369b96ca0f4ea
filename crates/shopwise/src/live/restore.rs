//! The live state at start: a snapshot and what happened since, or a replay of everything.
//!
//! Both give the same state. What happened since is told by the lake's log, commit by commit: those
//! that moved entries of the inbox which the snapshot holds are passed over, the others' rows are
//! taken in. Whatever is in doubt, everything is replayed.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use rustc_hash::FxHashSet;
use shopwise_model::Frame;
use shopwise_stages::collect::identity::Identities;
use shopwise_stages::prepare::follow;
use shopwise_stages::{Error, Shop};
use shopwise_store::Inbox;

use super::follower::{self, Next};
use super::known::{Base, Known};
use super::note::Note;

/// How often a replay is begun anew because events were moved on meanwhile.
const TRIES_MAX: usize = 10;

/// Restores the state of a shop whose snapshot, if there is one, is this file.
pub(super) fn restore(shop: &Shop, inbox: &Inbox, file: &Path) -> Result<Known> {
    let begun = Instant::now();
    let base = match Base::now(shop) {
        Err(error) if is_of_the_lake(&error) => {
            let base = Base { standing: None, held: inbox.forgotten()? };
            return without_lake(shop, inbox, base, &error);
        }
        base => base?,
    };
    let held = base.held;
    if inbox.resume_behind(held)? {
        let what = "the inbox has lost its newest entries; it goes on behind the lake's";
        tracing::error!(held, "{what}");
    }
    match recall(shop, inbox, file) {
        Ok(Some(known)) => {
            let (rows, seconds) = (known.state.rows(), begun.elapsed().as_secs_f64());
            tracing::info!(rows, seconds, "the live state is restored from its snapshot");
            return Ok(known);
        }
        Ok(None) => {}
        Err(why) => tracing::warn!(why = %format!("{why:#}"), "replaying all events"),
    }
    let begun = Instant::now();
    let known = match rebuild(shop, inbox) {
        Err(error) if is_of_the_lake(&error) => {
            return without_lake(shop, inbox, base, &error);
        }
        rebuilt => rebuilt?,
    };
    let (rows, seconds) = (known.state.rows(), begun.elapsed().as_secs_f64());
    tracing::info!(rows, seconds, "the live state is replayed");
    Ok(known)
}

/// Tells whether the lake could not be read, and not something that may be well in a moment.
fn is_of_the_lake(error: &anyhow::Error) -> bool {
    let of_a_stage = match error.downcast_ref() {
        Some(Error::Store(error)) => Some(error),
        _ => None,
    };
    let error = of_a_stage.or_else(|| error.downcast_ref());
    matches!(error, Some(shopwise_store::Error::Lake(_)))
}

/// Knows what waits in the inbox alone, and says why: a damaged file must not keep events from
/// being collected.
fn without_lake(shop: &Shop, inbox: &Inbox, base: Base, error: &anyhow::Error) -> Result<Known> {
    let error = format!("{error:#}");
    let hint = "put the file back from a back-up and start again";
    tracing::error!(error, hint, "the lake is damaged: who customers were is not known");
    inbox.note_damage("lake", base.held, &error)?;
    let (state, followed) = (follow::nothing(shop)?, base.held);
    let mut known = Known { is_partial: true, ..Known::new(state, followed, base) };
    if take_inbox(shop, inbox, &mut known)? {
        return Ok(known);
    }
    bail!("events move into the lake while it cannot be read")
}

/// Replays the lake, and what waits in the inbox.
pub(super) fn rebuild(shop: &Shop, inbox: &Inbox) -> Result<Known> {
    for _ in 0..TRIES_MAX {
        let base = Base::now(shop)?;
        let state = match base.standing {
            None => follow::nothing(shop)?,
            Some(standing) => follow::state_at(shop, standing.version)?,
        };
        let mut known = Known::new(state, base.held, base);
        if take_inbox(shop, inbox, &mut known)? {
            return Ok(known);
        }
    }
    bail!("events move into the lake faster than they are replayed")
}

impl Known {
    /// Returns what is known this moment, for who has no live state: of the events in the lake and
    /// of those that are on their way into it, and who is who by both.
    pub(crate) fn of_now(shop: &Shop, inbox: &Inbox) -> Result<Self> {
        let mut known = rebuild(shop, inbox)?;
        let mut graph = Identities::open(&shop.ledger)?;
        learn(shop, inbox, &mut graph, known.base.held)?;
        known.assign(graph.persons());
        Ok(known)
    }
}

/// Takes in what waits in the inbox; false when some of it has moved on already.
fn take_inbox(shop: &Shop, inbox: &Inbox, known: &mut Known) -> Result<bool> {
    loop {
        match follower::next(shop, inbox, known.followed, i64::MAX)? {
            Next::Nothing => return Ok(true),
            Next::Unseen => return Ok(false),
            Next::Step(step, last) => known.take(&step.rows, last)?,
        }
    }
}

/// Returns the state by its snapshot; `None` when there is none.
pub(super) fn recall(shop: &Shop, inbox: &Inbox, file: &Path) -> Result<Option<Known>> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut state = follow::nothing(shop)?;
    let note = state.read(&mut BufReader::with_capacity(1 << 20, opened))?;
    let note = Note::read(&note)?;
    if note.followed > inbox.last()? {
        bail!("the snapshot knows more than the inbox");
    }
    let mut known = Known::new(state, note.followed, note.base);
    take_lake(shop, &mut known, &note.ahead)?;
    if known.state.late() > follow::AGAIN_MAX {
        bail!("{} customers would have to be read again", known.state.late());
    }
    if known.state.late() > 0
        && let Some(standing) = known.base.standing
    {
        let more = beyond(shop, inbox, known.base.held, known.followed)?;
        follow::again(shop, &mut known.state, standing.version, &more)?;
    }
    // What the lake held beyond the snapshot has been taken in.
    known.followed = known.followed.max(known.base.held);
    if !take_inbox(shop, inbox, &mut known)? {
        bail!("events were moved into the lake meanwhile");
    }
    Ok(Some(known))
}

/// Takes in what the lake gained, but for the events that the state was ahead of it.
fn take_lake(shop: &Shop, known: &mut Known, ahead: &FxHashSet<[u8; 16]>) -> Result<()> {
    let Some(commits) = known.base.commits(shop)? else {
        bail!("the lake's log does not go back to the snapshot");
    };
    let mut files = Vec::new();
    for commit in commits {
        if commit.has_removed {
            bail!("events were taken out of the lake");
        }
        known.base.pass(&commit);
        if commit.transaction.is_none_or(|last| last > known.followed) {
            files.extend(commit.added);
        }
    }
    if files.is_empty() {
        return Ok(());
    }
    let state = &mut known.state;
    follow::added(shop, &files, |part| state.extend_without(&part, ahead))?;
    state.settle();
    Ok(())
}

/// Takes into the identity graph what entries say that wait for the lake, behind number `after`.
pub(super) fn learn(
    shop: &Shop,
    inbox: &Inbox,
    graph: &mut Identities,
    mut after: i64,
) -> Result<()> {
    loop {
        match follower::next(shop, inbox, after, i64::MAX)? {
            Next::Step(step, last) => {
                graph.learn(&step.edges);
                after = last;
            }
            // Whoever moved them has told the ledger, and the graph is read again.
            Next::Unseen => {
                graph.refresh(&shop.ledger)?;
                after = Base::now(shop)?.held;
            }
            Next::Nothing => return Ok(()),
        }
    }
}

/// Returns the rows of entries behind one, up to another: what the state holds before the lake.
pub(super) fn beyond(shop: &Shop, inbox: &Inbox, held: i64, followed: i64) -> Result<Vec<Frame>> {
    let (mut parts, mut after) = (Vec::new(), held);
    while after < followed {
        match follower::next(shop, inbox, after, followed)? {
            Next::Step(step, last) => {
                parts.push(step.rows);
                after = last;
            }
            Next::Nothing | Next::Unseen => bail!("events were moved into the lake meanwhile"),
        }
    }
    Ok(parts)
}

/// Returns the rows of entries that the lake did not hold when it was asked.
pub(super) fn waiting(shop: &Shop, inbox: &Inbox) -> Result<Vec<Frame>> {
    for _ in 0..TRIES_MAX {
        let (mut parts, mut after) = (Vec::new(), Base::now(shop)?.held);
        loop {
            match follower::next(shop, inbox, after, i64::MAX)? {
                Next::Step(step, last) => {
                    parts.push(step.rows);
                    after = last;
                }
                Next::Nothing => return Ok(parts),
                Next::Unseen => break,
            }
        }
    }
    bail!("events move into the lake faster than they are read")
}
