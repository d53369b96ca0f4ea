//! Factors that put what a customer had before what he had not (Rendle et al. 2009, "BPR: Bayesian
//! personalized ranking from implicit feedback").
//!
//! `score(j) = x · y_j + b_j`, fitted by stochastic gradient ascent of
//! `Σ ln σ(score(i) − score(j)) − λ (‖x‖² + ‖y_i‖² + ‖y_j‖² + b_i² + b_j²)` over drawn triples: a
//! customer, an item he had, and one he had not. Drawn evenly, as there, the latter teaches what is
//! popular as well; drawn as often as others had it, only what is particular to the customer. The
//! better is in between, nearer to the first where items are few and well known.
//!
//! Threads never meet: customers and items are dealt into groups (stratified descent, Gemulla et
//! al. 2011); at any time each group of customers works with a group of items of its own, so that
//! the bits are the same at any number of threads. Items are dealt anew in each sweep.
//!
//! Somebody whose history is not the one that was fitted gets factors by the same steps, the items
//! standing still.

use super::arrays::{Reader, Writer, wrong};
use super::{
    Contribution, History, ListOptions, Pad, Parameter, Parameters, Recommender, Scored, Search,
    Training, lists, saved,
};
use crate::error::Result;
use crate::interactions::Interactions;
use crate::linear_algebra::lanes::rows::{LineRows, Times, part};
use crate::linear_algebra::lanes::{Job, Lanes, Level};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::whole("factors", "numbers that describe a customer or an item", 64, [1, 2048])
        .searched(Search::Log(16.0, 256.0)),
    Parameter::whole("iterations", "sweeps over all interactions", 150, [1, 10_000]),
    Parameter::real("learning_rate", "how far a step goes", 0.03, [1e-6, 10.0])
        .searched(Search::Log(0.01, 0.2)),
    Parameter::real("regularization", "how much factors are held back", 0.02, [0.0, 10.0])
        .searched(Search::Log(1e-3, 0.1)),
    Parameter::real(
        "popularity",
        "how often an item that he had not is drawn by how many had it; else evenly",
        0.15,
        [0.0, 1.0],
    )
    .searched(Search::Even(0.0, 1.0)),
];

/// The most groups: as many threads can work at once.
const GROUPS_MOST: usize = 16;
/// The fewest users and items of a group: with fewer, a group hardly ranks anything.
const GROUP_LEAST: usize = 64;
/// How often an item that the user had is drawn again before the triple is passed over.
const DRAWS: usize = 8;
/// Sweeps over a history that was not fitted.
const FOLD_SWEEPS: usize = 40;

/// How far steps go, how much they hold back, and which share of the others is drawn by popularity.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rates {
    step: f32,
    hold: f32,
    popularity: f32,
}

/// Fitted factors.
#[derive(Debug, Clone)]
pub struct Bpr {
    /// Shape `(n_users, factors + 1)`; the last column is 1.
    users: LineRows,
    /// Shape `(n_items, factors + 1)`; the last column is the item's own strength.
    items: LineRows,
    /// How many items each user had when fitted.
    fitted: Vec<u32>,
    /// How many users had each item.
    counts: Vec<u32>,
    /// Growing sums of `counts`.
    sums: Vec<u64>,
    rates: Rates,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let [step, hold, popularity] =
        ["learning_rate", "regularization", "popularity"].map(|name| parameters.real(name));
    let rates = Rates { step, hold, popularity };
    let [factors, sweeps] = ["factors", "iterations"].map(|name| parameters.whole(name));
    Ok(Box::new(Bpr::fit(training, factors, sweeps, rates)))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let columns = saved::whole(from, "columns")?;
    let side = |name| {
        let values = from.f32s(name)?;
        let fits = columns > 0 && values.len().is_multiple_of(columns);
        if !fits || values.iter().any(|value| !value.is_finite()) {
            return Err(wrong(&format!("`{name}` are no factors")));
        }
        Ok(LineRows::from_values(columns, &values))
    };
    let (users, items) = (side("users")?, side("items")?);
    let (fitted, counts) = (from.u32s("fitted")?, from.u32s("counts")?);
    if fitted.len() != users.rows() || counts.len() != items.rows() {
        return Err(wrong("counts are not one for each row"));
    }
    let rates = Rates {
        step: saved::number(from, "step")?,
        hold: saved::number(from, "hold")?,
        popularity: saved::number(from, "popularity")?,
    };
    Ok(Box::new(Bpr { users, items, fitted, sums: growing(&counts), counts, rates }))
}

