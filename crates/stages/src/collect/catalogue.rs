//! What an import says about products, campaigns and rates of currencies, until it is written to
//! the ledger.
//!
//! A file of products says what holds: its columns replace what was known, columns it lacks stay.
//! An event only mentions a product: it adds what nobody has said yet.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;

use rustc_hash::{FxBuildHasher, FxHashMap};
use shopwise_model::money::Rate;
use shopwise_model::{Campaign, Product};
use shopwise_store::Ledger;

use crate::error::Result;

/// What an event says about its product.
#[derive(Debug, Clone, Copy, Default, Hash)]
pub(crate) struct Mention<'a> {
    pub(crate) title: Option<&'a str>,
    pub(crate) category: Option<&'a str>,
    pub(crate) brand: Option<&'a str>,
}

/// Products of which it is remembered what was said: some 3 MB; beyond that all are forgotten.
const SAID_MAX: usize = 1 << 17;

/// Which columns a file of products has, in the order of [`Product`]'s fields after `id`, but for
/// the attributes: those that a row has replace what was known under their names.
pub(crate) type Has = [bool; 10];

/// What an import has said so far.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    mentioned: FxHashMap<String, Product>,
    /// While it is remembered: what was said last about each product, both as hashes.
    said: Option<FxHashMap<u64, u64>>,
    products: BTreeMap<String, (Product, Has)>,
    campaigns: BTreeMap<String, Campaign>,
    rates: BTreeMap<(String, i32), f64>,
    /// Rows that named what an earlier row had named; the later one holds.
    repeated: u64,
}

/// How much was written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) products: usize,
    pub(crate) mentioned: usize,
    pub(crate) campaigns: usize,
    pub(crate) rates: usize,
    pub(crate) repeated: u64,
}

impl Written {
    /// Adds what was written after it. Products that were mentioned are mentioned again and again.
    pub(crate) fn add(&mut self, more: &Self) {
        self.products += more.products;
        self.mentioned = self.mentioned.max(more.mentioned);
        self.campaigns += more.campaigns;
        self.rates += more.rates;
        self.repeated += more.repeated;
    }
}

impl Catalogue {
    /// Lets mentions be passed over, from now on, that say what the last one of their product said,
    /// written or not.
    pub(crate) fn remembers(&mut self) {
        self.said = Some(FxHashMap::default());
    }

    /// Returns what events said about products, which leaves.
    pub(crate) fn take_mentions(&mut self) -> Vec<Product> {
        std::mem::take(&mut self.mentioned).into_values().collect()
    }

    /// Remembers what another catalogue was told by events.
    pub(crate) fn mention_of(&mut self, product: &Product) {
        let title = Some(product.title.as_str()).filter(|title| !title.is_empty());
        let (category, brand) = (product.category.as_deref(), product.brand.as_deref());
        self.mention(&product.id, &Mention { title, category, brand });
    }

    /// Tells whether a mention says what the one before said, and remembers it.
    fn is_said(&mut self, id: &str, mention: &Mention<'_>) -> bool {
        let Some(said) = &mut self.said else { return false };
        let build = FxBuildHasher;
        let (of_id, of_mention) = (build.hash_one(id), build.hash_one((id, mention)));
        if said.len() >= SAID_MAX && !said.contains_key(&of_id) {
            said.clear();
        }
        said.insert(of_id, of_mention) == Some(of_mention)
    }

    /// Remembers what an event says about a product; of several titles the last one.
    pub(crate) fn mention(&mut self, id: &str, mention: &Mention<'_>) {
        if self.is_said(id, mention) {
            return;
        }
        let Some(known) = self.mentioned.get_mut(id) else {
            let product = Product {
                id: id.to_owned(),
                title: mention.title.unwrap_or_default().to_owned(),
                category: mention.category.map(str::to_owned),
                brand: mention.brand.map(str::to_owned),
                ..Product::default()
            };
            self.mentioned.insert(id.to_owned(), product);
            return;
        };
        if let Some(title) = mention.title.filter(|title| *title != known.title) {
            title.clone_into(&mut known.title);
        }
        for (own, new) in
            [(&mut known.category, mention.category), (&mut known.brand, mention.brand)]
        {
            if new.is_some() && own.as_deref() != new {
                *own = new.map(str::to_owned);
            }
        }
    }

