//! The named settings of a response model: what exists, what is allowed, what was chosen.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// One setting a model understands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// The name, as after `--set`.
    pub name: &'static str,
    /// What it does, in one line, with its unit.
    pub about: &'static str,
    /// The value when none is given.
    pub default: f64,
    /// The smallest allowed.
    pub least: f64,
    /// The largest allowed.
    pub most: f64,
}

/// A checked value for every parameter of a model.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, f64>);

impl Settings {
    /// Returns the defaults of the parameters, overwritten by what was given as (name, value).
    ///
    /// # Errors
    /// [`Error::Parameter`] for a name that no parameter has, or a value outside its range.
    pub fn new(parameters: &'static [Parameter], given: &[(&str, f64)]) -> Result<Self> {
        let defaults = parameters.iter().map(|one| (one.name.to_owned(), one.default));
        let mut values: BTreeMap<String, f64> = defaults.collect();
        for (name, value) in given {
            let Some(parameter) = parameters.iter().find(|one| one.name == *name) else {
                let names: Vec<&str> = parameters.iter().map(|one| one.name).collect();
                let allowed = match names.as_slice() {
                    [] => "left out: this model has no settings".to_owned(),
                    names => format!("one of {}", names.join(", ")),
                };
                return Err(Error::parameter("set", allowed, name));
            };
            if !(parameter.least..=parameter.most).contains(value) {
                let allowed = format!("from {} to {}", parameter.least, parameter.most);
                return Err(Error::parameter(parameter.name, allowed, value));
            }
            values.insert((*name).to_owned(), *value);
        }
        Ok(Self(values))
    }

    /// Returns the values by name.
    #[must_use]
    pub fn values(&self) -> &BTreeMap<String, f64> {
        &self.0
    }

    /// Returns the value of a parameter of the model the settings were made for.
    pub(crate) fn get(&self, parameter: &Parameter) -> f64 {
        self.0.get(parameter.name).copied().unwrap_or(parameter.default)
    }
}