fn growing(counts: &[u32]) -> Vec<u64> {
    let mut sum = 0;
    let mut add = |count: &u32| {
        sum += u64::from(*count);
        sum
    };
    counts.iter().map(&mut add).collect()
}

/// One group: its members and their factors, moved here for a sweep.
#[derive(Debug, Default)]
struct Group {
    members: Vec<u32>,
    /// Shape `(members, stride)`.
    factors: Vec<f32>,
    random: Option<Pcg64Mcg>,
    /// Of users: what they had, as (place of the user, item).
    pairs: Vec<(u32, u32)>,
}

impl Group {
    fn gather(&mut self, rows: &LineRows) {
        self.factors.clear();
        for member in &self.members {
            self.factors.extend_from_slice(rows.row(*member as usize));
        }
    }

    fn scatter(&self, rows: &mut LineRows) {
        let stride = rows.stride();
        for (member, factors) in self.members.iter().zip(self.factors.chunks_exact(stride)) {
            rows.row_mut(*member as usize).copy_from_slice(factors);
        }
    }
}

impl Bpr {
    fn fit(training: &Training<'_>, factors: usize, sweeps: usize, rates: Rates) -> Self {
        let all = training.interactions;
        let mut random = Pcg64Mcg::seed_from_u64(training.seed);
        let columns = factors + 1;
        let mut side = |rows: usize, last: f32| {
            let mut made = LineRows::zeros(rows, columns);
            for row in 0..rows {
                let row = &mut made.row_mut(row)[..columns];
                // Uniform, with the deviation .1/√factors.
                let reach = (12.0_f32 / factors as f32).sqrt() * 0.1;
                row.fill_with(|| (random.random::<f32>() - 0.5) * reach);
                row[factors] = last;
            }
            made
        };
        let (users, items) = (side(all.n_users(), 1.0), side(all.n_items(), 0.0));
        let counts = all.item_counts();
        let fitted = (0..all.n_users()).map(|user| all.row(user).0.len() as u32).collect();
        let mut model = Self { users, items, fitted, sums: growing(&counts), counts, rates };
        model.improve(all, sweeps, training.seed);
        model
    }

