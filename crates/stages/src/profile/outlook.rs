//! What buyers will do: who is still there, when they buy next, how often and for how much.
//!
//! BG/NBD and Gamma-Gamma over the days on which each bought, as of the day of the last event. The
//! same models, fitted as of [`HORIZON`] days before, are held against what followed, beside each
//! buyer's own rate going on: the report says which came closer.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use shopwise_learn::lifetime::{
    self, BgNbd, DAYS_PER_UNIT, Followed, GammaGamma, History, Outlook, Purchases,
};
use shopwise_model::Calendar;
use shopwise_model::frame::{Column, Frame, NULL_INT, Texts};
use shopwise_model::time::DAY;

use crate::error::Result;

/// Days that are looked ahead: a quarter, which a shop plans for.
pub(super) const HORIZON: u32 = 90;

/// Days for which a first purchase makes a new customer.
const NEW_DAYS: u32 = 30;

/// Who is more likely than this to buy nothing within the horizon cools down.
const COOLING: f64 = 0.5;

/// Who is more likely than this to buy nothing within the horizon is lost.
const LOST: f64 = 0.9;

/// Days beyond which no next purchase is named: what lies three years ahead is none.
const NEXT_DAYS_MAX: f64 = 1_096.0;

/// What was paid, in time order: one row an order.
pub(super) struct Orders {
    names: Texts,
    days: Vec<i32>,
    amounts: Vec<f64>,
}

/// What is expected of buyers.
#[derive(Debug)]
pub(super) struct Expected {
    followed: Vec<Followed>,
    outlook: Outlook,
    /// The row of each buyer, by the code of his name.
    rows: FxHashMap<u32, usize>,
    names: Texts,
    until: i32,
}

impl Orders {
    /// Reads the orders: `customer`, `occurred_at`, `amount` in units.
    pub(super) fn read(orders: &Frame, calendar: &Calendar) -> Result<Self> {
        Ok(Self {
            names: orders.text("customer")?.clone(),
            days: orders.time("occurred_at")?.iter().map(|at| calendar.day(*at)).collect(),
            amounts: orders.float("amount")?.to_vec(),
        })
    }

    fn purchases(&self) -> Purchases<'_> {
        Purchases { buyers: self.names.codes(), days: &self.days, amounts: &self.amounts }
    }
}

/// Returns what is expected in the [`HORIZON`] days after `until`.
///
/// # Errors
/// What the models refuse: mostly that too few bought more than once.
pub(super) fn expect(orders: &Orders, until: i32) -> Result<Expected> {
    let followed = lifetime::follow(orders.purchases(), until, HORIZON)?;
    let histories: Vec<History> = followed.iter().map(|one| one.history).collect();
    let (purchases, amounts) =
        (BgNbd::fit(&histories, DAYS_PER_UNIT)?, GammaGamma::fit(&histories)?);
    let outlook = Outlook::new(&purchases, &amounts, &histories, f64::from(HORIZON))?;
    let rows = followed.iter().enumerate().map(|(row, one)| (one.buyer, row)).collect();
    Ok(Expected { followed, outlook, rows, names: orders.names.clone(), until })
}

/// Holds what would have been expected [`HORIZON`] days before `until` against what followed.
///
/// # Errors
/// As [`expect`], of the shorter past.
pub(super) fn look_back(orders: &Orders, until: i32) -> Result<Value> {
    let Ok(horizon) = i32::try_from(HORIZON) else { return Ok(Value::Null) };
    let past = expect(orders, until - horizon)?;
    let (mut model, mut rate) = (Compared::default(), Compared::default());
    for (one, ahead) in past.followed.iter().zip(&past.outlook.prospects) {
        let followed = f64::from(one.purchases);
        model.add(ahead.expected, followed);
        // As often as so far, the first purchase included, over at least one horizon.
        let age = one.history.age.max(HORIZON);
        rate.add(
            f64::from(one.history.repeats + 1) * f64::from(HORIZON) / f64::from(age),
            followed,
        );
    }
    let (interval, value) = (past.outlook.purchases.interval, past.outlook.value);
    let paid: f64 = past.followed.iter().map(|one| one.value).sum();
    let (expected, followed) = (model.expected, model.followed);
    Ok(json!({
        "customers": past.followed.len(),
        "days": HORIZON,
        "purchases": { "expected": expected, "interval": interval, "followed": followed },
        "value": { "expected": value.value, "interval": value.interval, "followed": paid },
        "mean_absolute_error": model.error(),
        "mean_absolute_error_of_own_rate": rate.error(),
    }))
}

/// Forecasts beside what followed.
#[derive(Default)]
struct Compared {
    count: f64,
    expected: f64,
    followed: f64,
    off: f64,
}

impl Compared {
    fn add(&mut self, expected: f64, followed: f64) {
        self.count += 1.0;
        self.expected += expected;
        self.followed += followed;
        self.off += (expected - followed).abs();
    }

    fn error(&self) -> f64 {
        self.off / self.count
    }
}

impl Expected {
    /// Returns what all buyers together bring within the horizon.
    pub(super) fn report(&self) -> Value {
        let (purchases, value) = (self.outlook.purchases, self.outlook.value);
        json!({
            "customers": self.followed.len(),
            "days": HORIZON,
            "purchases": { "expected": purchases.value, "interval": purchases.interval },
            "value": { "expected": value.value, "interval": value.interval },
        })
    }
}

