//! What to show whom: models that turn a customer's history into a ranked list of items.
//!
//! A model is one file here and one line in [`MODELS`]; the command line, the reference and the
//! conformance test loop over that list. A fitted [`Recommender`] is asked with a [`History`], not
//! with a user: a new customer, or one who bought something a second ago, needs no new fit. Full
//! ranking over all items; what counts as good is measured in `evaluate::ranking`. Prices, stock
//! and business rules are the caller's: he passes which items are allowed.

pub mod again;
pub mod als;
pub mod arrays;
pub mod auto;
pub mod bpr;
pub mod content;
pub mod ease;
pub mod filled;
pub mod hybrid;
pub mod item_knn;
pub mod lists;
pub mod parameters;
pub mod popular;
pub mod ranker;
pub mod rp3beta;
pub mod saved;
pub mod sequence;
pub mod session_knn;
pub mod slim;
pub mod transitions;
pub mod user_knn;

mod blend;
mod settings;
mod trail;
mod training;

pub use crate::neighbours::Scored;
pub use content::Field;
pub use filled::Filled;
pub use lists::{Because, Lists, explain_all, few_allowed, recommend_all};
pub use parameters::{Kind, Parameter, Parameters, Search, Value};
pub use trail::Trail;
pub use training::{Clock, Rehearsal, Training};

use crate::error::{Error, Result};
use crate::interactions::Interactions;
use crate::neighbours::{Accumulator, Best, Scratch};

/// All recommenders, simplest first.
pub const MODELS: &[Entry] = &[
    Entry {
        name: "popular",
        about: "most bought, lately if wanted: the same list for everybody",
        parameters: popular::PARAMETERS,
        build: popular::build,
        load: popular::load,
    },
    Entry {
        name: "again",
        about: "what the customer looked at or bought before, shown again",
        parameters: again::PARAMETERS,
        build: again::build,
        load: again::load,
    },
    Entry {
        name: "user-knn",
        about: "what similar customers bought or rated highly",
        parameters: user_knn::PARAMETERS,
        build: user_knn::build,
        load: user_knn::load,
    },
    Entry {
        name: "item-knn",
        about: "what is bought together with what the customer has",
        parameters: item_knn::PARAMETERS,
        build: item_knn::build,
        load: item_knn::load,
    },
    Entry {
        name: "rp3beta",
        about: "where walks from what the customer has end, popular ends held back",
        parameters: rp3beta::PARAMETERS,
        build: rp3beta::build,
        load: rp3beta::load,
    },
    Entry {
        name: "session-knn",
        about: "what people went on to whose visits looked like this one",
        parameters: session_knn::PARAMETERS,
        build: session_knn::build,
        load: session_knn::load,
    },
    Entry {
        name: "transitions",
        about: "what comes next after what the customer has, by the order of histories",
        parameters: transitions::PARAMETERS,
        build: transitions::build,
        load: transitions::load,
    },
    Entry {
        name: "slim",
        about: "the few items that predict each item, by elastic nets",
        parameters: slim::PARAMETERS,
        build: slim::build,
        load: slim::load,
    },
    Entry {
        name: "ease",
        about: "items that predict each other, in closed form: the best where items are thousands",
        parameters: ease::PARAMETERS,
        build: ease::build,
        load: ease::load,
    },
    Entry {
        name: "als",
        about: "factors of customers and items, fitted to what everybody had",
        parameters: als::PARAMETERS,
        build: als::build,
        load: als::load,
    },
    Entry {
        name: "bpr",
        about: "factors that put what a customer had before what he had not",
        parameters: bpr::PARAMETERS,
        build: bpr::build,
        load: bpr::load,
    },
    Entry {
        name: "sequence",
        about: "what comes next after what the customer had, in its order",
        parameters: sequence::PARAMETERS,
        build: sequence::build,
        load: sequence::load,
    },
    Entry {
        name: "content",
        about: "what reads like what the customer has: title, category, brand, price band",
        parameters: content::PARAMETERS,
        build: content::build,
        load: content::load,
    },
    Entry {
        name: "hybrid",
        about: "a blend of other models, with weights learned on held-out interactions",
        parameters: hybrid::PARAMETERS,
        build: hybrid::build,
        load: hybrid::load,
    },
    Entry {
        name: "ranker",
        about: "candidates of other models in the order of a chance learned on held-out \
                interactions",
        parameters: ranker::PARAMETERS,
        build: ranker::build,
        load: ranker::load,
    },
    Entry {
        name: "auto",
        about: "the best of all of these for the data at hand, found within a budget of time",
        parameters: auto::PARAMETERS,
        build: auto::build,
        load: auto::load,
    },
];

