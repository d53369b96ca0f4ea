//! The three loops over slices that everything else is made of.

/// How many partial sums a reduction keeps, so that it fills vector registers. The order of the
/// additions is part of the result, hence fixed.
const LANES: usize = 8;

/// Returns the inner product of two slices; the longer one is cut to the shorter.
#[inline]
#[must_use]
pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    let length = left.len().min(right.len());
    let (left, right) = (&left[..length], &right[..length]);
    let mut sums = [0.0; LANES];
    let (left_blocks, right_blocks) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest: f64 = left_blocks
        .remainder()
        .iter()
        .zip(right_blocks.remainder())
        .map(|(left, right)| left * right)
        .sum();
    for (left, right) in left_blocks.zip(right_blocks) {
        for lane in 0..LANES {
            sums[lane] += left[lane] * right[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Returns the Euclidean length of a slice.
#[inline]
#[must_use]
pub fn norm(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}

/// Adds `factor × from` to `into`, as far as the shorter of the two goes.
#[inline]
pub fn add_scaled(into: &mut [f64], factor: f64, from: &[f64]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into += factor * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inner_product_covers_the_lanes_and_the_rest() {
        let left: Vec<f64> = (1..=19).map(f64::from).collect();
        let right = vec![2.0; 19];
        assert_eq!(dot(&left, &right), 380.0);
        assert_eq!(norm(&[3.0, 4.0]), 5.0);
    }

    #[test]
    fn a_scaled_slice_is_added() {
        let mut into = vec![1.0, 2.0];
        add_scaled(&mut into, 3.0, &[1.0, -1.0]);
        assert_eq!(into, vec![4.0, -1.0]);
    }
}
