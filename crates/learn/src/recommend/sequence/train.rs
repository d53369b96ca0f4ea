//! Fits the network: windows of histories, batches, gradients joined in order, steps.
//!
//! A batch is cut into tasks by its own lengths, never by the threads; tasks go in parallel, each
//! through small units of sequences that fit the cache, and their gradients are added in order, so
//! that the bits are the same at any number of threads.

use super::adam::{Moments, Step};
use super::loss::{Candidates, Loss};
use super::network::{Network, Tape, Turned, room};
use super::pointwise::{Dropout, mixed};
use super::shape::{Part, Shape};
use crate::linear_algebra::lanes::Level;
use crate::linear_algebra::lanes::rows::LineRows;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use std::ops::Range;

/// Tokens that go through the network together: what they leave behind stays near the processor.
const UNIT_TOKENS: usize = 256;
/// Tasks of a batch, and the fewest tokens of each.
const TASKS: usize = 8;
const TASK_TOKENS: usize = 512;
/// Steps from one network to the next that the running mean takes in.
const MEAN_STEPS: usize = 4;
/// How much of the running mean is kept at most, and what makes it forget faster at first.
const MEAN_KEEP: f32 = 0.99;
const MEAN_SOON: f32 = 5.0;
/// The deviation of the first rows of items and places.
const DEVIATION: f32 = 0.02;

/// How a network is fitted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    pub(super) dropout: f32,
    /// Items each batch is compared with; 0 for all.
    pub(super) negatives: usize,
    pub(super) rate: f32,
    /// Sequences of a batch.
    pub(super) batch: usize,
    pub(super) seed: u64,
}

/// A part of a history: all but its last item go in, all but its first come next.
#[derive(Debug, Clone)]
struct Window {
    user: usize,
    range: Range<usize>,
}

/// A network that is being fitted.
#[derive(Debug)]
pub(super) struct Trainer<'a> {
    network: Network,
    /// The running mean of the network, which swings less from step to step (Polyak & Juditsky
    /// 1992).
    pub(super) mean: Network,
    /// How many networks are in the mean.
    averaged: usize,
    course: Course,
    /// The items of each user, oldest first.
    histories: &'a [Vec<u32>],
    /// Items that somebody had, in an order that changes with every draw.
    known: Vec<u32>,
    candidates: Candidates,
    turned: Turned,
    tasks: Vec<Task>,
    moments: Moments,
    item_moments: Moments,
    steps: usize,
    epochs: usize,
    /// For each item its place among those that this batch moves, from 1.
    places: Vec<u32>,
    moved: Vec<u32>,
    moved_gradient: Vec<f32>,
}

/// A part of a batch, with its gradients.
#[derive(Debug, Default)]
struct Task {
    windows: Vec<Window>,
    /// The items that go in, and those that come next.
    tokens: [Vec<u32>; 2],
    gradient: Vec<f32>,
    candidates_gradient: Vec<f32>,
    /// Of the rows of `tokens`.
    token_gradients: [Vec<f32>; 2],
    scores: Vec<f32>,
    tape: Tape,
    loss: f64,
}

impl Network {
    /// Returns a network of small random weights.
    pub(super) fn drawn(shape: Shape, n_items: usize, random: &mut Pcg64Mcg) -> Self {
        let mut draw =
            |deviation: f32| (random.random::<f32>() - 0.5) * 12.0_f32.sqrt() * deviation;
        let mut items = LineRows::zeros(n_items, shape.width);
        items.values_mut().fill_with(|| draw(DEVIATION));
        let mut weights = vec![0.0; shape.weights()];
        for block in 0..shape.blocks {
            for part in Part::ALL {
                let values = &mut weights[shape.part(block, part)];
                match part {
                    Part::Gain | Part::SecondGain => values.fill(1.0),
                    Part::Queries | Part::Mix | Part::Up | Part::Down => {
                        values.fill_with(|| draw(1.0 / (shape.width as f32).sqrt()));
                    }
                    _ => {}
                }
            }
        }
        weights[shape.last()[0].clone()].fill(1.0);
        weights[shape.places()].fill_with(|| draw(DEVIATION));
        Self { shape, weights, items }
    }
}

