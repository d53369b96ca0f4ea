//! Has a source fallen silent? Each is held against its own past.
//!
//! The past is the same window of the week, by the shop's clock, in up to four weeks before; of
//! three or more weeks the lowest is left out (an outage then would hide one now), and the lowest
//! of the rest is what is *expected*: λ. Weeks in which the source was not there yet do not count;
//! without any there is no alarm. A window must have had events in three slots of ten minutes:
//! who sends once a day in one heap is not silent in between.
//!
//! A source is silent when
//! - nothing came since the last event although λ ≥ 20 in the same time of the week: if events came
//!   by chance alone, that would be seen once in e²⁰ ≈ 5·10⁸ times; this lasts until one comes; or
//! - in the last 1, 3, 6, 12 or 24 hours so few came that P(N ≤ n) < 10⁻⁶, where N is negative
//!   binomial with mean λ and shape 10: Poisson whose level itself varies from day to day with a
//!   standard deviation of 32 % (λ = 1000: at most 122 events).

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use shopwise_model::time::SECOND;
use shopwise_store::Inbox;
use shopwise_store::inbox::{Activity, SLOT};

use crate::error::Result;

/// Weeks that are looked at.
const WEEKS: usize = 4;

/// Slots of a week.
const WEEK: i64 = 7 * 24 * 6;

/// The windows for few events, in slots: 1, 3, 6, 12 and 24 hours.
const WINDOWS: [i64; 5] = [6, 18, 36, 72, 144];

/// The longest window for no events at all: three days span a weekend.
const WINDOW_MAX: i64 = 3 * 144;

/// What must be expected before no event at all means something.
const EXPECTED_MIN: i64 = 20;

/// Slots with events that a window of the past must have.
const ACTIVE_MIN: usize = 3;

/// The probability below which few events are too few: with 100 sources looked at in every slot for
/// a year, and windows that were independent, 5 false alarms.
const TOO_FEW: f64 = 1e-6;

/// The shape of the negative binomial distribution.
const SHAPE: f64 = 10.0;

/// A source that has fallen silent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Silent {
    /// The source.
    pub source: String,
    /// The begin of the window in which something is missing, UTC microseconds.
    pub since: i64,
    /// The length of the window.
    pub minutes: i64,
    /// Events that came.
    pub received: i64,
    /// Events that came in the same window of earlier weeks.
    pub expected: i64,
}

/// Returns the sources that have fallen silent, by name. A time zone that is not known is UTC.
///
/// # Errors
/// Store errors.
pub fn silent(inbox: &Inbox, time_zone: &str, now: i64) -> Result<Vec<Silent>> {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    Ok(among(&inbox.activity()?, &ends(&zone, now)))
}

/// Returns the slot at this moment, which is not over, and the slots at the same time of the week
/// before, by the clock of the zone.
fn ends(zone: &TimeZone, now: i64) -> [i64; WEEKS + 1] {
    std::array::from_fn(|week| {
        let weeks = i64::try_from(week).unwrap_or(0);
        let clock = Timestamp::from_microsecond(now).ok().and_then(|moment| {
            let then = moment.to_zoned_datetime(zone.clone()).checked_sub(weeks.weeks()).ok()?;
            Some(then.timestamp().as_microsecond().div_euclid(SLOT))
        });
        clock.unwrap_or(now.div_euclid(SLOT) - weeks * WEEK)
    })
}

fn among(sources: &BTreeMap<String, Activity>, ends: &[i64; WEEKS + 1]) -> Vec<Silent> {
    let silent = sources.iter().filter_map(|(source, activity)| {
        let window = gap(activity, ends).or_else(|| too_few(activity, ends))?;
        let source = source.clone();
        Some(Silent { source, ..window })
    });
    silent.collect()
}

/// Holds the time since the last event against the past.
fn gap(activity: &Activity, ends: &[i64; WEEKS + 1]) -> Option<Silent> {
    let last = *activity.slots.keys().next_back()?;
    let since = last + 1;
    let length = (ends[0] - since).min(WINDOW_MAX);
    // Only weeks before the silence say what is missing.
    let before: Vec<i64> = ends[1..].iter().copied().filter(|end| *end <= since).collect();
    let expected = expected(activity, &before, length)?;
    (expected >= EXPECTED_MIN).then(|| window(since, ends[0], 0, expected))
}

/// Holds what came in the last hours against the past.
fn too_few(activity: &Activity, ends: &[i64; WEEKS + 1]) -> Option<Silent> {
    WINDOWS.iter().find_map(|length| {
        let since = ends[0] - length;
        let received = activity.received(since, ends[0]);
        let expected = expected(activity, &ends[1..], *length)?;
        (expected >= EXPECTED_MIN && is_too_few(received, expected))
            .then(|| window(since, ends[0], received, expected))
    })
}

fn window(from: i64, to: i64, received: i64, expected: i64) -> Silent {
    let (since, minutes) = (from * SLOT, (to - from) * SLOT / (60 * SECOND));
    Silent { source: String::new(), since, minutes, received, expected }
}

/// Returns what came in windows that end so; `None` when the past says nothing.
fn expected(activity: &Activity, ends: &[i64], length: i64) -> Option<i64> {
    let known = ends.iter().filter(|end| **end - length >= activity.first);
    let mut past: Vec<(i64, usize)> = known
        .map(|end| (activity.received(end - length, *end), activity.active(end - length, *end)))
        .collect();
    past.sort_unstable();
    let (expected, active) = *past.get(usize::from(past.len() >= 3))?;
    (active >= ACTIVE_MIN).then_some(expected)
}

/// Returns whether P(N ≤ received) is too small: the sum of
/// p(i) = Γ(i + s) / (i! Γ(s)) · (s / (s + λ))ˢ · (λ / (s + λ))ⁱ.
fn is_too_few(received: i64, expected: i64) -> bool {
    let mean = expected as f64;
    if received as f64 >= mean / 2.0 {
        return false;
    }
    let mut one = (SHAPE / (SHAPE + mean)).powf(SHAPE);
    let mut sum = one;
    let mut count = 0.0;
    for _ in 0..received {
        if sum >= TOO_FEW {
            return false;
        }
        one *= (count + SHAPE) / (count + 1.0) * mean / (SHAPE + mean);
        count += 1.0;
        sum += one;
    }
    sum < TOO_FEW
}

#[cfg(test)]
mod tests;
