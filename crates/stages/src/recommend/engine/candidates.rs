//! From a question to a list: who gives candidates, what may stand, and in which order.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use shopwise_learn::recommend::{ListOptions, Pad, Scored, Seen, Trail};
use shopwise_model::time::DAY;

use super::filter::{Asked, Filter};
use super::lists::KIND;
use super::shelf::Shelf;
use super::{Answer, DEPTH, Done, Engine, LENGTH_MAX, Listed, Question, Scene, Visitor};
use crate::recommend::log::HISTORY_MAX;
use crate::recommend::related::{SIMILAR, TOGETHER};
use crate::recommend::serving::{POPULAR, Serving};
use crate::recommend::weight;

/// How much the model says beside the lists of a product, a cart or a search, whose best entry
/// counts 1: the page is about these, the customer decides among what is near.
const PERSONAL: f32 = 0.5;

/// The ways into a list, as explanations name them.
pub(super) const MODEL: &str = "model";
const SEARCH: &str = "search";
pub(super) const NEW: &str = "new";

/// Products of which only the catalogue says what they are like: of so many of a question's what is
/// of their kind is looked for, each time in the whole catalogue.
const KIN_OF: usize = 3;

/// How many of a kind are taken into a list.
const KIN: usize = 50;

/// A product on its way into a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) place: u32,
    pub(super) score: f32,
    /// What gave most of the score.
    pub(super) source: &'static str,
}

/// What is found for a question.
pub(super) struct Gathered {
    /// Best first.
    pub(super) list: Vec<Candidate>,
    /// How many of them were found before the list was filled up.
    pub(super) found: usize,
    /// What the model found on its way to them.
    pub(super) trail: Trail,
}

/// What a question says, by places.
pub(super) struct Looked<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) shelf: &'a Shelf,
    /// Places and what was done there.
    pub(super) done: FxHashMap<u32, &'a Done>,
    /// The products that the question names, in its order.
    named: Vec<u32>,
    /// What must not stand in the list because it stands beside it.
    beside: Vec<u32>,
    /// (item, weight, age in days) of what the model knows.
    pub(super) history: Vec<(u32, f32, f32)>,
}

impl Engine {
    pub(super) fn answer(
        &self,
        question: &Question<'_>,
        shelf: &Shelf,
        allowed: &[bool],
        pad: &mut Pad,
    ) -> Answer {
        let n = question.page.n.min(LENGTH_MAX);
        let looked = Looked::new(question, shelf, self.highest());
        let standing = looked.standing(allowed);
        let mut gathered = self.gathered(&looked, &standing, [n, n], pad);
        gathered.list.retain(|one| looked.may_stand(one.place));
        gathered.list.truncate(n);
        let items = self.explained(&looked, &gathered.trail, &gathered.list, pad);
        let model = self.main.as_ref().map(|(name, serving)| (*name, serving.version()));
        Answer { model, items }
    }

    /// Returns candidates for a list of `n`, filled up to `depth`.
    pub(super) fn gathered(
        &self,
        looked: &Looked<'_>,
        standing: &[bool],
        [n, depth]: [usize; 2],
        pad: &mut Pad,
    ) -> Gathered {
        let mut near = self.near(looked, standing);
        near.retain(|one| is_set(standing, one.place) && !looked.is_had(self, one.place));
        let (found, trail) = self.personal(looked, DEPTH.max(n), standing, pad);
        let mut list = joined(near, found, looked.question.scene);
        let found = list.len();
        self.fill(looked, standing, depth, &mut list);
        Gathered { list, found, trail }
    }

