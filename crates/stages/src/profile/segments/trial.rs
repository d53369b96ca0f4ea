//! A segment that is tried on, before it is defined.

use super::person::Values;
use super::rows::Products;
use super::rules::Rules;
use super::{Definition, Segments};

/// A segment on its way through everybody.
#[derive(Debug)]
pub struct Trial {
    rules: Rules,
    /// The products as its conditions see them.
    products: Products,
    values: Values,
    next: u32,
    members: u64,
}

impl Segments {
    /// Begins to try a segment on; `None` when not enough is known to tell its members.
    #[must_use]
    pub fn try_on(&self, definition: Definition) -> Option<Trial> {
        let rules = Rules::new(vec![definition]);
        let is_known = rules.kept.iter().zip(self.kept).all(|(needed, kept)| *needed <= kept);
        is_known.then(|| Trial {
            products: self.products.as_seen_by(&rules),
            rules,
            values: Values::default(),
            next: 0,
            members: 0,
        })
    }

    /// Holds up to `most` more persons against it; returns how many are members when that was all.
    pub fn go_on(&self, trial: &mut Trial, most: u32) -> Option<u64> {
        let all = u32::try_from(self.persons.len()).unwrap_or(u32::MAX);
        let until = trial.next.saturating_add(most).min(all);
        for person in trial.next..until {
            let members = self.persons.members(&person);
            let pasts = members.iter().map(|member| &self.pasts[*member as usize]);
            let meets = |product, condition| trial.products.meets(product, condition);
            trial.values.read(&trial.rules, pasts, meets, self.now);
            let rule = trial.rules.rules.first();
            let is_in = rule.is_some_and(|rule| trial.values.meet(rule, self.now));
            trial.members += u64::from(is_in);
        }
        trial.next = until;
        (until == all).then_some(trial.members)
    }
}
