//! One person held against the rules: one pass over his entries for all of them.

use shopwise_model::money::units_from_micros;

use super::past::{Past, Totals};
use super::rules::{Place, Rule, Rules, Sum};
use crate::language::{Field, History, Known, Measure, Subject};

/// Values of one person, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Values {
    totals: Totals,
    /// By the place of the value.
    sums: Vec<i64>,
    /// The oldest entry in each.
    oldest: Vec<i64>,
    /// The event that each base counted last.
    counted: Vec<u32>,
}

impl Values {
    /// Reads what pseudonyms of one person did, up to `now`; `matches` says whether a product meets
    /// a condition. Returns when one of the values, or the entries kept, change next by themselves.
    pub(super) fn read<'a>(
        &mut self,
        rules: &Rules,
        pasts: impl Iterator<Item = &'a Past>,
        matches: impl Fn(u32, usize) -> bool,
        now: i64,
    ) -> i64 {
        self.totals = Totals::default();
        self.sums.clear();
        self.sums.resize(rules.values, 0);
        self.oldest.clear();
        self.oldest.resize(rules.values, i64::MAX);
        self.counted.clear();
        self.counted.resize(rules.bases.len(), 0);
        let mut event = 0;
        for past in pasts {
            self.totals.join(&past.totals);
            for entry in &past.entries {
                event += u32::from(entry.is_new_event());
                let at = entry.at();
                for place in &rules.by_kind[entry.kind()] {
                    let base = &rules.bases[*place];
                    if base.condition.is_some_and(|condition| !matches(entry.product, condition)) {
                        continue;
                    }
                    let is_within = |(window, _): &&(i64, usize)| at > now.saturating_sub(*window);
                    let Some((_, value)) = base.windows.iter().find(is_within) else { continue };
                    let more = match base.sum {
                        Sum::Events => {
                            let before = std::mem::replace(&mut self.counted[*place], event);
                            i64::from(before != event)
                        }
                        Sum::Pieces => i64::from(entry.quantity),
                        Sum::Amount => entry.amount,
                    };
                    self.sums[*value] = self.sums[*value].saturating_add(more);
                    self.oldest[*value] = self.oldest[*value].min(at);
                }
            }
        }
        self.widen(rules).min(self.turn(rules, now))
    }

    /// Adds what happened in shorter windows to longer ones; returns when an entry leaves one.
    fn widen(&mut self, rules: &Rules) -> i64 {
        let mut next = i64::MAX;
        for base in &rules.bases {
            let (mut sum, mut oldest) = (0_i64, i64::MAX);
            for (window, value) in &base.windows {
                sum = sum.saturating_add(self.sums[*value]);
                oldest = oldest.min(self.oldest[*value]);
                self.sums[*value] = sum;
                next = next.min(oldest.saturating_add(*window));
            }
        }
        next
    }

    /// Returns when the distance of now from one of his moments turns a test.
    fn turn(&self, rules: &Rules, now: i64) -> i64 {
        let mut next = i64::MAX;
        for (field, after) in &rules.turns {
            if let Known::Moment(moment) = self.moment(*field) {
                let turns = after.map(|after| moment.saturating_add(after));
                next = turns.into_iter().filter(|at| *at > now).fold(next, i64::min);
            }
        }
        next
    }

    fn moment(&self, field: Field) -> Known<'static> {
        let totals = &self.totals;
        let (is_known, moment) = match field {
            Field::FirstSeen => (totals.all_events() > 0, totals.first_seen),
            Field::LastSeen => (totals.was_seen(), totals.last_seen),
            Field::FirstOrder => (totals.has_ordered(), totals.first_order),
            Field::LastOrder => (totals.has_ordered(), totals.last_order),
            _ => (false, 0),
        };
        if is_known { Known::Moment(moment) } else { Known::Unknown }
    }

    /// Returns whether a rule holds of the person; of one of whom nothing ever happened none does.
    pub(super) fn meet(&self, rule: &Rule, now: i64) -> bool {
        self.totals.all_events() > 0
            && rule.definition.expression.holds(&Person { values: self, rule }, now)
    }
}

/// A person as one rule looks at him.
struct Person<'a> {
    values: &'a Values,
    rule: &'a Rule,
}

impl Subject for Person<'_> {
    fn field(&self, field: Field) -> Known<'_> {
        self.values.moment(field)
    }

    fn history(&self, history: &History, _: Option<i64>) -> f64 {
        let (measure, sum) = match self.rule.places.get(history.number) {
            Some(Place::Total(measure)) => (*measure, self.values.totals.of(*measure)),
            Some(Place::Value(measure, at)) => (*measure, self.values.sums[*at]),
            None => return 0.0,
        };
        match measure {
            Measure::Spent | Measure::Refunded => units_from_micros(sum),
            _ => sum as f64,
        }
    }
}
