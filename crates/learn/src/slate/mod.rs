//! A page of a list: which of some hundred scored candidates stand where, so that the best stand in
//! front, no two say the same, nobody sees the same thing for ever, and chance teaches.
//!
//! [`compose()`] fills the places of a page from the top. A candidate is worth its relevance times
//! what a rule makes of it times how fresh it is, less what it repeats of what stands above it
//! ([`Likeness`], maximal marginal relevance). Places may be fixed, shares of the page promised to
//! some candidates ([`Quota`]), and equal ones kept from piling up ([`Cap`]). Then some places are
//! filled by chance, each with a known probability ([`Exploration`]). What moved an item stands
//! beside it ([`Parts`]) and adds up to its value.
//!
//! The relevance is the score on a common scale: the best candidate counts 1, the last a tenth, the
//! others as far between as their scores are, `.1 + .9 (s − min) / (max − min)`. Ranks would forget
//! by how much the first is better than the second; scores as they are would make one constant mean
//! something else under each model. The tenth is so that a factor moves the last one too: ten times
//! it is the first.
//!
//! Who is a candidate at all, and what must never be shown, is the caller's business: nothing is
//! put in that he did not give.

mod explore;
mod likeness;
mod page;
#[cfg(test)]
mod tests;

pub use explore::Exploration;
pub use likeness::{Likeness, NONE};
pub use page::{Pad, compose};

use crate::error::{Error, Result};

/// What the last candidate's relevance is; see the [module](self).
const LEAST: f32 = 0.1;

/// How a candidate may come onto a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// By its worth; by chance and where it is fixed as well.
    #[default]
    Ranked,
    /// By chance, and where it is fixed.
    Drawn,
    /// Where it is fixed.
    Fixed,
}

/// A candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The item.
    pub item: u32,
    /// How good it is, on any scale.
    pub score: f32,
    /// What its relevance is multiplied by, from 0; 1 changes nothing.
    pub factor: f32,
    /// How often it was lately shown without a click, fading, from 0.
    pub shown: f32,
    /// How it may come onto the page.
    pub way: Way,
}

/// At most so many of one kind in the first places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// Which code of [`Likeness`] tells the kind; those without one are not counted.
    pub code: usize,
    /// How many, from 1.
    pub most: usize,
    /// The number of places that are looked at.
    pub first: usize,
}

/// At least so many of some candidates in the first places, spread evenly over them: after `p` of
/// `first` places `⌊least · p / first⌋` of them stand, as far as there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota<'a> {
    /// Which candidates count, a flag each.
    pub counts: &'a [bool],
    /// How many are wanted.
    pub least: usize,
    /// The number of places that are looked at.
    pub first: usize,
}

/// How a page is composed.
#[derive(Debug, Clone, PartialEq)]
pub struct Style {
    /// How much relevance counts against variety, `λ`, above 0 to 1; with 1 variety does not count.
    pub relevance: f64,
    /// The number of showings without a click that halve an item's worth, above 0; infinite when
    /// nothing tires.
    pub half_way: f64,
    /// What must not pile up.
    pub caps: Vec<Cap>,
    /// What is left to chance.
    pub exploration: Exploration,
}

impl Default for Style {
    fn default() -> Self {
        let (caps, exploration) = (Vec::new(), Exploration::default());
        Self { relevance: 1.0, half_way: f64::INFINITY, caps, exploration }
    }
}

/// What a page is made of.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The candidates; of equal worth the one in front comes first.
    pub candidates: &'a [Candidate],
    /// The number of places.
    pub length: usize,
    /// How alike the candidates are.
    pub likeness: Likeness<'a>,
    /// (place from 0, candidate) that are fixed: each place and each candidate once.
    pub fixed: &'a [(usize, usize)],
    /// What is promised, the most important first.
    pub quotas: &'a [Quota<'a>],
    /// How it is composed.
    pub style: &'a Style,
    /// What the draws come from.
    pub seed: u64,
}

