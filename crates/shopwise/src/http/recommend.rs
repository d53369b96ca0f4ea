//! Lists of products: for a customer in a scene, and what is alike, bought together and popular.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use shopwise_stages::recommend::engine::{
    Answer, Engine, Filter, House, LENGTH_MAX, Listed, Moved, Page, Question, Scene, Visitor,
};
use shopwise_stages::recommend::rules::Rules;

use super::pages::{self, Kept};
use super::query::Query;
use super::reply::{ApiError, json_response};
use super::{App, Call};
use crate::commands::{init, now};

/// The length of a list when nobody says.
pub(super) const LENGTH: usize = 10;

/// Products that a question may name: what a search finds on its first pages.
const PRODUCTS_MAX: usize = 500;

/// Seconds after which it may be loaded again.
const ENGINE_RETRY: u32 = 5;

/// Seconds after which it may be known who is in which segment.
const SEGMENTS_RETRY: u32 = 1;

/// Answers the list for a customer in a scene.
pub(super) async fn list(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let customer = call.path.first().cloned().unwrap_or_default();
    let known_names = ["scene", "product", "n", "filter", "explain", "of", "next"];
    let query = Query::read(&call.uri, &known_names)?;
    let asked = Asked::read(&query)?;
    if let Some(token) = query.text("next") {
        if ["scene", "product", "filter", "of"].iter().any(|name| query.text(name).is_some()) {
            return Err(ApiError::bad("`next` goes on with a list: only `n` and `explain` may be"));
        }
        return next(&app, &customer, &asked, token);
    }
    let of = query.whole("of", [asked.n, LENGTH_MAX], asked.n)?;
    let scene = scene(query.text("scene"))?;
    let products = query.texts("product");
    check_products(scene, &products)?;
    let at = now();
    let visitor = known(&app, &customer, at)?;
    check_segments(asked.filter.as_ref(), &visitor)?;
    let page = Page { n: of, ..asked.page(at) };
    let question = Question { scene, visitor: &visitor, products: &products, page };
    let (rules, style) = (app.rules.rules(), app.rules.styles().of(scene));
    let decision = init::new_id(at);
    let house = House { rules: &rules, style: &style, seed: House::seed(&decision) };
    let (answer, _) = engine(&app)?.list_in(&question, &house).map_err(anyhow::Error::from)?;
    app.live.decided().note(&decision, scene.name(), &answer.items, at);
    if of == asked.n {
        return Ok(answered(&answer, &asked, &decision));
    }
    let first = (0..).zip(answer.items.iter().take(asked.n)).collect::<Vec<_>>();
    let is_more = answer.items.len() > asked.n;
    let from = is_more.then_some(asked.n);
    let response = paged(&first, answer.model, &asked, (&decision, from));
    if is_more {
        let (filter, model, items) = (asked.filter, answer.model, answer.items);
        app.pages.keep(&decision, Kept { customer, scene, products, filter, model, items });
    }
    Ok(response)
}

/// Answers the page of a list that a token names.
fn next(app: &App, customer: &str, asked: &Asked, token: &str) -> Result<Response, ApiError> {
    let found = pages::read(token)
        .and_then(|(decision, from)| Some((decision, from, app.pages.find(decision)?)))
        .filter(|(_, _, kept)| kept.customer == customer);
    let Some((decision, from, kept)) = found else {
        return Err(ApiError::missing(format!("no list of `{customer}` goes on at `{token}`"))
            .hint("lists are kept for a quarter of an hour: ask anew, with `of`"));
    };
    let at = now();
    let visitor = known(app, customer, at)?;
    check_segments(kept.filter.as_ref(), &visitor)?;
    let page = Page { n: LENGTH_MAX, filter: kept.filter.as_ref(), at };
    let (scene, products) = (kept.scene, &kept.products[..]);
    let question = Question { scene, visitor: &visitor, products, page };
    let rest = kept.items.get(from..).unwrap_or_default();
    let may_stand = engine(app)?.standing(&question, &app.rules.rules(), rest);
    // The token may name any place: it is counted on only from one that the list has.
    let placed = rest.iter().enumerate().map(|(at, item)| (from + at, item));
    let mut standing = placed.zip(may_stand).filter(|(_, stands)| *stands);
    let shown: Vec<_> = standing.by_ref().map(|(entry, _)| entry).take(asked.n).collect();
    let after = standing.next().map(|((at, _), _)| at);
    Ok(paged(&shown, kept.model, asked, (decision, after)))
}

