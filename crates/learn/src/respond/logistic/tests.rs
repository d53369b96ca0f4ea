use super::*;
use crate::respond::table::Column;

/// Sixty rows made by arithmetic, so that another program can make the same.
struct Made {
    x: Vec<f64>,
    z: Vec<f64>,
    c: Vec<u32>,
    d: Vec<u32>,
    levels: Vec<String>,
    labels: Vec<bool>,
    weights: Vec<f64>,
}

impl Made {
    fn new() -> Self {
        let rows = 0..60u32;
        let c: Vec<u32> = rows.clone().map(|i| (i * i + i / 7) % 4).collect();
        Self {
            x: rows.clone().map(|i| f64::from((i * 37) % 101) / 10.0).collect(),
            z: rows.clone().map(|i| f64::from((i * i * 7 + 3) % 29) - 14.0).collect(),
            d: rows.clone().map(|i| (i / 11) % 3).collect(),
            levels: ["0", "1", "2", "3"].map(str::to_owned).to_vec(),
            labels: rows
                .clone()
                .map(|i| (i * 13 + (i % 5) * c[i as usize]) % 10 < 3 + c[i as usize])
                .collect(),
            weights: rows.map(|i| f64::from(1 + i % 3)).collect(),
            c,
        }
    }

    fn table(&self) -> Table<'_> {
        let levels = &self.levels;
        Table::new(vec![
            ("x", Column::Numeric(&self.x)),
            ("z", Column::Numeric(&self.z)),
            ("c", Column::Categorical { codes: &self.c, levels }),
            ("d", Column::Categorical { codes: &self.d, levels: &levels[..3] }),
        ])
        .unwrap()
    }
}

fn assert_coefficients(fitted: &Logistic, intercept: f64, expected: &[f64]) {
    assert!((fitted.score().intercept() - intercept).abs() < 1e-10);
    let coefficients = fitted.score().coefficients();
    assert_eq!(coefficients.len(), expected.len());
    for ((name, got), expected) in coefficients.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-10, "{name}: {got} {expected}");
    }
}

#[test]
fn coefficients_equal_those_of_scikit_learn() {
    // StandardScaler, OneHotEncoder, LogisticRegression(solver="newton-cholesky", tol=1e-14).
    let made = Made::new();
    let fitted = Parameters::default().fit(&made.table(), &made.labels, None).unwrap();
    assert_coefficients(
        &fitted,
        -0.05826001092737376,
        &[
            -0.004333995864650812,
            -0.1319013250795829,
            -0.7880044233331377,
            0.15727287480294286,
            0.1527631272751982,
            0.47796842125499733,
            -0.3914858016817834,
            0.15102708972226922,
            0.24045871195951446,
        ],
    );
}

#[test]
fn weighted_and_stronger_penalised_coefficients_equal_those_of_scikit_learn() {
    let made = Made::new();
    let parameters = Parameters { strength: 0.1, ..Parameters::default() };
    let fitted = parameters.fit(&made.table(), &made.labels, Some(&made.weights)).unwrap();
    assert_coefficients(
        &fitted,
        -0.31791819487591916,
        &[
            -0.08011396210984037,
            -0.028409127671151724,
            -0.4425867924191534,
            0.13834832267590289,
            0.1118776705244703,
            0.19236079921877994,
            -0.28413506747985773,
            0.1784403429434414,
            0.10569472453641622,
        ],
    );
}

#[test]
fn probabilities_add_up_to_the_outcomes_that_were_seen() {
    // At the optimum the intercept's slope Σ (p − y) is zero.
    let made = Made::new();
    let fitted = Parameters::default().fit(&made.table(), &made.labels, None).unwrap();
    let sum: f64 = fitted.predict_probability(&made.table()).unwrap().iter().sum();
    let positives = made.labels.iter().filter(|label| **label).count() as f64;
    assert!((sum - positives).abs() < 1e-10);
}