    /// Returns what belongs to the products that the question names, the best counting 1.
    fn near(&self, looked: &Looked<'_>, standing: &[bool]) -> Vec<Candidate> {
        let mut sums: FxHashMap<u32, (f32, &'static str)> = FxHashMap::default();
        let mut add = |place, score: f32, source| {
            let entry = sums.entry(place).or_insert((0.0, source));
            entry.0 += score;
        };
        match looked.question.scene {
            Scene::Search => {
                let count = looked.named.len() as f32;
                for (at, place) in looked.named.iter().enumerate() {
                    add(*place, 1.0 - at as f32 / count, SEARCH);
                }
            }
            Scene::Product | Scene::Cart => {
                let sources = match looked.question.scene {
                    Scene::Cart => [(&self.beside, TOGETHER), (&self.alike, SIMILAR)],
                    _ => [(&self.alike, SIMILAR), (&self.beside, TOGETHER)],
                };
                for ((lists, source), weight) in sources.into_iter().zip([1.0, 0.5]) {
                    for place in &looked.named {
                        let list = lists.list(*place);
                        let best = list.first().map_or(1.0, |one| one.score);
                        for one in list {
                            add(one.item, weight * one.score / best, source);
                        }
                    }
                }
            }
            Scene::Home | Scene::WinBack | Scene::Email => {}
        }
        for place in self.unsaid(looked) {
            for one in self.kin(looked.shelf, place, standing).into_iter().take(KIN) {
                add(one.item, one.score, KIND);
            }
        }
        let most = sums.values().map(|(score, _)| *score).fold(0.0, f32::max);
        let candidate = |(place, (score, source)): (u32, (f32, &'static str))| Candidate {
            place,
            score: score / most,
            source,
        };
        let mut near: Vec<Candidate> = sums.into_iter().map(candidate).collect();
        near.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
        near
    }

    /// Returns products of a question of which customers have said nothing: those that it names, or
    /// all that somebody had to do with.
    fn unsaid(&self, looked: &Looked<'_>) -> Vec<u32> {
        let named = looked.named.iter().copied();
        match looked.question.scene {
            Scene::Search => Vec::new(),
            Scene::Product | Scene::Cart => {
                named.filter(|place| self.alike.list(*place).is_empty()).take(KIN_OF).collect()
            }
            Scene::Home | Scene::WinBack | Scene::Email => {
                let mut history = looked.history.clone();
                if history.iter().any(|own| self.is_popular(own.0)) {
                    return Vec::new();
                }
                history.sort_unstable_by(|a, b| a.2.total_cmp(&b.2).then(a.0.cmp(&b.0)));
                history.into_iter().map(|own| own.0).take(KIN_OF).collect()
            }
        }
    }

    /// Returns the best rating of the log that the model learned from, where it learned from
    /// ratings.
    pub(super) fn highest(&self) -> Option<f32> {
        self.main.as_ref().and_then(|(_, serving)| serving.highest)
    }

    /// Returns what the model says for the history, as far as it may stand.
    fn personal(
        &self,
        looked: &Looked<'_>,
        depth: usize,
        standing: &[bool],
        pad: &mut Pad,
    ) -> (Vec<Candidate>, Trail) {
        let Some((_, serving)) = &self.main else { return (Vec::new(), Trail::Nothing) };
        let only = looked.only(serving.products().len());
        let allowed = only.as_deref().unwrap_or(standing);
        let allowed = &*looked.without_had(self, allowed);
        let options = looked.options(serving, depth, Some(allowed));
        let (list, trail) = serving.ask(&looked.history, &options, pad);
        let candidate =
            |one: Scored| Candidate { place: one.item, score: one.score, source: MODEL };
        let may_stand = |one: &Candidate| is_set(standing, one.place);
        (list.into_iter().map(candidate).filter(may_stand).collect(), trail)
    }

    /// Fills a list up with what is popular, then with what is new.
    fn fill(&self, looked: &Looked<'_>, standing: &[bool], n: usize, list: &mut Vec<Candidate>) {
        if list.len() >= n || looked.question.scene == Scene::Search {
            return;
        }
        let mut known: rustc_hash::FxHashSet<u32> = list.iter().map(|one| one.place).collect();
        let score = list.last().map_or(0.0, |last| last.score.min(0.0));
        for place in self.in_order(standing) {
            if list.len() >= n {
                return;
            }
            if !looked.is_had(self, place) && known.insert(place) {
                let source = if self.is_popular(place) { POPULAR } else { NEW };
                list.push(Candidate { place, score, source });
            }
        }
    }

    /// Says why each entry of a list stands there, whose candidates were found on this trail.
    pub(super) fn explained(
        &self,
        looked: &Looked<'_>,
        trail: &Trail,
        list: &[Candidate],
        pad: &mut Pad,
    ) -> Vec<Listed> {
        let of_model: Vec<u32> =
            list.iter().filter(|one| one.source == MODEL).map(|one| one.place).collect();
        let mut why = FxHashMap::default();
        if let Some((_, serving)) = self.main.as_ref().filter(|_| !of_model.is_empty()) {
            let options = looked.options(serving, DEPTH, None);
            let found = serving.why(trail, &looked.history, &options, &of_model, pad);
            why.extend(of_model.iter().copied().zip(found));
        }
        let listed = |one: &Candidate| {
            let found = why.remove(&one.place);
            let reason = found.as_ref().map_or(one.source, |found| found.reason);
            let parts = found.map_or_else(Vec::new, |found| found.parts);
            let named = |part: &shopwise_learn::recommend::Contribution| {
                (looked.shelf.id(part.item).to_owned(), part.score)
            };
            Listed {
                product: looked.shelf.id(one.place).to_owned(),
                score: one.score,
                propensity: 1.0,
                source: one.source,
                reason,
                parts: parts.iter().map(named).collect(),
                moved: None,
            }
        };
        list.iter().map(listed).collect()
    }
}

impl<'a> Looked<'a> {
    /// `highest` is the best rating, where ratings say how much was wanted.
    pub(super) fn new(question: &'a Question<'a>, shelf: &'a Shelf, highest: Option<f32>) -> Self {
        let Visitor { done, cart, .. } = question.visitor;
        let placed = |done: &'a Done| Some((shelf.place(&done.product)?, done));
        let done: FxHashMap<u32, &Done> = done.iter().filter_map(placed).collect();
        let in_cart: Vec<u32> = cart.iter().filter_map(|id| shelf.place(id)).collect();
        let mut named: Vec<u32> =
            question.products.iter().filter_map(|id| shelf.place(id)).collect();
        if question.scene == Scene::Cart && named.is_empty() {
            named.clone_from(&in_cart);
        }
        let beside = match question.scene {
            Scene::Search => Vec::new(),
            Scene::WinBack => named.clone(),
            _ => named.iter().chain(&in_cart).copied().collect(),
        };
        let age = |at: i64| ((question.page.at - at).max(0) as f64 / DAY as f64) as f32;
        let mut history: Vec<(u32, f32, f32)> = done
            .iter()
            .filter(|(_, done)| done.weight > 0.0)
            .map(|(place, done)| (*place, weight_of(done, highest), age(done.used_at())))
            .collect();
        if history.len() > HISTORY_MAX {
            history.select_nth_unstable_by(HISTORY_MAX, |a, b| {
                a.2.total_cmp(&b.2).then(a.0.cmp(&b.0))
            });
            history.truncate(HISTORY_MAX);
        }
        if let Some(weight) = question.scene.weight() {
            for place in &named {
                match history.iter_mut().find(|own| own.0 == *place) {
                    Some(own) => own.2 = 0.0,
                    None => history.push((*place, weight, 0.0)),
                }
            }
        }
        history.sort_unstable_by_key(|entry| entry.0);
        Self { question, shelf, done, named, beside, history }
    }

    /// Returns which products may stand in the list, by place: of those that the filter lets
    /// through for somebody who had nothing to do with them, those that this customer may see now.
    pub(super) fn standing<'f>(&self, allowed: &'f [bool]) -> Cow<'f, [bool]> {
        let Question { page, visitor, .. } = self.question;
        let asking = page.filter.filter(|filter| filter.needs_customer());
        let mut flags = Cow::Borrowed(allowed);
        if asking.is_some_and(|filter| !filter.lets_customer(visitor, page.at)) {
            flags = Cow::Owned(vec![false; allowed.len()]);
        }
        let done = self.done.keys().copied().filter(|_| asking.is_some());
        let is_dated = page.filter.is_some_and(|filter| filter.dates_products());
        let dated = self.shelf.dated().filter(|_| is_dated);
        for place in dated.chain(self.beside.iter().copied()).chain(done) {
            let may_stand = self.may_stand(place);
            if flags.get(place as usize).is_some_and(|flag| *flag != may_stand) {
                flags.to_mut()[place as usize] = may_stand;
            }
        }
        flags
    }

