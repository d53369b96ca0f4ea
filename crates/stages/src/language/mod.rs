//! One small language for two questions: may this product stand in this list, and does this
//! customer belong to that segment?
//!
//! `price < 50 and category in ("tea", "coffee") and not bought within 30 days` is a filter,
//! `orders of (category = "tea") within 90 days >= 2` a segment. Every word has one English and one
//! Chinese name, in one table; full-width signs mean what their narrow ones do. [`Expression`]
//! reads a text and can be asked; a [`Mistake`] says where a text is wrong and what may stand
//! there, in the language of the text or of a reader. A comparison with something that is not known
//! does not hold, and `not` is plain negation.
//!
//! The language knows no store and no clock: whoever asks brings a [`Subject`] and the moment.

mod evaluate;
mod lex;
mod mistake;
mod print;
mod product;
mod read;
#[cfg(test)]
pub(crate) mod tests;
mod tree;
mod words;

pub use evaluate::{Known, Subject};
pub use mistake::Mistake;
pub use read::{CONDITIONS_MAX, DEPTH_MAX, TEXT_MAX};
pub use tree::{
    About, Duration, Expression, History, Moment, Of, Op, Part, Test, Text, TextOp, What,
};
pub use words::{Deed, Field, Language, Measure, Unit, table};
