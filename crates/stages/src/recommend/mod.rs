//! Recommending: what to show each customer next, and why.
//!
//! Candidates race on the customers of the newest days; the winner is fitted again on everything
//! and published as the model `recommend` if it beats what is merely popular and is not worse than
//! what serves. `popular` is published always, so that a shop can recommend from its first day. The
//! table `recommendations` holds what the serving model says to everybody who has a history.
//!
//! What serves is compared by its recipe, fitted on what the candidate was fitted on: its own
//! numbers have seen the newest days and would win by memory.

mod audience;
pub mod engine;
mod expected;
mod log;
mod race;
mod recipe;
pub mod related;
pub mod rules;
mod serving;
mod table;
pub mod weight;

use serde_json::{Value, json};
use shopwise_learn::interactions::Interactions;
use shopwise_learn::recommend::{Field, saved};
use shopwise_model::Product;
use shopwise_model::tables::{EVENTS, EXPECTED_TASTES, RECOMMENDATIONS};

use crate::error::{Error, Result};
use crate::publish::{self, Publication, Verdict};
use crate::report::StageReport;
use crate::stage::Work;
use log::{Log, TEST, VALIDATION};
use race::{Outcome, Track};
use recipe::{Choice, Recipe, Texts, Workshop};
use weight::Repeats;

pub use audience::audience;
pub use log::HISTORY_MAX;
pub use related::Related;
pub use serving::{BOUGHT, Explained, POPULAR, RATED, SIMILAR, Serving, VIEWED};

/// The stage's name, and that of the model which it publishes.
pub const NAME: &str = "recommend";
/// The model that can always serve.
pub const BASELINE: &str = "popular";

/// Fewer customers than this have nothing in common yet.
const CUSTOMERS_MIN: usize = 20;
/// Fewer products than this need no recommending.
const PRODUCTS_MIN: usize = 5;

/// With more products than this their texts are not compared: the cost grows with the square of how
/// many share a word.
const TEXTS_MAX: usize = 50_000;
/// Fewer texts than this share of the products are no base for a model.
const TEXTS_SHARE_MIN: f64 = 0.1;

/// Chooses, publishes and asks the model of recommendations, and writes `recommendations` and
/// `expected_tastes`.
///
/// # Errors
/// Store errors, and what an algorithm refuses.
pub fn run(work: &Work<'_>) -> Result<StageReport> {
    let shop = work.shop;
    let Some(version) = shop.lake.version(&EVENTS)? else {
        return Ok(StageReport::skipped(NAME, "there are no events yet; import some"));
    };
    let catalog = shop.ledger.products()?;
    let log = Log::read(&shop.lake, &catalog, work.progress)?;
    let (customers, products) = (log.customers.len(), log.products_seen());
    if customers < CUSTOMERS_MIN || products < PRODUCTS_MIN {
        let why = format!(
            "{customers} customers did something with {products} products, {CUSTOMERS_MIN} and \
             {PRODUCTS_MIN} are needed"
        );
        return Ok(StageReport::skipped(NAME, why));
    }
    let mut report = StageReport::new(NAME);
    report.inputs.insert(EVENTS.name, version);
    report.rows_read = log.happened;
    let fields = described(&log, &catalog);
    let content = content(&log, &fields)?;
    let texts = Texts { fields: &fields, model: content.as_deref() };
    let (repeats, repeat_share) = log.repeats();
    report.metric("customers", customers);
    report.metric("products", products);
    report.metric("repeat_share", repeat_share);
    report.parameter("repeats", repeats.name());
    report.parameter("ratings", log.has_ratings);
    let seed = shop.settings.seed;
    let seconds = shop.settings.race_seconds;
    let track = Track { log: &log, texts, repeats, seed, seconds };
    let served = publish::serving(shop, NAME)?;
    let served = served.and_then(|(_, manifest)| Recipe::of_json(&manifest["parameters"]));
    let outcome = race::run(track, served.as_ref())?;
    let known = log.until(TEST)?;
    let mut workshop = Workshop::new(&known, texts, seed);
    let shelf = Shelving { work, log: &log, repeats, inputs: json!(report.inputs) };
    shelf.publish(&mut workshop, outcome.as_ref(), &mut report)?;
    shelf.publish_related(&mut workshop, &mut report)?;
    shelf.publish_audience(&mut workshop, &catalog, &mut report)?;
    write_table(work, &log, &known, &catalog, &mut report)?;
    Ok(report)
}

