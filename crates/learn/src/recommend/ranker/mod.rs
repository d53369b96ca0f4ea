//! Candidates of several models, in the order of the chance that the customer takes them.
//!
//! Each member gives its best candidates. A response model of the registry, the one that
//! advertising uses, has learned from held-out interactions what a candidate's chance is: by how
//! the members see it, how well the customer is known, whether and how lately he had it, how
//! popular it is and becomes, and how near it is to what he had in category, brand and price. The
//! members learn again from everything in the end; the chances stay.

mod facts;

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::arrays::{Reader, Writer, wrong};
use super::blend::sample;
use super::hybrid::{JOINED, Normalize, normalized};
use super::{
    Contribution, Entry, Field, History, Kind, ListOptions, Pad, Parameter, Parameters, Reason,
    Recommender, Scored, Search, Seen, Trail, Training, lists, saved,
};
use crate::error::{Error, Result};
use crate::interactions::Interactions;
use crate::respond::logistic::logistic;
use crate::respond::{self, Calibration, Calibrator, Column, Table};
use facts::{COLUMNS, Facts};

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "members",
        about: "the models that give candidates; content is passed over where items have no texts",
        kind: Kind::Models("popular,user-knn,item-knn,content"),
        search: Search::Default,
    },
    Parameter::whole("depth", "candidates each member gives", 100, [10, 10_000]),
];

/// What each member tells of a candidate: its score on the common scale, how near it is to the head
/// of the list, and the score again for customers who are well known.
const OF_A_MEMBER: usize = 3;
/// The most customers whose candidates are learned from: some hundred thousand rows.
const CUSTOMERS_MOST: usize = 1500;
/// Customers that one task describes.
const BLOCK_USERS: usize = 16;
/// What a response model is learned by.
const LEARNER: &str = "logistic";

/// The part of a chance that is not corrected, so that candidates of unlike chances never tie.
const UNCORRECTED: f64 = 1e-2;

/// What was learned, as it also stands in a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chances {
    /// The weight of each column, behind the base.
    weights: Vec<f64>,
    /// What makes so many of those come true who are said to.
    calibrator: Calibrator,
}

/// Fitted members, and what a candidate's chance is.
#[derive(Debug)]
pub struct Ranker {
    members: Vec<Arc<dyn Recommender>>,
    facts: Facts,
    chances: Chances,
    depth: usize,
}

/// The candidates of a history, and what they tell.
#[derive(Debug)]
pub struct Described {
    items: Vec<u32>,
    /// Shape `(items, columns)`.
    rows: Vec<f64>,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let mut entries = Vec::new();
    for name in parameters.word("members").split(',') {
        let entry = Entry::find(name.trim())?;
        if entry.joins() {
            let allowed = format!("models other than {}", JOINED.join(", "));
            return Err(Error::parameter("members", allowed, name));
        }
        if entry.name != "content" || training.documents.is_some() {
            entries.push(entry);
        }
    }
    let fitted = |training: &Training<'_>| -> Result<Vec<Arc<dyn Recommender>>> {
        entries.iter().map(|entry| Ok(entry.fit(training, &entry.defaults())?.into())).collect()
    };
    let depth = parameters.whole("depth");
    let parts = training.parts();
    let Training { documents, seed, .. } = *training;
    let pupil = Pupil { documents, depth, seen: parts.seen, seed };
    let rehearsed = fitted(&training.of(&parts.known))?;
    let chances = pupil.learn(rehearsed, &parts.known, [parts.asked(), &parts.after])?;
    let facts = Facts::of(training.interactions, training.documents);
    Ok(Box::new(Ranker { members: fitted(training)?, facts, chances, depth }))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let [weights, predicted, calibrated] = ["weights", "predicted", "calibrated"];
    let (predicted, calibrated) = (from.f64s(predicted)?, from.f64s(calibrated)?);
    let calibrator = match predicted.is_empty() {
        true => Calibrator::None,
        false => Calibrator::Isotonic { predicted, calibrated },
    };
    let chances = Chances { weights: from.f64s(weights)?, calibrator };
    let facts = Facts::load(from)?;
    let of_members = chances.weights.len().saturating_sub(1 + COLUMNS.len());
    let n_members = of_members / OF_A_MEMBER;
    if !chances.fits(n_members) {
        return Err(wrong("the chances are not those of a ranker"));
    }
    let mut members: Vec<Arc<dyn Recommender>> = Vec::new();
    for at in 0..n_members {
        let section = format!("member{at}");
        if JOINED.contains(&from.section(&section).text("model")?) {
            return Err(wrong("a ranker of what is made of others"));
        }
        members.push(saved::load_registered(from, &section)?.into());
    }
    if members.iter().any(|member| member.n_items() != facts.n_items()) {
        return Err(wrong("a member ranks other items"));
    }
    let depth = saved::whole(from, "depth")?;
    Ok(Box::new(Ranker { members, facts, chances, depth }))
}

