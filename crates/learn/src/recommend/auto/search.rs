//! Trying the settings of many models within a budget, the less promising ones giving up early.
//!
//! Rounds of successive halving (Jamieson and Talwalkar 2016, "Non-stochastic best arm
//! identification and hyperparameter optimization") over models, not settings: in each round every
//! model still in the race tries settings, its defaults first, for its share of the time; then the
//! better half goes on. What a model found before it gave up stays, as a member of a blend may be
//! good without being the best. How settings are measured is the caller's: on any split, by any
//! score.

use std::sync::Arc;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

use super::super::{Entry, Parameters, Recommender};
use super::budget::Budget;
use super::cost::Cost;
use super::space::{Seen, Space};
use crate::error::Result;

/// The first try of a model may take this share of what is left: more would leave nothing for the
/// others.
const FIRST_SHARE: f64 = 0.25;
/// What a model that stops by itself may be told to stop after at the latest, so that it fits into
/// the time: fewer passes say little of it.
const PASSES: [&str; 10] = ["200", "150", "100", "75", "50", "35", "25", "18", "12", "8"];
/// How often a setting that does not fit is drawn again before a model's turn ends.
const REDRAWS: usize = 10;
/// A bit that tells the streams of different models apart.
const STREAM: u64 = 0x9E37_79B9_7F4A_7C15;

/// A fitted model and its score for each customer it is judged by; the mean is what counts.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The model that was asked.
    pub model: Arc<dyn Recommender>,
    /// One value for each judge, in the same order for all models.
    pub scores: Vec<f64>,
}

/// What a search may use beside seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The most settings that a model tries in a round.
    pub trials: usize,
    /// The most bytes that fitting may take.
    pub bytes: f64,
    /// How many models will be fitted again in the end: the seconds for that are kept.
    pub finalists: usize,
    /// Decides where is looked.
    pub seed: u64,
}

/// A setting that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// The model.
    pub model: &'static str,
    /// Its settings.
    pub parameters: Parameters,
    /// The mean score of the judges; `None` where no model could be fitted.
    pub score: Option<f64>,
    /// What fitting and asking took.
    pub seconds: f64,
    /// The memory of the fit, by its formula.
    pub megabytes: f64,
    /// From 1.
    pub round: usize,
}

/// What was not tried, or not as long as the others, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The model.
    pub model: &'static str,
    /// The reason, in words.
    pub why: String,
}

/// The best settings of one model.
#[derive(Debug, Clone)]
pub struct Finalist {
    /// The model.
    pub entry: &'static Entry,
    /// Its settings.
    pub parameters: Parameters,
    /// What was measured of it.
    pub measured: Measured,
    /// The mean score.
    pub score: f64,
    /// What fitting and asking took.
    pub seconds: f64,
}

/// What a search found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// One for each model that could be tried, in the order given.
    pub finalists: Vec<Finalist>,
    /// All settings, in the order in which they were tried.
    pub tried: Vec<Tried>,
    /// What was left out.
    pub left_out: Vec<LeftOut>,
}

/// One model in the race.
struct Runner {
    entry: &'static Entry,
    space: Space,
    seen: Vec<Seen>,
    random: Pcg64Mcg,
    best: Option<Finalist>,
    is_out: bool,
}

/// The race itself: what all models share.
struct Race<'r, 'b, M, C> {
    measure: M,
    cost: C,
    budget: &'r mut Budget<'b>,
    limits: Limits,
    found: Found,
}

