//! When a call happened, by whose clock.
//!
//! A client's clock may be wrong by any amount, but it counts seconds well: how long before sending
//! something happened is right. So `timestamp = receivedAt − (sentAt − originalTimestamp)`, as
//! Segment's HTTP API says (specification, "Timestamps"). Two deviations: a moment is never more
//! than five minutes after it was received, and the clock of a server is not set right by more than
//! 30 days: such a gap is a batch that waited, with an old `sentAt`.

use jiff::tz::TimeZone;
use serde_json::Value;
use shopwise_model::time::{DAY, DateFormat, SECOND, parse};

use super::{Object, text_of};

/// The clock of a server that is off by more than this is not set right.
const SKEW_MAX: i64 = 30 * DAY;

/// How far after it was received something may have happened: what two clocks differ by.
const AHEAD_MAX: i64 = 5 * 60 * SECOND;

/// Libraries that run on a customer's device, by a part of their name.
const ON_DEVICES: &[&str] =
    &["analytics.js", "shopwise.js", "ios", "android", "swift", "kotlin", "react", "flutter"];

/// Whose clock a time was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::collect) enum Clock {
    /// A customer's: it may be wrong by years.
    Device,
    /// The shop's: it is off by little.
    Server,
}

impl Clock {
    /// Returns whose clock a call's `context` speaks of; a server's when it does not say.
    pub(in crate::collect) fn of(context: Option<&Object>) -> Self {
        let library = context.and_then(|context| context.get("library"));
        let name = library.and_then(|library| library.get("name")).and_then(Value::as_str);
        let is_on_device = name.is_some_and(|name| ON_DEVICES.iter().any(|at| name.contains(at)));
        if is_on_device { Self::Device } else { Self::Server }
    }
}

/// Returns when something happened that a client dates `original`; µs.
pub(in crate::collect) fn set_right(
    original: i64,
    sent: Option<i64>,
    received: i64,
    clock: Clock,
) -> i64 {
    let skew = sent.map_or(0, |sent| received.saturating_sub(sent));
    let is_believed = clock == Clock::Device || skew.saturating_abs() <= SKEW_MAX;
    let moment = if is_believed { original.saturating_add(skew) } else { original };
    moment.min(received.saturating_add(AHEAD_MAX))
}

/// Returns the moment that a value names: a date with the year first, or seconds, milliseconds or
/// microseconds since 1970.
pub(in crate::collect) fn read(value: &Value, zone: &TimeZone) -> Option<i64> {
    let text = text_of(value)?;
    parse(&text, DateFormat::YearFirst, zone).or_else(|| parse(&text, DateFormat::Epoch, zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600 * SECOND;

    #[test]
    fn a_slow_clock_is_set_right_and_no_clock_is_ahead() {
        // Ten seconds before it was sent, by a clock half an hour slow.
        let slow = set_right(990 * SECOND, Some(1_000 * SECOND), 2_800 * SECOND, Clock::Server);
        assert_eq!(slow, 2_790 * SECOND);
        assert_eq!(set_right(7, None, 9, Clock::Device), 7);
        assert_eq!(set_right(HOUR, None, 0, Clock::Server), 300 * SECOND);
        assert_eq!(set_right(i64::MAX, Some(i64::MIN), i64::MAX, Clock::Device), i64::MAX);
    }

    #[test]
    fn only_a_device_may_be_off_by_more_than_a_month() {
        let (original, sent, received) = (0, Some(SECOND), 31 * DAY);
        assert_eq!(set_right(original, sent, received, Clock::Server), 0);
        assert_eq!(set_right(original, sent, received, Clock::Device), 31 * DAY - SECOND);
        let context = serde_json::json!({"library": {"name": "analytics.js"}});
        assert_eq!(Clock::of(context.as_object()), Clock::Device);
        assert_eq!(Clock::of(None), Clock::Server);
    }
}
