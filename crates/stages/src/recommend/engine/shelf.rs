//! The products as they are this moment, in the order of the model's items, and which of them a
//! filter lets through.
//!
//! A filter's answer about products alone is kept as one flag a product; when a product changes,
//! its flag in each of them is found anew, so that a change costs as much as there are filters.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use shopwise_learn::recommend::Scored;
use shopwise_model::Product;

use super::filter::Filter;
use crate::attributes::known_since;

/// Filters whose answers are kept: with 100,000 products some 6 MB.
const MASKS_MAX: usize = 64;

/// The catalogue in memory.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// By place; `None` for what only the model knows.
    products: Vec<Option<Product>>,
    ids: Vec<Arc<str>>,
    places: FxHashMap<Arc<str>, u32>,
    /// Whether each may be shown, but for its time.
    open: Arc<Flags>,
    masks: FxHashMap<String, Mask>,
    /// The texts of the masks, the one that was made first in front.
    made: VecDeque<String>,
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
    allowed: Arc<Flags>,
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

    /// Returns which places a filter lets through, as far as it speaks of products alone: a flag a
    /// place. Without a filter, those that may be shown at some time.
    pub(super) fn allowed(&self, filter: Option<&Filter>) -> Option<Arc<Flags>> {
        match filter {
            None => Some(Arc::clone(&self.open)),
            Some(filter) => self.masks.get(filter.text()).map(|mask| Arc::clone(&mask.allowed)),
        }
    }

    /// Finds out which places a filter lets through and remembers it.
    pub(super) fn ask(&mut self, filter: &Arc<Filter>) -> Arc<Flags> {
        if let Some(mask) = self.masks.get(filter.text()) {
            return Arc::clone(&mask.allowed);
        }
        if self.made.len() == MASKS_MAX
            && let Some(oldest) = self.made.pop_front()
        {
            self.masks.remove(&oldest);
        }
        let lets = |product: &Option<Product>| {
            product.as_ref().is_some_and(|product| is_open(product) && filter.lets(product))
        };
        let allowed = Arc::new(Flags(self.products.iter().map(lets).collect()));
        let mask = Mask { filter: Arc::clone(filter), allowed: Arc::clone(&allowed) };
        self.made.push_back(filter.text().to_owned());
        self.masks.insert(filter.text().to_owned(), mask);
        allowed
    }

    /// Finds the flags of a place anew.
    fn look_again(&mut self, place: usize) {
        let product = self.products[place].as_ref();
        let is_open = product.is_some_and(is_open);
        set(&mut self.open, place, is_open);
        for mask in self.masks.values_mut() {
            let lets = is_open && product.is_some_and(|product| mask.filter.lets(product));
            set(&mut mask.allowed, place, lets);
        }
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
