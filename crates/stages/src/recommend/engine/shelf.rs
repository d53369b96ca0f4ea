//! The products as they are this moment, in the order of the model's items, and which of them a
//! filter lets through.
//!
//! What a filter says is kept as one flag a product, for each way in which customers answer what it
//! asks of them; when a product changes, its flag in each of them is found anew, so that a change
//! costs as much as there are flags kept. They hold for a moment, which moves on when an
//! offer begins or ends between it and the moment that is asked for.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};
use shopwise_learn::recommend::Scored;
use shopwise_learn::slate::NONE;
use shopwise_model::Product;
use shopwise_model::time::SECOND;

use super::filter::Filter;
use super::style::{WEIGHTS, codes};
use crate::attributes::known_since;

/// What the flags of filters may take, in bytes: with 100,000 products those of 671 filters.
const MASKS_BYTES_MAX: usize = 64 << 20;

/// How many filters' flags are kept at the least and at the most, whatever they take.
const MASKS: [usize; 2] = [16, 1024];

/// Products that changed last, by place, which are remembered for who looks at all of them
/// meanwhile.
const RECENT_MAX: usize = 8_192;

/// Offers that begin or end at once, beyond which filters are asked anew instead of following.
const TURNS_MAX: usize = 1_000;

/// How far behind the flags a moment may lie without moving them back: questions of one moment do
/// not come in order. What stands in a list is looked at once more by the moment itself.
const BACK: i64 = 2 * SECOND;

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
    /// Whether each may be shown at the moment of the flags.
    open: Arc<Flags>,
    /// The moment for which the flags hold, UTC microseconds.
    moment: i64,
    /// When which offer begins or ends.
    turns: BTreeSet<(i64, u32)>,
    /// Those that are offered from or until a moment.
    dated: FxHashSet<u32>,
    /// Since when the shop has which product: moments of one zone are in the order of their texts.
    since: BTreeSet<(Box<str>, u32)>,
    /// By the texts of their filters.
    masks: FxHashMap<String, Vec<Mask>>,
    n_masks: usize,
    /// Counts the uses of masks.
    clock: AtomicU64,
    /// Counts the changes of products.
    changes: u64,
    /// The places that changed last, the newest at the end.
    recent: VecDeque<u32>,
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
    pub(super) fn latest(&self) -> impl Iterator<Item = Scored> + '_ {
        self.since.iter().rev().map(|(_, item)| Scored { item: *item, score: 0.0 })
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
    pub(super) fn dated(&self) -> impl Iterator<Item = u32> + '_ {
        self.dated.iter().copied()
    }

    /// Returns whether the flags hold at a moment.
    pub(super) fn is_of(&self, at: i64) -> bool {
        (at <= self.moment && self.moment.saturating_sub(at) <= BACK)
            || self.turned(at).next().is_none()
    }

    /// Makes the flags hold for another moment.
    pub(super) fn move_to(&mut self, at: i64) {
        let turned: Vec<u32> = self.turned(at).collect();
        self.moment = at;
        if turned.len() > TURNS_MAX {
            self.masks.clear();
            self.n_masks = 0;
        }
        for place in turned {
            self.look_again(place as usize);
        }
    }

    /// Returns the places of the offers that begin or end between the flags' moment and another.
    fn turned(&self, at: i64) -> impl Iterator<Item = u32> + '_ {
        let (from, to) = (self.moment.min(at), self.moment.max(at));
        let turns = self.turns.range((from, u32::MAX)..);
        turns
            .skip_while(move |(turn, _)| *turn == from)
            .take_while(move |(turn, _)| *turn <= to)
            .map(|(_, place)| *place)
    }

    /// Adds a product or replaces it.
    pub(super) fn put(&mut self, product: Product) {
        let place = self.know(&product.id) as usize;
        self.set(place, Some(product));
    }

    /// Takes a product off.
    pub(super) fn remove(&mut self, id: &str) {
        if let Some(place) = self.places.get(id).map(|place| *place as usize) {
            self.set(place, None);
        }
    }

    fn set(&mut self, place: usize, product: Option<Product>) {
        let moments = |product: &Option<Product>| {
            let of = |one: &Product| [one.available_from, one.available_until];
            product.as_ref().map_or([None; 2], of).into_iter().flatten()
        };
        let code = place as u32;
        for moment in moments(&self.products[place]) {
            self.turns.remove(&(moment, code));
        }
        let since =
            |product: &Option<Product>| Some((known_since(product.as_ref()?)?.into(), code));
        if let Some(entry) = since(&self.products[place]) {
            self.since.remove(&entry);
        }
        self.products[place] = product;
        self.since.extend(since(&self.products[place]));
        self.dated.remove(&code);
        for moment in moments(&self.products[place]) {
            self.turns.insert((moment, code));
            self.dated.insert(code);
        }
        self.look_again(place);
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
            if self.products[place].is_some() {
                self.set(place, None);
            }
        }
    }

    /// Returns which places may be shown at the moment of the flags: a flag a place.
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

    /// Finds out which of some places a filter lets through: every product is looked at.
    pub(super) fn ask(
        &self,
        places: Range<usize>,
        (filter, answers): (&Filter, &[bool]),
        flags: &mut Flags,
    ) {
        for place in places {
            let product = self.products.get(place).and_then(Option::as_ref);
            let lets = |product: &Product| {
                product.may_be_shown(self.moment) && filter.lets_given(product, answers)
            };
            flags.set(place, product.is_some_and(lets));
        }
    }

    /// Returns the places that changed since so many changes were counted; `None` when that is too
    /// long ago.
    pub(super) fn changed_since(&self, changes: u64) -> Option<impl Iterator<Item = u32> + '_> {
        let count = usize::try_from(self.changes.checked_sub(changes)?).ok()?;
        (count <= self.recent.len()).then(|| self.recent.iter().rev().take(count).copied())
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
        let is_open = product.is_some_and(|product| product.may_be_shown(self.moment));
        Arc::make_mut(&mut self.open).set(place, is_open);
        for mask in self.masks.values_mut().flatten() {
            let lets = |product: &Product| mask.filter.lets_given(product, &mask.answers);
            let is_let = is_open && product.is_some_and(lets);
            Arc::make_mut(&mut mask.allowed).set(place, is_let);
        }
        self.changes += 1;
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(place as u32);
    }
}

impl Flags {
    fn set(&mut self, place: usize, flag: bool) {
        if self.0.len() <= place {
            self.0.resize(place + 1, false);
        }
        self.0[place] = flag;
    }
}
