//! What happens between a request and the lake: events are made durable, known at once, and moved.
//!
//! Three threads stand behind the server. The *door* makes what came in durable, many requests in
//! one transaction. The *follower* reads the durable events in their order, those of other
//! processes on the same shop too, and keeps the live state. The *drainer* moves them into the lake
//! while it holds the lease to do so.

mod door;
mod drainer;
mod follower;
mod schedule;
pub(crate) mod view;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;

use anyhow::Result;
use shopwise_stages::Shop;
use shopwise_stages::collect::identity::Identities;
use shopwise_stages::collect::wire::Decoded;
use shopwise_stages::prepare::fold::Replay;
use shopwise_store::Inbox;
use shopwise_store::inbox::Verdict;

use door::Door;
pub(crate) use schedule::Schedule;

/// Why events were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Too many wait already.
    Busy,
    /// They could not be made durable.
    Disk,
}

/// What the follower keeps up to date from the inbox.
#[derive(Clone)]
struct Followed {
    shop: Arc<Shop>,
    inbox: Arc<Inbox>,
    state: Arc<RwLock<Replay>>,
    graph: Arc<Mutex<Identities>>,
}

/// The live path of one shop.
pub(crate) struct Live {
    followed: Followed,
    door: Door,
    stop: Arc<AtomicBool>,
}

/// The threads behind the server, to be ended in order.
pub(crate) struct Threads {
    stop: Arc<AtomicBool>,
    running: Vec<JoinHandle<()>>,
}

impl Live {
    /// Restores the live state and starts the threads.
    pub(crate) fn open(shop: &Arc<Shop>, inbox: Inbox) -> Result<(Self, Threads)> {
        let inbox = Arc::new(inbox);
        let stop = Arc::new(AtomicBool::new(false));
        let graph = Arc::new(Mutex::new(Identities::open(&shop.ledger)?));
        let (state, through) = follower::restore(shop, &inbox, &graph)?;
        let state = Arc::new(RwLock::new(state));
        let followed = Followed { shop: Arc::clone(shop), inbox, state, graph };
        let (door, at_the_door) = Door::open(Arc::clone(&followed.inbox))?;
        let follow = follower::start(&followed, through, door.bell(), &stop)?;
        let drain = drainer::start(&followed, &stop)?;
        let live = Self { followed, door, stop: Arc::clone(&stop) };
        Ok((live, Threads { stop, running: vec![at_the_door, follow, drain] }))
    }

    /// Makes the events of a request durable and says what became of each.
    pub(crate) async fn take(&self, source: &str, decoded: Decoded) -> Result<Vec<Verdict>, Full> {
        self.door.take(source, decoded).await
    }

    /// Returns whether so much waits that who comes now had better come later.
    pub(crate) fn is_full(&self) -> bool {
        self.door.is_full()
    }

    /// Returns why events cannot be taken, if they cannot.
    pub(crate) fn hindrance(&self) -> Option<&'static str> {
        if self.stop.load(Ordering::Acquire) {
            Some("the server stops")
        } else if self.followed.inbox.is_broken() {
            Some("the disk has failed; start the server again when it is well")
        } else {
            None
        }
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.followed.inbox
    }

    /// Returns the live state.
    pub(crate) fn state(&self) -> &RwLock<Replay> {
        &self.followed.state
    }
}

impl Threads {
    /// Ends the threads when nothing more comes in: what was acknowledged is moved first.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.running {
            if thread.join().is_err() {
                tracing::error!("a thread of the live path has failed");
            }
        }
    }
}

/// Starts a thread.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(work)?)
}
