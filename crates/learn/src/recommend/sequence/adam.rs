//! Steps by the running mean and spread of each gradient (Kingma & Ba 2015, "Adam").

use crate::linear_algebra::lanes::{Job, Lanes, Level};

/// How much of the old means is kept.
const KEEP: [f32; 2] = [0.9, 0.98];
/// Keeps steps finite where gradients are nearly 0.
const EPSILON: f32 = 1e-8;

/// The running means of gradients and of their squares.
#[derive(Debug, Default)]
pub(super) struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

/// How far one step goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    rate: f32,
    spread: f32,
}

impl Step {
    /// Returns step `number`, from 1: the means begin at 0, which is made good.
    pub(super) fn new(rate: f32, number: usize) -> Self {
        let missing = KEEP.map(|keep| 1.0 - f64::from(keep).powf(number as f64));
        Self { rate: (f64::from(rate) / missing[0]) as f32, spread: (1.0 / missing[1]) as f32 }
    }
}

impl Moments {
    /// Returns those of `length` weights.
    pub(super) fn new(length: usize) -> Self {
        Self { first: vec![0.0; length], second: vec![0.0; length] }
    }

    /// Moves the weights from `start` on; those that no gradient is given of stand still, their
    /// means too.
    pub(super) fn step(
        &mut self,
        level: Level,
        step: Step,
        start: usize,
        weights: &mut [f32],
        gradient: &[f32],
    ) {
        let range = start..start + weights.len();
        let (first, second) = (&mut self.first[range.clone()], &mut self.second[range]);
        level.run(Move { step, weights, gradient, first, second });
    }
}

struct Move<'a> {
    step: Step,
    weights: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Job<f32> for Move<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        let Self { step, weights, gradient, first, second } = self;
        let moments = first.iter_mut().zip(second);
        for ((weight, gradient), (first, second)) in weights.iter_mut().zip(gradient).zip(moments) {
            *first = KEEP[0] * *first + (1.0 - KEEP[0]) * gradient;
            *second = KEEP[1] * *second + (1.0 - KEEP[1]) * gradient * gradient;
            *weight -= step.rate * *first / ((*second * step.spread).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_goes_as_far_as_the_rate() {
        let mut moments = Moments::new(3);
        let mut weights = [1.0, 2.0];
        let step = Step::new(0.1, 1);
        moments.step(Level::detect(), step, 1, &mut weights, &[5.0, -0.01]);
        assert!((weights[0] - 0.9).abs() < 1e-5 && (weights[1] - 2.1).abs() < 1e-5);
        assert_eq!(moments.first[0], 0.0);
    }
}
