//! How far two labelings of the same rows agree, whatever their clusters are called.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Returns the adjusted Rand index: the share of pairs of rows on which both labelings agree, less
/// what chance gives, from −0.5 to 1; 0 is chance, 1 is equal. L. Hubert and P. Arabie, *Comparing
/// partitions*, 1985.
///
/// With a pair counted when both rows share a cluster, S in both labelings, A in the left, B in the
/// right, of N: (S − A·B/N) / ((A + B)/2 − A·B/N). Labels 0, 0, 1, 1 against 0, 0, 1, 2: S = 1,
/// A = 2, B = 1, N = 6: index 4⁄7. Two labelings that are both all one cluster, or both all single
/// rows, are equal: 1.
///
/// # Errors
/// [`Error::Length`] when the labelings differ in length.
pub fn adjusted_rand_index(left: &[u32], right: &[u32]) -> Result<f64> {
    let table = Table::new(left, right)?;
    let together = pairs(table.cells.values());
    let (of_left, of_right) = (pairs(table.left.values()), pairs(table.right.values()));
    let expected = of_left * of_right / pairs([&left.len()]).max(1.0);
    let most = f64::midpoint(of_left, of_right);
    Ok(if most == expected { 1.0 } else { (together - expected) / (most - expected) })
}

/// Returns the number of pairs within groups of these sizes.
fn pairs<'a>(sizes: impl IntoIterator<Item = &'a usize>) -> f64 {
    let pairs = |size: &usize| *size as u128 * (*size as u128).saturating_sub(1) / 2;
    sizes.into_iter().map(pairs).sum::<u128>() as f64
}

/// Returns the normalised mutual information, 0 to 1: what one labeling tells about the other, over
/// the mean of what both tell, as in scikit-learn. Two labelings of one cluster each are equal: 1.
///
/// I = Σ p(i, j) ln(p(i, j) / p(i) p(j)), H = −Σ p ln p, index 2I / (H₁ + H₂). Labels 0, 0, 1, 1
/// against 0, 0, 1, 2: I = ln 2, H = ln 2 and 1.5 ln 2: index 0.8.
///
/// # Errors
/// [`Error::Length`] when the labelings differ in length.
pub fn normalised_mutual_information(left: &[u32], right: &[u32]) -> Result<f64> {
    let table = Table::new(left, right)?;
    if table.left.len() <= 1 && table.right.len() <= 1 {
        return Ok(1.0);
    }
    let rows = left.len() as f64;
    let mut information = 0.0;
    for ((in_left, in_right), count) in &table.cells {
        let (of_left, of_right) = (table.left[in_left] as f64, table.right[in_right] as f64);
        let count = *count as f64;
        information += count / rows * (count * rows / (of_left * of_right)).ln();
    }
    let entropy = f64::midpoint(entropy(&table.left, rows), entropy(&table.right, rows));
    Ok((information / entropy).clamp(0.0, 1.0))
}

fn entropy(sizes: &BTreeMap<u32, usize>, rows: f64) -> f64 {
    sizes.values().map(|size| *size as f64 / rows).map(|share| -share * share.ln()).sum()
}

/// How many rows each cluster, and each pair of clusters, has.
struct Table {
    cells: BTreeMap<(u32, u32), usize>,
    left: BTreeMap<u32, usize>,
    right: BTreeMap<u32, usize>,
}

impl Table {
    fn new(left: &[u32], right: &[u32]) -> Result<Self> {
        if left.len() != right.len() {
            let (expected, got) = (left.len(), right.len());
            return Err(Error::Length { what: "labels to compare", expected, got });
        }
        let mut table =
            Self { cells: BTreeMap::new(), left: BTreeMap::new(), right: BTreeMap::new() };
        for (left, right) in left.iter().zip(right) {
            *table.cells.entry((*left, *right)).or_default() += 1;
            *table.left.entry(*left).or_default() += 1;
            *table.right.entry(*right).or_default() += 1;
        }
        Ok(table)
    }
}
