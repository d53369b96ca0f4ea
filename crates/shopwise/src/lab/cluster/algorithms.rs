//! Which algorithm is meant, what it takes, and what it says beside labels and centres.

use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};
use shopwise_learn::Matrix;
use shopwise_learn::cluster::{
    self, ALGORITHMS, Clustering, Dbscan, DensityClustering, GaussianMixture, Hdbscan,
    Hierarchical, KMeans, KMedoids, Linkage, Metric, MiniBatchKMeans, Mixture, Quality,
    SILHOUETTE_ROWS, Tree,
};
use shopwise_model::frame::{Column, Frame};

use super::super::{Clock, UsageError, table, usage_or_data};
use super::{Arguments, Plan, Wanted, read_initial};

/// How many clusters are looked for when nothing is said.
const K_DEFAULT: usize = 8;

/// Of how many of the rows a draw for stability is made.
const STABILITY_SHARE: f64 = 0.8;

/// The algorithms, by how they are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    KMeans,
    MiniBatch,
    KMedoids,
    Hierarchical,
    Dbscan,
    Hdbscan,
    Mixture,
}

impl Algorithm {
    /// Returns the algorithm of a name of the registry.
    pub(super) fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "kmeans" => Self::KMeans,
            "minibatch-kmeans" => Self::MiniBatch,
            "k-medoids" => Self::KMedoids,
            "hierarchical" => Self::Hierarchical,
            "dbscan" => Self::Dbscan,
            "hdbscan" => Self::Hdbscan,
            "gaussian-mixture" => Self::Mixture,
            _ => {
                let all: Vec<&str> = ALGORITHMS.iter().map(|entry| entry.name).collect();
                let all = all.join(", ");
                bail!(UsageError::new(format!("algorithm must be one of {all}, got `{name}`")))
            }
        })
    }
}

/// What was found, and what there is to say of it.
pub(super) struct Found {
    pub(super) clustering: Clustering,
    pub(super) iterations: Option<usize>,
    pub(super) quality: Option<Quality>,
    /// The rows in clusters and where they are, when some are in none.
    pub(super) clustered: Option<Matrix>,
    noise: Option<DensityClustering>,
    /// What only this algorithm says.
    pub(super) more: Map<String, Value>,
}

