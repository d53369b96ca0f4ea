//! The network: blocks of causal attention over the items of a customer, forwards and backwards.
//!
//! Kang & McAuley 2018 ("Self-attentive sequential recommendation"), with the norm before each part
//! (Xiong et al. 2020):
//! `x = drop(√width · item + place)`, then in each block `x += drop(attention(norm(x)))` and
//! `x += drop(down · drop(relu(up · norm(x))))`, then a norm. What comes out of a token is compared
//! with every item: the table of items goes in and comes out. Places are counted from the end, so
//! that the youngest item always stands at the last one.

use super::attention;
use super::pointwise::{
    AddRows, Drop, DropAdd, Dropout, Normalize, NormalizeBack, Rectify, RectifyBack,
};
use super::product::{Into, Left, Right, Size, multiply, pack_transposed};
use super::shape::{Part, Shape};
use crate::linear_algebra::lanes::Level;
use crate::linear_algebra::lanes::rows::LineRows;
use std::ops::Range;

/// A network with its weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Network {
    pub(super) shape: Shape,
    /// All weights but those of the items, as [`Shape::part`] says.
    pub(super) weights: Vec<f32>,
    /// Shape `(n_items, width)`.
    pub(super) items: LineRows,
}

/// Sequences that go through the network together.
#[derive(Debug, Clone, Default)]
pub(super) struct Unit {
    /// The items of all, one after the other, each oldest first.
    pub(super) items: Vec<u32>,
    /// How many of them each has.
    pub(super) lengths: Vec<usize>,
}

impl Unit {
    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.lengths.clear();
    }

    /// Returns the place of each token.
    fn places(&self, most: usize) -> impl Iterator<Item = usize> {
        self.lengths.iter().flat_map(move |length| most - length..most)
    }
}

/// What a block made on the way forward.
#[derive(Debug, Default)]
struct Layer {
    normals: [Vec<f32>; 2],
    inverses: [Vec<f32>; 2],
    inputs: [Vec<f32>; 2],
    queries: Vec<f32>,
    shares: Vec<f32>,
    gathered: Vec<f32>,
    hidden: Vec<f32>,
}

/// Working memory for going through a network.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    layers: Vec<Layer>,
    /// The running sum, shape `(tokens, width)`.
    x: Vec<f32>,
    normal: Vec<f32>,
    inverse: Vec<f32>,
    /// What comes out, shape `(tokens, width)`.
    pub(super) out: Vec<f32>,
    /// The gradient of `out`, on the way back.
    pub(super) out_gradient: Vec<f32>,
    gradient: Vec<f32>,
    one: Vec<f32>,
    three: Vec<f32>,
    scores: Vec<f32>,
    packed: Vec<f32>,
    /// The sequences.
    pub(super) unit: Unit,
}

/// Returns the first `length` numbers, grown to hold so many; what was there stays.
pub(super) fn room(values: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if values.len() < length {
        values.resize(length, 0.0);
    }
    &mut values[..length]
}

/// Writes `left · weights + bias`.
fn linear(level: Level, left: &[f32], weights: &[f32], bias: &[f32], into: &mut [f32]) {
    let columns = bias.len();
    let depth = weights.len() / columns;
    for row in into.chunks_exact_mut(columns) {
        row.copy_from_slice(bias);
    }
    let size = Size { rows: left.len() / depth, columns, depth };
    let right = Right::rows(weights, columns);
    multiply(level, size, Left::rows(left, depth), right, (into, columns, Into::Add));
}

/// The way back through [`linear`].
struct LinearBack<'a> {
    left: &'a [f32],
    given: &'a [f32],
    /// The weights transposed, packed.
    turned: &'a [f32],
    weights_gradient: &'a mut [f32],
    bias_gradient: &'a mut [f32],
    left_gradient: &'a mut [f32],
}

impl LinearBack<'_> {
    fn run(self, level: Level) {
        let columns = self.bias_gradient.len();
        let depth = self.weights_gradient.len() / columns;
        let rows = self.given.len() / columns;
        level.run(AddRows { rows: self.given, into: self.bias_gradient });
        let size = Size { rows: depth, columns, depth: rows };
        let (left, right) = (Left::transposed(self.left, depth), Right::rows(self.given, columns));
        multiply(level, size, left, right, (self.weights_gradient, columns, Into::Add));
        let size = Size { rows, columns: depth, depth: columns };
        let (left, right) = (Left::rows(self.given, columns), Right::packed(self.turned, columns));
        multiply(level, size, left, right, (self.left_gradient, depth, Into::Replace));
    }
}

