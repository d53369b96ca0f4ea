use super::super::{HIERARCHICAL_ROWS, Hierarchical, Linkage, Metric, Tree};
use super::{assert_close, blobs, matrix};
use crate::error::Error;
use crate::matrix::Matrix;

fn heights(linkage: Linkage) -> Vec<f64> {
    let points = matrix(&[[0.0], [1.0], [3.0]]);
    let tree = Tree::grow(&points, Metric::Euclidean, linkage).unwrap();
    tree.merges().iter().map(|merge| merge.height).collect()
}

#[test]
fn heights_by_hand() {
    assert_eq!(heights(Linkage::Single), [1.0, 2.0]);
    assert_eq!(heights(Linkage::Complete), [1.0, 3.0]);
    assert_eq!(heights(Linkage::Average), [1.0, 2.5]);
    // (0, 1) and (3): √(2 · 2·1/3) · 2.5.
    let ward = heights(Linkage::Ward);
    assert_close(ward[1], (4.0_f64 / 3.0).sqrt() * 2.5, 1e-15);
}

#[test]
fn labels_are_numbered_in_order_of_first_rows() {
    let points = matrix(&[[9.0], [0.0], [9.5], [0.5], [40.0]]);
    let tree = Tree::grow(&points, Metric::Manhattan, Linkage::Average).unwrap();
    assert_eq!(tree.cut(3).unwrap(), [0, 1, 0, 1, 2]);
    assert_eq!(tree.cut(5).unwrap(), [0, 1, 2, 3, 4]);
    assert_eq!(tree.cut(1).unwrap(), [0; 5]);
    assert!(tree.cut(0).is_err() && tree.cut(6).is_err());
    let found = Hierarchical { k: 3, metric: Metric::Manhattan, linkage: Linkage::Average };
    let found = found.fit(&points).unwrap();
    assert_eq!((found.sizes, found.iterations), (vec![2, 2, 1], 2));
    assert_eq!(found.centers.values(), [9.25, 0.25, 40.0]);
    assert_eq!(found.inertia, 1.0);
}

#[test]
fn single_linkage_follows_a_chain_that_the_others_break() {
    let mut rows: Vec<[f64; 1]> = (0..20).map(|step| [f64::from(step)]).collect();
    rows.push([21.5]);
    let points = matrix(&rows);
    let cut = |linkage| Tree::grow(&points, Metric::Euclidean, linkage).unwrap().cut(2).unwrap();
    assert_eq!(cut(Linkage::Single).iter().filter(|label| **label == 0).count(), 20);
    assert!(cut(Linkage::Complete).iter().filter(|label| **label == 0).count() < 20);
}

#[test]
fn one_row_and_equal_rows_have_trees() {
    let one = Tree::grow(&matrix(&[[4.0]]), Metric::Euclidean, Linkage::Ward).unwrap();
    assert_eq!((one.merges().len(), one.cut(1)), (0, Ok(vec![0])));
    for linkage in Linkage::ALL {
        let equal = Tree::grow(&matrix(&[[4.0, 2.0]; 6]), Metric::Euclidean, linkage).unwrap();
        assert!(equal.merges().iter().all(|merge| merge.height == 0.0));
        assert_eq!(equal.merges()[4].size, 6);
        let labels = equal.cut(3).unwrap();
        assert_eq!(labels.iter().max(), Some(&2));
    }
}

#[test]
fn bad_requests_are_refused() {
    let points = matrix(&[[1.0], [2.0]]);
    let refused = Tree::grow(&points, Metric::Cosine, Linkage::Ward).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "parameter `metric` must be `euclidean` with linkage `ward`, got `cosine`"
    );
    let large = Matrix::zeros(HIERARCHICAL_ROWS + 1, 1);
    let refused = Tree::grow(&large, Metric::Euclidean, Linkage::Ward).unwrap_err();
    assert!(matches!(refused, Error::TooLarge { limit: 20_000, got: 20_001, .. }));
    let fit = |k, points: &Matrix| {
        Hierarchical { k, metric: Metric::Euclidean, linkage: Linkage::Ward }.fit(points)
    };
    assert!(matches!(fit(3, &points), Err(Error::Parameter { .. })));
    assert!(matches!(fit(1, &Matrix::zeros(0, 1)), Err(Error::TooLittle(_))));
    assert!(matches!(fit(1, &matrix(&[[f64::INFINITY]])), Err(Error::NotFinite { .. })));
}

