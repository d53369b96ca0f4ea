//! Every route, once: routing, checks, figures and the description for clients come from here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::response::Response;
use shopwise_stages::collect::wire::Endpoint;

use super::auth::Scope;
use super::reply::ApiError;
use super::{
    App, Call, collect, customers, gorse, health, openapi, products, recommend, rules, segments,
    try_page,
};

/// How a request ends.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>;

/// What a request or an answer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// Nothing.
    Nothing,
    /// JSON of this schema in `schemas.rs`.
    Json(&'static str),
    /// The same under any media type: browsers ask nobody before they send plain text.
    Text(&'static str),
    /// Anything of this media type.
    Other(&'static str),
}

/// One route.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// The path, with `{name}` for parts that vary.
    pub(super) path: &'static str,
    pub(super) scope: Scope,
    /// What it does, in a sentence.
    pub(super) about: &'static str,
    /// The body of a request.
    pub(super) takes: Carries,
    /// The body of the answer 200.
    pub(super) gives: Carries,
    /// What may stand in the address behind the path: names, and what they mean.
    pub(super) query: &'static [(&'static str, &'static str)],
    /// What it may answer beside what its scope and its body bring with them: the status, and what
    /// that means.
    pub(super) also: &'static [(u16, &'static str)],
    pub(super) handle: fn(Arc<App>, Call) -> Answer,
}

impl Route {
    pub(super) const fn takes(self, takes: Carries) -> Self {
        Self { takes, ..self }
    }

    pub(super) const fn gives(self, gives: Carries) -> Self {
        Self { gives, ..self }
    }

    pub(super) const fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    pub(super) const fn also(self, also: &'static [(u16, &'static str)]) -> Self {
        Self { also, ..self }
    }

    /// Returns whether it is a page for people: their browsers ask for the key themselves.
    pub(super) fn is_page(&self) -> bool {
        self.gives == Carries::Other("text/html")
    }

    /// Returns whether it answers at a path.
    pub(super) fn is_at(&self, path: &str) -> bool {
        let is_part = |(own, asked): (&str, &str)| own.starts_with('{') || own == asked;
        self.path.split('/').count() == path.split('/').count()
            && self.path.split('/').zip(path.split('/')).all(is_part)
    }
}

/// A route that takes events in: many, or one.
const fn events(
    path: &'static str,
    schema: &'static str,
    handle: fn(Arc<App>, Call) -> Answer,
) -> Route {
    let about = "Takes events in as Segment's libraries send them; 200 means that they are on disk";
    let (method, scope, takes) = ("POST", Scope::Write, Carries::Text(schema));
    let gives = Carries::Json("Taken");
    Route { method, path, scope, about, takes, gives, query: &[], also: &[], handle }
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
            takes: Carries::Nothing,
            gives: Carries::Json("Object"),
            query: &[],
            also: &[],
            handle: |app, call| Box::pin($handler(app, call)),
        }
    };
}

pub(super) use route;

macro_rules! settings {
    ($path:literal) => {
        route!("GET", $path, Open, collect::settings, "Tells the browser library where to send")
            .gives(Carries::Json("Settings"))
    };
}

/// What is answered about products that are not there.
const NO_PRODUCT: &[(u16, &str)] = &[(404, "there is no such product")];

/// What is answered about segments that are not there.
const NO_SEGMENT: &[(u16, &str)] = &[(404, "there is no such segment")];

/// What is answered about tags that nobody has.
const NO_TAG: &[(u16, &str)] =
    &[(400, "no tag is written so"), (404, "no such customer is known, or nothing made the tag")];

/// What is answered about rules that are not there.
const NO_RULE: &[(u16, &str)] = &[(404, "there is no such rule")];

/// What may be asked of every list.
const OF_LISTS: &[(&str, &str)] = &[
    ("n", "how many, 1 to 500; 10 when left out"),
    ("filter", "what may stand in the list, such as `price < 50 and stock > 3`"),
    ("explain", "true for what makes each score"),
];

/// What is answered where a list is asked for wrongly.
const WRONG_LIST: &[(u16, &str)] = &[(400, "a parameter cannot be read; the message says which")];
const WRONG_RELATED: &[(u16, &str)] = &[WRONG_LIST[0], (404, "there is no such product")];

/// Returns all routes.
pub(super) fn all() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().chain(gorse::ROUTES)
}

