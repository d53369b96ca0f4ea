//! `lab cluster`: which rows of a table belong together, and how good given labels are.
//!
//! Centres and inertia are in the scaled space when `--scale` asks for one.

mod algorithms;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};
use shopwise_learn::Matrix;
use shopwise_learn::cluster::{
    Clustering, Covariance, Linkage, Metric, Quality, SILHOUETTE_ROWS, adjusted_rand_index,
    normalised_mutual_information,
};
use shopwise_learn::scale::{self, Scaling};
use shopwise_model::frame::{Column, Frame, Kind, NULL_INT};

use self::algorithms::{Algorithm, Found};
use super::{Clock, Shared, UsageError, names, table};

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
    /// kmeans, minibatch-kmeans, k-medoids, hierarchical, dbscan, hdbscan or gaussian-mixture
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
    /// How hierarchical measures clusters: ward, average, complete or single [default: ward for
    /// euclidean, average else]
    #[arg(long, value_name = "NAME")]
    linkage: Option<String>,
    /// Where hierarchical writes its tree: a merge a row, clusters from the number of rows on
    #[arg(long, value_name = "FILE.parquet")]
    tree: Option<PathBuf>,
    /// How far a neighbour may be, for dbscan
    #[arg(long, value_name = "DISTANCE", default_value_t = 0.5)]
    eps: f64,
    /// How many rows within eps make a row core for dbscan [default: 5]; how many tell how dense
    /// it is for hdbscan [default: as --min-rows]
    #[arg(long, value_name = "N")]
    min_points: Option<usize>,
    /// The fewest rows of a cluster, for hdbscan
    #[arg(long, value_name = "N", default_value_t = 5)]
    min_rows: usize,
    /// The shape of the components of gaussian-mixture: full or diagonal
    #[arg(long, value_name = "NAME", default_value = "full")]
    covariance: String,
    /// How many rows minibatch-kmeans takes at a time
    #[arg(long, value_name = "N", default_value_t = 1_024)]
    batch: usize,
    /// How many pairs of draws of 80 % of the rows tell how stable the clusters are
    #[arg(long, value_name = "N")]
    stability: Option<usize>,
    /// Labels to compare with: a column `label`, from 0, in row order
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
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
    algorithm: Algorithm,
    linkage: Linkage,
    covariance: Covariance,
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
            Found::of(Clustering::from_labels(plan.metric, &points, labels)?)
        }
        None => algorithms::fit(arguments, &plan, &points, &features, clock)?,
    };
    let labels = found.labels();
    let quality = match &found.quality {
        Some(quality) if arguments.evaluate => Some(quality.clone()),
        None if arguments.evaluate => {
            let seed = arguments.shared.seed;
            let judged = found.clustered.as_ref().unwrap_or(&points);
            let measure = || Quality::of(&found.clustering, judged, SILHOUETTE_ROWS, seed);
            Some(clock.time("evaluate", measure)?)
        }
        _ => None,
    };
    if let Some(path) = &arguments.output {
        table::write(path, &Frame::default().with("label", Column::Int(labels.clone())))?;
    }
    let mut result = describe(&found.clustering, &features);
    result.insert("rows".to_owned(), points.rows().into());
    result.insert("algorithm".to_owned(), arguments.algorithm.as_str().into());
    result.insert("scale".to_owned(), arguments.scale.as_str().into());
    result.insert("iterations".to_owned(), json!(found.iterations));
    result.extend(found.more);
    if let Some(path) = &arguments.truth {
        result.extend(compare(&labels, &read_labels(path, points.rows())?)?);
    }
    if let Some(quality) = quality {
        result.insert("silhouette".to_owned(), json!(quality.silhouette));
        result.insert("silhouette_rows".to_owned(), quality.silhouette_rows.into());
        result.insert("calinski_harabasz".to_owned(), json!(quality.calinski_harabasz));
        result.insert("davies_bouldin".to_owned(), json!(quality.davies_bouldin));
    }
    Ok(result)
}

/// Returns how far labels agree with given ones; noise counts as one cluster more.
fn compare(labels: &[i64], truth: &[u32]) -> Result<Map<String, Value>> {
    let labels: Vec<u32> = labels.iter().map(|label| (label + 1) as u32).collect();
    let agreement = [
        ("adjusted_rand_index", adjusted_rand_index(&labels, truth)?),
        ("normalised_mutual_information", normalised_mutual_information(&labels, truth)?),
    ];
    Ok(agreement.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
}

fn plan(arguments: &Arguments) -> Result<Plan> {
    let algorithm = Algorithm::named(&arguments.algorithm)?;
    let metric = Metric::from_name(&arguments.metric).ok_or_else(|| {
        let all: Vec<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        wrong("metric", &all.join(", "), &arguments.metric)
    })?;
    let scaling = Scaling::from_name(&arguments.scale).ok_or_else(|| {
        let all: Vec<_> = Scaling::ALL.iter().map(|scaling| scaling.name()).collect();
        wrong("scale", &all.join(", "), &arguments.scale)
    })?;
    let k = arguments.k.as_deref().map_or(Ok(Wanted::Unsaid), wanted)?;
    let linkage = match &arguments.linkage {
        None => Linkage::usual_for(metric),
        Some(name) => Linkage::from_name(name).ok_or_else(|| {
            let all: Vec<_> = Linkage::ALL.iter().map(|linkage| linkage.name()).collect();
            wrong("linkage", &all.join(", "), name)
        })?,
    };
    let covariance = Covariance::from_name(&arguments.covariance).ok_or_else(|| {
        let all: Vec<_> = Covariance::ALL.iter().map(|shape| shape.name()).collect();
        wrong("covariance", &all.join(", "), &arguments.covariance)
    })?;
    algorithms::check(arguments, algorithm, metric, &k)?;
    if let Some(path) = &arguments.tree {
        table::check_output(path)?;
    }
    if let Some(path) = &arguments.output {
        table::check_output(path)?;
    }
    let features =
        arguments.features.as_deref().map(|text| names("--features", text)).transpose()?;
    Ok(Plan { metric, scaling, algorithm, linkage, covariance, k, features })
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

fn describe(clustering: &Clustering, features: &[String]) -> Map<String, Value> {
    let centers: Vec<&[f64]> =
        (0..clustering.k()).map(|center| clustering.centers.row(center)).collect();
    let described = [
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
