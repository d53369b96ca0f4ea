//! What people went on to whose visits looked like this one: nearest sessions, for shoppers of whom
//! nothing is known but what they have just looked at.
//!
//! VMIS-kNN (Kersbergen, Sprangers and Schelter 2022, "Serenade: low-latency session-based
//! recommendation in e-commerce at scale", algorithm 2), which is VS-kNN (Ludewig and Jannach 2018,
//! "Evaluation of session-based recommendation algorithms") over an index from each item to the
//! newest sessions with it; how near an item stands to what was matched counts as in STAN (Garg et
//! al. 2019, "Sequence and time aware neighborhood for session-based recommendations").
//!
//! Let `h_0, h_1, …` be the last items of the history, the youngest first, `a_p` how much `h_p`
//! counts, `N` the number of sessions, `n_i` how many hold `i`, `r(i) = ln(1 + N / n_i)`:
//!
//! - `similarity(s) = Σ over h_p in s of a_p r(h_p)^μ`, for the newest `sessions` of each `h_p`;
//!   the `neighbours` most similar count, of equals the newer;
//! - `score(j) = r(j)^ι b(j) Σ over neighbours s with j of similarity(s) m_p 2^(−|d| / ρ)`, `p` the
//!   place of the youngest `h_p` in `s`, `d` how many items `j` stands from it there;
//! - `b(j) = 1 + β a_p` for `j = h_p`, where the shopper has been, and 1 for others: shoppers go
//!   back to what they compare. `h_0`, what they are looking at, is never recommended.
//!
//! `decay=exponential` has `a_p = 2^(−p / half-life)`, as STAN, and `m_p = 1`; `decay=linear` has
//! `a_p = 1 − p / L` for `L` items and `m_p = max(0, 0.9 − 0.1 p)`, as VS-kNN and VMIS-kNN. Other
//! deviations from VMIS-kNN: the newest sessions are those of each item, not of all together; an
//! item counts once, where it stood last; `ι` is a power (their factor changes no order); `N / n`
//! gets a 1, so that what everybody has does not vanish; `μ`, `ρ` and `β` are new.
//!
//! Weights of interactions are not read. The order within a session is that of ages, without ages
//! that of the items as given; sessions are ordered by their youngest age, equals by their row.

mod index;

use super::arrays::{Reader, Writer, wrong};
use super::{
    Contribution, History, ListOptions, Pad, Parameter, Parameters, Reason, Recommender, Search,
    Training, decay, lists, saved,
};
use crate::error::Result;
use crate::interactions::Interactions;
use index::{Index, Place};

pub use index::ITEMS_MAX;

/// What can be set. The defaults are the best on the validation sessions of session-shop and the
/// last three days of its training sessions, each after fitting to all before: a mean reciprocal
/// rank of .348 within 20 of 9,639 questions, where VMIS-kNN's form has .305. The example
/// `next_item` makes these figures. Halving or doubling `reach`, the powers or the counts changes
/// it by less than the standard error, .004; without `returns` it is .32.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::whole("sessions", "newest sessions looked at for each item", 500, [1, 100_000])
        .searched(Search::Log(200.0, 3000.0)),
    Parameter::whole("neighbours", "similar sessions that speak", 100, [1, 100_000])
        .searched(Search::Log(50.0, 1000.0)),
    Parameter::whole("last_items", "youngest items of the history that count", 5, [1, 100])
        .searched(Search::Log(3.0, 50.0)),
    Parameter::word(
        "decay",
        "how items of the history fade: exponential, by half_life_items; linear, as in VMIS-kNN",
        &["exponential", "linear"],
    ),
    Parameter::real(
        "half_life_items",
        "exponential: younger items after which one of the history counts half; 0 for none",
        0.7,
        [0.0, 1e6],
    )
    .searched(Search::Log(0.4, 20.0)),
    Parameter::real(
        "reach",
        "items from the matched one at which one of a neighbour counts half; 0 for all alike",
        3.0,
        [0.0, 1e6],
    )
    .searched(Search::Log(1.0, 30.0)),
    Parameter::real("idf", "the power of a recommended item's rarity", 1.0, [0.0, 5.0]),
    Parameter::real("idf_matched", "the power of a matched item's rarity", 1.0, [0.0, 5.0]),
    Parameter::real(
        "returns",
        "how much more what the shopper has just seen counts, where lists may hold it",
        20.0,
        [0.0, 1e6],
    ),
];

