//! Feedback: events that come in by the door of all events, and are read from the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shopwise_model::{EventKind, Product, time};
use shopwise_stages::collect::gorse::log::{self, ALL, DELETED, DUE, Key, PUT, Standing, Wanted};
use shopwise_stages::collect::gorse::{Feedback, Object};
use shopwise_stages::collect::kind_of_feedback;
use shopwise_stages::collect::wire::{self, Endpoint};
use shopwise_store::ledger::CustomerTraits;

use super::users::pseudonym;
use super::{COUNT, PAGE_MAX, Query, SOURCE, affected, objects, part, refused};
use crate::commands::{init, now};
use crate::http::recommend::engine;
use crate::http::reply::{ApiError, json_response};
use crate::http::{App, Call, blocking, body};
use crate::live::Full;

/// Events that are decoded at once: below what the wire takes of one body.
const TOGETHER: usize = 1_000;

/// Bytes of the labels of one feedback: an event has at most 32 KiB.
const LABELS_BYTES_MAX: usize = 16 << 10;

/// How long a caller waits who comes while the disk is full or slow, in seconds.
const FULL_RETRY: u32 = 5;

/// Adds to the feedback there is.
pub(super) async fn insert(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    take(app, call, false).await
}

/// Replaces the feedback there is.
pub(super) async fn put(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    take(app, call, true).await
}

async fn take(app: Arc<App>, mut call: Call, replaces: bool) -> Result<Response, ApiError> {
    let held = body::read(&app, &mut call).await?;
    let read = |one: &Object| Feedback::read(one).map_err(|wrong| refused(&wrong));
    let all = objects(&held.bytes)?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if all.iter().any(|one| one.labels.to_string().len() > LABELS_BYTES_MAX) {
        return Err(ApiError::bad("`Labels` of feedback must be at most 16 KiB"));
    }
    let count = all.len();
    // Of several with one key in a request, gorse takes the first.
    let mut keys = BTreeSet::new();
    let is_first =
        |one: &Feedback| keys.insert((one.name.clone(), one.user.clone(), one.item.clone()));
    let all: Vec<Feedback> = all.into_iter().filter(is_first).collect();
    let at = now();
    let calls: Vec<Value> = all.iter().map(|one| event(one, replaces, at)).collect();
    blocking(&app, move |app| {
        know(app, &all)?;
        Ok(affected(count))
    })
    .await?;
    keep(&app, calls).await?;
    Ok(affected(count))
}

/// Makes users and items known that nobody has named before, as gorse does.
fn know(app: &App, all: &[Feedback]) -> Result<(), ApiError> {
    let users: BTreeSet<&str> = all.iter().map(|one| one.user.as_str()).collect();
    let user = |name: &str| CustomerTraits {
        customer: pseudonym(app, name),
        name: name.to_owned(),
        labels: Value::Null,
        comment: String::new(),
    };
    let users: Vec<CustomerTraits> = users.into_iter().map(user).collect();
    app.shop.ledger.add_traits(&users, now())?;
    let engine = engine(app)?;
    let items: BTreeSet<&str> = all.iter().map(|one| one.item.as_str()).collect();
    let new: Vec<&str> = items.into_iter().filter(|item| !engine.knows(item)).collect();
    if new.is_empty() {
        return Ok(());
    }
    app.desk.write_products(|ledger| {
        let mut products = Vec::new();
        for id in new {
            if ledger.product(id)?.is_none() {
                let id = id.to_owned();
                products.push(Product { title: id.clone(), id, ..Product::default() });
            }
        }
        Ok::<_, ApiError>(products)
    })?;
    Ok(())
}

