//! The lists of a serving shop: the right products for a customer in a scene, this moment.
//!
//! The model that serves gives candidates for what the customer did up to now; products that the
//! question names, the lists made ahead of what is alike and bought together, and what is popular
//! give more. Filters are pushed into the asking, as one flag a product for the customer and the
//! moment, and everything is looked at once more when the list stands: what is hidden, sold out,
//! out of its time or refused by a filter is in no list.

mod candidates;
mod composed;
mod filter;
mod lists;
mod scene;
mod shelf;
mod style;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use shopwise_learn::recommend::{Pad, Scored, few_allowed};
use shopwise_model::Product;

use super::related::{Related, SIMILAR, TOGETHER};
use super::serving::{POPULAR, Serving};
use super::{BASELINE, NAME};
use crate::attributes::known_since;
use crate::error::Result;
use crate::shop::Shop;

pub use composed::{House, Moved};
pub use filter::{Counts, Filter};
use lists::Lists;
pub use scene::Scene;
use shelf::{Flags, Shelf};
pub use style::Styles;

/// Candidates of the model, from which a page is chosen.
const DEPTH: usize = 200;

/// The longest list that is given: ten pages of fifty.
pub const LENGTH_MAX: usize = 500;

/// So many products that may stand are asked one by one.
const FEW: usize = 1000;

/// The way of the newest products into a list.
const LATEST: &str = "latest";

/// Pads that are kept for the next question: as many as answer at once.
const PADS_MAX: usize = 64;

/// What somebody did with a product.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Done {
    /// The product.
    pub product: String,
    /// How much that says; see [`super::weight::of_counts`].
    pub weight: f32,
    /// When it was looked at, put into the cart and bought last, UTC microseconds; 0 for never.
    pub viewed_at: i64,
    /// When it was put into the cart last.
    pub carted_at: i64,
    /// When it was bought last.
    pub bought_at: i64,
    /// How often it was shown, fading.
    pub shown: f64,
}

impl Done {
    /// Returns when anything was done with the product last.
    #[must_use]
    pub fn used_at(&self) -> i64 {
        self.viewed_at.max(self.carted_at).max(self.bought_at)
    }
}

/// Who is asked for. Somebody of whom nothing is known is [`Visitor::default`].
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    /// What he had to do with.
    pub done: Vec<Done>,
    /// What lies in his cart.
    pub cart: Vec<String>,
    /// How much he did in all.
    pub counts: Counts,
    /// When he was seen first, UTC microseconds; 0 for never.
    pub first_seen: i64,
    /// When he was seen last.
    pub last_seen: i64,
    /// When he ordered first.
    pub first_order: i64,
    /// When he ordered last.
    pub last_order: i64,
    /// The segments that he is in.
    pub segments: Vec<String>,
}

/// How long a list may be, what may stand in it, and when it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The length, up to [`LENGTH_MAX`].
    pub n: usize,
    /// What may stand in the list.
    pub filter: Option<&'a Arc<Filter>>,
    /// The moment, UTC microseconds.
    pub at: i64,
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Where the list will stand.
    pub scene: Scene,
    /// Who will see it.
    pub visitor: &'a Visitor,
    /// The product of the page, what lies in the cart, or what a search found.
    pub products: &'a [String],
    /// What is wanted of the list.
    pub page: Page<'a>,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The product.
    pub product: String,
    /// By what it is ordered: comparable within one source.
    pub score: f32,
    /// The probability with which it was put at its place.
    pub propensity: f64,
    /// Which way it came into the list.
    pub source: &'static str,
    /// [`super::BOUGHT`], [`super::VIEWED`], [`super::POPULAR`], [`super::SIMILAR`], or the source.
    pub reason: &'static str,
    /// What products of the history add to the score, largest part first.
    pub parts: Vec<(String, f32)>,
    /// What moved it, where the list was composed.
    pub moved: Option<Moved>,
}

