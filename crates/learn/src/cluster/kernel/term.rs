//! What one coordinate adds to a distance, for each metric.

use super::lanes::Lanes;

/// The sum that a kernel makes of the coordinates of two rows.
pub(in crate::cluster) trait Term {
    /// The sum before the first coordinate.
    const START: f64;
    /// Adds the coordinate `x`, `y`.
    fn add<L: Lanes>(sum: L, x: L, y: L) -> L;
    /// Adds the coordinate `x`, `y`, one number at a time.
    fn add_one(sum: f64, x: f64, y: f64) -> f64;
    /// Joins the sums of two halves of the coordinates, one of them begun at 0.
    #[inline(always)]
    fn join(left: f64, right: f64) -> f64 {
        left + right
    }
    /// Returns the distance for a full sum, as `Metric::of_term`.
    #[inline(always)]
    fn distance<L: Lanes>(sum: L) -> L {
        sum
    }
}

/// (x − y)², for Euclidean distances.
pub(in crate::cluster) struct Square;
/// |x − y|, for Manhattan distances.
pub(in crate::cluster) struct Absolute;
/// |x − y| when it is the largest so far, for Chebyshev distances.
pub(in crate::cluster) struct Largest;
/// −xy, from 1: the cosine distance of rows of unit length.
pub(in crate::cluster) struct Product;

impl Term for Square {
    const START: f64 = 0.0;

    #[inline(always)]
    fn add<L: Lanes>(sum: L, x: L, y: L) -> L {
        let difference = x.minus(y);
        difference.times_plus(difference, sum)
    }

    #[inline(always)]
    fn add_one(sum: f64, x: f64, y: f64) -> f64 {
        sum + (x - y) * (x - y)
    }

    #[inline(always)]
    fn distance<L: Lanes>(sum: L) -> L {
        sum.root()
    }
}

impl Term for Absolute {
    const START: f64 = 0.0;

    #[inline(always)]
    fn add<L: Lanes>(sum: L, x: L, y: L) -> L {
        sum.plus(x.minus(y).magnitude())
    }

    #[inline(always)]
    fn add_one(sum: f64, x: f64, y: f64) -> f64 {
        sum + (x - y).abs()
    }
}

impl Term for Largest {
    const START: f64 = 0.0;

    #[inline(always)]
    fn add<L: Lanes>(sum: L, x: L, y: L) -> L {
        x.minus(y).magnitude().larger(sum)
    }

    #[inline(always)]
    fn add_one(sum: f64, x: f64, y: f64) -> f64 {
        Self::join((x - y).abs(), sum)
    }

    #[inline(always)]
    fn join(left: f64, right: f64) -> f64 {
        if left > right { left } else { right }
    }
}

impl Term for Product {
    const START: f64 = 1.0;

    #[inline(always)]
    fn add<L: Lanes>(sum: L, x: L, y: L) -> L {
        x.times_from(y, sum)
    }

    #[inline(always)]
    fn add_one(sum: f64, x: f64, y: f64) -> f64 {
        sum - x * y
    }

    #[inline(always)]
    fn distance<L: Lanes>(sum: L) -> L {
        sum.larger(L::splat(0.0))
    }
}

/// Calls a generic function with a register type and the [`Term`] of a metric in front of its
/// other type arguments.
macro_rules! with_term {
    ($metric:expr, $function:ident::<$lanes:ident $(, $more:ident)*>($($value:expr),* $(,)?)) => {{
        use $crate::cluster::distance::Metric;
        use $crate::cluster::kernel::term::{Absolute, Largest, Product, Square};
        match $metric {
            Metric::Euclidean => $function::<$lanes, Square $(, $more)*>($($value),*),
            Metric::Manhattan => $function::<$lanes, Absolute $(, $more)*>($($value),*),
            Metric::Chebyshev => $function::<$lanes, Largest $(, $more)*>($($value),*),
            Metric::Cosine => $function::<$lanes, Product $(, $more)*>($($value),*),
        }
    }};
}
pub(in crate::cluster) use with_term;
