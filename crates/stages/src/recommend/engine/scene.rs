//! Where a list stands, and what that says about what belongs into it.

use shopwise_learn::recommend::Seen;

use crate::recommend::weight::CART;

/// A place in the shop where a list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// The first page: all that is known of the customer.
    Home,
    /// The page of a product: what is like it, in the order in which the customer may want it.
    Product,
    /// The cart: what is bought together with what lies in it.
    Cart,
    /// The results of a search, in the order in which the customer may want them.
    Search,
    /// Somebody who has not come for long: what he looked at and left, and what is near it.
    WinBack,
    /// A letter: as the first page, without chance, for it cannot be learned from in time.
    Email,
}

impl Scene {
    /// Every scene, as it is written in addresses and rules.
    pub const ALL: [(&'static str, Self); 6] = [
        ("home", Self::Home),
        ("product", Self::Product),
        ("cart", Self::Cart),
        ("search", Self::Search),
        ("win-back", Self::WinBack),
        ("e-mail", Self::Email),
    ];

    /// Returns the scene of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(own, _)| *own == name).map(|(_, scene)| *scene)
    }

    /// Returns the name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, own)| *own == self).map_or("", |(name, _)| name)
    }

    /// Returns whether a question in this scene must name products.
    #[must_use]
    pub fn wants_products(self) -> bool {
        matches!(self, Self::Product | Self::Search)
    }

    /// Returns what of the history may come again, where the shop's customers buy again as `usual`
    /// says.
    pub(super) fn seen(self, usual: Seen) -> Seen {
        match self {
            // A search asks for what it finds, had or not.
            Self::Search => Seen::Keep,
            Self::Home | Self::Product | Self::Cart | Self::WinBack | Self::Email => usual,
        }
    }

    /// Returns how much the products that the question names count as done this moment.
    pub(super) fn weight(self) -> Option<f32> {
        match self {
            Self::Product | Self::Cart => Some(CART),
            Self::Home | Self::Search | Self::WinBack | Self::Email => None,
        }
    }
}
