//! From scores to lists: selecting the best, and lists for many users at once.

use super::{Contribution, History, ListOptions, Pad, Reason, Recommender, Scored, Seen, Trail};
use crate::evaluate::ranking::RankedLists;
use crate::interactions::Interactions;
use crate::neighbours::Accumulator;
use rayon::prelude::*;

/// Users that one task answers.
const BLOCK_USERS: usize = 64;

/// The lists of many users, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Lists {
    users: Vec<u32>,
    offsets: Vec<usize>,
    entries: Vec<Scored>,
}

impl Lists {
    fn of(users: &[u32], lists: Vec<Vec<Scored>>) -> Self {
        let mut built = Self {
            users: users.to_vec(),
            offsets: vec![0],
            entries: Vec::with_capacity(lists.iter().map(Vec::len).sum()),
        };
        for list in lists {
            built.entries.extend(list);
            built.offsets.push(built.entries.len());
        }
        built
    }

    /// Returns the users, in the order in which they were asked for.
    #[must_use]
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// Returns the list of `self.users()[at]`, best first.
    #[must_use]
    pub fn list(&self, at: usize) -> &[Scored] {
        &self.entries[self.offsets[at]..self.offsets[at + 1]]
    }

    /// Returns each user with his list.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[Scored])> {
        self.users.iter().enumerate().map(|(at, user)| (*user, self.list(at)))
    }

    /// Returns the items alone, by user index, as the evaluator reads them.
    #[must_use]
    pub fn ranked(&self, n_users: usize) -> RankedLists {
        let mut by_user: Vec<&[Scored]> = vec![&[]; n_users];
        for (user, list) in self.iter() {
            by_user[user as usize] = list;
        }
        let items = |list: &[Scored]| list.iter().map(|one| one.item).collect::<Vec<u32>>();
        RankedLists::new(by_user.into_iter().map(items))
    }
}

/// Returns the lists of `users`, rows of `interactions`, computed in parallel.
///
/// Each list is what [`Recommender::recommend`] returns for that row alone.
#[must_use]
pub fn recommend_all(
    model: &dyn Recommender,
    interactions: &Interactions,
    users: &[u32],
    options: &ListOptions<'_>,
) -> Lists {
    let found: Vec<Vec<Scored>> = users
        .par_chunks(BLOCK_USERS)
        .map_init(Pad::default, |pad, block| {
            let one = |user: &u32| model.recommend(History::of(interactions, *user), options, pad);
            block.iter().map(one).collect::<Vec<_>>()
        })
        .flatten_iter()
        .collect();
    Lists::of(users, found)
}

/// Why an entry of a list is there, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Because {
    /// The model that gives the largest part of the score.
    pub model: &'static str,
    /// The item of the history that adds most; `None` when the history has nothing to do with it.
    pub item: Option<u32>,
}

/// Returns the lists that [`recommend_all`] gives, and why each entry is there, in their order.
#[must_use]
pub fn explain_all(
    model: &dyn Recommender,
    interactions: &Interactions,
    users: &[u32],
    options: &ListOptions<'_>,
) -> (Lists, Vec<Because>) {
    let because = |reason: &Reason| Because { model: reason.model, item: largest(&reason.parts) };
    let found: Vec<(Vec<Scored>, Vec<Because>)> = users
        .par_chunks(BLOCK_USERS)
        .map_init(Pad::default, |pad, block| {
            let one = |user: &u32| {
                let history = History::of(interactions, *user);
                let (list, reasons) = model.explained(history, options, pad);
                (list, reasons.iter().map(because).collect())
            };
            block.iter().map(one).collect::<Vec<_>>()
        })
        .flatten_iter()
        .collect();
    let (lists, because): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    (Lists::of(users, lists), because.into_iter().flatten().collect())
}

/// Returns the item of the largest part, the first of equals by index.
fn largest(parts: &[Contribution]) -> Option<u32> {
    let better = |one: &&Contribution, other: &&Contribution| {
        one.score.total_cmp(&other.score).then(other.item.cmp(&one.item))
    };
    parts.iter().max_by(better).map(|part| part.item)
}