/// Answers entries of a list with their places, from 0, and where it goes on.
fn paged(
    entries: &[(usize, &Listed)],
    model: Option<(&'static str, i64)>,
    asked: &Asked,
    (decision, from): (&str, Option<usize>),
) -> Response {
    let items = entries.iter().map(|(at, item)| shown(at + 1, item, asked.explain));
    let items: Vec<Value> = items.collect();
    let next = from.map(|from| pages::token(decision, from));
    let body = json!({
        "decision": decision, "model": told_model(model), "items": items, "next": next,
    });
    json_response(StatusCode::OK, &body)
}

/// Checks the products that a question names.
pub(super) fn check_products(scene: Scene, products: &[String]) -> Result<(), ApiError> {
    if products.len() > PRODUCTS_MAX {
        return Err(ApiError::bad(format!("at most {PRODUCTS_MAX} times `product`")));
    }
    if scene.wants_products() && products.is_empty() {
        let why = format!("scene `{}` wants to know which products it is about", scene.name());
        return Err(ApiError::bad(why).hint("add `product=ID`, once for each"));
    }
    Ok(())
}

/// Answers what is like a product.
pub(super) async fn similar(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    related(&app, &call, Engine::similar)
}

/// Answers what is bought together with a product.
pub(super) async fn together(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    related(&app, &call, Engine::together)
}

/// Answers what is popular.
pub(super) async fn popular(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let asked = Asked::for_everybody(&call)?;
    let (engine, page) = (engine(&app)?, asked.page(now()));
    let rules = app.rules.rules();
    let answer = engine.popular(page, &rules);
    Ok(answered(&answer, &asked, &init::new_id(now())))
}

fn related(
    app: &App,
    call: &Call,
    list: fn(&Engine, &str, Page<'_>, &Rules) -> Option<Answer>,
) -> Result<Response, ApiError> {
    let product = call.path.first().map_or("", String::as_str);
    let asked = Asked::for_everybody(call)?;
    let (engine, page) = (engine(app)?, asked.page(now()));
    let rules = app.rules.rules();
    let Some(answer) = list(&engine, product, page, &rules) else {
        return Err(ApiError::missing(format!("there is no product `{product}`")));
    };
    Ok(answered(&answer, &asked, &init::new_id(now())))
}

/// Checks that what a filter asks can be answered of a customer by now.
pub(super) fn check_segments(
    filter: Option<&Arc<Filter>>,
    visitor: &Visitor,
) -> Result<(), ApiError> {
    match filter.is_some_and(|filter| visitor.lacks_segments && filter.needs_segments()) {
        true => Err(ApiError::later("who is in which segment is still being read", SEGMENTS_RETRY)),
        false => Ok(()),
    }
}

/// Returns the engine, when there is one.
pub(super) fn engine(app: &App) -> Result<Arc<Engine>, ApiError> {
    let none = || ApiError::later("what serves cannot be loaded; the log says why", ENGINE_RETRY);
    app.desk.engine().ok_or_else(none)
}

/// What every list is asked for.
struct Asked {
    n: usize,
    filter: Option<Arc<Filter>>,
    explain: bool,
}

impl Asked {
    fn read(query: &Query) -> Result<Self, ApiError> {
        let filter = filter(query.text("filter"))?;
        Ok(Self {
            n: query.whole("n", [1, LENGTH_MAX], LENGTH)?,
            filter,
            explain: query.flag("explain")?,
        })
    }

    /// Reads what a list is asked for that is the same for everybody.
    fn for_everybody(call: &Call) -> Result<Self, ApiError> {
        let asked = Self::read(&Query::read(&call.uri, &["n", "filter", "explain"])?)?;
        match asked.filter.as_ref().is_some_and(|filter| filter.needs_customer()) {
            true => Err(ApiError::bad(
                "this list is for nobody in particular: its filter may ask \
                                       about products alone",
            )
            .hint("`/api/recommendations/CUSTOMER` knows the customer")),
            false => Ok(asked),
        }
    }

    fn page(&self, at: i64) -> Page<'_> {
        Page { n: self.n, filter: self.filter.as_ref(), at }
    }
}

/// Reads a filter; an empty one is none.
pub(super) fn filter(text: Option<&str>) -> Result<Option<Arc<Filter>>, ApiError> {
    let filter = text.filter(|text| !text.trim().is_empty()).map(Filter::read).transpose();
    let what = ["the filter cannot be read", "筛选条件无法识别"];
    let filter = filter.map_err(|mistake| ApiError::bad(mistake.behind(what)))?;
    Ok(filter.map(Arc::new))
}

/// Returns the scene of a name; the first page where none is given.
pub(super) fn scene(name: Option<&str>) -> Result<Scene, ApiError> {
    let name = name.unwrap_or("home");
    Scene::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Scene::ALL.iter().map(|(name, _)| *name).collect();
        ApiError::bad(format!("`scene` must be one of {}, got `{name}`", names.join(", ")))
    })
}

