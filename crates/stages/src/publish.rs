//! Whether a new model may serve, and how it is put on the shelf.
//!
//! Candidate, serving model and simple baselines are scored on the same newest window, one value a
//! customer; paired bootstrap over customers says what is better. A model is published if it is
//! better than every baseline (the interval of the mean difference lies above 0) and not worse than
//! what serves (the interval of the relative difference lies below −1 %). The first model meets
//! only the baselines. A baseline itself asks nobody: its verdict is [`Verdict::baseline`].

use serde::Serialize;
use serde_json::{Value, json};
use shopwise_learn::evaluate::bootstrap::{Bootstrap, Interval};
use shopwise_store::ledger::NewModel;

use crate::error::{Error, Result};
use crate::report::ModelReport;
use crate::shop::Shop;
use crate::stage::Work;

/// How much worse than what serves a model may surely not be, as a share of it: a loss below this
/// is not worth staying with an old model that knows nothing of the newest events.
const WORSE_MIN: f64 = 0.01;

/// A model in the contest.
#[derive(Debug, Clone, Copy)]
pub struct Contender<'a> {
    /// How it is called in the verdict.
    pub name: &'a str,
    /// One value a customer, higher is better; customers in the same order for all contenders.
    pub scores: &'a [f64],
}

/// Who is compared with whom.
#[derive(Debug, Clone, Copy)]
pub struct Contest<'a> {
    /// The new model.
    pub candidate: Contender<'a>,
    /// The model that serves, if there is one.
    pub serving: Option<Contender<'a>>,
    /// Simple models that it has to beat.
    pub baselines: &'a [Contender<'a>],
    /// Decides the resamples.
    pub seed: u64,
}

/// Whether a model is published, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether it shall serve.
    pub publish: bool,
    /// The reason, in one sentence.
    pub why: String,
    /// What it was compared with.
    pub comparisons: Vec<Comparison>,
}

/// The candidate against one other model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The other model.
    pub with: String,
    /// `baseline` or `serving`.
    pub role: &'static str,
    /// The candidate's mean.
    pub candidate: f64,
    /// The other's mean.
    pub other: f64,
    /// Candidate minus other, with its 95 % interval.
    pub difference: Interval,
    /// The difference as a share of the other's size; `None` where that is 0 or may be.
    pub relative: Option<Interval>,
    /// Whether the candidate stands the comparison.
    pub passed: bool,
}

impl Verdict {
    /// Returns the verdict on a baseline, which can always serve.
    #[must_use]
    pub fn baseline() -> Self {
        let why = "the baseline can always serve".to_owned();
        Self { publish: true, why, comparisons: Vec::new() }
    }
}

/// Decides whether the candidate is published.
///
/// # Errors
/// When contenders have different numbers of customers or a score is no finite number.
pub fn judge(contest: &Contest<'_>) -> Result<Verdict> {
    let candidate = contest.candidate.name;
    let is_alone = contest.serving.is_none() && contest.baselines.is_empty();
    if contest.candidate.scores.is_empty() && !is_alone {
        let why = format!("{candidate} could not be compared: nobody to judge by");
        return Ok(Verdict { publish: false, why, comparisons: Vec::new() });
    }
    let mut comparisons = Vec::new();
    for baseline in contest.baselines {
        let better = |against: &Comparison| against.difference.low > 0.0;
        comparisons.push(compare(contest, baseline, "baseline", better)?);
    }
    if let Some(serving) = &contest.serving {
        comparisons.push(compare(contest, serving, "serving", |against| !is_worse(against))?);
    }
    let publish = comparisons.iter().all(|comparison| comparison.passed);
    Ok(Verdict { publish, why: why(candidate, &comparisons), comparisons })
}

/// Returns whether the candidate is surely worse than the other by more than [`WORSE_MIN`]. Where
/// the other's mean may be 0 a share of it says nothing: then any sure loss is one.
fn is_worse(against: &Comparison) -> bool {
    match against.relative {
        Some(relative) => relative.high < -WORSE_MIN,
        None => against.difference.high < 0.0,
    }
}

fn compare(
    contest: &Contest<'_>,
    other: &Contender<'_>,
    role: &'static str,
    passes: impl Fn(&Comparison) -> bool,
) -> Result<Comparison> {
    let (own, others) = (contest.candidate.scores, other.scores);
    let bootstrap = Bootstrap { seed: contest.seed, ..Bootstrap::default() };
    let found = bootstrap.paired(own, others)?;
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let mut comparison = Comparison {
        with: other.name.to_owned(),
        role,
        candidate: mean(own),
        other: mean(others),
        difference: found.difference,
        // A share of a negative mean (a log-likelihood) has the wrong sign.
        relative: found
            .relative
            .map(|share| if mean(others) < 0.0 { turned(share) } else { share }),
        passed: false,
    };
    comparison.passed = passes(&comparison);
    Ok(comparison)
}

