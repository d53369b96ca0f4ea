//! What is a customer worth: how often will he buy again, for how much, and is he still there?
//!
//! [`BgNbd`] describes when people buy who may silently leave for good, [`GammaGamma`] for how
//! much; both are fitted to [`History`]s by maximum likelihood, with exact first and second
//! derivatives. [`Prospect`] is what a fitted model expects of one buyer, [`Outlook`] of all of
//! them together.
//!
//! Nothing here knows contracts that end visibly, seasons, or discounts.

mod bg_nbd;
mod gamma;
mod gamma_gamma;
mod history;
mod newton;
mod outlook;

#[cfg(test)]
mod tests;

pub use bg_nbd::{BgNbd, DAYS_PER_UNIT, Prospect};
pub use gamma_gamma::GammaGamma;
pub use history::{Followed, History, Purchases, follow};
pub use outlook::{Estimate, Outlook, Z_95};
