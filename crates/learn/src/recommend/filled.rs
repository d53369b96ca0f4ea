//! A model whose lists are filled up with what is popular, so that nobody gets a short one.

use super::arrays::{Reader, Writer, wrong};
use super::{Contribution, History, ListOptions, Pad, Reason, Recommender, Scored, Trail, saved};
use crate::error::Result;
use std::sync::Arc;

/// The word that a buffer begins with; no model of the registry has this name.
pub(super) const NAME: &str = "filled";

/// Two models over the same items: the second is asked for what the first leaves open.
#[derive(Debug)]
pub struct Filled {
    model: Arc<dyn Recommender>,
    rest: Arc<dyn Recommender>,
}

impl Filled {
    /// Returns `model`, its lists filled up by `rest`.
    ///
    /// # Errors
    /// [`crate::Error::Length`] when the two rank different numbers of items.
    pub fn new(model: Arc<dyn Recommender>, rest: Arc<dyn Recommender>) -> Result<Self> {
        let (expected, got) = (model.n_items(), rest.n_items());
        if expected != got {
            return Err(crate::Error::Length { what: "items of the filling model", expected, got });
        }
        Ok(Self { model, rest })
    }

    fn fill(
        &self,
        list: &mut Vec<Scored>,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) {
        let n_own = list.len();
        if n_own >= options.length {
            return;
        }
        let score = list.last().map_or(0.0, |last| last.score.min(0.0));
        let more = ListOptions { length: options.length + n_own, ..*options };
        let rest = self.rest.recommend(history, &more, pad);
        pad.is_seen.clear();
        pad.is_seen.reserve(self.n_items());
        list.iter().for_each(|known| *pad.is_seen.touch(known.item) = true);
        let is_new = |one: &Scored| !pad.is_seen.get(one.item);
        let left = options.length - n_own;
        list.extend(rest.into_iter().filter(is_new).take(left).map(|one| Scored { score, ..one }));
    }
}

pub(super) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let [model, rest] = ["model", "rest"].map(|section| saved::load_registered(from, section));
    let filled =
        Filled::new(model?.into(), rest?.into()).map_err(|error| wrong(&error.to_string()))?;
    Ok(Box::new(filled))
}

impl Recommender for Filled {
    /// The name of what is filled up.
    fn name(&self) -> &'static str {
        self.model.name()
    }

    fn n_items(&self) -> usize {
        self.model.n_items()
    }

    fn score(&self, history: History<'_>, pad: &mut Pad) {
        self.model.score(history, pad);
    }

    fn explain(&self, history: History<'_>, item: u32) -> Vec<Contribution> {
        self.model.explain(history, item)
    }

    fn contributions(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        self.model.contributions(history, options, items, pad)
    }

    /// The filling stands behind, with the score 0, or the last one's where that is below.
    fn recommend(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Vec<Scored> {
        self.traced(history, options, pad).0
    }

    fn traced(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> (Vec<Scored>, Trail) {
        let (mut list, trail) = self.model.traced(history, options, pad);
        self.fill(&mut list, history, options, pad);
        (list, trail)
    }

    fn retraced(
        &self,
        trail: &Trail,
        history: History<'_>,
        options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        self.model.retraced(trail, history, options, items, pad)
    }

    fn save(&self, into: &mut Writer) {
        into.section("model", |into| saved::write(&*self.model, into));
        into.section("rest", |into| saved::write(&*self.rest, into));
    }

    fn saved_as(&self) -> &'static str {
        NAME
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{Interactions, Repeats};
    use crate::recommend::{Entry, Training};

    #[test]
    fn what_the_model_leaves_open_is_popular() {
        // Items 0 and 1 are bought together; 3 is had by two, 2 by one.
        let users = [0, 0, 1, 1, 2, 3, 4];
        let items = [0, 1, 0, 1, 3, 3, 2];
        let all = Interactions::from_triples(5, 4, &users, &items, &[1.0; 7], Repeats::Add);
        let all = all.unwrap();
        let fit = |name| {
            let entry = Entry::find(name).unwrap();
            entry.fit(&Training::new(&all), &entry.defaults()).unwrap()
        };
        let model = Filled::new(fit("item-knn").into(), fit("popular").into()).unwrap();
        let history = History { items: &[0], weights: &[1.0], ..History::default() };
        let list = model.recommend(history, &ListOptions::unseen(3), &mut Pad::default());
        let found: Vec<u32> = list.iter().map(|one| one.item).collect();
        assert_eq!(found, [1, 3, 2]);
        assert!(list[0].score > 0.0 && list[1].score == 0.0);
        assert_eq!(model.name(), "item-knn");
    }
}
