//! Finds the model and the settings that are best for these data, within a budget of time.
//!
//! A part of the interactions is held out (the validation part where one is given, else each
//! customer's youngest). All models of the registry that can run search their settings on it
//! ([`search()`]); the best of each then join, blended with weights or ranked by chances that are
//! learned on half of the customers and judged by the other half. What is most popular gives way
//! only to what a paired bootstrap over customers says is better, and the best single model only to
//! what joins several and is. The winner is fitted again on everything. What does not fit into the
//! time or the memory is left out, and said so in the [`Report`].

mod bench;
mod budget;
mod cost;
mod report;
mod search;
mod space;
mod verdict;

pub use budget::Budget;
pub use cost::{Cost, Shape};
pub use report::{Comparison, Member, Report};
pub use search::{Finalist, Found, LeftOut, Limits, Measured, Tried, search};

use std::sync::Arc;

use super::arrays::{Reader, Writer, wrong};
use super::hybrid::{Hybrid, JOINED};
use super::ranker::Ranker;
use super::{
    Contribution, Entry, History, Kind, ListOptions, MODELS, Pad, Parameter, Parameters, Reason,
    Recommender, Scored, Search, Seen, Trail, Training, saved,
};
use crate::error::{Error, Result};
use bench::{Bench, MEASURE};
use verdict::{DEPTH, NORMALIZE, Winner};

/// Stands for all models of the registry.
const ALL: &str = "all";

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "candidates",
        about: "the models in the race; all: every one there is",
        kind: Kind::Models(ALL),
        search: Search::Default,
    },
    Parameter::real(
        "budget",
        "seconds for everything; kept by the caller's clock, or by estimates of two cores' time",
        600.0,
        [0.0, 1e7],
    ),
    Parameter::whole("trials", "the most settings a model tries in a round", 16, [1, 10_000]),
    Parameter::whole("memory", "megabytes that fitting a model may take", 4000, [1, 10_000_000]),
];

/// With fewer customers to judge by, nothing can be chosen.
const JUDGES_LEAST: usize = 20;
/// What is fitted then: it learns from the fewest interactions.
const UNJUDGED: &str = "item-knn";
/// The most members of a blend.
const MEMBERS_MOST: usize = 6;

/// The model that won, and how.
#[derive(Debug)]
pub struct Auto {
    model: Arc<dyn Recommender>,
    report: Option<Report>,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    Ok(Box::new(Auto::fit(training, parameters)?))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    if from.section("model").text("model")? == "auto" {
        return Err(wrong("a race of races"));
    }
    let model = saved::load_registered(from, "model")?.into();
    Ok(Box::new(Auto { model, report: None }))
}

impl Auto {
    /// Runs the race.
    ///
    /// # Errors
    /// [`Error::Parameter`] when a candidate is unknown, and what fitting the winner again returns.
    pub fn fit(training: &Training<'_>, parameters: &Parameters) -> Result<Self> {
        let mut budget = Budget::new(f64::from(parameters.real("budget")), training.clock);
        let (entries, left_out) = candidates(training, parameters.word("candidates"))?;
        let bench = Bench::new(training);
        if bench.judges.len() < JUDGES_LEAST {
            return Self::unjudged(training, bench.judges.len());
        }
        let limits = Limits {
            trials: parameters.whole("trials"),
            bytes: parameters.whole("memory") as f64 * 1e6,
            finalists: MEMBERS_MOST,
            seed: training.seed,
        };
        let found = search(
            &entries,
            |entry, parameters| bench.measure(entry, parameters),
            |entry, parameters| bench.cost(entry, parameters),
            &mut budget,
            limits,
        );
        let left_out = [left_out, found.left_out].concat();
        let verdict = verdict::decide(&bench, &found.finalists, &mut budget, training.seed)?;
        let scale = training.interactions.len() as f64 / bench.parts.known.len().max(1) as f64;
        let model = refit(training, &verdict.winner, &mut budget, scale)?;
        let report = Report {
            judges: bench.judges.len(),
            measure: MEASURE,
            members: verdict.winner.described(),
            why: verdict.why,
            comparisons: verdict.comparisons,
            tried: found.tried,
            left_out,
            seconds: budget.used(),
        };
        Ok(Self { model, report: Some(report) })
    }

