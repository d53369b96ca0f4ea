//! What a command says to files and figures it cannot use: an error with the place and the reason,
//! or a right answer; never a panic.

use std::path::Path;

use super::*;

/// The commands, each with its file in place of `{}`, a good one in place of `{good}`.
const COMMANDS: [&str; 5] = [
    "cluster --input {} --k 1",
    "recommend --train {} --test {good} --user user --item item --model item-knn",
    "recommend --train {good} --test {} --user user --item item --model item-knn",
    "respond --train {} --test {good} --label y --model logistic",
    "respond --train {good} --test {} --label y --model linear",
];

const GOOD: &str = "user,item,y\n1,1,0\n1,2,1\n2,1,1\n2,3,0\n";

/// Returns what a command says to a file.
fn said(command: &str, folder: &tempfile::TempDir, path: &Path) -> anyhow::Error {
    let good = file(folder, "good.csv", GOOD).display().to_string();
    let line = command.replace("{good}", &good).replace("{}", &path.display().to_string());
    match lab(&line) {
        Err(error) => error,
        Ok(result) => panic!("`{line}` answered {result}"),
    }
}

#[test]
fn a_file_that_is_no_table_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..4096_u32).map(|at| (at * 7919 % 251) as u8).collect();
    let files: [(&str, &[u8]); 8] = [
        ("empty.csv", b""),
        ("empty.parquet", b""),
        ("empty.csv.gz", b""),
        ("binary.csv", &bytes),
        ("binary.parquet", &bytes),
        ("binary.csv.gz", &bytes),
        ("binary.tsv.zst", &bytes),
        ("image.png", &bytes),
    ];
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        for command in COMMANDS {
            let text = said(command, &folder, &path).to_string();
            assert!(text.contains(name), "{command} {name}: {text}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["none.csv", "none.parquet", "none.csv.gz"] {
        for command in COMMANDS {
            let text = said(command, &folder, &folder.path().join(name)).to_string();
            assert!(text.contains(name), "{command}: {text}");
        }
    }
    for command in COMMANDS {
        let text = said(command, &folder, folder.path()).to_string();
        assert!(text.contains("must end in .parquet, .csv or .tsv"), "{command}: {text}");
    }
}

#[test]
fn a_table_without_rows_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "header.csv", "user,item,y\n");
    for command in COMMANDS {
        let text = said(command, &folder, &path).to_string();
        assert!(text.contains("header.csv") && text.contains("no row"), "{command}: {text}");
    }
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "other.csv", "a,b\n1,2\n3,4\n");
    let cases = [
        ("cluster --input {} --k 1 --features a,z", "z"),
        ("recommend --train {} --test {good} --user user --item b --model popular", "user"),
        ("recommend --train {good} --test {} --user user --item item --model popular", "user"),
        ("respond --train {} --test {good} --label y --model linear", "y"),
        ("respond --train {} --test {} --label a --numeric z --model linear", "z"),
        ("respond --train {} --test {} --label a --categorical z --model linear", "z"),
    ];
    for (command, column) in cases {
        let text = format!("{:#}", said(command, &folder, &path));
        assert!(text.contains(&format!("`{column}`")), "{command}: {text}");
    }
}

#[test]
fn values_that_are_no_numbers_are_told_with_their_row() {
    let folder = tempfile::tempdir().unwrap();
    for (value, what) in [("", "no value"), ("NaN", "no value"), ("inf", "infinite")] {
        let path = file(&folder, "x.csv", &format!("x,y\n1,0\n{value},0\n3,0\n"));
        let text = said("cluster --input {} --k 1 --features x", &folder, &path).to_string();
        assert!(text.contains(what) && text.contains("row 2"), "{value}: {text}");
    }
    let path = file(&folder, "word.csv", "x,y\n1,0\nred,1\n3,2\n");
    let command = "cluster --input {} --k 1 --features x";
    let text = said(command, &folder, &path).to_string();
    assert!(text.contains("column `x` holds text"), "{text}");
    for (labels, got) in [("1\n2", "2"), ("1\nNaN", "NaN"), ("0\n0.5", "0.5")] {
        let rows = labels.replace('\n', ",5\n");
        let path = file(&folder, "labels.csv", &format!("y,x\n{rows},6\n"));
        let command = "respond --train {} --test {good} --label y --model logistic";
        let text = format!("{:#}", said(command, &folder, &path));
        assert!(text.contains(&format!("0 or 1, got `{got}` in row 2")), "{text}");
    }
    let path = file(&folder, "far.csv", "y,x\n1,5\n0,inf\n");
    let command = "respond --train {} --test {good} --label y --model linear";
    let text = format!("{:#}", said(command, &folder, &path));
    assert!(text.contains("column `x`") && text.contains("`inf` in row 2"), "{text}");
    let path = file(&folder, "weights.csv", "user,item,w\n1,1,2\n1,2,\n");
    let command = "recommend --train {} --test {good} --user user --item item --weight w \
                   --model popular";
    let text = said(command, &folder, &path).to_string();
    assert!(text.contains("column `w`") && text.contains("row 2"), "{text}");
}

#[test]
fn values_whose_squares_overflow_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "huge.csv", "x\n1e300\n-1e300\n2e299\n");
    for flags in ["--k 2", "--k 2 --algorithm hierarchical", "--k 2 --scale standard"] {
        match lab(&format!("cluster --input {} {flags}", path.display())) {
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(result) => assert!(result["inertia"].is_number(), "{flags}: {result}"),
        }
    }
}

