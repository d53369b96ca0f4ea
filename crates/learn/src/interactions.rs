//! Who interacted with what: a sparse matrix of users × items, by user and by item.
//!
//! It answers "what has this user had, how strongly, how long ago" in one slice. It holds indices,
//! not identifiers: the caller keeps the dictionary. Recommenders, neighbours and evaluators read
//! it.

use crate::error::{Error, Result};

/// Interactions of users with items in compressed rows: row `user` holds the item indices,
/// ascending, and one weight each. A pair stands once; weights of repeated pairs are joined by the
/// constructor.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Interactions {
    n_items: usize,
    /// `offsets[user] .. offsets[user + 1]` is the user's part of the other vectors.
    offsets: Vec<usize>,
    items: Vec<u32>,
    weights: Vec<f32>,
    /// How long ago, one value a pair; empty when times are not known.
    ages: Vec<f32>,
}

/// How the weights of a pair that occurs several times become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// Weights are added: counts of implicit feedback.
    Add,
    /// The last one in input order stays: ratings.
    KeepLast,
}

/// Events as parallel slices: event `i` is `users[i]` having `items[i]` with `weights[i]`.
#[derive(Debug, Clone, Copy)]
pub struct Events<'a> {
    /// User indices.
    pub users: &'a [u32],
    /// Item indices.
    pub items: &'a [u32],
    /// Weights: counts, ratings, 1 for "it happened".
    pub weights: &'a [f32],
    /// How long before now each event was, ≥ 0, in any one unit; a pair keeps its youngest age.
    pub ages: Option<&'a [f32]>,
}

impl Interactions {
    /// Builds the matrix from parallel slices of user index, item index and weight.
    ///
    /// # Errors
    /// As [`Interactions::from_events`].
    pub fn from_triples(
        n_users: usize,
        n_items: usize,
        users: &[u32],
        items: &[u32],
        weights: &[f32],
        repeats: Repeats,
    ) -> Result<Self> {
        Self::from_events(n_users, n_items, Events { users, items, weights, ages: None }, repeats)
    }

    /// Builds the matrix from events, shape `(n_users, n_items)`.
    ///
    /// # Errors
    /// [`Error::Length`] when the slices differ in length, [`Error::Parameter`] when an index is
    /// not below `n_users` or `n_items` or an age is negative, [`Error::NotFinite`] when a weight
    /// or an age is not a number.
    pub fn from_events(
        n_users: usize,
        n_items: usize,
        events: Events<'_>,
        repeats: Repeats,
    ) -> Result<Self> {
        check(n_users, n_items, events)?;
        let mut order = counting_sort(n_users, events.users);
        let mut built = Self { n_items, offsets: vec![0], ..Self::default() };
        let mut start = 0;
        for user in 0..n_users {
            let end =
                start + order[start..].partition_point(|at| events.users[*at] as usize == user);
            // The sort is stable, so equal items keep their input order.
            order[start..end].sort_by_key(|at| events.items[*at]);
            built.push_row(&order[start..end], events, repeats);
            start = end;
        }
        Ok(built)
    }

    fn push_row(&mut self, order: &[usize], events: Events<'_>, repeats: Repeats) {
        let row_start = self.items.len();
        for &at in order {
            let is_repeat =
                self.items.len() > row_start && self.items.last() == Some(&events.items[at]);
            if is_repeat {
                self.join_last(at, events, repeats);
            } else {
                self.items.push(events.items[at]);
                self.weights.push(events.weights[at]);
                self.ages.extend(events.ages.map(|ages| ages[at]));
            }
        }
        self.offsets.push(self.items.len());
    }

    fn join_last(&mut self, at: usize, events: Events<'_>, repeats: Repeats) {
        if let Some(last) = self.weights.last_mut() {
            match repeats {
                Repeats::Add => *last += events.weights[at],
                Repeats::KeepLast => *last = events.weights[at],
            }
        }
        if let (Some(last), Some(ages)) = (self.ages.last_mut(), events.ages) {
            *last = last.min(ages[at]);
        }
    }

    /// Builds a matrix from rows that are already ascending and without repeats.
    pub(crate) fn from_sorted_rows(
        n_items: usize,
        rows: impl IntoIterator<Item = Vec<(u32, f32)>>,
    ) -> Self {
        let mut built = Self { n_items, offsets: vec![0], ..Self::default() };
        for row in rows {
            debug_assert!(row.windows(2).all(|pair| pair[0].0 < pair[1].0));
            built.items.extend(row.iter().map(|entry| entry.0));
            built.weights.extend(row.iter().map(|entry| entry.1));
            built.offsets.push(built.items.len());
        }
        built
    }

