//! Room for bodies in memory: taken as their bytes arrive, not when they are announced, so that who
//! sends slowly holds little; and no caller may take more than his share.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use rustc_hash::FxHashMap;

/// Bodies of one caller that may arrive at once. A shop's own server has a connection for each of
/// its threads.
const BODIES_SHARE: usize = 1024;

/// The room of a server.
#[derive(Debug)]
pub(super) struct Room {
    bytes_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    bytes: usize,
    /// Bodies and bytes of each.
    callers: FxHashMap<IpAddr, (usize, usize)>,
}

/// The room that one body takes.
#[derive(Debug)]
pub(super) struct Part {
    room: Arc<Room>,
    caller: IpAddr,
    bytes: usize,
}

impl Room {
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, taken: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // A holder of the lock that panicked leaves whole numbers behind.
        self.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Returns room for a body of which nothing has arrived; nothing when what it announces would
    /// not fit now.
    pub(super) fn enter(self: &Arc<Self>, caller: IpAddr, announced: usize) -> Option<Part> {
        let mut taken = self.lock();
        if !taken.fits(self.bytes_max, caller, announced) {
            return None;
        }
        let (bodies, _) = taken.callers.entry(caller).or_default();
        if *bodies >= BODIES_SHARE {
            return None;
        }
        *bodies += 1;
        Some(Part { room: Arc::clone(self), caller, bytes: 0 })
    }
}

impl Taken {
    fn fits(&self, bytes_max: usize, caller: IpAddr, more: usize) -> bool {
        let own = self.callers.get(&caller).map_or(0, |(_, bytes)| *bytes);
        self.bytes + more <= bytes_max && own + more <= bytes_max / 2
    }
}

impl Part {
    /// Takes room for more bytes, and returns whether there was any.
    pub(super) fn grow(&mut self, more: usize) -> bool {
        let mut taken = self.room.lock();
        if !taken.fits(self.room.bytes_max, self.caller, more) {
            return false;
        }
        taken.bytes += more;
        taken.callers.entry(self.caller).or_default().1 += more;
        self.bytes += more;
        true
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut taken = self.room.lock();
        taken.bytes -= self.bytes;
        if let Some((bodies, bytes)) = taken.callers.get_mut(&self.caller) {
            *bodies -= 1;
            *bytes -= self.bytes;
            if *bodies == 0 {
                taken.callers.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn what_is_announced_takes_no_room_from_others() {
        let room = Room::new(100);
        let slow: Vec<_> = (0..50).map(|_| room.enter(caller(1), 50).unwrap()).collect();
        let mut other = room.enter(caller(2), 50).unwrap();
        assert!(other.grow(50) && !other.grow(1));
        drop(slow);
        drop(other);
        assert_eq!(room.lock().bytes, 0);
        assert!(room.lock().callers.is_empty());
    }

    #[test]
    fn one_caller_takes_half_at_most() {
        let room = Room::new(100);
        let mut first = room.enter(caller(1), 0).unwrap();
        assert!(first.grow(50) && !first.grow(1));
        assert!(room.enter(caller(1), 1).is_none());
        let mut other = room.enter(caller(2), 50).unwrap();
        assert!(other.grow(50));
        assert!(room.enter(caller(3), 1).is_none());
        drop(first);
        assert!(room.enter(caller(3), 50).is_some());
    }

    #[test]
    fn one_caller_has_so_many_bodies_at_most() {
        let room = Room::new(100);
        let own: Vec<_> = (0..BODIES_SHARE).map(|_| room.enter(caller(1), 0).unwrap()).collect();
        assert!(room.enter(caller(1), 0).is_none());
        assert!(room.enter(caller(2), 0).is_some());
        drop(own);
        assert!(room.enter(caller(1), 0).is_some());
    }
}