/// The matrices of every block transposed, packed, for the way back.
#[derive(Debug, Default)]
pub(super) struct Turned {
    matrices: Vec<[Vec<f32>; 4]>,
}

impl Turned {
    pub(super) fn fill(&mut self, network: &Network) {
        let shape = network.shape;
        self.matrices.resize_with(shape.blocks, Default::default);
        for (block, matrices) in self.matrices.iter_mut().enumerate() {
            for ((part, [rows, columns]), into) in Part::MATRICES.iter().zip(matrices) {
                let values = &network.weights[shape.part(block, *part)];
                let (rows, columns) = (rows * shape.width, columns * shape.width);
                pack_transposed(rows, columns, values, columns, into);
            }
        }
    }
}

impl Network {
    /// Returns the weights of a part of a block.
    fn part(&self, block: usize, part: Part) -> &[f32] {
        &self.weights[self.shape.part(block, part)]
    }

    /// Sends `tape.unit` through the network: fills `tape.out`.
    pub(super) fn forward(&self, level: Level, tape: &mut Tape, dropout: Dropout) {
        self.enter(level, tape, dropout);
        for block in 0..self.shape.blocks {
            self.block(level, block, tape, dropout);
        }
        self.leave(level, tape);
    }

    /// As [`Network::forward`] without dropout for one sequence, but only at its youngest token,
    /// the only one left on the tape: the last block is asked for nothing else.
    pub(super) fn forward_youngest(&self, level: Level, tape: &mut Tape) {
        let Shape { width, heads, blocks, .. } = self.shape;
        self.enter(level, tape, Dropout::NONE);
        for block in 0..blocks - 1 {
            self.block(level, block, tape, Dropout::NONE);
        }
        self.query(level, blocks - 1, tape);
        let before = tape.unit.items.len() - 1;
        let layer = &mut tape.layers[blocks - 1];
        let queries = &layer.queries[..3 * width * (before + 1)];
        let gathered = room(&mut layer.gathered, width);
        attention::gather_youngest(heads, queries, &mut tape.scores, gathered);
        tape.x.copy_within(before * width..(before + 1) * width, 0);
        tape.unit.items.drain(..before);
        tape.unit.lengths.fill(1);
        self.feed(level, blocks - 1, tape, Dropout::NONE);
        self.leave(level, tape);
    }

    /// Writes what goes into the first block.
    fn enter(&self, level: Level, tape: &mut Tape, dropout: Dropout) {
        let shape = self.shape;
        let length = tape.unit.items.len() * shape.width;
        let places = &self.weights[shape.places()];
        let x = room(&mut tape.x, length);
        let tokens = tape.unit.items.iter().zip(tape.unit.places(shape.length));
        for (x, (item, place)) in x.chunks_exact_mut(shape.width).zip(tokens) {
            let place = &places[place * shape.width..][..shape.width];
            for ((x, item), place) in x.iter_mut().zip(self.items.row(*item as usize)).zip(place) {
                *x = shape.root() * item + place;
            }
        }
        level.run(Drop { dropout, values: x });
        tape.layers.resize_with(shape.blocks.max(tape.layers.len()), Layer::default);
    }

    /// Writes what comes out of the last block.
    fn leave(&self, level: Level, tape: &mut Tape) {
        let shape = self.shape;
        let length = tape.unit.items.len() * shape.width;
        let [gain, shift] = shape.last();
        level.run(Normalize {
            x: &tape.x[..length],
            gain: &self.weights[gain],
            shift: &self.weights[shift],
            normal: room(&mut tape.normal, length),
            inverse: room(&mut tape.inverse, length / shape.width),
            into: room(&mut tape.out, length),
        });
    }

    fn normalize(&self, level: Level, block: usize, which: usize, tape: &mut Tape) {
        let (gain, shift) = NORMS[which];
        let length = tape.unit.items.len() * self.shape.width;
        let layer = &mut tape.layers[block];
        level.run(Normalize {
            x: &tape.x[..length],
            gain: self.part(block, gain),
            shift: self.part(block, shift),
            normal: room(&mut layer.normals[which], length),
            inverse: room(&mut layer.inverses[which], length / self.shape.width),
            into: room(&mut layer.inputs[which], length),
        });
    }

