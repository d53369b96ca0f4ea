//! Segments: those that rules define, with their members of this moment, and those that profiling
//! found.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use shopwise_model::tables::{PROFILES, SEGMENTS};
use shopwise_model::time;
use shopwise_stages::language::{Expression, Language, Mistake};
use shopwise_stages::profile::segments::{Definition, SEGMENTS_MAX};
use shopwise_store::ledger::SegmentRule;

use super::query::Query;
use super::reply::{ApiError, json_response};
use super::{App, Call, blocking, body};
use crate::commands::now;
use crate::commands::segments::{self as rules, NAME_MAX, wrong_id};
use crate::commands::show::quote;

/// Members of a page at the most.
const PAGE_MAX: usize = 10_000;

/// Members of a page when nobody says.
const PAGE: usize = 100;

/// Persons who are tried on while others wait for the live state.
const PERSONS_AT_A_TIME: u32 = 500;

/// Who changes segments over HTTP: the administrator's token says no more.
const ADMINISTRATOR: &str = "administrator";

/// Answers all segments.
pub(super) async fn list(app: Arc<App>, _: Call) -> Result<Response, ApiError> {
    blocking(&app, |app| {
        let mut all = Vec::new();
        for rule in app.shop.ledger.segment_rules()?.iter().filter(|rule| rule.off.is_none()) {
            all.push(shown(app, rule)?);
        }
        all.extend(found(app, None)?);
        Ok(json_response(StatusCode::OK, &json!({ "segments": all })))
    })
    .await
}

/// Answers one segment.
pub(super) async fn show(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = call.path.first().cloned().unwrap_or_default();
    blocking(&app, move |app| {
        let rules = app.shop.ledger.segment_rules()?;
        let one = match rules.iter().find(|rule| rule.id == id) {
            Some(rule) => Some(shown(app, rule)?),
            None => found(app, Some(&id))?.into_iter().next(),
        };
        let one = one.ok_or_else(|| missing(&id))?;
        Ok(json_response(StatusCode::OK, &one))
    })
    .await
}

/// Defines a segment by a rule, or changes it.
pub(super) async fn put(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let id = call.path.first().cloned().unwrap_or_default();
    let held = body::read(&app, &mut call).await?;
    blocking(&app, move |app| {
        let fields = fields(&held.bytes, &["name", "expression"])?;
        if let Some(why) = wrong_id(&id) {
            return Err(ApiError::bad(why));
        }
        if !found(app, Some(&id))?.is_empty() {
            let why = format!("`{id}` is a segment that profiling found");
            return Err(ApiError::bad(why).hint("choose another identifier"));
        }
        let name = text(&fields, "name")?.unwrap_or(&id);
        if name.chars().count() > NAME_MAX {
            return Err(ApiError::bad(format!("`name` has more than {NAME_MAX} characters")));
        }
        let expression = needed(&fields)?;
        rules::read(&app.shop, expression).map_err(|mistake| refused(&mistake))?;
        let known = app.shop.ledger.segment_rules()?;
        let is_on = |rule: &&SegmentRule| rule.off.is_none() && rule.id != id;
        if known.iter().filter(is_on).count() >= SEGMENTS_MAX {
            return Err(ApiError::bad(format!("there are {SEGMENTS_MAX} segments already")));
        }
        app.shop.ledger.put_segment(&id, name, expression, ADMINISTRATOR, now())?;
        app.live.redefine();
        let rules = app.shop.ledger.segment_rules()?;
        let rule = rules.iter().find(|rule| rule.id == id).ok_or_else(|| missing(&id))?;
        Ok(json_response(StatusCode::OK, &shown(app, rule)?))
    })
    .await
}

/// Switches a segment off.
pub(super) async fn delete(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = call.path.first().cloned().unwrap_or_default();
    blocking(&app, move |app| {
        let is_one = wrong_id(&id).is_none();
        if !is_one || !app.shop.ledger.switch_segment_off(&id, ADMINISTRATOR, now())? {
            return Err(missing(&id));
        }
        app.live.redefine();
        Ok(json_response(StatusCode::OK, &json!({ "deleted": id })))
    })
    .await
}

