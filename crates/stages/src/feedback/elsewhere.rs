//! What would a policy have brought that never acted? Judged from the log of one that did.
//!
//! The policies are simple ones that need nothing but the log: `best-campaign` shows everybody the
//! campaign with the highest click rate, `best-campaign-per-segment` each segment its own. Which
//! campaign that is comes from the older half of the log; the newer half judges, so that a lucky
//! campaign does not praise itself. Only the first advert of a visit counts: its propensity does
//! not depend on another one.

use std::collections::{BTreeMap, BTreeSet};

use shopwise_learn::evaluate::bootstrap::Bootstrap;
use shopwise_learn::evaluate::policy::{Log, evaluate};
use shopwise_model::frame::Frame;
use shopwise_model::time::DAY;

use super::Measured;
use crate::error::Result;

/// Adverts of a log below which it judges nobody.
const ADVERTS_MIN: usize = 2000;

/// Exposures that a campaign's own click rate must outweigh, at the rate of all campaigns.
const PRIOR: f64 = 200.0;

/// Judges the simple policies from the log of each policy that acted with chance.
pub(super) fn judge(adverts: &Frame, bootstrap: &Bootstrap) -> Result<Vec<Measured>> {
    let mut logs: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let policies = adverts.text("policy")?;
    for (row, policy) in policies.codes().iter().enumerate() {
        logs.entry(*policy).or_default().push(row);
    }
    let mut measured = Vec::new();
    for (policy, rows) in logs {
        let name = policies.values().get(policy as usize).map_or("", AsRef::as_ref);
        if rows.len() >= ADVERTS_MIN {
            measured.extend(judge_by(adverts, name, &rows, bootstrap)?);
        }
    }
    Ok(measured)
}

fn judge_by(
    adverts: &Frame,
    log: &str,
    rows: &[usize],
    bootstrap: &Bootstrap,
) -> Result<Vec<Measured>> {
    let segments = adverts.text("segment")?.codes();
    let campaigns = adverts.text("campaign")?.codes();
    let (clicked, propensity) = (adverts.float("clicked")?, adverts.float("propensity")?);
    let customers = adverts.text("customer")?.codes();
    let days: Vec<i64> =
        adverts.time("occurred_at")?.iter().map(|moment| moment.div_euclid(DAY)).collect();
    let (older, newer) = rows.split_at(rows.len() / 2);
    let everybody = |_: usize| 0;
    let own = |row: usize| segments[row];
    let mut measured = Vec::new();
    let policies: [(&str, &dyn Fn(usize) -> u32); 2] =
        [("best-campaign", &everybody), ("best-campaign-per-segment", &own)];
    for (policy, group) in policies {
        let best = best_campaigns(older, group, campaigns, clicked);
        let shown: BTreeSet<(i64, u32)> =
            newer.iter().map(|row| (days[*row], campaigns[*row])).collect();
        let could = |row: &usize| {
            best.get(&group(*row)).is_some_and(|best| shown.contains(&(days[*row], *best)))
        };
        let newer: Vec<usize> = newer.iter().copied().filter(could).collect();
        if newer.len() < ADVERTS_MIN / 2 {
            continue;
        }
        let newer = newer.as_slice();
        let target: Vec<f64> = newer
            .iter()
            .map(|row| f64::from(u8::from(best.get(&group(*row)) == Some(&campaigns[*row]))))
            .collect();
        let value = evaluate(
            &Log {
                reward: &pick(newer, clicked),
                propensity: &pick(newer, propensity),
                target: &target,
                expected: None,
                cluster: Some(
                    &newer.iter().map(|row| u64::from(customers[*row])).collect::<Vec<_>>(),
                ),
            },
            bootstrap,
        )?;
        for (method, estimate) in [("ips", Some(value.ips)), ("snips", value.snips)] {
            let Some(estimate) = estimate else { continue };
            measured.push(Measured {
                policy: format!("{policy} (from the log of {log})"),
                segment: String::new(),
                metric: "ad_click_rate",
                method,
                visits: value.effective_sample_size.round() as usize,
                estimate,
                lift: None,
            });
        }
    }
    Ok(measured)
}

fn pick(rows: &[usize], values: &[f64]) -> Vec<f64> {
    rows.iter().map(|row| values[*row]).collect()
}

/// Returns the campaign with the highest smoothed click rate in each group; of equals the one that
/// was shown first.
fn best_campaigns(
    rows: &[usize],
    group: &dyn Fn(usize) -> u32,
    campaigns: &[u32],
    clicked: &[f64],
) -> BTreeMap<u32, u32> {
    let rate = rows.iter().map(|row| clicked[*row]).sum::<f64>() / rows.len().max(1) as f64;
    let mut counts: BTreeMap<(u32, u32), (f64, f64)> = BTreeMap::new();
    for row in rows {
        let count = counts.entry((group(*row), campaigns[*row])).or_default();
        count.0 += clicked[*row];
        count.1 += 1.0;
    }
    let mut best: BTreeMap<u32, (f64, u32)> = BTreeMap::new();
    for ((group, campaign), (clicks, shown)) in counts {
        let score = (clicks + PRIOR * rate) / (shown + PRIOR);
        let known = best.entry(group).or_insert((score, campaign));
        if score > known.0 {
            *known = (score, campaign);
        }
    }
    best.into_iter().map(|(group, (_, campaign))| (group, campaign)).collect()
}