    fn improve(&mut self, all: &Interactions, sweeps: usize, seed: u64) {
        let smaller = all.n_users().min(all.n_items());
        let n_groups = (smaller / GROUP_LEAST).clamp(1, GROUPS_MOST);
        let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x9e37_79b9_7f4a_7c15);
        let mut user_groups = dealt(all.n_users(), n_groups, &mut random);
        for group in &mut user_groups {
            for (place, user) in group.members.iter().enumerate() {
                let own = all.row(*user as usize).0.iter().map(|item| (place as u32, *item));
                group.pairs.extend(own);
            }
            group.gather(&self.users);
            group.random = Some(Pcg64Mcg::seed_from_u64(random.random()));
        }
        let mut places = vec![(0, 0); all.n_items()];
        for _ in 0..sweeps {
            let mut item_groups = dealt(all.n_items(), n_groups, &mut random);
            for (number, group) in item_groups.iter_mut().enumerate() {
                for (place, item) in group.members.iter().enumerate() {
                    places[*item as usize] = (number as u32, place as u32);
                }
                group.gather(&self.items);
            }
            self.sweep(all, &mut user_groups, &mut item_groups, &places);
            for group in &item_groups {
                group.scatter(&mut self.items);
            }
        }
        for group in &user_groups {
            group.scatter(&mut self.users);
        }
    }

    /// Brings every group of users together with every group of items once.
    fn sweep(
        &self,
        all: &Interactions,
        user_groups: &mut [Group],
        item_groups: &mut Vec<Group>,
        places: &[(u32, u32)],
    ) {
        let level = Level::detect();
        let n_groups = user_groups.len();
        user_groups.par_iter_mut().for_each(|group| {
            if let Some(random) = &mut group.random {
                group.pairs.shuffle(random);
            }
            group.pairs.sort_by_key(|(_, item)| places[*item as usize].0);
        });
        // Item group g stands at place p in round r when g = (p + r) mod n.
        for round in 0..n_groups {
            let meet = |(at, (users, items)): (usize, (&mut Group, &mut Group))| {
                let own = ((at + round) % n_groups) as u32;
                level.run(Meet { model: self, all, users, items, places, own });
            };
            user_groups.par_iter_mut().zip(item_groups.par_iter_mut()).enumerate().for_each(meet);
            item_groups.rotate_left(1);
        }
    }

    fn is_known(&self, item: u32) -> bool {
        self.counts.get(item as usize).is_some_and(|count| *count > 0)
    }

    /// Returns the factors of somebody with this history; `None` where it says nothing.
    fn user_factors(&self, history: History<'_>) -> Option<Vec<f32>> {
        let known = |item: &u32| self.is_known(*item);
        let mut items: Vec<u32> = history.items.iter().copied().filter(known).collect();
        if items.is_empty() {
            return None;
        }
        items.sort_unstable();
        let user = history.user.map(|user| user as usize).filter(|user| *user < self.users.rows());
        let mut x = match user {
            Some(user) => self.users.row(user).to_vec(),
            None => {
                let mut x = vec![0.0; self.users.stride()];
                x[self.users.columns() - 1] = 1.0;
                x
            }
        };
        if user.is_none_or(|user| self.fitted[user] as usize != items.len()) {
            let fold = Fold { model: self, items: &items, x: &mut x };
            Level::detect().run(fold);
        }
        Some(x)
    }

    fn score_all(&self, history: History<'_>, pad: &mut Pad) -> bool {
        let Some(x) = self.user_factors(history) else { return false };
        pad.dense.clear();
        pad.dense.resize(self.n_items(), 0.0);
        Level::detect().run(Times { rows: &self.items, x: &x, into: &mut pad.dense });
        true
    }
}

/// Deals `n` members into groups of nearly equal size.
fn dealt(n: usize, n_groups: usize, random: &mut Pcg64Mcg) -> Vec<Group> {
    let mut members: Vec<u32> = (0..n as u32).collect();
    members.shuffle(random);
    let mut groups: Vec<Group> = (0..n_groups).map(|_| Group::default()).collect();
    for (at, member) in members.into_iter().enumerate() {
        groups[at % n_groups].members.push(member);
    }
    groups
}

/// One group of users with one group of items.
struct Meet<'a> {
    model: &'a Bpr,
    all: &'a Interactions,
    users: &'a mut Group,
    items: &'a mut Group,
    places: &'a [(u32, u32)],
    own: u32,
}

impl Job<f32> for Meet<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        let Meet { model, all, users, items, places, own } = self;
        let Group { members, factors, random, pairs } = users;
        let Some(random) = random else { return };
        let group_of = |pair: &(u32, u32)| places[pair.1 as usize].0;
        let start = pairs.partition_point(|pair| group_of(pair) < own);
        let end = pairs.partition_point(|pair| group_of(pair) <= own);
        let stride = model.users.stride();
        let last = model.users.columns() - 1;
        let pairs = &pairs[start..end];
        for (user, item) in pairs {
            let had = all.row(members[*user as usize] as usize).0;
            let mut other = None;
            for _ in 0..DRAWS {
                let drawn = if random.random::<f32>() < model.rates.popularity {
                    // Another interaction of the group.
                    pairs[random.random_range(0..pairs.len())].1
                } else {
                    items.members[random.random_range(0..items.members.len())]
                };
                if model.is_known(drawn) && had.binary_search(&drawn).is_err() {
                    other = Some(drawn);
                    break;
                }
            }
            let Some(other) = other else { continue };
            let x = &mut factors[*user as usize * stride..][..stride];
            let [better, worse] = [*item, other].map(|item| places[item as usize].1 as usize);
            let Some([y, z]) = two_rows(&mut items.factors, stride, [better, worse]) else {
                continue;
            };
            step::<L>(x, y, z, model.rates);
            x[last] = 1.0;
        }
    }
}

