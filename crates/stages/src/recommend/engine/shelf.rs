//! The products as they are this moment, in the order of the model's items, and which of them a
//! filter lets through.
//!
//! What a filter says is kept as one flag a product, for each way in which customers answer what it
//! asks of them; when a product changes, its flag in each of them is found anew, so that a change
//! costs as much as there are flags kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};
use shopwise_learn::recommend::Scored;
use shopwise_learn::slate::NONE;
use shopwise_model::Product;

use super::filter::Filter;
use super::style::{WEIGHTS, codes};
use crate::attributes::known_since;

/// What the flags of filters may take, in bytes: with 100,000 products those of 671 filters.
const MASKS_BYTES_MAX: usize = 64 << 20;

/// How many filters' flags are kept at the least and at the most, whatever they take.
const MASKS: [usize; 2] = [16, 1024];

/// The catalogue in memory.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// By place; `None` for what only the model knows.
    products: Vec<Option<Product>>,
    /// By place: what makes products alike. Products lie far apart in memory, and every candidate
    /// is compared.
    codes: Vec<[u32; WEIGHTS.len()]>,
    ids: Vec<Arc<str>>,
    places: FxHashMap<Arc<str>, u32>,
    /// Whether each may be shown, but for its time.
    open: Arc<Flags>,
    /// Those that are offered from or until a moment.
    timed: FxHashSet<u32>,
    /// By the texts of their filters.
    masks: FxHashMap<String, Vec<Mask>>,
    n_masks: usize,
    /// Counts the uses of masks.
    clock: AtomicU64,
    /// Counts the changes of products.
    changes: u64,
}

/// Whether each place is let through.
#[derive(Debug, Default, Clone)]
pub(super) struct Flags(Vec<bool>);

impl std::ops::Deref for Flags {
    type Target = [bool];

    fn deref(&self) -> &[bool] {
        &self.0
    }
}

#[derive(Debug)]
struct Mask {
    filter: Arc<Filter>,
    answers: Vec<bool>,
    allowed: Arc<Flags>,
    /// When it was used last, by the shelf's clock.
    used: AtomicU64,
}

impl Shelf {
    /// Returns the catalogue with the items of a model in front, in their order.
    pub(super) fn new(items: &[String], catalogue: Vec<Product>) -> Self {
        let mut shelf = Self::default();
        for id in items {
            shelf.know(id);
        }
        for product in catalogue {
            shelf.put(product);
        }
        shelf
    }

    /// Returns the place of a product, which is given one if it is not known.
    pub(super) fn know(&mut self, id: &str) -> u32 {
        if let Some(place) = self.places.get(id) {
            return *place;
        }
        let place = self.products.len() as u32;
        let id: Arc<str> = id.into();
        self.ids.push(Arc::clone(&id));
        self.places.insert(id, place);
        self.products.push(None);
        self.codes.push([NONE; WEIGHTS.len()]);
        self.look_again(place as usize);
        place
    }

    /// Returns the number of places.
    pub(super) fn len(&self) -> usize {
        self.products.len()
    }

    /// Returns the place of a product that is in the catalogue or that the model knows.
    pub(super) fn place(&self, id: &str) -> Option<u32> {
        self.places.get(id).copied()
    }

    /// Returns the products of which it is known since when the shop has them, the newest first.
    pub(super) fn latest(&self) -> Vec<Scored> {
        let since = |(place, product): (usize, &Option<Product>)| {
            Some((known_since(product.as_ref()?)?.to_owned(), place as u32))
        };
        let mut all: Vec<(String, u32)> =
            self.products.iter().enumerate().filter_map(since).collect();
        // Moments of one zone are in the order of their texts.
        all.sort_unstable_by(|left, right| right.cmp(left));
        all.into_iter().map(|(_, item)| Scored { item, score: 0.0 }).collect()
    }

    /// Returns the identifier at a place.
    pub(super) fn id(&self, place: u32) -> &str {
        self.ids.get(place as usize).map_or("", AsRef::as_ref)
    }

    /// Returns the product at a place, if it is in the catalogue.
    pub(super) fn product(&self, place: u32) -> Option<&Product> {
        self.products.get(place as usize)?.as_ref()
    }

    /// Returns the codes by which the product at a place is like others, in the order of
    /// [`WEIGHTS`].
    pub(super) fn codes(&self, place: u32) -> [u32; WEIGHTS.len()] {
        self.codes.get(place as usize).copied().unwrap_or([NONE; WEIGHTS.len()])
    }

