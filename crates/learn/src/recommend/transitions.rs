//! What comes next after what the customer has: pairs of items by how near they stand in the order
//! of a customer's history, and which of the two came first.
//!
//! `score(j) = Σ over i in the history of w_i T_ij`,
//! `T_ij = Σ over customers who have both of v / (n_i^α n_j^β)`, `n` being how many have an item,
//! and `v = d^(−fade)` for `j` that came `d` places after `i`, `backward · d^(−fade)` for `j` that
//! came before it. First-order Markov chains (Rendle et al. 2010, "Factorizing personalized Markov
//! chains", section 4) are `window` 1 with nothing backward; a wide window, no fading and both
//! directions alike is the asymmetric cosine (Aiolli 2013). What came at the same time stands at
//! one place; it follows each other at distance 1, both ways. Without ages everything does. Weights
//! of 0 and less are no interactions.

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
    Parameter::whole("neighbours", "next items kept for each item", 500, [1, 10_000])
        .searched(Search::Log(20.0, 1000.0)),
    Parameter::whole("window", "the most places between two items of a pair", 20, [1, 10_000])
        .searched(Search::Log(1.0, 100.0)),
    Parameter::real(
        "fade",
        "the power of the distance by which a pair counts less",
        0.4,
        [0.0, 8.0],
    )
    .searched(Search::Even(0.0, 2.0)),
    Parameter::real(
        "backward",
        "how much a pair counts from the later item to the earlier",
        0.1,
        [0.0, 1.0],
    )
    .searched(Search::Even(0.0, 1.0)),
    Parameter::real(
        "alpha",
        "how much popular items of the history are held back",
        0.3,
        [0.0, 4.0],
    )
    .searched(Search::Even(0.0, 1.0)),
    Parameter::real("beta", "how much popular next items are held back", 0.15, [0.0, 4.0])
        .searched(Search::Even(0.0, 1.0)),
    HALF_LIFE_ITEMS,
];

/// Items that one task starts from.
const BLOCK_ITEMS: usize = 32;

/// How pairs are counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counting {
    /// The most places between the two, ≥ 1.
    pub window: usize,
    /// The power of the distance.
    pub fade: f64,
    /// What a pair counts against the order.
    pub backward: f64,
    /// The powers of how many have the first and the second.
    pub powers: [f64; 2],
    /// Next items kept for each.
    pub neighbours: usize,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let real = |name| f64::from(parameters.real(name));
    let counting = Counting {
        window: parameters.whole("window"),
        fade: real("fade"),
        backward: real("backward"),
        powers: [real("alpha"), real("beta")],
        neighbours: parameters.whole("neighbours"),
    };
    let graph = transitions(training.interactions, &counting);
    let half_life_items = parameters.real(HALF_LIFE_ITEMS.name);
    Ok(Box::new(ItemKnn::over(graph, Basis::Order, half_life_items)))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    item_knn::load_on(Basis::Order, from)
}

/// The histories in their order.
struct Ordered {
    /// Of each customer the items, oldest first, with their places.
    rows: Vec<Vec<(u32, u32)>>,
    /// Of each item who has it, and where in his row.
    by_item: Vec<Vec<(u32, u32)>>,
}

impl Ordered {
    fn of(all: &Interactions) -> Self {
        let rows: Vec<_> = (0..all.n_users()).map(|user| in_order(all, user)).collect();
        let mut by_item = vec![Vec::new(); all.n_items()];
        for (user, row) in rows.iter().enumerate() {
            for (at, (item, _)) in row.iter().enumerate() {
                by_item[*item as usize].push((user as u32, at as u32));
            }
        }
        Self { rows, by_item }
    }

    /// Adds what each item counts as the next after `item`.
    fn add(&self, item: usize, values: &[f64], backward: f64, sums: &mut Accumulator<f64>) {
        let window = values.len();
        for (user, at) in &self.by_item[item] {
            let row = &self.rows[*user as usize];
            let (at, own) = (*at as usize, row[*at as usize].1);
            // Not more items than places: a big basket does not make a wide window.
            let later = row[at + 1..].iter().take(window);
            for (other, place) in later.take_while(|(_, place)| (place - own) as usize <= window) {
                let distance = (place - own).max(1) as usize;
                *sums.touch(*other) += values[distance - 1];
            }
            let earlier = row[..at].iter().rev().take(window);
            for (other, place) in earlier.take_while(|(_, place)| (own - place) as usize <= window)
            {
                let share = if own == *place { 1.0 } else { backward };
                let distance = (own - place).max(1) as usize;
                *sums.touch(*other) += share * values[distance - 1];
            }
        }
    }
}

