//! A shop, its server, what lies before it, and what there must be in the end.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::crash::compare;
use super::super::server::{Server, ShopFolder};
use super::super::{json, shown};
use super::proxy::{Proxy, Weather};

/// How long what a library has not sent yet is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long nothing may come before a library is believed to be done.
const QUIET: Duration = Duration::from_millis(1500);

/// A server that may die, behind a proxy that libraries know it by.
pub(super) struct Stage {
    pub(super) shop: ShopFolder,
    pub(super) proxy: Proxy,
    server: Mutex<Option<Server>>,
}

/// Message ids that must be found.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) stored: Vec<String>,
    pub(super) quarantined: Vec<String>,
}

/// Says that something has ended, however it has.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Stage {
    pub(super) fn open(weather: Weather) -> Self {
        let stage = Self {
            shop: ShopFolder::new(),
            proxy: Proxy::start(weather),
            server: Mutex::new(None),
        };
        stage.raise();
        stage
    }

    /// Returns the address that libraries are told.
    pub(super) fn host(&self) -> String {
        format!("http://{}", self.proxy.address)
    }

    /// Starts the server.
    pub(super) fn raise(&self) {
        let mut server = self.server.lock().unwrap();
        let started = Server::start(&self.shop.path);
        self.proxy.point_at(Some(started.address));
        *server = Some(started);
    }

    /// Kills the server, whatever it is doing.
    pub(super) fn fell(&self) {
        if let Some(server) = self.server.lock().unwrap().take() {
            server.kill();
        }
        self.proxy.point_at(None);
    }

    /// Runs a client, and kills the server and starts it again after so many requests each.
    pub(super) fn through_deaths<T>(&self, deaths: &[u64], client: impl FnOnce() -> T) -> T {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let killer = scope
                .spawn(|| deaths.iter().filter(|posts| self.die_after(**posts, &ended)).count());
            let result = {
                let _end = End(&ended);
                client()
            };
            assert_eq!(killer.join().unwrap(), deaths.len(), "the client ended before a death");
            result
        })
    }

    fn die_after(&self, posts: u64, ended: &AtomicBool) -> bool {
        while self.proxy.posts() < posts {
            if ended.load(Ordering::Acquire) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.fell();
        self.raise();
        true
    }

    /// Waits until so many events are stored and the client says nothing more.
    pub(super) fn settle(&self, stored: usize) {
        let until = Instant::now() + PATIENCE;
        let is_stored = || self.shop.status()["stored"].as_u64().unwrap() >= stored as u64;
        while !(self.proxy.is_calm(QUIET) && is_stored()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Lets the server end well: then the lake has everything.
    pub(super) fn stop(&self) {
        if let Some(server) = self.server.lock().unwrap().take() {
            server.stop();
        }
    }

    /// Stops the server, and compares what is there with what must be: by message id, and by the
    /// sum that always closes.
    pub(super) fn close(&self, expected: Expected) {
        let (busy, unheard) = self.proxy.hit();
        assert!(busy > 0 && unheard > 0, "the weather was fine: {busy} and {unheard}");
        self.stop();
        let Expected { mut stored, quarantined } = expected;
        stored.sort_unstable();
        let found = self.shop.exported();
        let status = self.shop.status();
        println!(
            "{} requests, {busy} answered 429, {unheard} answers lost; {status}",
            self.proxy.posts()
        );
        compare(&stored, &found).unwrap_or_else(|error| panic!("{error}: {status}"));
        let wanted: BTreeSet<String> = quarantined.into_iter().collect();
        assert_eq!(self.quarantined(), wanted);
        let term = |name: &str| status[name].as_i64().unwrap();
        assert_eq!(term("stored"), stored.len() as i64, "{status}");
        let sum = ["stored", "duplicate", "quarantined", "refused"].map(term).iter().sum::<i64>();
        assert_eq!(term("received"), sum, "{status}");
        assert!(term("duplicate") > 0, "nothing came twice: {status}");
        for name in ["refused", "conflicts", "damaged", "pending"] {
            assert_eq!(term(name), 0, "{name} of {status}");
        }
    }

    /// Returns the message ids in quarantine. What comes again is there again.
    fn quarantined(&self) -> BTreeSet<String> {
        let shop = shown(&self.shop.path);
        let quarantine = |arguments: &[&str]| {
            json(&[&["quarantine", "--shop", shop, "--json"], arguments].concat())
        };
        let list = quarantine(&["list", "--limit", "1000"]);
        let events = list["events"].as_array().unwrap();
        let id = |event: &Value| {
            let whole = quarantine(&["show", &event["id"].to_string()]);
            let said: Value = serde_json::from_str(whole["event"].as_str().unwrap()).unwrap();
            said["messageId"].as_str().unwrap().to_owned()
        };
        events.iter().map(id).collect()
    }
}
