//! Which option is worth most now, and may it still be paid for?
//!
//! [`choose()`] takes the option of highest expected value, save for a share of decisions that
//! explore, and says with which probability it chose; [`slate()`] does so for the places of a list.
//! [`budget`] sets money aside before it is
//! spent, so that no limit is ever passed. [`pacing`] makes an option wait when it spends ahead of
//! time. Probabilities come from `respond`; who is eligible, and what the decision is written to,
//! is the caller's business.

pub mod budget;
pub mod choose;
pub mod pacing;
pub mod slate;

pub use budget::{Budget, Limits, Refusal, Reservation};
pub use choose::{Choice, Offer, choose, propensities};
pub use pacing::{Pacing, TrafficShape};
pub use slate::{Place, slate};
