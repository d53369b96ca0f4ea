//! The commands, one a file: arguments in, text or JSON out. Nothing here prints or holds a
//! formula.

pub(crate) mod backup;
pub(crate) mod demo;
pub(crate) mod export;
pub(crate) mod identities;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod laboratory;
pub(crate) mod models;
pub(crate) mod open;
pub(crate) mod quarantine;
pub(crate) mod report;
pub(crate) mod restore;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod segments;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod tags;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shopwise_stages::StageReport;

/// Returns the moment now, UTC microseconds.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// Returns the JSON object that `run --json` and `import --json` print.
pub(crate) fn reports_json(reports: &[(StageReport, f64)]) -> Value {
    let mut seconds = BTreeMap::new();
    let mut refused = BTreeMap::<&str, u64>::new();
    let (mut read, mut written) = (0, 0);
    let (mut stages, mut models) = (Vec::new(), Vec::new());
    for (report, took) in reports {
        *seconds.entry(report.stage.to_owned()).or_insert(0.0) += *took;
        read += report.rows_read;
        written += report.rows_written;
        for (reason, count) in &report.refused {
            *refused.entry(reason).or_default() += count;
        }
        models.extend(&report.models);
        stages.push(json!({
            "stage": report.stage,
            "skipped": report.skipped,
            "inputs": report.inputs,
            "metrics": report.metrics,
            "parameters": report.parameters,
        }));
    }
    let total: f64 = seconds.values().sum();
    seconds.insert("total".to_owned(), total);
    json!({
        "seconds": seconds,
        "rows": { "read": read, "written": written, "refused": refused },
        "stages": stages,
        "models": models,
    })
}

/// Returns the reports as lines for people.
pub(crate) fn reports_text(reports: &[(StageReport, f64)]) -> String {
    let mut lines = Vec::new();
    for (report, took) in reports {
        if let Some(why) = &report.skipped {
            lines.push(format!("{:<10} skipped: {why}", report.stage));
            continue;
        }
        lines.push(format!(
            "{:<10} {} rows read, {} written, {took:.2} s",
            report.stage, report.rows_read, report.rows_written
        ));
        for (reason, count) in &report.refused {
            lines.push(format!("           refused {count}: {reason}"));
        }
        for (name, value) in &report.metrics {
            if value.is_number() {
                lines.push(format!("           {} {value}", name.replace('_', " ")));
            }
        }
    }
    lines.join("\n")
}
