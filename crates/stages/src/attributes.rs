//! Attributes of products that have a meaning of their own to more than one stage.

use shopwise_model::Product;

/// All categories of a product, of which its own is the first.
pub(crate) const CATEGORIES: &str = "categories";

/// Since when the shop has a product: a moment as text, in UTC.
pub(crate) const KNOWN_SINCE: &str = "timestamp";

/// Returns since when the shop has a product, as text, where that is said.
#[must_use]
pub(crate) fn known_since(product: &Product) -> Option<&str> {
    product.attributes.get(KNOWN_SINCE)?.as_str()
}
