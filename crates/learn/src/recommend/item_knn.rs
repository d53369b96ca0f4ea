//! Items like those the customer has: who bought this also bought that (Sarwar et al. 2001).
//!
//! With `score=sum`, for ranking: `score(j) = Σ over i in the history of w_i · s(i, j)`, where `j`
//! is among the nearest of `i`, as implicit does it. With `score=rating`, for ratings:
//! `r̂(j) = m_j + Σ s(i, j) (r_i − m_i) / Σ |s(i, j)|` over the `i` of the history that are among
//! the nearest of `j`, `m` the mean rating of an item. A list by predicted rating favours items
//! that few people love; the sum is what finds the next purchase.

use super::arrays::{Reader, Writer, wrong};
use super::settings::{
    ASYMMETRY, B, HALF_LIFE_ITEMS, K1, MINIMUM, SCORE, SHRINKAGE, SIGNIFICANCE, neighbours,
};
use super::{
    Contribution, History, Kind, ListOptions, Pad, Parameter, Parameters, Reason, Recommender,
    Scored, Search, Training, Vote, lists, saved,
};
use crate::error::Result;
use crate::neighbours::{Neighbours, RowIndex, Settings};

/// What can be set. Similarity, neighbours, shrinkage and b are the best compromise on the
/// validation parts of four public data sets, from films that everybody saw to shops whose items
/// are bought five times; docs/measurements.md has the figures.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::whole("neighbours", "similar items kept for each item", 100, [1, 10_000])
        .searched(Search::Log(20.0, 1000.0)),
    Parameter::word(
        "similarity",
        "how items are compared; pearson and adjusted-cosine are for ratings",
        &["bm25", "tfidf", "cosine", "asymmetric", "jaccard", "pearson", "adjusted-cosine"],
    )
    .searched(Search::Words(&["bm25", "cosine", "asymmetric"])),
    Parameter { kind: Kind::Real { default: 8.0, least: 0.0, most: 1e6 }, ..SHRINKAGE },
    SIGNIFICANCE,
    MINIMUM,
    K1,
    Parameter { kind: Kind::Real { default: 0.3, least: 0.0, most: 1.0 }, ..B },
    ASYMMETRY,
    SCORE,
    HALF_LIFE_ITEMS,
];

/// What makes two items similar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Basis {
    /// The same customers have them.
    Customers,
    /// Their texts are alike: the model `content`.
    Texts,
    /// Walks from one end at the other: the model `rp3beta`.
    Walks,
    /// One predicts the other: the model `slim`.
    Weights,
    /// One comes after the other: the model `transitions`.
    Order,
}

/// For each item the items similar to it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ItemKnn {
    /// Row `i` holds the items that `i` of a history speaks for.
    graph: Neighbours,
    basis: Basis,
    half_life_items: f32,
    /// Mean rating of each item; empty when the score is a sum.
    means: Vec<f64>,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let half_life_items = parameters.real("half_life_items");
    let settings = neighbours(parameters);
    Ok(Box::new(match parameters.word("score") {
        "rating" => ItemKnn::for_ratings(training, settings, half_life_items)?,
        _ => ItemKnn::for_ranking(training, settings, half_life_items)?,
    }))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    load_on(Basis::Customers, from)
}

pub(crate) fn load_on(basis: Basis, from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let graph = saved::read_graph(from)?;
    let means = from.f64s("means")?;
    if !means.is_empty() && means.len() != graph.n_rows() {
        return Err(wrong("means are not one for each item"));
    }
    let half_life_items = saved::number(from, "half_life_items")?;
    Ok(Box::new(ItemKnn { graph, basis, half_life_items, means }))
}

impl ItemKnn {
    /// Fits a model whose score is the sum of weights times similarities.
    ///
    /// # Errors
    /// [`crate::Error::Parameter`] when a setting is outside its range.
    pub fn for_ranking(
        training: &Training<'_>,
        settings: Settings,
        half_life_items: f32,
    ) -> Result<Self> {
        let by_item = training.interactions.transposed();
        let index = RowIndex::of_both(&by_item, training.interactions.clone(), settings)?;
        let graph = Neighbours::of_all(&by_item, &index);
        Ok(Self::over(graph, Basis::Customers, half_life_items))
    }

