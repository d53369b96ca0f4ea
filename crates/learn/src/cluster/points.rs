//! What every algorithm here does with its rows first: check them, and normalise them for `cosine`.

use std::borrow::Cow;
use std::ops::Deref;

use rayon::prelude::*;

use super::distance::{self, Metric};
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// Rows that one thread works on at a time. Fixed, so that sums over blocks, joined in order, are
/// the same at any number of threads; small enough that a block stays in the second-level cache.
pub(super) const BLOCK_ROWS: usize = 2_048;

/// Rows that the kernels may work on: finite, at least one, of unit length for `cosine`.
#[derive(Debug)]
pub(super) struct Rows<'a>(Cow<'a, Matrix>);

impl<'a> Rows<'a> {
    /// Checks the rows and, for `cosine`, brings a copy of them to unit length.
    pub(super) fn new(metric: Metric, points: &'a Matrix) -> Result<Self> {
        if points.rows() == 0 {
            return Err(Error::TooLittle("clustering needs at least one row".to_owned()));
        }
        if points.columns() == 0 {
            return Err(Error::TooLittle("clustering needs at least one column".to_owned()));
        }
        points.check_finite("value to cluster")?;
        Ok(Self(if metric == Metric::Cosine {
            Cow::Owned(normalised(points))
        } else {
            Cow::Borrowed(points)
        }))
    }
}

impl Deref for Rows<'_> {
    type Target = Matrix;

    fn deref(&self) -> &Matrix {
        &self.0
    }
}

/// Returns a copy whose rows have unit length.
pub(super) fn normalised(points: &Matrix) -> Matrix {
    let mut copy = points.clone();
    let columns = copy.columns();
    copy.values_mut()
        .par_chunks_mut(columns)
        .with_min_len(BLOCK_ROWS)
        .for_each(distance::normalise);
    copy
}

/// Checks that there is one label a row, and that tables by label stay as small as those by row.
pub(super) fn check_labels(points: &Matrix, labels: &[u32]) -> Result<()> {
    let rows = points.rows();
    if labels.len() != rows {
        return Err(Error::Length { what: "labels", expected: rows, got: labels.len() });
    }
    match labels.iter().find(|label| **label as usize >= rows) {
        None => Ok(()),
        Some(label) => {
            let allowed = format!("below the number of rows ({rows})");
            Err(Error::parameter("label", allowed, label))
        }
    }
}

/// Returns the numbers of all rows of a block.
pub(super) fn all_rows(count: usize) -> Vec<u32> {
    debug_assert!(u32::try_from(count).is_ok(), "a block counts its rows in 32 bits");
    (0..count as u32).collect()
}

/// Labels numbered without gaps, in the order of the labels given.
#[derive(Debug)]
pub(super) struct Dense {
    pub(super) labels: Vec<u32>,
    /// How many clusters have rows.
    pub(super) k: usize,
    /// How many rows each of them has.
    pub(super) counts: Vec<usize>,
}

impl Dense {
    pub(super) fn new(labels: &[u32]) -> Self {
        let mut distinct = labels.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let number = |label: &u32| distinct.partition_point(|other| other < label) as u32;
        let labels: Vec<u32> = labels.iter().map(number).collect();
        let mut counts = vec![0; distinct.len()];
        labels.iter().for_each(|label| counts[*label as usize] += 1);
        Self { labels, k: distinct.len(), counts }
    }
}
