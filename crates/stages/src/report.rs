//! What a stage did: the row that every run leaves in the ledger.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// What one run of a stage did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StageReport {
    /// The stage's name.
    pub stage: &'static str,
    /// Why the stage had nothing to do, if it had nothing.
    pub skipped: Option<String>,
    /// Versions of the tables that were read.
    pub inputs: BTreeMap<&'static str, u64>,
    /// Rows read from the lake or from files.
    pub rows_read: u64,
    /// Rows written to the lake.
    pub rows_written: u64,
    /// Rows refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Measured figures, by name.
    pub metrics: Map<String, Value>,
    /// The parameters that were used.
    pub parameters: Map<String, Value>,
    /// The models that were made.
    pub models: Vec<ModelReport>,
}

/// A model that a stage made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// The model's name.
    pub name: String,
    /// Its version.
    pub version: i64,
    /// Whether it serves from now on.
    pub published: bool,
    /// What was measured.
    pub metrics: Value,
    /// What the simple model reached in its place.
    pub baseline: Value,
}

impl StageReport {
    /// Returns an empty report of this stage.
    #[must_use]
    pub fn new(stage: &'static str) -> Self {
        Self { stage, ..Self::default() }
    }

    /// Returns the report of a stage that had no input.
    #[must_use]
    pub fn skipped(stage: &'static str, why: impl Into<String>) -> Self {
        Self { stage, skipped: Some(why.into()), ..Self::default() }
    }

    /// Records a measured figure.
    pub fn metric(&mut self, name: &str, value: impl Into<Value>) {
        self.metrics.insert(name.to_owned(), value.into());
    }

    /// Records a parameter.
    pub fn parameter(&mut self, name: &str, value: impl Into<Value>) {
        self.parameters.insert(name.to_owned(), value.into());
    }
}
