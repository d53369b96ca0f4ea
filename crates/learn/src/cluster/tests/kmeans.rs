use proptest::prelude::*;

use super::super::{KMeans, Metric, adjusted_rand_index, centers, choose_k, exchange};
use super::{assert_close, blobs, cost, inertia, matrix, tables};
use crate::error::Error;
use crate::matrix::Matrix;

fn parameters(k: usize, metric: Metric) -> KMeans {
    KMeans { k, metric, ..KMeans::default() }
}

#[test]
fn two_pairs_of_points_find_their_centres() {
    let points = matrix(&[[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 4.0]]);
    let found = parameters(2, Metric::Euclidean)
        .fit_from(&points, &matrix(&[[0.0, 0.0], [10.0, 0.0]]))
        .unwrap();
    assert_eq!(found.labels, [0, 0, 1, 1]);
    assert_eq!(found.centers.values(), [0.0, 1.0, 10.0, 2.0]);
    assert_eq!(found.inertia, 1.0 + 1.0 + 4.0 + 4.0);
    assert_eq!(found.sizes, [2, 2]);
    // The first iteration labels, the second finds that nothing changes.
    assert_eq!(found.iterations, 2);
    assert_eq!(found.k(), 2);
}

#[test]
fn each_metric_adds_up_its_own_distances() {
    let points = matrix(&[[0.0, 0.0], [1.0, 0.0], [8.0, 3.0]]);
    let inertia = |metric| parameters(1, metric).fit(&points).unwrap().inertia;
    // The median is (1, 0): distances 1, 0 and 10. The mid-range is (4, 1.5): 4, 3 and 4.
    assert_eq!(inertia(Metric::Manhattan), 11.0);
    assert_eq!(inertia(Metric::Chebyshev), 11.0);
    // The mean is (3, 1): 10, 5 and 29.
    assert_close(inertia(Metric::Euclidean), 44.0, 1e-15);
}

#[test]
fn cosine_finds_directions_whatever_the_lengths() {
    let points = matrix(&[[1.0, 0.1], [100.0, 10.0], [0.2, 3.0], [20.0, 300.0]]);
    let found = parameters(2, Metric::Cosine).fit(&points).unwrap();
    assert_eq!(found.labels[0], found.labels[1]);
    assert_eq!(found.labels[2], found.labels[3]);
    assert_ne!(found.labels[0], found.labels[2]);
    assert!(found.inertia < 1e-12);
    for center in 0..2 {
        let length: f64 = found.centers.row(center).iter().map(|value| value * value).sum();
        assert_close(length, 1.0, 1e-14);
    }
}

#[test]
fn planted_clusters_are_found() {
    let mut rows = Vec::new();
    let mut truth = Vec::new();
    for (label, place) in [-40.0, 0.0, 40.0].into_iter().enumerate() {
        let cloud = blobs(300, 4, 1, label as u64);
        rows.extend(cloud.values().iter().map(|value| value + place));
        truth.extend(vec![label as u32; 300]);
    }
    let points = Matrix::from_values(900, 4, rows).unwrap();
    for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev] {
        let found = parameters(3, metric).fit(&points).unwrap();
        assert_eq!(adjusted_rand_index(&found.labels, &truth), Ok(1.0), "{}", metric.name());
    }
    let choice = choose_k(&points, 2..=6, &KMeans::default(), 20_000).unwrap();
    assert_eq!(choice.best.k(), 3);
    assert_eq!(choice.curve.iter().map(|point| point.k).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    assert_eq!(choice.curve[1].silhouette, choice.quality.silhouette);
}

#[test]
fn bad_parameters_are_refused() {
    let points = matrix(&[[1.0], [2.0]]);
    let message = |kmeans: KMeans| kmeans.fit(&points).unwrap_err().to_string();
    let with_k = |k| KMeans { k, ..KMeans::default() };
    assert_eq!(
        message(with_k(3)),
        "parameter `k` must be between 1 and the number of rows (2), got `3`"
    );
    assert_eq!(
        message(with_k(0)),
        "parameter `k` must be between 1 and the number of rows (2), got `0`"
    );
    assert_eq!(
        message(KMeans { restarts: 0, ..with_k(1) }),
        "parameter `restarts` must be ≥ 1, got `0`"
    );
    assert_eq!(
        message(KMeans { iterations_max: 0, ..with_k(1) }),
        "parameter `max-iterations` must be ≥ 1, got `0`"
    );
    assert_eq!(
        message(KMeans { tolerance: f64::NAN, ..with_k(1) }),
        "parameter `tolerance` must be a number ≥ 0, got `NaN`"
    );
}

