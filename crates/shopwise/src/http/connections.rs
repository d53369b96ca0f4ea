//! Which connections are open, and whose turn it is to go when there are too many.
//!
//! Nobody is turned away because others are silent: when all connections are taken, or one caller
//! has his share, the one on which nothing is waited for since longest is cut for the new one. A
//! connection is *quiet* while no request of it is being handled, be it silent, a head that never
//! ends, or an answer that nobody reads.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use super::limits::{CONNECTIONS_MAX, FILES_KEPT, HEAD_TIME, HEAD_TIME_BUSY, caller};

/// Connections that may be open beyond all that are allowed, as those that were cut take a moment
/// to end.
const ENDING_MAX: usize = 256;

/// The connections of a server.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    /// How many one caller may have: three quarters, as all may come through one proxy.
    share: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    callers: FxHashMap<IpAddr, Caller>,
    /// The next number: the order in which connections became quiet.
    next: u64,
}

#[derive(Debug, Default)]
struct Caller {
    count: usize,
    quiet: BTreeMap<u64, Quiet>,
}

#[derive(Debug)]
struct Quiet {
    since: Instant,
    cut: Arc<Notify>,
}

/// An open connection; it is counted as long as this lives.
#[derive(Debug)]
pub(super) struct Connection {
    of: Arc<Connections>,
    caller: IpAddr,
    cut: Arc<Notify>,
    /// The number under which it is quiet.
    place: Mutex<Option<u64>>,
}

/// A request that is being handled: its connection is not cut.
#[derive(Debug)]
pub(super) struct Busy(Arc<Connection>);

impl Connections {
    /// Returns how many there may be where a process may have so many files open.
    pub(super) fn new(files_max: usize) -> Arc<Self> {
        Self::of(files_max.saturating_sub(FILES_KEPT).clamp(16, CONNECTIONS_MAX))
    }

    fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { most, share: most * 3 / 4, open: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A holder of the lock that panicked leaves whole numbers behind.
        self.open.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes a new connection in, quiet; cuts another one for it if need be. Returns nothing when
    /// all that could be cut are busy.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Arc<Connection>> {
        let caller = caller(address);
        let mut open = self.lock();
        if open.count >= self.most + ENDING_MAX {
            return None;
        }
        let own = open.callers.get(&caller).map_or(0, |caller| caller.count);
        if own >= self.share {
            open.cut(caller)?;
        } else if open.count >= self.most {
            open.cut_quietest()?;
        }
        open.count += 1;
        open.callers.entry(caller).or_default().count += 1;
        let (cut, place) = (Arc::new(Notify::new()), Mutex::new(None));
        let connection = Arc::new(Connection { of: Arc::clone(self), caller, cut, place });
        connection.rest(&mut open);
        Some(connection)
    }

    /// Cuts the connection that is quiet since longest: the system is out of files.
    pub(super) fn relieve(&self) {
        self.lock().cut_quietest();
    }

    /// Returns how long the next connection may take to say what it wants.
    pub(super) fn patience(&self) -> Duration {
        if self.lock().count * 2 > self.most { HEAD_TIME_BUSY } else { HEAD_TIME }
    }
}

impl Open {
    fn cut_quietest(&mut self) -> Option<()> {
        let first = |caller: &Caller| caller.quiet.first_key_value().map(|(place, _)| *place);
        let quietest = self
            .callers
            .iter()
            .filter_map(|(name, caller)| Some((first(caller)?, *name)))
            .min_by_key(|(place, _)| *place);
        self.cut(quietest?.1)
    }

    /// Cuts the caller's connection that is quiet since longest.
    fn cut(&mut self, caller: IpAddr) -> Option<()> {
        let (_, quiet) = self.callers.get_mut(&caller)?.quiet.pop_first()?;
        quiet.cut.notify_one();
        Some(())
    }
}

impl Connection {
    /// Says that a request is being handled, until what is returned is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        let mut open = self.of.lock();
        if let (Some(place), Some(caller)) =
            (self.place().take(), open.callers.get_mut(&self.caller))
        {
            caller.quiet.remove(&place);
        }
        Busy(Arc::clone(self))
    }

    /// Returns when the connection is to be cut for another one.
    pub(super) async fn cut(&self) {
        self.cut.notified().await;
    }

    /// Returns whether nothing has been waited for on it for so long.
    pub(super) fn is_quiet_for(&self, time: Duration) -> bool {
        let open = self.of.lock();
        let Some(place) = *self.place() else { return false };
        let quiet = open.callers.get(&self.caller).and_then(|caller| caller.quiet.get(&place));
        // One that is not there was cut.
        quiet.is_none_or(|quiet| quiet.since.elapsed() >= time)
    }

    fn place(&self) -> MutexGuard<'_, Option<u64>> {
        self.place.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn rest(&self, open: &mut Open) {
        let place = open.next;
        open.next += 1;
        *self.place() = Some(place);
        let quiet = Quiet { since: Instant::now(), cut: Arc::clone(&self.cut) };
        open.callers.entry(self.caller).or_default().quiet.insert(place, quiet);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut open = self.0.of.lock();
        self.0.rest(&mut open);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut open = self.of.lock();
        open.count -= 1;
        let place = self.place().take();
        let Some(caller) = open.callers.get_mut(&self.caller) else { return };
        caller.count -= 1;
        if let Some(place) = place {
            caller.quiet.remove(&place);
        }
        if caller.count == 0 {
            open.callers.remove(&self.caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    async fn is_cut(connection: &Connection) -> bool {
        tokio::time::timeout(Duration::from_millis(1), connection.cut()).await.is_ok()
    }

    #[tokio::test]
    async fn the_one_that_is_quiet_since_longest_makes_room() {
        let all = Connections::of(4);
        let first = all.admit(address(1)).unwrap();
        let second = all.admit(address(2)).unwrap();
        let third = all.admit(address(1)).unwrap();
        let busy = first.busy();
        let fourth = all.admit(address(3)).unwrap();
        // All are taken: the second has rested longest, as the first is busy.
        let _fifth = all.admit(address(4)).unwrap();
        assert!(is_cut(&second).await && !is_cut(&first).await);
        assert!(second.is_quiet_for(Duration::from_secs(60)));
        drop(second);
        drop(busy);
        // Now the first has rested shortest.
        let _sixth = all.admit(address(5)).unwrap();
        assert!(is_cut(&third).await && !is_cut(&fourth).await && !is_cut(&first).await);
    }

    #[tokio::test]
    async fn one_caller_has_a_share_and_cuts_his_own_only() {
        let all = Connections::of(8);
        let other = all.admit(address(2)).unwrap();
        let own: Vec<_> = (0..6).map(|_| all.admit(address(1)).unwrap()).collect();
        let seventh = all.admit(address(1)).unwrap();
        assert!(is_cut(&own[0]).await && !is_cut(&own[1]).await && !is_cut(&other).await);
        // Nobody who is busy is cut, not even for himself.
        let busy: Vec<_> = own[1..].iter().chain([&seventh]).map(Connection::busy).collect();
        assert!(all.admit(address(1)).is_none());
        assert!(all.admit(address(2)).is_some());
        drop((busy, own, seventh, other));
        assert_eq!(all.lock().count, 0);
        assert!(all.lock().callers.is_empty());
        assert_eq!(all.patience(), HEAD_TIME);
    }

    #[test]
    fn files_are_left_to_others() {
        assert_eq!(Connections::new(1024).most, 512);
        assert_eq!(Connections::new(100).most, 16);
        assert_eq!(Connections::new(1 << 20).most, CONNECTIONS_MAX);
    }
}
