//! The keeper: takes imports into the live state, and writes the state down now and then.
//!
//! Nobody waits for it: the state is held for the milliseconds that a part of it takes, and the
//! file is brought to the disk a few megabytes at a time, so that no acknowledgement waits behind
//! much. A file is renamed into its place when it is whole.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustc_hash::FxHashSet;
use shopwise_stages::Shop;
use shopwise_stages::prepare::fold::Snapshot;
use shopwise_stages::prepare::follow;
use shopwise_store::Inbox;

use super::known::{Base, Known};
use super::note::Note;
use super::profiled::Profiled;
use super::{restore, thread};
use crate::memory;

/// How often the lake is asked for what was imported.
const LOOK: Duration = Duration::from_secs(30);
/// How often the state is written down if it has changed: what came since is replayed at a start.
const WRITE: Duration = Duration::from_secs(300);
/// Bytes that go to the disk at a time.
const SYNC_BYTES: usize = 8 << 20;
/// Customers of late events, at which they are read again while the server runs.
const LATE_MAX: usize = 2_000;
/// Bytes of a snapshot beyond which they are left to the next start: the state would be in memory
/// twice.
const AGAIN_BYTES_MAX: u64 = 256 << 20;
/// Events that the state may be ahead of the lake when it is written down: some seconds of them.
const AHEAD_MAX: usize = 500_000;
/// How often it is tried to find out what the state is ahead of the lake, which moves.
const TRIES_MAX: usize = 5;

/// Takes imports into the live state, and writes it down.
#[derive(Clone)]
pub(super) struct Keeper {
    shop: Arc<Shop>,
    inbox: Arc<Inbox>,
    known: Arc<RwLock<Known>>,
    file: PathBuf,
}

impl Keeper {
    pub(super) fn new(
        shop: &Arc<Shop>,
        inbox: &Arc<Inbox>,
        known: &Arc<RwLock<Known>>,
        file: PathBuf,
    ) -> Self {
        let (shop, inbox, known) = (Arc::clone(shop), Arc::clone(inbox), Arc::clone(known));
        Self { shop, inbox, known, file }
    }

