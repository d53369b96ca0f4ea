//! Would other customers have given the same clusters? Stability over resamples.
//!
//! Twice a share of the rows is drawn and clustered; both clusterings then label all rows, and the
//! adjusted Rand index says how far they agree. A number of clusters that is not in the data moves
//! with the draw. A. Ben-Hur, A. Elisseeff and I. Guyon, *A stability based method for discovering
//! structure in clustered data*, 2002, with all rows labelled instead of those in both draws.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::agreement::adjusted_rand_index;
use super::clustering::Clustering;
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// How far clusterings of resamples agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Stability {
    /// The mean adjusted Rand index of all pairs of draws: 1 is always the same.
    pub mean: f64,
    /// The least of them.
    pub least: f64,
    /// Each of them, in the order of the draws.
    pub of_pairs: Vec<f64>,
}

/// Returns the stability over `resamples` pairs of draws of `share` of the rows, without putting
/// back. `fit` clusters a draw, with a seed of its own.
///
/// # Errors
/// [`Error::Parameter`] for no resamples or a share outside 0 to 1; else what `fit` says.
pub fn stability(
    points: &Matrix,
    resamples: usize,
    share: f64,
    seed: u64,
    fit: impl Fn(&Matrix, u64) -> Result<Clustering>,
) -> Result<Stability> {
    if resamples == 0 {
        return Err(Error::parameter("stability", "≥ 1", resamples));
    }
    if !(share > 0.0 && share <= 1.0) {
        return Err(Error::parameter("share", "above 0 and at most 1", share));
    }
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let count = ((points.rows() as f64 * share).round() as usize).clamp(1, points.rows().max(1));
    let mut labels = || {
        let mut values = Vec::with_capacity(count * points.columns());
        for row in rand::seq::index::sample(&mut rng, points.rows(), count) {
            values.extend_from_slice(points.row(row));
        }
        let draw = Matrix::from_values(count, points.columns(), values)?;
        fit(&draw, rng.next_u64())?.predict(points)
    };
    let mut of_pairs = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        of_pairs.push(adjusted_rand_index(&labels()?, &labels()?)?);
    }
    let mean = of_pairs.iter().sum::<f64>() / resamples as f64;
    let least = of_pairs.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(Stability { mean, least, of_pairs })
}
