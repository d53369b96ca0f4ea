//! `lab respond`: how likely is a response, or how large, and how good the predictions are.
//!
//! Numbers are used as they are, anything else as categories. A missing number counts as the mean,
//! a missing category as a category of its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use shopwise_learn::respond::score::Score;
use shopwise_learn::respond::table::{self as rows, MISSING, Table};
use shopwise_learn::respond::{linear, logistic};
use shopwise_model::frame::{Column, Frame, Kind, NULL_CODE, NULL_INT, Texts};

use super::{Clock, Shared, UsageError, measures, names, table};

/// Models that other versions bring.
const NOT_YET: [&str; 6] = ["ftrl", "fm", "ffm", "deep-ffm", "trees", "auto"];
/// What stands in the column of `--part` where a row trains.
const FIT: &str = "fit";

/// The flags of `lab respond`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// To learn from: .parquet, .csv or .tsv (the last two also .gz or .zst)
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// To be judged by
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// Names of the columns of text files without a header: a,b,c
    #[arg(long, value_name = "NAMES")]
    columns: Option<String>,
    /// The column to predict: 0 or 1, and for linear any number
    #[arg(long, value_name = "COLUMN")]
    label: String,
    /// The columns that are categories; all that are no numbers when left out
    #[arg(long, value_name = "NAMES")]
    categorical: Option<String>,
    /// The columns that are numbers; all numbers when left out
    #[arg(long, value_name = "NAMES")]
    numeric: Option<String>,
    /// linear or logistic
    #[arg(long, value_name = "NAME")]
    model: String,
    /// A column that says `fit` in the rows that train; others are left out
    #[arg(long, value_name = "COLUMN")]
    part: Option<String>,
    /// Where the predictions of the test rows are written, .parquet or .csv: a column `predicted`
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    #[command(flatten)]
    pub(super) shared: Shared,
}

/// Flags that were checked.
struct Plan {
    is_logistic: bool,
    columns: Option<Vec<String>>,
    categorical: Option<Vec<String>>,
    numeric: Option<Vec<String>>,
}

/// The columns a model uses.
struct Roles {
    categorical: Vec<String>,
    numeric: Vec<String>,
    /// Times and identifiers, which are neither.
    ignored: Vec<String>,
}

/// The rows of a file as the models take them.
struct Rows {
    labels: Vec<f64>,
    columns: Vec<(String, Owned)>,
}

/// A column as the models take it.
enum Owned {
    Numeric(Vec<f64>),
    Categorical { codes: Vec<u32>, levels: Vec<String> },
}

/// A fitted model.
enum Fitted {
    Linear(linear::Linear),
    Logistic(logistic::Logistic),
}

