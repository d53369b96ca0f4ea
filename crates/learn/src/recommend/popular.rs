//! What is bought most: the baseline every other model has to beat, and the list for a stranger.
//!
//! `score(i) = Σ over customers who have i of w · 2^(−age / half-life)`, with `w` 1 for each
//! customer or the weight of his interaction. A customer counts once for an item, at his latest
//! age.

use super::arrays::{Reader, Writer, wrong};
use super::lists::{few_allowed, mark_seen};
use super::{
    Contribution, History, ListOptions, Pad, Parameter, Parameters, Recommender, Scored, Training,
    decay,
};
use crate::error::Result;

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::word(
        "count",
        "customers: each counts 1; weights: each counts the weight of the interaction",
        &["customers", "weights"],
    ),
    Parameter::real(
        "half_life",
        "age after which an interaction counts half, in the unit of the ages; 0 for no decay",
        0.0,
        [0.0, 1e12],
    ),
];

/// So many allowed items are asked one by one.
const FEW: usize = 1000;

/// The score of each item, and the items in order of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Popular {
    scores: Vec<f64>,
    /// Items with a score other than 0, best first.
    order: Vec<Scored>,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let is_weighted = parameters.word("count") == "weights";
    Ok(Box::new(Popular::fit(training, is_weighted, parameters.real("half_life"))))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let scores = from.f64s("scores")?;
    match scores.iter().all(|score| score.is_finite()) {
        true => Ok(Box::new(Popular::of(scores))),
        false => Err(wrong("a score is not finite")),
    }
}

impl Popular {
    fn fit(training: &Training<'_>, is_weighted: bool, half_life: f32) -> Self {
        let interactions = training.interactions;
        let mut scores = vec![0.0_f64; interactions.n_items()];
        for user in 0..interactions.n_users() {
            let (items, weights) = interactions.row(user);
            let ages = interactions.ages(user);
            for (at, item) in items.iter().enumerate() {
                let weight = if is_weighted { f64::from(weights[at]) } else { 1.0 };
                let age = ages.map_or(0.0, |ages| ages[at]);
                scores[*item as usize] += weight * decay(age, half_life);
            }
        }
        Self::of(scores)
    }

    fn of(scores: Vec<f64>) -> Self {
        let ranked = scores.iter().enumerate().filter(|(_, score)| **score != 0.0);
        let mut order: Vec<Scored> = ranked
            .map(|(item, score)| Scored { item: item as u32, score: *score as f32 })
            .collect();
        order.sort_unstable_by(Scored::rank);
        Self { scores, order }
    }
}

impl Recommender for Popular {
    fn name(&self) -> &'static str {
        "popular"
    }

    fn save(&self, into: &mut Writer) {
        into.f64s("scores", &self.scores);
    }

    fn n_items(&self) -> usize {
        self.scores.len()
    }

    fn score(&self, _: History<'_>, pad: &mut Pad) {
        pad.scores.reserve(self.n_items());
        for one in &self.order {
            *pad.scores.touch(one.item) = self.scores[one.item as usize];
        }
    }

    /// Returns nothing: what is popular is so without the customer.
    fn explain(&self, _: History<'_>, _: u32) -> Vec<Contribution> {
        Vec::new()
    }

    /// Walks down the order, which costs the length of the list, not the number of items; where few
    /// are allowed, asks these.
    fn recommend(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Vec<Scored> {
        mark_seen(self.n_items(), history, options, pad);
        if let Some(few) = options.allowed.and_then(|allowed| few_allowed(allowed, FEW)) {
            pad.best.start(options.length);
            // The caller may know more items than the model does.
            let scored =
                few.into_iter().filter_map(|item| Some((item, *self.scores.get(item as usize)?)));
            for (item, score) in
                scored.filter(|(item, score)| *score != 0.0 && !pad.is_seen.get(*item))
            {
                pad.best.push(item, score as f32);
            }
            return pad.best.finish().to_vec();
        }
        let may_show = |one: &&Scored| !pad.is_seen.get(one.item) && options.allows(one.item);
        self.order.iter().filter(may_show).take(options.length).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_allowed_items_come_in_the_order_of_all() {
        // Some share a score, and a tenth has none.
        let model =
            Popular::of((0..5000_u32).map(|item| f64::from(item * 7919 % 500 / 50)).collect());
        let history = History { items: &[3, 77], weights: &[1.0, 1.0], ..History::default() };
        let (all, mut pad) = (ListOptions::unseen(5000), Pad::default());
        let order = model.recommend(history, &all, &mut pad);
        for nth in [1, 3, 17, 400, 6000] {
            let allowed: Vec<bool> = (0..5010).map(|item| item % nth == nth / 2).collect();
            for length in [1, 20, 5000] {
                let options = ListOptions { length, allowed: Some(&allowed), ..all };
                let list = model.recommend(history, &options, &mut pad);
                let expected = order.iter().filter(|one| allowed[one.item as usize]).take(length);
                assert_eq!(list, expected.copied().collect::<Vec<_>>(), "every {nth}th");
            }
        }
    }
}
