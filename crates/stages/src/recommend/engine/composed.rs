//! From candidates to a page: the merchant's rules, variety, what tires, and chance.

use std::cmp::Reverse;
use std::hash::Hasher as _;
use std::sync::Arc;

use rustc_hash::{FxHashSet, FxHasher};
use shopwise_learn::recommend::few_allowed;
use shopwise_learn::slate::{self, Ask, Likeness, NONE, Parts, Placed, Standing, Style, Way};
use shopwise_model::rule::Kind;
use shopwise_model::time::DAY;

use super::candidates::{Candidate, Looked, NEW, is_set};
use super::shelf::Flags;
use super::style::WEIGHTS;
use super::{Answer, DEPTH, Engine, FEW, LENGTH_MAX, Listed, Question, Scene};
use crate::error::Result;
use crate::recommend::rules::{Applied, Ground, Held, Rules, Told, apply};

/// How explanations name what a rule brought in.
const RULE: &str = "rule";

/// Of so many rules flags of products are kept; of others each product is asked anew: the shelf
/// keeps the filters of callers as well.
const FLAGS_MAX: usize = 32;

/// New products that chance may show beside the pool, the newest ones.
const NEW_MAX: usize = 20;

/// Flags of a rule are kept for each way in which customers answer what it asks of them: of so many
/// questions at the most.
const ANSWERS_MAX: usize = 3;

/// What the house wants of its lists.
#[derive(Debug, Clone, Copy)]
pub struct House<'a> {
    /// The merchant's rules.
    pub rules: &'a Rules,
    /// How pages are composed.
    pub style: &'a Style,
    /// What draws come from: another for each decision.
    pub seed: u64,
}

impl House<'_> {
    /// Returns what the draws of a decision come from.
    #[must_use]
    pub fn seed(decision: &str) -> u64 {
        let mut hasher = FxHasher::default();
        hasher.write(decision.as_bytes());
        hasher.finish()
    }
}

/// What moved an entry of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// Where it would stand by its score alone, from 1; none where a rule brought it in.
    pub before: Option<usize>,
    /// What its value is made of.
    pub parts: Parts,
    /// Why it stands at its place: `ranked`, `owed`, `uncapped`, `fixed` or `drawn`.
    pub standing: &'static str,
    /// What the shop writes beside it, where it is sponsored.
    pub label: Option<String>,
    /// The rules that moved it.
    pub rules: Vec<String>,
}

/// The rules that hold for one list.
struct Ruled {
    holding: Vec<Arc<Held>>,
    /// The products of each, for a customer who had nothing to do with them; without flags each is
    /// asked anew.
    flags: Vec<Option<Meant>>,
}

/// What a rule is about, as far as it is kept.
struct Meant {
    flags: Arc<Flags>,
    /// Whether what the customer had to do with is to be asked anew.
    asks_customer: bool,
    /// Whether it is about any of the others.
    is_for_him: bool,
}

