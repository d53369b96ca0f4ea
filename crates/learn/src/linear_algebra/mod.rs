//! Dense linear algebra in `f64`, as much of it as the models here need.
//!
//! Least squares by orthogonal triangulation, Cholesky factors, weighted normal matrices, and LSQR
//! for systems too wide to be held dense. It knows no model and no table. Sums run in an order that
//! depends on the shape of the input alone, so results are the same at any number of threads.

pub mod blocks;
pub mod cholesky;
pub mod gram;
pub(crate) mod inverse;
pub(crate) mod lanes;
pub mod lsqr;
pub mod qr;
pub mod vector;

pub use blocks::RowBlocks;
pub use cholesky::Cholesky;
pub use gram::Gram;
pub use qr::{LeastSquares, least_squares};
