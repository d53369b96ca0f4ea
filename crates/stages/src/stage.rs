//! The stages in the order of the loop.

use crate::error::Result;
use crate::report::StageReport;
use crate::shop::Shop;
use crate::{prepare, profile};

/// One stage of the loop.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// The name, as on the command line.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Runs it; the function given is told how many rows were read so far.
    pub run: fn(&Shop, &dyn Fn(u64)) -> Result<StageReport>,
}

/// Every stage that `run` knows, in the order of the loop.
pub const STAGES: &[Stage] = &[
    Stage {
        name: prepare::NAME,
        about: "sessions, orders, and features of customers and products from the events",
        run: prepare::run,
    },
    Stage {
        name: profile::NAME,
        about: "segments of customers who are alike, and their value groups",
        run: profile::run,
    },
];