impl Engine {
    /// Returns the list for a customer in a scene as the house wants it, and what came of each
    /// rule that holds.
    ///
    /// # Errors
    /// When the style is out of range, or a model gives no numbers.
    pub fn list_in(
        &self,
        question: &Question<'_>,
        house: &House<'_>,
    ) -> Result<(Answer, Vec<Told>)> {
        let holding = house.rules.holding(question.scene, question.visitor, question.page.at);
        let asked = (question.visitor, question.page.at);
        let flags = |held: &Arc<Held>| {
            let filter = Some(&held.filter).filter(|filter| !filter.dates_products())?;
            let asks_customer = filter.needs_customer();
            let is_unknown = asked.0.lacks_segments && filter.needs_segments();
            let answers = if asks_customer { filter.answers(asked.0, asked.1).len() } else { 0 };
            if is_unknown || answers > ANSWERS_MAX {
                return None;
            }
            let flags = self.allowed(Some(filter), asked).1;
            let is_for_him = !asks_customer || filter.lets_customer(asked.0, asked.1);
            Some(Meant { flags, asks_customer, is_for_him })
        };
        let flags = holding.iter().take(FLAGS_MAX).map(flags).collect();
        let ruled = Ruled { holding, flags };
        let (shelf, allowed) = self.allowed(question.page.filter, asked);
        let mut pad = self.pad();
        let n = question.page.n.min(LENGTH_MAX);
        let looked = Looked::new(question, &shelf, self.highest());
        let standing = looked.standing(&allowed);
        let mut gathered = self.gathered(&looked, &standing, [n, DEPTH.max(n)], &mut pad);
        let candidates = (std::mem::take(&mut gathered.list), gathered.found);
        let (list, moved, told) = self.composed(&looked, &standing, candidates, &ruled, house)?;
        let mut items = self.explained(&looked, &gathered.trail, &list, &mut pad);
        for (item, (moved, propensity)) in items.iter_mut().zip(moved) {
            item.propensity = propensity;
            item.moved = Some(moved);
        }
        let model = self.main.as_ref().map(|(name, serving)| (*name, serving.version()));
        drop(shelf);
        self.put_back(pad);
        Ok((Answer { model, items }, told))
    }

    /// Returns which entries of a list that was made before may still stand in it.
    #[must_use]
    pub fn standing(&self, question: &Question<'_>, rules: &Rules, items: &[Listed]) -> Vec<bool> {
        let mut holding = rules.holding(question.scene, question.visitor, question.page.at);
        holding.retain(|held| held.rule.kind == Kind::Exclude);
        let ruled = Ruled { holding, flags: Vec::new() };
        let shelf = self.read();
        let looked = Looked::new(question, &shelf, None);
        let may_stand = |item: &Listed| {
            let place = shelf.place(&item.product);
            place.is_some_and(|place| looked.may_stand(place) && !ruled.excludes(&looked, place))
        };
        items.iter().map(may_stand).collect()
    }

    /// Returns the page, what moved each entry with its propensity, and what came of the rules.
    #[expect(clippy::type_complexity, reason = "taken apart at once by the one caller")]
    fn composed(
        &self,
        looked: &Looked<'_>,
        standing: &[bool],
        (mut list, found): (Vec<Candidate>, usize),
        ruled: &Ruled,
        house: &House<'_>,
    ) -> Result<(Vec<Candidate>, Vec<(Moved, f64)>, Vec<Told>)> {
        let length = looked.question.page.n.min(LENGTH_MAX);
        list.truncate(DEPTH.max(length));
        let own = list.len();
        let mut candidates = scored(looked, &list, found.min(own));
        let is_meant = |rule: usize, place: u32| ruled.is_meant(looked, rule, place);
        let may_stand = |place: u32| is_set(standing, place);
        let all = |rule: usize| -> Box<dyn Iterator<Item = u32> + '_> {
            let is_meant = move |place: &u32| ruled.is_meant(looked, rule, *place);
            match ruled.flags.get(rule) {
                Some(Some(meant)) => match few_allowed(&meant.flags, FEW) {
                    Some(mut few) => {
                        let done = looked.done.keys().filter(|_| meant.asks_customer);
                        few.extend(done.filter(|place| !is_set(&meant.flags, **place)));
                        few.sort_unstable_by_key(|place| (self.rank(*place), Reverse(*place)));
                        Box::new(few.into_iter().filter(is_meant))
                    }
                    None => Box::new(self.in_order(standing).filter(is_meant)),
                },
                _ => Box::new(self.in_order(standing).filter(is_meant)),
            }
        };
        let ground = Ground { is_meant: &is_meant, may_stand: &may_stand, all: &all };
        let mut applied = apply(&ruled.holding, &ground, length, &mut candidates);
        let brought = candidates[own..].iter().map(|one| Candidate {
            place: one.item,
            score: one.score,
            source: RULE,
        });
        list.extend(brought);
        // Pages that are about a product, and searches, are not for whatever is new.
        let is_his = matches!(looked.question.scene, Scene::Home | Scene::WinBack);
        if house.style.exploration.share > 0.0 && is_his {
            let all = (&mut list, &mut candidates, &mut applied);
            self.give_to_chance(looked, standing, ruled, all);
        }
        let codes = codes(looked, &list);
        let likeness = Likeness { weights: &WEIGHTS, codes: &codes, ..Likeness::default() };
        let quotas = applied.quotas();
        let ask = Ask {
            candidates: &candidates,
            length,
            likeness,
            fixed: &applied.fixed,
            quotas: &quotas,
            style: house.style,
            seed: house.seed,
        };
        let mut page = slate::compose(&ask, &mut slate::Pad::default())?;
        page.retain(|placed| looked.may_stand(list[placed.candidate].place));
        let entries = page
            .iter()
            .map(|placed| Candidate { score: placed.parts.value(), ..list[placed.candidate] });
        let moved = page
            .iter()
            .map(|placed| (moved(&ruled.holding, &applied, placed, own), placed.propensity));
        Ok((entries.collect(), moved.collect(), applied.told.clone()))
    }
}