/// How items of the history fade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decay {
    Exponential,
    Linear,
}

/// What was set.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Settings {
    neighbours: usize,
    last_items: usize,
    decay: Decay,
    half_life_items: f32,
    reach: f32,
    idf: f32,
    idf_matched: f32,
    returns: f32,
}

/// Past sessions that are compared with the one at hand.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionKnn {
    index: Index,
    settings: Settings,
    /// How much an item counts that stands so many items from the matched one, `ITEMS_MAX` values.
    nearness: Vec<f64>,
}

/// A session that shares items with the history.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Match {
    similarity: f64,
    /// Where the youngest shared item stands in the session.
    anchor: u32,
    /// Its place in the history, from the youngest.
    place: u32,
}

/// An item of the history that counts.
#[derive(Debug, Clone, Copy)]
struct Recent {
    item: u32,
    /// `a_p`
    weight: f64,
    /// `a_p r^μ`, what it adds to the similarity of a session.
    pull: f64,
    /// The oldest session it leads to.
    since: u32,
}

/// A session that speaks, and how loud: `similarity · m_p`.
#[derive(Debug, Clone, Copy)]
struct Neighbour {
    session: u32,
    anchor: u32,
    similarity: f64,
    /// `m_p`
    trust: f64,
}

pub(crate) fn build(
    training: &Training<'_>,
    parameters: &Parameters,
) -> Result<Box<dyn Recommender>> {
    Ok(Box::new(SessionKnn::fit(training, parameters)))
}

pub(crate) fn load(from: &Reader<'_>) -> Result<Box<dyn Recommender>> {
    Ok(Box::new(SessionKnn::load(from)?))
}

/// Returns the rows as sessions, the oldest first.
fn index_of(interactions: &Interactions, limit: usize) -> Index {
    let youngest = |row: &u32| {
        let ages = interactions.ages(*row as usize).unwrap_or_default();
        ages.iter().copied().reduce(f32::min).unwrap_or(0.0)
    };
    let mut rows: Vec<u32> = (0..interactions.n_users() as u32).collect();
    rows.sort_by(|left, right| youngest(right).total_cmp(&youngest(left)));
    let mut index = Index::new(interactions.n_items(), limit);
    for row in rows {
        index.add(row, &History::of(interactions, row).ordered());
    }
    index
}

impl Settings {
    fn chosen(parameters: &Parameters) -> Self {
        let decay = match parameters.word("decay") {
            "linear" => Decay::Linear,
            _ => Decay::Exponential,
        };
        Self {
            neighbours: parameters.whole("neighbours"),
            last_items: parameters.whole("last_items"),
            decay,
            half_life_items: parameters.real("half_life_items"),
            reach: parameters.real("reach"),
            idf: parameters.real("idf"),
            idf_matched: parameters.real("idf_matched"),
            returns: parameters.real("returns"),
        }
    }

    fn save(&self, into: &mut Writer) {
        let word = match self.decay {
            Decay::Exponential => "exponential",
            Decay::Linear => "linear",
        };
        into.text("decay", word);
        into.u64s("neighbours", &[self.neighbours as u64]);
        into.u64s("last_items", &[self.last_items as u64]);
        let values = [self.half_life_items, self.reach, self.idf, self.idf_matched, self.returns];
        into.f32s("values", &values);
    }

    fn load(from: &Reader<'_>) -> Result<Self> {
        let values = from.f32s("values")?;
        let [half_life_items, reach, idf, idf_matched, returns] = values[..] else {
            return Err(wrong("settings are incomplete"));
        };
        if values.iter().any(|value| !(0.0..=1e6).contains(value)) {
            return Err(wrong("a setting is not a number from 0 to 1000000"));
        }
        let decay = match from.text("decay")? {
            "exponential" => Decay::Exponential,
            "linear" => Decay::Linear,
            other => return Err(wrong(&format!("unknown decay `{other}`"))),
        };
        let neighbours = saved::whole(from, "neighbours")?;
        let last_items = saved::whole(from, "last_items")?;
        Ok(Self {
            neighbours,
            last_items,
            decay,
            half_life_items,
            reach,
            idf,
            idf_matched,
            returns,
        })
    }