impl Found {
    /// Returns what is said of a clustering alone.
    pub(super) fn of(clustering: Clustering) -> Self {
        let (quality, clustered, noise) = (None, None, None);
        Self { clustering, iterations: None, quality, clustered, noise, more: Map::new() }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// Returns the label of each row of the table: −1 is noise.
    pub(super) fn labels(&self) -> Vec<i64> {
        match &self.noise {
            None => self.clustering.labels.iter().map(|label| i64::from(*label)).collect(),
            Some(found) => found.labels.iter().map(|label| label.map_or(-1, i64::from)).collect(),
        }
    }
}

/// Checks flags that only some algorithms take.
pub(super) fn check(
    arguments: &Arguments,
    algorithm: Algorithm,
    metric: Metric,
    k: &Wanted,
) -> Result<()> {
    let name = &arguments.algorithm;
    if arguments.initial.is_some() && algorithm != Algorithm::KMeans {
        bail!(UsageError::new("`--initial` is for kmeans only"));
    }
    if (arguments.tree.is_some() || arguments.linkage.is_some())
        && algorithm != Algorithm::Hierarchical
    {
        bail!(UsageError::new("`--tree` and `--linkage` are for hierarchical only"));
    }
    let by_density = matches!(algorithm, Algorithm::Dbscan | Algorithm::Hdbscan);
    if by_density && *k != Wanted::Unsaid {
        bail!(UsageError::new(format!("{name} finds the number of clusters: leave out `--k`")));
    }
    if by_density && arguments.stability.is_some() {
        bail!(UsageError::new(format!("`--stability` takes centres, and {name} has none")));
    }
    let searches = matches!(algorithm, Algorithm::KMeans | Algorithm::Mixture);
    if matches!(k, Wanted::Best(_)) && !searches {
        bail!(UsageError::new(format!("{name} takes a number of clusters: `--k N`")));
    }
    if algorithm == Algorithm::Mixture && metric != Metric::Euclidean {
        bail!(UsageError::new("gaussian-mixture takes `--metric euclidean` only"));
    }
    Ok(())
}

/// Fits the algorithm of the plan.
pub(super) fn fit(
    arguments: &Arguments,
    plan: &Plan,
    points: &Matrix,
    features: &[String],
    clock: &mut Clock,
) -> Result<Found> {
    let k = match plan.k {
        Wanted::Exactly(k) => k,
        Wanted::Unsaid | Wanted::Best(_) => K_DEFAULT,
    };
    let found = match plan.algorithm {
        Algorithm::KMeans => return kmeans(arguments, plan, points, features, clock),
        Algorithm::Hierarchical => hierarchical(arguments, plan, points, k, clock)?,
        Algorithm::Dbscan | Algorithm::Hdbscan => return density(arguments, plan, points, clock),
        Algorithm::Mixture => mixture(arguments, plan, points, k, clock)?,
        Algorithm::MiniBatch => {
            let parameters = mini_batch(arguments, plan, k);
            plain(clock.time("fit", || parameters.fit(points)))?
        }
        Algorithm::KMedoids => {
            let parameters = medoids(arguments, k);
            plain(clock.time("fit", || parameters.fit(points, plan.metric)))?
        }
    };
    let k = found.clustering.k();
    judge_stability(arguments, found, points, clock, |draw, seed| match plan.algorithm {
        Algorithm::MiniBatch => {
            MiniBatchKMeans { seed, ..mini_batch(arguments, plan, k) }.fit(draw)
        }
        Algorithm::KMedoids => KMedoids { seed, ..medoids(arguments, k) }.fit(draw, plan.metric),
        Algorithm::Hierarchical => {
            Hierarchical { k, metric: plan.metric, linkage: plan.linkage }.fit(draw)
        }
        _ => GaussianMixture { seed, ..gaussians(arguments, plan, k) }.fit(draw)?.clustering(draw),
    })
}

fn plain(found: shopwise_learn::Result<Clustering>) -> Result<Found> {
    let clustering = found.map_err(usage_or_data)?;
    let iterations = Some(clustering.iterations);
    Ok(Found { iterations, ..Found::of(clustering) })
}

fn mini_batch(arguments: &Arguments, plan: &Plan, k: usize) -> MiniBatchKMeans {
    MiniBatchKMeans {
        k,
        metric: plan.metric,
        batch_rows: arguments.batch,
        iterations_max: arguments.max_iterations,
        restarts: arguments.restarts,
        seed: arguments.shared.seed,
    }
}

fn medoids(arguments: &Arguments, k: usize) -> KMedoids {
    let (restarts, seed) = (arguments.restarts, arguments.shared.seed);
    KMedoids { k, restarts, iterations_max: arguments.max_iterations, seed }
}

fn gaussians(arguments: &Arguments, plan: &Plan, k: usize) -> GaussianMixture {
    GaussianMixture {
        k,
        covariance: plan.covariance,
        iterations_max: arguments.max_iterations,
        restarts: arguments.restarts,
        seed: arguments.shared.seed,
        ..GaussianMixture::default()
    }
}

/// Adds how stable the clusters are, where that is asked for.
fn judge_stability(
    arguments: &Arguments,
    found: Found,
    points: &Matrix,
    clock: &mut Clock,
    fit: impl Fn(&Matrix, u64) -> shopwise_learn::Result<Clustering>,
) -> Result<Found> {
    let Some(resamples) = arguments.stability else { return Ok(found) };
    let seed = arguments.shared.seed;
    let measure = || cluster::stability(points, resamples, STABILITY_SHARE, seed, fit);
    let stability = clock.time("evaluate", measure).map_err(usage_or_data)?;
    Ok(found.with("stability", json!({"mean": stability.mean, "least": stability.least})))
}

fn kmeans(
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
    let found = match (&plan.k, &initial) {
        (Wanted::Best(_), Some(_)) => {
            bail!(UsageError::new("`--initial` says how many clusters there are: leave out `--k`"))
        }
        (Wanted::Best(range), None) => choose(points, range.clone(), &kmeans, clock)?,
        (Wanted::Exactly(k), Some(centers)) if *k != centers.rows() => {
            bail!(UsageError::new(format!(
                "`--initial` has {} centres and `--k` asks for {k}",
                centers.rows()
            )))
        }
        (_, Some(centers)) => {
            kmeans.k = centers.rows();
            plain(clock.time("fit", || kmeans.fit_from(points, centers)))?
        }
        (Wanted::Exactly(k), None) => {
            kmeans.k = *k;
            plain(clock.time("fit", || kmeans.fit(points)))?
        }
        (Wanted::Unsaid, None) => plain(clock.time("fit", || kmeans.fit(points)))?,
    };
    kmeans.k = found.clustering.k();
    let again = |draw: &Matrix, seed| KMeans { seed, ..kmeans.clone() }.fit(draw);
    judge_stability(arguments, found, points, clock, again)
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
    let curve = curve.collect();
    let iterations = Some(choice.best.iterations);
    let quality = Some(choice.quality);
    Ok(Found { iterations, quality, ..Found::of(choice.best) }.with("curve", curve))
}

fn hierarchical(
    arguments: &Arguments,
    plan: &Plan,
    points: &Matrix,
    k: usize,
    clock: &mut Clock,
) -> Result<Found> {
    let grown = clock.time("fit", || -> shopwise_learn::Result<(Tree, Clustering)> {
        if k > points.rows() {
            let allowed = format!("between 1 and the number of rows ({})", points.rows());
            return Err(shopwise_learn::Error::parameter("k", allowed, k));
        }
        let tree = Tree::grow(points, plan.metric, plan.linkage)?;
        let labels = tree.cut(k)?;
        let clustering = Clustering::from_labels(plan.metric, points, labels)?;
        Ok((tree, clustering))
    });
    let (tree, clustering) = grown.map_err(usage_or_data)?;
    if let Some(path) = &arguments.tree {
        write_tree(path, &tree)?;
    }
    let iterations = Some(points.rows() - k);
    let name = Linkage::name(plan.linkage);
    Ok(Found { iterations, ..Found::of(clustering) }.with("linkage", name.into()))
}

/// Writes the dendrogram: both clusters, the height at which they merge, and their size.
fn write_tree(path: &Path, tree: &Tree) -> Result<()> {
    let merges = tree.merges();
    let int = |of: &dyn Fn(usize) -> usize| {
        Column::Int((0..merges.len()).map(|merge| of(merge) as i64).collect())
    };
    let heights = merges.iter().map(|merge| merge.height).collect();
    let frame = Frame::default()
        .with("left", int(&|merge| merges[merge].clusters[0]))
        .with("right", int(&|merge| merges[merge].clusters[1]))
        .with("height", Column::Float(heights))
        .with("size", int(&|merge| merges[merge].size));
    table::write(path, &frame)
}

fn density(
    arguments: &Arguments,
    plan: &Plan,
    points: &Matrix,
    clock: &mut Clock,
) -> Result<Found> {
    let metric = plan.metric;
    let found = clock.time("fit", || {
        if plan.algorithm == Algorithm::Dbscan {
            let neighbours = arguments.min_points.unwrap_or(Dbscan::default().neighbours);
            Dbscan { reach: arguments.eps, neighbours, metric }.fit(points)
        } else {
            let (rows_min, neighbours) = (arguments.min_rows, arguments.min_points);
            Hdbscan { rows_min, neighbours, metric }.fit(points)
        }
    });
    let found = found.map_err(usage_or_data)?;
    let noise = found.noise();
    let Some((rows, clustering)) = found.clustered(metric, points)? else {
        bail!(
            "all {} rows are noise\nhint: a larger `--eps` or a smaller `--min-points` or \
             `--min-rows` makes clusters",
            points.rows()
        )
    };
    let (clustered, kept) = (Some(rows), Some(found));
    let found = Found { clustered, noise: kept, ..Found::of(clustering) };
    Ok(found.with("noise", noise.into()))
}

fn mixture(
    arguments: &Arguments,
    plan: &Plan,
    points: &Matrix,
    k: usize,
    clock: &mut Clock,
) -> Result<Found> {
    let parameters = gaussians(arguments, plan, k);
    let fitted = clock.time("fit", || match &plan.k {
        Wanted::Best(range) => parameters.choose(points, range.clone()),
        Wanted::Exactly(_) | Wanted::Unsaid => {
            parameters.fit(points).map(|found| (found, Vec::new()))
        }
    });
    let (mixture, curve) = fitted.map_err(usage_or_data)?;
    let clustering = clock.time("predict", || mixture.clustering(points))?;
    let Mixture { weights, log_likelihood, bic, aic, iterations, converged, .. } = mixture;
    let found = Found { iterations: Some(iterations), ..Found::of(clustering) }
        .with("covariance", plan.covariance.name().into())
        .with("weights", json!(weights))
        .with("log_likelihood", log_likelihood.into())
        .with("bic", bic.into())
        .with("aic", aic.into())
        .with("converged", converged.into());
    if curve.is_empty() {
        return Ok(found);
    }
    let curve = curve.into_iter().map(|(k, bic)| json!({"k": k, "bic": bic})).collect();
    Ok(found.with("curve", curve))
}
