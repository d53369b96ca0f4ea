//! Newton's method for the logistic objective.
//!
//! Each step solves `H d = −g`. Where the Hessian is small enough to be factored whole this is
//! exact (iteratively reweighted least squares). Else conjugate gradients, preconditioned with its
//! most useful blocks, solve it as exactly as the distance to the optimum warrants (Dembo,
//! Eisenstat & Steihaug 1982; Nocedal & Wright, *Numerical Optimization*, algorithm 7.1). Steps are
//! halved until the objective falls enough (Armijo). Where weights or strength are so large that
//! rounding keeps the decrement above the tolerance, the search ends when it falls no further.

use crate::error::{Error, Result};
use crate::linear_algebra::vector::{add_scaled, dot};
use crate::respond::logistic::blocks::{Blocks, Selection};
use crate::respond::logistic::objective::{Objective, Point};

/// The share of the predicted decrease that a step must bring.
const ARMIJO: f64 = 1e-4;

/// How often a step is halved before the search gives up.
const HALVINGS_MAX: usize = 40;

/// How many units in the last place the objective may rise by rounding alone.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

/// The most products with the Hessian for one step.
const PRODUCTS_MAX: usize = 1000;

/// The loosest relative residual with which conjugate gradients stop.
const FORCING_MAX: f64 = 0.1;

/// When Newton's method stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stop {
    /// The Newton decrement `√(gᵀ H⁻¹ g)`, which is the distance to the optimum in the norm of the
    /// Hessian.
    pub(super) tolerance: f64,
    pub(super) iterations_max: usize,
}

/// Minimises the objective from `start`; returns the layout and the number of iterations.
pub(super) fn minimise(
    objective: &Objective<'_>,
    start: Vec<f64>,
    stop: Stop,
) -> Result<(Vec<f64>, usize)> {
    let selection = Selection::of(objective.design);
    let is_exact = selection.is_all(objective.design);
    let mut point = objective.at(start);
    let mut first_length = None;
    let mut decrement_before = f64::INFINITY;
    for iteration in 1..=stop.iterations_max {
        let blocks = Blocks::at(objective, &point, &selection).map_err(|error| singular(&error))?;
        let step = if is_exact {
            exact_step(&point, &blocks)
        } else {
            let first = *first_length.get_or_insert_with(|| length(&point, &blocks));
            iterated_step(objective, &point, &blocks, target(&point, &blocks, first, stop))
        };
        let slope = dot(&point.gradient, &step);
        let decrement = slope.abs().sqrt();
        let is_drowned = slope.abs() <= ROUNDING * point.value.abs();
        if decrement <= stop.tolerance || (is_drowned && decrement > 0.5 * decrement_before) {
            // The last step costs nothing more and all but removes the rest of the error.
            add_scaled(&mut point.layout, 1.0, &step);
            return Ok((point.layout, iteration));
        }
        match search(objective, &point, &step, slope) {
            Some(next) => point = next,
            None => break,
        }
        decrement_before = decrement;
    }
    Err(Error::NoSolution(format!(
        "logistic regression did not converge in `{}` iterations: lower the strength, or look for \
         numbers of very different size",
        stop.iterations_max
    )))
}

/// Tells what to do when columns determine each other and the penalty is too weak to choose.
fn singular(error: &Error) -> Error {
    Error::NoSolution(format!(
        "{error}: lower the strength, or leave out columns that others determine"
    ))
}

/// Returns the first point along `step` where the objective has fallen enough. Near the optimum the
/// decrease drowns in rounding, which the slack allows for.
fn search(objective: &Objective<'_>, point: &Point, step: &[f64], slope: f64) -> Option<Point> {
    let slack = ROUNDING * point.value.abs();
    let mut length = 1.0;
    for _ in 0..HALVINGS_MAX {
        let mut layout = point.layout.clone();
        add_scaled(&mut layout, length, step);
        let next = objective.at(layout);
        if next.value <= point.value + ARMIJO * length * slope + slack {
            return Some(next);
        }
        length *= 0.5;
    }
    None
}

/// Returns the Newton step where the blocks are the whole Hessian.
fn exact_step(point: &Point, blocks: &Blocks<'_>) -> Vec<f64> {
    let mut step: Vec<f64> = point.gradient.iter().map(|slope| -slope).collect();
    blocks.solve_in_place(&mut step);
    step
}

/// Returns the length of the gradient in the norm of the preconditioner, an estimate of the
/// decrement.
fn length(point: &Point, blocks: &Blocks<'_>) -> f64 {
    dot(&point.gradient, &exact_step(point, blocks)).abs().sqrt()
}

/// Returns how long a residual conjugate gradients may leave: the shorter the gradient against the
/// first one, the more exact, but no more exact than the tolerance can tell.
fn target(point: &Point, blocks: &Blocks<'_>, first: f64, stop: Stop) -> f64 {
    let now = length(point, blocks);
    let forcing = (now / first).sqrt().min(FORCING_MAX);
    (forcing * now).max(0.1 * stop.tolerance)
}

/// Returns the Newton step by conjugate gradients, up to a residual of length `target`.
fn iterated_step(
    objective: &Objective<'_>,
    point: &Point,
    blocks: &Blocks<'_>,
    target: f64,
) -> Vec<f64> {
    let mut step = vec![0.0; point.gradient.len()];
    let mut residual: Vec<f64> = point.gradient.iter().map(|slope| -slope).collect();
    let mut divided = residual.clone();
    blocks.solve_in_place(&mut divided);
    let mut direction = divided.clone();
    let mut square = dot(&residual, &divided);
    for _ in 0..PRODUCTS_MAX {
        if square <= target * target {
            break;
        }
        let product = objective.hessian_times(point, &direction);
        let length = square / dot(&direction, &product);
        add_scaled(&mut step, length, &direction);
        add_scaled(&mut residual, -length, &product);
        divided.copy_from_slice(&residual);
        blocks.solve_in_place(&mut divided);
        let next = dot(&residual, &divided);
        let ratio = next / square;
        for (direction, divided) in direction.iter_mut().zip(&divided) {
            *direction = divided + ratio * *direction;
        }
        square = next;
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::respond::design::{Category, Design};

    #[test]
    fn a_category_too_large_to_be_factored_reaches_the_optimum_too() {
        let rows: u32 = 4000;
        let numbers: Vec<f64> =
            (0..rows).map(|row| f64::from(row * 37 % 101) / 50.0 - 1.0).collect();
        let many: Vec<u32> = (0..rows).map(|row| row * row % 1009 % 700).collect();
        let few: Vec<u32> = (0..rows).map(|row| row / 3 % 5).collect();
        let labels: Vec<bool> = (0..rows).map(|row| row * 13 % 10 < 3 + row % 4).collect();
        let categories = [
            Category { codes: &many, places: (0..700).chain([705]).collect(), width: 700 },
            Category { codes: &few, places: (700..706).collect(), width: 5 },
        ];
        let design = Design::build(rows as usize, &[(&numbers, 0.0, 1.0)], &categories);
        let objective = Objective { design: &design, labels: &labels, weights: None, penalty: 1.0 };
        let stop = Stop { tolerance: 1e-8, iterations_max: 50 };
        let (layout, _) = minimise(&objective, vec![0.0; design.layout()], stop).unwrap();
        let slopes = objective.at(layout).gradient;
        assert!(slopes.iter().all(|slope| slope.abs() < 1e-8));
    }
}
