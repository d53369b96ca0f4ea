//! A real table against scikit-learn 1.9: 100 rows of 10 uniform numbers.

use super::super::{
    Hierarchical, KMeans, Linkage, Metric, Quality, adjusted_rand_index, choose_k,
    normalised_mutual_information,
};
use super::assert_close;
use crate::matrix::Matrix;
use crate::scale::{self, Column};

/// Returns the table, when the environment says where the data is.
fn users() -> Option<Matrix> {
    #[expect(clippy::disallowed_methods, reason = "tests find the real data by the environment")]
    let Ok(folder) = std::env::var("SHOPWISE_DATA") else {
        println!("skipped: SHOPWISE_DATA is not set");
        return None;
    };
    let path = std::path::Path::new(&folder).join("small/users_100x10.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let values = text.lines().skip(1).flat_map(|line| line.split(','));
    let values = values.map(|value| value.parse().unwrap()).collect();
    Some(Matrix::from_values(100, 10, values).unwrap())
}

fn standardised(points: &Matrix) -> Matrix {
    scale::fit(points, &[Column::default(); 10]).unwrap().apply(points.clone()).unwrap()
}

/// Clusters from the first four rows, and compares inertia, silhouettes by metric (in the order of
/// `Metric::ALL`), Calinski–Harabasz and Davies–Bouldin.
fn check_kmeans(points: &Matrix, iterations: usize, expected: [f64; 7]) {
    let first_four = Matrix::from_values(4, 10, points.values()[..40].to_vec()).unwrap();
    let kmeans = KMeans { k: 4, ..KMeans::default() };
    let found = kmeans.fit_from(points, &first_four).unwrap();
    assert_eq!(found.iterations, iterations);
    assert_close(found.inertia, expected[0], 1e-12);
    for (metric, expected) in Metric::ALL.into_iter().zip(&expected[1..5]) {
        let quality = Quality::measure(points, &found.labels, metric, 20_000, 0).unwrap();
        assert_close(quality.silhouette.unwrap(), *expected, 1e-12);
    }
    let quality = Quality::of(&found, points, 20_000, 0).unwrap();
    assert_close(quality.calinski_harabasz.unwrap(), expected[5], 1e-12);
    assert_close(quality.davies_bouldin.unwrap(), expected[6], 1e-12);
}

#[test]
fn kmeans_from_the_same_centres_equals_scikit_learn() {
    let Some(points) = users() else { return };
    let raw = [
        65.43400732249262,
        0.08077353595932171,
        0.09075397774407964,
        0.039282658322037325,
        0.11831240342728531,
        9.09321171550754,
        2.4580200836758106,
    ];
    check_kmeans(&points, 11, raw);
    let scaled = [
        780.606402782202,
        0.080921748896066,
        0.08603738514055032,
        0.04484396153314103,
        0.14785352538435279,
        8.99377085038894,
        2.4479797461996373,
    ];
    check_kmeans(&standardised(&points), 8, scaled);
}

#[test]
fn the_best_of_ten_starts_is_as_good_as_scikit_learns() {
    let Some(points) = users() else { return };
    let scaled = standardised(&points);
    // This table is pure chance, and full of local optima: one lucky seed would show nothing.
    for seed in 0..20 {
        let kmeans = KMeans { k: 4, seed, ..KMeans::default() };
        let inertia = kmeans.fit(&points).unwrap().inertia;
        assert!(inertia <= 64.07769804590696 * 1.001, "{inertia}");
        let inertia = kmeans.fit(&scaled).unwrap().inertia;
        assert!(inertia <= 769.2822386038379 * 1.001, "{inertia}");
    }
}

fn check_linkage(points: &Matrix, metric: Metric, linkage: Linkage, sizes: [usize; 4], of: f64) {
    let found = Hierarchical { k: 4, metric, linkage }.fit(points).unwrap();
    let mut got = found.sizes.clone();
    got.sort_unstable();
    assert_eq!(got, sizes, "{} {}", metric.name(), linkage.name());
    let quality = Quality::of(&found, points, 20_000, 0).unwrap();
    assert_close(quality.silhouette.unwrap(), of, 1e-12);
}

#[test]
fn merging_equals_scikit_learn() {
    let Some(points) = users() else { return };
    let ward = Hierarchical { k: 4, metric: Metric::Euclidean, linkage: Linkage::Ward };
    assert_close(ward.fit(&points).unwrap().inertia, 67.72013107538673, 1e-12);
    let euclidean = Metric::Euclidean;
    let scaled = standardised(&points);
    assert_close(ward.fit(&scaled).unwrap().inertia, 811.0270847507168, 1e-12);
    check_linkage(&points, euclidean, Linkage::Ward, [11, 22, 27, 40], 0.05629354799999243);
    check_linkage(&points, euclidean, Linkage::Average, [1, 3, 9, 87], 0.02695301232850393);
    check_linkage(&points, euclidean, Linkage::Complete, [6, 26, 32, 36], 0.049096405619016084);
    check_linkage(&points, euclidean, Linkage::Single, [1, 1, 1, 97], -0.033987565259276646);
    let manhattan = Metric::Manhattan;
    check_linkage(&points, manhattan, Linkage::Average, [6, 17, 30, 47], 0.0769680058914141);
    check_linkage(&points, Metric::Cosine, Linkage::Average, [1, 3, 6, 90], 0.02664239543611321);
}

#[test]
fn agreement_of_two_clusterings_equals_scikit_learn() {
    let Some(points) = users() else { return };
    let first_four = Matrix::from_values(4, 10, points.values()[..40].to_vec()).unwrap();
    let kmeans = KMeans { k: 4, ..KMeans::default() }.fit_from(&points, &first_four).unwrap();
    let ward = Hierarchical { k: 4, metric: Metric::Euclidean, linkage: Linkage::Ward };
    let ward = ward.fit(&points).unwrap();
    let index = adjusted_rand_index(&kmeans.labels, &ward.labels).unwrap();
    assert_close(index, 0.22768703390503864, 1e-12);
    let information = normalised_mutual_information(&kmeans.labels, &ward.labels).unwrap();
    assert_close(information, 0.28665142619769585, 1e-12);
}

#[test]
fn a_curve_over_k_has_falling_inertia() {
    let Some(points) = users() else { return };
    let choice = choose_k(&points, 2..=8, &KMeans::default(), 20_000).unwrap();
    assert!(choice.curve.is_sorted_by(|left, right| left.inertia > right.inertia));
    let highest = choice.curve.iter().filter_map(|point| point.silhouette).fold(0.0, f64::max);
    assert_eq!(choice.quality.silhouette, Some(highest));
}
