//! The laboratory on public data, against the figures that other programs reach on the same files.
//!
//! `SHOPWISE_DATA` names the folder of the data; without it these tests say `skipped`. How the
//! figures were made: docs/measurements.md.

use std::path::PathBuf;

use super::*;

/// Returns the file of a data set, or nothing where there is no data.
#[expect(clippy::disallowed_methods, reason = "tests may be told where the data is")]
fn data(name: &str) -> Option<String> {
    let found = std::env::var_os("SHOPWISE_DATA").map(|folder| PathBuf::from(folder).join(name));
    match found {
        Some(path) if path.exists() => Some(path.display().to_string()),
        _ => {
            println!("skipped: no `{name}` in SHOPWISE_DATA");
            None
        }
    }
}

fn within(value: &Value, expected: f64, tolerance: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected} ± {tolerance}");
}

#[test]
fn kmeans_of_the_hundred_users_is_at_least_as_good_as_scikit_learns() {
    let Some(users) = data("small/users_100x10.csv") else { return };
    // Best of ten starts there: 64.078 (seed 42), and 762.06 standardised (the best of 20 seeds).
    for (scale, most) in [("none", 64.078), ("standard", 762.056)] {
        let flags = format!("--k 4 --scale {scale} --seed 42");
        let result = lab(&format!("cluster --input {users} {flags}")).unwrap();
        let inertia = result["inertia"].as_f64().unwrap();
        assert!(inertia <= most * 1.001, "{scale}: {inertia}");
        assert!(result["silhouette"].as_f64().unwrap() > 0.0);
        assert!(result["seconds"]["fit"].is_number() && result["peak_memory_bytes"].is_number());
    }
}

#[test]
fn ward_of_the_hundred_users_equals_scikit_learns() {
    let Some(users) = data("small/users_100x10.csv") else { return };
    let flags = "--k 4 --algorithm hierarchical";
    let result = lab(&format!("cluster --input {users} {flags}")).unwrap();
    within(&result["inertia"], 67.720, 5e-4);
    within(&result["silhouette"], 0.0563, 5e-5);
}

#[test]
fn the_line_of_the_hundred_advertisements_equals_scikit_learns() {
    let Some(ads) = data("small/ads_100x5.csv") else { return };
    let line = format!("respond --train {ads} --test {ads} --label target --model linear");
    let result = lab(&line).unwrap();
    within(&result["metrics"]["r2"], 0.081_213_357_627_152_1, 1e-12);
    within(&result["coefficients"]["feature_3"], 0.227_854_868_993_328_66, 1e-12);
    within(&result["intercept"], 0.617_732_395_343_304_6, 1e-12);
}

/// Checks a logistic regression against the optimum that scikit-learn's newton-cholesky reaches
/// with tolerance 1e-12: intercept, AUC and log loss.
fn check_logistic(flags: &str, expected: [f64; 3]) {
    let result = lab(&format!("respond --model logistic {flags}")).unwrap();
    let [intercept, auc, log_loss] = expected;
    within(&result["intercept"], intercept, 1e-8);
    within(&result["metrics"]["auc"], auc, 1e-9);
    within(&result["metrics"]["log_loss"], log_loss, 1e-9);
}

#[test]
fn logistic_regression_of_shop_sessions_is_at_scikit_learns_optimum() {
    let files = ["train", "test"].map(|part| data(&format!("online-shoppers/{part}.csv.gz")));
    let [Some(train), Some(test)] = files else { return };
    let flags = format!("--train {train} --test {test} --label revenue");
    check_logistic(&flags, [-2.420_119_869_952_842, 0.887_556_400_799_911_6, 0.305_279_910_527_8]);
}

#[test]
fn logistic_regression_of_thousands_of_levels_is_at_scikit_learns_optimum() {
    let files = ["train", "test"].map(|part| data(&format!("frappe-mini/{part}.csv.gz")));
    let [Some(train), Some(test)] = files else { return };
    let categorical: Vec<String> = (0..10).map(|column| format!("c{column}")).collect();
    let categorical = categorical.join(",");
    let roles = format!("--label label --part part --categorical {categorical}");
    let flags = format!("--train {train} --test {test} {roles}");
    // 5,283 columns of 0 and 1.
    check_logistic(&flags, [-1.825_698_754_475_621_8, 0.929_717_970_984_72, 0.299_574_738_697_9]);
}

#[test]
fn lists_of_films_equal_those_of_other_programs() {
    let files = ["train75", "test25"].map(|part| data(&format!("ml-100k/{part}.parquet")));
    let [Some(train), Some(test)] = files else { return };
    let paths = [train, test].map(PathBuf::from);
    let ndcg = |more: &str| {
        recommend(&paths, &format!("--at 10 {more}")).unwrap()["metrics"]["ndcg@10"].clone()
    };
    // implicit 0.7.3: its 20 neighbours are an item and 19 others.
    let plain = "--model item-knn --set neighbours=19 --set shrinkage=0 --set similarity=tfidf";
    within(&ndcg(plain), 0.423_929_745_895, 1e-9);
    within(&ndcg("--model popular"), 0.252, 1e-3);
    // The peer's best as it comes, within its standard error.
    assert!(ndcg("--model item-knn").as_f64().unwrap() >= 0.4239 - 0.0085);
}

#[test]
fn what_comes_next_in_a_visit_is_told_better_than_serenade_does() {
    let files = ["train", "test"].map(|name| data(&format!("session-shop/{name}.csv.gz")));
    let [Some(train), Some(test)] = files else { return };
    let flags = "--session session --item item --time time --model session-knn";
    let result = lab(&format!("next-item --train {train} --test {test} {flags}")).unwrap();
    assert_eq!(result["predictions"], 931);
    // Serenade, tuned: .3401.
    within(&result["metrics"]["mrr@20"], 0.388, 0.003);
    within(&result["standard_error"]["mrr@20"], 0.0134, 0.0005);
}
