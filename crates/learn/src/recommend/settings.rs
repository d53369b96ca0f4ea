//! The settings that models of neighbours share, from names to values.

use super::arrays::{Reader, Writer, wrong};
use super::{Parameter, Parameters, Search, saved};
use crate::error::Result;
use crate::neighbours::{Settings, Similarity};

/// How fast the items of a history fade.
pub(crate) const HALF_LIFE_ITEMS: Parameter = Parameter::real(
    "half_life_items",
    "younger items after which one of the history counts half, if ages are known; 0 for none",
    2.0,
    [0.0, 1e6],
)
.searched(Search::Log(0.3, 300.0));

/// Common interactions a similarity is trusted with.
pub(crate) const SHRINKAGE: Parameter = Parameter::real(
    "shrinkage",
    "common interactions at which a similarity counts half",
    0.0,
    [0.0, 1e6],
)
.searched(Search::Log(0.1, 100.0));

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
    Parameter::real("k1", "bm25: how late repeated evidence saturates", 100.0, [1e-3, 1e6])
        .searched(Search::Log(1.0, 1000.0));

/// How much BM25 holds back long rows.
pub(crate) const B: Parameter =
    Parameter::real("b", "bm25: how much long rows are held back", 0.2, [0.0, 1.0])
        .searched(Search::Even(0.0, 1.0));

/// Whose length counts in the asymmetric cosine.
pub(crate) const ASYMMETRY: Parameter = Parameter::real(
    "asymmetry",
    "asymmetric: 0.5 is the cosine; less holds back popular neighbours, more popular askers",
    0.5,
    [0.0, 1.0],
)
.searched(Search::Even(0.1, 0.9));

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
        "asymmetric" => Similarity::Asymmetric { alpha: parameters.real("asymmetry") },
        "jaccard" => Similarity::Jaccard,
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

impl Settings {
    /// Writes the settings.
    pub(crate) fn save(&self, into: &mut Writer) {
        let (word, [k1, b]) = match self.similarity {
            Similarity::Cosine => ("cosine", [0.0; 2]),
            Similarity::Asymmetric { alpha } => ("asymmetric", [alpha, 0.0]),
            Similarity::Jaccard => ("jaccard", [0.0; 2]),
            Similarity::TfIdf => ("tfidf", [0.0; 2]),
            Similarity::Bm25 { k1, b } => ("bm25", [k1, b]),
            Similarity::Pearson => ("pearson", [0.0; 2]),
            Similarity::AdjustedCosine => ("adjusted-cosine", [0.0; 2]),
        };
        into.text("similarity", word);
        into.u64s("neighbours", &[self.neighbours as u64]);
        into.f32s("values", &[k1, b, self.shrinkage, self.significance, self.minimum]);
    }

    /// Reads settings and checks them.
    pub(crate) fn load(from: &Reader<'_>) -> Result<Self> {
        let [k1, b, shrinkage, significance, minimum] = from.f32s("values")?[..] else {
            return Err(wrong("settings are incomplete"));
        };
        let similarity = match from.text("similarity")? {
            "cosine" => Similarity::Cosine,
            "asymmetric" => Similarity::Asymmetric { alpha: k1 },
            "jaccard" => Similarity::Jaccard,
            "tfidf" => Similarity::TfIdf,
            "bm25" => Similarity::Bm25 { k1, b },
            "pearson" => Similarity::Pearson,
            "adjusted-cosine" => Similarity::AdjustedCosine,
            other => return Err(wrong(&format!("unknown similarity `{other}`"))),
        };
        let neighbours = saved::whole(from, "neighbours")?;
        let settings = Self { similarity, neighbours, shrinkage, significance, minimum };
        settings.check().map_err(|error| wrong(&error.to_string()))?;
        Ok(settings)
    }
}
