//! Numbers by hand, and a dense brute force over the written definitions.

use super::{Neighbours, RowIndex, Scratch, Settings, Similarity};
use crate::interactions::{Interactions, Repeats};
use proptest::prelude::*;

const BM25: Similarity = Similarity::Bm25 { k1: 1.2, b: 0.75 };

fn matrix(rows: &[&[f32]]) -> Interactions {
    let (mut row_of, mut column_of, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for (row, values) in rows.iter().enumerate() {
        for (column, value) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            row_of.push(row as u32);
            column_of.push(column as u32);
            weights.push(*value);
        }
    }
    let n_columns = rows.first().map_or(0, |row| row.len());
    Interactions::from_triples(rows.len(), n_columns, &row_of, &column_of, &weights, Repeats::Add)
        .unwrap()
}

fn similarity(rows: &[&[f32]], settings: Settings) -> f32 {
    let rows = matrix(rows);
    let index = RowIndex::new(&rows, settings).unwrap();
    Neighbours::of_all(&rows, &index).similarity(0, 1).unwrap_or(0.0)
}

fn close(left: f32, right: f64) {
    assert!((f64::from(left) - right).abs() < 1e-6, "{left} is not {right}");
}

#[test]
fn cosine_by_hand() {
    // (1·2 + 2·1) / (√5 · √5) = 0.8.
    let settings = Settings::new(Similarity::Cosine, 5);
    close(similarity(&[&[1.0, 2.0, 0.0], &[2.0, 1.0, 0.0]], settings), 0.8);
    // Two common of 2 and 3: 2 / √6.
    close(similarity(&[&[1.0, 1.0, 0.0], &[1.0, 1.0, 1.0]], settings), 2.0 / 6_f64.sqrt());
}

#[test]
fn asymmetric_cosine_and_jaccard_by_hand() {
    // Two common columns of 2 and 4.
    let rows: [&[f32]; 2] = [&[1.0, 1.0, 0.0, 0.0], &[1.0, 1.0, 1.0, 1.0]];
    let asymmetric = |alpha| Settings::new(Similarity::Asymmetric { alpha }, 5);
    close(similarity(&rows, asymmetric(0.5)), 2.0 / 8_f64.sqrt());
    close(similarity(&rows, asymmetric(1.0)), 1.0);
    close(similarity(&rows, asymmetric(0.0)), 0.5);
    close(similarity(&rows, Settings::new(Similarity::Jaccard, 5)), 0.5);
    let rows: [&[f32]; 2] = [&[2.0, 2.0, 0.0], &[0.0, 2.0, 2.0]];
    close(similarity(&rows, Settings::new(Similarity::Jaccard, 5)), 1.0 / 3.0);
}

#[test]
fn tf_idf_by_hand() {
    let rows: [&[f32]; 4] =
        [&[1.0, 4.0, 0.0], &[1.0, 0.0, 9.0], &[0.0, 0.0, 1.0], &[0.0, 0.0, 1.0]];
    // Four rows, columns with 2, 1 and 3 entries: idf ln(4/3), ln(4/2), ln(4/4) = 0.
    let (a, b) = ((4_f64 / 3.0).ln(), 2_f64.ln());
    let expected = a / (a * a + 4.0 * b * b).sqrt();
    close(similarity(&rows, Settings::new(Similarity::TfIdf, 5)), expected);
}

#[test]
fn bm25_by_hand() {
    // Both rows have sum 2, the mean is 4/3: length factor .25 + .75 · 1.5 = 1.375;
    // weight 1 → 2.2 / (1.65 + 1), weight 2 → 4.4 / (1.65 + 2); column 0: idf ln(3/3) = 0.
    let rows: [&[f32]; 3] = [&[1.0, 1.0], &[2.0, 0.0], &[0.0, 0.0]];
    let settings = Settings::new(BM25, 5);
    close(similarity(&rows, settings), 0.0);
    let rows: [&[f32]; 4] = [&[1.0, 1.0], &[2.0, 0.0], &[0.0, 0.0], &[0.0, 0.0]];
    let idf = (4_f64 / 3.0).ln();
    let factor = 1.2 * (0.25 + 0.75 * 2.0);
    close(similarity(&rows, settings), 2.2 / (factor + 1.0) * 4.4 / (factor + 2.0) * idf * idf);
}

#[test]
fn pearson_by_hand() {
    // Common columns 0..3: (1, 2, 3) and (2, 2, 5), means 2 and 3: 3 / √(2 · 6).
    let rows: [&[f32]; 2] = [&[1.0, 2.0, 3.0, 9.0], &[2.0, 2.0, 5.0, 0.0]];
    let plain = Settings::new(Similarity::Pearson, 5);
    close(similarity(&rows, plain), 3.0 / 12_f64.sqrt());
    let shrunk = Settings { shrinkage: 1.0, ..plain };
    close(similarity(&rows, shrunk), 3.0 / 12_f64.sqrt() * 3.0 / 4.0);
    let significant = Settings { significance: 6.0, ..plain };
    close(similarity(&rows, significant), 3.0 / 12_f64.sqrt() * 3.0 / 6.0);
}