    /// Takes a row of a file of products.
    pub(crate) fn product(&mut self, product: Product, has: Has) {
        match self.products.get_mut(&product.id) {
            None => {
                self.products.insert(product.id.clone(), (product, has));
            }
            Some((known, had)) => {
                self.repeated += 1;
                replace(known, product, has);
                *had = std::array::from_fn(|at| had[at] || has[at]);
            }
        }
    }

    pub(crate) fn campaign(&mut self, campaign: Campaign) {
        let former = self.campaigns.insert(campaign.id.clone(), campaign);
        self.repeated += u64::from(former.is_some());
    }

    pub(crate) fn rate(&mut self, currency: &str, day: i32, rate: f64) {
        let former = self.rates.insert((currency.to_owned(), day), rate);
        self.repeated += u64::from(former.is_some());
    }

    /// Writes everything to the ledger.
    pub(crate) fn write(self, ledger: &Ledger, now: i64) -> Result<Written> {
        let written = Written {
            products: self.products.len(),
            mentioned: self.mentioned.len(),
            campaigns: self.campaigns.len(),
            rates: self.rates.len(),
            repeated: self.repeated,
        };
        if !(self.products.is_empty() && self.mentioned.is_empty()) {
            let changed = changes(ledger.products()?, self.mentioned, self.products);
            ledger.upsert_products(&changed, now)?;
        }
        let campaigns: Vec<Campaign> = self.campaigns.into_values().collect();
        ledger.upsert_campaigns(&campaigns, now)?;
        let rates: Vec<Rate> = self
            .rates
            .into_iter()
            .map(|((currency, day), rate)| Rate { currency, day, rate })
            .collect();
        ledger.upsert_rates(&rates, now)?;
        Ok(written)
    }
}

/// Returns the products that are new or not as they were.
fn changes(
    known: Vec<Product>,
    mentioned: FxHashMap<String, Product>,
    products: BTreeMap<String, (Product, Has)>,
) -> Vec<Product> {
    let known: BTreeMap<String, Product> =
        known.into_iter().map(|product| (product.id.clone(), product)).collect();
    let mut next: BTreeMap<String, Product> = BTreeMap::new();
    let former = |id: &str| {
        let unknown = || Product { id: id.to_owned(), title: id.to_owned(), ..Product::default() };
        known.get(id).cloned().unwrap_or_else(unknown)
    };
    for (id, mention) in mentioned {
        let mut product = former(&id);
        if product.title == id && !mention.title.is_empty() {
            product.title = mention.title;
        }
        product.category = product.category.or(mention.category);
        product.brand = product.brand.or(mention.brand);
        next.insert(id, product);
    }
    for (id, (said, has)) in products {
        let mut product = next.remove(&id).unwrap_or_else(|| former(&id));
        replace(&mut product, said, has);
        // An attribute that the file leaves empty is none.
        product.attributes.retain(|_, value| !value.is_null());
        next.insert(id, product);
    }
    next.into_values().filter(|product| known.get(&product.id) != Some(product)).collect()
}

/// Replaces what the columns of the file say; a title is never lost.
fn replace(product: &mut Product, said: Product, has: Has) {
    let [title, category, brand, price, cost, stock, seller, hidden, from, until] = has;
    if title && !said.title.is_empty() {
        product.title = said.title;
    }
    if category {
        product.category = said.category;
    }
    if brand {
        product.brand = said.brand;
    }
    if seller {
        product.seller = said.seller;
    }
    if hidden {
        product.is_hidden = said.is_hidden;
    }
    for (holds, own, new) in [
        (price, &mut product.price, said.price),
        (cost, &mut product.cost, said.cost),
        (stock, &mut product.stock, said.stock),
        (from, &mut product.available_from, said.available_from),
        (until, &mut product.available_until, said.available_until),
    ] {
        if holds {
            *own = new;
        }
    }
    product.attributes.extend(said.attributes);
}
