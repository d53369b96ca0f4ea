//! The named settings of a recommender: what exists, what is allowed, what was chosen.
//!
//! Every value is checked here, once, against the range its entry documents; a model's `build`
//! reads checked values by name.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// One setting a model understands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// The name, as after `--set`.
    pub name: &'static str,
    /// What it does, in one line, with its unit.
    pub about: &'static str,
    /// What is allowed, and the default.
    pub kind: Kind,
    /// Where the model `auto` looks for a better value than the default.
    pub search: Search,
}

/// The values among which a search looks; within what is allowed, and narrower: where public data
/// have shown good ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Search {
    /// None but the default.
    Default,
    /// All between two numbers, alike.
    Even(f32, f32),
    /// All between two numbers above 0, alike in their logarithms: doubling is the same step
    /// everywhere.
    Log(f32, f32),
    /// Some of the words.
    Words(&'static [&'static str]),
}

/// The type, range and default of a setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number.
    Whole {
        /// The value when none is given.
        default: u32,
        /// The smallest allowed.
        least: u32,
        /// The largest allowed.
        most: u32,
    },
    /// A number.
    Real {
        /// The value when none is given.
        default: f32,
        /// The smallest allowed.
        least: f32,
        /// The largest allowed.
        most: f32,
    },
    /// One of several words; the first is the default.
    Word(&'static [&'static str]),
    /// Names of other models, joined by commas.
    Models(&'static str),
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Whole(u32),
    /// A number.
    Real(f32),
    /// A word.
    Text(String),
}

impl Parameter {
    /// Describes a whole number.
    pub(crate) const fn whole(
        name: &'static str,
        about: &'static str,
        default: u32,
        range: [u32; 2],
    ) -> Self {
        Self::of(name, about, Kind::Whole { default, least: range[0], most: range[1] })
    }

    /// Describes a number.
    pub(crate) const fn real(
        name: &'static str,
        about: &'static str,
        default: f32,
        range: [f32; 2],
    ) -> Self {
        Self::of(name, about, Kind::Real { default, least: range[0], most: range[1] })
    }

    /// Describes a choice of words, the first being the default.
    pub(crate) const fn word(
        name: &'static str,
        about: &'static str,
        words: &'static [&'static str],
    ) -> Self {
        Self::of(name, about, Kind::Word(words))
    }

    const fn of(name: &'static str, about: &'static str, kind: Kind) -> Self {
        Self { name, about, kind, search: Search::Default }
    }

    /// Lets `auto` look for a better value.
    pub(crate) const fn searched(self, search: Search) -> Self {
        Self { search, ..self }
    }

    /// Returns the value used when none is given.
    #[must_use]
    pub fn default(&self) -> Value {
        match self.kind {
            Kind::Whole { default, .. } => Value::Whole(default),
            Kind::Real { default, .. } => Value::Real(default),
            Kind::Word(words) => Value::Text(words[0].to_owned()),
            Kind::Models(names) => Value::Text(names.to_owned()),
        }
    }

    /// Returns what is allowed, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self.kind {
            Kind::Whole { least, most, .. } => format!("a whole number from {least} to {most}"),
            Kind::Real { least, most, .. } => format!("a number from {least} to {most}"),
            Kind::Word(words) => format!("one of {}", words.join(", ")),
            Kind::Models(_) => "names of models joined by commas".to_owned(),
        }
    }

    fn parse(&self, text: &str) -> Result<Value> {
        let parsed = match self.kind {
            Kind::Whole { least, most, .. } => {
                let number = text.parse().ok().filter(|number| (least..=most).contains(number));
                number.map(Value::Whole)
            }
            Kind::Real { least, most, .. } => {
                let number = text.parse().ok().filter(|number| (least..=most).contains(number));
                number.map(Value::Real)
            }
            Kind::Word(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
            Kind::Models(_) => Some(Value::Text(text.to_owned())),
        };
        parsed.ok_or_else(|| Error::parameter(self.name, self.allowed(), text))
    }
}

/// Checked values, one for each setting of a model.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct Parameters {
    values: BTreeMap<&'static str, Value>,
    #[serde(skip)]
    known: &'static [Parameter],
}

impl Parameters {
    /// Returns the defaults of the given settings.
    #[must_use]
    pub fn defaults(known: &'static [Parameter]) -> Self {
        let values = known.iter().map(|parameter| (parameter.name, parameter.default())).collect();
        Self { values, known }
    }

    /// Sets `name` to the value written as `text`.
    ///
    /// # Errors
    /// [`Error::Parameter`] when there is no such setting, or the value is not allowed.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let Some(parameter) = self.known.iter().find(|parameter| parameter.name == name) else {
            let names: Vec<_> = self.known.iter().map(|parameter| parameter.name).collect();
            let allowed = format!("one of {}", names.join(", "));
            return Err(Error::parameter("parameter name", allowed, name));
        };
        self.values.insert(parameter.name, parameter.parse(text)?);
        Ok(())
    }

    /// Returns the values by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.values.iter().map(|(name, value)| (*name, value))
    }

    /// Returns a whole number.
    pub(crate) fn whole(&self, name: &str) -> usize {
        match self.values.get(name) {
            Some(Value::Whole(value)) => *value as usize,
            _ => unreachable!("the model declares the whole number `{name}`"),
        }
    }

    /// Returns a number.
    pub(crate) fn real(&self, name: &str) -> f32 {
        match self.values.get(name) {
            Some(Value::Real(value)) => *value,
            _ => unreachable!("the model declares the number `{name}`"),
        }
    }

    /// Returns a word.
    pub(crate) fn word(&self, name: &str) -> &str {
        match self.values.get(name) {
            Some(Value::Text(value)) => value,
            _ => unreachable!("the model declares the word `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Parameter] = &[
        Parameter::whole("neighbours", "how many", 50, [1, 1000]),
        Parameter::real("shrinkage", "how careful", 0.0, [0.0, 1e6]),
        Parameter::word("similarity", "which measure", &["cosine", "pearson"]),
    ];

    #[test]
    fn values_are_checked_and_errors_name_the_parameter() {
        let mut parameters = Parameters::defaults(KNOWN);
        parameters.set("neighbours", "200").unwrap();
        parameters.set("similarity", "pearson").unwrap();
        assert_eq!(parameters.whole("neighbours"), 200);
        assert_eq!(parameters.real("shrinkage"), 0.0);
        assert_eq!(parameters.word("similarity"), "pearson");
        let mut refused = |name, text| parameters.set(name, text).unwrap_err().to_string();
        assert_eq!(
            refused("neighbours", "0"),
            "parameter `neighbours` must be a whole number from 1 to 1000, got `0`"
        );
        assert_eq!(
            refused("shrinkage", "NaN"),
            "parameter `shrinkage` must be a number from 0 to 1000000, got `NaN`"
        );
        assert_eq!(
            refused("similarity", "dice"),
            "parameter `similarity` must be one of cosine, pearson, got `dice`"
        );
        assert_eq!(
            refused("neighbors", "5"),
            "parameter `parameter name` must be one of neighbours, shrinkage, similarity, \
             got `neighbors`"
        );
        assert_eq!(parameters.iter().count(), 3);
    }
}
