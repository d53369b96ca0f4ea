//! Tests of the whole world: what comes out of it under simple policies.

mod archetypes;
mod chances;
mod events;
mod policies;
mod rates;

use shopwise_model::decision::{Choice, VisitContext, VisitDecision, VisitOutcome};
use shopwise_model::{Events, Frame};

use crate::chance::Chance;
use crate::{Settings, World};

/// What a run under one policy brought.
pub(crate) struct Run {
    pub(crate) frame: Frame,
    pub(crate) outcomes: Vec<VisitOutcome>,
}

impl Run {
    pub(crate) fn sum(&self, value: impl Fn(&VisitOutcome) -> f64) -> f64 {
        self.outcomes.iter().map(value).sum()
    }

    /// Returns the mean of a value over visits.
    pub(crate) fn mean(&self, value: impl Fn(&VisitOutcome) -> f64) -> f64 {
        self.sum(value) / self.outcomes.len() as f64
    }

    pub(crate) fn revenue(&self) -> f64 {
        self.mean(|outcome| outcome.revenue as f64 / 1e6)
    }
}

pub(crate) fn world(settings: &Settings) -> World {
    World::new(settings, str::to_owned).unwrap()
}

pub(crate) fn small() -> Settings {
    Settings { customers: 3_000, days: 90, ..Settings::default() }
}

/// Runs `days` days; `decide` fills each decision.
pub(crate) fn run(
    world: &mut World,
    days: u32,
    decide: impl Fn(&World, &VisitContext) -> VisitDecision,
) -> Run {
    let mut events = Events::default();
    let mut outcomes = Vec::new();
    for _ in 0..days {
        let visits = world.begin_day();
        let decisions: Vec<VisitDecision> =
            visits.iter().map(|visit| decide(world, visit)).collect();
        outcomes.extend(world.end_day(&decisions, &mut events).unwrap());
    }
    Run { frame: events.into_frame(), outcomes }
}

pub(crate) fn decision(visit: &VisitContext, list: Vec<Choice>, ads: Vec<Choice>) -> VisitDecision {
    VisitDecision { decision: format!("d{}", visit.visit), policy: "test", list, ads }
}

/// Shows different things, each as likely as the others.
pub(crate) fn random(world: &World, visit: &VisitContext) -> VisitDecision {
    let chance = Chance::new(99).of(visit.visit);
    let draw = |chance: Chance, slots: usize, count: usize| {
        let mut choices: Vec<Choice> = Vec::new();
        for at in 0.. {
            let index = chance.of(at).below(count) as u32;
            if choices.len() == slots {
                break;
            }
            if choices.iter().all(|own| own.index != index) {
                choices.push(Choice { index, propensity: 1.0 / count as f64 });
            }
        }
        choices
    };
    let list = draw(chance.of(0), visit.list_slots, world.products().len());
    let ads = draw(chance.of(1), visit.ad_slots, world.campaigns().len());
    decision(visit, list, ads)
}

/// Returns the indexes of the `count` largest scores, the largest first.
pub(crate) fn best(scores: &[f64], count: usize) -> Vec<Choice> {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    order.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b)));
    order.truncate(count);
    order.into_iter().map(|index| Choice { index, propensity: 1.0 }).collect()
}

/// Returns whether `observed` of independent events of these probabilities is within the bounds of
/// the normal approximation at 99.9 %.
pub(crate) fn is_binomial(observed: f64, probabilities: impl Iterator<Item = f64>) -> bool {
    let (mut mean, mut variance) = (0.0, 0.0);
    for probability in probabilities {
        mean += probability;
        variance += probability * (1.0 - probability);
    }
    (observed - mean).abs() <= 3.29 * variance.sqrt()
}
