//! Pages in a real browser: the official library as its snippet loads it and as a shop builds it
//! in, and our own script. The pages say what they made; the test that serves them does what they
//! ask for: loses an answer, takes the server down, lets it rise again.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::message::Message;
use super::proxy::Weather;
use super::stage::{Expected, Stage};
use super::{EVENTS, PATIENCE, found, node};

/// Names under which systems have the browser.
const NAMES: &[&str] =
    &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

const PAGES: &[(&str, &str)] = &[
    ("/page.js", include_str!("page.js")),
    ("/standard.html", include_str!("standard.html")),
    ("/batching.html", include_str!("batching.html")),
    ("/foreign.html", include_str!("foreign.html")),
    ("/own.html", include_str!("own.html")),
];

/// A browser with a profile of its own; it ends when it is dropped.
struct Browser {
    child: Child,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a page. Nothing but this machine can be reached from it.
    fn open(program: &str, address: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let said = std::fs::File::create(profile.path().join("said")).unwrap();
        let child = Command::new(program)
            .arg(format!("--user-data-dir={}", profile.path().join("profile").display()))
            // The sandbox wants more than a container or root has; the pages are ours.
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--no-default-browser-check", "--disable-sync"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .args(["--disable-extensions", "--enable-logging=stderr"])
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
            .args(["--remote-debugging-port=0", address])
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        Self { child, profile }
    }

    fn is_open(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Returns the last of what the browser wrote, its pages' console included.
    fn said(&self) -> String {
        let said = std::fs::read(self.profile.path().join("said")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser is many processes.
        let group = format!("-{}", self.child.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        drop(self.child.wait());
    }
}

/// The pages' own server, and what they have said.
struct Site {
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    stage: Stage,
    /// Where the official library's own bundles lie.
    bundles: PathBuf,
    sent: Mutex<Vec<String>>,
    end: Mutex<Option<Result<Value, String>>>,
    tabs: AtomicU64,
    ended: AtomicBool,
}

impl Site {
    fn open(weather: Weather, bundles: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            stage: Stage::open(weather),
            bundles,
            sent: Mutex::default(),
            end: Mutex::default(),
            tabs: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.ended.load(Ordering::Acquire) {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || drop(shared.connection(&stream)));
            }
        });
        Self { address, inner }
    }

    /// Shows a page until it says that it is done; returns what it said and its events.
    fn play(&self, browser: &str, page: &str, events: usize) -> (Value, Vec<String>) {
        let origin = format!("http://{}", self.address);
        let stage = &self.inner.stage;
        let (server, key) = (stage.host(), stage.shop.key_for(&origin));
        let address = format!("{origin}/{page}.html?server={server}&key={key}&count={events}");
        let mut browser = Browser::open(browser, &address);
        let until = Instant::now() + PATIENCE;
        let said = loop {
            match self.inner.end.lock().unwrap().take() {
                Some(Ok(said)) => break said,
                Some(Err(error)) => panic!("{page}: {error}\n{}", browser.said()),
                None => {}
            }
            let is_late = Instant::now() > until;
            assert!(browser.is_open() && !is_late, "{page}: no end\n{}", browser.said());
            std::thread::sleep(Duration::from_millis(20));
        };
        let sent = self.inner.sent.lock().unwrap().clone();
        // The page stays open: what its library still has to send again, it sends.
        stage.settle(sent.len());
        (said, sent)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
    }
}

impl Inner {
    fn connection(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut requests = BufReader::new(stream);
        while let Some(request) = Message::read(&mut requests)? {
            self.answer(&request).write(&mut &*stream)?;
        }
        (&mut &*stream).flush()
    }

