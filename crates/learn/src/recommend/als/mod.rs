//! Factors of customers and items whose products say who will want what: implicit-feedback ALS.
//!
//! `score(j) = x · y_j`, `x` solved from the history (fold-in), so that a customer who bought
//! something a second ago needs no new fit. Two objectives:
//!
//! `objective=weighted` (Rendle et al. 2021, "Revisiting the performance of iALS", eq. 1 and 5):
//! `Σ observed of w (x·y − 1)² + w₀ Σ all pairs of (x·y)² + λ Σ rows of (n + w₀ m)^ν ‖x‖²`, with
//! `n` the interactions of a row and `m` the number of rows of the other side.
//!
//! `objective=implicit` (Hu et al. 2008, as the library of that name computes it):
//! `Σ all pairs of c (x·y − p)² + λ Σ rows of ‖x‖²`, `c = alpha · w` and `p = 1` where observed (0
//! for w < 0, with confidence |c|), `c = 1` and `p = 0` elsewhere.
//!
//! Both alternate between users and items: with one side fixed, each row of the other is a small
//! least-squares problem of its own. Rows are moved beyond its solution, which brings both sides
//! on in fewer sweeps; the last sweep ends on the solutions.

mod conjugate;
mod fit;
mod solve;

pub use fit::Settings;
pub use solve::Solver;

use super::arrays::{Reader, Writer, wrong};
use super::{
    Contribution, History, ListOptions, Pad, Parameter, Parameters, Reason, Recommender, Scored,
    Search, Training, lists, saved,
};
use crate::error::Result;
use crate::linear_algebra::lanes::Level;
use crate::linear_algebra::lanes::product;
use crate::linear_algebra::lanes::rows::{LineRows, Times};
use fit::{Factors, RowWeights};
use solve::{Dot, Scratch, System};

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::whole("factors", "numbers that describe a customer or an item", 64, [1, 2048])
        .searched(Search::Log(16.0, 256.0)),
    Parameter::whole("iterations", "sweeps over all customers and all items", 15, [1, 1000]),
    Parameter::word(
        "objective",
        "weighted: unobserved pairs count little, busy rows are held back more; implicit: as the \
         library of that name",
        &["weighted", "implicit"],
    ),
    Parameter::real("regularization", "how much factors are held back", 0.003, [0.0, 1e6])
        .searched(Search::Log(1e-4, 0.1)),
    Parameter::real(
        "alpha",
        "what the weight of an interaction is multiplied by",
        1.0,
        [1e-6, 1e6],
    ),
    Parameter::real(
        "unobserved_weight",
        "weighted: what a pair that was not observed weighs",
        0.1,
        [0.0, 1e3],
    )
    .searched(Search::Log(3e-4, 1.0)),
    Parameter::real(
        "nu",
        "weighted: 0 holds all rows back alike, 1 in proportion to their interactions",
        1.0,
        [0.0, 2.0],
    ),
    Parameter::word(
        "solver",
        "auto: cholesky up to 32 factors, else conjugate",
        &["auto", "conjugate", "cholesky", "blocks"],
    ),
    Parameter::whole(
        "steps",
        "conjugate: the most steps for each row, one more in the first sweep",
        2,
        [1, 1000],
    ),
    Parameter::whole("block", "blocks: factors solved at once", 64, [1, 2048]),
];

/// What the factors minimise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// All pairs weigh `unobserved`, observed ones their weight more.
    Weighted {
        /// What a weight is multiplied by.
        alpha: f32,
        /// λ.
        regularization: f32,
        /// w₀.
        unobserved: f32,
        /// ν.
        nu: f32,
    },
    /// Observed pairs weigh `alpha` times their weight, the others 1.
    Implicit {
        /// What a weight is multiplied by.
        alpha: f32,
        /// λ, the same for all rows.
        regularization: f32,
    },
}

/// An objective as what the systems are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights {
    /// What a weight is multiplied by.
    alpha: f32,
    /// What every pair weighs.
    shared: f32,
    /// How much of that an observed pair does not weigh in addition to its own.
    less: f32,
}

impl Objective {
    fn of(parameters: &Parameters) -> Self {
        let [alpha, regularization] = ["alpha", "regularization"].map(|name| parameters.real(name));
        match parameters.word("objective") {
            "implicit" => Self::Implicit { alpha, regularization },
            _ => Self::Weighted {
                alpha,
                regularization,
                unobserved: parameters.real("unobserved_weight"),
                nu: parameters.real("nu"),
            },
        }
    }

