//! Products that belong to a product: those like it, and those bought together with it.
//!
//! Two models beside the one that recommends. `similar` asks what people who had to do with a
//! product had to do with else, and which products read like it; `together` asks which products
//! stood in orders with it. Both are lists made ahead, so that who serves only looks them up.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use shopwise_learn::interactions::{Interactions, Repeats as Joining};
use shopwise_learn::recommend::arrays::{Reader, Writer};
use shopwise_learn::recommend::hybrid::Hybrid;
use shopwise_learn::recommend::{ListOptions, Scored, recommend_all};
use shopwise_model::frame::{NULL_CODE, Texts};
use shopwise_store::Lake;

use super::log::Log;
use super::recipe::{Choice, Model, NORMALIZE, Workshop};
use super::serving;
use crate::error::{Error, Result};
use crate::publish;
use crate::shop::Shop;

/// The model of products that are alike.
pub const SIMILAR: &str = "similar";
/// The model of products that are bought together.
pub const TOGETHER: &str = "together";

/// How the data files are to be read.
pub(super) const FORMAT: u32 = 1;
/// The file of the lists.
pub(super) const LISTS: &str = "lists.bin";

/// Products in each list: what is left of them by rules and filters must still fill a row.
const LENGTH: usize = 50;

/// The settings of both models of neighbours.
const NEIGHBOURS: &[(&str, &str)] = &[("neighbours", "50")];

/// A list for each product.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Related {
    version: i64,
    products: Vec<String>,
    offsets: Vec<u64>,
    items: Vec<u32>,
    scores: Vec<f32>,
}

impl Related {
    /// Returns the lists of the products that are alike: by whom they were looked at and bought,
    /// and by their texts where there are some.
    pub(super) fn similar(workshop: &mut Workshop<'_>, products: &[String]) -> Result<Self> {
        let by_people = workshop.one(&Choice::new("item-knn", NEIGHBOURS)?)?;
        let model: Model = match workshop.content()? {
            None => by_people,
            Some(by_text) => {
                let members = vec![(by_people, 0.5), (by_text, 0.5)];
                Arc::new(Hybrid::of(members, NORMALIZE, 2 * LENGTH)?)
            }
        };
        Self::of(&model, products)
    }

    /// Returns the lists of what stands in orders together; `None` when nobody ordered anything.
    pub(super) fn together(
        lake: &Lake,
        workshop: &Workshop<'_>,
        log: &Log,
    ) -> Result<Option<Self>> {
        let baskets = baskets(lake, &log.products)?;
        if baskets.is_empty() {
            return Ok(None);
        }
        let (none, seed) = (super::Texts { fields: &[], model: None }, workshop.seed);
        let mut workshop = Workshop::new(&baskets, none, seed);
        let model = workshop.one(&Choice::new("item-knn", NEIGHBOURS)?)?;
        Ok(Some(Self::of(&model, &log.products)?))
    }

    /// Asks a model what goes with each product alone.
    fn of(model: &Model, products: &[String]) -> Result<Self> {
        let each: Vec<u32> = (0..products.len() as u32).collect();
        let alone = Interactions::from_triples(
            each.len(),
            each.len(),
            &each,
            &each,
            &vec![1.0; each.len()],
            Joining::KeepLast,
        )?;
        let lists = recommend_all(&**model, &alone, &each, &ListOptions::unseen(LENGTH));
        let mut related = Self { products: products.to_vec(), ..Self::default() };
        related.offsets.push(0);
        for (_, list) in lists.iter() {
            for one in list.iter().filter(|one| one.score > 0.0) {
                related.items.push(one.item);
                related.scores.push(one.score);
            }
            related.offsets.push(related.items.len() as u64);
        }
        Ok(related)
    }

    /// Returns the lists as bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u64s("offsets", &self.offsets);
        writer.u32s("items", &self.items);
        writer.f32s("scores", &self.scores);
        writer.finish()
    }

    /// Loads the lists of this name that serve; `None` when none were published.
    ///
    /// # Errors
    /// Store errors; damaged lists and those of another format are refused.
    pub fn open(shop: &Shop, name: &str) -> Result<Option<Self>> {
        let Some((version, manifest)) = publish::serving(shop, name)? else { return Ok(None) };
        publish::check_format(name, &manifest, FORMAT)?;
        let products =
            serving::read_products(&shop.shelf.read(name, version, serving::PRODUCTS)?)?;
        let bytes = shop.shelf.read(name, version, LISTS)?;
        let reader = Reader::new(&bytes)?;
        let offsets = reader.u64s("offsets")?;
        let (items, scores) = (reader.u32s("items")?, reader.f32s("scores")?);
        let fits = offsets.len() == products.len() + 1
            && offsets.first() == Some(&0)
            && offsets.is_sorted()
            && offsets.last() == Some(&(items.len() as u64))
            && items.len() == scores.len()
            && items.iter().all(|item| (*item as usize) < products.len())
            && scores.iter().all(|score| score.is_finite());
        if !fits {
            return Err(Error::Wrong(format!(
                "the lists of model `{name}` version `{version}` are damaged\nhint: `shopwise run` \
                 makes them again"
            )));
        }
        Ok(Some(Self { version, products, offsets, items, scores }))
    }

    /// Returns the version.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Returns the identifiers of the products, in the order of the alphabet.
    #[must_use]
    pub fn products(&self) -> &[String] {
        &self.products
    }

    /// Returns the list of the product at a place, best first, by places.
    pub fn list(&self, at: usize) -> impl Iterator<Item = Scored> + '_ {
        let bounds = self.offsets.get(at).zip(self.offsets.get(at + 1));
        let range = bounds.map_or(0..0, |(from, to)| *from as usize..*to as usize);
        range.map(|at| Scored { item: self.items[at], score: self.scores[at] })
    }
}

/// Returns which products stand in which order; an order without a name is its event.
fn baskets(lake: &Lake, products: &[String]) -> Result<Interactions> {
    let mut orders = Texts::default();
    let (mut row_of_order, mut row_of_event) = (Vec::new(), FxHashMap::default());
    let (mut rows, mut items, mut count) = (Vec::new(), Vec::new(), 0);
    lake.stream(include_str!("baskets.sql"), |part| -> Result<()> {
        let (order, product) = (part.text("order")?, part.text("product")?);
        let events = part.id("event_id")?;
        let codes: Vec<u32> = order.values().iter().map(|name| orders.intern(name)).collect();
        row_of_order.resize(orders.values().len(), None);
        let place = |id: &Arc<str>| {
            products.binary_search_by(|own| own.as_str().cmp(id)).ok().map(|place| place as u32)
        };
        let places: Vec<Option<u32>> = product.values().iter().map(place).collect();
        for (at, event) in events.iter().enumerate() {
            let code = order.codes()[at];
            let row = match code {
                NULL_CODE => row_of_event.entry(*event).or_insert(None),
                code => &mut row_of_order[codes[code as usize] as usize],
            };
            let Some(item) = places.get(product.codes()[at] as usize).copied().flatten() else {
                continue;
            };
            rows.push(*row.get_or_insert_with(|| {
                count += 1;
                count - 1
            }));
            items.push(item);
        }
        Ok(())
    })?;
    let (n_rows, n_items, weights) = (count as usize, products.len(), vec![1.0; rows.len()]);
    let joining = Joining::KeepLast;
    Ok(Interactions::from_triples(n_rows, n_items, &rows, &items, &weights, joining)?)
}