/// A list.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The model that gave the candidates, and its version; none before the first run.
    pub model: Option<(&'static str, i64)>,
    /// The entries, best first.
    pub items: Vec<Listed>,
}

/// The models that serve and the catalogue, in memory.
#[derive(Debug)]
pub struct Engine {
    main: Option<(&'static str, Serving)>,
    /// What is popular, best first: places and scores.
    popular: Vec<Scored>,
    /// By place: where it stands there.
    ranks: Vec<u32>,
    alike: Lists,
    beside: Lists,
    shelf: RwLock<Shelf>,
    pads: Mutex<Vec<Pad>>,
    versions: Versions,
}

/// Which models serve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Versions {
    recommend: Option<i64>,
    popular: Option<i64>,
    similar: Option<i64>,
    together: Option<i64>,
}

impl Versions {
    /// Reads which models serve now.
    ///
    /// # Errors
    /// When the ledger refuses.
    pub fn now(shop: &Shop) -> Result<Self> {
        let of = |name| -> Result<_> { Ok(shop.ledger.serving(name)?.map(|model| model.version)) };
        Ok(Self {
            recommend: of(NAME)?,
            popular: of(BASELINE)?,
            similar: of(SIMILAR)?,
            together: of(TOGETHER)?,
        })
    }
}

impl Engine {
    /// Loads what serves now.
    ///
    /// # Errors
    /// Store errors; damaged models and those of another format are refused.
    pub fn open(shop: &Shop) -> Result<Self> {
        let versions = Versions::now(shop)?;
        let popular = Serving::open(shop, BASELINE)?;
        let main = Serving::open(shop, NAME)?.map(|serving| (NAME, serving));
        let popular_names: Vec<(String, f32)> = popular.as_ref().map_or_else(Vec::new, |serving| {
            let named = |one: &Scored| (serving.products()[one.item as usize].clone(), one.score);
            let all = serving.products().len();
            serving.recommend(&[], all, None, &mut Pad::default()).iter().map(named).collect()
        });
        let main = main.or(popular.map(|serving| (BASELINE, serving)));
        let items = main.as_ref().map_or(&[][..], |(_, serving)| serving.products());
        let mut shelf = Shelf::new(items, shop.ledger.products()?);
        let popular: Vec<Scored> = popular_names
            .into_iter()
            .map(|(id, score)| Scored { item: shelf.know(&id), score })
            .collect();
        let mut ranks = vec![u32::MAX; shelf.len()];
        for (rank, one) in popular.iter().enumerate() {
            ranks[one.item as usize] = rank as u32;
        }
        let alike = Lists::of(Related::open(shop, SIMILAR)?.as_ref(), &mut shelf);
        let beside = Lists::of(Related::open(shop, TOGETHER)?.as_ref(), &mut shelf);
        let (shelf, pads) = (RwLock::new(shelf), Mutex::default());
        Ok(Self { main, popular, ranks, alike, beside, shelf, pads, versions })
    }

    /// Returns which models it was made of.
    #[must_use]
    pub fn versions(&self) -> Versions {
        self.versions
    }

    /// Takes in the whole catalogue.
    pub fn replace_products(&self, catalogue: Vec<Product>) {
        self.write().replace(catalogue);
    }

    /// Takes in a product that has changed.
    pub fn put_product(&self, product: Product) {
        self.write().put(product);
    }

    /// Takes a product off.
    pub fn remove_product(&self, id: &str) {
        self.write().remove(id);
    }

