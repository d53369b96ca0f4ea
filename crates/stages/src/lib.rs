//! The loop, one module a stage: read tables, compute, write tables or publish a model.
//!
//! A stage never imports another; they meet in the lake's tables and in published models. Nothing
//! here speaks HTTP or prints: a stage returns what it did.

pub mod advertise;
mod attributes;
mod cases;
pub mod collect;
pub mod error;
pub mod feedback;
pub mod language;
pub mod prepare;
pub mod profile;
pub mod publish;
pub mod recommend;
pub mod report;
pub mod shop;
pub mod stage;

pub use error::{Error, Result};
pub use report::{ModelReport, StageReport};
pub use shop::Shop;
pub use stage::{STAGES, Stage, Work};
