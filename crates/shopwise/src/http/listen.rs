//! The port: connections are taken in, watched and ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval_at};

use super::connections::{Connection, Connections};
use super::{App, Peer, limits};

/// How often it is looked whether a connection does anything.
const LOOK: Duration = Duration::from_secs(15);

/// The same when the server stops: an answer that was given is written long before.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// How long nothing is accepted after that failed: more files are not there at once.
const PAUSE: Duration = Duration::from_millis(20);

/// What is answered where there is no room for one connection more. Libraries come again.
const NO_ROOM: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n\
Content-Type: application/json\r\nContent-Length: 71\r\nConnection: close\r\n\r\n\
{\"code\":\"too_many_requests\",\"message\":\"too many connections are open\"}\n";

/// Answers connections until `stop` says so, then lets those that are under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let router = super::router(&app);
    let connections = Connections::new(files_max());
    // Ends when the last connection has.
    let (open, mut all_ended) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        match accepted {
            Ok((stream, peer)) => match connections.admit(peer.ip()) {
                Some(connection) => {
                    let head_time = connections.patience();
                    let (router, stop, open) = (router.clone(), stop.clone(), open.clone());
                    tokio::spawn(async move {
                        answer(stream, peer, connection, head_time, router, stop).await;
                        drop(open);
                    });
                }
                None => refuse(stream),
            },
            // Too many open files, or a caller that left: neither ends the server.
            Err(error) => {
                if let Some(left_out) = app.sparing.line(std::time::Instant::now()) {
                    tracing::warn!(%error, left_out, "a connection could not be accepted");
                }
                connections.relieve();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop((listener, open));
    // Those that have not ended by then are cut.
    let ended = tokio::time::timeout(limits::BODY_TIME, all_ended.recv()).await;
    tracing::info!(all_ended = ended.is_ok(), "the server has stopped");
    Ok(())
}

/// Lets the process have as many files open as it may, and returns how many.
fn files_max() -> usize {
    let most = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// Tells a caller to come later, as far as he listens, without waiting for him.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        // He learns it by the connection's end if not by this.
        drop(std::io::Write::write(&mut stream, NO_ROOM));
    }
}

async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    own: Arc<Connection>,
    head_time: Duration,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    // Answers are small: waiting for more to send only delays them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let peer = Peer { address: peer.ip(), own: Arc::clone(&own) };
    let routes = TowerToHyperService::new(router);
    // A layer would copy the table of routes for each connection.
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        routes.call(request)
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_header_size(limits::HEAD_BYTES_MAX)
        .max_buf_size(limits::HEAD_BYTES_MAX * 2);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut look = interval_at(Instant::now() + LOOK, LOOK);
    let mut is_ending = false;
    loop {
        tokio::select! {
            // A caller that breaks off is his own affair.
            _ = connection.as_mut() => return,
            () = own.cut() => return,
            _ = look.tick() => {
                let patience = if is_ending { LAST_LOOK } else { limits::QUIET_TIME };
                if own.is_quiet_for(patience) {
                    return;
                }
            }
            _ = stop.changed(), if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
                // Half a head must not keep the server from stopping.
                look = interval_at(Instant::now() + LAST_LOOK, LAST_LOOK);
            }
        }
    }
}
