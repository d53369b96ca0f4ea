//! The description of the routes for clients, made from the list of routes.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::auth::Scope;
use super::reply::{ApiError, typed};
use super::routes::{Carries, Route, all};
use super::schemas::schemas;
use super::{App, Call, gorse};

/// The description as text: it takes a millisecond to make, and is the same for all.
static TEXT: LazyLock<String> = LazyLock::new(|| description().to_string());

/// Answers the description.
pub(super) async fn describe(_: Arc<App>, _: Call) -> Result<Response, ApiError> {
    Ok(typed(StatusCode::OK, "application/json", TEXT.as_str()))
}

/// Returns the description, OpenAPI 3.1.
pub(super) fn description() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in all() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "shopwise", "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" } },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "writeKey": { "type": "http", "scheme": "basic",
                    "description": "the write key as the user's name; it may stand in the body" },
                "readKey": { "type": "http", "scheme": "bearer",
                    "description": "made by `shopwise keys create NAME --scope read`" },
                "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key",
                    "description": "the administrator's token, as gorse's clients send it" },
                "adminToken": { "type": "http", "scheme": "bearer",
                    "description": "stands in `vault/admin.token` of the shop" },
            },
            "schemas": schemas(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let security = match route.scope {
        Scope::Open => json!([]),
        Scope::Write => json!([{ "writeKey": [] }, {}]),
        Scope::Read => json!([{ "readKey": [] }, { "adminToken": [] }]),
        Scope::Admin => json!([{ "adminToken": [] }]),
        Scope::Gorse => json!([{ "apiKey": [] }, { "adminToken": [] }]),
    };
    let name: Vec<&str> =
        route.path.split(['/', '{', '}', '.']).filter(|p| !p.is_empty()).collect();
    let mut operation = json!({
        "operationId": format!("{}_{}", route.method.to_lowercase(), name.join("_")),
        "summary": route.about,
        "security": security,
        "parameters": parameters(route),
        "responses": responses(route),
    });
    if route.takes != Carries::Nothing {
        // What is not read need not be there.
        let is_read = !matches!(route.takes, Carries::Other(_));
        operation["requestBody"] = json!({ "required": is_read, "content": content(route.takes),
            "description": "at most 4 MiB, plain or with `Content-Encoding: gzip`" });
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let parts = route.path.split('/');
    let names = parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = names.map(|name| {
        let mut schema = json!({ "type": "string", "minLength": 1 });
        if name == "id" {
            schema["maxLength"] = json!(200);
        }
        json!({ "name": name, "in": "path", "required": true, "schema": schema })
    });
    let in_query = route.query.iter().map(|(name, about)| {
        json!({ "name": name, "in": "query", "description": about,
            "schema": { "type": "string" } })
    });
    in_path.chain(in_query).collect()
}

fn content(carries: Carries) -> Value {
    let schema = |name| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
    match carries {
        Carries::Nothing => json!({}),
        Carries::Json(name) => json!({ "application/json": schema(name) }),
        Carries::Text(name) => {
            let packed = json!({ "type": "string", "contentMediaType": "application/json" });
            json!({ "application/json": schema(name), "text/plain": { "schema": packed } })
        }
        Carries::Other(kind) => json!({ kind: {} }),
    }
}

fn responses(route: &Route) -> Value {
    let mut all = BTreeMap::new();
    let error = match gorse::is_at(route.path) {
        true => Carries::Other("text/plain"),
        false => Carries::Json("Error"),
    };
    let mut refuses = |status: u16, why: &str| {
        let mut answer = json!({ "description": why, "content": content(error) });
        if status == 429 {
            answer["headers"] = json!({ "Retry-After": { "required": true,
                "description": "seconds", "schema": { "type": "integer", "minimum": 1 } } });
        }
        all.insert(status.to_string(), answer);
    };
    refuses(429, "not now; the same may be taken after a while");
    refuses(500, "the server failed");
    if route.scope != Scope::Open {
        refuses(401, "nobody is known by this key");
    }
    if matches!(route.scope, Scope::Write | Scope::Read) {
        refuses(403, "the key does not allow this, or not for pages of this origin");
    }
    if route.takes != Carries::Nothing {
        refuses(400, "the body cannot be read");
        refuses(408, "the body came too slowly");
        refuses(413, "the body is too large");
    }
    for (status, why) in route.also {
        refuses(*status, why);
    }
    if let Some(not_ready) = all.get_mut("503") {
        let is_gorse = gorse::is_at(route.path);
        not_ready["content"] =
            content(if is_gorse { route.gives } else { Carries::Json("NotReady") });
    }
    let given = json!({ "description": "done", "content": content(route.gives) });
    all.insert("200".to_owned(), given);
    json!(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_described_once() {
        let description = description();
        let described: usize = description["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|path| path.as_object().unwrap().len())
            .sum();
        assert_eq!(described, all().count());
        assert_eq!(
            description["paths"]["/api/products/{id}"]["put"]["parameters"][0]["name"],
            "id"
        );
        let paths = description["paths"].as_object().unwrap().values();
        let names: BTreeSet<&str> = paths
            .flat_map(|path| path.as_object().unwrap().values())
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        assert_eq!(names.len(), all().count());
    }

    /// Adds every `$ref` within a value.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(to)) = object.get("$ref") {
                    found.insert(to.trim_start_matches("#/components/schemas/").to_owned());
                }
                object.values().for_each(|inner| references(inner, found));
            }
            Value::Array(list) => list.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }

    #[test]
    fn every_schema_that_is_named_is_there_and_every_one_is_named() {
        let mut named = BTreeSet::new();
        references(&description(), &mut named);
        let there: BTreeSet<String> = schemas().as_object().unwrap().keys().cloned().collect();
        assert_eq!(named, there);
    }

    #[test]
    fn a_path_is_known_by_its_parts() {
        let at = |path: &str| all().filter(|route| route.is_at(path)).count();
        assert_eq!(at("/api/products/a"), 3);
        assert_eq!(at("/api/products/batch"), 4);
        assert_eq!(at("/api/products"), 0);
        assert_eq!(at("/v1/projects/k/settings"), 1);
    }
}
