//! Every command through its own flags, on files small enough to compute by hand.

mod bad_input;
mod known_figures;

use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde_json::Value;

use super::{LabCommand, UsageError, run, summary};

#[derive(clap::Parser)]
struct Program {
    #[command(subcommand)]
    command: LabCommand,
}

fn lab(line: &str) -> anyhow::Result<Value> {
    let words = std::iter::once("lab").chain(line.split_whitespace());
    run(&Program::try_parse_from(words).unwrap().command)
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn near(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.downcast_ref::<UsageError>().is_some()
}

#[test]
fn given_labels_are_judged_by_hand_computed_figures() {
    let folder = tempfile::tempdir().unwrap();
    let input = file(&folder, "points.csv", "name,x\na,0\nb,2\nc,9\n");
    let labels = file(&folder, "labels.csv", "label\n0\n0\n1\n");
    let (input, labels) = (input.display(), labels.display());
    let result = lab(&format!("cluster --input {input} --labels {labels}")).unwrap();
    assert_eq!(result["rows"], 3);
    assert_eq!(result["features"], 1);
    assert_eq!(result["sizes"], serde_json::json!([2, 1]));
    near(&result["inertia"], 2.0);
    near(&result["calinski_harabasz"], 64.0 / 3.0);
    near(&result["davies_bouldin"], 1.0 / 8.0);
    // Silhouettes 1 − 2/9, 1 − 2/7 and 0 for the single row.
    near(&result["silhouette"], (7.0 / 9.0 + 5.0 / 7.0) / 3.0);
    assert!(result["iterations"].is_null());
    assert!(summary(&result).contains("inertia"));
}

#[test]
fn two_groups_are_found_from_given_centres_and_by_auto() {
    let folder = tempfile::tempdir().unwrap();
    let input = file(&folder, "points.tsv", "x\ty\n0\t0\n0\t2\n10\t0\n10\t2\n");
    let initial = file(&folder, "initial.csv", "x,y\n1,1\n9,1\n");
    let (input, initial) = (input.display(), initial.display());
    for flags in [format!("--initial {initial}"), "--k 2".to_owned(), "--k auto".to_owned()] {
        let result = lab(&format!("cluster --input {input} {flags}")).unwrap();
        assert_eq!(result["k"], 2, "{flags}");
        near(&result["inertia"], 4.0);
    }
}

#[test]
fn a_missing_value_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let input = file(&folder, "points.csv", "x,y\n1,2\n3,\n");
    let error = lab(&format!("cluster --input {} --k 1", input.display())).unwrap_err();
    assert!(error.to_string().contains("column `y` has no value in row 2"), "{error}");
    assert!(!is_usage(&error));
}

#[test]
fn wrong_flags_are_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let input = file(&folder, "points.csv", "x\n1\n2\n");
    let input = input.display();
    for flags in ["--algorithm optics", "--k none", "--metric hamming", "--k 3", "--threads 0"] {
        let error = lab(&format!("cluster --input {input} {flags}")).unwrap_err();
        assert!(is_usage(&error), "{flags}: {error}");
    }
    let flags = "--user user --item item --model als9";
    let error = lab(&format!("recommend --train {input} --test {input} {flags}")).unwrap_err();
    assert!(is_usage(&error) && error.to_string().contains("sequence"));
}

