//! The race: every candidate with many settings on the window before the newest, the best of each
//! once more on the newest, where it meets the baseline and what serves.
//!
//! The settings of most models are searched within a budget of seconds, which are estimated from
//! the size of the data: the same log gives the same models on any machine.

use serde_json::{Map, Value, json};
use shopwise_learn::evaluate::ranking::{self, PerUser, RankingReport};
use shopwise_learn::recommend::auto::{Budget, Limits, Measured, Shape, search};
use shopwise_learn::recommend::hybrid::learned_weights;
use shopwise_learn::recommend::ranker::Pupil;
use shopwise_learn::recommend::{Entry, Filled, ListOptions, Parameters, Training, recommend_all};

use super::log::{JUDGES_MIN, LEARN, Log, TEST, Targets, VALIDATION};
use super::recipe::{CONTENT, Choice, DEPTH, Model, NORMALIZE, Recipe, Settings, Texts, Workshop};
use super::weight::Repeats;
use crate::error::Result;
use crate::publish::{Contender, Contest, Verdict, judge};

/// By what candidates are chosen and judged.
pub(super) const MEASURE: &str = "ndcg@10";

/// The lengths at which lists are measured: a row and a page of products.
const CUTS: [usize; 2] = [10, 20];

/// The most additions that one answer of user-knn may cost on average: some 50 µs.
const ANSWER_WORK_MAX: f64 = 5e4;

/// The most additions that user-knn's answers to all customers may cost: some seconds.
const ANSWERS_WORK_MAX: f64 = 1e9;

/// The settings that are tried of models without a search, simplest model first; a tie goes to the
/// earlier one. Half-lives of what is popular are days: none, a month, a week.
const TRIED: &[(&str, &[Settings])] = &[
    ("popular", &[&[("half_life", "0")], &[("half_life", "30")], &[("half_life", "7")]]),
    ("again", &[&[("half_life_items", "2")], &[("half_life_items", "10")]]),
    ("content", &[CONTENT]),
];

/// The models whose settings are searched, simplest first. BPR is not among them: of all it takes
/// longest, and on no public data did it find most.
const SEARCHED: [&str; 9] = [
    "item-knn",
    "user-knn",
    "rp3beta",
    "transitions",
    "session-knn",
    "slim",
    "ease",
    "als",
    "sequence",
];

/// The most settings that a model tries in a round; there are some four rounds.
const TRIALS: usize = 6;

/// The most bytes that fitting a model may take.
const BYTES_MAX: f64 = 2e9;

/// The most members of a blend: each is asked for every list.
const MEMBERS_MAX: usize = 5;

/// Who wins, and by how much.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) winner: Recipe,
    pub(super) popular: Choice,
    pub(super) verdict: Verdict,
    /// What was measured of the winner on the newest window.
    pub(super) metrics: Value,
    /// The same of `popular`.
    pub(super) baseline: Value,
}

/// What the race is run on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Track<'a> {
    pub(super) log: &'a Log,
    pub(super) texts: Texts<'a>,
    pub(super) repeats: Repeats,
    pub(super) seed: u64,
    /// For how long settings are searched.
    pub(super) seconds: u32,
}

/// The best settings of each model, by the validation window.
struct Finalists {
    /// Simplest first, what joins several last.
    recipes: Vec<Recipe>,
    /// The measure of each.
    scores: Vec<f64>,
    left_out: Map<String, Value>,
    /// How many settings were tried.
    tried: usize,
}

/// Returns the settings with which `popular` serves when nothing can be measured.
pub(super) fn default_popular() -> Result<Choice> {
    Choice::new("popular", TRIED[0].1[1])
}

/// Runs the race; `None` when too few customers took something in a window to judge by.
pub(super) fn run(track: Track<'_>, serving: Option<&Recipe>) -> Result<Option<Outcome>> {
    let Some(finalists) = choose(track)? else { return Ok(None) };
    let known = track.log.until(VALIDATION)?;
    let targets = targets(track, TEST, &known)?;
    if targets.judges.len() < JUDGES_MIN {
        return Ok(None);
    }
    let mut workshop = Workshop::new(&known, track.texts, track.seed);
    let mut measured = Vec::new();
    for recipe in &finalists.recipes {
        measured.push(measure(&workshop.whole(recipe)?, track, &workshop, &targets)?);
    }
    let place = best(&finalists.scores);
    let served = match serving {
        None => None,
        Some(recipe) => match workshop.whole(recipe) {
            Ok(model) => Some(measure(&model, track, &workshop, &targets)?.1),
            // A recipe that cannot be followed any more, such as of texts that are gone.
            Err(_) => None,
        },
    };
    let scores = |per_user: &'_ PerUser| per_user.metrics[MEASURE].clone();
    let (own, simple) = (scores(&measured[place].1), scores(&measured[0].1));
    let served = served.as_ref().map(scores);
    let mut verdict = judge(&Contest {
        candidate: Contender { name: finalists.recipes[place].name(), scores: &own },
        serving: served.as_ref().map(|scores| Contender { name: "model", scores }),
        baselines: &[Contender { name: "popular", scores: &simple }],
        seed: track.seed,
    })?;
    if place == 0 {
        verdict.why = "nothing found more than what is popular, which serves".to_owned();
    }
    let mut metrics = report(&measured[place].0);
    describe(&mut metrics, track, &finalists, &measured, &targets);
    let popular = finalists.recipes[0].fill.clone();
    let winner = finalists.recipes[place].clone();
    let baseline = report(&measured[0].0);
    Ok(Some(Outcome { winner, popular, verdict, metrics, baseline }))
}

