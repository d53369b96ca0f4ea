//! `lab recommend`: fits a recommender on one file and judges its lists by another.
//!
//! Full ranking over all items of the training file. What `--validation` holds counts as training
//! data and as seen; models that tune do so on it. Without it they tune on what was latest, or on a
//! part drawn by chance where the test was. A user whom training does not know is asked for too,
//! with an empty history.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};
use shopwise_learn::evaluate::ranking::{self, RankedLists};
use shopwise_learn::evaluate::split;
use shopwise_learn::interactions::{Events, Interactions, Repeats};
use shopwise_learn::neighbours::Scored;
use shopwise_learn::recommend::{
    self, Entry, Field, History, ListOptions, Pad, Parameters, Recommender, Seen, Training,
    Value as Setting,
};
use shopwise_model::frame::{Column, Frame, NULL_INT, Texts};
use shopwise_model::time::DAY;

use super::documents::documents;
use super::models::{self, cuts, settings, whole_or_not};
use super::{Clock, Shared, UsageError, names, race, table, usage_or_data};

/// The share of each customer that is tuned on where no validation file is given.
const HELD_OUT_SHARE: f64 = 0.2;

/// The flags of `lab recommend`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Who had what: .parquet, .csv or .tsv (the last two also .gz or .zst)
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// What each user had later
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// To tune on; joins the training data
    #[arg(long, value_name = "FILE")]
    validation: Option<PathBuf>,
    /// Names of the columns of text files without a header: a,b,c
    #[arg(long, value_name = "NAMES")]
    columns: Option<String>,
    /// The column of the users
    #[arg(long, value_name = "COLUMN")]
    user: String,
    /// The column of the items
    #[arg(long, value_name = "COLUMN")]
    item: String,
    /// A rating or a count; every row counts 1 when left out, repeated pairs are added up
    #[arg(long, value_name = "COLUMN")]
    weight: Option<String>,
    /// When it was: a time or a number
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// ordinal: times order the rows of one user; clock: they can be compared across users
    #[arg(long, value_name = "KIND", default_value = "ordinal")]
    time_kind: String,
    /// popular, again, user-knn, item-knn, rp3beta, session-knn, transitions, slim, ease, als, bpr,
    /// sequence, content, hybrid, ranker or auto
    #[arg(long, value_name = "NAME")]
    model: String,
    /// The items, for models that read: the item column, texts, and numbers, which are cut in bands
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// A setting of the model; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Seconds that auto may take for everything [default: 600]
    #[arg(long, value_name = "SECONDS")]
    budget: Option<f32>,
    /// The lengths at which lists are judged
    #[arg(long, value_name = "K,K", default_value = "10,20")]
    at: String,
    /// Lists may hold what the user already has
    #[arg(long)]
    keep_seen: bool,
    /// Where the lists are written: user, item, rank from 1, score
    #[arg(long, value_name = "FILE.parquet")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) shared: Shared,
}

/// Flags that were checked.
struct Plan {
    entry: &'static Entry,
    parameters: Parameters,
    cuts: Vec<usize>,
    columns: Option<Vec<String>>,
    is_clock: bool,
}