    /// Returns the places of what is offered from or until a moment.
    pub(super) fn timed(&self) -> impl Iterator<Item = u32> + '_ {
        self.timed.iter().copied()
    }

    /// Adds a product or replaces it.
    pub(super) fn put(&mut self, product: Product) {
        let place = self.know(&product.id) as usize;
        self.products[place] = Some(product);
        self.look_again(place);
    }

    /// Takes a product off.
    pub(super) fn remove(&mut self, id: &str) {
        if let Some(place) = self.places.get(id).map(|place| *place as usize) {
            self.products[place] = None;
            self.look_again(place);
        }
    }

    /// Takes in the whole catalogue: what it lacks is gone.
    pub(super) fn replace(&mut self, catalogue: Vec<Product>) {
        let mut is_there = vec![false; self.products.len()];
        for product in catalogue {
            let place = self.places.get(product.id.as_str()).map(|place| *place as usize);
            if let Some(flag) = place.and_then(|place| is_there.get_mut(place)) {
                *flag = true;
            }
            if place.is_none_or(|place| self.products[place].as_ref() != Some(&product)) {
                self.put(product);
            }
        }
        for place in (0..is_there.len()).filter(|place| !is_there[*place]) {
            if self.products[place].take().is_some() {
                self.look_again(place);
            }
        }
    }

    /// Returns which places may be shown at some time: a flag a place.
    pub(super) fn open(&self) -> Arc<Flags> {
        Arc::clone(&self.open)
    }

    /// Returns how often products have changed.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Returns which places a filter lets through, given the customer's answers to what it asks of
    /// him, if that is known: see [`Filter::lets_given`].
    pub(super) fn allowed(&self, filter: &Filter, answers: &[bool]) -> Option<Arc<Flags>> {
        let mut masks = self.masks.get(filter.text())?.iter();
        let mask = masks.find(|mask| mask.answers == answers)?;
        mask.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(Arc::clone(&mask.allowed))
    }

    /// Finds out which places a filter lets through: every product is looked at.
    pub(super) fn ask(&self, filter: &Filter, answers: &[bool]) -> Flags {
        let lets = |product: &Option<Product>| {
            let lets = |product: &Product| is_open(product) && filter.lets_given(product, answers);
            product.as_ref().is_some_and(lets)
        };
        Flags(self.products.iter().map(lets).collect())
    }

    /// Keeps what was found out, in place of what was not used for longest.
    pub(super) fn keep(
        &mut self,
        filter: &Arc<Filter>,
        answers: Vec<bool>,
        allowed: Flags,
    ) -> Arc<Flags> {
        if let Some(known) = self.allowed(filter, &answers) {
            return known;
        }
        let most = MASKS_BYTES_MAX / self.products.len().max(1);
        while self.n_masks >= most.clamp(MASKS[0], MASKS[1]) {
            self.forget_one();
        }
        let (filter, allowed) = (Arc::clone(filter), Arc::new(allowed));
        let used = AtomicU64::new(self.clock.fetch_add(1, Ordering::Relaxed));
        let masks = self.masks.entry(filter.text().to_owned()).or_default();
        masks.push(Mask { filter, answers, allowed: Arc::clone(&allowed), used });
        self.n_masks += 1;
        allowed
    }

    fn forget_one(&mut self) {
        let each = self.masks.iter().flat_map(|(text, masks)| masks.iter().map(move |m| (text, m)));
        let used = |mask: &Mask| mask.used.load(Ordering::Relaxed);
        let oldest =
            each.min_by_key(|(_, mask)| used(mask)).map(|(text, m)| (text.clone(), used(m)));
        let Some((text, at)) = oldest else { return };
        if let Some(masks) = self.masks.get_mut(&text) {
            masks.retain(|mask| used(mask) != at);
            if masks.is_empty() {
                self.masks.remove(&text);
            }
        }
        self.n_masks = self.masks.values().map(Vec::len).sum();
    }

    /// Finds the flags of a place anew.
    fn look_again(&mut self, place: usize) {
        let product = self.products[place].as_ref();
        self.codes[place] = product.map_or([NONE; WEIGHTS.len()], codes);
        let is_open = product.is_some_and(is_open);
        set(&mut self.open, place, is_open);
        let is_timed = |one: &Product| one.available_from.or(one.available_until).is_some();
        match product.is_some_and(is_timed) {
            true => self.timed.insert(place as u32),
            false => self.timed.remove(&(place as u32)),
        };
        for mask in self.masks.values_mut().flatten() {
            let lets = |product: &Product| mask.filter.lets_given(product, &mask.answers);
            set(&mut mask.allowed, place, is_open && product.is_some_and(lets));
        }
        self.changes += 1;
    }
}

/// Returns whether a product may be shown, but for its time.
fn is_open(product: &Product) -> bool {
    !product.is_hidden && product.stock.is_none_or(|stock| stock > 0)
}

fn set(flags: &mut Arc<Flags>, place: usize, flag: bool) {
    let flags = &mut Arc::make_mut(flags).0;
    if flags.len() <= place {
        flags.resize(place + 1, false);
    }
    flags[place] = flag;
}