/// Returns what is known of a customer now; of somebody unknown, nothing.
pub(super) fn known(app: &App, customer: &str, at: i64) -> Result<Visitor, ApiError> {
    let known = app.live.known().read();
    let known = known.map_err(|_| anyhow::anyhow!("the live state is lost"))?;
    Ok(known.visitor(&app.shop.vault, customer, &[], at))
}

fn answered(answer: &Answer, asked: &Asked, decision: &str) -> Response {
    let items = items(answer, asked.explain);
    let model = told_model(answer.model);
    let body = json!({ "decision": decision, "model": model, "items": items });
    json_response(StatusCode::OK, &body)
}

fn told_model(model: Option<(&'static str, i64)>) -> Option<Value> {
    model.map(|(name, version)| json!({ "name": name, "version": version }))
}

/// Returns the entries of a list as they are told.
pub(super) fn items(answer: &Answer, explain: bool) -> Vec<Value> {
    (1..).zip(&answer.items).map(|(at, item)| shown(at, item, explain)).collect()
}

/// Returns an entry of a list as it is told.
fn shown(position: usize, item: &Listed, explain: bool) -> Value {
    let because: Vec<&String> = item.parts.iter().take(1).map(|(product, _)| product).collect();
    let mut shown = json!({
        "product": item.product,
        "score": item.score,
        "position": position,
        "propensity": item.propensity,
        "reasons": [{ "reason": item.reason, "products": because }],
    });
    if let Some(label) = item.moved.as_ref().and_then(|moved| moved.label.as_ref()) {
        shown["label"] = json!(label);
    }
    if explain {
        let part = |(product, value): &(String, f32)| json!({ "text": product, "value": value });
        let parts: Vec<Value> = item.parts.iter().map(part).collect();
        let because = json!({ "text": item.source, "value": item.score, "parts": parts });
        shown["explanation"] =
            item.moved.as_ref().map_or(because, |moved| tree(item, moved, &parts));
    }
    shown
}

/// Returns what makes a value, as a tree whose parts make the whole.
fn tree(item: &Listed, moved: &Moved, because: &[Value]) -> Value {
    let part = |text: &str, value: f32| json!({ "text": text, "value": value });
    let mut relevance = part("relevance among the candidates", moved.parts.base);
    relevance["because"] = json!(because);
    json!({
        "text": item.source,
        "value": item.score,
        "parts": [
            relevance,
            part("rules", moved.parts.boost),
            part("shown before without a click", moved.parts.fatigue),
            part("like what stands above", moved.parts.likeness),
        ],
        "standing": moved.standing,
        "position_before": moved.before,
        "rules": moved.rules,
    })
}
