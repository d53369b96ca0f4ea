//! How alike two sparse rows are: the measures and their corrections for little evidence.

use crate::error::{Error, Result};

/// A measure of similarity between two rows `a` and `b` over columns `c`.
///
/// A missing entry is unknown (left out) for Pearson and the adjusted cosine, zero for the others.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Similarity {
    /// `Σ a_c b_c / (‖a‖ ‖b‖)`.
    Cosine,
    /// `Σ a_c b_c / (‖a‖^2α ‖b‖^2(1−α))`, `a` being the row that asks (Aiolli 2013, "Efficient
    /// top-N recommendation for very large scale binary rated datasets", section 3.2): with α below
    /// ½ long rows are answers less often. ½ is the cosine; not limited to 1 elsewhere.
    Asymmetric {
        /// α, 0 to 1.
        alpha: f32,
    },
    /// Columns both rows have among the columns either has; weights do not count.
    Jaccard,
    /// Cosine of the rows weighted by `√a_c · idf_c`,
    /// `idf_c = ln(rows / (1 + entries of column c))`: columns that hold almost every row say
    /// little (the weighting of implicit 0.7, `tfidf_weight`).
    TfIdf,
    /// Product of the rows weighted by
    /// `a_c (k1 + 1) / (k1 (1 − b + b · sum(a) / mean sum) + a_c) · idf_c`, idf as above
    /// (Robertson and Zaragoza 2009, eq. 3.15, with implicit's idf). Not limited to 1.
    Bm25 {
        /// How late repeated evidence saturates, > 0.
        k1: f32,
        /// How much long rows are held back, 0 to 1.
        b: f32,
    },
    /// Pearson's correlation over the columns both rows have, with means over these columns
    /// (Resnick 1994). Needs at least two common columns.
    Pearson,
    /// Cosine over the columns both rows have, of entries minus their column's mean
    /// (Sarwar 2001, section 3.1.3: rows are items, columns users).
    AdjustedCosine,
}

impl Similarity {
    /// Returns whether only the columns both rows have enter the measure.
    pub(crate) fn is_partial(self) -> bool {
        matches!(self, Self::Pearson | Self::AdjustedCosine)
    }

    /// Returns the factor of an entry that depends on its weight and its row, which has `length`
    /// times the mean sum of a row.
    pub(crate) fn term_weight(self, weight: f64, length: f64) -> f64 {
        match self {
            Self::TfIdf => weight.max(0.0).sqrt(),
            Self::Jaccard => 1.0,
            Self::Bm25 { k1, b } => {
                let (k1, b) = (f64::from(k1), f64::from(b));
                weight * (k1 + 1.0) / (k1 * (1.0 - b + b * length) + weight)
            }
            _ => weight,
        }
    }
}

/// What neighbours are: the measure, its corrections and how many are kept.
///
/// The similarity `s` over `n` common columns becomes
/// `s · n / (n + shrinkage) · min(n, significance) / significance`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// The measure.
    pub similarity: Similarity,
    /// How many neighbours a row keeps, ≥ 1.
    pub neighbours: usize,
    /// Common columns at which the similarity counts half (Koren 2008, section 2.2); 0 for none.
    pub shrinkage: f32,
    /// Common columns below which the similarity counts less (Herlocker 1999, section 5.2.2: 50);
    /// 0 for none.
    pub significance: f32,
    /// Rows less similar than this are no neighbours, −1 to 1; similarity 0 never is one.
    pub minimum: f32,
}

impl Settings {
    /// Returns plain settings: no correction, positive similarities only.
    #[must_use]
    pub fn new(similarity: Similarity, neighbours: usize) -> Self {
        Self { similarity, neighbours, shrinkage: 0.0, significance: 0.0, minimum: 0.0 }
    }

