//! The n best of many scored things, without sorting them all.

use std::cmp::Ordering;

/// An item (or another row of a matrix) with its score.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scored {
    /// The index of the item.
    pub item: u32,
    /// The score; larger is better.
    pub score: f32,
}

impl Scored {
    /// Orders by falling score, equal scores by rising index.
    #[must_use]
    pub fn rank(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.item.cmp(&other.item))
    }
}

/// Keeps the `limit` best of what is pushed: a buffer of twice the limit, halved by partial
/// selection whenever it is full. The result does not depend on the order of pushing.
#[derive(Debug, Default)]
pub(crate) struct Best {
    limit: usize,
    /// Scores below this cannot be among the best any more.
    floor: f32,
    buffer: Vec<Scored>,
}

impl Best {
    /// Starts anew for the `limit` best.
    pub(crate) fn start(&mut self, limit: usize) {
        self.limit = limit;
        self.floor = f32::NEG_INFINITY;
        self.buffer.clear();
    }

    /// Returns the score below which nothing can be among the best any more.
    pub(crate) fn floor(&self) -> f32 {
        self.floor
    }

    /// Offers one more.
    #[inline]
    pub(crate) fn push(&mut self, item: u32, score: f32) {
        if score >= self.floor {
            self.buffer.push(Scored { item, score });
            if self.buffer.len() >= self.limit.saturating_mul(2).max(64) {
                self.shrink();
            }
        }
    }

    fn shrink(&mut self) {
        if self.limit == 0 {
            self.buffer.clear();
        } else if self.buffer.len() > self.limit {
            let (_, last, _) = self.buffer.select_nth_unstable_by(self.limit - 1, Scored::rank);
            self.floor = last.score;
            self.buffer.truncate(self.limit);
        }
    }

    /// Returns the best so far, best first.
    pub(crate) fn finish(&mut self) -> &[Scored] {
        self.shrink();
        self.buffer.sort_unstable_by(Scored::rank);
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_are_the_head_of_the_sorted_list(
            scores in prop::collection::vec(0_u8..20, 0..300),
            limit in 0_usize..40,
        ) {
            let mut all: Vec<Scored> = scores
                .iter()
                .enumerate()
                .map(|(item, score)| Scored { item: item as u32, score: f32::from(*score) })
                .collect();
            let mut best = Best::default();
            best.start(limit);
            for scored in all.iter().rev() {
                best.push(scored.item, scored.score);
            }
            all.sort_by(Scored::rank);
            all.truncate(limit);
            prop_assert_eq!(best.finish(), &all[..]);
        }
    }
}