impl<'a> Trainer<'a> {
    /// Returns a network yet to be fitted to these histories of items below `n_items`.
    pub(super) fn new(
        shape: Shape,
        course: Course,
        n_items: usize,
        histories: &'a [Vec<u32>],
    ) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(course.seed);
        let network = Network::drawn(shape, n_items, &mut random);
        let mut is_known = vec![false; n_items];
        for item in histories.iter().flatten() {
            is_known[*item as usize] = true;
        }
        let known = (0..n_items as u32).filter(|item| is_known[*item as usize]).collect();
        Self {
            moments: Moments::new(network.weights.len()),
            item_moments: Moments::new(n_items * shape.width),
            mean: network.clone(),
            averaged: 0,
            network,
            course,
            histories,
            known,
            candidates: Candidates::default(),
            turned: Turned::default(),
            tasks: Vec::new(),
            steps: 0,
            epochs: 0,
            places: vec![0; n_items],
            moved: Vec::new(),
            moved_gradient: Vec::new(),
        }
    }

    /// Goes over all histories once; returns the mean loss.
    pub(super) fn epoch(&mut self) -> f64 {
        let seed = self.course.seed ^ (self.epochs as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut windows = self.windows(&mut random);
        windows.shuffle(&mut random);
        let (mut loss, mut tokens) = (0.0, 0);
        for batch in windows.chunks(self.course.batch) {
            loss += self.batch(batch, &mut random);
            tokens += batch.iter().map(|window| window.range.len() - 1).sum::<usize>();
        }
        self.epochs += 1;
        loss / tokens.max(1) as f64
    }

    /// Cuts histories into windows: the youngest items, and what is older from a random place on.
    fn windows(&self, random: &mut Pcg64Mcg) -> Vec<Window> {
        let length = self.network.shape.length;
        let mut windows = Vec::new();
        for (user, history) in self.histories.iter().enumerate() {
            let mut end = history.len();
            let mut first = true;
            while end > 1 {
                let start = end.saturating_sub(length + 1);
                windows.push(Window { user, range: start..end });
                // What was predicted need not be again: the first item of a window is not.
                end = if start == 0 { 0 } else { start + 1 };
                if first && end > 1 {
                    end += random.random_range(0..length);
                    first = false;
                }
            }
        }
        windows
    }

    /// Makes one step; returns the sum of the losses.
    fn batch(&mut self, windows: &[Window], random: &mut Pcg64Mcg) -> f64 {
        let level = Level::detect();
        let tokens: usize = windows.iter().map(|window| window.range.len() - 1).sum();
        self.draw(random);
        self.turned.fill(&self.network);
        let count = self.deal(windows, tokens);
        let key = mixed(mixed(self.course.seed as u32) ^ self.steps as u32);
        let work = Work {
            network: &self.network,
            turned: &self.turned,
            candidates: &self.candidates,
            histories: self.histories,
            dropout: Dropout::new(self.course.dropout, key),
            weight: 1.0 / tokens as f32,
        };
        let tasks = &mut self.tasks[..count];
        tasks.par_iter_mut().enumerate().for_each(|(at, task)| task.run(level, &work, at));
        self.steps += 1;
        self.step(level, count);
        if self.steps % MEAN_STEPS == 1 {
            self.average();
        }
        self.tasks[..count].iter().map(|task| task.loss).sum()
    }

    /// Takes the network into the running mean.
    fn average(&mut self) {
        let before = self.averaged as f32;
        let keep = (before / (before + MEAN_SOON)).min(MEAN_KEEP);
        let means = [&mut self.mean.weights[..], self.mean.items.values_mut()];
        let values = [&self.network.weights[..], self.network.items.values()];
        for (mean, value) in means.into_iter().zip(values) {
            for (mean, value) in mean.iter_mut().zip(value) {
                *mean = keep * *mean + (1.0 - keep) * value;
            }
        }
        self.averaged += 1;
    }

    /// Draws what the batch is compared with.
    fn draw(&mut self, random: &mut Pcg64Mcg) {
        let wanted = self.course.negatives;
        if wanted == 0 || wanted >= self.known.len() {
            self.candidates.take_all(&self.network.items);
            return;
        }
        for at in 0..wanted {
            let other = random.random_range(at..self.known.len());
            self.known.swap(at, other);
        }
        let share = wanted as f64 / self.known.len() as f64;
        self.candidates.take(&self.network.items, &self.known[..wanted], share);
    }

    /// Deals windows to tasks of nearly equal numbers of tokens; returns how many.
    fn deal(&mut self, windows: &[Window], tokens: usize) -> usize {
        let share = tokens.div_ceil(TASKS).max(TASK_TOKENS);
        let (mut count, mut held) = (0, share);
        for window in windows {
            if held >= share {
                count += 1;
                held = 0;
                if self.tasks.len() < count {
                    self.tasks.push(Task::default());
                }
                self.tasks[count - 1].windows.clear();
            }
            held += window.range.len() - 1;
            self.tasks[count - 1].windows.push(window.clone());
        }
        count
    }

    /// Joins the gradients of the tasks in order and moves the weights.
    fn step(&mut self, level: Level, count: usize) {
        let step = Step::new(self.course.rate, self.steps);
        let width = self.network.shape.width;
        let (first, others) = self.tasks[..count].split_at_mut(1);
        let Some(first) = first.first_mut() else { return };
        for other in &*others {
            add(&mut first.gradient, &other.gradient);
            add(&mut first.candidates_gradient, &other.candidates_gradient);
        }
        self.moments.step(level, step, 0, &mut self.network.weights, &first.gradient);
        for item in self.moved.drain(..) {
            self.places[item as usize] = 0;
        }
        self.moved_gradient.clear();
        self.moved_gradient.extend_from_slice(&first.candidates_gradient);
        for (at, item) in self.candidates.items.iter().enumerate() {
            self.places[*item as usize] = at as u32 + 1;
        }
        self.moved.extend_from_slice(&self.candidates.items);
        for task in &self.tasks[..count] {
            for (items, gradients) in task.tokens.iter().zip(&task.token_gradients) {
                for (item, gradient) in items.iter().zip(gradients.chunks_exact(width)) {
                    let place = &mut self.places[*item as usize];
                    if *place == 0 {
                        self.moved.push(*item);
                        *place = self.moved.len() as u32;
                        self.moved_gradient.extend_from_slice(gradient);
                    } else {
                        let start = (*place as usize - 1) * width;
                        add(&mut self.moved_gradient[start..start + width], gradient);
                    }
                }
            }
        }
        for (item, gradient) in self.moved.iter().zip(self.moved_gradient.chunks_exact(width)) {
            let row = self.network.items.row_mut(*item as usize);
            self.item_moments.step(level, step, *item as usize * width, row, gradient);
        }
    }
}

