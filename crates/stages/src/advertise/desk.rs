//! Which campaigns may be shown now, and who pays: dates, target segments and budgets.
//!
//! Before an advert is shown the most it can cost is set aside; a click takes it, the end of the
//! visit frees it. So budgets hold whatever the order in which clicks become known.

use rustc_hash::FxHashMap;
use shopwise_learn::bid::budget::{Budget, Limits, Reservation};
use shopwise_learn::bid::choose::{self, Offer};
use shopwise_model::{Calendar, Campaign};

use crate::error::Result;
use crate::shop::Shop;

/// What each campaign paid on each day.
const SPENT: &str = "SELECT campaign, CAST(occurred_at AS BIGINT) / 3600000000 AS hour, \
                     CAST(sum(cost) AS BIGINT) AS cost \
                     FROM exposures WHERE kind = 'ad_shown' AND clicked AND cost > 0 \
                     GROUP BY campaign, hour ORDER BY hour, campaign";

/// How long a reservation is held before it expires: a day, within which a click must come.
const HOLD: i64 = shopwise_model::time::DAY;

/// The campaigns of a shop and their money.
#[derive(Debug, Clone)]
pub struct Desk {
    campaigns: Vec<Campaign>,
    budgets: Vec<Budget>,
    calendar: Calendar,
    held: FxHashMap<(u64, usize), Reservation>,
}

/// What was decided for one slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// The place of the campaign in [`Desk::campaigns`].
    pub campaign: usize,
    /// The probability with which it was chosen for this slot, given the slots before.
    pub propensity: f64,
}

impl Desk {
    /// Opens the campaigns with what they have spent so far.
    ///
    /// # Errors
    /// Store errors.
    pub fn open(shop: &Shop) -> Result<Self> {
        let campaigns = shop.ledger.campaigns()?;
        let mut desk = Self::new(campaigns, crate::error::calendar(&shop.settings)?);
        let spent = shop.lake.query(SPENT)?;
        let (hours, costs) = (spent.int("hour")?, spent.int("cost")?);
        for (row, name) in spent.text("campaign")?.iter().enumerate() {
            let place = desk.campaigns.iter().position(|own| Some(own.id.as_str()) == name);
            if let Some(place) = place {
                desk.book(place, costs[row], hours[row] * 3_600_000_000);
            }
        }
        Ok(desk)
    }

    /// Returns the campaigns with unused budgets.
    #[must_use]
    pub fn new(campaigns: Vec<Campaign>, calendar: Calendar) -> Self {
        let limits = |campaign: &Campaign| Limits {
            total_micros: Some(campaign.budget),
            daily_micros: campaign.budget_day,
        };
        let budgets = campaigns.iter().map(|campaign| Budget::new(limits(campaign))).collect();
        Self { campaigns, budgets, calendar, held: FxHashMap::default() }
    }

    /// Returns the campaigns, by identifier.
    #[must_use]
    pub fn campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }

    /// Returns what a campaign has spent, in millionths.
    #[must_use]
    pub fn spent_micros(&self, campaign: usize) -> i64 {
        self.budgets[campaign].spent_micros()
    }

    /// Returns the campaigns that may be shown at `at` to a customer of a segment: within their
    /// dates, meant for the segment, and able to pay for a click.
    #[must_use]
    pub fn eligible(&self, segment: Option<&str>, at: i64) -> Vec<usize> {
        let day = self.calendar.day(at);
        let may = |place: &usize| {
            let campaign = &self.campaigns[*place];
            let meant = campaign.segments.is_empty()
                || segment.is_some_and(|own| campaign.segments.iter().any(|name| name == own));
            (campaign.starts_at..campaign.ends_at).contains(&at)
                && meant
                && campaign.bid_per_click <= self.budgets[*place].left_micros(day)
        };
        (0..self.campaigns.len()).filter(may).collect()
    }

    /// Fills the slots of one visit: each in turn with the eligible campaign of highest expected
    /// value, or with probability `exploration` with any of those left. `offers` has one entry for
    /// each of `eligible`; `draws` has one random number for each slot. What is shown is set aside
    /// in the campaign's budget under the number of the visit.
    ///
    /// # Errors
    /// When an offer or a draw is out of range.
    pub fn decide(
        &mut self,
        visit: u64,
        at: i64,
        eligible: &[usize],
        offers: &[Offer],
        exploration: f64,
        draws: &[f64],
    ) -> Result<Vec<Shown>> {
        let mut left: Vec<(usize, Offer)> =
            eligible.iter().copied().zip(offers.iter().copied()).collect();
        let mut shown = Vec::with_capacity(draws.len());
        for draw in draws {
            let offers: Vec<Offer> = left.iter().map(|(_, offer)| *offer).collect();
            let Some(choice) = choose::choose(&offers, exploration, *draw)? else { break };
            let (campaign, _) = left.remove(choice.index);
            if self.hold(visit, campaign, at) {
                shown.push(Shown { campaign, propensity: choice.propensity });
            }
        }
        Ok(shown)
    }

    /// Sets aside what a click costs; false when the budget does not allow it.
    fn hold(&mut self, visit: u64, campaign: usize, at: i64) -> bool {
        let cost = self.campaigns[campaign].bid_per_click;
        let day = self.calendar.day(at);
        match self.budgets[campaign].reserve(cost, day, at + HOLD) {
            Ok(reservation) => {
                self.held.insert((visit, campaign), reservation);
                true
            }
            Err(_) => false,
        }
    }

    /// Takes the money of a click, in millionths; what the campaign does not hold is not taken.
    pub fn clicked(&mut self, visit: u64, campaign: usize, cost: i64) {
        if let Some(reservation) = self.held.remove(&(visit, campaign)) {
            let held = self.campaigns[campaign].bid_per_click;
            let paid = self.budgets[campaign].commit(reservation, cost.clamp(0, held));
            debug_assert!(paid.is_ok(), "a held reservation is open");
        }
    }

    /// Frees what visits that are over have set aside and not spent.
    pub fn close(&mut self) {
        for ((_, campaign), reservation) in self.held.drain() {
            let freed = self.budgets[campaign].release(reservation);
            debug_assert!(freed.is_ok(), "a held reservation is open");
        }
    }

    /// Books money that was spent before, beyond the limits if it was.
    fn book(&mut self, campaign: usize, cost: i64, at: i64) {
        let day = self.calendar.day(at);
        let budget = &mut self.budgets[campaign];
        let limits = std::mem::take(&mut budget.limits);
        if let Ok(reservation) = budget.reserve(cost, day, i64::MAX) {
            let booked = budget.commit(reservation, cost);
            debug_assert!(booked.is_ok(), "it was just reserved");
        }
        budget.limits = limits;
    }
}

#[cfg(test)]
mod tests;