/// A model in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The name, as after `--model`.
    pub name: &'static str,
    /// What it recommends, in one line.
    pub about: &'static str,
    /// What can be set.
    pub parameters: &'static [Parameter],
    /// Fits it; called through [`Entry::fit`].
    build: fn(&Training<'_>, &Parameters) -> Result<Box<dyn Recommender>>,
    /// Reads it back; called through [`saved::from_bytes`].
    load: fn(&arrays::Reader<'_>) -> Result<Box<dyn Recommender>>,
}

impl Entry {
    /// Returns the model called `name`.
    ///
    /// # Errors
    /// [`Error::Parameter`] listing the names there are.
    pub fn find(name: &str) -> Result<&'static Self> {
        MODELS.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let names: Vec<_> = MODELS.iter().map(|entry| entry.name).collect();
            Error::parameter("model", format!("one of {}", names.join(", ")), name)
        })
    }

    /// Returns whether it joins other models, and so asks them what was held out.
    #[must_use]
    pub fn joins(&self) -> bool {
        hybrid::JOINED.contains(&self.name)
    }

    /// Returns the model's default settings.
    #[must_use]
    pub fn defaults(&self) -> Parameters {
        Parameters::defaults(self.parameters)
    }

    /// Fits the model.
    ///
    /// # Errors
    /// [`Error::TooLittle`] when the training data lack what the model needs.
    pub fn fit(
        &self,
        training: &Training<'_>,
        parameters: &Parameters,
    ) -> Result<Box<dyn Recommender>> {
        (self.build)(training, parameters)
    }
}

/// What one customer has done: the question a recommender answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct History<'a> {
    /// Which row of the training data this is, if any, so that nobody is his own neighbour.
    pub user: Option<u32>,
    /// The items, each once, in any order; those a model does not know are passed over.
    pub items: &'a [u32],
    /// One weight each: counts, ratings, 1.
    pub weights: &'a [f32],
    /// How long ago each was, ≥ 0, in the unit of the training data.
    pub ages: Option<&'a [f32]>,
}

impl<'a> History<'a> {
    /// Returns the history of a row of `interactions`.
    #[must_use]
    pub fn of(interactions: &'a Interactions, user: u32) -> Self {
        let (items, weights) = interactions.row(user as usize);
        Self { user: Some(user), items, weights, ages: interactions.ages(user as usize) }
    }

    /// Returns the items from the oldest to the youngest; of those of equal age, and without ages,
    /// in the order they stand.
    #[must_use]
    pub fn ordered(self) -> Vec<u32> {
        let Some(ages) = self.ages else { return self.items.to_vec() };
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by(|left, right| ages[*right].total_cmp(&ages[*left]));
        order.into_iter().map(|at| self.items[at]).collect()
    }

    /// Returns what each interaction says, its recency halved for every `half_life_items` younger
    /// ones (0 for no decay). Counting items instead of days needs no unit, and a customer who was
    /// away for a year is still known by his last purchases; items of equal age count alike.
    pub(crate) fn votes(self, half_life_items: f32) -> impl Iterator<Item = Vote> {
        let recencies = self.recencies(half_life_items);
        self.items.iter().enumerate().map(move |(at, item)| Vote {
            item: *item,
            value: f64::from(self.weights[at]),
            recency: recencies.get(at).copied().unwrap_or(1.0),
        })
    }

    /// Returns the recency of each interaction, or nothing when all count alike.
    fn recencies(self, half_life_items: f32) -> Vec<f64> {
        let Some(ages) = self.ages.filter(|_| half_life_items > 0.0) else { return Vec::new() };
        let mut order: Vec<usize> = (0..ages.len()).collect();
        order.sort_by(|left, right| ages[*left].total_cmp(&ages[*right]));
        let mut recencies = vec![1.0; ages.len()];
        let mut younger = 0;
        for same in order.chunk_by(|left, right| ages[*left] == ages[*right]) {
            let recency = decay(younger as f32, half_life_items);
            for at in same {
                recencies[*at] = recency;
            }
            younger += same.len();
        }
        recencies
    }
}

/// What one interaction of a history says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vote {
    pub(crate) item: u32,
    /// Its weight, or a rating's distance from the mean.
    pub(crate) value: f64,
    /// How much it still counts, 0 to 1.
    pub(crate) recency: f64,
}

/// Returns 2^(−age / half-life), and 1 for a half-life of 0.
pub(crate) fn decay(age: f32, half_life: f32) -> f64 {
    if half_life > 0.0 { (-f64::from(age) / f64::from(half_life)).exp2() } else { 1.0 }
}

/// A part of a score: which item of the history it comes from.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Contribution {
    /// The item of the history: "because you bought …".
    pub item: u32,
    /// What it adds to the score.
    pub score: f32,
}

/// Why an item stands in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// The model that gives the largest part of the score.
    pub model: &'static str,
    /// What the items of the history add, largest part first.
    pub parts: Vec<Contribution>,
}

/// What a list may hold.
#[derive(Debug, Clone, Copy)]
pub struct ListOptions<'a> {
    /// The most items in a list.
    pub length: usize,
    /// Whether items of the history may come again.
    pub seen: Seen,
    /// For each item whether it may be shown; `None` allows all.
    pub allowed: Option<&'a [bool]>,
}

/// Whether a list may hold what the customer already has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Seen {
    /// Left out.
    Remove,
    /// Left out where its weight is at least this: what was bought, not what was looked at.
    RemoveFrom(f32),
    /// Ranked like everything else.
    Keep,
}

