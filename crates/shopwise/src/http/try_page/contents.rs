//! What the page says, gathered from the live state, the engine of lists and the lake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;
use shopwise_model::Product;
use shopwise_stages::language::Mistake;
use shopwise_stages::prepare::tastes::Tastes;
use shopwise_stages::recommend::engine::{
    Answer, Engine, Filter, House, Page, Question, Scene, Visitor,
};
use shopwise_stages::recommend::rules::Rules;

use super::super::App;
use super::super::recommend::engine;
use super::super::reply::ApiError;
use super::form::Form;
use crate::commands::now;
use crate::commands::show::quote;
use crate::live::profiled::Named;
use crate::live::visitor::Supposed;
use crate::live::{Known, view};
use crate::page::Language;
use crate::page::words::Words;

/// Customers among whom to choose.
const NEWEST: usize = 8;

/// Products that stand for what a search found, when nobody names any.
const FOUND: usize = 10;

/// Everything that the page says.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) form: Form,
    pub(super) language: Language,
    pub(super) zone: TimeZone,
    pub(super) zone_name: String,
    pub(super) currency: String,
    /// What of the address could not be read.
    pub(super) wrong: Vec<Words>,
    pub(super) mistake: Option<Mistake>,
    /// Whom the page is about, when somebody was chosen.
    pub(super) person: Option<Person>,
    /// Whom it may be about, when nobody was.
    pub(super) newest: Vec<Glimpse>,
    pub(super) scenes: Vec<Seen>,
    /// What the catalogue says of the products on the page.
    pub(super) products: BTreeMap<String, Product>,
    pub(super) has_products: bool,
}

/// Whom the page is about.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// The pseudonym of the person; none of a stranger.
    pub(super) name: Option<String>,
    /// What is known of him, with what he is supposed to have done.
    pub(super) visitor: Visitor,
    /// The segment that profiling found him in, and its name in both languages.
    pub(super) segment: Option<(String, Words)>,
    /// What he turns to, and how many times as much as everybody.
    pub(super) tags: Vec<(String, f64)>,
    /// What the last run expects him to turn to, and how many times as much.
    pub(super) expected: Vec<(String, f64)>,
}

/// A customer among whom to choose.
#[derive(Debug)]
pub(super) struct Glimpse {
    pub(super) name: String,
    pub(super) last_seen: i64,
    pub(super) orders: i64,
    pub(super) views: i64,
}

/// The lists of a scene.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) scene: Scene,
    /// What the question named.
    pub(super) about: Vec<String>,
    /// Whether nobody had named it.
    pub(super) is_example: bool,
    pub(super) list: Answer,
    /// The list without what he is supposed to have done, where there is something.
    pub(super) before: Option<Answer>,
    /// What is popular.
    pub(super) other: Answer,
}

impl Contents {
    pub(super) fn gather(
        app: &App,
        form: Form,
        wrong: Vec<Words>,
        language: Language,
    ) -> Result<Self, ApiError> {
        let settings = &app.shop.settings;
        let engine = engine(app)?;
        let (filter, mistake) = match Filter::read(&form.filter) {
            _ if form.filter.is_empty() => (None, None),
            Ok(filter) => (Some(Arc::new(filter)), None),
            Err(mistake) => (None, Some(mistake)),
        };
        let at = now();
        let page = Page { n: form.length(), filter: filter.as_ref(), at };
        let mut contents = Self {
            language,
            zone: TimeZone::get(&settings.time_zone).unwrap_or(TimeZone::UTC),
            zone_name: settings.time_zone.clone(),
            currency: settings.currency.clone(),
            wrong,
            mistake,
            person: None,
            newest: Vec::new(),
            scenes: Vec::new(),
            products: BTreeMap::new(),
            has_products: has_products(&engine, at),
            form,
        };
        match contents.form.customer.clone() {
            None => contents.newest = newest(app)?,
            Some(id) => {
                let supposed = supposed(&contents.form, &engine);
                let (person, before) = person(app, &id, &supposed, at)?;
                contents.scenes = Ask { app, engine: &engine, form: &contents.form, page }
                    .scenes(&person.visitor, &before)?;
                contents.person = Some(person);
            }
        }
        contents.name_products(&engine);
        Ok(contents)
    }

