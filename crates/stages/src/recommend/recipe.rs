//! What a model is made of: one model with its settings, or several that are blended or ranked by
//! learned chances, and what fills up its lists.

use std::sync::Arc;

use serde_json::{Value, json};
use shopwise_learn::interactions::Interactions;
use shopwise_learn::recommend::hybrid::{Hybrid, Normalize};
use shopwise_learn::recommend::ranker::{Chances, Ranker};
use shopwise_learn::recommend::{
    Entry, Field, Filled, Parameters, Recommender, Training, Value as Setting, saved,
};

use crate::error::Result;

/// Candidates that each member of a blend gives: five times a list, so that members can agree on
/// what none of them has among its first.
pub(super) const DEPTH: usize = 100;

/// The scale on which members are added.
pub(super) const NORMALIZE: Normalize = Normalize::ZScore;

/// The settings of one model, by name, all others being the defaults.
pub(super) type Settings = &'static [(&'static str, &'static str)];

/// The settings of the model of texts. Words that more than 2,000 products share tell little and
/// cost most; with fifty alike products for each, a history of a hundred costs some microseconds.
pub(super) const CONTENT: Settings = &[("common_terms", "2000"), ("neighbours", "50")];

/// A fitted model, shared by blends.
pub(super) type Model = Arc<dyn Recommender>;

/// One model of the registry with its settings.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) entry: &'static Entry,
    parameters: Parameters,
}

/// A model that can be published.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    /// With the weights of a blend; one member stands for itself.
    pub(super) members: Vec<(Choice, f64)>,
    /// What ranks the candidates of several members in place of their weights.
    pub(super) chances: Option<Chances>,
    /// What fills up short lists.
    pub(super) fill: Choice,
}

impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        self.entry.name == other.entry.name && self.parameters == other.parameters
    }
}

impl Choice {
    /// Returns a model with its defaults, save the settings given.
    pub(super) fn new(name: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let entry = Entry::find(name)?;
        let mut parameters = entry.defaults();
        for (name, value) in settings {
            parameters.set(name, value)?;
        }
        Ok(Self { entry, parameters })
    }

    /// Returns a model with all its settings.
    pub(super) fn of(entry: &'static Entry, parameters: &Parameters) -> Self {
        Self { entry, parameters: parameters.clone() }
    }

    pub(super) fn to_json(&self) -> Value {
        let plain = |value: &Setting| match value {
            Setting::Whole(value) => json!(value),
            // Through its shortest text, so that 0.2 does not become 0.200000003.
            Setting::Real(value) => json!(value.to_string().parse::<f64>().unwrap_or(f64::NAN)),
            Setting::Text(value) => json!(value),
        };
        let parameters =
            self.parameters.iter().map(|(name, value)| (name.to_owned(), plain(value)));
        json!({ "model": self.entry.name, "parameters": parameters.collect::<Value>() })
    }

    /// Returns the choice that [`Choice::to_json`] wrote; `None` for what this program does not
    /// know.
    fn of_json(value: &Value) -> Option<Self> {
        let mut choice = Self::new(value["model"].as_str()?, &[]).ok()?;
        for (name, setting) in value["parameters"].as_object()? {
            let text = setting.as_str().map_or_else(|| setting.to_string(), ToOwned::to_owned);
            choice.parameters.set(name, &text).ok()?;
        }
        Some(choice)
    }
}

impl Recipe {
    /// Returns a recipe of one model.
    pub(super) fn of(choice: &Choice, fill: &Choice) -> Self {
        Self { members: vec![(choice.clone(), 1.0)], chances: None, fill: fill.clone() }
    }

    /// Returns the name of the model, `hybrid` for a blend.
    pub(super) fn name(&self) -> &'static str {
        match (&self.chances, &self.members[..]) {
            (Some(_), _) => "ranker",
            (None, [(one, _)]) => one.entry.name,
            (None, _) => "hybrid",
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let member = |(choice, weight): &(Choice, f64)| {
            let mut json = choice.to_json();
            json["weight"] = json!(weight);
            json
        };
        let members: Vec<Value> = self.members.iter().map(member).collect();
        let chances = &self.chances;
        let (name, fill) = (self.name(), self.fill.to_json());
        json!({ "model": name, "members": members, "chances": chances, "fill": fill })
    }

    /// Returns the recipe that [`Recipe::to_json`] wrote; `None` for what this program does not
    /// know.
    pub(super) fn of_json(value: &Value) -> Option<Self> {
        let member = |value: &Value| Some((Choice::of_json(value)?, value["weight"].as_f64()?));
        let members: Vec<_> =
            value["members"].as_array()?.iter().map(member).collect::<Option<_>>()?;
        if members.is_empty() {
            return None;
        }
        let chances: Option<Chances> = serde_json::from_value(value["chances"].clone()).ok()?;
        if chances.as_ref().is_some_and(|chances| !chances.fits(members.len())) {
            return None;
        }
        Some(Self { members, chances, fill: Choice::of_json(&value["fill"])? })
    }
}

