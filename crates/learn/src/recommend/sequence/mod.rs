//! What comes next after what the customer had, in its order: causal attention over his last items
//! (Kang & McAuley 2018, "Self-attentive sequential recommendation"), fitted by softmax over many
//! items instead of one drawn one (Klenitskiy & Vasilev 2023, "Turning dross into gold loss").
//!
//! `score(j) = out · item_j`, `out` being what comes out of the network at the youngest item.
//! It needs to know what was when: without ages it refuses. How long it goes on is found on
//! held-out items; then it is fitted to everything.

mod adam;
mod attention;
mod loss;
mod network;
mod pointwise;
mod product;
mod shape;
mod train;
mod tune;

pub(crate) use network::Tape;

use super::arrays::{Reader, Writer, wrong};
use super::{
    Contribution, History, ListOptions, Pad, Parameter, Parameters, Reason, Recommender, Scored,
    Search, Training, lists,
};
use crate::error::Result;
use crate::linear_algebra::lanes::Level;
use crate::linear_algebra::lanes::rows::{LineRows, Times};
use network::Network;
use pointwise::Dropout;
use shape::Shape;

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::whole("width", "numbers that describe an item", 64, [16, 512])
        .searched(Search::Log(32.0, 128.0)),
    Parameter::whole("blocks", "layers of attention, one upon the other", 2, [1, 8]),
    Parameter::whole("heads", "what each layer looks for at once", 1, [1, 16]),
    Parameter::whole("length", "youngest items of a customer that are looked at", 200, [1, 1000]),
    Parameter::real("dropout", "share of numbers left out in each step", 0.2, [0.0, 0.9])
        .searched(Search::Even(0.1, 0.6)),
    Parameter::whole(
        "negatives",
        "items that each batch is compared with, 0 for all there are",
        512,
        [0, 1_000_000],
    )
    .searched(Search::Log(128.0, 2048.0)),
    Parameter::real("rate", "how far a step goes", 0.002, [1e-6, 0.1])
        .searched(Search::Log(5e-4, 4e-3)),
    Parameter::whole(
        "batch",
        "customers of a step, 0 for so many that a pass has 200 steps, 16 to 256",
        0,
        [0, 10_000],
    ),
    Parameter::whole("epochs", "the most passes over all interactions", 200, [1, 10_000]),
    Parameter::whole("patience", "passes without a better list until it stops", 10, [1, 1000]),
    Parameter::word("refit", "whether what was held out is learned in the end", &["yes", "no"]),
    Parameter::whole(
        "seconds",
        "the most time, 0 for as long as it takes; with a limit, results depend on the machine",
        0,
        [0, 1_000_000],
    ),
];

/// A fitted network.
#[derive(Debug, Clone)]
pub struct Sequence {
    network: Network,
    /// How many users had each item.
    counts: Vec<u32>,
    figures: Vec<(&'static str, f64)>,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    Ok(Box::new(tune::fit(training, parameters)?))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let [width, heads, blocks, length] = match from.u32s("shape")?[..] {
        [width, heads, blocks, length] => [width, heads, blocks, length].map(|size| size as usize),
        _ => return Err(wrong("`shape` is not four numbers")),
    };
    let fits = (1..=16).contains(&heads)
        && (16..=512).contains(&width)
        && width.is_multiple_of(16 * heads)
        && (1..=8).contains(&blocks)
        && (1..=1000).contains(&length);
    if !fits {
        return Err(wrong("`shape` is no shape of a network"));
    }
    let shape = Shape { width, heads, blocks, length };
    let (weights, items) = (from.f32s("weights")?, from.f32s("items")?);
    let counts = from.u32s("counts")?;
    if weights.len() != shape.weights() || items.len() != counts.len() * width {
        return Err(wrong("the weights are not as many as the network has"));
    }
    if weights.iter().chain(&items).any(|weight| !weight.is_finite()) {
        return Err(wrong("a weight is not a number"));
    }
    let network = Network { shape, weights, items: LineRows::from_values(width, &items) };
    Ok(Box::new(Sequence { network, counts, figures: Vec::new() }))
}

impl Sequence {
    fn is_known(&self, item: u32) -> bool {
        self.counts.get(item as usize).is_some_and(|count| *count > 0)
    }

    /// Puts the youngest known items of a history on the tape; returns how many.
    fn lay(&self, history: History<'_>, tape: &mut Tape) -> usize {
        let mut items = history.ordered();
        items.retain(|item| self.is_known(*item));
        let items = &items[items.len().saturating_sub(self.network.shape.length)..];
        tape.unit.clear();
        tape.unit.items.extend_from_slice(items);
        tape.unit.lengths.push(items.len());
        items.len()
    }

    /// Writes the score of every item into `pad.dense`; returns whether the history says anything.
    fn score_all(&self, history: History<'_>, pad: &mut Pad) -> bool {
        if self.lay(history, &mut pad.tape) == 0 {
            return false;
        }
        self.network.forward_youngest(Level::detect(), &mut pad.tape);
        let x = &pad.tape.out[..self.network.shape.width];
        pad.dense.clear();
        pad.dense.resize(self.n_items(), 0.0);
        Level::detect().run(Times { rows: &self.network.items, x, into: &mut pad.dense });
        true
    }
}

impl Recommender for Sequence {
    fn name(&self) -> &'static str {
        "sequence"
    }

    fn n_items(&self) -> usize {
        self.counts.len()
    }

    fn score(&self, history: History<'_>, pad: &mut Pad) {
        pad.scores.reserve(self.n_items());
        if self.score_all(history, pad) {
            lists::score_dense(|item, _| self.is_known(item), pad);
        }
    }

    fn recommend(
        &self,
        history: History<'_>,
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> Vec<Scored> {
        if !self.score_all(history, pad) {
            return Vec::new();
        }
        lists::select_dense(|item, _| self.is_known(item), history, options, pad)
    }

    /// By how much each item of the history raised the score when it came: what comes out of the
    /// network at an item is what would come out if the history ended there. The parts sum to the
    /// score; items older than the network looks at have none.
    fn explain(&self, history: History<'_>, item: u32) -> Vec<Contribution> {
        lists::parts_of(self, history, item)
    }

    fn contributions(
        &self,
        history: History<'_>,
        _: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        let seen = self.lay(history, &mut pad.tape);
        if seen > 0 {
            self.network.forward(Level::detect(), &mut pad.tape, Dropout::NONE);
        }
        let width = self.network.shape.width;
        let tape = &pad.tape;
        let parts = |item: &u32| {
            if !self.is_known(*item) {
                return Vec::new();
            }
            let row = self.network.items.row(*item as usize);
            let mut before = 0.0;
            let part = |(out, item): (&[f32], &u32)| {
                let score = pointwise::dot(out, row);
                let raised = score - before;
                before = score;
                Contribution { item: *item, score: raised }
            };
            let outs = tape.out[..seen * width].chunks_exact(width);
            outs.zip(&tape.unit.items).map(part).collect()
        };
        items.iter().map(|item| Reason { model: self.name(), parts: parts(item) }).collect()
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        self.figures.clone()
    }

    fn save(&self, into: &mut Writer) {
        let Shape { width, heads, blocks, length } = self.network.shape;
        into.u32s("shape", &[width, heads, blocks, length].map(|size| size as u32));
        into.f32s("weights", &self.network.weights);
        into.f32s("items", &self.network.items.packed());
        into.u32s("counts", &self.counts);
    }
}

#[cfg(test)]
mod tests;
