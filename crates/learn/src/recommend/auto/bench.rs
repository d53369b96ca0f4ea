//! Where models are judged: what was held out of customers who had something before.

use std::sync::Arc;

use super::super::blend::sample;
use super::super::training::Parts;
use super::super::{Entry, ListOptions, Parameters, Recommender, Training, recommend_all};
use super::cost::{Cost, Shape};
use super::search::Measured;
use crate::error::Result;
use crate::evaluate::ranking;
use crate::interactions::Interactions;

/// The most judges: the standard error of the NDCG of a single model then is below .004, that of a
/// difference of two alike ones much less.
const JUDGES_MOST: usize = 10_000;
/// The length at which lists are judged.
const CUT: usize = 10;
/// By what models are judged.
pub(super) const MEASURE: &str = "ndcg@10";

/// A split, and the customers to judge by.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub(super) training: Training<'a>,
    /// What models learn from and are asked.
    pub(super) parts: Parts,
    /// What the judges had later; empty for the others.
    pub(super) later: Interactions,
    /// Ascending.
    pub(super) judges: Vec<u32>,
    shape: Shape,
    counts: Vec<u32>,
}

impl<'a> Bench<'a> {
    /// Holds out a part of the training data.
    pub(super) fn new(training: &Training<'a>) -> Self {
        let parts = training.parts();
        let has = |rows: &Interactions, user: u32| !rows.row(user as usize).0.is_empty();
        let usable = |user: &u32| has(&parts.after, *user) && has(parts.asked(), *user);
        let usable: Vec<u32> = (0..parts.after.n_users() as u32).filter(usable).collect();
        let judges = sample(&usable, JUDGES_MOST, training.seed);
        let later = of_users(&parts.after, &judges);
        let shape = Shape::of(&parts.known, judges.len());
        let counts = parts.known.item_counts();
        Self { training: *training, parts, later, judges, shape, counts }
    }

    /// Returns the held-out parts of one half of the judges, drawn by chance, and of the other.
    pub(super) fn halves(&self) -> [(Vec<u32>, Interactions); 2] {
        let first = sample(&self.judges, self.judges.len() / 2, self.training.seed ^ 1);
        let is_other = |user: &&u32| first.binary_search(user).is_err();
        let second: Vec<u32> = self.judges.iter().filter(is_other).copied().collect();
        [first, second].map(|users| {
            let later = of_users(&self.later, &users);
            (users, later)
        })
    }

    /// Returns what fitting and judging takes.
    pub(super) fn cost(&self, entry: &Entry, parameters: &Parameters) -> Cost {
        self.shape.cost(entry, parameters)
    }

    /// Fits a model on what was not held out, and judges it.
    ///
    /// # Errors
    /// What fitting returns.
    pub(super) fn measure(&self, entry: &Entry, parameters: &Parameters) -> Result<Measured> {
        let training = self.training.of(&self.parts.known);
        let model: Arc<dyn Recommender> = entry.fit(&training, parameters)?.into();
        let scores = self.scores(&*model, &self.judges, &self.later)?;
        Ok(Measured { model, scores })
    }

    /// Returns the NDCG@10 of each of `judges`, all items ranked, what they have left out unless it
    /// may come again.
    ///
    /// # Errors
    /// [`crate::Error::TooLittle`] without judges.
    pub(super) fn scores(
        &self,
        model: &dyn Recommender,
        judges: &[u32],
        later: &Interactions,
    ) -> Result<Vec<f64>> {
        let options = ListOptions { seen: self.parts.seen, ..ListOptions::unseen(CUT) };
        let lists = recommend_all(model, self.parts.asked(), judges, &options);
        let ranked = lists.ranked(self.parts.asked().n_users());
        let (_, mut per_user) = ranking::evaluate(&ranked, later, &self.counts, &[CUT])?;
        Ok(per_user.metrics.remove(MEASURE).unwrap_or_default())
    }
}

/// Returns the rows of `users`, ascending, all others being empty.
fn of_users(all: &Interactions, users: &[u32]) -> Interactions {
    all.split(|user, _| users.binary_search(&(user as u32)).is_ok()).0
}
