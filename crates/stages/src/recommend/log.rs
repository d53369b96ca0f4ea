//! Who did what with which product, in three parts by time: to learn from, to choose by, to be
//! judged by.

use rustc_hash::FxHashMap;
use shopwise_learn::interactions::{Events, Interactions, Repeats as Joining};
use shopwise_model::Product;
use shopwise_model::frame::{Frame, NULL_CODE, Texts};
use shopwise_model::time::DAY;
use shopwise_store::Lake;

use super::weight::{self, Repeats};
use crate::error::Result;

/// The share of interactions in the newest window, which judges, and in the one before it, by which
/// parameters are chosen: a tenth each, the usual cut, leaves four fifths to learn from.
const WINDOW_SHARE: f64 = 0.1;

/// Products of a customer that are remembered, the newest ones: bounds what one customer costs,
/// whose products are compared in pairs, and what a robot can spoil.
pub const HISTORY_MAX: usize = 100;

/// Customers who are asked in an evaluation: the standard error of NDCG is then below 0.006.
const JUDGES_MAX: usize = 5_000;

/// Fewer customers than this judge nothing.
pub(super) const JUDGES_MIN: usize = 20;

/// Fewer buyers than this in a window and everything that customers took is looked for instead of
/// orders: with a hundred lists the standard error is as large as what models differ by.
const BUYERS_MIN: usize = 200;

/// From this share of orders that are of goods bought before, these are recommended again: leaving
/// them out would miss every fifth order.
const REPEAT_SHARE_MIN: f64 = 0.2;

/// What counts as doing something with a product.
const INTERACTION: &str = "events.customer IS NOT NULL AND product IS NOT NULL
      AND occurred_at IS NOT NULL
      AND (kind IN ('product_viewed', 'product_clicked', 'recommendation_clicked',
                    'product_added', 'order_completed')
           OR kind = 'product_reviewed' AND rating IS NOT NULL)";

/// The newest rating of a pair; where two are of one moment the event's identifier decides.
const LAST_RATING: &str = "last_value(rating ORDER BY occurred_at, event_id)";

/// The parts of the log by age.
pub(super) const LEARN: u8 = 0;
pub(super) const VALIDATION: u8 = 1;
pub(super) const TEST: u8 = 2;

/// What a customer did with a product in one part of the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) customer: u32,
    pub(super) product: u32,
    pub(super) part: u8,
    pub(super) viewed: u32,
    pub(super) carted: u32,
    pub(super) bought: u32,
    /// NaN when not rated.
    rating: f32,
    /// When it happened last, UTC microseconds.
    pub(super) last: i64,
}

/// The log of a shop.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Pseudonyms in the order of the alphabet.
    pub(super) customers: Vec<String>,
    /// Identifiers in the order of the alphabet, those of the catalogue included.
    pub(super) products: Vec<String>,
    /// By customer, product and part.
    pairs: Vec<Pair>,
    /// When the test part and the validation part begin.
    pub(super) cuts: [i64; 2],
    /// Interactions in all.
    pub(super) happened: u64,
    /// Whether most are ratings.
    pub(super) has_ratings: bool,
}

/// What is looked for in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// What was ordered.
    Orders,
    /// Whatever was done; for shops without orders.
    Anything,
}

/// What customers really took in a window.
#[derive(Debug)]
pub(super) struct Targets {
    /// Rows of the same customers and products as the log; of who is not asked, empty.
    pub(super) wanted: Interactions,
    /// The customers who are asked, ascending.
    pub(super) judges: Vec<u32>,
    /// How many could have been asked.
    pub(super) eligible: usize,
    /// How many have a target but no history: every model gives them what is popular.
    pub(super) newcomers: usize,
}