#[test]
fn an_explanation_adds_up_to_the_logit() {
    let made = Made::new();
    let table = made.table();
    let fitted = Parameters::default().fit(&table, &made.labels, None).unwrap();
    let probabilities = fitted.predict_probability(&table).unwrap();
    for row in [0, 17, 59] {
        let explanation = fitted.explain(&table.row(row)).unwrap();
        assert!((explanation.predicted - probabilities[row]).abs() < 1e-14);
        assert!((logit(explanation.predicted) - explanation.score).abs() < 1e-12);
        assert_eq!(explanation.parts.len(), 4);
    }
}

#[test]
fn separable_labels_have_a_finite_solution() {
    let x: Vec<f64> = (0..20).map(f64::from).collect();
    let labels: Vec<bool> = (0..20).map(|row| row >= 10).collect();
    let table = Table::new(vec![("x", Column::Numeric(&x))]).unwrap();
    for strength in [1e-6, 1.0, 1e6] {
        let parameters = Parameters { strength, ..Parameters::default() };
        let fitted = parameters.fit(&table, &labels, None).unwrap();
        let probabilities = fitted.predict_probability(&table).unwrap();
        assert!(probabilities.is_sorted());
        assert!((probabilities[0] + probabilities[19] - 1.0).abs() < 1e-6);
    }
}

#[test]
fn heavy_weights_and_a_weak_penalty_still_end() {
    // Rounding of the weighted sums then exceeds the tolerance, and columns depend on each other.
    let made = Made::new();
    let twice: Vec<f64> = made.x.iter().map(|x| 1e9 + 1e6 * x).collect();
    let levels = &made.levels;
    let table = Table::new(vec![
        ("x", Column::Numeric(&made.x)),
        ("twice", Column::Numeric(&twice)),
        ("c", Column::Categorical { codes: &made.c, levels }),
    ])
    .unwrap();
    let heavy: Vec<f64> = made.weights.iter().map(|weight| weight * 1e6).collect();
    for (strength, weights) in [(1e6, &heavy), (1e3, &heavy), (1e9, &made.weights)] {
        let parameters = Parameters { strength, ..Parameters::default() };
        let fitted = parameters.fit(&table, &made.labels, Some(weights)).unwrap();
        let probabilities = fitted.predict_probability(&table).unwrap();
        // The intercept's slope at the optimum is zero: Σ s (p − y) = 0.
        let rows = probabilities.iter().zip(&made.labels).zip(weights);
        let slope: f64 = rows.map(|((p, y), s)| s * (p - f64::from(u8::from(*y)))).sum();
        assert!(slope.abs() < 1e-9 * weights.iter().sum::<f64>(), "C {strength}: {slope}");
    }
}

#[test]
fn malformed_input_is_refused() {
    let table = Table::new(vec![("x", Column::Numeric(&[0.0, 1.0]))]).unwrap();
    let parameters = Parameters::default();
    assert!(matches!(parameters.fit(&table, &[true], None), Err(Error::Length { .. })));
    assert_eq!(
        parameters.fit(&table, &[true, true], None).unwrap_err().to_string(),
        "too little data: the labels must hold both outcomes, with a weight above 0"
    );
    let only_one_counts = parameters.fit(&table, &[true, false], Some(&[1.0, 0.0]));
    assert!(matches!(only_one_counts, Err(Error::TooLittle(_))));
    let zero = Parameters { strength: 0.0, ..parameters };
    assert_eq!(
        zero.fit(&table, &[true, false], None).unwrap_err().to_string(),
        "parameter `strength` must be above 0, got `0`"
    );
}

#[test]
fn one_step_is_not_enough() {
    let made = Made::new();
    let parameters = Parameters { iterations_max: 1, ..Parameters::default() };
    let fitted = parameters.fit(&made.table(), &made.labels, None);
    assert!(matches!(fitted, Err(Error::NoSolution(_))));
}