/// Tries all settings on the validation window.
fn choose(track: Track<'_>) -> Result<Option<Finalists>> {
    let known = track.log.until(LEARN)?;
    let targets = targets(track, VALIDATION, &known)?;
    if targets.judges.len() < JUDGES_MIN {
        return Ok(None);
    }
    let mut workshop = Workshop::new(&known, track.texts, track.seed);
    let mut found =
        Finalists { recipes: Vec::new(), scores: Vec::new(), left_out: Map::new(), tried: 0 };
    for (name, settings) in TRIED {
        if let Some(why) = obstacle(name, track, &workshop) {
            found.left_out.insert((*name).to_owned(), json!(why));
            continue;
        }
        let mut tried = Vec::new();
        for settings in *settings {
            let choice = Choice::new(name, settings)?;
            let fill = found.recipes.first().map_or(&choice, |popular| &popular.fill);
            let recipe = Recipe::of(&choice, fill);
            let model = workshop.whole(&recipe)?;
            let score = measure(&model, track, &workshop, &targets)?.0.metrics[MEASURE];
            tried.push((recipe, score));
        }
        found.tried += tried.len();
        let scores: Vec<f64> = tried.iter().map(|(_, score)| *score).collect();
        let (recipe, score) = tried.swap_remove(best(&scores));
        found.recipes.push(recipe);
        found.scores.push(score);
    }
    look_further(track, &mut workshop, &targets, &mut found)?;
    for recipe in joined(track, &found, &mut workshop, &targets)? {
        let model = workshop.whole(&recipe)?;
        found.scores.push(measure(&model, track, &workshop, &targets)?.0.metrics[MEASURE]);
        found.recipes.push(recipe);
    }
    Ok(Some(found))
}

/// Searches the settings of the other models on the validation window.
fn look_further(
    track: Track<'_>,
    workshop: &mut Workshop<'_>,
    targets: &Targets,
    found: &mut Finalists,
) -> Result<()> {
    let mut entries = Vec::new();
    for name in SEARCHED {
        match obstacle(name, track, workshop) {
            Some(why) => drop(found.left_out.insert(name.to_owned(), json!(why))),
            None => entries.push(Entry::find(name)?),
        }
    }
    let fill = found.recipes[0].fill.clone();
    let rest = workshop.one(&fill)?;
    let known = workshop.known;
    let shape = Shape::of(known, targets.judges.len());
    let training = Training { seed: track.seed, ..Training::new(known) };
    let options = options(track);
    let judge = |entry: &'static Entry, parameters: &Parameters| {
        let model: Model = entry.fit(&training, parameters)?.into();
        let filled = Filled::new(Model::clone(&model), Model::clone(&rest))?;
        let lists = recommend_all(&filled, known, &targets.judges, &options);
        let lists = lists.ranked(known.n_users());
        let (_, mut each) =
            ranking::evaluate(&lists, &targets.wanted, &known.item_counts(), &CUTS)?;
        Ok(Measured { model, scores: each.metrics.remove(MEASURE).unwrap_or_default() })
    };
    let cost = |entry: &'static Entry, parameters: &Parameters| shape.cost(entry, parameters);
    let mut budget = Budget::new(f64::from(track.seconds), None);
    let limits =
        Limits { trials: TRIALS, bytes: BYTES_MAX, finalists: MEMBERS_MAX, seed: track.seed };
    let searched = search(&entries, judge, cost, &mut budget, limits);
    found.tried += searched.tried.len();
    for one in searched.left_out {
        found.left_out.insert(one.model.to_owned(), json!(one.why));
    }
    for finalist in searched.finalists {
        let choice = Choice::of(finalist.entry, &finalist.parameters);
        workshop.keep(&choice, &finalist.measured.model);
        found.recipes.push(Recipe::of(&choice, &fill));
        found.scores.push(finalist.score);
    }
    Ok(())
}

