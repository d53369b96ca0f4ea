//! The merchant's door: rules, what they would do, and who changed what.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use shopwise_model::{Rule, time};
use shopwise_stages::recommend::engine::{House, LENGTH_MAX, Page, Question};
use shopwise_stages::recommend::rules::{Rules, warnings};
use shopwise_store::ledger::{Change, Entry};

use super::query::Query;
use super::reply::{ApiError, json_response};
use super::{App, Call, blocking, body, recommend};
use crate::commands::{now, segments};

/// Entries of the audit trail in one answer.
const ENTRIES_MAX: usize = 1000;

/// Who changes what comes through this door: the administrator's token names nobody.
const WHO: &str = "api";

/// Answers all rules, in the order of precedence, and what may not be meant so.
pub(super) async fn list(app: Arc<App>, _: Call) -> Result<Response, ApiError> {
    blocking(&app, |app| {
        let rules = app.rules.rules();
        let told = told(app, &rules)?;
        Ok(json_response(StatusCode::OK, &json!({ "rules": *rules, "warnings": told })))
    })
    .await
}

/// Answers one rule.
pub(super) async fn show(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = call.path.first().map_or("", String::as_str);
    match app.rules.rules().get(id) {
        Some(rule) => Ok(json_response(StatusCode::OK, &json!(rule))),
        None => Err(missing(id)),
    }
}

/// Sets a rule, whole: from the answer on it holds.
pub(super) async fn put(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let id = call.path.first().cloned().unwrap_or_default();
    let held = body::read(&app, &mut call).await?;
    let mut rule: Value = read(&held.bytes)?;
    if let Some(fields) = rule.as_object_mut() {
        let own = fields.entry("id").or_insert_with(|| json!(id));
        if own.as_str() != Some(id.as_str()) {
            return Err(ApiError::bad("`id` in the body is not that of the path"));
        }
    }
    let rule: Rule = serde_json::from_value(rule).map_err(|error| unread(&error))?;
    blocking(&app, move |app| {
        app.rules.rules().with(&rule).map_err(wrong)?;
        app.rules.put(&rule, &Change { who: WHO, at: now() })?;
        Ok(json_response(StatusCode::OK, &json!(rule)))
    })
    .await
}

/// Takes a rule away.
pub(super) async fn delete(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let id = call.path.first().cloned().unwrap_or_default();
    blocking(&app, move |app| match app.rules.delete(&id, &Change { who: WHO, at: now() })? {
        true => Ok(json_response(StatusCode::OK, &json!({ "deleted": id }))),
        false => Err(missing(&id)),
    })
    .await
}

/// The rules as they would be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposed {
    /// One more, or another for that of its identifier.
    rule: Option<Rule>,
    /// All of them.
    rules: Option<Vec<Rule>>,
}

impl Proposed {
    fn rules(self, held: &Rules) -> Result<Rules, ApiError> {
        match self {
            Self { rule: Some(rule), rules: None } => held.with(&rule).map_err(wrong),
            Self { rule: None, rules: Some(rules) } => Rules::new(rules).map_err(wrong),
            _ => Err(ApiError::bad("the body must have either a `rule` or all `rules`")),
        }
    }
}

/// Says what is wrong with rules, and what may not be meant so, without setting them.
pub(super) async fn check(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let held = body::read(&app, &mut call).await?;
    let proposed: Proposed = read(&held.bytes)?;
    let rules = proposed.rules(&app.rules.rules())?;
    blocking(&app, move |app| {
        let body = json!({ "rules": rules.all().len(), "warnings": told(app, &rules)? });
        Ok(json_response(StatusCode::OK, &body))
    })
    .await
}

/// What is asked for with rules as they would be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preview {
    rule: Option<Rule>,
    rules: Option<Vec<Rule>>,
    scene: Option<String>,
    customer: Option<String>,
    #[serde(default)]
    products: Vec<String>,
    n: Option<usize>,
    filter: Option<String>,
}

/// Shows a list as it is and as it would be under other rules, both made as lists are; nothing is
/// left to chance.
pub(super) async fn preview(app: Arc<App>, mut call: Call) -> Result<Response, ApiError> {
    let held = body::read(&app, &mut call).await?;
    let asked: Preview = read(&held.bytes)?;
    blocking(&app, move |app| previewed(app, asked)).await
}

fn previewed(app: &App, asked: Preview) -> Result<Response, ApiError> {
    let n = asked.n.unwrap_or(recommend::LENGTH);
    if !(1..=LENGTH_MAX).contains(&n) {
        return Err(ApiError::bad(format!(
            "`n` must be a number from 1 to {LENGTH_MAX}, got `{n}`"
        )));
    }
    let scene = recommend::scene(asked.scene.as_deref())?;
    recommend::check_products(scene, &asked.products)?;
    let filter = recommend::filter(asked.filter.as_deref())?;
    let now_rules = app.rules.rules();
    let then = Proposed { rule: asked.rule, rules: asked.rules }.rules(&now_rules)?;
    let at = now();
    let visitor = recommend::known(app, asked.customer.as_deref().unwrap_or_default(), at)?;
    let page = Page { n, filter: filter.as_ref(), at };
    let question = Question { scene, visitor: &visitor, products: &asked.products, page };
    let mut style = app.rules.styles().of(scene);
    style.exploration.share = 0.0;
    let list = |rules: &Rules| {
        let house = House { rules, style: &style, seed: 0 };
        let found = recommend::engine(app)?.list_in(&question, &house).map_err(wrong)?;
        let items = recommend::items(&found.0, true);
        Ok::<_, ApiError>(json!({ "items": items, "rules": found.1 }))
    };
    let (now, then) = (list(&now_rules)?, (list(&then)?, told(app, &then)?));
    let body = json!({ "now": now, "then": then.0, "warnings": then.1 });
    Ok(json_response(StatusCode::OK, &body))
}