    /// Looks up what the catalogue says of every product that the page names.
    fn name_products(&mut self, engine: &Engine) {
        let mut ids: BTreeSet<&str> = self.form.did.iter().map(|(_, id)| id.as_str()).collect();
        ids.extend(self.form.products.iter().map(String::as_str));
        for seen in &self.scenes {
            ids.extend(seen.about.iter().map(String::as_str));
            for answer in [Some(&seen.list), seen.before.as_ref(), Some(&seen.other)] {
                for item in answer.into_iter().flat_map(|answer| &answer.items) {
                    ids.insert(&item.product);
                    ids.extend(item.parts.iter().map(|(id, _)| id.as_str()));
                }
            }
        }
        if let Some(Person { visitor, .. }) = &self.person {
            ids.extend(visitor.done.iter().map(|done| done.product.as_str()));
            ids.extend(visitor.cart.iter().map(String::as_str));
        }
        let known = |id: &str| Some((id.to_owned(), engine.product(id)?));
        self.products = ids.into_iter().filter_map(known).collect();
    }
}

/// Returns whether there is anything that a list may hold.
fn has_products(engine: &Engine, at: i64) -> bool {
    let (visitor, page) = (Visitor::default(), Page { n: 1, filter: None, at });
    let question = Question { scene: Scene::Home, visitor: &visitor, products: &[], page };
    !engine.list(&question).items.is_empty()
}

/// Returns what the form supposes, with what the catalogue says of the prices.
fn supposed(form: &Form, engine: &Engine) -> Vec<Supposed> {
    let supposed = |(deed, id): &(_, String)| Supposed {
        deed: *deed,
        product: id.clone(),
        price: engine.product(id).and_then(|product| product.price).unwrap_or(0),
    };
    form.did.iter().map(supposed).collect()
}

/// Returns whom an identifier means, with what he is supposed to have done, and what is known of
/// him without it.
fn person(
    app: &App,
    id: &str,
    supposed: &[Supposed],
    at: i64,
) -> Result<(Person, Visitor), ApiError> {
    let (mut person, before, names) = {
        let known = read(app)?;
        let (state, vault) = (&known.state, &app.shop.vault);
        let before = known.visitor(vault, id, &[], at);
        let visitor = known.visitor(vault, id, supposed, at);
        let mut person = Person { visitor, ..Person::default() };
        let somebody = view::somebody(state, vault, id).filter(|_| !id.is_empty());
        let names = somebody.as_ref().map(|own| own.names.clone()).unwrap_or_default();
        if let Some(somebody) = somebody {
            let own = known.profiled.of(somebody.names.iter().map(String::as_str));
            person.segment = own.map(named);
            person.tags = tags(&known, &somebody.name);
            person.name = Some(somebody.name);
        }
        (person, before, names)
    };
    if !names.is_empty() {
        let hidden = app.shop.ledger.hidden_tags_of(&names)?;
        person.tags.retain(|(tag, _)| !hidden.contains(tag));
        person.expected = expected(app, &names)?;
        person.expected.retain(|(tag, _)| !hidden.contains(tag));
    }
    Ok((person, before))
}

/// Returns the live state, held.
fn read(app: &App) -> Result<std::sync::RwLockReadGuard<'_, Known>, ApiError> {
    let known = app.live.known().read();
    known.map_err(|_| anyhow::anyhow!("the live state is lost").into())
}

/// Returns a segment that profiling found, with its name.
fn named(segment: &Named) -> (String, Words) {
    let (en, zh) = (Words::data(&segment.english).en, Words::data(&segment.chinese).zh);
    (segment.id.clone(), Words { en, zh })
}

/// Returns what somebody turns to, and how many times as much as everybody.
fn tags(known: &Known, name: &str) -> Vec<(String, f64)> {
    let Some(code) = known.state.customer(name) else { return Vec::new() };
    let tastes = Tastes::of(&known.state).of_customer(&known.state.state_of(code, now()));
    tastes.into_iter().map(|taste| (taste.tag(), taste.lift)).collect()
}

