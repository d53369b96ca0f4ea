//! The likelihood of many histories, and its derivatives.
//!
//! Equal histories are counted once, and all logarithms and gamma functions depend on a number of
//! purchases or a number of days alone: there are few of either, whatever the number of buyers.

use super::super::gamma::Gamma;
use super::super::history::History;
use super::super::newton::Derivatives;
use crate::linear_algebra::RowBlocks;

/// Numbers that a block of histories leaves behind: the value, 4 first and 10 second derivatives.
const SUMS: usize = 15;

/// How many numbers up to 2 may be multiplied: far below what overflows.
const PRODUCT_MAX: u32 = 500;

/// Histories, ready to be measured under many parameters.
#[derive(Debug)]
pub(in crate::lifetime) struct Sample {
    /// How many buyers there are.
    buyers: f64,
    /// The numbers of days that occur, in units of time.
    times: Vec<f64>,
    /// The numbers of repeat purchases that occur, and how many buyers made so many.
    repeats: Vec<(f64, f64)>,
    /// For each age: its place among the times, buyers, and all their repeat purchases.
    ages: Vec<(usize, f64, f64)>,
    /// Histories with repeat purchases.
    groups: Vec<Group>,
}

/// Equal histories.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// Places in the lists of the sample.
    repeats: u32,
    last: u32,
    age: u32,
    buyers: f64,
}

impl Sample {
    pub(super) fn new(histories: &[History], days_per_unit: f64) -> Self {
        let mut keys: Vec<u128> = histories.iter().map(History::key).collect();
        keys.sort_unstable();
        let equal: Vec<((u32, u32, u32), usize)> = keys
            .chunk_by(|left, right| left == right)
            .map(|keys| (History::of_key(keys[0]), keys.len()))
            .collect();
        let days = distinct(equal.iter().flat_map(|(key, _)| [key.0, key.2]));
        let counts = distinct(equal.iter().map(|(key, _)| key.1));
        let place = |list: &[u32], value: u32| list.partition_point(|other| *other < value);
        let mut repeats: Vec<(f64, f64)> =
            counts.iter().map(|count| (f64::from(*count), 0.0)).collect();
        let mut groups = Vec::with_capacity(equal.len());
        let mut ages: Vec<(usize, f64, f64)> = Vec::new();
        for ((age, count, last), buyers) in equal {
            let buyers = buyers as f64;
            let (at, age) = (place(&counts, count), place(&days, age));
            repeats[at].1 += buyers;
            // Groups come in order of age.
            match ages.last_mut() {
                Some(known) if known.0 == age => {
                    known.1 += buyers;
                    known.2 += buyers * f64::from(count);
                }
                _ => ages.push((age, buyers, buyers * f64::from(count))),
            }
            if count > 0 {
                let last = place(&days, last) as u32;
                groups.push(Group { repeats: at as u32, last, age: age as u32, buyers });
            }
        }
        let times = days.into_iter().map(|days| f64::from(days) / days_per_unit).collect();
        Self { buyers: histories.len() as f64, times, repeats, ages, groups }
    }

    /// Returns all repeat purchases, and the sum of all ages.
    pub(super) fn repeats_and_time(&self) -> (f64, f64) {
        let time = self.ages.iter().map(|(age, buyers, _)| self.times[*age] * buyers).sum();
        (self.ages.iter().map(|(.., repeats)| repeats).sum(), time)
    }