    /// Returns the model for data that nothing can be chosen by.
    fn unjudged(training: &Training<'_>, judges: usize) -> Result<Self> {
        let entry = Entry::find(UNJUDGED)?;
        let model = entry.fit(training, &entry.defaults())?.into();
        let report = Report::unjudged(entry, judges, JUDGES_LEAST);
        Ok(Self { model, report: Some(report) })
    }

    /// Returns what was tried and who won; `None` for a model that was saved and loaded.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }
}

/// Returns the models in the race, and those that cannot run.
fn candidates(training: &Training<'_>, names: &str) -> Result<(Vec<&'static Entry>, Vec<LeftOut>)> {
    let mut asked: Vec<&'static Entry> = Vec::new();
    if names.trim() == ALL {
        asked.extend(MODELS.iter().filter(|entry| !entry.joins()));
    } else {
        for name in names.split(',') {
            let entry = Entry::find(name.trim())?;
            if entry.joins() {
                let allowed = format!("models other than {}", JOINED.join(", "));
                return Err(Error::parameter("candidates", allowed, name));
            }
            asked.push(entry);
        }
        // What is popular is what all others have to beat.
        if asked.iter().all(|entry| entry.name != verdict::BASELINE) {
            asked.insert(0, Entry::find(verdict::BASELINE)?);
        }
    }
    let seen = training.rehearsal.map_or(Seen::Remove, |rehearsal| rehearsal.seen);
    let hindrance = |entry: &Entry| match entry.name {
        "content" if training.documents.is_none() => Some("the items have no texts"),
        "again" if seen == Seen::Remove => Some("lists hold nothing that was there before"),
        _ => None,
    };
    let left_out = |entry: &&'static Entry| {
        hindrance(entry).map(|why| LeftOut { model: entry.name, why: why.to_owned() })
    };
    let unfit = asked.iter().filter_map(left_out).collect();
    asked.retain(|entry| hindrance(entry).is_none());
    Ok((asked, unfit))
}

/// Fits the winner on everything.
fn refit(
    training: &Training<'_>,
    winner: &Winner<'_>,
    budget: &mut Budget<'_>,
    scale: f64,
) -> Result<Arc<dyn Recommender>> {
    let training = training.of(training.interactions);
    let mut members: Vec<(Arc<dyn Recommender>, f64)> = Vec::new();
    for (finalist, weight) in &winner.members {
        let work = || finalist.entry.fit(&training, &finalist.parameters);
        let (model, _) = budget.spend("refit", finalist.seconds * scale, work);
        members.push((model?.into(), *weight));
    }
    if let Some(chances) = &winner.chances {
        let members = members.into_iter().map(|(model, _)| model).collect();
        let (all, documents) = (training.interactions, training.documents);
        return Ok(Arc::new(Ranker::of(members, chances.clone(), all, documents, DEPTH)?));
    }
    match &members[..] {
        [(only, _)] => Ok(Arc::clone(only)),
        _ => Ok(Arc::new(Hybrid::of(members, NORMALIZE, DEPTH)?)),
    }
}

impl Recommender for Auto {
    fn name(&self) -> &'static str {
        "auto"
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

    fn traced(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> (Vec<Scored>, Trail) {
        self.model.traced(history, options, pad)
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

    fn recommend(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Vec<Scored> {
        self.model.recommend(history, options, pad)
    }

    /// How many settings were tried, by how many judges, what the winner scored, the seconds, and
    /// the memory of the largest fit.
    fn figures(&self) -> Vec<(&'static str, f64)> {
        self.report.as_ref().map(Report::figures).unwrap_or_default()
    }

    fn save(&self, into: &mut Writer) {
        into.section("model", |into| saved::write(&*self.model, into));
    }
}

#[cfg(test)]
mod tests;