#[test]
fn every_algorithm_finds_two_groups_and_says_what_only_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "x,y\n".to_owned();
    for step in 0..12 {
        text.push_str(&format!("{},{}\n", step % 4, step / 4));
        text.push_str(&format!("{},{}\n", 40 + step % 4, step / 4));
    }
    let input = file(&folder, "points.csv", &text);
    let truth = file(&folder, "truth.csv", &format!("label\n{}", "0\n1\n".repeat(12)));
    let tree = folder.path().join("tree.parquet");
    for (flags, says) in [
        ("kmeans --k 2 --stability 2".to_owned(), "stability"),
        ("minibatch-kmeans --k 2".to_owned(), "iterations"),
        ("k-medoids --k 2 --metric manhattan".to_owned(), "inertia"),
        (format!("hierarchical --k 2 --linkage single --tree {}", tree.display()), "linkage"),
        ("dbscan --eps 1.1 --min-points 3".to_owned(), "noise"),
        ("hdbscan --min-rows 6 --min-points 3".to_owned(), "noise"),
        ("gaussian-mixture --k 2 --covariance diagonal".to_owned(), "bic"),
        ("gaussian-mixture --k 1..3 --covariance diagonal".to_owned(), "curve"),
    ] {
        let (input, truth) = (input.display(), truth.display());
        let line = format!("cluster --input {input} --truth {truth} --algorithm {flags}");
        let result = lab(&line).unwrap();
        assert_eq!(result["k"], 2, "{flags}");
        near(&result["adjusted_rand_index"], 1.0);
        near(&result["normalised_mutual_information"], 1.0);
        assert!(!result[says].is_null(), "{flags}");
        assert!(result["silhouette"].as_f64().unwrap() > 0.8, "{flags}");
    }
    assert!(tree.exists());
}

#[test]
fn the_future_of_customers_is_told_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "customer,date,amount\n".to_owned();
    for customer in 0..120 {
        let mut day = customer % 28 + 1;
        for purchase in 0..[1, 1, 2, 1, 3, 9][customer % 6] {
            let month = 1 + (day - 1) / 28;
            let amount = 10 + customer % 7 * 5 + purchase;
            text.push_str(&format!(
                "c{customer},2024-{month:02}-{:02},{amount}\n",
                (day - 1) % 28 + 1
            ));
            day += 5 + (customer * 7 + purchase * 11) % 23;
        }
    }
    let input = file(&folder, "purchases.csv", &text);
    let output = folder.path().join("customers.parquet");
    let flags = "--customer customer --date date --amount amount --horizon 60";
    let (input, until) = (input.display(), "--observe-until 2024-05-28");
    let line = format!("lifetime --input {input} {flags} {until} --output {}", output.display());
    let result = lab(&line).unwrap();
    assert_eq!(result["customers"], 120);
    for name in ["r", "alpha", "a", "b", "gamma_gamma_p", "gamma_gamma_q", "gamma_gamma_v"] {
        assert!(result["parameters"][name].as_f64().unwrap() > 0.0, "{name}");
    }
    assert!(result["predicted"]["purchases"].as_f64().unwrap() > 0.0);
    assert!(output.exists());
    for wrong in ["--observe-until May", "--observe-until 2024-05-28 --output x.csv"] {
        let error = lab(&format!("lifetime --input {input} {flags} {wrong}")).unwrap_err();
        assert!(is_usage(&error), "{error}");
    }
}

#[test]
fn a_ragged_row_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let input = file(&folder, "points.csv", "x,y\n1,2\n3\n");
    let error = lab(&format!("cluster --input {} --k 1", input.display())).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("line 3") && text.contains("points.csv"), "{text}");
}

fn shop(folder: &tempfile::TempDir) -> [PathBuf; 2] {
    let train = "user,item\nanna,tea\nbob,tea\nbob,cup\ncarl,tea\ncarl,cup\ncarl,pot\n";
    [
        file(folder, "train.csv", train),
        file(folder, "test.csv", "user,item\nanna,pot\nbob,pot\ndora,cup\n"),
    ]
}

fn recommend(paths: &[PathBuf; 2], more: &str) -> anyhow::Result<Value> {
    let [train, test] = paths.each_ref().map(|path| Path::display(path));
    lab(&format!("recommend --train {train} --test {test} --user user --item item {more}"))
}