    /// Returns `a_p`, how much the item counts that `place` of `length` are younger than.
    fn weight(&self, place: usize, length: usize) -> f64 {
        match self.decay {
            Decay::Exponential => decay(place as f32, self.half_life_items),
            Decay::Linear => 1.0 - place as f64 / length as f64,
        }
    }

    /// Returns `m_p`, how much a session counts whose youngest shared item is at `place`.
    fn trust(&self, place: u32) -> f64 {
        match self.decay {
            Decay::Exponential => 1.0,
            Decay::Linear => (0.9 - 0.1 * f64::from(place)).max(0.0),
        }
    }
}

impl SessionKnn {
    fn over(index: Index, settings: Settings) -> Self {
        let nearness = (0..ITEMS_MAX).map(|far| decay(far as f32, settings.reach)).collect();
        Self { index, settings, nearness }
    }

    /// Fits a model that can grow; `parameters` are those of the registry's entry.
    #[must_use]
    pub fn fit(training: &Training<'_>, parameters: &Parameters) -> Self {
        let index = index_of(training.interactions, parameters.whole("sessions"));
        Self::over(index, Settings::chosen(parameters))
    }

    /// Returns a saved model as one that can grow.
    ///
    /// # Errors
    /// As [`saved::from_bytes`], and when the bytes are another model.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let reader = Reader::new(bytes)?;
        match reader.text(saved::MODEL)? {
            "session-knn" => Self::load(&reader),
            other => Err(wrong(&format!("`{other}` is not session-knn"))),
        }
    }

    fn load(from: &Reader<'_>) -> Result<Self> {
        Ok(Self::over(Index::load(from)?, Settings::load(from)?))
    }

    /// Adds a session that has ended, newer than all so far, at a cost of its length: the model
    /// answers as if it had been fitted with it. `row` says whose it is, to be no neighbour of a
    /// [`History`] with this `user`; `items` are distinct, the oldest first, and what is not below
    /// [`Recommender::n_items`] is passed over.
    pub fn add(&mut self, row: u32, items: &[u32]) {
        self.index.add(row, items);
    }

    /// Makes room for new items, those below `n_items`.
    pub fn grow(&mut self, n_items: usize) {
        self.index.grow(n_items);
    }

    /// Returns how many sessions it holds.
    #[must_use]
    pub fn n_sessions(&self) -> usize {
        self.index.n_sessions()
    }

    /// Returns the bytes of memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.index.bytes() + self.nearness.len() * size_of::<f64>()
    }

    /// Returns the items of the history that count, the youngest first.
    fn recent(&self, history: History<'_>) -> Vec<Recent> {
        let mut items = history.ordered();
        items.retain(|item| (*item as usize) < self.index.n_items());
        let length = items.len().min(self.settings.last_items);
        let power = f64::from(self.settings.idf_matched);
        let recent = |(place, item): (usize, &u32)| {
            let weight = self.settings.weight(place, length);
            let pull = weight * self.index.rarity(*item).powf(power);
            Recent { item: *item, weight, pull, since: self.index.since(*item) }
        };
        items.iter().rev().take(length).enumerate().map(recent).collect()
    }

    /// Returns the sessions that speak, the most similar first.
    fn neighbours(&self, history: History<'_>, recent: &[Recent], pad: &mut Pad) -> Vec<Neighbour> {
        let Pad { sessions, best, .. } = pad;
        sessions.reserve(self.index.n_sessions());
        for (place, one) in recent.iter().enumerate() {
            for Place { session, at } in self.index.newest(one.item) {
                let found = sessions.touch(session);
                if found.similarity == 0.0 {
                    *found = Match { similarity: 0.0, anchor: at, place: place as u32 };
                }
                found.similarity += one.pull;
            }
        }
        best.start(self.settings.neighbours);
        for session in sessions.touched() {
            let similarity = sessions.get(*session).similarity;
            if similarity > 0.0 && history.user != Some(self.index.row_of(*session)) {
                // Of equals the lower index wins, and the newer session has the lower complement.
                best.push(!session, similarity as f32);
            }
        }
        let neighbour = |one: &super::Scored| {
            let session = !one.item;
            let Match { similarity, anchor, place } = sessions.get(session);
            Neighbour { session, anchor, similarity, trust: self.settings.trust(place) }
        };
        let found = best.finish().iter().map(neighbour).collect();
        sessions.clear();
        found
    }

    /// Returns each item of a neighbour that may be recommended, and `m_p 2^(−|d| / ρ)` of it.
    fn spoken(&self, one: Neighbour, current: u32) -> impl Iterator<Item = (u32, f64)> {
        let items = self.index.items(one.session).iter().enumerate();
        let shares = items.filter(move |(_, item)| **item != current).map(move |(at, item)| {
            let far = at.abs_diff(one.anchor as usize);
            (*item, one.trust * self.nearness.get(far).copied().unwrap_or(0.0))
        });
        shares.filter(|(_, share)| *share > 0.0)
    }

    /// Returns `r(j)^ι`.
    fn surprise(&self, item: u32) -> f64 {
        self.index.rarity(item).powf(f64::from(self.settings.idf))
    }

    /// Returns `b(j)` of an item of the history.
    fn lure(&self, one: Recent) -> f64 {
        1.0 + f64::from(self.settings.returns) * one.weight
    }

    /// Returns what of `recent` leads to a session, by place in `recent`.
    fn shared(&self, session: u32, recent: &[Recent]) -> Vec<usize> {
        let leads = |one: &Recent, item: u32| one.item == item && one.since <= session;
        let place = |item: &u32| recent.iter().position(|one| leads(one, *item));
        self.index.items(session).iter().filter_map(place).collect()
    }
}