    /// Fits a model whose score is the predicted rating.
    ///
    /// # Errors
    /// [`crate::Error::Parameter`] when a setting is outside its range.
    pub fn for_ratings(
        training: &Training<'_>,
        settings: Settings,
        half_life_items: f32,
    ) -> Result<Self> {
        let ranking = Self::for_ranking(training, settings, half_life_items)?;
        let by_item = training.interactions.transposed();
        let means = (0..by_item.n_users()).map(|item| lists::mean(by_item.row(item).1)).collect();
        Ok(Self { graph: ranking.graph.turned(), means, ..ranking })
    }

    /// Returns a model over a given graph, whose score is the sum of weights times similarities.
    pub(crate) fn over(graph: Neighbours, basis: Basis, half_life_items: f32) -> Self {
        Self { graph, basis, half_life_items, means: Vec::new() }
    }

    /// Returns the `n` items most similar to `item`, best first.
    #[must_use]
    pub fn similar(&self, item: u32, n: usize) -> Vec<Scored> {
        self.graph.nearest(item, n)
    }

    /// Predicts the rating of `item`; `None` where no item of the history is among its nearest, or
    /// the model was not fitted for ratings.
    #[must_use]
    pub fn predict_rating(&self, history: History<'_>, item: u32) -> Option<f64> {
        let mean = self.means.get(item as usize)?;
        let (sum, norm) = self.sum_and_norm(history, item);
        (norm > 0.0).then(|| mean + sum / norm)
    }

    fn sum_and_norm(&self, history: History<'_>, item: u32) -> (f64, f64) {
        self.votes(history).fold((0.0, 0.0), |(sum, norm), vote| {
            let similarity = f64::from(self.graph.similarity(vote.item, item).unwrap_or(0.0));
            let strength = vote.recency * similarity;
            (sum + strength * vote.value, norm + strength.abs())
        })
    }

    /// Returns what each known item of the history says.
    fn votes(&self, history: History<'_>) -> impl Iterator<Item = Vote> {
        let known = move |vote: &Vote| (vote.item as usize) < self.graph.n_rows();
        let centred = move |vote: Vote| {
            let mean = self.means.get(vote.item as usize).copied().unwrap_or(0.0);
            Vote { value: vote.value - mean, ..vote }
        };
        history.votes(self.half_life_items).filter(known).map(centred)
    }

    fn is_for_ratings(&self) -> bool {
        !self.means.is_empty()
    }
}