#[test]
fn names_lead_back_to_their_linkages() {
    for linkage in Linkage::ALL {
        assert_eq!(Linkage::from_name(linkage.name()), Some(linkage));
    }
    assert_eq!(Linkage::usual_for(Metric::Euclidean), Linkage::Ward);
    assert_eq!(Linkage::usual_for(Metric::Cosine), Linkage::Average);
}

/// The distance of two clusters by the definition of the linkage, not by updates.
fn by_definition(
    points: &Matrix,
    metric: Metric,
    linkage: Linkage,
    left: &[usize],
    right: &[usize],
) -> f64 {
    if linkage == Linkage::Ward {
        let mean = |rows: &[usize], column: usize| {
            rows.iter().map(|row| points.row(*row)[column]).sum::<f64>() / rows.len() as f64
        };
        let square: f64 = (0..points.columns())
            .map(|column| (mean(left, column) - mean(right, column)).powi(2))
            .sum();
        let (left, right) = (left.len() as f64, right.len() as f64);
        return (2.0 * left * right / (left + right) * square).sqrt();
    }
    let mut distances = Vec::new();
    for row in left {
        for other in right {
            distances.push(metric.distance(points.row(*row), points.row(*other)));
        }
    }
    match linkage {
        Linkage::Complete => distances.iter().copied().fold(0.0, f64::max),
        Linkage::Single => distances.iter().copied().fold(f64::INFINITY, f64::min),
        Linkage::Ward | Linkage::Average => distances.iter().sum::<f64>() / distances.len() as f64,
    }
}

/// Merges the nearest two of all clusters, over and over; returns heights and labels at k.
fn slowly(points: &Matrix, metric: Metric, linkage: Linkage, k: usize) -> (Vec<f64>, Vec<u32>) {
    let mut clusters: Vec<Vec<usize>> = (0..points.rows()).map(|row| vec![row]).collect();
    let (mut heights, mut labels) = (Vec::new(), vec![0; points.rows()]);
    while clusters.len() > 1 {
        if clusters.len() == k {
            clusters.sort_by_key(|rows| rows.iter().min().copied());
            for (label, rows) in clusters.iter().enumerate() {
                rows.iter().for_each(|row| labels[*row] = label as u32);
            }
        }
        let mut best = (0, 0, f64::INFINITY);
        for right in 0..clusters.len() {
            for left in 0..right {
                let distance =
                    by_definition(points, metric, linkage, &clusters[left], &clusters[right]);
                if distance < best.2 {
                    best = (left, right, distance);
                }
            }
        }
        let gone = clusters.remove(best.1);
        clusters[best.0].extend(gone);
        heights.push(best.2);
    }
    (heights, labels)
}

#[test]
fn chains_find_what_trying_all_pairs_finds() {
    let points = blobs(60, 3, 5, 6);
    for metric in Metric::ALL {
        for linkage in Linkage::ALL {
            if linkage == Linkage::Ward && metric != Metric::Euclidean {
                continue;
            }
            let tree = Tree::grow(&points, metric, linkage).unwrap();
            let (heights, labels) = slowly(&points, metric, linkage, 7);
            assert_eq!(tree.cut(7).unwrap(), labels, "{} {}", metric.name(), linkage.name());
            for (merge, height) in tree.merges().iter().zip(heights) {
                assert_close(merge.height, height, 1e-10);
            }
        }
    }
}
