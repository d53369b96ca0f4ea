//! Learned audiences: who will take a product, something of a brand or of a category.
//!
//! A model beside the one that recommends: that one orders products for a customer, this one
//! customers for products, which is another question. What it learned from is the newest window:
//! who took what, after what was known before.

mod facts;
mod order;

use std::sync::Arc;

use serde_json::{Map, Value, json};
use shopwise_learn::interactions::Interactions;
use shopwise_learn::recommend::saved;
use shopwise_model::Product;
use shopwise_model::frame::{Column, Frame, Texts};

use super::log::{JUDGES_MIN, Log, TEST, VALIDATION, places, sample};
use super::recipe::{Choice, Model, Workshop};
use super::serving::{self, PRODUCTS};
use super::table::translated;
use crate::error::{Error, Result};
use crate::publish::{self, Contender, Contest, Verdict};
use crate::shop::Shop;
use facts::{Moment, Sets};
use order::{Measured, Order};

/// The model's name.
pub(super) const NAME: &str = "audience";
/// How the data files are to be read.
pub(super) const FORMAT: u32 = 1;
/// The file of who has what beside what.
pub(super) const NEIGHBOURS: &str = "neighbours.bin";
/// The file of the products' texts; empty where they say too little.
pub(super) const TEXTS: &str = "texts.bin";
/// The file of the orders.
pub(super) const ORDERS: &str = "orders.json";

/// How products are meant: by their identifier, their brand or their category.
const KINDS: [&str; 3] = ["product", "brand", "category"];

/// Sets of products that are learned from, the liveliest ones.
const SETS_MAX: usize = 200;
/// Pairs of customer and set that are learned from: half a million tell ten numbers apart well.
const PAIRS_MAX: usize = 1 << 19;

/// An order for each of [`KINDS`] of which there is something in the catalogue.
#[derive(Debug)]
pub(super) struct Learned {
    pub(super) orders: Value,
    /// What was measured on customers not learned from.
    pub(super) metrics: Value,
    pub(super) verdict: Verdict,
}

/// Returns the model of who has what beside what.
///
/// # Errors
/// What the algorithm refuses.
pub(super) fn neighbours(workshop: &mut Workshop<'_>) -> Result<Model> {
    workshop.one(&Choice::new("item-knn", &[])?)
}

/// Learns what customers took in the newest window; `None` when too few did. `before` is the
/// workshop of what was known until then.
///
/// # Errors
/// What an algorithm refuses.
pub(super) fn learn(
    log: &Log,
    before: &mut Workshop<'_>,
    catalog: &[Product],
) -> Result<Option<Learned>> {
    let goal = log.goal();
    let by_people = neighbours(before)?;
    let by_texts = before.content()?;
    let items: Vec<Option<u32>> = (0..log.products.len() as u32).map(Some).collect();
    let models = [Some(&by_people), by_texts.as_ref()];
    let moment = Moment { log, part: VALIDATION, known: before.known, items: &items, models };
    let users = with_history(before.known);
    let (mut orders, mut metrics, mut all) = (Map::new(), Map::new(), Measured::default());
    for kind in KINDS {
        let mut sets = Sets::of(keys(&log.products, catalog, kind));
        sets.keep_liveliest(log, (VALIDATION, goal), SETS_MAX);
        let users = sample(&users, PAIRS_MAX / sets.count.max(1), before.seed);
        let taken = sets.taken_in(log, &users, (TEST, goal));
        if taken.len() < JUDGES_MIN {
            continue;
        }
        let cells = moment.facts(&users, &sets);
        // Every other one of the customers, who stand in the order of pseudonyms, which is none.
        let half =
            |wanted: u32| cells.each_ref().map(|cells| cells.only(|user| user % 2 == wanted));
        let measured = Order::learn(&half(0), &taken)?.measure(&half(1), &taken)?;
        metrics.insert(kind.to_owned(), measured.to_json());
        all.join(measured);
        orders.insert(kind.to_owned(), json!(Order::learn(&cells, &taken)?));
    }
    if orders.is_empty() {
        return Ok(None);
    }
    let verdict = verdict(&all, before.seed)?;
    Ok(Some(Learned { orders: orders.into(), metrics: metrics.into(), verdict }))
}

/// Decides whether it serves: surely better than naming anybody, and not worse than counting, which
/// would otherwise be done in its place.
fn verdict(measured: &Measured, seed: u64) -> Result<Verdict> {
    publish::judge(&Contest {
        candidate: Contender { name: NAME, scores: &measured.own },
        serving: Some(Contender { name: "count", scores: &measured.by_count }),
        baselines: &[Contender { name: "anybody", scores: &measured.of_anybody }],
        seed,
    })
}