    /// Returns whether a product may stand in the list, all that is known looked at.
    pub(super) fn may_stand(&self, place: u32) -> bool {
        let Some(product) = self.shelf.product(place) else { return false };
        let at = self.question.page.at;
        product.may_be_shown(at)
            && !self.beside.contains(&place)
            && self.question.page.filter.is_none_or(|filter| {
                let done = self.done.get(&place).copied();
                filter.holds(&Asked { product, done, visitor: self.question.visitor }, at)
            })
    }

    /// Returns whether a rule is about the product at a place, for this customer now.
    pub(super) fn is_meant_by(&self, filter: &Filter, place: u32) -> bool {
        self.shelf.product(place).is_some_and(|product| {
            let done = self.done.get(&place).copied();
            let asked = Asked { product, done, visitor: self.question.visitor };
            filter.may_mean(&asked, self.question.page.at)
        })
    }

    /// Returns what may stand but for what the customer has, where he has more than models are
    /// told.
    fn without_had<'f>(&self, engine: &Engine, allowed: &'f [bool]) -> Cow<'f, [bool]> {
        let mut flags = Cow::Borrowed(allowed);
        if self.done.len() > HISTORY_MAX {
            for place in self.done.keys().filter(|place| self.is_had(engine, **place)) {
                if let Some(flag) = flags.to_mut().get_mut(*place as usize) {
                    *flag = false;
                }
            }
        }
        flags
    }

    /// Returns whether the customer has a product, so that it does not come again.
    pub(super) fn is_had(&self, engine: &Engine, place: u32) -> bool {
        let usual = engine.main.as_ref().map_or(Seen::Keep, |(_, serving)| serving.repeats.seen());
        let weight = self.done.get(&place).map_or(0.0, |done| done.weight);
        weight > 0.0
            && match self.question.scene.seen(usual) {
                Seen::Keep => false,
                Seen::Remove => true,
                Seen::RemoveFrom(least) => weight >= least,
            }
    }

    /// Returns flags of the products that a search found, where it is one.
    fn only(&self, n_items: usize) -> Option<Vec<bool>> {
        (self.question.scene == Scene::Search).then(|| {
            let mut only = vec![false; n_items];
            for place in &self.named {
                if let Some(flag) = only.get_mut(*place as usize) {
                    *flag = true;
                }
            }
            only
        })
    }

    fn options<'o>(
        &self,
        serving: &Serving,
        length: usize,
        allowed: Option<&'o [bool]>,
    ) -> ListOptions<'o> {
        let seen = self.question.scene.seen(serving.repeats.seen());
        ListOptions { length, seen, allowed }
    }
}

