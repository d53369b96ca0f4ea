//! Brings columns to a common scale, so that none drowns the others in a distance or a penalty.
//!
//! Each column is treated on its own, in this order: winsorised (values beyond two quantiles take
//! the quantile), logged (ln(1 + x)), centred and divided. What was fitted is plain numbers, to be
//! kept beside the model that was trained on the scaled columns. [`choose`] proposes a treatment
//! from the shape of a column. Nothing here drops a row or fills in a missing value.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// What is subtracted from a column, and what it is divided by.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Scaling {
    /// The mean, and the standard deviation (of all rows, not n − 1).
    #[default]
    Standard,
    /// The smallest value, and the range: what was fitted on lies in 0 to 1.
    MinMax,
    /// The median, and the distance of the quartiles.
    Robust,
    /// Nothing.
    None,
}

impl Scaling {
    /// All scalings, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Standard, Self::MinMax, Self::Robust, Self::None];

    /// Returns the name, as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::MinMax => "minmax",
            Self::Robust => "robust",
            Self::None => "none",
        }
    }

    /// Returns the scaling of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scaling| scaling.name() == name)
    }
}

/// How one column is treated.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Column {
    /// How it is centred and divided, last. Default standard.
    pub scaling: Scaling,
    /// Whether ln(1 + x) is taken, for columns without negative values. Default no.
    pub log: bool,
    /// The two quantiles (0 to 1, the smaller first) beyond which values are cut, first of all.
    /// Default none.
    pub winsorise: Option<(f64, f64)>,
}

/// How one column is treated, with the numbers that were fitted.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FittedColumn {
    /// What was asked for.
    pub column: Column,
    /// The smallest and the largest value that are not cut.
    pub limits: Option<(f64, f64)>,
    /// What is subtracted, after cutting and logging.
    pub center: f64,
    /// What is divided by: never 0.
    pub scale: f64,
}

/// Fitted treatment of all columns of a table.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scaler {
    /// One for each column, in order.
    pub columns: Vec<FittedColumn>,
}

/// Returns the scaler of a table, with one treatment a column.
///
/// A column that is constant, after cutting and logging, becomes 0. One whose quartiles are equal
/// while it is not constant is centred, but not divided, by `robust`.
///
/// # Errors
/// [`Error::Length`] when there is not one treatment a column, [`Error::TooLittle`] without rows,
/// [`Error::NotFinite`], and [`Error::Parameter`] for quantiles that are not in order within 0 to
/// 1, or a logarithm of a column with negative values.
pub fn fit(points: &Matrix, columns: &[Column]) -> Result<Scaler> {
    if columns.len() != points.columns() {
        return Err(Error::Length {
            what: "column treatments",
            expected: points.columns(),
            got: columns.len(),
        });
    }
    if points.rows() == 0 {
        return Err(Error::TooLittle("scaling needs at least one row".to_owned()));
    }
    points.check_finite("value to scale")?;
    let fitted: Vec<Result<FittedColumn>> = columns
        .par_iter()
        .enumerate()
        .map(|(place, column)| fit_column(points.column(place), *column))
        .collect();
    Ok(Scaler { columns: fitted.into_iter().collect::<Result<_>>()? })
}

impl Scaler {
    /// Returns the table scaled, of the same shape. Values of a logged column that are negative,
    /// which no fitted column had, count as 0.
    ///
    /// # Errors
    /// [`Error::Length`] when the table has other columns than the one that was fitted.
    pub fn apply(&self, mut points: Matrix) -> Result<Matrix> {
        self.check(points.columns())?;
        if points.columns() > 0 {
            let columns = points.columns();
            let rows = points.values_mut().par_chunks_mut(columns).with_min_len(ROWS_AT_ONCE);
            rows.for_each(|row| self.apply_checked(row));
        }
        Ok(points)
    }

    /// Scales one row, as [`Self::apply`].
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_row(&self, row: &mut [f64]) -> Result<()> {
        self.check(row.len())?;
        self.apply_checked(row);
        Ok(())
    }

    fn check(&self, columns: usize) -> Result<()> {
        if columns == self.columns.len() {
            return Ok(());
        }
        let (what, expected) = ("columns to scale", self.columns.len());
        Err(Error::Length { what, expected, got: columns })
    }

    fn apply_checked(&self, row: &mut [f64]) {
        for (value, column) in row.iter_mut().zip(&self.columns) {
            *value = column.apply(*value);
        }
    }
}

/// Rows below which another thread does not pay.
const ROWS_AT_ONCE: usize = 1_024;

impl FittedColumn {
    /// Returns one value scaled.
    #[must_use]
    pub fn apply(&self, value: f64) -> f64 {
        (shaped(value, self.column.log, self.limits) - self.center) / self.scale
    }

    /// Returns the value that is scaled to `value`, as far as nothing was cut: a centre can be
    /// shown in the units of its column.
    #[must_use]
    pub fn invert(&self, value: f64) -> f64 {
        let shaped = value * self.scale + self.center;
        if self.column.log { shaped.exp_m1() } else { shaped }
    }
}

/// Cuts and logs a value.
fn shaped(value: f64, log: bool, limits: Option<(f64, f64)>) -> f64 {
    let cut = limits.map_or(value, |(low, high)| value.clamp(low, high));
    if log { cut.max(0.0).ln_1p() } else { cut }
}

