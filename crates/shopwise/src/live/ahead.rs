//! What the follower has made of entries: the drainer writes it, and need not read them again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use shopwise_stages::collect::{COMMIT_BYTES, Range, Step};

/// Bytes of events whose steps wait: more than come while a commit is written. What does not fit
/// is read by the drainer itself.
const WAITING_BYTES_MAX: usize = 2 * COMMIT_BYTES;

/// Steps that wait, however small.
const WAITING_MAX: usize = 10_000;

/// A follower that has not been heard of for so long is waited for no longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Steps that wait for the drainer.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In the order of their entries, not always without a gap.
    steps: VecDeque<Step>,
    bytes: usize,
    /// Whether this process moves events at all.
    is_wanted: bool,
    /// The last entry that was followed, and when the follower was heard of.
    followed: Option<(i64, Instant)>,
}

/// What the drainer finds.
#[derive(Debug)]
pub(super) enum Found {
    /// Steps that begin behind the entry he named and follow each other, never none.
    Steps(Vec<Step>),
    /// Nothing that may move yet.
    Nothing,
    /// There is a gap: he reads by himself, up to this entry.
    Gap(i64),
}

impl Ahead {
    /// Hears from the follower that entries through one are followed, and takes what they are.
    pub(super) fn push(&self, step: Option<Step>, followed: i64) -> Result<()> {
        let mut waiting = self.lock()?;
        waiting.followed = Some((followed, Instant::now()));
        if let Some(step) = step
            && waiting.is_wanted
            && waiting.bytes < WAITING_BYTES_MAX
            && waiting.steps.len() < WAITING_MAX
        {
            waiting.bytes += step.bytes;
            waiting.steps.push_back(step);
        }
        Ok(())
    }

    /// Says whether this process moves events.
    pub(super) fn want(&self, is_wanted: bool) -> Result<()> {
        let mut waiting = self.lock()?;
        waiting.is_wanted = is_wanted;
        if !is_wanted {
            waiting.steps.clear();
            waiting.bytes = 0;
        }
        Ok(())
    }

    /// Returns what follows the last entry that the lake holds and may move.
    pub(super) fn take(&self, held: i64, range: Range) -> Result<Found> {
        let mut waiting = self.lock()?;
        while waiting.first().is_some_and(|first| first <= held) {
            waiting.pop();
        }
        match (waiting.first(), waiting.followed) {
            (Some(first), _) if first > held + 1 => return Ok(Found::Gap(first - 1)),
            (Some(_), _) => {}
            // Whatever comes will be followed.
            (None, Some((followed, heard))) if followed <= held && heard.elapsed() < PATIENCE => {
                return Ok(Found::Nothing);
            }
            (None, _) => return Ok(Found::Gap(i64::MAX)),
        }
        let (mut steps, mut next, mut bytes) = (Vec::new(), held + 1, 0);
        while let Some(step) = waiting.steps.front()
            && let Some([first, last]) = step.entries
            && first == next
            && range.may_move(last, step.received_at)
            && bytes < COMMIT_BYTES
        {
            (next, bytes) = (last + 1, bytes + step.bytes);
            steps.extend(waiting.pop());
        }
        Ok(if steps.is_empty() { Found::Nothing } else { Found::Steps(steps) })
    }

    fn lock(&self) -> Result<MutexGuard<'_, Waiting>> {
        self.waiting.lock().ok().context("the steps that wait are lost")
    }
}

impl Waiting {
    fn first(&self) -> Option<i64> {
        self.steps.front()?.entries.map(|[first, _]| first)
    }

    fn pop(&mut self) -> Option<Step> {
        let step = self.steps.pop_front()?;
        self.bytes -= step.bytes;
        Some(step)
    }
}
