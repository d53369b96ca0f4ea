//! What a race tried, who won and what was left out.

use serde::Serialize;

use super::super::{Entry, Parameters};
use super::bench::MEASURE;
use super::search::{LeftOut, Tried};
use crate::evaluate::bootstrap::Interval;

/// A race, for whoever wants to know why this model serves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The customers who judged.
    pub judges: usize,
    /// By what.
    pub measure: &'static str,
    /// The models of the winner with their weights, which sum to 1; one for a single model.
    pub members: Vec<Member>,
    /// Why it won.
    pub why: String,
    /// What was asked of the bootstrap.
    pub comparisons: Vec<Comparison>,
    /// All settings, in the order in which they were tried.
    pub tried: Vec<Tried>,
    /// What did not run, and why.
    pub left_out: Vec<LeftOut>,
    /// The seconds used.
    pub seconds: f64,
}

/// One model of the winner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Member {
    /// Its name.
    pub model: &'static str,
    /// How much it counts.
    pub weight: f64,
    /// Its settings.
    pub parameters: Parameters,
    /// The mean score of it alone; `None` where nobody could judge.
    pub score: Option<f64>,
}

/// How much better one is than another for the same customers, with its 95 % interval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The one, and the other.
    pub between: [String; 2],
    /// The mean scores of both.
    pub scores: [f64; 2],
    /// The first minus the second.
    pub difference: Interval,
}

impl Report {
    pub(super) fn unjudged(entry: &'static Entry, judges: usize, least: usize) -> Self {
        let only =
            Member { model: entry.name, weight: 1.0, parameters: entry.defaults(), score: None };
        Self {
            judges,
            measure: MEASURE,
            members: vec![only],
            why: format!("nothing was tried: {judges} customers to judge by, {least} are needed"),
            comparisons: Vec::new(),
            tried: Vec::new(),
            left_out: Vec::new(),
            seconds: 0.0,
        }
    }

    pub(super) fn figures(&self) -> Vec<(&'static str, f64)> {
        let mut figures = vec![
            ("settings_tried", self.tried.len() as f64),
            ("judges", self.judges as f64),
            ("members", self.members.len() as f64),
            ("seconds", self.seconds),
        ];
        let best = self.members.iter().filter_map(|member| member.score).reduce(f64::max);
        let megabytes = self.tried.iter().map(|tried| tried.megabytes).reduce(f64::max);
        figures.extend(megabytes.map(|most| ("largest_fit_megabytes", most)));
        figures.extend(best.map(|best| ("best_member_validation_ndcg", best)));
        figures
    }
}
