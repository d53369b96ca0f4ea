//! Which newcomers look like those who came back: the chance that somebody who bought for the first
//! time within the last 90 days buys again within 90 days of it.
//!
//! A logistic regression on what is known with the first purchase, learned from those whose 90 days
//! have passed. Nothing is said unless it told the newest of these apart, whom it had not seen.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use shopwise_learn::evaluate::binary;
use shopwise_learn::respond::{Entry, Training};
use shopwise_model::frame::{Frame, Texts};
use shopwise_model::time::DAY;

use crate::cases::Cases;
use crate::error::Result;

/// Days after a first purchase in which a second one counts, as in `newcomers.sql`.
const DAYS: i64 = 90;

/// The share of former newcomers, the newest, by whom the model is judged.
const JUDGED_SHARE: f64 = 0.2;

/// Fewer former newcomers than this who came back, or stayed away, teach nothing.
const CASES_MIN: usize = 50;

/// A normal deviate: the area must lie so many standard errors above one half.
const SURE: f64 = 1.96;

/// What is known with the first purchase: logarithms of what was spent, and how it came to that.
const NUMBERS: [&str; 7] = ["amount", "lines", "pieces", "price", "views", "visits", "waited"];
const CATEGORIES: [&str; 2] = ["country", "category"];

/// What was found out about newcomers.
#[derive(Debug, Default)]
pub(super) struct Newcomers {
    /// The chance of each newcomer who has bought once.
    chances: FxHashMap<String, f64>,
    /// How the model was judged.
    pub(super) report: Value,
}

impl Newcomers {
    /// Returns the column of the chance for customers named in order; missing for all others.
    pub(super) fn column(&self, customers: &Texts) -> Vec<f64> {
        let chance = |name: Option<&str>| name.and_then(|name| self.chances.get(name)).copied();
        customers.iter().map(|name| chance(name).unwrap_or(f64::NAN)).collect()
    }
}

/// Learns from the former newcomers among first purchases, the rows of `newcomers.sql`, and says
/// what becomes of those of the [`DAYS`] before the moment `last`.
pub(super) fn learn(first: &Frame, last: i64) -> Result<Newcomers> {
    let times = first.time("at")?;
    let former = times.partition_point(|at| *at < last - DAYS * DAY);
    let came_back: Vec<bool> = first.int("again")?.iter().map(|again| *again == 1).collect();
    let judged = former - (former as f64 * JUDGED_SHARE).round() as usize;
    let left_out = |why: &str| Newcomers {
        report: json!({ "former": former, "left_out": why }),
        ..Newcomers::default()
    };
    for part in [&came_back[..judged], &came_back[judged..former]] {
        let back = part.iter().filter(|back| **back).count();
        if back.min(part.len() - back) < CASES_MIN {
            return Ok(left_out("too few came back, or stayed away"));
        }
    }
    let cases = Cases::of(first, &NUMBERS, &CATEGORIES)?;
    let table = cases.table()?;
    let labels: Vec<f64> = came_back.iter().map(|back| f64::from(u8::from(*back))).collect();
    let entry = Entry::find("logistic")?;
    let settings = entry.settings(&[])?;
    let fit = |rows: usize| {
        let part = table.slice(0..rows);
        entry.fit(&Training { table: &part, labels: &labels[..rows], weights: None }, &settings)
    };
    let predicted = fit(judged)?.predict(&table.slice(judged..former))?;
    let outcomes = &came_back[judged..former];
    let area = binary::auc(&predicted, outcomes)?.unwrap_or(0.5);
    let error = error_of_area(area, outcomes);
    let mut report = json!({
        "former": former, "judged": outcomes.len(), "auc": area, "standard_error": error,
        "came_back": outcomes.iter().filter(|back| **back).count() as f64 / outcomes.len() as f64,
        "expected": predicted.iter().sum::<f64>() / predicted.len() as f64,
    });
    if area - SURE * error <= 0.5 {
        report["left_out"] = "first purchases do not tell who comes back".into();
        return Ok(Newcomers { report, ..Newcomers::default() });
    }
    let chances = fit(former)?.predict(&table.slice(former..first.rows()))?;
    let customers = first.text("customer")?;
    let new = (former..first.rows()).zip(chances).filter(|(row, _)| !came_back[*row]);
    let chances = new.filter_map(|(row, chance)| Some((customers.get(row)?.to_owned(), chance)));
    Ok(Newcomers { chances: chances.collect(), report })
}