impl ListOptions<'_> {
    /// Returns options for unseen items, all allowed.
    #[must_use]
    pub fn unseen(length: usize) -> Self {
        Self { length, seen: Seen::Remove, allowed: None }
    }

    /// Returns whether an item of the history with this weight may come again.
    pub(crate) fn may_repeat(&self, weight: f32) -> bool {
        match self.seen {
            Seen::Remove => false,
            Seen::RemoveFrom(least) => weight < least,
            Seen::Keep => true,
        }
    }

    /// Returns whether nothing but the history forbids `item`.
    pub(crate) fn allows(&self, item: u32) -> bool {
        self.allowed.is_none_or(|allowed| allowed.get(item as usize).copied().unwrap_or(false))
    }
}

/// Reusable memory for answering; one for each thread. Any model can use any pad.
#[derive(Debug, Default)]
pub struct Pad {
    /// The scores of the items a model has an opinion on.
    pub(crate) scores: Accumulator<f64>,
    /// Divisors of the scores, for models that average.
    pub(crate) norms: Accumulator<f64>,
    /// For comparing the history with others.
    pub(crate) scratch: Scratch,
    /// Which items are in the history.
    pub(crate) is_seen: Accumulator<bool>,
    /// A score for every item, for models with an opinion on all.
    pub(crate) dense: Vec<f32>,
    /// Past sessions that share items with the history.
    pub(crate) sessions: Accumulator<session_knn::Match>,
    /// For selecting the best.
    pub(crate) best: Best,
    /// For each item that is to be explained its place among those, from 1.
    pub(crate) places: Accumulator<u32>,
    /// What goes through a network, for models that are one.
    pub(crate) tape: sequence::Tape,
    /// The pad of a member, for models made of others.
    pub(crate) inner: Option<Box<Self>>,
}

/// A fitted model.
pub trait Recommender: std::fmt::Debug + Send + Sync {
    /// Returns the name in the registry.
    fn name(&self) -> &'static str;

    /// Returns how many items it ranks.
    fn n_items(&self) -> usize;

    /// Writes into the pad the score of each item it has an opinion on. The pad comes cleared.
    fn score(&self, history: History<'_>, pad: &mut Pad);

    /// Returns which items of the history make the score of `item`, largest part first. The parts
    /// sum to the score, save what does not come from the history (popularity, a mean). Empty when
    /// the history has nothing to do with it.
    fn explain(&self, history: History<'_>, item: u32) -> Vec<Contribution>;

    /// Returns why each of `items` stands in the list that [`Recommender::recommend`] gives for the
    /// same history and options: as [`Recommender::explain`], at the cost of about one list, the
    /// parts in no order.
    fn contributions(
        &self,
        history: History<'_>,
        _options: &ListOptions<'_>,
        items: &[u32],
        _pad: &mut Pad,
    ) -> Vec<Reason> {
        let reason =
            |item: &u32| Reason { model: self.name(), parts: self.explain(history, *item) };
        items.iter().map(reason).collect()
    }

    /// Returns the list that [`Recommender::recommend`] gives, and what was found on the way to it.
    fn traced(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> (Vec<Scored>, Trail) {
        (self.recommend(history, options, pad), Trail::Nothing)
    }

    /// Returns what [`Recommender::contributions`] does, with the trail of the list that
    /// [`Recommender::traced`] gave, which spares looking for the candidates again.
    fn retraced(
        &self,
        _trail: &Trail,
        history: History<'_>,
        options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        self.contributions(history, options, items, pad)
    }

    /// Returns the list that [`Recommender::recommend`] gives, with what
    /// [`Recommender::contributions`] says of its entries.
    fn explained(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> (Vec<Scored>, Vec<Reason>) {
        let (list, trail) = self.traced(history, options, pad);
        let items: Vec<u32> = list.iter().map(|one| one.item).collect();
        let reasons = self.retraced(&trail, history, options, &items, pad);
        (list, reasons)
    }

    /// Returns what [`Recommender::retraced`] does, largest part first.
    fn reasons(
        &self,
        trail: &Trail,
        history: History<'_>,
        options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        let mut reasons = self.retraced(trail, history, options, items, pad);
        for reason in &mut reasons {
            reason.parts = lists::largest_first(std::mem::take(&mut reason.parts));
        }
        reasons
    }

    /// Returns what fitting has to say of itself, by name: a loss, the iterations it took.
    fn figures(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Writes what is needed to load the model; called through [`saved::to_bytes`].
    fn save(&self, into: &mut arrays::Writer);

    /// Returns the word under which it is loaded: its name, except for what is in no registry.
    fn saved_as(&self) -> &'static str {
        self.name()
    }

    /// Returns the best items by falling score, equal scores by rising index; fewer than asked for
    /// where the model has no opinion on more.
    fn recommend(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Vec<Scored> {
        self.score(history, pad);
        lists::select(self.n_items(), history, options, pad)
    }
}

#[cfg(test)]
mod tests;
