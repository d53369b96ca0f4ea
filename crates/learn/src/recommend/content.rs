//! Items that read like those the customer has: works for an item nobody bought yet.
//!
//! Each field of an item (title, category, brand, price band) is cut into tokens that carry the
//! field's name, weighed by TF-IDF; items are compared by cosine, and the score of `j` is the sum
//! over the history of weight times similarity, as in `item_knn`, over the most similar items of
//! each.

use super::arrays::Reader;
use super::item_knn::{self, Basis, ItemKnn};
use super::settings::HALF_LIFE_ITEMS;
use super::{Parameter, Parameters, Recommender, Search, Training};
use crate::error::{Error, Result};
use crate::neighbours::{Neighbours, RowIndex, Settings, Similarity};
use crate::text::{TfIdf, tokens};

/// What can be set.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::whole("neighbours", "similar items kept for each item", 200, [1, 10_000])
        .searched(Search::Log(20.0, 500.0)),
    Parameter::whole(
        "common_terms",
        "words found in more items than this are left out: the cost grows with their square",
        5_000,
        [1, u32::MAX],
    ),
    HALF_LIFE_ITEMS,
];

/// One field of an item's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// `title`, `category`, `brand`, `price_band` …: the same word in another field is another
    /// token.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

impl Field {
    /// Returns a field.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    let Some(documents) = training.documents else {
        return Err(Error::TooLittle("content needs the texts of the items".to_owned()));
    };
    let expected = training.interactions.n_items();
    if documents.len() != expected {
        return Err(Error::Length { what: "item texts", expected, got: documents.len() });
    }
    let documents: Vec<Vec<String>> = documents.iter().map(|fields| field_tokens(fields)).collect();
    let weights = TfIdf::fit(&documents, parameters.whole("common_terms"))?.transform(&documents);
    let settings = Settings::new(Similarity::Cosine, parameters.whole("neighbours"));
    let graph = Neighbours::of_all(&weights, &RowIndex::new(&weights, settings)?);
    Ok(Box::new(ItemKnn::over(graph, Basis::Texts, parameters.real("half_life_items"))))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    item_knn::load_on(Basis::Texts, from)
}

fn field_tokens(fields: &[Field]) -> Vec<String> {
    let named = |field: &Field| {
        let name = field.name.clone();
        tokens(&field.text).into_iter().map(move |token| format!("{name}:{token}"))
    };
    fields.iter().flat_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{Interactions, Repeats};
    use crate::recommend::{Entry, History, ListOptions, Pad};

    #[test]
    fn an_item_that_nobody_bought_is_found_by_its_words() {
        let interactions =
            Interactions::from_triples(1, 4, &[0], &[0], &[1.0], Repeats::Add).unwrap();
        let item =
            |title: &str, brand: &str| vec![Field::new("title", title), Field::new("brand", brand)];
        let documents = [
            item("红色 茶杯", "Acme"),
            item("Acme kettle", "Other"),
            item("蓝色 茶杯", "Acme"),
            item("lamp", "Acme"),
        ];
        let training = Training { documents: Some(&documents), ..Training::new(&interactions) };
        let entry = Entry::find("content").unwrap();
        let model = entry.fit(&training, &entry.defaults()).unwrap();
        let list = model.recommend(
            History::of(&interactions, 0),
            &ListOptions::unseen(9),
            &mut Pad::default(),
        );
        // Item 1 has the brand's name in its title, which is another token.
        assert_eq!(list.iter().map(|one| one.item).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn missing_texts_are_refused() {
        let interactions = Interactions::from_triples(1, 2, &[], &[], &[], Repeats::Add).unwrap();
        let entry = Entry::find("content").unwrap();
        let refused = |documents: Option<&[Vec<Field>]>| {
            let training = Training { documents, ..Training::new(&interactions) };
            entry.fit(&training, &entry.defaults()).unwrap_err().to_string()
        };
        assert_eq!(refused(None), "too little data: content needs the texts of the items");
        assert_eq!(refused(Some(&[])), "item texts: expected 2 values, got 0");
    }
}
