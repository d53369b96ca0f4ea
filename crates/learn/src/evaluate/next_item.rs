//! What comes next in a session, asked after every event of it.
//!
//! A session of `n` events gives `n − 1` questions: after each but the last, which item is the very
//! next? Each is one list with one right answer, judged by the definitions of `ranking` with every
//! question as a user: recall is then the hit rate, and precision the hit rate / k. So the standard
//! error takes questions of one session as independent, which they are not quite. Items already
//! seen may come again, as they do. (Serenade's recall and precision are of all that is left of the
//! session: another measure; its MRR and hit rate are these.)

use super::ranking::{self, PerUser, RankedLists, RankingReport};
use crate::error::{Error, Result};
use crate::interactions::{self, Interactions, Repeats};
use crate::recommend::{History, ListOptions, Pad, Recommender, Seen};
use rayon::prelude::*;

/// Sessions that one task answers.
const BLOCK_SESSIONS: usize = 16;

/// Events of sessions in any order, as parallel slices: event `i` is `items[i]` in `sessions[i]`.
#[derive(Debug, Clone, Copy)]
pub struct Log<'a> {
    /// Session indices.
    pub sessions: &'a [u32],
    /// Item indices.
    pub items: &'a [u32],
    /// When each event was, in any one unit, comparable across sessions.
    pub times: &'a [f64],
}

impl Log<'_> {
    /// Returns the items of each of `n_sessions` sessions, oldest first, repeats included; events
    /// of equal time in the order in which they stand.
    ///
    /// # Errors
    /// [`Error::Length`] when the slices differ in length, [`Error::Parameter`] when a session is
    /// not below `n_sessions`, [`Error::NotFinite`] when a time is not a number.
    pub fn ordered(&self, n_sessions: usize) -> Result<Vec<Vec<u32>>> {
        let of = |events: Vec<usize>| events.into_iter().map(|at| self.items[at]).collect();
        Ok(self.by_session(n_sessions)?.into_iter().map(of).collect())
    }

    /// Returns the sessions as rows to learn from, each item once with its count. Its age is the
    /// time from its last event to the last event of all, made a trifle larger where the precision
    /// of an age would lose which of two events of a session was first.
    ///
    /// # Errors
    /// As [`Log::ordered`]; [`Error::Parameter`] when an item is not below `n_items`.
    pub fn interactions(&self, n_sessions: usize, n_items: usize) -> Result<Interactions> {
        let latest = self.times.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut ages = vec![0.0_f32; self.times.len()];
        for events in self.by_session(n_sessions)? {
            let mut least = 0.0_f32;
            for at in events.into_iter().rev() {
                ages[at] = ((latest - self.times[at]) as f32).max(least);
                least = ages[at].next_up();
            }
        }
        let events = interactions::Events {
            users: self.sessions,
            items: self.items,
            weights: &vec![1.0; self.items.len()],
            ages: Some(&ages),
        };
        Interactions::from_events(n_sessions, n_items, events, Repeats::Add)
    }

    /// Returns the events of each session, oldest first.
    fn by_session(&self, n_sessions: usize) -> Result<Vec<Vec<usize>>> {
        let expected = self.sessions.len();
        let lengths = [self.items.len(), self.times.len()];
        if let Some(got) = lengths.into_iter().find(|length| *length != expected) {
            return Err(Error::Length { what: "events of sessions", expected, got });
        }
        super::check_finite("time of an event", self.times)?;
        let mut events = vec![Vec::new(); n_sessions];
        for (at, session) in self.sessions.iter().enumerate() {
            match events.get_mut(*session as usize) {
                Some(events) => events.push(at),
                None => {
                    let allowed = format!("below {n_sessions}");
                    return Err(Error::parameter("session index", allowed, session));
                }
            }
        }
        for events in &mut events {
            events.sort_by(|left, right| self.times[*left].total_cmp(&self.times[*right]));
        }
        Ok(events)
    }
}

/// The part of a session that has happened, as a model is asked about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prefix {
    items: Vec<u32>,
    weights: Vec<f32>,
    /// How many events came after the last one of each item.
    ages: Vec<f32>,
}

