//! Which rows belong together: clusterings, and how good they are.
//!
//! Rows go in as a [`Matrix`](crate::Matrix), a [`Clustering`] comes out: a label a row, a centre a
//! cluster. [`KMeans`] is for tables of any size, [`MiniBatchKMeans`] for those larger than memory,
//! [`Hierarchical`] and [`KMedoids`] for small ones, [`GaussianMixture`] for clusters that overlap,
//! [`Dbscan`] and [`Hdbscan`] for those of any shape. [`choose_k`] finds the number of clusters,
//! [`Quality`] judges a clustering without knowing the truth, [`stability`] by other draws of the
//! rows, and [`adjusted_rand_index`] compares one with a truth that is known.
//!
//! Nothing here scales columns: distances take them as they come (see [`crate::scale`]). Nothing
//! here names or describes a cluster.

mod agreement;
mod bounds;
mod breathe;
mod centers;
mod choose;
mod clustering;
mod dbscan;
mod density;
mod distance;
mod exchange;
mod hdbscan;
mod hierarchical;
mod kernel;
mod kmeans;
mod lloyd;
mod medoids;
mod minibatch;
mod mixture;
mod points;
mod quality;
mod seeding;
mod silhouette;
mod stability;

#[cfg(test)]
mod tests;

pub use agreement::{adjusted_rand_index, normalised_mutual_information};
pub use choose::{Choice, KPoint, choose_k};
pub use clustering::Clustering;
pub use dbscan::{DBSCAN_ROWS, Dbscan};
pub use density::DensityClustering;
pub use distance::Metric;
pub use hdbscan::{HDBSCAN_ROWS, Hdbscan};
pub use hierarchical::{Hierarchical, Linkage, Merge, ROWS_MAX as HIERARCHICAL_ROWS, Tree};
pub use kmeans::KMeans;
pub use medoids::{KMedoids, Medoids};
pub use minibatch::{Learning, MiniBatchKMeans};
pub use mixture::{Covariance, GaussianMixture, Mixture};
pub use quality::{Quality, calinski_harabasz, davies_bouldin};
pub use silhouette::{SILHOUETTE_ROWS, Silhouette, silhouette, silhouette_values};
pub use stability::{Stability, stability};

/// A clustering algorithm, for lists and help texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The name, as on the command line.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub about: &'static str,
}

/// All clustering algorithms.
pub const ALGORITHMS: &[Entry] = &[
    Entry { name: "kmeans", about: "k centres, each row to the nearest; tables of any size" },
    Entry { name: "minibatch-kmeans", about: "k centres from some rows at a time" },
    Entry { name: "k-medoids", about: "k rows that stand for the others; up to 20,000 rows" },
    Entry {
        name: "hierarchical",
        about: "merges the nearest clusters until k are left; up to 20,000 rows",
    },
    Entry { name: "dbscan", about: "where rows lie close, of any shape; the rest is noise" },
    Entry { name: "hdbscan", about: "the same at any density; up to 50,000 rows" },
    Entry { name: "gaussian-mixture", about: "k normal distributions that may overlap" },
];