    /// Returns whether the catalogue or the model knows a product.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        self.read().place(id).is_some()
    }

    /// Returns a product as the catalogue has it now.
    #[must_use]
    pub fn product(&self, id: &str) -> Option<Product> {
        let shelf = self.read();
        shelf.place(id).and_then(|place| shelf.product(place).cloned())
    }

    /// Returns the list for a customer in a scene.
    #[must_use]
    pub fn list(&self, question: &Question<'_>) -> Answer {
        let (shelf, allowed) =
            self.allowed(question.page.filter, (question.visitor, question.page.at));
        let mut pad = self.pad();
        let answer = self.answer(question, &shelf, &allowed, &mut pad);
        drop(shelf);
        self.put_back(pad);
        answer
    }

    /// Returns what is like a product; `None` when nobody knows it.
    #[must_use]
    pub fn similar(&self, product: &str, page: Page<'_>) -> Option<Answer> {
        self.related((&self.alike, SIMILAR, self.versions.similar), product, page)
    }

    /// Returns what is bought together with a product; `None` when nobody knows it.
    #[must_use]
    pub fn together(&self, product: &str, page: Page<'_>) -> Option<Answer> {
        self.related((&self.beside, TOGETHER, self.versions.together), product, page)
    }

    /// Returns what is popular.
    #[must_use]
    pub fn popular(&self, page: Page<'_>) -> Answer {
        let model = self.versions.popular.map(|version| (BASELINE, version));
        self.looked_up(page, &self.popular, POPULAR, model)
    }

    /// Returns what is known to the shop since the latest moment.
    #[must_use]
    pub fn latest(&self, page: Page<'_>) -> Answer {
        let list = self.read().latest();
        self.looked_up(page, &list, LATEST, None)
    }

    /// Returns since when a product is known to the shop, as the catalogue writes it.
    #[must_use]
    pub fn known_since(&self, id: &str) -> Option<String> {
        let shelf = self.read();
        known_since(shelf.product(shelf.place(id)?)?).map(str::to_owned)
    }

    /// Returns the catalogue, held, and which of its products a filter lets through then, for a
    /// customer who had nothing to do with them. A new filter is asked of every product while
    /// others go on asking theirs.
    fn allowed(
        &self,
        filter: Option<&Arc<Filter>>,
        (visitor, at): (&Visitor, i64),
    ) -> (RwLockReadGuard<'_, Shelf>, Arc<Flags>) {
        let shelf = self.read();
        let Some(filter) = filter else {
            let open = shelf.open();
            return (shelf, open);
        };
        let answers = filter.answers(visitor, at);
        if let Some(known) = shelf.allowed(filter, &answers) {
            return (shelf, known);
        }
        let (changes, mut asked) = (shelf.changes(), shelf.ask(filter, &answers));
        drop(shelf);
        let mut shelf = self.write();
        if shelf.changes() != changes {
            asked = shelf.ask(filter, &answers);
        }
        let kept = shelf.keep(filter, answers, asked);
        (RwLockWriteGuard::downgrade(shelf), kept)
    }

    /// Returns every place whose flag is set: what is popular, best first, then what is new.
    fn in_order<'a>(&'a self, flags: &'a [bool]) -> Box<dyn Iterator<Item = u32> + 'a> {
        if let Some(mut few) = few_allowed(flags, FEW) {
            few.sort_unstable_by_key(|place| (self.rank(*place), Reverse(*place)));
            return Box::new(few.into_iter());
        }
        let popular = self.popular.iter().map(|one| one.item);
        let new = (0..flags.len() as u32).rev().filter(|place| !self.is_popular(*place));
        Box::new(popular.chain(new).filter(|place| candidates::is_set(flags, *place)))
    }

    /// Returns where a product stands among what is popular, [`u32::MAX`] for nowhere.
    fn rank(&self, place: u32) -> u32 {
        self.ranks.get(place as usize).copied().unwrap_or(u32::MAX)
    }

    fn is_popular(&self, place: u32) -> bool {
        self.rank(place) != u32::MAX
    }

    fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        self.shelf.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shelf> {
        self.shelf.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn pad(&self) -> Pad {
        let mut pads = self.pads.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        pads.pop().unwrap_or_default()
    }

    fn put_back(&self, pad: Pad) {
        let mut pads = self.pads.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if pads.len() < PADS_MAX {
            pads.push(pad);
        }
    }
}