impl Prefix {
    /// Adds the next event: an item that was there before becomes the youngest and counts one more.
    pub fn push(&mut self, item: u32) {
        for age in &mut self.ages {
            *age += 1.0;
        }
        if let Some(at) = self.items.iter().position(|one| *one == item) {
            self.weights[at] += 1.0;
            self.ages[at] = 0.0;
        } else {
            self.items.push(item);
            self.weights.push(1.0);
            self.ages.push(0.0);
        }
    }

    /// Returns it as the history of somebody unknown: each item once, with its count, its age the
    /// number of events since.
    #[must_use]
    pub fn history(&self) -> History<'_> {
        History { user: None, items: &self.items, weights: &self.weights, ages: Some(&self.ages) }
    }
}

/// Judges a model by the next item after every event of sessions that it does not know.
///
/// Each of `sessions` holds the items of its events, the oldest first, repeats included; items may
/// go beyond `item_counts`, which holds for each item the number of sessions with it in train.
/// [`RankingReport::users`] is the number of questions.
///
/// # Errors
/// As [`ranking::evaluate`]; [`crate::Error::TooLittle`] when no session has two events.
///
/// ```
/// use shopwise_learn::evaluate::next_item;
/// use shopwise_learn::interactions::{Interactions, Repeats};
/// use shopwise_learn::recommend::{Entry, Training};
/// // Item 0 is in two sessions, item 1 in one.
/// let train = Interactions::from_triples(2, 2, &[0, 1, 1], &[0, 0, 1], &[1.0; 3], Repeats::Add)?;
/// let popular = Entry::find("popular")?;
/// let model = popular.fit(&Training::new(&train), &popular.defaults())?;
/// // After 1 comes 0, which is first in the list, and after that 1 again, which is second.
/// let sessions = [vec![1, 0, 1]];
/// let (report, _) = next_item::evaluate(&*model, &sessions, &train.item_counts(), &[2])?;
/// assert_eq!((report.users, report.metrics["mrr@2"]), (2, 0.75));
/// # Ok::<(), shopwise_learn::Error>(())
/// ```
pub fn evaluate(
    model: &dyn Recommender,
    sessions: &[Vec<u32>],
    item_counts: &[u32],
    cuts: &[usize],
) -> Result<(RankingReport, PerUser)> {
    let length = cuts.iter().copied().max().unwrap_or(0);
    let lists = lists(model, sessions, length);
    ranking::evaluate(&lists, &answers(sessions, item_counts.len())?, item_counts, cuts)
}

/// Returns the list of `length` items after each event but the last of each session, session by
/// session; the same at any number of threads.
#[must_use]
pub fn lists(model: &dyn Recommender, sessions: &[Vec<u32>], length: usize) -> RankedLists {
    let options = ListOptions { seen: Seen::Keep, ..ListOptions::unseen(length) };
    let made: Vec<Vec<u32>> = sessions
        .par_chunks(BLOCK_SESSIONS)
        .map_init(Pad::default, |pad, block| {
            let of = |session: &Vec<u32>| lists_of(model, session, &options, pad);
            block.iter().flat_map(of).collect::<Vec<_>>()
        })
        .flatten_iter()
        .collect();
    RankedLists::new(made)
}

fn lists_of(
    model: &dyn Recommender,
    session: &[u32],
    options: &ListOptions<'_>,
    pad: &mut Pad,
) -> Vec<Vec<u32>> {
    let Some((_, asked)) = session.split_last() else { return Vec::new() };
    let mut prefix = Prefix::default();
    let after = |item: &u32| {
        prefix.push(*item);
        let list = model.recommend(prefix.history(), options, pad);
        list.iter().map(|one| one.item).collect()
    };
    asked.iter().map(after).collect()
}

