//! What the models know of a buyer: how often, how lately, since when, and for how much.

use crate::error::{Error, Result};

/// The repeat purchases of one buyer up to the day on which we look. A purchase is a day with at
/// least one; a repeat purchase is one on a later day than the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct History {
    /// How many repeat purchases.
    pub repeats: u32,
    /// Days from the first purchase to the last: 0 without repeats.
    pub last: u32,
    /// Days from the first purchase to the day on which we look, at least `last`.
    pub age: u32,
    /// The mean amount of a repeat purchase; 0 without repeats.
    pub amount: f64,
}

/// Purchases in any order, one a place in each slice.
#[derive(Debug, Clone, Copy)]
pub struct Purchases<'a> {
    /// Who bought, as a number.
    pub buyers: &'a [u32],
    /// On which day, counted from any.
    pub days: &'a [i32],
    /// For how much.
    pub amounts: &'a [f64],
}

/// A buyer's history, and what he did afterwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Followed {
    /// Who.
    pub buyer: u32,
    /// What was known on the day on which we look.
    pub history: History,
    /// How many purchases, in days with at least one, followed within the horizon.
    pub purchases: u32,
    /// For how much in all.
    pub value: f64,
}

/// Returns the histories of all who had bought by the day `until`, inclusive, in the order of their
/// numbers, and what followed in the `horizon` days after it.
///
/// Bought on days 1 (twice, for 2 and 3), 4 (for 6) and 9 (for 1), until day 7, horizon 5: one
/// repeat purchase of 6, last 3, age 6; then one purchase of 1.
///
/// # Errors
/// [`Error::Length`] when the slices differ in length, and [`Error::NotFinite`].
pub fn follow(purchases: Purchases<'_>, until: i32, horizon: u32) -> Result<Vec<Followed>> {
    let Purchases { buyers, days, amounts } = purchases;
    for (what, got) in [("days of purchases", days.len()), ("amounts", amounts.len())] {
        if got != buyers.len() {
            return Err(Error::Length { what, expected: buyers.len(), got });
        }
    }
    if let Some(row) = amounts.iter().position(|amount| !amount.is_finite()) {
        let value = amounts[row].to_string();
        return Err(Error::NotFinite { what: "amount of a purchase", value, row, column: 0 });
    }
    let mut order: Vec<(u32, i32, usize)> =
        (0..buyers.len()).map(|row| (buyers[row], days[row], row)).collect();
    order.sort_unstable();
    let each = order.chunk_by(|left, right| left.0 == right.0);
    Ok(each.filter_map(|rows| follow_one(rows, amounts, until, horizon)).collect())
}

/// Returns the history of one buyer, whose purchases are in order of time.
fn follow_one(
    rows: &[(u32, i32, usize)],
    amounts: &[f64],
    until: i32,
    horizon: u32,
) -> Option<Followed> {
    let (buyer, first, _) = *rows.first()?;
    if first > until {
        return None;
    }
    let end = i64::from(until) + i64::from(horizon);
    let (mut repeats, mut last, mut sum) = (0, 0, 0.0);
    let (mut purchases, mut value) = (0, 0.0);
    for of_day in rows.chunk_by(|left, right| left.1 == right.1) {
        let day = of_day[0].1;
        let amount: f64 = of_day.iter().map(|(.., row)| amounts[*row]).sum();
        if day == first {
            continue;
        } else if day <= until {
            repeats += 1;
            last = day.abs_diff(first);
            sum += amount;
        } else if i64::from(day) <= end {
            purchases += 1;
            value += amount;
        }
    }
    let amount = if repeats > 0 { sum / f64::from(repeats) } else { 0.0 };
    let history = History { repeats, last, age: until.abs_diff(first), amount };
    Some(Followed { buyer, history, purchases, value })
}

impl History {
    /// Returns all but the amount as one number: quick to sort, first by age.
    pub(super) fn key(&self) -> u128 {
        u128::from(self.age) << 64 | u128::from(self.repeats) << 32 | u128::from(self.last)
    }

    /// Returns age, repeats and last of a key.
    pub(super) fn of_key(key: u128) -> (u32, u32, u32) {
        ((key >> 64) as u32, (key >> 32) as u32, key as u32)
    }

    /// Checks that a history is possible.
    pub(super) fn check(&self) -> Result<()> {
        let fault = if self.last > self.age {
            Some("the last purchase is later than the day on which we look")
        } else if (self.repeats == 0) != (self.last == 0) {
            Some("repeat purchases take place after the first day")
        } else if self.repeats > self.last {
            Some("there is at most one purchase a day")
        } else {
            None
        };
        match fault {
            None => Ok(()),
            Some(fault) => Err(Error::parameter("history", fault, format!("{self:?}"))),
        }
    }
}
