//! Customers like this one: what did they buy that he has not (Resnick et al. 1994)?
//!
//! With `score=sum`, for ranking: `score(j) = Σ over neighbours v of s(u, v) · w_vj`. With
//! `score=rating`, for ratings: `r̂(j) = m_u + Σ s(u, v) (r_vj − m_v) / Σ |s(u, v)|` over the
//! neighbours who rated `j`, `m` the mean rating of a customer. Neighbours are found when asked, so
//! a history that was never fitted is answered too. The cost of one answer is the number of
//! interactions of all who share an item with the history: with items that a large share of a
//! million customers have, prefer `item-knn`.

use super::arrays::{Reader, Writer, wrong};
use super::settings::{ASYMMETRY, B, K1, MINIMUM, SCORE, SHRINKAGE, SIGNIFICANCE, neighbours};
use super::{
    Contribution, History, ListOptions, Pad, Parameter, Parameters, Reason, Recommender, Scored,
    Search, Training, lists, saved,
};
use crate::error::Result;
use crate::interactions::Interactions;
use crate::neighbours::{RowIndex, Scratch, Settings};

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::whole("neighbours", "similar customers asked", 100, [1, 100_000])
        .searched(Search::Log(20.0, 1000.0)),
    Parameter::word(
        "similarity",
        "how customers are compared; pearson and adjusted-cosine are for ratings",
        &["tfidf", "cosine", "asymmetric", "jaccard", "bm25", "pearson", "adjusted-cosine"],
    )
    .searched(Search::Words(&["tfidf", "cosine", "asymmetric", "bm25"])),
    SHRINKAGE,
    SIGNIFICANCE,
    MINIMUM,
    K1,
    B,
    ASYMMETRY,
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

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let counts = from.u32s("counts")?;
    let interactions = saved::read_rows(from, Some(counts.len()))?;
    let means = from.f64s("means")?;
    if !means.is_empty() && means.len() != interactions.n_users() {
        return Err(wrong("means are not one for each customer"));
    }
    let settings = Settings::load(&from.section("settings"))?;
    let index =
        RowIndex::new(&interactions, settings).map_err(|error| wrong(&error.to_string()))?;
    Ok(Box::new(UserKnn { index, interactions, means }))
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
        let means = users.map(|user| lists::mean(training.interactions.row(user).1)).collect();
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
        let (mut sum, mut norm) = (0.0, 0.0);
        for neighbour in self.neighbours(history, &mut Scratch::default()) {
            let (items, weights) = self.interactions.row(neighbour.item as usize);
            if let Ok(at) = items.binary_search(&item) {
                let similarity = f64::from(neighbour.score);
                norm += similarity.abs();
                sum += similarity * (f64::from(weights[at]) - self.mean_of(neighbour.item));
            }
        }
        (norm > 0.0).then(|| lists::mean(history.weights) + sum / norm)
    }

    fn mean_of(&self, user: u32) -> f64 {
        self.means.get(user as usize).copied().unwrap_or(0.0)
    }

    fn is_for_ratings(&self) -> bool {
        !self.means.is_empty()
    }
}

impl Recommender for UserKnn {
    fn name(&self) -> &'static str {
        "user-knn"
    }

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
            let own_mean = lists::mean(history.weights);
            lists::to_averages(scores, norms, |_| own_mean);
        }
    }

    fn explain(&self, history: History<'_>, item: u32) -> Vec<Contribution> {
        lists::parts_of(self, history, item)
    }

    /// A neighbour's part is shared equally among the items he has in common with the history: they
    /// are why he is a neighbour.
    fn contributions(
        &self,
        history: History<'_>,
        _options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        // Shape (items, history).
        let mut parts = vec![0.0; items.len() * history.items.len()];
        let mut norms = vec![0.0; items.len()];
        for neighbour in self.neighbours(history, &mut pad.scratch) {
            let (own, weights) = self.interactions.row(neighbour.item as usize);
            let is_common = |at: &usize| own.binary_search(&history.items[*at]).is_ok();
            let common: Vec<usize> = (0..history.items.len()).filter(is_common).collect();
            let similarity = f64::from(neighbour.score);
            for (at, item) in items.iter().enumerate() {
                let Ok(place) = own.binary_search(item) else { continue };
                let value = f64::from(weights[place]) - self.mean_of(neighbour.item);
                norms[at] += similarity.abs();
                for one in &common {
                    parts[at * history.items.len() + one] +=
                        similarity * value / common.len() as f64;
                }
            }
        }
        let reason = |at: usize| {
            let norm = if self.is_for_ratings() { norms[at] } else { 1.0 };
            let row = &parts[at * history.items.len()..][..history.items.len()];
            let scored = row.iter().zip(history.items).filter(|(part, _)| **part != 0.0);
            let part = |(part, item): (&f64, &u32)| Contribution {
                item: *item,
                score: (part / norm) as f32,
            };
            Reason { model: self.name(), parts: scored.map(part).collect() }
        };
        (0..items.len()).map(reason).collect()
    }

    /// The index is made again when loading: it costs as much as reading it.
    fn save(&self, into: &mut Writer) {
        saved::write_rows(&self.interactions, into);
        into.u32s("counts", &self.interactions.item_counts());
        into.f64s("means", &self.means);
        into.section("settings", |into| self.index.settings().save(into));
    }
}
