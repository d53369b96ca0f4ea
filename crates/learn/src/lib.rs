//! The algorithms: slices and matrices in, fitted structs out, a seed where there is chance.
//!
//! Nothing here knows a shop, reads a file, a clock or the environment, or prints. A parameter
//! struct is given to `fit`, which returns a fitted struct; only that can predict. Results do not
//! depend on the number of threads: work is cut into blocks of fixed size whose results are joined
//! in order.

pub mod bid;
pub mod cluster;
pub mod error;
pub mod evaluate;
pub mod interactions;
mod level;
pub mod lifetime;
pub mod linear_algebra;
pub mod matrix;
pub mod neighbours;
pub mod recommend;
pub mod respond;
pub mod scale;
pub mod slate;
pub mod text;

pub use error::{Error, Result};
pub use matrix::Matrix;
