//! The same lists judged by another program, and the definitions by hand.

use super::*;
use crate::interactions::Repeats;

/// How many entries the list of each user has.
const LIST_LENGTHS: [u32; 8] = [12, 5, 0, 12, 3, 12, 1, 7];
/// How many test items each user has.
const TEST_SIZES: [u32; 8] = [1, 2, 3, 0, 4, 15, 1, 2];

/// Metric, value and standard error by the reference evaluator (pandas) on the lists made below.
const REFERENCE: [(&str, f64, f64); 14] = [
    ("ndcg@3", 0.263_969_507_968_119_5, 0.128_562_528_735_725_15),
    ("recall@3", 0.126_190_476_190_476_2, 0.072_178_601_862_972),
    ("precision@3", 0.190_476_190_476_190_47, 0.099_126_952_355_530_12),
    ("map@3", 0.214_285_714_285_714_27, 0.107_363_089_352_926_06),
    ("mrr@3", 0.428_571_428_571_428_55, 0.202_030_508_910_442_1),
    ("hit_rate@3", 0.428_571_428_571_428_55, 0.202_030_508_910_442_1),
    ("coverage@3", 0.571_428_571_428_571_4, f64::NAN),
    ("ndcg@10", 0.273_806_192_756_473_6, 0.103_603_688_606_557_79),
    ("recall@10", 0.297_619_047_619_047_56, 0.138_320_833_793_122_02),
    ("precision@10", 0.114_285_714_285_714_28, 0.067_005_939_426_048_99),
    ("map@10", 0.179_773_242_630_385_5, 0.075_641_714_383_056_67),
    ("mrr@10", 0.448_979_591_836_734_7, 0.195_748_225_441_335_47),
    ("hit_rate@10", 0.571_428_571_428_571_4, 0.202_030_508_910_442_14),
    ("coverage@10", 1.0, f64::NAN),
];

fn made() -> (RankedLists, Interactions, Vec<u32>) {
    let list = |user: u32| {
        let ranks = 1..=LIST_LENGTHS[user as usize];
        ranks.map(|rank| (user * 7 + rank * 5) % 23).collect()
    };
    let lists = RankedLists::new((0..8).map(list));
    let pairs: Vec<(u32, u32)> = (0..8)
        .flat_map(|user| {
            (0..TEST_SIZES[user as usize]).map(move |at| (user, (user * 11 + at * 4 + 12) % 27))
        })
        .collect();
    let (users, items): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
    let weights = vec![1.0; users.len()];
    let test =
        Interactions::from_triples(8, 27, &users, &items, &weights, Repeats::KeepLast).unwrap();
    // Items 21 and 22 are shown but not in train; 23 to 26 are only in test.
    let counts = (0..23).map(|item| if item < 21 { 1 + item % 4 } else { 0 }).collect();
    (lists, test, counts)
}

#[test]
fn every_metric_equals_the_reference_evaluator() {
    let (lists, test, counts) = made();
    let (report, per_user) = evaluate(&lists, &test, &counts, &[3, 10]).unwrap();
    assert_eq!((report.users, report.items), (7, 21));
    for (name, value, error) in REFERENCE {
        assert!((report.metrics[name] - value).abs() < 1e-12, "{name}");
        match report.standard_error.get(name) {
            Some(got) => assert!((got - error).abs() < 1e-12, "{name}"),
            None => assert!(error.is_nan(), "{name}"),
        }
    }
    assert_eq!(per_user.users, [0, 1, 2, 4, 5, 6, 7]);
    let ndcg = &per_user.metrics["ndcg@10"];
    assert!((ndcg.iter().sum::<f64>() / 7.0 - report.metrics["ndcg@10"]).abs() < 1e-15);
    assert_eq!(ndcg[2], 0.0, "a user without a list counts 0");
}

#[test]
fn two_hits_at_two_and_three_by_hand() {
    let values = user_values(&[9, 4, 7, 1], &[2, 4, 7], 4);
    let ideal = 1.0 + 1.0 / 3_f64.log2() + 0.5;
    let expected =
        [(1.0 / 3_f64.log2() + 0.5) / ideal, 2.0 / 3.0, 0.5, (0.5 + 2.0 / 3.0) / 3.0, 0.5, 1.0];
    for (got, wanted) in values.iter().zip(expected) {
        assert!((got - wanted).abs() < 1e-15);
    }
}

#[test]
fn novelty_is_the_mean_surprise_of_what_is_shown() {
    // Shares 1/2 and 1/8, and an item never seen, which counts as seen once: 1, 3 and 3 bits.
    let lists = RankedLists::new([vec![0], vec![1, 3]]);
    assert!((novelty(&lists, &[4, 1, 3, 0], 5) - 7.0 / 3.0).abs() < 1e-15);
    assert_eq!(novelty(&RankedLists::new([]), &[], 5), 0.0);
}

#[test]
fn empty_input_is_a_clear_message() {
    let (lists, test, counts) = made();
    let nobody = Interactions::from_triples(0, 0, &[], &[], &[], Repeats::Add).unwrap();
    let message = evaluate(&lists, &nobody, &counts, &[10]).unwrap_err().to_string();
    assert_eq!(message, "too little data: no user has a test item");
    for cuts in [&[][..], &[0]] {
        assert!(evaluate(&lists, &test, &counts, cuts).is_err());
    }
}

#[test]
fn one_user_has_no_standard_error() {
    let lists = RankedLists::new([vec![1]]);
    let test = Interactions::from_triples(1, 2, &[0], &[1], &[1.0], Repeats::Add).unwrap();
    let (report, _) = evaluate(&lists, &test, &[1, 1], &[1]).unwrap();
    assert_eq!(report.metrics["ndcg@1"], 1.0);
    assert!(report.standard_error.is_empty());
}
