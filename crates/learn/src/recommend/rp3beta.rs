//! Where a walk of three steps ends: item → customer → item, popular ends held back (Paudel et al.
//! 2017, "Updatable, accurate, diverse, and scalable recommendations for interactive applications",
//! RP³β; as evaluated by Ferrari Dacrema et al. 2019).
//!
//! `score(j) = Σ over i in the history of w_i W_ij`,
//! `W_ij = Σ over customers u of (w_ui / Σ w_·i)^α (w_uj / Σ w_u·)^α / n_j^β`, where `n_j` is how
//! many had `j`. Each item keeps its best `neighbours`. Weights of 0 and less are no steps.

use super::arrays::Reader;
use super::item_knn::{self, Basis, ItemKnn};
use super::settings::HALF_LIFE_ITEMS;
use super::{Parameter, Parameters, Recommender, Search, Training};
use crate::error::Result;
use crate::interactions::Interactions;
use crate::neighbours::{Accumulator, Best, Neighbours};
use rayon::prelude::*;

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::whole("neighbours", "ends kept for each item", 200, [1, 10_000])
        .searched(Search::Log(20.0, 1000.0)),
    Parameter::real("alpha", "the power of each step's probability", 1.0, [0.0, 10.0])
        .searched(Search::Even(0.2, 2.0)),
    Parameter::real("beta", "how much popular ends are held back", 0.4, [0.0, 10.0])
        .searched(Search::Even(0.0, 1.0)),
    HALF_LIFE_ITEMS,
];

/// Items that one task starts from.
const BLOCK_ITEMS: usize = 32;

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let [alpha, beta] = ["alpha", "beta"].map(|name| f64::from(parameters.real(name)));
    let graph = walks(training.interactions, alpha, beta, parameters.whole("neighbours"));
    let half_life_items = parameters.real(HALF_LIFE_ITEMS.name);
    Ok(Box::new(ItemKnn::over(graph, Basis::Walks, half_life_items)))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    item_knn::load_on(Basis::Walks, from)
}

/// Returns for each item the `neighbours` items with the largest `W`; each row of its own, so that
/// the bits are the same at any number of threads.
pub(crate) fn walks(
    interactions: &Interactions,
    alpha: f64,
    beta: f64,
    neighbours: usize,
) -> Neighbours {
    let by_user = steps(interactions, alpha);
    let by_item = steps(&interactions.transposed(), alpha);
    let counts = interactions.item_counts();
    let held: Vec<f64> = counts.iter().map(|n| f64::from(*n).powf(-beta)).collect();
    let items: Vec<u32> = (0..interactions.n_items() as u32).collect();
    let walk = |(sums, best): &mut (Accumulator<f64>, Best), item: u32| {
        sums.reserve(held.len());
        let (users, starts) = by_item.row(item as usize);
        for (user, start) in users.iter().zip(starts) {
            let (ends, steps) = by_user.row(*user as usize);
            for (end, step) in ends.iter().zip(steps) {
                *sums.touch(*end) += f64::from(*start) * f64::from(*step);
            }
        }
        best.start(neighbours);
        for end in sums.touched().iter().filter(|end| **end != item) {
            let weight = (sums.get(*end) * held[*end as usize]) as f32;
            if weight > 0.0 {
                best.push(*end, weight);
            }
        }
        sums.clear();
        let mut row: Vec<(u32, f32)> =
            best.finish().iter().map(|one| (one.item, one.score)).collect();
        row.sort_unstable_by_key(|entry| entry.0);
        row
    };
    let rows: Vec<Vec<(u32, f32)>> = items
        .par_chunks(BLOCK_ITEMS)
        .map_init(Default::default, |memory, block| {
            block.iter().map(|item| walk(memory, *item)).collect::<Vec<_>>()
        })
        .flatten_iter()
        .collect();
    Neighbours::from_rows(Interactions::from_sorted_rows(interactions.n_items(), rows))
}

/// Returns each row's shares, to the power α.
fn steps(rows: &Interactions, alpha: f64) -> Interactions {
    let sum = |row: usize| rows.row(row).1.iter().map(|weight| f64::from(weight.max(0.0))).sum();
    let sums: Vec<f64> = (0..rows.n_users()).map(sum).collect();
    let mut steps = rows.clone();
    steps.reweigh(|row, _, weight| match weight > 0.0 {
        true => (f64::from(weight) / sums[row]).powf(alpha) as f32,
        false => 0.0,
    });
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::Repeats;

    #[test]
    fn walks_by_hand() {
        // User 0 has 0 and 1 (weights 1, 3), user 1 has 1 and 2 (weights 1, 1).
        let all = Interactions::from_triples(
            2,
            3,
            &[0, 0, 1, 1],
            &[0, 1, 1, 2],
            &[1.0, 3.0, 1.0, 1.0],
            Repeats::Add,
        )
        .unwrap();
        let graph = walks(&all, 1.0, 0.5, 10);
        // From 1: to user 0 with 3/4, there to 0 with 1/4; to user 1 with 1/4, there to 2 with 1/2.
        assert_eq!(graph.row(1).0, [0, 2]);
        assert!((graph.row(1).1[0] - 3.0 / 16.0).abs() < 1e-7);
        assert!((graph.row(1).1[1] - 1.0 / 8.0).abs() < 1e-7);
        // From 0: to user 0, there to 1 with 3/4; two had it.
        assert!((graph.row(0).1[0] - 0.75 / 2_f32.sqrt()).abs() < 1e-6);
        let squared = walks(&all, 2.0, 0.0, 1);
        assert_eq!(squared.row(1).0, [0]);
        assert!((squared.row(1).1[0] - (3.0_f32 / 16.0).powi(2)).abs() < 1e-7);
    }
}