fn turned(interval: Interval) -> Interval {
    Interval { estimate: -interval.estimate, low: -interval.high, high: -interval.low }
}

fn why(candidate: &str, comparisons: &[Comparison]) -> String {
    if let Some(failed) = comparisons.iter().find(|comparison| !comparison.passed) {
        let how = match (failed.role, failed.difference.high < 0.0) {
            ("serving", _) | (_, true) => "worse than",
            _ => "not surely better than",
        };
        let Interval { low, high, .. } = failed.difference;
        return format!(
            "{candidate} is {how} {} {}: {:.4} against {:.4}, difference {low:+.4} to {high:+.4}",
            article(failed.role),
            failed.with,
            failed.candidate,
            failed.other
        );
    }
    let of = |role: &str| comparisons.iter().filter(|one| one.role == role).count();
    match (of("baseline"), of("serving")) {
        (0, 0) => format!("{candidate} is the first model and there is no baseline"),
        (_, 0) => format!("{candidate} is better than every baseline; nothing served before"),
        (0, _) => format!("{candidate} is not worse than what serves"),
        _ => format!("{candidate} is better than every baseline and not worse than what serves"),
    }
}

fn article(role: &str) -> &'static str {
    if role == "serving" { "the serving" } else { "the baseline" }
}

/// A model with everything that is put on the shelf.
#[derive(Debug, Clone)]
pub struct Publication<'a> {
    /// The model's name.
    pub name: &'a str,
    /// Data files by name: bit-equal for equal inputs and seed.
    pub files: &'a [(&'a str, &'a [u8])],
    /// The chosen parameters.
    pub parameters: Value,
    /// What was measured on the newest window.
    pub metrics: Value,
    /// What the simple model reached in its place.
    pub baseline: Value,
    /// Versions of the tables it was made from.
    pub inputs: Value,
    /// How the data files are to be read; see [`check_format`].
    pub format: u32,
}

impl Publication<'_> {
    /// Returns what the stage's report says of the model.
    #[must_use]
    pub fn report(&self, version: i64, verdict: &Verdict) -> ModelReport {
        ModelReport {
            name: self.name.to_owned(),
            version,
            published: verdict.publish,
            metrics: self.metrics.clone(),
            baseline: self.baseline.clone(),
        }
    }
}

/// Puts a model on the shelf, notes it in the ledger and lets it serve if the verdict says so.
/// Returns its version: one above every earlier one.
///
/// A run that ends between these steps leaves at most a version that never serves.
///
/// # Errors
/// Store errors.
pub fn store(work: &Work<'_>, publication: &Publication<'_>, verdict: &Verdict) -> Result<i64> {
    let Shop { ledger, shelf, .. } = work.shop;
    let name = publication.name;
    let noted = ledger.models()?.into_iter().filter(|model| model.name == name);
    let shelved = shelf.versions(name)?.into_iter();
    let version = 1 + noted.map(|model| model.version).chain(shelved).max().unwrap_or(0);
    let manifest = json!({
        "name": name,
        "version": version,
        "format": publication.format,
        "made_at": work.now,
        "parameters": publication.parameters,
        "metrics": publication.metrics,
        "baseline": publication.baseline,
        "inputs": publication.inputs,
        "verdict": verdict,
    });
    shelf.write(name, version, publication.files, &manifest)?;
    let manifest = shelf.manifest(name, version)?;
    let metrics = publication.metrics.clone();
    let baseline = publication.baseline.clone();
    ledger.add_model(&NewModel { name, version, manifest, metrics, baseline }, work.now)?;
    if verdict.publish {
        ledger.publish(name, version, work.now)?;
    }
    Ok(version)
}

/// Returns the version and the manifest of the model that serves, if one was published.
///
/// # Errors
/// Store errors; a model laid out by another version of the program is refused.
pub fn serving(shop: &Shop, name: &str) -> Result<Option<(i64, Value)>> {
    let Some(version) = shop.ledger.serving(name)?.map(|model| model.version) else {
        return Ok(None);
    };
    Ok(Some((version, shop.shelf.manifest(name, version)?)))
}

