//! What is known at one moment of customers and of the products that are meant.

use rustc_hash::{FxHashMap, FxHashSet};
use shopwise_learn::interactions::Interactions;
use shopwise_learn::recommend::{ListOptions, Seen, recommend_all};
use shopwise_learn::respond::table::{Column, Table};
use shopwise_model::time::DAY;

use super::super::log::{Goal, Log, Pair};
use super::super::recipe::Model;
use crate::error::Result;

/// What is told of a customer and a set of products. `ln(1 + x)` of: how often he took them, what
/// else he did with them (looks, carts), days since he did anything with them; what he took in
/// all, of how many products, days since he did anything; what his other products say for these by
/// who has them, the same as a share of the length of his history, and by their texts; and how many
/// customers took these.
const FACTS: [&str; 10] = [
    "taken",
    "looked",
    "since",
    "taken_in_all",
    "products",
    "idle",
    "neighbours",
    "neighbours_share",
    "texts",
    "takers",
];
pub(super) const TAKEN: usize = 0;
pub(super) const TAKEN_IN_ALL: usize = 3;

/// Customers whose lists are held at once.
const BLOCK: usize = 1024;

const NONE: u32 = u32::MAX;

/// Sets of products of which a customer is asked whether he will take any; a product is in one set
/// at most.
#[derive(Debug, Clone)]
pub(super) struct Sets {
    /// The set of each product of the log, [`NONE`] where it is in none.
    of_product: Vec<u32>,
    pub(super) count: usize,
}

impl Sets {
    /// Returns the sets that keys name, `None` for a product that is in none.
    pub(super) fn of<'a>(keys: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut codes: FxHashMap<&str, u32> = FxHashMap::default();
        let mut code = |key: Option<&'a str>| {
            let Some(key) = key else { return NONE };
            let next = codes.len() as u32;
            *codes.entry(key).or_insert(next)
        };
        let of_product = keys.map(&mut code).collect();
        Self { of_product, count: codes.len() }
    }

    /// Returns the one set of the products that are wanted.
    pub(super) fn one(wanted: impl Iterator<Item = bool>) -> Self {
        Self { of_product: wanted.map(|is_in| if is_in { 0 } else { NONE }).collect(), count: 1 }
    }

    /// Keeps the `most` sets that customers did most with in `part`, those of which nobody took
    /// anything left out.
    pub(super) fn keep_liveliest(&mut self, log: &Log, (part, goal): (u8, Goal), most: usize) {
        let mut taken = vec![0_u32; self.count];
        for pair in log.pairs().iter().filter(|pair| pair.part == part && pair.meets(goal)) {
            if let Some(set) = self.set_of(pair.product) {
                taken[set] += 1;
            }
        }
        let mut order: Vec<usize> = (0..self.count).filter(|set| taken[*set] > 0).collect();
        order.sort_by_key(|set| (std::cmp::Reverse(taken[*set]), *set));
        order.truncate(most);
        let mut places = vec![NONE; self.count];
        for (place, set) in order.iter().enumerate() {
            places[*set] = place as u32;
        }
        for set in self.of_product.iter_mut().filter(|set| **set != NONE) {
            *set = places[*set as usize];
        }
        self.count = order.len();
    }

    /// Returns whether a product of the log is in a set.
    pub(super) fn has(&self, product: usize) -> bool {
        self.of_product[product] != NONE
    }

    fn set_of(&self, product: u32) -> Option<usize> {
        let set = self.of_product[product as usize];
        (set != NONE).then_some(set as usize)
    }

    /// Returns which of `users` took anything of which set in `part`.
    pub(super) fn taken_in(
        &self,
        log: &Log,
        users: &[u32],
        (part, goal): (u8, Goal),
    ) -> FxHashSet<(u32, u32)> {
        let mut taken = FxHashSet::default();
        for user in users {
            let rows = log.of(*user).iter().filter(|pair| pair.part == part && pair.meets(goal));
            let sets = rows.filter_map(|pair| self.set_of(pair.product));
            taken.extend(sets.map(|set| (*user, set as u32)));
        }
        taken
    }
}

/// Customers and sets, a row for each of their pairs.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    pub(super) users: Vec<u32>,
    pub(super) sets: Vec<u32>,
    pub(super) facts: [Vec<f64>; FACTS.len()],
}

impl Cells {
    pub(super) fn table(&self) -> Result<Table<'_>> {
        let columns = FACTS.iter().zip(&self.facts);
        Ok(Table::new(columns.map(|(name, values)| (*name, Column::Numeric(values))).collect())?)
    }

    /// Returns the rows that are wanted.
    pub(super) fn only(&self, wanted: impl Fn(u32) -> bool) -> Self {
        let rows: Vec<usize> =
            (0..self.users.len()).filter(|row| wanted(self.users[*row])).collect();
        Self {
            users: rows.iter().map(|row| self.users[*row]).collect(),
            sets: rows.iter().map(|row| self.sets[*row]).collect(),
            facts: self.facts.each_ref().map(|fact| rows.iter().map(|row| fact[*row]).collect()),
        }
    }

    fn push(&mut self, user: u32, set: usize, facts: [f64; FACTS.len()]) {
        self.users.push(user);
        self.sets.push(set as u32);
        for (own, value) in self.facts.iter_mut().zip(facts) {
            own.push(value.ln_1p());
        }
    }
}

