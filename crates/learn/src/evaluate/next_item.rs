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
use crate::recommend::{History, ListOptions, Pad, Recommender, Rehearsal, Seen};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
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

    /// Holds out the newest fifth of the sessions, at least a hundred or half of them, at most ten
    /// thousand, and asks for what comes next after some event of each, drawn by chance;
    /// [`evaluate`] asks after all.
    ///
    /// # Errors
    /// As [`Log::interactions`].
    pub fn held_out(&self, n_sessions: usize, n_items: usize, seed: u64) -> Result<HeldOut> {
        let by_session = self.by_session(n_sessions)?;
        let mut newest: Vec<usize> =
            (0..n_sessions).filter(|at| by_session[*at].len() > 1).collect();
        let end = |session: &usize| by_session[*session].last().map_or(0.0, |at| self.times[*at]);
        newest.sort_by(|left, right| end(right).total_cmp(&end(left)));
        let few = (newest.len() / 2).min(REHEARSED_LEAST);
        newest.truncate((newest.len() / 5).clamp(few, REHEARSED_MOST));
        let mut is_known = vec![true; n_sessions];
        newest.iter().for_each(|session| is_known[*session] = false);
        let mut known = (Vec::new(), Vec::new(), Vec::new());
        for (at, session) in self.sessions.iter().enumerate() {
            if is_known[*session as usize] {
                known.0.push(*session);
                known.1.push(self.items[at]);
                known.2.push(self.times[at]);
            }
        }
        let log = Log { sessions: &known.0, items: &known.1, times: &known.2 };
        let known = log.interactions(n_sessions, n_items)?;
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let (mut users, mut next, mut prefixes) = (Vec::new(), Vec::new(), Prefix::default());
        let mut owners = Vec::new();
        for (at, session) in newest.iter().enumerate() {
            // Beyond the rows that models know.
            let user = (n_sessions + at) as u32;
            let events = &by_session[*session];
            let cut = random.random_range(1..events.len());
            let mut prefix = Prefix::default();
            events[..cut].iter().for_each(|event| prefix.push(self.items[*event]));
            owners.resize(owners.len() + prefix.items.len(), user);
            prefixes.append(prefix);
            users.push(user);
            next.push(self.items[events[cut]]);
        }
        let rows = n_sessions + newest.len();
        let events = interactions::Events {
            users: &owners,
            items: &prefixes.items,
            weights: &prefixes.weights,
            ages: Some(&prefixes.ages),
        };
        let asked = Interactions::from_events(rows, n_items, events, Repeats::Add)?;
        let ones = vec![1.0; users.len()];
        let after = Interactions::from_triples(rows, n_items, &users, &next, &ones, Repeats::Add)?;
        Ok(HeldOut { known, asked, after })
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

/// The most sessions that are held out.
const REHEARSED_MOST: usize = 10_000;
/// How many are held out where a fifth is fewer, if that is not more than half.
const REHEARSED_LEAST: usize = 100;

/// Sessions to find out by which models tell best what comes next.
#[derive(Debug, Clone)]
pub struct HeldOut {
    known: Interactions,
    asked: Interactions,
    after: Interactions,
}

impl HeldOut {
    /// Returns them as what a model is tuned by. Items already seen may come again.
    #[must_use]
    pub fn rehearsal(&self) -> Rehearsal<'_> {
        let Self { known, asked, after } = self;
        Rehearsal { known, asked, after, seen: Seen::Keep }
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

    fn append(&mut self, other: Self) {
        self.items.extend(other.items);
        self.weights.extend(other.weights);
        self.ages.extend(other.ages);
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
    fn the_newest_sessions_are_held_out_and_asked_for_up_to_some_event() {
        // Session s has the items s, s + 1, s + 2 and s again, session 9 but one; 8 is the newest.
        let (mut sessions, mut items) = (vec![9], vec![0]);
        for session in 0..9_u32 {
            sessions.extend([session; 4]);
            items.extend([session, session + 1, session + 2, session]);
        }
        let mut times: Vec<f64> = (0..items.len()).map(|at| at as f64).collect();
        times[0] = 99.0;
        let log = Log { sessions: &sessions, items: &items, times: &times };
        for seed in 0..20 {
            let HeldOut { known, asked, after } = log.held_out(10, 11, seed).unwrap();
            assert!((0..5).all(|session| known.row(session).0.len() == 3));
            assert!((5..9).all(|session| known.row(session).0.is_empty()));
            assert_eq!(known.row(9).0, [0]);
            assert_eq!((asked.n_users(), after.n_users()), (14, 14));
            assert!((0..10).all(|row| asked.row(row).0.is_empty() && after.row(row).0.is_empty()));
            for (row, session) in [(10, 8), (11, 7), (12, 6), (13, 5)] {
                let whole = [session, session + 1, session + 2, session];
                let history = History::of(&asked, row).ordered();
                assert_eq!(history, whole[..history.len()], "{seed}");
                assert_eq!(after.row(row as usize).0, &whole[history.len()..=history.len()]);
            }
        }
        let single = Log { sessions: &[0, 1], items: &[0, 1], times: &[0.0, 1.0] };
        assert!(single.held_out(2, 2, 1).unwrap().rehearsal().after.is_empty());
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