#[test]
fn features_that_never_vary_have_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "same.csv", "x,y,z\n7,1,0\n7,1,1\n7,1,0\n7,1,1\n");
    let input = path.display();
    for scale in ["none", "standard", "minmax", "robust"] {
        for algorithm in ["kmeans", "hierarchical"] {
            let flags = format!("--features x,y --scale {scale} --algorithm {algorithm}");
            let result = lab(&format!("cluster --input {input} --k 2 {flags}")).unwrap();
            near(&result["inertia"], 0.0);
        }
    }
    let result = lab(&format!("cluster --input {input} --features x,y --k auto")).unwrap();
    assert_eq!(result["sizes"], serde_json::json!([4, 0]));
    assert!(result["silhouette"].is_null());
    for model in ["linear", "logistic"] {
        let flags = format!("--label z --model {model}");
        let result = lab(&format!("respond --train {input} --test {input} {flags}")).unwrap();
        near(&result["coefficients"]["x"], 0.0);
        near(&result["metrics"]["log_loss"], 2_f64.ln());
    }
}

#[test]
fn labels_that_never_vary_are_told_or_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "same.csv", "x,y\n1,1\n2,1\n3,1\n");
    let rows = path.display();
    let line = |model| format!("respond --train {rows} --test {rows} --label y --model {model}");
    let text = lab(&line("logistic")).unwrap_err().to_string();
    assert!(text.contains("both outcomes"), "{text}");
    let result = lab(&line("linear")).unwrap();
    near(&result["intercept"], 1.0);
    assert!(result["metrics"]["auc"].is_null() && result["metrics"]["r2"].is_null());
}

#[test]
fn one_row_is_a_cluster_and_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "one.csv", "x,y\n3,4\n");
    let rows = path.display();
    for flags in ["", "--scale standard", "--scale minmax", "--algorithm hierarchical"] {
        let result = lab(&format!("cluster --input {rows} --k 1 {flags}")).unwrap();
        assert_eq!(result["rows"], 1);
        near(&result["inertia"], 0.0);
        assert!(result["silhouette"].is_null());
    }
    assert!(is_usage(&lab(&format!("cluster --input {rows} --k 2")).unwrap_err()));
    for k in ["auto", "2..3"] {
        let text = lab(&format!("cluster --input {rows} --k {k}")).unwrap_err().to_string();
        assert!(text.contains("at least 3 rows, got 1"), "{k}: {text}");
    }
    let line = format!("respond --train {rows} --test {rows} --label y --model linear");
    near(&lab(&line).unwrap()["intercept"], 4.0);
}

#[test]
fn one_user_or_one_item_still_gets_lists() {
    let folder = tempfile::tempdir().unwrap();
    let models = ["popular", "user-knn", "item-knn", "hybrid"];
    let tables = [
        ("user,item\n1,1\n1,2\n", "user,item\n1,1\n2,2\n"),
        ("user,item\n1,1\n2,1\n", "user,item\n1,1\n3,1\n"),
        ("user,item\n1,1\n", "user,item\n1,1\n"),
        ("user,item\n1,1\n1,1\n", "user,item\n2,2\n"),
    ];
    for (train, test) in tables {
        let paths = [file(&folder, "train.csv", train), file(&folder, "test.csv", test)];
        for model in models {
            let result = recommend(&paths, &format!("--model {model} --at 1,5")).unwrap();
            let hit_rate = result["metrics"]["hit_rate@5"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&hit_rate), "{model} {train:?}: {hit_rate}");
        }
    }
}

#[test]
fn identifiers_of_another_kind_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [
        file(&folder, "train.csv", "user,item\n1,1\n2,1\n"),
        file(&folder, "test.csv", "user,item\nanna,1\n"),
    ];
    let text = recommend(&paths, "--model popular").unwrap_err().to_string();
    assert!(text.contains("`user` holds text") && text.contains("test.csv"), "{text}");
    let paths = [file(&folder, "train.csv", "user,item\n1.5,1\n"), paths[0].clone()];
    let text = recommend(&paths, "--model popular").unwrap_err().to_string();
    assert!(text.contains("must be integers or text"), "{text}");
}

#[test]
fn labels_that_do_not_fit_the_table_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let input = file(&folder, "points.csv", "x\n1\n2\n9\n");
    let input = input.display();
    let cases = [
        ("label\n0\n1\n", "2 labels for 3 rows"),
        ("label\n0\n-1\n1\n", "label must be ≥ 0, got `-1` (row 2"),
        ("label\n0\n\n1\n", "labels"),
        ("label\nred\nred\nblue\n", "label"),
        ("other\n0\n0\n1\n", "label"),
    ];
    for (labels, message) in cases {
        let path = file(&folder, "labels.csv", labels);
        let line = format!("cluster --input {input} --labels {}", path.display());
        let text = lab(&line).unwrap_err().to_string();
        assert!(text.contains(message), "{labels:?}: {text}");
    }
    // One cluster has no silhouette, and a label that nobody has is an empty cluster.
    for (labels, k) in [("label\n0\n0\n0\n", 1), ("label\n0\n0\n2\n", 3)] {
        let path = file(&folder, "labels.csv", labels);
        let result = lab(&format!("cluster --input {input} --labels {}", path.display())).unwrap();
        assert_eq!(result["k"], k);
        assert_eq!(result["silhouette"].is_null(), k == 1);
    }
    let path = file(&folder, "labels.csv", "label\n0\n0\n4000000000\n");
    let line = format!("cluster --input {input} --labels {}", path.display());
    let text = lab(&line).unwrap_err().to_string();
    assert!(text.contains("4000000000"), "{text}");
}