/// What was known at the end of a part of the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) log: &'a Log,
    pub(super) part: u8,
    /// Histories, of the models' items.
    pub(super) known: &'a Interactions,
    /// The item of the models for each product of the log.
    pub(super) items: &'a [Option<u32>],
    /// By who has what, and by texts where there are some.
    pub(super) models: [Option<&'a Model>; 2],
}

/// What a customer did with a set.
#[derive(Debug, Clone, Copy)]
struct Own {
    taken: u32,
    looked: u32,
    last: i64,
    scores: [f64; 2],
}

const NOTHING: Own = Own { taken: 0, looked: 0, last: i64::MIN, scores: [0.0; 2] };

impl Moment<'_> {
    /// Returns what is known of each of `users` and each set: of those who never took anything of
    /// the set, and of those who did.
    pub(super) fn facts(&self, users: &[u32], sets: &Sets) -> [Cells; 2] {
        let goal = self.log.goal();
        let known = || self.log.pairs().iter().filter(|pair| pair.part <= self.part);
        let end = known().map(|pair| pair.last).max().unwrap_or(0);
        let mut takers = vec![0_u32; sets.count];
        // Pairs are sorted by customer, so that one who took twice follows himself.
        let mut last_taker = vec![NONE; sets.count];
        for pair in known().filter(|pair| pair.meets(goal)) {
            let Some(set) = sets.set_of(pair.product) else { continue };
            takers[set] += u32::from(last_taker[set] != pair.customer);
            last_taker[set] = pair.customer;
        }
        let by_item = self.by_item(sets);
        let mut cells = [Cells::default(), Cells::default()];
        for block in users.chunks(BLOCK) {
            let mut own = vec![NOTHING; block.len() * sets.count];
            self.add_scores(block, &by_item, &mut own);
            for (user, own) in block.iter().zip(own.chunks_exact_mut(sets.count)) {
                self.describe(*user, (end, goal), sets, (own, &takers), &mut cells);
            }
        }
        cells
    }

    /// Returns the set of each item of the models.
    fn by_item(&self, sets: &Sets) -> Vec<u32> {
        let mut by_item = vec![NONE; self.known.n_items()];
        for (item, set) in self.items.iter().zip(&sets.of_product) {
            if let Some(item) = item {
                by_item[*item as usize] = *set;
            }
        }
        by_item
    }

    /// Adds what the models say, `own` having a row of sets for each user.
    fn add_scores(&self, users: &[u32], by_item: &[u32], own: &mut [Own]) {
        let allowed: Vec<bool> = by_item.iter().map(|set| *set != NONE).collect();
        let length = allowed.iter().filter(|allowed| **allowed).count();
        let options = ListOptions { length, seen: Seen::Keep, allowed: Some(&allowed) };
        let n_sets = own.len() / users.len().max(1);
        for (which, model) in self.models.iter().enumerate() {
            let Some(model) = model else { continue };
            let lists = recommend_all(&***model, self.known, users, &options);
            for ((_, list), own) in lists.iter().zip(own.chunks_exact_mut(n_sets)) {
                for one in list {
                    let set = by_item[one.item as usize] as usize;
                    own[set].scores[which] += f64::from(one.score.max(0.0));
                }
            }
        }
    }

    /// Adds the rows of one customer.
    fn describe(
        &self,
        user: u32,
        (end, goal): (i64, Goal),
        sets: &Sets,
        (own, takers): (&mut [Own], &[u32]),
        cells: &mut [Cells; 2],
    ) {
        let (mut taken_in_all, mut products, mut last, mut before) = (0, 0, i64::MIN, NONE);
        for pair in self.log.of(user).iter().filter(|pair| pair.part <= self.part) {
            let (taken, looked) = times(pair, goal);
            taken_in_all += taken;
            products += u32::from(pair.product != before);
            before = pair.product;
            last = last.max(pair.last);
            if let Some(set) = sets.set_of(pair.product) {
                own[set].taken += taken;
                own[set].looked += looked;
                own[set].last = own[set].last.max(pair.last);
            }
        }
        let days = |then: i64| match then {
            i64::MIN => 0.0,
            _ => (end - then).max(0) as f64 / DAY as f64,
        };
        let products = f64::from(products);
        for (set, own) in own.iter().enumerate() {
            let [by_people, by_texts] = own.scores;
            let facts = [
                f64::from(own.taken),
                f64::from(own.looked),
                days(own.last),
                f64::from(taken_in_all),
                products,
                days(last),
                by_people,
                by_people / products.max(1.0).sqrt(),
                by_texts,
                f64::from(takers[set]),
            ];
            cells[usize::from(own.taken > 0)].push(user, set, facts);
        }
    }
}

/// Returns how often a customer took a product, and what else he did with it.
fn times(pair: &Pair, goal: Goal) -> (u32, u32) {
    let looked = pair.viewed.saturating_add(pair.carted);
    match goal {
        Goal::Orders => (pair.bought, looked),
        Goal::Anything => (looked.saturating_add(pair.bought), 0),
    }
}