/// Returns how much what somebody did with a product says; a rating says more than what was done.
fn weight_of(done: &Done, highest: Option<f32>) -> f32 {
    match highest {
        Some(highest) if !done.rating.is_nan() => weight::of_rating(done.rating, highest),
        _ => done.weight,
    }
}

/// Returns the flag of a place.
pub(super) fn is_set(flags: &[bool], place: u32) -> bool {
    flags.get(place as usize).copied().unwrap_or(false)
}

/// Joins what belongs to the page with what the model says.
fn joined(near: Vec<Candidate>, found: Vec<Candidate>, scene: Scene) -> Vec<Candidate> {
    if near.is_empty() && scene != Scene::Search {
        return found;
    }
    let bounds = found.iter().map(|one| one.score);
    let (least, most) =
        bounds.fold((f32::MAX, f32::MIN), |(low, high), score| (low.min(score), high.max(score)));
    let mut sums: FxHashMap<u32, Candidate> =
        near.into_iter().map(|one| (one.place, one)).collect();
    for one in found {
        let share = if most > least { (one.score - least) / (most - least) } else { 1.0 };
        let entry = sums.entry(one.place).or_insert(Candidate { score: 0.0, ..one });
        entry.score += PERSONAL * share;
    }
    let mut list: Vec<Candidate> = sums.into_values().collect();
    list.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
    list
}