impl Engine {
    /// Gives new products of which nobody has said anything to chance: those that the page does not
    /// need, and others of the catalogue.
    fn give_to_chance(
        &self,
        looked: &Looked<'_>,
        standing: &[bool],
        ruled: &Ruled,
        (list, candidates, applied): (
            &mut Vec<Candidate>,
            &mut Vec<slate::Candidate>,
            &mut Applied,
        ),
    ) {
        let quotas = applied.quotas();
        let is_owed = |at: usize| quotas.iter().any(|quota| quota.counts[at]);
        let is_ranked = |at: usize| candidates[at].way == Way::Ranked;
        let is_moved = |at: usize| applied.moved_by(at).next().is_some() || is_owed(at);
        // Those in front fill the page.
        let behind = (0..list.len()).filter(|at| is_ranked(*at)).skip(looked.question.page.n);
        let new = behind.filter(|at| list[*at].source == NEW && !is_moved(*at));
        let new: Vec<usize> = new.take(NEW_MAX).collect();
        new.iter().for_each(|at| candidates[*at].way = Way::Drawn);
        let mut known: FxHashSet<u32> = list.iter().map(|one| one.place).collect();
        let is_wanted = |place: &u32| {
            !self.is_popular(*place) && is_set(standing, *place) && !looked.is_had(self, *place)
        };
        let others = self.new_places(looked).filter(is_wanted);
        let others = others.filter(|place| known.insert(*place) && !ruled.lowers(looked, *place));
        let score = candidates.iter().map(|one| one.score).fold(0.0, f32::min);
        for place in others.take(NEW_MAX - new.len()) {
            list.push(Candidate { place, score, source: NEW });
            let shown = looked.done.get(&place).map_or(0.0, |done| done.shown as f32);
            let way = Way::Drawn;
            candidates.push(slate::Candidate { item: place, score, factor: 1.0, shown, way });
        }
        applied.widen(candidates.len());
    }
}

impl Engine {
    /// Returns products that may be new: those of which it is known since when the shop has them,
    /// the newest first, then the others, which have their turn day by day.
    fn new_places<'a>(&'a self, looked: &'a Looked<'_>) -> impl Iterator<Item = u32> + 'a {
        let all = looked.shelf.len() as u32;
        let day = looked.question.page.at.div_euclid(DAY).unsigned_abs();
        let first = (day.wrapping_mul(NEW_MAX as u64) % u64::from(all.max(1))) as u32;
        let dated = looked.shelf.latest().map(|one| one.item);
        dated.chain(first..all).chain(0..first)
    }
}