/// Returns two different rows for writing.
#[inline(always)]
fn two_rows(values: &mut [f32], stride: usize, rows: [usize; 2]) -> Option<[&mut [f32]; 2]> {
    let range = |row: usize| row * stride..(row + 1) * stride;
    values.get_disjoint_mut([range(rows[0]), range(rows[1])]).ok()
}

/// One step up for the user `x`, the item `y` he had and the item `z` he had not.
#[inline(always)]
fn step<L: Lanes<f32>>(x: &mut [f32], y: &mut [f32], z: &mut [f32], rates: Rates) {
    let length = x.len();
    assert!(length.is_multiple_of(L::COUNT) && y.len() == length && z.len() == length);
    let mut sum = L::splat(0.0);
    let minus = L::splat(-1.0);
    let mut at = 0;
    while at < length {
        let difference = part::<L>(z, at).times_plus(minus, part::<L>(y, at));
        sum = difference.times_plus(part::<L>(x, at), sum);
        at += L::COUNT;
    }
    let pull = L::splat(rates.step / (1.0 + sum.total().exp()));
    let keep = L::splat(1.0 - rates.step * rates.hold);
    for ((x, y), z) in x
        .chunks_exact_mut(L::COUNT)
        .zip(y.chunks_exact_mut(L::COUNT))
        .zip(z.chunks_exact_mut(L::COUNT))
    {
        let (old_x, old_y, old_z) = (L::load(x), L::load(y), L::load(z));
        let difference = old_z.times_plus(minus, old_y);
        let pulled = old_x.times(pull);
        difference.times_plus(pull, old_x.times(keep)).store(x);
        old_y.times_plus(keep, pulled).store(y);
        old_z.times_plus(keep, pulled.times(minus)).store(z);
    }
}

/// Moves the factors `x` of somebody who has `items`, ascending.
struct Fold<'a> {
    model: &'a Bpr,
    items: &'a [u32],
    x: &'a mut [f32],
}

impl Job<f32> for Fold<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>, const ROWS: usize>(self) {
        let Fold { model, items, x } = self;
        let total = model.sums.last().copied().unwrap_or(0);
        let last = model.users.columns() - 1;
        let mut random = Pcg64Mcg::seed_from_u64(0);
        let (mut y, mut z) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        for _ in 0..FOLD_SWEEPS {
            for item in items {
                let other = if random.random::<f32>() < model.rates.popularity {
                    let drawn = random.random_range(0..total);
                    model.sums.partition_point(|sum| *sum <= drawn)
                } else {
                    random.random_range(0..model.items.rows())
                };
                if !model.is_known(other as u32) || items.binary_search(&(other as u32)).is_ok() {
                    continue;
                }
                y.copy_from_slice(model.items.row(*item as usize));
                z.copy_from_slice(model.items.row(other));
                step::<L>(x, &mut y, &mut z, model.rates);
                x[last] = 1.0;
            }
        }
    }
}

impl Recommender for Bpr {
    fn name(&self) -> &'static str {
        "bpr"
    }

    fn n_items(&self) -> usize {
        self.items.rows()
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

    /// Empty: no part of the score belongs to an item of the history.
    fn explain(&self, _: History<'_>, _: u32) -> Vec<Contribution> {
        Vec::new()
    }

    fn save(&self, into: &mut Writer) {
        into.u64s("columns", &[self.items.columns() as u64]);
        into.f32s("users", &self.users.packed());
        into.f32s("items", &self.items.packed());
        into.u32s("fitted", &self.fitted);
        into.u32s("counts", &self.counts);
        into.f32s("step", &[self.rates.step]);
        into.f32s("hold", &[self.rates.hold]);
        into.f32s("popularity", &[self.rates.popularity]);
    }
}

#[cfg(test)]
mod tests;
