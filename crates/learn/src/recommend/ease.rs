//! Items that predict each other, all at once and exactly (Steck 2019, "Embarrassingly shallow
//! autoencoders for sparse data").
//!
//! `score(j) = Σ over i in the history of w_i B_ij`, where `B` minimises `‖X − X B‖² + λ ‖B‖²` with
//! a diagonal of zeros: with `P = (XᵀX + λ I)⁻¹`, `B_ij = −P_ij / P_jj` (eq. 8). The cost is that
//! of one inverse, n³ operations for n items, and 4 bytes for each pair of items; beyond
//! `items_most` it is refused. Up to 4,096 items the inverse is made in double precision, above in
//! single.

use super::arrays::{Reader, Writer, wrong};
use super::settings::HALF_LIFE_ITEMS;
use super::{
    Contribution, History, ListOptions, Pad, Parameter, Parameters, Reason, Recommender, Scored,
    Search, Training, Vote, lists, saved,
};
use crate::error::{Error, Result};
use crate::interactions::Interactions;
use crate::linear_algebra::inverse::Square;
use crate::linear_algebra::lanes::{Level, Number};
use crate::neighbours::Accumulator;
use rayon::prelude::*;

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::real(
        "regularization",
        "λ: how much the weights are held back, in interactions of an item",
        500.0,
        [1e-3, 1e9],
    )
    .searched(Search::Log(10.0, 5000.0)),
    Parameter::whole(
        "items_most",
        "more items are refused: memory grows by 4 bytes for each pair of items",
        20_000,
        [1, 60_000],
    ),
    HALF_LIFE_ITEMS,
];

/// Up to so many items the inverse is made in double precision.
pub(crate) const DOUBLE_ITEMS: usize = 4096;

/// For each pair of items what the first says of the second.
#[derive(Debug, Clone, PartialEq)]
pub struct Ease {
    n_items: usize,
    /// Shape `(n_items, n_items)`: row `i` is what `i` of a history adds to every score.
    weights: Vec<f32>,
    half_life_items: f32,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let regularization = f64::from(parameters.real("regularization"));
    let items_most = parameters.whole("items_most");
    let half_life_items = parameters.real(HALF_LIFE_ITEMS.name);
    Ok(Box::new(Ease::fit(training.interactions, regularization, items_most, half_life_items)?))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let n_items = saved::whole(from, "items")?;
    let weights = from.f32s("weights")?;
    if n_items.checked_mul(n_items) != Some(weights.len()) {
        return Err(wrong("weights are not one for each pair of items"));
    }
    if weights.iter().any(|weight| !weight.is_finite()) {
        return Err(wrong("a weight is not finite"));
    }
    let half_life_items = saved::number(from, "half_life_items")?;
    Ok(Box::new(Ease { n_items, weights, half_life_items }))
}

impl Ease {
    /// Fits the weights.
    ///
    /// # Errors
    /// [`Error::TooLarge`] with more than `items_most` items, [`Error::NoSolution`] when rounding
    /// leaves no inverse: the regularization is too small.
    pub fn fit(
        interactions: &Interactions,
        regularization: f64,
        items_most: usize,
        half_life_items: f32,
    ) -> Result<Self> {
        let n_items = interactions.n_items();
        if n_items > items_most {
            return Err(Error::TooLarge {
                what: "the number of items for ease (keep the popular ones, raise `items_most` if \
                       there is memory of 4 bytes for each pair, or take rp3beta or item-knn)",
                limit: items_most,
                got: n_items,
            });
        }
        let weights = if n_items <= DOUBLE_ITEMS {
            weights::<f64>(interactions, regularization)?
        } else {
            weights::<f32>(interactions, regularization)?
        };
        Ok(Self { n_items, weights, half_life_items })
    }

    fn votes(&self, history: History<'_>) -> impl Iterator<Item = Vote> {
        let known = |vote: &Vote| (vote.item as usize) < self.n_items;
        history.votes(self.half_life_items).filter(known)
    }