/// Says what is wrong with an expression, or how many members it would have.
pub(super) async fn check(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let held = body::read(&app, &mut call).await?;
    blocking(&app, move |app| {
        let fields = fields(&held.bytes, &["expression"])?;
        let text = needed(&fields)?;
        let body = match rules::read(&app.shop, text) {
            Ok(expression) => {
                let english = expression.print(Language::English);
                let chinese = expression.print(Language::Chinese);
                let members = tried(app, expression)?;
                json!({ "ok": true, "english": english, "chinese": chinese, "members": members })
            }
            Err(mistake) => json!({
                "ok": false,
                "mistake": {
                    "start": mistake.start, "length": mistake.length,
                    "message": mistake.message(), "hint": mistake.advice(),
                    "text": mistake.to_string(),
                },
            }),
        };
        Ok(json_response(StatusCode::OK, &body))
    })
    .await
}

/// Answers who is in a segment, a page at a time.
pub(super) async fn members(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = call.path.first().cloned().unwrap_or_default();
    let query = Query::read(&call.uri, &["n", "after"])?;
    let most = query.whole("n", [1, PAGE_MAX], PAGE)?;
    let after = query.text("after").map(ToOwned::to_owned);
    blocking(&app, move |app| {
        let rules = app.shop.ledger.segment_rules()?;
        let members = if rules.iter().any(|rule| rule.id == id && rule.off.is_none()) {
            ruled(app, &id, after.as_deref(), most)?
        } else if found(app, Some(&id))?.is_empty() {
            return Err(missing(&id));
        } else {
            profiled(app, &id, after.as_deref(), most)?
        };
        let next = match members.last() {
            Some(last) if members.len() == most => last["customer"].clone(),
            _ => Value::Null,
        };
        let body = json!({ "segment": id, "members": members, "next": next });
        Ok(json_response(StatusCode::OK, &body))
    })
    .await
}

/// Returns the segments that a person is in, who is named by his pseudonyms: those of rules, and
/// the one in which profiling found him.
pub(super) fn of_customer(app: &App, names: &[String]) -> Result<Vec<Value>, ApiError> {
    let known = app.live.known().read().map_err(|_| lost())?;
    let segments = known.ruled.as_ref().map(|ruled| &ruled.segments);
    let of = names.iter().filter_map(|name| segments?.of(name).next().map(|_| name)).next();
    let own = of.into_iter().flat_map(|name| segments.into_iter().flat_map(|all| all.of(name)));
    let ruled = own.map(|(segment, since)| {
        json!({ "segment": segment.id, "name": segment.name, "kind": "rule",
            "since": since.map(time::format) })
    });
    let found = known.profiled.of(names.iter().map(String::as_str)).map(
        |own| json!({ "segment": own.id, "name": own.english, "kind": "profile", "since": null }),
    );
    Ok(ruled.chain(found).collect())
}

fn ruled(app: &App, id: &str, after: Option<&str>, most: usize) -> Result<Vec<Value>, ApiError> {
    let known = app.live.known().read().map_err(|_| lost())?;
    let segments = known.ruled.as_ref().map(|ruled| &ruled.segments);
    let segments = segments.filter(|all| all.is_whole());
    let Some((segments, place)) = segments.and_then(|all| Some((all, all.place(id)?))) else {
        return Err(ApiError::later(format!("the members of `{id}` are being found"), 1));
    };
    let members = segments.members(place, after, most).into_iter();
    Ok(members
        .map(|member| json!({ "customer": member.person, "since": member.since.map(time::format) }))
        .collect())
}

