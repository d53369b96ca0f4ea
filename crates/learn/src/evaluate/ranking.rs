//! How good are ranked lists, judged by what the users took afterwards.
//!
//! Full ranking: lists are drawn from all items, and test items that training never showed count as
//! misses. For user `u` let `L` be the list in rank order, `T` the set of test items, `k` the
//! cut-off; an item is relevant when it is in `T`; `hits(i)` counts the relevant among the first
//! `i`.
//!
//! | metric | definition |
//! |---|---|
//! | `ndcg@k` | `Σ_{i≤k} rel(i) / log2(i + 1)` / the same with `rel = 1` over `i ≤ min(k, \|T\|)` |
//! | `recall@k` | `hits(k) / \|T\|` |
//! | `precision@k` | `hits(k) / k`, also when the list is shorter |
//! | `map@k` | `Σ_{i≤k} rel(i) · hits(i) / i`, divided by `min(k, \|T\|)` |
//! | `mrr@k` | 1 / rank of the first relevant item within `k`, else 0 |
//! | `hit_rate@k` | 1 if `hits(k) > 0`, else 0 |
//! | `coverage@k` | distinct items in all first-`k` lists / distinct items in train |
//! | `novelty@k` | mean of `−log2(share of train's interactions)` over all shown entries, in bits |
//!
//! Novelty is the mean self-information of Vargas and Castells (2011); an item that train never
//! shows counts as if shown once.
//!
//! All but the last two are means over users with at least one test item; who has no list counts 0.
//! Their standard error is the sample standard deviation over users / √users. Whether a list is
//! better than another is asked of the per-user values by paired bootstrap, in `bootstrap`.

use crate::error::{Error, Result};
use crate::interactions::Interactions;
use std::collections::BTreeMap;

/// The metrics that have a value for each user, in the order in which [`user_values`] returns them.
const USER_METRICS: [&str; 6] = ["ndcg", "recall", "precision", "map", "mrr", "hit_rate"];

/// The items of each user's list, best first, by user index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedLists {
    offsets: Vec<usize>,
    items: Vec<u32>,
}

impl RankedLists {
    /// Holds one list for each user in turn; empty for a user without.
    pub fn new(lists: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let mut built = Self { offsets: vec![0], items: Vec::new() };
        for list in lists {
            built.items.extend(list);
            built.offsets.push(built.items.len());
        }
        built
    }

    /// Returns the number of users.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns the list of `user`, empty for a user there is none of.
    #[must_use]
    pub fn list(&self, user: usize) -> &[u32] {
        if user < self.n_users() {
            &self.items[self.offsets[user]..self.offsets[user + 1]]
        } else {
            &[]
        }
    }
}

/// The judgement over all users.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RankingReport {
    /// Users with at least one test item.
    pub users: usize,
    /// Distinct items in train.
    pub items: usize,
    /// `ndcg@10` and so on.
    pub metrics: BTreeMap<String, f64>,
    /// For the metrics that are means over users, where there are two users or more.
    pub standard_error: BTreeMap<String, f64>,
}

/// The judgement of each user, for paired comparisons.
#[derive(Debug, Clone, PartialEq)]
pub struct PerUser {
    /// The users with at least one test item, ascending.
    pub users: Vec<u32>,
    /// `ndcg@10` and so on: one value for each of `users`.
    pub metrics: BTreeMap<String, Vec<f64>>,
}