#[test]
fn bad_tables_are_refused() {
    let one = parameters(1, Metric::Euclidean);
    assert!(matches!(one.fit(&Matrix::zeros(0, 3)), Err(Error::TooLittle(_))));
    assert!(matches!(one.fit(&Matrix::zeros(3, 0)), Err(Error::TooLittle(_))));
    let not_finite = one.fit(&matrix(&[[1.0, 2.0], [3.0, f64::NAN]])).unwrap_err();
    assert_eq!(
        not_finite.to_string(),
        "value to cluster must be finite, got `NaN` (row 1, column 1)"
    );
    let huge = one.fit(&matrix(&[[1e200], [-1e200]])).unwrap_err();
    assert!(matches!(huge, Error::NoSolution(_)), "{huge}");
    let points = matrix(&[[1.0, 2.0]]);
    assert!(matches!(one.fit_from(&points, &Matrix::zeros(2, 2)), Err(Error::Length { .. })));
    assert!(matches!(one.fit_from(&points, &Matrix::zeros(1, 1)), Err(Error::Length { .. })));
    let found = one.fit(&points).unwrap();
    assert!(matches!(found.predict(&Matrix::zeros(1, 1)), Err(Error::Length { .. })));
    assert_eq!(found.predict(&Matrix::zeros(0, 2)), Ok(vec![]));
}

#[test]
fn one_row_is_its_own_centre() {
    for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev] {
        let found = parameters(1, metric).fit(&matrix(&[[3.0, 4.0]])).unwrap();
        assert_eq!((found.centers.values(), found.inertia), ([3.0, 4.0].as_slice(), 0.0));
    }
}

#[test]
fn equal_rows_fill_one_cluster_and_leave_the_others_empty() {
    for metric in Metric::ALL {
        let found = parameters(3, metric).fit(&matrix(&[[2.0, 1.0]; 5])).unwrap();
        assert_eq!(found.sizes, [5, 0, 0], "{}", metric.name());
        assert!(found.inertia < 1e-12);
    }
}

#[test]
fn rows_without_direction_are_at_distance_one() {
    let found = parameters(2, Metric::Cosine).fit(&Matrix::zeros(4, 2)).unwrap();
    assert_eq!((found.inertia, found.sizes), (4.0, vec![4, 0]));
}

#[test]
fn a_cluster_without_rows_moves_to_the_farthest_row() {
    let points = matrix(&[[0.0], [1.0], [2.0], [50.0]]);
    for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Chebyshev] {
        // Nothing is near −1000.
        let start = matrix(&[[0.0], [-1000.0]]);
        let found = parameters(2, metric).fit_from(&points, &start).unwrap();
        assert_eq!(found.centers.values(), [1.0, 50.0], "{}", metric.name());
        assert_eq!(found.labels, [0, 0, 0, 1]);
    }
}

#[test]
fn centres_given_twice_share_no_rows_for_long() {
    let points = blobs(200, 3, 4, 5);
    let mut start = Matrix::zeros(4, 3);
    for center in 0..4 {
        start.row_mut(center).copy_from_slice(points.row(0));
    }
    let found = parameters(4, Metric::Euclidean).fit_from(&points, &start).unwrap();
    assert!(found.sizes.iter().all(|size| *size > 0));
}

#[test]
fn single_rows_move_where_lloyd_would_stop() {
    // Centres −1 and 9.1: each row is nearest to its own. Yet the row 4.2 costs 4.9² · 2 = 48.02 in
    // its cluster of two, and would cost 5.2² · 3/4 = 20.28 in the other.
    let points = matrix(&[[-1.0], [-1.0], [-1.0], [4.2], [14.0]]);
    let start = matrix(&[[-1.0], [9.1]]);
    let kmeans = parameters(2, Metric::Euclidean);
    let lloyd = kmeans.fit_from(&points, &start).unwrap();
    assert_eq!(lloyd.labels, [0, 0, 0, 1, 1]);
    assert_close(lloyd.inertia, 48.02, 1e-14);
    let moved = exchange::improve(&points, start, lloyd.labels, 10);
    assert_close(moved.row(0)[0], 0.3, 1e-14);
    assert_close(moved.row(1)[0], 14.0, 1e-14);
    assert_close(kmeans.fit(&points).unwrap().inertia, 20.28, 1e-14);
}

#[test]
fn more_starts_are_never_worse() {
    let points = blobs(500, 5, 9, 3);
    let inertia = |restarts| {
        KMeans { k: 9, restarts, seed: 7, ..KMeans::default() }.fit(&points).unwrap().inertia
    };
    assert!(inertia(10) <= inertia(3) && inertia(3) <= inertia(1));
}