/// Runs the command.
///
/// # Errors
/// [`UsageError`] for wrong flags, others for tables that cannot be used.
pub(super) fn run(arguments: &Arguments, clock: &mut Clock) -> Result<Map<String, Value>> {
    let plan = plan(arguments)?;
    let (train, test, roles) = clock.time("load", || load(arguments, &plan))?;
    let fitted = clock.time("fit", || fit(&train, plan.is_logistic))?;
    let predicted = clock.time("predict", || fitted.predict(&test.table()?))?;
    let metrics = clock.time("evaluate", || measures::measure(&test.labels, &predicted))?;
    if let Some(path) = &arguments.predictions {
        write_predictions(path, predicted)?;
    }
    let n_train = train.labels.len();
    let mut result = fitted.describe();
    let described = [
        ("model", arguments.model.as_str().into()),
        ("rows", json!({"train": n_train, "test": test.labels.len()})),
        ("numeric", json!(roles.numeric)),
        ("categorical", json!(roles.categorical)),
        ("ignored", json!(roles.ignored)),
        ("metrics", metrics),
        ("rows_per_second", (n_train as f64 / clock.seconds("fit").max(1e-9)).into()),
    ];
    result.extend(described.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Ok(result)
}

fn plan(arguments: &Arguments) -> Result<Plan> {
    let is_logistic = match arguments.model.as_str() {
        "logistic" => true,
        "linear" => false,
        name if NOT_YET.contains(&name) => bail!(UsageError::new(format!(
            "model `{name}` is not yet available: there are linear and logistic"
        ))),
        name => {
            bail!(UsageError::new(format!("model must be linear or logistic, got `{name}`")))
        }
    };
    if let Some(path) = &arguments.predictions {
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !matches!(extension, Some("csv" | "parquet")) {
            bail!(UsageError::new(format!(
                "predictions must end in .csv or .parquet, got `{}`",
                path.display()
            )));
        }
    }
    let list = |flag: &str, text: &Option<String>| {
        text.as_deref().map(|text| names(flag, text)).transpose()
    };
    let plan = Plan {
        is_logistic,
        columns: list("--columns", &arguments.columns)?,
        categorical: list("--categorical", &arguments.categorical)?,
        numeric: list("--numeric", &arguments.numeric)?,
    };
    let given = plan.categorical.iter().chain(&plan.numeric).flatten();
    let reserved =
        |name: &&String| **name == arguments.label || arguments.part.as_ref() == Some(name);
    if let Some(name) = given.clone().find(reserved) {
        bail!(UsageError::new(format!(
            "column `{name}` cannot be learned from: it is the label or part"
        )));
    }
    let numeric = plan.numeric.as_deref().unwrap_or_default();
    if let Some(name) = plan.categorical.iter().flatten().find(|name| numeric.contains(name)) {
        bail!(UsageError::new(format!("column `{name}` cannot be both categorical and numeric")));
    }
    Ok(plan)
}

fn load(arguments: &Arguments, plan: &Plan) -> Result<(Rows, Rows, Roles)> {
    let train = table::read(&arguments.train, plan.columns.as_deref())?;
    let test = table::read(&arguments.test, plan.columns.as_deref())?;
    let roles = roles(&train, arguments, plan);
    if roles.categorical.is_empty() && roles.numeric.is_empty() {
        bail!("`{}` has no column to learn from", arguments.train.display());
    }
    let chosen: Vec<usize> = match &arguments.part {
        None => (0..train.rows()).collect(),
        Some(part) => {
            let parts = train.text(part)?;
            (0..parts.len()).filter(|row| parts.get(*row) == Some(FIT)).collect()
        }
    };
    let all: Vec<usize> = (0..test.rows()).collect();
    for (rows, path) in [(&chosen, &arguments.train), (&all, &arguments.test)] {
        if rows.is_empty() {
            bail!("`{}` has no rows to use", path.display());
        }
    }
    let make = |frame: &Frame, chosen: &[usize], path: &Path| {
        Rows::new(frame, chosen, &roles, &arguments.label, plan.is_logistic, path)
            .with_context(|| format!("cannot use `{}`", path.display()))
    };
    let train = make(&train, &chosen, &arguments.train)?;
    let test = make(&test, &all, &arguments.test)?;
    Ok((train, test, roles))
}

/// Returns which columns are what: those that were named, else all of their kind.
fn roles(frame: &Frame, arguments: &Arguments, plan: &Plan) -> Roles {
    let mut found = Roles { categorical: Vec::new(), numeric: Vec::new(), ignored: Vec::new() };
    let is_named = |name: &String| {
        *name == arguments.label
            || arguments.part.as_ref() == Some(name)
            || plan.categorical.iter().chain(&plan.numeric).any(|names| names.contains(name))
    };
    for (name, column) in frame.names().iter().zip(frame.columns()) {
        if is_named(name) {
            continue;
        }
        match column.kind() {
            Kind::Int | Kind::Float => found.numeric.push(name.clone()),
            Kind::Text | Kind::Bool => found.categorical.push(name.clone()),
            Kind::Time | Kind::Id => found.ignored.push(name.clone()),
        }
    }
    if let Some(categorical) = &plan.categorical {
        found.categorical.clone_from(categorical);
    }
    if let Some(numeric) = &plan.numeric {
        found.numeric.clone_from(numeric);
    }
    found
}

impl Rows {
    fn new(
        frame: &Frame,
        chosen: &[usize],
        roles: &Roles,
        label: &str,
        is_logistic: bool,
        path: &Path,
    ) -> Result<Self> {
        let labels = table::numbers(frame, label)?;
        let is_right =
            |value: f64| value.is_finite() && (!is_logistic || value == 0.0 || value == 1.0);
        if let Some(row) = chosen.iter().find(|row| !is_right(labels[**row])) {
            bail!(
                "label `{label}` must be {}, got `{}` in row {} of `{}`",
                if is_logistic { "0 or 1" } else { "a number" },
                labels[*row],
                row + 1,
                path.display()
            );
        }
        let labels = chosen.iter().map(|row| labels[*row]).collect();
        let mut columns = Vec::new();
        for name in &roles.categorical {
            columns.push((name.clone(), categories(frame, name, chosen)?));
        }
        for name in &roles.numeric {
            let values = table::numbers(frame, name)?;
            if let Some(row) = chosen.iter().find(|row| values[**row].is_infinite()) {
                bail!(
                    "column `{name}` must be finite or empty, got `{}` in row {} of `{}`",
                    values[*row],
                    row + 1,
                    path.display()
                );
            }
            let values = chosen.iter().map(|row| values[*row]).collect();
            columns.push((name.clone(), Owned::Numeric(values)));
        }
        Ok(Self { labels, columns })
    }

    fn table(&self) -> Result<Table<'_>> {
        let mut columns: Vec<(&str, rows::Column<'_>)> = Vec::with_capacity(self.columns.len());
        for (name, column) in &self.columns {
            columns.push((
                name.as_str(),
                match column {
                    Owned::Numeric(values) => rows::Column::Numeric(values),
                    Owned::Categorical { codes, levels } => {
                        rows::Column::Categorical { codes, levels }
                    }
                },
            ));
        }
        Ok(Table::new(columns)?)
    }
}

/// Returns a column as categories: text as it is, numbers and truth values as they are written.
fn categories(frame: &Frame, name: &str, chosen: &[usize]) -> Result<Owned> {
    let written: Texts;
    let texts = match frame.column(name)? {
        Column::Text(texts) => texts,
        Column::Int(values) => {
            let text = |value: &i64| (*value != NULL_INT).then(|| value.to_string());
            written = collect(values.iter().map(text));
            &written
        }
        Column::Float(values) => {
            let text = |value: &f64| (!value.is_nan()).then(|| value.to_string());
            written = collect(values.iter().map(text));
            &written
        }
        Column::Bool(values) => {
            written = collect(values.iter().map(|value| Some(value.to_string())));
            &written
        }
        other => bail!("column `{name}` holds {}, which are no categories", other.kind().name()),
    };
    let code = |row: &usize| match texts.codes()[*row] {
        NULL_CODE => MISSING,
        code => code,
    };
    let levels = texts.values().iter().map(ToString::to_string).collect();
    Ok(Owned::Categorical { codes: chosen.iter().map(code).collect(), levels })
}

fn collect(rows: impl Iterator<Item = Option<String>>) -> Texts {
    let mut texts = Texts::default();
    for row in rows {
        texts.push(row.as_deref());
    }
    texts
}

fn fit(train: &Rows, is_logistic: bool) -> Result<Fitted> {
    let table = train.table()?;
    if is_logistic {
        let labels: Vec<bool> = train.labels.iter().map(|label| *label > 0.5).collect();
        let fitted = logistic::Parameters::default().fit(&table, &labels, None)?;
        return Ok(Fitted::Logistic(fitted));
    }
    Ok(Fitted::Linear(linear::fit(&table, &train.labels, None)?))
}

impl Fitted {
    fn predict(&self, table: &Table<'_>) -> Result<Vec<f64>> {
        Ok(match self {
            Self::Linear(model) => model.predict(table)?,
            Self::Logistic(model) => model.predict_probability(table)?,
        })
    }

    fn score(&self) -> &Score {
        match self {
            Self::Linear(model) => model.score(),
            Self::Logistic(model) => model.score(),
        }
    }

    /// Returns the coefficients. `coefficients` and `intercept` belong to numbers in their own
    /// units for linear, and to standardised numbers for logistic, whose penalty is stated for
    /// those; both forms are there by name as well.
    fn describe(&self) -> Map<String, Value> {
        let score = self.score();
        let named = |pairs: Vec<(String, f64)>| -> Value {
            pairs.into_iter().map(|(name, value)| (name, Value::from(value))).collect()
        };
        let per_unit = json!({
            "coefficients": named(score.coefficients_per_unit()),
            "intercept": score.intercept_per_unit(),
        });
        let standardised = json!({
            "coefficients": named(score.coefficients()),
            "intercept": score.intercept(),
        });
        let (shown, parameters) = match self {
            Self::Linear(_) => (&per_unit, json!({})),
            Self::Logistic(model) => (
                &standardised,
                json!({
                    "C": logistic::Parameters::default().strength,
                    "iterations": model.iterations(),
                }),
            ),
        };
        let mut described = Map::new();
        described.insert("parameters".to_owned(), parameters);
        described.insert("coefficients".to_owned(), shown["coefficients"].clone());
        described.insert("intercept".to_owned(), shown["intercept"].clone());
        described.insert("standardised".to_owned(), standardised);
        described.insert("per_unit".to_owned(), per_unit);
        described
    }
}

fn write_predictions(path: &Path, predicted: Vec<f64>) -> Result<()> {
    if path.extension().is_some_and(|extension| extension == "parquet") {
        return table::write(path, &Frame::default().with("predicted", Column::Float(predicted)));
    }
    let mut text = "predicted\n".to_owned();
    for value in predicted {
        writeln!(text, "{value}").expect("writing to a string does not fail");
    }
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}
