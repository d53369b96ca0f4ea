//! A blend of models: each one's best candidates, made comparable, added with learned weights.
//!
//! `score(j) = Σ over members m of weight_m · n_m(j)`, with `n_m(j)` the member's score brought to
//! a common scale over its `depth` best candidates for this customer, and 0 for items that are not
//! among them. Weights are ≥ 0 and sum to 1; they are learned on interactions the members did not
//! see (a search over the simplex maximises NDCG@10), then the members are fitted again on
//! everything.

use super::arrays::{Reader, Writer, wrong};
use super::blend::{self, Blend};
use super::{
    Contribution, Entry, History, ListOptions, Pad, Parameter, Parameters, Reason, Recommender,
    Scored, Search, Seen, Trail, Training, lists, saved,
};
use crate::error::{Error, Result};
use crate::interactions::Interactions;
use crate::neighbours::Accumulator;
use std::sync::Arc;

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "members",
        about: "the models that are blended; content is passed over where items have no texts",
        kind: super::Kind::Models("popular,user-knn,item-knn,content"),
        search: Search::Default,
    },
    Parameter::word(
        "normalize",
        "how a member's scores are brought to a common scale for each customer: from worst to best \
         candidate or by standard deviations",
        &["zscore", "minmax"],
    ),
    Parameter::whole("depth", "candidates each member gives", 200, [10, 10_000]),
];

/// The models that are made of others.
pub(super) const JOINED: [&str; 3] = ["hybrid", "ranker", "auto"];

/// How the scores of one member become comparable with another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalize {
    /// `(s − worst) / (best − worst)`.
    MinMax,
    /// `(s − worst) / standard deviation`.
    ZScore,
}

/// What a hybrid is made of: models with their settings.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The members.
    pub members: Vec<(&'static Entry, Parameters)>,
    /// How scores become comparable.
    pub normalize: Normalize,
    /// Candidates each member gives, ≥ 1.
    pub depth: usize,
}

/// Fitted members with their weights.
#[derive(Debug)]
pub struct Hybrid {
    /// Those with a weight above 0.
    members: Vec<Member>,
    /// Those that learning left without weight: not fitted, not asked.
    passed_over: Vec<&'static str>,
    normalize: Normalize,
    depth: usize,
    n_items: usize,
}

#[derive(Debug)]
struct Member {
    name: &'static str,
    model: Arc<dyn Recommender>,
    weight: f64,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let mut members = Vec::new();
    for name in parameters.word("members").split(',') {
        let entry = Entry::find(name.trim())?;
        if entry.joins() {
            let allowed = format!("models other than {}", JOINED.join(", "));
            return Err(Error::parameter("members", allowed, name));
        }
        if entry.name != "content" || training.documents.is_some() {
            members.push((entry, entry.defaults()));
        }
    }
    let normalize = match parameters.word("normalize") {
        "minmax" => Normalize::MinMax,
        _ => Normalize::ZScore,
    };
    let recipe = Recipe { members, normalize, depth: parameters.whole("depth") };
    Ok(Box::new(Hybrid::fit(training, &recipe)?))
}

/// Returns the weights of fitted members, ≥ 0 and summing to 1, under which their blend finds best
/// what was held out.
///
/// `asked` are those who had `held_out` later, row by row; of the history, only what `seen` lets
/// come again is looked for.
#[must_use]
pub fn learned_weights(
    members: &[Arc<dyn Recommender>],
    normalize: Normalize,
    depth: usize,
    [asked, held_out]: [&Interactions; 2],
    seen: Seen,
    seed: u64,
) -> Vec<f64> {
    let options = ListOptions { seen, ..ListOptions::unseen(depth) };
    let blend = Blend::collect(asked, held_out, seed, |history, pad| {
        let mut lists = Vec::with_capacity(members.len());
        for model in members {
            lists.push(normalized(&**model, normalize, history, &options, pad));
        }
        lists
    });
    blend::best_weights(&blend, members.len())
}

/// Returns the candidates of one member on the common scale.
pub(super) fn normalized(
    model: &dyn Recommender,
    how: Normalize,
    history: History<'_>,
    options: &ListOptions<'_>,
    pad: &mut Pad,
) -> Vec<Scored> {
    let mut list = model.recommend(history, options, pad);
    normalize(&mut list, how, options.length);
    list
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let weights = from.f64s("weights")?;
    let normalize = match from.text("normalize")? {
        "minmax" => Normalize::MinMax,
        "zscore" => Normalize::ZScore,
        other => return Err(wrong(&format!("unknown scale `{other}`"))),
    };
    let mut members = Vec::with_capacity(weights.len());
    for (at, weight) in weights.iter().enumerate() {
        let section = format!("member{at}");
        if JOINED.contains(&from.section(&section).text("model")?) {
            return Err(wrong("a hybrid of hybrids"));
        }
        members.push((saved::load_registered(from, &section)?.into(), *weight));
    }
    let hybrid = Hybrid::of(members, normalize, saved::whole(from, "depth")?);
    Ok(Box::new(hybrid.map_err(|error| wrong(&error.to_string()))?))
}