impl Log {
    /// Reads the log. `catalog` is sorted by identifier.
    pub(super) fn read(lake: &Lake, catalog: &[Product], progress: &dyn Fn(u64)) -> Result<Self> {
        let sql = include_str!("hours.sql").replace("{interaction}", INTERACTION);
        let hours = lake.query(&sql)?;
        let happened = hours.int("happened")?;
        let rated: i64 = hours.int("rated")?.iter().sum();
        let total: i64 = happened.iter().sum();
        let has_ratings = 2 * rated > total;
        let test = cut(hours.time("hour")?, happened, WINDOW_SHARE);
        let validation = cut(hours.time("hour")?, happened, 2.0 * WINDOW_SHARE).min(test);
        let sql = include_str!("pairs.sql")
            .replace("{interaction}", INTERACTION)
            .replace("{test}", &test.to_string())
            .replace("{validation}", &validation.to_string())
            .replace("{rating}", if has_ratings { LAST_RATING } else { "CAST(NULL AS DOUBLE)" });
        let mut names = [Texts::default(), Texts::default()];
        for product in catalog {
            names[1].intern(&product.id);
        }
        let mut log = Self {
            cuts: [test, validation],
            happened: total.unsigned_abs(),
            has_ratings,
            ..Self::default()
        };
        lake.stream(&sql, |rows| -> Result<()> {
            log.extend(&rows, &mut names)?;
            progress(log.pairs.len() as u64);
            Ok(())
        })?;
        log.sort(&names);
        Ok(log)
    }

    fn extend(&mut self, rows: &Frame, names: &mut [Texts; 2]) -> Result<()> {
        let customers = codes(rows.text("customer")?, &mut names[0]);
        let products = codes(rows.text("product")?, &mut names[1]);
        let [part, carted, bought, happened] =
            ["part", "carted", "bought", "happened"].map(|name| rows.int(name));
        let (part, carted, bought, happened) = (part?, carted?, bought?, happened?);
        let (rating, last) = (rows.float("rating")?, rows.time("last")?);
        let count = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        for row in 0..rows.rows() {
            self.pairs.push(Pair {
                customer: customers[row],
                product: products[row],
                part: u8::try_from(part[row]).unwrap_or(LEARN),
                viewed: count(happened[row] - carted[row] - bought[row]),
                carted: count(carted[row]),
                bought: count(bought[row]),
                rating: rating[row] as f32,
                last: last[row],
            });
        }
        Ok(())
    }

    /// Brings names and pairs into an order that does not depend on the engine's threads.
    fn sort(&mut self, names: &[Texts; 2]) {
        let (customers, new_customer) = sorted(&names[0]);
        let (products, new_product) = sorted(&names[1]);
        for pair in &mut self.pairs {
            pair.customer = new_customer[pair.customer as usize];
            pair.product = new_product[pair.product as usize];
        }
        self.pairs.sort_unstable_by_key(|pair| (pair.customer, pair.product, pair.part));
        (self.customers, self.products) = (customers, products);
    }

    /// Returns everything, by customer, product and part.
    pub(super) fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// Returns what one customer did, by product and part.
    pub(super) fn of(&self, customer: u32) -> &[Pair] {
        let from = self.pairs.partition_point(|pair| pair.customer < customer);
        let to = self.pairs.partition_point(|pair| pair.customer <= customer);
        &self.pairs[from..to]
    }

    /// Returns how many products occur in the log.
    pub(super) fn products_seen(&self) -> usize {
        let mut is_seen = vec![false; self.products.len()];
        for pair in &self.pairs {
            is_seen[pair.product as usize] = true;
        }
        is_seen.iter().filter(|seen| **seen).count()
    }

    /// Returns what was known at the end of `part`: weights, and ages in days before that moment;
    /// of each customer the newest [`HISTORY_MAX`] products.
    pub(super) fn until(&self, part: u8) -> Result<Interactions> {
        let known = |pair: &&Pair| pair.part <= part;
        let end = self.pairs.iter().filter(known).map(|pair| pair.last).max().unwrap_or(0);
        let highest = self.highest();
        let (mut users, mut items, mut weights, mut ages) = (vec![], vec![], vec![], vec![]);
        for rows in self.pairs.chunk_by(|a, b| a.customer == b.customer) {
            let mut row: Vec<Pair> = Vec::new();
            for pair in rows.iter().filter(known) {
                match row.last_mut() {
                    Some(last) if last.product == pair.product => last.join(pair),
                    _ => row.push(*pair),
                }
            }
            row.sort_unstable_by_key(|pair| (std::cmp::Reverse(pair.last), pair.product));
            for pair in row.iter().take(HISTORY_MAX) {
                users.push(pair.customer);
                items.push(pair.product);
                weights.push(pair.weight(highest));
                ages.push(((end - pair.last) as f64 / DAY as f64) as f32);
            }
        }
        let events = Events { users: &users, items: &items, weights: &weights, ages: Some(&ages) };
        let shape = (self.customers.len(), self.products.len());
        Ok(Interactions::from_events(shape.0, shape.1, events, Joining::KeepLast)?)
    }

