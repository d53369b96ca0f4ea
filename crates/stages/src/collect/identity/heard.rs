//! Which sightings were heard a moment ago: every event of a customer who is signed in shows the
//! same identifiers together, and says nothing new.

use rustc_hash::FxHashMap;
use shopwise_model::time::{DAY, SECOND};

use super::names::{Edge, Evidence, Pseudonym};

/// How much later than the last one a sighting is news: the ledger's last sighting of a day may be
/// so much too early.
const NEWS_AFTER: i64 = 600 * SECOND;

/// Pairs that are remembered, some 60 bytes each; beyond that all are forgotten, and heard again.
const PAIRS_MAX: usize = 1 << 20;

/// The sightings that were written.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The first and the last moment of a pair's newest day, by pair and evidence.
    pairs: FxHashMap<(Pseudonym, Pseudonym, Evidence), [i64; 2]>,
}

impl Heard {
    /// Tells whether a sighting says what is not written yet.
    pub(super) fn is_news(&self, edge: &Edge) -> bool {
        self.pairs.get(&key(edge)).is_none_or(|[first, last]| {
            let is_that_day = edge.at.div_euclid(DAY) == first.div_euclid(DAY);
            !is_that_day || edge.at < *first || edge.at > last.saturating_add(NEWS_AFTER)
        })
    }

    /// Remembers a sighting that was written.
    pub(super) fn remember(&mut self, edge: &Edge) {
        let key = key(edge);
        if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&key) {
            self.pairs.clear();
        }
        let known = self.pairs.entry(key).or_insert([edge.at; 2]);
        let [day, of_edge] = [known[0], edge.at].map(|at| at.div_euclid(DAY));
        if of_edge == day {
            *known = [known[0].min(edge.at), known[1].max(edge.at)];
        } else if of_edge > day {
            *known = [edge.at; 2];
        }
    }
}

fn key(edge: &Edge) -> (Pseudonym, Pseudonym, Evidence) {
    let (a, b) = (edge.a.pseudonym, edge.b.pseudonym);
    (a.min(b), a.max(b), edge.evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::identity::{Kind, Node};

    #[test]
    fn what_was_heard_is_no_news_until_later_earlier_or_another_day() {
        let node = |digit: char, kind| Node {
            pseudonym: Pseudonym::parse(&format!("c{}", digit.to_string().repeat(24))).unwrap(),
            kind,
        };
        let edge = |at, evidence| Edge {
            a: node('a', Kind::Customer),
            b: node('b', Kind::Anonymous),
            evidence,
            source: "web".to_owned(),
            reference: String::new(),
            at,
        };
        let noon = 100 * DAY + DAY / 2;
        let mut heard = Heard::default();
        assert!(heard.is_news(&edge(noon, Evidence::Login)));
        heard.remember(&edge(noon, Evidence::Login));
        for (later, is_news) in [
            (0, false),
            (NEWS_AFTER, false),
            (NEWS_AFTER + 1, true),
            (-1, true),
            (DAY, true),
            (-DAY, true),
        ] {
            assert_eq!(heard.is_news(&edge(noon + later, Evidence::Login)), is_news, "{later}");
        }
        assert!(heard.is_news(&edge(noon, Evidence::Identify)));
        // What came late from another day is written each time and hides nothing.
        heard.remember(&edge(noon - DAY, Evidence::Login));
        assert!(!heard.is_news(&edge(noon, Evidence::Login)));
        heard.remember(&edge(noon + DAY, Evidence::Login));
        assert!(heard.is_news(&edge(noon, Evidence::Login)));
    }
}
