//! Every route, once: routing, checks, figures and the description for clients come from here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::Response;
use shopwise_stages::collect::wire::Endpoint;

use super::auth::Scope;
use super::reply::ApiError;
use super::{App, Call, collect, customers, health, openapi, products};

/// How a request ends.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>;

/// One route.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// The path, with `{name}` for parts that vary.
    pub(super) path: &'static str,
    pub(super) scope: Scope,
    /// What it does, in a sentence.
    pub(super) about: &'static str,
    pub(super) handle: fn(Arc<App>, Call) -> Answer,
}

/// A route that takes events in.
const fn events(path: &'static str, handle: fn(Arc<App>, Call) -> Answer) -> Route {
    let about = "Takes events in as Segment's libraries send them; 200 means that they are on disk";
    Route { method: "POST", path, scope: Scope::Write, about, handle }
}

macro_rules! takes {
    ($name:literal) => {
        |app, call| Box::pin(collect::take(app, call, Endpoint::from_segment($name)))
    };
}

macro_rules! route {
    ($method:literal, $path:literal, $scope:ident, $handler:path, $about:literal) => {
        Route {
            method: $method,
            path: $path,
            scope: Scope::$scope,
            about: $about,
            handle: |app, call| Box::pin($handler(app, call)),
        }
    };
}

/// All routes. Libraries that were pointed at the server without `/v1`, or with a part too many,
/// are understood as well: they would drop what a 404 answers.
pub(super) const ROUTES: &[Route] = &[
    events("/v1/batch", takes!("batch")),
    events("/v1/b", takes!("b")),
    events("/v1/import", takes!("import")),
    events("/v1/track", takes!("track")),
    events("/v1/t", takes!("t")),
    events("/v1/identify", takes!("identify")),
    events("/v1/i", takes!("i")),
    events("/v1/page", takes!("page")),
    events("/v1/p", takes!("p")),
    events("/v1/screen", takes!("screen")),
    events("/v1/s", takes!("s")),
    events("/v1/group", takes!("group")),
    events("/v1/g", takes!("g")),
    events("/v1/alias", takes!("alias")),
    events("/v1/a", takes!("a")),
    events("/batch", takes!("batch")),
    events("/b", takes!("b")),
    events("/import", takes!("import")),
    events("/track", takes!("track")),
    events("/t", takes!("t")),
    events("/identify", takes!("identify")),
    events("/i", takes!("i")),
    events("/page", takes!("page")),
    events("/p", takes!("p")),
    events("/screen", takes!("screen")),
    events("/s", takes!("s")),
    events("/group", takes!("group")),
    events("/g", takes!("g")),
    events("/alias", takes!("alias")),
    events("/a", takes!("a")),
    events("/v1/batch/b", takes!("b")),
    events("/v1/batch/batch", takes!("batch")),
    events("/v1/v1/batch", takes!("batch")),
    events("/v1/v1/b", takes!("b")),
    route!(
        "POST",
        "/v1/m",
        Open,
        collect::discard,
        "Takes a library's figures about itself, unread"
    ),
    route!("POST", "/m", Open, collect::discard, "Takes a library's figures about itself, unread"),
    route!(
        "GET",
        "/v1/projects/{key}/settings",
        Open,
        collect::settings,
        "Tells the browser library where to send"
    ),
    route!(
        "GET",
        "/projects/{key}/settings",
        Open,
        collect::settings,
        "Tells the browser library where to send"
    ),
    route!(
        "GET",
        "/v1/projects/projects/{key}/settings",
        Open,
        collect::settings,
        "Tells the browser library where to send"
    ),
    route!(
        "GET",
        "/v1/pixel/{verb}",
        Write,
        collect::pixel,
        "Takes one event in as an image, for e-mails"
    ),
    route!("GET", "/shopwise.js", Open, collect::script, "The browser script of the shop"),
    route!("PUT", "/api/products/{id}", Admin, products::put, "Sets a product, whole"),
    route!("PATCH", "/api/products/{id}", Admin, products::patch, "Changes fields of a product"),
    route!("DELETE", "/api/products/{id}", Admin, products::delete, "Takes a product off"),
    route!("POST", "/api/products/batch", Admin, products::batch, "Sets many products, whole"),
    route!(
        "GET",
        "/api/customers/{id}",
        Admin,
        customers::show,
        "What is known of a customer, now"
    ),
    route!("GET", "/healthz", Open, health::alive, "Whether the server runs"),
    route!("GET", "/readyz", Open, health::ready, "Whether the server can take events"),
    route!("GET", "/metrics", Admin, health::metrics, "Figures for Prometheus"),
    route!("GET", "/openapi.json", Open, openapi::describe, "This description"),
];