/// What every published model needs.
struct Shelving<'a> {
    work: &'a Work<'a>,
    log: &'a Log,
    repeats: Repeats,
    inputs: Value,
}

impl Shelving<'_> {
    /// Fits the baseline and the winner on everything and publishes them.
    fn publish(
        &self,
        workshop: &mut Workshop<'_>,
        outcome: Option<&Outcome>,
        report: &mut StageReport,
    ) -> Result<()> {
        let Some(outcome) = outcome else {
            let popular = race::default_popular()?;
            report.metric("judged", "too few customers took something in the newest days");
            let simple = Recipe::of(&popular, &popular);
            let nothing = [json!({}), json!({})];
            return self.put(BASELINE, workshop, &simple, nothing, &Verdict::baseline(), report);
        };
        let simple = Recipe::of(&outcome.popular, &outcome.popular);
        let measured = [outcome.baseline.clone(), json!({})];
        self.put(BASELINE, workshop, &simple, measured, &Verdict::baseline(), report)?;
        report.parameter("model", outcome.winner.name());
        report.metric(race::MEASURE, outcome.metrics[race::MEASURE].clone());
        report.metric("baseline", outcome.baseline[race::MEASURE].clone());
        report.metric("verdict", outcome.verdict.why.clone());
        let measured = [outcome.metrics.clone(), self.baseline(outcome)];
        self.put(NAME, workshop, &outcome.winner, measured, &outcome.verdict, report)
    }

    /// Publishes what belongs to each product: looked up, not chosen, so that nothing is compared.
    fn publish_related(&self, workshop: &mut Workshop<'_>, report: &mut StageReport) -> Result<()> {
        let similar = Related::similar(workshop, &self.log.products)?;
        let together = Related::together(&self.work.shop.lake, workshop, self.log)?;
        let products = serving::write_products(&self.log.products);
        let all = [(related::SIMILAR, Some(similar)), (related::TOGETHER, together)];
        for (name, lists) in all.into_iter().filter_map(|(name, lists)| Some((name, lists?))) {
            let lists = lists.to_bytes();
            let publication = Publication {
                name,
                files: &[(related::LISTS, &lists), (serving::PRODUCTS, &products)],
                parameters: json!({}),
                metrics: json!({}),
                baseline: json!({}),
                inputs: self.inputs.clone(),
                format: related::FORMAT,
            };
            let verdict = Verdict::baseline();
            let version = publish::store(self.work, &publication, &verdict)?;
            report.models.push(publication.report(version, &verdict));
        }
        Ok(())
    }

    /// Publishes who will take what, learned from the newest window; nothing when too few took
    /// something.
    fn publish_audience(
        &self,
        workshop: &mut Workshop<'_>,
        catalog: &[Product],
        report: &mut StageReport,
    ) -> Result<()> {
        let before = self.log.until(VALIDATION)?;
        let mut then = Workshop::new(&before, workshop.texts, workshop.seed);
        let Some(learned) = audience::learn(self.log, &mut then, catalog)? else { return Ok(()) };
        let neighbours = saved::to_bytes(&*audience::neighbours(workshop)?);
        let orders = learned.orders.to_string().into_bytes();
        let publication = Publication {
            name: audience::NAME,
            files: &[
                (audience::NEIGHBOURS, &neighbours),
                (audience::TEXTS, workshop.texts.model.unwrap_or_default()),
                (audience::ORDERS, &orders),
                (serving::PRODUCTS, &serving::write_products(&self.log.products)),
            ],
            parameters: json!({}),
            metrics: learned.metrics,
            baseline: json!({}),
            inputs: self.inputs.clone(),
            format: audience::FORMAT,
        };
        let version = publish::store(self.work, &publication, &learned.verdict)?;
        report.models.push(publication.report(version, &learned.verdict));
        Ok(())
    }

    fn baseline(&self, outcome: &Outcome) -> Value {
        let mut baseline = outcome.baseline.clone();
        baseline["model"] = json!(outcome.popular.entry.name);
        baseline
    }

    fn put(
        &self,
        name: &str,
        workshop: &mut Workshop<'_>,
        recipe: &Recipe,
        [metrics, baseline]: [Value; 2],
        verdict: &Verdict,
        report: &mut StageReport,
    ) -> Result<()> {
        let model = saved::to_bytes(&*workshop.whole(recipe)?);
        let products = serving::write_products(&self.log.products);
        let mut parameters = recipe.to_json();
        parameters["repeats"] = json!(self.repeats.name());
        // Who comes by has his ratings weighed as those that were learned from.
        parameters["highest_rating"] = json!(self.log.has_ratings.then_some(self.log.highest()));
        let publication = Publication {
            name,
            files: &[(serving::MODEL, &model), (serving::PRODUCTS, &products)],
            parameters,
            metrics,
            baseline,
            inputs: self.inputs.clone(),
            format: serving::FORMAT,
        };
        let version = publish::store(self.work, &publication, verdict)?;
        report.models.push(publication.report(version, verdict));
        Ok(())
    }
}