    fn row(&self, item: u32) -> &[f32] {
        &self.weights[item as usize * self.n_items..][..self.n_items]
    }

    /// Writes all scores into the pad; returns whether the history says anything.
    fn score_all(&self, history: History<'_>, pad: &mut Pad) -> bool {
        pad.dense.clear();
        pad.dense.resize(self.n_items, 0.0);
        let mut says_something = false;
        for vote in self.votes(history) {
            let strength = (vote.recency * vote.value) as f32;
            let row = self.row(vote.item);
            // An item that nobody had predicts nothing.
            says_something |= row.iter().any(|weight| *weight != 0.0);
            for (score, weight) in pad.dense.iter_mut().zip(row) {
                *score += strength * weight;
            }
        }
        says_something
    }
}

/// Returns `B`, row-major.
fn weights<N: Number>(interactions: &Interactions, regularization: f64) -> Result<Vec<f32>> {
    let n_items = interactions.n_items();
    let mut matrix = normal_matrix::<N>(interactions, regularization);
    matrix.invert(Level::detect())?;
    let diagonal: Vec<f64> = (0..n_items).map(|item| matrix.row(item)[item].wide()).collect();
    let mut weights = vec![0.0_f32; n_items * n_items];
    weights.par_chunks_exact_mut(n_items.max(1)).enumerate().for_each(|(item, into)| {
        for (other, (into, value)) in into.iter_mut().zip(matrix.row(item)).enumerate() {
            *into = if other == item { 0.0 } else { (-value.wide() / diagonal[other]) as f32 };
        }
    });
    Ok(weights)
}

/// Returns the lower triangle of `XᵀX + λ I`.
fn normal_matrix<N: Number>(interactions: &Interactions, regularization: f64) -> Square<N> {
    let by_item = interactions.transposed();
    let mut matrix = Square::<N>::zeros(interactions.n_items());
    let fill = |sums: &mut Accumulator<f64>, (item, row): (usize, &mut [N])| {
        sums.reserve(item + 1);
        add_products(interactions, &by_item, item, |other, product| {
            *sums.touch(other) += product;
        });
        for other in sums.touched() {
            row[*other as usize] = N::near(sums.get(*other));
        }
        sums.clear();
        row[item] = N::near(row[item].wide() + regularization);
    };
    matrix.rows_mut().enumerate().for_each_init(Accumulator::default, fill);
    matrix
}

/// Calls `add` with each item up to `item` and a part of their product.
pub(crate) fn add_products(
    interactions: &Interactions,
    by_item: &Interactions,
    item: usize,
    mut add: impl FnMut(u32, f64),
) {
    let (users, weights) = by_item.row(item);
    for (user, own) in users.iter().zip(weights) {
        let (others, weights) = interactions.row(*user as usize);
        for (other, weight) in others.iter().zip(weights) {
            if *other as usize > item {
                break;
            }
            add(*other, f64::from(*own) * f64::from(*weight));
        }
    }
}

impl Recommender for Ease {
    fn name(&self) -> &'static str {
        "ease"
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn score(&self, history: History<'_>, pad: &mut Pad) {
        pad.scores.reserve(self.n_items);
        if self.score_all(history, pad) {
            lists::score_dense(|_, score| score != 0.0, pad);
        }
    }

