//! What the network does number by number: layer norm, dropout, sums of columns, softmax.
//!
//! Plain loops, compiled once for each level so that the compiler fills the registers; sums run in
//! [`WIDE`] lanes, in an order that depends on the shape alone. Rows are a multiple of that long.

use crate::linear_algebra::lanes::{Job, Lanes};

/// Lanes of a sum, and what the width of every row is a multiple of.
const WIDE: usize = 16;

/// Added to variances, so that equal numbers do not divide by zero.
const EPSILON: f32 = 1e-6;

/// What stands for minus infinity: its exponential is nothing beside any other's.
pub(super) const NOTHING: f32 = -1e30;

/// Which numbers are dropped: the same for the same key, however the work is spread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropout {
    key: u32,
    /// A number is kept when 31 random bits are at least this.
    least: i32,
    /// What is kept is multiplied by this.
    scale: f32,
}

impl Dropout {
    /// Drops nothing.
    pub(super) const NONE: Self = Self { key: 0, least: 0, scale: 1.0 };

    /// Drops the share `rate`, below 1.
    pub(super) fn new(rate: f32, key: u32) -> Self {
        let least = (f64::from(rate) * f64::from(1_u32 << 31)) as i32;
        Self { key, least, scale: 1.0 / (1.0 - rate) }
    }

    /// Drops other numbers, at another place of the network.
    pub(super) fn at(self, place: usize) -> Self {
        Self { key: mixed(self.key ^ (place as u32).wrapping_mul(0x9e37_79b9)), ..self }
    }

    /// Returns what a value that was kept is multiplied by.
    pub(super) fn scale(self) -> f32 {
        self.scale
    }

    #[inline(always)]
    fn factor(self, at: u32) -> f32 {
        let bits = mixed(at.wrapping_mul(0x9e37_79b9) ^ self.key);
        if (bits >> 1) as i32 >= self.least { self.scale } else { 0.0 }
    }
}

/// A hash of 32 bits (Wellons, "lowbias32").
#[inline(always)]
pub(super) fn mixed(mut bits: u32) -> u32 {
    bits ^= bits >> 16;
    bits = bits.wrapping_mul(0x7feb_352d);
    bits ^= bits >> 15;
    bits = bits.wrapping_mul(0x846c_a68b);
    bits ^ (bits >> 16)
}

#[inline(always)]
fn halved(mut lanes: [f32; WIDE]) -> f32 {
    let mut half = WIDE / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0; WIDE];
    for values in values.as_chunks::<WIDE>().0 {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += value;
        }
    }
    halved(lanes)
}

/// Returns the inner product of two rows.
#[inline(always)]
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0; WIDE];
    for (left, right) in left.as_chunks::<WIDE>().0.iter().zip(right.as_chunks::<WIDE>().0) {
        for ((lane, left), right) in lanes.iter_mut().zip(left).zip(right) {
            *lane += left * right;
        }
    }
    halved(lanes)
}

/// Layer norm (Ba et al. 2016): `normal = (x − mean) / √(variance + ε)`, `into = gain · normal +
/// shift`, row by row.
pub(super) struct Normalize<'a> {
    pub(super) x: &'a [f32],
    pub(super) gain: &'a [f32],
    pub(super) shift: &'a [f32],
    /// Out: what the way back needs.
    pub(super) normal: &'a mut [f32],
    /// Out: `1 / √(variance + ε)` of each row.
    pub(super) inverse: &'a mut [f32],
    pub(super) into: &'a mut [f32],
}

impl Job<f32> for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        let width = self.gain.len();
        let rows = self.x.chunks_exact(width).zip(self.normal.chunks_exact_mut(width));
        let outputs = self.into.chunks_exact_mut(width).zip(self.inverse);
        for ((x, normal), (into, inverse)) in rows.zip(outputs) {
            let mean = sum(x) / width as f32;
            for (normal, x) in normal.iter_mut().zip(x) {
                *normal = x - mean;
            }
            let variance = dot(normal, normal) / width as f32;
            *inverse = 1.0 / (variance + EPSILON).sqrt();
            for (at, normal) in normal.iter_mut().enumerate() {
                *normal *= *inverse;
                into[at] = *normal * self.gain[at] + self.shift[at];
            }
        }
    }
}

/// The way back through [`Normalize`]: adds to the gradients of `x`, gain and shift.
pub(super) struct NormalizeBack<'a> {
    /// The gradient of `into`; overwritten.
    pub(super) given: &'a mut [f32],
    pub(super) normal: &'a [f32],
    pub(super) inverse: &'a [f32],
    pub(super) gain: &'a [f32],
    pub(super) gain_gradient: &'a mut [f32],
    pub(super) shift_gradient: &'a mut [f32],
    pub(super) x_gradient: &'a mut [f32],
}

impl Job<f32> for NormalizeBack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        let width = self.gain.len();
        let (gains, shifts) = (&mut self.gain_gradient[..width], &mut self.shift_gradient[..width]);
        let rows = self.given.chunks_exact_mut(width).zip(self.normal.chunks_exact(width));
        let outputs = self.x_gradient.chunks_exact_mut(width).zip(self.inverse);
        for ((given, normal), (into, inverse)) in rows.zip(outputs) {
            for (at, given) in given.iter_mut().enumerate() {
                gains[at] += *given * normal[at];
                shifts[at] += *given;
                *given *= self.gain[at];
            }
            let mean = sum(given) / width as f32;
            let along = dot(given, normal) / width as f32;
            for (at, into) in into.iter_mut().enumerate() {
                *into += inverse * (given[at] - mean - normal[at] * along);
            }
        }
    }
}

/// Multiplies values by a scale and drops some.
pub(super) struct Drop<'a> {
    pub(super) dropout: Dropout,
    pub(super) values: &'a mut [f32],
}