    fn answer(&self, request: &Message) -> Message {
        let path = request.path();
        if let Some(what) = path.strip_prefix("/ask/") {
            let said = serde_json::from_slice(&request.body).unwrap_or_default();
            let done = self.asked(what, said).to_string();
            return Message::answer("200 OK", "", done.into_bytes());
        }
        let text = match PAGES.iter().find(|(name, _)| *name == path) {
            Some((_, text)) => Some(text.as_bytes().to_vec()),
            None => path
                .strip_prefix("/segment/")
                .filter(|name| !name.contains('/'))
                .and_then(|name| std::fs::read(self.bundles.join(name)).ok()),
        };
        let kind = if path.ends_with(".js") { "text/javascript" } else { "text/html" };
        match text {
            Some(text) => Message::answer("200 OK", &format!("content-type: {kind}\r\n"), text),
            None => Message::answer("404 Not Found", "", Vec::new()),
        }
    }

    /// Does what a page asks for.
    fn asked(&self, what: &str, said: Value) -> Value {
        let (stage, proxy) = (&self.stage, &self.stage.proxy);
        match what {
            "sent" => {
                let ids = said.as_array().cloned().unwrap_or_default();
                let ids = ids.iter().map(|id| id.as_str().unwrap_or_default().to_owned());
                self.sent.lock().unwrap().extend(ids);
            }
            "lose" => proxy.lose(said.as_str().unwrap_or_default()),
            "posts" => return json!(proxy.posts()),
            "calm" => {
                let until = Instant::now() + PATIENCE;
                while !proxy.is_calm(Duration::ZERO) && Instant::now() < until {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            "down" => stage.fell(),
            "up" => stage.raise(),
            "tab" => drop(self.tabs.fetch_add(1, Ordering::Relaxed)),
            "tabs" => return json!(self.tabs.load(Ordering::Relaxed)),
            "done" => *self.end.lock().unwrap() = Some(Ok(said)),
            _ => *self.end.lock().unwrap() = Some(Err(format!("{what}: {said}"))),
        }
        Value::Null
    }
}

fn browser() -> Option<&'static str> {
    let is_there = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    found(NAMES.iter().find(is_there).copied(), "chromium")
}

/// Returns a site with the official library's bundles.
fn official(weather: Weather) -> Option<Site> {
    let bundles = node()?.join("node_modules/@segment/analytics-next/dist/umd");
    Some(Site::open(weather, bundles))
}

#[test]
fn the_snippet_in_a_browser_loses_and_doubles_nothing() {
    let Some(browser) = browser() else { return };
    // A request an event, thirty calls at once.
    let Some(site) = official(Weather { seed: 3, busy: 10, unheard: 10 }) else { return };
    let stage = &site.inner.stage;
    let (version, stored) =
        stage.through_deaths(&[1_000, 4_000, 8_000], || site.play(browser, "standard", EVENTS));
    assert!(version.as_str().unwrap().ends_with("1.84.3"), "{version}");
    // Those before and during the reload come first.
    assert_eq!(stored.len(), 2 + 60 + EVENTS);
    stage.close(Expected { stored, ..Expected::default() });
}

#[test]
fn batches_of_a_browser_lose_and_double_nothing() {
    let Some(browser) = browser() else { return };
    // 20 events a request, one request after the other.
    let Some(site) = official(Weather { seed: 4, busy: 20, unheard: 30 }) else { return };
    let stage = &site.inner.stage;
    let (foreign, stored) =
        stage.through_deaths(&[60, 200, 400], || site.play(browser, "batching", EVENTS));
    // A key that is bound to an origin is refused to others; the library gives up at once.
    assert!(foreign.as_str().unwrap().contains("403"), "{foreign}");
    assert_eq!(stored.len(), EVENTS);
    stage.close(Expected { stored, ..Expected::default() });
}

#[test]
fn our_own_script_in_a_browser_loses_and_doubles_nothing() {
    let Some(browser) = browser() else { return };
    // 20 events a request, three or four requests a second: it spares the customer's line.
    let site = Site::open(Weather { seed: 5, busy: 100, unheard: 150 }, PathBuf::new());
    let stage = &site.inner.stage;
    let (_, mut names) = site.play(browser, "own", 160);
    stage.stop();
    // Ids are the script's own: the page names its events in a column.
    names.sort_unstable();
    assert_eq!(stage.shop.column("session"), names);
    let mut stored = stage.shop.exported();
    stored.dedup();
    stage.close(Expected { stored, ..Expected::default() });
}