/// Returns feedback as a call.
fn event(given: &Feedback, replaces: bool, now: i64) -> Value {
    let kind = kind_of_feedback(&given.name);
    let mut properties = given.extra(kind);
    properties.remove("event");
    properties.insert("product_id".to_owned(), given.item.as_str().into());
    if kind == EventKind::ProductReviewed {
        properties.insert("rating".to_owned(), given.value.into());
    }
    if replaces {
        properties.insert(PUT.to_owned(), true.into());
    }
    if let Some(at) = given.at.filter(|at| *at > now) {
        properties.insert(DUE.to_owned(), time::format(at).into());
    }
    let name = if kind == EventKind::Other { given.name.as_str() } else { kind.name() };
    let mut call = call(&given.user, name, properties);
    if let Some(at) = given.at {
        call["timestamp"] = time::format(at).into();
    }
    call
}

fn call(user: &str, name: &str, mut properties: Object) -> Value {
    let id = init::new_id(now());
    if name == EventKind::OrderCompleted.name() {
        properties.insert("order_id".to_owned(), id.as_str().into());
    }
    json!({ "type": "track", "userId": user, "event": name, "messageId": id,
        "properties": properties })
}

/// Notes that products were shown to a user; as feedback they count from the moment `due` on.
pub(super) async fn shown(
    app: &Arc<App>,
    user: &str,
    name: &str,
    products: &[&str],
    due: i64,
) -> Result<(), ApiError> {
    let given = json!({ "FeedbackType": name, "UserId": user, "ItemId": "any" });
    let given = given.as_object().cloned().unwrap_or_default();
    let given = Feedback::read(&given).map_err(|wrong| refused(&wrong))?;
    let one = |(at, product): (usize, &&str)| {
        let mut properties = given.extra(EventKind::RecommendationShown);
        properties.insert("product_id".to_owned(), (*product).into());
        properties.insert("position".to_owned(), (at + 1).into());
        properties.insert(DUE.to_owned(), time::format(due).into());
        call(&given.user, EventKind::RecommendationShown.name(), properties)
    };
    let calls = products.iter().enumerate().map(one).collect();
    keep(app, calls).await
}

/// Takes feedback of a user away: of an item, and of a word, where they are named.
pub(super) async fn take_away(
    app: &Arc<App>,
    user: &str,
    item: Option<&str>,
    name: Option<&str>,
) -> Result<(), ApiError> {
    let mut properties = Object::new();
    properties.insert(DELETED.to_owned(), name.unwrap_or(ALL).into());
    if let Some(item) = item {
        properties.insert("product_id".to_owned(), item.into());
    }
    keep(app, vec![call(user, "Feedback Deleted", properties)]).await
}

/// Hands events over and waits until they are on disk.
async fn keep(app: &Arc<App>, calls: Vec<Value>) -> Result<(), ApiError> {
    let (mut calls, at) = (calls, now());
    while !calls.is_empty() {
        let rest = calls.split_off(calls.len().min(TOGETHER));
        let body = json!({ "batch": calls }).to_string();
        let decode =
            || wire::decode(Endpoint::Batch, body.as_bytes(), SOURCE, at, || init::new_id(now()));
        let decoded = tokio::task::block_in_place(decode);
        let decoded = decoded.map_err(|error| ApiError::bad(error.to_string()))?;
        if let Some(spoiled) = decoded.spoiled().next() {
            return Err(ApiError::bad(format!("`{}` {}", spoiled.field, spoiled.reason)));
        }
        app.live.take(SOURCE, decoded).await.map_err(|full| match full {
            Full::Busy => ApiError::later("the server is busy", FULL_RETRY),
            Full::Disk => ApiError::later("the feedback could not be stored", FULL_RETRY),
        })?;
        calls = rest;
    }
    Ok(())
}

/// Returns the text behind a cursor.
pub(super) fn cursor(query: &Query) -> Result<Option<String>, ApiError> {
    let Some(text) = query.text("cursor") else { return Ok(None) };
    let text = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.filter(|text| !text.contains('\0'));
    text.map(Some).ok_or_else(|| ApiError::bad("`cursor` is none that was given out"))
}

