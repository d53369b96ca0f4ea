//! Days, weeks and months of the shop's time zone, and what happened in each.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use shopwise_model::frame::Frame;
use shopwise_model::time::DAY;

use super::cells::Cells;

/// Microseconds of a quarter of an hour: time zones differ by whole quarters.
const QUARTER: i64 = 900_000_000;

/// Up to so many days are drawn day by day, up to so many week by week.
const DAYS_BY_DAY: usize = 45;
const DAYS_BY_WEEK: usize = 400;

/// What happened in some time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) orders: f64,
    /// Millionths.
    pub(super) amount: f64,
    /// Millionths.
    pub(super) refunded: f64,
    pub(super) visits: f64,
    pub(super) visits_ordering: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.amount += other.amount;
        self.refunded += other.refunded;
        self.visits += other.visits;
        self.visits_ordering += other.visits_ordering;
    }
}

/// How long the periods of a picture are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Day,
    Week,
    Month,
}

/// One period of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Period {
    pub(super) first: Date,
    pub(super) sums: Sums,
    /// Whether the data covers every day of it.
    pub(super) is_whole: bool,
}

/// The shop's days in order, from the first with an event to the last, none left out.
#[derive(Debug, Clone)]
pub(super) struct Days {
    pub(super) zone: TimeZone,
    pub(super) days: Vec<(Date, Sums)>,
    /// Quarters of an hour since 1970 in which something happened, ascending.
    quarters: Vec<(i64, Sums)>,
    first: i64,
    last: i64,
}

impl Days {
    /// Adds quarters of an hour up to days of the time zone. `first` and `last` are the moments of
    /// the first and last event.
    pub(super) fn of(quarters: &Frame, zone: TimeZone, first: i64, last: i64) -> Self {
        let mut days = Vec::new();
        if last > 0 {
            let (mut day, end) = (date_of(first, &zone), date_of(last, &zone));
            while day <= end {
                days.push((day, Sums::default()));
                let Ok(next) = day.checked_add(1.day()) else { break };
                day = next;
            }
        }
        let quarters = sums_of(Cells(quarters));
        for (quarter, sums) in &quarters {
            let date = date_of(quarter * QUARTER, &zone);
            if let Ok(place) = days.binary_search_by_key(&date, |(day, _)| *day) {
                days[place].1.add(sums);
            }
        }
        Self { zone, days, quarters, first, last }
    }

    /// Returns where the window of `days` times 24 hours begins that ends `skip` days before the
    /// last event, on a quarter of an hour.
    pub(super) fn begin_of(&self, days: i64, skip: i64) -> i64 {
        (self.last.div_euclid(QUARTER) + 1) * QUARTER - (days + skip) * DAY
    }

    /// Returns the sums of that window; `None` where the data does not cover it.
    pub(super) fn newest(&self, days: i64, skip: i64) -> Option<Sums> {
        let (begin, end) = (self.begin_of(days, skip), self.begin_of(0, skip));
        if self.days.is_empty() || self.first > begin + DAY {
            return None;
        }
        let mut sums = Sums::default();
        for (quarter, own) in &self.quarters {
            if (begin..end).contains(&(quarter * QUARTER)) {
                sums.add(own);
            }
        }
        Some(sums)
    }

    /// Returns the sums of all days.
    pub(super) fn all(&self) -> Sums {
        let mut sums = Sums::default();
        self.quarters.iter().for_each(|(_, own)| sums.add(own));
        sums
    }

    /// Returns the step that suits the length of the data.
    pub(super) fn step(&self) -> Step {
        match self.days.len() {
            days if days <= DAYS_BY_DAY => Step::Day,
            days if days <= DAYS_BY_WEEK => Step::Week,
            _ => Step::Month,
        }
    }

