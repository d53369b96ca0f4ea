//! The settings that models of neighbours share, from names to values.

use super::{Parameter, Parameters};
use crate::neighbours::{Settings, Similarity};

/// How fast the items of a history fade.
pub(crate) const HALF_LIFE_ITEMS: Parameter = Parameter::real(
    "half_life_items",
    "younger items after which one of the history counts half, if ages are known; 0 for none",
    2.0,
    [0.0, 1e6],
);

/// Common interactions a similarity is trusted with.
pub(crate) const SHRINKAGE: Parameter = Parameter::real(
    "shrinkage",
    "common interactions at which a similarity counts half",
    0.0,
    [0.0, 1e6],
);

/// How much evidence a similarity needs.
pub(crate) const SIGNIFICANCE: Parameter = Parameter::real(
    "significance",
    "common interactions below which a similarity counts proportionally less; 0 for none",
    0.0,
    [0.0, 1e6],
);

/// The least similarity of a neighbour.
pub(crate) const MINIMUM: Parameter = Parameter::real(
    "minimum_similarity",
    "rows less similar than this are no neighbours; negative lets opposites count",
    0.0,
    [-1.0, 1.0],
);

/// How late repeated evidence saturates in BM25.
pub(crate) const K1: Parameter =
    Parameter::real("k1", "bm25: how late repeated evidence saturates", 100.0, [1e-3, 1e6]);

/// How much BM25 holds back long rows.
pub(crate) const B: Parameter =
    Parameter::real("b", "bm25: how much long rows are held back", 0.2, [0.0, 1.0]);

/// What the score of an item is.
pub(crate) const SCORE: Parameter = Parameter::word(
    "score",
    "sum: weights times similarities, for ranking; rating: the predicted rating",
    &["sum", "rating"],
);

/// Returns the settings of the neighbours.
pub(crate) fn neighbours(parameters: &Parameters) -> Settings {
    let similarity = match parameters.word("similarity") {
        "tfidf" => Similarity::TfIdf,
        "bm25" => Similarity::Bm25 { k1: parameters.real("k1"), b: parameters.real("b") },
        "pearson" => Similarity::Pearson,
        "adjusted-cosine" => Similarity::AdjustedCosine,
        _ => Similarity::Cosine,
    };
    Settings {
        similarity,
        neighbours: parameters.whole("neighbours"),
        shrinkage: parameters.real("shrinkage"),
        significance: parameters.real("significance"),
        minimum: parameters.real("minimum_similarity"),
    }
}