/// Returns the right answers to [`lists`]: one row for each, holding the one item.
///
/// # Errors
/// As [`Interactions::from_triples`].
pub fn answers(sessions: &[Vec<u32>], n_items: usize) -> Result<Interactions> {
    let items: Vec<u32> = sessions.iter().flat_map(|one| one.iter().skip(1).copied()).collect();
    let rows: Vec<u32> = (0..items.len() as u32).collect();
    let n_items = items.iter().map(|item| *item as usize + 1).fold(n_items, usize::max);
    let ones = vec![1.0; items.len()];
    Interactions::from_triples(rows.len(), n_items, &rows, &items, &ones, Repeats::Add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::{Entry, Training};

    #[test]
    fn a_log_is_put_in_order_and_ties_keep_theirs() {
        let log = Log {
            sessions: &[1, 0, 1, 1, 1],
            items: &[4, 2, 3, 4, 1],
            times: &[7.0, 9.0, 5.0, 5.0, 5.0],
        };
        assert_eq!(log.ordered(3).unwrap(), [vec![2], vec![3, 4, 1, 4], vec![]]);
        let rows = log.interactions(3, 5).unwrap();
        assert_eq!(rows.row(1), (&[1_u32, 3, 4][..], &[1.0_f32, 1.0, 2.0][..]));
        assert_eq!(History::of(&rows, 1).ordered(), [3, 1, 4]);
        assert_eq!(rows.ages(1).map(|ages| ages[2]), Some(2.0));
        assert!((rows.ages(1).unwrap()[1] - 4.0).abs() < 1e-6);
        assert_eq!(rows.ages(0), Some(&[0.0_f32][..]));
        assert!(log.ordered(1).unwrap_err().to_string().contains("session index"));
        assert!(Log { times: &[1.0], ..log }.ordered(3).is_err());
        assert!(Log { times: &[f64::NAN; 5], ..log }.ordered(3).is_err());
    }

    #[test]
    fn a_prefix_holds_each_item_once_where_it_stood_last() {
        let mut prefix = Prefix::default();
        for item in [7, 3, 7, 5] {
            prefix.push(item);
        }
        let history = prefix.history();
        assert_eq!(history.ordered(), [3, 7, 5]);
        assert_eq!((history.items, history.weights), (&[7, 3, 5][..], &[2.0, 1.0, 1.0][..]));
        assert_eq!(history.ages, Some(&[1.0, 2.0, 0.0][..]));
        assert_eq!(history.user, None);
    }

    /// Sessions that walk from 0 upwards, one more each time.
    fn walks() -> Interactions {
        let pairs = (0..5_u32).flat_map(|row| (0..=row).map(move |item| (row, item)));
        let (users, items): (Vec<u32>, Vec<u32>) = pairs.unzip();
        let ones = vec![1.0; users.len()];
        Interactions::from_triples(5, 5, &users, &items, &ones, Repeats::Add).unwrap()
    }

    #[test]
    fn every_event_but_the_first_is_asked_for() {
        let train = walks();
        let popular = Entry::find("popular").unwrap();
        let model = popular.fit(&Training::new(&train), &popular.defaults()).unwrap();
        // Popularity ranks 0, 1, 2, 3, 4, what was seen included; item 9 is not known, and a
        // session of one event asks nothing.
        let sessions = [vec![3, 0, 1, 1], vec![2], vec![], vec![9, 9]];
        let counts = train.item_counts();
        let (report, each) = evaluate(&*model, &sessions, &counts, &[1, 2]).unwrap();
        assert_eq!(report.users, 4);
        assert_eq!(each.metrics["mrr@2"], [1.0, 0.5, 0.5, 0.0]);
        assert_eq!(report.metrics["hit_rate@1"], 0.25);
        assert_eq!(report.metrics["recall@2"], report.metrics["hit_rate@2"]);
        assert_eq!(report.metrics["coverage@2"], 0.4);
        assert!(evaluate(&*model, &sessions[1..3], &counts, &[1]).is_err());
        assert!(evaluate(&*model, &sessions, &counts, &[]).is_err());
    }

    #[test]
    fn lists_are_the_same_at_any_number_of_threads() {
        let train = walks();
        let entry = Entry::find("session-knn").unwrap();
        let model = entry.fit(&Training::new(&train), &entry.defaults()).unwrap();
        let sessions: Vec<Vec<u32>> = (0..100)
            .map(|at| (0..at % 7).map(|step| (at * 3 + step * step) % 6).collect())
            .collect();
        let made = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| lists(&*model, &sessions, 3))
        };
        assert_eq!(made(1), made(3));
        assert_eq!(made(1).n_users(), answers(&sessions, 5).unwrap().n_users());
    }
}