    /// Returns the periods of a step in order. The first and the last day count as whole days.
    pub(super) fn periods(&self, step: Step) -> Vec<Period> {
        let mut periods: Vec<(Period, i64)> = Vec::new();
        for (date, sums) in &self.days {
            let first = first_of(*date, step);
            match periods.last_mut() {
                Some((period, days)) if period.first == first => {
                    period.sums.add(sums);
                    *days += 1;
                }
                _ => periods.push((Period { first, sums: *sums, is_whole: true }, 1)),
            }
        }
        let whole = |first: Date| match step {
            Step::Day => 1,
            Step::Week => 7,
            Step::Month => i64::from(first.days_in_month()),
        };
        periods
            .into_iter()
            .map(|(period, days)| Period { is_whole: days == whole(period.first), ..period })
            .collect()
    }
}

fn sums_of(cells: Cells<'_>) -> Vec<(i64, Sums)> {
    (0..cells.rows())
        .map(|row| {
            let sums = Sums {
                orders: cells.count("orders", row),
                amount: cells.count("amount", row),
                refunded: cells.count("refunded", row),
                visits: cells.count("visits", row),
                visits_ordering: cells.count("visits_ordering", row),
            };
            (cells.int("quarter", row), sums)
        })
        .collect()
}

/// Returns the day of a moment in a time zone.
pub(super) fn date_of(micros: i64, zone: &TimeZone) -> Date {
    let moment = Timestamp::from_microsecond(micros).unwrap_or_default();
    zone.to_datetime(moment).date()
}

fn first_of(date: Date, step: Step) -> Date {
    match step {
        Step::Day => date,
        Step::Week => {
            let back = i64::from(date.weekday().to_monday_zero_offset());
            date.checked_sub(back.days()).unwrap_or(date)
        }
        Step::Month => date.first_of_month(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopwise_model::frame::Column;

    /// Orders of 1 at the quarters given, on whole days of Shanghai from 2024-03-01 (a Friday).
    fn days(quarters: &[i64], count: i64) -> Days {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        // Midnight of 2024-03-01 in Shanghai is 16:00 UTC of the day before.
        let start = 1_709_222_400_000_000;
        let ones = || Column::Int(vec![1; quarters.len()]);
        let frame = Frame::default()
            .with("quarter", Column::Int(quarters.iter().map(|at| start / QUARTER + at).collect()))
            .with("orders", ones())
            .with("amount", ones());
        Days::of(&frame, zone, start, start + count * 86_400_000_000 - 1)
    }

    #[test]
    fn days_are_those_of_the_time_zone_and_none_is_left_out() {
        let days = days(&[0, 95, 96 * 3], 4);
        let orders: Vec<f64> = days.days.iter().map(|(_, sums)| sums.orders).collect();
        assert_eq!(orders, [2.0, 0.0, 0.0, 1.0]);
        assert_eq!(days.days[0].0.to_string(), "2024-03-01");
        assert_eq!(days.begin_of(4, 0), 1_709_222_400_000_000);
        assert_eq!(days.newest(2, 0).unwrap().orders, 1.0);
        assert_eq!(days.newest(2, 2).unwrap().orders, 2.0);
        assert!(days.newest(4, 2).is_none());
    }

    #[test]
    fn a_week_begins_on_monday_and_may_be_half() {
        let periods = days(&[0, 96 * 3], 12).periods(Step::Week);
        let first: Vec<String> = periods.iter().map(|period| period.first.to_string()).collect();
        assert_eq!(first, ["2024-02-26", "2024-03-04", "2024-03-11"]);
        let whole: Vec<bool> = periods.iter().map(|period| period.is_whole).collect();
        assert_eq!(whole, [false, true, false]);
    }

    #[test]
    fn a_shop_without_events_has_no_days() {
        let days = Days::of(&Frame::default(), TimeZone::UTC, 0, 0);
        assert!(days.days.is_empty() && days.newest(28, 0).is_none());
        assert_eq!(days.all(), Sums::default());
    }
}