impl Hybrid {
    /// Returns a blend of fitted members with given weights; those without weight are left out.
    ///
    /// # Errors
    /// [`Error::TooLittle`] when no member has a weight above 0, [`Error::Length`] when members
    /// rank different numbers of items.
    pub fn of(
        members: Vec<(Arc<dyn Recommender>, f64)>,
        normalize: Normalize,
        depth: usize,
    ) -> Result<Self> {
        let mut hybrid =
            Self { members: Vec::new(), passed_over: Vec::new(), normalize, depth, n_items: 0 };
        for (model, weight) in members {
            if weight > 0.0 {
                hybrid.members.push(Member { name: model.name(), model, weight });
            } else {
                hybrid.passed_over.push(model.name());
            }
        }
        let Some(first) = hybrid.members.first() else {
            return Err(Error::TooLittle("hybrid needs a member with a weight".to_owned()));
        };
        hybrid.n_items = first.model.n_items();
        let expected = hybrid.n_items;
        match hybrid.members.iter().map(|member| member.model.n_items()).find(|n| *n != expected) {
            Some(got) => Err(Error::Length { what: "items of a member", expected, got }),
            None => Ok(hybrid),
        }
    }

    /// Learns the weights on held-out interactions, then fits the members on all.
    ///
    /// # Errors
    /// [`Error::TooLittle`] without members, and what fitting a member returns.
    pub fn fit(training: &Training<'_>, recipe: &Recipe) -> Result<Self> {
        if recipe.members.is_empty() {
            return Err(Error::TooLittle("hybrid needs at least one member".to_owned()));
        }
        let n_members = recipe.members.len();
        let parts = training.parts();
        let alike = vec![1.0 / n_members as f64; n_members];
        let rehearsal = Self::fit_members(&training.of(&parts.known), recipe, &alike)?;
        let options = ListOptions { seen: parts.seen, ..ListOptions::unseen(recipe.depth) };
        let blend = Blend::collect(parts.asked(), &parts.after, training.seed, |history, pad| {
            rehearsal.candidates(history, &options, pad)
        });
        let weights = blend::best_weights(&blend, n_members);
        Self::fit_members(training, recipe, &weights)
    }

    /// Fits the members that count at all.
    fn fit_members(training: &Training<'_>, recipe: &Recipe, weights: &[f64]) -> Result<Self> {
        let mut members = Vec::new();
        let mut passed_over = Vec::new();
        for ((entry, parameters), weight) in recipe.members.iter().zip(weights) {
            if *weight > 0.0 {
                let model = Arc::from(entry.fit(training, parameters)?);
                members.push(Member { name: entry.name, model, weight: *weight });
            } else {
                passed_over.push(entry.name);
            }
        }
        Ok(Self {
            members,
            passed_over,
            normalize: recipe.normalize,
            depth: recipe.depth,
            n_items: training.interactions.n_items(),
        })
    }

    /// Returns each member's name and weight, those that do not count last; the weights sum to 1.
    pub fn weights(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let counting = self.members.iter().map(|member| (member.name, member.weight));
        counting.chain(self.passed_over.iter().map(|name| (*name, 0.0)))
    }

