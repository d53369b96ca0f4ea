//! The HTTP server: how requests come in, are checked alike, and reach the handler of their route.
//!
//! Every route stands once in [`routes::all`]; routing, the description for clients and the
//! figures are made from it. A handler gets a request whose caller is known and answers; limits,
//! keys, origins, request numbers and logs are dealt with here.

mod auth;
mod body;
mod collect;
mod connections;
mod cors;
mod customers;
mod figures;
#[cfg(test)]
mod fuzz;
mod gorse;
mod health;
mod limits;
mod listen;
mod openapi;
mod pages;
mod products;
mod query;
mod recommend;
mod reply;
mod room;
mod routes;
pub(crate) mod rules;
mod schemas;
mod segments;
mod try_page;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use shopwise_stages::Shop;

use crate::live::{Desk, Live, RuleBook};
use auth::{Keys, Scope};
use connections::Connection;
use figures::Figures;
use limits::{Rates, Sparing};
pub(crate) use listen::serve;
use reply::ApiError;
use room::Room;
use routes::Route;

/// What makes a browser ask its user for the administrator's token, which stands for the name.
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"shopwise\", charset=\"UTF-8\"");

/// What all requests share.
pub(crate) struct App {
    pub(crate) shop: Arc<Shop>,
    pub(crate) live: Arc<Live>,
    admin_token: String,
    keys: Keys,
    pub(crate) desk: Arc<Desk>,
    pub(crate) rules: Arc<RuleBook>,
    pages: pages::Pages,
    key_rates: Rates<String>,
    read_rates: Rates<String>,
    address_rates: Rates<IpAddr>,
    wrong_key_rates: Rates<IpAddr>,
    room: Arc<Room>,
    sparing: Sparing,
    figures: Figures,
    requests: AtomicU64,
}

impl App {
    pub(crate) fn new(
        shop: Arc<Shop>,
        live: Arc<Live>,
        desk: Arc<Desk>,
        admin_token: String,
    ) -> Result<Self> {
        let (keys, rules) = (Keys::read(&shop)?, RuleBook::open(&shop)?);
        Ok(Self {
            shop,
            live,
            admin_token,
            keys,
            desk,
            rules,
            pages: pages::Pages::default(),
            read_rates: Rates::new(limits::READ_RATE),
            key_rates: Rates::new(limits::KEY_RATE),
            address_rates: Rates::new(limits::ADDRESS_RATE),
            wrong_key_rates: Rates::new(limits::WRONG_KEY_RATE),
            room: Room::new(limits::BODIES_BYTES_MAX),
            sparing: Sparing::new(),
            figures: Figures::default(),
            requests: AtomicU64::new(1),
        })
    }
}

/// A request on its way to a handler.
pub(crate) struct Call {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// The parts of the path that the route names, in its order.
    pub(super) path: Vec<String>,
    pub(super) body: Body,
    /// Who calls, as far as limits go; never in a log.
    pub(super) caller: IpAddr,
}

/// Where a request comes from.
#[derive(Debug, Clone)]
struct Peer {
    address: IpAddr,
    own: Arc<Connection>,
}

impl Peer {
    /// Returns who calls, as far as limits go. A proxy on this machine says whom it calls for, in
    /// the last place, behind whatever its own caller made up.
    fn caller(&self, headers: &HeaderMap) -> IpAddr {
        let forwarded = || {
            let all = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
            all.rsplit(',').next()?.trim().parse().ok()
        };
        let named = if self.address.is_loopback() { forwarded() } else { None };
        limits::caller(named.unwrap_or(self.address))
    }
}

/// Runs what waits for the database where it holds nobody up.
async fn blocking(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<Response, ApiError> + Send + 'static,
) -> Result<Response, ApiError> {
    let app = Arc::clone(app);
    tokio::task::spawn_blocking(move || work(&app)).await.map_err(anyhow::Error::from)?
}

fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for route in routes::all() {
        router = router.route(route.path, handler(route));
        if gorse::is_at(route.path) {
            router = router.route(&format!("{}/", route.path), handler(route));
        }
    }
    router
        .fallback(|State(app): State<Arc<App>>, request: Request<Body>| async move {
            let error = ApiError::missing(format!("there is no `{}`", request.uri().path()));
            unanswered(&app, &request, error)
        })
        .method_not_allowed_fallback(
            |State(app): State<Arc<App>>, request: Request<Body>| async move {
                let path = request.uri().path();
                let error = ApiError::method(format!("no `{}` of `{path}`", request.method()));
                unanswered(&app, &request, error)
            },
        )
        .with_state(Arc::clone(app))
}

/// Answers what no route does: what a browser asks before it calls, and mistakes.
fn unanswered(app: &App, request: &Request<Body>, error: ApiError) -> Response {
    if request.method() == Method::OPTIONS {
        return cors::preflight(request.uri().path(), request.headers());
    }
    let error = error.hint("`GET /openapi.json` lists what there is");
    app.figures.answered("unknown", error.status().as_u16(), 0.0);
    let number = app.requests.fetch_add(1, Ordering::Relaxed);
    let mut response = said(error, request.uri().path(), &request_id(number));
    cors::allow(request.headers(), response.headers_mut());
    response
}