/// Runs the command.
///
/// # Errors
/// [`UsageError`] for wrong flags, others for tables that cannot be used.
pub(super) fn run(arguments: &Arguments, clock: &mut Clock) -> Result<Map<String, Value>> {
    let plan = plan(arguments)?;
    let data = clock.time("load", || Data::load(arguments, &plan))?;
    let training = Training {
        interactions: &data.train,
        validation: data.validation.as_ref(),
        rehearsal: None,
        documents: data.documents.as_deref(),
        seed: arguments.shared.seed,
        clock: None,
    };
    let fitted = clock.time("fit", || race::fit(plan.entry, &training, &plan.parameters));
    let (model, race) = fitted.map_err(usage_or_data)?;
    let lists = clock
        .time("predict", || make_lists(model.as_ref(), &data, &plan.cuts, arguments.keep_seen));
    let (report, _) = clock.time("evaluate", || {
        let items = |list: &Vec<Scored>| list.iter().map(|one| one.item).collect();
        let ranked = RankedLists::new(lists.iter().map(items));
        ranking::evaluate(&ranked, &data.test, &data.train.item_counts(), &plan.cuts)
    })?;
    if let Some(path) = &arguments.output {
        table::write(path, &data.frame_of(&lists))?;
    }
    let described = [
        ("model", plan.entry.name.into()),
        ("parameters", settings(&plan.parameters)),
        ("users", report.users.into()),
        ("items", report.items.into()),
        ("metrics", json!(report.metrics)),
        ("standard_error", json!(report.standard_error)),
    ];
    let figures = model.figures().into_iter().map(|(name, value)| (name, whole_or_not(value)));
    let race = race.map(|race| ("race", race));
    let all = described.into_iter().chain(figures).chain(race);
    Ok(all.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn plan(arguments: &Arguments) -> Result<Plan> {
    let (entry, mut parameters) = models::chosen(&arguments.model, &arguments.set)?;
    if let Some(seconds) = arguments.budget {
        parameters.set("budget", &seconds.to_string()).map_err(usage_or_data)?;
    }
    let is_clock = match arguments.time_kind.as_str() {
        "clock" => true,
        "ordinal" => false,
        kind => {
            bail!(UsageError::new(format!("time-kind must be ordinal or clock, got `{kind}`")))
        }
    };
    let decays = matches!(half_life(&parameters), Some(half_life) if half_life > 0.0);
    if decays && arguments.time.is_none() {
        bail!(UsageError::new("half_life needs `--time`"));
    }
    if decays && entry.name == "popular" && !is_clock {
        bail!(UsageError::new(
            "half_life of popular compares times across users: it needs `--time-kind clock`"
        ));
    }
    if let Some(path) = &arguments.output {
        table::check_output(path)?;
    }
    let columns = arguments.columns.as_deref().map(|text| names("--columns", text)).transpose()?;
    Ok(Plan { entry, parameters, cuts: cuts(&arguments.at)?, columns, is_clock })
}

fn half_life(parameters: &Parameters) -> Option<f32> {
    let found = parameters.iter().find(|(name, _)| *name == "half_life");
    found.and_then(|(_, value)| match value {
        Setting::Real(half_life) => Some(*half_life),
        Setting::Whole(_) | Setting::Text(_) => None,
    })
}

/// The files, as indices.
struct Data {
    users: Ids,
    items: Ids,
    /// Users and items of the training files only, the first of `users` and `items`.
    train: Interactions,
    validation: Option<Interactions>,
    /// All users and all items.
    test: Interactions,
    documents: Option<Vec<Vec<Field>>>,
}

impl Data {
    fn load(arguments: &Arguments, plan: &Plan) -> Result<Self> {
        let read = |path: &Path| -> Result<Frame> {
            let frame = table::read(path, plan.columns.as_deref())?;
            if frame.rows() == 0 {
                bail!("`{}` has no rows", path.display());
            }
            Ok(frame)
        };
        let train = read(&arguments.train)?;
        let validation = arguments.validation.as_deref().map(read).transpose()?;
        let test = read(&arguments.test)?;
        let mut users = Ids::like(train.column(&arguments.user)?, &arguments.user)?;
        let mut items = Ids::like(train.column(&arguments.item)?, &arguments.item)?;
        let mut rows = Rows::default();
        rows.append(&train, &arguments.train, arguments, &mut users, &mut items)?;
        let first_of_validation = rows.users.len();
        if let (Some(frame), Some(path)) = (&validation, &arguments.validation) {
            rows.append(frame, path, arguments, &mut users, &mut items)?;
        }
        let shape = [users.len(), items.len()];
        let ages = rows.ages(shape[0], plan.is_clock);
        let train = rows.interactions(0, shape, ages.as_deref())?;
        let documents = match &arguments.items {
            Some(path) => Some(documents(&read(path)?, path, &arguments.item, &items)?),
            None => None,
        };
        let mut tested = Rows::default();
        let plain = Weighting { weight: None, time: None };
        tested.append_as(&test, &arguments.test, arguments, plain, &mut users, &mut items)?;
        let validation = match &arguments.time {
            _ if validation.is_some() => {
                Some(rows.interactions(first_of_validation, shape, ages.as_deref())?)
            }
            Some(name) if rows.is_mixed_with(&tested, &times(&test, name, &arguments.test)) => {
                let timeless = rows.interactions(0, shape, None)?;
                Some(split::hold_out(&timeless, HELD_OUT_SHARE, arguments.shared.seed).0)
            }
            _ => None,
        };
        let test = tested.interactions(0, [users.len(), items.len()], None)?;
        Ok(Self { users, items, train, validation, test, documents })
    }

    /// Returns the lists as a table; users and items have the kind they have in the training file.
    fn frame_of(&self, lists: &[Vec<Scored>]) -> Frame {
        let entries = || {
            lists.iter().enumerate().flat_map(|(user, list)| {
                list.iter().enumerate().map(move |(at, one)| (user, at, one))
            })
        };
        let users: Vec<u32> = entries().map(|(user, ..)| user as u32).collect();
        let items: Vec<u32> = entries().map(|(_, _, one)| one.item).collect();
        let ranks = entries().map(|(_, at, _)| at as i64 + 1).collect();
        let scores = entries().map(|(_, _, one)| f64::from(one.score)).collect();
        Frame::default()
            .with("user", self.users.column(&users))
            .with("item", self.items.column(&items))
            .with("rank", Column::Int(ranks))
            .with("score", Column::Float(scores))
    }
}

/// Identifiers in order of first appearance.
pub(super) enum Ids {
    Int { index: FxHashMap<i64, u32>, values: Vec<i64> },
    Text(Texts),
}

impl Ids {
    /// Returns an empty dictionary of the kind of a column.
    pub(super) fn like(column: &Column, name: &str) -> Result<Self> {
        match column {
            Column::Int(_) => Ok(Self::Int { index: FxHashMap::default(), values: Vec::new() }),
            Column::Text(_) => Ok(Self::Text(Texts::default())),
            other => bail!(
                "column `{name}` holds {}: users and items must be integers or text",
                other.kind().name()
            ),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Int { values, .. } => values.len(),
            Self::Text(texts) => texts.values().len(),
        }
    }

    /// Returns the index of each row; new identifiers are added.
    pub(super) fn add(&mut self, frame: &Frame, name: &str, path: &Path) -> Result<Vec<u32>> {
        let found = match (&mut *self, frame.column(name)?) {
            (Self::Int { index, values }, Column::Int(column)) => {
                let mut code = |value: &i64| {
                    (*value != NULL_INT).then(|| {
                        *index.entry(*value).or_insert_with(|| {
                            values.push(*value);
                            values.len() as u32 - 1
                        })
                    })
                };
                column.iter().map(&mut code).collect::<Vec<Option<u32>>>()
            }
            (Self::Text(known), Column::Text(column)) => {
                column.iter().map(|text| text.map(|text| known.intern(text))).collect()
            }
            (own, other) => bail!(
                "column `{name}` holds {} in `{}` and {} in the training file",
                other.kind().name(),
                path.display(),
                if matches!(own, Self::Text(_)) { "text" } else { "integers" }
            ),
        };
        let complete: Option<Vec<u32>> = found.iter().copied().collect();
        complete.with_context(|| {
            let row = found.iter().position(Option::is_none).map_or(0, |row| row + 1);
            format!("column `{name}` has no value in row {row} of `{}`", path.display())
        })
    }

    fn column(&self, codes: &[u32]) -> Column {
        match self {
            Self::Int { values, .. } => {
                Column::Int(codes.iter().map(|code| values[*code as usize]).collect())
            }
            Self::Text(texts) => {
                let value = |code: &u32| texts.values()[*code as usize].as_ref();
                Column::Text(codes.iter().map(value).collect())
            }
        }
    }
}

/// Which columns beside user and item count.
#[derive(Clone, Copy)]
struct Weighting<'a> {
    weight: Option<&'a str>,
    time: Option<&'a str>,
}

/// Events of one or several files.
#[derive(Default)]
struct Rows {
    users: Vec<u32>,
    items: Vec<u32>,
    weights: Vec<f32>,
    /// Empty when no times are given.
    times: Vec<f64>,
}

impl Rows {
    fn append(
        &mut self,
        frame: &Frame,
        path: &Path,
        arguments: &Arguments,
        users: &mut Ids,
        items: &mut Ids,
    ) -> Result<()> {
        let weighting =
            Weighting { weight: arguments.weight.as_deref(), time: arguments.time.as_deref() };
        self.append_as(frame, path, arguments, weighting, users, items)
    }

    fn append_as(
        &mut self,
        frame: &Frame,
        path: &Path,
        arguments: &Arguments,
        weighting: Weighting<'_>,
        users: &mut Ids,
        items: &mut Ids,
    ) -> Result<()> {
        self.users.extend(users.add(frame, &arguments.user, path)?);
        self.items.extend(items.add(frame, &arguments.item, path)?);
        match weighting.weight {
            None => self.weights.resize(self.users.len(), 1.0),
            Some(name) => {
                let weights = complete(table::numbers(frame, name)?, name, path)?;
                self.weights.extend(weights.iter().map(|weight| *weight as f32));
            }
        }
        if let Some(name) = weighting.time {
            self.times.extend(times(frame, name, path)?);
        }
        Ok(())
    }

    /// Returns how long before now each row was: before the last row of all for a clock, of the
    /// same user for an order.
    fn ages(&self, n_users: usize, is_clock: bool) -> Option<Vec<f32>> {
        if self.times.is_empty() {
            return None;
        }
        let mut last = vec![f64::NEG_INFINITY; n_users];
        for (user, time) in self.users.iter().zip(&self.times) {
            last[*user as usize] = last[*user as usize].max(*time);
        }
        if is_clock {
            let latest = last.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            last.fill(latest);
        }
        let age = |(user, time): (&u32, &f64)| (last[*user as usize] - time) as f32;
        Some(self.users.iter().zip(&self.times).map(age).collect())
    }

    /// Tells whether most of what is tested happened before the last of the same user here: then
    /// the parts were drawn by chance, and what is tuned on must be, too.
    fn is_mixed_with(&self, tested: &Self, times: &Result<Vec<f64>>) -> bool {
        let Ok(times) = times else { return false };
        let mut last = FxHashMap::<u32, f64>::default();
        for (user, time) in self.users.iter().zip(&self.times) {
            let own = last.entry(*user).or_insert(*time);
            *own = own.max(*time);
        }
        let is_before =
            |(user, time): &(&u32, &f64)| last.get(user).is_some_and(|last| *time < last);
        2 * tested.users.iter().zip(times).filter(is_before).count() > tested.users.len()
    }

    fn interactions(
        &self,
        first: usize,
        [n_users, n_items]: [usize; 2],
        ages: Option<&[f32]>,
    ) -> Result<Interactions> {
        let events = Events {
            users: &self.users[first..],
            items: &self.items[first..],
            weights: &self.weights[first..],
            ages: ages.map(|ages| &ages[first..]),
        };
        Ok(Interactions::from_events(n_users, n_items, events, Repeats::Add)?)
    }
}

/// Returns times as numbers: days for moments, else as they stand.
pub(super) fn times(frame: &Frame, name: &str, path: &Path) -> Result<Vec<f64>> {
    let values = match frame.column(name)? {
        Column::Time(values) => {
            let day = |time: &i64| {
                if *time == NULL_INT { f64::NAN } else { *time as f64 / DAY as f64 }
            };
            values.iter().map(day).collect()
        }
        _ => table::numbers(frame, name)?.into_owned(),
    };
    Ok(complete(values.into(), name, path)?.into_owned())
}

fn complete<'a>(
    values: std::borrow::Cow<'a, [f64]>,
    name: &str,
    path: &Path,
) -> Result<std::borrow::Cow<'a, [f64]>> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(values),
        Some(row) => bail!(
            "column `{name}` must be a finite number, got `{}` in row {} of `{}`",
            values[row],
            row + 1,
            path.display()
        ),
    }
}

