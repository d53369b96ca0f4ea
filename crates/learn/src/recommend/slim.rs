//! Few items that predict each item (Ning and Karypis 2011, "SLIM: sparse linear methods for top-N
//! recommender systems").
//!
//! `score(j) = Σ over i in the history of w_i W_ij`; column `j` of `W` minimises
//! `½ ‖x_j − X w‖² + ½ l2 ‖w‖² + l1 ‖w‖₁` with `w_j = 0`, and `w ≥ 0` unless told otherwise. It is
//! found by coordinate descent over `XᵀX` (Friedman et al. 2010, section 2.2, covariance updates):
//! sweeps over the weights that are not zero until they stand still, then one over all, until
//! nothing changes there either.

use super::arrays::Reader;
use super::ease::add_products;
use super::item_knn::{self, Basis, ItemKnn};
use super::settings::HALF_LIFE_ITEMS;
use super::{Parameter, Parameters, Recommender, Search, Training};
use crate::error::{Error, Result};
use crate::interactions::Interactions;
use crate::neighbours::{Accumulator, Neighbours};
use rayon::prelude::*;

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::real(
        "l1",
        "how much weights are pressed to zero, in common customers",
        0.1,
        [0.0, 1e9],
    )
    .searched(Search::Log(0.01, 10.0)),
    Parameter::real("l2", "how much weights are held back, in customers", 300.0, [0.0, 1e9])
        .searched(Search::Log(1.0, 3000.0)),
    Parameter::word("sign", "positive: no item speaks against another", &["positive", "any"]),
    Parameter::whole("neighbours", "the most items that an item speaks for", 1000, [1, 100_000]),
    Parameter::whole("sweeps", "the most sweeps over an item's weights", 100, [1, 10_000]),
    Parameter::whole(
        "items_most",
        "more items are refused: memory grows by 4 bytes for each pair of items",
        20_000,
        [1, 60_000],
    ),
    HALF_LIFE_ITEMS,
];

/// A change of a weight below this share of the largest is none.
const STANDS_STILL: f64 = 1e-4;

/// How the weights of an item are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How much weights are pressed to zero.
    pub l1: f64,
    /// How much weights are held back.
    pub l2: f64,
    /// Whether weights may be negative.
    pub sign: Sign,
    /// The most weights an item keeps, those of the largest magnitude.
    pub neighbours: usize,
    /// The most sweeps.
    pub sweeps: usize,
    /// The most items.
    pub items_most: usize,
}

/// Which weights are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// 0 and more.
    Positive,
    /// All.
    Any,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let settings = Settings {
        l1: f64::from(parameters.real("l1")),
        l2: f64::from(parameters.real("l2")),
        sign: if parameters.word("sign") == "any" { Sign::Any } else { Sign::Positive },
        neighbours: parameters.whole("neighbours"),
        sweeps: parameters.whole("sweeps"),
        items_most: parameters.whole("items_most"),
    };
    let graph = weights(training.interactions, &settings)?;
    let half_life_items = parameters.real(HALF_LIFE_ITEMS.name);
    Ok(Box::new(ItemKnn::over(graph, Basis::Weights, half_life_items)))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    item_knn::load_on(Basis::Weights, from)
}

/// Returns `W`: row `i` holds what `i` of a history says of other items. Each column is found by
/// itself, so that the bits are the same at any number of threads.
///
/// # Errors
/// [`Error::TooLarge`] with more than `items_most` items.
pub fn weights(interactions: &Interactions, settings: &Settings) -> Result<Neighbours> {
    let n_items = interactions.n_items();
    if n_items > settings.items_most {
        return Err(Error::TooLarge {
            what: "the number of items for slim (keep the popular ones, raise `items_most` if \
                   there is memory of 4 bytes for each pair, or take rp3beta or item-knn)",
            limit: settings.items_most,
            got: n_items,
        });
    }
    let gram = gram(interactions);
    let columns: Vec<Vec<(u32, f32)>> = (0..n_items)
        .into_par_iter()
        .with_max_len(8)
        .map_init(Descent::default, |descent, item| descent.column(&gram, n_items, item, settings))
        .collect();
    let by_target = Interactions::from_sorted_rows(n_items, columns);
    Ok(Neighbours::from_rows(by_target.transposed()))
}