impl Job<f32> for Drop<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        for (at, value) in self.values.iter_mut().enumerate() {
            *value *= self.dropout.factor(at as u32);
        }
    }
}

/// Adds values, some dropped, to others.
pub(super) struct DropAdd<'a> {
    pub(super) dropout: Dropout,
    pub(super) from: &'a [f32],
    pub(super) into: &'a mut [f32],
}

impl Job<f32> for DropAdd<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        for (at, (into, from)) in self.into.iter_mut().zip(self.from).enumerate() {
            *into += from * self.dropout.factor(at as u32);
        }
    }
}

/// Replaces negative values by 0 and drops some of the others.
pub(super) struct Rectify<'a> {
    pub(super) dropout: Dropout,
    pub(super) values: &'a mut [f32],
}

impl Job<f32> for Rectify<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        for (at, value) in self.values.iter_mut().enumerate() {
            let kept = if *value > 0.0 { *value } else { 0.0 };
            *value = kept * self.dropout.factor(at as u32);
        }
    }
}

/// The way back through [`Rectify`].
pub(super) struct RectifyBack<'a> {
    pub(super) scale: f32,
    /// What [`Rectify`] made.
    pub(super) values: &'a [f32],
    pub(super) gradient: &'a mut [f32],
}

impl Job<f32> for RectifyBack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        for (gradient, value) in self.gradient.iter_mut().zip(self.values) {
            *gradient = if *value > 0.0 { *gradient * self.scale } else { 0.0 };
        }
    }
}

/// Adds up the columns of rows.
pub(super) struct AddRows<'a> {
    pub(super) rows: &'a [f32],
    pub(super) into: &'a mut [f32],
}

impl Job<f32> for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        for row in self.rows.chunks_exact(self.into.len()) {
            for (into, value) in self.into.iter_mut().zip(row) {
                *into += value;
            }
        }
    }
}

/// Returns `eˣ` to six digits, 0 < result, for x ≤ 88 (Cephes, `expf`): without a branch, so that
/// a loop over it fills registers.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    /// Adding it leaves the nearest whole number in the last bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = x - whole * 0.693_359_4 + whole * 2.121_944_4e-4;
    let mut power = 1.987_569_1e-4;
    for factor in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        power = power * rest + factor;
    }
    let two = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    (power * rest * rest + rest + 1.0) * two
}

/// Replaces scores by `exp(score · scale − largest)`; returns the largest of `score · scale` and
/// the sum.
#[inline(always)]
pub(super) fn exponentials(scores: &mut [f32], scale: f32) -> [f32; 2] {
    let mut lanes = [NOTHING; WIDE];
    for scores in scores.as_chunks::<WIDE>().0 {
        for (lane, score) in lanes.iter_mut().zip(scores) {
            *lane = if *score > *lane { *score } else { *lane };
        }
    }
    let largest = lanes.into_iter().fold(NOTHING, f32::max) * scale;
    let mut sums = [0.0; WIDE];
    for scores in scores.as_chunks_mut::<WIDE>().0 {
        for (sum, score) in sums.iter_mut().zip(scores) {
            *score = exponential(*score * scale - largest);
            *sum += *score;
        }
    }
    [largest, halved(sums)]
}

/// Softmax of rows that see one number more each; the others become 0.
pub(super) struct CausalSoftmax<'a> {
    /// Rows that are `stride` apart, of `width` numbers.
    pub(super) rows: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) width: usize,
    /// How many numbers the first row sees.
    pub(super) first: usize,
    pub(super) n_rows: usize,
    pub(super) scale: f32,
}

impl Job<f32> for CausalSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        for at in 0..self.n_rows {
            let row = &mut self.rows[at * self.stride..][..self.width];
            let seen = self.first + at;
            row[seen..].fill(NOTHING);
            let [_, sum] = exponentials(row, self.scale);
            let factor = 1.0 / sum;
            for value in row.iter_mut() {
                *value *= factor;
            }
            row[seen..].fill(0.0);
        }
    }
}

/// The way back through [`CausalSoftmax`]: replaces the gradients of the shares by those of the
/// scores.
pub(super) struct SoftmaxBack<'a> {
    pub(super) shares: &'a [f32],
    pub(super) gradients: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) width: usize,
    pub(super) n_rows: usize,
    pub(super) scale: f32,
}

impl Job<f32> for SoftmaxBack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        for at in 0..self.n_rows {
            let shares = &self.shares[at * self.stride..][..self.width];
            let gradients = &mut self.gradients[at * self.stride..][..self.width];
            let mean = dot(shares, gradients);
            for (gradient, share) in gradients.iter_mut().zip(shares) {
                *gradient = share * (*gradient - mean) * self.scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right_to_six_digits() {
        for at in -860..=800 {
            let x = at as f32 / 10.0;
            let exact = f64::from(x).exp();
            let got = f64::from(exponential(x));
            assert!((got / exact - 1.0).abs() < 1e-6, "{got} is not {exact}");
        }
        assert!(exponential(NOTHING) < 1e-37);
    }

    #[test]
    fn the_wanted_share_is_dropped_and_the_mean_stays() {
        let dropout = Dropout::new(0.3, 5).at(2);
        let factors: Vec<f32> = (0..100_000).map(|at| dropout.factor(at)).collect();
        let dropped = factors.iter().filter(|factor| **factor == 0.0).count();
        assert!((29_000..31_000).contains(&dropped), "{dropped}");
        let mean = factors.iter().sum::<f32>() / factors.len() as f32;
        assert!((mean - 1.0).abs() < 0.02);
        assert!((0..100).all(|at| Dropout::NONE.factor(at) == 1.0));
    }
}
