//! Filling a page from the top: the best that is left, less what it repeats.
//!
//! Maximal marginal relevance (Carbonell & Goldstein 1998): the next item is that of the greatest
//! `λ worth(i) − (1 − λ) max_{j above} likeness(i, j)`. Written here divided by λ, which changes no
//! order and leaves values on the scale of relevance: `worth(i) − (1 − λ)/λ · max likeness`. Each
//! candidate keeps its greatest likeness to what stands, raised by each new item alone, so that a
//! page costs `O(n · k)` and is exactly that of the definition.

use super::explore::{draws, explore};
use super::{Ask, Candidate, Cap, LEAST, Parts, Placed, Quota, Standing, Way, freshness};
use crate::error::Result;

/// What composing writes on, kept for the next page.
#[derive(Debug, Default)]
pub struct Pad {
    relevance: Vec<f32>,
    worth: Vec<f32>,
    nearest: Vec<f32>,
    scratch: Vec<f32>,
    /// Whether each candidate may still be placed by its worth.
    is_open: Vec<bool>,
    is_fixed: Vec<bool>,
    /// For each cap, the kinds of which some stand, and how many.
    counted: Vec<Vec<(u32, usize)>>,
}

/// Returns the page: up to `length` of the candidates, each once.
///
/// A fixed candidate stands at its place, or at the end of a shorter page. Where only candidates
/// are left that a cap forbids, the best of them stands there ([`Standing::Uncapped`]): a page is
/// not left empty. A quota counts more than a cap, the earlier of two quotas more than the later.
///
/// # Errors
/// [`crate::Error::Parameter`], [`crate::Error::Length`] and [`crate::Error::NotFinite`] for what
/// is asked wrongly.
///
/// ```
/// use shopwise_learn::slate::{Ask, Candidate, Likeness, Pad, Style, Way, compose};
/// let like = |item, score| Candidate { item, score, factor: 1.0, shown: 0.0, way: Way::Ranked };
/// // Two tea pots and a cup: relevance 1, .91 and .1; λ = ½ takes 1 for a repeated kind.
/// let candidates = [like(1, 10.0), like(2, 9.0), like(3, 0.0)];
/// let ask = Ask {
///     candidates: &candidates,
///     length: 3,
///     likeness: Likeness { weights: &[1.0], codes: &[7, 7, 8], ..Likeness::default() },
///     fixed: &[],
///     quotas: &[],
///     style: &Style { relevance: 0.5, ..Style::default() },
///     seed: 0,
/// };
/// let page = compose(&ask, &mut Pad::default())?;
/// assert_eq!(page.iter().map(|placed| placed.item).collect::<Vec<_>>(), [1, 3, 2]);
/// assert!((page[2].parts.value() - (0.91 - 1.0)).abs() < 1e-6);
/// # Ok::<(), shopwise_learn::Error>(())
/// ```
pub fn compose(ask: &Ask<'_>, pad: &mut Pad) -> Result<Vec<Placed>> {
    ask.check()?;
    let mut page = ranked(ask, pad);
    explore(ask, pad, &mut page, |place| draws(ask.seed, place));
    Ok(page)
}

/// Returns the page before anything is drawn.
pub(super) fn ranked(ask: &Ask<'_>, pad: &mut Pad) -> Vec<Placed> {
    pad.begin(ask);
    let mut fixed: Vec<(usize, usize)> = ask.fixed.to_vec();
    fixed.retain(|(place, _)| *place < ask.length);
    fixed.sort_unstable();
    for (_, candidate) in &fixed {
        pad.is_open[*candidate] = false;
        pad.is_fixed[*candidate] = true;
    }
    for (place, candidate) in &fixed {
        pad.count(ask, *candidate, *place);
    }
    let mut fixed = fixed.into_iter().peekable();
    let mut page: Vec<Placed> = Vec::with_capacity(ask.length.min(ask.candidates.len()));
    while page.len() < ask.length {
        let place = page.len();
        let is_fixed = fixed.peek().is_some_and(|(own, _)| *own == place);
        let chosen = if is_fixed { None } else { pad.best(ask, place, &page) };
        let placed = match chosen {
            Some((candidate, standing)) => {
                pad.is_open[candidate] = false;
                pad.count(ask, candidate, place);
                let parts = Parts {
                    // Not minus nothing, which readers would be shown as such.
                    likeness: 0.0 - penalty(ask) * pad.nearest[candidate],
                    ..pad.parts(ask, candidate)
                };
                placed(ask, candidate, parts, standing)
            }
            None => match fixed.next() {
                Some((_, candidate)) => {
                    placed(ask, candidate, pad.parts(ask, candidate), Standing::Fixed)
                }
                None => break,
            },
        };
        if ask.style.relevance < 1.0 {
            ask.likeness.near(placed.candidate, &mut pad.nearest, &mut pad.scratch);
        }
        page.push(placed);
    }
    page
}

fn placed(ask: &Ask<'_>, candidate: usize, parts: Parts, standing: Standing) -> Placed {
    let item = ask.candidates[candidate].item;
    Placed { candidate, item, parts, standing, propensity: 1.0, choices: 1 }
}

/// Returns what a whole likeness takes.
fn penalty(ask: &Ask<'_>) -> f32 {
    ((1.0 - ask.style.relevance) / ask.style.relevance) as f32
}

