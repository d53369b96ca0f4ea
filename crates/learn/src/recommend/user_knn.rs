//! Customers like this one: what did they buy that he has not (Resnick et al. 1994)?
//!
//! With `score=sum`, for ranking: `score(j) = Σ over neighbours v of s(u, v) · w_vj`. With
//! `score=rating`, for ratings: `r̂(j) = m_u + Σ s(u, v) (r_vj − m_v) / Σ |s(u, v)|` over the
//! neighbours who rated `j`, `m` the mean rating of a customer. Neighbours are found when asked, so
//! a history that was never fitted is answered too. The cost of one answer is the number of
//! interactions of all who share an item with the history: with items that a large share of a
//! million customers have, prefer `item-knn`.

use super::settings::{B, K1, MINIMUM, SCORE, SHRINKAGE, SIGNIFICANCE, neighbours};
use super::{
    Contribution, History, Pad, Parameter, Parameters, Recommender, Scored, Training,
    largest_first, mean,
};
use crate::error::Result;
use crate::interactions::Interactions;
use crate::neighbours::{RowIndex, Scratch, Settings};
use std::collections::BTreeMap;

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::whole("neighbours", "similar customers asked", 100, [1, 100_000]),
    Parameter::word(
        "similarity",
        "how customers are compared; pearson and adjusted-cosine are for ratings",
        &["tfidf", "cosine", "bm25", "pearson", "adjusted-cosine"],
    ),
    SHRINKAGE,
    SIGNIFICANCE,
    MINIMUM,
    K1,
    B,
    SCORE,
];

/// All customers, ready to be compared with one.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct UserKnn {
    index: RowIndex,
    interactions: Interactions,
    /// Mean rating of each customer; empty when the score is a sum.
    means: Vec<f64>,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let settings = neighbours(parameters);
    Ok(Box::new(match parameters.word("score") {
        "rating" => UserKnn::for_ratings(training, settings)?,
        _ => UserKnn::for_ranking(training, settings)?,
    }))
}

impl UserKnn {
    /// Fits a model whose score is the sum of similarities times weights.
    ///
    /// # Errors
    /// [`crate::Error::Parameter`] when a setting is outside its range.
    pub fn for_ranking(training: &Training<'_>, settings: Settings) -> Result<Self> {
        let index = RowIndex::new(training.interactions, settings)?;
        Ok(Self { index, interactions: training.interactions.clone(), means: Vec::new() })
    }

    /// Fits a model whose score is the predicted rating.
    ///
    /// # Errors
    /// [`crate::Error::Parameter`] when a setting is outside its range.
    pub fn for_ratings(training: &Training<'_>, settings: Settings) -> Result<Self> {
        let ranking = Self::for_ranking(training, settings)?;
        let users = 0..training.interactions.n_users();
        let means = users.map(|user| mean(training.interactions.row(user).1)).collect();
        Ok(Self { means, ..ranking })
    }

    /// Returns the customers most similar to a history, best first; `item` of each is the row.
    pub fn neighbours<'a>(&self, history: History<'_>, scratch: &'a mut Scratch) -> &'a [Scored] {
        self.index.similar(history.items, history.weights, history.user, scratch)
    }

    /// Predicts the rating of `item`; `None` where no neighbour rated it, or the model was not
    /// fitted for ratings.
    #[must_use]
    pub fn predict_rating(&self, history: History<'_>, item: u32) -> Option<f64> {
        if !self.is_for_ratings() {
            return None;
        }
        let votes = self.votes(history, item);
        let norm: f64 = votes.iter().map(|vote| vote.similarity.abs()).sum();
        let sum: f64 = votes.iter().map(|vote| vote.similarity * vote.value).sum();
        (norm > 0.0).then(|| mean(history.weights) + sum / norm)
    }

    /// Returns what each neighbour who has `item` says about it.
    fn votes(&self, history: History<'_>, item: u32) -> Vec<NeighbourVote> {
        let mut scratch = Scratch::default();
        let vote = |neighbour: &Scored| {
            let (items, weights) = self.interactions.row(neighbour.item as usize);
            let at = items.binary_search(&item).ok()?;
            Some(NeighbourVote {
                user: neighbour.item,
                similarity: f64::from(neighbour.score),
                value: f64::from(weights[at]) - self.mean_of(neighbour.item),
            })
        };
        self.neighbours(history, &mut scratch).iter().filter_map(vote).collect()
    }

    fn mean_of(&self, user: u32) -> f64 {
        self.means.get(user as usize).copied().unwrap_or(0.0)
    }

    fn is_for_ratings(&self) -> bool {
        !self.means.is_empty()
    }
}

struct NeighbourVote {
    user: u32,
    similarity: f64,
    /// Weight, or the rating's distance from the neighbour's mean.
    value: f64,
}

impl Recommender for UserKnn {
    fn n_items(&self) -> usize {
        self.interactions.n_items()
    }

    fn score(&self, history: History<'_>, pad: &mut Pad) {
        let Pad { scores, norms, scratch, .. } = pad;
        scores.reserve(self.n_items());
        norms.reserve(self.n_items());
        for neighbour in self.neighbours(history, scratch) {
            let similarity = f64::from(neighbour.score);
            let mean = self.mean_of(neighbour.item);
            let (items, weights) = self.interactions.row(neighbour.item as usize);
            for (item, weight) in items.iter().zip(weights) {
                *scores.touch(*item) += similarity * (f64::from(*weight) - mean);
                if self.is_for_ratings() {
                    *norms.touch(*item) += similarity.abs();
                }
            }
        }
        if self.is_for_ratings() {
            let own_mean = mean(history.weights);
            super::to_averages(scores, norms, |_| own_mean);
        }
    }

    /// A neighbour's part is shared equally among the items he has in common with the history: they
    /// are why he is a neighbour.
    fn explain(&self, history: History<'_>, item: u32) -> Vec<Contribution> {
        let votes = self.votes(history, item);
        let norm = match self.is_for_ratings() {
            true => votes.iter().map(|vote| vote.similarity.abs()).sum(),
            false => 1.0,
        };
        let mut parts: BTreeMap<u32, f64> = BTreeMap::new();
        for vote in votes {
            let (items, _) = self.interactions.row(vote.user as usize);
            let is_common = |item: &&u32| items.binary_search(item).is_ok();
            let common: Vec<u32> = history.items.iter().filter(is_common).copied().collect();
            for one in &common {
                let part = vote.similarity * vote.value / norm / common.len() as f64;
                *parts.entry(*one).or_default() += part;
            }
        }
        let parts = parts.into_iter();
        largest_first(
            parts.map(|(item, score)| Contribution { item, score: score as f32 }).collect(),
        )
    }
}