/// Returns the standard error of an area under the curve (Hanley and McNeil 1982).
fn error_of_area(area: f64, outcomes: &[bool]) -> f64 {
    let positive = outcomes.iter().filter(|outcome| **outcome).count() as f64;
    let negative = outcomes.len() as f64 - positive;
    let (one, two) = (area / (2.0 - area), 2.0 * area * area / (1.0 + area));
    let square = area * area;
    let spread =
        area * (1.0 - area) + (positive - 1.0) * (one - square) + (negative - 1.0) * (two - square);
    (spread.max(0.0) / (positive * negative)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shopwise_model::frame::Column as Stored;

    /// One first purchase an hour; who spends more comes back more often, where `is_told`.
    fn first(rows: i64, is_told: bool) -> Frame {
        let chance = |row: i64| (row * 7919 + 13) % 1000;
        let amount = |row: i64| ((row * 104_729 + 7) % 1000) as f64 / 250.0;
        let again = |row: i64| {
            i64::from(chance(row) < if is_told { (amount(row) * 250.0) as i64 } else { 500 })
        };
        let number = |of: &dyn Fn(i64) -> f64| Stored::Float((0..rows).map(of).collect());
        let names: Vec<String> = (0..rows).map(|row| format!("c{row}")).collect();
        let nothing = || Stored::Text((0..rows).map(|_| None).collect::<Texts>());
        let mut frame = Frame::default()
            .with("customer", Stored::Text(names.iter().map(|name| Some(name.as_str())).collect()))
            .with("at", Stored::Time((0..rows).map(|row| row * DAY / 24).collect()))
            .with("again", Stored::Int((0..rows).map(again).collect()))
            .with("country", nothing())
            .with("category", nothing());
        for name in NUMBERS {
            frame = match name {
                "amount" => frame.with(name, number(&amount)),
                _ => frame.with(name, number(&|_| 0.0)),
            };
        }
        frame
    }

    #[test]
    fn who_looks_like_those_who_came_back_has_the_better_chance() {
        let first = first(6_000, true);
        let found = learn(&first, 6_000 * DAY / 24).unwrap();
        assert!(found.report["auc"].as_f64().unwrap() > 0.75, "{}", found.report);
        let column = found.column(first.text("customer").unwrap());
        let amounts = first.float("amount").unwrap();
        let again = first.int("again").unwrap();
        let new: Vec<usize> = (0..6_000).filter(|row| !column[*row].is_nan()).collect();
        assert!(
            new.len() > 500 && new.iter().all(|row| *row >= 6_000 - 90 * 24 && again[*row] == 0)
        );
        for row in new {
            // Beside the planted chance, a quarter of the amount.
            assert!(
                (column[row] - amounts[row] / 4.0).abs() < 0.15,
                "{} {}",
                column[row],
                amounts[row]
            );
        }
    }

    #[test]
    fn nothing_is_said_where_first_purchases_do_not_tell() {
        let first = first(6_000, false);
        let found = learn(&first, 6_000 * DAY / 24).unwrap();
        assert!(
            found.report["left_out"].is_string() && found.chances.is_empty(),
            "{}",
            found.report
        );
        assert!(learn(&first, 0).unwrap().report["left_out"].is_string());
    }

    #[test]
    fn the_error_of_an_area_by_hand() {
        // Two of each, area 3/4: (3/16 + 3/5 − 9/16 + 9/14 − 9/16) / 4.
        let error = error_of_area(0.75, &[true, true, false, false]);
        assert!(
            (error - ((3.0 / 16.0 + 3.0 / 5.0 + 9.0 / 14.0 - 9.0 / 8.0) / 4.0_f64).sqrt()).abs()
                < 1e-12,
            "{error}"
        );
    }
}
