//! How will somebody respond: the chance of a click or purchase, or a number, from a table.
//!
//! A model is one file here and one line in [`MODELS`], from which the command line, the reference
//! and the conformance test are made. A [`Table`] of named columns goes in, numbers and categories
//! mixed; an [`encoding`] learned in training is part of the fitted [`Model`]. [`calibrate`]
//! corrects probabilities on held-out rows. How good they are is measured in `evaluate::binary`;
//! what they are worth is decided in `bid`.

pub mod calibrate;
pub mod design;
pub mod encoding;
pub mod linear;
pub mod logistic;
pub mod score;
pub mod settings;
pub mod table;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
pub use calibrate::{Calibration, Calibrator};
pub use linear::Linear;
pub use logistic::Logistic;
pub use score::{Explanation, Part, Score};
pub use settings::{Parameter, Settings};
pub use table::{Column, MISSING, Table, Value};

/// All response models, simplest first.
pub const MODELS: &[Entry] = &[
    Entry {
        name: "linear",
        about: "linear regression by least squares: a baseline, not bound to 0–1",
        parameters: &[],
        build: build_linear,
    },
    Entry {
        name: "logistic",
        about: "logistic regression, L2 penalty: a probability, and what each column adds to it",
        parameters: &[STRENGTH, TOLERANCE, ITERATIONS],
        build: build_logistic,
    },
];

const STRENGTH: Parameter = Parameter {
    name: "strength",
    about: "C: how much the data count against the penalty on the coefficients",
    default: 1.0,
    least: 1e-9,
    most: 1e9,
};

const TOLERANCE: Parameter = Parameter {
    name: "tolerance",
    about: "the distance to the optimum, in the norm of the Hessian, at which to stop",
    default: 1e-8,
    least: 1e-12,
    most: 1.0,
};

const ITERATIONS: Parameter = Parameter {
    name: "iterations",
    about: "the most Newton steps",
    default: 100.0,
    least: 1.0,
    most: 10_000.0,
};

/// A model in the registry.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The name, as after `--model`.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// What can be set.
    pub parameters: &'static [Parameter],
    /// Fits it; called through [`Entry::fit`].
    build: fn(&Training<'_>, &Settings) -> Result<Model>,
}

/// What a model learns from.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// One row per case.
    pub table: &'a Table<'a>,
    /// What came about, one value per row; 0 or 1 where the model predicts a chance.
    pub labels: &'a [f64],
    /// How much each row counts, ≥ 0; without it every row counts 1.
    pub weights: Option<&'a [f64]>,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Linear regression.
    Linear(Linear),
    /// Logistic regression.
    Logistic(Logistic),
}

/// The readable form of a model that is a weighted sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coefficients {
    /// The score where all columns are 0.
    pub intercept: f64,
    /// The weight of each encoded column: the numbers by name, categories as `column=level`.
    pub weights: Vec<(String, f64)>,
}

impl Entry {
    /// Returns the model called `name`.
    ///
    /// # Errors
    /// [`Error::Parameter`] listing the names there are.
    pub fn find(name: &str) -> Result<&'static Self> {
        MODELS.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let names: Vec<_> = MODELS.iter().map(|entry| entry.name).collect();
            Error::parameter("model", format!("one of {}", names.join(", ")), name)
        })
    }

    /// Returns the model's settings: the defaults, and what was given as (name, value).
    ///
    /// # Errors
    /// [`Error::Parameter`] for an unknown name or a value outside its range.
    pub fn settings(&self, given: &[(&str, f64)]) -> Result<Settings> {
        Settings::new(self.parameters, given)
    }

    /// Fits the model.
    ///
    /// # Errors
    /// What the model's `fit` returns: labels that do not match the table or are all equal, no
    /// convergence.
    pub fn fit(&self, training: &Training<'_>, settings: &Settings) -> Result<Model> {
        (self.build)(training, settings)
    }
}

impl Model {
    /// Returns the name in the registry.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::Logistic(_) => "logistic",
        }
    }

    /// Returns the prediction for every row: a probability, or for `linear` a number.
    ///
    /// # Errors
    /// [`Error::TooLittle`] when the table lacks a column, [`Error::Parameter`] when one changed
    /// between number and category.
    pub fn predict(&self, table: &Table<'_>) -> Result<Vec<f64>> {
        match self {
            Self::Linear(fitted) => fitted.predict(table),
            Self::Logistic(fitted) => fitted.predict_probability(table),
        }
    }

    /// Returns why a row, given as (name, value) pairs, has its prediction.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn explain(&self, row: &[(&str, Value<'_>)]) -> Result<Explanation> {
        match self {
            Self::Linear(fitted) => fitted.explain(row),
            Self::Logistic(fitted) => fitted.explain(row),
        }
    }

    /// Returns intercept and coefficients as they are usually reported: linear ones per unit of
    /// each number, logistic ones per standard deviation, on which the penalty acts.
    #[must_use]
    pub fn coefficients(&self) -> Coefficients {
        match self {
            Self::Linear(fitted) => Coefficients {
                intercept: fitted.score().intercept_per_unit(),
                weights: fitted.score().coefficients_per_unit(),
            },
            Self::Logistic(fitted) => Coefficients {
                intercept: fitted.score().intercept(),
                weights: fitted.score().coefficients(),
            },
        }
    }
}

fn build_linear(training: &Training<'_>, _: &Settings) -> Result<Model> {
    linear::fit(training.table, training.labels, training.weights).map(Model::Linear)
}

fn build_logistic(training: &Training<'_>, settings: &Settings) -> Result<Model> {
    let parameters = logistic::Parameters {
        strength: settings.get(&STRENGTH),
        tolerance: settings.get(&TOLERANCE),
        iterations_max: settings.get(&ITERATIONS) as usize,
    };
    let labels = outcomes(training.labels)?;
    parameters.fit(training.table, &labels, training.weights).map(Model::Logistic)
}

/// Reads labels of 0 and 1.
///
/// # Errors
/// [`Error::Parameter`] for the first label that is neither.
pub fn outcomes(labels: &[f64]) -> Result<Vec<bool>> {
    match labels.iter().find(|label| **label != 0.0 && **label != 1.0) {
        Some(label) => Err(Error::parameter("label", "0 or 1", label)),
        None => Ok(labels.iter().map(|label| *label == 1.0).collect()),
    }
}

/// Checks that there is one finite target per row.
pub(crate) fn check_target(target: &[f64], rows: usize) -> Result<()> {
    if target.len() != rows {
        return Err(Error::Length { what: "labels", expected: rows, got: target.len() });
    }
    match target.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::NotFinite {
            what: "a label",
            value: target[row].to_string(),
            row,
            column: 0,
        }),
    }
}

/// Checks that there is one finite weight ≥ 0 per row, and one above 0.
pub(crate) fn check_weights(weights: &[f64], rows: usize) -> Result<()> {
    if weights.len() != rows {
        return Err(Error::Length { what: "weights", expected: rows, got: weights.len() });
    }
    if let Some(weight) = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
        return Err(Error::parameter("weights", "finite and ≥ 0", weight));
    }
    if rows > 0 && weights.iter().all(|weight| *weight == 0.0) {
        return Err(Error::TooLittle("all weights are 0".to_owned()));
    }
    Ok(())
}
