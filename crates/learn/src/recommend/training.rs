//! What a model learns from, and the clock of those that have a budget.

use super::Field;
use crate::evaluate::split::hold_out;
use crate::interactions::Interactions;

/// The share of each customer's interactions held out where no validation part is given.
const HELD_OUT_SHARE: f64 = 0.2;

/// What a model learns from.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// All interactions, those to tune on included.
    pub interactions: &'a Interactions,
    /// The part of `interactions` to tune on; a model that tunes makes its own where none is given.
    pub validation: Option<&'a Interactions>,
    /// The texts of each item, `n_items` of them; only some models read them.
    pub documents: Option<&'a [Vec<Field>]>,
    /// Decides whatever is left to chance.
    pub seed: u64,
    /// By what a budget of seconds is kept; without one, by estimates, and a model depends on
    /// nothing but its data.
    pub clock: Option<Clock<'a>>,
}

/// Tells how many seconds have passed since some moment: the caller's, for nothing here knows the
/// time.
#[derive(Clone, Copy)]
pub struct Clock<'a>(pub &'a (dyn Fn() -> f64 + Sync));

impl std::fmt::Debug for Clock<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Clock").field(&(self.0)()).finish()
    }
}

impl<'a> Training<'a> {
    /// Returns training data of interactions alone.
    #[must_use]
    pub fn new(interactions: &'a Interactions) -> Self {
        Self { interactions, validation: None, documents: None, seed: 0, clock: None }
    }

    /// Returns the interactions to tune on and the others: the validation part where one is given,
    /// else a share of each customer's, his youngest where ages are known.
    pub(crate) fn parts(&self) -> (Interactions, Interactions) {
        let all = self.interactions;
        match self.validation {
            Some(validation) => all.split(|user, at| {
                let item = all.row(user).0[at];
                user < validation.n_users() && validation.row(user).0.binary_search(&item).is_ok()
            }),
            None => hold_out(all, HELD_OUT_SHARE, self.seed),
        }
    }
}