/// Returns what the last run expects somebody to turn to, and how many times as much.
fn expected(app: &App, names: &[String]) -> anyhow::Result<Vec<(String, f64)>> {
    let quoted: Vec<String> = names.iter().map(|name| quote(name)).collect();
    let found = app.shop.lake.query(&format!(
        "SELECT tag, lift FROM expected_tastes WHERE customer IN ({}) \
         ORDER BY kind DESC, share DESC, tag",
        quoted.join(", ")
    ))?;
    let lifts = found.float("lift")?;
    Ok(found.text("tag")?.iter().flatten().map(str::to_owned).zip(lifts.iter().copied()).collect())
}

/// Returns the customers to whom something happened last.
fn newest(app: &App) -> Result<Vec<Glimpse>, ApiError> {
    let known = read(app)?;
    let mut newest: Vec<Glimpse> = Vec::new();
    for code in known.state.newest(2 * NEWEST) {
        let (name, _) = known.state.names_of(code);
        let state = known.state.state_of(code, now());
        if newest.iter().all(|own| own.name != *name) {
            newest.push(Glimpse {
                name: name.to_string(),
                last_seen: state.last_seen,
                orders: state.orders,
                views: state.views,
            });
        }
    }
    newest.truncate(NEWEST);
    Ok(newest)
}

/// What the lists of all scenes are made with.
struct Ask<'a> {
    app: &'a App,
    engine: &'a Engine,
    form: &'a Form,
    page: Page<'a>,
}

impl Ask<'_> {
    /// Returns the lists of the scenes that were asked for.
    fn scenes(&self, visitor: &Visitor, before: &Visitor) -> Result<Vec<Seen>, ApiError> {
        let other = self.engine.popular(self.page, &self.app.rules.rules());
        let all = Scene::ALL.into_iter().map(|(_, scene)| scene);
        let wanted = all.filter(|scene| self.form.scene.is_none_or(|own| own == *scene));
        let seen = |scene: Scene| {
            let (about, is_example) = about(self.engine, self.form, scene, before, self.page.at);
            let list = self.list(scene, visitor, &about)?;
            let before = match self.form.did.is_empty() {
                true => None,
                false => Some(self.list(scene, before, &about)?),
            };
            Ok(Seen { scene, list, before, other: other.clone(), about, is_example })
        };
        wanted.map(seen).collect()
    }

    /// Returns the list as the shop gives it; what is left to chance is drawn alike each time, so
    /// that only what is supposed moves it.
    fn list(
        &self,
        scene: Scene,
        visitor: &Visitor,
        products: &[String],
    ) -> Result<Answer, ApiError> {
        let question = Question { scene, visitor, products, page: self.page };
        let (rules, style) = (self.app.rules.rules(), self.app.rules.styles().of(scene));
        let seed = House::seed(self.form.customer.as_deref().unwrap_or_default());
        let house = House { rules: &rules, style: &style, seed };
        let (answer, _) = self.engine.list_in(&question, &house).map_err(anyhow::Error::from)?;
        Ok(answer)
    }
}

/// Returns the products that a scene is about, and whether they are only an example: what he used
/// last, or what is popular.
fn about(
    engine: &Engine,
    form: &Form,
    scene: Scene,
    visitor: &Visitor,
    at: i64,
) -> (Vec<String>, bool) {
    if !scene.wants_products() {
        let is_named = scene == Scene::Cart && form.scene == Some(scene);
        return (if is_named { form.products.clone() } else { Vec::new() }, false);
    }
    if !form.products.is_empty() {
        return (form.products.clone(), false);
    }
    let last = visitor.done.iter().find(|done| done.used_at() > 0 && engine.knows(&done.product));
    match last {
        Some(last) if scene == Scene::Product => (vec![last.product.clone()], true),
        _ => {
            let n = if scene == Scene::Product { 1 } else { FOUND };
            let popular = engine.popular(Page { n, filter: None, at }, &Rules::default());
            (popular.items.into_iter().map(|item| item.product).collect(), true)
        }
    }
}
