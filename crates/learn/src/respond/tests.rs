use super::*;

#[derive(Debug)]
struct Made {
    numbers: Vec<f64>,
    codes: Vec<u32>,
    levels: Vec<String>,
    labels: Vec<f64>,
}

impl Made {
    /// More rows than one block holds, and a category with missing values.
    fn new(rows: usize) -> Self {
        let pick = |row: usize, by: usize| (row * 2_654_435_761 + row / by) % 97;
        let code =
            |row: usize| if pick(row, 3) == 0 { MISSING } else { (pick(row, 5) % 12) as u32 };
        Self {
            numbers: (0..rows).map(|row| pick(row, 7) as f64 / 9.0).collect(),
            codes: (0..rows).map(code).collect(),
            levels: (0..12).map(|level| format!("level {level:02}")).collect(),
            labels: (0..rows)
                .map(|row| f64::from(u8::from(pick(row, 2) < 30 + row % 30)))
                .collect(),
        }
    }

    fn table(&self) -> Table<'_> {
        let category = Column::Categorical { codes: &self.codes, levels: &self.levels };
        Table::new(vec![("x", Column::Numeric(&self.numbers)), ("c", category)]).unwrap()
    }
}

fn fit(entry: &Entry, made: &Made) -> Result<Model> {
    let table = made.table();
    let training = Training { table: &table, labels: &made.labels, weights: None };
    entry.fit(&training, &entry.settings(&[])?)
}

#[test]
fn every_model_is_found_by_its_name() {
    for entry in MODELS {
        assert_eq!(Entry::find(entry.name).unwrap().name, entry.name);
        assert_eq!(fit(entry, &Made::new(50)).unwrap().name(), entry.name);
    }
    assert_eq!(
        Entry::find("oracle").unwrap_err().to_string(),
        "parameter `model` must be one of linear, logistic, got `oracle`"
    );
}

#[test]
fn defaults_lie_in_their_ranges_and_others_are_refused() {
    for entry in MODELS {
        for parameter in entry.parameters {
            assert!((parameter.least..=parameter.most).contains(&parameter.default));
            assert!(entry.settings(&[(parameter.name, parameter.most)]).is_ok());
            assert!(entry.settings(&[(parameter.name, f64::NAN)]).is_err());
        }
        assert!(entry.settings(&[("no such setting", 1.0)]).is_err());
    }
    assert_eq!(
        Entry::find("logistic").unwrap().settings(&[("strength", -1.0)]).unwrap_err().to_string(),
        "parameter `strength` must be from 0.000000001 to 1000000000, got `-1`"
    );
}

#[test]
fn a_batch_is_predicted_like_its_rows() {
    let made = Made::new(20_000);
    let table = made.table();
    for entry in MODELS {
        let model = fit(entry, &made).unwrap();
        let batch = model.predict(&table).unwrap();
        assert!(batch.iter().all(|prediction| prediction.is_finite()));
        for row in [0, 8191, 8192, 19_999] {
            let one = model.predict(&table.slice(row..row + 1)).unwrap();
            assert_eq!(one[0].to_bits(), batch[row].to_bits(), "{}", entry.name);
            let explained = model.explain(&table.row(row)).unwrap();
            assert!((explained.predicted - batch[row]).abs() < 1e-12, "{}", entry.name);
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let made = Made::new(20_000);
    for entry in MODELS {
        let [one, many] = [1, 3].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(entry, &made).unwrap())
        });
        assert_eq!(one, many, "{}", entry.name);
    }
}

#[test]
fn a_model_learns_what_its_coefficients_say() {
    let made = Made::new(5000);
    for entry in MODELS {
        let coefficients = fit(entry, &made).unwrap().coefficients();
        assert_eq!(coefficients.weights.len(), 1 + 12 + 1);
        assert_eq!(coefficients.weights[0].0, "x");
        assert_eq!(coefficients.weights[13].0, "c=(missing)");
    }
}

#[test]
fn one_row_and_no_row_are_answered_without_panic() {
    for entry in MODELS {
        for rows in 0..3 {
            let mut made = Made::new(rows);
            made.labels.iter_mut().for_each(|label| *label = 1.0);
            // Linear regression has an answer for equal labels, logistic regression has none.
            assert_eq!(fit(entry, &made).is_ok(), rows > 0 && entry.name == "linear");
        }
    }
}

#[test]
fn labels_other_than_outcomes_are_refused() {
    assert_eq!(outcomes(&[0.0, 1.0]).unwrap(), vec![false, true]);
    assert_eq!(
        outcomes(&[0.5]).unwrap_err().to_string(),
        "parameter `label` must be 0 or 1, got `0.5`"
    );
    assert!(outcomes(&[f64::NAN]).is_err());
}

/// The columns of numbers of a small file with a header, column by column; `None` without data.
fn read_columns(path: &str) -> Option<(Vec<String>, Vec<Vec<f64>>)> {
    #[expect(clippy::disallowed_methods, reason = "real data lie where the variable says")]
    let folder = std::env::var("SHOPWISE_DATA").ok()?;
    let text = std::fs::read_to_string(format!("{folder}/{path}")).ok()?;
    let mut lines = text.lines();
    let names: Vec<String> = lines.next()?.split(',').map(str::to_owned).collect();
    let mut columns = vec![Vec::new(); names.len()];
    for line in lines {
        for (column, field) in columns.iter_mut().zip(line.split(',')) {
            column.push(field.parse().unwrap());
        }
    }
    Some((names, columns))
}

#[test]
fn linear_regression_on_the_small_advertising_table_equals_scikit_learn() {
    let Some((names, columns)) = read_columns("small/ads_100x5.csv") else {
        println!("skipped");
        return;
    };
    let features = names.iter().zip(&columns).take(5);
    let features = features.map(|(name, values)| (name.as_str(), Column::Numeric(values)));
    let table = Table::new(features.collect()).unwrap();
    let fitted = linear::fit(&table, &columns[5], None).unwrap();
    let expected = [
        -0.16465259299470308,
        -0.13306952149912604,
        -0.007130379368512935,
        0.22785486899332866,
        -0.12057615666808336,
    ];
    for ((name, got), expected) in fitted.score().coefficients_per_unit().iter().zip(expected) {
        assert!((got - expected).abs() < 1e-13, "{name}: {got} {expected}");
    }
    assert!((fitted.score().intercept_per_unit() - 0.6177323953433046).abs() < 1e-13);
    assert!((fitted.r_squared() - 0.0812133576271521).abs() < 1e-13);
}
