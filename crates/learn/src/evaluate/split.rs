//! Which interactions to learn from and which to be judged by.
//!
//! By time, as a shop lives: everything before a moment against everything after; or leave-one-out,
//! each user's last against his others. Random splits let the future leak into the past; one is
//! here only for tuning where no times are known. Works on parallel slices and returns positions in
//! them.

use crate::error::{Error, Result};
use crate::interactions::{Interactions, counting_sort};
use rand::{SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64Mcg;

/// Positions of the rows in each part, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// To learn from.
    pub train: Vec<usize>,
    /// To choose settings by.
    pub validation: Vec<usize>,
    /// To be judged by, once.
    pub test: Vec<usize>,
}

/// Puts the rows at or after `cut` into the test part.
#[must_use]
pub fn at_time(times: &[i64], cut: i64) -> Split {
    let (test, train) = (0..times.len()).partition(|row| times[*row] >= cut);
    Split { train, validation: Vec::new(), test }
}

/// Puts the newest `share` of the rows into the test part.
///
/// Rows of equal time stay together, on the test side: the part is the smallest whole number of
/// moments that holds at least `share` of the rows.
///
/// # Errors
/// [`Error::Parameter`] when `share` is not between 0 and 1.
///
/// ```
/// use shopwise_learn::evaluate::split::last_share;
/// let split = last_share(&[10, 40, 20, 30, 30], 0.4)?;
/// assert_eq!(split.test, [1, 3, 4]);
/// assert_eq!(split.train, [0, 2]);
/// # Ok::<(), shopwise_learn::Error>(())
/// ```
pub fn last_share(times: &[i64], share: f64) -> Result<Split> {
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::parameter("share", "between 0 and 1", share));
    }
    let n_test = (times.len() as f64 * share).ceil() as usize;
    if n_test == 0 {
        return Ok(Split { train: (0..times.len()).collect(), ..Split::default() });
    }
    let mut sorted = times.to_vec();
    let (_, cut, _) = sorted.select_nth_unstable(times.len() - n_test);
    Ok(at_time(times, *cut))
}

/// Puts each user's last row into the test part and the one before into the validation part.
///
/// Rows of equal time count in input order. A user with two rows gives no validation row, one with
/// a single row stays whole in train: nobody is asked about a user never seen.
///
/// # Errors
/// [`Error::Length`] when the slices differ in length, [`Error::Parameter`] when a user is not
/// below `n_users`.
pub fn leave_one_out(n_users: usize, users: &[u32], times: &[i64]) -> Result<Split> {
    if users.len() != times.len() {
        return Err(Error::Length { what: "times", expected: users.len(), got: times.len() });
    }
    if let Some(user) = users.iter().find(|user| **user as usize >= n_users) {
        return Err(Error::parameter("user index", format!("below {n_users}"), user));
    }
    let mut split = Split::default();
    let order = counting_sort(n_users, users);
    for rows in order.chunk_by(|left, right| users[*left] == users[*right]) {
        let mut rows = rows.to_vec();
        rows.sort_by_key(|row| times[*row]);
        if rows.len() >= 2 {
            split.test.extend(rows.pop());
        }
        if rows.len() >= 2 {
            split.validation.extend(rows.pop());
        }
        split.train.extend(rows);
    }
    for part in [&mut split.train, &mut split.validation, &mut split.test] {
        part.sort_unstable();
    }
    Ok(split)
}

/// Returns the held-out part and the rest of each user's pairs: his youngest ones, or seeded random
/// ones where ages are not known. At least one of a user with two or more, never all.
#[must_use]
pub fn hold_out(
    interactions: &Interactions,
    share: f64,
    seed: u64,
) -> (Interactions, Interactions) {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut chosen: Vec<Vec<bool>> = Vec::with_capacity(interactions.n_users());
    for user in 0..interactions.n_users() {
        let n_pairs = interactions.row(user).0.len();
        let mut order: Vec<usize> = (0..n_pairs).collect();
        order.shuffle(&mut random);
        if let Some(ages) = interactions.ages(user) {
            order.sort_by(|left, right| ages[*left].total_cmp(&ages[*right]));
        }
        let wanted = (n_pairs as f64 * share).round() as usize;
        let mut is_held_out = vec![false; n_pairs];
        for at in order.into_iter().take(wanted.max(1).min(n_pairs.saturating_sub(1))) {
            is_held_out[at] = true;
        }
        chosen.push(is_held_out);
    }
    interactions.split(|user, at| chosen[user][at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::{Events, Repeats};
    use proptest::prelude::*;

    #[test]
    fn the_last_row_is_test_and_the_one_before_validation() {
        let users = [0, 1, 0, 0, 1, 2];
        let times = [5, 9, 7, 7, 2, 1];
        let split = leave_one_out(3, &users, &times).unwrap();
        assert_eq!(split.test, [1, 3]);
        assert_eq!(split.validation, [2]);
        assert_eq!(split.train, [0, 4, 5]);
        assert!(leave_one_out(2, &users, &times).is_err());
        assert!(leave_one_out(3, &users, &times[1..]).is_err());
    }

    #[test]
    fn nothing_and_everything_can_be_test() {
        assert_eq!(last_share(&[], 0.5).unwrap(), Split::default());
        assert_eq!(last_share(&[1, 2], 0.0).unwrap().train, [0, 1]);
        assert_eq!(last_share(&[1, 2], 1.0).unwrap().test, [0, 1]);
        assert!(last_share(&[1], f64::NAN).is_err());
        assert_eq!(at_time(&[1, 5, 3], 3).test, [1, 2]);
    }

    proptest! {
        #[test]
        fn a_time_split_never_learns_from_the_future(
            times in prop::collection::vec(0_i64..20, 1..60),
            share in 0.0..1.0_f64,
        ) {
            let split = last_share(&times, share).unwrap();
            let newest = split.train.iter().map(|row| times[*row]).max();
            prop_assert!(split.test.iter().all(|row| Some(times[*row]) > newest));
            prop_assert!(split.test.len() as f64 >= times.len() as f64 * share);
            prop_assert_eq!(split.train.len() + split.test.len(), times.len());
        }
    }

    #[test]
    fn the_youngest_are_held_out_and_nobody_loses_everything() {
        let ages = [3.0, 1.0, 2.0, 0.0];
        let events = Events {
            users: &[0, 0, 0, 1],
            items: &[0, 1, 2, 2],
            weights: &[1.0; 4],
            ages: Some(&ages),
        };
        let all = Interactions::from_events(2, 3, events, Repeats::Add).unwrap();
        let (held_out, rest) = hold_out(&all, 0.5, 1);
        assert_eq!(held_out.row(0).0, [1, 2]);
        assert_eq!((rest.row(0).0, rest.row(1).0), (&[0_u32][..], &[2_u32][..]));
    }

    #[test]
    fn without_ages_the_seed_decides() {
        let users = [0; 50];
        let items: Vec<u32> = (0..50).collect();
        let all =
            Interactions::from_triples(1, 50, &users, &items, &[1.0; 50], Repeats::Add).unwrap();
        assert_eq!(hold_out(&all, 0.2, 7), hold_out(&all, 0.2, 7));
        assert_ne!(hold_out(&all, 0.2, 7), hold_out(&all, 0.2, 8));
        assert_eq!(hold_out(&all, 0.2, 7).0.len(), 10);
    }
}
