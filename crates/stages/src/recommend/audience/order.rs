//! The chance of a customer to take a product, learned from what customers took in the newest
//! window after what was known before it.
//!
//! Who took it before and who never did are two kinds of people: the one kind buys by habit, the
//! other by taste. Each has a logistic regression of its own.

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shopwise_learn::respond::logistic::{Logistic, Parameters};

use super::facts::{Cells, TAKEN, TAKEN_IN_ALL};
use crate::error::Result;

/// The customers who are named where the order is measured.
const NAMED: usize = 100;
/// No more than this share of the customers is named.
const NAMED_SHARE: f64 = 0.1;

/// How customers are ordered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    /// Of those who never took anything of the set, and of those who did.
    chances: [Chance; 2],
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Chance {
    Learned(Logistic),
    /// The same for all: in the window nobody of the kind took anything, 0, or everybody did, 1.
    OfAll(f64),
}

impl Order {
    /// Learns from pairs of customer and set, and from those who took something.
    ///
    /// # Errors
    /// What the regression refuses.
    pub(super) fn learn(cells: &[Cells; 2], taken: &FxHashSet<(u32, u32)>) -> Result<Self> {
        let mut chances = [Chance::OfAll(0.0), Chance::OfAll(0.0)];
        for (own, cells) in chances.iter_mut().zip(cells) {
            let labels = labels(cells, taken);
            *own = match (labels.contains(&true), labels.contains(&false)) {
                (true, true) => {
                    Chance::Learned(Parameters::default().fit(&cells.table()?, &labels, None)?)
                }
                (all, _) => Chance::OfAll(f64::from(u8::from(all))),
            };
        }
        Ok(Self { chances })
    }

    /// Returns the chance of each row.
    ///
    /// # Errors
    /// What the regression refuses.
    pub(super) fn chances(&self, cells: &[Cells; 2]) -> Result<[Vec<f64>; 2]> {
        let mut found = [Vec::new(), Vec::new()];
        for ((found, own), cells) in found.iter_mut().zip(&self.chances).zip(cells) {
            *found = match own {
                Chance::Learned(own) => own.predict_probability(&cells.table()?)?,
                Chance::OfAll(chance) => vec![*chance; cells.users.len()],
            };
        }
        Ok(found)
    }

    /// Returns how well customers are named on whom it did not learn, beside who took it most
    /// often, and then took most, and anybody.
    ///
    /// # Errors
    /// What the regression refuses.
    pub(super) fn measure(
        &self,
        cells: &[Cells; 2],
        taken: &FxHashSet<(u32, u32)>,
    ) -> Result<Measured> {
        let n_sets = cells.iter().flat_map(|cells| &cells.sets).max().map_or(0, |set| set + 1);
        let mut users: Vec<u32> = cells.iter().flat_map(|cells| cells.users.clone()).collect();
        users.sort_unstable();
        users.dedup();
        let named = NAMED.min((users.len() as f64 * NAMED_SHARE).ceil() as usize);
        let mut rows = vec![Vec::new(); n_sets as usize];
        for (cells, chances) in cells.iter().zip(self.chances(cells)?) {
            for (row, chance) in chances.into_iter().enumerate() {
                let [often, much] = [TAKEN, TAKEN_IN_ALL].map(|fact| cells.facts[fact][row]);
                let took = taken.contains(&(cells.users[row], cells.sets[row]));
                rows[cells.sets[row] as usize].push(([chance, 0.0], [often, much], took));
            }
        }
        let precision = |key: fn(&Row) -> [f64; 2]| -> Vec<f64> {
            rows.iter().map(|rows| share_of_first(rows.clone(), key, named)).collect()
        };
        let anybody = rows.iter().map(|rows| share(rows));
        Ok(Measured {
            named,
            customers: users.len(),
            own: precision(|row| row.0),
            by_count: precision(|row| row.1),
            of_anybody: anybody.collect(),
        })
    }
}

/// The share of the customers named who took it, for each audience.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    named: usize,
    customers: usize,
    pub(super) own: Vec<f64>,
    pub(super) by_count: Vec<f64>,
    pub(super) of_anybody: Vec<f64>,
}

impl Measured {
    pub(super) fn to_json(&self) -> Value {
        let (own, error) = mean_and_error(&self.own);
        let (by_count, error_by_count) = mean_and_error(&self.by_count);
        json!({
            "precision": own,
            "standard_error": error,
            "precision_by_count": by_count,
            "standard_error_by_count": error_by_count,
            "precision_of_anybody": mean_and_error(&self.of_anybody).0,
            "named": self.named,
            "customers": self.customers,
            "audiences": self.own.len(),
        })
    }

    /// Adds the audiences of another kind.
    pub(super) fn join(&mut self, more: Self) {
        self.own.extend(more.own);
        self.by_count.extend(more.by_count);
        self.of_anybody.extend(more.of_anybody);
    }
}

/// Chance, count, and whether it was taken.
type Row = ([f64; 2], [f64; 2], bool);

fn labels(cells: &Cells, taken: &FxHashSet<(u32, u32)>) -> Vec<bool> {
    cells.users.iter().zip(&cells.sets).map(|(user, set)| taken.contains(&(*user, *set))).collect()
}

/// Returns the share that took it of those whose key is highest.
fn share_of_first(mut rows: Vec<Row>, key: fn(&Row) -> [f64; 2], named: usize) -> f64 {
    rows.sort_by(|a, b| {
        let ([a, then_a], [b, then_b]) = (key(a), key(b));
        b.total_cmp(&a).then(then_b.total_cmp(&then_a))
    });
    rows.truncate(named);
    share(&rows)
}

/// Returns the share that took it.
fn share(rows: &[Row]) -> f64 {
    rows.iter().filter(|row| row.2).count() as f64 / rows.len().max(1) as f64
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0) / n).sqrt())
}
