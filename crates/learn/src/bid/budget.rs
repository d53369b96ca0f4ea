//! May this still be paid for? A budget that sets money aside before it is spent.
//!
//! Whoever is about to show something that may cost money first *reserves* the most it can cost.
//! When the cost is certain the reservation is *committed*, at that cost or less; when it will not
//! come it is *released*, or it expires. What is spent and what is reserved never pass the limits
//! together, in total and for each day, so a late notice of a cost cannot break them. A day's money
//! that is not used does not carry over. Amounts are whole numbers (millionths of a currency), days
//! are numbered by the caller.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most open reservations of one budget: a backlog beyond it means that nobody settles them.
pub const RESERVATIONS_MAX: usize = 1 << 20;

/// What may be spent; without a limit anything may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// In total, in millionths.
    pub total_micros: Option<i64>,
    /// On each day, in millionths.
    pub daily_micros: Option<i64>,
}

/// Names an open reservation. Numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reservation(u64);

/// Why a budget did not do what it was asked for. It is then as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The total limit would be passed.
    #[error("the total budget has `{left_micros}` micros left")]
    Total {
        /// What is left of it.
        left_micros: i64,
    },
    /// The daily limit would be passed.
    #[error("the budget of the day has `{left_micros}` micros left")]
    Day {
        /// What is left of it.
        left_micros: i64,
    },
    /// The cost is below 0, or at commit above what was reserved.
    #[error("cost must be from 0 to what was reserved, got `{cost_micros}` micros")]
    Cost {
        /// The cost.
        cost_micros: i64,
    },
    /// The reservation was settled before, has expired, or never was.
    #[error("the reservation is not open")]
    NotOpen,
    /// Too many reservations are open.
    #[error("open reservations are limited to {RESERVATIONS_MAX}")]
    TooManyOpen,
}

/// Money spent and set aside, within limits.
///
/// The limits may be changed at any time; lowered below what is already spent or reserved they
/// refuse whatever comes next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// What may be spent.
    pub limits: Limits,
    total: Used,
    days: BTreeMap<i32, Used>,
    open: BTreeMap<u64, Held>,
    next: u64,
}

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Used {
    spent_micros: i64,
    held_micros: i64,
}

impl Used {
    /// Returns what is left of a limit, never below 0. Neither term can overflow: together they
    /// were within a limit of at most `i64::MAX` when they were added.
    fn left(self, limit_micros: Option<i64>) -> i64 {
        let used = self.spent_micros + self.held_micros;
        limit_micros.unwrap_or(i64::MAX).saturating_sub(used).max(0)
    }

    fn hold(&mut self, cost_micros: i64) {
        self.held_micros += cost_micros;
    }

    fn settle(&mut self, held_micros: i64, cost_micros: i64) {
        self.held_micros -= held_micros;
        self.spent_micros += cost_micros;
    }
}

/// An open reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    day: i32,
    cost_micros: i64,
    expires_at: i64,
}

impl Budget {
    /// Returns an unused budget.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Returns the most that can be reserved for a day.
    #[must_use]
    pub fn left_micros(&self, day: i32) -> i64 {
        let total = self.total.left(self.limits.total_micros);
        total.min(self.day(day).left(self.limits.daily_micros))
    }

    /// Returns what has been spent in total.
    #[must_use]
    pub fn spent_micros(&self) -> i64 {
        self.total.spent_micros
    }

    /// Returns what has been spent of a day's money.
    #[must_use]
    pub fn spent_on_micros(&self, day: i32) -> i64 {
        self.day(day).spent_micros
    }

    /// Returns what is reserved and not yet settled.
    #[must_use]
    pub fn held_micros(&self) -> i64 {
        self.total.held_micros
    }

    /// Sets money of a day aside, until it is settled or, at the time `expires_at`, expires.
    ///
    /// # Errors
    /// [`Refusal::Total`] or [`Refusal::Day`] when a limit would be passed, [`Refusal::Cost`] for a
    /// cost below 0, [`Refusal::TooManyOpen`].
    pub fn reserve(
        &mut self,
        cost_micros: i64,
        day: i32,
        expires_at: i64,
    ) -> Result<Reservation, Refusal> {
        if cost_micros < 0 {
            return Err(Refusal::Cost { cost_micros });
        }
        let left_micros = self.total.left(self.limits.total_micros);
        if cost_micros > left_micros {
            return Err(Refusal::Total { left_micros });
        }
        let left_micros = self.day(day).left(self.limits.daily_micros);
        if cost_micros > left_micros {
            return Err(Refusal::Day { left_micros });
        }
        if self.open.len() >= RESERVATIONS_MAX {
            return Err(Refusal::TooManyOpen);
        }
        self.total.hold(cost_micros);
        self.days.entry(day).or_default().hold(cost_micros);
        let number = self.next;
        self.next += 1;
        self.open.insert(number, Held { day, cost_micros, expires_at });
        Ok(Reservation(number))
    }

    /// Spends a reservation at its actual cost; the rest of it is free again. The cost counts for
    /// the day it was reserved on.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`] when it was settled before or has expired, [`Refusal::Cost`] when the
    /// cost is below 0 or above what was reserved.
    pub fn commit(&mut self, reservation: Reservation, cost_micros: i64) -> Result<(), Refusal> {
        let held = *self.open.get(&reservation.0).ok_or(Refusal::NotOpen)?;
        if !(0..=held.cost_micros).contains(&cost_micros) {
            return Err(Refusal::Cost { cost_micros });
        }
        self.settle(reservation.0, held, cost_micros);
        Ok(())
    }

    /// Frees a reservation that will cost nothing.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`] when it was settled before or has expired.
    pub fn release(&mut self, reservation: Reservation) -> Result<(), Refusal> {
        let held = *self.open.get(&reservation.0).ok_or(Refusal::NotOpen)?;
        self.settle(reservation.0, held, 0);
        Ok(())
    }

    /// Frees the reservations that expire at `now` or before; returns how many.
    pub fn expire(&mut self, now: i64) -> usize {
        let expired: Vec<(u64, Held)> = self
            .open
            .iter()
            .filter(|(_, held)| held.expires_at <= now)
            .map(|(number, held)| (*number, *held))
            .collect();
        for (number, held) in &expired {
            self.settle(*number, *held, 0);
        }
        expired.len()
    }

    fn settle(&mut self, number: u64, held: Held, cost_micros: i64) {
        self.open.remove(&number);
        self.total.settle(held.cost_micros, cost_micros);
        let day = self.days.entry(held.day).or_default();
        day.settle(held.cost_micros, cost_micros);
    }

    fn day(&self, day: i32) -> Used {
        self.days.get(&day).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