    /// Checks every value's range.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the first value outside its range.
    pub fn check(&self) -> Result<()> {
        if self.neighbours == 0 {
            return Err(Error::parameter("neighbours", "≥ 1", self.neighbours));
        }
        let not_negative = [("shrinkage", self.shrinkage), ("significance", self.significance)];
        for (name, value) in not_negative {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::parameter(name, "≥ 0", value));
            }
        }
        if !(-1.0..=1.0).contains(&self.minimum) {
            return Err(Error::parameter("minimum_similarity", "between -1 and 1", self.minimum));
        }
        match self.similarity {
            Similarity::Bm25 { k1, .. } if !(k1.is_finite() && k1 > 0.0) => {
                Err(Error::parameter("k1", "> 0", k1))
            }
            Similarity::Asymmetric { alpha } if !(0.0..=1.0).contains(&alpha) => {
                Err(Error::parameter("asymmetry", "between 0 and 1", alpha))
            }
            Similarity::Bm25 { b, .. } if !(0.0..=1.0).contains(&b) => {
                Err(Error::parameter("b", "between 0 and 1", b))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether corrections need the number of common columns.
    pub(crate) fn counts_common(&self) -> bool {
        self.shrinkage > 0.0 || self.significance > 0.0
    }

    /// Returns the similarity corrected for `common` columns.
    pub(crate) fn corrected(&self, similarity: f64, common: f64) -> f64 {
        let mut corrected = similarity;
        if self.shrinkage > 0.0 {
            corrected *= common / (common + f64::from(self.shrinkage));
        }
        if self.significance > 0.0 {
            let enough = f64::from(self.significance);
            corrected *= common.min(enough) / enough;
        }
        corrected
    }
}

/// What is summed over the common columns of two rows, and how it becomes a similarity.
pub(crate) trait Cell: Copy + Default {
    /// Adds one common column with entries `x` and `y`.
    fn add(&mut self, x: f64, y: f64);
    /// Returns the similarity; `scale` is the product of both rows' scales.
    fn similarity(&self, scale: f64, settings: &Settings) -> f64;
    /// Returns the sum of products.
    fn product(&self) -> f64;
    /// Returns whether no column was added.
    fn is_empty(&self) -> bool;
}

/// Only the product: the fastest, for measures that treat a missing entry as zero.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Product(f64);

impl Cell for Product {
    #[inline]
    fn add(&mut self, x: f64, y: f64) {
        self.0 += x * y;
    }

    #[inline]
    fn similarity(&self, scale: f64, _: &Settings) -> f64 {
        self.0 * scale
    }

    #[inline]
    fn product(&self) -> f64 {
        self.0
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.0 == 0.0
    }
}

/// The product and the number of common columns, for corrections.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CountedProduct {
    product: f64,
    common: f64,
}

impl Cell for CountedProduct {
    #[inline]
    fn add(&mut self, x: f64, y: f64) {
        self.product += x * y;
        self.common += 1.0;
    }

    #[inline]
    fn similarity(&self, scale: f64, settings: &Settings) -> f64 {
        settings.corrected(self.product * scale, self.common)
    }

    #[inline]
    fn product(&self) -> f64 {
        self.product
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.common == 0.0
    }
}

/// Only the number of common columns, for measures to which all columns and entries are alike: a
/// quarter of the memory, so that more rows stay in the nearest cache.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Common(u32);

impl Common {
    /// Returns so many common columns.
    pub(crate) fn of(count: u32) -> Self {
        Self(count)
    }
}

impl Cell for Common {
    #[inline]
    fn add(&mut self, _: f64, _: f64) {
        self.0 += 1;
    }

    #[inline]
    fn similarity(&self, scale: f64, settings: &Settings) -> f64 {
        settings.corrected(self.product() * scale, self.product())
    }

    #[inline]
    fn product(&self) -> f64 {
        f64::from(self.0)
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

/// All moments over the common columns, for measures that leave missing entries out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    common: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Cell for Moments {
    #[inline]
    fn add(&mut self, x: f64, y: f64) {
        self.common += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.yy += y * y;
        self.xy += x * y;
    }

    fn similarity(&self, _: f64, settings: &Settings) -> f64 {
        let (covariance, x_spread, y_spread) = match settings.similarity {
            Similarity::Pearson => (
                self.xy - self.x * self.y / self.common,
                self.xx - self.x * self.x / self.common,
                self.yy - self.y * self.y / self.common,
            ),
            _ => (self.xy, self.xx, self.yy),
        };
        // Rounding leaves a trace of the sums of squares where all entries are equal.
        let trace = 1e-10;
        if x_spread <= trace * self.xx || y_spread <= trace * self.yy {
            return 0.0;
        }
        let similarity = covariance / (x_spread * y_spread).sqrt();
        settings.corrected(similarity.clamp(-1.0, 1.0), self.common)
    }

    fn product(&self) -> f64 {
        self.xy
    }

    fn is_empty(&self) -> bool {
        self.common == 0.0
    }
}