/// Notes in the pad which items are not to be shown because the customer has them.
pub(crate) fn mark_seen(
    n_items: usize,
    history: History<'_>,
    options: &ListOptions<'_>,
    pad: &mut Pad,
) {
    pad.is_seen.clear();
    pad.is_seen.reserve(n_items);
    if options.seen == Seen::Keep {
        return;
    }
    for (item, weight) in history.items.iter().zip(history.weights) {
        if (*item as usize) < n_items && !options.may_repeat(*weight) {
            *pad.is_seen.touch(*item) = true;
        }
    }
}

/// Returns the items that are allowed, ascending, where they are at most `most`: so few are better
/// asked one by one than looked for among all.
#[must_use]
pub fn few_allowed(allowed: &[bool], most: usize) -> Option<Vec<u32>> {
    // Whole cache lines of what is not allowed are passed over at once.
    const LINE: usize = 64;
    let mut found = Vec::new();
    for (line, flags) in allowed.chunks(LINE).enumerate().filter(|(_, flags)| flags.contains(&true))
    {
        let set = flags.iter().enumerate().filter(|(_, flag)| **flag);
        found.extend(set.map(|(at, _)| (line * LINE + at) as u32));
        if found.len() > most {
            return None;
        }
    }
    Some(found)
}

/// Returns the best of `pad.scores`, which is left cleared.
pub(crate) fn select(
    n_items: usize,
    history: History<'_>,
    options: &ListOptions<'_>,
    pad: &mut Pad,
) -> Vec<Scored> {
    mark_seen(n_items, history, options, pad);
    pad.best.start(options.length);
    for item in pad.scores.touched() {
        if !pad.is_seen.get(*item) && options.allows(*item) {
            pad.best.push(*item, pad.scores.get(*item) as f32);
        }
    }
    pad.scores.clear();
    pad.best.finish().to_vec()
}

/// Sorts parts of a score, largest first.
pub(crate) fn largest_first(mut parts: Vec<Contribution>) -> Vec<Contribution> {
    parts
        .sort_by(|left, right| right.score.total_cmp(&left.score).then(left.item.cmp(&right.item)));
    parts
}

/// Returns the mean, 0 for no values.
pub(crate) fn mean(values: &[f32]) -> f64 {
    let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
    if values.is_empty() { 0.0 } else { sum / values.len() as f64 }
}

/// Turns sums into averages around a mean, and clears the norms.
pub(crate) fn to_averages(
    scores: &mut Accumulator<f64>,
    norms: &mut Accumulator<f64>,
    mean_of: impl Fn(u32) -> f64,
) {
    scores.change(|item, sum| mean_of(item) + sum / norms.get(item));
    norms.clear();
}

/// Notes which items are to be explained, until [`Accumulator::clear`].
pub(crate) fn note_places(places: &mut Accumulator<u32>, n_items: usize, items: &[u32]) {
    places.reserve(n_items);
    for (at, item) in items.iter().enumerate().filter(|(_, item)| (**item as usize) < n_items) {
        *places.touch(*item) = at as u32 + 1;
    }
}

/// Writes the scores of `pad.dense` that the model knows among `pad.scores`.
pub(crate) fn score_dense(is_known: impl Fn(u32, f32) -> bool, pad: &mut Pad) {
    for (item, score) in pad.dense.iter().enumerate() {
        let item = item as u32;
        if is_known(item, *score) {
            *pad.scores.touch(item) = f64::from(*score);
        }
    }
}

/// Returns what of the history makes an item's score, for models that tell it of whole lists.
pub(crate) fn parts_of(
    model: &impl Recommender,
    history: History<'_>,
    item: u32,
) -> Vec<Contribution> {
    let options = ListOptions::unseen(1);
    let reasons = model.reasons(&Trail::Nothing, history, &options, &[item], &mut Pad::default());
    reasons.into_iter().flat_map(|reason| reason.parts).collect()
}

/// Returns the best of `pad.dense` among the items and scores that the model knows.
pub(crate) fn select_dense(
    is_known: impl Fn(u32, f32) -> bool,
    history: History<'_>,
    options: &ListOptions<'_>,
    pad: &mut Pad,
) -> Vec<Scored> {
    mark_seen(pad.dense.len(), history, options, pad);
    pad.best.start(options.length);
    for (item, score) in pad.dense.iter().enumerate() {
        let item = item as u32;
        if !pad.is_seen.get(item) && options.allows(item) && is_known(item, *score) {
            pad.best.push(item, *score);
        }
    }
    pad.best.finish().to_vec()
}
