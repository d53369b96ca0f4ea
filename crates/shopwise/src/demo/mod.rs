//! The demo: a shop that does not exist, the whole loop over it, and what learning brought.
//!
//! The world lives under the random policy, the loop learns from its log, then three copies of the
//! warmed world go on under common random numbers: one at random, one with what is popular, one
//! with what was learned. The events of the last one join the shop, and the loop runs once more.

mod learned;
mod outcome;
mod period;
mod policy;

use std::time::Instant;

use anyhow::{Context, Result};
use shopwise_model::decision::VisitOutcome;
use shopwise_model::tables::EVENTS;
use shopwise_simulate::World;
use shopwise_stages::advertise::Desk;
use shopwise_stages::recommend::{self, Serving};
use shopwise_stages::{STAGES, Shop, StageReport};

use crate::commands::run::run_loop;
use crate::printer;
use learned::Learned;

pub(crate) use outcome::{Comparison, compare};
pub(crate) use period::live;
pub(crate) use policy::{Office, Policy};

/// What a demo did.
pub(crate) struct Done {
    /// Reports of every stage run and the seconds each took, both loops.
    pub(crate) reports: Vec<(StageReport, f64)>,
    /// Seconds outside of stages, by name.
    pub(crate) seconds: Vec<(&'static str, f64)>,
    /// What each policy brought.
    pub(crate) comparison: Comparison,
    /// Events that were made.
    pub(crate) events: u64,
}

/// How a demo is run.
pub(crate) struct Plan {
    /// Days under the random policy, from which the loop learns.
    pub(crate) days: u32,
    /// Days in which the policies act side by side.
    pub(crate) policy_days: u32,
    pub(crate) seed: u64,
}

/// Lets the world live and learns from it.
pub(crate) fn run(shop: &Shop, world: &mut World, plan: &Plan) -> Result<Done> {
    let mut seconds = Vec::new();
    let now = crate::commands::now();
    shop.ledger.upsert_products(world.products(), now)?;
    shop.ledger.upsert_campaigns(world.campaigns(), now)?;

    printer::progress(&format!("{} days under the random policy", plan.days));
    let start = Instant::now();
    let mut office = Office::open(shop, world, plan.seed)?;
    let mut log = shop.lake.append(&EVENTS)?;
    live(world, &mut Policy::Random, &mut office, plan.days, &mut |events| Ok(log.write(events)?))?;
    let mut events = log.rows() as u64;
    log.commit(None)?;
    seconds.push(("simulate", start.elapsed().as_secs_f64()));

    printer::progress("the loop, first time: learning from what the random policy did");
    let stages: Vec<_> = STAGES.iter().collect();
    let mut reports = run_loop(shop, &stages, false)?;

    printer::progress(&format!(
        "three copies of the world: random, popular, learned, {} days each",
        plan.policy_days
    ));
    let start = Instant::now();
    let mut log = shop.lake.append(&EVENTS)?;
    let mut brought: Vec<(&'static str, Vec<VisitOutcome>)> = Vec::new();
    for policy in [Policy::Random, popular(shop, world)?, learned(shop, world)?] {
        let mut policy = policy;
        let mut office = Office::open(shop, world, plan.seed)?;
        let mut copy = world.clone();
        let is_learned = matches!(policy, Policy::Learned(_));
        let outcomes =
            live(&mut copy, &mut policy, &mut office, plan.policy_days, &mut |events| {
                if is_learned { Ok(log.write(events)?) } else { Ok(()) }
            })?;
        brought.push((policy.name(), outcomes));
    }
    events += log.rows() as u64;
    log.commit(None)?;
    let comparison = compare(&brought, plan.seed)?;
    seconds.push(("policies", start.elapsed().as_secs_f64()));

    printer::progress("the loop, second time: with what the learned policy did");
    reports.extend(run_loop(shop, &stages, false)?);
    Ok(Done { reports, seconds, comparison, events })
}

impl Office {
    fn open(shop: &Shop, world: &World, seed: u64) -> Result<Self> {
        let profiles = shop.lake.query("SELECT customer, segment FROM profiles")?;
        let segments = profiles.text("segment")?;
        let known: rustc_hash::FxHashMap<&str, &str> = profiles
            .text("customer")?
            .iter()
            .zip(segments.iter())
            .filter_map(|(customer, segment)| customer.zip(segment))
            .collect();
        let segment =
            |at: usize| known.get(world.customer(at as u32)).map(|segment| (*segment).to_owned());
        Ok(Self {
            desk: Desk::open(shop)?,
            segments: (0..world.customers()).map(segment).collect(),
            products: world.products().len(),
            seed,
        })
    }
}

/// Returns the policy that shows everybody the same: the published `popular` model, and the
/// campaigns in the order of their click rates.
fn popular(shop: &Shop, world: &World) -> Result<Policy> {
    const CLICK_RATES: &str = "SELECT campaign, \
        avg(CASE WHEN clicked THEN 1.0 ELSE 0.0 END) AS rate \
        FROM exposures WHERE kind = 'ad_shown' GROUP BY campaign ORDER BY rate DESC, campaign";
    let serving = Serving::open(shop, recommend::BASELINE)?.context("nothing is popular yet")?;
    let mut pad = shopwise_learn::recommend::Pad::default();
    let best = serving.recommend(&[], world.products().len(), None, &mut pad);
    let index = |id: &str| world.products().iter().position(|product| product.id == id);
    let products = best
        .iter()
        .filter_map(|scored| index(&serving.products()[scored.item as usize]))
        .map(|index| index as u32)
        .collect();
    let rates = shop.lake.query(CLICK_RATES)?;
    let place = |id: &str| world.campaigns().iter().position(|campaign| campaign.id == id);
    let campaigns = rates.text("campaign")?.iter().flatten().filter_map(place).collect();
    Ok(Policy::Popular { products, campaigns })
}

fn learned(shop: &Shop, world: &World) -> Result<Policy> {
    Ok(Policy::Learned(Box::new(Learned::open(shop, world)?)))
}

#[cfg(test)]
mod tests;