/// Returns `XᵀX`, in full.
fn gram(interactions: &Interactions) -> Vec<f32> {
    let n_items = interactions.n_items();
    let by_item = interactions.transposed();
    let mut gram = vec![0.0_f32; n_items * n_items];
    gram.par_chunks_mut(n_items.max(1)).enumerate().for_each_init(
        Accumulator::<f64>::default,
        |sums, (item, row)| {
            sums.reserve(n_items);
            add_products(interactions, &by_item, item, |other, product| {
                *sums.touch(other) += product;
            });
            for other in sums.touched() {
                row[*other as usize] = sums.get(*other) as f32;
            }
            sums.clear();
        },
    );
    for row in 0..n_items {
        for column in 0..row {
            gram[column * n_items + row] = gram[row * n_items + column];
        }
    }
    gram
}

/// Memory for one column, reused.
#[derive(Debug, Default)]
struct Descent {
    weights: Vec<f32>,
    /// `XᵀX w`.
    products: Vec<f32>,
    /// Which weights are not zero.
    active: Vec<u32>,
    /// Which weights can be other than zero: those with a product above l1.
    candidates: Vec<u32>,
}

impl Descent {
    fn column(
        &mut self,
        gram: &[f32],
        n_items: usize,
        target: usize,
        settings: &Settings,
    ) -> Vec<(u32, f32)> {
        let right = &gram[target * n_items..][..n_items];
        self.weights.clear();
        self.weights.resize(n_items, 0.0);
        self.products.clear();
        self.products.resize(n_items, 0.0);
        self.active.clear();
        self.candidates.clear();
        let can_matter = |item: &u32| *item as usize != target && right[*item as usize] != 0.0;
        self.candidates.extend((0..n_items as u32).filter(can_matter));
        let mut sweeps = 0;
        while sweeps < settings.sweeps {
            // All candidates: who is needed at all?
            let candidates = std::mem::take(&mut self.candidates);
            let changed = self.sweep(gram, right, &candidates, settings);
            self.active.clear();
            let is_active = |item: &u32| self.weights[*item as usize] != 0.0;
            self.active.extend(candidates.iter().copied().filter(is_active));
            self.candidates = candidates;
            sweeps += 1;
            if !changed {
                break;
            }
            let active = std::mem::take(&mut self.active);
            while sweeps < settings.sweeps && self.sweep(gram, right, &active, settings) {
                sweeps += 1;
            }
            self.active = active;
        }
        self.kept(settings.neighbours)
    }

    /// Moves each of `items` to its best value; returns whether any moved noticeably.
    fn sweep(&mut self, gram: &[f32], right: &[f32], items: &[u32], settings: &Settings) -> bool {
        let n_items = right.len();
        let (mut largest, mut moved) = (0.0_f64, 0.0_f64);
        for item in items {
            let at = *item as usize;
            let row = &gram[at * n_items..][..n_items];
            let (own, old) = (f64::from(row[at]), f64::from(self.weights[at]));
            let free = f64::from(right[at]) - f64::from(self.products[at]) + own * old;
            let pressed = match settings.sign {
                Sign::Positive => (free - settings.l1).max(0.0),
                Sign::Any => free.signum() * (free.abs() - settings.l1).max(0.0),
            };
            let divisor = own + settings.l2;
            let new = if divisor > 0.0 { (pressed / divisor) as f32 } else { 0.0 };
            largest = largest.max(f64::from(new).abs());
            let change = new - self.weights[at];
            if change != 0.0 {
                moved = moved.max(f64::from(change).abs());
                self.weights[at] = new;
                for (product, gram) in self.products.iter_mut().zip(row) {
                    *product += change * gram;
                }
            }
        }
        moved > STANDS_STILL * largest
    }

