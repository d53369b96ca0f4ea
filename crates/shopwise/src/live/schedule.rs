//! The loop at its time of day, beside collection.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use shopwise_stages::{STAGES, Shop};
use tokio::sync::watch;

use super::thread;
use crate::commands::run::run_loop;

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// A time of day in a time zone.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    time: Time,
    zone: TimeZone,
}

impl Schedule {
    /// Returns the schedule of a time such as `03:00`.
    pub(crate) fn new(time: &str, zone: &str) -> Result<Self> {
        let parsed = time.parse::<Time>().ok().filter(|_| time.len() == 5);
        let Some(time) = parsed else {
            bail!("`run_at` must be a time of day such as 03:00, or empty, got `{time}`");
        };
        let zone = TimeZone::get(zone).with_context(|| format!("`{zone}` is no IANA time zone"))?;
        Ok(Self { time, zone })
    }

    /// Returns the first such moment after `now`.
    fn next(&self, now: Timestamp) -> Result<Timestamp> {
        let here = now.to_zoned_datetime(self.zone.clone());
        let today = here.date().to_datetime(self.time).to_zoned_datetime(self.zone.clone())?;
        let next = if today.timestamp() > now {
            today
        } else {
            here.date()
                .checked_add(1.day())?
                .to_datetime(self.time)
                .to_zoned_datetime(self.zone.clone())?
        };
        Ok(next.timestamp())
    }

    /// Runs the loop at its times until the server stops. A run that is under way then ends first.
    pub(crate) fn start(
        self,
        shop: &Arc<Shop>,
        stopped: watch::Receiver<bool>,
    ) -> Result<JoinHandle<()>> {
        let shop = Arc::clone(shop);
        let mut next = self.next(Timestamp::now())?;
        thread("schedule", move || {
            while !*stopped.borrow() && stopped.has_changed().is_ok() {
                if Timestamp::now() < next {
                    std::thread::sleep(LOOK);
                    continue;
                }
                let stages: Vec<_> = STAGES.iter().collect();
                match run_loop(&shop, &stages, false) {
                    Ok(reports) => tracing::info!(stages = reports.len(), "the loop has run"),
                    Err(error) => {
                        tracing::error!(error = %format!("{error:#}"), "the loop did not run");
                    }
                }
                match self.next(Timestamp::now()) {
                    Ok(moment) => next = moment,
                    Err(error) => {
                        tracing::error!(%error, "the schedule has ended");
                        return;
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_meant_in_the_shops_zone() {
        let schedule = Schedule::new("03:00", "Asia/Shanghai").unwrap();
        let next = |now: &str| schedule.next(now.parse().unwrap()).unwrap().to_string();
        assert_eq!(next("2026-03-01T18:59:59Z"), "2026-03-01T19:00:00Z");
        assert_eq!(next("2026-03-01T19:00:00Z"), "2026-03-02T19:00:00Z");
        // The hour that does not exist on the day the clocks go forward is the next that does.
        let missing = Schedule::new("02:30", "Europe/Berlin").unwrap();
        let next = missing.next("2026-03-29T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(next.to_string(), "2026-03-29T01:30:00Z");
        for wrong in ["3:00", "25:00", "night", "03:00:00"] {
            assert!(Schedule::new(wrong, "UTC").is_err(), "{wrong}");
        }
    }
}