    fn recommend(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Vec<Scored> {
        if !self.score_all(history, pad) {
            return Vec::new();
        }
        lists::select_dense(|_, score| score != 0.0, history, options, pad)
    }

    fn explain(&self, history: History<'_>, item: u32) -> Vec<Contribution> {
        lists::parts_of(self, history, item)
    }

    fn contributions(
        &self,
        history: History<'_>,
        _options: &ListOptions<'_>,
        items: &[u32],
        _pad: &mut Pad,
    ) -> Vec<Reason> {
        let votes: Vec<Vote> = self.votes(history).collect();
        let reason = |item: &u32| {
            let part = |vote: &Vote| {
                let weight = *self.row(vote.item).get(*item as usize)?;
                let score = (vote.recency * vote.value) as f32 * weight;
                (score != 0.0).then_some(Contribution { item: vote.item, score })
            };
            Reason { model: self.name(), parts: votes.iter().filter_map(part).collect() }
        };
        items.iter().map(reason).collect()
    }

    fn save(&self, into: &mut Writer) {
        into.u64s("items", &[self.n_items as u64]);
        into.f32s("weights", &self.weights);
        into.f32s("half_life_items", &[self.half_life_items]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::Repeats;
    use crate::linear_algebra::Cholesky;

    fn interactions() -> Interactions {
        let pairs = (0..40_u32).flat_map(|user| (0..19_u32).map(move |item| (user, item)));
        let chosen = pairs.filter(|(user, item)| (user * 13 + item * item * 7) % 10 < 4);
        let (users, items): (Vec<u32>, Vec<u32>) = chosen.unzip();
        let weights: Vec<f32> = users.iter().map(|user| 1.0 + (user % 3) as f32).collect();
        Interactions::from_triples(40, 19, &users, &items, &weights, Repeats::Add).unwrap()
    }

    #[test]
    fn the_weights_solve_each_item_s_ridge_regression() {
        // Without the diagonal, B's columns are ridge regressions on the other items.
        let all = interactions();
        let n = all.n_items();
        let ease = Ease::fit(&all, 2.5, 100, 0.0).unwrap();
        let dense: Vec<Vec<f64>> = (0..all.n_users())
            .map(|user| {
                let mut row = vec![0.0; n];
                let (items, weights) = all.row(user);
                items.iter().zip(weights).for_each(|(i, w)| row[*i as usize] = f64::from(*w));
                row
            })
            .collect();
        let product = |i: usize, j: usize| dense.iter().map(|row| row[i] * row[j]).sum::<f64>();
        for target in 0..n {
            let others: Vec<usize> = (0..n).filter(|item| *item != target).collect();
            let mut matrix = Vec::new();
            for row in &others {
                for column in &others {
                    let held = if row == column { 2.5 } else { 0.0 };
                    matrix.push(product(*row, *column) + held);
                }
            }
            let mut right: Vec<f64> = others.iter().map(|item| product(*item, target)).collect();
            Cholesky::factor(n - 1, matrix).unwrap().solve_in_place(&mut right);
            for (item, expected) in others.iter().zip(right) {
                let got = f64::from(ease.row(*item as u32)[target]);
                assert!((got - expected).abs() < 1e-6, "{got} is not {expected}");
            }
            assert_eq!(ease.row(target as u32)[target], 0.0);
        }
    }

    #[test]
    fn single_precision_is_near_double() {
        let all = interactions();
        let [single, double] =
            [weights::<f32>(&all, 2.5).unwrap(), weights::<f64>(&all, 2.5).unwrap()];
        for (single, double) in single.iter().zip(double) {
            assert!((single - double).abs() < 1e-4);
        }
    }

    #[test]
    fn too_many_items_are_refused_with_what_to_do() {
        let error = Ease::fit(&interactions(), 1.0, 18, 0.0).unwrap_err().to_string();
        assert!(error.contains("is limited to 18, got 19") && error.contains("rp3beta"), "{error}");
    }

    #[test]
    fn the_parts_make_the_score() {
        let all = interactions();
        let ease = Ease::fit(&all, 2.5, 100, 0.0).unwrap();
        let history = History::of(&all, 3);
        for one in ease.recommend(history, &ListOptions::unseen(4), &mut Pad::default()) {
            let sum: f32 = ease.explain(history, one.item).iter().map(|part| part.score).sum();
            assert!((sum - one.score).abs() < 1e-5);
        }
    }
}
