//! How wrong the network is: softmax over items, and the gradients of it.
//!
//! For each token the loss is `−ln(exp(s₊) / Σ exp(s))`, `s` being the inner products of what came
//! out with the rows of items, `s₊` that with the item that came next. The sum runs over all items,
//! or over the next one and some drawn for the whole batch; a drawn one that is the next one does
//! not count against it.

use super::pointwise::{NOTHING, dot, exponentials};
use super::product::{Into, Left, PANEL, Right, Size, multiply, pack_transposed};
use crate::linear_algebra::lanes::rows::LineRows;
use crate::linear_algebra::lanes::{Job, Lanes, Level};

/// Scores that are held at once, so that they stay in the caches.
const HELD: usize = 1 << 19;
/// The most tokens that are scored at once: a multiple of the rows of every tile.
const TOKENS: usize = 96;

/// The items a batch is compared with.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Their indices; all items, in order, where nothing is drawn.
    pub(super) items: Vec<u32>,
    /// Whether they are drawn, so that the next item comes on top.
    is_drawn: bool,
    /// Their rows; empty where they are the table of items itself.
    rows: Vec<f32>,
    /// Their rows transposed, packed.
    packed: Vec<f32>,
    /// For each item its place among the drawn, from 1; 0 for the others.
    places: Vec<u32>,
    /// Added to the scores of the drawn, each of which stands for several.
    correction: f32,
}

impl Candidates {
    /// Takes all items.
    pub(super) fn take_all(&mut self, table: &LineRows) {
        self.is_drawn = false;
        self.items.clear();
        self.items.extend(0..table.rows() as u32);
        let width = table.columns();
        pack_transposed(table.rows(), width, table.values(), width, &mut self.packed);
    }

    /// Takes some items, each standing for `1 / share` of them.
    pub(super) fn take(&mut self, table: &LineRows, items: &[u32], share: f64) {
        self.is_drawn = true;
        self.places.resize(table.rows(), 0);
        for item in &self.items {
            self.places[*item as usize] = 0;
        }
        self.items.clear();
        self.items.extend_from_slice(items);
        self.rows.clear();
        for (at, item) in items.iter().enumerate() {
            self.places[*item as usize] = at as u32 + 1;
            self.rows.extend_from_slice(table.row(*item as usize));
        }
        let width = table.columns();
        pack_transposed(items.len(), width, &self.rows, width, &mut self.packed);
        self.correction = -(share.ln() as f32);
    }

    fn rows<'a>(&'a self, table: &'a LineRows) -> &'a [f32] {
        if self.is_drawn { &self.rows } else { table.values() }
    }
}

/// The loss of some tokens and its gradients.
pub(super) struct Loss<'a> {
    pub(super) table: &'a LineRows,
    pub(super) candidates: &'a Candidates,
    /// What came out, shape `(tokens, width)`.
    pub(super) out: &'a [f32],
    /// The item that came next, one a token.
    pub(super) next: &'a [u32],
    /// What a token's loss counts.
    pub(super) weight: f32,
    /// Out: the gradient of `out`.
    pub(super) out_gradient: &'a mut [f32],
    /// Added to: the gradient of the candidates' rows.
    pub(super) rows_gradient: &'a mut [f32],
    /// Out: the gradient of the row of the next item, one a token; untouched where all items are
    /// candidates.
    pub(super) next_gradient: &'a mut [f32],
    /// Working memory.
    pub(super) scores: &'a mut Vec<f32>,
}

impl Loss<'_> {
    /// Returns the sum of the losses, not weighted.
    pub(super) fn run(self, level: Level) -> f64 {
        let width = self.table.columns();
        let count = self.candidates.items.len();
        let stride = count.next_multiple_of(PANEL);
        let most = (HELD / stride.max(1) / 24 * 24).clamp(24, TOKENS);
        self.scores.resize(self.scores.len().max(most * stride), 0.0);
        let rows = self.candidates.rows(self.table);
        let mut loss = 0.0;
        for first in (0..self.next.len()).step_by(most) {
            let tokens = most.min(self.next.len() - first);
            let range = first * width..(first + tokens) * width;
            let out = &self.out[range.clone()];
            let scores = &mut self.scores[..tokens * stride];
            let size = Size { rows: tokens, columns: stride, depth: width };
            let right = Right::packed(&self.candidates.packed, width);
            multiply(level, size, Left::rows(out, width), right, (scores, stride, Into::Replace));
            let out_gradient = &mut self.out_gradient[range.clone()];
            let next_gradient =
                if self.candidates.is_drawn { &mut self.next_gradient[range] } else { &mut [] };
            loss += level.run(Shares {
                table: self.table,
                candidates: self.candidates,
                out,
                next: &self.next[first..first + tokens],
                weight: self.weight,
                scores,
                stride,
                out_gradient,
                next_gradient,
            });
            let size = Size { rows: tokens, columns: width, depth: count };
            let (left, right) = (Left::rows(scores, stride), Right::rows(rows, width));
            multiply(level, size, left, right, (out_gradient, width, Into::Add));
            let size = Size { rows: count, columns: width, depth: tokens };
            let (left, right) = (Left::transposed(scores, stride), Right::rows(out, width));
            multiply(level, size, left, right, (&mut *self.rows_gradient, width, Into::Add));
        }
        loss
    }
}

/// Replaces scores by their gradients, and begins the other gradients with what the next item adds.
struct Shares<'a> {
    table: &'a LineRows,
    candidates: &'a Candidates,
    out: &'a [f32],
    next: &'a [u32],
    weight: f32,
    scores: &'a mut [f32],
    stride: usize,
    out_gradient: &'a mut [f32],
    next_gradient: &'a mut [f32],
}

impl Job<f32> for Shares<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) -> f64 {
        let width = self.table.columns();
        let count = self.candidates.items.len();
        self.out_gradient.fill(0.0);
        let mut loss = 0.0;
        for (token, next) in self.next.iter().enumerate() {
            let scores = &mut self.scores[token * self.stride..][..self.stride];
            scores[count..].fill(NOTHING);
            let out = &self.out[token * width..][..width];
            if !self.candidates.is_drawn {
                let own = scores[*next as usize];
                let [largest, sum] = exponentials(scores, 1.0);
                loss += f64::from(sum.ln() + largest - own);
                let factor = self.weight / sum;
                for score in scores.iter_mut() {
                    *score *= factor;
                }
                scores[*next as usize] -= self.weight;
                continue;
            }
            let row = self.table.row(*next as usize);
            let own = dot(out, row) - self.candidates.correction;
            if let Some(place) = self.candidates.places[*next as usize].checked_sub(1) {
                scores[place as usize] = NOTHING;
            }
            let [mut largest, mut sum] = exponentials(scores, 1.0);
            let mut shrunk = 1.0;
            if own > largest {
                shrunk = (largest - own).exp();
                sum *= shrunk;
                largest = own;
            }
            let share = (own - largest).exp();
            sum += share;
            loss += f64::from(sum.ln() + largest - own);
            let factor = self.weight * shrunk / sum;
            for score in scores.iter_mut() {
                *score *= factor;
            }
            let pull = self.weight * (share / sum - 1.0);
            let out_gradient = &mut self.out_gradient[token * width..][..width];
            let next_gradient = &mut self.next_gradient[token * width..][..width];
            for at in 0..width {
                out_gradient[at] = pull * row[at];
                next_gradient[at] = pull * out[at];
            }
        }
        loss
    }
}
