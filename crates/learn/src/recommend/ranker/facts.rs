//! What a candidate and a history tell beside the scores of the members.

use super::super::arrays::{Reader, Writer, wrong};
use super::super::{Field, History};
use crate::error::Result;
use crate::interactions::Interactions;

/// The share of all interactions, the youngest, that says what is on the rise.
const YOUNG_SHARE: f64 = 0.2;
/// A product had so many products ago counts half.
const HALF_LIFE_ITEMS: f32 = 5.0;
/// The fields of which a customer has favourites, and the one that is a number.
const SHARED: [&str; 2] = ["category", "brand"];
const BAND: &str = "price_band";
/// What has no such field.
const NONE: u32 = u32::MAX;

/// What a candidate tells beside the scores of the members, by name.
pub(super) const COLUMNS: [&str; 9] = [
    "popularity",
    "on_the_rise",
    "had",
    "had_weight",
    "had_lately",
    "category_share",
    "brand_share",
    "price_distance",
    "history",
];

/// What is known of the items.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    /// The logarithm of one more than the customers who had it.
    popularity: Vec<f32>,
    /// The logarithm of how many times more often it was had of late than at all times.
    rise: Vec<f32>,
    /// For each of [`SHARED`] the code of each item's text.
    codes: [Vec<u32>; 2],
    /// The price band of each item; NaN for none.
    bands: Vec<f32>,
}

/// What is known of one history, kept while its candidates are described.
#[derive(Debug)]
pub(super) struct Customer<'a> {
    history: History<'a>,
    /// How much each item of the history still counts.
    recencies: Vec<f64>,
    /// The mean price band; NaN for none.
    band: f64,
    /// The logarithm of one more than the items he had.
    pub(super) known: f64,
}

impl Facts {
    /// Counts what was had, and reads the fields of the items.
    pub(super) fn of(interactions: &Interactions, documents: Option<&[Vec<Field>]>) -> Self {
        let n_items = interactions.n_items();
        let counts = interactions.item_counts();
        let young = young(interactions);
        let n_all = interactions.len().max(1) as f64;
        let share = young.iter().map(|n| f64::from(*n)).sum::<f64>() / n_all;
        let rise = counts.iter().zip(&young).map(|(all, young)| {
            ((1.0 + f64::from(*young)) / (1.0 + share * f64::from(*all))).ln() as f32
        });
        let mut facts = Self {
            popularity: counts.iter().map(|n| f64::from(*n).ln_1p() as f32).collect(),
            rise: rise.collect(),
            codes: [vec![NONE; n_items], vec![NONE; n_items]],
            bands: vec![f32::NAN; n_items],
        };
        let mut known = rustc_hash::FxHashMap::<(usize, &str), u32>::default();
        for (item, fields) in documents.unwrap_or_default().iter().enumerate().take(n_items) {
            for field in fields {
                if let Some(kind) = SHARED.iter().position(|name| *name == field.name) {
                    let next = known.len() as u32;
                    facts.codes[kind][item] = *known.entry((kind, &field.text)).or_insert(next);
                } else if field.name == BAND {
                    let band = field.text.parse().ok().filter(|band: &f32| band.is_finite());
                    facts.bands[item] = band.unwrap_or(f32::NAN);
                }
            }
        }
        facts
    }

    /// Returns how many items are known.
    pub(super) fn n_items(&self) -> usize {
        self.popularity.len()
    }

    /// Returns what holds for all candidates of a history.
    pub(super) fn customer<'a>(&self, history: History<'a>) -> Customer<'a> {
        let votes = history.votes(HALF_LIFE_ITEMS);
        let recencies: Vec<f64> = votes.map(|vote| vote.recency).collect();
        let (mut sum, mut weight) = (0.0, 0.0);
        for (item, recency) in history.items.iter().zip(&recencies) {
            let band = self.bands.get(*item as usize).copied().unwrap_or(f32::NAN);
            if !band.is_nan() {
                sum += recency * f64::from(band);
                weight += recency;
            }
        }
        let band = if weight > 0.0 { sum / weight } else { f64::NAN };
        Customer { recencies, band, known: (history.items.len() as f64).ln_1p(), history }
    }

    /// Writes what a candidate tells, in the order of [`COLUMNS`].
    pub(super) fn describe(&self, customer: &Customer<'_>, item: u32, into: &mut [f64]) {
        let at = item as usize;
        let had = customer.history.items.iter().position(|own| *own == item);
        into.fill(0.0);
        into[0] = f64::from(self.popularity[at]);
        into[1] = f64::from(self.rise[at]);
        if let Some(place) = had {
            into[2] = 1.0;
            into[3] = f64::from(customer.history.weights[place].max(0.0)).ln_1p();
            into[4] = customer.recencies[place];
        }
        for (kind, codes) in self.codes.iter().enumerate() {
            into[5 + kind] = customer.share(codes, at);
        }
        let distance = (f64::from(self.bands[at]) - customer.band).abs();
        into[7] = if distance.is_nan() { 0.0 } else { distance };
        into[8] = customer.known;
    }

    pub(super) fn save(&self, into: &mut Writer) {
        into.f32s("popularity", &self.popularity);
        into.f32s("rise", &self.rise);
        for (name, codes) in SHARED.iter().zip(&self.codes) {
            into.u32s(name, codes);
        }
        into.f32s(BAND, &self.bands);
    }

    pub(super) fn load(from: &Reader<'_>) -> Result<Self> {
        let [category, brand] = SHARED.map(|name| from.u32s(name));
        let facts = Self {
            popularity: from.f32s("popularity")?,
            rise: from.f32s("rise")?,
            codes: [category?, brand?],
            bands: from.f32s(BAND)?,
        };
        let n_items = facts.n_items();
        let lengths = [facts.rise.len(), facts.codes[0].len(), facts.codes[1].len()];
        if lengths.into_iter().chain([facts.bands.len()]).any(|length| length != n_items) {
            return Err(wrong("the facts are not of the same items"));
        }
        if facts.popularity.iter().chain(&facts.rise).any(|value| !value.is_finite()) {
            return Err(wrong("a fact is not a number"));
        }
        Ok(facts)
    }
}

impl Customer<'_> {
    /// Returns the part of the history that shares the item's code, the item itself left out.
    fn share(&self, codes: &[u32], at: usize) -> f64 {
        let own = codes[at];
        if own == NONE {
            return 0.0;
        }
        let (mut same, mut all) = (0.0, 0.0);
        for (item, recency) in self.history.items.iter().zip(&self.recencies) {
            if *item as usize == at {
                continue;
            }
            all += recency;
            if codes.get(*item as usize) == Some(&own) {
                same += recency;
            }
        }
        if all > 0.0 { same / all } else { 0.0 }
    }
}

/// Returns how often each item is among the youngest interactions; without ages, never.
fn young(interactions: &Interactions) -> Vec<u32> {
    let mut counts = vec![0; interactions.n_items()];
    let rows = || (0..interactions.n_users()).filter_map(|user| interactions.ages(user));
    let mut ages: Vec<f32> = rows().flatten().copied().collect();
    if ages.is_empty() {
        return counts;
    }
    let place = ((ages.len() - 1) as f64 * YOUNG_SHARE) as usize;
    let (_, limit, _) = ages.select_nth_unstable_by(place, f32::total_cmp);
    let limit = *limit;
    for user in 0..interactions.n_users() {
        let Some(ages) = interactions.ages(user) else { continue };
        for (item, age) in interactions.row(user).0.iter().zip(ages) {
            counts[*item as usize] += u32::from(*age <= limit);
        }
    }
    counts
}
