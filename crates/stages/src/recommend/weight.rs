//! How much what a customer did with a product says that he wants it.
//!
//! The strongest thing that he did decides; doing it again adds less each time and never reaches
//! the next stronger one: `weight = w · (2 − 1/n)` for `n` times. So the weight alone still tells
//! what was bought from what was only looked at.

use serde_json::Value;
use shopwise_learn::recommend::Seen;

/// Looking costs nothing: the unit.
pub const VIEW: f32 = 1.0;
/// A cart says at least as much as looking again and again.
pub const CART: f32 = 2.0;
/// Money says more than any number of looks and carts.
pub const ORDER: f32 = 4.0;

/// More often than this counts like this, so that rounding keeps the levels apart.
const TIMES_MAX: u32 = 1000;
/// What the worst rating counts, as a share of an order: it was had after all.
const RATING_MIN: f32 = 0.1;

/// Returns the weight of a product that was looked at, put into the cart and ordered so many times.
/// Nine looks, two carts: 2 · (2 − 1/2) = 3; one order, whatever came before: 4.
#[must_use]
pub fn of_counts(viewed: u32, carted: u32, bought: u32) -> f32 {
    let (level, times) = match (carted, bought) {
        (0, 0) => (VIEW, viewed),
        (_, 0) => (CART, carted),
        _ => (ORDER, bought),
    };
    level * (2.0 - 1.0 / times.clamp(1, TIMES_MAX) as f32)
}

/// Returns the weight of a rating where `highest` is the best one given: an order's for the best,
/// in proportion for the others.
#[must_use]
pub fn of_rating(rating: f32, highest: f32) -> f32 {
    ORDER * (rating / highest).clamp(RATING_MIN, 1.0)
}

/// What of a customer's history may be recommended to him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// Everything: customers buy the same goods again.
    All,
    /// What was only looked at, not what was bought.
    NotBought,
    /// Nothing: goods are had once, as films and books are.
    Nothing,
}

impl Repeats {
    const ALL: [Self; 3] = [Self::All, Self::NotBought, Self::Nothing];

    /// Returns the word in manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::NotBought => "not_bought",
            Self::Nothing => "nothing",
        }
    }

    /// Returns what a manifest says.
    pub(super) fn of_json(value: &Value) -> Option<Self> {
        Self::ALL.into_iter().find(|own| value.as_str() == Some(own.name()))
    }

    /// Returns what lists leave out of the history.
    pub(super) fn seen(self) -> Seen {
        match self {
            Self::All => Seen::Keep,
            Self::NotBought => Seen::RemoveFrom(ORDER),
            Self::Nothing => Seen::Remove,
        }
    }

    /// Returns whether a product with this weight in the history may be recommended.
    pub(super) fn allows(self, weight: f32) -> bool {
        match self {
            Self::All => true,
            Self::NotBought => weight < ORDER,
            Self::Nothing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_looks_weighs_as_much_as_a_cart_nor_of_carts_as_an_order() {
        assert!(of_counts(1, 0, 0) < of_counts(2, 0, 0));
        assert!(of_counts(u32::MAX, 0, 0) < CART);
        assert!(of_counts(0, 1, 0) < of_counts(0, 2, 0));
        assert!(of_counts(u32::MAX, u32::MAX, 0) < ORDER);
        assert_eq!([of_counts(1, 0, 0), of_counts(9, 2, 0), of_counts(9, 2, 1)], [1.0, 3.0, 4.0]);
        assert_eq!(of_counts(0, 0, 2), 6.0);
    }

    #[test]
    fn ratings_stay_in_proportion_and_above_nothing() {
        assert_eq!(of_rating(5.0, 5.0), ORDER);
        assert_eq!(of_rating(2.5, 5.0), 2.0);
        assert_eq!(of_rating(-1.0, 5.0), 0.4);
    }
}
