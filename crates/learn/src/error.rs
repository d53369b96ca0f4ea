//! What can be wrong with the input of an algorithm.

/// The result of fitting or evaluating.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an algorithm could not be fitted or evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A hyper-parameter is outside its range.
    #[error("parameter `{name}` must be {allowed}, got `{value}`")]
    Parameter {
        /// The name of the parameter, as on the command line.
        name: &'static str,
        /// What is allowed, in words: "≥ 1", "between 0 and 1".
        allowed: String,
        /// The value that was given.
        value: String,
    },
    /// Two inputs that must have the same length do not.
    #[error("{what}: expected {expected} values, got {got}")]
    Length {
        /// Which input.
        what: &'static str,
        /// How many values it must have.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// There is too little data for this algorithm.
    #[error("too little data: {0}")]
    TooLittle(String),
    /// A value is not a finite number.
    #[error("{what} must be finite, got `{value}` (row {row}, column {column})")]
    NotFinite {
        /// Which input.
        what: &'static str,
        /// The value as text: `NaN`, `inf`.
        value: String,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
    },
    /// The input is larger than what this algorithm may be asked for.
    #[error("{what} is limited to {limit}, got {got}")]
    TooLarge {
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// What was asked for.
        got: usize,
    },
    /// Bytes are no model that this program can read.
    #[error("model bytes: {0}")]
    Bytes(String),
    /// The numbers admit no solution: singular, or the iteration did not converge.
    #[error("{0}")]
    NoSolution(String),
}

impl Error {
    /// Returns the error for a hyper-parameter outside its range.
    pub fn parameter(
        name: &'static str,
        allowed: impl Into<String>,
        value: impl std::fmt::Display,
    ) -> Self {
        Self::Parameter { name, allowed: allowed.into(), value: value.to_string() }
    }
}
