//! The description of the routes for clients, made from the list of routes.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::auth::Scope;
use super::reply::{ApiError, json_response};
use super::routes::{ROUTES, Route};
use super::{App, Call};

/// Answers the description.
pub(super) async fn describe(_: Arc<App>, _: Call) -> Result<Response, ApiError> {
    Ok(json_response(StatusCode::OK, &description()))
}

/// Returns the description, OpenAPI 3.1.
pub(super) fn description() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "shopwise", "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" } },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "writeKey": { "type": "http", "scheme": "basic",
                    "description": "the write key as the user's name; it may stand in the body" },
                "adminToken": { "type": "http", "scheme": "bearer" },
            },
            "schemas": { "Error": {
                "type": "object",
                "required": ["code", "message", "request_id"],
                "properties": {
                    "code": { "type": "string" }, "message": { "type": "string" },
                    "hint": { "type": ["string", "null"] }, "request_id": { "type": "string" },
                },
            } },
        },
    })
}

fn operation(route: &Route) -> Value {
    let parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        })
        .collect();
    let security = match route.scope {
        Scope::Open => json!([]),
        Scope::Write => json!([{ "writeKey": [] }, {}]),
        Scope::Admin => json!([{ "adminToken": [] }]),
    };
    let schema = json!({ "schema": { "$ref": "#/components/schemas/Error" } });
    let error = json!({ "description": "refused, with the reason",
        "content": { "application/json": schema } });
    let mut operation = json!({
        "summary": route.about,
        "security": security,
        "parameters": parameters,
        "responses": { "200": { "description": "done" }, "4XX": error },
    });
    if route.method != "GET" && route.method != "DELETE" {
        let schema = json!({ "schema": { "type": ["object", "array"] } });
        operation["requestBody"] = json!({ "required": true,
            "content": { "application/json": schema, "text/plain": schema } });
    }
    operation
}

#[cfg(test)]
mod tests {
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
        assert_eq!(described, ROUTES.len());
        assert_eq!(
            description["paths"]["/api/products/{id}"]["put"]["parameters"][0]["name"],
            "id"
        );
    }
}
