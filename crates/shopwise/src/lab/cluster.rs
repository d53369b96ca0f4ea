//! `lab cluster`: which rows of a table belong together, and how good given labels are.
//!
//! Centres and inertia are in the scaled space when `--scale` asks for one.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};
use shopwise_learn::Matrix;
use shopwise_learn::cluster::{
    self, Clustering, Hierarchical, KMeans, Linkage, Metric, Quality, SILHOUETTE_ROWS,
};
use shopwise_learn::scale::{self, Scaling};
use shopwise_model::frame::{Column, Frame, Kind, NULL_INT};

use super::{Clock, Shared, UsageError, names, table, usage_or_data};

/// How many clusters are looked for when nothing is said.
const K_DEFAULT: usize = 8;
/// The range that `--k auto` tries.
const K_AUTO: RangeInclusive<usize> = 2..=12;

/// The flags of `lab cluster`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The table: .parquet, .csv or .tsv (the last two also .gz or .zst)
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Names of the columns of a text file without a header: a,b,c
    #[arg(long, value_name = "NAMES")]
    columns: Option<String>,
    /// The columns to cluster by: a,b,c; all columns of numbers when left out
    #[arg(long, value_name = "NAMES")]
    features: Option<String>,
    /// kmeans or hierarchical
    #[arg(long, value_name = "NAME", default_value = "kmeans")]
    algorithm: String,
    /// The number of clusters: N, a range as 2..12, or auto, which is that range [default: 8]
    #[arg(long, value_name = "K")]
    k: Option<String>,
    /// euclidean, manhattan, chebyshev or cosine
    #[arg(long, value_name = "NAME", default_value = "euclidean")]
    metric: String,
    /// How columns are scaled first: none, standard, minmax or robust
    #[arg(long, value_name = "NAME", default_value = "none")]
    scale: String,
    /// How often k-means starts anew; the best is kept
    #[arg(long, value_name = "N", default_value_t = 10)]
    restarts: usize,
    /// How many iterations a start of k-means takes at most
    #[arg(long, value_name = "N", default_value_t = 300)]
    max_iterations: usize,
    /// Centres to start k-means from: k rows, a column for each feature
    #[arg(long, value_name = "FILE")]
    initial: Option<PathBuf>,
    /// Labels to judge instead of looking for clusters: a column `label`, from 0, in row order
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Whether silhouette, Calinski–Harabasz and Davies–Bouldin are measured
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    evaluate: bool,
    /// Where the label of each row is written
    #[arg(long, value_name = "FILE.parquet")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) shared: Shared,
}

/// Flags that were checked.
struct Plan {
    metric: Metric,
    scaling: Scaling,
    hierarchical: bool,
    k: Wanted,
    features: Option<Vec<String>>,
}

/// How many clusters are wanted.
#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Unsaid,
    Exactly(usize),
    Best(RangeInclusive<usize>),
}

/// What was found, and what the search for k came by.
struct Found {
    clustering: Clustering,
    iterations: Option<usize>,
    quality: Option<Quality>,
    curve: Option<Value>,
}

/// Runs the command.
///
/// # Errors
/// [`UsageError`] for wrong flags, others for tables that cannot be clustered.
pub(super) fn run(arguments: &Arguments, clock: &mut Clock) -> Result<Map<String, Value>> {
    let plan = plan(arguments)?;
    let (points, features) = clock.time("load", || load(arguments, &plan))?;
    let found = match &arguments.labels {
        Some(path) => {
            let labels = clock.time("load", || read_labels(path, points.rows()))?;
            let clustering = Clustering::from_labels(plan.metric, &points, labels)?;
            Found { clustering, iterations: None, quality: None, curve: None }
        }
        None => fit(arguments, &plan, &points, &features, clock)?,
    };
    let quality = match found.quality {
        Some(quality) if arguments.evaluate => Some(quality),
        None if arguments.evaluate => {
            let seed = arguments.shared.seed;
            let measure = || Quality::of(&found.clustering, &points, SILHOUETTE_ROWS, seed);
            Some(clock.time("evaluate", measure)?)
        }
        _ => None,
    };
    if let Some(path) = &arguments.output {
        let labels = found.clustering.labels.iter().map(|label| i64::from(*label)).collect();
        table::write(path, &Frame::default().with("label", Column::Int(labels)))?;
    }
    let mut result = describe(&found.clustering, &features);
    result.insert("algorithm".to_owned(), arguments.algorithm.as_str().into());
    result.insert("scale".to_owned(), arguments.scale.as_str().into());
    result.insert("iterations".to_owned(), json!(found.iterations));
    result.extend(found.curve.map(|curve| ("curve".to_owned(), curve)));
    if let Some(quality) = quality {
        result.insert("silhouette".to_owned(), json!(quality.silhouette));
        result.insert("silhouette_rows".to_owned(), quality.silhouette_rows.into());
        result.insert("calinski_harabasz".to_owned(), json!(quality.calinski_harabasz));
        result.insert("davies_bouldin".to_owned(), json!(quality.davies_bouldin));
    }
    Ok(result)
}

