//! The live state, and how much of what happened is in it.

use std::sync::RwLock;

use anyhow::{Context as _, Result};
use shopwise_model::Frame;
use shopwise_model::tables::EVENTS;
use shopwise_stages::collect::identity::Pseudonym;
use shopwise_stages::prepare::fold::Replay;
use shopwise_stages::recommend::engine::Visitor;
use shopwise_stages::{Shop, collect};
use shopwise_store::Vault;
use shopwise_store::lake::{Commit, Standing};

use super::profiled::Profiled;
use super::ruled::{Aside, Ruled};
use super::view;
use super::visitor::{Supposed, supposing};

/// What is known this moment.
#[derive(Debug)]
pub(crate) struct Known {
    /// The state of the fold.
    pub(crate) state: Replay,
    /// Entries of the inbox through this one are in it.
    pub(super) followed: i64,
    /// What came into the lake otherwise through this version is in it.
    pub(super) base: Base,
    /// The reading of the identity graph after which the state was told who everybody is.
    pub(super) told: Option<u64>,
    /// Whether it lacks what the lake holds, which could not be read: it is not written down.
    pub(super) is_partial: bool,
    /// The rule segments, where there are any and they have been replayed.
    pub(crate) ruled: Option<Ruled>,
    /// Whether there are no rule segments, or they have been replayed once.
    pub(super) has_ruled: bool,
    /// What comes while they are replayed.
    pub(super) aside: Option<Vec<Aside>>,
    /// The segments that profiling found; none before they have been read.
    pub(crate) profiled: Profiled,
    /// Whether they have been read.
    pub(super) has_profiled: bool,
}

/// A version of the events in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Base {
    /// The version; `None` when they were never written.
    pub(super) standing: Option<Standing>,
    /// The last entry of the inbox that the lake held then.
    pub(super) held: i64,
}

impl Known {
    /// Returns a state that holds the entries of the inbox through one, and a version of the lake.
    pub(super) fn new(state: Replay, followed: i64, base: Base) -> Self {
        Self {
            state,
            followed,
            base,
            told: None,
            is_partial: false,
            ruled: None,
            has_ruled: false,
            aside: None,
            profiled: Profiled::default(),
            has_profiled: false,
        }
    }

    /// Puts another state in place of the one that is held.
    pub(super) fn replace(held: &RwLock<Self>, new: Self) -> Result<()> {
        // The former one is taken down when nobody waits for the lock any more.
        let mut old = new;
        let mut held = held.write().ok().context("the live state is lost")?;
        std::mem::swap(&mut *held, &mut old);
        held.ruled = old.ruled.take();
        held.profiled = std::mem::take(&mut old.profiled);
        (held.has_ruled, held.has_profiled) = (old.has_ruled, old.has_profiled);
        held.ruled.iter_mut().for_each(Ruled::fall_behind);
        drop(held);
        drop(old);
        Ok(())
    }

    /// Takes in the rows of entries through one.
    pub(super) fn take(&mut self, rows: &Frame, through: i64) -> Result<()> {
        self.state.extend(rows)?;
        self.state.settle();
        self.followed = through;
        if let Some(ruled) = &mut self.ruled {
            ruled.take(rows, through)?;
        }
        if let Some(aside) = &mut self.aside {
            aside.push(Aside::Entries(rows.clone(), through));
        }
        Ok(())
    }

    /// Takes in rows that were imported into the lake with a version.
    pub(super) fn import(&mut self, rows: &Frame, version: u64) -> shopwise_stages::Result<()> {
        self.state.extend(rows)?;
        self.state.settle();
        if let Some(ruled) = &mut self.ruled {
            ruled.import(rows, version)?;
        }
        if let Some(aside) = &mut self.aside {
            aside.push(Aside::Import(rows.clone(), version));
        }
        Ok(())
    }

    /// Returns what is known of whoever is meant by an identifier, and what would be if he had done
    /// something more; of somebody unknown, nothing.
    pub(crate) fn visitor(
        &self,
        vault: &Vault,
        id: &str,
        supposed: &[Supposed],
        at: i64,
    ) -> Visitor {
        let names = view::pseudonyms(vault, id);
        let mut visitor = supposing(&self.state, &names, supposed, at);
        visitor.segments = self.segments_of(&names);
        visitor.lacks_segments = !(self.has_ruled && self.has_profiled);
        visitor
    }

    /// Returns the segments of whoever is meant by one of some pseudonyms: those of rules that he
    /// meets, and the one in which profiling found him.
    fn segments_of(&self, names: &[String]) -> Vec<String> {
        let mut all = self.ruled.as_ref().map_or_else(Vec::new, |ruled| ruled.of(names));
        if let Some(code) = names.iter().find_map(|name| self.state.customer(name)) {
            let (_, own) = self.state.names_of(code);
            all.extend(self.profiled.of(own.iter().map(AsRef::as_ref)).map(|own| own.id.clone()));
        }
        all
    }

    /// Is told who belongs to whom.
    pub(super) fn assign(&mut self, assigned: impl IntoIterator<Item = (Pseudonym, Pseudonym)>) {
        for (pseudonym, person) in assigned {
            let (pseudonym, person) = (pseudonym.to_string(), person.to_string());
            self.state.assign(&pseudonym, &person);
            if let Some(ruled) = &mut self.ruled {
                ruled.segments.assign(&pseudonym, &person);
            }
        }
    }
}

impl Base {
    /// Returns where the lake stands now.
    pub(super) fn now(shop: &Shop) -> Result<Self> {
        let standing = shop.lake.standing(&EVENTS, collect::APPLICATION)?;
        Ok(match standing {
            None => Self { standing: None, held: 0 },
            Some((standing, held)) => Self { standing: Some(standing), held: held.unwrap_or(0) },
        })
    }

    /// Returns the commits since; `None` when they cannot be told.
    pub(super) fn commits(self, shop: &Shop) -> Result<Option<Vec<Commit>>> {
        Ok(shop.lake.commits_since(&EVENTS, collect::APPLICATION, self.standing)?)
    }

    /// Moves past a commit.
    pub(super) fn pass(&mut self, commit: &Commit) {
        self.standing = Some(commit.standing);
        self.held = commit.transaction.unwrap_or(self.held);
    }
}