fn handler(route: &'static Route) -> MethodRouter<Arc<App>> {
    let filter = match route.method {
        "GET" => MethodFilter::GET,
        "PUT" => MethodFilter::PUT,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::POST,
    };
    on(
        filter,
        move |State(app): State<Arc<App>>,
              axum::Extension(peer): axum::Extension<Peer>,
              path: RawPathParams,
              request: Request<Body>| async move {
            let path = path.iter().map(|(_, value)| value.to_owned()).collect();
            answer(route, app, peer, path, request).await
        },
    )
}

/// Returns what is wrong as whoever called the path reads it.
fn said(error: ApiError, path: &str, request_id: &str) -> Response {
    if gorse::is_at(path) { error.into_text() } else { error.into_response(request_id) }
}

/// Checks a request, has it handled, counts and logs how it went.
async fn answer(
    route: &'static Route,
    app: Arc<App>,
    peer: Peer,
    path: Vec<String>,
    request: Request<Body>,
) -> Response {
    let begun = Instant::now();
    let _busy = peer.own.busy();
    let request_id = request_id(app.requests.fetch_add(1, Ordering::Relaxed));
    let (parts, body) = request.into_parts();
    let retries = parts.headers.get("x-retry-count").is_some_and(|count| count != "0");
    let origin = parts.headers.clone();
    let caller = peer.caller(&parts.headers);
    let result = match admit(route, &app, caller, &parts.headers).await {
        Err(error) => Err(error),
        Ok(()) => {
            let call = Call { uri: parts.uri, headers: parts.headers, path, body, caller };
            (route.handle)(Arc::clone(&app), call).await
        }
    };
    let mut response = result.unwrap_or_else(|error| {
        let is_unknown = error.status() == StatusCode::UNAUTHORIZED;
        let error = if is_unknown && !app.wrong_key_rates.take(caller, Instant::now()) {
            ApiError::later("too many wrong keys from this address", 5)
        } else {
            error
        };
        let mut response = said(error, route.path, &request_id);
        if is_unknown && route.is_page() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, BASIC);
        }
        response
    });
    let (status, seconds) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
    app.figures.answered(route.path, status, seconds);
    if retries {
        app.figures.retried();
    }
    if status >= 500 {
        tracing::error!(route = route.path, status, request_id, seconds, "a request failed");
    } else if status < 400 {
        tracing::debug!(route = route.path, status, request_id, seconds, "a request was answered");
    } else if let Some(left_out) = app.sparing.line(Instant::now()) {
        let route = route.path;
        tracing::warn!(route, status, request_id, seconds, left_out, "a request was refused");
    }
    if !matches!(route.scope, Scope::Admin | Scope::Gorse) {
        cors::allow(&origin, response.headers_mut());
    }
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

async fn admit(
    route: &Route,
    app: &Arc<App>,
    caller: IpAddr,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    // Who asks for all visitors of a shop is known by his key, and limited by it.
    let is_reading = route.scope == Scope::Read;
    if !is_reading && !app.address_rates.take(caller, Instant::now()) {
        return Err(ApiError::later("too many requests from this address", 1));
    }
    if matches!(route.scope, Scope::Open | Scope::Write) {
        return Ok(());
    }
    let token = match route.scope {
        Scope::Gorse => auth::of_api_key(headers),
        _ => auth::of_header(headers),
    };
    let token = token.unwrap_or_default();
    let is_admin = auth::is_same(&token, &app.admin_token);
    if is_reading {
        if !is_admin {
            may_read(app, &token, headers).await?;
        }
        if !app.read_rates.take(token, Instant::now()) {
            return Err(ApiError::later("too many requests with this key", 1));
        }
    } else if !is_admin {
        return Err(ApiError::unknown_key("this needs the administrator's token")
            .hint("`Authorization: Bearer TOKEN`; it stands in vault/admin.token of the shop"));
    }
    auth::check_own_page(headers)
}

/// Refuses who has no read key, or uses one from a page that it is not for.
async fn may_read(app: &Arc<App>, key: &str, headers: &HeaderMap) -> Result<(), ApiError> {
    if key.is_empty() {
        return Err(ApiError::unknown_key("this needs a read key or the administrator's token")
            .hint(
                "`Authorization: Bearer KEY`; `shopwise keys create NAME --scope read` makes one",
            ));
    }
    let found = match app.keys.fresh(key) {
        Some(found) => found,
        // Reading the ledger again happens seldom; it must not hold up other requests.
        None => {
            let (shared, wanted) = (Arc::clone(app), key.to_owned());
            let find = move || shared.keys.find(&shared.shop, &wanted);
            tokio::task::spawn_blocking(find).await.map_err(anyhow::Error::from)??
        }
    };
    if found.scope != "read" {
        return Err(ApiError::forbidden("this key is not for reading"));
    }
    auth::check_origin(&found, headers)
}

/// Returns a request's number as a text that libraries and logs can carry.
fn request_id(number: u64) -> String {
    format!("r{number:x}")
}