/// Searches the settings of `entries`, simplest first: of equal scores the earlier wins.
///
/// `measure` fits a model and judges it; an error of it counts as a setting that is no good.
/// `cost` says beforehand what that will take.
pub fn search<'b>(
    entries: &[&'static Entry],
    measure: impl FnMut(&'static Entry, &Parameters) -> Result<Measured>,
    cost: impl Fn(&'static Entry, &Parameters) -> Cost,
    budget: &mut Budget<'b>,
    limits: Limits,
) -> Found {
    let mut race = Race { measure, cost, budget, limits, found: Found::default() };
    let runner = |(at, entry): (usize, &&'static Entry)| Runner {
        entry,
        space: Space::of(entry),
        seen: Vec::new(),
        random: Pcg64Mcg::seed_from_u64(limits.seed.wrapping_add(STREAM.wrapping_mul(at as u64))),
        best: None,
        is_out: false,
    };
    let mut runners: Vec<Runner> = entries.iter().enumerate().map(runner).collect();
    let rounds = runners.len().max(1).ilog2() as usize + 1;
    for round in 1..=rounds {
        race.round(round, rounds, &mut runners);
        halve(&mut runners);
    }
    race.found.finalists = runners.into_iter().filter_map(|runner| runner.best).collect();
    race.found
}

/// Lets the worse half of those still in the race give up, and those that have nothing more to try.
fn halve(runners: &mut [Runner]) {
    runners.iter_mut().for_each(|runner| runner.is_out |= runner.space.is_empty());
    let mut order: Vec<usize> = (0..runners.len()).filter(|at| !runners[*at].is_out).collect();
    order.sort_by(|left, right| runners[*right].score().total_cmp(&runners[*left].score()));
    for at in order.iter().skip((order.len() / 2).max(1)) {
        runners[*at].is_out = true;
    }
}

impl Runner {
    fn score(&self) -> f64 {
        self.best.as_ref().map_or(f64::NEG_INFINITY, |best| best.score)
    }
}

impl<M, C> Race<'_, '_, M, C>
where
    M: FnMut(&'static Entry, &Parameters) -> Result<Measured>,
    C: Fn(&'static Entry, &Parameters) -> Cost,
{
    fn round(&mut self, round: usize, rounds: usize, runners: &mut [Runner]) {
        for at in 0..runners.len() {
            if runners[at].is_out {
                continue;
            }
            let waiting = runners[at..].iter().filter(|runner| !runner.is_out).count();
            let left = (self.budget.left() - reserve(runners, None, self.limits)).max(0.0);
            let share = left / (rounds + 1 - round) as f64 / waiting as f64;
            self.turn(round, share, at, runners);
        }
    }

    /// Lets one model try settings for its share of the time.
    fn turn(&mut self, round: usize, share: f64, at: usize, runners: &mut [Runner]) {
        let begun = self.budget.used();
        for _ in 0..self.limits.trials {
            let is_first = runners[at].seen.is_empty();
            if runners[at].space.is_empty() && !is_first {
                return;
            }
            let left = share - (self.budget.used() - begun);
            let Some((point, parameters)) = self.next(left, at, runners) else { return };
            let entry = runners[at].entry;
            let trial = trial(entry, &parameters);
            let cost = (self.cost)(entry, &trial);
            let (measured, seconds) =
                self.budget.spend(entry.name, cost.seconds, || (self.measure)(entry, &trial));
            let score = measured.as_ref().ok().map(|measured| mean(&measured.scores));
            self.found.tried.push(Tried {
                model: entry.name,
                parameters: parameters.clone(),
                score,
                seconds,
                megabytes: cost.bytes / 1e6,
                round,
            });
            let runner = &mut runners[at];
            runner.seen.push(Seen { point, score: score.unwrap_or(f64::NEG_INFINITY) });
            match measured {
                Ok(measured) => {
                    let score = mean(&measured.scores);
                    if score > runner.score() {
                        let one = Finalist { entry, parameters, measured, score, seconds };
                        runner.best = Some(one);
                    }
                }
                Err(error) if is_first => {
                    return self.leave_out(&mut runners[at], error.to_string());
                }
                Err(_) => {}
            }
        }
    }

    /// Returns the next settings that fit into what is left of a turn; `None` ends it.
    fn next(
        &mut self,
        left: f64,
        at: usize,
        runners: &mut [Runner],
    ) -> Option<(Vec<f64>, Parameters)> {
        let is_first = runners[at].seen.is_empty();
        for _ in 0..REDRAWS {
            let runner = &mut runners[at];
            let point = runner.space.propose(&runner.seen, &mut runner.random);
            let parameters = match is_first {
                true => runner.entry.defaults(),
                // The ranges are tested to be allowed.
                false => runner.space.settings(&point).ok()?,
            };
            let entry = runner.entry;
            let (mut seconds, mut allowed, mut too_large) = (0.0, 0.0, false);
            let mut cost = Cost { seconds: 0.0, bytes: 0.0 };
            for parameters in in_fewer_passes(entry, parameters) {
                cost = (self.cost)(entry, &trial(entry, &parameters));
                seconds = self.budget.expected(entry.name, cost.seconds);
                let kept = reserve(runners, Some((at, seconds)), self.limits);
                let free = self.budget.left() - kept;
                allowed = if is_first { free * FIRST_SHARE } else { left.min(free) };
                too_large = cost.bytes > self.limits.bytes;
                if !too_large && (seconds <= allowed || seconds == 0.0) {
                    return Some((point, parameters));
                }
            }
            if is_first {
                let why = if too_large {
                    format!(
                        "it would take {:.0} MB of memory, {:.0} are allowed",
                        cost.bytes / 1e6,
                        self.limits.bytes / 1e6
                    )
                } else {
                    format!(
                        "one fit would take some {seconds:.1} s, {:.1} s of the budget are left \
                         for it",
                        allowed.max(0.0)
                    )
                };
                self.leave_out(&mut runners[at], why);
                return None;
            }
        }
        None
    }

    fn leave_out(&mut self, runner: &mut Runner, why: String) {
        runner.is_out = true;
        self.found.left_out.push(LeftOut { model: runner.entry.name, why });
    }
}

/// Returns settings, and the same with fewer passes where a model makes passes until it is good.
fn in_fewer_passes(entry: &Entry, parameters: Parameters) -> Vec<Parameters> {
    let stops_itself = entry.parameters.iter().any(|parameter| parameter.name == "patience");
    let mut all = vec![parameters];
    for passes in PASSES.into_iter().filter(|_| stops_itself) {
        let mut fewer = all[0].clone();
        if fewer.set("epochs", passes).is_ok() {
            all.push(fewer);
        }
    }
    all
}

/// Returns settings as they are tried: a model that could learn what it held out to know when to
/// stop does so only when it is the winner, as that takes as long again.
fn trial(entry: &Entry, parameters: &Parameters) -> Parameters {
    let mut trial = parameters.clone();
    if entry.parameters.iter().any(|parameter| parameter.name == "refit") {
        // The word is one of its two.
        drop(trial.set("refit", "no"));
    }
    trial
}

/// Returns the seconds to keep for fitting the best again and for blending them, if runner `next`
/// took so many.
fn reserve(runners: &[Runner], next: Option<(usize, f64)>, limits: Limits) -> f64 {
    let seconds = |(at, runner): (usize, &Runner)| {
        let own = runner.best.as_ref().map_or(0.0, |best| best.seconds);
        let other = next.filter(|(place, _)| *place == at).map_or(0.0, |(_, seconds)| seconds);
        (runner.score(), own.max(other))
    };
    let mut all: Vec<(f64, f64)> = runners.iter().enumerate().map(seconds).collect();
    all.sort_by(|left, right| right.0.total_cmp(&left.0));
    2.0 * all.iter().take(limits.finalists).map(|(_, seconds)| seconds).sum::<f64>()
}

/// Returns the mean, 0 for no values.
pub(super) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
