//! The HTTP server: how requests come in, are checked alike, and reach the handler of their route.
//!
//! Every route stands once in [`routes::ROUTES`]; routing, the description for clients and the
//! figures are made from it. A handler gets a request whose caller is known and answers; limits,
//! keys, origins, request numbers and logs are dealt with here.

mod auth;
mod body;
mod collect;
mod cors;
mod customers;
mod figures;
mod health;
mod limits;
mod openapi;
mod products;
mod reply;
mod routes;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use shopwise_stages::Shop;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::live::Live;
use auth::{Keys, Scope};
use figures::Figures;
use limits::Rates;
use reply::ApiError;
use routes::{ROUTES, Route};

/// What all requests share.
pub(crate) struct App {
    pub(crate) shop: Arc<Shop>,
    pub(crate) live: Arc<Live>,
    admin_token: String,
    keys: Keys,
    key_rates: Rates<String>,
    address_rates: Rates<IpAddr>,
    bodies: Arc<Semaphore>,
    figures: Figures,
    requests: AtomicU64,
}

impl App {
    pub(crate) fn new(shop: Arc<Shop>, live: Arc<Live>, admin_token: String) -> Result<Self> {
        let keys = Keys::read(&shop)?;
        Ok(Self {
            shop,
            live,
            admin_token,
            keys,
            key_rates: Rates::new(limits::KEY_RATE),
            address_rates: Rates::new(limits::ADDRESS_RATE),
            bodies: Arc::new(Semaphore::new(limits::BODIES_BYTES_MAX)),
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
}

/// The caller's address: beside a request, never in a log.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

/// Answers connections until `stop` says so, then lets those that are under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let router = router(&app);
    let connections = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&connections).acquire_owned().await?;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stop) = (router.clone(), stop.clone());
                tokio::spawn(async move {
                    connection(stream, peer, router, stop).await;
                    drop(permit);
                });
            }
            // Too many open files, or a caller that left: neither ends the server.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
    drop(listener);
    let all = u32::try_from(limits::CONNECTIONS_MAX).unwrap_or(u32::MAX);
    // Those that have not ended by then are cut.
    let ended = tokio::time::timeout(limits::BODY_TIME, connections.acquire_many(all)).await;
    tracing::info!(all_ended = ended.is_ok(), "the server has stopped");
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    // Answers are small: waiting for more to send only delays them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let router = router.layer(axum::Extension(Peer(peer.ip())));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits::HEAD_TIME);
    let service = TowerToHyperService::new(router);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // A caller that breaks off is his own affair.
        _ = connection.as_mut() => return,
        _ = stop.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ended = connection.await;
}

fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, handler(route));
    }
    router
        .fallback(|State(app): State<Arc<App>>, request: Request<Body>| async move {
            let path = request.uri().path().to_owned();
            nothing_there(&app, &request, &path)
        })
        .method_not_allowed_fallback(
            |State(app): State<Arc<App>>, request: Request<Body>| async move {
                if request.method() == Method::OPTIONS {
                    return cors::preflight(request.headers());
                }
                let path = format!("{} {}", request.method(), request.uri().path());
                nothing_there(&app, &request, &path)
            },
        )
        .with_state(Arc::clone(app))
}

fn nothing_there(app: &App, request: &Request<Body>, what: &str) -> Response {
    if request.method() == Method::OPTIONS {
        return cors::preflight(request.headers());
    }
    let error = ApiError::missing(format!("there is no `{what}`"))
        .hint("`GET /openapi.json` lists what there is");
    app.figures.answered("unknown", error.status().as_u16(), 0.0);
    let number = app.requests.fetch_add(1, Ordering::Relaxed);
    let mut response = error.into_response(&request_id(number));
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

/// Checks a request, has it handled, counts and logs how it went.
async fn answer(
    route: &'static Route,
    app: Arc<App>,
    peer: Peer,
    path: Vec<String>,
    request: Request<Body>,
) -> Response {
    let begun = Instant::now();
    let request_id = request_id(app.requests.fetch_add(1, Ordering::Relaxed));
    let (parts, body) = request.into_parts();
    let retries = parts.headers.get("x-retry-count").is_some_and(|count| count != "0");
    let origin = parts.headers.clone();
    let result = match admit(route, &app, peer, &parts.headers) {
        Err(error) => Err(error),
        Ok(()) => {
            let call = Call { uri: parts.uri, headers: parts.headers, path, body };
            (route.handle)(Arc::clone(&app), call).await
        }
    };
    let mut response = result.unwrap_or_else(|error| error.into_response(&request_id));
    let (status, seconds) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
    app.figures.answered(route.path, status, seconds);
    if retries {
        app.figures.retried();
    }
    if status >= 400 {
        tracing::warn!(route = route.path, status, request_id, seconds, "a request was refused");
    } else {
        tracing::debug!(route = route.path, status, request_id, seconds, "a request was answered");
    }
    cors::allow(&origin, response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

fn admit(
    route: &Route,
    app: &App,
    peer: Peer,
    headers: &HeaderMap,
) -> std::result::Result<(), ApiError> {
    if route.scope != Scope::Open && !app.address_rates.take(peer.0, Instant::now()) {
        return Err(ApiError::later("too many requests from this address", 1));
    }
    if route.scope == Scope::Admin {
        let token = auth::of_header(headers).unwrap_or_default();
        if !auth::is_same(&token, &app.admin_token) {
            return Err(ApiError::unknown_key("this needs the administrator's token").hint(
                "`Authorization: Bearer TOKEN`; it stands in vault/admin.token of the shop",
            ));
        }
    }
    Ok(())
}

/// Returns a request's number as a text that libraries and logs can carry.
fn request_id(number: u64) -> String {
    format!("r{number:x}")
}
