use super::super::{KMedoids, Metric};
use super::{assert_close, blobs, matrix};
use crate::error::Error;
use crate::matrix::Matrix;

/// The least sum of distances to any `k` rows, by trying all of them.
fn least(points: &Matrix, metric: Metric, k: usize) -> f64 {
    let rows = points.rows();
    (0..1_u32 << rows)
        .filter(|chosen| chosen.count_ones() as usize == k)
        .map(|chosen| {
            let nearest = |row: usize| {
                (0..rows)
                    .filter(|medoid| chosen >> medoid & 1 == 1)
                    .map(|medoid| metric.distance(points.row(row), points.row(medoid)))
                    .fold(f64::INFINITY, f64::min)
            };
            (0..rows).map(nearest).sum::<f64>()
        })
        .fold(f64::INFINITY, f64::min)
}

#[test]
fn no_other_rows_are_better() {
    let points = blobs(13, 2, 3, 5);
    for metric in Metric::ALL {
        for k in 1..5 {
            let found = KMedoids { k, ..KMedoids::default() }.fit(&points, metric).unwrap();
            assert_close(found.inertia, least(&points, metric, k), 1e-12);
            assert_eq!(found.sizes.iter().sum::<usize>(), 13);
        }
    }
}

#[test]
fn the_middle_rows_stand_for_two_groups() {
    let points = matrix(&[[0.0], [1.0], [3.0], [50.0], [51.0], [90.0]]);
    let found = KMedoids { k: 2, ..KMedoids::default() }.fit(&points, Metric::Euclidean).unwrap();
    let mut centers = found.centers.values().to_vec();
    centers.sort_by(f64::total_cmp);
    assert_eq!((centers, found.inertia), (vec![1.0, 51.0], 3.0 + 40.0));
}

#[test]
fn any_distance_will_do() {
    // Places on a ring of twelve hours.
    let hours = [0_i32, 1, 11, 5, 6, 7];
    let distance = |left: usize, right: usize| {
        let apart = (hours[left] - hours[right]).abs();
        f64::from(apart.min(12 - apart))
    };
    let found = KMedoids { k: 2, ..KMedoids::default() }.fit_by(6, distance).unwrap();
    assert_eq!(found.loss, 4.0);
    assert_eq!(found.labels[0], found.labels[2]);
    assert!(found.medoids.contains(&0) && found.medoids.contains(&4));
}

#[test]
fn no_single_swap_helps_on_a_larger_table_and_threads_do_not_matter() {
    let points = blobs(300, 3, 6, 1);
    let kmedoids = KMedoids { k: 6, restarts: 3, ..KMedoids::default() };
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| kmedoids.fit(&points, Metric::Manhattan).unwrap())
    };
    let found = fit(1);
    assert_eq!(found, fit(3));
    for cluster in 0..6 {
        for row in (0..300).step_by(7) {
            let mut centers = found.centers.clone();
            centers.row_mut(cluster).copy_from_slice(points.row(row));
            let nearest = |row: usize| {
                (0..6)
                    .map(|medoid| Metric::Manhattan.distance(points.row(row), centers.row(medoid)))
                    .fold(f64::INFINITY, f64::min)
            };
            let loss: f64 = (0..300).map(nearest).sum();
            assert!(loss >= found.inertia * (1.0 - 1e-9));
        }
    }
}

#[test]
fn equal_rows_and_bad_requests() {
    let equal = matrix(&[[4.0]; 5]);
    let found = KMedoids { k: 3, ..KMedoids::default() }.fit(&equal, Metric::Euclidean).unwrap();
    assert_eq!(found.inertia, 0.0);
    let fit = |k, restarts| {
        KMedoids { k, restarts, ..KMedoids::default() }.fit(&equal, Metric::Euclidean)
    };
    assert!(matches!(fit(6, 1), Err(Error::Parameter { .. })));
    assert!(matches!(fit(2, 0), Err(Error::Parameter { .. })));
    let infinite = KMedoids { k: 1, ..KMedoids::default() }.fit_by(2, |_, _| f64::INFINITY);
    assert!(matches!(infinite, Err(Error::NoSolution(_))));
}