/// Learns chances from what was held out.
#[derive(Debug, Clone, Copy)]
pub struct Pupil<'a> {
    /// The texts of each item.
    pub documents: Option<&'a [Vec<Field>]>,
    /// Candidates each member gives.
    pub depth: usize,
    /// What of a history is a candidate.
    pub seen: Seen,
    /// Decides which customers are learned from.
    pub seed: u64,
}

impl Pupil<'_> {
    /// Returns the chances of the candidates of `members`, fitted on what is `known`, by what those
    /// who are asked for had later, row by row.
    ///
    /// # Errors
    /// What the response model returns; where nobody took anything or everything, members count
    /// alike.
    pub fn learn(
        &self,
        members: Vec<Arc<dyn Recommender>>,
        known: &Interactions,
        [asked, held_out]: [&Interactions; 2],
    ) -> Result<Chances> {
        let alike = Chances::alike(members.len());
        let facts = Facts::of(known, self.documents);
        let ranker = Ranker { members, facts, chances: alike.clone(), depth: self.depth };
        let usable = |user: &u32| {
            !held_out.row(*user as usize).0.is_empty() && !asked.row(*user as usize).0.is_empty()
        };
        let users: Vec<u32> = (0..held_out.n_users() as u32).filter(usable).collect();
        let users = sample(&users, CUSTOMERS_MOST, self.seed);
        let options = ListOptions { seen: self.seen, ..ListOptions::unseen(self.depth) };
        let described: Vec<(Described, Vec<f64>)> = users
            .par_chunks(BLOCK_USERS)
            .map_init(Pad::default, |pad, block| {
                let one = |user: &u32| {
                    let described = ranker.describe(History::of(asked, *user), &options, pad);
                    let taken = held_out.row(*user as usize).0;
                    let label = |item: &u32| f64::from(u8::from(taken.binary_search(item).is_ok()));
                    let labels = described.items.iter().map(label).collect();
                    (described, labels)
                };
                block.iter().map(one).collect::<Vec<_>>()
            })
            .flatten_iter()
            .collect();
        let labels: Vec<f64> = described.iter().flat_map(|(_, labels)| labels).copied().collect();
        if !labels.contains(&0.0) || !labels.contains(&1.0) {
            return Ok(alike);
        }
        let width = ranker.width();
        let columns: Vec<Vec<f64>> = (0..width)
            .map(|at| {
                let rows = described.iter().flat_map(|(one, _)| one.rows.chunks_exact(width));
                rows.map(|row| row[at]).collect()
            })
            .collect();
        let names: Vec<String> = (0..width).map(|at| format!("{at}")).collect();
        let named = names.iter().zip(&columns);
        let table = named.map(|(name, values)| (name.as_str(), Column::Numeric(values)));
        let table = Table::new(table.collect())?;
        let learner = respond::Entry::find(LEARNER)?;
        let training = respond::Training { table: &table, labels: &labels, weights: None };
        let model = learner.fit(&training, &learner.settings(&[])?)?;
        let mut chances = Chances::of(&model)?;
        let said: Vec<f64> = described
            .iter()
            .flat_map(|(one, _)| one.rows.chunks_exact(width))
            .map(|row| chances.raw(row))
            .collect();
        chances.calibrator = Calibration::Isotonic.fit(&said, &respond::outcomes(&labels)?)?;
        Ok(chances)
    }
}

impl Chances {
    /// Every member's scale counts alike, and nothing else does.
    fn alike(members: usize) -> Self {
        let mut weights = vec![0.0; 1 + members * OF_A_MEMBER + COLUMNS.len()];
        weights[1..=members * OF_A_MEMBER].iter_mut().step_by(OF_A_MEMBER).for_each(|w| *w = 1.0);
        Self { weights, calibrator: Calibrator::None }
    }

