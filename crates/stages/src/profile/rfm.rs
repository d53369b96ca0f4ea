//! Recency, frequency and monetary quintiles, and the names of their combinations.

/// A customer's quintiles, 1 (worst) to 5 (best).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scores {
    pub(super) recency: i64,
    pub(super) frequency: i64,
    pub(super) monetary: i64,
}

impl Scores {
    /// Returns the name of the value group.
    pub(super) fn group(&self) -> &'static str {
        match (self.recency, self.frequency.max(self.monetary), self.frequency.min(self.monetary)) {
            (4..=5, 4..=5, 4..=5) => "champions",
            (3..=5, 4..=5, _) => "loyal",
            (4..=5, _, _) => "recent",
            (1..=2, 4..=5, _) => "at_risk",
            (1, _, _) => "lost",
            _ => "occasional",
        }
    }
}

/// Returns the quintiles of each customer; fewer days since the last event are better.
pub(super) fn scores(recency_days: &[f64], orders: &[f64], monetary: &[f64]) -> Vec<Scores> {
    let nearness: Vec<f64> = recency_days.iter().map(|days| -days).collect();
    let (recency, frequency) = (quintiles(&nearness), quintiles(orders));
    let monetary = quintiles(monetary);
    (0..recency.len())
        .map(|at| Scores { recency: recency[at], frequency: frequency[at], monetary: monetary[at] })
        .collect()
}

/// Returns 1 to 5 by rank; equal values share the quintile of the middle one among them.
fn quintiles(values: &[f64]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut result = vec![0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let value = values[order[from]];
        let equal = order[from..].iter().take_while(|at| values[**at] == value).count();
        let middle = from + (equal - 1) / 2;
        let quintile = 1 + (5 * middle / values.len()) as i64;
        for at in &order[from..from + equal] {
            result[*at] = quintile;
        }
        from += equal;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_customers_fall_into_five_pairs() {
        let values: Vec<f64> = (0..10).map(f64::from).collect();
        assert_eq!(quintiles(&values), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    }

    #[test]
    fn equal_values_share_a_quintile() {
        assert_eq!(quintiles(&[1.0, 1.0, 1.0, 1.0, 9.0]), [2, 2, 2, 2, 5]);
        assert_eq!(quintiles(&[]), [0_i64; 0]);
    }

    #[test]
    fn who_bought_much_but_long_ago_is_at_risk() {
        let scores = |recency, frequency, monetary| Scores { recency, frequency, monetary }.group();
        assert_eq!(scores(5, 5, 5), "champions");
        assert_eq!(scores(1, 5, 4), "at_risk");
        assert_eq!(scores(1, 1, 1), "lost");
        assert_eq!(scores(5, 1, 1), "recent");
        assert_eq!(scores(3, 2, 2), "occasional");
    }
}