#[test]
fn popular_lists_are_judged_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let result = recommend(&shop(&folder), "--model popular --at 2").unwrap();
    // anna: cup, pot; bob: pot; dora, who is new: tea, cup. Ranks of the test items: 2, 1, 2.
    assert_eq!(result["users"], 3);
    assert_eq!(result["items"], 3);
    near(&result["metrics"]["mrr@2"], 2.0 / 3.0);
    near(&result["metrics"]["hit_rate@2"], 1.0);
    near(&result["metrics"]["precision@2"], 0.5);
    near(&result["metrics"]["ndcg@2"], (1.0 + 2.0 / 3_f64.log2()) / 3.0);
    near(&result["metrics"]["coverage@2"], 1.0);
    assert_eq!(result["parameters"]["half_life"], 0.0);
}

#[test]
fn a_setting_that_does_not_exist_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let paths = shop(&folder);
    for more in [
        "--model item-knn --set neighbors=3",
        "--model popular --at 0",
        "--model popular --budget 9",
    ] {
        assert!(is_usage(&recommend(&paths, more).unwrap_err()), "{more}");
    }
    for model in ["user-knn", "item-knn", "hybrid", "auto --budget 5"] {
        recommend(&paths, &format!("--model {model}")).unwrap();
    }
}

#[test]
fn next_items_are_judged_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let train = file(&folder, "train.csv", "visit,item,time\n1,tea,5\n1,cup,9\n2,tea,7\n");
    // Visit 1 is another one, from cup to tea; visit 9 keeps the order of its rows.
    let rows = "visit,item,time\n1,tea,30\n1,cup,20\n9,tea,1\n9,cup,1\n8,pot,4\n";
    let test = file(&folder, "test.csv", rows);
    let (train, test) = (train.display(), test.display());
    let flags = format!("--train {train} --test {test} --session visit --item item --time time");
    let result = lab(&format!("next-item {flags} --model popular --at 2")).unwrap();
    assert_eq!(result["predictions"], 2);
    assert_eq!(result["sessions"], serde_json::json!({ "train": 2, "test": 3 }));
    // Popular is tea, then cup.
    near(&result["metrics"]["mrr@2"], 0.75);
    let result = lab(&format!("next-item {flags} --model session-knn")).unwrap();
    near(&result["metrics"]["mrr@20"], 1.0);
    near(&result["metrics"]["recall@20"], 1.0);
    assert_eq!(result["index_sessions"], 2);
    for wrong in ["--model als9", "--model popular --set half=1"] {
        let error = lab(&format!("next-item {flags} {wrong}")).unwrap_err();
        assert!(is_usage(&error), "{wrong}: {error}");
    }
}

#[test]
fn a_line_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    // y = 1 + 2 a − b.
    let rows = file(&folder, "rows.csv", "a,b,y\n0,0,1\n1,0,3\n0,1,0\n2,1,4\n");
    let rows = rows.display();
    let flags = format!("respond --train {rows} --test {rows} --label y --model linear");
    let result = lab(&flags).unwrap();
    near(&result["coefficients"]["a"], 2.0);
    near(&result["coefficients"]["b"], -1.0);
    near(&result["intercept"], 1.0);
    near(&result["metrics"]["r2"], 1.0);
    assert_eq!(result["rows"]["train"], 4);
}

#[test]
fn ranks_of_probabilities_are_measured_by_hand() {
    let metrics = super::measures::measure(&[0.0, 1.0, 0.0, 1.0], &[0.2, 0.2, 0.6, 0.8]).unwrap();
    // Of four pairs two are right, one is tied and one wrong.
    near(&metrics["auc"], 0.625);
    near(&metrics["accuracy"], 0.5);
    near(&metrics["precision"], 0.5);
    near(&metrics["recall"], 0.5);
    near(&metrics["calibration_ratio"], 0.9);
    let loss = -(0.8_f64.ln() + 0.2_f64.ln() + 0.4_f64.ln() + 0.8_f64.ln()) / 4.0;
    near(&metrics["log_loss"], loss);
    near(&metrics["normalized_entropy"], loss / 2_f64.ln());
    // Bin 3 holds 0.2 twice: gap 0.6; bins 9 and 12: 0.6 and −0.2.
    near(&metrics["expected_calibration_error"], (0.6 + 0.6 + 0.2) / 4.0);
}