    /// Writes the queries, keys and values of a block.
    fn query(&self, level: Level, block: usize, tape: &mut Tape) {
        let length = tape.unit.items.len() * self.shape.width;
        self.normalize(level, block, 0, tape);
        let layer = &mut tape.layers[block];
        let queries = room(&mut layer.queries, 3 * length);
        let [weights, bias] = [Part::Queries, Part::QueriesBias].map(|part| self.part(block, part));
        linear(level, &layer.inputs[0][..length], weights, bias, queries);
    }

    fn block(&self, level: Level, block: usize, tape: &mut Tape, dropout: Dropout) {
        let Shape { width, heads, .. } = self.shape;
        let length = tape.unit.items.len() * width;
        self.query(level, block, tape);
        let layer = &mut tape.layers[block];
        let queries = &layer.queries[..3 * length];
        let shares = attention::shares_of(&tape.unit.lengths, heads);
        let shares = room(&mut layer.shares, shares);
        let gathered = room(&mut layer.gathered, length);
        let lengths = &tape.unit.lengths;
        attention::gather(
            level,
            lengths,
            heads,
            queries,
            shares,
            (gathered, width),
            &mut tape.packed,
        );
        self.feed(level, block, tape, dropout);
    }

    /// Adds what was gathered, and what follows from it, to the running sum.
    fn feed(&self, level: Level, block: usize, tape: &mut Tape, dropout: Dropout) {
        let length = tape.unit.items.len() * self.shape.width;
        let gathered = &tape.layers[block].gathered[..length];
        let one = room(&mut tape.one, length);
        let [weights, bias] = [Part::Mix, Part::MixBias].map(|part| self.part(block, part));
        linear(level, gathered, weights, bias, one);
        let into = &mut tape.x[..length];
        level.run(DropAdd { dropout: dropout.at(3 * block + 1), from: one, into });
        self.normalize(level, block, 1, tape);
        let layer = &mut tape.layers[block];
        let hidden = room(&mut layer.hidden, length);
        let [weights, bias] = [Part::Up, Part::UpBias].map(|part| self.part(block, part));
        linear(level, &layer.inputs[1][..length], weights, bias, hidden);
        level.run(Rectify { dropout: dropout.at(3 * block + 2), values: hidden });
        let one = room(&mut tape.one, length);
        let [weights, bias] = [Part::Down, Part::DownBias].map(|part| self.part(block, part));
        linear(level, hidden, weights, bias, one);
        let into = &mut tape.x[..length];
        level.run(DropAdd { dropout: dropout.at(3 * block + 3), from: one, into });
    }

