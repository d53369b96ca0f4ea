//! Finds how much each of several ranked lists should count.
//!
//! Candidates of a sample of customers are collected once; then weights on the simplex (≥ 0, sum 1)
//! are searched for the largest mean NDCG@10 of the held-out items: from the best of the corners
//! and the centre, a share of weight moves from one member to another as long as that helps, the
//! share halving from 1/2 to 1/32. The search is deterministic, and its result is at least as good
//! on the sample as every member alone.

use super::{History, Pad, Scored};
use crate::interactions::Interactions;
use rand::{SeedableRng, seq::index};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

/// Customers whose lists are judged: with 5,000 the standard error of NDCG is below 0.006, finer
/// than the choice of weights matters; more would only cost memory.
const MOST_USERS: usize = 5_000;
/// The cut-off of the NDCG that is maximised.
const CUT: usize = 10;
/// Shares of weight moved between members, coarse to fine.
const STEPS: [f64; 5] = [0.5, 0.25, 0.125, 0.062_5, 0.031_25];
/// Customers that one task judges.
const BLOCK_USERS: usize = 64;

/// The candidates of sampled customers, with what they really took.
#[derive(Debug)]
pub(crate) struct Blend {
    users: Vec<Candidates>,
}

/// The candidates of one customer: item, and the score each member gives it.
#[derive(Debug)]
struct Candidates {
    items: Vec<u32>,
    /// Shape `(items, members)`.
    scores: Vec<f32>,
    /// Positions in `items` of held-out items that some member found.
    found: Vec<usize>,
    /// How many items were held out.
    n_held_out: usize,
}

impl Blend {
    /// Asks `candidates_of` for the lists of customers with held-out items.
    pub(crate) fn collect(
        rest: &Interactions,
        held_out: &Interactions,
        seed: u64,
        candidates_of: impl Fn(History<'_>, &mut Pad) -> Vec<Vec<Scored>> + Sync,
    ) -> Self {
        let usable = |user: &u32| {
            !held_out.row(*user as usize).0.is_empty() && !rest.row(*user as usize).0.is_empty()
        };
        let users: Vec<u32> = (0..held_out.n_users() as u32).filter(usable).collect();
        let sampled = sample(&users, MOST_USERS, seed);
        let users = sampled
            .par_chunks(BLOCK_USERS)
            .map_init(Pad::default, |pad, block| {
                let one = |user: &u32| {
                    let lists = candidates_of(History::of(rest, *user), pad);
                    Candidates::new(&lists, held_out.row(*user as usize).0)
                };
                block.iter().map(one).collect::<Vec<_>>()
            })
            .flatten_iter()
            .collect();
        Self { users }
    }

    /// Returns the sum over customers of NDCG@10 with the given weights.
    fn gain(&self, weights: &[f64]) -> f64 {
        let blocks: Vec<f64> = self
            .users
            .par_chunks(BLOCK_USERS)
            .map(|block| block.iter().map(|user| user.gain(weights)).sum())
            .collect();
        blocks.iter().sum()
    }
}

/// Returns at most so many of `users`, drawn by chance, in their order.
pub(crate) fn sample(users: &[u32], most: usize, seed: u64) -> Vec<u32> {
    if users.len() <= most {
        return users.to_vec();
    }
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut places = index::sample(&mut random, users.len(), most).into_vec();
    places.sort_unstable();
    places.into_iter().map(|place| users[place]).collect()
}

impl Candidates {
    fn new(lists: &[Vec<Scored>], held_out: &[u32]) -> Self {
        let mut items: Vec<u32> = lists.iter().flatten().map(|one| one.item).collect();
        items.sort_unstable();
        items.dedup();
        let mut scores = vec![0.0; items.len() * lists.len()];
        for (member, list) in lists.iter().enumerate() {
            for one in list {
                let place = items.partition_point(|item| *item < one.item);
                scores[place * lists.len() + member] = one.score;
            }
        }
        let found = held_out.iter().filter_map(|item| items.binary_search(item).ok()).collect();
        Self { items, scores, found, n_held_out: held_out.len() }
    }

    fn gain(&self, weights: &[f64]) -> f64 {
        if self.found.is_empty() {
            return 0.0;
        }
        let blended: Vec<f64> = self
            .scores
            .chunks_exact(weights.len())
            .map(|scores| scores.iter().zip(weights).map(|(s, w)| f64::from(*s) * w).sum())
            .collect();
        let gains = self.found.iter().map(|place| {
            let own = blended[*place];
            let above = |(other, score): (usize, &f64)| {
                *score > own || (*score == own && self.items[other] < self.items[*place])
            };
            match blended.iter().enumerate().filter(|one| above(*one)).count() {
                rank if rank < CUT => discount(rank),
                _ => 0.0,
            }
        });
        gains.sum::<f64>() / (0..self.n_held_out.min(CUT)).map(discount).sum::<f64>()
    }
}

/// Returns what a hit is worth at `rank`, from 0.
fn discount(rank: usize) -> f64 {
    1.0 / (rank as f64 + 2.0).log2()
}

/// Returns the weights with the largest gain, ≥ 0, summing to 1.
pub(crate) fn best_weights(blend: &Blend, n_members: usize) -> Vec<f64> {
    let mut best = vec![1.0 / n_members as f64; n_members];
    if n_members == 1 || blend.users.is_empty() {
        return best;
    }
    let mut best_gain = blend.gain(&best);
    let mut consider = |weights: Vec<f64>, best: &mut Vec<f64>| {
        let gain = blend.gain(&weights);
        let is_better = gain > best_gain;
        if is_better {
            (best_gain, *best) = (gain, weights);
        }
        is_better
    };
    for corner in 0..n_members {
        let weights = (0..n_members).map(|member| f64::from(u8::from(member == corner)));
        consider(weights.collect(), &mut best);
    }
    for step in STEPS {
        while moves(n_members).any(|(from, to)| {
            let moved = best[from].min(step);
            let mut weights = best.clone();
            weights[from] -= moved;
            weights[to] += moved;
            moved > 0.0 && consider(weights, &mut best)
        }) {}
    }
    best
}

fn moves(n_members: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n_members).flat_map(move |from| {
        (0..n_members).filter(move |to| *to != from).map(move |to| (from, to))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[u32]) -> Vec<Scored> {
        let n = items.len() as f32;
        let score =
            |(rank, item): (usize, &u32)| Scored { item: *item, score: 1.0 - rank as f32 / n };
        items.iter().enumerate().map(score).collect()
    }

    #[test]
    fn the_gain_is_ndcg_by_hand() {
        let lists = [list(&[4, 2, 9]), list(&[2, 7])];
        let user = Candidates::new(&lists, &[2, 9, 11]);
        // By the first member: 2 at rank 2, 9 at rank 3, 11 not found.
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 0.5;
        let expected = (1.0 / 3_f64.log2() + 0.5) / ideal;
        assert!((user.gain(&[1.0, 0.0]) - expected).abs() < 1e-12);
    }

    #[test]
    fn weight_goes_to_the_member_that_knows() {
        let users = (0..20)
            .map(|user| {
                let lists = [list(&[1, 2, 3, 4]), list(&[user + 10, 1, 2])];
                Candidates::new(&lists, &[user + 10])
            })
            .collect();
        let weights = best_weights(&Blend { users }, 2);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights[1] > weights[0]);
    }

    #[test]
    fn without_evidence_all_members_count_alike() {
        assert_eq!(best_weights(&Blend { users: Vec::new() }, 4), [0.25; 4]);
    }
}