fn fit_column(mut values: Vec<f64>, column: Column) -> Result<FittedColumn> {
    let limits = match column.winsorise {
        None => None,
        Some((low, high)) => {
            if !(0.0 <= low && low <= high && high <= 1.0) {
                let value = format!("{low}, {high}");
                return Err(Error::parameter(
                    "winsorise",
                    "two quantiles, 0 ≤ low ≤ high ≤ 1",
                    value,
                ));
            }
            values.sort_unstable_by(f64::total_cmp);
            Some((quantile_of_sorted(&values, low), quantile_of_sorted(&values, high)))
        }
    };
    if column.log
        && let Some(negative) = values.iter().find(|value| **value < 0.0)
    {
        return Err(Error::parameter("log", "of a column without negative values", negative));
    }
    for value in &mut values {
        *value = shaped(*value, column.log, limits);
    }
    let (center, scale) = center_and_scale(&mut values, column.scaling);
    Ok(FittedColumn { column, limits, center, scale })
}

fn center_and_scale(values: &mut [f64], scaling: Scaling) -> (f64, f64) {
    if scaling == Scaling::None {
        return (0.0, 1.0);
    }
    let (low, high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
    if low == high {
        // The very value, not a mean of many that rounding has moved.
        return (low, 1.0);
    }
    let (center, scale) = match scaling {
        Scaling::Standard => mean_and_deviation(values),
        Scaling::MinMax => (low, high - low),
        Scaling::Robust => {
            values.sort_unstable_by(f64::total_cmp);
            let quartile = |share| quantile_of_sorted(values, share);
            (quartile(0.5), quartile(0.75) - quartile(0.25))
        }
        Scaling::None => (0.0, 1.0),
    };
    (center, if scale > 0.0 { scale } else { 1.0 })
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = mean_of(values, |value| value);
    // The mean of deviations is not quite 0 after rounding; taking its square away corrects for it.
    let off = mean_of(values, |value| value - mean);
    let variance = mean_of(values, |value| (value - mean).powi(2)) - off.powi(2);
    (mean, variance.max(0.0).sqrt())
}

fn mean_of(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    values.iter().map(|value| of(*value)).sum::<f64>() / values.len() as f64
}

/// Returns a quantile of sorted values, between two of them in proportion, as numpy does by
/// default: the quantile 0.5 of 1, 2, 3, 10 is 2.5, the quantile 0.25 is 1.75.
///
/// `share` is 0 to 1; of no values the quantile is NaN.
#[must_use]
pub fn quantile_of_sorted(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = (place as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let rest = place - below as f64;
    // From the nearer end, so that the ends are met exactly.
    if rest < 0.5 { low + (high - low) * rest } else { high - (high - low) * (1.0 - rest) }
}

/// Skewness beyond which a column counts as highly skewed (M. G. Bulmer, *Principles of
/// Statistics*, 1979); an exponential column has 2.
const SKEWED: f64 = 1.0;

/// Excess kurtosis beyond which tails count as heavy: that of the Laplace distribution. A normal
/// column has 0.
const HEAVY_TAILS: f64 = 3.0;

/// The quantiles at which heavy tails are cut: one row in a hundred.
const TAILS: (f64, f64) = (0.005, 0.995);

/// Returns a treatment for a column of finite values, by this rule:
///
/// 1. A column of at most two distinct values is only standardised.
/// 2. If no value is negative and the skewness is above 1, the logarithm is taken, provided that it
///    makes the skewness smaller.
/// 3. If the excess kurtosis is then above 3, the column is winsorised at 0.5 % and 99.5 %,
///    provided
///    that this does not make it constant.
/// 4. It is standardised.
///
/// Skewness is m₃ / m₂^1.5 and excess kurtosis m₄ / m₂² − 3, with mᵢ the central moments.
#[must_use]
pub fn choose(values: &[f64]) -> Column {
    let plain = Column::default();
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.chunk_by(|left, right| left == right).take(3).count() < 3 {
        return plain;
    }
    let shape = Shape::of(&sorted);
    let mut column = plain;
    let mut tails = shape.kurtosis;
    if sorted[0] >= 0.0 && shape.skewness > SKEWED {
        let logged: Vec<f64> = sorted.iter().map(|value| value.ln_1p()).collect();
        let logged = Shape::of(&logged);
        if logged.skewness.abs() < shape.skewness {
            column.log = true;
            tails = logged.kurtosis;
        }
    }
    let cut = |share| quantile_of_sorted(&sorted, share);
    if tails > HEAVY_TAILS && cut(TAILS.0) < cut(TAILS.1) {
        column.winsorise = Some(TAILS);
    }
    column
}

struct Shape {
    skewness: f64,
    /// Excess over the normal distribution's.
    kurtosis: f64,
}

impl Shape {
    fn of(values: &[f64]) -> Self {
        let (mean, deviation) = mean_and_deviation(values);
        let power = |power: i32| mean_of(values, |value| ((value - mean) / deviation).powi(power));
        Self { skewness: power(3), kurtosis: power(4) - 3.0 }
    }
}

#[cfg(test)]
mod tests;
