//! Which rows of a sparse matrix are alike: items bought by the same people, people who bought the
//! same items, products described by the same words.
//!
//! [`RowIndex`] compares one row with all others through an inverted index, touching only the rows
//! it shares a column with; [`Neighbours`] holds the most similar ones of every row. A matrix of
//! all pairs is made only of few rows, and where nothing but common columns counts. The cost of
//! comparing everything with everything is the sum over columns of (entries in the column)²: a few
//! very long columns decide it. What is done with neighbours (recommending, predicting ratings)
//! stands in `recommend`.

mod accumulator;
mod best;
mod graph;
mod index;
mod pairs;
mod similarity;

pub use best::Scored;
pub use graph::Neighbours;
pub use index::{RowIndex, Scratch};
pub use similarity::{Settings, Similarity};

pub(crate) use accumulator::Accumulator;
pub(crate) use best::Best;

#[cfg(test)]
mod tests;