    /// Goes back from `tape.out_gradient`: adds to the gradient of the weights, and returns that of
    /// `√width · item` for each token, shape `(tokens, width)`.
    pub(super) fn backward<'a>(
        &self,
        level: Level,
        turned: &Turned,
        tape: &'a mut Tape,
        dropout: Dropout,
        gradient: &mut [f32],
    ) -> &'a [f32] {
        let shape = self.shape;
        let length = tape.unit.items.len() * shape.width;
        let [gain, shift] = shape.last();
        let x_gradient = room(&mut tape.gradient, length);
        x_gradient.fill(0.0);
        let [gain_gradient, shift_gradient] = two(gradient, &gain, &shift);
        level.run(NormalizeBack {
            given: &mut tape.out_gradient[..length],
            normal: &tape.normal[..length],
            inverse: &tape.inverse[..length / shape.width],
            gain: &self.weights[gain],
            gain_gradient,
            shift_gradient,
            x_gradient,
        });
        for block in (0..shape.blocks).rev() {
            self.block_back(level, block, &turned.matrices[block], tape, dropout, gradient);
        }
        let x_gradient = &mut tape.gradient[..length];
        level.run(Drop { dropout, values: x_gradient });
        let places = &mut gradient[shape.places()];
        let rows = x_gradient.chunks_exact(shape.width);
        for (place, row) in tape.unit.places(shape.length).zip(rows) {
            let place = &mut places[place * shape.width..][..shape.width];
            for (place, value) in place.iter_mut().zip(row) {
                *place += value;
            }
        }
        for value in x_gradient.iter_mut() {
            *value *= shape.root();
        }
        &tape.gradient[..length]
    }

    fn block_back(
        &self,
        level: Level,
        block: usize,
        turned: &[Vec<f32>; 4],
        tape: &mut Tape,
        dropout: Dropout,
        gradient: &mut [f32],
    ) {
        self.rectified_back(level, block, turned, tape, dropout, gradient);
        let Shape { width, heads, .. } = self.shape;
        let length = tape.unit.items.len() * width;
        let layer = &tape.layers[block];
        let one = room(&mut tape.one, length);
        let given = &mut tape.out_gradient[..length];
        one.copy_from_slice(&tape.gradient[..length]);
        level.run(Drop { dropout: dropout.at(3 * block + 1), values: one });
        let left = &layer.gathered[..length];
        let parts = [Part::Mix, Part::MixBias];
        self.linear_back(level, block, parts, (left, one, &turned[1]), given, gradient);
        let three = room(&mut tape.three, 3 * length);
        attention::Back {
            lengths: &tape.unit.lengths,
            heads,
            width,
            queries: &layer.queries[..3 * length],
            shares: &layer.shares,
            given,
            into: three,
            packed: &mut tape.packed,
            scores: &mut tape.scores,
        }
        .run(level);
        let left = &layer.inputs[0][..length];
        let parts = [Part::Queries, Part::QueriesBias];
        self.linear_back(level, block, parts, (left, three, &turned[0]), one, gradient);
        self.normalize_back(level, block, 0, (layer, one), &mut tape.gradient, gradient);
    }

    /// Goes back through `x += drop(down · drop(relu(up · norm(x))))`.
    fn rectified_back(
        &self,
        level: Level,
        block: usize,
        turned: &[Vec<f32>; 4],
        tape: &mut Tape,
        dropout: Dropout,
        gradient: &mut [f32],
    ) {
        let length = tape.unit.items.len() * self.shape.width;
        let layer = &tape.layers[block];
        let one = room(&mut tape.one, length);
        // It has been read: it serves as the gradient of what a part was given.
        let given = &mut tape.out_gradient[..length];
        one.copy_from_slice(&tape.gradient[..length]);
        level.run(Drop { dropout: dropout.at(3 * block + 3), values: one });
        let hidden = &layer.hidden[..length];
        let parts = [Part::Down, Part::DownBias];
        self.linear_back(level, block, parts, (hidden, one, &turned[3]), given, gradient);
        level.run(RectifyBack { scale: dropout.scale(), values: hidden, gradient: given });
        let left = &layer.inputs[1][..length];
        let parts = [Part::Up, Part::UpBias];
        self.linear_back(level, block, parts, (left, given, &turned[2]), one, gradient);
        self.normalize_back(level, block, 1, (layer, one), &mut tape.gradient, gradient);
    }

    /// Goes back through [`linear`], given what went in, the gradient of what came out and the
    /// weights turned; replaces the gradient of what went in.
    fn linear_back(
        &self,
        level: Level,
        block: usize,
        parts: [Part; 2],
        given: (&[f32], &[f32], &[f32]),
        left_gradient: &mut [f32],
        gradient: &mut [f32],
    ) {
        let (left, given, turned) = given;
        let [weights, bias] = parts.map(|part| self.shape.part(block, part));
        let [weights_gradient, bias_gradient] = two(gradient, &weights, &bias);
        LinearBack { left, given, turned, weights_gradient, bias_gradient, left_gradient }
            .run(level);
    }

    fn normalize_back(
        &self,
        level: Level,
        block: usize,
        which: usize,
        given: (&Layer, &mut [f32]),
        x_gradient: &mut [f32],
        gradient: &mut [f32],
    ) {
        let (layer, given) = given;
        let (gain, shift) = NORMS[which];
        let (gain, shift) = (self.shape.part(block, gain), self.shape.part(block, shift));
        let length = given.len();
        let [gain_gradient, shift_gradient] = two(gradient, &gain, &shift);
        level.run(NormalizeBack {
            given,
            normal: &layer.normals[which][..length],
            inverse: &layer.inverses[which][..length / self.shape.width],
            gain: &self.weights[gain],
            gain_gradient,
            shift_gradient,
            x_gradient: &mut x_gradient[..length],
        });
    }
}

/// The weights of the norms of a block.
const NORMS: [(Part, Part); 2] = [(Part::Gain, Part::Shift), (Part::SecondGain, Part::SecondShift)];

/// Returns two neighbouring parts for writing.
fn two<'a>(
    values: &'a mut [f32],
    first: &Range<usize>,
    second: &Range<usize>,
) -> [&'a mut [f32]; 2] {
    debug_assert_eq!(first.end, second.start, "the parts stand side by side");
    let (first_part, second_part) =
        values[first.start..second.end].split_at_mut(first.end - first.start);
    [first_part, second_part]
}
