//! What lies between a library and the server on a bad day.
//!
//! Some requests are answered 429 before they reach the server; of some the server's answer is
//! lost, so that they come again: the connection ends without a word, or a balancer says 502. Only
//! what brings events is hit: the libraries do not ask again for settings.

use std::io::{self, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::message::Message;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What happens to how many of a thousand requests with events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub(super) seed: u64,
    /// Answered 429 with `Retry-After: 1`.
    pub(super) busy: u64,
    /// Taken by the server, whose answer is lost.
    pub(super) unheard: u64,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passed,
    Busy,
    /// The server has it; the connection ends.
    Cut,
    /// The server has it; somebody between says 502.
    BadGateway,
}

/// A proxy on a port of its own.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    weather: Weather,
    server: Mutex<Option<SocketAddr>>,
    /// The path of which the next request's answer is lost.
    lose: Mutex<Option<String>>,
    posts: AtomicU64,
    busy: AtomicU64,
    unheard: AtomicU64,
    /// Whether the newest request with events was answered well, and when.
    newest: Mutex<(bool, Instant)>,
    ended: AtomicBool,
}

impl Proxy {
    pub(super) fn start(weather: Weather) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            weather,
            server: Mutex::new(None),
            lose: Mutex::new(None),
            posts: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            unheard: AtomicU64::new(0),
            newest: Mutex::new((true, Instant::now())),
            ended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::Acquire) {
                    return;
                }
                let (shared, Ok(stream)) = (Arc::clone(&shared), stream) else { continue };
                // A connection that breaks is what this is about.
                std::thread::spawn(move || drop(shared.connection(&stream)));
            }
        });
        Self { address, inner }
    }

    /// Sends on to this server from now on; to none while it is down.
    pub(super) fn point_at(&self, server: Option<SocketAddr>) {
        *self.inner.server.lock().unwrap() = server;
    }

    /// Loses the answer to the next request with events for this path.
    pub(super) fn lose(&self, path: &str) {
        *self.inner.lose.lock().unwrap() = Some(path.to_owned());
    }

    /// Returns how many requests with events came.
    pub(super) fn posts(&self) -> u64 {
        self.inner.posts.load(Ordering::Relaxed)
    }

    /// Returns how many of them were answered 429, and of how many the answer was lost.
    pub(super) fn hit(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.inner.busy), count(&self.inner.unheard))
    }

    /// Returns whether the newest request with events was answered well, at least so long ago.
    pub(super) fn is_calm(&self, since: Duration) -> bool {
        let (is_good, at) = *self.inner.newest.lock().unwrap();
        is_good && at.elapsed() >= since
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::Release);
        // The listener waits for somebody.
        drop(TcpStream::connect(self.address));
    }
}

impl Inner {
    fn connection(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut requests = BufReader::new(stream);
        while let Some(request) = Message::read(&mut requests)? {
            let is_events = request.method() == "POST";
            let fate = if is_events { self.fate(request.path()) } else { Fate::Passed };
            let answer = if fate == Fate::Busy { Ok(busy(&request)) } else { self.ask(&request) };
            if is_events {
                let is_good = fate == Fate::Passed && answer.is_ok();
                *self.newest.lock().unwrap() = (is_good, Instant::now());
            }
            match fate {
                Fate::Passed | Fate::Busy => answer?.write(&mut &*stream)?,
                Fate::Cut => return Ok(()),
                Fate::BadGateway => {
                    let headers = shared_with(&request);
                    let answer = Message::answer("502 Bad Gateway", &headers, Vec::new());
                    answer.write(&mut &*stream)?;
                }
            }
        }
        Ok(())
    }

    /// Draws what becomes of a request.
    fn fate(&self, path: &str) -> Fate {
        let number = self.posts.fetch_add(1, Ordering::Relaxed);
        let mut lose = self.lose.lock().unwrap();
        if lose.as_deref() == Some(path) {
            *lose = None;
            self.unheard.fetch_add(1, Ordering::Relaxed);
            return Fate::BadGateway;
        }
        let Weather { seed, busy, unheard } = self.weather;
        let drawn = scattered(seed ^ scattered(number)) % 1000;
        if drawn < busy {
            self.busy.fetch_add(1, Ordering::Relaxed);
            Fate::Busy
        } else if drawn < busy + unheard {
            self.unheard.fetch_add(1, Ordering::Relaxed);
            if drawn.is_multiple_of(2) { Fate::Cut } else { Fate::BadGateway }
        } else {
            Fate::Passed
        }
    }

    /// Returns the server's answer.
    fn ask(&self, request: &Message) -> io::Result<Message> {
        let server = *self.server.lock().unwrap();
        let server = server.ok_or(io::ErrorKind::ConnectionRefused)?;
        let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        request.write(&mut stream)?;
        let answer = Message::read(&mut BufReader::new(stream))?;
        answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Returns the headers with which our server lets pages of other origins read its answers.
fn shared_with(request: &Message) -> String {
    request.header("origin").map_or_else(String::new, |origin| {
        format!(
            "access-control-allow-origin: {origin}\r\n\
             access-control-expose-headers: x-request-id, retry-after\r\nvary: origin\r\n"
        )
    })
}

/// Returns our server's answer when it has too much to do.
fn busy(request: &Message) -> Message {
    let headers =
        format!("{}content-type: application/json\r\nretry-after: 1\r\n", shared_with(request));
    let body = br#"{"code":"too_many_requests","message":"the server is busy"}"#;
    Message::answer("429 Too Many Requests", &headers, body.to_vec())
}

/// Returns a number that looks drawn by chance (splitmix64).
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
