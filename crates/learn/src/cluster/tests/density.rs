use super::super::{Dbscan, DensityClustering, HDBSCAN_ROWS, Hdbscan, Metric, adjusted_rand_index};
use super::{blobs, made, matrix};
use crate::error::Error;
use crate::matrix::Matrix;

/// Labels as letters, noise as a dot.
fn letters(found: &DensityClustering) -> String {
    let letter = |label: &Option<u32>| label.map_or('.', |label| (b'a' + label as u8) as char);
    found.labels.iter().map(letter).collect()
}

#[test]
fn dense_rows_gather_and_single_ones_are_noise() {
    let points = matrix(&[[0.0], [0.4], [0.8], [5.0], [9.0], [9.3], [9.5], [1.3]]);
    let found = Dbscan { reach: 0.5, neighbours: 3, ..Dbscan::default() }.fit(&points).unwrap();
    // 0.4 is core with 0 and 0.8 beside it; 0.8 with 0.4 and 1.3; 9.3 with 9 and 9.5.
    assert_eq!(letters(&found), "aaa.bbba");
    assert_eq!((found.k, found.noise()), (2, 1));
    let (rows, clustering) = found.clustered(Metric::Euclidean, &points).unwrap().unwrap();
    assert_eq!((rows.rows(), clustering.sizes), (7, vec![4, 3]));
    let none = Dbscan { reach: 0.01, ..Dbscan::default() }.fit(&points).unwrap();
    assert_eq!((none.k, none.noise()), (0, 8));
    assert_eq!(none.clustered(Metric::Euclidean, &points), Ok(None));
}

#[test]
fn a_border_row_between_two_clusters_joins_the_first() {
    let points = matrix(&[[3.0], [3.2], [3.4], [2.0], [1.0], [0.8], [0.6]]);
    let found = Dbscan { reach: 1.0, neighbours: 4, ..Dbscan::default() }.fit(&points).unwrap();
    assert_eq!(letters(&found), "aaaabbb");
}

/// The definition, one row after the other.
fn by_definition(points: &Matrix, parameters: &Dbscan) -> Vec<Option<u32>> {
    let rows = points.rows();
    let near = |row: usize| -> Vec<usize> {
        let within = |other: &usize| {
            *other == row
                || parameters.metric.distance(points.row(row), points.row(*other))
                    <= parameters.reach
        };
        (0..rows).filter(within).collect()
    };
    let core: Vec<bool> = (0..rows).map(|row| near(row).len() >= parameters.neighbours).collect();
    let mut labels = vec![None; rows];
    let mut next = 0;
    for row in 0..rows {
        if labels[row].is_some() || !core[row] {
            continue;
        }
        let mut open = vec![row];
        while let Some(at) = open.pop() {
            if labels[at].is_some() {
                continue;
            }
            labels[at] = Some(next);
            if core[at] {
                open.extend(near(at));
            }
        }
        next += 1;
    }
    labels
}

#[test]
fn every_row_is_labelled_as_the_definition_has_it() {
    let points = blobs(300, 3, 6, 8);
    for metric in Metric::ALL {
        let reaches = if metric == Metric::Cosine { [0.01, 0.05] } else { [1.2, 2.5] };
        for reach in reaches {
            let parameters = Dbscan { reach, neighbours: 4, metric };
            let found = parameters.fit(&points).unwrap();
            assert_eq!(found.labels, by_definition(&points, &parameters), "{}", metric.name());
        }
    }
}