    fn weights(self) -> Weights {
        match self {
            Self::Weighted { alpha, unobserved, .. } => {
                Weights { alpha, shared: unobserved, less: 0.0 }
            }
            Self::Implicit { alpha, .. } => Weights { alpha, shared: 1.0, less: 1.0 },
        }
    }

    /// Returns how much a row with `n` interactions is held back, `m` rows on the other side.
    fn regularization(self, n: usize, m: usize) -> f32 {
        match self {
            Self::Weighted { regularization, unobserved, nu, .. } => {
                regularization * (n as f32 + unobserved * m as f32).powf(nu)
            }
            Self::Implicit { regularization, .. } => regularization,
        }
    }

    fn numbers(self) -> [f32; 5] {
        match self {
            Self::Weighted { alpha, regularization, unobserved, nu } => {
                [0.0, alpha, regularization, unobserved, nu]
            }
            Self::Implicit { alpha, regularization } => [1.0, alpha, regularization, 0.0, 0.0],
        }
    }

    fn of_numbers(numbers: &[f32]) -> Option<Self> {
        match *numbers {
            [0.0, alpha, regularization, unobserved, nu] => {
                Some(Self::Weighted { alpha, regularization, unobserved, nu })
            }
            [1.0, alpha, regularization, _, _] => Some(Self::Implicit { alpha, regularization }),
            _ => None,
        }
    }
}

/// Fitted factors.
#[derive(Debug, Clone)]
pub struct Als {
    objective: Objective,
    /// Shape `(n_users, factors)`.
    users: LineRows,
    /// Shape `(n_items, factors)`; zeros for an item that nobody had.
    items: LineRows,
    /// `w₀ YᵀY` of the users' and of the items' factors.
    grams: [LineRows; 2],
    loss: f64,
    iterations: u64,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let settings = Settings {
        factors: parameters.whole("factors"),
        iterations: parameters.whole("iterations"),
        objective: Objective::of(parameters),
        solver: Solver::of(parameters),
    };
    Ok(Box::new(Als::fit(training, &settings)?))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    let factors = saved::whole(from, "factors")?;
    let side = |name| {
        let values = from.f32s(name)?;
        let fits = factors > 0 && values.len().is_multiple_of(factors);
        if !fits || values.iter().any(|value| !value.is_finite()) {
            return Err(wrong(&format!("`{name}` are no factors")));
        }
        Ok(LineRows::from_values(factors, &values))
    };
    let objective = Objective::of_numbers(&from.f32s("objective")?);
    let objective = objective.ok_or_else(|| wrong("unknown objective"))?;
    let [loss] = from.f64s("loss")?[..] else { return Err(wrong("`loss` is not one number")) };
    let iterations = saved::whole(from, "iterations")? as u64;
    let factors = Factors { users: side("users")?, items: side("items")? };
    Ok(Box::new(Als::of(factors, objective, loss, iterations)))
}

impl Als {
    /// Fits factors.
    ///
    /// # Errors
    /// [`crate::Error::NoSolution`] when a system has no solution: without regularization.
    pub fn fit(training: &Training<'_>, settings: &Settings) -> Result<Self> {
        let by_user = training.interactions;
        let mut factors = Factors::random(by_user, settings, training.seed);
        factors.improve(by_user, settings)?;
        let loss = fit::loss(&factors, by_user, settings.objective);
        Ok(Self::of(factors, settings.objective, loss, settings.iterations as u64))
    }

    fn of(factors: Factors, objective: Objective, loss: f64, iterations: u64) -> Self {
        let shared = objective.weights().shared;
        let gram = |rows| fit::shared_gram(Level::detect(), rows, shared);
        let grams = [gram(&factors.users), gram(&factors.items)];
        let Factors { users, items } = factors;
        Self { objective, users, items, grams, loss, iterations }
    }

    /// Returns the loss after fitting, divided by the sum of all weights.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// Returns the factors of an item of the training data.
    #[must_use]
    pub fn item(&self, item: u32) -> &[f32] {
        &self.items.row(item as usize)[..self.items.columns()]
    }

    /// Returns the factors of a user of the training data.
    #[must_use]
    pub fn user(&self, user: u32) -> &[f32] {
        &self.users.row(user as usize)[..self.users.columns()]
    }

    /// Returns the factors that somebody with these items and weights has: the exact solution for
    /// him while the items stand still. Items the model does not know are passed over; `None` where
    /// it knows none of them.
    #[must_use]
    pub fn fold_in_user(&self, items: &[u32], weights: &[f32]) -> Option<Vec<f32>> {
        let row = Known::among(&self.items, items, weights);
        Some(self.folded(&row, 1)?[..self.items.columns()].to_vec())
    }

