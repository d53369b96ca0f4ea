//! The shop's nouns: events, products, campaigns, rules, decisions, money, time, settings, and the
//! frame of typed columns in which they travel between rooms. Nothing here does I/O.

pub mod calendar;
pub mod campaign;
pub mod decision;
pub mod event;
pub mod frame;
pub mod money;
pub mod product;
pub mod rule;
pub mod settings;
pub mod tables;
pub mod time;

pub use calendar::Calendar;
pub use campaign::Campaign;
pub use event::{Event, EventKind, Events};
pub use frame::{Column, Frame, FrameError, Texts};
pub use product::Product;
pub use rule::Rule;
pub use settings::Settings;
