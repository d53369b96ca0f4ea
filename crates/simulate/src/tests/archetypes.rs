//! Whether the planted segments can be found by what customers do.

use std::collections::BTreeMap;

use shopwise_model::EventKind;
use shopwise_model::time::DAY;

use super::*;

const FEATURES: usize = 10;

/// What k-means would know about a customer who bought, in the spirit of the customer features:
/// recency, tenure, orders, monetary, average order, items per order, products, return rate,
/// weekend and evening share; sizes as logarithms.
fn features(ran: &Run) -> BTreeMap<String, [f64; FEATURES]> {
    let frame = &ran.frame;
    let customers = frame.text("customer").unwrap();
    let (kinds, orders) = (frame.text("kind").unwrap(), frame.text("order").unwrap());
    let (times, amounts) = (frame.time("occurred_at").unwrap(), frame.int("amount").unwrap());
    let (lines, quantities) = (frame.int("line").unwrap(), frame.int("quantity").unwrap());
    let end = times[times.len() - 1];
    // First, last, events, orders, amount, pieces, lines, refunded, weekend, evening.
    let mut sums: BTreeMap<&str, [f64; FEATURES]> = BTreeMap::new();
    for row in 0..frame.rows() {
        let kind = EventKind::from_name(kinds.get(row).unwrap());
        let first = [times[row] as f64, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let own = sums.entry(customers.get(row).unwrap()).or_insert(first);
        if kind == EventKind::OrderRefunded {
            own[7] += amounts[row] as f64;
            continue;
        }
        let day = times[row].div_euclid(DAY);
        own[1] = times[row] as f64;
        own[2] += 1.0;
        own[8] += f64::from(u8::from((day + 3).rem_euclid(7) >= 5));
        own[9] += f64::from(u8::from(times[row].rem_euclid(DAY) >= DAY / 24 * 18));
        if kind == EventKind::OrderCompleted {
            assert!(orders.get(row).is_some());
            own[3] += f64::from(u8::from(lines[row] == 0));
            own[4] += amounts[row] as f64 / 1e6;
            own[5] += quantities[row] as f64;
            own[6] += 1.0;
        }
    }
    let days = |from: f64| (end as f64 - from) / DAY as f64;
    let bought = sums.into_iter().filter(|(_, own)| own[3] > 0.0);
    bought
        .map(|(customer, own)| {
            let row = [
                days(own[1]).ln_1p(),
                days(own[0]),
                own[3].ln(),
                own[4].ln(),
                (own[4] / own[3]).ln(),
                (own[5] / own[3]).ln(),
                own[6].ln(),
                own[7] / 1e6 / own[4],
                own[8] / own[2],
                own[9] / own[2],
            ];
            (customer.to_owned(), row)
        })
        .collect()
}

fn standardise(rows: &mut [[f64; FEATURES]]) {
    let count = rows.len() as f64;
    for column in 0..FEATURES {
        let mean = rows.iter().map(|row| row[column]).sum::<f64>() / count;
        let square = rows.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>() / count;
        rows.iter_mut().for_each(|row| row[column] = (row[column] - mean) / square.sqrt());
    }
}

fn distance(a: &[f64; FEATURES], b: &[f64; FEATURES]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Returns the clusters of the best of some runs of Lloyd's algorithm from centres of k-means++.
fn cluster(rows: &[[f64; FEATURES]], count: usize) -> Vec<usize> {
    let mut best = (f64::INFINITY, Vec::new());
    for attempt in 0..10 {
        let chance = Chance::new(attempt);
        let mut centres = vec![rows[chance.of(0).below(rows.len())]];
        while centres.len() < count {
            let near =
                |row| centres.iter().map(|own| distance(own, row)).fold(f64::INFINITY, f64::min);
            let next = chance.of(centres.len() as u64).pick(rows.iter().map(near));
            centres.push(rows[next]);
        }
        let mut labels = vec![0; rows.len()];
        let mut cost = 0.0;
        for _ in 0..100 {
            cost = 0.0;
            for (row, label) in rows.iter().zip(&mut labels) {
                let far = |at: &usize| distance(&centres[*at], row);
                *label = (0..count).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap();
                cost += far(label);
            }
            for (at, centre) in centres.iter_mut().enumerate() {
                let own: Vec<_> =
                    rows.iter().zip(&labels).filter(|(_, label)| **label == at).collect();
                for (column, value) in centre.iter_mut().enumerate() {
                    let sum: f64 = own.iter().map(|(row, _)| row[column]).sum();
                    *value = sum / own.len().max(1) as f64;
                }
            }
        }
        if cost < best.0 {
            best = (cost, labels);
        }
    }
    best.1
}

/// Returns the adjusted Rand index (Hubert and Arabie, 1985).
fn agreement(a: &[usize], b: &[usize]) -> f64 {
    let pairs = |counts: BTreeMap<(usize, usize), f64>| -> f64 {
        counts.values().map(|count| count * (count - 1.0) / 2.0).sum()
    };
    let count = |key: &dyn Fn(usize) -> (usize, usize)| {
        let mut counts = BTreeMap::new();
        (0..a.len()).for_each(|row| *counts.entry(key(row)).or_insert(0.0) += 1.0);
        pairs(counts)
    };
    let both = count(&|row| (a[row], b[row]));
    let (first, second) = (count(&|row| (a[row], 0)), count(&|row| (b[row], 0)));
    let all = a.len() as f64 * (a.len() as f64 - 1.0) / 2.0;
    let expected = first * second / all;
    (both - expected) / (f64::midpoint(first, second) - expected)
}

fn found(separation: f64) -> f64 {
    let settings = Settings { customers: 4_000, days: 180, separation, ..Settings::default() };
    let mut world = world(&settings);
    let ran = run(&mut world, 180, random);
    let truth = world.customers_truth();
    let names = truth.text("customer").unwrap();
    let planted: BTreeMap<&str, i64> =
        names.iter().flatten().zip(truth.int("archetype").unwrap().iter().copied()).collect();
    let by_customer = features(&ran);
    let labels: Vec<usize> =
        by_customer.keys().map(|name| planted[name.as_str()] as usize).collect();
    let mut rows: Vec<_> = by_customer.into_values().collect();
    standardise(&mut rows);
    let index = agreement(&cluster(&rows, 4), &labels);
    println!("separation {separation}: {} buyers, adjusted Rand {index:.3}", rows.len());
    index
}

#[test]
fn archetypes_far_apart_are_found_and_equal_ones_are_not() {
    assert!(found(0.0) < 0.1);
    assert!(found(8.0) >= 0.9);
}