    /// Builds a matrix from compressed rows that may come from anywhere; `None` when they do not
    /// fit together: offsets fall or leave the items, a row is not ascending, an item is not below
    /// `n_items`, a weight is not finite.
    pub(crate) fn from_rows(
        n_items: usize,
        offsets: &[u64],
        items: Vec<u32>,
        weights: Vec<f32>,
    ) -> Option<Self> {
        let mut rows = Vec::with_capacity(offsets.len());
        for offset in offsets {
            rows.push(usize::try_from(*offset).ok().filter(|offset| *offset <= items.len())?);
        }
        let covers = rows.first() == Some(&0) && rows.last() == Some(&items.len());
        let is_ascending = |pair: &[usize]| {
            items.get(pair[0]..pair[1]).is_some_and(|row| row.is_sorted_by(|a, b| a < b))
        };
        let is_known = |item: &u32| (*item as usize) < n_items;
        let fits = covers
            && items.len() == weights.len()
            && rows.windows(2).all(is_ascending)
            && items.iter().all(is_known)
            && weights.iter().all(|weight| weight.is_finite());
        fits.then_some(Self { n_items, offsets: rows, items, weights, ages: Vec::new() })
    }

    /// Returns the number of users (rows).
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Returns the number of items (columns).
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// Returns the number of stored pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns whether no pair is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the items of `user`, ascending, and their weights.
    #[must_use]
    pub fn row(&self, user: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[user]..self.offsets[user + 1];
        (&self.items[range.clone()], &self.weights[range])
    }

    /// Returns the ages of the items of `user`, in the order of [`Interactions::row`], when known.
    #[must_use]
    pub fn ages(&self, user: usize) -> Option<&[f32]> {
        let range = self.offsets[user]..self.offsets[user + 1];
        (self.ages.len() == self.items.len()).then(|| &self.ages[range])
    }

    /// Returns the weight that all pairs share, when they do: 1 where only "it happened" is known.
    #[must_use]
    pub fn common_weight(&self) -> Option<f32> {
        let first = *self.weights.first()?;
        self.weights.iter().all(|weight| weight.to_bits() == first.to_bits()).then_some(first)
    }

    /// Returns how many users had each item, `n_items` values.
    #[must_use]
    pub fn item_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.n_items];
        for item in &self.items {
            counts[*item as usize] += 1;
        }
        counts
    }

    /// Returns the pairs split in two of equal shape: those for which `first` is true, and the
    /// others.
    ///
    /// `first` is asked for each pair in order, by user and position in the user's row.
    #[must_use]
    pub fn split(&self, mut first: impl FnMut(usize, usize) -> bool) -> (Self, Self) {
        let empty = Self { n_items: self.n_items, offsets: vec![0], ..Self::default() };
        let mut sides = [empty.clone(), empty];
        for user in 0..self.n_users() {
            let start = self.offsets[user];
            for at in start..self.offsets[user + 1] {
                let side = &mut sides[usize::from(!first(user, at - start))];
                side.items.push(self.items[at]);
                side.weights.push(self.weights[at]);
                side.ages.extend(self.ages.get(at));
            }
            for side in &mut sides {
                side.offsets.push(side.items.len());
            }
        }
        let [chosen, others] = sides;
        (chosen, others)
    }

    /// Returns the same pairs with users and items exchanged, without ages.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut offsets = vec![0_usize; self.n_items + 1];
        for item in &self.items {
            offsets[*item as usize + 1] += 1;
        }
        for item in 0..self.n_items {
            offsets[item + 1] += offsets[item];
        }
        let mut next = offsets.clone();
        let mut items = vec![0_u32; self.items.len()];
        let mut weights = vec![0.0_f32; self.items.len()];
        for user in 0..self.n_users() {
            let (row_items, row_weights) = self.row(user);
            for (item, weight) in row_items.iter().zip(row_weights) {
                let at = next[*item as usize];
                // Users are visited in ascending order, so each transposed row is ascending too.
                items[at] = user as u32;
                weights[at] = *weight;
                next[*item as usize] += 1;
            }
        }
        Self { n_items: self.n_users(), offsets, items, weights, ages: Vec::new() }
    }

    /// Returns the rows in another order, without ages: row `i` is the present row `order[i]`.
    pub(crate) fn in_order(&self, order: &[u32]) -> Self {
        let mut sorted = Self { n_items: self.n_items, offsets: vec![0], ..Self::default() };
        sorted.items.reserve_exact(self.len());
        sorted.weights.reserve_exact(self.len());
        for row in order {
            let (items, weights) = self.row(*row as usize);
            sorted.items.extend_from_slice(items);
            sorted.weights.extend_from_slice(weights);
            sorted.offsets.push(sorted.items.len());
        }
        sorted
    }

    /// Replaces each weight by `new(row, column, weight)`.
    pub(crate) fn reweigh(&mut self, mut new: impl FnMut(usize, u32, f32) -> f32) {
        for row in 0..self.n_users() {
            for at in self.offsets[row]..self.offsets[row + 1] {
                self.weights[at] = new(row, self.items[at], self.weights[at]);
            }
        }
    }
}

