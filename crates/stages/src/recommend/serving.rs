//! A published model, loaded: what the program asks when a customer comes by.

use shopwise_learn::recommend::arrays::{Reader, Writer};
use shopwise_learn::recommend::{
    Contribution, History, ListOptions, Pad, Recommender, Scored, Trail, saved,
};

use super::log::HISTORY_MAX;
use super::weight::{ORDER, Repeats};
use crate::error::{Error, Result};
use crate::publish;
use crate::shop::Shop;

/// How the data files are to be read.
pub(super) const FORMAT: u32 = 1;

/// The file of the fitted model.
pub(super) const MODEL: &str = "model.bin";
/// The file of the products' identifiers, in the order of the model's items.
pub(super) const PRODUCTS: &str = "products.bin";

/// The customer ordered a product that leads to this one.
pub const BOUGHT: &str = "bought";
/// The customer looked at a product that leads to this one, or put it into the cart.
pub const VIEWED: &str = "viewed";
/// The customer rated a product that leads to this one.
pub const RATED: &str = "rated";
/// Many customers have it.
pub const POPULAR: &str = "popular";
/// It reads like a product of the customer's.
pub const SIMILAR: &str = "similar content";

/// A model that serves.
#[derive(Debug)]
pub struct Serving {
    version: i64,
    products: Vec<String>,
    pub(super) model: Box<dyn Recommender>,
    pub(super) repeats: Repeats,
    /// The best rating of the log, where ratings say how much was wanted.
    pub(super) highest: Option<f32>,
}

/// Why a product is recommended.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// [`BOUGHT`], [`VIEWED`], [`RATED`], [`POPULAR`] or [`SIMILAR`].
    pub reason: &'static str,
    /// What the products of the history add to the score, largest part first; empty for what is
    /// popular.
    pub parts: Vec<Contribution>,
}

impl Serving {
    /// Loads the model of this name that serves: `recommend`, or the baseline `popular`; `None`
    /// when none was published.
    ///
    /// # Errors
    /// Store errors; a damaged model and one of another format are refused.
    pub fn open(shop: &Shop, name: &str) -> Result<Option<Self>> {
        let Some((version, manifest)) = publish::serving(shop, name)? else { return Ok(None) };
        publish::check_format(name, &manifest, FORMAT)?;
        let model = saved::from_bytes(&shop.shelf.read(name, version, MODEL)?)?;
        let products = read_products(&shop.shelf.read(name, version, PRODUCTS)?)?;
        let repeats = Repeats::of_json(&manifest["parameters"]["repeats"]);
        let highest = manifest["parameters"]["highest_rating"].as_f64().map(|stars| stars as f32);
        let highest = highest.filter(|highest| *highest > 0.0);
        match repeats {
            Some(repeats) if model.n_items() == products.len() => {
                Ok(Some(Self { version, products, model, repeats, highest }))
            }
            _ => Err(Error::Wrong(format!(
                "model `{name}` version `{version}` does not fit together\nhint: `shopwise run` \
                 makes the model again"
            ))),
        }
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

    /// Returns the index of a product, when the model knows it.
    #[must_use]
    pub fn index_of(&self, product: &str) -> Option<u32> {
        let place = self.products.binary_search_by(|own| own.as_str().cmp(product));
        place.ok().map(|place| place as u32)
    }

    /// Returns what to show a customer, best first.
    ///
    /// `history` holds product, weight (see [`super::weight::of_counts`]) and age in days; the
    /// newest [`HISTORY_MAX`] count. `allowed` says for each product whether it may be shown. An
    /// empty history gets what is popular.
    #[must_use]
    pub fn recommend(
        &self,
        history: &[(u32, f32, f32)],
        length: usize,
        allowed: Option<&[bool]>,
        pad: &mut Pad,
    ) -> Vec<Scored> {
        let taken = Taken::new(history, self.products.len());
        self.model.recommend(taken.history(), &self.options(length, allowed), pad)
    }

    /// As [`Serving::recommend`], with other options than the shop's usual ones, and with what was
    /// found on the way.
    pub(super) fn ask(
        &self,
        history: &[(u32, f32, f32)],
        options: &ListOptions<'_>,
        pad: &mut Pad,
    ) -> (Vec<Scored>, Trail) {
        let taken = Taken::new(history, self.products.len());
        self.model.traced(taken.history(), options, pad)
    }

    /// Returns why each of `items` stands in the list that [`Serving::recommend`] gives for the
    /// same history, length and allowance.
    #[must_use]
    pub fn explain(
        &self,
        history: &[(u32, f32, f32)],
        items: &[u32],
        allowed: Option<&[bool]>,
        pad: &mut Pad,
    ) -> Vec<Explained> {
        self.why(&Trail::Nothing, history, &self.options(items.len(), allowed), items, pad)
    }

    /// As [`Serving::explain`], with the options and the trail of a list of [`Serving::ask`].
    pub(super) fn why(
        &self,
        trail: &Trail,
        history: &[(u32, f32, f32)],
        options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Explained> {
        let taken = Taken::new(history, self.products.len());
        let reasons = self.model.reasons(trail, taken.history(), options, items, pad);
        let explained = |found: shopwise_learn::recommend::Reason| {
            let because = found.parts.first().map(|part| part.item);
            let reason = self.reason(found.model, because.map(|item| taken.weight_of(item)));
            let parts = if reason == POPULAR { Vec::new() } else { found.parts };
            Explained { reason, parts }
        };
        reasons.into_iter().map(explained).collect()
    }

    /// Returns the word for a reason: the model with the largest part of the score, and the weight
    /// of the product of the history that adds most to it.
    pub(super) fn reason(&self, model: &str, because: Option<f32>) -> &'static str {
        match reason(model, because) {
            // Weights are those of ratings.
            BOUGHT | VIEWED if self.highest.is_some() => RATED,
            reason => reason,
        }
    }

    pub(super) fn options<'a>(
        &self,
        length: usize,
        allowed: Option<&'a [bool]>,
    ) -> ListOptions<'a> {
        ListOptions { length, seen: self.repeats.seen(), allowed }
    }
}