/// Returns a text as a cursor.
pub(super) fn coded(text: &str) -> String {
    STANDARD.encode(text)
}

/// Answers a page of all feedback.
pub(super) async fn list(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    page(app, call, None).await
}

/// Answers a page of the feedback of one word.
pub(super) async fn list_typed(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let name = part(&call, 0)?;
    page(app, call, Some(name)).await
}

async fn page(app: Arc<App>, call: Call, name: Option<String>) -> Result<Response, ApiError> {
    let query = Query::read(&call.uri);
    let count = query.whole("n", COUNT, PAGE_MAX)?;
    let from = cursor(&query)?.map(|text| {
        let parts: Option<[String; 3]> = serde_json::from_str(&text).ok();
        let key = parts.map(|[name, customer, product]| Key { name, customer, product });
        key.ok_or_else(|| ApiError::bad("`cursor` is none that was given out"))
    });
    let wanted = Wanted { name, from: from.transpose()?, count, ..Wanted::default() };
    blocking(&app, move |app| {
        let (page, next) = read(app, &wanted)?;
        let key = |key: &Key| json!([key.name, key.customer, key.product]).to_string();
        let cursor = next.map_or_else(String::new, |next| coded(&key(&next)));
        let body = json!({ "Cursor": cursor, "Feedback": told(app, page)? });
        Ok(json_response(StatusCode::OK, &body))
    })
    .await
}

/// Reads feedback from the log.
fn read(app: &App, wanted: &Wanted) -> Result<(Vec<Standing>, Option<Key>), ApiError> {
    let waiting = app.live.waiting()?;
    Ok(log::read(&app.shop, wanted, &waiting, now()).map_err(anyhow::Error::from)?)
}

/// Returns feedback as gorse writes it, with the names that users were given.
fn told(app: &App, page: Vec<Standing>) -> Result<Vec<Value>, ApiError> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut all = Vec::with_capacity(page.len());
    for Standing { key, value, at, updated, labels } in page {
        let user = match names.get(&key.customer) {
            Some(user) => user.clone(),
            None => {
                let traits = app.shop.ledger.traits_of(&key.customer)?;
                let name = traits.map_or_else(|| key.customer.clone(), |traits| traits.name);
                names.entry(key.customer).or_insert(name).clone()
            }
        };
        let (name, item, comment) = (key.name, key.product, String::new());
        let (at, updated) = (Some(at), Some(updated));
        all.push(Feedback { name, user, item, value, at, updated, labels, comment }.to_json());
    }
    Ok(all)
}

/// Answers all feedback that is wanted, as far as a page goes.
async fn answer(
    app: &Arc<App>,
    wanted: impl FnOnce(&App) -> Wanted + Send + 'static,
    with: impl Fn(&Standing) -> bool + Send + 'static,
) -> Result<Response, ApiError> {
    blocking(app, move |app| {
        let (mut page, _) = read(app, &Wanted { count: PAGE_MAX, ..wanted(app) })?;
        page.retain(with);
        Ok(json_response(StatusCode::OK, &Value::Array(told(app, page)?)))
    })
    .await
}

pub(super) async fn of_user(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let user = part(&call, 0)?;
    let wanted = move |app: &App| of(app, Some(&user), None, None);
    answer(&app, wanted, |_| true).await
}

/// Answers the feedback of a user that an expression such as `read>=3` describes.
pub(super) async fn of_user_typed(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let user = part(&call, 0)?;
    let (name, holds) = expression(&part(&call, 1)?)?;
    let wanted = move |app: &App| of(app, Some(&user), None, Some(name));
    answer(&app, wanted, move |one| holds(one.value)).await
}

pub(super) async fn of_item(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let item = part(&call, 0)?;
    answer(&app, move |app| of(app, None, Some(item), None), |_| true).await
}