    /// Returns the factors that an item has which these users had: the exact solution while the
    /// users stand still. `None` where the model knows none of them.
    #[must_use]
    pub fn fold_in_item(&self, users: &[u32], weights: &[f32]) -> Option<Vec<f32>> {
        let row = Known::among(&self.users, users, weights);
        Some(self.folded(&row, 0)?[..self.users.columns()].to_vec())
    }

    fn side(&self, side: usize) -> &LineRows {
        if side == 0 { &self.users } else { &self.items }
    }

    fn system<'a>(&'a self, row: &'a Known, own: &'a RowWeights, side: usize) -> System<'a> {
        let rows = self.side(side);
        System {
            level: Level::detect(),
            gram: &self.grams[side],
            regularization: self.objective.regularization(row.indices.len(), rows.rows()),
            chosen: own.chosen(rows, &row.indices, 0),
            inverse: None,
        }
    }

    fn folded(&self, row: &Known, side: usize) -> Option<Vec<f32>> {
        if row.indices.is_empty() {
            return None;
        }
        let own = row.weighed(self.objective);
        let mut x = vec![0.0; self.side(side).stride()];
        let system = self.system(row, &own, side);
        system.solve(&mut x, &mut Scratch::default()).ok()?;
        Some(x)
    }

    /// Writes all scores into the pad; nothing where the history says nothing.
    fn score_all(&self, history: History<'_>, pad: &mut Pad) -> bool {
        let row = Known::among(&self.items, history.items, history.weights);
        let Some(x) = self.folded(&row, 1) else { return false };
        pad.dense.clear();
        pad.dense.resize(self.n_items(), 0.0);
        Level::detect().run(Times { rows: &self.items, x: &x, into: &mut pad.dense });
        true
    }

    fn is_known(&self, item: u32) -> bool {
        is_known(&self.items, item)
    }
}

fn is_known(rows: &LineRows, row: u32) -> bool {
    (row as usize) < rows.rows() && rows.row(row as usize).iter().any(|value| *value != 0.0)
}

/// The part of a history that a model knows.
struct Known {
    indices: Vec<u32>,
    weights: Vec<f32>,
}

impl Known {
    fn among(rows: &LineRows, indices: &[u32], weights: &[f32]) -> Self {
        let pairs = indices.iter().zip(weights).filter(|(index, _)| is_known(rows, **index));
        let (indices, weights) = pairs.unzip();
        Self { indices, weights }
    }

    fn weighed(&self, objective: Objective) -> RowWeights {
        let mut own = RowWeights::default();
        own.load((&self.indices, &self.weights), objective.weights());
        own
    }
}

impl Recommender for Als {
    fn name(&self) -> &'static str {
        "als"
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

    fn explain(&self, history: History<'_>, item: u32) -> Vec<Contribution> {
        lists::parts_of(self, history, item)
    }

    /// `score(j) = Σ over the history of wanted_k · y_kᵀ A⁻¹ y_j` (Hu et al. 2008, section 5).
    fn contributions(
        &self,
        history: History<'_>,
        _options: &ListOptions<'_>,
        items: &[u32],
        _pad: &mut Pad,
    ) -> Vec<Reason> {
        let row = Known::among(&self.items, history.items, history.weights);
        let own = row.weighed(self.objective);
        let system = self.system(&row, &own, 1);
        let mut scratch = Scratch::default();
        let factored = system.factored(&mut scratch);
        let reason = |item: &u32| {
            let mut parts = Vec::new();
            if let (Ok(upper), true) = (&factored, self.is_known(*item)) {
                let mut solved = self.items.row(*item as usize).to_vec();
                product::solve(upper, self.items.columns(), self.items.stride(), &mut solved);
                for (at, other) in row.indices.iter().enumerate() {
                    let product = system.level.run(Dot(self.items.row(*other as usize), &solved));
                    let score = system.chosen.wanted[at] * product;
                    parts.push(Contribution { item: *other, score });
                }
            }
            Reason { model: self.name(), parts }
        };
        items.iter().map(reason).collect()
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        vec![("loss", self.loss), ("iterations_run", self.iterations as f64)]
    }

    fn save(&self, into: &mut Writer) {
        into.u64s("factors", &[self.items.columns() as u64]);
        into.f32s("objective", &self.objective.numbers());
        into.f64s("loss", &[self.loss]);
        into.u64s("iterations", &[self.iterations]);
        into.f32s("users", &self.users.packed());
        into.f32s("items", &self.items.packed());
    }
}

#[cfg(test)]
mod tests;