    /// Returns the best rating; 0 where ratings say nothing.
    pub(super) fn highest(&self) -> f32 {
        self.pairs.iter().map(|pair| pair.rating).fold(0.0, f32::max)
    }

    /// Returns what customers took in `part`, save what `repeats` keeps from them; asked is a
    /// seeded sample of those who have a history.
    pub(super) fn targets(
        &self,
        part: u8,
        goal: Goal,
        known: &Interactions,
        repeats: Repeats,
        seed: u64,
    ) -> Result<Targets> {
        let mut wanted: Vec<(u32, u32)> = Vec::new();
        let (mut eligible, mut newcomers) = (Vec::new(), 0);
        for rows in self.pairs.chunk_by(|a, b| a.customer == b.customer) {
            let customer = rows[0].customer;
            let (items, weights) = known.row(customer as usize);
            let may_be_shown = |pair: &&Pair| match items.binary_search(&pair.product) {
                Ok(at) => repeats.allows(weights[at]),
                Err(_) => true,
            };
            let before = wanted.len();
            let own = rows.iter().filter(|pair| pair.part == part && pair.meets(goal));
            wanted.extend(own.filter(may_be_shown).map(|pair| (customer, pair.product)));
            match (wanted.len() > before, items.is_empty()) {
                (false, _) => {}
                (true, true) => newcomers += 1,
                (true, false) => eligible.push(customer),
            }
        }
        let judges = sample(&eligible, JUDGES_MAX, seed);
        wanted.retain(|(customer, _)| judges.binary_search(customer).is_ok());
        let (users, items): (Vec<u32>, Vec<u32>) = wanted.into_iter().unzip();
        let weights = vec![1.0; users.len()];
        let shape = (self.customers.len(), self.products.len());
        let (users, items) = (&users[..], &items[..]);
        let wanted = Interactions::from_triples(
            shape.0,
            shape.1,
            users,
            items,
            &weights,
            Joining::KeepLast,
        )?;
        Ok(Targets { wanted, judges, eligible: eligible.len(), newcomers })
    }

    /// Returns what to look for: orders where enough customers with a history placed some in both
    /// windows.
    pub(super) fn goal(&self) -> Goal {
        let mut customers = [0; 2];
        for rows in self.pairs.chunk_by(|a, b| a.customer == b.customer) {
            for (count, part) in customers.iter_mut().zip([VALIDATION, TEST]) {
                let ordered = rows.iter().any(|pair| pair.part == part && pair.bought > 0);
                let is_known = rows.iter().any(|pair| pair.part < part);
                *count += usize::from(ordered && is_known);
            }
        }
        match customers.iter().all(|count| *count >= BUYERS_MIN) {
            true if !self.has_ratings => Goal::Orders,
            _ => Goal::Anything,
        }
    }

    /// Returns what may be recommended again, by what customers did in the validation part; and the
    /// share of their orders that were of goods bought before.
    pub(super) fn repeats(&self) -> (Repeats, f64) {
        if self.has_ratings {
            return (Repeats::Nothing, 0.0);
        }
        let (mut orders, mut again) = (0_u32, 0_u32);
        for rows in self.pairs.chunk_by(|a, b| (a.customer, a.product) == (b.customer, b.product)) {
            let bought = |part| rows.iter().any(|pair| pair.part == part && pair.bought > 0);
            orders += u32::from(bought(VALIDATION));
            again += u32::from(bought(VALIDATION) && bought(LEARN));
        }
        let share = f64::from(again) / f64::from(orders.max(1));
        let repeats = if share >= REPEAT_SHARE_MIN { Repeats::All } else { Repeats::NotBought };
        (repeats, share)
    }
}

