//! The maximum of a likelihood over a few positive parameters, by Newton's method.
//!
//! Steps are taken in the logarithms of the parameters, so that none can become negative, with the
//! exact matrix of second derivatives. Where that is not negative definite, or a step does not
//! climb, its diagonal is raised (Levenberg 1944, Marquardt 1963) until one does.

use crate::error::{Error, Result};

/// The most steps; from the starts used here it took at most thirty.
const STEPS_MAX: usize = 200;

/// The largest change of a logarithm in one step: a factor of 7.
const STEP_MAX: f64 = 2.0;

/// What a step promises to gain, of the likelihood, below which it is the last.
const LEAST_GAIN: f64 = 1e-11;

/// Beyond this damping there is no step that climbs.
const DAMPING_MAX: f64 = 1e12;

/// A function and its derivatives by the parameters themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Derivatives<const N: usize> {
    pub(super) value: f64,
    pub(super) gradient: [f64; N],
    pub(super) hessian: [[f64; N]; N],
}

impl<const N: usize> Derivatives<N> {
    /// Returns the same by the logarithms of the parameters.
    fn by_logs(mut self, parameters: &[f64; N]) -> Self {
        for row in 0..N {
            self.gradient[row] *= parameters[row];
            for column in 0..N {
                self.hessian[row][column] *= parameters[row] * parameters[column];
            }
            self.hessian[row][row] += self.gradient[row];
        }
        self
    }

    fn is_finite(&self) -> bool {
        let second = self.hessian.iter().flatten();
        self.value.is_finite() && self.gradient.iter().chain(second).all(|one| one.is_finite())
    }
}

/// Where the function is largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Maximum<const N: usize> {
    pub(super) parameters: [f64; N],
    pub(super) value: f64,
    /// The inverse of the negative second derivatives by the logarithms: for a likelihood, how the
    /// logarithms of the parameters vary. Nothing where the summit is flat.
    pub(super) covariance: Option<[[f64; N]; N]>,
    pub(super) iterations: usize,
}

/// Climbs from `start` to the maximum. `what` names the model in the error.
pub(super) fn maximise<const N: usize>(
    what: &str,
    start: [f64; N],
    of: impl Fn(&[f64; N]) -> Derivatives<N>,
) -> Result<Maximum<N>> {
    let lost = || {
        Error::NoSolution(format!(
            "{what} has no likeliest parameters here: the histories may be too few or too alike"
        ))
    };
    let mut parameters = start;
    let mut here = of(&parameters).by_logs(&parameters);
    let mut damping = 0.0;
    for iteration in 1..=STEPS_MAX {
        if !here.is_finite() {
            break;
        }
        let Some((step, gain)) = step(&here, damping) else {
            damping = raised(damping);
            continue;
        };
        let is_last = gain <= LEAST_GAIN * (1.0 + here.value.abs());
        let mut next = parameters;
        for (next, step) in next.iter_mut().zip(step) {
            *next *= step.exp();
        }
        let there = of(&next).by_logs(&next);
        if there.is_finite() && (there.value > here.value || is_last) {
            (parameters, here) = (next, there);
            damping = if damping < 1e-6 { 0.0 } else { damping / 10.0 };
        } else if damping > DAMPING_MAX {
            break;
        } else {
            damping = raised(damping);
        }
        if is_last {
            let (value, covariance) = (here.value, inverse(&here.hessian));
            return Ok(Maximum { parameters, value, covariance, iterations: iteration });
        }
    }
    Err(lost())
}

fn raised(damping: f64) -> f64 {
    if damping == 0.0 { 1e-3 } else { damping * 10.0 }
}

/// Returns the step and half of what it promises to gain; nothing when it would not climb.
fn step<const N: usize>(here: &Derivatives<N>, damping: f64) -> Option<([f64; N], f64)> {
    let mut matrix = here.hessian;
    for (place, row) in matrix.iter_mut().enumerate() {
        for value in &mut *row {
            *value = -*value;
        }
        row[place] += damping * row[place].abs().max(here.gradient[place].abs());
    }
    let mut step = solve(&factor(&matrix)?, here.gradient);
    let longest = step.iter().fold(0.0_f64, |longest, step| longest.max(step.abs()));
    if longest > STEP_MAX {
        for step in &mut step {
            *step *= STEP_MAX / longest;
        }
    }
    let gain = step.iter().zip(here.gradient).map(|(step, slope)| step * slope).sum::<f64>() / 2.0;
    (gain >= 0.0).then_some((step, gain))
}

/// Returns the lower Cholesky factor of a positive definite matrix.
fn factor<const N: usize>(matrix: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut lower = [[0.0; N]; N];
    for row in 0..N {
        for column in 0..=row {
            let known: f64 = (0..column).map(|at| lower[row][at] * lower[column][at]).sum();
            let rest = matrix[row][column] - known;
            if row != column {
                lower[row][column] = rest / lower[column][column];
            } else if rest > 1e-14 * matrix[row][row].abs() && rest.is_finite() {
                lower[row][row] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    Some(lower)
}

fn solve<const N: usize>(lower: &[[f64; N]; N], right: [f64; N]) -> [f64; N] {
    let mut solution = right;
    for row in 0..N {
        for at in 0..row {
            solution[row] -= lower[row][at] * solution[at];
        }
        solution[row] /= lower[row][row];
    }
    for row in (0..N).rev() {
        for at in row + 1..N {
            solution[row] -= lower[at][row] * solution[at];
        }
        solution[row] /= lower[row][row];
    }
    solution
}

/// Returns the inverse of a negated matrix.
fn inverse<const N: usize>(hessian: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut negated = *hessian;
    negated.iter_mut().flatten().for_each(|value| *value = -*value);
    let lower = factor(&negated)?;
    let mut inverse = [[0.0; N]; N];
    for (place, row) in inverse.iter_mut().enumerate() {
        let mut unit = [0.0; N];
        unit[place] = 1.0;
        *row = solve(&lower, unit);
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// n ln(rate) − rate · total: exponential waiting times.
    fn exponential(count: f64, total: f64) -> impl Fn(&[f64; 1]) -> Derivatives<1> {
        move |&[rate]| Derivatives {
            value: count * rate.ln() - rate * total,
            gradient: [count / rate - total],
            hessian: [[-count / (rate * rate)]],
        }
    }

    #[test]
    fn the_rate_of_waiting_times_is_count_over_total() {
        for start in [1e-6, 1.0, 1e6] {
            let found = maximise("waiting", [start], exponential(20.0, 5.0)).unwrap();
            assert!((found.parameters[0] - 4.0).abs() < 1e-9, "{found:?}");
            // The logarithm of the rate varies by 1 / n.
            assert!((found.covariance.unwrap()[0][0] - 0.05).abs() < 1e-9);
        }
    }

    #[test]
    fn a_function_without_a_maximum_is_refused() {
        let ever = |&[x]: &[f64; 1]| Derivatives { value: x, gradient: [1.0], hessian: [[0.0]] };
        assert!(matches!(maximise("climbing", [1.0], ever), Err(Error::NoSolution(_))));
    }
}