fn plan(arguments: &Arguments) -> Result<Plan> {
    let hierarchical = match arguments.algorithm.as_str() {
        "kmeans" => false,
        "hierarchical" => true,
        name @ ("minibatch-kmeans" | "dbscan" | "gaussian-mixture") => bail!(UsageError::new(
            format!("algorithm `{name}` is not yet available: there are kmeans and hierarchical")
        )),
        name => bail!(UsageError::new(format!(
            "algorithm must be kmeans or hierarchical, got `{name}`"
        ))),
    };
    let metric = Metric::from_name(&arguments.metric).ok_or_else(|| {
        let all: Vec<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        wrong("metric", &all.join(", "), &arguments.metric)
    })?;
    let scaling = Scaling::from_name(&arguments.scale).ok_or_else(|| {
        let all: Vec<_> = Scaling::ALL.iter().map(|scaling| scaling.name()).collect();
        wrong("scale", &all.join(", "), &arguments.scale)
    })?;
    let k = arguments.k.as_deref().map_or(Ok(Wanted::Unsaid), wanted)?;
    if hierarchical && arguments.initial.is_some() {
        bail!(UsageError::new("`--initial` is for kmeans only"));
    }
    if hierarchical && matches!(k, Wanted::Best(_)) {
        bail!(UsageError::new("hierarchical takes a number of clusters: `--k N`"));
    }
    if let Some(path) = &arguments.output {
        table::check_output(path)?;
    }
    let features =
        arguments.features.as_deref().map(|text| names("--features", text)).transpose()?;
    Ok(Plan { metric, scaling, hierarchical, k, features })
}

fn wrong(flag: &str, allowed: &str, got: &str) -> UsageError {
    UsageError::new(format!("{flag} must be one of {allowed}, got `{got}`"))
}

/// Returns what `8`, `2..12` and `auto` mean.
fn wanted(text: &str) -> Result<Wanted> {
    if text == "auto" {
        return Ok(Wanted::Best(K_AUTO));
    }
    let number = |part: &str| part.parse::<usize>().ok().filter(|k| *k >= 1);
    let found = match text.split_once("..") {
        Some((from, to)) => match (number(from), number(to.trim_start_matches('='))) {
            (Some(from), Some(to)) if from <= to => Some(Wanted::Best(from..=to)),
            _ => None,
        },
        None => number(text).map(Wanted::Exactly),
    };
    found.ok_or_else(|| {
        UsageError::new(format!(
            "k must be a number from 1, a range as 2..12, or auto, got `{text}`"
        ))
        .into()
    })
}

fn load(arguments: &Arguments, plan: &Plan) -> Result<(Matrix, Vec<String>)> {
    let columns = arguments.columns.as_deref().map(|text| names("--columns", text)).transpose()?;
    let frame = table::read(&arguments.input, columns.as_deref())?;
    let features = match &plan.features {
        Some(features) => features.clone(),
        None => numeric(&frame),
    };
    if features.is_empty() {
        bail!("`{}` has no column of numbers", arguments.input.display());
    }
    let points = matrix(&frame, &features, &arguments.input)?;
    if points.rows() == 0 {
        bail!("`{}` has no rows", arguments.input.display());
    }
    if plan.scaling == Scaling::None {
        return Ok((points, features));
    }
    let treatment = scale::Column { scaling: plan.scaling, ..scale::Column::default() };
    let scaler = scale::fit(&points, &vec![treatment; features.len()])?;
    Ok((scaler.apply(points)?, features))
}

fn numeric(frame: &Frame) -> Vec<String> {
    let columns = frame.names().iter().zip(frame.columns());
    let numbers = columns.filter(|(_, column)| matches!(column.kind(), Kind::Int | Kind::Float));
    numbers.map(|(name, _)| name.clone()).collect()
}

/// Returns columns of numbers as a matrix; every value must be there.
fn matrix(frame: &Frame, features: &[String], path: &Path) -> Result<Matrix> {
    let mut columns = Vec::with_capacity(features.len());
    for name in features {
        let values = table::numbers(frame, name)?;
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            let what = if values[row].is_nan() { "no value" } else { "an infinite value" };
            bail!(
                "column `{name}` has {what} in row {} of `{}`\nhint: clustering needs every value; \
                 leave the row or the column out, or fill it in",
                row + 1,
                path.display()
            );
        }
        columns.push(values);
    }
    let slices: Vec<&[f64]> = columns.iter().map(AsRef::as_ref).collect();
    Ok(Matrix::from_columns(&slices)?)
}