fn check(n_users: usize, n_items: usize, events: Events<'_>) -> Result<()> {
    let expected = events.users.len();
    let lengths =
        [events.items.len(), events.weights.len(), events.ages.map_or(expected, <[f32]>::len)];
    if let Some(got) = lengths.into_iter().find(|length| *length != expected) {
        return Err(Error::Length { what: "interactions", expected, got });
    }
    if let Some(user) = events.users.iter().find(|user| **user as usize >= n_users) {
        return Err(Error::parameter("user index", format!("below {n_users}"), user));
    }
    if let Some(item) = events.items.iter().find(|item| **item as usize >= n_items) {
        return Err(Error::parameter("item index", format!("below {n_items}"), item));
    }
    finite("interaction weight", 2, events.weights)?;
    let ages = events.ages.unwrap_or_default();
    finite("interaction age", 3, ages)?;
    match ages.iter().find(|age| **age < 0.0) {
        Some(age) => Err(Error::parameter("age", "≥ 0", age)),
        None => Ok(()),
    }
}

fn finite(what: &'static str, column: usize, values: &[f32]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(Error::NotFinite { what, value: values[row].to_string(), row, column }),
    }
}

/// Returns the positions of `keys` ordered by key, equal keys in input order.
pub(crate) fn counting_sort(n_keys: usize, keys: &[u32]) -> Vec<usize> {
    let mut starts = vec![0_usize; n_keys + 1];
    for key in keys {
        starts[*key as usize + 1] += 1;
    }
    for key in 0..n_keys {
        starts[key + 1] += starts[key];
    }
    let mut order = vec![0_usize; keys.len()];
    for (at, key) in keys.iter().enumerate() {
        order[starts[*key as usize]] = at;
        starts[*key as usize] += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_pairs_are_joined_and_rows_are_ascending() {
        let built = Interactions::from_triples(
            3,
            4,
            &[2, 0, 2, 2],
            &[3, 1, 0, 3],
            &[1.0, 2.0, 3.0, 4.0],
            Repeats::Add,
        )
        .unwrap();
        assert_eq!(built.row(0), (&[1_u32][..], &[2.0_f32][..]));
        assert_eq!(built.row(1), (&[][..], &[][..]));
        assert_eq!(built.row(2), (&[0_u32, 3][..], &[3.0_f32, 5.0][..]));
        assert_eq!(built.transposed().transposed(), built);
    }

    #[test]
    fn a_repeated_pair_keeps_its_youngest_age() {
        let events = Events {
            users: &[0, 0, 0],
            items: &[1, 0, 1],
            weights: &[4.0, 2.0, 5.0],
            ages: Some(&[3.0, 2.0, 7.0]),
        };
        let built = Interactions::from_events(1, 2, events, Repeats::KeepLast).unwrap();
        assert_eq!(built.row(0), (&[0_u32, 1][..], &[2.0_f32, 5.0][..]));
        assert_eq!(built.ages(0), Some(&[2.0_f32, 3.0][..]));
    }

    #[test]
    fn wrong_input_is_named() {
        let build = |users: &[u32], weights: &[f32], ages: Option<&[f32]>| {
            let events = Events { users, items: &[0, 0], weights, ages };
            Interactions::from_events(1, 1, events, Repeats::Add).unwrap_err().to_string()
        };
        assert_eq!(build(&[0], &[1.0], None), "interactions: expected 1 values, got 2");
        assert_eq!(
            build(&[0, 1], &[1.0, 1.0], None),
            "parameter `user index` must be below 1, got `1`"
        );
        assert_eq!(
            build(&[0, 0], &[1.0, f32::NAN], None),
            "interaction weight must be finite, got `NaN` (row 1, column 2)"
        );
        assert_eq!(
            build(&[0, 0], &[1.0, 1.0], Some(&[0.0, -1.0])),
            "parameter `age` must be ≥ 0, got `-1`"
        );
    }

    #[test]
    fn splitting_keeps_the_shape_and_loses_nothing() {
        let built = Interactions::from_triples(
            2,
            3,
            &[0, 0, 1],
            &[0, 2, 1],
            &[1.0, 2.0, 3.0],
            Repeats::Add,
        )
        .unwrap();
        let (chosen, others) = built.split(|_, at| at == 1);
        assert_eq!(chosen.row(0), (&[2_u32][..], &[2.0_f32][..]));
        assert_eq!(others.row(0), (&[0_u32][..], &[1.0_f32][..]));
        assert_eq!((chosen.n_users(), chosen.len(), others.len()), (2, 1, 2));
        assert_eq!(built.item_counts(), [1, 1, 1]);
        assert_eq!((built.common_weight(), chosen.common_weight()), (None, Some(2.0)));
    }
}
