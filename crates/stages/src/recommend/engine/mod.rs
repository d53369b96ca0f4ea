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
use super::rules::Rules;
use super::serving::Serving;
use super::{BASELINE, NAME};
use crate::attributes::known_since;
use crate::error::Result;
use crate::shop::Shop;

pub use composed::{House, Moved};
pub use filter::{Counts, Filter};
use lists::{Lists, Made};
pub use scene::Scene;
use shelf::{Flags, Shelf};
pub use style::Styles;

/// Candidates of the model, from which a page is chosen.
const DEPTH: usize = 200;

/// The longest list that is given: ten pages of fifty.
pub const LENGTH_MAX: usize = 500;

/// So many products that may stand are asked one by one.
const FEW: usize = 1000;

/// Products that are asked a new filter at once: then others come in between.
const ASKED_AT_ONCE: usize = 2_048;

/// The way of the newest products into a list.
const LATEST: &str = "latest";

/// Pads that are kept for the next question: as many as answer at once.
const PADS_MAX: usize = 64;

/// What somebody did with a product.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The product.
    pub product: String,
    /// How much that says; see [`super::weight::of_counts`].
    pub weight: f32,
    /// How he rated it; NaN when he did not.
    pub rating: f32,
    /// When it was looked at, put into the cart and bought last, UTC microseconds; 0 for never.
    pub viewed_at: i64,
    /// When it was put into the cart last.
    pub carted_at: i64,
    /// When it was bought last.
    pub bought_at: i64,
    /// When it was clicked, liked or rated last.
    pub reacted_at: i64,
    /// How often it was shown without a click, fading.
    pub shown: f64,
}

impl Default for Done {
    fn default() -> Self {
        Self {
            product: String::new(),
            weight: 0.0,
            rating: f32::NAN,
            viewed_at: 0,
            carted_at: 0,
            bought_at: 0,
            reacted_at: 0,
            shown: 0.0,
        }
    }
}

impl Done {
    /// Returns when anything was done with the product last.
    #[must_use]
    pub fn used_at(&self) -> i64 {
        self.viewed_at.max(self.carted_at).max(self.bought_at).max(self.reacted_at)
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
    /// Whether it is not known yet in which segments he is: what must not be shown to somebody in a
    /// segment is then shown to nobody.
    pub lacks_segments: bool,
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
    /// [`super::BOUGHT`], [`super::VIEWED`], [`super::RATED`], [`super::POPULAR`],
    /// [`super::SIMILAR`], or the source.
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

/// Does what takes long, called once: so that a thread on which others wait can let them go on.
pub type Aside = fn(&mut dyn FnMut());

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
    /// Held by whoever asks all products a new filter.
    asking: Mutex<()>,
    aside: Aside,
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
        let (shelf, asking, pads) = (RwLock::new(shelf), Mutex::default(), Mutex::default());
        let aside: Aside = |work| work();
        Ok(Self { main, popular, ranks, alike, beside, shelf, asking, aside, pads, versions })
    }

    /// Says how to do what takes long while a list is asked for.
    #[must_use]
    pub fn with_aside(self, aside: Aside) -> Self {
        Self { aside, ..self }
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

    /// Returns what is like a product, but for what the rules exclude from its page; behind what
    /// customers say, and where they say nothing, what is of its kind. `None` when nobody knows it.
    #[must_use]
    pub fn similar(&self, product: &str, page: Page<'_>, rules: &Rules) -> Option<Answer> {
        let place = self.read().place(product)?;
        let model = self.versions.similar.map(|version| (SIMILAR, version));
        Some(self.looked_up(Made::Alike(place), (Scene::Product, page, rules), model))
    }

    /// Returns what is bought together with a product, but for what the rules exclude from its
    /// page; `None` when nobody knows it.
    #[must_use]
    pub fn together(&self, product: &str, page: Page<'_>, rules: &Rules) -> Option<Answer> {
        let place = self.read().place(product)?;
        let model = self.versions.together.map(|version| (TOGETHER, version));
        Some(self.looked_up(Made::Beside(place), (Scene::Product, page, rules), model))
    }

    /// Returns what is popular, then what is new, but for what the rules exclude from the first
    /// page.
    #[must_use]
    pub fn popular(&self, page: Page<'_>, rules: &Rules) -> Answer {
        let model = self.versions.popular.map(|version| (BASELINE, version));
        self.looked_up(Made::Popular, (Scene::Home, page, rules), model)
    }

    /// Returns what is known to the shop since the latest moment, but for what the rules exclude
    /// from the first page.
    #[must_use]
    pub fn latest(&self, page: Page<'_>, rules: &Rules) -> Answer {
        self.looked_up(Made::Latest, (Scene::Home, page, rules), None)
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
        let shelf = self.read_at(at);
        let Some(filter) = filter else {
            let open = shelf.open();
            return (shelf, open);
        };
        let answers = filter.answers(visitor, at);
        if let Some(known) = shelf.allowed(filter, &answers) {
            return (shelf, known);
        }
        drop(shelf);
        let mut found = None;
        (self.aside)(&mut || found = Some(self.asked_anew(filter, answers.clone(), at)));
        // It was called.
        let flags = found.unwrap_or_else(|| self.asked_anew(filter, answers, at));
        (self.read_at(at), flags)
    }

    /// Returns which products a filter lets through that was not asked before, or finds that
    /// somebody else has asked it meanwhile.
    fn asked_anew(&self, filter: &Arc<Filter>, answers: Vec<bool>, at: i64) -> Arc<Flags> {
        let turn = self.asking.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = self.read_at(at).allowed(filter, &answers);
        if let Some(known) = known {
            return known;
        }
        let (changes, mut flags) = self.ask((filter, &answers));
        let mut shelf = self.write();
        let changed: Option<Vec<u32>> = shelf.changed_since(changes).map(Iterator::collect);
        match changed {
            Some(changed) => {
                for place in changed.into_iter().map(|place| place as usize) {
                    shelf.ask(place..place + 1, (filter, &answers), &mut flags);
                }
            }
            None => shelf.ask(0..shelf.len(), (filter, &answers), &mut flags),
        }
        let kept = shelf.keep(filter, answers, flags);
        drop(turn);
        kept
    }

    /// Finds out which products a filter lets through, while others go on; with how many changes
    /// there were when that was begun.
    fn ask(&self, asked: (&Filter, &[bool])) -> (u64, Flags) {
        let (mut flags, mut begun, mut from) = (Flags::default(), None, 0);
        loop {
            let shelf = self.read();
            let changes = *begun.get_or_insert(shelf.changes());
            let to = (from + ASKED_AT_ONCE).min(shelf.len());
            shelf.ask(from..to, asked, &mut flags);
            if to == shelf.len() {
                return (changes, flags);
            }
            from = to;
        }
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

    /// Returns the catalogue with flags that hold at a moment.
    fn read_at(&self, at: i64) -> RwLockReadGuard<'_, Shelf> {
        let shelf = self.read();
        if shelf.is_of(at) {
            return shelf;
        }
        drop(shelf);
        let mut shelf = self.write();
        if !shelf.is_of(at) {
            shelf.move_to(at);
        }
        RwLockWriteGuard::downgrade(shelf)
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
