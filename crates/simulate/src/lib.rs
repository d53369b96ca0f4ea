//! A shop that does not exist, with known truth: for the demo, for tests, for trying a policy
//! before it costs money.
//!
//! [`World`] holds customers with hidden tastes and a catalogue. Each day it says who visits
//! ([`World::begin_day`]), is told what to show, and says what came of it ([`World::end_day`]) as
//! events in time order. Which policy decides is the caller's affair: nothing is shown that no
//! decision names.
//!
//! Every draw is a hash of the seed, the visit and its purpose, never a shared stream. Copies of a
//! world therefore meet the same chances: what differs between them was caused by decisions.
//! Nothing here does I/O or reads a clock.

pub mod settings;

mod aftermath;
mod archetypes;
mod campaigns;
mod catalog;
mod chance;
mod customers;
mod draft;
mod shop;
mod taste;
mod truth;
mod visit;
mod world;

#[cfg(test)]
mod tests;

pub use settings::{Error, Result, Settings};
pub use taste::{Odds, Shown};
pub use world::World;