fn read_labels(path: &Path, rows: usize) -> Result<Vec<u32>> {
    let frame = table::read(path, None)?;
    let labels = frame.int("label")?;
    if labels.len() != rows {
        bail!("`{}` has {} labels for {rows} rows", path.display(), labels.len());
    }
    let label = |(row, label): (usize, &i64)| {
        u32::try_from(*label).map_err(|_| {
            let got = if *label == NULL_INT { "nothing".to_owned() } else { label.to_string() };
            anyhow::anyhow!(
                "label must be ≥ 0, got `{got}` (row {} of `{}`)",
                row + 1,
                path.display()
            )
        })
    };
    labels.iter().enumerate().map(label).collect()
}

/// Returns the starting centres; columns are found by name, or taken in order when no name fits.
fn read_initial(path: &Path, features: &[String]) -> Result<Matrix> {
    let frame = table::read(path, None)?;
    if features.iter().all(|name| frame.has(name)) {
        return matrix(&frame, features, path);
    }
    let names = numeric(&frame);
    if names.len() != features.len() {
        bail!(
            "`{}` has {} columns of numbers, the table has {} features",
            path.display(),
            names.len(),
            features.len()
        );
    }
    matrix(&frame, &names, path)
}

fn fit(
    arguments: &Arguments,
    plan: &Plan,
    points: &Matrix,
    features: &[String],
    clock: &mut Clock,
) -> Result<Found> {
    let initial = match &arguments.initial {
        Some(path) => Some(clock.time("load", || read_initial(path, features))?),
        None => None,
    };
    let mut kmeans = KMeans {
        k: K_DEFAULT,
        metric: plan.metric,
        restarts: arguments.restarts,
        iterations_max: arguments.max_iterations,
        seed: arguments.shared.seed,
        ..KMeans::default()
    };
    match (&plan.k, &initial) {
        (Wanted::Unsaid, Some(centers)) => kmeans.k = centers.rows(),
        (Wanted::Unsaid, None) => {}
        (Wanted::Exactly(k), None) => kmeans.k = *k,
        (Wanted::Exactly(k), Some(centers)) if *k == centers.rows() => kmeans.k = *k,
        (Wanted::Exactly(k), Some(centers)) => bail!(UsageError::new(format!(
            "`--initial` has {} centres and `--k` asks for {k}",
            centers.rows()
        ))),
        (Wanted::Best(_), Some(_)) => {
            bail!(UsageError::new("`--initial` says how many clusters there are: leave out `--k`"))
        }
        (Wanted::Best(range), None) => return choose(points, range.clone(), &kmeans, clock),
    }
    let found = clock.time("fit", || match &initial {
        _ if plan.hierarchical => {
            let linkage = Linkage::usual_for(plan.metric);
            Hierarchical { k: kmeans.k, metric: plan.metric, linkage }.fit(points)
        }
        Some(centers) => kmeans.fit_from(points, centers),
        None => kmeans.fit(points),
    });
    let clustering = found.map_err(usage_or_data)?;
    let iterations = Some(clustering.iterations);
    Ok(Found { clustering, iterations, quality: None, curve: None })
}

fn choose(
    points: &Matrix,
    range: RangeInclusive<usize>,
    kmeans: &KMeans,
    clock: &mut Clock,
) -> Result<Found> {
    let choose = || cluster::choose_k(points, range, kmeans, SILHOUETTE_ROWS);
    let choice = clock.time("fit", choose).map_err(usage_or_data)?;
    let curve = choice.curve.iter().map(|point| {
        json!({
            "k": point.k,
            "inertia": point.inertia,
            "silhouette": point.silhouette,
            "calinski_harabasz": point.calinski_harabasz,
            "davies_bouldin": point.davies_bouldin,
        })
    });
    let curve = Some(curve.collect());
    let iterations = Some(choice.best.iterations);
    Ok(Found { clustering: choice.best, iterations, quality: Some(choice.quality), curve })
}

fn describe(clustering: &Clustering, features: &[String]) -> Map<String, Value> {
    let centers: Vec<&[f64]> =
        (0..clustering.k()).map(|center| clustering.centers.row(center)).collect();
    let described = [
        ("rows", clustering.labels.len().into()),
        ("features", features.len().into()),
        ("feature_names", json!(features)),
        ("metric", clustering.metric.name().into()),
        ("k", clustering.k().into()),
        ("inertia", clustering.inertia.into()),
        ("sizes", json!(clustering.sizes)),
        ("centers", json!(centers)),
    ];
    described.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
