//! What happens between a request and the lake: events are made durable, known at once, and moved.
//!
//! Six threads stand behind the server. The *door* makes what came in durable, many requests in
//! one transaction. The *follower* reads the durable events in their order, those of other
//! processes on the same shop too, and keeps the live state. The *drainer* moves what the follower
//! has made of them into the lake while it holds the lease to do so, and what its own lists left to
//! chance. The *keeper* takes in what was imported, and writes the state down, so that the next
//! start need not replay everything. The *watch* says when a source falls silent. The sixth keeps
//! the *rule segments* exact as time passes.

mod ahead;
mod decided;
mod desk;
mod door;
mod drainer;
mod follower;
pub(crate) mod glance;
mod keeper;
mod known;
mod note;
pub(crate) mod profiled;
mod restore;
mod rulebook;
pub(crate) mod ruled;
mod schedule;
#[cfg(test)]
mod tests;
pub(crate) mod view;
pub(crate) mod visitor;
mod watch;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;

use anyhow::Result;
use shopwise_model::Frame;
use shopwise_stages::Shop;
use shopwise_stages::collect::identity::Identities;
use shopwise_stages::collect::wire::Decoded;
use shopwise_store::Inbox;
use shopwise_store::inbox::Verdict;

use ahead::Ahead;
use decided::Decided;
pub(crate) use desk::Desk;
use door::Door;
use keeper::Keeper;
pub(crate) use known::Known;
pub(crate) use rulebook::RuleBook;
pub(crate) use schedule::Schedule;

/// The file in the shop's folder in which the live state is written down.
const SNAPSHOT: &str = "live/state.snapshot";

/// Why events were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Too many wait already.
    Busy,
    /// They could not be made durable.
    Disk,
}

/// What the threads behind the door share.
#[derive(Clone)]
struct Followed {
    shop: Arc<Shop>,
    inbox: Arc<Inbox>,
    known: Arc<RwLock<Known>>,
    graph: Arc<Mutex<Identities>>,
    ahead: Arc<Ahead>,
}

/// The live path of one shop.
pub(crate) struct Live {
    followed: Followed,
    decided: Arc<Decided>,
    door: Door,
    stop: Arc<AtomicBool>,
    /// Rung when segments were defined otherwise.
    redefined: Arc<AtomicBool>,
}

/// The threads behind the server, to be ended in order.
pub(crate) struct Threads {
    stop: Arc<AtomicBool>,
    running: Vec<JoinHandle<()>>,
    keeper: Keeper,
}

impl Live {
    /// Restores the live state of the shop in a folder and starts the threads.
    pub(crate) fn open(folder: &Path, shop: &Arc<Shop>, inbox: Inbox) -> Result<(Self, Threads)> {
        let inbox = Arc::new(inbox);
        let stop = Arc::new(AtomicBool::new(false));
        let file = folder.join(SNAPSHOT);
        let mut graph = Identities::open(&shop.ledger)?;
        let known = restore::restore(shop, &inbox, &file)?;
        restore::learn(shop, &inbox, &mut graph, known.base.held)?;
        let known = Arc::new(RwLock::new(known));
        let graph = Arc::new(Mutex::new(graph));
        let (shop, ahead) = (Arc::clone(shop), Arc::default());
        let followed = Followed { shop, inbox, known, graph, ahead };
        follower::tell(&followed)?;
        let keeper = Keeper::new(&followed.shop, &followed.inbox, &followed.known, file);
        let (door, at_the_door) = Door::open(Arc::clone(&followed.inbox))?;
        let follow = follower::start(&followed, door.bell(), &stop)?;
        let decided = Arc::default();
        let drain = drainer::start(&followed, &decided, &stop)?;
        let keep = keeper.clone().start(&stop)?;
        let watch = watch::start(&followed.inbox, &followed.shop.settings.time_zone, &stop)?;
        let redefined = Arc::new(AtomicBool::new(true));
        let segments = ruled::start(&followed, &redefined, &stop)?;
        let live = Self { followed, decided, door, stop: Arc::clone(&stop), redefined };
        let running = vec![at_the_door, follow, drain, keep, watch, segments];
        Ok((live, Threads { stop, running, keeper }))
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

    /// Returns what takes the lists that are given.
    pub(crate) fn decided(&self) -> &Decided {
        &self.decided
    }

    /// Is told that segments were defined otherwise.
    pub(crate) fn redefine(&self) {
        self.redefined.store(true, Ordering::Release);
    }

    /// Returns the rows of events that may not be in the lake yet.
    pub(crate) fn waiting(&self) -> Result<Vec<Frame>> {
        restore::waiting(&self.followed.shop, &self.followed.inbox)
    }

    /// Returns the live state.
    pub(crate) fn known(&self) -> &RwLock<Known> {
        &self.followed.known
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
        self.keeper.end();
    }
}

/// Starts a thread.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(work)?)
}
