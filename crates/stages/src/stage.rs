//! The stages in the order of the loop.

use crate::error::Result;
use crate::report::StageReport;
use crate::shop::Shop;
use crate::{advertise, feedback, prepare, profile, recommend};

/// One stage of the loop.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// The name, as on the command line.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Runs it.
    pub run: fn(&Work<'_>) -> Result<StageReport>,
}

/// What a stage works with.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The shop.
    pub shop: &'a Shop,
    /// The moment of the run, UTC microseconds: written into manifests, never into rows.
    pub now: i64,
    /// Is told how many rows were read so far.
    pub progress: &'a dyn Fn(u64),
}

impl std::fmt::Debug for Work<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Work").field("now", &self.now).finish_non_exhaustive()
    }
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
    Stage {
        name: recommend::NAME,
        about: "what to show each customer next, by the model that proved best, and why",
        run: recommend::run,
    },
    Stage {
        name: advertise::NAME,
        about: "how likely clicks and orders are, from what was shown and what came of it",
        run: advertise::run,
    },
    Stage {
        name: feedback::NAME,
        about: "what each policy brought, with intervals, and what others would have",
        run: feedback::run,
    },
];