impl Ruled {
    /// Returns whether a rule excludes the product at a place, or buries it.
    fn lowers(&self, looked: &Looked<'_>, place: u32) -> bool {
        let mut rules = self.holding.iter().enumerate();
        rules.any(|(at, held)| {
            matches!(held.rule.kind, Kind::Exclude | Kind::Bury { .. })
                && self.is_meant(looked, at, place)
        })
    }

    /// Returns whether a rule excludes the product at a place.
    fn excludes(&self, looked: &Looked<'_>, place: u32) -> bool {
        let mut rules = self.holding.iter().enumerate();
        rules.any(|(at, held)| held.rule.kind == Kind::Exclude && self.is_meant(looked, at, place))
    }

    /// Returns whether a rule, by its place, is about the product at a place.
    fn is_meant(&self, looked: &Looked<'_>, at: usize, place: u32) -> bool {
        match self.flags.get(at) {
            Some(Some(meant)) if !meant.asks_customer || !looked.done.contains_key(&place) => {
                meant.is_for_him && is_set(&meant.flags, place)
            }
            _ => looked.is_meant_by(&self.holding[at].filter, place),
        }
    }
}

/// Returns candidates for composing. What fills a list up, from `found` on, has no score of its
/// own: it stands below the others, in its order.
fn scored(looked: &Looked<'_>, list: &[Candidate], found: usize) -> Vec<slate::Candidate> {
    let bounds = list[..found].iter().map(|one| one.score);
    let (low, high) =
        bounds.fold((f32::MAX, f32::MIN), |(low, high), score| (low.min(score), high.max(score)));
    let (low, span) = if found == 0 { (0.0, 1.0) } else { (low, (high - low).max(f32::EPSILON)) };
    let filled = (list.len() - found).max(1) as f32;
    let candidate = |(at, one): (usize, &Candidate)| slate::Candidate {
        item: one.place,
        score: match at.checked_sub(found) {
            None => one.score,
            // Those that were found keep nine tenths of the scale.
            Some(behind) => low - span * (behind + 1) as f32 / filled / 9.0,
        },
        factor: 1.0,
        shown: looked.done.get(&one.place).map_or(0.0, |done| done.shown as f32),
        way: Way::Ranked,
    };
    list.iter().enumerate().map(candidate).collect()
}

/// Returns the codes by which products are alike, one kind after the other.
fn codes(looked: &Looked<'_>, list: &[Candidate]) -> Vec<u32> {
    let mut codes = vec![NONE; WEIGHTS.len() * list.len()];
    for (at, one) in list.iter().enumerate() {
        for (kind, code) in looked.shelf.codes(one.place).into_iter().enumerate() {
            codes[kind * list.len() + at] = code;
        }
    }
    codes
}

fn moved(holding: &[Arc<Held>], applied: &Applied, placed: &Placed, own: usize) -> Moved {
    let by = applied.moved_by(placed.candidate);
    let rules: Vec<&Held> = by.map(|rule| holding[rule].as_ref()).collect();
    let label = rules.iter().find_map(|held| match &held.rule.kind {
        Kind::Sponsored { label, .. } => Some(label.clone()),
        _ => None,
    });
    Moved {
        before: (placed.candidate < own).then_some(placed.candidate + 1),
        parts: placed.parts,
        standing: match placed.standing {
            Standing::Ranked => "ranked",
            Standing::Owed(_) => "owed",
            Standing::Uncapped => "uncapped",
            Standing::Fixed => "fixed",
            Standing::Drawn => "drawn",
        },
        label,
        rules: rules.iter().map(|held| held.rule.id.clone()).collect(),
    }
}

impl Engine {
    /// Returns how many products of the catalogue a rule is about, as far as they alone decide.
    #[must_use]
    pub fn meant(&self, held: &Held) -> usize {
        let shelf = self.read();
        let products = (0..shelf.len() as u32).filter_map(|place| shelf.product(place));
        products.filter(|product| held.filter.lets(product)).count()
    }
}
