//! Text as numbers: tokens of Latin and Chinese text, and their TF-IDF weights.
//!
//! No dictionary, no language detection, no stop words: a word found everywhere weighs little by
//! itself. Content-based recommendation reads product texts with it.

pub mod tfidf;
pub mod tokenize;

pub use tfidf::TfIdf;
pub use tokenize::tokens;
