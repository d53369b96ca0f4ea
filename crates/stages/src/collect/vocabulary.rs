//! Names of events: the Segment e-commerce specification with its first version's names
//! ([`super::plan`]), and the short names that tables of events use.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use shopwise_model::EventKind;

use super::plan::SPECIFICATION;

/// Names in tables of events that mean a kind but are not its own.
const ALIASES: &[(&str, EventKind)] = &[
    ("view", EventKind::ProductViewed),
    ("page view", EventKind::PageViewed),
    ("click", EventKind::ProductClicked),
    ("search", EventKind::ProductsSearched),
    ("cart", EventKind::ProductAdded),
    ("add to cart", EventKind::ProductAdded),
    ("remove from cart", EventKind::ProductRemoved),
    ("purchase", EventKind::OrderCompleted),
    ("transaction", EventKind::OrderCompleted),
    ("order", EventKind::OrderCompleted),
    ("refund", EventKind::OrderRefunded),
    ("rating", EventKind::ProductReviewed),
    ("review", EventKind::ProductReviewed),
];

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meaning {
    kind: EventKind,
    /// The specification's name.
    name: Option<&'static str>,
}

/// Every known name by its letters and digits.
static NAMES: LazyLock<FxHashMap<String, Meaning>> = LazyLock::new(|| {
    let mut names = FxHashMap::default();
    for kind in EventKind::ALL {
        names.insert(plain(kind.name()), Meaning { kind: *kind, name: None });
    }
    for (name, kind) in ALIASES {
        names.insert(plain(name), Meaning { kind: *kind, name: None });
    }
    for event in SPECIFICATION {
        let kind = names.get(&plain(event.name)).map_or(EventKind::Other, |known| known.kind);
        for name in [event.name].iter().chain(event.aliases) {
            names.insert(plain(name), Meaning { kind, name: Some(event.name) });
        }
    }
    names
});

/// Returns the kind of an event's name, however it is spelt; what is unknown is
/// [`EventKind::Other`].
pub(crate) fn kind_of(name: &str) -> EventKind {
    match EventKind::from_name(name) {
        EventKind::Other => NAMES.get(&plain(name)).map_or(EventKind::Other, |known| known.kind),
        known => known,
    }
}

/// Returns the specification's name of an event, however it is spelt.
pub(crate) fn specified(name: &str) -> Option<&'static str> {
    NAMES.get(&plain(name)).and_then(|known| known.name)
}

/// Returns the letters and digits of a name in lower case: shops write `Order Completed`,
/// `order_completed`, `orderCompleted`.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns whether an event of this kind moves pieces of a product: its lines have a quantity, one
/// when none is said.
pub(crate) fn moves_pieces(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::ProductAdded
            | EventKind::ProductRemoved
            | EventKind::CartViewed
            | EventKind::CheckoutStarted
            | EventKind::OrderCompleted
            | EventKind::OrderRefunded
            | EventKind::OrderCancelled
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_several_names() {
        for (name, kind) in [
            ("Order Completed", EventKind::OrderCompleted),
            ("Completed Order", EventKind::OrderCompleted),
            ("order_completed", EventKind::OrderCompleted),
            ("orderCompleted", EventKind::OrderCompleted),
            ("Viewed Product Category", EventKind::ProductListViewed),
            ("PRODUCT  added", EventKind::ProductAdded),
            ("Ad Shown", EventKind::AdShown),
            ("Recommendation Clicked", EventKind::RecommendationClicked),
            ("addtocart", EventKind::ProductAdded),
            ("Coupon Applied", EventKind::Other),
            ("", EventKind::Other),
        ] {
            assert_eq!(kind_of(name), kind, "{name}");
        }
    }

    #[test]
    fn every_name_of_the_specification_is_known_in_every_spelling() {
        for event in SPECIFICATION {
            for name in [event.name].iter().chain(event.aliases) {
                let snake = name.to_lowercase().replace(' ', "_");
                let run_together = name.replace(' ', "");
                for spelt in [*name, &snake, &run_together, &name.to_uppercase()] {
                    assert_eq!(specified(spelt), Some(event.name), "{spelt}");
                }
                assert_eq!(kind_of(name), kind_of(event.name), "{name}");
            }
        }
        assert_eq!(specified("Wheel Spun"), None);
    }

    #[test]
    fn no_two_events_share_a_name() {
        let mut names: Vec<String> = SPECIFICATION
            .iter()
            .flat_map(|event| [event.name].into_iter().chain(event.aliases.iter().copied()))
            .chain(ALIASES.iter().map(|(name, _)| *name))
            .map(plain)
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