/// `sklearn.cluster.DBSCAN(eps=0.9, min_samples=4)` and `HDBSCAN(min_cluster_size=5)`, then
/// `HDBSCAN(min_cluster_size=10, min_samples=1)`, scikit-learn 1.9.1, on the same rows.
#[test]
fn scikit_learn_finds_the_same_clusters() {
    let points = made(90, 2, 2.0);
    let found = Dbscan { reach: 0.9, neighbours: 4, metric: Metric::Euclidean };
    assert_eq!(
        letters(&found.fit(&points).unwrap()),
        "aaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    );
    let found = Hdbscan::default().fit(&points).unwrap();
    same_groups(
        &letters(&found),
        "ceacdb.eec..c.ac.b.dec.ec.a.ebc..cda.cacebcea\
         ce.cdbc.acdece.ceac..cdacebc..c..c...e.ceace.",
    );
    let found = Hdbscan { rows_min: 10, neighbours: Some(1), ..Hdbscan::default() };
    same_groups(
        &letters(&found.fit(&points).unwrap()),
        "bd.bcabdcb.dbc.bdabccbccbd.bcabc.bc.b..bdabd.\
         bdcbcabbabccbdcbd.bccbc.bdabdabc.b.abcabd.bca",
    );
}

/// Groups may be called otherwise; noise may not.
fn same_groups(left: &str, right: &str) {
    let labels = |text: &str| text.bytes().map(u32::from).collect::<Vec<u32>>();
    let noise = |text: &str| text.bytes().map(|letter| letter == b'.').collect::<Vec<bool>>();
    assert_eq!(noise(left), noise(right), "{left} {right}");
    assert_eq!(adjusted_rand_index(&labels(left), &labels(right)), Ok(1.0), "{left} {right}");
}

#[test]
fn clusters_of_different_densities_are_found_without_a_distance() {
    let mut rows: Vec<[f64; 1]> = (0..20).map(|step| [f64::from(step) * 0.01]).collect();
    rows.extend((0..20).map(|step| [5.0 + f64::from(step) * 0.3]));
    rows.push([100.0]);
    let found = Hdbscan::default().fit(&matrix(&rows)).unwrap();
    assert_eq!(letters(&found), format!("{}{}.", "a".repeat(20), "b".repeat(20)));
}

#[test]
fn equal_rows_and_few_rows_have_an_answer() {
    let equal = matrix(&[[1.0, 2.0]; 12]);
    assert_eq!(Dbscan::default().fit(&equal).unwrap().k, 1);
    let found = Hdbscan::default().fit(&equal).unwrap();
    assert_eq!(found.labels.len(), 12);
    let one = matrix(&[[1.0]]);
    assert_eq!(Hdbscan::default().fit(&one).unwrap().noise(), 1);
    assert_eq!(Dbscan::default().fit(&one).unwrap().noise(), 1);
    let zeros = Matrix::zeros(3, 2);
    let cosine = Dbscan { metric: Metric::Cosine, ..Dbscan::default() };
    assert_eq!(cosine.fit(&zeros).unwrap().noise(), 3);
}

#[test]
fn the_same_labels_at_any_number_of_threads() {
    let points = blobs(2_500, 3, 5, 2);
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let dbscan = Dbscan { reach: 1.0, ..Dbscan::default() };
            (dbscan.fit(&points).unwrap(), Hdbscan::default().fit(&points).unwrap())
        })
    };
    assert_eq!(fit(1), fit(3));
}

#[test]
fn bad_requests_are_refused() {
    let points = matrix(&[[1.0], [2.0]]);
    for reach in [0.0, -1.0, f64::NAN] {
        let refused = Dbscan { reach, ..Dbscan::default() }.fit(&points);
        assert!(matches!(refused, Err(Error::Parameter { .. })));
    }
    let refused = Hdbscan { rows_min: 1, ..Hdbscan::default() }.fit(&points);
    assert!(matches!(refused, Err(Error::Parameter { .. })));
    let refused = Hdbscan::default().fit(&Matrix::zeros(HDBSCAN_ROWS + 1, 1));
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
    assert!(matches!(Dbscan::default().fit(&Matrix::zeros(0, 1)), Err(Error::TooLittle(_))));
    assert!(matches!(Hdbscan::default().fit(&Matrix::zeros(0, 1)), Err(Error::TooLittle(_))));
}
