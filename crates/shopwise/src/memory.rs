//! How much memory the system's allocator keeps.
//!
//! The C library of most Linux systems makes up to eight pools a core, and each keeps what one of
//! its threads once needed, also between what is held: a server with a hundred threads, few of
//! which work at a time, grew for hours without holding more. mimalloc, which was tried in its
//! place, kept three times as much.

/// Makes threads share as many pools of memory as there are cores.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn share_pools() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pools = libc::c_int::try_from(cores.max(2)).unwrap_or(libc::c_int::MAX);
    #[expect(unsafe_code, reason = "the allocator can be told by nothing else")]
    // SAFETY: it sets a number that later calls of the allocator read.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, pools);
    }
}

/// Gives the system back what is free; some milliseconds, in which others may wait for memory.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back() {
    #[expect(unsafe_code, reason = "the allocator can be told by nothing else")]
    // SAFETY: it touches nothing that is held.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other systems keep no pools for each thread.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn share_pools() {}

/// Other systems give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}