/// Refuses a model whose data files are written in another way than `format`.
///
/// # Errors
/// [`Error::Wrong`] with the hint to run.
pub fn check_format(name: &str, manifest: &Value, format: u32) -> Result<()> {
    if manifest["format"].as_u64() == Some(u64::from(format)) {
        return Ok(());
    }
    Err(Error::Wrong(format!(
        "model `{name}` version `{}` has format `{}`, this program reads `{format}`\nhint: \
         `shopwise run` makes the model again",
        manifest["version"], manifest["format"]
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forty customers whose values are `mean` ± 0.1 by turns, so that a shift of all shifts the
    /// mean and nothing else.
    fn scores(mean: f64) -> Vec<f64> {
        (0..40).map(|at| mean + if at % 2 == 0 { 0.1 } else { -0.1 }).collect()
    }

    fn verdict(candidate: f64, serving: Option<f64>, baselines: &[f64]) -> Verdict {
        let (own, served) = (scores(candidate), serving.map(scores));
        let rivals: Vec<Vec<f64>> = baselines.iter().map(|mean| scores(*mean)).collect();
        let rivals: Vec<Contender<'_>> =
            rivals.iter().map(|scores| Contender { name: "popular", scores }).collect();
        judge(&Contest {
            candidate: Contender { name: "hybrid", scores: &own },
            serving: served.as_ref().map(|scores| Contender { name: "version 1", scores }),
            baselines: &rivals,
            seed: 7,
        })
        .unwrap()
    }

    #[test]
    fn the_first_model_meets_only_the_baselines() {
        let better = verdict(0.5, None, &[0.4, 0.3]);
        assert!(better.publish);
        assert_eq!(better.comparisons.len(), 2);
        assert!((better.comparisons[0].difference.low - 0.1).abs() < 1e-12);
        assert!(!verdict(0.5, None, &[0.4, 0.6]).publish);
        assert!(verdict(0.5, None, &[]).publish);
    }

    #[test]
    fn a_tie_with_a_baseline_is_not_published() {
        let tie = verdict(0.5, None, &[0.5]);
        assert!(!tie.publish);
        assert!(tie.why.contains("not surely better than the baseline popular"), "{}", tie.why);
    }

    #[test]
    fn a_tie_with_what_serves_is_published() {
        let tie = verdict(0.5, Some(0.5), &[0.4]);
        assert!(tie.publish);
        assert_eq!(tie.comparisons[1].role, "serving");
    }

    #[test]
    fn a_loss_of_more_than_a_hundredth_keeps_what_serves() {
        assert!(!verdict(0.40, Some(0.5), &[0.3]).publish);
        // 0.498 / 0.5 is a loss of 0.4 %.
        assert!(verdict(0.498, Some(0.5), &[0.3]).publish);
    }

    #[test]
    fn means_below_zero_are_compared_the_right_way_round() {
        // Log-likelihoods: −0.5 is worse than −0.4 by a quarter.
        assert!(!verdict(-0.5, Some(-0.4), &[]).publish);
        assert!(verdict(-0.4, Some(-0.5), &[]).publish);
    }

    #[test]
    fn against_a_serving_model_that_never_hits_any_score_will_do() {
        let zeros = [0.0; 10];
        let contest = |own| Contest {
            candidate: Contender { name: "hybrid", scores: own },
            serving: Some(Contender { name: "version 1", scores: &zeros }),
            baselines: &[],
            seed: 1,
        };
        assert!(judge(&contest(&zeros)).unwrap().publish);
        assert!(judge(&contest(&[0.1; 10])).unwrap().publish);
        assert!(!judge(&contest(&[-0.1; 10])).unwrap().publish);
    }

    #[test]
    fn an_uncertain_gain_is_none() {
        // One of ten customers gains 1: the interval of the mean difference reaches down to 0.
        let mut own = [0.0; 10];
        own[3] = 1.0;
        let baseline = [Contender { name: "popular", scores: &[0.0; 10] }];
        let candidate = Contender { name: "hybrid", scores: &own };
        let contest = Contest { candidate, serving: None, baselines: &baseline, seed: 1 };
        assert!(!judge(&contest).unwrap().publish);
    }

    #[test]
    fn without_customers_nothing_is_published_and_unequal_lengths_are_refused() {
        let baseline = [Contender { name: "popular", scores: &[] }];
        let candidate = Contender { name: "hybrid", scores: &[] };
        let contest = Contest { candidate, serving: None, baselines: &baseline, seed: 1 };
        assert!(!judge(&contest).unwrap().publish);
        let candidate = Contender { name: "hybrid", scores: &[1.0] };
        assert!(judge(&Contest { candidate, ..contest }).is_err());
    }

    #[test]
    fn another_format_is_refused_with_a_hint() {
        let manifest = json!({ "version": 3, "format": 2 });
        assert!(check_format("recommend", &manifest, 2).is_ok());
        let error = check_format("recommend", &manifest, 1).unwrap_err().to_string();
        assert!(error.contains("format `2`") && error.contains("hint:"), "{error}");
    }
}