/// Judges lists by the test items of each user, at each cut-off.
///
/// `test` has the same user indices as `lists`; its items may go beyond `item_counts`, which holds
/// for each item the number of users who have it in train.
///
/// # Errors
/// [`Error::Parameter`] when a cut-off is 0 or there is none, [`Error::TooLittle`] when no user has
/// a test item.
///
/// ```
/// use shopwise_learn::evaluate::ranking::{RankedLists, evaluate};
/// use shopwise_learn::interactions::{Interactions, Repeats};
/// let lists = RankedLists::new([vec![2, 0, 1]]);
/// let test = Interactions::from_triples(1, 3, &[0], &[0], &[1.0], Repeats::Add)?;
/// let (report, _) = evaluate(&lists, &test, &[1, 1, 1], &[3])?;
/// assert_eq!(report.metrics["mrr@3"], 0.5);
/// assert_eq!(report.metrics["ndcg@3"], 1.0 / 3_f64.log2());
/// # Ok::<(), shopwise_learn::Error>(())
/// ```
pub fn evaluate(
    lists: &RankedLists,
    test: &Interactions,
    item_counts: &[u32],
    cuts: &[usize],
) -> Result<(RankingReport, PerUser)> {
    if cuts.is_empty() || cuts.contains(&0) {
        return Err(Error::parameter("at", "one or more cut-offs ≥ 1", format!("{cuts:?}")));
    }
    let has_test = |user: &usize| !test.row(*user).0.is_empty();
    let users: Vec<usize> = (0..test.n_users()).filter(has_test).collect();
    if users.is_empty() {
        return Err(Error::TooLittle("no user has a test item".to_owned()));
    }
    let items = item_counts.iter().filter(|count| **count > 0).count();
    let mut report = RankingReport {
        users: users.len(),
        items,
        metrics: BTreeMap::new(),
        standard_error: BTreeMap::new(),
    };
    let mut per_user = BTreeMap::new();
    for &cut in cuts {
        let mut columns: [Vec<f64>; USER_METRICS.len()] = Default::default();
        for &user in &users {
            let values = user_values(lists.list(user), test.row(user).0, cut);
            for (column, value) in columns.iter_mut().zip(values) {
                column.push(value);
            }
        }
        for (name, column) in USER_METRICS.iter().zip(columns) {
            report.add(format!("{name}@{cut}"), &column);
            per_user.insert(format!("{name}@{cut}"), column);
        }
        report.metrics.insert(format!("coverage@{cut}"), coverage(lists, item_counts, cut));
        report.metrics.insert(format!("novelty@{cut}"), novelty(lists, item_counts, cut));
    }
    let users = users.into_iter().map(|user| user as u32).collect();
    Ok((report, PerUser { users, metrics: per_user }))
}

impl RankingReport {
    fn add(&mut self, name: String, values: &[f64]) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        if values.len() >= 2 {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            self.standard_error.insert(name.clone(), (squares / (n - 1.0)).sqrt() / n.sqrt());
        }
        self.metrics.insert(name, mean);
    }
}

/// Returns the values of [`USER_METRICS`] for one list; `test` is ascending and not empty.
fn user_values(list: &[u32], test: &[u32], cut: usize) -> [f64; USER_METRICS.len()] {
    let (mut hits, mut gain, mut precisions, mut first) = (0.0, 0.0, 0.0, 0.0);
    for (at, item) in list.iter().take(cut).enumerate() {
        if test.binary_search(item).is_ok() {
            let rank = at as f64 + 1.0;
            hits += 1.0;
            gain += 1.0 / (rank + 1.0).log2();
            precisions += hits / rank;
            if first == 0.0 {
                first = 1.0 / rank;
            }
        }
    }
    let possible = test.len().min(cut);
    let ideal: f64 = (0..possible).map(|at| 1.0 / (at as f64 + 2.0).log2()).sum();
    [
        gain / ideal,
        hits / test.len() as f64,
        hits / cut as f64,
        precisions / possible as f64,
        first,
        f64::from(u8::from(hits > 0.0)),
    ]
}

/// Returns the share of train's items that is shown at all; 0 for a train without items.
fn coverage(lists: &RankedLists, item_counts: &[u32], cut: usize) -> f64 {
    let mut is_shown = vec![false; item_counts.len()];
    for user in 0..lists.n_users() {
        for item in lists.list(user).iter().take(cut) {
            if let Some(shown) = is_shown.get_mut(*item as usize) {
                *shown = true;
            }
        }
    }
    let in_train = item_counts.iter().map(|count| *count > 0);
    let n_shown =
        in_train.clone().zip(&is_shown).filter(|(known, shown)| *known && **shown).count();
    let n_items = in_train.filter(|known| *known).count();
    if n_items == 0 { 0.0 } else { n_shown as f64 / n_items as f64 }
}

/// Returns the mean surprise of what is shown, in bits; 0 when nothing is shown.
fn novelty(lists: &RankedLists, item_counts: &[u32], cut: usize) -> f64 {
    let total: f64 = item_counts.iter().map(|count| f64::from(*count)).sum();
    let (mut bits, mut n_shown) = (0.0, 0_usize);
    for user in 0..lists.n_users() {
        for item in lists.list(user).iter().take(cut) {
            let count = item_counts.get(*item as usize).copied().unwrap_or(0).max(1);
            bits += (total.max(1.0) / f64::from(count)).log2();
            n_shown += 1;
        }
    }
    if n_shown == 0 { 0.0 } else { bits / n_shown as f64 }
}

#[cfg(test)]
mod tests;
