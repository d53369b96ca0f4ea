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

/// What all lists that are kept may take, in bytes, by estimate: what callers send of a list is up
/// to 16 KB, however short it is.
const BYTES_MAX: usize = 256 << 20;

/// Bytes that the tree of a filter takes for each byte of its text, at the most: a listed text such
/// as `"a",` makes two boxed texts of 16 bytes, each with 32 of the allocator's, and a vector that
/// grew has room for as many again. A test such as `price<1 or ` makes 120 bytes.
const OF_A_FILTER: usize = 32;

/// Bytes of the decision under which a list is kept: it stands in a map and in a queue.
const OF_A_DECISION: usize = 200;

/// What the allocator takes beside what it gives, in bytes.
const OF_AN_ALLOCATION: usize = 16;

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

impl Kept {
    /// Returns about how many bytes it takes.
    fn bytes(&self) -> usize {
        let products: usize = self.products.iter().map(of_a_text).sum();
        let filter = self.filter.as_ref().map_or(0, |filter| OF_A_FILTER * filter.text().len());
        let items: usize = self.items.iter().map(beside_an_item).sum();
        let places = self.items.capacity() * size_of::<Listed>();
        let own = size_of::<Self>() + OF_A_DECISION + of_a_text(&self.customer);
        own + products + filter + places + items
    }
}

/// Returns about how many bytes a text takes, its place included.
fn of_a_text(text: &String) -> usize {
    size_of::<String>() + OF_AN_ALLOCATION + text.capacity()
}

/// Returns about how many bytes an item takes beside its own place.
fn beside_an_item(item: &Listed) -> usize {
    let parts = item.parts.iter().map(|(product, _)| size_of::<f32>() + of_a_text(product));
    let moved = item.moved.as_ref().map_or(0, |moved| {
        let texts = moved.rules.iter().chain(&moved.label);
        texts.map(of_a_text).sum::<usize>()
    });
    of_a_text(&item.product) + parts.sum::<usize>() + moved
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
    bytes: usize,
}

impl Pages {
    /// Keeps a list under its decision.
    pub(super) fn keep(&self, decision: &str, kept: Kept) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.entries += kept.items.len();
        lists.bytes += kept.bytes();
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
            && (made.elapsed() >= KEPT || self.entries > ENTRIES_MAX || self.bytes > BYTES_MAX)
        {
            if let Some(gone) = self.all.remove(decision) {
                self.entries -= gone.items.len();
                self.bytes -= gone.bytes();
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
    fn what_callers_send_counts_as_the_entries_do() {
        let long = "x".repeat(15_000);
        let filter = format!("title contains \"{}\"", "y".repeat(3_900));
        let filter = Some(Arc::new(Filter::read(&filter).unwrap()));
        let short = kept(1).bytes();
        assert!(short < 2_000, "{short}");
        let named = Kept { customer: long.clone(), ..kept(1) }.bytes();
        assert!(named >= short + 14_999, "{named}");
        let about = Kept { products: vec![long.clone(); 3], ..kept(1) }.bytes();
        assert!(about >= short + 3 * 15_000, "{about}");
        let mut explained = kept(1);
        explained.items[0].product.clone_from(&long);
        explained.items[0].parts = vec![(long, 0.5); 8];
        assert!(explained.bytes() >= short + 9 * 14_999);
        let filtered = Kept { filter, ..kept(1) };
        assert!(filtered.bytes() >= short + 32 * 3_900);
        let pages = Pages::default();
        // Far fewer than what their entries would let stay.
        for list in 0..3_000 {
            pages.keep(&format!("d{list}"), Kept { filter: filtered.filter.clone(), ..kept(1) });
        }
        let lists = pages.0.lock().unwrap();
        let most = BYTES_MAX / filtered.bytes();
        assert_eq!((lists.all.len(), lists.made.len(), lists.entries), (most, most, most));
        assert_eq!(lists.bytes, most * filtered.bytes());
        assert!(lists.all.contains_key("d2999") && !lists.all.contains_key("d0"));
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        assert_eq!(read(&token("a.b", 20)), Some(("a.b", 20)));
        assert_eq!(read("a"), None);
        assert_eq!(read("a.-1"), None);
    }
}
