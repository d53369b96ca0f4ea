//! The distances in which clusters are sought, and the centre that belongs to each.
//!
//! A metric decides three things at once: how far apart two rows are, which point stands for a
//! group of rows, and what [`inertia`](super::Clustering::inertia) adds up. Pairs of rows are
//! measured here; the kernels that measure millions of pairs are private to this module's parent.

use super::kernel::{self, Level};

/// How far apart two rows are.
///
/// | metric | distance of x and y | centre of a group | inertia |
/// |---|---|---|---|
/// | `euclidean` | √Σ(xᵢ − yᵢ)² | mean | Σ distance² |
/// | `manhattan` | Σ\|xᵢ − yᵢ\| | median of each coordinate | Σ distance |
/// | `chebyshev` | max\|xᵢ − yᵢ\| | mid-range of each coordinate | Σ distance |
/// | `cosine` | 1 − x·y / (\|x\| \|y\|) | mean of the unit rows, at unit length | Σ distance |
///
/// The mean minimises the sum of squared Euclidean distances, the median the sum of Manhattan
/// distances and the normalised mean the sum of cosine distances, so Lloyd's iterations never
/// raise those. The mid-range minimises the *largest* Chebyshev distance of a group: iterations
/// never raise the largest distance of all, while their sum may rise.
///
/// A row of zeros has no direction: its cosine distance to every row, itself included, is 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The straight line.
    #[default]
    Euclidean,
    /// The sum of the differences.
    Manhattan,
    /// The largest difference.
    Chebyshev,
    /// One minus the cosine of the angle.
    Cosine,
}

impl Metric {
    /// All metrics, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Euclidean, Self::Manhattan, Self::Chebyshev, Self::Cosine];

    /// Returns the name, as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Euclidean => "euclidean",
            Self::Manhattan => "manhattan",
            Self::Chebyshev => "chebyshev",
            Self::Cosine => "cosine",
        }
    }

    /// Returns the metric of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Returns the distance of two rows of equal length, from 0.
    ///
    /// Euclidean, of (0, 0) and (3, 4): 5; Manhattan: 7; Chebyshev: 4.
    ///
    /// # Panics
    /// When the rows differ in length.
    #[must_use]
    pub fn distance(self, left: &[f64], right: &[f64]) -> f64 {
        assert_eq!(left.len(), right.len(), "both rows have the same columns");
        if self == Self::Cosine {
            let (mut left, mut right) = (left.to_vec(), right.to_vec());
            normalise(&mut left);
            normalise(&mut right);
            return kernel::pair(Level::detect(), self, &left, &right).max(0.0);
        }
        self.of_term(kernel::pair(Level::detect(), self, left, right))
    }

    /// Returns the distance for what the kernels add up: a root for Euclidean, nothing to do else.
    pub(super) fn of_term(self, term: f64) -> f64 {
        match self {
            Self::Euclidean => term.sqrt(),
            Self::Manhattan | Self::Chebyshev => term,
            Self::Cosine => term.max(0.0),
        }
    }
}

/// Brings a row to unit length; a row of zeros stays.
pub(super) fn normalise(row: &mut [f64]) {
    // Dividing by the largest value first keeps the squares of very large and small values finite.
    let largest = row.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return;
    }
    let length = row.iter().map(|value| (value / largest).powi(2)).sum::<f64>().sqrt();
    for value in row {
        *value = *value / largest / length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        let (x, y) = ([1.0, 2.0, -2.0], [4.0, -2.0, -2.0]);
        assert_eq!(Metric::Euclidean.distance(&x, &y), 5.0);
        assert_eq!(Metric::Manhattan.distance(&x, &y), 7.0);
        assert_eq!(Metric::Chebyshev.distance(&x, &y), 4.0);
        // x·y = 4 − 4 + 4 = 4, lengths 3 and √24.
        let cosine = Metric::Cosine.distance(&x, &y);
        assert!((cosine - (1.0 - 4.0 / (3.0 * 24_f64.sqrt()))).abs() < 1e-15);
        assert_eq!(Metric::Cosine.distance(&[0.0, 0.0], &[1.0, 2.0]), 1.0);
    }

    #[test]
    fn names_lead_back_to_their_metrics() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_name(metric.name()), Some(metric));
        }
        assert_eq!(Metric::from_name("hamming"), None);
    }

    #[test]
    fn rows_of_any_size_are_normalised() {
        for scale in [1e-200, 1.0, 1e200] {
            let mut row = [3.0 * scale, -4.0 * scale];
            normalise(&mut row);
            assert!((row[0] - 0.6).abs() < 1e-15 && (row[1] + 0.8).abs() < 1e-15);
        }
    }
}
