//! A world that lives for some days under a policy.

use anyhow::Result;
use rustc_hash::FxHashMap;
use shopwise_model::decision::{VisitContext, VisitDecision, VisitOutcome};
use shopwise_model::{EventKind, Events, Frame};
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
        let decisions = policy.decide(office, &visits)?;
        let mut events = Events::default();
        outcomes.extend(world.end_day(&decisions, &mut events)?);
        let events = events.into_frame();
        pay(office, &visits, &decisions, &events)?;
        if let Policy::Learned(learned) = policy {
            learned.learn(&events)?;
        }
        each(&events)?;
    }
    Ok(outcomes)
}

/// Takes the money of the day's clicks from the campaigns and frees the rest of what was set aside.
fn pay(
    office: &mut Office,
    visits: &[VisitContext],
    decisions: &[VisitDecision],
    events: &Frame,
) -> Result<()> {
    let numbers: FxHashMap<&str, u64> = decisions
        .iter()
        .zip(visits)
        .map(|(decision, visit)| (decision.decision.as_str(), visit.visit))
        .collect();
    let kinds = events.text("kind")?;
    let Some(clicked) = kinds.code_of(EventKind::AdClicked.name()) else {
        office.desk.close();
        return Ok(());
    };
    let (campaigns, amounts) = (events.text("campaign")?, events.int("amount")?);
    let decisions = events.text("decision")?;
    for (row, kind) in kinds.codes().iter().enumerate() {
        if *kind != clicked {
            continue;
        }
        let visit = decisions.get(row).and_then(|decision| numbers.get(decision));
        let campaign = campaigns.get(row).and_then(|name| {
            office.desk.campaigns().iter().position(|campaign| campaign.id == name)
        });
        if let (Some(visit), Some(campaign)) = (visit, campaign) {
            office.desk.clicked(*visit, campaign, amounts[row]);
        }
    }
    office.desk.close();
    Ok(())
}
