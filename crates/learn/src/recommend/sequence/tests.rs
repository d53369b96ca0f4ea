//! The gradients are those of the loss, and simple languages are learned.

use super::loss::{Candidates, Loss};
use super::network::{Turned, Unit};
use super::shape::Part;
use super::*;
use crate::interactions::{Events, Interactions, Repeats};
use crate::recommend::{Entry, saved};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

const N_ITEMS: usize = 40;
const SHAPE: Shape = Shape { width: 32, heads: 2, blocks: 2, length: 60 };

/// A network whose numbers are large enough for every gradient to be felt.
fn network() -> Network {
    let mut random = Pcg64Mcg::seed_from_u64(3);
    let mut network = Network::drawn(SHAPE, N_ITEMS, &mut random);
    for value in network.items.values_mut() {
        *value *= 20.0;
    }
    for (at, value) in network.weights.iter_mut().enumerate() {
        *value += ((at * 7919) % 101) as f32 / 1010.0 - 0.05;
    }
    network
}

/// Sequences of 1, 7 and 55 items, which take one block of attention and two.
fn unit() -> (Unit, Vec<u32>) {
    let lengths = vec![1, 7, 55];
    let item = |at: usize| ((at * 17 + at * at) % N_ITEMS) as u32;
    let unit = Unit { items: (0..63).map(item).collect(), lengths };
    (unit, (1..64).map(item).collect())
}

/// Returns the mean loss and the gradients of the weights and of the items.
fn loss_of(level: Level, network: &Network, drawn: Option<&[u32]>) -> (f64, Vec<f32>, Vec<f32>) {
    let dropout = Dropout::new(0.3, 11);
    let (unit, next) = unit();
    let mut candidates = Candidates::default();
    match drawn {
        Some(items) => candidates.take(&network.items, items, items.len() as f64 / 40.0),
        None => candidates.take_all(&network.items),
    }
    let mut turned = Turned::default();
    turned.fill(network);
    let (tokens, width) = (next.len(), SHAPE.width);
    let mut tape = Tape::default();
    tape.unit = unit;
    network.forward(level, &mut tape, dropout);
    let mut candidates_gradient = vec![0.0; candidates.items.len() * width];
    let mut next_gradient = vec![0.0; tokens * width];
    tape.out_gradient = vec![0.0; tokens * width];
    let loss = Loss {
        table: &network.items,
        candidates: &candidates,
        out: &tape.out,
        next: &next,
        weight: 1.0 / tokens as f32,
        out_gradient: &mut tape.out_gradient,
        rows_gradient: &mut candidates_gradient,
        next_gradient: &mut next_gradient,
        scores: &mut Vec::new(),
    }
    .run(level);
    let mut gradient = vec![0.0; SHAPE.weights()];
    let inputs = tape.unit.items.clone();
    let given = network.backward(level, &turned, &mut tape, dropout, &mut gradient);
    let mut items = vec![0.0; N_ITEMS * width];
    let parts =
        [(&candidates.items, &candidates_gradient[..]), (&inputs, given), (&next, &next_gradient)];
    for (indices, rows) in parts {
        for (item, row) in indices.iter().zip(rows.chunks_exact(width)) {
            let into = &mut items[*item as usize * width..][..width];
            into.iter_mut().zip(row).for_each(|(into, value)| *into += value);
        }
    }
    (loss / tokens as f64, gradient, items)
}

/// Compares the length of a gradient with how the loss changes along it.
fn check(name: &str, gradient: &[f32], loss_at: impl Fn(f32) -> f64) {
    let length = gradient.iter().map(|value| f64::from(value * value)).sum::<f64>().sqrt();
    assert!(length > 1e-4, "{name} has a gradient");
    let step = 1e-2_f32;
    let measured = (loss_at(step) - loss_at(-step)) / (2.0 * f64::from(step));
    assert!((measured / length - 1.0).abs() < 0.01, "{name}: {measured} is not {length}");
}