fn profiled(app: &App, id: &str, after: Option<&str>, most: usize) -> Result<Vec<Value>, ApiError> {
    let behind = after.map_or(String::new(), |after| format!("AND customer > {}", quote(after)));
    let sql = format!(
        "SELECT customer FROM profiles WHERE segment = {} {behind} ORDER BY customer LIMIT {most}",
        quote(id)
    );
    let page = app.shop.lake.query(&sql)?;
    let customers = page.text("customer").map_err(anyhow::Error::from)?;
    Ok(customers
        .iter()
        .flatten()
        .map(|customer| json!({ "customer": customer, "since": null }))
        .collect())
}

/// Returns how many persons an expression holds of; nothing when that takes a replay.
fn tried(app: &App, expression: Expression) -> Result<Option<u64>, ApiError> {
    let definition = Definition { id: String::new(), name: String::new(), expression };
    let mut trial = None;
    loop {
        let known = app.live.known().read().map_err(|_| lost())?;
        let Some(segments) = known.ruled.as_ref().map(|ruled| &ruled.segments) else {
            return Ok(None);
        };
        if trial.is_none() {
            trial = segments.try_on(definition.clone());
        }
        let Some(trial) = &mut trial else { return Ok(None) };
        if let Some(members) = segments.go_on(trial, PERSONS_AT_A_TIME) {
            return Ok(Some(members));
        }
        // Who wants to write comes in between.
        drop(known);
        std::thread::yield_now();
    }
}

/// Returns a rule segment as it is shown.
fn shown(app: &App, rule: &SegmentRule) -> Result<Value, ApiError> {
    let known = app.live.known().read().map_err(|_| lost())?;
    let segments = known.ruled.as_ref().map(|ruled| &ruled.segments);
    let segments = segments.filter(|all| all.is_whole());
    let members = segments
        .and_then(|all| all.all().find(|(own, _)| own.id == rule.id).map(|(_, members)| members));
    drop(known);
    Ok(rules::shown(&app.shop, rule, members))
}

/// Returns the segments that profiling found, or one of them.
fn found(app: &App, id: Option<&str>) -> Result<Vec<Value>, ApiError> {
    if app.shop.lake.version(&SEGMENTS)?.is_none() || app.shop.lake.version(&PROFILES)?.is_none() {
        return Ok(Vec::new());
    }
    let only = id.map_or(String::new(), |id| format!("WHERE segment = {}", quote(id)));
    let sql = format!("SELECT * FROM segments {only} ORDER BY segment");
    let all = app.shop.lake.query(&sql)?;
    let of = |row| {
        let mut one = crate::commands::show::row_json(&all, row);
        one["kind"] = json!("profile");
        one["name"] = one["name_en"].clone();
        one["members"] = one["customers"].clone();
        one
    };
    Ok((0..all.rows()).map(of).collect())
}

fn missing(id: &str) -> ApiError {
    ApiError::missing(format!("there is no segment `{id}`")).hint("PUT defines one by a rule")
}

fn lost() -> ApiError {
    anyhow::anyhow!("the live state is lost").into()
}

/// Returns the answer to a wrong expression, whose advice stands by itself.
fn refused(mistake: &Mistake) -> ApiError {
    let refused = ApiError::bad(mistake.shown());
    match mistake.advice() {
        Some(advice) => refused.hint(advice),
        None => refused,
    }
}

/// Reads an object that has no other fields.
pub(super) fn fields(bytes: &[u8], known: &[&str]) -> Result<Map<String, Value>, ApiError> {
    let value = serde_json::from_slice(bytes);
    let value = value.map_err(|error| ApiError::bad(format!("not JSON: {error}")))?;
    let Value::Object(fields) = value else {
        return Err(ApiError::bad("the body must be a JSON object"));
    };
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(fields),
        Some(other) => Err(ApiError::bad(format!(
            "there is no field `{other}`; there are {}",
            known.join(", ")
        ))),
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ApiError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(ApiError::bad(format!("`{name}` must be a text, got `{other}`"))),
    }
}

fn needed(fields: &Map<String, Value>) -> Result<&str, ApiError> {
    text(fields, "expression")?
        .ok_or_else(|| ApiError::bad("`expression` is missing").hint("bought within 30 days"))
}
