//! Bytes as a hostile caller makes them, for the tests of whatever reads bytes from outside.
//!
//! [`fuzz`] changes examples again and again and hands them to a reader, which must neither panic
//! nor take long. What makes the reader answer in a way that was not seen before is changed
//! further: the reader itself says what its answer was, so that no instrumented build is needed.
//! The same seed makes the same bytes. Tests run it for a moment, `cargo xtask fuzz` for as long as
//! one likes.

mod change;
mod coverage;
mod random;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use coverage::Coverage;
pub use random::Random;

/// What is fuzzed, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its name.
    pub name: &'a str,
    /// Examples, good and bad.
    pub examples: &'a [&'a [u8]],
    /// Pieces that mean something to the reader.
    pub words: &'a [&'a [u8]],
    /// The most bytes handed over.
    pub bytes_max: usize,
    /// How long the reader may take for one of them.
    pub time_max: Duration,
}

/// How long a test fuzzes unless it is told by `SHOPWISE_FUZZ_SECONDS`.
const SECONDS: f64 = 0.5;

/// Inputs that are kept because their answers were new.
const KEPT_MAX: usize = 4096;

/// Bytes of an input that are shown when it was the wrong one.
const SHOWN_MAX: usize = 2048;

/// Fuzzes a reader. What it returns says what kind of answer it gave: few kinds, as each is
/// remembered.
///
/// # Panics
/// When the reader does, after the input was printed; and when it takes too long.
#[expect(clippy::print_stdout, reason = "tests print what they did")]
pub fn fuzz<K: Hash>(target: &Target<'_>, mut reader: impl FnMut(&[u8]) -> K) {
    let mut random = Random::new(seed());
    let mut kept: Vec<Vec<u8>> = target.examples.iter().map(|bytes| bytes.to_vec()).collect();
    let mut kinds = BTreeSet::new();
    let (begun, seconds) = (Instant::now(), seconds());
    let (mut executions, mut slowest) = (0_u64, Duration::ZERO);
    let mut coverage = Coverage::new();
    for at in 0.. {
        let input = match kept.get(at) {
            // Each example once as it is.
            Some(example) if at < target.examples.len() => example.clone(),
            _ => {
                if begun.elapsed().as_secs_f64() >= seconds {
                    break;
                }
                change::changed(&kept, target, &mut random)
            }
        };
        let started = Instant::now();
        let kind = match catch_unwind(AssertUnwindSafe(|| reader(&input))) {
            Ok(kind) => kind,
            Err(panic) => {
                println!("{}: input {at} broke it:\n{}", target.name, shown(&input));
                resume_unwind(panic)
            }
        };
        let took = started.elapsed();
        slowest = slowest.max(took);
        assert!(
            took <= target.time_max,
            "{}: input {at} of {} bytes took {took:?}:\n{}",
            target.name,
            input.len(),
            shown(&input)
        );
        executions += 1;
        let is_new = kinds.insert(hash(&kind)) | coverage.take();
        if is_new && at >= target.examples.len() && kept.len() < KEPT_MAX {
            kept.push(input);
        }
    }
    println!(
        "fuzz {}: {executions} executions in {:.1} s, {} kinds of answers, {} branches, slowest \
         {:.1} ms",
        target.name,
        begun.elapsed().as_secs_f64(),
        kinds.len(),
        coverage.branches(),
        1000.0 * slowest.as_secs_f64()
    );
}

fn hash(kind: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    kind.hash(&mut hasher);
    hasher.finish()
}

#[expect(clippy::disallowed_methods, reason = "a test is told by the environment how long to run")]
fn setting(name: &str) -> Option<f64> {
    std::env::var(name).ok()?.parse().ok()
}

fn seconds() -> f64 {
    setting("SHOPWISE_FUZZ_SECONDS").unwrap_or(SECONDS)
}

/// Returns the seed: always the same in tests, so that a failure comes again.
fn seed() -> u64 {
    setting("SHOPWISE_FUZZ_SEED").map_or(7, |seed| seed as u64)
}

/// Returns bytes as a literal that can be copied into a test.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::from("b\"");
    for byte in bytes.iter().take(SHOWN_MAX) {
        text.extend(std::ascii::escape_default(*byte).map(char::from));
    }
    text.push('"');
    if bytes.len() > SHOWN_MAX {
        text.push_str(" and more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target<'_> = Target {
        name: "own",
        examples: &[b"{\"a\":1}"],
        words: &[b"key"],
        bytes_max: 100,
        time_max: Duration::from_secs(1),
    };

    #[test]
    fn what_is_hidden_behind_many_steps_is_found() {
        // Found only as each step is kept and changed further.
        let mut seen = 0;
        let found = catch_unwind(AssertUnwindSafe(|| {
            fuzz(&TARGET, |bytes| {
                let count = bytes.windows(3).filter(|three| *three == b"key").count();
                seen = seen.max(count);
                assert!(count < 12, "found");
                count
            });
        }));
        assert!(found.is_err(), "{seen}");
    }

    #[test]
    fn what_takes_long_is_found() {
        let target = Target { time_max: Duration::from_millis(1), ..TARGET };
        let slow = |bytes: &[u8]| {
            let until = Instant::now() + Duration::from_millis(2);
            while bytes.contains(&b'}') && Instant::now() < until {}
        };
        assert!(catch_unwind(AssertUnwindSafe(|| fuzz(&target, slow))).is_err());
    }

    #[test]
    fn no_input_is_longer_than_allowed() {
        let mut longest = 0;
        fuzz(&TARGET, |bytes| longest = longest.max(bytes.len()));
        assert!(longest > 50 && longest <= 100, "{longest}");
    }
}