#[test]
fn pearson_of_a_constant_row_is_no_similarity() {
    let rows: [&[f32]; 2] = [&[0.1, 0.1, 0.1], &[1.0, 2.0, 5.0]];
    close(similarity(&rows, Settings::new(Similarity::Pearson, 5)), 0.0);
}

#[test]
fn adjusted_cosine_by_hand() {
    // Column means 2, 3 and 4: rows become (−1, 1, ·) and (1, −1, 0): −2 / 2 = −1 over two columns.
    let rows: [&[f32]; 2] = [&[1.0, 4.0, 0.0], &[3.0, 2.0, 4.0]];
    let settings = Settings { minimum: -1.0, ..Settings::new(Similarity::AdjustedCosine, 5) };
    close(similarity(&rows, settings), -1.0);
    close(similarity(&rows, Settings::new(Similarity::AdjustedCosine, 5)), 0.0);
}

#[test]
fn the_nearest_are_kept_and_ties_go_to_the_lower_index() {
    let rows: [&[f32]; 5] = [&[1.0, 1.0], &[1.0, 0.0], &[0.0, 1.0], &[1.0, 1.0], &[1.0, 0.0]];
    let rows = matrix(&rows);
    let index = RowIndex::new(&rows, Settings::new(Similarity::Cosine, 3)).unwrap();
    let graph = Neighbours::of_all(&rows, &index);
    let nearest: Vec<u32> = graph.nearest(0, 3).iter().map(|one| one.item).collect();
    assert_eq!(nearest, [3, 1, 2]);
    assert_eq!(graph.row(0).0, [1, 2, 3]);
    assert_eq!(graph.turned().similarity(3, 0), graph.similarity(0, 3));
}

#[test]
fn a_row_from_outside_meets_the_same_neighbours() {
    let rows = matrix(&[&[1.0, 2.0, 0.0], &[2.0, 1.0, 0.0], &[0.0, 1.0, 1.0]]);
    let index = RowIndex::new(&rows, Settings::new(Similarity::TfIdf, 5)).unwrap();
    let mut scratch = Scratch::default();
    let inside = index.similar(&[0, 1], &[1.0, 2.0], Some(0), &mut scratch).to_vec();
    let outside = index.similar(&[1, 0, 99], &[2.0, 1.0, 1.0], None, &mut scratch).to_vec();
    assert_eq!(outside.iter().filter(|one| one.item != 0).copied().collect::<Vec<_>>(), inside);
    assert!(index.similar(&[], &[], None, &mut scratch).is_empty());
}

#[test]
fn settings_outside_their_range_are_named() {
    let rows = matrix(&[&[1.0]]);
    let refused = |settings: Settings| RowIndex::new(&rows, settings).unwrap_err().to_string();
    let plain = Settings::new(Similarity::Cosine, 1);
    assert_eq!(
        refused(Settings { neighbours: 0, ..plain }),
        "parameter `neighbours` must be ≥ 1, got `0`"
    );
    assert_eq!(
        refused(Settings { shrinkage: f32::NAN, ..plain }),
        "parameter `shrinkage` must be ≥ 0, got `NaN`"
    );
    assert_eq!(
        refused(Settings::new(Similarity::Bm25 { k1: 1.0, b: 2.0 }, 1)),
        "parameter `b` must be between 0 and 1, got `2`"
    );
}

