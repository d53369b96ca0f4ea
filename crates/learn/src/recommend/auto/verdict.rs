//! Who wins: what is popular, the best single model, or the best of each joined: their scores
//! blended, or their candidates ranked by learned chances.

use std::sync::Arc;

use super::super::Recommender;
use super::super::hybrid::{Hybrid, Normalize, learned_weights};
use super::super::ranker::{Chances, Pupil, Ranker};
use super::MEMBERS_MOST;
use super::bench::Bench;
use super::budget::Budget;
use super::report::{Comparison, Member};
use super::search::{Finalist, mean};
use crate::error::{Error, Result};
use crate::evaluate::bootstrap::Bootstrap;

/// What all others have to beat.
pub(super) const BASELINE: &str = "popular";
/// The scale on which members are added.
pub(super) const NORMALIZE: Normalize = Normalize::ZScore;
/// Candidates that each member of a blend gives: ten times a list, so that members can agree on
/// what none of them has among its first.
pub(super) const DEPTH: usize = 100;

/// What is to be fitted on everything.
#[derive(Debug)]
pub(super) struct Winner<'f> {
    /// With their weights, above 0 and summing to 1.
    pub(super) members: Vec<(&'f Finalist, f64)>,
    /// What ranks their candidates; without it they are blended.
    pub(super) chances: Option<Chances>,
}

/// The winner, and why.
#[derive(Debug)]
pub(super) struct Verdict<'f> {
    pub(super) winner: Winner<'f>,
    pub(super) why: String,
    pub(super) comparisons: Vec<Comparison>,
}

impl<'f> Winner<'f> {
    fn single(finalist: &'f Finalist) -> Self {
        Self { members: vec![(finalist, 1.0)], chances: None }
    }

    pub(super) fn described(&self) -> Vec<Member> {
        let member = |(finalist, weight): &(&Finalist, f64)| Member {
            model: finalist.entry.name,
            weight: *weight,
            parameters: finalist.parameters.clone(),
            score: Some(finalist.score),
        };
        self.members.iter().map(member).collect()
    }
}

/// Decides between the finalists and their blend.
///
/// # Errors
/// [`Error::TooLittle`] when there is no finalist.
pub(super) fn decide<'f>(
    bench: &Bench<'_>,
    finalists: &'f [Finalist],
    budget: &mut Budget<'_>,
    seed: u64,
) -> Result<Verdict<'f>> {
    let mut order: Vec<&Finalist> = finalists.iter().collect();
    // Stable: of equals the simpler one stands first.
    order.sort_by(|left, right| right.score.total_cmp(&left.score));
    let Some(best) = order.first().copied() else {
        return Err(Error::TooLittle("no model fits into the budget".to_owned()));
    };
    let bootstrap = Bootstrap { seed, ..Bootstrap::default() };
    let mut comparisons = Vec::new();
    if let Some(simple) = finalists.iter().find(|one| one.entry.name == BASELINE) {
        let names = [best.entry.name, BASELINE];
        let scores = [&best.measured.scores[..], &simple.measured.scores[..]];
        let (comparison, is_better) = compare(&bootstrap, names, scores)?;
        comparisons.push(comparison);
        if !is_better {
            let why = "nothing is surely better than what is popular".to_owned();
            return Ok(Verdict { winner: Winner::single(simple), why, comparisons });
        }
    }
    order.truncate(MEMBERS_MOST);
    // Asking all members for as many candidates as a blend needs takes about what judging did, and
    // as much is needed to fit them again. What was measured needs no correction.
    let formula = order.iter().map(|one| one.seconds).sum::<f64>();
    if order.len() < 2 || 2.0 * formula > budget.left() {
        let why = format!("{} is the best, and there was no time for a blend", best.entry.name);
        return Ok(Verdict { winner: Winner::single(best), why, comparisons });
    }
    let (blended, _) = budget.spend("blend", formula, || blend(bench, &order, seed));
    let (mut name, (mut joined, mut own)) = ("hybrid", blended?);
    if 2.0 * formula <= budget.left() {
        let (ranked, _) = budget.spend("ranker", formula, || rank(bench, &order, seed));
        let ranked = ranked?;
        if mean(&ranked.1) > mean(&own) {
            (name, (joined, own)) = ("ranker", ranked);
        }
    }
    let [_, (judges, _)] = bench.halves();
    let is_asked = |(user, _): &(&u32, &f64)| judges.binary_search(user).is_ok();
    let all = bench.judges.iter().zip(&best.measured.scores);
    let alone: Vec<f64> = all.filter(is_asked).map(|(_, score)| *score).collect();
    let (comparison, is_better) = compare(&bootstrap, [name, best.entry.name], [&own, &alone])?;
    comparisons.push(comparison);
    let (winner, why) = if is_better {
        (joined, format!("a {name} is surely better than {} alone", best.entry.name))
    } else {
        let why = format!("no {name} is surely better than {}", best.entry.name);
        (Winner::single(best), why)
    };
    Ok(Verdict { winner, why, comparisons })
}

/// Finalists joined, and the scores of customers by whom nothing of it was learned.
type Joined<'f> = (Winner<'f>, Vec<f64>);

/// Learns the weights of a blend on half of the judges, asks the other half, and learns them again
/// on all.
fn blend<'f>(bench: &Bench<'_>, order: &[&'f Finalist], seed: u64) -> Result<Joined<'f>> {
    let models = models(order);
    let [(_, learned_on), (judges, later)] = bench.halves();
    let learn = |later| {
        let asked = [bench.parts.asked(), later];
        learned_weights(&models, NORMALIZE, DEPTH, asked, bench.parts.seen, seed)
    };
    let weighted = models.iter().cloned().zip(learn(&learned_on)).collect();
    let hybrid = Hybrid::of(weighted, NORMALIZE, DEPTH)?;
    let own = bench.scores(&hybrid, &judges, &later)?;
    let weights = learn(&bench.later);
    let members = order.iter().copied().zip(weights).filter(|(_, weight)| *weight > 0.0);
    Ok((Winner { members: members.collect(), chances: None }, own))
}

/// Does for chances what [`blend`] does for weights.
fn rank<'f>(bench: &Bench<'_>, order: &[&'f Finalist], seed: u64) -> Result<Joined<'f>> {
    let models = models(order);
    let [(_, learned_on), (judges, later)] = bench.halves();
    let (documents, parts) = (bench.training.documents, &bench.parts);
    let pupil = Pupil { documents, depth: DEPTH, seen: parts.seen, seed };
    let learn = |later| pupil.learn(models.clone(), &parts.known, [parts.asked(), later]);
    let ranker = Ranker::of(models.clone(), learn(&learned_on)?, &parts.known, documents, DEPTH)?;
    let own = bench.scores(&ranker, &judges, &later)?;
    let chances = learn(&bench.later)?;
    let share = 1.0 / order.len() as f64;
    let members = order.iter().map(|finalist| (*finalist, share)).collect();
    Ok((Winner { members, chances: Some(chances) }, own))
}

fn models(order: &[&Finalist]) -> Vec<Arc<dyn Recommender>> {
    order.iter().map(|one| Arc::clone(&one.measured.model)).collect()
}

/// Asks a paired bootstrap whether the first is better.
fn compare(
    bootstrap: &Bootstrap,
    names: [&str; 2],
    scores: [&[f64]; 2],
) -> Result<(Comparison, bool)> {
    let difference = bootstrap.paired(scores[0], scores[1])?.difference;
    let comparison =
        Comparison { between: names.map(ToOwned::to_owned), scores: scores.map(mean), difference };
    Ok((comparison, difference.low > 0.0))
}