impl Recommender for SessionKnn {
    fn name(&self) -> &'static str {
        "session-knn"
    }

    fn n_items(&self) -> usize {
        self.index.n_items()
    }

    fn score(&self, history: History<'_>, pad: &mut Pad) {
        let recent = self.recent(history);
        let Some(current) = recent.first().map(|one| one.item) else { return };
        let neighbours = self.neighbours(history, &recent, pad);
        pad.scores.reserve(self.n_items());
        for one in neighbours {
            for (item, share) in self.spoken(one, current) {
                *pad.scores.touch(item) += one.similarity * share;
            }
        }
        pad.scores.change(|item, sum| sum * self.surprise(item));
        for one in &recent {
            if pad.scores.get(one.item) > 0.0 {
                *pad.scores.touch(one.item) *= self.lure(*one);
            }
        }
    }

    fn explain(&self, history: History<'_>, item: u32) -> Vec<Contribution> {
        lists::parts_of(self, history, item)
    }

    fn contributions(
        &self,
        history: History<'_>,
        _options: &ListOptions<'_>,
        items: &[u32],
        pad: &mut Pad,
    ) -> Vec<Reason> {
        let recent = self.recent(history);
        let mut sums = vec![vec![0.0; recent.len()]; items.len()];
        if let Some(current) = recent.first().map(|one| one.item) {
            let neighbours = self.neighbours(history, &recent, pad);
            lists::note_places(&mut pad.places, self.n_items(), items);
            for one in neighbours {
                let shared = self.shared(one.session, &recent);
                for (item, share) in self.spoken(one, current) {
                    let Some(at) = (pad.places.get(item) as usize).checked_sub(1) else { continue };
                    for place in &shared {
                        sums[at][*place] += recent[*place].pull * share;
                    }
                }
            }
            pad.places.clear();
        }
        let is_known = |item: u32| (item as usize) < self.n_items();
        let surprise = |item: u32| if is_known(item) { self.surprise(item) } else { 0.0 };
        let reason = |(item, sums): (&u32, Vec<f64>)| {
            let of_history = recent.iter().find(|one| one.item == *item);
            let factor = of_history.map_or(1.0, |one| self.lure(*one)) * surprise(*item);
            let part = |(one, sum): (&Recent, f64)| Contribution {
                item: one.item,
                score: (sum * factor) as f32,
            };
            let parts = recent.iter().zip(sums).filter(|(_, sum)| *sum > 0.0).map(part);
            Reason { model: self.name(), parts: parts.collect() }
        };
        items.iter().zip(sums).map(reason).collect()
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        vec![("index_sessions", self.n_sessions() as f64), ("index_bytes", self.bytes() as f64)]
    }

    fn save(&self, into: &mut Writer) {
        self.index.save(into);
        self.settings.save(into);
    }
}

#[cfg(test)]
mod tests;