impl Pad {
    fn begin(&mut self, ask: &Ask<'_>) {
        let candidates = ask.candidates;
        let count = candidates.len();
        relevance(candidates, &mut self.relevance);
        self.worth.clear();
        let worth = |(one, relevance): (&Candidate, &f32)| {
            relevance * one.factor * freshness(f64::from(one.shown), ask.style.half_way) as f32
        };
        self.worth.extend(candidates.iter().zip(&self.relevance).map(worth));
        self.nearest.clear();
        self.nearest.resize(count, 0.0);
        self.is_open.clear();
        self.is_open.extend(candidates.iter().map(|one| one.way == Way::Ranked));
        self.is_fixed.clear();
        self.is_fixed.resize(count, false);
        self.counted.iter_mut().for_each(Vec::clear);
        self.counted.resize(ask.style.caps.len(), Vec::new());
    }

    pub(super) fn worth(&self, candidate: usize) -> f32 {
        self.worth[candidate]
    }

    /// Returns whether a candidate was not fixed somewhere.
    pub(super) fn is_free(&self, candidate: usize) -> bool {
        !self.is_fixed[candidate]
    }

    /// Returns what a candidate's worth is made of.
    pub(super) fn parts(&self, ask: &Ask<'_>, candidate: usize) -> Parts {
        let (base, factor) = (self.relevance[candidate], ask.candidates[candidate].factor);
        let boost = base * factor - base;
        Parts { base, boost, fatigue: self.worth[candidate] - base * factor, likeness: 0.0 }
    }

    /// Counts a candidate that stands at a place among its kinds.
    fn count(&mut self, ask: &Ask<'_>, candidate: usize, place: usize) {
        for (cap, counted) in ask.style.caps.iter().zip(&mut self.counted) {
            let code = ask.likeness.code(cap.code, candidate, ask.candidates.len());
            if place >= cap.first || code == super::NONE {
                continue;
            }
            match counted.iter_mut().find(|(own, _)| *own == code) {
                Some((_, count)) => *count += 1,
                None => counted.push((code, 1)),
            }
        }
    }

    /// Returns whether a candidate may stand at a place beside what is counted.
    fn is_within(&self, ask: &Ask<'_>, candidate: usize, place: usize) -> bool {
        let count = ask.candidates.len();
        let is_within = |(cap, counted): (&Cap, &Vec<(u32, usize)>)| {
            let code = ask.likeness.code(cap.code, candidate, count);
            place >= cap.first
                || counted.iter().all(|(own, count)| *own != code || *count < cap.most)
        };
        ask.style.caps.iter().zip(&self.counted).all(is_within)
    }

    /// Returns who stands at a place that is not fixed, and why.
    fn best(&self, ask: &Ask<'_>, place: usize, page: &[Placed]) -> Option<(usize, Standing)> {
        let mut owed: Vec<usize> = (0..ask.quotas.len())
            .filter(|at| is_owed(ask, &ask.quotas[*at], place, page))
            .collect();
        while let Some(first) = owed.first().copied() {
            let counts = |at: usize| owed.iter().all(|quota| ask.quotas[*quota].counts[at]);
            let within = self.greatest(ask, |at| counts(at) && self.is_within(ask, at, place));
            if let Some(found) = within.or_else(|| self.greatest(ask, counts)) {
                return Some((found, Standing::Owed(first)));
            }
            owed.pop();
        }
        let within = self.greatest(ask, |at| self.is_within(ask, at, place));
        let within = within.map(|found| (found, Standing::Ranked));
        within.or_else(|| Some((self.greatest(ask, |_| true)?, Standing::Uncapped)))
    }

    /// Returns the candidate of the greatest value that may stand; of equal ones the first.
    fn greatest(&self, ask: &Ask<'_>, may_stand: impl Fn(usize) -> bool) -> Option<usize> {
        let penalty = penalty(ask);
        let mut best: Option<(usize, f32)> = None;
        for (at, (worth, nearest)) in self.worth.iter().zip(&self.nearest).enumerate() {
            let value = worth - penalty * nearest;
            let is_better = best.is_none_or(|(_, most)| value > most);
            if is_better && self.is_open[at] && may_stand(at) {
                best = Some((at, value));
            }
        }
        best.map(|(at, _)| at)
    }
}

/// Returns whether a place must go to somebody whom a quota counts, so that it is kept.
fn is_owed(ask: &Ask<'_>, quota: &Quota<'_>, place: usize, page: &[Placed]) -> bool {
    if place >= quota.first {
        return false;
    }
    let standing = page.iter().take(quota.first).filter(|one| quota.counts[one.candidate]).count();
    let later = ask.fixed.iter().filter(|(own, _)| (place + 1..quota.first).contains(own));
    let (fixed, counted) = later.fold((0, 0), |(fixed, counted), (_, candidate)| {
        (fixed + 1, counted + usize::from(quota.counts[*candidate]))
    });
    if standing + counted >= quota.least {
        return false;
    }
    let free = quota.first - place - 1 - fixed;
    standing < quota.least * (place + 1) / quota.first || standing + counted + free < quota.least
}

/// Writes each candidate's relevance: see the [module](super).
fn relevance(candidates: &[Candidate], into: &mut Vec<f32>) {
    let ranked = candidates.iter().filter(|one| one.way == Way::Ranked).map(|one| one.score);
    let (least, most) =
        ranked.fold((f32::MAX, f32::MIN), |(low, high), own| (low.min(own), high.max(own)));
    let share = |one: &Candidate| match most > least {
        true => ((one.score - least) / (most - least)).clamp(0.0, 1.0),
        false => f32::from(u8::from(one.way == Way::Ranked)),
    };
    into.clear();
    into.extend(candidates.iter().map(|one| LEAST + (1.0 - LEAST) * share(one)));
}
