//! Weighs the terms of documents: often in this document, rare in the others.
//!
//! TF-IDF with smooth inverse document frequency and Euclidean length 1, the formula of
//! scikit-learn's `TfidfVectorizer` with its defaults:
//! `w(d, t) = count(d, t) · (ln((1 + n) / (1 + df(t))) + 1)`, then each document divided by its
//! length.

use crate::error::{Error, Result};
use crate::interactions::Interactions;
use rustc_hash::FxHashMap;

/// A fitted vocabulary with the inverse document frequency of each term.
#[derive(Debug, Clone, PartialEq)]
pub struct TfIdf {
    /// Term → column, in order of first appearance.
    columns: FxHashMap<String, u32>,
    idf: Vec<f64>,
}

impl TfIdf {
    /// Learns the terms of `documents`, each a list of tokens.
    ///
    /// Terms in more than `most_documents` documents are left out: they tell little apart, and the
    /// number of document pairs they join grows with the square.
    ///
    /// # Errors
    /// [`Error::Parameter`] when `most_documents` is 0.
    ///
    /// ```
    /// use shopwise_learn::text::TfIdf;
    /// let documents = [vec!["red".to_owned(), "cup".to_owned()], vec!["red".to_owned()]];
    /// let fitted = TfIdf::fit(&documents, usize::MAX)?;
    /// // red is in both: ln(3/3) + 1 = 1; cup in one: ln(3/2) + 1 = 1.405.
    /// assert_eq!(fitted.idf("red"), Some(1.0));
    /// assert!((fitted.idf("cup").unwrap() - 1.405_465).abs() < 1e-6);
    /// # Ok::<(), shopwise_learn::Error>(())
    /// ```
    pub fn fit(documents: &[Vec<String>], most_documents: usize) -> Result<Self> {
        if most_documents == 0 {
            return Err(Error::parameter("most_documents", "≥ 1", most_documents));
        }
        let mut seen: FxHashMap<&str, (usize, usize)> = FxHashMap::default();
        let mut terms: Vec<&str> = Vec::new();
        for (at, document) in documents.iter().enumerate() {
            for token in document {
                let entry = seen.entry(token).or_insert_with(|| {
                    terms.push(token);
                    (0, usize::MAX)
                });
                if entry.1 != at {
                    *entry = (entry.0 + 1, at);
                }
            }
        }
        let mut fitted = Self { columns: FxHashMap::default(), idf: Vec::new() };
        for term in terms {
            let in_documents = seen[term].0;
            if in_documents <= most_documents {
                let column = fitted.idf.len() as u32;
                fitted.columns.insert(term.to_owned(), column);
                let ratio = (1.0 + documents.len() as f64) / (1.0 + in_documents as f64);
                fitted.idf.push(ratio.ln() + 1.0);
            }
        }
        Ok(fitted)
    }

    /// Returns the inverse document frequency of `term`, ≥ 1, when it is in the vocabulary.
    #[must_use]
    pub fn idf(&self, term: &str) -> Option<f64> {
        self.columns.get(term).map(|column| self.idf[*column as usize])
    }

    /// Returns the number of terms.
    #[must_use]
    pub fn n_terms(&self) -> usize {
        self.idf.len()
    }

    /// Returns the weights, shape `(documents, terms)`; each row has length 1, or is empty when no
    /// term of the document is known.
    #[must_use]
    pub fn transform(&self, documents: &[Vec<String>]) -> Interactions {
        let rows = documents.iter().map(|document| self.row(document));
        Interactions::from_sorted_rows(self.n_terms(), rows)
    }

    fn row(&self, document: &[String]) -> Vec<(u32, f32)> {
        let mut columns: Vec<u32> =
            document.iter().filter_map(|token| self.columns.get(token).copied()).collect();
        columns.sort_unstable();
        let weighed: Vec<(u32, f64)> = columns
            .chunk_by(|left, right| left == right)
            .map(|same| (same[0], same.len() as f64 * self.idf[same[0] as usize]))
            .collect();
        let length = weighed.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        weighed.into_iter().map(|(column, weight)| (column, (weight / length) as f32)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokens;

    #[test]
    fn weights_equal_those_of_scikit_learn() {
        // TfidfVectorizer(token_pattern=r"(?u)\b\w+\b") on the same three texts.
        let documents: Vec<Vec<String>> =
            ["red tea cup", "red red kettle", "tea"].iter().map(|text| tokens(text)).collect();
        let fitted = TfIdf::fit(&documents, usize::MAX).unwrap();
        let weights = fitted.transform(&documents);
        let expected = [
            (
                0,
                vec![
                    ("cup", 0.680_918_560_398_684),
                    ("red", 0.517_856_116_167_697_4),
                    ("tea", 0.517_856_116_167_697_4),
                ],
            ),
            (1, vec![("kettle", 0.549_351_231_026_303_3), ("red", 0.835_591_541_944_917_6)]),
            (2, vec![("tea", 1.0)]),
        ];
        for (row, terms) in expected {
            let (columns, values) = weights.row(row);
            assert_eq!(columns.len(), terms.len());
            for (term, weight) in terms {
                let column = fitted.columns[term];
                let at = columns.binary_search(&column).unwrap();
                assert!((f64::from(values[at]) - weight).abs() < 1e-7, "{term} in {row}");
            }
        }
    }

    #[test]
    fn terms_that_are_everywhere_can_be_left_out_and_unknown_ones_are_ignored() {
        let documents: Vec<Vec<String>> = ["a b", "a c"].iter().map(|text| tokens(text)).collect();
        let fitted = TfIdf::fit(&documents, 1).unwrap();
        assert_eq!((fitted.n_terms(), fitted.idf("a")), (2, None));
        let weights = fitted.transform(&[tokens("a z"), tokens("b")]);
        assert_eq!(weights.row(0), (&[][..], &[][..]));
        assert_eq!(weights.row(1).1, [1.0]);
        assert!(TfIdf::fit(&documents, 0).is_err());
    }
}
