//! The live state, and how much of what happened is in it.

use std::sync::RwLock;

use anyhow::{Context as _, Result};
use shopwise_model::Frame;
use shopwise_model::tables::EVENTS;
use shopwise_stages::collect::identity::Pseudonym;
use shopwise_stages::prepare::fold::Replay;
use shopwise_stages::{Shop, collect};
use shopwise_store::lake::{Commit, Standing};

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
    /// Puts another state in place of the one that is held.
    pub(super) fn replace(held: &RwLock<Self>, new: Self) -> Result<()> {
        // The former one is taken down when nobody waits for the lock any more.
        let mut old = new;
        std::mem::swap(&mut *held.write().ok().context("the live state is lost")?, &mut old);
        Ok(())
    }

    /// Takes in the rows of entries through one.
    pub(super) fn take(&mut self, rows: &Frame, through: i64) -> Result<()> {
        self.state.extend(rows)?;
        self.state.settle();
        self.followed = through;
        Ok(())
    }

    /// Is told who belongs to whom.
    pub(super) fn assign(&mut self, assigned: impl IntoIterator<Item = (Pseudonym, Pseudonym)>) {
        for (pseudonym, person) in assigned {
            self.state.assign(&pseudonym.to_string(), &person.to_string());
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
