//! Reading customers again whose events did not come in the order in which they happened.
//!
//! What is known of a product or of everybody is sums; what is known of a customer depends on the
//! order of his own events alone. So that who follows the log as it comes ends with the state of a
//! replay in time order, bit for bit, the customers of late events are read again, and nobody else.

use std::sync::Arc;

use rustc_hash::FxHashSet;
use shopwise_model::Frame;
use shopwise_model::frame::NULL_CODE;

use super::{Customer, Replay, step};
use crate::error::Result;

/// Customers that are being read again.
#[derive(Debug)]
pub struct Again {
    customers: FxHashSet<u32>,
    last_event: Option<[u8; 16]>,
}

impl Replay {
    /// Returns how many customers should be read again.
    #[must_use]
    pub fn late(&self) -> usize {
        self.late.len()
    }

    /// Forgets what is known of the customers of late events, whose rows are then to be given to
    /// [`Replay::extend_again`] in the order of a replay.
    pub fn begin_again(&mut self) -> Again {
        let customers = std::mem::take(&mut self.late);
        for code in &customers {
            self.customers[*code as usize] = Customer::default();
        }
        Again { customers, last_event: None }
    }

    /// Returns what takes in the rows of these customers alone.
    pub fn begin_only(&mut self, names: &[String]) -> Again {
        let customers = names.iter().map(|name| self.names.customers.intern(name)).collect();
        self.know_new_names();
        Again { customers, last_event: None }
    }

    /// Takes in rows of the customers that are read again; those of others are passed over.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn extend_again(&mut self, again: &mut Again, part: &Frame) -> Result<()> {
        let steps = step::steps(part, &mut self.names, again.last_event, self.keeps)?;
        self.know_new_names();
        // These rows were counted when they came.
        let unvalued = self.worth.unvalued;
        for mut step in steps {
            again.last_event = Some(step.event_id);
            if step.customer != NULL_CODE && again.customers.contains(&step.customer) {
                self.worth.value(&mut step, &self.names.currencies, &self.calendar);
                self.step_again(&step);
            }
        }
        self.worth.unvalued = unvalued;
        Ok(())
    }
}

impl Again {
    /// Returns the names of the customers, sorted.
    #[must_use]
    pub fn names(&self, replay: &Replay) -> Vec<Arc<str>> {
        let names = replay.names.customers.values();
        let of = |code: &u32| names.get(*code as usize).map(Arc::clone);
        let mut names: Vec<Arc<str>> = self.customers.iter().filter_map(of).collect();
        names.sort_unstable();
        names
    }
}
