//! Several places filled one after the other: each with the best that is left, or sometimes with
//! any item.
//!
//! The strategy of [`choose`](mod@super::choose) for lists: with probability `ε` a place takes an
//! item drawn evenly from all that are not shown yet, else the highest of the ranking among them.
//! With ε = 1 the list is drawn evenly without repetition. The propensity of a place is the
//! probability of its item given the places before it.

use crate::error::{Error, Result};

/// What one place shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The item.
    pub item: u32,
    /// The probability with which it was chosen, given the places before.
    pub propensity: f64,
}

/// Fills one place for each of `draws`, random numbers from 0 to below 1, as far as there are
/// items: `items` of them, of which `ranked` names the best ones in falling order. Where the
/// ranking has nothing left, a place is filled by chance.
///
/// # Errors
/// [`Error::Parameter`] for `exploration` or a draw out of range.
///
/// ```
/// use shopwise_learn::bid::slate;
/// let list = slate(&[3, 1], 4, 0.5, &[0.9, 0.3])?;
/// // The best; then by chance the third of 0, 1, 2: 0.3 / 0.5 × 3 = 1.8, its place is 1.
/// assert_eq!(list[0].item, 3);
/// assert_eq!(list[1].item, 1);
/// assert!((list[0].propensity - (0.5 + 0.5 / 4.0)).abs() < 1e-12);
/// assert!((list[1].propensity - (0.5 + 0.5 / 3.0)).abs() < 1e-12);
/// # Ok::<(), shopwise_learn::Error>(())
/// ```
pub fn slate(ranked: &[u32], items: usize, exploration: f64, draws: &[f64]) -> Result<Vec<Place>> {
    if !(0.0..=1.0).contains(&exploration) {
        return Err(Error::parameter("exploration", "between 0 and 1", exploration));
    }
    if let Some(draw) = draws.iter().find(|draw| !(0.0..1.0).contains(*draw)) {
        return Err(Error::parameter("draw", "from 0 to below 1", draw));
    }
    let mut places: Vec<Place> = Vec::with_capacity(draws.len());
    // Ascending.
    let mut taken: Vec<u32> = Vec::with_capacity(draws.len());
    let mut ranked = ranked.iter().copied();
    let mut best = ranked.next();
    for (slot, draw) in draws.iter().enumerate().take(items) {
        while best.is_some_and(|item| taken.binary_search(&item).is_ok()) {
            best = ranked.next();
        }
        let left = items - slot;
        let explored = if best.is_some() { exploration } else { 1.0 };
        let item = match best {
            Some(best) if *draw >= explored => best,
            _ => untaken((draw / explored * left as f64) as usize, left, &taken),
        };
        let even = explored / left as f64;
        let propensity = if Some(item) == best { (1.0 - explored + even).min(1.0) } else { even };
        places.push(Place { item, propensity });
        let at = taken.partition_point(|other| *other < item);
        taken.insert(at, item);
    }
    Ok(places)
}

/// Returns the item at a place among those that are not taken, of which there are `left`.
fn untaken(place: usize, left: usize, taken: &[u32]) -> u32 {
    let mut item = place.min(left - 1) as u32;
    for other in taken {
        item += u32::from(*other <= item);
    }
    item
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_exploration_the_ranking_is_shown() {
        let list = slate(&[4, 2, 9], 10, 0.0, &[0.0, 0.5]).unwrap();
        assert_eq!(list.iter().map(|place| place.item).collect::<Vec<_>>(), [4, 2]);
        assert!(list.iter().all(|place| place.propensity == 1.0));
    }

    #[test]
    fn a_ranking_that_ends_is_continued_by_chance() {
        let list = slate(&[1], 3, 0.0, &[0.5, 0.99, 0.0, 0.5]).unwrap();
        assert_eq!(list.iter().map(|place| place.item).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(list.iter().map(|place| place.propensity).collect::<Vec<_>>(), [1.0, 0.5, 1.0]);
        assert!(slate(&[], 0, 1.0, &[0.5]).unwrap().is_empty());
    }

    #[test]
    fn malformed_input_is_refused() {
        assert!(slate(&[0], 1, 1.5, &[0.5]).is_err());
        assert!(slate(&[0], 1, 0.5, &[1.0]).is_err());
    }

    #[test]
    fn propensities_are_the_frequencies_of_a_fine_grid_of_draws() {
        let (items, exploration, steps) = (5, 0.4, 1000);
        let mut counts = [0.0; 5];
        let mut expected = [0.0; 5];
        for step in 0..steps {
            let draw = (f64::from(step) + 0.5) / f64::from(steps);
            let place = slate(&[2, 0], items, exploration, &[draw]).unwrap()[0];
            counts[place.item as usize] += 1.0 / f64::from(steps);
            expected[place.item as usize] = place.propensity;
        }
        for (count, propensity) in counts.iter().zip(expected) {
            assert!((count - propensity).abs() < 1e-9, "{counts:?} {expected:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_shown_twice_or_out_of_range(
            items in 0_usize..12,
            exploration in 0.0..=1.0_f64,
            draws in prop::collection::vec(0.0..1.0_f64, 0..15),
            ranked in prop::collection::vec(0_u32..12, 0..12),
        ) {
            let ranked: Vec<u32> =
                ranked.into_iter().filter(|item| (*item as usize) < items).collect();
            let list = slate(&ranked, items, exploration, &draws).unwrap();
            prop_assert_eq!(list.len(), draws.len().min(items));
            let mut shown: Vec<u32> = list.iter().map(|place| place.item).collect();
            shown.sort_unstable();
            shown.dedup();
            prop_assert_eq!(shown.len(), list.len());
            for place in list {
                prop_assert!((place.item as usize) < items);
                prop_assert!(place.propensity > 0.0 && place.propensity <= 1.0);
            }
        }
    }
}