#[test]
fn gradients_are_how_the_loss_changes() {
    let plain = network();
    let drawn = [3, 38, 7, 11, 20, 1, 2, 9, 30];
    for level in Level::available() {
        for drawn in [None, Some(&drawn[..])] {
            let (_, gradient, items) = loss_of(level, &plain, drawn);
            let moved = |range: std::ops::Range<usize>, step: f32| {
                let mut network = plain.clone();
                let part = &gradient[range.clone()];
                let length = part.iter().map(|value| value * value).sum::<f32>().sqrt();
                for (weight, value) in network.weights[range].iter_mut().zip(part) {
                    *weight += step * value / length;
                }
                loss_of(level, &network, drawn).0
            };
            let check_range = |name: &str, range: std::ops::Range<usize>| {
                check(name, &gradient[range.clone()], |step| moved(range.clone(), step));
            };
            for block in 0..SHAPE.blocks {
                for part in Part::ALL {
                    check_range(&format!("{part:?} of {block}"), SHAPE.part(block, part));
                }
            }
            let [gain, shift] = SHAPE.last();
            check_range("last gain", gain);
            check_range("last shift", shift);
            check_range("places", SHAPE.places());
            let length = items.iter().map(|value| value * value).sum::<f32>().sqrt();
            check("items", &items, |step| {
                let mut network = plain.clone();
                for (weight, value) in network.items.values_mut().iter_mut().zip(&items) {
                    *weight += step * value / length;
                }
                loss_of(level, &network, drawn).0
            });
        }
    }
}

/// Users whose histories are a walk of `length` items over `n_items`.
fn walks(
    n_users: u32,
    n_items: u32,
    length: u32,
    next: impl Fn(u32, u32, u32) -> u32,
) -> Interactions {
    let (mut users, mut items, mut ages) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..n_users {
        let (mut before, mut now) = (user % n_items, (user * 7 + 3) % n_items);
        for at in 0..length {
            users.push(user);
            items.push(now);
            ages.push((length - at) as f32);
            (before, now) = (now, next(user, before, now));
        }
    }
    let weights = vec![1.0; users.len()];
    let events = Events { users: &users, items: &items, weights: &weights, ages: Some(&ages) };
    Interactions::from_events(n_users as usize, n_items as usize, events, Repeats::KeepLast)
        .unwrap()
}

fn fit(all: &Interactions, settings: &[(&str, &str)]) -> Box<dyn Recommender> {
    let entry = Entry::find("sequence").unwrap();
    let mut parameters = entry.defaults();
    for (name, value) in settings {
        parameters.set(name, value).unwrap();
    }
    entry.fit(&Training { seed: 5, ..Training::new(all) }, &parameters).unwrap()
}

/// Returns the share of users for whom the first of the list is what the walk comes to next.
fn found(model: &dyn Recommender, all: &Interactions, next: impl Fn(u32, u32, u32) -> u32) -> f64 {
    let mut pad = Pad::default();
    let users = all.n_users() as u32;
    let right = (0..users).filter(|user| {
        let history = History::of(all, *user);
        let items = history.ordered();
        let [.., before, now] = items[..] else { return false };
        let list = model.recommend(history, &ListOptions::unseen(1), &mut pad);
        list.first().is_some_and(|one| one.item == next(*user, before, now))
    });
    right.count() as f64 / f64::from(users)
}

#[test]
fn what_follows_from_the_last_item_is_learned() {
    let next = |_, _, now| (now + 13) % 100;
    let all = walks(200, 100, 10, next);
    for negatives in ["0", "30"] {
        let model = fit(&all, &[("negatives", negatives), ("width", "32")]);
        let share = found(&*model, &all, next);
        assert!(share > 0.95, "{share} with {negatives}");
    }
}