/// Rows of more than one block, so that counts come from before, within and behind their own: all
/// of them as sets of bits, then the rarer ones entry by entry, with sets longer than a block.
#[test]
fn counting_each_pair_once_gives_the_bits_of_one_row_after_the_other() {
    let alike = |row: usize, column: usize| (row * 7 + column * 5 + row * column) % 11 < 4;
    let rarer = |row: usize, column: usize| (row * 7 + column * 5).is_multiple_of(3 + row);
    for (n_columns, has) in [(40, &alike as &dyn Fn(usize, usize) -> bool), (7_000, &rarer)] {
        let row =
            |row| (0..n_columns).map(|column| f32::from(u8::from(has(row, column)))).collect();
        let rows: Vec<Vec<f32>> = (0..150).map(|at| row(at * 67 % 150)).collect();
        let matrix = matrix(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for similarity in
            [Similarity::Cosine, Similarity::Asymmetric { alpha: 0.3 }, Similarity::Jaccard]
        {
            let settings = Settings { shrinkage: 2.0, ..Settings::new(similarity, 30) };
            let index = RowIndex::new(&matrix, settings).unwrap();
            assert!(index.pairs(&matrix).is_some());
            let graph = Neighbours::of_all(&matrix, &index);
            let mut scratch = Scratch::default();
            for row in 0..150 {
                let (columns, weights) = matrix.row(row);
                let alone = index.similar(columns, weights, Some(row as u32), &mut scratch);
                assert_eq!(graph.nearest(row as u32, 30), alone, "{similarity:?}, row {row}");
            }
        }
        let bm25 = RowIndex::new(&matrix, Settings::new(BM25, 30)).unwrap();
        assert!(bm25.pairs(&matrix).is_none(), "a product is no count");
    }
}

/// The definitions once more, over dense rows.
fn brute_force(rows: &[Vec<f32>], settings: Settings, left: usize, right: usize) -> f64 {
    let n = rows.len() as f64;
    let column = |c: usize| rows.iter().map(move |row| f64::from(row[c]));
    let filled = |c: usize| column(c).filter(|value| *value != 0.0).count() as f64;
    let sum = |row: &[f32]| row.iter().map(|value| f64::from(*value)).sum::<f64>();
    let mean_sum = rows.iter().map(|row| sum(row)).sum::<f64>() / n;
    let weigh = |row: &[f32], c: usize| {
        let value = f64::from(row[c]);
        let idf = (n / (1.0 + filled(c))).ln();
        match settings.similarity {
            Similarity::Cosine | Similarity::Asymmetric { .. } | Similarity::Pearson => value,
            Similarity::Jaccard => f64::from(u8::from(value != 0.0)),
            Similarity::TfIdf => value.sqrt() * idf,
            Similarity::Bm25 { k1, b } => {
                let (k1, b) = (f64::from(k1), f64::from(b));
                value * (k1 + 1.0) / (k1 * (1.0 - b + b * sum(row) / mean_sum) + value) * idf
            }
            Similarity::AdjustedCosine => value - column(c).sum::<f64>() / filled(c),
        }
    };
    let common: Vec<usize> =
        (0..rows[0].len()).filter(|c| rows[left][*c] != 0.0 && rows[right][*c] != 0.0).collect();
    let over: Vec<usize> = match settings.similarity {
        Similarity::Pearson | Similarity::AdjustedCosine => common.clone(),
        _ => (0..rows[0].len()).collect(),
    };
    let take = |row: usize| over.iter().map(|c| weigh(&rows[row], *c)).collect::<Vec<f64>>();
    let (mut x, mut y) = (take(left), take(right));
    if settings.similarity == Similarity::Pearson {
        for values in [&mut x, &mut y] {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            values.iter_mut().for_each(|value| *value -= mean);
        }
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = match settings.similarity {
        Similarity::Bm25 { .. } => 1.0,
        Similarity::Asymmetric { alpha } => {
            dot(&x, &x).powf(f64::from(alpha)) * dot(&y, &y).powf(1.0 - f64::from(alpha))
        }
        Similarity::Jaccard => dot(&x, &x) + dot(&y, &y) - dot(&x, &y),
        _ => (dot(&x, &x) * dot(&y, &y)).sqrt(),
    };
    if lengths < 1e-9 {
        return 0.0;
    }
    let count = common.len() as f64;
    let mut value = dot(&x, &y) / lengths;
    if settings.shrinkage > 0.0 {
        value *= count / (count + f64::from(settings.shrinkage));
    }
    if settings.significance > 0.0 {
        value *= (count / f64::from(settings.significance)).min(1.0);
    }
    value
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let measures = [
        Similarity::Cosine,
        Similarity::Asymmetric { alpha: 0.2 },
        Similarity::Jaccard,
        Similarity::TfIdf,
        BM25,
        Similarity::Pearson,
        Similarity::AdjustedCosine,
    ];
    (prop::sample::select(measures.to_vec()), 0_u8..3, 0_u8..3).prop_map(
        |(similarity, shrinkage, significance)| Settings {
            shrinkage: f32::from(shrinkage),
            significance: f32::from(significance),
            minimum: -1.0,
            ..Settings::new(similarity, 100)
        },
    )
}

proptest! {
    #[test]
    fn every_pair_equals_the_brute_force(
        rows in prop::collection::vec(prop::collection::vec(0_u8..4, 6), 1..30),
        is_flat: bool,
        settings in any_settings(),
    ) {
        let top = if is_flat { 1 } else { 3 };
        let rows: Vec<Vec<f32>> = rows
            .iter()
            .map(|row| row.iter().map(|value| f32::from(*value.min(&top))).collect())
            .collect();
        let borrowed: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let sparse = matrix(&borrowed);
        let index = RowIndex::new(&sparse, settings).unwrap();
        let graph = Neighbours::of_all(&sparse, &index);
        for left in 0..rows.len() {
            for right in (0..rows.len()).filter(|right| *right != left) {
                let got = graph.similarity(left as u32, right as u32).unwrap_or(0.0);
                let expected = brute_force(&rows, settings, left, right);
                prop_assert!((f64::from(got) - expected).abs() < 1e-5,
                    "{left} {right}: {got} is not {expected}");
            }
        }
    }
}
