//! Days, hours and weekdays in the shop's time zone.

use crate::settings::Settings;
use crate::time::{DAY, SECOND};
use jiff::tz::TimeZone;

/// Days, hours and weekdays in the shop's time zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
    /// The offset last looked up, and the quarter of an hour it was looked up for: offsets change
    /// on a quarter at the earliest.
    quarter: i64,
    offset: i64,
}

impl Calendar {
    /// Returns the calendar of the shop's time zone, or `None` when the zone has no such name.
    #[must_use]
    pub fn of(settings: &Settings) -> Option<Self> {
        let zone = TimeZone::get(&settings.time_zone).ok()?;
        Some(Self { zone, quarter: i64::MIN, offset: 0 })
    }

    /// Returns the number of the local day that a moment belongs to; the first of January 1970 is
    /// 0.
    #[must_use]
    pub fn day(&self, moment: i64) -> i32 {
        let local = moment.saturating_add(self.offset_at(moment));
        i32::try_from(local.div_euclid(DAY)).unwrap_or(i32::MAX)
    }

    /// Returns (hour of the day, day of the week from Monday = 0) of a moment.
    pub fn hour_and_weekday(&mut self, moment: i64) -> (i64, i64) {
        let quarter = moment.div_euclid(900 * SECOND);
        if quarter != self.quarter {
            (self.quarter, self.offset) = (quarter, self.offset_of(moment));
        }
        local_hour_and_weekday(moment, self.offset)
    }

    /// As [`Calendar::hour_and_weekday`], without remembering the offset.
    #[must_use]
    pub fn look_up(&self, moment: i64) -> (i64, i64) {
        local_hour_and_weekday(moment, self.offset_at(moment))
    }

    fn offset_at(&self, moment: i64) -> i64 {
        let known = moment.div_euclid(900 * SECOND) == self.quarter;
        if known { self.offset } else { self.offset_of(moment) }
    }

    fn offset_of(&self, moment: i64) -> i64 {
        jiff::Timestamp::from_microsecond(moment)
            .map_or(0, |moment| i64::from(self.zone.to_offset(moment).seconds()) * SECOND)
    }
}

fn local_hour_and_weekday(moment: i64, offset: i64) -> (i64, i64) {
    let local = moment.saturating_add(offset);
    // The first of January 1970 was a Thursday.
    let weekday = (local.div_euclid(DAY) + 3).rem_euclid(7);
    (local.rem_euclid(DAY) / (3600 * SECOND), weekday)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_hours_are_those_of_the_zone() {
        let zone = |name: &str| Settings { time_zone: name.to_owned(), ..Settings::default() };
        let mut shanghai = Calendar::of(&zone("Asia/Shanghai")).unwrap();
        // Friday 2024-03-01 17:30 UTC is Saturday half past one in Shanghai.
        let moment = 1_709_314_200 * SECOND;
        assert_eq!(shanghai.hour_and_weekday(moment), (1, 5));
        assert_eq!(shanghai.look_up(moment), (1, 5));
        let utc = Calendar::of(&zone("UTC")).unwrap();
        assert_eq!(utc.look_up(moment), (17, 4));
        assert_eq!(shanghai.day(moment), utc.day(moment) + 1);
        assert!(Calendar::of(&zone("Nowhere/Town")).is_none());
    }
}
