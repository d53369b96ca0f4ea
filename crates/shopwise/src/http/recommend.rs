//! Lists of products: for a customer in a scene, and what is alike, bought together and popular.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use shopwise_stages::recommend::engine::{
    Answer, Engine, Filter, House, LENGTH_MAX, Listed, Moved, Page, Question, Scene, Visitor,
};

use super::query::Query;
use super::reply::{ApiError, json_response};
use super::{App, Call};
use crate::commands::{init, now};
use crate::live::view;
use crate::live::visitor::visitor;

/// The length of a list when nobody says.
pub(super) const LENGTH: usize = 10;

/// Products that a question may name: what a search finds on its first pages.
const PRODUCTS_MAX: usize = 500;

/// Seconds after which it may be loaded again.
const ENGINE_RETRY: u32 = 5;

/// Answers the list for a customer in a scene.
pub(super) async fn list(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let customer = call.path.first().cloned().unwrap_or_default();
    let query = Query::read(&call.uri, &["scene", "product", "n", "filter", "explain"])?;
    let asked = Asked::read(&query)?;
    let scene = scene(query.text("scene"))?;
    let products = query.texts("product");
    check_products(scene, &products)?;
    let at = now();
    let visitor = known(&app, &customer, at)?;
    let (visitor, products, page) = (&visitor, &products[..], asked.page(at));
    let question = Question { scene, visitor, products, page };
    let (rules, style) = (app.rules.rules(), app.rules.styles().of(scene));
    let decision = init::new_id(at);
    let house = House { rules: &rules, style: &style, seed: House::seed(&decision) };
    let (answer, _) = engine(&app)?.list_in(&question, &house).map_err(anyhow::Error::from)?;
    Ok(answered(&answer, &asked, &decision))
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
    let asked = Asked::read(&Query::read(&call.uri, &["n", "filter", "explain"])?)?;
    let answer = engine(&app)?.popular(asked.page(now()));
    Ok(answered(&answer, &asked, &init::new_id(now())))
}

fn related(
    app: &App,
    call: &Call,
    list: fn(&Engine, &str, Page<'_>) -> Option<Answer>,
) -> Result<Response, ApiError> {
    let product = call.path.first().map_or("", String::as_str);
    let asked = Asked::read(&Query::read(&call.uri, &["n", "filter", "explain"])?)?;
    let engine = engine(app)?;
    let answer = list(&engine, product, asked.page(now()));
    match answer {
        Some(answer) => Ok(answered(&answer, &asked, &init::new_id(now()))),
        None => Err(ApiError::missing(format!("there is no product `{product}`"))),
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

    fn page(&self, at: i64) -> Page<'_> {
        Page { n: self.n, filter: self.filter.as_ref(), at }
    }
}

/// Reads a filter; an empty one is none.
pub(super) fn filter(text: Option<&str>) -> Result<Option<Arc<Filter>>, ApiError> {
    let filter = text.filter(|text| !text.trim().is_empty()).map(Filter::read).transpose();
    let filter =
        filter.map_err(|mistake| ApiError::bad(format!("the filter cannot be read: {mistake}")))?;
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
    let mut found = visitor(&known.state, &app.shop.vault, customer, at);
    if let Some(ruled) = &known.ruled {
        found.segments = ruled.of(&view::pseudonyms(&app.shop.vault, customer));
    }
    Ok(found)
}

fn answered(answer: &Answer, asked: &Asked, decision: &str) -> Response {
    let items = items(answer, asked.explain);
    let model = answer.model.map(|(name, version)| json!({ "name": name, "version": version }));
    let body = json!({ "decision": decision, "model": model, "items": items });
    json_response(StatusCode::OK, &body)
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