/// Returns the `size` customers who are likeliest to take what is meant, `product:ID`, `brand:NAME`
/// or `category:NAME`: `customer`, `rank` from 1, and as `score` the chance that a customer takes
/// any of it within as long as the window was that was learned from.
///
/// # Errors
/// Store errors; when nothing is meant that the model knows, or no model serves.
pub fn audience(shop: &Shop, meant: &str, size: usize) -> Result<Frame> {
    let catalog = shop.ledger.products()?;
    let (kind, name) = parsed(meant)?;
    let serving = Serving::open(shop, kind)?;
    let log = Log::read(&shop.lake, &catalog, &|_| {})?;
    let items = places(&log.products, &serving.products);
    let sets = Sets::one(keys(&log.products, &catalog, kind).map(|key| key == Some(name)));
    let is_known = |(product, item): (usize, &Option<u32>)| sets.has(product) && item.is_some();
    if !items.iter().enumerate().any(is_known) {
        let what = format!("the model knows no product of `{meant}`");
        let hint = "`shopwise run recommend` makes it know new ones";
        return Err(Error::Wrong(format!("{what}\nhint: {hint}")));
    }
    let known = translated(&log, &log.until(TEST)?, &serving.products)?;
    let models = [Some(&serving.by_people), serving.by_texts.as_ref()];
    let moment = Moment { log: &log, part: TEST, known: &known, items: &items, models };
    let cells = moment.facts(&with_history(&known), &sets);
    let mut scored: Vec<(f64, u32)> = Vec::new();
    for (cells, chances) in cells.iter().zip(serving.order.chances(&cells)?) {
        scored.extend(chances.into_iter().zip(cells.users.iter().copied()));
    }
    scored.retain(|(chance, _)| *chance > 0.0);
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.truncate(size);
    let names: Texts =
        scored.iter().map(|(_, user)| log.customers[*user as usize].as_str()).collect();
    Ok(Frame::default()
        .with("customer", Column::Text(names))
        .with("rank", Column::Int((1..).take(scored.len()).collect()))
        .with("score", Column::Float(scored.iter().map(|(chance, _)| *chance).collect())))
}

/// The model that serves, with the order of one kind.
struct Serving {
    products: Vec<String>,
    by_people: Model,
    by_texts: Option<Model>,
    order: Order,
}

impl Serving {
    fn open(shop: &Shop, kind: &str) -> Result<Self> {
        let Some((version, manifest)) = publish::serving(shop, NAME)? else {
            let what = "there is no model of audiences";
            let hint = "`shopwise run` makes one as soon as enough customers came back";
            return Err(Error::Wrong(format!("{what}\nhint: {hint}")));
        };
        publish::check_format(NAME, &manifest, FORMAT)?;
        let file = |name: &str| shop.shelf.read(NAME, version, name);
        let orders: Value = serde_json::from_slice(&file(ORDERS)?).unwrap_or_default();
        let damaged = || {
            let what = format!("model `{NAME}` version `{version}` is damaged");
            Error::Wrong(format!("{what}\nhint: `shopwise run` makes the model again"))
        };
        let order = match &orders[kind] {
            Value::Null if orders.is_object() => {
                let what = format!("too few customers took anything with a {kind} to learn from");
                return Err(Error::Wrong(what));
            }
            order => serde_json::from_value(order.clone()).map_err(|_| damaged())?,
        };
        let texts = file(TEXTS)?;
        let serving = Self {
            products: serving::read_products(&file(PRODUCTS)?)?,
            by_people: read(&file(NEIGHBOURS)?)?,
            by_texts: (!texts.is_empty()).then(|| read(&texts)).transpose()?,
            order,
        };
        let n = serving.products.len();
        let texts_fit = serving.by_texts.as_ref().is_none_or(|texts| texts.n_items() == n);
        if texts_fit && serving.by_people.n_items() == n { Ok(serving) } else { Err(damaged()) }
    }
}

fn read(bytes: &[u8]) -> Result<Model> {
    Ok(Arc::from(saved::from_bytes(bytes)?))
}

fn with_history(known: &Interactions) -> Vec<u32> {
    (0..known.n_users() as u32).filter(|user| !known.row(*user as usize).0.is_empty()).collect()
}

/// Returns kind and name of what is meant.
fn parsed(meant: &str) -> Result<(&str, &str)> {
    let parts = meant.split_once(':').filter(|(kind, _)| KINDS.contains(kind));
    parts.ok_or_else(|| {
        let kinds = "product:ID, brand:NAME or category:NAME";
        Error::Wrong(format!("`{meant}` is no audience: it reads {kinds}"))
    })
}

/// Returns for each of `products` what it is called by: its identifier, its brand or its category.
fn keys<'a>(
    products: &'a [String],
    catalog: &'a [Product],
    kind: &'a str,
) -> impl Iterator<Item = Option<&'a str>> {
    let ids: Vec<String> = catalog.iter().map(|product| product.id.clone()).collect();
    let catalogued = places(products, &ids);
    products.iter().zip(catalogued).map(move |(id, place)| {
        let product = place.map(|place| &catalog[place as usize]);
        match kind {
            "product" => Some(id.as_str()),
            "brand" => product?.brand.as_deref(),
            _ => product?.category.as_deref(),
        }
    })
}
