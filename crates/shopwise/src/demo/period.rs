//! A world that lives for some days under a policy.

use anyhow::Result;
use shopwise_model::decision::{VisitContext, VisitOutcome};
use shopwise_model::{Events, Frame};
use shopwise_simulate::World;

use super::policy::{Office, Policy};

/// Lets `days` days pass; `each` gets the events of every day.
pub(crate) fn live(
    world: &mut World,
    policy: &mut Policy,
    office: &mut Office,
    days: u32,
    each: &mut dyn FnMut(&Frame) -> Result<()>,
) -> Result<Vec<VisitOutcome>> {
    let mut outcomes = Vec::new();
    for _ in 0..days {
        let visits = world.begin_day();
        policy.look_at(office, &visits)?;
        for (at, visit) in visits.iter().enumerate() {
            let decision = policy.decide(office, at, visit)?;
            let shown: Vec<usize> =
                decision.ads.iter().map(|choice| choice.index as usize).collect();
            let outcome = world.meet(decision)?;
            pay(office, visit, &shown, &outcome);
            outcomes.push(outcome);
        }
        let mut events = Events::default();
        world.close_day(&mut events)?;
        let events = events.into_frame();
        if let Policy::Learned(learned) = policy {
            learned.learn(&events)?;
        }
        each(&events)?;
    }
    Ok(outcomes)
}

/// Takes the money of a visit's clicks from the campaigns and frees the rest of what was set aside.
fn pay(office: &mut Office, visit: &VisitContext, shown: &[usize], outcome: &VisitOutcome) {
    for (place, campaign) in shown.iter().enumerate() {
        if outcome.ads_clicked >> place & 1 == 1 {
            let cost = office.desk.campaigns()[*campaign].bid_per_click;
            office.desk.clicked(visit.visit, *campaign, cost);
        }
    }
    office.desk.close();
}
