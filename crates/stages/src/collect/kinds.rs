//! What the feedback of other recommenders means among our kinds of events.

use shopwise_model::EventKind;

use super::ImportOptions;
use super::vocabulary::{kind_of, plain};

/// Names of feedback that no table of events uses. Who likes, stars or saves a product has chosen
/// it, which is what a click says: he gave no stars, and no cart may fill with what was liked.
const FEEDBACK: &[(&str, EventKind)] = &[
    ("read", EventKind::ProductViewed),
    ("watch", EventKind::ProductViewed),
    ("play", EventKind::ProductViewed),
    ("detail", EventKind::ProductViewed),
    ("like", EventKind::ProductClicked),
    ("star", EventKind::ProductClicked),
    ("favorite", EventKind::ProductClicked),
    ("favourite", EventKind::ProductClicked),
    ("fav", EventKind::ProductClicked),
    ("collect", EventKind::ProductClicked),
    ("bookmark", EventKind::ProductClicked),
    ("wishlist", EventKind::ProductClicked),
    ("save", EventKind::ProductClicked),
    ("share", EventKind::ProductClicked),
    ("basket", EventKind::ProductAdded),
    ("buy", EventKind::OrderCompleted),
    ("bought", EventKind::OrderCompleted),
    ("pay", EventKind::OrderCompleted),
    ("rate", EventKind::ProductReviewed),
];

/// Returns the kind of a type of feedback, however it is spelt; what is unknown is
/// [`EventKind::Other`].
#[must_use]
pub fn kind_of_feedback(name: &str) -> EventKind {
    let spelt = plain(name);
    let known = FEEDBACK.iter().find(|(own, _)| *own == spelt);
    known.map_or_else(|| kind_of(name), |(_, kind)| *kind)
}

/// What names of events mean in the files of one import.
#[derive(Debug, Clone, Default)]
pub(super) struct Kinds {
    said: Vec<(String, EventKind)>,
}

impl Kinds {
    /// Returns what names mean where the caller of an import has said otherwise for some.
    pub(super) fn new(options: &ImportOptions) -> Self {
        let said = options.kinds.iter().map(|(name, kind)| (plain(name), *kind));
        Self { said: said.collect() }
    }

    /// Returns what the caller has said that a name means.
    pub(super) fn said(&self, name: &str) -> Option<EventKind> {
        let name = plain(name);
        self.said.iter().find(|(own, _)| *own == name).map(|(_, kind)| *kind)
    }

    /// Returns the kind of a type of feedback.
    pub(super) fn of_feedback(&self, name: &str) -> EventKind {
        self.said(name).unwrap_or_else(|| kind_of_feedback(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feedback_means_what_customers_do_and_the_shop_may_say_otherwise() {
        for (name, kind) in [
            ("read", EventKind::ProductViewed),
            ("Click", EventKind::ProductClicked),
            ("star", EventKind::ProductClicked),
            ("add_to_cart", EventKind::ProductAdded),
            ("Purchase", EventKind::OrderCompleted),
            ("rating", EventKind::ProductReviewed),
            ("dislike", EventKind::Other),
        ] {
            assert_eq!(kind_of_feedback(name), kind, "{name}");
        }
        let kinds = vec![("Star".to_owned(), EventKind::ProductAdded)];
        let kinds = Kinds::new(&ImportOptions { kinds, ..ImportOptions::default() });
        assert_eq!(kinds.of_feedback("star"), EventKind::ProductAdded);
        assert_eq!(kinds.of_feedback("like"), EventKind::ProductClicked);
    }

    #[test]
    fn no_name_of_feedback_stands_twice() {
        let mut names: Vec<&str> = FEEDBACK.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FEEDBACK.len());
    }
}