/// Learns on the validation window how much each of the best models counts, those that do not being
/// left out; and the chances of their candidates.
fn joined(
    track: Track<'_>,
    found: &Finalists,
    workshop: &mut Workshop<'_>,
    targets: &Targets,
) -> Result<Vec<Recipe>> {
    let mut places: Vec<usize> = (0..found.recipes.len()).collect();
    places.sort_by(|a, b| found.scores[*b].total_cmp(&found.scores[*a]));
    places.truncate(MEMBERS_MAX);
    // Simplest first, as they stood.
    places.sort_unstable();
    let choices: Vec<&Choice> =
        places.iter().map(|place| &found.recipes[*place].members[0].0).collect();
    let mut models: Vec<Model> = Vec::new();
    for choice in &choices {
        models.push(workshop.one(choice)?);
    }
    let parts = [workshop.known, &targets.wanted];
    let seen = track.repeats.seen();
    let weights = learned_weights(&models, NORMALIZE, DEPTH, parts, seen, track.seed);
    let fill = &found.recipes[0].fill;
    let members = choices.iter().copied().cloned().zip(weights);
    let members: Vec<_> = members.filter(|(_, weight)| *weight > 0.0).collect();
    let mut recipes = Vec::new();
    if members.len() > 1 {
        recipes.push(Recipe { members, chances: None, fill: fill.clone() });
    }
    let documents = Some(track.texts.fields);
    let pupil = Pupil { documents, depth: DEPTH, seen, seed: track.seed };
    let chances = pupil.learn(models, workshop.known, parts)?;
    let share = 1.0 / choices.len() as f64;
    let members = choices.into_iter().map(|choice| (choice.clone(), share)).collect();
    recipes.push(Recipe { members, chances: Some(chances), fill: fill.clone() });
    Ok(recipes)
}

/// Returns what lists may hold.
fn options(track: Track<'_>) -> ListOptions<'static> {
    ListOptions { seen: track.repeats.seen(), ..ListOptions::unseen(CUTS[1]) }
}

/// Returns why a model cannot run.
fn obstacle(name: &str, track: Track<'_>, workshop: &Workshop<'_>) -> Option<String> {
    match name {
        "again" if track.repeats == Repeats::Nothing => {
            Some("nothing is recommended again".to_owned())
        }
        "content" if workshop.texts.model.is_none() => {
            Some("the catalogue says nothing of the products, or holds too many".to_owned())
        }
        "user-knn" => {
            let counts = workshop.known.item_counts();
            let squares: f64 = counts.iter().map(|count| f64::from(*count).powi(2)).sum();
            let customers = workshop.known.n_users() as f64;
            let too_much = squares > ANSWER_WORK_MAX * customers || squares > ANSWERS_WORK_MAX;
            too_much.then(|| {
                format!(
                    "comparing all customers takes {squares:.1e} additions, {:.1e} are allowed",
                    ANSWERS_WORK_MAX.min(ANSWER_WORK_MAX * customers)
                )
            })
        }
        _ => None,
    }
}

fn targets(
    track: Track<'_>,
    part: u8,
    known: &shopwise_learn::interactions::Interactions,
) -> Result<Targets> {
    track.log.targets(part, track.log.goal(), known, track.repeats, track.seed)
}

fn measure(
    model: &Model,
    track: Track<'_>,
    workshop: &Workshop<'_>,
    targets: &Targets,
) -> Result<(RankingReport, PerUser)> {
    let known = workshop.known;
    let lists = recommend_all(&**model, known, &targets.judges, &options(track));
    let lists = lists.ranked(known.n_users());
    Ok(ranking::evaluate(&lists, &targets.wanted, &known.item_counts(), &CUTS)?)
}

/// Returns the place of the largest value, the first of equals.
fn best(values: &[f64]) -> usize {
    let mut best = 0;
    for (at, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = at;
        }
    }
    best
}

fn report(measured: &RankingReport) -> Value {
    let mut json = json!(measured.metrics);
    json["standard_error"] = json!(measured.standard_error);
    json
}

/// Adds what was compared, on whom, and what was left out.
fn describe(
    metrics: &mut Value,
    track: Track<'_>,
    finalists: &Finalists,
    measured: &[(RankingReport, PerUser)],
    targets: &Targets,
) {
    let mut candidates = Map::new();
    for ((recipe, score), (on_test, _)) in
        finalists.recipes.iter().zip(&finalists.scores).zip(measured)
    {
        candidates.insert(
            recipe.name().to_owned(),
            json!({
                "validation": { MEASURE: score },
                "test": report(on_test),
            }),
        );
    }
    metrics["candidates"] = Value::Object(candidates);
    metrics["left_out"] = json!(finalists.left_out);
    metrics["settings_tried"] = json!(finalists.tried);
    metrics["customers_judged"] = json!(targets.judges.len());
    metrics["customers_in_window"] = json!(targets.eligible);
    metrics["customers_new_in_window"] = json!(targets.newcomers);
    metrics["is_sample"] = json!(targets.judges.len() < targets.eligible);
    metrics["looked_for"] = json!(format!("{:?}", track.log.goal()).to_lowercase());
    metrics["window_from"] = json!(shopwise_model::time::format(track.log.cuts[0]));
}
