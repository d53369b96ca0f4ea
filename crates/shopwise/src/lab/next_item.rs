//! `lab next-item`: fits a recommender on past sessions and judges it by what comes next in others.
//!
//! After every event of a test session but its last the model is asked for the very next item;
//! items already seen may come again. Sessions of the test file are new, whatever they are called.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};
use shopwise_learn::evaluate::next_item::{self, HeldOut, Log};
use shopwise_learn::interactions::Interactions;
use shopwise_learn::recommend::{Entry, Parameters, Training};

use super::models::{self, cuts, settings, whole_or_not};
use super::recommend::{Ids, times};
use super::{Clock, Shared, names, race, table, usage_or_data};

/// The flags of `lab next-item`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Past sessions, a row an event: .parquet, .csv or .tsv (the last two also .gz or .zst)
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// Other sessions, whose events are to be told
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// Names of the columns of text files without a header: a,b,c
    #[arg(long, value_name = "NAMES")]
    columns: Option<String>,
    /// The column of the sessions
    #[arg(long, value_name = "COLUMN")]
    session: String,
    /// The column of the items
    #[arg(long, value_name = "COLUMN")]
    item: String,
    /// When it was: a time or a number, comparable across sessions
    #[arg(long, value_name = "COLUMN")]
    time: String,
    /// session-knn, or any other model of `lab recommend`
    #[arg(long, value_name = "NAME")]
    model: String,
    /// A setting of the model; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// The lengths at which lists are judged
    #[arg(long, value_name = "K,K", default_value = "20")]
    at: String,
    #[command(flatten)]
    pub(super) shared: Shared,
}

/// Flags that were checked.
struct Plan {
    entry: &'static Entry,
    parameters: Parameters,
    cuts: Vec<usize>,
    columns: Option<Vec<String>>,
}

/// Runs the command.
///
/// # Errors
/// [`super::UsageError`] for wrong flags, others for tables that cannot be used.
pub(super) fn run(arguments: &Arguments, clock: &mut Clock) -> Result<Map<String, Value>> {
    let plan = plan(arguments)?;
    let Data { train, held_out, sessions } = clock.time("load", || load(arguments, &plan))?;
    let rehearsal = held_out.as_ref().map(HeldOut::rehearsal);
    let training = Training { seed: arguments.shared.seed, rehearsal, ..Training::new(&train) };
    let fitted = clock.time("fit", || race::fit(plan.entry, &training, &plan.parameters));
    let (model, race) = fitted.map_err(usage_or_data)?;
    let (report, _) = clock.time("predict", || {
        next_item::evaluate(model.as_ref(), &sessions, &train.item_counts(), &plan.cuts)
    })?;
    let described = [
        ("model", plan.entry.name.into()),
        ("parameters", settings(&plan.parameters)),
        ("sessions", json!({ "train": train.n_users(), "test": sessions.len() })),
        ("items", report.items.into()),
        ("predictions", report.users.into()),
        ("metrics", json!(report.metrics)),
        ("standard_error", json!(report.standard_error)),
    ];
    let figures = model.figures().into_iter().map(|(name, value)| (name, whole_or_not(value)));
    let race = race.map(|race| ("race", race));
    let all = described.into_iter().chain(figures).chain(race);
    Ok(all.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn plan(arguments: &Arguments) -> Result<Plan> {
    let (entry, parameters) = models::chosen(&arguments.model, &arguments.set)?;
    let columns = arguments.columns.as_deref().map(|text| names("--columns", text)).transpose()?;
    Ok(Plan { entry, parameters, cuts: cuts(&arguments.at)?, columns })
}

struct Data {
    /// The sessions to learn from, and those of them by which models are joined, if any are.
    train: Interactions,
    held_out: Option<HeldOut>,
    /// The items of each session to be told, oldest first.
    sessions: Vec<Vec<u32>>,
}

fn load(arguments: &Arguments, plan: &Plan) -> Result<Data> {
    let mut items = None;
    let train = Events::read(&arguments.train, arguments, plan, &mut items)?;
    let n_items = items.as_ref().map_or(0, Ids::len);
    let test = Events::read(&arguments.test, arguments, plan, &mut items)?;
    let seed = arguments.shared.seed;
    let hold_out = || train.log().held_out(train.n_sessions, n_items, seed);
    let held_out = plan.entry.joins().then(hold_out).transpose()?;
    let train = train.log().interactions(train.n_sessions, n_items)?;
    Ok(Data { train, held_out, sessions: test.log().ordered(test.n_sessions)? })
}

/// The events of one file.
struct Events {
    n_sessions: usize,
    sessions: Vec<u32>,
    items: Vec<u32>,
    times: Vec<f64>,
}

impl Events {
    /// Reads a file; `items` are those known so far, nothing before the first file.
    fn read(
        path: &Path,
        arguments: &Arguments,
        plan: &Plan,
        items: &mut Option<Ids>,
    ) -> Result<Self> {
        let frame = table::read(path, plan.columns.as_deref())?;
        if frame.rows() == 0 {
            bail!("`{}` has no rows", path.display());
        }
        let mut ids = Ids::like(frame.column(&arguments.session)?, &arguments.session)?;
        let sessions = ids.add(&frame, &arguments.session, path)?;
        let mut known = match items.take() {
            Some(known) => known,
            None => Ids::like(frame.column(&arguments.item)?, &arguments.item)?,
        };
        let coded = known.add(&frame, &arguments.item, path)?;
        *items = Some(known);
        let times = times(&frame, &arguments.time, path)?;
        Ok(Self { n_sessions: ids.len(), sessions, items: coded, times })
    }

    fn log(&self) -> Log<'_> {
        Log { sessions: &self.sessions, items: &self.items, times: &self.times }
    }
}