    /// Returns the logarithm of the likelihood and its derivatives by r, α, a and b.
    ///
    /// For x repeat purchases, the last at t, age T (equation 6 of the paper, rearranged):
    ///
    /// ln Γ(r + x) − ln Γ(r) + r ln α + ln B(a, b + x) − ln B(a, b) − (r + x) ln(α + T)
    ///   + ln(1 + eᵘ) when x > 0, with u = ln a − ln(b + x − 1) + (r + x) ln((α + T) / (α + t)).
    pub(in crate::lifetime) fn likelihood(&self, parameters: &[f64; 4]) -> Derivatives<4> {
        let [r, alpha, a, b] = *parameters;
        let logs: Vec<(f64, f64)> =
            self.times.iter().map(|time| ((alpha + time).ln(), 1.0 / (alpha + time))).collect();
        let (mut of_r, mut of_b, mut of_both) = (Gamma::ZERO, Gamma::ZERO, Gamma::ZERO);
        let whole = [Gamma::at(r), Gamma::at(b), Gamma::at(a + b)];
        for (repeats, buyers) in &self.repeats {
            of_r.add(*buyers, Gamma::at(r + repeats));
            of_b.add(*buyers, Gamma::at(b + repeats));
            of_both.add(*buyers, Gamma::at(a + b + repeats));
        }
        of_r.add(-self.buyers, whole[0]);
        of_b.add(-self.buyers, whole[1]);
        of_both.add(-self.buyers, whole[2]);
        let (mut weighted, mut sum_of_logs) = ([0.0; 3], 0.0);
        let mut inverses = 0.0;
        for (age, buyers, repeats) in &self.ages {
            let ((log, inverse), weight) = (logs[*age], r * buyers + repeats);
            weighted[0] += weight * log;
            weighted[1] += weight * inverse;
            weighted[2] += weight * inverse * inverse;
            sum_of_logs += buyers * log;
            inverses += buyers * inverse;
        }
        let n = self.buyers;
        let gone = self.gone(parameters, &logs);
        let value = of_r.log + n * r * alpha.ln() + of_b.log - of_both.log - weighted[0] + gone[0];
        let gradient = [
            of_r.first + n * alpha.ln() - sum_of_logs + gone[1],
            n * r / alpha - weighted[1] + gone[2],
            -of_both.first + gone[3],
            of_b.first - of_both.first + gone[4],
        ];
        let both = -of_both.second;
        let second = [
            of_r.second,
            n / alpha - inverses,
            -n * r / (alpha * alpha) + weighted[2],
            0.0,
            0.0,
            both,
            0.0,
            0.0,
            both,
            of_b.second + both,
        ];
        let sum = |at: usize| second[at] + gone[5 + at];
        let hessian = [
            [sum(0), sum(1), sum(3), sum(6)],
            [sum(1), sum(2), sum(4), sum(7)],
            [sum(3), sum(4), sum(5), sum(8)],
            [sum(6), sum(7), sum(8), sum(9)],
        ];
        Derivatives { value, gradient, hessian }
    }

    /// Returns the sum over all histories of ln(1 + eᵘ), its first, and its second derivatives,
    /// those row by row of the lower triangle.
    fn gone(&self, parameters: &[f64; 4], logs: &[(f64, f64)]) -> Vec<f64> {
        let [r, _, a, b] = *parameters;
        let odds: Vec<(f64, f64, f64)> = self
            .repeats
            .iter()
            .map(|(repeats, _)| {
                let after = b + repeats - 1.0;
                (r + repeats, 1.0 / after, a.ln() - after.ln())
            })
            .collect();
        RowBlocks::new(self.groups.len(), SUMS).sum(SUMS, |range, sums| {
            // ln(1 + x) + ln(1 + y) = ln((1 + x)(1 + y)): one logarithm for many single buyers.
            let (mut product, mut room) = (1.0, PRODUCT_MAX);
            for group in &self.groups[range] {
                let (exponent, over_after, odds) = odds[group.repeats as usize];
                let (log_age, over_age) = logs[group.age as usize];
                let (log_last, over_last) = logs[group.last as usize];
                let u = odds + exponent * (log_age - log_last);
                // eᵘ / (1 + eᵘ) is the probability to be gone.
                let small = (-u.abs()).exp();
                let gone = if u > 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
                sums[0] += group.buyers * u.max(0.0);
                if group.buyers == 1.0 && room > 0 {
                    product *= 1.0 + small;
                    room -= 1;
                } else {
                    sums[0] += group.buyers * small.ln_1p() + product.ln();
                    (product, room) = (1.0, PRODUCT_MAX);
                }
                let by =
                    [log_age - log_last, exponent * (over_age - over_last), 1.0 / a, -over_after];
                let twice = [
                    0.0,
                    over_age - over_last,
                    -exponent * (over_age * over_age - over_last * over_last),
                    0.0,
                    0.0,
                    -1.0 / (a * a),
                    0.0,
                    0.0,
                    0.0,
                    over_after * over_after,
                ];
                let (weight, spread) = (group.buyers * gone, 1.0 - gone);
                let mut at = 0;
                for row in 0..4 {
                    sums[1 + row] += weight * by[row];
                    for column in 0..=row {
                        sums[5 + at] += weight * (twice[at] + spread * by[row] * by[column]);
                        at += 1;
                    }
                }
            }
            sums[0] += product.ln();
        })
    }
}

/// Returns the values without repetitions, in order.
fn distinct(values: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut values: Vec<u32> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