/// What the catalogue says of the products, which is the same at all times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a> {
    /// The fields of each product of the log.
    pub(super) fields: &'a [Vec<Field>],
    /// The fitted model of them; none where they say too little.
    pub(super) model: Option<&'a [u8]>,
}

/// Models fitted on one part of the log, each once.
#[derive(Debug)]
pub(super) struct Workshop<'a> {
    pub(super) known: &'a Interactions,
    pub(super) texts: Texts<'a>,
    pub(super) seed: u64,
    made: Vec<(Choice, Model)>,
}

impl<'a> Workshop<'a> {
    pub(super) fn new(known: &'a Interactions, texts: Texts<'a>, seed: u64) -> Self {
        Self { known, texts, seed, made: Vec::new() }
    }

    /// Returns the fitted model of a choice.
    pub(super) fn one(&mut self, choice: &Choice) -> Result<Model> {
        if let Some((_, model)) = self.made.iter().find(|(own, _)| own == choice) {
            return Ok(Arc::clone(model));
        }
        let model: Model = match self.texts.model.filter(|_| choice.entry.name == "content") {
            Some(bytes) => saved::from_bytes(bytes)?.into(),
            None => {
                let training = Training { seed: self.seed, ..Training::new(self.known) };
                choice.entry.fit(&training, &choice.parameters)?.into()
            }
        };
        self.keep(choice, &model);
        Ok(model)
    }

    /// Returns the model of the products' texts, where there are some.
    pub(super) fn content(&mut self) -> Result<Option<Model>> {
        let choice = Choice::new("content", CONTENT)?;
        self.texts.model.is_some().then(|| self.one(&choice)).transpose()
    }

    /// Keeps a model that was fitted on the same part of the log.
    pub(super) fn keep(&mut self, choice: &Choice, model: &Model) {
        self.made.push((choice.clone(), Arc::clone(model)));
    }

    /// Returns the fitted model of a recipe, its lists filled up.
    pub(super) fn whole(&mut self, recipe: &Recipe) -> Result<Model> {
        let fill = self.one(&recipe.fill)?;
        let mut fitted = Vec::with_capacity(recipe.members.len());
        for (choice, weight) in recipe.members.iter().filter(|(_, weight)| *weight > 0.0) {
            fitted.push((self.one(choice)?, *weight));
        }
        let model: Model = match (&recipe.chances, &fitted[..]) {
            (Some(chances), _) => {
                let members = fitted.into_iter().map(|(model, _)| model).collect();
                let documents = Some(self.texts.fields);
                Arc::new(Ranker::of(members, chances.clone(), self.known, documents, DEPTH)?)
            }
            (None, [(one, _)]) => Arc::clone(one),
            (None, _) => Arc::new(Hybrid::of(fitted, NORMALIZE, DEPTH)?),
        };
        Ok(Arc::new(Filled::new(model, fill)?))
    }
}

/// Returns the fitted model of the products' texts as bytes.
pub(super) fn fit_content(documents: &[Vec<Field>], choice: &Choice) -> Result<Vec<u8>> {
    let nobody = Interactions::from_triples(
        0,
        documents.len(),
        &[],
        &[],
        &[],
        shopwise_learn::interactions::Repeats::Add,
    )?;
    let training = Training { documents: Some(documents), ..Training::new(&nobody) };
    Ok(saved::to_bytes(&*choice.entry.fit(&training, &choice.parameters)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_read_back_from_manifests() {
        let popular = Choice::new("popular", &[("half_life", "7")]).unwrap();
        let items = Choice::new("item-knn", &[("half_life_items", "0.2")]).unwrap();
        let members = vec![(popular.clone(), 0.25), (items, 0.75)];
        let blend = Recipe { members, chances: None, fill: popular };
        let json = blend.to_json();
        assert_eq!(json["model"], "hybrid");
        assert_eq!(json["members"][1]["parameters"]["half_life_items"], 0.2);
        let read = Recipe::of_json(&json).unwrap();
        assert_eq!(read.to_json(), json);
        let chances = json!({ "weights": vec![0.5; 1 + 2 * 3 + 9], "calibrator": "none" });
        let chances = serde_json::from_value(chances).unwrap();
        let json = Recipe { chances: Some(chances), ..blend }.to_json();
        assert_eq!(json["model"], "ranker");
        assert_eq!(Recipe::of_json(&json).unwrap().to_json(), json);
        let short = json!({ "members": json["members"], "fill": json["fill"], "chances": {
            "weights": [1.0], "calibrator": "none",
        } });
        assert!(Recipe::of_json(&short).is_none());
        assert_eq!(Recipe::of_json(&json!({ "model": "als9" })).map(|_| ()), None);
    }
}
