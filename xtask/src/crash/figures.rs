//! What a campaign has counted.

use super::callers::Told;
use super::compare::Compared;

/// Counts and problems, to be added up.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) shops: u64,
    pub(super) rounds: u64,
    /// Rounds whose server was killed before it listened.
    pub(super) early: u64,
    /// Rounds that cut the power.
    pub(super) cuts: u64,
    pub(super) acknowledged: u64,
    /// Requests with a batch that had been acknowledged before.
    pub(super) again: u64,
    pub(super) unanswered: u64,
    pub(super) put_off: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// What the shops themselves count as damaged: a write of the inbox's log that was torn before
    /// it was acknowledged looks the same as one that was damaged since, and is counted.
    pub(super) damaged: i64,
    pub(super) problems: Vec<String>,
}

impl Figures {
    /// Counts what became of a shop.
    pub(super) fn count(&mut self, compared: &Compared, told: &Told, damaged: i64) {
        self.acknowledged += compared.acknowledged;
        self.lost += compared.lost.len() as u64;
        self.doubled += compared.doubled.len() as u64;
        self.again += told.again;
        self.unanswered += told.unanswered;
        self.put_off += told.put_off;
        self.damaged += damaged;
    }

    pub(super) fn add(&mut self, other: Self) {
        self.shops += other.shops;
        self.rounds += other.rounds;
        self.early += other.early;
        self.cuts += other.cuts;
        self.acknowledged += other.acknowledged;
        self.again += other.again;
        self.unanswered += other.unanswered;
        self.put_off += other.put_off;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.damaged += other.damaged;
        self.problems.extend(other.problems);
    }

    pub(super) fn line(&self) -> String {
        format!(
            "{} rounds ({} before it listened, {} with the power cut), {} shops: {} events \
             acknowledged, {} batches sent again, {} requests unanswered, {} put off; lost {}, \
             doubled {}, damaged {}",
            self.rounds,
            self.early,
            self.cuts,
            self.shops,
            self.acknowledged,
            self.again,
            self.unanswered,
            self.put_off,
            self.lost,
            self.doubled,
            self.damaged
        )
    }
}
