//! How alike two candidates are: by codes that they share, and by vectors.

use crate::error::{Error, Result};

/// The code of whoever has none: it is like nobody's.
pub const NONE: u32 = u32::MAX;

/// How alike candidates are: of 1 the share that the codes which two have in common weigh, and the
/// cosine of their vectors where they have some.
///
/// `likeness(i, j) = (Σ_c w_c [code_c(i) = code_c(j)] + w_v max(0, v_i · v_j)) / (Σ_c w_c + w_v)`
///
/// A path, such as of categories, is one code a level: the more levels two share, the more alike
/// they are.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Likeness<'a> {
    /// How much each code weighs, from 0.
    pub weights: &'a [f32],
    /// One code after the other, each of all candidates: `weights.len() × n`.
    pub codes: &'a [u32],
    /// Vectors of length 1 or 0, one candidate after the other, `n × dimensions`; empty for none.
    pub vectors: &'a [f32],
    /// How much the vectors weigh, from 0.
    pub vectors_weight: f32,
}

impl Likeness<'_> {
    pub(super) fn check(&self, count: usize) -> Result<()> {
        let expected = self.weights.len() * count;
        if self.codes.len() != expected {
            let (what, got) = ("the codes of candidates", self.codes.len());
            return Err(Error::Length { what, expected, got });
        }
        if count > 0 && !self.vectors.len().is_multiple_of(count) {
            let expected = self.vectors.len().next_multiple_of(count);
            let (what, got) = ("the vectors of candidates", self.vectors.len());
            return Err(Error::Length { what, expected, got });
        }
        let weights = self.weights.iter().chain([&self.vectors_weight]);
        for weight in weights {
            if !(weight.is_finite() && *weight >= 0.0) {
                return Err(Error::parameter("weight", "≥ 0", weight));
            }
        }
        Ok(())
    }

    /// Returns the code of a candidate.
    pub(super) fn code(&self, code: usize, candidate: usize, count: usize) -> u32 {
        self.codes[code * count + candidate]
    }

    /// Raises each candidate's nearness to what stands by its likeness to `new`: (n) values.
    /// `scratch` is overwritten.
    pub(super) fn near(&self, new: usize, nearest: &mut [f32], scratch: &mut Vec<f32>) {
        let count = nearest.len();
        let all = self.weights.iter().sum::<f32>() + self.vector_weight();
        if all <= 0.0 {
            return;
        }
        scratch.clear();
        scratch.resize(count, 0.0);
        for (codes, weight) in self.codes.chunks_exact(count).zip(self.weights) {
            let code = codes[new];
            let share = if code == NONE { 0.0 } else { weight / all };
            for (sum, own) in scratch.iter_mut().zip(codes) {
                *sum += if *own == code { share } else { 0.0 };
            }
        }
        if self.vector_weight() > 0.0 {
            let dimensions = self.vectors.len() / count;
            let share = self.vectors_weight / all;
            let standing = &self.vectors[new * dimensions..][..dimensions];
            for (sum, own) in scratch.iter_mut().zip(self.vectors.chunks_exact(dimensions)) {
                let cosine: f32 = own.iter().zip(standing).map(|(a, b)| a * b).sum();
                *sum += share * cosine.clamp(0.0, 1.0);
            }
        }
        for (nearest, like) in nearest.iter_mut().zip(scratch.iter()) {
            *nearest = nearest.max(*like);
        }
    }

    fn vector_weight(&self) -> f32 {
        if self.vectors.is_empty() { 0.0 } else { self.vectors_weight }
    }
}