    /// Returns the weights of the largest magnitude, by ascending index.
    fn kept(&self, most: usize) -> Vec<(u32, f32)> {
        let pair = |item: &u32| (*item, self.weights[*item as usize]);
        let mut kept: Vec<(u32, f32)> =
            self.candidates.iter().map(pair).filter(|(_, weight)| *weight != 0.0).collect();
        if kept.len() > most {
            kept.sort_unstable_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
            kept.truncate(most);
            kept.sort_unstable_by_key(|entry| entry.0);
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::Repeats;

    fn interactions() -> Interactions {
        let pairs = (0..60_u32).flat_map(|user| (0..17_u32).map(move |item| (user, item)));
        let chosen = pairs.filter(|(user, item)| (user * 13 + item * item * 7 + user % 5) % 10 < 4);
        let (users, items): (Vec<u32>, Vec<u32>) = chosen.unzip();
        let weights = vec![1.0; users.len()];
        Interactions::from_triples(60, 17, &users, &items, &weights, Repeats::Add).unwrap()
    }

    fn settings(l1: f64, l2: f64, sign: Sign) -> Settings {
        Settings { l1, l2, sign, neighbours: 100, sweeps: 1000, items_most: 100 }
    }

    /// At the minimum no weight can be moved either way without loss: the conditions of Karush,
    /// Kuhn and Tucker for `q = XᵀX w`, `q_i − g_i + l2 w_i`: −l1 · sign(w_i) where w_i ≠ 0, at
    /// least −l1 (and at most l1 where both signs are allowed) elsewhere.
    #[test]
    fn every_column_is_at_its_minimum() {
        let all = interactions();
        let gram = gram(&all);
        let n = all.n_items();
        for (l1, l2) in [(0.5, 1.0), (2.0, 10.0)] {
            for sign in [Sign::Positive, Sign::Any] {
                let by_target = weights(&all, &settings(l1, l2, sign)).unwrap().turned();
                let mut not_zero = 0;
                for target in 0..n {
                    let mut w = vec![0.0_f64; n];
                    let (items, weights) = by_target.row(target);
                    items.iter().zip(weights).for_each(|(i, v)| w[*i as usize] = f64::from(*v));
                    for item in (0..n).filter(|item| *item != target) {
                        let row = &gram[item * n..][..n];
                        let product: f64 = row.iter().zip(&w).map(|(g, w)| f64::from(*g) * w).sum();
                        let slope = product - f64::from(row[target]) + l2 * w[item];
                        not_zero += usize::from(w[item] != 0.0);
                        let bound = match (w[item] != 0.0, sign) {
                            (true, _) => (slope + l1 * w[item].signum()).abs() < 2e-2,
                            (false, Sign::Positive) => slope > -l1 - 2e-2,
                            (false, Sign::Any) => slope.abs() < l1 + 2e-2,
                        };
                        assert!(bound, "{sign:?} {target} {item} {} {slope}", w[item]);
                    }
                    assert!(sign == Sign::Any || w.iter().all(|weight| *weight >= 0.0));
                }
                assert!(not_zero > n, "weights are not all pressed to zero");
            }
        }
    }

    #[test]
    fn two_items_by_hand() {
        // Item 0 had by three, item 1 by two of them: g = 2, divisor 3 + l2.
        let all = Interactions::from_triples(
            3,
            2,
            &[0, 1, 2, 0, 1],
            &[0, 0, 0, 1, 1],
            &[1.0; 5],
            Repeats::Add,
        )
        .unwrap();
        let graph = weights(&all, &settings(0.5, 1.0, Sign::Positive)).unwrap();
        assert!((graph.similarity(0, 1).unwrap() - 1.5 / 4.0).abs() < 1e-6);
        assert!((graph.similarity(1, 0).unwrap() - 1.5 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn too_many_items_are_refused_with_what_to_do() {
        let few = Settings { items_most: 3, ..settings(1.0, 1.0, Sign::Any) };
        let error = weights(&interactions(), &few).unwrap_err().to_string();
        assert!(error.contains("is limited to 3, got 17") && error.contains("rp3beta"), "{error}");
    }
}
