//! Causal attention of each sequence with itself (Vaswani et al. 2017, section 3.2), by heads.
//!
//! What a token sees are the tokens up to itself: `share(i, j) = softmax over j ≤ i of (qᵢ · kⱼ /
//! √size)`, `outᵢ = Σ share(i, j) vⱼ`. Work goes in blocks of [`BLOCK`] rows that leave out what
//! lies above the diagonal.

use super::pointwise::{CausalSoftmax, SoftmaxBack, dot};
use super::product::{Into, Left, PANEL, Right, Size, multiply, pack_transposed};
use crate::linear_algebra::lanes::Level;

/// Rows that are multiplied at once: a multiple of the rows of every tile.
const BLOCK: usize = 48;

/// One head: how wide the rows are, and where its part of them lies.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// Numbers of a token.
    width: usize,
    /// Numbers of a head.
    size: usize,
    /// Where the head begins in a token.
    first: usize,
}

impl Head {
    fn all(width: usize, heads: usize) -> impl Iterator<Item = Self> {
        let size = width / heads;
        (0..heads).map(move |head| Self { width, size, first: head * size })
    }

    /// Queries, keys and values stand side by side in a row of this length.
    fn stride(self) -> usize {
        3 * self.width
    }

    fn scale(self) -> f32 {
        1.0 / (self.size as f32).sqrt()
    }
}

/// Returns the numbers of a row of shares of a sequence.
fn padded(length: usize) -> usize {
    length.next_multiple_of(PANEL)
}

/// Returns how many shares sequences of these lengths need.
pub(super) fn shares_of(lengths: &[usize], heads: usize) -> usize {
    lengths.iter().map(|length| heads * length * padded(*length)).sum()
}

/// Writes what the tokens of sequences of these `lengths` gather; `packed` is working memory.
///
/// `queries` has shape `(tokens, 3 width)`, `into` `(tokens, width)`.
pub(super) fn gather(
    level: Level,
    lengths: &[usize],
    heads: usize,
    queries: &[f32],
    shares: &mut [f32],
    into: (&mut [f32], usize),
    packed: &mut Vec<f32>,
) {
    let (into, width) = into;
    let (mut token, mut place) = (0, 0);
    for length in lengths.iter().copied() {
        let columns = padded(length);
        for head in Head::all(width, heads) {
            let shares = &mut shares[place..][..length * columns];
            let own = &queries[token * head.stride()..];
            pack_transposed(length, head.size, &own[width + head.first..], head.stride(), packed);
            for top in (0..length).step_by(BLOCK) {
                let rows = BLOCK.min(length - top);
                let seen = padded(top + rows);
                let size = Size { rows, columns: seen, depth: head.size };
                let left = Left::rows(&own[top * head.stride() + head.first..], head.stride());
                let scores = &mut shares[top * columns..];
                let right = Right::packed(packed, head.size);
                multiply(level, size, left, right, (scores, columns, Into::Replace));
                level.run(CausalSoftmax {
                    rows: scores,
                    stride: columns,
                    width: seen,
                    first: top + 1,
                    n_rows: rows,
                    scale: head.scale(),
                });
                let size = Size { rows, columns: head.size, depth: top + rows };
                let left = Left::rows(&shares[top * columns..], columns);
                let right = Right::rows(&own[2 * width + head.first..], head.stride());
                let into = &mut into[(token + top) * width + head.first..];
                multiply(level, size, left, right, (into, width, Into::Replace));
            }
            place += length * columns;
        }
        token += length;
    }
}

