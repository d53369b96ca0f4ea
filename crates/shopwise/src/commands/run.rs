//! `shopwise run`: the loop, or some stages of it, under a lease and with a row in the ledger each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::json;
use shopwise_model::tables::EVENTS;
use shopwise_stages::{STAGES, Shop, Stage, StageReport, Work};
use shopwise_store::ledger::{Lease, RunEnd, RunStart};

use super::{now, open, reports_json, reports_text};
use crate::{ShopFolder, holder, printer};

/// The lease of everything that writes derived tables.
const LEASE: &str = "run";
/// A holder that has not renewed for so long is gone.
const LEASE_SECONDS: u64 = 30;
/// How long a waiting run sleeps between two tries.
const WAIT_STEP: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: ShopFolder,
    /// The stages to run; all when left out
    stages: Vec<String>,
    /// Wait for another run to end instead of leaving
    #[arg(long)]
    wait: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let stages = chosen(&arguments.stages)?;
    let shop = open::open(&arguments.folder.shop)?;
    let reports = run_loop(&shop, &stages, arguments.wait)?;
    Ok(if arguments.json {
        serde_json::to_string(&reports_json(&reports))?
    } else {
        reports_text(&reports)
    })
}

/// Runs stages under the lease of the shop. When another run holds it, waits for its end if told
/// to.
pub(crate) fn run_loop(
    shop: &Shop,
    stages: &[&'static Stage],
    wait: bool,
) -> Result<Vec<(StageReport, f64)>> {
    let lease = take(shop, wait)?;
    let done = AtomicBool::new(false);
    let reports = std::thread::scope(|scope| {
        scope.spawn(|| keep(shop, &lease, &done));
        let reports = run_stages(shop, &lease, stages);
        done.store(true, Ordering::Release);
        reports
    });
    shop.ledger.release_lease(&lease)?;
    reports
}

fn chosen(names: &[String]) -> Result<Vec<&'static Stage>> {
    if names.is_empty() {
        return Ok(STAGES.iter().collect());
    }
    names
        .iter()
        .map(|name| match STAGES.iter().find(|stage| stage.name == name) {
            Some(stage) => Ok(stage),
            None => {
                let known: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
                bail!("unknown stage `{name}`, there are: {}", known.join(", "))
            }
        })
        .collect()
}

fn take(shop: &Shop, wait: bool) -> Result<Lease> {
    let ttl = LEASE_SECONDS as i64 * 1_000_000;
    loop {
        match holder::take(shop, LEASE, "run", ttl) {
            Err(shopwise_store::Error::Busy { .. }) if wait => std::thread::sleep(WAIT_STEP),
            taken => return Ok(taken?),
        }
    }
}

/// Renews the lease until the work is done. A renewal that fails is tried again: the lease outlives
/// several of them.
fn keep(shop: &Shop, lease: &Lease, done: &AtomicBool) {
    let mut renewed = Instant::now();
    while !done.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(20));
        if renewed.elapsed() > Duration::from_secs(LEASE_SECONDS / 6) {
            let ttl = LEASE_SECONDS as i64 * 1_000_000;
            if let Err(error) = shop.ledger.renew_lease(lease, now(), ttl) {
                printer::progress(&format!("the lease could not be renewed: {error}"));
            }
            renewed = Instant::now();
        }
    }
}

fn run_stages(
    shop: &Shop,
    lease: &Lease,
    stages: &[&'static Stage],
) -> Result<Vec<(StageReport, f64)>> {
    let mut reports = Vec::new();
    for stage in stages {
        let start = Instant::now();
        let begun = RunStart {
            stage: stage.name,
            lease: Some(lease),
            inputs: json!({ EVENTS.name: shop.lake.version(&EVENTS)? }),
            parameters: serde_json::to_value(&shop.settings)?,
            seed: shop.settings.seed,
        };
        let id = shop.ledger.start_run(&begun, now())?;
        let bar = printer::bar(stage.name);
        let result =
            (stage.run)(&Work { shop, now: now(), progress: &|rows| bar.set_position(rows) });
        bar.finish_and_clear();
        let seconds = start.elapsed().as_secs_f64();
        shop.ledger.finish_run(id, &ended(result.as_ref().ok(), seconds), now())?;
        reports.push((result?, seconds));
    }
    Ok(reports)
}

/// Returns how a stage ended, for its row in the ledger; one without a report failed.
pub(super) fn ended(report: Option<&StageReport>, seconds: f64) -> RunEnd<'static> {
    let status = match report {
        None => "failed",
        Some(report) if report.skipped.is_some() => "skipped",
        Some(_) => "done",
    };
    let metrics = report.map(|report| {
        json!({
            "metrics": report.metrics,
            "parameters": report.parameters,
            "skipped": report.skipped,
        })
    });
    RunEnd {
        status,
        rows_read: report.map_or(0, |report| report.rows_read),
        rows_written: report.map_or(0, |report| report.rows_written),
        refused: report.map_or_else(|| json!({}), |report| json!(report.refused)),
        metrics: metrics.unwrap_or_default(),
        seconds,
    }
}