/// All routes but gorse's. Libraries that were pointed at the server without `/v1`, or with a part
/// too many, are understood as well: they would drop what a 404 answers.
const ROUTES: &[Route] = &[
    events("/v1/batch", "Batch", takes!("batch")),
    events("/v1/b", "Batch", takes!("b")),
    events("/v1/import", "Batch", takes!("import")),
    events("/v1/track", "Event", takes!("track")),
    events("/v1/t", "Event", takes!("t")),
    events("/v1/identify", "Event", takes!("identify")),
    events("/v1/i", "Event", takes!("i")),
    events("/v1/page", "Event", takes!("page")),
    events("/v1/p", "Event", takes!("p")),
    events("/v1/screen", "Event", takes!("screen")),
    events("/v1/s", "Event", takes!("s")),
    events("/v1/group", "Event", takes!("group")),
    events("/v1/g", "Event", takes!("g")),
    events("/v1/alias", "Event", takes!("alias")),
    events("/v1/a", "Event", takes!("a")),
    events("/batch", "Batch", takes!("batch")),
    events("/b", "Batch", takes!("b")),
    events("/import", "Batch", takes!("import")),
    events("/track", "Event", takes!("track")),
    events("/t", "Event", takes!("t")),
    events("/identify", "Event", takes!("identify")),
    events("/i", "Event", takes!("i")),
    events("/page", "Event", takes!("page")),
    events("/p", "Event", takes!("p")),
    events("/screen", "Event", takes!("screen")),
    events("/s", "Event", takes!("s")),
    events("/group", "Event", takes!("group")),
    events("/g", "Event", takes!("g")),
    events("/alias", "Event", takes!("alias")),
    events("/a", "Event", takes!("a")),
    events("/v1/batch/b", "Batch", takes!("b")),
    events("/v1/batch/batch", "Batch", takes!("batch")),
    events("/v1/v1/batch", "Batch", takes!("batch")),
    events("/v1/v1/b", "Batch", takes!("b")),
    route!("POST", "/v1/m", Open, collect::discard, "Takes a library's own figures, unread")
        .takes(Carries::Other("text/plain"))
        .gives(Carries::Json("Success")),
    route!("POST", "/m", Open, collect::discard, "Takes a library's own figures, unread")
        .takes(Carries::Other("text/plain"))
        .gives(Carries::Json("Success")),
    settings!("/v1/projects/{key}/settings"),
    settings!("/projects/{key}/settings"),
    settings!("/v1/projects/projects/{key}/settings"),
    route!("GET", "/v1/pixel/{verb}", Open, collect::pixel, "Takes one event in as an image")
        .query(&[("data", "the event with its `writeKey`, as base64 or as JSON")])
        .gives(Carries::Other("image/gif")),
    route!("GET", "/shopwise.js", Open, collect::script, "The browser script of the shop")
        .gives(Carries::Other("text/javascript")),
    route!("PUT", "/api/products/{id}", Admin, products::put, "Sets a product, whole")
        .takes(Carries::Json("ProductFields"))
        .gives(Carries::Json("Product")),
    route!("PATCH", "/api/products/{id}", Admin, products::patch, "Changes fields of a product")
        .takes(Carries::Json("ProductFields"))
        .gives(Carries::Json("Product"))
        .also(NO_PRODUCT),
    route!("DELETE", "/api/products/{id}", Admin, products::delete, "Takes a product off")
        .gives(Carries::Json("Deleted"))
        .also(NO_PRODUCT),
    route!("POST", "/api/products/batch", Admin, products::batch, "Sets many products, whole")
        .takes(Carries::Json("Products"))
        .gives(Carries::Json("Written")),
    route!(
        "GET",
        "/api/recommendations/{customer}",
        Read,
        recommend::list,
        "The products to show a customer in a scene, this moment"
    )
    .query(&[
        ("scene", "home, product, cart, search, win-back or e-mail; home when left out"),
        ("product", "the product of the page, or what a search found, once for each"),
        ("n", "how many, 1 to 500; 10 when left out"),
        ("filter", "what may stand in the list, such as `price < 50 and stock > 3`"),
        ("explain", "true for what makes each score"),
        ("of", "how long the whole list is, of which these are the first `n`; it is kept"),
        ("next", "what the page before gave as `next`: goes on with its list"),
    ])
    .gives(Carries::Json("List"))
    .also(WRONG_LIST),
    route!(
        "GET",
        "/api/similar/{product}",
        Read,
        recommend::similar,
        "The products that are like one"
    )
    .query(OF_LISTS)
    .gives(Carries::Json("List"))
    .also(WRONG_RELATED),
    route!(
        "GET",
        "/api/together/{product}",
        Read,
        recommend::together,
        "The products that are bought together with one"
    )
    .query(OF_LISTS)
    .gives(Carries::Json("List"))
    .also(WRONG_RELATED),
    route!(
        "GET",
        "/api/popular",
        Read,
        recommend::popular,
        "The products that most customers want"
    )
    .query(OF_LISTS)
    .gives(Carries::Json("List"))
    .also(WRONG_LIST),
    route!("GET", "/api/segments", Admin, segments::list, "All segments, by rules and found")
        .gives(Carries::Json("Segments")),
    route!("POST", "/api/segments/check", Admin, segments::check, "What is wrong with a rule")
        .takes(Carries::Json("SegmentRule"))
        .gives(Carries::Json("SegmentChecked")),
    route!("GET", "/api/segments/{id}", Admin, segments::show, "A segment")
        .gives(Carries::Json("Segment"))
        .also(NO_SEGMENT),
    route!("PUT", "/api/segments/{id}", Admin, segments::put, "Defines a segment by a rule")
        .takes(Carries::Json("SegmentFields"))
        .gives(Carries::Json("Segment")),
    route!("DELETE", "/api/segments/{id}", Admin, segments::delete, "Switches a rule off")
        .gives(Carries::Json("Deleted"))
        .also(NO_SEGMENT),
    route!("GET", "/api/segments/{id}/members", Admin, segments::members, "Who is in a segment")
        .query(&[
            ("n", "how many, 1 to 10000; 100 when left out"),
            ("after", "the customer with whom the page before ended, its `next`"),
        ])
        .gives(Carries::Json("Members"))
        .also(&[(400, "the query is wrong"), (404, "there is no such segment")]),
    route!(
        "GET",
        "/api/rules",
        Admin,
        rules::list,
        "The merchant's rules, the first of precedence first"
    )
    .gives(Carries::Json("Rules")),
    route!("GET", "/api/rules/{id}", Admin, rules::show, "A rule of the merchant")
        .gives(Carries::Json("Rule"))
        .also(NO_RULE),
    route!("PUT", "/api/rules/{id}", Admin, rules::put, "Sets a rule, whole; it holds at once")
        .takes(Carries::Json("RuleFields"))
        .gives(Carries::Json("Rule")),
    route!("DELETE", "/api/rules/{id}", Admin, rules::delete, "Takes a rule away")
        .gives(Carries::Json("Deleted"))
        .also(NO_RULE),
    route!("POST", "/api/rules/check", Admin, rules::check, "Says what is odd about rules")
        .takes(Carries::Json("Proposed"))
        .gives(Carries::Json("Checked")),
    route!(
        "POST",
        "/api/rules/preview",
        Admin,
        rules::preview,
        "A list as it would be under rules"
    )
    .takes(Carries::Json("Preview"))
    .gives(Carries::Json("Previewed")),
    route!("GET", "/api/audit", Admin, rules::audit, "Who changed what, the newest changes")
        .query(&[
            ("from", "the number of the first entry; the newest ones when left out"),
            ("n", "how many, 1 to 1000; 100 when left out"),
            ("kind", "what was changed, such as `rules`"),
        ])
        .gives(Carries::Json("Audit"))
        .also(WRONG_LIST),
    route!("GET", "/api/customers/{id}", Admin, customers::show, "What is known of a customer now")
        .gives(Carries::Json("Customer"))
        .also(&[(404, "no such customer is known")]),
    route!(
        "GET",
        "/api/customers/{id}/tags/{tag}",
        Admin,
        customers::why,
        "The events that made a tag of a customer, as category:Shoes"
    )
    .gives(Carries::Json("Why"))
    .also(NO_TAG),
    route!(
        "DELETE",
        "/api/customers/{id}/tags/{tag}",
        Admin,
        customers::forget,
        "Takes a tag off a customer, for good"
    )
    .gives(Carries::Json("Deleted"))
    .also(NO_TAG),
    route!("GET", "/try", Admin, try_page::show, "A page on which to be any customer")
        .query(&[
            ("customer", "whose lists; empty for a stranger"),
            ("scene", "home, product, cart, search, win-back or e-mail; all when left out"),
            ("product", "what the page of a product or a search is about, once for each"),
            ("filter", "what may stand in the lists"),
            ("n", "how many entries, 1 to 50; 6 when left out"),
            ("did", "what he is supposed to have done, as `viewed:PRODUCT`, once for each"),
            ("language", "zh or en; that of the browser when left out"),
        ])
        .gives(Carries::Other("text/html"))
        .also(WRONG_LIST),
    route!("GET", "/healthz", Open, health::alive, "Whether the server runs")
        .gives(Carries::Json("Health")),
    route!("GET", "/readyz", Open, health::ready, "Whether the server can take events")
        .gives(Carries::Json("Ready"))
        .also(&[(503, "it cannot, and why")]),
    route!("GET", "/metrics", Admin, health::metrics, "Figures for Prometheus")
        .gives(Carries::Other("text/plain")),
    route!("GET", "/openapi.json", Open, openapi::describe, "This description"),
];