/// What an item's value is made of: the parts add up to it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Parts {
    /// The relevance, from a tenth to 1.
    pub base: f32,
    /// What a factor adds to it.
    pub boost: f32,
    /// What showings without a click take from that, at most 0.
    pub fatigue: f32,
    /// What is taken for repeating what stands above, at most 0.
    pub likeness: f32,
}

impl Parts {
    /// Returns what places are given by.
    #[must_use]
    pub fn value(&self) -> f32 {
        self.base + self.boost + self.fatigue + self.likeness
    }
}

/// Why an item stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was worth most.
    Ranked,
    /// It was worth most of those that this quota counts.
    Owed(usize),
    /// It was worth most, and only more of a kind than the caps allow was left.
    Uncapped,
    /// The place was fixed.
    Fixed,
    /// By chance.
    Drawn,
}

/// An item at its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// Which of the candidates.
    pub candidate: usize,
    /// The item.
    pub item: u32,
    /// What its value is made of.
    pub parts: Parts,
    /// Why it stands here.
    pub standing: Standing,
    /// The probability of this item at this place given the candidates, above 0 to 1.
    pub propensity: f64,
    /// How many items may stand at this place, each with its probability; 1 without chance.
    pub choices: u32,
}

/// Returns how fresh an item is after `shown` showings without a click: `h / (h + shown)`, 1 for
/// never shown, one half after `h`.
///
/// Discounting impressions is the idea of Lee et al. 2014, *Modeling Impression Discounting in
/// Large-Scale Recommender Systems*. The shape is a hyperbola and no power of one half: what was
/// shown often is never quite lost, and comes back as its count fades.
///
/// ```
/// use shopwise_learn::slate::freshness;
/// assert_eq!(freshness(0.0, 8.0), 1.0);
/// assert_eq!(freshness(8.0, 8.0), 0.5);
/// assert_eq!(freshness(1e9, f64::INFINITY), 1.0);
/// ```
#[must_use]
pub fn freshness(shown: f64, half_way: f64) -> f64 {
    if half_way.is_finite() { half_way / (half_way + shown.max(0.0)) } else { 1.0 }
}

impl Style {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Parameter`] for one out of range.
    pub fn check(&self) -> Result<()> {
        if !(self.relevance > 0.0 && self.relevance <= 1.0) {
            return Err(Error::parameter("relevance", "above 0 to 1", self.relevance));
        }
        if self.half_way.is_nan() || self.half_way <= 0.0 {
            return Err(Error::parameter("half_way", "above 0", self.half_way));
        }
        if let Some(cap) = self.caps.iter().find(|cap| cap.most == 0) {
            return Err(Error::parameter("cap", "≥ 1", cap.most));
        }
        self.exploration.check()
    }
}

impl Ask<'_> {
    fn check(&self) -> Result<()> {
        self.style.check()?;
        let count = self.candidates.len();
        self.likeness.check(count)?;
        for quota in self.quotas {
            let (what, got) = ("the flags of a quota", quota.counts.len());
            if got != count {
                return Err(Error::Length { what, expected: count, got });
            }
        }
        for (row, one) in self.candidates.iter().enumerate() {
            for (column, value) in [one.score, one.factor, one.shown].into_iter().enumerate() {
                if !value.is_finite() {
                    let (what, value) = ("a candidate", value.to_string());
                    return Err(Error::NotFinite { what, value, row, column });
                }
            }
            if one.factor < 0.0 {
                return Err(Error::parameter("factor", "≥ 0", one.factor));
            }
        }
        match self.style.caps.iter().find(|cap| cap.code >= self.likeness.weights.len()) {
            Some(cap) => Err(Error::parameter("cap", "of a code that is given", cap.code)),
            None => self.check_fixed(),
        }
    }

    fn check_fixed(&self) -> Result<()> {
        for (at, (place, candidate)) in self.fixed.iter().enumerate() {
            if *candidate >= self.candidates.len() {
                return Err(Error::parameter("fixed", "one of the candidates", candidate));
            }
            if self.fixed[..at].iter().any(|other| other.0 == *place || other.1 == *candidate) {
                let allowed = "each place and each candidate once";
                return Err(Error::parameter("fixed", allowed, format!("{place}: {candidate}")));
            }
        }
        Ok(())
    }
}