/// Asks the model that serves now for everybody's list.
fn write_table(
    work: &Work<'_>,
    log: &Log,
    known: &Interactions,
    catalog: &[Product],
    report: &mut StageReport,
) -> Result<()> {
    let (name, serving) = match Serving::open(work.shop, NAME)? {
        Some(serving) => (NAME, Some(serving)),
        None => (BASELINE, Serving::open(work.shop, BASELINE)?),
    };
    let Some(serving) = serving else {
        return Err(Error::Wrong("no model of recommendations serves".to_owned()));
    };
    let rows = table::rows(log, known, &serving, (catalog, work.now))?;
    let tastes = expected::rows(&rows, catalog, &work.shop.ledger.hidden_tags()?)?;
    work.shop.lake.replace(&RECOMMENDATIONS, &rows)?;
    work.shop.lake.replace(&EXPECTED_TASTES, &tastes)?;
    report.parameter("serving", json!({ "model": name, "version": serving.version() }));
    report.rows_written = (rows.rows() + tastes.rows()) as u64;
    Ok(())
}

/// Returns what stands in the catalogue of each product of the log.
fn described(log: &Log, catalog: &[Product]) -> Vec<Vec<Field>> {
    let ids: Vec<String> = catalog.iter().map(|product| product.id.clone()).collect();
    let places = log::places(&log.products, &ids);
    let text =
        |place: &Option<u32>| place.map_or_else(Vec::new, |at| fields(&catalog[at as usize]));
    places.iter().map(text).collect()
}

/// Returns the fitted model of the products' texts; `None` when too few or too many have any.
fn content(log: &Log, documents: &[Vec<Field>]) -> Result<Option<Vec<u8>>> {
    let described = documents.iter().filter(|fields| !fields.is_empty()).count();
    let is_enough = described as f64 >= TEXTS_SHARE_MIN * log.products.len() as f64;
    if described == 0 || !is_enough || log.products.len() > TEXTS_MAX {
        return Ok(None);
    }
    let choice = Choice::new("content", recipe::CONTENT)?;
    Ok(Some(recipe::fit_content(documents, &choice)?))
}

/// Returns what stands in the catalogue of a product; an importer that knows no title repeats the
/// identifier, which says nothing. Prices of one band differ by less than half.
fn fields(product: &Product) -> Vec<Field> {
    let mut fields = Vec::new();
    if product.title != product.id {
        fields.push(Field::new("title", product.title.clone()));
    }
    fields.extend(product.category.as_ref().map(|text| Field::new("category", text.clone())));
    fields.extend(product.brand.as_ref().map(|text| Field::new("brand", text.clone())));
    // A price alone makes nothing alike.
    if let Some(price) = product.price.filter(|price| *price > 0 && !fields.is_empty()) {
        let band = (2.0 * (price as f64).log2()).floor();
        fields.push(Field::new("price_band", format!("{band}")));
    }
    fields
}

#[cfg(test)]
mod tests;