/// Returns the items of a customer, oldest first, with their places; equal ages share one.
fn in_order(all: &Interactions, user: usize) -> Vec<(u32, u32)> {
    let (items, weights) = all.row(user);
    let mut order: Vec<usize> = (0..items.len()).filter(|at| weights[*at] > 0.0).collect();
    let Some(ages) = all.ages(user) else {
        return order.into_iter().map(|at| (items[at], 0)).collect();
    };
    order.sort_by(|left, right| ages[*right].total_cmp(&ages[*left]));
    let mut place = 0;
    let mut row = Vec::with_capacity(order.len());
    for (at, one) in order.iter().enumerate() {
        if at > 0 && ages[order[at - 1]] != ages[*one] {
            place += 1;
        }
        row.push((items[*one], place));
    }
    row
}

/// Returns for each item the `neighbours` items with the largest `T`; each row of its own, so that
/// the bits are the same at any number of threads.
pub(crate) fn transitions(all: &Interactions, counting: &Counting) -> Neighbours {
    let ordered = Ordered::of(all);
    let longest = ordered.rows.iter().map(Vec::len).max().unwrap_or(0);
    let distances = 1..=counting.window.min(longest).max(1);
    let values: Vec<f64> = distances.map(|d| (d as f64).powf(-counting.fade)).collect();
    let counts: Vec<f64> = ordered.by_item.iter().map(|users| users.len() as f64).collect();
    let next = |(sums, best): &mut (Accumulator<f64>, Best), item: u32| {
        sums.reserve(counts.len());
        ordered.add(item as usize, &values, counting.backward, sums);
        let [alpha, beta] = counting.powers;
        let own = counts[item as usize].powf(-alpha);
        best.start(counting.neighbours);
        for other in sums.touched() {
            let weight = (sums.get(*other) * own * counts[*other as usize].powf(-beta)) as f32;
            if weight > 0.0 {
                best.push(*other, weight);
            }
        }
        sums.clear();
        let mut row: Vec<(u32, f32)> =
            best.finish().iter().map(|one| (one.item, one.score)).collect();
        row.sort_unstable_by_key(|entry| entry.0);
        row
    };
    let items: Vec<u32> = (0..all.n_items() as u32).collect();
    let rows: Vec<Vec<(u32, f32)>> = items
        .par_chunks(BLOCK_ITEMS)
        .map_init(Default::default, |memory, block| {
            block.iter().map(|item| next(memory, *item)).collect::<Vec<_>>()
        })
        .flatten_iter()
        .collect();
    Neighbours::from_rows(Interactions::from_sorted_rows(all.n_items(), rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{Events, Repeats};

    fn histories(ages: Option<&[f32]>) -> Interactions {
        // User 0: 2, then 0, then 1 and 3 at once; user 1: 0, then 1.
        let events = Events {
            users: &[0, 0, 0, 0, 1, 1],
            items: &[0, 1, 2, 3, 0, 1],
            weights: &[1.0; 6],
            ages,
        };
        Interactions::from_events(2, 4, events, Repeats::Add).unwrap()
    }

    const PLAIN: Counting =
        Counting { window: 10, fade: 1.0, backward: 0.25, powers: [0.0; 2], neighbours: 9 };

    #[test]
    fn pairs_by_hand() {
        let all = histories(Some(&[5.0, 2.0, 9.0, 2.0, 4.0, 0.0]));
        let graph = transitions(&all, &PLAIN);
        // After 0: 1 twice at distance 1, 3 once; before it 2, a quarter.
        assert_eq!(graph.row(0), (&[1_u32, 2, 3][..], &[2.0_f32, 0.25, 1.0][..]));
        // After 2: 0 at distance 1, 1 and 3 both at distance 2.
        assert_eq!(graph.row(2), (&[0_u32, 1, 3][..], &[1.0_f32, 0.5, 0.5][..]));
        // 1 and 3 at once: each follows the other.
        assert_eq!(graph.row(3), (&[0_u32, 1, 2][..], &[0.25_f32, 1.0, 0.125][..]));
        let near = transitions(&all, &Counting { window: 1, ..PLAIN });
        assert_eq!(near.row(2), (&[0_u32][..], &[1.0_f32][..]));
        let held = transitions(&all, &Counting { powers: [1.0, 2.0], ..PLAIN });
        // Two have 0, two have 1: 2 / 2 / 4.
        assert_eq!(held.similarity(0, 1), Some(0.25));
    }

    #[test]
    fn without_ages_everything_follows_everything() {
        let graph = transitions(&histories(None), &PLAIN);
        assert_eq!(graph.row(0), (&[1_u32, 2, 3][..], &[2.0_f32, 1.0, 1.0][..]));
        assert_eq!(graph.row(3), (&[0_u32, 1, 2][..], &[1.0_f32; 3][..]));
    }
}
