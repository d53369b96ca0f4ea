//! Which order lines a reader should doubt.

/// How many robust standard deviations of the logarithm make an outlier.
const LIMIT: f64 = 6.0;

/// Median absolute deviation → standard deviation of a normal distribution: 1 / Φ⁻¹(3/4).
const CONSISTENCY: f64 = 1.482_602_218_505_602;

/// Returns for each amount whether it is an outlier among all: its logarithm is further from the
/// median than 6 robust standard deviations (median absolute deviation, Hampel 1974). Amounts of 0
/// and less are none.
pub(super) fn flags(amounts: &[i64]) -> Vec<bool> {
    let logs: Vec<f64> =
        amounts.iter().filter(|amount| **amount > 0).map(|amount| (*amount as f64).ln()).collect();
    let Some(middle) = median(logs.clone()) else { return vec![false; amounts.len()] };
    let spread = median(logs.iter().map(|log| (log - middle).abs()).collect()).unwrap_or(0.0);
    let limit = LIMIT * CONSISTENCY * spread;
    amounts
        .iter()
        .map(|amount| *amount > 0 && spread > 0.0 && ((*amount as f64).ln() - middle).abs() > limit)
        .collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_enormous_amount_stands_out() {
        let mut amounts: Vec<i64> = (1..100).map(|n| n * 1_000_000).collect();
        amounts.push(0);
        amounts.push(77_183_600_000_000_000);
        let flags = flags(&amounts);
        assert_eq!(flags.iter().filter(|flag| **flag).count(), 1);
        assert!(flags[100]);
    }

    #[test]
    fn equal_amounts_have_no_outlier() {
        assert_eq!(flags(&[5, 5, 5]), [false; 3]);
        assert_eq!(flags(&[]), [false; 0]);
    }
}
