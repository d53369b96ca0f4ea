use proptest::prelude::*;

use super::*;

fn fitted(values: &[f64], column: Column) -> FittedColumn {
    let points = Matrix::from_values(values.len(), 1, values.to_vec()).unwrap();
    fit(&points, &[column]).unwrap().columns[0]
}

fn scaled(values: &[f64], column: Column) -> Vec<f64> {
    let fitted = fitted(values, column);
    values.iter().map(|value| fitted.apply(*value)).collect()
}

fn scaling(scaling: Scaling) -> Column {
    Column { scaling, ..Column::default() }
}

#[test]
fn each_scaling_by_hand() {
    let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
    // Mean 5, standard deviation 2.
    let standard = scaled(&values, scaling(Scaling::Standard));
    assert_eq!(standard, [-1.5, -0.5, -0.5, -0.5, 0.0, 0.0, 1.0, 2.0]);
    let min_max = scaled(&values, scaling(Scaling::MinMax));
    assert_eq!((min_max[0], min_max[4], min_max[7]), (0.0, 3.0 / 7.0, 1.0));
    // Median 4.5, quartiles 4 and 5.5.
    let robust = fitted(&values, scaling(Scaling::Robust));
    assert_eq!((robust.center, robust.scale), (4.5, 1.5));
    assert_eq!(scaled(&values, scaling(Scaling::None)), values);
}

#[test]
fn quantiles_lie_between_values_as_in_numpy() {
    let sorted = [1.0, 2.0, 3.0, 10.0];
    assert_eq!(quantile_of_sorted(&sorted, 0.0), 1.0);
    assert_eq!(quantile_of_sorted(&sorted, 0.25), 1.75);
    assert_eq!(quantile_of_sorted(&sorted, 0.5), 2.5);
    assert!((quantile_of_sorted(&sorted, 0.9) - 7.9).abs() < 1e-12);
    assert_eq!(quantile_of_sorted(&sorted, 1.0), 10.0);
    assert_eq!(quantile_of_sorted(&[7.0], 0.3), 7.0);
    assert!(quantile_of_sorted(&[], 0.5).is_nan());
}

#[test]
fn values_are_cut_then_logged_then_scaled() {
    let values = [0.0, 1.0, 2.0, 3.0, 1000.0];
    let column = Column { scaling: Scaling::MinMax, log: true, winsorise: Some((0.0, 0.75)) };
    let fitted = fitted(&values, column);
    // The quantile 0.75 of five values is the fourth.
    assert_eq!(fitted.limits, Some((0.0, 3.0)));
    assert_eq!((fitted.center, fitted.scale), (0.0, 4_f64.ln()));
    assert_eq!(fitted.apply(1000.0), 1.0);
    assert_eq!(fitted.apply(-5.0), 0.0);
    assert!((fitted.apply(1.0) - 0.5).abs() < 1e-15);
    assert!((fitted.invert(0.5) - 1.0).abs() < 1e-12);
}

#[test]
fn constant_columns_become_zero() {
    for each in Scaling::ALL.into_iter().filter(|each| *each != Scaling::None) {
        for value in [0.1, -7.3, 1e300] {
            assert_eq!(scaled(&[value; 7], scaling(each)), [0.0; 7], "{}", each.name());
        }
    }
    // Not constant, but with equal quartiles: centred, not divided.
    let spike = scaled(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0], scaling(Scaling::Robust));
    assert_eq!(spike[6], 8.0);
}

