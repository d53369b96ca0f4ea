//! How long the network is fitted: until lists of held-out items get no better.

use super::shape::Shape;
use super::train::{Course, Trainer};
use super::{Network, Sequence};
use crate::error::{Error, Result};
use crate::evaluate::ranking;
use crate::interactions::Interactions;
use crate::recommend::{History, ListOptions, Parameters, Training, recommend_all};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use std::time::Instant;

/// Users whose lists are judged after every epoch.
const JUDGED: usize = 2000;
/// Length of the lists that are judged.
const CUT: usize = 10;
/// Steps of an epoch, where the customers of a step are not set, and the bounds of these: with few
/// tokens a step is mostly noise, with very many an epoch teaches little.
const STEPS: usize = 200;
const BATCH_BOUNDS: [usize; 2] = [16, 256];
/// Epochs where nothing can be held out.
const BLIND_EPOCHS: usize = 20;

/// What decides when to stop.
#[derive(Debug, Clone, Copy)]
struct Stop {
    epochs: usize,
    patience: usize,
    seconds: usize,
}

/// Fits a network.
///
/// # Errors
/// [`Error::TooLittle`] when it is not known what was when.
pub(super) fn fit(training: &Training<'_>, parameters: &Parameters) -> Result<Sequence> {
    let all = training.interactions;
    let is_ordered = (0..all.n_users()).all(|user| all.ages(user).is_some());
    if !is_ordered {
        return Err(Error::TooLittle(
            "the model `sequence` learns from the order of events and needs their times".to_owned(),
        ));
    }
    let whole = |name| parameters.whole(name);
    let heads = whole("heads");
    let shape = Shape {
        width: whole("width").next_multiple_of(16 * heads).min(512 / (16 * heads) * 16 * heads),
        heads,
        blocks: whole("blocks"),
        length: whole("length"),
    };
    let course = Course {
        dropout: parameters.real("dropout"),
        negatives: whole("negatives"),
        rate: parameters.real("rate"),
        batch: match whole("batch") {
            0 => all.n_users().div_ceil(STEPS).clamp(BATCH_BOUNDS[0], BATCH_BOUNDS[1]),
            some => some,
        },
        seed: training.seed,
    };
    let stop =
        Stop { epochs: whole("epochs"), patience: whole("patience"), seconds: whole("seconds") };
    let fitter = Fitter { shape, course, stop, begun: Instant::now() };
    let (rest, held) = held_out(training);
    if held.is_empty() {
        return Ok(fitter.blindly(all, BLIND_EPOCHS.min(stop.epochs)));
    }
    let refits = parameters.word("refit") == "yes";
    let best = fitter.tune(&rest, &held, refits)?;
    let mut model = if refits {
        fitter.blindly(all, best.epochs)
    } else {
        let figures = vec![("epochs", best.epochs as f64), ("loss", best.loss)];
        Sequence { network: best.network, counts: rest.item_counts(), figures }
    };
    model.figures.push(("validation", best.value));
    Ok(model)
}

/// Returns what is learned from while tuning, and what is held out: what the caller gave to tune
/// on, or else the youngest item of each user who has three.
fn held_out(training: &Training<'_>) -> (Interactions, Interactions) {
    let all = training.interactions;
    let (held, rest) = match training.validation {
        Some(validation) => all.split(|user, at| {
            let item = all.row(user).0[at];
            validation.row(user).0.binary_search(&item).is_ok()
        }),
        None => {
            let youngest: Vec<Option<u32>> = (0..all.n_users())
                .map(|user| History::of(all, user as u32).ordered())
                .map(|items| items.last().copied().filter(|_| items.len() > 2))
                .collect();
            all.split(|user, at| youngest[user] == Some(all.row(user).0[at]))
        }
    };
    let mut users: Vec<usize> =
        (0..all.n_users()).filter(|user| !held.row(*user).0.is_empty()).collect();
    let mut is_judged = vec![false; all.n_users()];
    users.shuffle(&mut Pcg64Mcg::seed_from_u64(training.seed));
    for user in users.iter().take(JUDGED) {
        is_judged[*user] = true;
    }
    let (judged, _) = held.split(|user, _| is_judged[user]);
    (rest, judged)
}

/// The best network met.
struct Best {
    /// NDCG of the lists of held-out items.
    value: f64,
    loss: f64,
    epochs: usize,
    network: Network,
}

/// All that a fit goes by.
struct Fitter {
    shape: Shape,
    course: Course,
    stop: Stop,
    begun: Instant,
}

impl Fitter {
    /// Fits for so many epochs, as far as the time allows.
    fn blindly(&self, all: &Interactions, epochs: usize) -> Sequence {
        let histories = ordered(all);
        let mut trainer = Trainer::new(self.shape, self.course, all.n_items(), &histories);
        let (mut loss, mut run) = (0.0, 0);
        while run < epochs && !self.is_over(1.0) {
            loss = trainer.epoch();
            run += 1;
        }
        let figures = vec![("epochs", run as f64), ("loss", loss)];
        Sequence { network: trainer.mean, counts: all.item_counts(), figures }
    }

    /// Fits until the lists of held-out items get no better.
    fn tune(&self, rest: &Interactions, held: &Interactions, refits: bool) -> Result<Best> {
        let histories = ordered(rest);
        let mut trainer = Trainer::new(self.shape, self.course, rest.n_items(), &histories);
        let counts = rest.item_counts();
        let users: Vec<u32> = (0..held.n_users() as u32)
            .filter(|user| !held.row(*user as usize).0.is_empty())
            .collect();
        let wrapped = |network| Sequence { network, counts: counts.clone(), figures: Vec::new() };
        let network = trainer.mean.clone();
        let mut best = Best { value: 0.0, loss: 0.0, epochs: 0, network };
        let mut improved = 0;
        // Half of the time is for the second fit.
        let share = if refits { 0.5 } else { 1.0 };
        for epoch in 1..=self.stop.epochs {
            let loss = trainer.epoch();
            let model = wrapped(trainer.mean);
            let lists = recommend_all(&model, rest, &users, &ListOptions::unseen(CUT));
            let (report, _) =
                ranking::evaluate(&lists.ranked(rest.n_users()), held, &counts, &[CUT])?;
            trainer.mean = model.network;
            let value = report.metrics.get("ndcg@10").copied().unwrap_or(0.0);
            // Among equally good ones the later has learned more.
            if value >= best.value {
                if value > best.value {
                    improved = epoch;
                }
                best = Best { value, loss, epochs: epoch, network: trainer.mean.clone() };
            }
            if epoch - improved >= self.stop.patience || self.is_over(share) {
                break;
            }
        }
        Ok(best)
    }

    fn is_over(&self, share: f64) -> bool {
        let limit = share * self.stop.seconds as f64;
        limit > 0.0 && self.begun.elapsed().as_secs_f64() > limit
    }
}

/// Returns the items of each user, oldest first.
fn ordered(all: &Interactions) -> Vec<Vec<u32>> {
    (0..all.n_users() as u32).map(|user| History::of(all, user).ordered()).collect()
}
