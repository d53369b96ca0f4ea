//! The function that logistic regression minimises, with its gradient and curvature.
//!
//! `F(w, b) = Σ sᵢ log(1 + exp(−yᵢ (w·xᵢ + b))) + ½ λ ‖w‖²` with `y` in {−1, 1}, sample weights `s` and
//! `λ = 1 / C`: scikit-learn's objective divided by C. The intercept `b` is not penalised.

use rayon::prelude::*;

use crate::error::Result;
use crate::linear_algebra::blocks::sum_in_order;
use crate::linear_algebra::{Cholesky, Gram};
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

/// The blocks of the Hessian that stand on its diagonal: numbers and intercept as one, one-hot columns
/// each alone (columns of one category never meet in a row, so their block is diagonal anyway).
#[derive(Debug)]
pub(super) struct DiagonalBlocks {
    dense: Cholesky,
    one_hot_inverse: Vec<f64>,
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

    /// Returns the lower triangle of the Hessian, row-major, without the layout's last slot.
    pub(super) fn hessian(&self, point: &Point) -> Vec<f64> {
        let size = self.design.layout() - 1;
        let dense = self.design.intercept() + 1;
        let mut hessian = self.design.blocks(size * size).sum(size * size, |range, sums| {
            let mut gram = Gram::new(dense);
            for row in range {
                let weight = point.curvature[row];
                let (numbers, places) = (self.design.numbers(row), self.design.places(row));
                gram.push_with_one(numbers, weight);
                for (at, place) in places.iter().enumerate() {
                    let line = &mut sums[(dense + *place as usize) * size..][..size];
                    for (sum, number) in line.iter_mut().zip(numbers) {
                        *sum += weight * number;
                    }
                    line[dense - 1] += weight;
                    for other in &places[..=at] {
                        line[dense + *other as usize] += weight;
                    }
                }
            }
            gram.add_to(sums, size);
        });
        for place in (0..size).filter(|place| *place != self.design.intercept()) {
            hessian[place * size + place] += self.penalty;
        }
        hessian
    }

    /// Returns the diagonal blocks of the Hessian, ready to be divided by.
    ///
    /// # Errors
    /// [`crate::Error::NoSolution`] when the block of the numbers is singular.
    pub(super) fn diagonal_blocks(&self, point: &Point) -> Result<DiagonalBlocks> {
        let dense = self.design.intercept() + 1;
        let one_hot = self.design.one_hot_columns() + 1;
        let length = dense * dense + one_hot;
        let mut sums = self.design.blocks(length).sum(length, |range, sums| {
            let (square, diagonal) = sums.split_at_mut(dense * dense);
            let mut gram = Gram::new(dense);
            for row in range {
                let weight = point.curvature[row];
                gram.push_with_one(self.design.numbers(row), weight);
                for place in self.design.places(row) {
                    diagonal[*place as usize] += weight;
                }
            }
            gram.add_to(square, dense);
        });
        let diagonal = sums.split_off(dense * dense);
        for place in 0..dense - 1 {
            sums[place * dense + place] += self.penalty;
        }
        Ok(DiagonalBlocks {
            dense: Cholesky::factor(dense, sums)?,
            one_hot_inverse: diagonal.iter().map(|sum| 1.0 / (sum + self.penalty)).collect(),
        })
    }
}

impl DiagonalBlocks {
    /// Divides a layout by the blocks.
    pub(super) fn solve_in_place(&self, layout: &mut [f64]) {
        let dense = layout.len() - self.one_hot_inverse.len();
        let (numbers, one_hot) = layout.split_at_mut(dense);
        self.dense.solve_in_place(numbers);
        for (value, inverse) in one_hot.iter_mut().zip(&self.one_hot_inverse) {
            *value *= inverse;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design() -> Design {
        let numbers = [0.5, -1.0, 2.0, 0.1, -0.7];
        Design::build(
            5,
            4,
            &[(&numbers, 0.0, 1.0)],
            &[(&[0, 1, 0, 1, 1], vec![0, 1, 4]), (&[1, 0, 1, 1, 0], vec![2, 3, 4])],
        )
    }

    const LABELS: [bool; 5] = [true, false, true, false, true];
    const WEIGHTS: [f64; 5] = [1.0, 2.0, 0.5, 1.5, 1.0];
    const LAYOUT: [f64; 7] = [0.3, -0.2, 0.5, -0.4, 0.1, 0.9, 0.0];

    #[test]
    fn the_gradient_is_the_slope_of_the_value_and_the_hessian_that_of_the_gradient() {
        let design = design();
        let objective =
            Objective { design: &design, labels: &LABELS, weights: Some(&WEIGHTS), penalty: 0.7 };
        let point = objective.at(LAYOUT.to_vec());
        let size = design.layout() - 1;
        let hessian = objective.hessian(&point);
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
            for other in 0..size {
                let slope = (up.gradient[other] - down.gradient[other]) / (2.0 * step);
                let entry = hessian[place.max(other) * size + place.min(other)];
                assert!((slope - entry).abs() < 1e-9, "hessian {place} {other}");
                assert!((product[other] - entry).abs() < 1e-14, "product {place} {other}");
            }
        }
    }

    #[test]
    fn the_diagonal_blocks_are_those_of_the_hessian() {
        let design = design();
        let objective = Objective { design: &design, labels: &LABELS, weights: None, penalty: 0.7 };
        let point = objective.at(LAYOUT.to_vec());
        let blocks = objective.diagonal_blocks(&point).unwrap();
        let size = design.layout() - 1;
        let hessian = objective.hessian(&point);
        let mut layout = vec![1.0; design.layout()];
        blocks.solve_in_place(&mut layout);
        for place in 2..size {
            assert!((layout[place] * hessian[place * size + place] - 1.0).abs() < 1e-14);
        }
        let [a, b, c] = [hessian[0], hessian[size], hessian[size + 1]];
        assert!((a * layout[0] + b * layout[1] - 1.0).abs() < 1e-14);
        assert!((b * layout[0] + c * layout[1] - 1.0).abs() < 1e-14);
    }

    #[test]
    fn a_single_row_by_hand() {
        // At zero the loss is log 2, the slope −1/2 times the row, the curvature 1/4.
        let design = Design::build(1, 0, &[(&[2.0], 0.0, 1.0)], &[]);
        let objective = Objective { design: &design, labels: &[true], weights: None, penalty: 1.0 };
        let point = objective.at(vec![0.0; 3]);
        assert!((point.value - 2f64.ln()).abs() < 1e-15);
        assert_eq!(point.gradient, vec![-1.0, -0.5, 0.0]);
        assert_eq!(point.curvature, vec![0.25]);
    }
}