fn reason(model: &str, because: Option<f32>) -> &'static str {
    match (model, because) {
        (_, None) | ("popular", _) => POPULAR,
        ("content", _) => SIMILAR,
        (_, Some(weight)) if weight >= ORDER => BOUGHT,
        _ => VIEWED,
    }
}

/// A history as the models want it: the newest products, each once, ascending.
struct Taken {
    items: Vec<u32>,
    weights: Vec<f32>,
    ages: Vec<f32>,
}

impl Taken {
    fn new(history: &[(u32, f32, f32)], n_products: usize) -> Self {
        let is_sound = |one: &&(u32, f32, f32)| {
            (one.0 as usize) < n_products && one.1.is_finite() && one.2 >= 0.0
        };
        let mut rows: Vec<(u32, f32, f32)> = history.iter().filter(is_sound).copied().collect();
        rows.sort_unstable_by(|a, b| a.2.total_cmp(&b.2).then(a.0.cmp(&b.0)));
        rows.truncate(HISTORY_MAX);
        // Of a product that stands twice the youngest stays.
        rows.sort_by_key(|row| row.0);
        rows.dedup_by_key(|row| row.0);
        Self {
            items: rows.iter().map(|row| row.0).collect(),
            weights: rows.iter().map(|row| row.1).collect(),
            ages: rows.iter().map(|row| row.2).collect(),
        }
    }

    fn history(&self) -> History<'_> {
        let Self { items, weights, ages } = self;
        History { user: None, items, weights, ages: Some(ages) }
    }

    fn weight_of(&self, item: u32) -> f32 {
        self.items.binary_search(&item).map_or(0.0, |at| self.weights[at])
    }
}

/// Returns identifiers as bytes.
pub(super) fn write_products(products: &[String]) -> Vec<u8> {
    let mut ends = Vec::with_capacity(products.len());
    let mut text = String::new();
    for product in products {
        text.push_str(product);
        ends.push(text.len() as u64);
    }
    let mut writer = Writer::default();
    writer.u64s("ends", &ends);
    writer.text("text", &text);
    writer.finish()
}

pub(super) fn read_products(bytes: &[u8]) -> Result<Vec<String>> {
    let reader = Reader::new(bytes)?;
    let text = reader.text("text")?;
    let mut start = 0;
    let mut products = Vec::new();
    for end in reader.u64s("ends")? {
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        let Some(product) = text.get(start..end) else {
            return Err(Error::Wrong(
                "the identifiers of a model's products are damaged".to_owned(),
            ));
        };
        products.push(product.to_owned());
        start = end;
    }
    Ok(products)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_read_back() {
        let products = ["", "85123A", "茶杯"].map(str::to_owned);
        assert_eq!(read_products(&write_products(&products)).unwrap(), products);
        let mut writer = Writer::default();
        writer.u64s("ends", &[1]);
        writer.text("text", "茶");
        assert!(read_products(&writer.finish()).is_err());
    }

    #[test]
    fn a_history_is_cut_to_the_newest_products_each_once() {
        let mut rows = vec![(3, 1.0, 5.0), (1, 2.0, 0.0), (3, 4.0, 1.0), (9, 1.0, 0.0)];
        rows.push((2, f32::NAN, 0.0));
        rows.push((2, 1.0, f32::NAN));
        let taken = Taken::new(&rows, 5);
        assert_eq!((&taken.items[..], &taken.weights[..]), (&[1, 3][..], &[2.0, 4.0][..]));
        let many: Vec<_> = (0..500).map(|at| (at, 1.0, 500.0 - at as f32)).collect();
        let taken = Taken::new(&many, 500);
        assert_eq!((taken.items.len(), taken.items[0]), (HISTORY_MAX, 400));
    }

    #[test]
    fn reasons_are_told_by_the_model_and_by_what_was_done() {
        assert_eq!(reason("item-knn", Some(ORDER)), BOUGHT);
        assert_eq!(reason("item-knn", Some(1.0)), VIEWED);
        assert_eq!(reason("content", Some(ORDER)), SIMILAR);
        assert_eq!(reason("popular", Some(ORDER)), POPULAR);
        assert_eq!(reason("hybrid", None), POPULAR);
    }
}