pub(super) async fn of_item_typed(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let (item, name) = (part(&call, 0)?, part(&call, 1)?);
    answer(&app, move |app| of(app, None, Some(item), Some(name)), |_| true).await
}

pub(super) async fn of_both(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let (user, item) = (part(&call, 0)?, part(&call, 1)?);
    answer(&app, move |app| of(app, Some(&user), Some(item), None), |_| true).await
}

/// Answers one feedback; where there is none, an empty object.
pub(super) async fn one(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let (name, user, item) = (part(&call, 0)?, part(&call, 1)?, part(&call, 2)?);
    blocking(&app, move |app| {
        let wanted = Wanted { count: 1, ..of(app, Some(&user), Some(item), Some(name)) };
        let (page, _) = read(app, &wanted)?;
        let found = told(app, page)?.pop().unwrap_or_else(|| json!({}));
        Ok(json_response(StatusCode::OK, &found))
    })
    .await
}

pub(super) async fn delete_of_both(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    remove(app, part(&call, 0)?, part(&call, 1)?, None).await
}

pub(super) async fn delete_one(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    remove(app, part(&call, 1)?, part(&call, 2)?, Some(part(&call, 0)?)).await
}

/// Takes feedback away, and says how much there was.
async fn remove(
    app: Arc<App>,
    user: String,
    item: String,
    name: Option<String>,
) -> Result<Response, ApiError> {
    let (shared, whose, what, word) = (Arc::clone(&app), user.clone(), item.clone(), name.clone());
    let count = move || {
        let wanted = of(&shared, Some(&whose), Some(what), word);
        Ok::<_, ApiError>(read(&shared, &Wanted { count: PAGE_MAX, ..wanted })?.0.len())
    };
    let count = tokio::task::spawn_blocking(count).await.map_err(anyhow::Error::from)??;
    if count > 0 {
        take_away(&app, &user, Some(&item), name.as_deref()).await?;
    }
    Ok(affected(count))
}

fn of(app: &App, user: Option<&str>, product: Option<String>, name: Option<String>) -> Wanted {
    let customer = user.map(|user| pseudonym(app, user));
    Wanted { name, customer, product, from: None, count: 0 }
}

/// Reads a word of feedback, with a comparison of its value behind it where there is one.
fn expression(text: &str) -> Result<(String, impl Fn(f64) -> bool + use<>), ApiError> {
    let wrong = || ApiError::bad("a type of feedback is a word, or a word and a bound: read>=3");
    let ends = |one: char| one == '<' || one == '>' || one == '=';
    let (name, bound) = text.split_at(text.find(ends).unwrap_or(text.len()));
    let number = bound.trim_start_matches(ends);
    let sign = bound.get(..bound.len() - number.len()).unwrap_or_default().to_owned();
    let is_known = ["", "<", "<=", ">", ">="].contains(&sign.as_str());
    if name.is_empty() || !is_known || (sign.is_empty() != number.is_empty()) {
        return Err(wrong());
    }
    let limit: f64 = if number.is_empty() { 0.0 } else { number.parse().map_err(|_| wrong())? };
    let holds = move |value: f64| match sign.as_str() {
        "<" => value < limit,
        "<=" => value <= limit,
        ">" => value > limit,
        ">=" => value >= limit,
        _ => true,
    };
    Ok((name.to_owned(), holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_of_feedback_may_have_a_bound() {
        let read =
            |text: &str, value: f64| expression(text).map(|(name, holds)| (name, holds(value)));
        assert_eq!(read("read", -1.0).unwrap(), ("read".to_owned(), true));
        assert_eq!(read("read>=3", 3.0).unwrap(), ("read".to_owned(), true));
        assert_eq!(read("read<3", 3.0).unwrap(), ("read".to_owned(), false));
        for wrong in ["", ">=3", "read>=", "read>=x", "read=>3", "read><3"] {
            assert!(read(wrong, 0.0).is_err(), "{wrong}");
        }
    }
}
