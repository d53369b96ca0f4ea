//! The function that logistic regression minimises, with its gradient and curvature.
//!
//! `F(w, b) = Σ sᵢ log(1 + exp(−yᵢ (w·xᵢ + b))) + ½ λ ‖w‖²` with `y` in {−1, 1}, sample weights `s`
//! and `λ = 1 / C`: scikit-learn's objective divided by C. The intercept `b` is not penalised.

use rayon::prelude::*;

use crate::linear_algebra::blocks::sum_in_order;
use crate::respond::design::Design;

/// What the objective is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Objective<'a> {
    pub(super) design: &'a Design,
    pub(super) labels: &'a [bool],
    /// One weight per row; without them every row counts 1.
    pub(super) weights: Option<&'a [f64]>,
    pub(super) penalty: f64,
}

/// The objective at one point.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// The coefficients, in the design's layout.
    pub(super) layout: Vec<f64>,
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    /// `sᵢ pᵢ (1 − pᵢ)`, one per row.
    pub(super) curvature: Vec<f64>,
}

impl Objective<'_> {
    pub(super) fn at(&self, layout: Vec<f64>) -> Point {
        let length = self.design.layout();
        let blocks = self.design.blocks(length);
        let mut curvature = vec![0.0; self.design.rows()];
        let parts: Vec<(f64, Vec<f64>)> = curvature
            .par_chunks_mut(blocks.size())
            .enumerate()
            .map(|(block, curvature)| self.add_rows(block * blocks.size(), curvature, &layout))
            .collect();
        let (losses, gradients): (Vec<f64>, Vec<Vec<f64>>) = parts.into_iter().unzip();
        let mut gradient = sum_in_order(gradients, length);
        let mut squares = 0.0;
        for (place, (slope, weight)) in gradient.iter_mut().zip(&layout).enumerate() {
            if place != self.design.intercept() {
                *slope += self.penalty * weight;
                squares += weight * weight;
            }
        }
        let value = losses.iter().sum::<f64>() + 0.5 * self.penalty * squares;
        Point { layout, value, gradient, curvature }
    }

    /// Returns the loss and gradient of consecutive rows, and writes their curvatures.
    fn add_rows(&self, first: usize, curvature: &mut [f64], layout: &[f64]) -> (f64, Vec<f64>) {
        let mut gradient = vec![0.0; self.design.layout()];
        let mut loss = 0.0;
        for (at, curvature) in curvature.iter_mut().enumerate() {
            let row = first + at;
            let weight = self.weights.map_or(1.0, |weights| weights[row]);
            let logit = self.design.row_times(row, layout);
            let tail = (-logit.abs()).exp();
            let likely = 1.0 / (1.0 + tail);
            let unlikely = tail * likely;
            let label = self.labels[row];
            // The row is surprising when label and sign of the logit disagree.
            let is_surprising = label == (logit < 0.0);
            let (miss, extra) = if is_surprising { (likely, logit.abs()) } else { (unlikely, 0.0) };
            loss += weight * (tail.ln_1p() + extra);
            *curvature = weight * likely * unlikely;
            let slope = weight * if label { -miss } else { miss };
            self.design.add_row(row, slope, &mut gradient);
        }
        (loss, gradient)
    }

    /// Returns the product of the Hessian at a point with a layout.
    pub(super) fn hessian_times(&self, point: &Point, direction: &[f64]) -> Vec<f64> {
        let mut product = self.design.sum(|range, sums| {
            for row in range {
                let change = point.curvature[row] * self.design.row_times(row, direction);
                self.design.add_row(row, change, sums);
            }
        });
        for (place, (product, direction)) in product.iter_mut().zip(direction).enumerate() {
            if place != self.design.intercept() {
                *product += self.penalty * direction;
            }
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::respond::design::Category;

    fn design() -> Design {
        let numbers = [0.5, -1.0, 2.0, 0.1, -0.7];
        let first = Category { codes: &[0, 1, 0, 1, 1], places: vec![0, 1, 4], width: 2 };
        let second = Category { codes: &[1, 0, 1, 1, 0], places: vec![2, 3, 4], width: 2 };
        Design::build(5, &[(&numbers, 0.0, 1.0)], &[first, second])
    }

    const LABELS: [bool; 5] = [true, false, true, false, true];
    const WEIGHTS: [f64; 5] = [1.0, 2.0, 0.5, 1.5, 1.0];
    const LAYOUT: [f64; 7] = [0.3, -0.2, 0.5, -0.4, 0.1, 0.9, 0.0];

    #[test]
    fn the_gradient_is_the_slope_of_the_value_and_the_product_that_of_the_gradient() {
        let design = design();
        let objective =
            Objective { design: &design, labels: &LABELS, weights: Some(&WEIGHTS), penalty: 0.7 };
        let point = objective.at(LAYOUT.to_vec());
        let size = design.layout() - 1;
        for place in 0..size {
            let step = 1e-5;
            let [up, down] = [step, -step].map(|step| {
                let mut layout = LAYOUT.to_vec();
                layout[place] += step;
                objective.at(layout)
            });
            let slope = (up.value - down.value) / (2.0 * step);
            assert!((slope - point.gradient[place]).abs() < 1e-9, "gradient {place}");
            let mut unit = vec![0.0; design.layout()];
            unit[place] = 1.0;
            let product = objective.hessian_times(&point, &unit);
            for (other, product) in product.iter().enumerate() {
                let slope = (up.gradient[other] - down.gradient[other]) / (2.0 * step);
                assert!((slope - product).abs() < 1e-9, "hessian {place} {other}");
            }
        }
    }

    #[test]
    fn a_single_row_by_hand() {
        // At zero the loss is log 2, the slope −1/2 times the row, the curvature 1/4.
        let design = Design::build(1, &[(&[2.0], 0.0, 1.0)], &[]);
        let objective = Objective { design: &design, labels: &[true], weights: None, penalty: 1.0 };
        let point = objective.at(vec![0.0; 3]);
        assert!((point.value - 2f64.ln()).abs() < 1e-15);
        assert_eq!(point.gradient, vec![-1.0, -0.5, 0.0]);
        assert_eq!(point.curvature, vec![0.25]);
    }
}
