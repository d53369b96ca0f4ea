use super::super::{Covariance, GaussianMixture};
use super::{assert_close, made, matrix};
use crate::error::Error;
use crate::matrix::Matrix;

fn parameters(k: usize, covariance: Covariance) -> GaussianMixture {
    let (tolerance, iterations_max) = (1e-11, 2_000);
    GaussianMixture { k, covariance, tolerance, iterations_max, ..GaussianMixture::default() }
}

/// `sklearn.mixture.GaussianMixture(k, covariance_type=…, tol=1e-10, max_iter=2000, n_init=5,
/// random_state=0)`, scikit-learn 1.9.1, on the same rows: score, bic and aic.
#[test]
fn scikit_learn_comes_to_the_same_likelihood() {
    let points = made(600, 3, 4.0);
    for (covariance, k, likelihood, bic, aic) in [
        (Covariance::Full, 3, -4.753_795_123_04, 5_890.065_107_65, 5_762.554_147_65),
        (Covariance::Diagonal, 3, -4.769_832_980_08, 5_851.738_169_20, 5_763.799_576_09),
        (Covariance::Full, 2, -5.098_856_494_25, 6_240.169_456_54, 6_156.627_793_09),
    ] {
        let found = parameters(k, covariance).fit(&points).unwrap();
        assert!(found.converged);
        assert_close(found.log_likelihood, likelihood, 1e-8);
        assert_close(found.bic, bic, 1e-8);
        assert_close(found.aic, aic, 1e-8);
    }
}

#[test]
fn the_criterion_finds_the_number_of_components() {
    let points = made(600, 3, 4.0);
    let (found, curve) = parameters(1, Covariance::Diagonal).choose(&points, 1..=5).unwrap();
    assert_eq!((found.weights.len(), curve.len()), (3, 5));
    let labels = found.predict(&points).unwrap();
    let truth: Vec<u32> = (0..600).map(|row| row % 3).collect();
    assert!(super::super::adjusted_rand_index(&labels, &truth).unwrap() > 0.99);
    let clustering = found.clustering(&points).unwrap();
    assert_eq!(clustering.sizes.iter().sum::<usize>(), 600);
    let shares = found.shares(&points).unwrap();
    for row in 0..600 {
        assert_close(shares.row(row).iter().sum(), 1.0, 1e-12);
    }
}

#[test]
fn one_component_has_mean_and_variance_of_all_rows() {
    let points = matrix(&[[0.0, 1.0], [2.0, 1.0], [4.0, 4.0]]);
    let parameters = GaussianMixture { k: 1, least_variance: 0.0, ..GaussianMixture::default() };
    let found = parameters.fit(&points).unwrap();
    assert_eq!(found.weights, [1.0]);
    assert_close(found.means.row(0)[0], 2.0, 1e-12);
    // Variances 8/3 and 2, covariance (−2 · −1 + 0 + 2 · 2) / 3 = 2.
    let covariance = found.covariances[0].values();
    for (got, expected) in covariance.iter().zip([8.0 / 3.0, 2.0, 2.0, 2.0]) {
        assert_close(*got, expected, 1e-12);
    }
    // −½ (2 ln 2π + ln |Σ| + 2): the mean square of a whitened row is the number of columns.
    let determinant: f64 = 8.0 / 3.0 * 2.0 - 4.0;
    let log_two_pi = std::f64::consts::TAU.ln();
    let by_hand = -0.5 * (2.0 * log_two_pi + determinant.ln() + 2.0);
    assert_close(found.log_likelihood, by_hand, 1e-12);
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    let points = made(6_000, 3, 2.0);
    let fit = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let parameters = GaussianMixture { k: 4, ..GaussianMixture::default() };
        pool.install(|| parameters.fit(&points).unwrap())
    };
    assert_eq!(fit(1), fit(3));
}

#[test]
fn equal_rows_are_kept_from_collapsing_and_bad_requests_refused() {
    let equal = matrix(&[[1.0, 2.0]; 5]);
    let kept = GaussianMixture { k: 1, ..GaussianMixture::default() };
    assert!(kept.fit(&equal).unwrap().log_likelihood.is_finite());
    let bad = GaussianMixture { tolerance: -1.0, k: 1, ..GaussianMixture::default() };
    assert!(matches!(bad.fit(&equal), Err(Error::Parameter { .. })));
    assert!(matches!(kept.fit(&Matrix::zeros(0, 2)), Err(Error::TooLittle(_))));
    assert!(matches!(
        kept.fit(&equal).unwrap().predict(&Matrix::zeros(1, 3)),
        Err(Error::Length { .. })
    ));
}
