//! The solvers against dense normal equations in double precision, the loss against its definition.

use super::conjugate::CACHED;
use super::*;
use crate::interactions::{Interactions, Repeats};
use crate::linear_algebra::Cholesky;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const USERS: usize = 30;
const ITEMS: usize = 23;
const FACTORS: usize = 5;

/// Who has what follows two tastes; weights 1 to 3, one of them negative.
fn interactions() -> Interactions {
    let (mut users, mut items, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..USERS as u32 {
        for item in 0..ITEMS as u32 {
            if (user * 7 + item * 5) % 11 < 3 + 3 * u32::from(user % 2 == item % 2) {
                users.push(user);
                items.push(item);
                weights.push(1.0 + ((user + item) % 3) as f32);
            }
        }
    }
    weights[4] = -2.0;
    Interactions::from_triples(USERS, ITEMS, &users, &items, &weights, Repeats::Add).unwrap()
}

const WEIGHTED: Objective =
    Objective::Weighted { alpha: 1.5, regularization: 0.02, unobserved: 0.1, nu: 0.8 };
const IMPLICIT: Objective = Objective::Implicit { alpha: 2.0, regularization: 0.7 };

fn settings(objective: Objective, solver: Solver, iterations: usize) -> Settings {
    Settings { factors: FACTORS, iterations, objective, solver }
}

fn fit(objective: Objective, solver: Solver, iterations: usize) -> Als {
    let all = interactions();
    let training = Training { seed: 3, ..Training::new(&all) };
    Als::fit(&training, &settings(objective, solver, iterations)).unwrap()
}

fn dot(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// Confidence and preference of a pair, straight from the definition.
fn pair(objective: Objective, weight: f32) -> (f64, f64) {
    match objective {
        Objective::Implicit { alpha, .. } if weight != 0.0 => {
            (f64::from(alpha * weight).abs(), f64::from(u8::from(weight > 0.0)))
        }
        Objective::Implicit { .. } => (1.0, 0.0),
        Objective::Weighted { .. } => unreachable!("has two terms a pair"),
    }
}

fn weight(all: &Interactions, user: usize, item: usize) -> f32 {
    let (items, weights) = all.row(user);
    items.binary_search(&(item as u32)).map_or(0.0, |at| weights[at])
}

/// The loss over all pairs, divided by their weights.
fn plain_loss(model: &Als, all: &Interactions) -> f64 {
    let (mut loss, mut total) = (0.0, 0.0);
    for user in 0..USERS {
        for item in 0..ITEMS {
            let score = dot(model.user(user as u32), model.item(item as u32));
            let weight = weight(all, user, item);
            match model.objective {
                Objective::Implicit { .. } => {
                    let (confidence, preference) = pair(model.objective, weight);
                    loss += confidence * (score - preference).powi(2);
                    // The library's own constant.
                    loss += if weight < 0.0 { confidence } else { 0.0 };
                    total += confidence;
                }
                Objective::Weighted { alpha, unobserved, .. } => {
                    let own = f64::from(alpha) * f64::from(weight.abs());
                    let preference = f64::from(u8::from(weight > 0.0));
                    loss +=
                        own * (score - preference).powi(2) + f64::from(unobserved) * score.powi(2);
                    total += own + f64::from(unobserved);
                }
            }
        }
    }
    let counts = all.item_counts();
    for user in 0..USERS {
        let held = model.objective.regularization(all.row(user).0.len(), ITEMS);
        let own = model.user(user as u32);
        loss += f64::from(held) * dot(own, own);
    }
    for (item, count) in counts.into_iter().enumerate() {
        let held = model.objective.regularization(count as usize, USERS);
        let own = model.item(item as u32);
        loss += f64::from(held) * dot(own, own);
    }
    loss / total
}

/// The exact factors of a user by dense normal equations in double precision.
fn dense_solution(model: &Als, all: &Interactions, user: usize) -> Vec<f64> {
    let mut matrix = vec![0.0; FACTORS * FACTORS];
    let mut right = vec![0.0; FACTORS];
    for item in 0..ITEMS {
        let y = model.item(item as u32);
        let weight = weight(all, user, item);
        let (total, wanted) = match model.objective {
            Objective::Implicit { .. } => {
                let (confidence, preference) = pair(model.objective, weight);
                (confidence, confidence * preference)
            }
            Objective::Weighted { alpha, unobserved, .. } => {
                let own = f64::from(alpha) * f64::from(weight);
                (own.abs() + f64::from(unobserved), own.max(0.0))
            }
        };
        for row in 0..FACTORS {
            right[row] += wanted * f64::from(y[row]);
            for column in 0..FACTORS {
                matrix[row * FACTORS + column] += total * f64::from(y[row]) * f64::from(y[column]);
            }
        }
    }
    let held = model.objective.regularization(all.row(user).0.len(), ITEMS);
    for row in 0..FACTORS {
        matrix[row * FACTORS + row] += f64::from(held);
    }
    Cholesky::factor(FACTORS, matrix).unwrap().solve_in_place(&mut right);
    right
}

#[test]
fn folding_in_solves_the_dense_normal_equations() {
    let all = interactions();
    for objective in [WEIGHTED, IMPLICIT] {
        let model = fit(objective, Solver::Cholesky, 4);
        for user in 0..USERS {
            let (items, weights) = all.row(user);
            let got = model.fold_in_user(items, weights).unwrap();
            for (got, expected) in got.iter().zip(dense_solution(&model, &all, user)) {
                assert!((f64::from(*got) - expected).abs() < 2e-4, "{got} is not {expected}");
            }
        }
        assert_eq!(model.fold_in_user(&[99], &[1.0]), None);
        // The last half-sweep solved the items, so folding one in finds its own factors again.
        let by_item = all.transposed();
        for item in 0..ITEMS {
            let (users, weights) = by_item.row(item);
            let got = model.fold_in_item(users, weights).unwrap();
            for (got, expected) in got.iter().zip(model.item(item as u32)) {
                assert!((got - expected).abs() < 2e-4, "{got} is not {expected}");
            }
        }
    }
}

#[test]
fn the_loss_is_its_definition_and_falls_with_every_sweep() {
    let all = interactions();
    let conjugate = Solver::Conjugate { steps: 3 };
    for objective in [WEIGHTED, IMPLICIT] {
        for solver in [Solver::Cholesky, conjugate, Solver::Blocks { size: 16 }] {
            let mut last = f64::INFINITY;
            for iterations in 1..8 {
                let model = fit(objective, solver, iterations);
                let plain = plain_loss(&model, &all);
                let loss = model.loss();
                assert!((loss / plain - 1.0).abs() < 1e-5, "{loss} is not {plain}");
                assert!(loss < last * (1.0 + 1e-6), "{solver:?}: {loss} after {last}");
                last = loss;
            }
        }
    }
}

/// Not at the same loss: there are several valleys, and solvers that go other ways end in others.
#[test]
fn every_solver_ends_where_no_row_can_be_improved() {
    let all = interactions();
    let by_item = all.transposed();
    for objective in [WEIGHTED, IMPLICIT] {
        for solver in
            [Solver::Cholesky, Solver::Conjugate { steps: 3 }, Solver::Blocks { size: 16 }]
        {
            let model = fit(objective, solver, 1000);
            let users = (0..USERS).map(|user| {
                let (items, weights) = all.row(user);
                (model.fold_in_user(items, weights).unwrap(), model.user(user as u32))
            });
            let items = (0..ITEMS).map(|item| {
                let (users, weights) = by_item.row(item);
                (model.fold_in_item(users, weights).unwrap(), model.item(item as u32))
            });
            for (exact, got) in users.chain(items) {
                for (exact, got) in exact.iter().zip(got) {
                    assert!((exact - got).abs() < 1e-2, "{solver:?}: {got} is not {exact}");
                }
            }
        }
    }
}

#[test]
fn blocks_of_some_factors_lower_the_loss_as_all_at_once() {
    let all = interactions();
    let fit = |solver, iterations| {
        let settings = Settings { factors: 40, ..settings(IMPLICIT, solver, iterations) };
        Als::fit(&Training::new(&all), &settings).unwrap().loss()
    };
    let [blocks, exact] = [Solver::Blocks { size: 16 }, Solver::Cholesky].map(|s| fit(s, 100));
    assert!((blocks / exact - 1.0).abs() < 1e-3, "{blocks} {exact}");
}

#[test]
fn the_parts_of_an_explanation_make_the_score() {
    let all = interactions();
    let model = fit(IMPLICIT, Solver::Cholesky, 5);
    let history = History::of(&all, 2);
    let list = model.recommend(history, &ListOptions::unseen(5), &mut Pad::default());
    assert_eq!(list.len(), 5);
    for one in list {
        let sum: f32 = model.explain(history, one.item).iter().map(|part| part.score).sum();
        assert!((sum - one.score).abs() < 1e-4, "{sum} is not {}", one.score);
    }
}

#[test]
fn interactions_that_weigh_what_all_pairs_weigh_are_solved_exactly() {
    let all = interactions();
    let users: Vec<u32> =
        (0..USERS).flat_map(|user| vec![user as u32; all.row(user).0.len()]).collect();
    let items: Vec<u32> = (0..USERS).flat_map(|user| all.row(user).0.to_vec()).collect();
    let ones = vec![1.0; users.len()];
    let flat =
        Interactions::from_triples(USERS, ITEMS, &users, &items, &ones, Repeats::Add).unwrap();
    let objective = Objective::Implicit { alpha: 1.0, regularization: 0.7 };
    let settings = settings(objective, Solver::Conjugate { steps: 1 }, 3);
    let model = Als::fit(&Training::new(&flat), &settings).unwrap();
    let by_item = flat.transposed();
    for item in 0..ITEMS {
        let (users, weights) = by_item.row(item);
        let exact = model.fold_in_item(users, weights).unwrap();
        for (exact, got) in exact.iter().zip(model.item(item as u32)) {
            assert!((exact - got).abs() < 1e-4, "{got} is not {exact}");
        }
    }
}

/// The rows of the items read more of the users' factors than the cache keeps: they go through them
/// part by part, several at a time.
#[test]
fn rows_that_do_not_fit_the_cache_are_solved_part_by_part() {
    let (n_users, n_items) = (5_000, 20);
    let (mut users, mut items, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    let mut random = Pcg64Mcg::seed_from_u64(1);
    for user in 0..n_users as u32 {
        for item in 0..n_items as u32 {
            let chance = if user % 3 == item % 3 { 0.9 } else { 0.5 };
            if random.random::<f64>() < chance {
                users.push(user);
                items.push(item);
                weights.push(1.0 + ((user + item) % 3) as f32);
            }
        }
    }
    let all = Interactions::from_triples(n_users, n_items, &users, &items, &weights, Repeats::Add)
        .unwrap();
    let by_item = all.transposed();
    for objective in [WEIGHTED, IMPLICIT] {
        let solver = Solver::Conjugate { steps: 10 };
        let settings = Settings { factors: 128, ..settings(objective, solver, 8) };
        let model = Als::fit(&Training::new(&all), &settings).unwrap();
        let (mut squares, mut off) = (0.0, 0.0);
        for item in 0..n_items {
            let (users, weights) = by_item.row(item);
            assert!(users.len() * 128 > CACHED);
            let exact = model.fold_in_item(users, weights).unwrap();
            for (exact, got) in exact.iter().zip(model.item(item as u32)) {
                squares += exact * exact;
                off += (exact - got).powi(2);
            }
        }
        assert!(off < 1e-3 * squares, "{off} {squares}");
    }
}
