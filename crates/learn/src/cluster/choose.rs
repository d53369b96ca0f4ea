//! How many clusters there are: k-means for each k of a range, judged by the silhouette.
//!
//! The silhouette rather than the inertia decides, because the inertia falls with every further
//! cluster. The whole curve is returned: where it is flat, several k are as good, and a person may
//! prefer another.

use std::ops::RangeInclusive;

use super::clustering::Clustering;
use super::kmeans::KMeans;
use super::quality::Quality;
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// What k-means with one number of clusters came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KPoint {
    /// The number of clusters.
    pub k: usize,
    /// What was minimised: see [`Clustering::inertia`].
    pub inertia: f64,
    /// As in [`Quality`], on the same sample of rows for each k.
    pub silhouette: Option<f64>,
    /// As in [`Quality`].
    pub calinski_harabasz: Option<f64>,
    /// As in [`Quality`].
    pub davies_bouldin: Option<f64>,
}

/// The number of clusters that was chosen, and what there was to choose from.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// One point for each k that was tried, from the smallest.
    pub curve: Vec<KPoint>,
    /// The clustering with the highest silhouette; of equals the one with fewer clusters.
    pub best: Clustering,
    /// Its quality.
    pub quality: Quality,
}

/// Returns the best clustering for a number of clusters in `range`, and the curve over the range.
/// `kmeans.k` has no say; `kmeans.seed` also draws the sample of rows for silhouettes, which are
/// exact up to `silhouette_rows_max` rows. Of the range, what is not below the number of rows is
/// left out: there the silhouette is not defined.
///
/// Where no k has a silhouette, as when all rows are equal, the smallest k is the best.
///
/// # Errors
/// [`Error::Parameter`] when the range is empty or begins at 0, [`Error::TooLittle`] when it holds
/// no k below the number of rows; else as [`KMeans::fit`].
pub fn choose_k(
    points: &Matrix,
    range: RangeInclusive<usize>,
    kmeans: &KMeans,
    silhouette_rows_max: usize,
) -> Result<Choice> {
    let (from, to) = (*range.start(), *range.end());
    if from == 0 || from > to {
        return Err(Error::parameter(
            "k",
            "a range from 1 or more, as 2..12",
            format!("{from}..{to}"),
        ));
    }
    let to = to.min(points.rows().saturating_sub(1));
    if from > to {
        return Err(Error::TooLittle(format!(
            "to choose k from {from} on takes at least {} rows, got {}",
            from.saturating_add(1),
            points.rows()
        )));
    }
    let mut curve = Vec::with_capacity(to - from + 1);
    let mut best: Option<(Clustering, Quality)> = None;
    for k in from..=to {
        let clustering = KMeans { k, ..kmeans.clone() }.fit(points)?;
        let quality = Quality::of(&clustering, points, silhouette_rows_max, kmeans.seed)?;
        curve.push(KPoint {
            k,
            inertia: clustering.inertia,
            silhouette: quality.silhouette,
            calinski_harabasz: quality.calinski_harabasz,
            davies_bouldin: quality.davies_bouldin,
        });
        // `None` is less than any number.
        if best.as_ref().is_none_or(|(_, best)| quality.silhouette > best.silhouette) {
            best = Some((clustering, quality));
        }
    }
    let nothing = || Error::TooLittle("there is no k to choose from".to_owned());
    let (best, quality) = best.ok_or_else(nothing)?;
    Ok(Choice { curve, best, quality })
}