    /// Returns the candidates of each member on the common scale.
    fn candidates(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Vec<Vec<Scored>> {
        let options = ListOptions { length: self.depth, ..*options };
        let list =
            |member: &Member| normalized(&*member.model, self.normalize, history, &options, pad);
        self.members.iter().map(list).collect()
    }

    /// Adds the members' scores up in the pad, and returns the candidates of each.
    fn add_up(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Vec<Vec<Scored>> {
        let mut inner = pad.inner.take().unwrap_or_default();
        let candidates = self.candidates(history, options, &mut inner);
        pad.inner = Some(inner);
        pad.scores.reserve(self.n_items);
        for (member, list) in self.members.iter().zip(&candidates) {
            for one in list {
                *pad.scores.touch(one.item) += member.weight * f64::from(one.score);
            }
        }
        candidates
    }

    /// Returns what the members and the items of the history add to each of `items`.
    fn parts(
        &self,
        candidates: &[Vec<Scored>],
        history: History<'_>,
        options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        let mut largest = vec![(0.0, self.name()); items.len()];
        let mut parts: Vec<Vec<Contribution>> = vec![Vec::new(); items.len()];
        for (member, list) in self.members.iter().zip(candidates) {
            let (places, asked, shares) = member.shares(list, items);
            let reasons = member.model.contributions(history, options, &asked, pad);
            for ((at, share), mut reason) in places.into_iter().zip(shares).zip(reasons) {
                if share > largest[at].0 {
                    largest[at] = (share, member.name);
                }
                let whole: f32 = reason.parts.iter().map(|part| part.score).sum();
                if whole > 0.0 {
                    reason.parts.iter_mut().for_each(|part| part.score *= share / whole);
                    parts[at].append(&mut reason.parts);
                }
            }
        }
        pad.scores.reserve(self.n_items);
        let reason = |((_, model), parts): ((f32, &'static str), Vec<Contribution>)| Reason {
            model,
            parts: added_up(&parts, &mut pad.scores),
        };
        largest.into_iter().zip(parts).map(reason).collect()
    }
}

/// Brings the scores of a list, best first, to a common scale of 0 and more.
fn normalize(list: &mut [Scored], how: Normalize, depth: usize) {
    let (Some(best), Some(worst)) = (list.first(), list.last()) else { return };
    // Where the member has no opinion on more, the rest of the world has the score 0.
    let floor = if list.len() < depth { worst.score.min(0.0) } else { worst.score };
    let width = match how {
        Normalize::MinMax => best.score - floor,
        Normalize::ZScore => deviation(list),
    };
    for one in list {
        one.score = if width > 0.0 { (one.score - floor) / width } else { 1.0 };
    }
}

fn deviation(list: &[Scored]) -> f32 {
    let scores = || list.iter().map(|one| f64::from(one.score));
    let mean = scores().sum::<f64>() / list.len() as f64;
    let variance = scores().map(|score| (score - mean).powi(2)).sum::<f64>() / list.len() as f64;
    variance.sqrt() as f32
}

impl Recommender for Hybrid {
    fn name(&self) -> &'static str {
        "hybrid"
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn score(&self, history: History<'_>, pad: &mut Pad) {
        let options = ListOptions { seen: Seen::Keep, ..ListOptions::unseen(self.depth) };
        self.add_up(history, &options, pad);
    }

    fn recommend(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Vec<Scored> {
        self.traced(history, options, pad).0
    }

    /// Each member's explanation, scaled to its part of the score. What a member cannot explain,
    /// such as popularity, is missing from the sum.
    fn explain(&self, history: History<'_>, item: u32) -> Vec<Contribution> {
        let seen = if history.items.contains(&item) { Seen::Keep } else { Seen::Remove };
        let options = ListOptions { seen, ..ListOptions::unseen(self.depth) };
        let reasons =
            self.reasons(&Trail::Nothing, history, &options, &[item], &mut Pad::default());
        reasons.into_iter().flat_map(|reason| reason.parts).collect()
    }

    fn contributions(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        let candidates = self.candidates(history, options, pad);
        self.parts(&candidates, history, options, items, pad)
    }

    fn traced(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> (Vec<Scored>, Trail) {
        let candidates = self.add_up(history, options, pad);
        let list = lists::select(self.n_items, history, options, pad);
        (list, Trail::Candidates(candidates))
    }

    fn retraced(
        &self,
        trail: &Trail,
        history: History<'_>,
        options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        match trail {
            Trail::Candidates(candidates) => self.parts(candidates, history, options, items, pad),
            _ => self.contributions(history, options, items, pad),
        }
    }

    fn save(&self, into: &mut Writer) {
        let weights: Vec<f64> = self.members.iter().map(|member| member.weight).collect();
        into.f64s("weights", &weights);
        into.u64s("depth", &[self.depth as u64]);
        into.text(
            "normalize",
            match self.normalize {
                Normalize::MinMax => "minmax",
                Normalize::ZScore => "zscore",
            },
        );
        for (at, member) in self.members.iter().enumerate() {
            into.section(&format!("member{at}"), |into| saved::write(&*member.model, into));
        }
    }
}

/// Adds parts that come from the same item.
fn added_up(parts: &[Contribution], sums: &mut Accumulator<f64>) -> Vec<Contribution> {
    for part in parts {
        *sums.touch(part.item) += f64::from(part.score);
    }
    let sum = |item: &u32| Contribution { item: *item, score: sums.get(*item) as f32 };
    let added = sums.touched().iter().map(sum).filter(|part| part.score != 0.0).collect();
    sums.clear();
    added
}

impl Member {
    /// Returns which of `items` are among the member's candidates, by place and by item, and what
    /// it adds to the score of each.
    fn shares(&self, list: &[Scored], items: &[u32]) -> (Vec<usize>, Vec<u32>, Vec<f32>) {
        let (mut places, mut asked, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for (at, item) in items.iter().enumerate() {
            if let Some(one) = list.iter().find(|one| one.item == *item) {
                places.push(at);
                asked.push(*item);
                shares.push(self.weight as f32 * one.score);
            }
        }
        (places, asked, shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(how: Normalize, depth: usize) -> Vec<f32> {
        let mut list: Vec<Scored> =
            [5.0, 3.0, 1.0].iter().map(|score| Scored { item: 0, score: *score }).collect();
        normalize(&mut list, how, depth);
        list.iter().map(|one| one.score).collect()
    }

    #[test]
    fn scales_by_hand() {
        assert_eq!(scores(Normalize::MinMax, 3), [1.0, 0.5, 0.0]);
        // Fewer than asked for: everything else scores 0.
        assert_eq!(scores(Normalize::MinMax, 4), [1.0, 0.6, 0.2]);
        let deviation = (8.0_f32 / 3.0).sqrt();
        assert_eq!(scores(Normalize::ZScore, 3), [4.0 / deviation, 2.0 / deviation, 0.0]);
    }
}
