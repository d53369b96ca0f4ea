//! What the server counts about itself, in the text that Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Upper ends of the classes of seconds: fine around what an answer may take.
const SECONDS: [f64; 10] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0];

/// Counts of requests.
#[derive(Debug, Default)]
pub(super) struct Figures {
    routes: Mutex<BTreeMap<(&'static str, u16), Class>>,
    retries: AtomicU64,
}

#[derive(Debug, Default)]
struct Class {
    count: u64,
    seconds: f64,
    /// How many took at most each of [`SECONDS`].
    within: [u64; SECONDS.len()],
}

impl Figures {
    /// Counts an answer.
    pub(super) fn answered(&self, route: &'static str, status: u16, seconds: f64) {
        // A holder of the lock that panicked leaves whole numbers behind.
        let mut routes = self.routes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let class = routes.entry((route, status)).or_default();
        class.count += 1;
        class.seconds += seconds;
        for (within, end) in class.within.iter_mut().zip(SECONDS) {
            *within += u64::from(seconds <= end);
        }
    }

    /// Counts a request that a library sent again: it measures our own failures.
    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds the counts to a text for Prometheus.
    pub(super) fn write(&self, text: &mut String) -> std::fmt::Result {
        describe(text, "shopwise_requests_total", "counter", "Requests answered")?;
        let routes = self.routes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for ((route, status), class) in routes.iter() {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            writeln!(text, "shopwise_requests_total{{{labels}}} {}", class.count)?;
        }
        describe(text, "shopwise_request_seconds", "histogram", "How long answers took")?;
        for ((route, status), class) in routes.iter() {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            for (within, end) in class.within.iter().zip(SECONDS) {
                writeln!(
                    text,
                    "shopwise_request_seconds_bucket{{{labels},le=\"{end}\"}} {within}"
                )?;
            }
            let (count, seconds) = (class.count, class.seconds);
            writeln!(text, "shopwise_request_seconds_bucket{{{labels},le=\"+Inf\"}} {count}")?;
            writeln!(text, "shopwise_request_seconds_sum{{{labels}}} {seconds}")?;
            writeln!(text, "shopwise_request_seconds_count{{{labels}}} {count}")?;
        }
        describe(text, "shopwise_retries_total", "counter", "Requests that were sent before")?;
        writeln!(text, "shopwise_retries_total {}", self.retries.load(Ordering::Relaxed))
    }
}

/// Adds what a figure is.
pub(super) fn describe(text: &mut String, name: &str, kind: &str, about: &str) -> std::fmt::Result {
    writeln!(text, "# HELP {name} {about}.\n# TYPE {name} {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_add_up() {
        let figures = Figures::default();
        figures.answered("/v1/batch", 200, 0.004);
        figures.answered("/v1/batch", 200, 30.0);
        let mut text = String::new();
        figures.write(&mut text).unwrap();
        let labels = "route=\"/v1/batch\",status=\"200\"";
        for line in [
            format!("shopwise_requests_total{{{labels}}} 2"),
            format!("shopwise_request_seconds_bucket{{{labels},le=\"0.002\"}} 0"),
            format!("shopwise_request_seconds_bucket{{{labels},le=\"0.005\"}} 1"),
            format!("shopwise_request_seconds_bucket{{{labels},le=\"+Inf\"}} 2"),
        ] {
            assert!(text.lines().any(|own| own == line), "{line} in {text}");
        }
    }
}