/// Answers entries of the audit trail.
pub(super) async fn audit(app: Arc<App>, call: Call) -> Result<Response, ApiError> {
    let query = Query::read(&call.uri, &["from", "n", "kind"])?;
    let from = query.text("from").is_some();
    let from = from.then(|| query.whole("from", [0, usize::MAX >> 1], 0)).transpose()?;
    let n = query.whole("n", [1, ENTRIES_MAX], 100)?;
    let kind = query.text("kind").map(str::to_owned);
    blocking(&app, move |app| {
        let entries = app.shop.ledger.audit(from.map(|at| at as i64), n as i64, kind.as_deref())?;
        let entries: Vec<Value> = entries.iter().map(shown).collect();
        Ok(json_response(StatusCode::OK, &json!({ "entries": entries })))
    })
    .await
}

/// Returns an entry as it is told.
pub(crate) fn shown(entry: &Entry) -> Value {
    json!({
        "number": entry.number,
        "at": time::format(entry.at),
        "who": entry.who,
        "kind": entry.kind,
        "id": entry.id,
        "before": entry.before,
        "after": entry.after,
        "hash": entry.hash,
    })
}

/// Returns what may not be meant so.
fn told(app: &App, rules: &Rules) -> Result<Value, ApiError> {
    let segments = segments::known(&app.shop)?;
    Ok(match recommend::engine(app) {
        Ok(engine) => json!(warnings(rules, now(), &segments, |held| engine.meant(held))),
        // Without a catalogue nothing is known of what rules are about.
        Err(_) => json!(warnings(rules, now(), &segments, |_| 1)),
    })
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| unread(&error))
}

fn unread(error: &serde_json::Error) -> ApiError {
    ApiError::bad(format!("the body cannot be read: {error}"))
}

fn wrong(error: shopwise_stages::Error) -> ApiError {
    match error {
        shopwise_stages::Error::Wrong(message) => ApiError::bad(message),
        other => anyhow::Error::from(other).into(),
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::missing(format!("there is no rule `{id}`"))
}

/// What bodies of this door look like.
pub(super) fn schemas() -> Value {
    let to = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let text = json!({ "type": "string" });
    let moment = json!({ "type": ["string", "null"] });
    let whole = json!({ "type": "integer", "minimum": 1, "maximum": LENGTH_MAX });
    let one = |name: &str, fields: Value| {
        let kind = json!({ "type": "object", "additionalProperties": false, "properties": fields });
        json!({ "type": "object", "additionalProperties": false, "required": [name],
            "properties": { name: kind } })
    };
    let positions = json!({ "type": "array", "items": whole });
    let factor = json!({ "factor": { "type": "number" } });
    let kind = json!({ "oneOf": [
        { "const": "exclude" },
        one("sponsored", json!({ "positions": positions, "label": text })),
        one("pin", json!({ "position": whole })),
        one("quota", json!({ "count": whole, "share": { "type": "number" }, "first": whole })),
        one("boost", factor.clone()),
        one("bury", factor),
    ] });
    let rule = |required: &[&str]| {
        json!({ "type": "object", "additionalProperties": false, "required": required,
            "properties": {
                "id": text, "name": text, "kind": kind,
                "products": { "type": "string", "description": "a filter, such as `stock > 3`" },
                "scenes": { "type": "array", "items": text },
                "segment": { "type": ["string", "null"] }, "from": moment, "until": moment,
                "priority": { "type": "integer" }, "on": { "type": "boolean" },
            } })
    };
    let warnings = json!({ "type": "array", "items": { "type": "object", "properties": {
        "rule": text, "message": text } } });
    let rules = json!({ "type": "array", "items": to("Rule") });
    let list = json!({ "type": "object", "properties": {
        "items": { "type": "array", "items": { "type": "object" } },
        "rules": { "type": "array", "items": { "type": "object" } } } });
    let proposed = |more: Value| {
        let mut fields = json!({ "rule": to("Rule"), "rules": rules });
        if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
            fields.extend(more);
        }
        json!({ "type": "object", "additionalProperties": false, "properties": fields })
    };
    json!({
        "Rule": rule(&["id", "kind", "products"]),
        "RuleFields": rule(&["kind", "products"]),
        "Rules": { "type": "object", "properties": { "rules": rules, "warnings": warnings } },
        "Proposed": proposed(json!({})),
        "Checked": { "type": "object", "properties": {
            "rules": { "type": "integer" }, "warnings": warnings } },
        "Preview": proposed(json!({ "scene": text, "customer": text, "n": whole, "filter": text,
            "products": { "type": "array", "items": text } })),
        "Previewed": { "type": "object", "properties": {
            "now": list, "then": list, "warnings": warnings } },
        "Audit": { "type": "object", "properties": {
            "entries": { "type": "array", "items": { "type": "object" } } } },
    })
}
