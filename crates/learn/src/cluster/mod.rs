//! Which rows belong together: clusterings, and how good they are.
//!
//! Rows go in as a [`Matrix`](crate::Matrix), a [`Clustering`] comes out: a label a row, a centre a
//! cluster. [`KMeans`] is for tables of any size, [`Hierarchical`] for small ones; [`choose_k`]
//! finds the number of clusters, [`Quality`] judges a clustering without knowing the truth, and
//! [`adjusted_rand_index`] compares one with a truth that is known.
//!
//! Nothing here scales columns: distances take them as they come (see [`crate::scale`]). Nothing
//! here names or describes a cluster.

mod agreement;
mod bounds;
mod breathe;
mod centers;
mod choose;
mod clustering;
mod distance;
mod exchange;
mod hierarchical;
mod kernel;
mod kmeans;
mod lloyd;
mod points;
mod quality;
mod seeding;
mod silhouette;

#[cfg(test)]
mod tests;

pub use agreement::{adjusted_rand_index, normalised_mutual_information};
pub use choose::{Choice, KPoint, choose_k};
pub use clustering::Clustering;
pub use distance::Metric;
pub use hierarchical::{Hierarchical, Linkage, Merge, ROWS_MAX as HIERARCHICAL_ROWS, Tree};
pub use kmeans::KMeans;
pub use quality::{Quality, calinski_harabasz, davies_bouldin};
pub use silhouette::{SILHOUETTE_ROWS, Silhouette, silhouette, silhouette_values};

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
    Entry {
        name: "hierarchical",
        about: "merges the nearest clusters until k are left; up to 20,000 rows",
    },
];