impl Pair {
    fn join(&mut self, later: &Self) {
        self.viewed = self.viewed.saturating_add(later.viewed);
        self.carted = self.carted.saturating_add(later.carted);
        self.bought = self.bought.saturating_add(later.bought);
        self.last = self.last.max(later.last);
        if !later.rating.is_nan() {
            self.rating = later.rating;
        }
    }

    fn weight(&self, highest: f32) -> f32 {
        match self.rating.is_nan() || highest <= 0.0 {
            true => weight::of_counts(self.viewed, self.carted, self.bought),
            false => weight::of_rating(self.rating, highest),
        }
    }

    pub(super) fn meets(&self, goal: Goal) -> bool {
        goal == Goal::Anything || self.bought > 0
    }
}

/// Returns the code in `names` of each row.
fn codes(rows: &Texts, names: &mut Texts) -> Vec<u32> {
    let own: Vec<u32> = rows.values().iter().map(|value| names.intern(value)).collect();
    rows.codes().iter().map(|code| own.get(*code as usize).copied().unwrap_or(NULL_CODE)).collect()
}

/// Returns the values in the order of the alphabet, and the new place of each.
fn sorted(names: &Texts) -> (Vec<String>, Vec<u32>) {
    let mut order: Vec<u32> = (0..names.values().len() as u32).collect();
    order.sort_unstable_by_key(|code| &names.values()[*code as usize]);
    let mut places = vec![0; order.len()];
    for (place, code) in order.iter().enumerate() {
        places[*code as usize] = place as u32;
    }
    let value = |code: &u32| names.values()[*code as usize].to_string();
    (order.iter().map(value).collect(), places)
}

/// Returns the moment from which on at least `share` of all happened: the beginning of an hour.
/// `learn::evaluate::split::last_share` for counts by the hour, which stand for any number of rows.
fn cut(hours: &[i64], happened: &[i64], share: f64) -> i64 {
    let total: i64 = happened.iter().sum();
    let wanted = (total as f64 * share).ceil() as i64;
    let mut newer = 0;
    for (hour, count) in hours.iter().zip(happened).rev() {
        newer += count;
        if newer >= wanted {
            return *hour;
        }
    }
    0
}

/// Returns at most `most` of the values in their order, drawn by the seed.
pub(super) fn sample(values: &[u32], most: usize, seed: u64) -> Vec<u32> {
    let mut drawn: Vec<(u64, u32)> =
        values.iter().map(|value| (mixed(seed ^ u64::from(*value)), *value)).collect();
    drawn.sort_unstable();
    let mut drawn: Vec<u32> = drawn.into_iter().take(most).map(|(_, value)| value).collect();
    drawn.sort_unstable();
    drawn
}

/// Returns a number that looks drawn by chance (SplitMix64, Steele et al. 2014).
fn mixed(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Returns the places of `products` in `known`, both in the order of the alphabet.
pub(super) fn places(products: &[String], known: &[String]) -> Vec<Option<u32>> {
    let index: FxHashMap<&str, u32> =
        known.iter().enumerate().map(|(at, id)| (id.as_str(), at as u32)).collect();
    products.iter().map(|id| index.get(id.as_str()).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_with_the_hour_that_completes_its_share() {
        let hours = [0, 10, 20, 30];
        assert_eq!(cut(&hours, &[70, 10, 15, 5], 0.1), 20);
        assert_eq!(cut(&hours, &[70, 10, 15, 5], 0.2), 20);
        assert_eq!(cut(&hours, &[70, 10, 15, 5], 0.21), 10);
        assert_eq!(cut(&[], &[], 0.1), 0);
    }

    #[test]
    fn a_sample_is_drawn_by_the_seed_alone() {
        let values: Vec<u32> = (0..100).collect();
        assert_eq!(sample(&values, 200, 1), values);
        assert_eq!(sample(&values, 10, 1), sample(&values, 10, 1));
        assert_ne!(sample(&values, 10, 1), sample(&values, 10, 2));
        assert!(sample(&values, 10, 1).is_sorted());
    }
}
