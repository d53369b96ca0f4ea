use proptest::prelude::*;

use super::super::{
    Clustering, KMeans, Metric, Quality, calinski_harabasz, choose_k, davies_bouldin, silhouette,
    silhouette_values,
};
use super::{assert_close, blobs, matrix, tables};
use crate::error::Error;
use crate::matrix::Matrix;

#[test]
fn quality_by_hand() {
    let points = matrix(&[[0.0], [2.0], [9.0]]);
    assert_close(calinski_harabasz(&points, &[0, 0, 1]).unwrap().unwrap(), 64.0 / 3.0, 1e-15);
    assert_close(davies_bouldin(&points, &[0, 0, 1]).unwrap().unwrap(), 0.125, 1e-15);
    let points = matrix(&[[0.0], [1.0], [4.0]]);
    let found = silhouette(&points, &[0, 0, 1], Metric::Euclidean, 10, 0).unwrap().unwrap();
    assert_close(found.mean, 17.0 / 36.0, 1e-15);
    assert_eq!(found.of_clusters.len(), 2);
    assert_close(found.of_clusters[0].unwrap(), 17.0 / 24.0, 1e-15);
    assert_eq!(found.of_clusters[1], Some(0.0));
    assert_eq!(found.rows, 3);
}

#[test]
fn clusterings_of_given_labels_by_hand() {
    let points = matrix(&[[0.0], [2.0], [9.0]]);
    let found = Clustering::from_labels(Metric::Euclidean, &points, vec![0, 0, 2]).unwrap();
    assert_eq!(found.centers.values(), [1.0, 0.0, 9.0]);
    assert_eq!((found.inertia, found.sizes), (2.0, vec![2, 0, 1]));
}

#[test]
fn what_is_not_defined_is_nothing() {
    let points = matrix(&[[0.0], [1.0], [4.0]]);
    for labels in [[0, 0, 0], [2, 2, 2], [0, 1, 2]] {
        let quality = Quality::measure(&points, &labels, Metric::Euclidean, 10, 0).unwrap();
        let nothing = Quality {
            silhouette: None,
            silhouette_of_clusters: vec![],
            silhouette_rows: 0,
            calinski_harabasz: None,
            davies_bouldin: None,
        };
        assert_eq!(quality, nothing, "{labels:?}");
    }
}

#[test]
fn equal_rows_in_two_clusters_have_no_quality_but_no_harm() {
    let points = matrix(&[[3.0, 1.0]; 4]);
    let quality = Quality::measure(&points, &[0, 0, 1, 1], Metric::Euclidean, 10, 0).unwrap();
    // As scikit-learn has it.
    assert_eq!(quality.silhouette, Some(0.0));
    assert_eq!(quality.calinski_harabasz, Some(1.0));
    assert_eq!(quality.davies_bouldin, Some(0.0));
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let points = matrix(&[[0.0], [1.0], [4.0]]);
    let measure = |labels: &[u32]| Quality::measure(&points, labels, Metric::Euclidean, 10, 0);
    assert_eq!(measure(&[0, 1]), Err(Error::Length { what: "labels", expected: 3, got: 2 }));
    assert_eq!(
        measure(&[0, 1, 3]).unwrap_err().to_string(),
        "parameter `label` must be below the number of rows (3), got `3`"
    );
    assert!(silhouette(&points, &[0, 0, 1], Metric::Euclidean, 0, 0).is_err());
}

#[test]
fn a_sample_of_a_large_table_says_its_size_and_comes_near() {
    let points = blobs(4_000, 4, 4, 9);
    let labels = KMeans { k: 4, restarts: 2, ..KMeans::default() }.fit(&points).unwrap().labels;
    let of = |rows_max, seed| {
        silhouette(&points, &labels, Metric::Euclidean, rows_max, seed).unwrap().unwrap()
    };
    let (all, some) = (of(4_000, 0), of(1_000, 0));
    assert_eq!((all.rows, some.rows), (4_000, 1_000));
    assert!((all.mean - some.mean).abs() < 0.03, "{} against {}", some.mean, all.mean);
    assert_eq!(some, of(1_000, 0));
    assert_ne!(some, of(1_000, 1));
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    let points = blobs(3_000, 5, 4, 12);
    let labels: Vec<u32> = (0..3_000).map(|row| row % 4).collect();
    let measure = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Quality::measure(&points, &labels, Metric::Cosine, 20_000, 0).unwrap())
    };
    assert_eq!(measure(1), measure(2));
}

#[test]
fn a_range_without_a_silhouette_gives_its_smallest_k() {
    let choice = choose_k(&matrix(&[[1.0]; 6]), 2..=9, &KMeans::default(), 10).unwrap();
    // Six equal rows: k up to 5 is tried, and all of them fall into one cluster.
    assert_eq!(choice.curve.len(), 4);
    assert_eq!((choice.best.k(), choice.quality.silhouette), (2, None));
    let choose = |rows: usize, from, to| {
        choose_k(&Matrix::zeros(rows, 1), from..=to, &KMeans::default(), 10)
    };
    assert!(matches!(choose(5, 0, 3), Err(Error::Parameter { .. })));
    assert!(matches!(choose(5, 4, 3), Err(Error::Parameter { .. })));
    assert!(matches!(choose(2, 2, 12), Err(Error::TooLittle(_))));
    assert!(matches!(choose(0, 2, 12), Err(Error::TooLittle(_))));
}

/// The silhouette of one row, by its definition; nothing when both distances are 0 to rounding.
fn by_definition(points: &Matrix, labels: &[u32], metric: Metric, row: usize) -> Option<f64> {
    let mean = |cluster: u32| {
        let others: Vec<f64> = (0..points.rows())
            .filter(|other| labels[*other] == cluster && *other != row)
            .map(|other| metric.distance(points.row(row), points.row(other)))
            .collect();
        others.iter().sum::<f64>() / others.len() as f64
    };
    let own = mean(labels[row]);
    if own.is_nan() {
        return Some(0.0);
    }
    let others = labels.iter().filter(|label| **label != labels[row]);
    let other = others.map(|label| mean(*label)).fold(f64::INFINITY, f64::min);
    (own.max(other) > 1e-12).then(|| (other - own) / own.max(other))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn silhouettes_are_as_defined_and_know_no_names(
        points in tables(),
        drawn in prop::collection::vec(0_usize..4, 40),
        names in Just([0_u32, 1, 2, 3]).prop_shuffle(),
        metric in 0..4_usize,
    ) {
        let metric = Metric::ALL[metric];
        // There may be fewer rows than names.
        let most = points.rows().min(4);
        let labels: Vec<u32> =
            drawn[..points.rows()].iter().map(|label| (label % most) as u32).collect();
        let names: Vec<u32> = names.into_iter().filter(|name| (*name as usize) < most).collect();
        let renamed: Vec<u32> = labels.iter().map(|label| names[*label as usize]).collect();
        let values = silhouette_values(&points, &labels, metric).unwrap();
        prop_assert_eq!(&values, &silhouette_values(&points, &renamed, metric).unwrap());
        for (row, value) in values.iter().flatten().enumerate() {
            if let Some(expected) = by_definition(&points, &labels, metric, row) {
                prop_assert!((value - expected).abs() < 1e-9, "{value} {expected}");
            }
        }
    }
}