impl Recommender for ItemKnn {
    fn name(&self) -> &'static str {
        match self.basis {
            Basis::Customers => "item-knn",
            Basis::Texts => "content",
            Basis::Walks => "rp3beta",
            Basis::Weights => "slim",
            Basis::Order => "transitions",
        }
    }

    fn save(&self, into: &mut Writer) {
        saved::write_rows(self.graph.rows(), into);
        into.f64s("means", &self.means);
        into.f32s("half_life_items", &[self.half_life_items]);
    }

    fn n_items(&self) -> usize {
        self.graph.n_rows()
    }

    fn score(&self, history: History<'_>, pad: &mut Pad) {
        let Pad { scores, norms, .. } = pad;
        scores.reserve(self.n_items());
        norms.reserve(self.n_items());
        for vote in self.votes(history) {
            let (items, similarities) = self.graph.row(vote.item as usize);
            for (item, similarity) in items.iter().zip(similarities) {
                let strength = vote.recency * f64::from(*similarity);
                *scores.touch(*item) += strength * vote.value;
                if self.is_for_ratings() {
                    *norms.touch(*item) += strength.abs();
                }
            }
        }
        if self.is_for_ratings() {
            lists::to_averages(scores, norms, |item| self.means[item as usize]);
        }
    }

    fn explain(&self, history: History<'_>, item: u32) -> Vec<Contribution> {
        lists::parts_of(self, history, item)
    }

    fn contributions(
        &self,
        history: History<'_>,
        _options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        let places = &mut pad.places;
        lists::note_places(places, self.n_items(), items);
        let mut norms = vec![0.0; items.len()];
        let mut parts: Vec<Vec<(u32, f64)>> = vec![Vec::new(); items.len()];
        for vote in self.votes(history) {
            let (others, similarities) = self.graph.row(vote.item as usize);
            for (other, similarity) in others.iter().zip(similarities) {
                let Some(at) = (places.get(*other) as usize).checked_sub(1) else { continue };
                let strength = vote.recency * f64::from(*similarity);
                norms[at] += strength.abs();
                parts[at].push((vote.item, strength * vote.value));
            }
        }
        places.clear();
        let reason = |(parts, norm): (Vec<(u32, f64)>, f64)| {
            let norm = if self.is_for_ratings() { norm } else { 1.0 };
            let part = |(item, part)| Contribution { item, score: (part / norm) as f32 };
            Reason { model: self.name(), parts: parts.into_iter().map(part).collect() }
        };
        parts.into_iter().zip(norms).map(reason).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{Interactions, Repeats};
    use crate::neighbours::Similarity;

    fn training() -> Interactions {
        // Items 0 and 1 are had by users 0 and 1, items 1 and 2 by user 2.
        let users = [0, 0, 1, 1, 2, 2];
        let items = [0, 1, 0, 1, 1, 2];
        Interactions::from_triples(3, 4, &users, &items, &[1.0; 6], Repeats::Add).unwrap()
    }

    #[test]
    fn the_score_is_the_sum_of_weights_times_similarities() {
        let interactions = training();
        let settings = Settings::new(Similarity::Cosine, 10);
        let model = ItemKnn::for_ranking(&Training::new(&interactions), settings, 0.0).unwrap();
        // s(0, 1) = 2 / √(2 · 3), s(1, 2) = 1 / √3.
        let history =
            History { items: &[0, 2, 9], weights: &[1.0, 3.0, 1.0], ..History::default() };
        let options = ListOptions::unseen(5);
        let list = model.recommend(history, &options, &mut Pad::default());
        assert_eq!(list.len(), 1);
        assert_eq!(list[0].item, 1);
        let expected = 2.0 / 6_f32.sqrt() + 3.0 / 3_f32.sqrt();
        assert!((list[0].score - expected).abs() < 1e-6);
        let parts = model.explain(history, 1);
        assert_eq!(parts.iter().map(|part| part.item).collect::<Vec<_>>(), [2, 0]);
        assert!((parts.iter().map(|part| part.score).sum::<f32>() - expected).abs() < 1e-6);
        assert_eq!(model.similar(1, 1)[0].item, 0);
    }

    #[test]
    fn old_items_of_the_history_count_less() {
        let interactions = training();
        let settings = Settings::new(Similarity::Cosine, 10);
        let model = ItemKnn::for_ranking(&Training::new(&interactions), settings, 0.5).unwrap();
        let ages = [0.0, 10.0];
        let history = History {
            items: &[0, 2],
            weights: &[1.0, 1.0],
            ages: Some(&ages),
            ..History::default()
        };
        let list = model.recommend(history, &ListOptions::unseen(5), &mut Pad::default());
        assert!((list[0].score - (2.0 / 6_f32.sqrt() + 0.25 / 3_f32.sqrt())).abs() < 1e-6);
    }

    #[test]
    fn a_predicted_rating_is_the_item_mean_plus_what_the_neighbours_say() {
        // Item 0: 4, 2 (mean 3); item 1: 5, 1 (mean 3); both centred by user means 4.5 and 1.5:
        // (−.5, .5) and (.5, −.5), adjusted cosine −1. Users 0, 1.
        let interactions = Interactions::from_triples(
            2,
            2,
            &[0, 1, 0, 1],
            &[0, 0, 1, 1],
            &[4.0, 2.0, 5.0, 1.0],
            Repeats::KeepLast,
        )
        .unwrap();
        let settings = Settings { minimum: -1.0, ..Settings::new(Similarity::AdjustedCosine, 10) };
        let model = ItemKnn::for_ratings(&Training::new(&interactions), settings, 0.0).unwrap();
        let history = History { items: &[0], weights: &[5.0], ..History::default() };
        // 3 + (−1)(5 − 3) / 1 = 1.
        assert!((model.predict_rating(history, 1).unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(model.predict_rating(History::default(), 1), None);
        let mut pad = Pad::default();
        let list = model.recommend(history, &ListOptions::unseen(5), &mut pad);
        assert_eq!((list[0].item, list[0].score), (1, 1.0));
    }
}
