//! Names of events: the Segment e-commerce specification, its first version's names, and the short
//! names that tables of events use.

use shopwise_model::EventKind;

/// Names that mean a kind but are not its own, with `_` for what stands between words.
const ALIASES: &[(&str, EventKind)] = &[
    // Version 1 of the specification.
    ("viewed_product_category", EventKind::ProductListViewed),
    ("clicked_product", EventKind::ProductClicked),
    ("viewed_product", EventKind::ProductViewed),
    ("added_product", EventKind::ProductAdded),
    ("removed_product", EventKind::ProductRemoved),
    ("viewed_cart", EventKind::CartViewed),
    ("started_order", EventKind::CheckoutStarted),
    ("completed_order", EventKind::OrderCompleted),
    ("refunded_order", EventKind::OrderRefunded),
    ("cancelled_order", EventKind::OrderCancelled),
    ("searched_products", EventKind::ProductsSearched),
    ("reviewed_product", EventKind::ProductReviewed),
    // Tables of events.
    ("page_view", EventKind::PageViewed),
    ("view", EventKind::ProductViewed),
    ("click", EventKind::ProductClicked),
    ("search", EventKind::ProductsSearched),
    ("cart", EventKind::ProductAdded),
    ("addtocart", EventKind::ProductAdded),
    ("add_to_cart", EventKind::ProductAdded),
    ("remove_from_cart", EventKind::ProductRemoved),
    ("purchase", EventKind::OrderCompleted),
    ("transaction", EventKind::OrderCompleted),
    ("order", EventKind::OrderCompleted),
    ("refund", EventKind::OrderRefunded),
    ("rating", EventKind::ProductReviewed),
    ("review", EventKind::ProductReviewed),
];

/// Returns the kind of an event's name, however it is spelt; what is unknown is
/// [`EventKind::Other`].
pub(crate) fn kind_of(name: &str) -> EventKind {
    match EventKind::from_name(name) {
        EventKind::Other => {}
        known => return known,
    }
    let mut plain = String::with_capacity(name.len());
    for character in name.trim().chars() {
        if character.is_alphanumeric() {
            plain.extend(character.to_lowercase());
        } else if !plain.ends_with('_') {
            plain.push('_');
        }
    }
    let alias = ALIASES.iter().find(|(alias, _)| *alias == plain);
    alias.map_or_else(|| EventKind::from_name(&plain), |(_, kind)| *kind)
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
}