#[test]
fn what_cannot_be_scaled_is_refused() {
    let one = Matrix::from_values(2, 1, vec![1.0, -2.0]).unwrap();
    let refused = |column| fit(&one, &[column]).unwrap_err().to_string();
    let plain = Column::default();
    assert_eq!(
        refused(Column { log: true, ..plain }),
        "parameter `log` must be of a column without negative values, got `-2`"
    );
    assert_eq!(
        refused(Column { winsorise: Some((0.9, 0.1)), ..plain }),
        "parameter `winsorise` must be two quantiles, 0 ≤ low ≤ high ≤ 1, got `0.9, 0.1`"
    );
    assert!(matches!(fit(&one, &[]), Err(Error::Length { .. })));
    assert!(matches!(fit(&Matrix::zeros(0, 1), &[plain]), Err(Error::TooLittle(_))));
    let missing = Matrix::from_values(1, 1, vec![f64::NAN]).unwrap();
    assert!(matches!(fit(&missing, &[plain]), Err(Error::NotFinite { .. })));
    let scaler = fit(&one, &[plain]).unwrap();
    assert!(matches!(scaler.apply(Matrix::zeros(1, 2)), Err(Error::Length { .. })));
    assert!(matches!(scaler.apply_row(&mut [0.0, 0.0]), Err(Error::Length { .. })));
    assert_eq!(
        fit(&Matrix::zeros(3, 0), &[]).unwrap().apply(Matrix::zeros(3, 0)).unwrap().rows(),
        3
    );
}

#[test]
fn names_lead_back_to_their_scalings() {
    for each in Scaling::ALL {
        assert_eq!(Scaling::from_name(each.name()), Some(each));
    }
    assert_eq!(Scaling::from_name("zscore"), None);
}

/// Returns the quantiles of a distribution in even steps: a sample without chance.
fn shape(quantile: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..2_000).map(|step| quantile((f64::from(step) + 0.5) / 2_000.0)).collect()
}

#[test]
fn treatments_follow_the_shape_of_a_column() {
    let plain = Column::default();
    let logged = Column { log: true, ..plain };
    let cut = Column { winsorise: Some(TAILS), ..plain };
    assert_eq!(choose(&shape(|share| share)), plain);
    // Money: the exponential of a bell-shaped number.
    let bell = |share: f64| (share / (1.0 - share)).ln() / 1.7;
    assert_eq!(choose(&shape(bell)), plain);
    assert_eq!(choose(&shape(|share| (3.0 + bell(share)).exp())), logged);
    // Negative values rule out the logarithm.
    assert_eq!(choose(&shape(|share| (3.0 + bell(share)).exp() - 30.0)), cut);
    // Heavy tails on both sides: a Cauchy distribution.
    assert_eq!(choose(&shape(|share| (std::f64::consts::PI * (share - 0.5)).tan())), cut);
}

#[test]
fn treatments_of_columns_with_little_in_them() {
    let plain = Column::default();
    assert_eq!(choose(&[]), plain);
    assert_eq!(choose(&[5.0]), plain);
    // A rare flag is skewed, and stays as it is.
    assert_eq!(choose(&shape(|share| if share > 0.99 { 1.0 } else { 0.0 })), plain);
    // Cutting would leave nothing: the quantiles are equal.
    let rare: Vec<f64> = shape(|share| if share > 0.998 { 1.0 + share } else { 0.0 });
    assert_eq!(choose(&rare).winsorise, None);
}

proptest! {
    #[test]
    fn scaled_columns_have_mean_zero_and_deviation_one(
        values in prop::collection::vec(-1e6..1e6_f64, 2..200),
    ) {
        let distinct = values.iter().any(|value| *value != values[0]);
        let scaled = scaled(&values, Column::default());
        let mean = mean_of(&scaled, |value| value);
        let square = mean_of(&scaled, |value| value * value);
        prop_assert!(mean.abs() < 1e-9);
        prop_assert!(!distinct || (square - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_row_is_scaled_as_in_its_table(
        values in prop::collection::vec(0.0..100.0_f64, 12),
        log in any::<bool>(),
        cut in any::<bool>(),
        scaling in 0..4_usize,
    ) {
        let column = Column {
            scaling: Scaling::ALL[scaling],
            log,
            winsorise: cut.then_some((0.1, 0.8)),
        };
        let points = Matrix::from_values(4, 3, values).unwrap();
        let scaler = fit(&points, &[column; 3]).unwrap();
        let table = scaler.apply(points.clone()).unwrap();
        for row in 0..4 {
            let mut alone = points.row(row).to_vec();
            scaler.apply_row(&mut alone).unwrap();
            prop_assert_eq!(alone.as_slice(), table.row(row));
            prop_assert!(alone.iter().all(|value| value.is_finite()));
        }
    }
}