/// Writes what the youngest token of one sequence gathers; `scores` is working memory.
///
/// `queries` has shape `(tokens, 3 width)`, `into` is as wide as a token.
pub(super) fn gather_youngest(
    heads: usize,
    queries: &[f32],
    scores: &mut Vec<f32>,
    into: &mut [f32],
) {
    let width = into.len();
    for head in Head::all(width, heads) {
        let tokens = || queries.chunks_exact(head.stride());
        let Some(youngest) = tokens().next_back() else { return };
        let query = &youngest[head.first..][..head.size];
        scores.clear();
        scores.extend(
            tokens()
                .map(|token| dot(query, &token[width + head.first..][..head.size]) * head.scale()),
        );
        let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        scores.iter_mut().for_each(|score| *score = (*score - most).exp());
        let whole: f32 = scores.iter().sum();
        let into = &mut into[head.first..][..head.size];
        into.fill(0.0);
        for (token, share) in tokens().zip(&*scores) {
            for (into, value) in into.iter_mut().zip(&token[2 * width + head.first..]) {
                *into += share / whole * value;
            }
        }
    }
}

/// What the way back needs, and where it writes.
pub(super) struct Back<'a> {
    pub(super) lengths: &'a [usize],
    pub(super) heads: usize,
    pub(super) width: usize,
    pub(super) queries: &'a [f32],
    pub(super) shares: &'a [f32],
    /// The gradient of what was gathered, shape `(tokens, width)`.
    pub(super) given: &'a [f32],
    /// Out: the gradient of queries, keys and values, shape `(tokens, 3 width)`.
    pub(super) into: &'a mut [f32],
    /// Working memory.
    pub(super) packed: &'a mut Vec<f32>,
    /// Working memory.
    pub(super) scores: &'a mut Vec<f32>,
}

impl Back<'_> {
    /// Goes back through [`gather`].
    pub(super) fn run(mut self, level: Level) {
        let (mut token, mut place) = (0, 0);
        for length in self.lengths {
            for head in Head::all(self.width, self.heads) {
                let shares = &self.shares[place..][..length * padded(*length)];
                self.head(level, token, *length, head, shares);
                place += shares.len();
            }
            token += length;
        }
    }

    fn head(&mut self, level: Level, token: usize, length: usize, head: Head, shares: &[f32]) {
        let (width, stride, columns) = (self.width, head.stride(), padded(length));
        let own = &self.queries[token * stride..];
        let given = &self.given[token * width + head.first..];
        let into = &mut self.into[token * stride..];
        self.scores.resize(self.scores.len().max(length * columns), 0.0);
        pack_transposed(length, head.size, &own[2 * width + head.first..], stride, self.packed);
        for top in (0..length).step_by(BLOCK) {
            let rows = BLOCK.min(length - top);
            let seen = padded(top + rows);
            let size = Size { rows, columns: seen, depth: head.size };
            let scores = &mut self.scores[top * columns..];
            let left = Left::rows(&given[top * width..], width);
            let right = Right::packed(self.packed, head.size);
            multiply(level, size, left, right, (scores, columns, Into::Replace));
            level.run(SoftmaxBack {
                shares: &shares[top * columns..],
                gradients: scores,
                stride: columns,
                width: seen,
                n_rows: rows,
                scale: head.scale(),
            });
            let size = Size { rows, columns: head.size, depth: top + rows };
            let left = Left::rows(scores, columns);
            let right = Right::rows(&own[width + head.first..], stride);
            let into = &mut into[top * stride + head.first..];
            multiply(level, size, left, right, (into, stride, Into::Replace));
        }
        for top in (0..length).step_by(BLOCK) {
            let rows = BLOCK.min(length - top);
            let size = Size { rows, columns: head.size, depth: length - top };
            let corner = top * columns + top;
            let left = Left::transposed(&self.scores[corner..], columns);
            let right = Right::rows(&own[top * stride + head.first..], stride);
            let keys = &mut into[top * stride + width + head.first..];
            multiply(level, size, left, right, (keys, stride, Into::Replace));
            let left = Left::transposed(&shares[corner..], columns);
            let right = Right::rows(&given[top * width..], width);
            let values = &mut into[top * stride + 2 * width + head.first..];
            multiply(level, size, left, right, (values, stride, Into::Replace));
        }
    }
}
