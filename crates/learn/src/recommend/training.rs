//! What a model learns from, and the clock of those that have a budget.

use super::{Field, Seen};
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
    /// How the model will be asked, to join models by, where that is not about what the rows of
    /// `interactions` have not had yet.
    pub rehearsal: Option<Rehearsal<'a>>,
    /// The texts of each item, `n_items` of them; only some models read them.
    pub documents: Option<&'a [Vec<Field>]>,
    /// Decides whatever is left to chance.
    pub seed: u64,
    /// By what a budget of seconds is kept; without one, by estimates, and a model depends on
    /// nothing but its data.
    pub clock: Option<Clock<'a>>,
}

/// What models learn from while it is found out which are good, and what they are asked then.
#[derive(Debug, Clone, Copy)]
pub struct Rehearsal<'a> {
    /// What they learn from.
    pub known: &'a Interactions,
    /// Those they are asked for. Rows beyond those of `known` are of somebody unknown.
    pub asked: &'a Interactions,
    /// What each of these had next.
    pub after: &'a Interactions,
    /// Whether that may be what he had before.
    pub seen: Seen,
}

/// A [`Rehearsal`] of one's own.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) known: Interactions,
    /// `None` where it is those that are known.
    others: Option<Interactions>,
    pub(crate) after: Interactions,
    pub(crate) seen: Seen,
}

impl Parts {
    /// Returns those that models are asked for.
    pub(crate) fn asked(&self) -> &Interactions {
        self.others.as_ref().unwrap_or(&self.known)
    }
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
        Self {
            interactions,
            validation: None,
            rehearsal: None,
            documents: None,
            seed: 0,
            clock: None,
        }
    }

    /// Returns the same of other interactions, of which nothing is named to tune on.
    pub(crate) fn of(self, interactions: &'a Interactions) -> Self {
        Self { interactions, validation: None, rehearsal: None, ..self }
    }

    /// Returns what to find out by which models are good: the rehearsal where one is given, else
    /// the validation part is held out, else a share of each customer's, his youngest where ages
    /// are known.
    pub(crate) fn parts(&self) -> Parts {
        if let Some(Rehearsal { known, asked, after, seen }) = self.rehearsal {
            let (known, others, after) = (known.clone(), Some(asked.clone()), after.clone());
            return Parts { known, others, after, seen };
        }
        let all = self.interactions;
        let (after, known) = match self.validation {
            Some(validation) => all.split(|user, at| {
                let item = all.row(user).0[at];
                user < validation.n_users() && validation.row(user).0.binary_search(&item).is_ok()
            }),
            None => hold_out(all, HELD_OUT_SHARE, self.seed),
        };
        Parts { known, others: None, after, seen: Seen::Remove }
    }
}
