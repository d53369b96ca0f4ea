//! Lists that are looked at page by page: the whole list is composed once and kept for a while, so
//! that no product stands on two pages and none is skipped, whatever happens in between. What may
//! not be shown any more is left out of a later page.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use shopwise_stages::recommend::engine::{Filter, Listed, Scene};

/// How long a list is kept: nobody turns a page later.
const KEPT: Duration = Duration::from_secs(15 * 60);

/// Entries of all lists that are kept; about 200 bytes each.
const ENTRIES_MAX: usize = 200_000;

/// A list that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) customer: String,
    pub(super) scene: Scene,
    pub(super) products: Vec<String>,
    pub(super) filter: Option<Arc<Filter>>,
    pub(super) model: Option<(&'static str, i64)>,
    pub(super) items: Vec<Listed>,
}

/// The lists that are kept, by their decisions.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<Lists>);

#[derive(Debug, Default)]
struct Lists {
    all: FxHashMap<String, Arc<Kept>>,
    /// The oldest in front.
    made: VecDeque<(Instant, String)>,
    entries: usize,
}

impl Pages {
    /// Keeps a list under its decision.
    pub(super) fn keep(&self, decision: &str, kept: Kept) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.entries += kept.items.len();
        lists.all.insert(decision.to_owned(), Arc::new(kept));
        lists.made.push_back((Instant::now(), decision.to_owned()));
        lists.forget();
    }

    /// Returns the list of a decision, if it is still kept.
    pub(super) fn find(&self, decision: &str) -> Option<Arc<Kept>> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.forget();
        lists.all.get(decision).cloned()
    }
}

impl Lists {
    /// Forgets what is old, and the oldest of what is too much.
    fn forget(&mut self) {
        while let Some((made, decision)) = self.made.front()
            && (made.elapsed() >= KEPT || self.entries > ENTRIES_MAX)
        {
            if let Some(gone) = self.all.remove(decision) {
                self.entries -= gone.items.len();
            }
            self.made.pop_front();
        }
    }
}

/// Returns what asks for the entries of a list from a place on, counted from 0.
pub(super) fn token(decision: &str, from: usize) -> String {
    format!("{decision}.{from}")
}

/// Returns the decision and the place that a token names.
pub(super) fn read(token: &str) -> Option<(&str, usize)> {
    let (decision, from) = token.rsplit_once('.')?;
    Some((decision, from.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(length: usize) -> Kept {
        let item = Listed {
            product: "p".to_owned(),
            score: 0.0,
            propensity: 1.0,
            source: "model",
            reason: "bought",
            parts: Vec::new(),
            moved: None,
        };
        Kept {
            customer: "c".to_owned(),
            scene: Scene::Home,
            products: Vec::new(),
            filter: None,
            model: None,
            items: vec![item; length],
        }
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let pages = Pages::default();
        for list in 0..=ENTRIES_MAX / 500 {
            pages.keep(&format!("d{list}"), kept(500));
        }
        assert!(pages.find("d0").is_none());
        assert_eq!(pages.find("d1").unwrap().items.len(), 500);
        assert_eq!(pages.0.lock().unwrap().entries, ENTRIES_MAX);
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        assert_eq!(read(&token("a.b", 20)), Some(("a.b", 20)));
        assert_eq!(read("a"), None);
        assert_eq!(read("a.-1"), None);
    }
}