    /// Reads the weights of numbers in their own units out of a response model.
    fn of(model: &respond::Model) -> Result<Self> {
        let respond::Model::Logistic(fitted) = model else {
            return Err(Error::TooLittle(format!("the ranker reads `{LEARNER}` alone")));
        };
        let score = fitted.score();
        let mut weights = vec![score.intercept_per_unit()];
        weights.extend(score.coefficients_per_unit().into_iter().map(|(_, weight)| weight));
        Ok(Self { weights, calibrator: Calibrator::None })
    }

    /// Returns whether these are numbers, and as many as so many members have.
    #[must_use]
    pub fn fits(&self, members: usize) -> bool {
        let is_number = |value: &f64| value.is_finite();
        let corrects = match &self.calibrator {
            Calibrator::None => true,
            Calibrator::Isotonic { predicted, calibrated } => {
                !predicted.is_empty()
                    && predicted.len() == calibrated.len()
                    && predicted.iter().chain(calibrated).all(is_number)
                    && predicted.is_sorted()
            }
            Calibrator::Platt { .. } => false,
        };
        self.weights.len() == 1 + members * OF_A_MEMBER + COLUMNS.len()
            && self.weights.iter().all(is_number)
            && corrects
    }

    /// Returns the chance before it is corrected.
    fn raw(&self, row: &[f64]) -> f64 {
        let sum = self.weights[1..].iter().zip(row).map(|(weight, value)| weight * value);
        logistic(self.weights[0] + sum.sum::<f64>())
    }

    fn of_row(&self, row: &[f64]) -> f64 {
        let raw = self.raw(row);
        (1.0 - UNCORRECTED) * self.calibrator.calibrate(raw) + UNCORRECTED * raw
    }

    /// Returns what each member adds to the logit of a candidate.
    fn of_members<'a>(&'a self, row: &'a [f64], members: usize) -> impl Iterator<Item = f64> + 'a {
        let weights = self.weights[1..].chunks_exact(OF_A_MEMBER);
        weights.zip(row.chunks_exact(OF_A_MEMBER)).take(members).map(|(weights, values)| {
            weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
        })
    }
}

impl Ranker {
    /// Returns fitted members with chances that were learned before, over the same items as
    /// `interactions`, on which they were fitted.
    ///
    /// # Errors
    /// [`Error::Length`] when the chances are those of other members or a member ranks other items.
    pub fn of(
        members: Vec<Arc<dyn Recommender>>,
        chances: Chances,
        interactions: &Interactions,
        documents: Option<&[Vec<Field>]>,
        depth: usize,
    ) -> Result<Self> {
        let ranker = Self { facts: Facts::of(interactions, documents), members, chances, depth };
        let (expected, got) = (1 + ranker.width(), ranker.chances.weights.len());
        if !ranker.chances.fits(ranker.members.len()) {
            return Err(Error::Length { what: "weights of a ranker", expected, got });
        }
        let expected = ranker.n_items();
        match ranker.members.iter().map(|member| member.n_items()).find(|n| *n != expected) {
            Some(got) => Err(Error::Length { what: "items of a member", expected, got }),
            None => Ok(ranker),
        }
    }

    fn width(&self) -> usize {
        self.members.len() * OF_A_MEMBER + COLUMNS.len()
    }

