use proptest::prelude::*;

use super::super::{adjusted_rand_index, normalised_mutual_information};
use super::assert_close;
use crate::error::Error;

#[test]
fn agreement_by_hand() {
    let (left, right) = ([0, 0, 1, 1], [0, 0, 1, 2]);
    assert_close(adjusted_rand_index(&left, &right).unwrap(), 4.0 / 7.0, 1e-15);
    assert_close(normalised_mutual_information(&left, &right).unwrap(), 0.8, 1e-15);
    // Each pair of the left is torn apart on the right: worse than chance.
    assert_close(adjusted_rand_index(&left, &[0, 1, 0, 1]).unwrap(), -0.5, 1e-15);
    assert_close(normalised_mutual_information(&left, &[0, 1, 0, 1]).unwrap(), 0.0, 1e-15);
}

#[test]
fn labelings_without_any_pair_to_judge() {
    for labels in [vec![], vec![5], vec![3, 3, 3]] {
        assert_eq!(adjusted_rand_index(&labels, &labels), Ok(1.0), "{labels:?}");
        assert_eq!(normalised_mutual_information(&labels, &labels), Ok(1.0), "{labels:?}");
    }
    assert_eq!(adjusted_rand_index(&[0, 1, 2], &[7, 8, 9]), Ok(1.0));
    assert_eq!(adjusted_rand_index(&[0, 1, 2], &[7, 7, 7]), Ok(0.0));
    assert_eq!(normalised_mutual_information(&[0, 1, 2], &[7, 7, 7]), Ok(0.0));
    let different = Err(Error::Length { what: "labels to compare", expected: 1, got: 2 });
    assert_eq!(adjusted_rand_index(&[0], &[0, 1]), different);
}

/// Counts the pairs one by one.
fn by_pairs(left: &[u32], right: &[u32]) -> f64 {
    let (mut both, mut in_left, mut in_right, mut all) = (0.0, 0.0, 0.0, 0.0);
    for first in 0..left.len() {
        for second in 0..first {
            let together = [left[first] == left[second], right[first] == right[second]];
            both += f64::from(u8::from(together[0] && together[1]));
            in_left += f64::from(u8::from(together[0]));
            in_right += f64::from(u8::from(together[1]));
            all += 1.0;
        }
    }
    let (expected, most) = (in_left * in_right / all, (in_left + in_right) / 2.0);
    if most == expected { 1.0 } else { (both - expected) / (most - expected) }
}

proptest! {
    #[test]
    fn names_of_clusters_do_not_matter(
        labels in prop::collection::vec((0_u32..5, 0_u32..5), 2..60),
        names in Just([3_u32, 0, 4, 1, 2]).prop_shuffle(),
    ) {
        let (left, right): (Vec<u32>, Vec<u32>) = labels.into_iter().unzip();
        let renamed: Vec<u32> = right.iter().map(|label| names[*label as usize]).collect();
        let index = adjusted_rand_index(&left, &right).unwrap();
        prop_assert_eq!(index, adjusted_rand_index(&left, &renamed).unwrap());
        prop_assert_eq!(index, adjusted_rand_index(&right, &left).unwrap());
        prop_assert!((index - by_pairs(&left, &right)).abs() < 1e-12);
        let information = normalised_mutual_information(&left, &right).unwrap();
        let after = normalised_mutual_information(&left, &renamed).unwrap();
        prop_assert!((information - after).abs() < 1e-12);
        prop_assert_eq!(adjusted_rand_index(&right, &renamed).unwrap(), 1.0);
        let information = normalised_mutual_information(&right, &renamed).unwrap();
        prop_assert!((information - 1.0).abs() < 1e-12);
    }
}