#[test]
fn the_offset_of_the_data_does_not_matter() {
    let mut near = blobs(400, 3, 4, 11);
    // Few binary places, so that nothing is rounded when the offset is added.
    near.values_mut().iter_mut().for_each(|value| *value = (*value * 1024.0).round() / 1024.0);
    let mut far = near.clone();
    far.values_mut().iter_mut().for_each(|value| *value += 1_073_741_824.0);
    let (near, far) = (
        parameters(4, Metric::Euclidean).fit(&near).unwrap(),
        parameters(4, Metric::Euclidean).fit(&far).unwrap(),
    );
    assert_eq!(near.labels, far.labels);
    assert_close(far.inertia, near.inertia, 1e-9);
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    // More rows than one block, and than one part of the iterations.
    let points = blobs(9_000, 3, 5, 1);
    for metric in Metric::ALL {
        let kmeans = KMeans { restarts: 2, ..parameters(5, metric) };
        let fit = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kmeans.fit(&points).unwrap())
        };
        let (one, two, three) = (fit(1), fit(2), fit(3));
        assert_eq!(one, two, "{}", metric.name());
        assert_eq!(one, three, "{}", metric.name());
    }
}

#[test]
fn inertia_never_rises_from_one_iteration_to_the_next() {
    let points = blobs(3_000, 4, 6, 2);
    let start = Matrix::from_values(6, 4, points.values()[..24].to_vec()).unwrap();
    for metric in [Metric::Euclidean, Metric::Manhattan, Metric::Cosine] {
        let mut before = f64::INFINITY;
        for iterations_max in 1..30 {
            let kmeans = KMeans { iterations_max, tolerance: 0.0, ..parameters(6, metric) };
            let inertia = kmeans.fit_from(&points, &start).unwrap().inertia;
            assert!(inertia <= before * (1.0 + 1e-12), "{}: {inertia} > {before}", metric.name());
            before = inertia;
        }
    }
}

/// Lloyd's iterations as in the textbook: all distances measured, all centres made anew.
fn textbook(metric: Metric, points: &Matrix, initial: &Matrix) -> (Matrix, Vec<u32>, usize) {
    let (mut centers, mut labels) = (initial.clone(), vec![u32::MAX; points.rows()]);
    for iteration in 1..=300 {
        let nearest = |row: usize| {
            let mut best = (0, f64::INFINITY);
            for center in 0..centers.rows() {
                let distance = metric.distance(points.row(row), centers.row(center));
                if distance < best.1 {
                    best = (center as u32, distance);
                }
            }
            best.0
        };
        let next: Vec<u32> = (0..points.rows()).map(nearest).collect();
        if next == labels {
            return (centers, labels, iteration);
        }
        labels = next;
        let all = vec![true; centers.rows()];
        let rows = super::super::points::Rows::new(metric, points).unwrap();
        centers = centers::of_labels(metric, &rows, &labels, &all, &centers);
    }
    (centers, labels, 300)
}

#[test]
fn bounds_skip_no_row_that_would_have_moved() {
    let points = blobs(4_000, 7, 12, 4);
    for metric in Metric::ALL {
        let mut start = Matrix::from_values(19, 7, points.values()[..133].to_vec()).unwrap();
        if metric == Metric::Cosine {
            start = super::super::points::normalised(&start);
        }
        let (centers, labels, iterations) = textbook(metric, &points, &start);
        let kmeans = KMeans { tolerance: 0.0, ..parameters(19, metric) };
        let found = kmeans.fit_from(&points, &start).unwrap();
        assert_eq!(found.labels, labels, "{}", metric.name());
        assert_eq!(found.iterations, iterations, "{}", metric.name());
        for (got, expected) in found.centers.values().iter().zip(centers.values()) {
            assert_close(*got, *expected, 1e-10);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_row_has_its_nearest_centre(points in tables(), k in 1_usize..6, metric in 0..4_usize) {
        let metric = Metric::ALL[metric];
        let k = k.min(points.rows());
        let found = KMeans { restarts: 2, ..parameters(k, metric) }.fit(&points).unwrap();
        prop_assert_eq!(&found.predict(&points).unwrap(), &found.labels);
        prop_assert_eq!(found.sizes.iter().sum::<usize>(), points.rows());
        prop_assert!((found.inertia - inertia(&points, &found)).abs() < 1e-9);
        for row in 0..points.rows() {
            let distance = |center: usize| {
                cost(metric, metric.distance(points.row(row), found.centers.row(center)))
            };
            let own = distance(found.labels[row] as usize);
            for center in 0..k {
                prop_assert!(own <= distance(center) + 1e-9);
            }
        }
    }

    #[test]
    fn no_cluster_is_empty_when_there_are_rows_enough(points in tables(), k in 1_usize..6) {
        let mut distinct: Vec<Vec<i64>> = (0..points.rows())
            .map(|row| points.row(row).iter().map(|value| *value as i64).collect())
            .collect();
        distinct.sort();
        distinct.dedup();
        let k = k.min(distinct.len());
        let found = parameters(k, Metric::Euclidean).fit(&points).unwrap();
        prop_assert!(found.sizes.iter().all(|size| *size > 0), "{:?}", found.sizes);
    }
}
