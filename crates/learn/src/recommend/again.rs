//! What the customer looked at or bought before, shown again: for goods that are used up, and for
//! what was looked at but not bought yet.
//!
//! `score(j) = w_j · recency_j` for each item `j` of the history, nothing else. Frequency and
//! recency of a customer's own purchases are hard to beat where baskets repeat (Hu et al. 2020,
//! "Modeling personalized item frequency information for next-basket recommendation").

use super::arrays::{Reader, Writer};
use super::settings::HALF_LIFE_ITEMS;
use super::{
    Contribution, History, ListOptions, Pad, Parameter, Parameters, Reason, Recommender, Training,
    Vote, lists,
};
use crate::error::Result;

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[HALF_LIFE_ITEMS];

/// Knows only how many items there are and how fast they fade.
#[derive(Debug, Clone, PartialEq)]
pub struct Again {
    /// For each item how many customers had it.
    counts: Vec<u32>,
    half_life_items: f32,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    Ok(Box::new(Again {
        counts: training.interactions.item_counts(),
        half_life_items: parameters.real("half_life_items"),
    }))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let half_life_items = super::saved::number(from, "half_life_items")?;
    Ok(Box::new(Again { counts: from.u32s("counts")?, half_life_items }))
}

impl Recommender for Again {
    fn name(&self) -> &'static str {
        "again"
    }

    fn n_items(&self) -> usize {
        self.counts.len()
    }

    fn score(&self, history: History<'_>, pad: &mut Pad) {
        pad.scores.reserve(self.n_items());
        for vote in history.votes(self.half_life_items) {
            if (vote.item as usize) < self.n_items() {
                *pad.scores.touch(vote.item) += vote.recency * vote.value;
            }
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
        lists::note_places(&mut pad.places, self.n_items(), items);
        let empty = Reason { model: self.name(), parts: Vec::new() };
        let mut reasons = vec![empty; items.len()];
        let known = |vote: &Vote| (vote.item as usize) < self.n_items();
        for vote in history.votes(self.half_life_items).filter(known) {
            if let Some(at) = (pad.places.get(vote.item) as usize).checked_sub(1) {
                let score = (vote.recency * vote.value) as f32;
                reasons[at].parts.push(Contribution { item: vote.item, score });
            }
        }
        pad.places.clear();
        reasons
    }

    fn save(&self, into: &mut Writer) {
        into.u32s("counts", &self.counts);
        into.f32s("half_life_items", &[self.half_life_items]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::Seen;

    #[test]
    fn what_was_had_lately_and_often_comes_first() {
        let model = Again { counts: vec![1; 5], half_life_items: 1.0 };
        let history = History {
            items: &[1, 2, 4, 9],
            weights: &[1.0, 3.0, 1.0, 5.0],
            ages: Some(&[0.0, 5.0, 9.0, 9.0]),
            ..History::default()
        };
        let options = ListOptions { seen: Seen::Keep, ..ListOptions::unseen(9) };
        let list = model.recommend(history, &options, &mut Pad::default());
        let found: Vec<_> = list.iter().map(|one| (one.item, one.score)).collect();
        // 3 · 2⁻¹ for the second youngest; item 9 is not known.
        assert_eq!(found, [(2, 1.5), (1, 1.0), (4, 0.25)]);
        assert_eq!(model.explain(history, 2), [Contribution { item: 2, score: 1.5 }]);
        assert!(model.explain(history, 3).is_empty());
    }
}
