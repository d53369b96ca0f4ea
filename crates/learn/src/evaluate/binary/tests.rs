use proptest::prelude::*;

use super::*;

/// Two hundred predictions and outcomes made by arithmetic, so that another program can make the
/// same.
fn made() -> (Vec<f64>, Vec<bool>) {
    let predicted: Vec<f64> =
        (0..200u32).map(|i| f64::from((i * i * 31 + 7 * i) % 97) / 96.0).collect();
    let labels = (0..200u32)
        .zip(&predicted)
        .map(|(i, p)| f64::from((i * 17 + i / 9) % 10) < 1.0 + 8.0 * p)
        .collect();
    (predicted, labels)
}

fn assert_report(report: &BinaryReport, expected: [f64; 10]) {
    let got = [
        report.auc.unwrap(),
        report.log_loss,
        report.normalized_entropy.unwrap(),
        report.accuracy,
        report.precision,
        report.recall,
        report.f1,
        report.calibration_ratio.unwrap(),
        report.expected_calibration_error,
        report.r2,
    ];
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() < 1e-12, "measure {place}: {got} {expected}");
    }
}

#[test]
fn all_measures_equal_those_of_scikit_learn() {
    let (predicted, labels) = made();
    let report = BinaryReport::measure(&predicted, &labels).unwrap();
    assert_eq!((report.rows, report.positives), (200, 109));
    assert_report(
        &report,
        [
            0.7943341062607118,
            0.6227330271854036,
            0.9037012511712593,
            0.735,
            0.7641509433962265,
            0.7431192660550459,
            0.7534883720930232,
            0.9794533648318045,
            0.13536458283333333,
            0.23767280597842522,
        ],
    );
}

#[test]
fn predictions_outside_0_to_1_are_clipped_save_for_r2() {
    let (mut predicted, labels) = made();
    predicted.iter_mut().for_each(|p| *p = *p * 1.4 - 0.2);
    let report = BinaryReport::measure(&predicted, &labels).unwrap();
    assert_report(
        &report,
        [
            0.7871761266256678,
            1.275022955655193,
            1.8502950542153014,
            0.735,
            0.7641509433962265,
            0.7431192660550459,
            0.7534883720930232,
            0.99296634617737,
            0.15854163266666663,
            0.12258433939913294,
        ],
    );
}

#[test]
fn four_rows_by_hand() {
    // Positives at .8 and .4, negatives at .4 and .1: of four pairs three are won and one is tied.
    let predicted = [0.8, 0.4, 0.4, 0.1];
    let labels = [true, true, false, false];
    assert_eq!(auc(&predicted, &labels).unwrap(), Some(0.875));
    let loss = -(0.8f64.ln() + 0.4f64.ln() + 0.6f64.ln() + 0.9f64.ln()) / 4.0;
    assert!((log_loss(&predicted, &labels).unwrap() - loss).abs() < 1e-15);
}

#[test]
fn what_one_outcome_cannot_tell_is_none() {
    let report = BinaryReport::measure(&[0.2, 0.4], &[false, false]).unwrap();
    assert_eq!(report.auc, None);
    assert_eq!(report.normalized_entropy, None);
    assert_eq!(report.calibration_ratio, None);
    assert_eq!((report.precision, report.recall, report.f1), (0.0, 0.0, 0.0));
    assert_eq!(BinaryReport::measure(&[0.2], &[true]).unwrap().auc, None);
}

#[test]
fn a_certain_mistake_costs_sixteen_nats() {
    let loss = log_loss(&[0.0], &[true]).unwrap();
    assert!((loss - 1e7f64.ln()).abs() < 1e-12);
}

#[test]
fn malformed_input_is_refused() {
    assert!(BinaryReport::measure(&[], &[]).is_err());
    assert!(BinaryReport::measure(&[0.5], &[]).is_err());
    assert!(auc(&[f64::NAN], &[true]).is_err());
    assert!(calibration_curve(&[0.5], &[true], 0, Z_95).is_err());
}

#[test]
fn a_calibration_curve_by_hand() {
    let predicted: Vec<f64> = (0..20).map(|row| f64::from(row) / 20.0).collect();
    let labels: Vec<bool> = (0..20).map(|row| row >= 10 && row % 2 == 0).collect();
    let curve = calibration_curve(&predicted, &labels, 2, Z_95).unwrap();
    assert_eq!(curve.iter().map(|bin| bin.rows).collect::<Vec<_>>(), vec![10, 10]);
    assert_eq!((curve[0].observed, curve[1].observed), (0.0, 0.5));
    assert!((curve[0].predicted - 0.225).abs() < 1e-12);
    assert!(curve[1].low < 0.5 && curve[1].high > 0.5);
}

#[test]
fn equal_predictions_stay_in_one_bin() {
    let curve = calibration_curve(&[0.3; 50], &[true; 50], 10, Z_95).unwrap();
    assert_eq!(curve.len(), 1);
    assert_eq!(curve[0].rows, 50);
}

#[test]
fn the_interval_of_a_rate_equals_that_of_scipy() {
    let (low, high) = wilson_interval(7, 20, Z_95);
    assert!((low - 0.1811918241010821).abs() < 1e-12);
    assert!((high - 0.5671457233147637).abs() < 1e-12);
    let (low, high) = wilson_interval(0, 20, Z_99);
    assert_eq!(low, 0.0);
    assert!((high - 0.2491054010987534).abs() < 1e-12);
    assert_eq!(wilson_interval(0, 0, Z_95), (0.0, 1.0));
}

proptest! {
    #[test]
    fn the_area_equals_the_share_of_pairs_won(
        rows in prop::collection::vec((0u8..6, any::<bool>()), 1..40),
    ) {
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0) / 5.0 - 0.5).collect();
        let labels: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let (mut won, mut pairs) = (0.0, 0.0);
        for (higher, _) in rows.iter().filter(|row| row.1) {
            for (lower, _) in rows.iter().filter(|row| !row.1) {
                pairs += 1.0;
                won += match higher.cmp(lower) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
        let expected = (pairs > 0.0).then(|| won / pairs);
        prop_assert_eq!(auc(&scores, &labels).unwrap(), expected);
    }

    #[test]
    fn every_row_is_in_one_bin_of_the_curve(
        rows in prop::collection::vec((0u8..9, any::<bool>()), 1..60),
        bins in 1usize..12,
    ) {
        let predicted: Vec<f64> = rows.iter().map(|row| f64::from(row.0) / 9.0).collect();
        let labels: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let curve = calibration_curve(&predicted, &labels, bins, Z_95).unwrap();
        prop_assert!(curve.len() <= bins);
        prop_assert_eq!(curve.iter().map(|bin| bin.rows).sum::<usize>(), rows.len());
        prop_assert!(curve.windows(2).all(|pair| pair[0].predicted < pair[1].predicted));
        prop_assert!(curve.iter().all(|bin| bin.low <= bin.observed && bin.observed <= bin.high));
    }
}
