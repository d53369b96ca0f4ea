//! What is found on the way to a list.

use super::Scored;
use super::ranker::Described;

/// What a model found on the way to a list, kept so that saying why costs no second look: see
/// [`super::Recommender::traced`].
#[derive(Debug, Default)]
pub enum Trail {
    /// Nothing that would help.
    #[default]
    Nothing,
    /// The candidates of each member of a blend.
    Candidates(Vec<Vec<Scored>>),
    /// The candidates of a ranker and what they tell.
    Described(Described),
}
