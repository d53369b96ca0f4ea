//! How long a simulated shop takes: `cargo run --release -p shopwise-simulate --example speed --
//! 20000 180` plays 20,000 customers for 180 days under a random policy and counts.
#![expect(clippy::print_stdout, reason = "an example shows its figures")]

use std::time::{Duration, Instant};

use shopwise_model::Events;
use shopwise_model::decision::{Choice, VisitContext, VisitDecision};
use shopwise_simulate::{Error, Settings, World};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let customers = arguments.next().unwrap_or(20_000);
    let days = arguments.next().unwrap_or(180);
    let settings = Settings { customers, days, ..Settings::default() };
    let begun = Instant::now();
    let mut world = World::new(&settings, str::to_owned)?;
    println!("{customers} customers invented in {:.2} s", begun.elapsed().as_secs_f64());
    let (mut rows, mut visits, mut orders, mut took) = (0, 0, 0, Duration::ZERO);
    for _ in 0..days {
        let begun = Instant::now();
        let contexts = world.begin_day();
        took += begun.elapsed();
        let decisions: Vec<VisitDecision> =
            contexts.iter().map(|visit| decide(&world, visit)).collect();
        // A day's events are thrown away, as a caller would write them to a file.
        let mut events = Events::default();
        let begun = Instant::now();
        let outcomes = world.end_day(&decisions, &mut events)?;
        took += begun.elapsed();
        rows += events.len();
        visits += outcomes.len();
        orders += outcomes.iter().filter(|outcome| outcome.converted).count();
    }
    let seconds = took.as_secs_f64();
    println!("{visits} visits, {orders} with an order, {rows} event lines in {seconds:.2} s");
    println!("{:.2} million lines a second", rows as f64 / 1e6 / seconds);
    Ok(())
}

/// Returns a decision of different things, by a step through the catalogue that hangs on the visit.
fn decide(world: &World, visit: &VisitContext) -> VisitDecision {
    let pick = |slots: usize, count: usize| {
        let first = (visit.visit.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize;
        let choice = |at: usize| ((first + at * 131) % count) as u32;
        (0..slots)
            .map(|at| Choice { index: choice(at), propensity: 1.0 / count as f64 })
            .collect::<Vec<_>>()
    };
    VisitDecision {
        decision: format!("d{}", visit.visit),
        policy: "random",
        list: pick(visit.list_slots, world.products().len()),
        ads: pick(visit.ad_slots, world.campaigns().len()),
    }
}
