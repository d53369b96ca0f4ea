//! Which branches a reader took, where the build counts them: `cargo xtask fuzz` builds our crates
//! with LLVM's counters, one a branch. Elsewhere nothing is counted, and nothing is new.
#![expect(unsafe_code, reason = "the counters are where the compiler has put them")]

use std::sync::{Mutex, PoisonError};

/// Where the counters of each part of the program begin and end.
static REGIONS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// LLVM's hook: called once for each part of the program before it starts.
///
/// # Safety
/// For LLVM alone, which hands over memory that is there to the end.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    let mut regions = REGIONS.lock().unwrap_or_else(PoisonError::into_inner);
    regions.push((start as usize, stop as usize));
}

/// What was seen of the counters.
#[derive(Debug)]
pub(crate) struct Coverage {
    regions: Vec<(usize, usize)>,
    /// For each counter a bit a class of values.
    seen: Vec<Vec<u8>>,
    /// Counters that were ever above 0.
    branches: usize,
}

impl Coverage {
    pub(crate) fn new() -> Self {
        let regions = REGIONS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seen = regions.iter().map(|(start, stop)| vec![0; stop - start]).collect();
        let mut coverage = Self { regions, seen, branches: 0 };
        // What the start of the program has counted says nothing.
        coverage.take();
        coverage.branches = 0;
        coverage.seen.iter_mut().for_each(|part| part.fill(0));
        coverage
    }

    /// Takes what was counted since the last time, and returns whether any of it was not seen yet.
    pub(crate) fn take(&mut self) -> bool {
        let mut is_new = false;
        for ((start, stop), seen) in self.regions.iter().zip(&mut self.seen) {
            // SAFETY: LLVM's memory, which it has told of itself; nobody else has a slice of it.
            let counters =
                unsafe { std::slice::from_raw_parts_mut(*start as *mut u8, stop - start) };
            for (eight, seen) in counters.chunks_mut(8).zip(seen.chunks_mut(8)) {
                if eight.iter().all(|counter| *counter == 0) {
                    continue;
                }
                for (counter, seen) in eight.iter_mut().zip(seen) {
                    let class = class(std::mem::take(counter));
                    if class & !*seen != 0 {
                        self.branches += usize::from(*seen == 0);
                        *seen |= class;
                        is_new = true;
                    }
                }
            }
        }
        is_new
    }

    /// Returns how many branches were ever taken.
    pub(crate) fn branches(&self) -> usize {
        self.branches
    }
}

/// Returns the class of a count, as a bit: that a loop ran once more is new only so often.
fn class(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..8 => 8,
        8..16 => 16,
        16..32 => 32,
        32..128 => 64,
        128.. => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_new_once() {
        let mut counters = [0_u8; 20];
        let start = counters.as_mut_ptr() as usize;
        let mut coverage =
            Coverage { regions: vec![(start, start + 20)], seen: vec![vec![0; 20]], branches: 0 };
        let mut counted = |at: usize, count: u8| {
            // SAFETY: within the array above.
            unsafe { ((start + at) as *mut u8).write_volatile(count) };
            coverage.take()
        };
        assert!(counted(3, 1) && !counted(3, 1) && counted(19, 5));
        assert!(!counted(19, 6) && counted(19, 9));
        assert!(!coverage.take());
        assert_eq!(coverage.branches(), 2);
        assert_eq!(counters, [0; 20]);
    }
}
