use super::super::{KMeans, Metric, MiniBatchKMeans, stability};
use super::{assert_close, blobs, matrix};
use crate::error::Error;
use crate::matrix::Matrix;

#[test]
fn a_batch_moves_a_centre_by_its_share_of_all_rows() {
    let start = matrix(&[[0.0], [2.0], [100.0]]);
    let mut learning =
        MiniBatchKMeans { k: 2, ..MiniBatchKMeans::default() }.start(&start).unwrap();
    let low = if learning.centers().row(0)[0] < 50.0 { 0 } else { 1 };
    assert_eq!(learning.centers().row(low), [1.0]);
    // Two rows at 1 so far, two more of mean 4: (2 + 8) / 4.
    let cost = learning.take(&matrix(&[[3.0], [5.0]])).unwrap();
    assert_close(learning.centers().row(low)[0], 2.5, 1e-15);
    assert_eq!(cost, 4.0 + 16.0);
    assert_eq!(learning.take(&Matrix::zeros(0, 1)), Ok(0.0));
    assert!(matches!(learning.take(&Matrix::zeros(1, 2)), Err(Error::Length { .. })));
    let found = learning.clustering(&start).unwrap();
    assert_eq!(found.sizes[low], 2);
}

#[test]
fn batches_come_near_to_what_all_rows_give() {
    let points = blobs(20_000, 6, 8, 4);
    for metric in [Metric::Euclidean, Metric::Cosine] {
        let best = KMeans { k: 8, metric, restarts: 2, ..KMeans::default() }.fit(&points).unwrap();
        let parameters = MiniBatchKMeans { metric, ..MiniBatchKMeans::default() };
        let found = parameters.fit(&points).unwrap();
        assert!(found.inertia < best.inertia * 1.1, "{} {}", found.inertia, best.inertia);
        assert_eq!(found, parameters.fit(&points).unwrap());
    }
}

#[test]
fn small_tables_and_bad_requests() {
    let points = matrix(&[[0.0], [0.0], [9.0]]);
    let fit = |k, metric| MiniBatchKMeans { k, metric, ..MiniBatchKMeans::default() }.fit(&points);
    assert_eq!(fit(2, Metric::Euclidean).unwrap().inertia, 0.0);
    assert!(matches!(fit(4, Metric::Euclidean), Err(Error::Parameter { .. })));
    assert!(matches!(fit(2, Metric::Manhattan), Err(Error::Parameter { .. })));
}

#[test]
fn the_right_number_of_clusters_is_stable_and_a_wrong_one_is_not() {
    let mut points = blobs(600, 2, 3, 21);
    // Far apart, so that there is no doubt.
    for row in 0..600 {
        points.row_mut(row)[0] = points.row(row)[0] / 4.0 + 30.0 * (row % 3) as f64;
    }
    let of = |k| {
        let fit =
            |draw: &Matrix, seed| KMeans { k, seed, restarts: 2, ..KMeans::default() }.fit(draw);
        stability(&points, 5, 0.5, 1, fit).unwrap()
    };
    let (right, wrong) = (of(3), of(7));
    assert_eq!((right.mean, right.of_pairs.len()), (1.0, 5));
    assert!(wrong.mean < 0.9 && wrong.least <= wrong.mean);
    let fit = |draw: &Matrix, _| KMeans { k: 1, ..KMeans::default() }.fit(draw);
    assert!(matches!(stability(&points, 0, 0.5, 1, fit), Err(Error::Parameter { .. })));
    assert!(matches!(stability(&points, 1, 0.0, 1, fit), Err(Error::Parameter { .. })));
}
