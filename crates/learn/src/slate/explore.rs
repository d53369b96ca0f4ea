//! Places that are filled by chance, and with which probability.
//!
//! The page stands before anything is drawn. Some of its places are open to chance: `S` of them,
//! and a pool of `m ≥ S` items that do not stand on the page. Each open place, on its own, with
//! probability `ε` takes an item drawn evenly from what is left of the pool, else it keeps its own;
//! the other places never change. So, given the candidates,
//!
//! - the page's own item stands at an open place with probability `1 − ε`;
//! - an item of the pool stands there with probability `ε / m`: the place draws with probability
//!   `ε` whatever the others do, and a draw without replacement is, at whichever turn it comes,
//!   even over the whole pool, for no step treats two items of the pool differently;
//! - at any other place its item stands with probability 1.
//!
//! These are not given what stands above: they are what a place's item has in itself, which is what
//! inverse weights need that judge places one by one. A test counts them out over all draws.
//!
//! What is promised stays so under every draw. A place whose item a quota counts is not open. An
//! item is taken into the pool only if no draw could pile up more of its kind than the caps allow:
//! with `c` of the kind on the page and `p` in the pool, `c + min(p, S)` is within the cap.

use super::page::Pad;
use super::{Ask, Placed, Standing, Way};
use crate::error::{Error, Result};

/// What is left to chance.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exploration {
    /// The probability with which an open place is filled by chance, `ε`, 0 to 1.
    pub share: f64,
    /// The places that are open, from 0.
    pub places: Vec<usize>,
    /// How many of the best that are not on the page are in the pool, beside those that come by
    /// chance alone ([`Way::Drawn`]).
    pub pool: usize,
}

impl Exploration {
    pub(super) fn check(&self) -> Result<()> {
        match self.share {
            share if (0.0..=1.0).contains(&share) => Ok(()),
            share => Err(Error::parameter("exploration", "between 0 and 1", share)),
        }
    }
}

/// Draws, and writes down what might have been drawn. `draws` gives two random numbers from 0 to
/// below 1 for a place: whether it is filled by chance, and by which of the pool.
pub(super) fn explore(
    ask: &Ask<'_>,
    pad: &Pad,
    page: &mut [Placed],
    mut draws: impl FnMut(usize) -> [f64; 2],
) {
    let exploration = &ask.style.exploration;
    if exploration.share == 0.0 {
        return;
    }
    let mut open = open_places(ask, page);
    let mut pool = pool(ask, pad, page, open.len());
    open.truncate(pool.len());
    let all = pool.len();
    for place in open {
        let placed = &mut page[place];
        placed.choices = all as u32 + 1;
        placed.propensity = 1.0 - exploration.share;
        let [draw, which] = draws(place);
        if draw < exploration.share {
            let taken = pool.swap_remove((which * pool.len() as f64) as usize);
            placed.candidate = taken;
            placed.item = ask.candidates[taken].item;
            placed.parts = pad.parts(ask, taken);
            placed.standing = Standing::Drawn;
            placed.propensity = exploration.share / all as f64;
        }
    }
}

/// Returns the places that may be filled by chance, ascending.
fn open_places(ask: &Ask<'_>, page: &[Placed]) -> Vec<usize> {
    let is_promised = |place: usize| {
        let holds =
            |quota: &super::Quota<'_>| place < quota.first && quota.counts[page[place].candidate];
        page[place].standing == Standing::Fixed || ask.quotas.iter().any(holds)
    };
    let places = ask.style.exploration.places.iter().copied();
    let mut open: Vec<usize> =
        places.filter(|place| *place < page.len() && !is_promised(*place)).collect();
    open.sort_unstable();
    open.dedup();
    open
}

/// Returns what may be drawn for so many places, ascending.
fn pool(ask: &Ask<'_>, pad: &Pad, page: &[Placed], places: usize) -> Vec<usize> {
    let stands = |at: usize| page.iter().any(|placed| placed.candidate == at);
    let ways = |way: Way| {
        let free = (0..ask.candidates.len()).filter(|at| pad.is_free(*at));
        free.filter(move |at| ask.candidates[*at].way == way)
    };
    let mut best: Vec<usize> = ways(Way::Ranked).filter(|at| !stands(*at)).collect();
    let worth = |at: &usize| pad.worth(*at);
    let depth = ask.style.exploration.pool;
    let order = |a: &usize, b: &usize| worth(b).total_cmp(&worth(a)).then(a.cmp(b));
    if best.len() > depth {
        if depth > 0 {
            best.select_nth_unstable_by(depth - 1, order);
        }
        best.truncate(depth);
    }
    best.sort_unstable_by(order);
    let mut pool: Vec<usize> = Vec::new();
    for candidate in best.into_iter().chain(ways(Way::Drawn)) {
        if fits(ask, page, &pool, candidate, places) {
            pool.push(candidate);
        }
    }
    pool.sort_unstable();
    pool
}

/// Returns whether no draw could pile up too many of a candidate's kind.
fn fits(ask: &Ask<'_>, page: &[Placed], pool: &[usize], candidate: usize, places: usize) -> bool {
    let count = ask.candidates.len();
    ask.style.caps.iter().all(|cap| {
        let code = ask.likeness.code(cap.code, candidate, count);
        let is_same = |at: usize| ask.likeness.code(cap.code, at, count) == code;
        let on_page = page.iter().take(cap.first).filter(|one| is_same(one.candidate)).count();
        let in_pool = 1 + pool.iter().filter(|at| is_same(**at)).count();
        code == super::NONE || on_page + in_pool.min(places) <= cap.most
    })
}

/// Returns two random numbers for a place.
pub(super) fn draws(seed: u64, place: usize) -> [f64; 2] {
    let begin = mixed(seed ^ mixed(place as u64));
    [unit(mixed(begin)), unit(mixed(begin.wrapping_add(1)))]
}

/// SplitMix64's step (Steele, Lea & Flood 2014).
fn mixed(state: u64) -> u64 {
    let mut word = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// Returns a word as a number from 0 to below 1.
fn unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1_u64 << 53) as f64
}