/// Returns the columns of `PROFILES` that look ahead, for customers named in order; without values
/// for whom nothing is expected, because he bought nothing that he kept.
pub(super) fn columns(customers: &Texts, expected: Option<&Expected>) -> Frame {
    let places: Vec<Option<(usize, &Expected)>> = (0..customers.len())
        .map(|row| {
            let (name, expected) = (customers.get(row)?, expected?);
            let code = expected.names.code_of(name)?;
            Some((*expected.rows.get(&code)?, expected))
        })
        .collect();
    let float = |of: &dyn Fn(usize, &Expected) -> f64| {
        let value = |place: &Option<(usize, &Expected)>| match place {
            Some((row, expected)) => of(*row, expected),
            None => f64::NAN,
        };
        Column::Float(places.iter().map(value).collect())
    };
    let cycle = places.iter().map(|place| place.map(|(row, expected)| expected.life_cycle(row)));
    let next = |place: &Option<(usize, &Expected)>| {
        place.and_then(|(row, expected)| expected.next(row)).unwrap_or(NULL_INT)
    };
    let paid = |purchases: f64, row: usize, all: &Expected| purchases * all.outlook.amounts[row];
    Frame::default()
        .with("life_cycle", Column::Text(cycle.collect()))
        .with("alive", float(&|row, all| all.outlook.prospects[row].alive))
        .with("churn", float(&|row, all| all.outlook.prospects[row].silent))
        .with("next_purchase", Column::Time(places.iter().map(next).collect()))
        .with("expected_purchases", float(&|row, all| all.outlook.prospects[row].expected))
        .with("purchases_low", float(&|row, all| f64::from(all.outlook.prospects[row].low)))
        .with("purchases_high", float(&|row, all| f64::from(all.outlook.prospects[row].high)))
        .with(
            "expected_value",
            float(&|row, all| paid(all.outlook.prospects[row].expected, row, all)),
        )
        .with("value_low", float(&|row, all| paid(all.outlook.prospects[row].low.into(), row, all)))
        .with(
            "value_high",
            float(&|row, all| paid(all.outlook.prospects[row].high.into(), row, all)),
        )
}

impl Expected {
    fn life_cycle(&self, row: usize) -> &'static str {
        let (history, silent) = (&self.followed[row].history, self.outlook.prospects[row].silent);
        if history.age <= NEW_DAYS {
            "new"
        } else if silent <= COOLING {
            "active"
        } else if silent <= LOST {
            "cooling"
        } else {
            "lost"
        }
    }

    /// Returns the day by which half of such buyers who are still there have bought again.
    fn next(&self, row: usize) -> Option<i64> {
        let days = self.outlook.prospects[row].next_days.ceil();
        (days <= NEXT_DAYS_MAX).then(|| (i64::from(self.until) + days as i64) * DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last day.
    const UNTIL: i32 = 800;

    /// Forty who bought every three weeks or so until some day, and three whose story is known.
    fn orders() -> Orders {
        let mut orders = Orders { names: Texts::default(), days: Vec::new(), amounts: Vec::new() };
        let mut buy = |name: &str, day: i32, amount: f64| {
            orders.names.push(Some(name));
            orders.days.push(day);
            orders.amounts.push(amount);
        };
        for who in 0..40 {
            let name = format!("c{who}");
            let (mut day, end) = (who * 9, [200, 350, 500, UNTIL, UNTIL][who as usize % 5]);
            let mut number = 0;
            while day <= end {
                buy(&name, day, f64::from(10 + who % 7 + number % 3));
                day += 7 + (who * 5 + number * 11) % 30;
                number += 1;
            }
        }
        for day in (700..=UNTIL).step_by(10) {
            buy("faithful", day, 20.0);
        }
        for day in (100..300).step_by(10) {
            buy("gone", day, 20.0);
        }
        buy("newcomer", UNTIL - 3, 5.0);
        orders
    }

    #[test]
    fn who_came_every_ten_days_and_stays_away_for_long_is_lost() {
        let expected = expect(&orders(), UNTIL).unwrap();
        let names: Texts =
            ["gone", "faithful", "newcomer", "nobody"].into_iter().map(Some).collect();
        let columns = columns(&names, Some(&expected));
        let cycle = columns.text("life_cycle").unwrap();
        let found: Vec<Option<&str>> = cycle.iter().collect();
        assert_eq!(found, [Some("lost"), Some("active"), Some("new"), None]);
        let (alive, purchases) =
            (columns.float("alive").unwrap(), columns.float("expected_purchases").unwrap());
        assert!(alive[0] < 0.05 && alive[1] > 0.9 && alive[3].is_nan(), "{alive:?}");
        assert!(purchases[0] < 0.5 && purchases[1] > 3.0, "{purchases:?}");
        let (low, high) =
            (columns.float("value_low").unwrap(), columns.float("value_high").unwrap());
        let value = columns.float("expected_value").unwrap();
        // A mean may lie above the interval of what hardly ever happens.
        assert!(low[1] <= value[1] && value[1] <= high[1] && low[0] == 0.0);
        let next = columns.time("next_purchase").unwrap();
        assert!(next[1] > i64::from(UNTIL) * DAY && next[3] == NULL_INT, "{next:?}");
    }

    #[test]
    fn what_was_expected_a_quarter_ago_is_held_against_what_followed() {
        let past = look_back(&orders(), UNTIL).unwrap();
        let float = |value: &Value| value.as_f64().unwrap();
        let (expected, followed) =
            (float(&past["purchases"]["expected"]), float(&past["purchases"]["followed"]));
        assert!(followed > 40.0 && (expected / followed - 1.0).abs() < 0.5, "{past}");
        let (own, rate) =
            (float(&past["mean_absolute_error"]), float(&past["mean_absolute_error_of_own_rate"]));
        assert!(own < rate, "{past}");
    }

    #[test]
    fn a_shop_in_which_nobody_came_back_is_told_why() {
        let names = ["a", "b"].into_iter().map(Some).collect();
        let orders = Orders { names, days: vec![1, 2], amounts: vec![3.0, 4.0] };
        assert!(expect(&orders, 10).is_err());
    }
}