    /// Returns the file in which the state is written down.
    #[cfg(test)]
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Works on a thread of its own until told to stop.
    pub(super) fn start(self, stop: &Arc<AtomicBool>) -> Result<JoinHandle<()>> {
        let stop = Arc::clone(stop);
        thread("keeper", move || {
            let (mut looked, mut written) = (Instant::now(), Instant::now());
            let mut rows = self.rows().unwrap_or(0);
            self.read_profiled_or_say();
            while !stop.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(50));
                if looked.elapsed() < LOOK {
                    continue;
                }
                looked = Instant::now();
                memory::give_back();
                self.read_profiled_or_say();
                if let Err(error) = self.take_imports() {
                    let error = format!("{error:#}");
                    tracing::error!(error, "what was imported is not in the live state");
                    continue;
                }
                let now = self.rows().unwrap_or(rows);
                if written.elapsed() >= WRITE && now != rows {
                    written = Instant::now();
                    rows = now;
                    let bytes = self.write_or_say();
                    self.read_late_again(bytes);
                }
            }
        })
    }

    /// Writes the state down for the next start, when nothing comes in any more.
    pub(super) fn end(&self) {
        match self.take_imports() {
            Ok(()) => _ = self.write_or_say(),
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "the live state is not written");
            }
        }
    }

    fn rows(&self) -> Result<u64> {
        Ok(self.read()?.state.rows())
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, Known>> {
        self.known.read().ok().context("the live state is lost")
    }

    fn hold(&self) -> Result<RwLockWriteGuard<'_, Known>> {
        self.known.write().ok().context("the live state is lost")
    }

    /// Takes in what came into the lake past the inbox.
    pub(super) fn take_imports(&self) -> Result<()> {
        let base = {
            let known = self.read()?;
            if known.is_partial {
                bail!("the lake could not be read when the server started");
            }
            known.base
        };
        let commits = base.commits(&self.shop)?;
        let Some(commits) = commits.filter(|all| !all.iter().any(|one| one.has_removed)) else {
            tracing::warn!("events were taken out of the lake: replaying all that are left");
            return Known::replace(&self.known, restore::rebuild(&self.shop, &self.inbox)?);
        };
        for commit in commits {
            let is_import = commit.transaction.is_none() && !commit.added.is_empty();
            if is_import && let Err(error) = self.take_files(&commit.added, commit.standing.version)
            {
                let error = format!("{error:#}");
                tracing::warn!(error, "an import was read in part: replaying all events");
                return Known::replace(&self.known, restore::rebuild(&self.shop, &self.inbox)?);
            }
            self.hold()?.base.pass(&commit);
        }
        Ok(())
    }

    /// Reads who is in which of the segments that profiling found, if it has run since.
    pub(super) fn read_profiled(&self) -> Result<()> {
        let (is_newest, is_known) = {
            let known = self.read()?;
            (known.profiled.is_newest(&self.shop)?, known.has_profiled)
        };
        let mut profiled = (!is_newest).then(|| Profiled::read(&self.shop)).transpose()?;
        if profiled.is_some() || !is_known {
            let mut known = self.hold()?;
            known.has_profiled = true;
            // The former ones are taken down when nobody waits for the lock any more.
            if let Some(profiled) = &mut profiled {
                std::mem::swap(&mut known.profiled, profiled);
            }
        }
        Ok(())
    }

    fn read_profiled_or_say(&self) {
        if let Err(error) = self.read_profiled() {
            let error = format!("{error:#}");
            tracing::error!(error, "the segments that profiling found are not up to date");
        }
    }

    fn take_files(&self, files: &[String], version: u64) -> Result<()> {
        let mut lost = false;
        follow::added(&self.shop, files, |part| {
            let Ok(mut known) = self.hold() else {
                lost = true;
                return Ok(());
            };
            known.import(&part, version)
        })?;
        if lost { bail!("the live state is lost") } else { Ok(()) }
    }

    /// Writes the state down, says so, and returns how many bytes it takes.
    fn write_or_say(&self) -> Option<u64> {
        let begun = Instant::now();
        match self.write() {
            Ok(bytes) => {
                let seconds = begun.elapsed().as_secs_f64();
                tracing::info!(bytes, seconds, "the live state is written down");
                Some(bytes)
            }
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "the live state is not written");
                None
            }
        }
    }

    /// Goes on with what a start would know when many customers' events have come late: they are
    /// read again, and the catalogue with them. For a while the state is in memory twice.
    fn read_late_again(&self, bytes: Option<u64>) {
        let late = self.read().map_or(0, |known| known.state.late());
        let is_worth_it = (LATE_MAX..=follow::AGAIN_MAX).contains(&late);
        if !is_worth_it || bytes.is_none_or(|bytes| bytes > AGAIN_BYTES_MAX) {
            return;
        }
        match restore::recall(&self.shop, &self.inbox, &self.file) {
            Ok(Some(known)) => {
                tracing::info!(customers = late, "customers of late events are read again");
                // Nobody could use it either.
                drop(Known::replace(&self.known, known));
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "late events stay where they are");
            }
        }
    }

    /// Writes the state down and returns how many bytes it takes.
    pub(super) fn write(&self) -> Result<u64> {
        if self.read()?.is_partial {
            bail!("it lacks what the lake holds");
        }
        let mut name = self.file.clone().into_os_string();
        name.push(format!(".{}", std::process::id()));
        let unfinished = PathBuf::from(name);
        let written = self.write_to(&unfinished);
        if written.is_err() {
            self.hold()?.state.give_up_snapshot();
            // It may never have been made.
            drop(std::fs::remove_file(&unfinished));
        }
        let bytes = written?;
        std::fs::rename(&unfinished, &self.file)?;
        if let Some(folder) = self.file.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(bytes)
    }

    fn write_to(&self, path: &Path) -> Result<u64> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = File::create(path).with_context(|| format!("`{}`", path.display()))?;
        let mut file = Paced { file, bytes: 0, waiting: 0 };
        let mut out = Vec::new();
        let mut snapshot = self.hold()?.state.begin_snapshot();
        snapshot.head(&self.read()?.state, &mut out);
        loop {
            let begun = Instant::now();
            let more = snapshot.part(&self.read()?.state, &mut out);
            file.write(&mut out)?;
            if !more {
                break;
            }
            // Half of a processor at the most.
            std::thread::sleep(begun.elapsed());
        }
        let (followed, base) = {
            let mut known = self.hold()?;
            snapshot.end(&mut known.state, &mut out);
            (known.followed, known.base)
        };
        file.write(&mut out)?;
        Snapshot::seal(&self.note(followed, base)?.write(), &mut out);
        file.write(&mut out)?;
        file.file.sync_all()?;
        Ok(file.bytes)
    }

    /// Finds out how a state stands to the lake.
    fn note(&self, followed: i64, base: Base) -> Result<Note> {
        for _ in 0..TRIES_MAX {
            let mut base = base;
            let commits = base.commits(&self.shop)?.context("the lake's log is not to be read")?;
            for commit in commits {
                let is_known = match commit.transaction {
                    Some(last) => last <= followed,
                    None => commit.added.is_empty() && !commit.has_removed,
                };
                if !is_known {
                    break;
                }
                base.pass(&commit);
            }
            if base.held > followed {
                bail!("the lake is ahead of it");
            }
            // Fails when entries move on just now.
            if let Ok(rows) = restore::beyond(&self.shop, &self.inbox, base.held, followed) {
                let mut ahead = FxHashSet::default();
                for part in &rows {
                    ahead.extend(part.id("event_id")?);
                }
                if ahead.len() > AHEAD_MAX {
                    bail!("the lake is {} events behind it", ahead.len());
                }
                return Ok(Note { followed, base, ahead });
            }
        }
        bail!("the lake moves on too fast")
    }
}

/// A file that goes to the disk as it is written.
struct Paced {
    file: File,
    bytes: u64,
    waiting: usize,
}

impl Paced {
    /// Writes bytes, which leave.
    fn write(&mut self, out: &mut Vec<u8>) -> Result<()> {
        for piece in out.chunks(SYNC_BYTES) {
            self.file.write_all(piece)?;
            self.bytes += piece.len() as u64;
            self.waiting += piece.len();
            if self.waiting >= SYNC_BYTES {
                self.file.sync_data()?;
                self.waiting = 0;
            }
        }
        out.clear();
        Ok(())
    }
}
