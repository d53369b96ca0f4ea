//! Days, hours and weekdays in the shop's time zone.

use jiff::tz::TimeZone;
use shopwise_model::Settings;
use shopwise_model::time::{DAY, SECOND};

use crate::error::{Error, Result};

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
    /// Returns the calendar of the shop's time zone.
    ///
    /// # Errors
    /// [`Error::Wrong`] when the zone has no such name.
    pub fn of(settings: &Settings) -> Result<Self> {
        let zone = TimeZone::get(&settings.time_zone)
            .map_err(|_| Error::Wrong(format!("`{}` is no IANA time zone", settings.time_zone)))?;
        Ok(Self { zone, quarter: i64::MIN, offset: 0 })
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
        let known = moment.div_euclid(900 * SECOND) == self.quarter;
        let offset = if known { self.offset } else { self.offset_of(moment) };
        local_hour_and_weekday(moment, offset)
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