fn add(into: &mut [f32], from: &[f32]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into += from;
    }
}

/// What the tasks of a batch share.
struct Work<'a> {
    network: &'a Network,
    turned: &'a Turned,
    candidates: &'a Candidates,
    histories: &'a [Vec<u32>],
    dropout: Dropout,
    weight: f32,
}

impl Task {
    /// Fills the gradients of the task, the `at`th of its batch.
    fn run(&mut self, level: Level, work: &Work<'_>, at: usize) {
        let width = work.network.shape.width;
        for (values, length) in [
            (&mut self.gradient, work.network.weights.len()),
            (&mut self.candidates_gradient, work.candidates.items.len() * width),
        ] {
            values.clear();
            values.resize(length, 0.0);
        }
        self.loss = 0.0;
        let windows = std::mem::take(&mut self.windows);
        for values in &mut self.tokens {
            values.clear();
        }
        for values in &mut self.token_gradients {
            values.clear();
        }
        let mut first = 0;
        let mut units = 0;
        while first < windows.len() {
            let mut end = first;
            let mut tokens = 0;
            self.tape.unit.clear();
            while end < windows.len()
                && (tokens == 0 || tokens + windows[end].range.len() <= UNIT_TOKENS)
            {
                let Window { user, range } = windows[end].clone();
                let own = &work.histories[user][range];
                self.tape.unit.items.extend_from_slice(&own[..own.len() - 1]);
                self.tape.unit.lengths.push(own.len() - 1);
                self.tokens[1].extend_from_slice(&own[1..]);
                tokens += own.len() - 1;
                end += 1;
            }
            self.unit(level, work, work.dropout.at((at << 16) + units));
            units += 1;
            first = end;
        }
        self.windows = windows;
    }

    /// Sends the unit on the tape forwards and backwards.
    fn unit(&mut self, level: Level, work: &Work<'_>, dropout: Dropout) {
        let width = work.network.shape.width;
        let tokens = self.tape.unit.items.len();
        let before = self.tokens[0].len();
        self.tokens[0].extend_from_slice(&self.tape.unit.items);
        work.network.forward(level, &mut self.tape, dropout);
        let [inputs, nexts] = &mut self.token_gradients;
        // Where all items are candidates, nothing is told of the next ones.
        let next_gradient = if work.candidates.items.len() == work.network.items.rows() {
            &mut []
        } else {
            nexts.resize((before + tokens) * width, 0.0);
            &mut nexts[before * width..]
        };
        let length = tokens * width;
        room(&mut self.tape.out_gradient, length);
        self.loss += Loss {
            table: &work.network.items,
            candidates: work.candidates,
            out: &self.tape.out[..length],
            next: &self.tokens[1][before..before + tokens],
            weight: work.weight,
            out_gradient: &mut self.tape.out_gradient[..length],
            rows_gradient: &mut self.candidates_gradient,
            next_gradient,
            scores: &mut self.scores,
        }
        .run(level);
        let gradient = &mut self.gradient;
        let given = work.network.backward(level, work.turned, &mut self.tape, dropout, gradient);
        inputs.extend_from_slice(given);
    }
}