#[test]
fn what_follows_from_the_last_two_items_is_learned() {
    // Onwards in the direction of the last step: one item alone does not tell.
    let next = |_, before: u32, now: u32| {
        let onward = (now + 40 - before) % 40;
        if onward == 1 { (now + 1) % 40 } else { (now + 39) % 40 }
    };
    let begun = |user: u32, before: u32, now: u32| {
        let far = (now + 40 - before) % 40;
        let is_first = far != 1 && far != 39;
        if is_first && user.is_multiple_of(2) { (now + 1) % 40 } else { next(user, before, now) }
    };
    let all = walks(400, 40, 12, begun);
    let model = fit(&all, &[("negatives", "0"), ("width", "32"), ("dropout", "0.1")]);
    let share = found(&*model, &all, next);
    assert!(share > 0.9, "{share}");
}

#[test]
fn parts_sum_to_the_score() {
    let all = walks(60, 30, 8, |_, _, now| (now + 7) % 30);
    let model = fit(&all, &[("width", "16"), ("epochs", "5"), ("length", "5")]);
    let mut pad = Pad::default();
    for user in 0..10 {
        let history = History::of(&all, user);
        let list = model.recommend(history, &ListOptions::unseen(5), &mut pad);
        assert_eq!(list.len(), 5);
        for one in list {
            let parts = model.explain(history, one.item);
            assert_eq!(parts.len(), 5, "older items are not looked at");
            let sum: f32 = parts.iter().map(|part| part.score).sum();
            assert!((sum - one.score).abs() < 1e-4, "{sum} is not {}", one.score);
        }
    }
}

#[test]
fn threads_change_no_bit_where_there_are_several_tasks() {
    let all = walks(300, 50, 12, |_, _, now| (now + 3) % 50);
    let bytes = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let settings = [("width", "16"), ("epochs", "3"), ("batch", "300"), ("negatives", "20")];
        pool.install(|| saved::to_bytes(&*fit(&all, &settings)))
    };
    assert_eq!(bytes(1), bytes(3));
}

#[test]
fn without_times_it_says_what_it_needs() {
    let all = Interactions::from_triples(1, 2, &[0, 0], &[0, 1], &[1.0; 2], Repeats::Add).unwrap();
    let entry = Entry::find("sequence").unwrap();
    let error = entry.fit(&Training::new(&all), &entry.defaults()).unwrap_err().to_string();
    assert!(error.contains("needs their times"), "{error}");
}

#[test]
fn what_is_given_to_tune_on_is_judged() {
    let all = walks(100, 30, 9, |_, _, now| (now + 7) % 30);
    let youngest = |user: usize, at: usize| {
        let last = History::of(&all, user as u32).ordered().last().copied();
        last == Some(all.row(user).0[at])
    };
    let (validation, _) = all.split(youngest);
    let entry = Entry::find("sequence").unwrap();
    let mut parameters = entry.defaults();
    parameters.set("width", "16").unwrap();
    let training = Training { validation: Some(&validation), ..Training::new(&all) };
    let given = entry.fit(&training, &parameters).unwrap();
    let own = entry.fit(&Training::new(&all), &parameters).unwrap();
    assert_eq!(saved::to_bytes(&*given), saved::to_bytes(&*own));
    let names: Vec<_> = given.figures().iter().map(|figure| figure.0).collect();
    assert_eq!(names, ["epochs", "loss", "validation"]);
}

#[test]
fn the_youngest_alone_comes_out_as_among_all() {
    let (network, level) = (network(), Level::detect());
    let mut tape = Tape::default();
    for length in [1, 7, 55] {
        let lay = |tape: &mut Tape| {
            let items = (0..length).map(|at| ((at * 17 + at * at) % N_ITEMS) as u32).collect();
            tape.unit = Unit { items, lengths: vec![length] };
        };
        lay(&mut tape);
        network.forward(level, &mut tape, Dropout::NONE);
        let last = tape.out[(length - 1) * SHAPE.width..length * SHAPE.width].to_vec();
        lay(&mut tape);
        network.forward_youngest(level, &mut tape);
        for (alone, last) in tape.out.iter().zip(&last) {
            assert!((alone - last).abs() < 1e-4, "{alone} and {last} of {length}");
        }
    }
}