    /// Returns the candidates of all members, ascending, and what they tell.
    fn describe(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Described {
        let options = ListOptions { length: self.depth, ..*options };
        let list = |member: &Arc<dyn Recommender>| {
            normalized(&**member, Normalize::ZScore, history, &options, pad)
        };
        let lists: Vec<Vec<Scored>> = self.members.iter().map(list).collect();
        let mut items: Vec<u32> = lists.iter().flatten().map(|one| one.item).collect();
        items.sort_unstable();
        items.dedup();
        let width = self.width();
        let of_members = self.members.len() * OF_A_MEMBER;
        let customer = self.facts.customer(history);
        let mut rows = vec![0.0; items.len() * width];
        for (item, row) in items.iter().zip(rows.chunks_exact_mut(width)) {
            self.facts.describe(&customer, *item, &mut row[of_members..]);
        }
        for (member, list) in lists.iter().enumerate() {
            for (rank, one) in list.iter().enumerate() {
                let Ok(place) = items.binary_search(&one.item) else { continue };
                let score = f64::from(one.score);
                let own = &mut rows[place * width + member * OF_A_MEMBER..][..OF_A_MEMBER];
                own.copy_from_slice(&[
                    score,
                    1.0 / (rank as f64 + 1.0).sqrt(),
                    score * customer.known,
                ]);
            }
        }
        Described { items, rows }
    }

    /// Writes the chances of all candidates into the pad, and returns what they tell.
    fn score_all(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Described {
        let mut inner = pad.inner.take().unwrap_or_default();
        let described = self.describe(history, options, &mut inner);
        pad.inner = Some(inner);
        pad.scores.reserve(self.n_items());
        for (item, row) in described.items.iter().zip(described.rows.chunks_exact(self.width())) {
            *pad.scores.touch(*item) = self.chances.of_row(row);
        }
        described
    }

    /// Returns for each of `items` the member that speaks most for it, and of its chance that
    /// member's part, told by the items of the history.
    fn parts(
        &self,
        described: &Described,
        history: History<'_>,
        options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        let width = self.width();
        let mut led: Vec<Vec<(usize, f64)>> = vec![Vec::new(); self.members.len()];
        for (at, item) in items.iter().enumerate() {
            let Ok(place) = described.items.binary_search(item) else { continue };
            let row = &described.rows[place * width..][..width];
            let added: Vec<f64> = self.chances.of_members(row, self.members.len()).collect();
            let whole: f64 = added.iter().filter(|part| **part > 0.0).sum();
            let best =
                (0..added.len()).max_by(|a, b| added[*a].total_cmp(&added[*b]).then(b.cmp(a)));
            if let Some(best) = best.filter(|best| added[*best] > 0.0) {
                led[best].push((at, self.chances.of_row(row) * added[best] / whole));
            }
        }
        let none = || Reason { model: self.name(), parts: Vec::new() };
        let mut reasons: Vec<Reason> = items.iter().map(|_| none()).collect();
        for (member, led) in self.members.iter().zip(led).filter(|(_, led)| !led.is_empty()) {
            let asked: Vec<u32> = led.iter().map(|(at, _)| items[*at]).collect();
            let told = member.contributions(history, options, &asked, pad);
            for ((at, chance), mut reason) in led.into_iter().zip(told) {
                let whole: f32 = reason.parts.iter().map(|part| part.score).sum();
                if whole > 0.0 {
                    let scale = chance as f32 / whole;
                    reason.parts.iter_mut().for_each(|part| part.score *= scale);
                } else {
                    reason.parts.clear();
                }
                reasons[at] = Reason { model: member.name(), parts: reason.parts };
            }
        }
        reasons
    }
}

impl Recommender for Ranker {
    fn name(&self) -> &'static str {
        "ranker"
    }

    fn n_items(&self) -> usize {
        self.facts.n_items()
    }

    fn score(&self, history: History<'_>, pad: &mut Pad) {
        let options = ListOptions { seen: Seen::Keep, ..ListOptions::unseen(self.depth) };
        self.score_all(history, &options, pad);
    }

    fn recommend(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Vec<Scored> {
        self.traced(history, options, pad).0
    }

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
        let described = self.describe(history, options, pad);
        self.parts(&described, history, options, items, pad)
    }

    fn traced(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> (Vec<Scored>, Trail) {
        let described = self.score_all(history, options, pad);
        let list = lists::select(self.n_items(), history, options, pad);
        (list, Trail::Described(described))
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
            Trail::Described(described) => self.parts(described, history, options, items, pad),
            _ => self.contributions(history, options, items, pad),
        }
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let columns = &self.chances.weights[1 + self.members.len() * OF_A_MEMBER..];
        COLUMNS.into_iter().zip(columns.iter().copied()).collect()
    }

    fn save(&self, into: &mut Writer) {
        into.f64s("weights", &self.chances.weights);
        let knots: [&[f64]; 2] = match &self.chances.calibrator {
            Calibrator::Isotonic { predicted, calibrated } => [predicted, calibrated],
            _ => [&[], &[]],
        };
        into.f64s("predicted", knots[0]);
        into.f64s("calibrated", knots[1]);
        into.u64s("depth", &[self.depth as u64]);
        self.facts.save(into);
        for (at, member) in self.members.iter().enumerate() {
            into.section(&format!("member{at}"), |into| saved::write(&**member, into));
        }
    }
}

#[cfg(test)]
mod tests;
