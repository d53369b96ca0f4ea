//! What fitting a model and asking it will take, by formulas of its operations.
//!
//! The seconds are those of two cores of 2 to 3 GHz, right to a factor of some; the budget learns
//! the factor from the steps it sees. The bytes are those of the largest moment of the fit.

use super::super::ease::DOUBLE_ITEMS;
use super::super::{Entry, Parameters};
use crate::interactions::Interactions;

/// Seconds of adding one product into one of many places.
const SCATTER: f64 = 2e-9;
/// Seconds of one multiplication and addition of a dense product.
const DENSE: f64 = 5e-11;
/// Seconds in which some hundred histories are compared with one.
const ASKED_SESSIONS: f64 = 5e-4;
/// Seconds for each interaction of a model of which nothing is known, such as forty passes of
/// training by gradients.
const UNKNOWN: f64 = 1e-3;

/// What a step takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Seconds of two cores.
    pub seconds: f64,
    /// Bytes of memory.
    pub bytes: f64,
}

/// How large the data are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    users: f64,
    items: f64,
    pairs: f64,
    /// The sum over users of the square of their interactions.
    user_squares: f64,
    /// The sum over items of the square of theirs.
    item_squares: f64,
    /// Customers who are asked for.
    judges: f64,
}

impl Shape {
    /// Returns the size of what models are fitted on, and for how many customers they are asked.
    #[must_use]
    pub fn of(interactions: &Interactions, judges: usize) -> Self {
        let squares = |counts: &mut dyn Iterator<Item = f64>| counts.map(|n| n * n).sum();
        let n_users = interactions.n_users();
        let mut rows = (0..n_users).map(|user| interactions.row(user).0.len() as f64);
        let counts = interactions.item_counts();
        let mut columns = counts.iter().map(|count| f64::from(*count));
        Self {
            users: n_users as f64,
            items: interactions.n_items() as f64,
            pairs: interactions.len() as f64,
            user_squares: squares(&mut rows),
            item_squares: squares(&mut columns),
            judges: judges as f64,
        }
    }

    /// Returns what fitting a model and asking it for a list of each judge takes.
    #[must_use]
    pub fn cost(&self, entry: &Entry, parameters: &Parameters) -> Cost {
        let Self { users, items, pairs, user_squares, item_squares, judges } = *self;
        let row = pairs / users.max(1.0);
        let whole = |name: &str| parameters.whole(name) as f64;
        // Graphs of neighbours: what an item speaks for is added up.
        let graph = |neighbours: f64| Cost {
            seconds: judges * row * neighbours.min(items) * SCATTER,
            bytes: items * neighbours.min(items) * 8.0 + pairs * 16.0,
        };
        let and = |cost: Cost, seconds: f64| Cost { seconds: cost.seconds + seconds, ..cost };
        match entry.name {
            "popular" | "again" => Cost { seconds: pairs * SCATTER, bytes: items * 16.0 },
            "item-knn" | "rp3beta" | "transitions" => {
                and(graph(whole("neighbours")), user_squares * SCATTER)
            }
            "content" => and(graph(whole("neighbours")), items * 2e-4),
            "user-knn" => {
                let asked = item_squares / users.max(1.0) + whole("neighbours") * row;
                Cost { seconds: judges * asked * SCATTER, bytes: pairs * 24.0 }
            }
            "slim" => {
                let fitted = graph(whole("neighbours"));
                let seconds = user_squares * SCATTER + items * items * 50_000.0 * DENSE;
                Cost { bytes: fitted.bytes + 4.0 * items * items, ..and(fitted, seconds) }
            }
            "ease" => {
                let each = if items <= DOUBLE_ITEMS as f64 { 12.0 } else { 8.0 };
                let inverse = items * items * items * DENSE * each / 8.0;
                let asked = judges * row * items * DENSE * 4.0;
                Cost {
                    seconds: user_squares * SCATTER + inverse + asked,
                    bytes: items * items * each,
                }
            }
            "als" => {
                let factors = whole("factors");
                let sweep = 8.0 * pairs * factors + 8.0 * (users + items) * factors * factors;
                let seconds = whole("iterations") * sweep + judges * items * factors;
                Cost { seconds: seconds * DENSE, bytes: (users + items) * factors * 8.0 }
            }
            "bpr" => {
                let (factors, sweeps) = (whole("factors"), whole("iterations"));
                let seconds = sweeps * pairs * (3.0 * factors * DENSE + 1e-8)
                    + judges * (items + 40.0 * row) * factors * DENSE;
                Cost { seconds, bytes: (users + items) * factors * 8.0 + pairs * 16.0 }
            }
            "sequence" => {
                let (width, blocks) = (whole("width"), whole("blocks"));
                let compared = match whole("negatives") {
                    0.0 => items,
                    some => some.min(items),
                };
                // What an item looks back at, of those the network looks at.
                let context = whole("length").min(user_squares / pairs.max(1.0)) / 2.0;
                let block = 6.0 * width + 2.0 * context;
                let fits = if parameters.word("refit") == "yes" { 2.0 } else { 1.0 };
                // At most: it stops when lists get no better.
                let passes = fits * whole("epochs");
                // Backwards takes twice as much as forwards.
                let learned = 3.0 * passes * pairs * width * (compared + blocks * block);
                let asked = judges * width * (2.0 * context * blocks * block + items);
                Cost {
                    seconds: (learned + asked) * DENSE,
                    bytes: items * width * 24.0 + pairs * 16.0,
                }
            }
            "session-knn" => Cost { seconds: judges * ASKED_SESSIONS, bytes: pairs * 24.0 },
            _ => Cost { seconds: pairs * UNKNOWN, bytes: pairs * 64.0 },
        }
    }
}