impl Ids {
    pub(super) fn copied(&self) -> Self {
        match self {
            Self::Int { index, values } => {
                Self::Int { index: index.clone(), values: values.clone() }
            }
            Self::Text(texts) => Self::Text(texts.clone()),
        }
    }
}

/// Returns the list of each user of the test file, by user index; empty for the others.
fn make_lists(
    model: &dyn Recommender,
    data: &Data,
    cuts: &[usize],
    keep_seen: bool,
) -> Vec<Vec<Scored>> {
    let length = cuts.iter().copied().max().unwrap_or(0);
    let seen = if keep_seen { Seen::Keep } else { Seen::Remove };
    let options = ListOptions { seen, ..ListOptions::unseen(length) };
    let is_tested = |user: &u32| !data.test.row(*user as usize).0.is_empty();
    let n_known = data.train.n_users() as u32;
    let asked: Vec<u32> = (0..n_known).filter(is_tested).collect();
    let made = recommend::recommend_all(model, &data.train, &asked, &options);
    let mut lists = vec![Vec::new(); data.users.len()];
    for (user, list) in made.iter() {
        lists[user as usize] = list.to_vec();
    }
    let newcomers = lists.get_mut(n_known as usize..).unwrap_or_default();
    if !newcomers.is_empty() {
        newcomers.fill(model.recommend(History::default(), &options, &mut Pad::default()));
    }
    lists
}

#[cfg(test)]
#[test]
fn parts_drawn_by_chance_are_told_from_parts_cut_by_time() {
    let rows =
        |times: &[f64]| Rows { users: vec![7, 7, 7], times: times.into(), ..Rows::default() };
    let (train, tested) = (rows(&[1.0, 5.0, 9.0]), rows(&[]));
    assert!(train.is_mixed_with(&tested, &Ok(vec![2.0, 8.0, 12.0])));
    assert!(!train.is_mixed_with(&tested, &Ok(vec![9.0, 10.0, 2.0])));
    assert!(!train.is_mixed_with(&tested, &Err(anyhow::anyhow!("no such column"))));
}
