//! A saved model answers like the one it was made from, and bytes from anywhere harm nobody.

use super::*;
use crate::interactions::{Events, Repeats};
use crate::recommend::{
    Field, Filled, History, ListOptions, MODELS, Pad, Parameters, Seen, Trail, Training,
    explain_all, recommend_all,
};
use proptest::prelude::*;

const USERS: u32 = 12;
const ITEMS: u32 = 15;

/// User `u` has the items that leave the same rest by three, save every fifth pair.
fn interactions() -> Interactions {
    let pairs = (0..USERS)
        .flat_map(|user| (0..ITEMS).map(move |item| (user, item)))
        .filter(|(user, item)| user % 3 == item % 3 && (user + item) % 5 != 0);
    let (users, items): (Vec<u32>, Vec<u32>) = pairs.unzip();
    let weights: Vec<f32> = items.iter().map(|item| 1.0 + (item % 4) as f32).collect();
    let ages: Vec<f32> = items.iter().map(|item| (item % 7) as f32).collect();
    let events = Events { users: &users, items: &items, weights: &weights, ages: Some(&ages) };
    Interactions::from_events(USERS as usize, ITEMS as usize, events, Repeats::Add).unwrap()
}

fn fit(entry: &Entry, parameters: &Parameters, all: &Interactions) -> Box<dyn Recommender> {
    let documents: Vec<Vec<Field>> =
        (0..ITEMS).map(|item| vec![Field::new("title", format!("word{}", item % 3))]).collect();
    let training = Training { documents: Some(&documents), ..Training::new(all) };
    entry.fit(&training, parameters).unwrap()
}

/// Every model with its defaults and with every word of every setting.
fn models(all: &Interactions) -> Vec<Box<dyn Recommender>> {
    let mut models = Vec::new();
    for entry in MODELS {
        models.push(fit(entry, &entry.defaults(), all));
        for parameter in entry.parameters {
            let crate::recommend::Kind::Word(words) = parameter.kind else { continue };
            for word in words {
                let mut parameters = entry.defaults();
                parameters.set(parameter.name, word).unwrap();
                models.push(fit(entry, &parameters, all));
            }
        }
    }
    let [popular, items] = ["popular", "item-knn"].map(|name| {
        let entry = Entry::find(name).unwrap();
        fit(entry, &entry.defaults(), all)
    });
    models.push(Box::new(Filled::new(items.into(), popular.into()).unwrap()));
    models
}

#[test]
fn a_loaded_model_gives_equal_lists_and_reasons() {
    let all = interactions();
    let users: Vec<u32> = (0..USERS).collect();
    for model in models(&all) {
        let bytes = to_bytes(&*model);
        let loaded = from_bytes(&bytes).unwrap();
        assert_eq!(to_bytes(&*loaded), bytes, "{model:?}");
        assert_eq!((loaded.name(), loaded.n_items()), (model.name(), model.n_items()));
        for seen in [Seen::Remove, Seen::Keep, Seen::RemoveFrom(3.0)] {
            let options = ListOptions { seen, ..ListOptions::unseen(9) };
            let lists = recommend_all(&*model, &all, &users, &options);
            assert_eq!(lists, recommend_all(&*loaded, &all, &users, &options), "{model:?}");
            let explained = explain_all(&*model, &all, &users, &options);
            assert_eq!(explained, explain_all(&*loaded, &all, &users, &options), "{model:?}");
            assert_eq!(explained.0, lists, "{model:?}");
            assert_eq!(explained.1.len(), lists.iter().map(|(_, list)| list.len()).sum::<usize>());
        }
    }
}

#[test]
fn reasons_are_the_explanations_of_the_list() {
    let all = interactions();
    let mut pad = Pad::default();
    for model in models(&all) {
        for user in 0..USERS {
            let history = History::of(&all, user);
            let options = ListOptions::unseen(5);
            let list = model.recommend(history, &options, &mut pad);
            let items: Vec<u32> = list.iter().map(|one| one.item).collect();
            let reasons = model.reasons(&Trail::Nothing, history, &options, &items, &mut pad);
            assert_eq!(reasons.len(), items.len());
            let (same, trail) = model.traced(history, &options, &mut pad);
            assert_eq!(same, list, "{model:?}");
            let traced = model.reasons(&trail, history, &options, &items, &mut pad);
            assert_eq!(traced, reasons, "{model:?}");
            for (item, reason) in items.iter().zip(reasons) {
                assert_eq!(reason.parts, model.explain(history, *item), "{model:?}");
            }
        }
    }
}

#[test]
fn what_was_only_looked_at_may_come_again() {
    let all = interactions();
    let entry = Entry::find("again").unwrap();
    let model = fit(entry, &entry.defaults(), &all);
    let options = ListOptions { seen: Seen::RemoveFrom(3.0), ..ListOptions::unseen(99) };
    for user in 0..USERS {
        let (items, weights) = all.row(user as usize);
        let list = model.recommend(History::of(&all, user), &options, &mut Pad::default());
        let mut found: Vec<u32> = list.iter().map(|one| one.item).collect();
        found.sort_unstable();
        let light = items.iter().zip(weights).filter(|(_, weight)| **weight < 3.0);
        assert_eq!(found, light.map(|(item, _)| *item).collect::<Vec<_>>());
    }
}

#[test]
fn other_formats_and_unknown_models_are_refused() {
    let all = interactions();
    let mut bytes = to_bytes(&*models(&all)[0]);
    bytes[8] = 2;
    assert!(from_bytes(&bytes).unwrap_err().to_string().contains("format `2`"));
    let mut writer = Writer::default();
    writer.text(MODEL, "als9");
    let error = from_bytes(&writer.finish()).unwrap_err().to_string();
    assert_eq!(error, "model bytes: unknown model `als9`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Cut, or with some bytes changed: an error, or a model that can be asked anything.
    #[test]
    fn damaged_bytes_never_panic(
        which in 0_usize..1000,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let all = interactions();
        let models = models(&all);
        let mut bytes = to_bytes(&*models[which % models.len()]);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(from_bytes(&bytes).is_err());
        }
        if let Ok(model) = from_bytes(&bytes) {
            let options = ListOptions { seen: Seen::Keep, ..ListOptions::unseen(9) };
            let mut pad = Pad::default();
            for user in 0..USERS {
                let history = History::of(&all, user);
                let items: Vec<u32> = model
                    .recommend(history, &options, &mut pad)
                    .iter()
                    .map(|one| one.item)
                    .collect();
                model.reasons(&Trail::Nothing, history, &options, &items, &mut pad);
            }
        }
    }
}
